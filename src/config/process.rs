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
}

/// Where the state is if nobody says: what systemd made for us, else where XDG has it. `variables` is the
/// environment.
pub(super) fn default_state_dir(variables: &[(String, String)]) -> Option<(PathBuf, Origin)> {
    let value = |name: &str| {
        let found = variables.iter().find(|(known, _)| known == name);
        found.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    };
    // Several `StateDirectory=` are joined with colons. XDG: what is relative is not valid and is ignored.
    let from = [
        ("STATE_DIRECTORY", value("STATE_DIRECTORY").and_then(|all| all.split(':').next()), ""),
        ("XDG_STATE_HOME", value("XDG_STATE_HOME"), "minutebook"),
        ("HOME", value("HOME"), ".local/state/minutebook"),
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
    fn the_state_is_where_systemd_or_xdg_has_it() {
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
            assert_eq!(default_state_dir(&owned), expected, "{variables:?}");
        }
    }
}
