//! The command line: names, flags, output and exit codes are an interface, and these tests
//! hold it. Most of it is in golden files, as a user sees it on a terminal.

use crate::support::binary::{Ended, Minutebook};
use crate::support::prefixed;

/// Which cluster is meant.
mod clusters;
/// Completing words in a shell.
mod completion;
/// The configuration file.
mod config;
/// One cycle against a cluster of its own.
mod demo;
/// Seeing what would be recorded.
mod dry_run;
/// Variables instead of flags.
mod environment;
/// How it ended, as a number.
mod exit_codes;
/// Writing filters, and looking at them.
mod filter;
/// What it says of itself.
mod help;
/// What HOST means.
mod hosts;
/// What the shell around it does to it.
mod streams;
/// What it says when it is called wrongly.
mod usage;

/// A command and its answer, as on a terminal.
fn transcript(shown: &str, ended: &Ended, normal: impl Fn(&str) -> String) -> String {
    let mut text = format!("$ {shown}\n{}", normal(&ended.stdout));
    if !ended.stderr.is_empty() {
        let stderr = normal(&ended.stderr);
        text += &prefixed("stderr: ", stderr.lines());
    }
    text + &format!("exit code {}\n", ended.code())
}

/// The words of a line as arguments; there is no quoting, `\_` stands for a space in one.
fn words(program: Minutebook, line: &str) -> Minutebook {
    program.args(line.split_whitespace().map(|word| word.replace("\\_", " ")))
}
