//! What the cycles of one target share: handles, limits, and what one leaves for the next.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use super::credentials::{CredentialFiles, Credentials};
use crate::clock::Clock;
use crate::cluster::{Connect, Endpoint, PageMemory};
use crate::model::digest::Sha256;
use crate::model::limits::Times;
use crate::select::Selector;
use crate::store::{AuditDir, Identity, NamedFiles};

/// Where a filter's bytes come from.
#[derive(Debug, Clone)]
pub enum FilterSource {
    /// One that the program brings along, by its name.
    Stock(String),
    /// A file, read anew for each cycle.
    File(PathBuf),
}

/// Where a filter's settings come from.
#[derive(Debug, Clone)]
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
    /// Files with credentials.
    pub credentials: CredentialFiles,
    /// Where to write.
    pub audit_dir: AuditDir,
    /// What may be read.
    pub files: NamedFiles,
    /// The rule.
    pub filter: Filter,
    /// Runs the rule.
    pub selector: Arc<Selector>,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// From one slot to the next.
    pub interval: Duration,
    /// How long things may take.
    pub times: Times,
    /// What all pages in the process share.
    pub memory: PageMemory,
    /// Bytes of a list.
    pub max_list_bytes: u64,
    /// Bytes of all lists of a cycle.
    pub max_cycle_bytes: u64,
    /// What one cycle leaves for the next.
    pub carried: Carried,
}

/// What one cycle leaves for the next.
#[derive(Default)]
pub struct Carried {
    /// The last ones that worked.
    pub(super) credentials: Mutex<Option<Credentials>>,
    audit_dir: Mutex<Option<Identity>>,
}

impl Carried {
    /// Notes which folder AUDIT_DIR is now; returns which one it was before, if that is another.
    pub(super) fn audit_dir_was(&self, now: Identity) -> Option<Identity> {
        let mut last = self.audit_dir.lock().unwrap_or_else(PoisonError::into_inner);
        last.replace(now).filter(|before| *before != now)
    }
}
