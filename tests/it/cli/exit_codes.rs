//! How it ended, as a number: what other programs go by. 0 and 3 of `run --once` are held by
//! every row of the bad days, 2 by the tests of usage.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt as _;
use std::process::Command;

use crate::support::cluster::Cluster;
use crate::support::scene::Scene;
use crate::support::stand_in::StandIn;

#[test]
fn audit_dir_is_made_if_its_parent_is_there() {
    let scene = Scene::of(Cluster::sample());
    assert!(!scene.audit().exists());
    scene.once().run().expect_code(0);
    scene.target().check();
    let mode =
        std::os::unix::fs::MetadataExt::mode(&fs::metadata(scene.audit()).expect("AUDIT_DIR was made"));
    assert_eq!(mode & 0o7777, 0o750, "the mode of AUDIT_DIR");
}

#[test]
fn what_is_no_unicode_is_usage_and_no_bug() {
    let scene = Scene::of(Cluster::sample());
    let odd = OsStr::from_bytes(b"caf\xe9");
    let ended = scene.minutebook().args([odd]).run().expect_code(2);
    assert!(ended.stderr.contains("unrecognized subcommand"), "{ended:#?}");
    // A folder may be called so, also that of the program.
    let program = scene.path(".").join(odd);
    std::os::unix::fs::symlink(env!("CARGO_BIN_EXE_minutebook"), &program).expect("a link can be made");
    let version = Command::new(program).arg("-V").output().expect("the program is started");
    assert!(version.status.success(), "{version:?}");
}

#[test]
fn audit_dir_whose_parent_is_missing_is_4() {
    let scene = Scene::of(Cluster::sample());
    for flags in [&["--once"][..], &[]] {
        let missing = scene.path("missing");
        let run = scene.minutebook().args(["run", "--host", "h", "--cluster", "c"]);
        let run = run.args(["--namespace", "n", "--server", &scene.server.url()]).args(flags);
        let ended = run.args(["--audit-dir".as_ref(), missing.join("audit").as_os_str()]).run();
        let ended = ended.expect_code(4);
        assert!(ended.stderr.contains("missing/audit"), "it says what is missing: {ended:#?}");
        assert!(!missing.exists(), "its parent is not made");
    }
    assert_eq!(scene.server.targets(), [""; 0], "it is known before anything is asked for");
}

#[test]
fn audit_dir_that_is_a_file_is_4() {
    let scene = Scene::of(Cluster::sample());
    let file = scene.write("audit", "a file");
    let ended = scene.once().run().expect_code(4);
    assert!(ended.stderr.contains("audit"), "{ended:#?}");
    assert_eq!(fs::read_to_string(file).expect("the file is there still"), "a file");
}

/// `/proc` is a folder in which nobody can make anything, root neither.
#[test]
fn once_into_a_folder_that_takes_nothing_is_4() {
    let scene = Scene::of(Cluster::sample());
    let run = scene.minutebook().args(["run", "--once", "--host", "h", "--namespace", "n"]);
    let run = run.args(["--cluster", "c", "--audit-dir", "/proc"]);
    let ended = run.args(["--server", &scene.server.url(), "--interval", "3s"]).run();
    let ended = ended.expect_code(4);
    assert!(ended.stderr.contains("AUDIT_DIR"), "{ended:#?}");
}

#[test]
fn a_dry_run_without_discovery_is_4() {
    let scene = Scene::with(StandIn::refusing());
    let ended = scene.once().args(["--dry-run"]).run().expect_code(4);
    assert_eq!(ended.stdout, "");
    assert!(ended.stderr.contains("refused"), "it says why: {ended:#?}");
    assert!(ended.stderr.contains("again"), "it says that it is trying again: {ended:#?}");
    assert!(!scene.audit().exists());
}

/// A dry run opens the files that the configuration names, and there a bad one is 2.
#[test]
fn a_dry_run_with_a_bad_file_is_2() {
    let scene = Scene::of(Cluster::sample());
    scene.write("empty", "");
    scene.write("settings.json", "{");
    let bad = [
        ["--token-file", "missing"],
        ["--token-file", "empty"],
        ["--ca-file", "missing"],
        ["--ca-file", "empty"],
        ["--filter", "./missing.wasm"],
        ["--filter", "./empty"],
        ["--filter-settings", "@missing"],
        ["--filter-settings", "@settings.json"],
    ];
    for [flag, file] in bad {
        let ended = scene.once().args(["--dry-run", flag, file]).run().expect_code(2);
        let name = file.trim_start_matches(['@', '.', '/']);
        let named = ended.stderr.contains(name) || ended.stderr.contains(flag);
        assert!(named, "it names the file or its flag: {ended:#?}");
        assert_eq!(ended.stdout, "");
    }
}
