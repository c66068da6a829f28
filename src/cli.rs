//! The command line: names, flags and their help, which are an interface (README).

mod version;

use clap::builder::BoolishValueParser;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use minutebook::config::{Options, unknown_variables};

/// Records every minute what a Kubernetes API server says is deployed, into read-only archives.
#[derive(Debug, Parser)]
#[command(version, long_version = version::long(), about, max_term_width = 100, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    /// How messages on stderr are written; the audit log is always text
    #[arg(
        long,
        env = "MINUTEBOOK_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text",
        global = true,
        help_heading = "Messages"
    )]
    pub(crate) log_format: LogFormat,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Record what is deployed, every minute until a signal, or once
    #[command(after_help = RUN_HELP)]
    Run(Box<RunArguments>),
    /// Record a sample cluster once, into ./minutebook-demo, and show what was written
    #[command(after_help = DEMO_HELP)]
    Demo,
    /// Print what has a shell complete commands and flags
    #[command(after_help = COMPLETION_HELP)]
    Completion {
        /// The shell
        shell: Shell,
    },
}

/// The arguments of `run`.
#[derive(Debug, Args)]
pub(crate) struct RunArguments {
    #[command(flatten)]
    pub(crate) options: Options,

    /// Discover and select, print the result, fetch and write nothing
    #[arg(long, env = "MINUTEBOOK_DRY_RUN", value_parser = BoolishValueParser::new(), help_heading = "Trying it out")]
    pub(crate) dry_run: bool,

    /// What --dry-run prints
    #[arg(
        short,
        long,
        env = "MINUTEBOOK_OUTPUT",
        value_name = "FORMAT",
        default_value = "table",
        help_heading = "Trying it out"
    )]
    pub(crate) output: OutputFormat,
}

/// What `--dry-run` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum OutputFormat {
    /// The selected resources
    Table,
    /// All resources, with the filter's reason for each
    Wide,
    /// The names of the selected resources, one a line
    Name,
    /// All resources with their verdicts, for programs
    Json,
}

/// How messages on stderr are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

const RUN_HELP: &str = "\
Every flag is also an environment variable: MINUTEBOOK_AUDIT_DIR for --audit-dir. A flag goes first.

Each cycle leaves AUDIT_DIR/HOST/CLUSTER/NAMESPACE/TIME.audit.tar.gz, whatever goes wrong, and beside \
it a TIME.audit.log that says what did. HTTPS_PROXY and NO_PROXY are honored, never for loopback.

SIGINT and SIGTERM end it, once what there is of a cycle in hand is committed; a second one ends it at once. \
Without --once, SIGHUP never does: it asks for the configuration to be read again.

Exit codes:
  0  done, or ended by one signal
  2  usage or configuration
  3  --once: recorded, with errors in the log
  4  it could not be done: no AUDIT_DIR; --once: not recorded; --dry-run: nothing discovered
  101  a bug

Examples:
  minutebook run --host api.example.org --cluster prod --namespace shop --dry-run
  minutebook run --host api.example.org --cluster prod --namespace shop --token-file token
  minutebook run ... --filter-settings '{\"exclude\": [\"secrets\"]}'
  minutebook run ... --filter ./mine.wasm@sha256:...";

const DEMO_HELP: &str = "\
The sample cluster is served by this program itself, on a loopback address. ./minutebook-demo is \
made, or used again if it holds nothing but an earlier demo.";

const COMPLETION_HELP: &str = "\
Put it where the shell looks for it:
  bash        minutebook completion bash > ~/.local/share/bash-completion/completions/minutebook
  zsh         minutebook completion zsh > DIR/_minutebook, where DIR is in $fpath; then compinit
  fish        minutebook completion fish > ~/.config/fish/completions/minutebook.fish
  elvish      minutebook completion elvish >> ~/.config/elvish/rc.elv
  powershell  minutebook completion powershell >> $PROFILE

For everybody on a machine:
  bash        /usr/share/bash-completion/completions/minutebook
  zsh         /usr/share/zsh/site-functions/_minutebook
  fish        /usr/share/fish/vendor_completions.d/minutebook.fish";

impl Cli {
    /// Parses the command line; `variables` is the environment.
    ///
    /// A variable that is empty is one that is not set: charts and unit files leave such behind.
    pub(crate) fn parse_from_process(variables: &[(String, String)]) -> Result<Self, clap::Error> {
        let empty = |argument: &Arg| {
            let name = argument.get_env().and_then(|name| name.to_str());
            name.is_some_and(|name| variables.iter().any(|(known, value)| known == name && value.is_empty()))
        };
        let without_empty =
            |argument: Arg| if empty(&argument) { argument.env(None::<&str>) } else { argument };
        let mut command = Self::command().mut_args(without_empty);
        command = command.mut_subcommands(|subcommand| subcommand.mut_args(without_empty));
        let matches = command.clone().try_get_matches()?;
        refuse_output_without_dry_run(&mut command, &matches)?;
        Self::from_arg_matches(&matches)
    }
}

/// A flag that would have no effect is a mistake; a variable may stand there for other calls.
fn refuse_output_without_dry_run(
    command: &mut clap::Command,
    matches: &ArgMatches,
) -> Result<(), clap::Error> {
    let Some(run) = matches.subcommand_matches("run") else { return Ok(()) };
    if run.value_source("output") == Some(ValueSource::CommandLine) && !run.get_flag("dry_run") {
        let message = "--output is for --dry-run, which is missing";
        return Err(command.error(ErrorKind::MissingRequiredArgument, message));
    }
    Ok(())
}

/// Says which variables look like options and are none.
pub(crate) fn warn_of_unknown_variables(variables: &[(String, String)]) {
    let cli = Cli::command();
    let commands = || std::iter::once(&cli).chain(cli.get_subcommands());
    let known = |name: &str| {
        commands()
            .flat_map(clap::Command::get_arguments)
            .any(|argument| argument.get_env().is_some_and(|env| env == name))
    };
    for name in unknown_variables(variables.iter().map(|(name, _)| name.as_str()), known) {
        tracing::warn!("the environment variable {name} is no option of minutebook; it is ignored");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_option_is_a_variable_that_is_spelled_like_it() {
        let cli = Cli::command();
        cli.clone().debug_assert();
        let run = cli.get_subcommands().find(|command| command.get_name() == "run").unwrap();
        for argument in run.get_arguments().filter(|argument| argument.get_id() != "help") {
            let flag = argument.get_long().unwrap();
            let expected = format!("MINUTEBOOK_{}", flag.replace('-', "_").to_uppercase());
            assert_eq!(
                argument.get_env().map(|env| env.to_str().unwrap()),
                Some(expected.as_str()),
                "--{flag}"
            );
            assert!(
                !flag.starts_with("service-") && flag != "port",
                "--{flag} would collide with a Service's variables"
            );
        }
    }
}
