//! `minutebook filter`: what whoever writes a filter, or is to trust one, does with it.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use minutebook::config::FilterOption;

use super::ShowFormat;

#[derive(Debug, Subcommand)]
pub(crate) enum FilterCommand {
    /// Print what a filter says of itself, and whether it would run
    #[command(after_help = INSPECT_HELP)]
    Inspect(InspectArguments),
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

const INSPECT_HELP: &str = "\
The filter is loaded and started, and decides about nothing, within the limits that `minutebook run` has by default. \
Whether it accepts settings is not looked at.

Exit codes:
  0  it would run
  2  it would be refused, or cannot be read";
