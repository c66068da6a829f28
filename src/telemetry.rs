//! Messages on stderr: how they look, which of them, and that a panic is one.

use std::io::{self, IsTerminal as _};
use std::panic;

use minutebook::cluster::RETRY_LOG;
use minutebook::config::LogFormat;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_subscriber::EnvFilter;

use crate::cli::{Cli, Command};

/// Starts it, in this format; `variables` is the environment. What is not written yet is written when the guard
/// is dropped, if stderr takes it.
///
/// Messages pass through a queue: a stderr that nobody reads (a stuck log driver, a terminal that is
/// held) must not hold up the recording. What does not fit the queue is dropped.
pub(crate) fn start(cli: &Cli, format: LogFormat, variables: &[(String, String)]) -> WorkerGuard {
    let wanted = variables.iter().find(|(name, _)| name == "RUST_LOG").map(|(_, value)| value.as_str());
    let default = default_filter(cli);
    let (filter, bad) = match wanted.map(EnvFilter::try_new) {
        Some(Ok(filter)) => (filter, None),
        Some(Err(error)) => (EnvFilter::new(&default), Some(error)),
        None => (EnvFilter::new(&default), None),
    };
    let (stderr, guard) = tracing_appender::non_blocking(io::stderr());
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(stderr)
        .with_ansi(io::stderr().is_terminal())
        .with_target(false)
        // A stderr that cannot be written must not end the recording, which telling stderr would.
        .log_internal_errors(false);
    match format {
        LogFormat::Text => builder.init(),
        LogFormat::Json => builder.json().init(),
    }
    if let Some(error) = bad {
        tracing::warn!("RUST_LOG: {error}; the default is used");
    }
    panic::set_hook(Box::new(|info| tracing::error!("a bug in minutebook, please report it: {info}")));
    guard
}

/// Whoever waits for one cycle is told of tries; a log of all cycles is not filled with them.
fn default_filter(cli: &Cli) -> String {
    let waits = match &cli.command {
        Command::Run(arguments) => arguments.once || arguments.dry_run,
        Command::Config(_)
        | Command::Rbac(_)
        | Command::Filter(_)
        | Command::Demo
        | Command::Completion { .. } => true,
    };
    // The libraries below have nothing to say to an operator.
    let tries = if waits { "info" } else { "warn" };
    format!("warn,minutebook=info,{RETRY_LOG}={tries}")
}
