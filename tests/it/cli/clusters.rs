//! Which cluster is meant, and which part of it: by flags, variables, kubeconfigs and the file.

use serde_json::Value;

use super::{transcript, words};
use crate::support::binary::Minutebook;
use crate::support::cluster::Cluster;
use crate::support::golden;
use crate::support::scene::Scene;

/// Two clusters, of which one says nothing of a namespace.
const KUBECONFIG: &str = "\
apiVersion: v1
kind: Config
current-context: prod
clusters:
- name: arn:aws:eks:eu-west-1:1:cluster/prod
  cluster: {server: 'https://API.example.org:6443'}
- name: dev
  cluster: {server: 'https://dev.example.org/k8s/clusters/c-1'}
- name: clear
  cluster: {server: 'http://clear.example.org'}
- name: odd
  cluster: {server: 'https://odd_host.example.org'}
contexts:
- name: prod
  context: {cluster: 'arn:aws:eks:eu-west-1:1:cluster/prod', user: me, namespace: shop}
- name: dev
  context: {cluster: dev, user: me}
- name: clear
  context: {cluster: clear, user: me, namespace: shop}
- name: odd
  context: {cluster: odd, user: me, namespace: Shop}
users:
- name: me
  user: {token: hunter2}
";

/// A home without a kubeconfig, and one that no one finds by himself.
fn scene() -> Scene {
    let scene = Scene::of(Cluster::sample());
    scene.write("kubeconfig", KUBECONFIG);
    scene.write("broken", "clusters: [\n");
    scene
}

/// The folders of all targets, as `config show` tells them.
fn folders(program: Minutebook) -> Vec<String> {
    let ended = program.args(["-o", "json"]).run().expect_code(0);
    assert!(!ended.stdout.contains("hunter2"), "a token is not shown");
    let shown: Value = serde_json::from_str(&ended.stdout).expect("json is JSON");
    let targets = shown["targets"].as_array().expect("a list");
    targets.iter().map(|target| target["folder"].as_str().expect("a text").to_owned()).collect()
}

fn at_home(scene: &Scene) {
    std::fs::create_dir(scene.path(".kube")).expect("a folder can be made");
    scene.write(".kube/config", KUBECONFIG);
}

const PROD: &str = "api.example.org_6443/arn%3Aaws%3Aeks%3Aeu-west-1%3A1%3Acluster%2Fprod";

#[test]
fn a_kubeconfig_says_which_cluster() {
    let scene = scene();
    let rows = [
        ("--kubeconfig kubeconfig", vec![format!("{PROD}/shop")]),
        ("--kubeconfig kubeconfig -A", vec![format!("{PROD}/_all")]),
        ("--kubeconfig kubeconfig --cluster-scope", vec![format!("{PROD}/_cluster")]),
        (
            "--kubeconfig kubeconfig --namespace a --namespace b,c",
            ["a", "b", "c"].map(|name| format!("{PROD}/{name}")).to_vec(),
        ),
        ("--kubeconfig kubeconfig --context dev --namespace n", vec!["dev.example.org/dev/n".to_owned()]),
        ("--kubeconfig kubeconfig --host h:1 --cluster c", vec!["h_1/c/shop".to_owned()]),
    ];
    for (line, expected) in rows {
        assert_eq!(folders(words(scene.minutebook(), &format!("config show {line}"))), expected, "{line}");
    }
}

#[test]
fn variables_and_the_home_say_it_too() {
    let scene = scene();
    let show = || words(scene.minutebook(), "config show");
    let by = |name: &str, value: &str| folders(show().env(name, value));
    assert_eq!(by("MINUTEBOOK_KUBECONFIG", "kubeconfig"), [format!("{PROD}/shop")]);
    assert_eq!(by("KUBECONFIG", "kubeconfig"), [format!("{PROD}/shop")]);
    assert_eq!(by("KUBECONFIG", "missing::kubeconfig"), [format!("{PROD}/shop")], "one need not be there");
    at_home(&scene);
    assert_eq!(by("MINUTEBOOK_NAMESPACE", "x,y"), [format!("{PROD}/x"), format!("{PROD}/y")]);
    assert_eq!(by("MINUTEBOOK_ALL_NAMESPACES", "true"), [format!("{PROD}/_all")]);
    assert_eq!(by("MINUTEBOOK_ALL_NAMESPACES", "false"), [format!("{PROD}/shop")]);
    assert_eq!(by("MINUTEBOOK_CLUSTER_SCOPE", "1"), [format!("{PROD}/_cluster")]);
    assert_eq!(by("KUBECONFIG", ""), [format!("{PROD}/shop")]);
    let both = show().env("MINUTEBOOK_CONTEXT", "dev").env("MINUTEBOOK_NAMESPACE", "n");
    assert_eq!(folders(both), ["dev.example.org/dev/n"]);
}

/// What is wrong is said before anything is asked for or written, with the file and the remedy.
#[test]
fn what_does_not_say_it_is_told() {
    let scene = scene();
    let tell = |line: &str| {
        let ended = words(scene.minutebook(), line).run().expect_code(2);
        assert_eq!(ended.stdout, "", "stdout is for data");
        assert!(!ended.stderr.contains("hunter2"), "a token is not shown: {ended:#?}");
        assert!(!scene.audit().exists());
        transcript(&format!("minutebook {line}"), &ended, |text| scene.normal(text))
    };
    let lines = [
        "run",
        "run --layout kubernetes -A",
        "run --context prod",
        "run --server https://h",
        "run --kubeconfig missing",
        "run --kubeconfig .",
        "run --kubeconfig broken",
        "run --kubeconfig kubeconfig --context nowhere",
        "run --kubeconfig kubeconfig --context dev",
        "run --kubeconfig kubeconfig --context clear",
        "run --kubeconfig kubeconfig --context odd",
        "run --kubeconfig kubeconfig --layout kata",
        "run --kubeconfig kubeconfig --namespace a -A",
        "run --kubeconfig kubeconfig -A --cluster-scope",
        "run --kubeconfig kubeconfig --namespace a,b,a",
        "run --kubeconfig kubeconfig --namespace a_b",
        "run --kubeconfig kubeconfig --server https://u:hunter2@h",
        "run --host h --cluster c -A",
        "run --host h --cluster c --cluster-scope",
        "run --layout kata --cluster c --namespace n",
        "run --layout kubernetes --host h",
        "run --layout kubernetes --host h --cluster c --namespace n --server http://h --token-file t",
    ];
    golden::check("clusters.txt", &lines.map(tell).join("\n"));
    assert_eq!(scene.server.targets(), [""; 0], "nothing is asked for");
}

/// In a pod there is a service account; without its files it is none.
#[test]
fn a_service_without_an_account_is_no_pod() {
    let scene = scene();
    let program = scene.minutebook().env("KUBERNETES_SERVICE_HOST", "10.96.0.1");
    let program = program.env("KUBERNETES_SERVICE_PORT", "443").args(["run", "--cluster", "c"]);
    let ended = program.run().expect_code(2);
    assert!(ended.stderr.contains("there is no cluster to record"), "{ended:#?}");
}

#[test]
fn show_tells_what_the_kubeconfig_said() {
    let scene = scene();
    let tell = |line: &str| {
        // Relative to the folder, so that no column is as wide as a temporary folder's name is long.
        let program = words(scene.minutebook(), line).env("KUBECONFIG", "missing:kubeconfig");
        let ended =
            program.env("XDG_STATE_HOME", "/state").env("XDG_CACHE_HOME", "/cache").run().expect_code(0);
        transcript(&format!("minutebook {line}"), &ended, |text| scene.normal(text))
    };
    let lines = [
        "config show --namespace a,b --include-secrets-in-clear",
        "config show --kubeconfig kubeconfig --context dev --cluster-scope --server https://proxy/base",
        "config show --layout kubernetes --host h --server https://h/base --cluster c -A",
    ];
    golden::check("clusters_show.txt", &lines.map(tell).join("\n"));
}

/// Each command looks at the kubeconfig when it is loaded; those that are of no cluster do not.
#[test]
fn what_needs_no_cluster_looks_for_none() {
    let scene = scene();
    for line in ["completion bash", "demo"] {
        let ended = words(scene.minutebook(), line).env("KUBECONFIG", "broken").run().expect_code(0);
        assert!(!ended.stderr.contains("broken"), "{ended:#?}");
    }
    let ended = words(scene.minutebook(), "config check").env("KUBECONFIG", "broken").run().expect_code(2);
    assert!(ended.stderr.contains("broken"), "{ended:#?}");
}

#[test]
fn a_file_s_target_has_a_kubeconfig_of_its_folder() {
    let scene = scene();
    std::fs::create_dir(scene.path("etc")).expect("a folder can be made");
    scene.write("etc/kubeconfig", KUBECONFIG);
    let file = "
defaults: {kubeconfig: kubeconfig, interval: 5s}
targets:
- {namespace: [a, b]}
- {context: dev, all-namespaces: true}
- {context: dev, cluster-scope: true}
";
    scene.write("etc/m.yaml", file);
    let shown = folders(words(scene.minutebook(), "config show --config etc/m.yaml"));
    assert_eq!(
        shown,
        [
            &format!("{PROD}/a"),
            &format!("{PROD}/b"),
            "dev.example.org/dev/_all",
            "dev.example.org/dev/_cluster"
        ]
    );
    let line = "config show --config etc/m.yaml";
    for more in ["--context dev", "--kubeconfig kubeconfig", "-A", "--cluster-scope", "--namespace n"] {
        let ended = words(scene.minutebook(), &format!("{line} {more}")).run().expect_code(2);
        assert!(ended.stderr.contains("is of one target, and `etc/m.yaml` has several"), "{ended:#?}");
    }
}
