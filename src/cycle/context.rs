//! What the cycles of one target share: handles, limits, and what one leaves for the next.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use super::NotCommitted;
use super::credentials::{CredentialSource, SharedKept};
use super::rule::{RuleFiles, Rules};
use super::series::Series;
use crate::clock::Clock;
use crate::cluster::{Connect, Endpoint, TargetConnections, TargetMemory};
use crate::model::digest::Sha256;
use crate::model::limits::Times;
use crate::select::{Limits, Selector};
use crate::store::{AuditDir, NamedFiles, StateDir};

/// Where a filter's bytes come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FilterSource {
    /// One that the program brings along, by its name.
    Stock(String),
    /// A file, read anew for each cycle.
    File(PathBuf),
}

impl FilterSource {
    /// The file, if it is one.
    #[must_use]
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Stock(_) => None,
            Self::File(path) => Some(path),
        }
    }
}

/// Where a filter's settings come from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SettingsSource {
    /// Given as they are.
    Inline(String),
    /// A file, read anew for each cycle.
    File(PathBuf),
}

/// What the rule is.
#[derive(Debug, Clone)]
pub struct Filter {
    /// The component.
    pub source: FilterSource,
    /// The only digest that is accepted.
    pub pin: Option<Sha256>,
    /// Its settings, JSON.
    pub settings: SettingsSource,
    /// What it may use up.
    pub limits: Limits,
}

impl Filter {
    /// What the user wrote, without the pin.
    #[must_use]
    pub fn origin(&self) -> String {
        match &self.source {
            FilterSource::Stock(name) => name.clone(),
            FilterSource::File(path) => path.display().to_string(),
        }
    }
}

/// Everything that the cycles of one target share.
pub struct Context {
    /// Where to ask.
    pub endpoint: Endpoint,
    /// Makes clients of the server.
    pub connect: Arc<dyn Connect>,
    /// Who asks.
    pub credentials: CredentialSource,
    /// Where to write.
    pub audit_dir: AuditDir,
    /// Where to remember what must outlast AUDIT_DIR.
    pub state_dir: Option<StateDir>,
    /// What may be read.
    pub files: NamedFiles,
    /// The rule.
    pub filter: Filter,
    /// Whether `secrets` may be recorded as they are, in layout `kubernetes`.
    pub include_secrets: bool,
    /// Runs the rule.
    pub selector: Arc<Selector>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// From one slot to the next.
    pub interval: Duration,
    /// How long things may take.
    pub times: Times,
    /// The target's part of the process's memory for pages.
    pub memory: TargetMemory,
    /// The target's part of the process's connections.
    pub connections: TargetConnections,
    /// Bytes of a list.
    pub max_list_bytes: u64,
    /// Bytes of all lists of a cycle.
    pub max_cycle_bytes: u64,
    /// What one cycle leaves for the next.
    pub carried: Carried,
}

impl Context {
    /// Goes on where the cycles of `before` left off, which is the same target as it was configured before.
    pub fn carry_from(&mut self, before: &Self) {
        self.carried.series = Arc::clone(&before.carried.series);
        // What was good for one server is not shown to another, nor used in another file's place.
        if self.credentials == before.credentials && self.endpoint.server == before.endpoint.server {
            self.carried.credentials = Arc::clone(&before.carried.credentials);
        }
        // Files that do not answer say nothing about others.
        if self.filter.settings == before.filter.settings {
            self.carried.rule_files.settings = Arc::clone(&before.carried.rule_files.settings);
        }
        if self.filter.source == before.filter.source {
            self.carried.rule_files.filter = Arc::clone(&before.carried.rule_files.filter);
            // Another pin is about what is in force, too.
            if self.filter.pin == before.filter.pin {
                self.carried.rules = Arc::clone(&before.carried.rules);
            }
        }
    }

    /// Takes the lock on the target's place, if that can be opened now.
    ///
    /// # Errors
    /// Who holds it. Whatever else is wrong each cycle will tell.
    pub fn claim(&self) -> Result<(), NotCommitted> {
        self.carried.series.claim(self)
    }
}

/// What one cycle leaves for the next.
#[derive(Default)]
pub struct Carried {
    /// The last ones that worked; held while new ones are made.
    pub(super) credentials: SharedKept,
    /// Held while the files of the filter and of its settings are read.
    pub(super) rule_files: RuleFiles,
    /// The rule in force, and what is on trial.
    pub(super) rules: Arc<Rules>,
    /// The target's place in AUDIT_DIR.
    pub(super) series: Arc<Series>,
}
