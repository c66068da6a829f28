//! What is kept out of an archive, what is stale, and what is not there at all: each is a fact of its own.

use crate::support::oracle::Cycle;
use crate::support::rig::Cluster;
use crate::support::scene::Scene;

/// The group whose server does not exist.
const DOWN: &str = "down.example.org";

/// Records the shop once, with these arguments.
fn record(cluster: &Cluster, arguments: &[&str]) -> Cycle {
    let scene = Scene::of(cluster);
    let run = scene.as_admin().args(["--namespace", "shop", "--once", "--interval", "60s"]).args(arguments);
    scene.finish(run, 3);
    scene.only_cycle("shop", 60)
}

#[test]
fn pitfall_2_an_aggregated_api_that_is_down_is_an_error_and_the_rest_is_recorded() {
    let Some(cluster) = Cluster::filled() else { return };
    let cycle = record(cluster, &[]);
    let errors = cycle.lines("ERROR");
    assert_eq!(errors.len(), 1, "nothing else failed: {}", cycle.log);
    assert!(errors[0].contains(DOWN), "it names the group: {}", errors[0]);
    assert!(cycle.entries.len() >= 30, "the rest is recorded: {}", cycle.log);
    let stale = &cycle.manifest.value["stale"];
    assert_eq!(stale.as_array().map(Vec::len), Some(1), "one version of one group: {stale}");
    assert_eq!((&stale[0]["group"], &stale[0]["version"]), (&DOWN.into(), &"v1alpha1".into()), "{stale}");
}

#[test]
fn pitfall_7_a_namespace_that_does_not_exist_is_an_error_and_not_an_empty_success() {
    let Some(cluster) = Cluster::filled() else { return };
    let scene = Scene::of(cluster);
    let run = scene.as_admin().args(["--namespace", "nowhere", "--once", "--interval", "60s"]);
    scene.finish(run, 3);
    let cycle = scene.only_cycle("nowhere", 60);
    assert!(cycle.entries.is_empty(), "nothing of it is recorded: {}", cycle.log);
    assert_eq!(cycle.manifest.existence(), "absent", "{}", cycle.log);
    let told = cycle
        .lines("ERROR")
        .into_iter()
        .filter(|line| line.contains("nowhere") && line.contains("exist"))
        .count();
    assert_eq!(told, 1, "{}", cycle.log);
}

#[test]
fn pitfall_7_a_namespace_with_nothing_in_it_is_recorded_as_that() {
    let Some(cluster) = Cluster::filled() else { return };
    let scene = Scene::of(cluster);
    let run = scene.as_admin().args(["--namespace", "empty", "--once", "--interval", "60s"]);
    scene.finish(run, 3);
    let cycle = scene.only_cycle("empty", 60);
    assert_eq!(cycle.manifest.existence(), "exists", "{}", cycle.log);
    assert_eq!(cycle.names("deployments.apps"), [""; 0], "a list of nothing is a list");
    assert!(cycle.entries.len() >= 30, "{}", cycle.log);
}

#[test]
fn pitfall_6_secrets_are_withheld_unless_they_are_asked_for() {
    let Some(cluster) = Cluster::filled() else { return };
    let cycle = record(cluster, &[]);
    assert!(!cycle.files().contains_key("secrets.json"));
    let secrets = cycle.manifest.resource("secrets");
    assert_eq!(
        (&secrets["selected"], &secrets["outcome"]["why"]),
        (&true.into(), &"withheld".into()),
        "{secrets}"
    );
    let warnings = cycle.lines("WARN");
    let told: Vec<_> = warnings.iter().filter(|line| line.contains(" secrets ")).collect();
    assert_eq!(told.len(), 1, "{}", cycle.log);
    assert!(told[0].contains("--include-secrets-in-clear"), "{}", told[0]);

    let cycle = record(cluster, &["--include-secrets-in-clear"]);
    let names = cycle.names("secrets");
    assert!(
        ["basic-auth", "opaque", "registry", "tls"].iter().all(|name| names.contains(&(*name).to_owned())),
        "{names:?}"
    );
    assert!(cycle.lines("WARN").iter().all(|line| !line.contains("withheld")), "{}", cycle.log);
}

#[test]
fn pitfall_3_events_are_recorded_once() {
    let Some(cluster) = Cluster::filled() else { return };
    let cycle = record(cluster, &[]);
    let (core, other) = (cycle.manifest.resource("events"), cycle.manifest.resource("events.events.k8s.io"));
    assert_eq!((&core["selected"], &core["outcome"]["recorded"]), (&true.into(), &true.into()), "{core}");
    assert_eq!(other["selected"], false, "{other}");
    let reason = other["reason"].as_str().unwrap_or_default();
    assert!(reason.contains("events"), "the reason names the others: {reason}");
    let names = cycle.names("events");
    assert!(
        ["opened", "closed"].iter().all(|name| names.contains(&(*name).to_owned())),
        "of whichever group they were made in: {names:?}"
    );
}

#[test]
fn pitfall_5_what_cannot_be_listed_here_is_told_and_not_asked_for() {
    let Some(cluster) = Cluster::filled() else { return };
    let cycle = record(cluster, &["--filter-settings", r#"{"include": ["nodes", "bindings"]}"#]);
    for name in ["nodes", "bindings"] {
        let resource = cycle.manifest.resource(name);
        assert_eq!(resource["outcome"]["why"], "not listable", "{resource}");
        let subject = format!(" ERROR {name} ");
        assert_eq!(cycle.log.lines().filter(|line| line.contains(&subject)).count(), 1, "{}", cycle.log);
    }
    let shown: Vec<_> = cycle.manifest.resources().map(|(name, _)| name).collect();
    assert!(
        shown.iter().all(|name| !name.contains('/')),
        "subresources are not shown to the filter: {shown:?}"
    );
}

#[test]
fn pitfall_15_noise_can_be_left_out() {
    let Some(cluster) = Cluster::filled() else { return };
    let noise = ["events", "leases.coordination.k8s.io"];
    let cycle =
        record(cluster, &["--filter-settings", r#"{"exclude": ["events", "leases.coordination.k8s.io"]}"#]);
    for name in noise {
        assert_eq!(cycle.manifest.resource(name)["selected"], false);
        assert!(!cycle.files().contains_key(&format!("{name}.json")));
    }
    assert!(cycle.lines("INFO").iter().all(|line| !line.contains("without a `uid`")), "{}", cycle.log);
}
