//! What the command line and the environment say, and which of the two said it.

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};

use super::keys::{Keys, relax};
use super::mistakes::Origin;
use super::options::Options;
use super::process::ProcessOptions;

/// The options of `run` as they were at the start. They are values of [`Options`] only together with the file.
#[derive(Debug, Clone, Default)]
pub struct Said {
    /// By flag.
    values: BTreeMap<String, (OsString, Origin)>,
    config: Option<PathBuf>,
}

impl Said {
    /// The configuration file, if one is named.
    #[must_use]
    pub fn config(&self) -> Option<&PathBuf> {
        self.config.as_ref()
    }

    /// These values, each by its flag and with its origin.
    #[cfg(test)]
    pub(super) fn of(values: &[(&str, Origin, &str)]) -> Self {
        let owned = |(key, origin, value): &(&str, Origin, &str)| {
            ((*key).to_owned(), (OsString::from(*value), origin.clone()))
        };
        Self { values: values.iter().map(owned).collect(), config: None }
    }

    pub(super) fn value(&self, key: &str) -> Option<&(OsString, Origin)> {
        self.values.get(key)
    }

    /// The command with nothing required: a file may say it.
    #[must_use]
    pub fn relax(command: Command) -> Command {
        command.mut_args(relax)
    }
}

impl Args for Said {
    fn augment_args(command: Command) -> Command {
        let config = Arg::new("config")
            .long("config")
            .env("MINUTEBOOK_CONFIG")
            .value_name("FILE")
            .value_parser(clap::value_parser!(PathBuf))
            .help("A YAML file with options of one target or of many; its paths begin in its folder")
            .help_heading("What to record");
        // Next to the options that it can stand for.
        ProcessOptions::augment_args(Options::augment_args(command).arg(config))
    }

    fn augment_args_for_update(command: Command) -> Command {
        Self::augment_args(command)
    }
}

impl FromArgMatches for Said {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, clap::Error> {
        let keys = Keys::new();
        let mut said = Self { values: BTreeMap::new(), config: matches.get_one("config").cloned() };
        for argument in keys.target.get_arguments().chain(keys.process.get_arguments()) {
            let (id, Some(long)) = (argument.get_id().as_str(), argument.get_long()) else { continue };
            let origin = match matches.try_contains_id(id).is_ok().then(|| matches.value_source(id)).flatten()
            {
                Some(ValueSource::CommandLine) => Origin::Flag(format!("--{long}")),
                Some(ValueSource::EnvVariable) => Origin::Variable(variable(long)),
                _ => continue,
            };
            let given: Vec<&OsStr> = matches.try_get_raw(id).ok().flatten().into_iter().flatten().collect();
            // Of one that may be given several times all count; of the others clap lets only one pass.
            said.values.insert(long.to_owned(), (given.join(OsStr::new(",")), origin));
        }
        Ok(said)
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), clap::Error> {
        *self = Self::from_arg_matches(matches)?;
        Ok(())
    }
}

/// The variable of a flag; a test of the command line holds every flag to it.
fn variable(flag: &str) -> String {
    format!("MINUTEBOOK_{}", flag.replace('-', "_").to_uppercase())
}
