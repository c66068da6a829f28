//! A filter's file that is replaced again and again while many targets are recorded, one in three times by something
//! that fails: no slot is missed, nothing is recorded that nobody selected, and what is in force is what should be.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use minutebook::model::digest::Sha256;
use minutebook::select::stock;
use rustix::fs::{CWD, FileType, Mode, mknodat};
use rustix::process::Signal;

use super::guest::{self, Guest};
use super::loops::ENDLESS;
use super::recorded;
use crate::support::cluster::Cluster;
use crate::support::crowd::{Crowd, Lists};
use crate::support::fleet::{self, Fleet, Folders};
use crate::support::oracle::Cycle;
use crate::support::process::{self, usage};
use crate::support::tell;

const INTERVAL: Duration = Duration::from_secs(2);
/// What the memory may grow by, in KiB, from the first half of the swaps to the second.
const GROWTH: u64 = 24 << 10;
/// Filters that stay loaded though nothing uses them; besides, each target has one that decides and one on trial.
const IDLE: usize = 8;

#[test]
fn three_hundred_swaps_cost_no_slot() {
    swap(30, 10);
}

#[test]
#[ignore = "long: .ci/full runs it"]
fn three_thousand_swaps_cost_no_slot() {
    swap(50, 60);
}

#[test]
fn a_log_tells_who_decides_and_what_changed() {
    let scene = recorded::scene();
    let default = stock("default").unwrap();
    let other = Guest::new().bytes();
    let put = |bytes: &[u8]| replace(&scene.path("filter.wasm"), By::Good(bytes.to_vec()), true);
    let settings = |text: &str| {
        scene.write("new.json", text);
        fs::rename(scene.path("new.json"), scene.path("settings.json")).unwrap();
    };
    put(default);
    settings("{}");
    let run = scene.run().args(["--interval", "1s", "--filter", "./filter.wasm"]);
    let mut running = run.args(["--filter-settings", "@settings.json"]).start();
    let mut told = |what: &str| {
        let folder = scene.target_every(1).folder();
        running.until(what, || newest_log(&folder).contains(what));
        newest_log(&folder)
    };
    let [first, second] = [default, &other].map(Sha256::of);
    let (first, second) =
        (format!("default 0.1.0 (sha256:{first})"), format!("guest 1.2.3 (sha256:{second})"));
    let still = format!("; {first} still decides\n");

    told(&format!(" by filter {first}, "));
    put(b"half of it");
    let log = told(
        " ERROR - filter ./filter.wasm: its file was replaced by one that is not used: it is a text file",
    );
    assert!(log.contains(&still) && log.contains(&format!(" by filter {first}, ")), "{log}");
    fs::remove_file(scene.path("filter.wasm")).unwrap();
    let log = told(" ERROR - filter ./filter.wasm: its file cannot be read: No such file");
    assert!(log.contains(&still), "{log}");
    // Opening it as a file would wait for a writer.
    mknodat(CWD, scene.path("filter.wasm"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    let log = told(
        " ERROR - filter ./filter.wasm: its file was replaced by one that is not used: its file cannot be read: not a regular file",
    );
    assert!(log.contains(&still), "{log}");
    put(default);
    told(" no errors, ");

    // Settings hold at once.
    settings(r#"{"include": ["bindings"]}"#);
    told(" recorded 2 resources of 2 selected");
    settings("{}");
    told(" recorded 1 resource of 1 selected");
    put(&other);
    let log = told(&format!(
        " WARN - filter ./filter.wasm: its file was replaced: from now on {second} decides, and no longer {first};"
    ));
    let changed = " INFO bindings selected since the filter was replaced: because\n";
    assert!(
        log.contains(" it decides differently about 1 of 3 resources\n") && log.contains(changed),
        "{log}"
    );
    assert!(log.contains(&format!(" by filter {second}, ")), "{log}");
    // It is told once.
    let log = told("; no errors, 1 warning\n");
    assert!(!log.contains("replaced"), "{log}");
    running.signal(Signal::TERM);
    running.wait(Duration::from_secs(5)).expect_code(0);
}

#[test]
fn a_pin_refuses_the_swap() {
    let scene = recorded::scene();
    let default = stock("default").unwrap();
    let put = |bytes: &[u8]| replace(&scene.path("filter.wasm"), By::Good(bytes.to_vec()), true);
    put(default);
    let digest = Sha256::of(default);
    let pinned = format!("./filter.wasm@sha256:{digest}");
    let mut running = scene.run().args(["--interval", "1s", "--filter", &pinned]).start();
    let folder = scene.target_every(1).folder();
    running.until("it is recorded", || newest_log(&folder).contains(" no errors, "));
    put(&Guest::new().bytes());
    let refused =
        format!("one that is not used: it is not the one that is pinned: the pin is sha256:{digest}, ");
    for _ in 0..2 {
        let before = newest_log(&folder);
        running.until("the swap is refused", || {
            let log = newest_log(&folder);
            log != before
                && log.contains(&refused)
                && log.contains(&format!("(sha256:{digest}) still decides"))
        });
    }
    running.signal(Signal::TERM);
    running.wait(Duration::from_secs(5)).expect_code(0);
    for cycle in scene.target_every(1).check() {
        cycle.holds(&Cluster::sample().entries());
    }
}

/// What a file is replaced by.
enum By {
    /// A filter that decides.
    Good(Vec<u8>),
    /// What fails, and a part of the message.
    Faulty(Vec<u8>, &'static str),
    /// No file.
    Nothing,
}

impl By {
    /// What the log says of a cycle in which it shows.
    fn told(&self) -> String {
        match self {
            Self::Good(bytes) => format!(" by filter guest 1.2.3 (sha256:{}), ", Sha256::of(bytes)),
            Self::Faulty(_, why) => (*why).to_owned(),
            Self::Nothing => "its file cannot be read".to_owned(),
        }
    }
}

/// Every third one is faulty, each time in another way. No component comes twice.
fn by(round: usize, target: usize) -> By {
    let unique = format!("(@custom \"round\" \"{round} of {target}\")");
    let hole = |name, code| Guest::new().with(name, code).with("component", &unique).bytes();
    let good = || Guest::new().with("component", &unique).bytes();
    if !(round + target).is_multiple_of(3) {
        return By::Good(good());
    }
    match (round + target) / 3 % 7 {
        0 => By::Faulty(hole("select", "(unreachable)"), "it crashed in `select`"),
        1 => By::Faulty(hole("select", ENDLESS), "it did not decide within 100ms, nor when tried again"),
        2 => By::Faulty(
            hole("start", "(drop (memory.grow (i32.const 1500)))"),
            "it asked for more than 64 MiB",
        ),
        3 => By::Faulty(good()[..600].to_vec(), "it is cut short"),
        4 => {
            let asks = format!("{unique} (import \"clock\" (instance))");
            By::Faulty(guest::with("component", &asks), "it asks for clock")
        }
        5 => By::Faulty(guest::with("module", "(func (result i32))"), "it is not a valid component"),
        _ => By::Nothing,
    }
}

fn swap(targets: usize, rounds: usize) {
    let fleet =
        Fleet::new(Crowd::start(Lists::ordinary(), HashMap::new(), 0), fleet::clusters(targets), INTERVAL);
    let file = |target: usize| -> PathBuf { fleet.audit().with_file_name(format!("{target}.wasm")) };
    for target in 0..targets {
        fs::write(file(target), Guest::new().bytes()).unwrap();
    }
    fleet.write_text(&config(&fleet, file));

    let mut running = fleet.run_by_file().start();
    let pid = running.pid();
    let (mut settled, mut peak, mut loaded) = (0, 0, 0);
    running.until("every target has begun", || fleet.committed() > 0);
    for round in 0..rounds {
        let mut waiting = HashMap::new();
        for target in 0..targets {
            let by = by(round, target);
            waiting.insert(target, by.told());
            replace(&file(target), by, target.is_multiple_of(2));
        }
        running.until_within(INTERVAL * 60, INTERVAL / 10, "what replaced each filter shows", || {
            let resident = usage(pid).map_or(0, |usage| usage.resident);
            peak = peak.max(resident);
            if round < rounds / 2 {
                settled = settled.max(resident);
            }
            loaded = loaded.max(process::codes(pid).unwrap_or_default());
            waiting.retain(|target, told| !last_log(&fleet, *target).contains(&*told));
            waiting.is_empty()
        });
    }
    running.signal(Signal::TERM);
    running.wait(Duration::from_secs(30)).expect_code(0);

    for target in &fleet.targets {
        let mut cycles = fleet.target(target).by_one_reader().check();
        cycles.sort_by_key(|cycle| cycle.manifest.sequence);
        check_slots(target, &cycles);
        for cycle in &cycles[..cycles.len() - 1] {
            cycle.holds(&fleet.entries(target));
        }
    }
    let all = targets * rounds;
    tell(&format!(
        "\n{all} swaps, of which {} to a faulty filter: {settled} KiB after half of them, {peak} KiB at most, {loaded} filters loaded at once at most\n",
        all / 3
    ));
    assert!((targets..=2 * targets + IDLE).contains(&loaded), "{loaded} filters");
    assert!(peak < settled + GROWTH, "from {settled} KiB to {peak} KiB");
}

/// What the newest log of a target says.
fn last_log(fleet: &Fleet, target: usize) -> String {
    newest_log(&fleet.target(&fleet.targets[target]).folder())
}

fn newest_log(folder: &Path) -> String {
    let names = fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path());
    let newest = names.filter(|path| path.extension().is_some_and(|end| end == "log")).max();
    newest.map_or_else(String::new, |path| fs::read_to_string(path).unwrap())
}

/// As a person does it by `mv`, or by `cp`, which leaves half a file for a moment.
fn replace(file: &Path, by: By, at_once: bool) {
    match by {
        By::Good(bytes) | By::Faulty(bytes, _) if at_once => {
            fs::write(file.with_extension("new"), bytes).unwrap();
            fs::rename(file.with_extension("new"), file).unwrap();
        }
        By::Good(bytes) | By::Faulty(bytes, _) => fs::write(file, bytes).unwrap(),
        By::Nothing => fs::remove_file(file).unwrap(),
    }
}

fn config(fleet: &Fleet, file: impl Fn(usize) -> PathBuf) -> String {
    let folder = fleet.audit();
    let folder = folder.parent().unwrap().display();
    let mut text = format!(
        "defaults:\n  audit-dir: {folder}/audit\n  cache-dir: {folder}/cache\n  interval: {}s\n  server: {}\n  filter-timeout: 100ms\n  filter-fuel: 1000000000000\ntargets:\n",
        INTERVAL.as_secs(),
        fleet.server.url()
    );
    for (number, [host, cluster, namespace]) in fleet.targets.iter().enumerate() {
        let file = file(number);
        writeln!(
            text,
            "- {{host: {host}, cluster: {cluster}, namespace: {namespace}, filter: {}}}",
            file.display()
        )
        .unwrap();
    }
    text
}

fn check_slots(target: &Folders, cycles: &[Cycle]) {
    let first = cycles[0].manifest.slot;
    for (cycle, slot) in cycles.iter().zip(first..) {
        assert_eq!(cycle.manifest.slot, slot, "the slots of {target:?}");
        assert!(cycle.manifest.missed.is_none(), "{target:?} missed {:?}", cycle.manifest.missed);
    }
}
