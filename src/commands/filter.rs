//! `minutebook filter`: for whoever writes a filter, or is to trust one.

mod bench;
mod build;
mod inspect;
mod new;
mod project;
mod read;
mod shell;
mod test;

use std::path::Path;

use cap_std::AmbientAuthority;
use minutebook::config::{self, Loader};
use minutebook::select::Selector;

use super::run::THIS_PROGRAM;
use crate::cli::{CacheOption, FilterCommand};
use crate::exit::{Exit, Failure};

/// Runs one of its commands.
///
/// `loader` knows where compiled filters are kept if nobody says.
pub(crate) fn filter(
    command: &FilterCommand,
    loader: &Loader,
    authority: AmbientAuthority,
) -> Result<Exit, Failure> {
    let here = Here { cache_dir: loader.cache_dir(), authority };
    match command {
        FilterCommand::New(arguments) => new::new(arguments, &here),
        FilterCommand::Build(arguments) => build::build(arguments, &here),
        FilterCommand::Inspect(arguments) => inspect::inspect(arguments, &here),
        FilterCommand::Test(arguments) => test::test(arguments, &here),
        FilterCommand::Bench(arguments) => bench::bench(arguments, &here),
    }
}

/// What its commands need of the machine.
struct Here<'a> {
    cache_dir: Option<&'a Path>,
    authority: AmbientAuthority,
}

impl Here<'_> {
    /// What runs filters here.
    fn selector(&self, said: &CacheOption) -> Result<Selector, Failure> {
        let cache_dir = said.cache_dir.as_deref().or(self.cache_dir);
        config::selector(self.authority, Path::new(THIS_PROGRAM), cache_dir)
            .map_err(|error| Failure::new(Exit::Usage, error))
    }
}
