//! How a cluster is found and reached: kubeconfigs as people have them, proxies in between, and HTTP/2.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::binary::Minutebook;
use crate::support::forward::Forward;
use crate::support::oracle::{Cycle, Target};
use crate::support::relay::Relay;
use crate::support::rig::Cluster;
use crate::support::scene::{CLUSTER, HOST, Scene};
use crate::support::stand_in::StandIn;

/// The name in a relay's certificate.
const NAME: &str = "api.real.example";
/// Where a proxy has a cluster.
const BASE: &str = "/k8s/clusters/c-m-abc";

/// The one who may do everything, by files.
fn admin(cluster: &Cluster) -> Value {
    json!({ "client-certificate": cluster.path("admin.crt"), "client-key": cluster.path("admin.key") })
}

/// What a kubeconfig says inline.
fn inline(cluster: &Cluster, name: &str) -> String {
    let config = cluster.read("admin.kubeconfig");
    let line = config.lines().find_map(|line| line.trim().strip_prefix(&format!("{name}-data: ")));
    line.unwrap_or_else(|| panic!("the rig's kubeconfig has {name}-data")).to_owned()
}

/// One cycle of a filled cluster, where one group is down.
fn once(scene: &Scene<'_>, run: Minutebook) {
    scene.finish(run.args(["--once", "--interval", "60s"]), 3);
}

/// Asserts that everything was recorded, but for the group that is down.
fn complete(cycle: &Cycle) {
    assert_eq!(cycle.lines("ERROR").len(), 1, "{}", cycle.log);
    assert!(cycle.entries.len() >= 30, "{}", cycle.log);
    assert!(cycle.names("configmaps").contains(&"prices".to_owned()));
}

/// A target in the folder that a kubeconfig's server and cluster give.
fn derived(scene: &Scene<'_>, cluster: &str, namespace: &str) -> Target {
    let url = scene.cluster.url();
    let host = url["https://".len()..].replace(':', "_");
    Target::new(&scene.audit(), [&host, cluster, namespace], Duration::from_secs(60))
}

#[test]
fn a_kubeconfig_alone_names_host_cluster_and_namespace() {
    let Some(cluster) = Cluster::filled() else { return };
    let scene = Scene::of(cluster);
    // Where everybody has it, with its certificates inline.
    fs::create_dir(scene.path(".kube")).expect("a folder can be made");
    symlink(cluster.path("admin.kubeconfig"), scene.path(".kube/config")).expect("a link can be made");
    once(&scene, scene.run());
    let cycles = derived(&scene, "real", "shop").check();
    complete(&cycles[0]);
}

#[test]
fn several_files_are_one_kubeconfig_and_a_context_is_chosen_by_name() {
    let Some(cluster) = Cluster::filled() else { return };
    let scene = Scene::of(cluster);
    // Files are named from the folder of the kubeconfig that names them.
    for name in ["admin.crt", "admin.key", "ca.crt"] {
        fs::copy(cluster.path(name), scene.path(name)).expect("a file can be copied");
    }
    let users = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "elsewhere",
        "users": [{ "name": "me", "user": { "client-certificate": "admin.crt", "client-key": "admin.key" } }],
        "contexts": [{ "name": "elsewhere", "context": { "cluster": "elsewhere", "user": "me" } }],
        "clusters": [{ "name": "elsewhere", "cluster": { "server": "https://127.0.0.1:1" } }],
    });
    let clusters = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "nobody's, because the first file wins",
        "clusters": [{ "name": "odd name", "cluster": { "server": cluster.url(), "certificate-authority": "ca.crt" } }],
        "contexts": [{ "name": "here", "context": { "cluster": "odd name", "user": "me", "namespace": "shop" } }],
        "users": [{ "name": "me", "user": { "token": "the first file wins here, too" } }],
    });
    let first = scene.write("users.yaml", &users.to_string());
    let second = scene.write("clusters.yaml", &clusters.to_string());
    let files =
        std::env::join_paths([first, scene.path("not-there.yaml"), second]).expect("paths have no colons");
    once(&scene, scene.run().env("KUBECONFIG", files).args(["--context", "here"]));
    let cycles = derived(&scene, "odd%20name", "shop").check();
    complete(&cycles[0]);
}

#[test]
fn certificates_inline_and_in_files_and_a_context_of_any_namespace() {
    let Some(cluster) = Cluster::filled() else { return };
    let scene = Scene::of(cluster);
    let user = json!({
        "client-certificate-data": inline(cluster, "client-certificate"),
        "client-key": cluster.path("admin.key"),
    });
    let server = json!({ "server": cluster.url(), "certificate-authority-data": inline(cluster, "certificate-authority") });
    let kubeconfig = scene.kubeconfig_of("mixed.kubeconfig", &server, &user);
    once(&scene, scene.by(&kubeconfig));
    complete(&scene.only_cycle("shop", 60));
}

#[test]
fn a_certificate_that_nobody_vouches_for_is_refused_unless_it_is_not_looked_at_which_is_told() {
    let Some(cluster) = Cluster::filled() else { return };
    let scene = Scene::of(cluster);
    let refused =
        scene.kubeconfig_of("strict.kubeconfig", &json!({ "server": cluster.url() }), &admin(cluster));
    scene.finish(scene.by(&refused).args(["--once", "--interval", "10s"]), 3);
    let cycle = scene.only_cycle("shop", 60);
    assert!(cycle.entries.is_empty());
    assert!(cycle.lines("ERROR").iter().any(|line| line.contains("certificate")), "{}", cycle.log);

    let scene = Scene::of(cluster);
    let server = json!({ "server": cluster.url(), "insecure-skip-tls-verify": true });
    once(&scene, scene.by(&scene.kubeconfig_of("loose.kubeconfig", &server, &admin(cluster))));
    let cycle = scene.only_cycle("shop", 60);
    complete(&cycle);
    let warnings = cycle.lines("WARN");
    assert_eq!(
        warnings.iter().filter(|line| line.contains("insecure-skip-tls-verify")).count(),
        1,
        "{}",
        cycle.log
    );
}

/// A token of one who may list everything; a relay cannot pass a client certificate on.
fn token(cluster: &Cluster) -> String {
    // It is there already, so nothing is written for it.
    cluster
        .kubectl(["create", "token", "namespace-controller", "--namespace", "kube-system"])
        .trim()
        .to_owned()
}

#[test]
fn http_2_is_agreed_on_and_one_connection_is_enough() {
    let Some(cluster) = Cluster::filled() else { return };
    let scene = Scene::of(cluster);
    let relay = Relay::start(cluster, "127.0.0.1");
    let kubeconfig = scene.kubeconfig("relay.kubeconfig", &relay.url(), &json!({ "token": token(cluster) }));
    once(&scene, scene.by(&kubeconfig));
    assert!(scene.only_cycle("shop", 60).entries.len() >= 25);
    let agreed = relay.agreed();
    assert!(!agreed.is_empty() && agreed.iter().all(|agreed| agreed.protocol == "h2"), "{agreed:?}");
    assert!(agreed.len() <= 4, "lists share connections: {agreed:?}");
}

#[test]
fn the_name_in_a_certificate_is_another_than_that_of_the_server() {
    let Some(cluster) = Cluster::filled() else { return };
    let relay = Relay::start(cluster, NAME);
    let user = json!({ "token": token(cluster) });
    let scene = Scene::of(cluster);
    let kubeconfig = scene.kubeconfig("wrong.kubeconfig", &relay.url(), &user);
    scene.finish(scene.by(&kubeconfig).args(["--once", "--interval", "10s"]), 3);
    let cycle = scene.only_cycle("shop", 60);
    assert!(cycle.entries.is_empty(), "the certificate is for another name: {}", cycle.log);
    assert_eq!(relay.agreed(), [], "nothing was said to it");

    let scene = Scene::of(cluster);
    let server = json!({
        "server": relay.url(), "certificate-authority": cluster.path("ca.crt"), "tls-server-name": NAME,
    });
    once(&scene, scene.by(&scene.kubeconfig_of("right.kubeconfig", &server, &user)));
    assert!(scene.only_cycle("shop", 60).entries.len() >= 25);
    let agreed = relay.agreed();
    assert!(
        !agreed.is_empty() && agreed.iter().all(|agreed| agreed.name.as_deref() == Some(NAME)),
        "{agreed:?}"
    );
}

#[test]
fn a_base_path_is_kept_and_each_request_says_who_asks() {
    let Some(cluster) = Cluster::filled() else { return };
    let scene = Scene::of(cluster);
    let forward = Forward::to(cluster);
    let between = StandIn::start(move |request| match request.target.strip_prefix(BASE) {
        Some(target) => forward.pass(request, target),
        None => crate::support::http::Reply::refusal(404, "NotFound", "not below the base path"),
    });
    let server = json!({ "server": format!("{}{BASE}", between.url()) });
    once(
        &scene,
        scene.by(&scene.kubeconfig_of("base.kubeconfig", &server, &json!({ "token": token(cluster) }))),
    );
    let cycle = scene.only_cycle("shop", 60);
    assert!(cycle.entries.len() >= 25, "{}", cycle.log);
    assert!(cycle.names("configmaps").contains(&"prices".to_owned()));
    let requests = between.requests();
    let program = concat!("minutebook/", env!("CARGO_PKG_VERSION"));
    for request in &requests {
        assert!(request.target.starts_with(BASE), "{}", request.target);
        assert_eq!(request.header("accept-encoding"), Some("gzip"), "{}", request.target);
        assert!(request.header("user-agent").is_some_and(|agent| agent.starts_with(program)), "{request:?}");
        assert!(!request.target.contains("resourceVersion"), "reads are consistent: {}", request.target);
        assert!(!request.target.contains("secrets"), "what is withheld is not asked for: {}", request.target);
    }
}

#[test]
fn host_and_token_file_alone_are_enough() {
    let Some(cluster) = Cluster::filled() else { return };
    let scene = Scene::of(cluster);
    scene.write("token", &token(cluster));
    once(&scene, scene.by_token(&cluster.url()).args(["--namespace", "shop"]));
    let cycle = scene.only_cycle("shop", 60);
    assert!(cycle.entries.len() >= 25, "{}", cycle.log);
}

#[test]
fn what_a_dry_run_names_is_what_kubectl_would_list() {
    let Some(cluster) = Cluster::filled() else { return };
    let scene = Scene::of(cluster);
    let run = scene.minutebook().args([
        "run",
        "--dry-run",
        "--output",
        "name",
        "--host",
        HOST,
        "--cluster",
        CLUSTER,
    ]);
    let run = run.args([Path::new("--kubeconfig"), &cluster.path("admin.kubeconfig")]);
    let said = run.run().expect_code(0).stdout;
    let mut ours: Vec<_> = said.lines().map(str::to_owned).collect();
    let mut kubectls: Vec<_> = cluster.types(true).into_iter().map(|of| of.name).collect();
    kubectls.retain(|name| name != "events.events.k8s.io");
    ours.sort();
    kubectls.sort();
    assert_eq!(ours, kubectls);
}
