//! The machine as it is, and running commands on it.

use std::io::{self, Write as _};
use std::process::{Command, Stdio};

use cap_std::AmbientAuthority;
use cap_std::fs::Dir;
use minutebook::model::limits::LINE_BYTES;
use minutebook::model::text::printable;

use super::plan::{Machine, Missing, Step};
use crate::exit::{Exit, Failure};

/// This machine; the project's folder is the current one.
pub(super) struct ThisMachine(pub(super) AmbientAuthority);

impl Machine for ThisMachine {
    fn finds(&self, program: &str) -> bool {
        let mut command = Command::new(program);
        let command =
            command.arg("--version").stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        // Some know no such flag, but they are there.
        command.status().is_ok()
    }

    fn answer(&self, program: &str, arguments: &[&str]) -> Option<String> {
        let mut command = Command::new(program);
        let output = command.args(arguments).stdin(Stdio::null()).output().ok()?;
        let answer = output.status.success().then(|| String::from_utf8(output.stdout).ok())??;
        Some(answer.trim().to_owned())
    }

    fn names(&self, folder: &str) -> Vec<String> {
        let entries = Dir::open_ambient_dir(folder, self.0).and_then(|dir| dir.entries());
        let names =
            entries.into_iter().flatten().filter_map(|entry| entry.ok()?.file_name().into_string().ok());
        let mut names: Vec<String> = names.collect();
        names.sort();
        names
    }
}

/// Runs a command in the current folder. What it says goes to stderr, as it says it.
pub(super) fn run(step: &Step) -> Result<(), Failure> {
    // If stderr is gone there is nobody to tell.
    let _ = writeln!(io::stderr(), "$ {}", printable(&step.to_string(), LINE_BYTES));
    let mut command = Command::new(&step.program);
    command.args(&step.arguments).stdin(Stdio::null()).stdout(io::stderr());
    for (variable, value) in &step.variables {
        command.env(variable, value);
    }
    for variable in &step.without {
        command.env_remove(variable);
    }
    match command.status() {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(Failure::new(Exit::Failed, format!("`{step}` failed: {status}"))),
        Err(error) => {
            let missing = Missing::new(format!("{} cannot be run", step.program), error.to_string());
            Err(Failure::new(Exit::Usage, missing))
        }
    }
}
