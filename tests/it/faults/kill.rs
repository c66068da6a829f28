//! Killed two hundred times, wherever it is, and started again at once: by `SIGKILL` nothing is cut in
//! half, nothing is left that stands in the way, and what was left without a manifest is told of by the next one.

use std::collections::{BTreeMap, HashMap};
use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use super::left::{self, Cycle, Left};
use super::objects;
use crate::support::binary::Running;
use crate::support::crowd::{Crowd, Lists};
use crate::support::fleet::Fleet;

const TIMES: usize = 200;

/// The targets: two namespaces of one cluster, and another host's.
const TARGETS: [[&str; 3]; 3] = [
    ["one.example", "cluster", "here"],
    ["one.example", "cluster", "there"],
    ["other.example", "cluster", "here"],
];

/// Long enough that no cycle is cut off, though the machine may have other things to do.
const INTERVAL: Duration = Duration::from_secs(3);

/// How many requests a cycle of one target makes: discovery and four lists.
const REQUESTS: u64 = 5;

/// The program is up, and has looked at what was left, within about this.
const START: Duration = Duration::from_millis(200);
/// Files are made, when the last request was answered, within about this.
const COMMIT: Duration = Duration::from_millis(60);
/// How often it is looked.
const LOOK: Duration = Duration::from_millis(2);
/// Longer than a start and an interval.
const LIMIT: Duration = Duration::from_secs(20);

#[test]
#[ignore = "long: .ci/full runs it"]
fn killed_at_random_moments() {
    let mut random = fastrand::Rng::with_seed(4);
    let fleet = fleet();
    for _ in 0..TIMES {
        let before = fleet.server.requests();
        let mut running = fleet.run().start();
        wait_for_a_moment(&mut random, &fleet, before, &mut running);
        running.signal(Signal::KILL);
        let ended = running.wait(Duration::from_secs(5));
        assert_eq!(ended.signal(), Some(Signal::KILL.as_raw()), "{ended:#?}");
    }
    // Once more, this time in peace: until each has one more cycle than before, and the one it began with.
    let before = TARGETS.map(|target| committed(&fleet, target));
    let mut running = fleet.run().start();
    running.until("each target is recorded again", || {
        TARGETS.iter().zip(before).all(|(target, before)| committed(&fleet, *target) > before)
    });
    running.signal(Signal::TERM);
    running.wait(Duration::from_secs(10)).expect_code(0);

    for target in TARGETS {
        let left = left::check_target(&fleet.audit(), target, &TARGETS);
        check(&left, &fleet.server.entries(target[1], target[2]));
    }
}

/// Three targets, each with a list that outgrows memory.
fn fleet() -> Fleet {
    let lists = Lists::of(&[("configmaps", 3_000), ("pods", 30_000), ("services", 900)]);
    let lists = lists.with("secrets", objects(150_000));
    let server = Crowd::start(lists, HashMap::new(), 0);
    Fleet::new(server, TARGETS.map(|target| target.map(str::to_owned)).to_vec(), INTERVAL)
}

/// While it starts; anywhere in the first cycles; where files are made; where one has just got its name.
fn wait_for_a_moment(random: &mut fastrand::Rng, fleet: &Fleet, before: u64, running: &mut Running) {
    match random.u8(..4) {
        0 => thread::sleep(START.mul_f64(random.f64())),
        1 => {
            let requests = random.u64(1..=REQUESTS * TARGETS.len() as u64);
            running.until_within(LIMIT, LOOK, "a cycle is under way", || {
                fleet.server.requests() >= before + requests
            });
            thread::sleep(COMMIT.mul_f64(random.f64()));
        }
        2 => {
            let cycles = random.u64(1..=TARGETS.len() as u64);
            let requests = before + REQUESTS * cycles;
            running.until_within(LIMIT, LOOK, "a cycle ends", || fleet.server.requests() >= requests);
            thread::sleep(COMMIT.mul_f64(random.f64()));
        }
        _ => {
            let archives = || TARGETS.map(|target| count(fleet, target));
            let (before, look) = (archives(), Duration::from_micros(200));
            running.until_within(LIMIT, look, "something gets a name", || archives() != before);
            thread::sleep(Duration::from_millis(random.u64(..10)));
        }
    }
}

/// How many files there are in a target's folder.
fn count(fleet: &Fleet, target: [&str; 3]) -> usize {
    let folder = target.iter().fold(fleet.audit(), |path, name| path.join(name));
    std::fs::read_dir(folder).map_or(0, Iterator::count)
}

fn committed(fleet: &Fleet, target: [&str; 3]) -> usize {
    fleet.target(&target.map(str::to_owned)).committed()
}

fn check(left: &Left, complete: &BTreeMap<String, Vec<u8>>) {
    assert_eq!(left.temporary, [""; 0], "nothing unfinished outlives the next start");
    assert!(left.cycles.len() > 1, "some were recorded before they were killed");
    for (name, cycle) in &left.cycles {
        // Only the signal at the end interrupts a cycle that is committed all the same.
        let interrupted = cycle.log.as_ref().is_some_and(|log| log.contains("interrupted"));
        assert!(interrupted || cycle.files() == *complete, "{name} is complete: {}", cycle.tell());
        let told = || left.cycles.values().any(|later| tells_of(later, name));
        assert!(
            cycle.manifest.is_some() || told(),
            "{name} is told of by a later manifest: {}",
            cycle.tell()
        );
    }
    assert!(left.cycles.values().any(|cycle| cycle.manifest.is_none()), "some were killed before their end");
}

fn tells_of(later: &Cycle, name: &str) -> bool {
    later.manifest.as_ref().is_some_and(|manifest| manifest.tells_of(name))
}
