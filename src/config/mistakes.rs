//! Where a value came from, and what is wrong with a configuration, all of it at once.

use std::collections::BTreeSet;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use thiserror::Error;

/// A place in the configuration file; both are counted from one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    /// The line.
    pub line: usize,
    /// The column, in characters.
    pub column: usize,
}

/// Where a value came from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Origin {
    /// A flag, such as `--host`.
    Flag(String),
    /// An environment variable.
    Variable(String),
    /// The configuration file.
    File(Arc<Path>, Mark),
    /// A kubeconfig, by its file or files, and the context in it.
    Kubeconfig(String, String),
    /// The service account of the pod in which the program runs.
    ServiceAccount,
    /// Nobody said anything.
    Default,
}

impl Origin {
    /// Where in the file, if it came from there.
    #[must_use]
    pub fn mark(&self) -> Option<Mark> {
        match self {
            Self::File(_, mark) => Some(*mark),
            Self::Flag(_)
            | Self::Variable(_)
            | Self::Kubeconfig(..)
            | Self::ServiceAccount
            | Self::Default => None,
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag(flag) => write!(f, "flag {flag}"),
            Self::Variable(name) => write!(f, "variable {name}"),
            Self::File(path, mark) => write!(f, "{}:{}", path.display(), mark.line),
            Self::Kubeconfig(files, context) => write!(f, "kubeconfig {files}, context {context}"),
            Self::ServiceAccount => f.write_str("service account"),
            Self::Default => f.write_str("default"),
        }
    }
}

/// Everything that is wrong with a configuration: what has no place in the file first, the rest by line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("{}", self.lines().join("\n"))]
pub struct Mistakes {
    file: PathBuf,
    // What several targets have from `defaults` is one mistake, not several.
    found: BTreeSet<(Option<Mark>, String)>,
}

impl Mistakes {
    /// None yet; `file` is the configuration file, empty if there is none.
    pub(super) fn new(file: &Path) -> Self {
        Self { file: file.to_owned(), found: BTreeSet::new() }
    }

    pub(super) fn add(&mut self, at: Option<Mark>, message: impl Into<String>) {
        self.found.insert((at, message.into()));
    }

    pub(super) fn are_none(&self) -> bool {
        self.found.is_empty()
    }

    /// One line for each: `FILE:LINE:COLUMN: MESSAGE`, or `error: MESSAGE` if it is none of the file's.
    #[must_use]
    pub fn lines(&self) -> Vec<String> {
        let file = self.file.display();
        let line = |(at, message): &(Option<Mark>, String)| match at {
            Some(Mark { line, column }) => format!("{file}:{line}:{column}: {message}"),
            None => format!("error: {message}"),
        };
        self.found.iter().map(line).collect()
    }
}
