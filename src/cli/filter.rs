//! `minutebook filter`: what whoever writes a filter, or is to trust one, does with it.

use std::fmt;
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use minutebook::config::{FilterLimits, FilterOption, parse_settings};
use minutebook::cycle::SettingsSource;
use minutebook::model::target::{FolderName, Host, Scope, Target, TargetError};

use super::ShowFormat;
use super::identity::{parse_name, parse_version};

#[derive(Debug, Subcommand)]
pub(crate) enum FilterCommand {
    /// Write a project for a filter, which builds and passes its own test
    #[command(after_help = NEW_HELP)]
    New(NewArguments),
    /// Compile the project in this folder, or make a filter of a module that is compiled already
    #[command(after_help = BUILD_HELP)]
    Build(BuildArguments),
    /// Print what a filter says of itself, and whether it would run
    #[command(after_help = INSPECT_HELP)]
    Inspect(InspectArguments),
    /// Run a filter on recorded catalogs, and compare what it decides
    #[command(after_help = TEST_HELP, override_usage = "minutebook filter test [OPTIONS] <NAME|FILE> --catalog <FILE>")]
    Test(Box<TestArguments>),
    /// Measure a filter beside the default one
    #[command(after_help = BENCH_HELP)]
    Bench(BenchArguments),
}

/// A language that there is a template for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Language {
    /// Rust, with its standard library
    Rust,
    /// C, without a library
    C,
    /// Go, the ordinary one
    Go,
    /// JavaScript
    Js,
    /// Python
    Python,
}

impl Language {
    /// All of them.
    pub(crate) const ALL: [Self; 5] = [Self::Rust, Self::C, Self::Go, Self::Js, Self::Python];

    /// As people call it.
    pub(crate) fn spoken(self) -> &'static str {
        match self {
            Self::Rust => "Rust",
            Self::C => "C",
            Self::Go => "Go",
            Self::Js => "JavaScript",
            Self::Python => "Python",
        }
    }
}

impl fmt::Display for Language {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Rust => "rust",
            Self::C => "c",
            Self::Go => "go",
            Self::Js => "js",
            Self::Python => "python",
        })
    }
}

/// The arguments of `filter new`.
#[derive(Debug, Args)]
pub(crate) struct NewArguments {
    /// The language
    #[arg(long = "lang", value_name = "LANGUAGE")]
    pub(crate) language: Language,

    /// Where the project is written: a folder that is not there, or is empty. The filter goes by its name
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
}

/// The arguments of `filter build`.
#[derive(Debug, Args)]
pub(crate) struct BuildArguments {
    /// A core module (or a component, which only gets its name) [default: compile the project in this folder]
    #[arg(value_name = "FILE.wasm")]
    pub(crate) file: Option<PathBuf>,

    /// Where the filter is written; what is there is replaced if it is WebAssembly [default: filter.wasm; for FILE.wasm, FILE.component.wasm beside it]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) out: Option<PathBuf>,

    /// What the filter is called [default: as the project says; as its file]
    #[arg(long, value_name = "NAME", value_parser = parse_name)]
    pub(crate) name: Option<String>,

    /// Its version [default: as the project says]
    #[arg(long, value_name = "VERSION", value_parser = parse_version)]
    pub(crate) filter_version: Option<String>,

    #[command(flatten)]
    pub(crate) cache: CacheOption,
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

    /// What there is to decide about: a file. Given several times, they become one catalog
    #[arg(long, value_name = "FILE", required = true, help_heading = "The question")]
    pub(crate) catalog: Vec<PathBuf>,

    /// Settings for the filter: JSON, or a file with JSON
    // The flags of one question have no variables, so that a test gives the same answer wherever it is run.
    #[arg(long, alias = "filter-settings", value_name = "JSON|@FILE", default_value = "{}", value_parser = parse_settings, help_heading = "The question")]
    pub(crate) settings: SettingsSource,

    /// The host that the filter is told of
    #[arg(long, value_name = "HOST", default_value = HOST, help_heading = "The question")]
    pub(crate) host: Host,

    /// The cluster that it is told of
    #[arg(long, value_name = "NAME", default_value = CLUSTER, help_heading = "The question")]
    pub(crate) cluster: FolderName,

    /// The namespace that it decides for
    #[arg(long, value_name = "NAME", default_value = NAMESPACE, help_heading = "The question")]
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

    /// Settings for the other filter, which does not get those of --settings
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

/// What a filter is told of if nobody says.
pub(crate) fn default_target() -> Result<Target, TargetError> {
    Ok(Target { host: HOST.parse()?, cluster: CLUSTER.parse()?, scope: Scope::Namespace(NAMESPACE.parse()?) })
}

/// The arguments of `filter bench`.
#[derive(Debug, Args)]
pub(crate) struct BenchArguments {
    /// The filter: a component's file, or a stock filter's name
    #[arg(value_name = "NAME|FILE[@sha256:HEX]")]
    pub(crate) filter: FilterOption,

    /// Settings for the filter: JSON, or a file with JSON
    #[arg(long, alias = "filter-settings", value_name = "JSON|@FILE", default_value = "{}", value_parser = parse_settings)]
    pub(crate) settings: SettingsSource,

    /// How many fresh instances decide about each catalog
    #[arg(long, value_name = "NUMBER", default_value = "21", value_parser = parse_samples)]
    pub(crate) samples: usize,

    /// How it is printed
    #[arg(short, long, value_name = "FORMAT", default_value = "table")]
    pub(crate) output: TestFormat,

    #[command(flatten)]
    pub(crate) limits: FilterLimits,

    #[command(flatten)]
    pub(crate) cache: CacheOption,
}

fn parse_samples(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| (1..=10_000).contains(number));
    number.ok_or_else(|| "it is a number from 1 to 10000".to_owned())
}

/// How `filter test` prints.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum TestFormat {
    /// For people
    Table,
    /// For programs
    Json,
}

/// What a filter is told of if nobody says.
const HOST: &str = "localhost";
const CLUSTER: &str = "test";
const NAMESPACE: &str = "default";

const NEW_HELP: &str = "\
The project is complete: the rule with a test of its own, filter.wit, a catalog to try it on, and a README. Nothing is \
fetched and nothing is run. For any other language that compiles to WebAssembly, see `minutebook filter build`.

Exit codes:
  0  written
  2  the folder is not empty, or none can be there, or its name cannot be a filter's
  4  it cannot be written

Example:
  minutebook filter new --lang js pick-apps && cd pick-apps && minutebook filter build";

const BUILD_HELP: &str = "\
A project is a folder that `minutebook filter new` made. What its language needs is not installed: what is missing is \
said, with the command that installs it. Of JavaScript and Python what the project names is fetched once, by npm and pip.

A core module needs no bindings: it exports `memory`, `cabi_realloc` and the functions of filter.wit by the names of \
the canonical ABI. If it imports WASI (preview 1), it gets one without files, environment, clock and network.

What would be refused is not written. The filter goes to a file, a line about it to stdout, all else to stderr.

Exit codes:
  0  written
  2  something is missing, no filter can be made of it, or --out or `build` is something else
  4  a compiler failed, or the file cannot be written";

const INSPECT_HELP: &str = "\
The filter is loaded and started, and decides about nothing, within the limits that `minutebook run` has by default. \
Whether it accepts settings is not looked at.

Exit codes:
  0  it would run
  2  it would be refused, or cannot be read
  4  what came of it cannot be written to stdout";

const TEST_HELP: &str = "\
A catalog is what an API server answers: the list of one version of a group (an APIResourceList: kubectl get --raw \
/apis/apps/v1), or of all at once (an APIGroupDiscoveryList); or what `minutebook run --dry-run -o json` prints.

The filter is asked twice, and must say the same both times. Names are written as `minutebook run --dry-run -o name` \
prints them. What is expected of a resource that is not in the catalog does not come true; resources of which nothing \
is expected are counted. With --against, lines with - are the other filter's.

Exit codes:
  0  all is as expected
  1  something is otherwise: two answers, an expectation, the other filter
  2  a file cannot be read, or only part of a catalog, or a filter did not decide
  4  what came of it cannot be written to stdout

Examples:
  minutebook filter test ./filter.wasm --catalog test/catalog.json --expect test/expect.json
  minutebook filter test ./new.wasm --catalog prod.json --settings @s.json --against default";

const BENCH_HELP: &str = "\
Each step is taken as in a cycle, in a fresh instance, by turns with the default filter: of times the median is shown, \
with the shortest and the longest. Fuel is counted from instantiation on; memory is that of all the filter's memories. \
The catalogs, of 60 and of 500 resources, are made up and always the same. Measure with a release build, on a machine \
that does nothing else.

Exit codes:
  0  measured
  2  the filter cannot be read, or did not decide
  4  what came of it cannot be written to stdout";
