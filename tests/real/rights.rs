//! What may not be read is told from what is not there, and `minutebook rbac` prints what is missing and no more.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::support::oracle::Cycle;
use crate::support::rig::Cluster;
use crate::support::scene::{CLUSTER, HOST, Scene};

/// A namespace with three config maps and two accounts, of which the clerk may do one thing and the guest nothing.
fn prepare(cluster: &Cluster, namespace: &str) {
    cluster.create(&format!(
        r#"{{"apiVersion": "v1", "kind": "List", "items": [
            {{"apiVersion": "v1", "kind": "Namespace", "metadata": {{"name": "{namespace}"}}}},
            {{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {{"name": "clerk", "namespace": "{namespace}"}}}},
            {{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {{"name": "guest", "namespace": "{namespace}"}}}},
            {{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {{"name": "one", "namespace": "{namespace}"}}}},
            {{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {{"name": "two", "namespace": "{namespace}"}}}},
            {{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {{"name": "three", "namespace": "{namespace}"}}}}
        ]}}"#
    ));
    cluster.kubectl([
        "create",
        "role",
        "reader",
        "--namespace",
        namespace,
        "--verb=list",
        "--resource=configmaps",
    ]);
    let clerk = format!("--serviceaccount={namespace}:clerk");
    cluster.kubectl(["create", "rolebinding", "reader", "--namespace", namespace, "--role=reader", &clerk]);
}

/// Records a namespace once as one of its accounts.
fn record(cluster: &Cluster, namespace: &str, account: &str, code: i32) -> Cycle {
    let scene = Scene::of(cluster);
    scene.write("token", &cluster.kubectl(["create", "token", account, "--namespace", namespace]));
    let run = scene.by_token(&cluster.url()).args(["--once", "--interval", "60s", "--namespace", namespace]);
    scene.finish(run, code);
    scene.only_cycle(namespace, 60)
}

/// What selected types ended with, by their names.
fn outcomes(cycle: &Cycle) -> Vec<(String, &Value)> {
    let selected = cycle.manifest.resources().filter(|(_, resource)| resource["selected"] == true);
    selected.map(|(name, resource)| (name, &resource["outcome"])).collect()
}

/// What an account may do, a line each.
fn may(cluster: &Cluster, account: &str, scope: &[&str]) -> BTreeSet<String> {
    let who = format!("--as=system:serviceaccount:{account}");
    let groups = account.split(':').next().expect("a text has a first part");
    let groups = format!("--as-group=system:serviceaccounts:{groups}");
    let fixed = ["auth", "can-i", "--list", "--no-headers", &who, &groups];
    let fixed =
        fixed.into_iter().chain(["--as-group=system:serviceaccounts", "--as-group=system:authenticated"]);
    let said = cluster.kubectl(fixed.chain(scope.iter().copied()).collect::<Vec<_>>());
    said.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" ")).collect()
}

#[test]
fn pitfall_7_forbidden_is_told_from_empty_a_line_for_each_type() {
    let Some(cluster) = Cluster::shared() else { return };
    prepare(cluster, "little");
    let cycle = record(cluster, "little", "clerk", 3);
    let names: BTreeSet<_> = cycle.names("configmaps").into_iter().collect();
    assert_eq!(names, ["one", "three", "two"].map(str::to_owned).into());
    assert_eq!(cycle.files().len(), 1, "nothing else is recorded: {}", cycle.log);
    let mut forbidden = 0;
    for (name, outcome) in outcomes(&cycle) {
        let why = outcome["why"].as_str();
        match name.as_str() {
            "configmaps" => assert_eq!(outcome["recorded"], true, "{outcome}"),
            "secrets" => assert_eq!(why, Some("withheld"), "{outcome}"),
            _ => {
                assert_eq!(
                    (why, outcome["status"].as_u64()),
                    (Some("forbidden"), Some(403)),
                    "{name}: {outcome}"
                );
                let subject = format!(" ERROR {name} ");
                let lines: Vec<_> = cycle.log.lines().filter(|line| line.contains(&subject)).collect();
                assert_eq!(lines.len(), 1, "one line for {name}: {}", cycle.log);
                let line = lines[0];
                assert!(
                    line.contains("403") && line.contains("system:serviceaccount:little:clerk"),
                    "{line}"
                );
                forbidden += 1;
            }
        }
    }
    assert!(forbidden > 20, "every other type is forbidden: {forbidden}");
    assert!(!cycle.log.contains("everything that was asked for is forbidden"), "{}", cycle.log);
    assert_eq!(cycle.manifest.existence(), "unknown", "asking is forbidden: {}", cycle.log);
}

#[test]
fn pitfall_7_when_all_is_forbidden_one_line_names_the_remedy() {
    let Some(cluster) = Cluster::shared() else { return };
    prepare(cluster, "nothing");
    let cycle = record(cluster, "nothing", "guest", 3);
    assert!(cycle.entries.is_empty(), "nothing is recorded");
    let lines = cycle.lines("ERROR");
    let remedy: Vec<_> = lines.iter().filter(|line| line.contains("minutebook rbac")).collect();
    assert_eq!(remedy.len(), 1, "{}", cycle.log);
    assert!(remedy[0].contains(" ERROR - everything that was asked for is forbidden"), "{}", remedy[0]);
}

#[test]
fn pitfall_7_what_rbac_prints_heals_it_and_grants_nothing_more() {
    let Some(cluster) = Cluster::shared() else { return };
    for namespace in ["healed", "beside"] {
        prepare(cluster, namespace);
    }
    let scene = Scene::of(cluster);
    scene.write("token", &cluster.kubectl(["create", "token", "clerk", "--namespace", "healed"]));
    cluster.kubectl(["delete", "rolebinding,role", "reader", "--namespace", "healed"]);
    // Anyone may ask what it needs; so may the one who lacks it.
    let authority = cluster.path("ca.crt");
    let rbac =
        scene.minutebook().args(["rbac", "--layout", "kubernetes", "--host", HOST, "--cluster", CLUSTER]);
    let rbac = rbac.args(["--server", &cluster.url(), "--token-file", "token", "--namespace", "healed"]);
    let by_itself = rbac.args(["--ca-file".as_ref(), authority.as_os_str()]).run().expect_code(0).stdout;
    let rbac =
        scene.minutebook().args(["rbac", "--host", HOST, "--cluster", CLUSTER, "--namespace", "healed"]);
    let rbac = rbac.args(["--kubeconfig".as_ref(), cluster.path("admin.kubeconfig").as_os_str()]);
    let rights = rbac.args(["--for", "system:serviceaccount:healed:clerk"]).run().expect_code(0).stdout;
    assert_eq!(by_itself, rights, "who is asking is who is to have them");

    cluster.apply(&rights);
    let cycle = record(cluster, "healed", "clerk", 0);
    assert_eq!(cycle.lines("ERROR"), [""; 0], "nothing is missing");
    assert_eq!(cycle.manifest.existence(), "exists", "{}", cycle.log);
    let recorded: BTreeSet<_> = cycle.objects().into_keys().collect();
    let outcomes: BTreeSet<_> =
        outcomes(&cycle).into_iter().map(|(name, _)| name).filter(|name| name != "secrets").collect();
    assert_eq!(recorded, outcomes, "everything selected is recorded");

    let within: &[&str] = &["--namespace", "healed"];
    let granted: BTreeSet<_> = may(cluster, "healed:clerk", within)
        .difference(&may(cluster, "healed:guest", within))
        .cloned()
        .collect();
    let mut expected: BTreeSet<_> = recorded.iter().map(|name| format!("{name} [] [] [list]")).collect();
    expected.insert("namespaces [] [healed] [get]".to_owned());
    assert_eq!(granted, expected, "what the clerk may do and the guest may not");
    for scope in [&["--namespace", "beside"][..], &["--namespace", "default"]] {
        assert_eq!(may(cluster, "healed:clerk", scope), may(cluster, "healed:guest", scope), "{scope:?}");
    }
}

#[test]
fn rbac_for_wider_scopes_heals_them_too() {
    let Some(cluster) = Cluster::shared() else { return };
    prepare(cluster, "wide");
    let scene = Scene::of(cluster);
    scene.write("token", &cluster.kubectl(["create", "token", "guest", "--namespace", "wide"]));
    for (scope, folder) in [("--all-namespaces", "_all"), ("--cluster-scope", "_cluster")] {
        let rbac = scene.minutebook().args(["rbac", "--host", HOST, "--cluster", CLUSTER, scope]);
        let rbac = rbac.args(["--kubeconfig".as_ref(), cluster.path("admin.kubeconfig").as_os_str()]);
        let rights = rbac.args(["--for", "system:serviceaccount:wide:guest"]).run().expect_code(0).stdout;
        let run = || scene.by_token(&cluster.url()).args(["--once", "--interval", "60s", scope]);
        scene.finish(run(), 3);
        cluster.apply(&rights);
        scene.finish(run(), 0);
        let mut cycles = scene.target(folder, 60).among(others(folder)).check();
        let healed = cycles.pop().expect("there are two cycles");
        assert_eq!(healed.lines("ERROR"), [""; 0]);
        assert!(healed.entries.len() > 15, "{}", healed.log);
        assert!(
            cycles.pop().expect("there are two cycles").entries.is_empty(),
            "before it there was nothing"
        );
    }
    let may = may(cluster, "wide:guest", &["--namespace", "wide"]);
    for line in may.iter().filter(|line| !line.starts_with('[') && !line.starts_with("selfsubject")) {
        assert!(
            line.ends_with(" [] [] [list]") && !line.starts_with("secrets "),
            "lists alone, and none of secrets: {line}"
        );
    }
}

/// The other scopes that are recorded beside one.
fn others(folder: &str) -> Vec<[String; 3]> {
    let all = ["_all", "_cluster"].into_iter().filter(|other| *other != folder);
    all.map(|other| [HOST, CLUSTER, other].map(str::to_owned)).collect()
}

#[test]
fn rbac_names_who_is_asking() {
    let Some(cluster) = Cluster::shared() else { return };
    let scene = Scene::of(cluster);
    let rbac =
        scene.minutebook().args(["rbac", "--host", HOST, "--cluster", CLUSTER, "--namespace", "default"]);
    let rbac = rbac.args(["--kubeconfig".as_ref(), cluster.path("admin.kubeconfig").as_os_str()]);
    let rights = rbac.run().expect_code(0).stdout;
    assert!(rights.contains("  kind: User\n  name: \"admin\"\n"), "{rights}");
}
