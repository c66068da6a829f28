//! What it says of itself. A new flag shows up here, and so does one that went.

use super::{transcript, words};
use crate::support::binary::Minutebook;
use crate::support::golden;

#[test]
fn help_is_what_it_was() {
    let folder = tempfile::tempdir().expect("there is room for a temporary folder");
    let tell = |line: &str| {
        let ended = words(Minutebook::new(folder.path()), line).run().expect_code(0);
        transcript(&format!("minutebook {line}"), &ended, str::to_owned)
    };
    let lines = ["--help", "-h", "run --help", "run -h", "demo --help"];
    golden::check("help.txt", &lines.map(tell).join("\n"));
}

#[test]
fn its_version_is_that_of_the_package() {
    let folder = tempfile::tempdir().expect("there is room for a temporary folder");
    let ended = Minutebook::new(folder.path()).args(["--version"]).run().expect_code(0);
    let version = concat!("minutebook ", env!("CARGO_PKG_VERSION"));
    assert!(ended.stdout.starts_with(version), "{ended:#?}");
}
