//! A long time on bad days: many targets at a short interval, whose servers misbehave at random. Almost no slot is
//! missed, none in silence, and what the program takes of the machine does not grow.
//!
//! `just soak` runs it, with the program as it is released; MINUTEBOOK_SOAK_SECONDS says how long.

use std::collections::HashMap;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::crowd::{Crowd, Health, Lists};
use crate::support::fleet::{self, Fleet, Folders};
use crate::support::oracle::Cycle;
use crate::support::process::{Usage, usage};
use crate::support::{mischief, tell};

const TARGETS: usize = 200;
const INTERVAL: Duration = Duration::from_secs(5);
const SECONDS: u64 = 600;

/// Of so many requests one is answered badly.
const BAD_ONE_OF: u32 = 4;

/// Of so many slots one may be missed.
const MISSED_ONE_OF: u64 = 1_000;

/// By so many percent may what it takes be more at the end than when it had settled; less is no leak.
const GROWTH: u64 = 10;

/// How often the program is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// What became of the slots of all targets.
#[derive(Default)]
struct Slots {
    recorded: u64,
    missed: u64,
    lists: u64,
    lists_of_all: u64,
}

#[test]
#[ignore = "long: .ci/full runs it, and just soak"]
fn hundreds_of_targets_on_bad_days() {
    let time = soak_time();
    let health = Health::Erratic { one_of: BAD_ONE_OF };
    let health: HashMap<_, _> = (0..TARGETS).map(|number| (fleet::cluster(number), health)).collect();
    let fleet = Fleet::new(Crowd::start(Lists::ordinary(), health, 7), fleet::clusters(TARGETS), INTERVAL);

    let mut running = fleet.run().start();
    let (begun, pid, mut samples) = (Instant::now(), running.pid(), Vec::new());
    running.until_within(time + LOOK * 10, LOOK, "the time is over", || {
        samples.push((begun.elapsed(), usage(pid)));
        begun.elapsed() >= time
    });
    running.signal(Signal::TERM);
    let ended = running.wait(Duration::from_secs(30)).expect_code(0);
    assert!(!ended.stderr.contains("a bug in minutebook"), "no bug: {}", ended.stderr);

    let mut slots = Slots::default();
    for target in &fleet.targets {
        slots.count(&fleet, target, time);
    }
    report(&fleet, &slots, time, &samples);
    assert!(slots.missed * MISSED_ONE_OF <= slots.recorded + slots.missed, "{} slots missed", slots.missed);
    let kinds = fleet.server.mischief().len();
    assert_eq!(kinds, mischief::kinds(), "the server misbehaved in every way that it knows");
    for (what, settled, at_the_end) in growth(time, &samples) {
        assert!(
            at_the_end <= settled * GROWTH,
            "{what}: {settled:.0} when it had settled, {at_the_end:.0} at the end"
        );
    }
}

fn soak_time() -> Duration {
    let seconds = std::env::var("MINUTEBOOK_SOAK_SECONDS").map_or(SECONDS, |text| {
        text.parse().unwrap_or_else(|error| panic!("MINUTEBOOK_SOAK_SECONDS `{text}`: {error}"))
    });
    Duration::from_secs(seconds)
}

impl Slots {
    /// Counts those of a target, and checks that what was recorded is true and what was missed is told.
    fn count(&mut self, fleet: &Fleet, target: &Folders, time: Duration) {
        let mut cycles = fleet.target(target).by_one_reader().check();
        cycles.sort_by_key(|cycle| cycle.manifest.sequence);
        let entries = fleet.entries(target);
        for cycle in &cycles {
            for (name, bytes) in cycle.files() {
                assert!(
                    entries.get(&name) == Some(&bytes),
                    "{target:?}: {name} in {} is what the server has",
                    cycle.name
                );
                self.lists += 1;
            }
            self.lists_of_all += entries.len() as u64;
        }
        for pair in cycles.windows(2) {
            self.missed += missed_between(target, &pair[0], &pair[1]);
        }
        let (Some(first), Some(last)) = (cycles.first(), cycles.last()) else {
            panic!("{target:?} was never recorded")
        };
        self.missed += missed_before(target, first);
        // The first slot begins within an interval, and the last cycle was in hand, at most, when the time was over.
        let span = last.manifest.slot - first.manifest.slot + 1 + missed_before(target, first);
        let expected = time.as_secs() / INTERVAL.as_secs();
        assert!(span + 2 >= expected, "{target:?} has {span} slots of {expected}");
        self.recorded += cycles.len() as u64;
    }
}

/// How many slots there are between two cycles, all of which the second one must tell of.
fn missed_between(target: &Folders, before: &Cycle, after: &Cycle) -> u64 {
    let (first, last) = (before.manifest.slot + 1, after.manifest.slot - 1);
    let told = after.manifest.missed.map(|missed| (missed.first, missed.last));
    let expected = (first <= last).then_some((first, last));
    assert_eq!(told, expected, "what {target:?} missed before {}", after.name);
    if expected.is_some() {
        check_told(after);
    }
    after.manifest.slot - first
}

/// How many slots were missed before the first cycle: only it knows.
fn missed_before(target: &Folders, first: &Cycle) -> u64 {
    first.manifest.missed.map_or(0, |missed| {
        assert!(missed.last < first.manifest.slot, "{target:?} missed {missed:?}");
        check_told(first);
        missed.last - missed.first + 1
    })
}

fn check_told(cycle: &Cycle) {
    let told = cycle.lines("ERROR").iter().any(|line| line.contains(" missed "));
    assert!(told, "the log tells of missed slots: {}", cycle.log);
}

/// What it took when it had settled (after two minutes of ten) and at the end, each as the mean of a while (a minute
/// of ten).
fn growth(time: Duration, samples: &[(Duration, Usage)]) -> [(&'static str, u64, u64); 2] {
    let settled = (time / 5).min(Duration::from_secs(120));
    let window = (time / 10).min(Duration::from_secs(60));
    let mean = |from: Duration, take: fn(&Usage) -> u64| {
        let within = samples.iter().filter(|(at, _)| *at >= from && *at < from + window);
        let values: Vec<_> = within.map(|(_, usage)| take(usage)).collect();
        assert!(!values.is_empty(), "it was looked at within {window:?} from {from:?} on");
        values.iter().sum::<u64>() / values.len() as u64
    };
    let both = |what, take| (what, mean(settled, take), mean(time.saturating_sub(window), take));
    [both("KiB of memory", |usage| usage.resident), both("open files", |usage| usage.descriptors as u64)]
}

fn report(fleet: &Fleet, slots: &Slots, time: Duration, samples: &[(Duration, Usage)]) {
    let (_, last) = samples.last().expect("it was looked at");
    let [(_, memory, memory_at_the_end), (_, files, files_at_the_end)] = growth(time, samples);
    let (cpu, percent) = (last.cpu.as_secs_f64(), 100.0 * last.cpu.div_duration_f64(time));
    let Slots { recorded, missed, lists, lists_of_all } = slots;
    tell(&format!(
        "\nsoak: {TARGETS} targets every {} s for {} s, {} requests, of which answered badly: {:?}\n\
         slots: {recorded} recorded, {missed} missed; lists: {lists} of {lists_of_all}\n\
         cpu: {cpu:.1} s ({percent:.1} % of a processor)\n\
         memory: {memory} KiB when it had settled, {memory_at_the_end} KiB at the end, {} KiB at most\n\
         open files: {files} when it had settled, {files_at_the_end} at the end\n",
        INTERVAL.as_secs(),
        time.as_secs(),
        fleet.server.requests(),
        fleet.server.mischief(),
        last.peak,
    ));
}
