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

/// How long the long one takes.
const SECONDS: u64 = 600;

/// Of so many requests one is answered badly.
const BAD_ONE_OF: u32 = 4;

/// Of so many slots one may be missed.
const MISSED_ONE_OF: u64 = 1_000;

/// By so many percent may what it takes be more at the end than when it had settled; less is no leak.
const GROWTH: u64 = 10;

/// How often the program is looked at.
const LOOK: Duration = Duration::from_secs(1);

/// How many targets, how often, and for how long.
struct Plan {
    targets: usize,
    interval: Duration,
    time: Duration,
}

/// What came of it.
struct Soaked {
    fleet: Fleet,
    slots: Slots,
    samples: Vec<(Duration, Usage)>,
}

/// What became of the slots of all targets.
#[derive(Default)]
struct Slots {
    recorded: u64,
    missed: u64,
    lists: u64,
    lists_of_all: u64,
}

#[test]
fn a_few_targets_on_bad_days() {
    let plan = Plan { targets: 8, interval: Duration::from_secs(2), time: Duration::from_secs(12) };
    let Soaked { fleet, slots, .. } = plan.soak();
    assert!(slots.lists > 0, "some answers were good");
    assert!(fleet.server.mischief().len() > 1, "some were bad");
}

#[test]
#[ignore = "long: .ci/full runs it, and just soak"]
fn hundreds_of_targets_on_bad_days() {
    let plan = Plan { targets: 200, interval: Duration::from_secs(5), time: soak_time() };
    let soaked = plan.soak();
    plan.report(&soaked);
    let Soaked { fleet, slots, samples } = soaked;
    assert!(slots.missed * MISSED_ONE_OF <= slots.recorded + slots.missed, "{} slots missed", slots.missed);
    let kinds = fleet.server.mischief().len();
    assert_eq!(kinds, mischief::kinds(), "the server misbehaved in every way that it knows");
    for (what, settled, at_the_end) in growth(plan.time, &samples) {
        let more = at_the_end * 100 > settled * (100 + GROWTH);
        assert!(!more, "{what}: {settled} when it had settled, {at_the_end} at the end");
    }
}

fn soak_time() -> Duration {
    let seconds = std::env::var("MINUTEBOOK_SOAK_SECONDS").map_or(SECONDS, |text| {
        text.parse().unwrap_or_else(|error| panic!("MINUTEBOOK_SOAK_SECONDS `{text}`: {error}"))
    });
    Duration::from_secs(seconds)
}

impl Plan {
    /// Records for the time, and checks that what was recorded is true and what was missed is told.
    fn soak(&self) -> Soaked {
        let health = Health::Erratic { one_of: BAD_ONE_OF };
        let health: HashMap<_, _> =
            (0..self.targets).map(|number| (fleet::cluster(number), health)).collect();
        let server = Crowd::start(Lists::ordinary(), health, 7);
        let fleet = Fleet::new(server, fleet::clusters(self.targets), self.interval);
        let mut running = fleet.run().start();
        let (begun, pid, mut samples) = (Instant::now(), running.pid(), Vec::new());
        running.until_within(self.time + LOOK * 10, LOOK, "the time is over", || {
            samples.extend(usage(pid).map(|usage| (begun.elapsed(), usage)));
            begun.elapsed() >= self.time
        });
        running.signal(Signal::TERM);
        let ended = running.wait(Duration::from_secs(30)).expect_code(0);
        assert!(!ended.stderr.contains("a bug in minutebook"), "no bug: {}", ended.stderr);
        let mut slots = Slots::default();
        for target in &fleet.targets {
            slots.count(&fleet, target, self.expected());
        }
        Soaked { fleet, slots, samples }
    }

    /// How many slots the time has.
    fn expected(&self) -> u64 {
        self.time.as_secs() / self.interval.as_secs()
    }

    fn report(&self, soaked: &Soaked) {
        let Soaked { fleet, slots, samples } = soaked;
        let (_, last) = samples.last().expect("it was looked at");
        let Plan { targets, interval, time } = self;
        let [(_, memory, memory_at_the_end), (_, files, files_at_the_end)] = growth(*time, samples);
        let (cpu, percent) = (last.cpu.as_secs_f64(), 100.0 * last.cpu.div_duration_f64(*time));
        let Slots { recorded, missed, lists, lists_of_all } = slots;
        tell(&format!(
            "\nsoak: {targets} targets every {interval:?} for {time:?}, {} requests, of which answered badly: {:?}\n\
             slots: {recorded} recorded, {missed} missed; lists: {lists} of {lists_of_all}\n\
             cpu: {cpu:.1} s ({percent:.1} % of a processor)\n\
             memory: {memory} KiB when it had settled, {memory_at_the_end} KiB at the end, {} KiB at most\n\
             open files: {files} when it had settled, {files_at_the_end} at the end\n",
            fleet.server.requests(),
            fleet.server.mischief(),
            last.peak,
        ));
    }
}

impl Slots {
    /// Counts those of a target, and checks that what was recorded is true and what was missed is told.
    fn count(&mut self, fleet: &Fleet, target: &Folders, expected: u64) {
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
        assert!(span + 2 >= expected, "{target:?} has {span} slots of {expected}");
        self.recorded += cycles.len() as u64;
    }
}

/// How many slots there are between two cycles, all of which the second one must tell of.
fn missed_between(target: &Folders, before: &Cycle, after: &Cycle) -> u64 {
    let later = after.manifest.slot > before.manifest.slot;
    assert!(later, "{target:?}: the slot of {} comes after that of {}", after.name, before.name);
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
