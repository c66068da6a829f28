//! Options of the whole process: in the configuration file they stand under `defaults` alone.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use super::mistakes::Origin;

/// How the program talks, whatever it does.
#[derive(Debug, Clone, Args)]
pub struct MessageOptions {
    /// How messages on stderr are written; the audit log is always text
    #[arg(
        long,
        env = "MINUTEBOOK_LOG_FORMAT",
        value_name = "FORMAT",
        default_value = "text",
        global = true,
        help_heading = "Messages"
    )]
    pub log_format: LogFormat,
}

/// How messages on stderr are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// For people
    Text,
    /// One JSON object a line
    Json,
}

/// What all targets of a process share.
#[derive(Debug, Clone, Args)]
pub struct ProcessOptions {
    /// Where minutebook keeps what it must remember between runs [default: the first of
    /// `$STATE_DIRECTORY`, `$XDG_STATE_HOME/minutebook`, `~/.local/state/minutebook`]
    #[arg(long, env = "MINUTEBOOK_STATE_DIR", value_name = "DIR", help_heading = "Where and when")]
    pub state_dir: Option<PathBuf>,

    /// Where minutebook keeps what it can make again: compiled filters [default: the first of
    /// `$CACHE_DIRECTORY`, `$XDG_CACHE_HOME/minutebook`, `~/.cache/minutebook`]
    #[arg(long, env = "MINUTEBOOK_CACHE_DIR", value_name = "DIR", help_heading = "Where and when")]
    pub cache_dir: Option<PathBuf>,
}

/// Where the folders of the process are if nobody says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct DefaultDirs {
    state: Option<(PathBuf, Origin)>,
    cache: Option<(PathBuf, Origin)>,
}

impl DefaultDirs {
    /// What systemd made for us, else where XDG has them. `variables` is the environment.
    pub(super) fn new(variables: &[(String, String)]) -> Self {
        let dir = |made, base, below| default_dir(variables, made, base, below);
        Self {
            state: dir("STATE_DIRECTORY", "XDG_STATE_HOME", ".local/state/minutebook"),
            cache: dir("CACHE_DIRECTORY", "XDG_CACHE_HOME", ".cache/minutebook"),
        }
    }

    /// The folder of an option, and who says so.
    pub(super) fn of(&self, key: &str) -> Option<&(PathBuf, Origin)> {
        match key {
            "state-dir" => self.state.as_ref(),
            "cache-dir" => self.cache.as_ref(),
            _ => None,
        }
    }
}

/// What the variable `made` says, else the folder for minutebook in what `base` says, else what is `below` HOME.
fn default_dir(
    variables: &[(String, String)],
    made: &str,
    base: &str,
    below: &str,
) -> Option<(PathBuf, Origin)> {
    let value = |name: &str| {
        let found = variables.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    };
    // Several `StateDirectory=` are joined with colons. XDG: what is relative is not valid and is ignored.
    let from = [
        (made, value(made).and_then(|all| all.split(':').next()), ""),
        (base, value(base), "minutebook"),
        ("HOME", value("HOME"), below),
    ];
    from.into_iter().find_map(|(name, base, below)| {
        let base = base.map(Path::new).filter(|base| base.is_absolute())?;
        let path = if below.is_empty() { base.to_owned() } else { base.join(below) };
        Some((path, Origin::Variable(name.to_owned())))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    type Row<'a> = (&'a [(&'a str, &'a str)], Option<(&'a str, &'a str)>);

    #[test]
    fn the_folders_are_where_systemd_or_xdg_has_them() {
        let home = ("HOME", "/home/me");
        let rows: [Row; 7] = [
            (
                &[("STATE_DIRECTORY", "/var/lib/minutebook:/var/lib/x"), home],
                Some(("/var/lib/minutebook", "STATE_DIRECTORY")),
            ),
            (
                &[("STATE_DIRECTORY", ""), ("XDG_STATE_HOME", "/x"), home],
                Some(("/x/minutebook", "XDG_STATE_HOME")),
            ),
            (&[("XDG_STATE_HOME", "relative"), home], Some(("/home/me/.local/state/minutebook", "HOME"))),
            (&[home], Some(("/home/me/.local/state/minutebook", "HOME"))),
            (&[("HOME", "")], None),
            (&[("HOME", "home")], None),
            (&[], None),
        ];
        for (variables, expected) in rows {
            let owned: Vec<_> =
                variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
            let expected = expected.map(|(path, name)| (path.into(), Origin::Variable(name.to_owned())));
            assert_eq!(DefaultDirs::new(&owned).state, expected, "{variables:?}");
        }
        let cache = DefaultDirs::new(&[("HOME".to_owned(), "/home/me".to_owned())]);
        let home = Origin::Variable("HOME".to_owned());
        assert_eq!(cache.of("cache-dir"), Some(&("/home/me/.cache/minutebook".into(), home)));
    }
}
