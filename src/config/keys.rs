//! The keys of the configuration file, which are the flags: their names, where they may stand, and
//! what a value means are clap's, so that flag, variable and file cannot differ.

use std::error::Error as _;
use std::ffi::{OsStr, OsString};
use std::path::Path;

use clap::builder::{Resettable, ValueHint};
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Args as _, Command, Id};

use super::options::{FilterOption, Options, parse_server};
use super::process::{MessageOptions, ProcessOptions};
use crate::cycle::FilterSource;

/// Flags that are of one call: a file that is read again and again has no say in them.
const OF_ONE_CALL: [&str; 4] = ["config", "dry-run", "once", "output"];
/// How alike two words must be for one to be taken for the other; clap's measure for flags.
const ALIKE: f64 = 0.7;

/// Where a flag may stand in the configuration file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// In `defaults` and in each target.
    Target,
    /// In `defaults` alone: it is of the whole process.
    Process,
    /// Nowhere: it is of one call.
    Call,
}

/// All keys, each with its parser.
pub(super) struct Keys {
    /// What each target has.
    pub(super) target: Command,
    /// What the process has.
    pub(super) process: Command,
}

impl Keys {
    pub(super) fn new() -> Self {
        let bare = || Command::new("file").no_binary_name(true).disable_help_flag(true);
        // What is said by a variable is known by now, and whether it is enough is asked of all together.
        // A switch has a value here, so that a target can turn off what the defaults turn on.
        let valued = |argument: Arg| match argument.get_action() {
            ArgAction::SetTrue => argument.action(ArgAction::Set).num_args(1).default_value("false"),
            _ => argument,
        };
        let alone = |argument: Arg| valued(relax(argument).env(None::<&str>));
        let process = ProcessOptions::augment_args(MessageOptions::augment_args(bare()));
        Self { target: Options::augment_args(bare()).mut_args(alone), process: process.mut_args(alone) }
    }

    /// Where a key may stand; `None` if there is no such key.
    pub(super) fn place(&self, key: &str) -> Option<Place> {
        if find(&self.target, key).is_some() {
            Some(Place::Target)
        } else if find(&self.process, key).is_some() {
            Some(Place::Process)
        } else {
            OF_ONE_CALL.contains(&key).then_some(Place::Call)
        }
    }

    pub(super) fn argument(&self, key: &str) -> Option<&Arg> {
        find(&self.target, key).or_else(|| find(&self.process, key))
    }

    /// The key that an unknown one was probably meant to be.
    pub(super) fn nearest(&self, unknown: &str) -> Option<&str> {
        let keys = self.target.get_arguments().chain(self.process.get_arguments());
        nearest(unknown, keys.filter_map(Arg::get_long))
    }
}

/// Where a flag may stand in the configuration file; `None` if `run` has no such flag.
#[must_use]
pub fn place(flag: &str) -> Option<Place> {
    Keys::new().place(flag)
}

/// An argument that need not be there and needs no other.
pub(super) fn relax(argument: Arg) -> Arg {
    argument.required(false).requires(Resettable::<Id>::Reset)
}

pub(super) fn nearest<'a>(unknown: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let unknown = unknown.to_lowercase();
    let alike = known.map(|known| (strsim::jaro(&unknown, known), known));
    let best = alike.filter(|(alike, _)| *alike > ALIKE).max_by(|a, b| a.0.total_cmp(&b.0));
    best.map(|(_, known)| known)
}

/// All flags of a command.
pub(super) fn flags(command: &Command) -> impl Iterator<Item = (&str, &Arg)> {
    command.get_arguments().filter_map(|argument| Some((argument.get_long()?, argument)))
}

/// Whether a flag takes several values, separated by commas.
pub(super) fn may_be_several(argument: &Arg) -> bool {
    argument.get_value_delimiter().is_some()
}

fn find<'a>(command: &'a Command, key: &str) -> Option<&'a Arg> {
    command.get_arguments().find(|argument| argument.get_long() == Some(key))
}

/// As a word of the command line.
pub(super) fn typed(key: &str, value: &OsStr) -> OsString {
    let mut word = OsString::from(format!("--{key}="));
    word.push(value);
    word
}

/// Has the flag's own parser look at a value.
///
/// # Errors
/// Why it is none of this flag's.
pub(super) fn check(argument: &Arg, value: &OsStr) -> Result<(), String> {
    let key = argument.get_long().unwrap_or_default();
    if key == "server" {
        return parse_server(&value.to_string_lossy()).map(|_| ());
    }
    let alone = Command::new("key").no_binary_name(true).disable_help_flag(true).arg(argument.clone());
    let Err(error) = alone.try_get_matches_from([typed(key, value)]) else { return Ok(()) };
    Err(match (error.source(), error.get(ContextKind::ValidValue)) {
        (Some(why), _) => why.to_string(),
        (None, Some(ContextValue::Strings(known))) => format!("it is one of `{}`", known.join("`, `")),
        (None, _) => error.kind().to_string(),
    })
}

/// A value whose relative path begins in `folder`: a file's paths go with the file, wherever the program
/// was started.
pub(super) fn rebased(argument: &Arg, value: String, folder: &Path) -> OsString {
    if folder.as_os_str().is_empty() || value.is_empty() {
        return value.into();
    }
    let join = |path: &str| folder.join(Path::new(path).strip_prefix(".").unwrap_or(Path::new(path))).into();
    let in_a_file = |filter: FilterOption| matches!(filter.source, FilterSource::File(_));
    match (argument.get_long(), value.strip_prefix('@')) {
        (Some("filter"), _) if value.parse().is_ok_and(in_a_file) => join(&value),
        (Some("filter-settings"), Some(file)) if !file.is_empty() => {
            let mut settings = OsString::from("@");
            settings.push::<OsString>(join(file));
            settings
        }
        _ if argument.get_value_hint() == ValueHint::AnyPath => join(&value),
        _ => value.into(),
    }
}

/// Whether a value must not appear in a message about a mistake: people put passwords into URLs and
/// tokens into JSON.
#[must_use]
pub fn is_secret(flag: &str, value: &str) -> bool {
    matches!(flag, "filter-settings" | "settings" | "against-settings" | "server")
        || flag == "host" && value.contains('@')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelled_key_finds_its_own() {
        let keys = Keys::new();
        let rows = [
            ("audit_dir", Some("audit-dir")),
            ("HOST", Some("host")),
            ("hots", Some("host")),
            ("name-space", Some("namespace")),
            ("tokenFile", Some("token-file")),
            ("log", Some("log-format")),
            ("frobnicate", None),
            ("", None),
        ];
        for (unknown, expected) in rows {
            assert_eq!(keys.nearest(unknown), expected, "{unknown}");
        }
    }

    #[test]
    fn paths_of_a_file_begin_in_its_folder() {
        let keys = Keys::new();
        let hex = "0".repeat(64);
        let pinned = format!("f/x@sha256:{hex}");
        let rows = [
            ("token-file", "token", "/etc/m/token"),
            ("token-file", "./token", "/etc/m/token"),
            ("token-file", "../token", "/etc/m/../token"),
            ("audit-dir", "/audit", "/audit"),
            ("state-dir", "state", "/etc/m/state"),
            ("filter", "default", "default"),
            ("filter", "./mine.wasm", "/etc/m/mine.wasm"),
            ("filter", &pinned, &format!("/etc/m/{pinned}")),
            ("filter-settings", "@s.json", "/etc/m/s.json"),
            ("filter-settings", "{}", "{}"),
            ("interval", "10s", "10s"),
            ("host", "h", "h"),
        ];
        for (key, value, expected) in rows {
            let argument = keys.argument(key).unwrap();
            let found = rebased(argument, value.to_owned(), Path::new("/etc/m"));
            assert_eq!(found.to_str().unwrap().trim_start_matches('@'), expected, "{key}: {value}");
            assert_eq!(rebased(argument, value.to_owned(), Path::new("")), value, "no folder, no change");
        }
    }

    #[test]
    fn a_value_is_what_its_flag_takes() {
        let keys = Keys::new();
        let check = |key: &str, value: &str| check(keys.argument(key).unwrap(), OsStr::new(value));
        for (key, good) in [
            ("host", "h"),
            ("interval", "10s"),
            ("filter-fuel", "5000000000"),
            ("server", "http://h"),
            ("client-cert", "c"),
            ("log-format", "json"),
        ] {
            assert_eq!(check(key, good), Ok(()), "{key}");
        }
        for (key, bad, why) in [
            ("interval", "999ms", "an interval is at least 1s"),
            ("log-format", "xml", "it is one of `text`, `json`"),
            ("filter-fuel", "many", "invalid digit found in string"),
            (
                "host",
                "-x",
                "a host is a DNS name, an IPv4 address or an IPv6 address in brackets, with an optional `:PORT`",
            ),
        ] {
            assert_eq!(check(key, bad), Err(why.to_owned()), "{key}");
        }
    }
}
