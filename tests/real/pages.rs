//! Lists of many pages while the cluster goes on: what existed throughout is there, once, and a list that is not of one
//! instant says so.

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use crate::support::forward::Forward;
use crate::support::http::Request;
use crate::support::oracle::Cycle;
use crate::support::rig::{Cluster, With};
use crate::support::scene::Scene;
use crate::support::stand_in::StandIn;

/// Five pages.
pub(crate) const MANY: usize = 2500;
/// Without it pages come from what the API server remembers, even of history that etcd has forgotten.
const FROM_ETCD: &str = "--feature-gates=ListFromCacheSnapshot=false";

/// A namespace with so many config maps, and who may list them.
pub(crate) fn prepare(cluster: &Cluster, namespace: &str, many: usize) {
    cluster.kubectl(["create", "namespace", namespace]);
    let mut text = String::new();
    for number in 0..many {
        writeln!(
            text,
            "---\napiVersion: v1\nkind: ConfigMap\nmetadata:\n  namespace: {namespace}\n  name: {}",
            name(number)
        )
        .expect("a string takes text");
        writeln!(text, "data: {{number: \"{number}\"}}").expect("a string takes text");
    }
    cluster.create(&text);
    cluster.kubectl(["create", "serviceaccount", "clerk", "--namespace", namespace]);
    let account = format!("--serviceaccount={namespace}:clerk");
    let binding = format!("clerk-of-{namespace}");
    cluster.kubectl(["create", "clusterrolebinding", &binding, "--clusterrole=cluster-admin", &account]);
}

fn name(number: usize) -> String {
    format!("item-{number:04}")
}

/// Writes to a namespace: one more, one changed, one gone; gives the one that is gone.
fn write_to(cluster: &Cluster, namespace: &str, nth: usize) -> usize {
    cluster.kubectl(["create", "configmap", &format!("late-{nth}"), "--namespace", namespace]);
    let changed = name(700 + nth);
    cluster.kubectl(["label", "configmap", &changed, "changed=yes", "--namespace", namespace]);
    let gone = MANY - 10 + nth;
    cluster.kubectl(["delete", "configmap", &name(gone), "--namespace", namespace]);
    gone
}

/// Whether it asks for a later page of config maps.
fn goes_on(request: &Request) -> bool {
    request.path().ends_with("/configmaps") && request.parameter("continue").is_some()
}

/// Asserts that all are there that are not `gone`, each once.
fn throughout(cycle: &Cycle, gone: &BTreeSet<usize>) {
    let names = cycle.names("configmaps");
    let once: BTreeSet<_> = names.iter().cloned().collect();
    assert_eq!(once.len(), names.len(), "none is there twice");
    let missing: Vec<_> = (0..MANY)
        .filter(|number| !gone.contains(number))
        .map(name)
        .filter(|name| !once.contains(name))
        .collect();
    assert!(missing.is_empty(), "existed throughout and are missing: {missing:?}; the log:\n{}", cycle.log);
}

/// Records 2,500 config maps once, and lets the cluster forget its history so often between two pages.
fn record(forgets: usize) -> Option<(Cycle, StandIn)> {
    let cluster = Arc::new(Cluster::own(With { flags: FROM_ETCD, ..With::default() })?);
    prepare(&cluster, "many", MANY);
    let scene = Scene::of(&cluster);
    scene.write("token", &cluster.kubectl(["create", "token", "clerk", "--namespace", "many"]));
    let (forward, happened) = (Forward::to(&cluster), AtomicUsize::new(0));
    let inner = Arc::clone(&cluster);
    let between = StandIn::start(move |request| {
        // One list of config maps at a time goes on, so nobody else asks meanwhile.
        if goes_on(request) && happened.load(Ordering::SeqCst) < forgets {
            write_to(&inner, "many", happened.fetch_add(1, Ordering::SeqCst));
            inner.compact();
        }
        forward.pass(request, &request.target)
    });
    let run = scene.by_token(&between.url()).args(["--once", "--interval", "120s", "--namespace", "many"]);
    scene.finish(run, 0);
    let cycle = scene.only_cycle("many", 120);
    let gone = (0..forgets).map(|nth| MANY - 10 + nth).collect();
    throughout(&cycle, &gone);
    Some((cycle, between))
}

#[test]
fn pitfall_1_history_forgotten_twice_between_pages_gives_a_complete_list_that_says_it_is_not_of_one_instant()
{
    let Some((cycle, between)) = record(2) else { return };
    let outcome = cycle.manifest.outcome("configmaps");
    assert_eq!(outcome["recorded"], true, "{outcome}");
    assert_eq!(outcome["consistent"], false, "{outcome}");
    let warnings = cycle.lines("WARN");
    let told: Vec<_> = warnings.iter().filter(|line| line.contains(" configmaps ")).collect();
    assert!(
        !told.is_empty() && told.iter().any(|line| line.contains("410")),
        "a real 410 was seen: {}",
        cycle.log
    );
    assert!(told.iter().any(|line| line.contains("not of one instant")), "{}", cycle.log);
    let asked: Vec<_> =
        between.requests().into_iter().filter(|request| request.path().ends_with("/configmaps")).collect();
    let begun = asked.iter().filter(|request| !goes_on(request)).count();
    assert_eq!(begun, 2, "it was begun anew once, and not for ever");
    for request in asked {
        assert_eq!(request.parameter("resourceVersion"), None, "reads are consistent: {}", request.target);
        assert_eq!(request.parameter("limit").as_deref(), Some("500"), "{}", request.target);
    }
}

#[test]
fn pitfall_1_history_forgotten_once_gives_a_list_that_is_begun_anew_and_of_one_instant() {
    let Some((cycle, between)) = record(1) else { return };
    let outcome = cycle.manifest.outcome("configmaps");
    assert_eq!((&outcome["recorded"], outcome["pages"].as_u64()), (&true.into(), Some(5)), "{outcome}");
    assert_eq!(outcome.get("consistent"), None, "{outcome}");
    assert!(
        cycle.lines("WARN").iter().any(|line| line.contains("410") && line.contains("begun anew")),
        "{}",
        cycle.log
    );
    // Only the list of now has what was written in between.
    assert!(cycle.names("configmaps").contains(&"late-0".to_owned()));
    let begun = between
        .requests()
        .iter()
        .filter(|request| request.path().ends_with("/configmaps") && !goes_on(request))
        .count();
    assert_eq!(begun, 2);
}

#[test]
fn pitfall_1_pages_are_of_one_state_while_objects_are_written() {
    let Some(cluster) = Cluster::shared() else { return };
    prepare(cluster, "busy", MANY);
    let scene = Scene::of(cluster);
    scene.write("token", &cluster.kubectl(["create", "token", "clerk", "--namespace", "busy"]));
    let (forward, written) = (Forward::to(cluster), AtomicUsize::new(0));
    let between = StandIn::start(move |request| {
        if goes_on(request) {
            write_to(cluster, "busy", written.fetch_add(1, Ordering::SeqCst));
        }
        forward.pass(request, &request.target)
    });
    let run = scene.by_token(&between.url()).args(["--once", "--interval", "120s", "--namespace", "busy"]);
    scene.finish(run, 0);
    let cycle = scene.only_cycle("busy", 120);
    throughout(&cycle, &BTreeSet::new());
    assert_eq!(cycle.names("configmaps").len(), MANY, "nothing that came later, and what went later still");
    let outcome = cycle.manifest.outcome("configmaps");
    assert_eq!((outcome["pages"].as_u64(), outcome.get("consistent")), (Some(5), None), "{outcome}");
}
