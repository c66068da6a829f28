//! The loop in paused time: slots, signals and clocks that step.

use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::FutureExt as _;
use tokio::sync::mpsc;
use tokio::time::sleep;

use super::*;
use crate::cluster::scripted::Reply;
use crate::cycle::{Context, Report};
use crate::ledger::read_sequence;
use crate::model::target::Scope;
use crate::testing::{ManualClock, context, nobody, to_script, well};

const MINUTE: Duration = Duration::from_secs(60);

fn signal_after(time: Duration) -> impl Future<Output = &'static str> + Clone + Send + use<> {
    async move {
        sleep(time).await;
        "SIGTERM"
    }
    .boxed()
    .shared()
}

/// Records one target that is alone.
async fn run(
    context: &Arc<Context>,
    cycles: Cycles,
    signal: impl Future<Output = &'static str> + Clone + Send + 'static,
) -> Option<Report> {
    let (_reload, reloads) = mpsc::channel(1);
    let fleet = Fleet::new(cycles, Arc::new(|_| ()));
    let mut reports = fleet.run(vec![Arc::clone(context)], reloads, |_| (), signal).await;
    assert_eq!(reports.len(), 1);
    reports.remove(0)
}

fn stamps(root: &Path) -> Vec<String> {
    let folder = root.join("host/cluster/namespace");
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
    let mut stamps: Vec<String> = folder
        .read_dir()
        .unwrap()
        .map(name)
        .filter_map(|name| Some(name.strip_suffix(".audit.tar.gz")?.to_owned()))
        .collect();
    stamps.sort();
    stamps
}

#[tokio::test(start_paused = true)]
async fn there_is_an_archive_a_minute_until_the_signal() {
    let (root, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let context = context(root.path(), to_script(well(&["a"])), clock, nobody());
    let last = run(&Arc::new(context), Cycles::UntilSignal, signal_after(MINUTE * 3 + MINUTE / 2)).await;
    assert_eq!(last.unwrap().slot, 3);
    assert_eq!(
        stamps(root.path()),
        ["2020-10-31T071055", "2020-10-31T071155", "2020-10-31T071255", "2020-10-31T071355"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_silent_server_does_not_shift_the_slots() {
    let (root, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let context = context(root.path(), to_script(|_, _| Reply::Silence), clock, nobody());
    let last = run(&Arc::new(context), Cycles::UntilSignal, signal_after(MINUTE * 2 + MINUTE / 2)).await;
    assert_eq!(last.unwrap().slot, 2);
    assert_eq!(stamps(root.path()), ["2020-10-31T071055", "2020-10-31T071155", "2020-10-31T071255"]);
}

#[tokio::test(start_paused = true)]
async fn a_wall_clock_that_steps_changes_names_and_nothing_else() {
    let (root, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let steps = Mutex::new(vec![TimeDelta::days(2), -TimeDelta::hours(2)]);
    let stepping = Arc::clone(&clock);
    // The clock steps while discovery of the second and third cycle is answered.
    let script = move |url: &url::Url, nth: usize| {
        if url.path().ends_with("/v1") && nth > 0 {
            stepping.step(steps.lock().unwrap().pop().unwrap_or_default());
        }
        well(&["a"])(url, nth)
    };
    let context = context(root.path(), to_script(script), clock, nobody());
    let last = run(&Arc::new(context), Cycles::UntilSignal, signal_after(MINUTE * 4 + MINUTE / 2)).await;
    assert_eq!(last.unwrap().slot, 4);
    assert_eq!(
        stamps(root.path()),
        [
            // Two hours back: 07:12:55 is 05:12:55; then two days forward.
            "2020-10-31T051255",
            "2020-10-31T071055",
            "2020-10-31T071155",
            "2020-11-02T051355",
            "2020-11-02T051455"
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn once_is_once() {
    let (root, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let context = context(root.path(), to_script(well(&["a"])), clock, nobody());
    let last = run(&Arc::new(context), Cycles::One, signal_after(MINUTE * 9)).await;
    assert_eq!((last.unwrap().recorded, stamps(root.path()).len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_signal_before_the_first_cycle_makes_none() {
    let (root, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let context = context(root.path(), to_script(well(&["a"])), clock, nobody());
    let signal = std::future::ready("SIGINT").boxed().shared();
    assert!(run(&Arc::new(context), Cycles::UntilSignal, signal).await.is_none());
    assert_eq!(root.path().read_dir().unwrap().count(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_folder_that_comes_back_is_written_to_again() {
    let (base, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let root = base.path().join("audit");
    let made = root.clone();
    // The volume is mounted while nobody looks: before the third slot.
    let mount = async move {
        sleep(MINUTE + MINUTE / 2).await;
        std::fs::create_dir(made).unwrap();
    };
    let context = context(&root, to_script(well(&["a"])), clock, nobody());
    let context = Arc::new(context);
    let recording = run(&context, Cycles::UntilSignal, signal_after(MINUTE * 3 + MINUTE / 2));
    tokio::join!(recording, mount);
    assert_eq!(stamps(&root), ["2020-10-31T071255", "2020-10-31T071355"]);
    assert!(
        log(&root, "2020-10-31T071255").contains(" ERROR - slots 0 to 1 were missed ("),
        "{}",
        log(&root, "2020-10-31T071255")
    );
    assert!(!log(&root, "2020-10-31T071355").contains("missed"), "{}", log(&root, "2020-10-31T071355"));
}

fn log(root: &Path, stamp: &str) -> String {
    std::fs::read_to_string(root.join(format!("host/cluster/namespace/{stamp}.audit.log"))).unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_suspended_machine_s_minutes_are_missed_and_told_as_a_range() {
    let (root, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let lid = Arc::clone(&clock);
    let closed = async move {
        sleep(MINUTE / 2).await;
        lid.suspend(MINUTE * 180);
    };
    let context = context(root.path(), to_script(well(&["a"])), clock, nobody());
    let context = Arc::new(context);
    let recording = run(&context, Cycles::UntilSignal, signal_after(MINUTE * 2 + MINUTE / 4));
    tokio::join!(recording, closed);
    assert_eq!(stamps(root.path()), ["2020-10-31T071055", "2020-10-31T101155", "2020-10-31T101255"]);
    let log = log(root.path(), "2020-10-31T101155");
    let missed = " ERROR - slots 1 to 180 were missed (about 2020-10-31T07:11:55Z to 2020-10-31T10:10:55Z): this machine was suspended for 3h;";
    assert!(log.contains(missed) && !log.contains("the wall clock was set"), "{log}");
}

#[tokio::test(start_paused = true)]
async fn a_stepped_clock_is_told_once_and_misses_nothing() {
    let (root, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let hand = Arc::clone(&clock);
    let stepped = async move {
        sleep(MINUTE / 2).await;
        hand.step(TimeDelta::hours(2));
    };
    let context = context(root.path(), to_script(well(&["a"])), clock, nobody());
    let context = Arc::new(context);
    let recording = run(&context, Cycles::UntilSignal, signal_after(MINUTE * 2 + MINUTE / 2));
    tokio::join!(recording, stepped);
    let second = log(root.path(), "2020-10-31T091155");
    assert!(
        second.contains(" WARN - the wall clock was set forward by 2h since the cycle before;"),
        "{second}"
    );
    assert!(!second.contains("missed"), "{second}");
    let third = log(root.path(), "2020-10-31T091255");
    assert!(third.lines().count() == 2, "{third}");
}

/// As many contexts for namespaces of one cluster, and what they were made with.
fn several(root: &Path, clock: &Arc<ManualClock>, namespaces: &[&str]) -> Vec<Context> {
    let of = |namespace: &&str| {
        let script = to_script(well(&["a"]));
        let mut context = context(root, script, Arc::clone(clock), nobody());
        context.endpoint.target.scope = Scope::Namespace(namespace.parse().unwrap());
        context
    };
    namespaces.iter().map(of).collect()
}

/// Seconds of the minute in which archives of a namespace begin.
fn seconds(root: &Path, namespace: &str) -> Vec<String> {
    let Ok(folder) = root.join("host/cluster").join(namespace).read_dir() else { return Vec::new() };
    let names = folder.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let archives = names.filter(|name| name.ends_with(".audit.tar.gz"));
    archives.map(|name| name["2020-10-31T0710".len()..][..2].to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn several_targets_begin_at_phases_that_a_restart_does_not_change() {
    let namespaces = ["one", "two", "three"];
    let mut starts = Vec::new();
    for _ in 0..2 {
        let (root, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
        let targets = several(root.path(), &clock, &namespaces).into_iter().map(Arc::new).collect();
        let (_reload, reloads) = mpsc::channel(1);
        let fleet = Fleet::new(Cycles::UntilSignal, Arc::new(|_| ()));
        let reports = fleet.run(targets, reloads, |_| (), signal_after(MINUTE * 3)).await;
        assert_eq!(reports.len(), 3);
        let seconds = namespaces.map(|namespace| seconds(root.path(), namespace));
        for of_one in &seconds {
            assert!(of_one.len() == 3 && of_one.iter().all(|second| *second == of_one[0]), "{of_one:?}");
        }
        starts.push(seconds);
    }
    assert_eq!(starts[0], starts[1]);
    assert!(starts[0][0] != starts[0][1] && starts[0][1] != starts[0][2], "{starts:?}");
}

#[tokio::test(start_paused = true)]
async fn targets_come_and_go_at_their_next_cycle_and_one_that_stays_goes_on() {
    let (root, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let (reload, reloads) = mpsc::channel(1);
    let first = several(root.path(), &clock, &["stays", "goes"]).into_iter().map(Arc::new).collect();
    let second = several(root.path(), &clock, &["stays", "comes"]);
    let reloading = async move {
        sleep(MINUTE * 2).await;
        reload.send(second).await.unwrap();
        sleep(MINUTE * 60).await;
    };
    let changes = Mutex::new(Vec::new());
    let slots = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&slots);
    let fleet = Fleet::new(
        Cycles::UntilSignal,
        Arc::new(move |report: &Report| seen.lock().unwrap().push(report.slot)),
    );
    let recording =
        fleet.run(first, reloads, |change| changes.lock().unwrap().push(change), signal_after(MINUTE * 4));
    tokio::join!(recording, reloading);
    assert_eq!(changes.into_inner().unwrap(), [Reloaded { targets: 2, new: 1, gone: 1 }]);
    let count = |namespace| seconds(root.path(), namespace).len();
    assert_eq!((count("stays"), count("goes"), count("comes")), (4, 2, 2));
    assert_eq!(slots.lock().unwrap().len(), 8, "each slot's end is told");
    let manifests = root.path().join("host/cluster/.ledger/manifests/stays");
    let mut sequences: Vec<u64> = manifests
        .read_dir()
        .unwrap()
        .map(|entry| read_sequence(&std::fs::read(entry.unwrap().path()).unwrap()).unwrap())
        .collect();
    sequences.sort_unstable();
    assert_eq!(sequences, [1, 2, 3, 4]);
}

#[tokio::test(start_paused = true)]
async fn without_targets_it_waits_for_the_signal() {
    let (_reload, reloads) = mpsc::channel(1);
    let fleet = Fleet::new(Cycles::UntilSignal, Arc::new(|_| ()));
    assert!(fleet.run(Vec::new(), reloads, |_| (), signal_after(MINUTE)).await.is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_target_that_comes_back_in_the_middle_of_its_cycle_does_not_lock_itself_out() {
    let (root, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let slow = |url: &url::Url, nth: usize| {
        if url.path().ends_with("/a") { Reply::Silence } else { well(&["a"])(url, nth) }
    };
    let context =
        |clock: &Arc<ManualClock>| context(root.path(), to_script(slow), Arc::clone(clock), nobody());
    let (reload, reloads) = mpsc::channel(1);
    let again = context(&clock);
    let reloading = async move {
        sleep(MINUTE + MINUTE / 4).await;
        reload.send(Vec::new()).await.unwrap();
        sleep(MINUTE / 60).await;
        reload.send(vec![again]).await.unwrap();
        sleep(MINUTE * 60).await;
    };
    let failed = Arc::new(Mutex::new(Vec::new()));
    let seen = Arc::clone(&failed);
    let observer = move |report: &Report| {
        seen.lock().unwrap().extend(report.committed.as_ref().err().map(ToString::to_string));
    };
    let fleet = Fleet::new(Cycles::UntilSignal, Arc::new(observer));
    let recording =
        fleet.run(vec![Arc::new(context(&clock))], reloads, |_| (), signal_after(MINUTE * 4 + MINUTE / 2));
    tokio::join!(recording, reloading);
    assert_eq!(*failed.lock().unwrap(), [""; 0]);
    assert_eq!(stamps(root.path()).len(), 5, "every minute is recorded");
}

#[tokio::test(start_paused = true)]
async fn another_interval_does_not_forget_what_was_missed() {
    let (base, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let root = base.path().join("audit");
    let first = context(&root, to_script(well(&["a"])), Arc::clone(&clock), nobody());
    let mut second = context(&root, to_script(well(&["a"])), clock, nobody());
    second.interval = MINUTE / 2;
    let (reload, reloads) = mpsc::channel(1);
    let made = root.clone();
    let reloading = async move {
        // After slots 0 and 1, which cannot be written.
        sleep(MINUTE + MINUTE / 4).await;
        std::fs::create_dir(made).unwrap();
        reload.send(vec![second]).await.unwrap();
        sleep(MINUTE * 60).await;
    };
    let fleet = Fleet::new(Cycles::UntilSignal, Arc::new(|_| ()));
    let recording = fleet.run(vec![Arc::new(first)], reloads, |_| (), signal_after(MINUTE * 3));
    tokio::join!(recording, reloading);
    let stamps = stamps(&root);
    assert!((3..=4).contains(&stamps.len()), "twice a minute: {stamps:?}");
    let log = log(&root, &stamps[0]);
    assert!(log.contains("; slot 2, begun") && log.contains(" ERROR - slots 0 to 1 were missed ("), "{log}");
}
