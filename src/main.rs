//! The process's edge: arguments, signals, stderr and the exit code.
//!
//! Ambient authority is exercised here and nowhere else: from here on a part of the program
//! can open what it was given and nothing more.

mod cli;
mod commands;
mod exit;
mod notify;
mod open_files;
mod signals;
mod telemetry;

use std::process::ExitCode;

use minutebook::config::Loader;

use cli::{Cli, Command, ConfigCommand};
use notify::Notify;

/// Threads for blocking work come and go by the hundred, and the system's allocator would keep what each of them had.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    #[expect(clippy::disallowed_methods, reason = "the one place where ambient authority is exercised")]
    let authority = cap_std::ambient_authority();
    if let Some(done) = commands::compile_filter(authority) {
        return done;
    }
    let variables: Vec<(String, String)> = environment();
    let cli = match Cli::parse_from_process(&variables) {
        Ok(cli) => cli,
        Err(usage) => return exit::usage(usage),
    };
    // Before the first message, for it says how they look.
    let loader = Loader::new(cli.said(), &variables, authority);
    let config = cli.is_of_targets().then(|| loader.load());
    let known = config.as_ref().and_then(|config| config.as_ref().ok());
    let log_format = known.map_or(cli.messages.log_format, |config| config.log_format);
    let _messages = telemetry::start(&cli, log_format, &variables);
    if let Err(error) = signals::survive_file_size_limit() {
        tracing::warn!("a limit on the size of files would end the program: {error}");
    }
    if let Err(error) = open_files::raise_limit() {
        tracing::warn!("the limit of open files stays as low as it is: {error}");
    }
    cli::warn_of_unknown_variables(&variables);
    install_tls_provider();

    let configured = || config.unwrap_or_else(|| loader.load()).map_err(exit::Failure::from);
    let result = match cli.command {
        Command::Demo => commands::demo(authority),
        Command::Run(arguments) => {
            let notify = Notify::from(&variables);
            configured()
                .and_then(|config| commands::run(&arguments, config, loader.clone(), authority, &notify))
        }
        Command::Config(ConfigCommand::Show(arguments)) => {
            configured().and_then(|config| commands::show(&config, arguments.output))
        }
        Command::Config(ConfigCommand::Check(arguments)) => {
            configured().and_then(|config| commands::check(config, arguments.connect, authority))
        }
        Command::Rbac(arguments) => {
            configured().and_then(|config| commands::rbac(&arguments, config, authority))
        }
        Command::Filter(command) => commands::filter(&command, &loader, authority),
        Command::Completion { shell } => commands::completion(shell),
    };
    exit::report(result)
}

/// The environment, read once; what is not Unicode is none of ours.
fn environment() -> Vec<(String, String)> {
    let unicode = |(name, value): (std::ffi::OsString, std::ffi::OsString)| {
        Some((name.into_string().ok()?, value.to_string_lossy().into_owned()))
    };
    #[expect(clippy::disallowed_methods, reason = "the one place where the environment is read")]
    std::env::vars_os().filter_map(unicode).collect()
}

/// One TLS provider for the process. It cannot be installed already: nothing else has run.
fn install_tls_provider() {
    let _ = rustls::crypto::ring::default_provider().install_default();
}
