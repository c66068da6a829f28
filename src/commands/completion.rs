//! `minutebook completion`: a script that has a shell complete commands and flags.

use std::io::{self, Write as _};

use clap::CommandFactory as _;
use clap_complete::{Shell, generate};

use crate::cli::Cli;
use crate::exit::{Exit, Failure};

pub(crate) fn completion(shell: Shell) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    // Not to stdout at once: it panics where that cannot be written.
    generate(shell, &mut Cli::command(), env!("CARGO_BIN_NAME"), &mut script);
    io::stdout().lock().write_all(&script)?;
    Ok(Exit::Done)
}
