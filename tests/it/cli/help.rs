//! What it says of itself. A new flag shows up here, and so does one that went.

use std::process::Command;

use super::{transcript, words};
use crate::support::binary::Minutebook;
use crate::support::golden;
use crate::support::normal::replace;

#[test]
fn help_is_what_it_was() {
    let folder = tempfile::tempdir().expect("there is room for a temporary folder");
    let tell = |line: &str| {
        let ended = words(Minutebook::new(folder.path()), line).run().expect_code(0);
        transcript(&format!("minutebook {line}"), &ended, str::to_owned)
    };
    let lines = [
        "--help",
        "-h",
        "run --help",
        "run -h",
        "config --help",
        "config show -h",
        "config check -h",
        "filter --help",
        "filter new --help",
        "filter build --help",
        "filter inspect --help",
        "filter test --help",
        "filter bench --help",
        "demo --help",
        "completion --help",
    ];
    golden::check("help.txt", &lines.map(tell).join("\n"));
}

#[test]
fn its_version_is_that_of_the_package() {
    let short = version("-V");
    assert_eq!(short, concat!("minutebook ", env!("CARGO_PKG_VERSION"), "\n"));
    let long = version("--version");
    assert!(long.starts_with(&short), "{long}");
}

/// Who reports a bug pastes this, so nothing of the machine is in it.
#[test]
fn the_long_version_tells_what_it_was_built_from() {
    let long = version("--version");
    let facts: Vec<_> = long.lines().skip(1).map(|line| line.split_once(": ").expect("a fact")).collect();
    let names: Vec<_> = facts.iter().map(|(name, _)| *name).collect();
    assert_eq!(names, ["commit", "rustc", "target", "wasmtime", "filter default", "filter cel"]);
    let [(_, commit), (_, rustc), (_, target), (_, wasmtime), filters @ ..] = &facts[..] else {
        unreachable!("there are four and the filters")
    };
    let hash: String = commit.chars().take_while(char::is_ascii_hexdigit).collect();
    let dirty = commit[hash.len()..].starts_with("-dirty ");
    let day = &commit[hash.len() + if dirty { "-dirty".len() } else { 0 }..];
    let whole = hash.len() >= 12 && replace(day, " (0000-00-00)", "").is_empty();
    assert!(whole || *commit == "unknown", "{long}");
    let semver = |text: &str| text.split('.').filter(|part| part.parse::<u32>().is_ok()).count();
    assert!(semver(rustc.split(' ').next().expect("a first word")) >= 2, "{long}");
    assert_eq!(semver(wasmtime), 3, "{long}");
    assert!(target.starts_with(std::env::consts::ARCH), "{long}");
    for (_, digest) in filters {
        assert_eq!(digest.strip_prefix("sha256:").map(str::len), Some(64), "{long}");
    }
    assert!(!long.contains('/'), "no path: {long}");
}

/// The test was built from the commit that is checked out, unless there is no git.
#[test]
fn the_commit_is_the_one_that_is_checked_out() {
    let root = env!("CARGO_MANIFEST_DIR");
    let git = Command::new("git").args(["-C", root, "rev-parse", "--show-prefix", "HEAD"]).output();
    let answer = git.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    let expected = match answer.split_once('\n') {
        Some(("", head)) => head[..12].to_owned(),
        _ => "unknown".to_owned(),
    };
    let long = version("--version");
    assert!(long.contains(&format!("\ncommit: {expected}")), "{expected}: {long}");
}

fn version(flag: &str) -> String {
    let folder = tempfile::tempdir().expect("there is room for a temporary folder");
    Minutebook::new(folder.path()).args([flag]).run().expect_code(0).stdout
}
