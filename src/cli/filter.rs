//! `minutebook filter`: what whoever writes a filter, or is to trust one, does with it.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use minutebook::config::{FilterLimits, FilterOption, parse_settings};
use minutebook::cycle::SettingsSource;
use minutebook::model::target::{FolderName, Host, Scope, Target};

use super::ShowFormat;

#[derive(Debug, Subcommand)]
pub(crate) enum FilterCommand {
    /// Print what a filter says of itself, and whether it would run
    #[command(after_help = INSPECT_HELP)]
    Inspect(InspectArguments),
    /// Run a filter on recorded catalogs, and compare what it decides
    #[command(after_help = TEST_HELP, override_usage = "minutebook filter test [OPTIONS] <NAME|FILE> --catalog <FILE>...")]
    Test(Box<TestArguments>),
}

/// The arguments of `filter inspect`.
#[derive(Debug, Args)]
pub(crate) struct InspectArguments {
    /// The filter: a component's file, or a stock filter's name
    #[arg(value_name = "NAME|FILE[@sha256:HEX]")]
    pub(crate) filter: FilterOption,

    /// How it is printed
    #[arg(short, long, value_name = "FORMAT", default_value = "text")]
    pub(crate) output: ShowFormat,

    #[command(flatten)]
    pub(crate) cache: CacheOption,
}

/// What every command takes that runs filters.
#[derive(Debug, Args)]
pub(crate) struct CacheOption {
    /// Where compiled filters are kept [default: where `minutebook run` keeps them]
    #[arg(long, env = "MINUTEBOOK_CACHE_DIR", value_name = "DIR", help_heading = "Limits")]
    pub(crate) cache_dir: Option<PathBuf>,
}

/// The arguments of `filter test`.
#[derive(Debug, Args)]
pub(crate) struct TestArguments {
    /// The filter: a component's file, or a stock filter's name
    #[arg(value_name = "NAME|FILE[@sha256:HEX]")]
    pub(crate) filter: FilterOption,

    /// What there is to decide about: files, of which several become one catalog
    #[arg(long, value_name = "FILE", required = true, num_args = 1.., help_heading = "The question")]
    pub(crate) catalog: Vec<PathBuf>,

    /// Settings for the filter: JSON, or a file with JSON
    // The flags of one question have no variables, so that a test gives the same answer wherever it is run.
    #[arg(long, value_name = "JSON|@FILE", default_value = "{}", value_parser = parse_settings, help_heading = "The question")]
    pub(crate) settings: SettingsSource,

    /// The host that the filter is told of
    #[arg(long, value_name = "HOST", default_value = "localhost", help_heading = "The question")]
    pub(crate) host: Host,

    /// The cluster that it is told of
    #[arg(long, value_name = "NAME", default_value = "test", help_heading = "The question")]
    pub(crate) cluster: FolderName,

    /// The namespace that it decides for
    #[arg(long, value_name = "NAME", default_value = "default", help_heading = "The question")]
    namespace: FolderName,

    /// It decides for all namespaces
    #[arg(short = 'A', long, conflicts_with_all = ["namespace", "cluster_scope"], help_heading = "The question")]
    all_namespaces: bool,

    /// It decides for what is in no namespace, such as nodes
    #[arg(long, conflicts_with = "namespace", help_heading = "The question")]
    cluster_scope: bool,

    /// A file with what is to come of it: {"configmaps": true, "deployments.apps": false}
    #[arg(long, value_name = "FILE", help_heading = "The answer")]
    pub(crate) expect: Option<PathBuf>,

    /// Another filter, of which is shown what it decides otherwise
    #[arg(long, value_name = "NAME|FILE[@sha256:HEX]", help_heading = "The answer")]
    pub(crate) against: Option<FilterOption>,

    /// Settings for the other filter
    #[arg(long, value_name = "JSON|@FILE", default_value = "{}", value_parser = parse_settings, requires = "against", help_heading = "The answer")]
    pub(crate) against_settings: SettingsSource,

    /// How it is printed
    #[arg(short, long, value_name = "FORMAT", default_value = "table", help_heading = "The answer")]
    pub(crate) output: TestFormat,

    #[command(flatten)]
    pub(crate) limits: FilterLimits,

    #[command(flatten)]
    pub(crate) cache: CacheOption,
}

impl TestArguments {
    /// The target that the filter is told of.
    pub(crate) fn target(&self) -> Target {
        let scope = match (self.all_namespaces, self.cluster_scope) {
            (true, _) => Scope::AllNamespaces,
            (_, true) => Scope::Cluster,
            _ => Scope::Namespace(self.namespace.clone()),
        };
        Target { host: self.host.clone(), cluster: self.cluster.clone(), scope }
    }
}

/// How `filter test` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TestFormat {
    /// For people
    Table,
    /// For programs
    Json,
}

const INSPECT_HELP: &str = "\
The filter is loaded and started, and decides about nothing, within the limits that `minutebook run` has by default. \
Whether it accepts settings is not looked at.

Exit codes:
  0  it would run
  2  it would be refused, or cannot be read";

const TEST_HELP: &str = "\
A catalog is what an API server answers: the list of one version of a group (an APIResourceList: kubectl get --raw \
/apis/apps/v1), or of all at once (an APIGroupDiscoveryList); or what `minutebook run --dry-run -o json` prints.

The filter is asked twice, and must say the same both times. Names are written as `minutebook run --dry-run -o name` \
prints them. What is expected of a resource that is not in the catalog does not come true; resources of which nothing \
is expected are counted. With --against, lines with - are the other filter's.

Exit codes:
  0  all is as expected
  1  something is otherwise: two answers, an expectation, the other filter
  2  a file cannot be read, or a filter did not decide

Examples:
  minutebook filter test ./filter.wasm --catalog test/catalog.json --expect test/expect.json
  minutebook filter test ./new.wasm --catalog prod.json --settings @s.json --against default";
