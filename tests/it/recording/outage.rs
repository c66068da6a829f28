//! A server that is killed and comes up again: there is an archive for every slot all the
//! same, and the empty ones have logs that say why.

use std::time::Duration;

use rustix::process::Signal;

use crate::support::cluster::Cluster;
use crate::support::oracle::Cycle;
use crate::support::scene::Scene;

#[test]
fn every_slot_of_an_outage_has_its_archive() {
    let mut scene = Scene::of(Cluster::sample());
    let target = scene.target_every(2);
    let mut running = scene.run().args(["--interval", "2s"]).start();
    let mut cycles = |count| {
        running.until("the cycles are committed", || target.committed() >= count);
    };
    // Each change comes right after a cycle, so the next begins in the new state.
    cycles(2);
    scene.server.stop();
    cycles(4);
    scene.server.restart();
    cycles(6);
    running.signal(Signal::TERM);
    running.wait(Duration::from_secs(5)).expect_code(0);

    let cycles = target.check();
    assert_eq!(cycles.len(), 6, "an archive for every slot: {cycles:#?}");
    check_slots(&cycles);
    let entries = Cluster::sample().entries();
    for up in cycles[..2].iter().chain(&cycles[4..]) {
        up.holds(&entries);
        assert_eq!(up.lines("ERROR").len(), 0, "{}", up.log);
    }
    for down in &cycles[2..4] {
        assert_eq!(down.entries, []);
        let errors = down.lines("ERROR");
        let [error] = errors[..] else { panic!("one error: {}", down.log) };
        let url = format!("{}/k8s/clusters/sample_cluster/api/v1?timeout=32s", scene.server.url());
        assert!(error.contains(&url), "the error has the URL: {error}");
        assert!(error.contains("refused"), "the error says why: {error}");
    }
}

/// Names have whole seconds, and a cycle begins a moment after its slot: neighbors may be a
/// second nearer or farther, but it must not add up.
fn check_slots(cycles: &[Cycle]) {
    for pair in cycles.windows(2) {
        let apart = pair[1].named - pair[0].named;
        assert!((1..=3).contains(&apart), "{} and {}", pair[0].name, pair[1].name);
    }
    let (first, last) = (cycles[0].named, cycles[cycles.len() - 1].named);
    let slots = i64::try_from(cycles.len() - 1).expect("there are few");
    assert!((last - first - 2 * slots).abs() <= 1, "no drift from {first} to {last}");
}
