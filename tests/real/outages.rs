//! A cluster that goes away for a while: every slot has its archive, what is in it is whole, and the log says what is
//! not.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::Signal;

use crate::pages::prepare;
use crate::support::forward::Forward;
use crate::support::oracle::{Cycle, Target};
use crate::support::rig::{Cluster, With};
use crate::support::scene::{Scene, cycles_more};
use crate::support::stand_in::StandIn;

/// Enough for a process that was told to end.
const PATIENCE: Duration = Duration::from_secs(60);
/// Three pages.
const SOME: usize = 1200;

/// Asserts that every slot has a cycle, and that none of them says less than it lacks. Gives all.
fn honest(target: &Target, namespace: &str) -> Vec<Cycle> {
    let cycles = target.check();
    for (slot, cycle) in (0..).zip(&cycles) {
        assert_eq!(cycle.manifest.slot, slot, "no slot was missed: {}", cycle.log);
        if cycle.files().contains_key("configmaps.json") {
            assert_eq!(cycle.names("configmaps").len(), SOME, "what is recorded is whole: {}", cycle.log);
        } else {
            assert!(
                !cycle.lines("ERROR").is_empty(),
                "what is missing from {namespace} is told: {}",
                cycle.log
            );
        }
    }
    cycles
}

fn failed(cycle: &Cycle) -> bool {
    !cycle.lines("ERROR").is_empty()
}

#[test]
fn pitfall_14_etcd_stops_for_three_cycles_and_every_slot_has_its_archive() {
    let Some(cluster) = Cluster::own(With::default()) else { return };
    prepare(&cluster, "some", SOME);
    let scene = Scene::of(&cluster);
    let run = scene.as_admin().args(["--namespace", "some", "--interval", "2s"]);
    let (mut running, target) = (run.start(), scene.target("some", 2));
    cycles_more(&mut running, &target, 2);
    cluster.stop("etcd");
    cycles_more(&mut running, &target, 4);
    cluster.start("etcd");
    let recovered = |cycle: &Cycle| !failed(cycle) && cycle.entries.len() > 15;
    running.until_within(PATIENCE, Duration::from_millis(500), "it has recovered", || {
        target.committed() > 8 && target.check().last().is_some_and(recovered)
    });
    running.signal(Signal::TERM);
    running.wait(PATIENCE).expect_code(0);
    let cycles = honest(&target, "some");
    let (first, last) = (cycles.iter().position(failed), cycles.iter().rposition(failed));
    let (first, last) = (first.expect("some failed"), last.expect("some failed"));
    assert!(
        first >= 1 && last - first >= 2 && last + 1 < cycles.len(),
        "three at the least: {first} to {last} of {}",
        cycles.len()
    );
    for cycle in &cycles[first + 1..last] {
        assert!(failed(cycle), "without etcd there is no cycle that lacks nothing: {}", cycle.log);
    }
}

#[test]
fn pitfall_14_the_api_server_is_killed_mid_list_and_the_list_is_completed_when_it_is_back() {
    let Some(cluster) = Cluster::own(With::default()) else { return };
    let cluster = Arc::new(cluster);
    prepare(&cluster, "some", SOME);
    let scene = Scene::of(&cluster);
    scene.write("token", &cluster.kubectl(["create", "token", "clerk", "--namespace", "some"]));
    let (forward, later_pages) = (Forward::to(&cluster), AtomicUsize::new(0));
    let inner = Arc::clone(&cluster);
    let between = StandIn::start(move |request| {
        let later = request.path().ends_with("/configmaps") && request.parameter("continue").is_some();
        // In the midst of the second page; it is back when this page's connection breaks.
        if later && later_pages.fetch_add(1, Ordering::SeqCst) == 0 {
            inner.kill("kube-apiserver");
            let broken = forward.pass(request, &request.target);
            std::thread::spawn({
                let inner = Arc::clone(&inner);
                move || inner.start("kube-apiserver")
            });
            return broken;
        }
        forward.pass(request, &request.target)
    });
    let run = scene.by_token(&between.url()).args(["--once", "--interval", "60s", "--namespace", "some"]);
    run.start().wait(PATIENCE).expect_code(0);
    let cycle = scene.only_cycle("some", 60);
    assert_eq!(cycle.names("configmaps").len(), SOME);
    assert!(
        cycle.lines("WARN").iter().any(|line| line.contains("made good by another try")),
        "{}",
        cycle.log
    );
    let outcome = cycle.manifest.outcome("configmaps");
    assert_eq!((outcome["pages"].as_u64(), outcome.get("consistent")), (Some(3), None), "{outcome}");
}

#[test]
fn pitfall_9_and_14_the_api_server_is_killed_and_restarted_and_every_slot_has_its_archive() {
    let Some(cluster) = Cluster::own(With::default()) else { return };
    prepare(&cluster, "some", SOME);
    let scene = Scene::of(&cluster);
    let run = scene.as_admin().args(["--namespace", "some", "--interval", "2s"]);
    let (mut running, target) = (run.start(), scene.target("some", 2));
    cycles_more(&mut running, &target, 1);
    for _ in 0..2 {
        cluster.kill("kube-apiserver");
        cycles_more(&mut running, &target, 2);
        cluster.start("kube-apiserver");
        cycles_more(&mut running, &target, 2);
    }
    running.until_within(PATIENCE, Duration::from_millis(500), "it has recovered", || {
        target.check().last().is_some_and(|cycle| !failed(cycle))
    });
    running.signal(Signal::TERM);
    running.wait(PATIENCE).expect_code(0);
    let cycles = honest(&target, "some");
    assert!(cycles.iter().filter(|cycle| failed(cycle)).count() >= 2, "it was away twice");
    assert!(!failed(&cycles[0]) && cycles.last().is_some_and(|last| !failed(last)));
}
