//! Many targets in one process, each recorded as if it were alone, whatever the others' servers do.

use std::collections::HashMap;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::crowd::{Crowd, Health, Lists};
use crate::support::fleet::{self, Fleet, Folders};
use crate::support::oracle::Cycle;
use crate::support::process::{Usage, usage};
use crate::support::tell;

/// How many targets, and for how long.
struct Plan {
    targets: usize,
    hung: usize,
    dripping: usize,
    interval: Duration,
    cycles: usize,
}

/// What the recording of them all took.
struct Taken {
    /// At the end.
    usage: Usage,
    /// The most that there were.
    descriptors: usize,
    requests: u64,
}

#[test]
fn a_dozen_targets_of_which_two_are_sick() {
    let interval = Duration::from_secs(2);
    record(&Plan { targets: 12, hung: 1, dripping: 1, interval, cycles: 4 });
}

#[test]
#[ignore = "long: .ci/full runs it"]
fn three_hundred_targets_of_which_three_are_sick() {
    let plan = Plan { targets: 300, hung: 2, dripping: 1, interval: Duration::from_secs(10), cycles: 30 };
    let Taken { usage, descriptors, requests } = record(&plan);
    let span = plan.interval * 30;
    tell(&format!(
        "\n300 targets, 30 cycles at 10 s, {requests} requests: {:.1} s of a processor ({:.1} %), at most {} MiB of memory and {descriptors} open files\n",
        usage.cpu.as_secs_f64(),
        100.0 * usage.cpu.div_duration_f64(span),
        usage.peak.div_ceil(1024)
    ));
}

fn record(plan: &Plan) -> Taken {
    // The sick ones are in the midst of the others.
    let sick = [(plan.hung, Health::Hung), (plan.dripping, Health::Dripping)];
    let sick = sick.into_iter().flat_map(|(count, health)| vec![health; count]);
    let sick: HashMap<_, _> =
        sick.enumerate().map(|(number, health)| (fleet::cluster(1 + 3 * number), health)).collect();
    let server = Crowd::start(Lists::ordinary(), sick.clone(), 0);
    let fleet = Fleet::new(server, fleet::clusters(plan.targets), plan.interval);

    let mut running = fleet.run().start();
    let (pid, mut descriptors, mut taken) = (running.pid(), 0, None);
    let cycles = u32::try_from(plan.cycles).expect("they are few");
    // A phase, the cycles, and time for a machine that does other things too.
    let limit = plan.interval * (cycles + 1) + Duration::from_secs(30);
    running.until_within(limit, plan.interval / 10, "every target has its cycles", || {
        taken = usage(pid);
        descriptors = descriptors.max(taken.map_or(0, |usage| usage.descriptors));
        fleet.committed() >= plan.cycles
    });
    let usage = taken.expect("it was looked at while it ran");
    running.signal(Signal::TERM);
    let ended = running.wait(Duration::from_secs(30)).expect_code(0);
    assert!(!ended.stderr.contains("ERROR"), "nothing to shout about: {}", ended.stderr);

    for target in &fleet.targets {
        let cycles = recorded(&fleet, target);
        assert!(cycles.len() >= plan.cycles, "{target:?} has {} cycles", cycles.len());
        check_slots(target, &cycles, plan.interval);
        // Those in hand when the signal came have what they had.
        for cycle in &cycles[..plan.cycles] {
            if sick.contains_key(&target[1]) {
                assert_eq!(cycle.entries, [], "{target:?} never answers");
                assert!(!cycle.lines("ERROR").is_empty(), "the log says why: {}", cycle.log);
            } else {
                cycle.holds(&fleet.entries(target));
                assert_eq!(cycle.lines("ERROR"), [""; 0], "{target:?}");
            }
        }
    }
    Taken { usage, descriptors, requests: fleet.server.requests() }
}

/// A target's cycles, in the order in which they were committed.
fn recorded(fleet: &Fleet, target: &Folders) -> Vec<Cycle> {
    let mut cycles = fleet.target(target).by_one_reader().check();
    cycles.sort_by_key(|cycle| cycle.manifest.sequence);
    cycles
}

/// One cycle for each slot, an interval apart. Names have whole seconds, and a cycle begins a moment after its
/// slot: neighbors may be a second nearer or farther, but it must not add up.
fn check_slots(target: &Folders, cycles: &[Cycle], interval: Duration) {
    let interval = i64::try_from(interval.as_secs()).expect("it is short");
    let first = &cycles[0];
    for (cycle, number) in cycles.iter().zip(0..) {
        assert_eq!(cycle.manifest.slot, first.manifest.slot + number, "the slots of {target:?}");
        assert!(cycle.manifest.missed.is_none(), "{target:?} missed {:?}", cycle.manifest.missed);
        let expected = first.named + interval * number.cast_signed();
        assert!((cycle.named - expected).abs() <= 1, "{target:?}: {} after {}", cycle.name, first.name);
    }
}
