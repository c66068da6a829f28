//! The first thing that a newcomer runs: it needs nothing, it shows what it did, and it
//! touches nothing that is not its own.

use std::fs;
use std::path::Path;
use std::time::Duration;

use super::transcript;
use crate::support::binary::{Ended, Minutebook};
use crate::support::cluster::{Cluster, HOST};
use crate::support::golden;
use crate::support::normal::normal;
use crate::support::oracle::{Cycle, Target};

#[test]
fn it_records_the_sample_and_shows_it() {
    let folder = tempfile::tempdir().expect("there is room for a temporary folder");
    let ended = demo(folder.path()).run().expect_code(0);
    let cycles = recorded(folder.path());
    assert_eq!(cycles.len(), 1);
    cycles[0].holds(&Cluster::sample().entries());
    golden::check("demo.txt", &told(&ended, folder.path()));
}

#[test]
fn the_commands_that_it_shows_work() {
    let folder = tempfile::tempdir().expect("there is room for a temporary folder");
    let ended = demo(folder.path()).run().expect_code(0);
    let shown = ended.stdout.lines().chain(ended.stderr.lines()).map(str::trim);
    let commands: Vec<_> =
        shown.map(|line| line.trim_start_matches("$ ")).filter(|line| line.starts_with("tar ")).collect();
    assert!(!commands.is_empty(), "it shows how to look at an archive: {ended:#?}");
    for command in commands {
        // The part that needs `jq` is for those who have it.
        let command = command.split('|').next().expect("a split has a first part");
        let output =
            std::process::Command::new("sh").args(["-c", command]).current_dir(folder.path()).output();
        let output = output.expect("there is a shell");
        assert!(output.status.success(), "{command}: {output:?}");
        assert!(!output.stdout.is_empty(), "{command} shows something");
    }
}

#[test]
fn a_second_one_uses_the_same_folder() {
    let folder = tempfile::tempdir().expect("there is room for a temporary folder");
    demo(folder.path()).run().expect_code(0);
    demo(folder.path()).run().expect_code(0);
    let cycles = recorded(folder.path());
    assert_eq!(cycles.len(), 2);
    for cycle in cycles {
        cycle.holds(&Cluster::sample().entries());
    }
}

#[test]
fn a_folder_that_holds_something_else_is_refused() {
    let folder = tempfile::tempdir().expect("there is room for a temporary folder");
    let other = folder.path().join("minutebook-demo");
    fs::create_dir(&other).expect("a folder can be made");
    fs::write(other.join("thesis.txt"), "the only copy").expect("a file can be written");
    let ended = demo(folder.path()).run().expect_code(4);
    assert_eq!(ended.stdout, "");
    assert!(ended.stderr.contains("minutebook-demo"), "{ended:#?}");
    assert!(!other.join(HOST).exists(), "nothing is written there");
    golden::check("demo_refused.txt", &told(&ended, folder.path()));
}

#[test]
fn neither_a_ca_store_nor_a_proxy_nor_a_variable_matters() {
    let folder = tempfile::tempdir().expect("there is room for a temporary folder");
    fs::write(folder.path().join("empty.pem"), "").expect("a file can be written");
    let ended = demo(folder.path())
        .env("SSL_CERT_FILE", "empty.pem")
        .env("SSL_CERT_DIR", "none")
        .env("HTTP_PROXY", "http://127.0.0.1:9")
        .env("MINUTEBOOK_HOST", "another.host")
        .env("MINUTEBOOK_AUDIT_DIR", folder.path().join("elsewhere"))
        .run();
    ended.expect_code(0);
    fs::remove_file(folder.path().join("empty.pem")).expect("the file is there still");
    assert_eq!(recorded(folder.path()).len(), 1);
    assert!(!folder.path().join("elsewhere").exists());
}

#[test]
fn it_takes_no_flags() {
    let folder = tempfile::tempdir().expect("there is room for a temporary folder");
    demo(folder.path()).args(["--host", "h"]).run().expect_code(2);
    let left = fs::read_dir(folder.path()).expect("it is a folder").count();
    assert_eq!(left, 0, "nothing is written");
}

fn demo(folder: &Path) -> Minutebook {
    Minutebook::new(folder).args(["demo"])
}

fn recorded(folder: &Path) -> Vec<Cycle> {
    let everything: Vec<_> = fs::read_dir(folder)
        .expect("it is a folder")
        .map(|file| file.expect("it is a folder").file_name())
        .collect();
    assert_eq!(everything, ["minutebook-demo"], "one folder, and nothing beside it");
    Target::sample(&folder.join("minutebook-demo"), Duration::from_secs(60)).check()
}

fn told(ended: &Ended, folder: &Path) -> String {
    transcript("minutebook demo", ended, |text| normal(text, folder))
}
