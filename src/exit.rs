//! Exit codes, which are an interface (README), and how a failure is shown.

use std::fmt::Display;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::error::{ContextKind, ContextValue};
use minutebook::config::{Mistakes, is_secret};
use minutebook::model::limits::LINE_BYTES;
use minutebook::model::text::printable;

/// How the program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// Done; warnings alone do not change that.
    Done = 0,
    /// The answer is no: what was compared differs.
    No = 1,
    /// Usage or configuration.
    Usage = 2,
    /// Complete but not perfect: the archive is there, with errors in its log.
    Imperfect = 3,
    /// It could not be done.
    Failed = 4,
}

/// Why the program ends otherwise than with [`Exit::Done`], for a person.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    /// What was not possible and why; empty if it was told already.
    pub(crate) message: String,
    /// Whether the message is a list of lines that need no word before them.
    listed: bool,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl Display) -> Self {
        Self { exit, message: message.to_string(), listed: false }
    }

    /// A failure that stderr has seen already.
    pub(crate) fn told(exit: Exit) -> Self {
        Self { exit, message: String::new(), listed: false }
    }

    /// The message as a terminal may have it: names of files and what is in them are in it.
    fn shown(&self) -> String {
        if !self.listed {
            return format!("error: {}", printable(&self.message, LINE_BYTES));
        }
        let lines = self.message.lines().map(|line| printable(line, LINE_BYTES));
        lines.collect::<Vec<_>>().join("\n")
    }
}

impl From<Mistakes> for Failure {
    fn from(mistakes: Mistakes) -> Self {
        Self { exit: Exit::Usage, message: mistakes.to_string(), listed: true }
    }
}

/// Standard output that nobody reads any more is no failure: `minutebook … | head` ends well.
impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Self::told(Exit::Done),
            _ => Self::new(Exit::Failed, format!("could not write to standard output: {error}")),
        }
    }
}

/// Shows a failure and returns the exit code.
pub(crate) fn report(result: Result<Exit, Failure>) -> ExitCode {
    let exit = match result {
        Ok(exit) => exit,
        Err(failure) => {
            if !failure.message.is_empty() {
                // If stderr is gone there is nobody to tell.
                let _ = writeln!(io::stderr(), "{}", failure.shown());
            }
            failure.exit
        }
    };
    ExitCode::from(exit as u8)
}

/// Shows what clap has to say: help and version on stdout, mistakes on stderr.
pub(crate) fn usage(mut usage: clap::Error) -> ExitCode {
    // People put passwords into URLs and tokens into JSON; a mistake must not show them.
    let said = |kind| usage.get(kind).map(ToString::to_string).unwrap_or_default();
    let (argument, value) = (said(ContextKind::InvalidArg), said(ContextKind::InvalidValue));
    let flag = argument.trim_start_matches("--").split_whitespace().next().unwrap_or_default();
    if is_secret(flag, &value) {
        usage.insert(ContextKind::InvalidValue, ContextValue::String("(not shown)".to_owned()));
    }
    for kind in [ContextKind::InvalidArg, ContextKind::InvalidSubcommand, ContextKind::InvalidValue] {
        if let Some(ContextValue::String(said)) = usage.get(kind) {
            let shown = printable(said, LINE_BYTES);
            usage.insert(kind, ContextValue::String(shown));
        }
    }
    let _ = usage.print();
    ExitCode::from(if usage.use_stderr() { Exit::Usage } else { Exit::Done } as u8)
}
