//! The loop in paused time: slots, signals and clocks that step.

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use chrono::TimeDelta;
use futures_util::future::FutureExt as _;
use tokio::time::sleep;

use super::*;
use crate::cluster::scripted::Reply;
use crate::cycle::CredentialFiles;
use crate::testing::{ManualClock, context, to_script, well};

const MINUTE: Duration = Duration::from_secs(60);

fn signal_after(time: Duration) -> impl Future<Output = &'static str> + Clone + Send {
    async move {
        sleep(time).await;
        "SIGTERM"
    }
    .boxed()
    .shared()
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
    let context = context(root.path(), to_script(well(&["a"])), clock, CredentialFiles::default());
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
    let context = context(root.path(), to_script(|_, _| Reply::Silence), clock, CredentialFiles::default());
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
    let context = context(root.path(), to_script(script), clock, CredentialFiles::default());
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
    let context = context(root.path(), to_script(well(&["a"])), clock, CredentialFiles::default());
    let last = run(&Arc::new(context), Cycles::One, signal_after(MINUTE * 9)).await;
    assert_eq!((last.unwrap().recorded, stamps(root.path()).len()), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn a_signal_before_the_first_cycle_makes_none() {
    let (root, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let context = context(root.path(), to_script(well(&["a"])), clock, CredentialFiles::default());
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
    let context = context(&root, to_script(well(&["a"])), clock, CredentialFiles::default());
    let context = Arc::new(context);
    let recording = run(&context, Cycles::UntilSignal, signal_after(MINUTE * 3 + MINUTE / 2));
    tokio::join!(recording, mount);
    assert_eq!(stamps(&root), ["2020-10-31T071255", "2020-10-31T071355"]);
    let log = |stamp: &str| {
        std::fs::read_to_string(root.join(format!("host/cluster/namespace/{stamp}.audit.log"))).unwrap()
    };
    assert!(
        log("2020-10-31T071255").contains(" ERROR - slots 0 to 1 were missed ("),
        "{}",
        log("2020-10-31T071255")
    );
    assert!(!log("2020-10-31T071355").contains("missed"), "{}", log("2020-10-31T071355"));
}
