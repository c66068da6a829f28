//! The command line: names, flags and their help, which are an interface (README).

mod filter;
mod identity;
mod version;

use std::collections::HashSet;
use std::ffi::{OsStr, OsString};

use clap::builder::BoolishValueParser;
use clap::error::ErrorKind;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use minutebook::config::{MessageOptions, Said, unknown_variables};
use minutebook::model::name::Label;

pub(crate) use filter::{
    BenchArguments, BuildArguments, CacheOption, FilterCommand, InspectArguments, Language, NewArguments,
    TestArguments, TestFormat, default_target,
};
pub(crate) use identity::{parse_name, parse_version};

/// Records every minute what a Kubernetes API server says is deployed, into read-only archives.
#[derive(Debug, Parser)]
#[command(version, long_version = version::long(), about, max_term_width = 100, subcommand_required = true, arg_required_else_help = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,

    #[command(flatten)]
    pub(crate) messages: MessageOptions,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Record what is deployed, every minute until a signal, or once
    #[command(after_help = RUN_HELP, override_usage = usage("run"))]
    Run(RunArguments),
    /// Look at the configuration before recording by it
    #[command(subcommand)]
    Config(ConfigCommand),
    /// Print the least rights that recording needs, as objects for `kubectl apply`
    #[command(after_help = RBAC_HELP, override_usage = usage("rbac"))]
    Rbac(RbacArguments),
    /// Write a filter, look at one, try it out
    #[command(subcommand)]
    Filter(FilterCommand),
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
    pub(crate) said: Said,

    /// Make one cycle and end
    #[arg(long, env = "MINUTEBOOK_ONCE", value_parser = BoolishValueParser::new(), help_heading = "Where and when")]
    pub(crate) once: bool,

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

#[derive(Debug, Subcommand)]
pub(crate) enum ConfigCommand {
    /// Print the value of every option, and where it comes from
    #[command(after_help = FILE_HELP, override_usage = usage("config show"))]
    Show(ShowArguments),
    /// Find what is wrong before recording starts: read the files that are named, load the filters
    #[command(after_help = CHECK_HELP, override_usage = usage("config check"))]
    Check(CheckArguments),
}

/// The arguments of `config show`.
#[derive(Debug, Args)]
pub(crate) struct ShowArguments {
    #[command(flatten)]
    pub(crate) said: Said,

    /// How it is printed
    // Without a variable: MINUTEBOOK_OUTPUT is for --dry-run, which has other formats.
    #[arg(short, long, value_name = "FORMAT", default_value = "text", help_heading = "Output")]
    pub(crate) output: ShowFormat,
}

/// The arguments of `config check`.
#[derive(Debug, Args)]
pub(crate) struct CheckArguments {
    #[command(flatten)]
    pub(crate) said: Said,

    /// Also ask each server once what there is, and run the filter on the answer
    // Without a variable, as long as nothing but this call has it.
    #[arg(long, help_heading = "How to connect")]
    pub(crate) connect: bool,
}

/// The arguments of `rbac`.
#[derive(Debug, Args)]
pub(crate) struct RbacArguments {
    #[command(flatten)]
    pub(crate) said: Said,

    /// Who is to have the rights: system:serviceaccount:NAMESPACE:NAME, or another user's name [default: whoever asks]
    // Without a variable: it is for one call.
    #[arg(long = "for", value_name = "USER", value_parser = parse_user, help_heading = "Output")]
    pub(crate) subject: Option<String>,
}

/// Takes a user's name as API servers have it.
fn parse_user(text: &str) -> Result<String, String> {
    const SERVICE_ACCOUNT: &str = "system:serviceaccount:";
    let name = |part: &str| part.split('.').all(|label| Label::parse(label).is_ok());
    let account = text.strip_prefix(SERVICE_ACCOUNT).map(|rest| rest.split_once(':'));
    match account {
        Some(Some((namespace, account))) if Label::parse(namespace).is_ok() && name(account) => {}
        Some(_) => return Err(format!("a service account is written {SERVICE_ACCOUNT}NAMESPACE:NAME")),
        None if text.is_empty() || text.chars().any(char::is_control) => {
            return Err("a user has a name, without control characters".to_owned());
        }
        None => {}
    }
    Ok(text.to_owned())
}

/// How `config show` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum ShowFormat {
    /// For people
    Text,
    /// For programs
    Json,
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

/// A target is on the command line, whole or where a kubeconfig says the rest, or there is a file.
fn usage(command: &str) -> String {
    format!(
        "minutebook {command} [OPTIONS] --host <HOST> --cluster <NAME> --namespace <NAME>\n       \
         minutebook {command} [OPTIONS] [--kubeconfig <FILE>] [--context <NAME>]\n       \
         minutebook {command} [OPTIONS] --config <FILE>"
    )
}

const RUN_HELP: &str = "\
Every flag is also an environment variable: MINUTEBOOK_AUDIT_DIR for --audit-dir. A flag goes first.

Where the cluster is: with --kubeconfig or --context a kubeconfig says it. Else --host does, and the API is where \
the exercise behind this program has it (--layout kata). Else the first of $KUBECONFIG, ~/.kube/config and the \
pod's service account does. HOST and CLUSTER are then the server's name and what the context calls the cluster, \
but they may be given; in a pod --cluster must be. --server, --token-file, --ca-file, --client-cert and \
--client-key go before what a kubeconfig says.

Each cycle leaves AUDIT_DIR/HOST/CLUSTER/NAMESPACE/TIME.audit.tar.gz, whatever goes wrong, and beside \
it a TIME.audit.log that says what did. HTTPS_PROXY and NO_PROXY are honored, never for loopback.

SIGINT and SIGTERM end it, once what there is of a cycle in hand is committed; a second one ends it at once. \
Without --once, SIGHUP never does: it asks for the configuration to be read again.

Exit codes:
  0  done, or ended by one signal
  2  usage or configuration; a kubeconfig that cannot be used
  3  --once: recorded, with errors in the log
  4  it could not be done: no AUDIT_DIR; --once: not recorded; --dry-run: nothing discovered
  101  a bug

Examples:
  minutebook run --dry-run
  minutebook run --context prod --all-namespaces
  minutebook run --kubeconfig admin.conf --namespace shop,billing
  minutebook run --host api.example.org --cluster prod --namespace shop --token-file token
  minutebook run --layout kubernetes --host api.example.org --cluster prod -A --token-file token
  minutebook run ... --filter-settings '{\"exclude\": [\"secrets\"]}'
  minutebook run ... --filter ./mine.wasm@sha256:...
  minutebook run --config minutebook.yaml

The file: every option is a key, spelled as its flag, for all targets or for each:
  defaults:
    filter-settings: {exclude: [events]}
  targets:
  - {host: api.example.org, cluster: prod, namespace: shop, token-file: token}
  - {context: prod, namespace: [shop, billing], interval: 5m}
  - {kubeconfig: other.conf, all-namespaces: true}    # paths begin in the folder of the file
A flag goes before its variable, that before the target's key, that before the one in `defaults`; so do \
--namespace, --all-namespaces and --cluster-scope before each other. What says which target it is (these three, \
--host, --cluster, --server, --kubeconfig, --context) is not for a file of several.";

const FILE_HELP: &str = "\
Every flag is also an environment variable, but for those of this command alone. The file is described \
in `minutebook run --help`.";

const CHECK_HELP: &str = "\
Prints a line for each target on stdout, and what is wrong on stderr. Without --connect nothing is \
connected to, and nothing is ever written.

Exit codes:
  0  nothing is wrong
  2  something is
  4  --connect: nothing else is, but there was no discovery";

const RBAC_HELP: &str = "\
Asks the server what there is, as --dry-run does, so whoever asks needs no right but to discover. Prints a Role \
and its binding for a namespace, a ClusterRole for --all-namespaces and --cluster-scope. What is selected \
and withheld is not in it.

Exit codes:
  0  printed
  2  usage or configuration, or the filter failed
  4  there was no discovery, or the server does not say who asks

Examples:
  minutebook rbac --namespace shop --for system:serviceaccount:audit:minutebook | kubectl apply -f -
  minutebook rbac --config minutebook.yaml --for jane@example.org";

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
        let mut command = everywhere(Self::command(), &|command| command.mut_args(without_empty));
        let matches = match command.clone().try_get_matches() {
            // A file may say what is missing here.
            Err(incomplete) if incomplete.kind() == ErrorKind::MissingRequiredArgument => {
                let relaxed = everywhere(command.clone(), &Said::relax);
                let matches = relaxed.try_get_matches().ok();
                matches.filter(names_a_file).ok_or(incomplete)
            }
            matches => matches,
        }?;
        refuse_output_without_dry_run(&mut command, &matches)?;
        Self::from_arg_matches(&matches)
    }

    /// Whether it is about targets that were configured.
    pub(crate) fn is_of_targets(&self) -> bool {
        matches!(self.command, Command::Run(_) | Command::Rbac(_) | Command::Config(_))
    }

    /// What was said of targets; nothing, where it has no say.
    pub(crate) fn said(&self) -> Said {
        match &self.command {
            Command::Run(RunArguments { said, .. })
            | Command::Config(
                ConfigCommand::Show(ShowArguments { said, .. })
                | ConfigCommand::Check(CheckArguments { said, .. }),
            )
            | Command::Rbac(RbacArguments { said, .. }) => said.clone(),
            Command::Filter(_) | Command::Demo | Command::Completion { .. } => Said::default(),
        }
    }
}

/// Changes a command and all below it.
fn everywhere(command: clap::Command, change: &impl Fn(clap::Command) -> clap::Command) -> clap::Command {
    change(command).mut_subcommands(|below| everywhere(below, change))
}

fn names_a_file(matches: &ArgMatches) -> bool {
    match matches.subcommand() {
        Some((_, below)) => names_a_file(below),
        None => matches.try_get_raw("config").is_ok_and(|file| file.is_some()),
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
    let mut known = HashSet::new();
    note_variables(&Cli::command(), &mut known);
    let known = |name: &str| known.contains(OsStr::new(name));
    for name in unknown_variables(variables.iter().map(|(name, _)| name.as_str()), known) {
        tracing::warn!("the environment variable {name} is no option of minutebook; it is ignored");
    }
}

fn note_variables(command: &clap::Command, known: &mut HashSet<OsString>) {
    known.extend(command.get_arguments().filter_map(|argument| argument.get_env()).map(OsStr::to_owned));
    for below in command.get_subcommands() {
        note_variables(below, known);
    }
}

#[cfg(test)]
mod tests {
    use minutebook::config::{Place, place};

    use super::*;

    /// The commands that know targets.
    fn commands() -> Vec<clap::Command> {
        let cli = Cli::command();
        cli.clone().debug_assert();
        let below = |command: &clap::Command, name: &str| command.find_subcommand(name).unwrap().clone();
        let config = below(&cli, "config");
        vec![below(&cli, "run"), below(&config, "show"), below(&config, "check")]
    }

    fn flags(command: &clap::Command) -> Vec<(&str, &Arg)> {
        let arguments = command.get_arguments().filter(|argument| argument.get_id() != "help");
        arguments.map(|argument| (argument.get_long().unwrap(), argument)).collect()
    }

    #[test]
    fn every_option_is_a_variable_that_is_spelled_like_it() {
        let [run, show, check] = &commands()[..] else { unreachable!() };
        let of_theirs_alone = [("show", "output"), ("check", "connect")];
        for command in [run, show, check] {
            for (flag, argument) in flags(command) {
                if of_theirs_alone.contains(&(command.get_name(), flag)) {
                    assert_eq!(argument.get_env(), None, "--{flag}");
                    continue;
                }
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

    #[test]
    fn every_option_is_a_key_of_the_file_or_of_one_call() {
        let [run, show, check] = &commands()[..] else { unreachable!() };
        let mut of_one_call = Vec::new();
        for (flag, _) in flags(run) {
            let place = place(flag);
            assert!(place.is_some(), "--{flag} has no place in the file, nor is it refused there");
            if place == Some(Place::Call) {
                of_one_call.push(flag);
            } else {
                let everywhere =
                    [show, check].iter().all(|below| flags(below).iter().any(|(known, _)| *known == flag));
                assert!(everywhere, "--{flag}");
            }
        }
        of_one_call.sort_unstable();
        assert_eq!(of_one_call, ["config", "dry-run", "once", "output"]);
    }
}
