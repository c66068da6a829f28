//! A cluster that goes away for a while: every slot has its archive, what is in it is whole, and the log says what is
//! not.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use rustix::process::Signal;

use crate::pages::prepare;
use crate::support::forward::Forward;
use crate::support::http::{Reply, Request};
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
    let run = scene.as_admin().args(["--namespace", "some", "--interval", "3s"]);
    let (mut running, target) = (run.start(), scene.target("some", 3));
    cycles_more(&mut running, &target, 2);
    cluster.stop("etcd");
    cycles_more(&mut running, &target, 4);
    cluster.start("etcd");
    let recovered = |cycle: Cycle| !failed(&cycle) && cycle.entries.len() > 15;
    running.until_within(PATIENCE, Duration::from_millis(500), "it has recovered", || {
        target.committed() > 8 && target.newest().is_some_and(recovered)
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
    let forward = Forward::to(&cluster);
    let (later_pages, ready) = (AtomicUsize::new(0), Arc::new(AtomicBool::new(true)));
    let inner = Arc::clone(&cluster);
    // Like a load balancer: a server that has just started and does not know yet what it allows gets no requests.
    let between = StandIn::start(move |request| {
        let later = request.path().ends_with("/configmaps") && request.parameter("continue").is_some();
        if later && later_pages.fetch_add(1, Ordering::SeqCst) == 0 {
            ready.store(false, Ordering::SeqCst);
            inner.kill("kube-apiserver");
            let broken = forward.pass(request, &request.target);
            let (inner, ready) = (Arc::clone(&inner), Arc::clone(&ready));
            std::thread::spawn(move || {
                inner.start("kube-apiserver");
                ready.store(true, Ordering::SeqCst);
            });
            return broken;
        }
        if ready.load(Ordering::SeqCst) { forward.pass(request, &request.target) } else { Reply::Close }
    });
    let run = scene.by_token(&between.url()).args(["--once", "--interval", "60s", "--namespace", "some"]);
    scene.finish(run, 0);
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
    let run = scene.as_admin().args(["--namespace", "some", "--interval", "3s"]);
    let (mut running, target) = (run.start(), scene.target("some", 3));
    cycles_more(&mut running, &target, 1);
    for _ in 0..2 {
        cluster.kill("kube-apiserver");
        cycles_more(&mut running, &target, 2);
        cluster.start("kube-apiserver");
        cycles_more(&mut running, &target, 2);
    }
    running.until_within(PATIENCE, Duration::from_millis(500), "it has recovered", || {
        target.newest().is_some_and(|cycle| !failed(&cycle))
    });
    running.signal(Signal::TERM);
    running.wait(PATIENCE).expect_code(0);
    let cycles = honest(&target, "some");
    assert!(cycles.iter().filter(|cycle| failed(cycle)).count() >= 2, "it was away twice");
    assert!(!failed(&cycles[0]) && cycles.last().is_some_and(|last| !failed(last)));
}

/// A share in what the server does that is one request at a time; whoever comes meanwhile is told to come later: 429.
const NARROW: &str = r#"{"apiVersion": "v1", "kind": "List", "items": [
    {"apiVersion": "flowcontrol.apiserver.k8s.io/v1", "kind": "PriorityLevelConfiguration", "metadata": {"name": "narrow"},
     "spec": {"type": "Limited", "limited": {
       "nominalConcurrencyShares": 0, "borrowingLimitPercent": 0, "limitResponse": {"type": "Reject"}}}},
    {"apiVersion": "flowcontrol.apiserver.k8s.io/v1", "kind": "FlowSchema", "metadata": {"name": "narrow"},
     "spec": {"priorityLevelConfiguration": {"name": "narrow"}, "matchingPrecedence": 2, "rules": [{
       "subjects": [{"kind": "ServiceAccount", "serviceAccount": {"namespace": "narrow", "name": "clerk"}}],
       "resourceRules": [{"apiGroups": ["*"], "resources": ["*"], "verbs": ["list"], "namespaces": ["*"]}]}]}}
]}"#;

#[test]
fn pitfall_9_a_server_that_wants_fewer_requests_is_asked_again_later() {
    let Some(cluster) = Cluster::shared() else { return };
    prepare(cluster, "narrow", SOME);
    cluster.create(NARROW);
    let scene = Scene::of(cluster);
    let token = cluster.kubectl(["create", "token", "clerk", "--namespace", "narrow"]);
    scene.write("token", &token);
    let run = scene.by_token(&cluster.url()).args(["--once", "--interval", "60s", "--namespace", "narrow"]);
    let forward = Forward::to(cluster);
    let over = AtomicBool::new(false);
    let ask = || {
        let headers = vec![("authorization".to_owned(), format!("Bearer {}", token.trim()))];
        let target = "/api/v1/namespaces/narrow/configmaps".to_owned();
        let request = Request { method: "GET".to_owned(), target, headers, nth: 0 };
        while !over.load(Ordering::SeqCst) {
            forward.pass(&request, &request.target);
        }
    };
    let ended = std::thread::scope(|scope| {
        // Others of the same share keep it busy until there was a refusal.
        for _ in 0..3 {
            scope.spawn(ask);
        }
        let mut running = run.start();
        let stderr = running.stderr();
        let refused = std::panic::AssertUnwindSafe(|| {
            running.until("it was refused", || stderr.text().contains(" 429 "));
        });
        let waited = std::panic::catch_unwind(refused);
        over.store(true, Ordering::SeqCst);
        waited.expect("it was refused");
        cluster.kubectl(["delete", "flowschema", "narrow"]);
        running.wait(PATIENCE)
    });
    ended.expect_code(0);
    let cycle = scene.only_cycle("narrow", 60);
    assert_eq!(cycle.names("configmaps").len(), SOME);
    let told = cycle
        .lines("WARN")
        .into_iter()
        .filter(|line| line.contains(" 429 ") && line.contains("made good"))
        .count();
    assert!(told >= 1, "{}", cycle.log);
}
