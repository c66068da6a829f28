//! What comes from the shell around it: a umask, and streams that take nothing.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::binary::{Ended, Minutebook};
use crate::support::cluster::Cluster;
use crate::support::scene::Scene;

#[test]
fn no_umask_changes_the_mode_of_files() {
    // The oracle looks at the modes of folders, too.
    for umask in ["000", "077"] {
        let scene = Scene::of(Cluster::sample());
        through_shell(&scene, &format!("umask {umask}; exec \"$@\""), &["--once"]).expect_code(0);
        let files = fs::read_dir(scene.target().folder()).expect("the folder was made");
        let modes = files.map(|file| {
            let status = file.and_then(|file| file.metadata()).expect("a file has a status");
            status.mode() & 0o7777
        });
        assert_eq!(modes.collect::<Vec<_>>(), [0o444; 2], "archive and log under {umask}");
        scene.target_every(60).check();
    }
}

#[test]
fn recording_goes_on_when_nobody_can_hear_of_it() {
    for line in ["exec \"$@\" >/dev/full 2>/dev/full", "exec \"$@\" >&- 2>&-"] {
        let scene = Scene::of(Cluster::sample());
        through_shell(&scene, line, &["--once"]).expect_code(0);
        scene.target_every(60).check()[0].holds(&Cluster::sample().entries());
    }
}

/// A stuck log driver, or a terminal that is held, must not stop the recording or the signals.
#[test]
fn recording_goes_on_when_stderr_is_stalled() {
    let scene = Scene::of(Cluster::sample());
    // Nobody reads the pipe, and it is nearly full.
    let line = "mkfifo held; exec 3<>held; head -c 65000 /dev/zero >&3; exec \"$@\" 2>held";
    let shell = Minutebook::through_shell(line, scene.folder()).args(scene.run_arguments());
    let target = scene.target_every(1);
    let mut running = shell.args(["--interval", "1s"]).env("RUST_LOG", "trace").start();
    running.until("three cycles are committed", || target.committed() >= 3);
    running.signal(Signal::TERM);
    running.wait(Duration::from_secs(5)).expect_code(0);
    for cycle in target.check() {
        cycle.holds(&Cluster::sample().entries());
    }
}

#[test]
fn output_that_cannot_be_written_is_not_done() {
    let scene = Scene::of(Cluster::sample());
    let ended = through_shell(&scene, "exec \"$@\" >/dev/full", &["--dry-run", "-o", "name"]);
    assert_eq!(ended.code(), 4, "{ended:#?}");
    assert!(!ended.stderr.contains("panicked"), "{ended:#?}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let scene = Scene::of(Cluster::sample());
    let line = "{ \"$@\"; echo \"code $?\" >&2; } | true";
    let ended = through_shell(&scene, line, &["--dry-run", "-o", "json"]);
    assert!(!ended.stderr.contains("panicked"), "{ended:#?}");
    assert!(ended.stderr.ends_with("code 0\n"), "{ended:#?}");
}

#[test]
fn messages_for_programs_are_json() {
    let scene = Scene::with(crate::support::stand_in::StandIn::refusing());
    let ended = scene.once().args(["--log-format", "json"]).run().expect_code(3);
    assert!(ended.stderr.lines().count() >= 2, "tries and a cycle are told of: {ended:#?}");
    for line in ended.stderr.lines() {
        let value: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(value["level"].is_string(), "{line}");
    }
}

/// However much is told of what goes on inside, a credential is not.
#[test]
fn the_token_is_never_told() {
    let scene = Scene::of(Cluster::sample());
    scene.write("token", "hunter2-hunter2");
    let run = scene.once().args(["--token-file", "token"]).env("RUST_LOG", "trace");
    let ended = run.run().expect_code(0);
    assert_eq!(scene.server.requests()[0].header("authorization"), Some("Bearer hunter2-hunter2"));
    assert!(!ended.stderr.is_empty(), "much is told");
    assert!(!ended.stderr.contains("hunter2"), "the token is told: {}", ended.stderr);
}

fn through_shell(scene: &Scene, line: &str, flags: &[&str]) -> Ended {
    let shell = Minutebook::through_shell(line, scene.folder());
    shell.args(scene.run_arguments()).args(flags).run()
}
