//! A target's cycles as a series: its place in AUDIT_DIR, the lock on it, and the number of the last one.
//!
//! The place is opened anew for each cycle. When it is opened for the first time, or is another one than
//! before, it is looked at: what interrupted cycles left is told of and cleared, and the sequence goes
//! on behind what is remembered or found, whichever is later.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError, TryLockError};

use chrono::{DateTime, SecondsFormat, Utc};

use super::memory::Memory;
use super::{Context, NotCommitted};
use crate::ledger::{Found, Leftover, State, find_leftovers, read_sequence, resume};
use crate::model::journal::Journal;
use crate::model::limits::{LEFTOVERS_TOLD, MANIFEST_BYTES, MANIFESTS_READ};
use crate::model::stamp::Stamp;
use crate::store::{Folder, FolderError, Identity, Lock, LockError};

/// The folder in a cluster's folder that is for all its targets.
const LEDGER: &str = ".ledger";
/// The folder in it for manifests.
const MANIFESTS: &str = "manifests";

/// What the cycles of one target hand on to each other about its place in AUDIT_DIR.
#[derive(Default)]
pub(super) struct Series(Mutex<Held>);

#[derive(Default)]
struct Held {
    lock: Option<Lock>,
    /// Which AUDIT_DIR it was.
    audit_dir: Option<Identity>,
    /// Which AUDIT_DIR has been looked at.
    resumed: Option<Identity>,
    /// The last manifest's number and name.
    last: Last,
    /// Cycles without a manifest that a manifest has told of.
    known: BTreeSet<Stamp>,
    /// What no manifest has told of yet.
    untold: Vec<Leftover>,
    /// What no log has told of yet.
    unlogged: Vec<String>,
    memory: Memory,
}

#[derive(Debug, Clone, Copy, Default)]
struct Last {
    sequence: u64,
    stamp: Option<Stamp>,
}

/// A target's place, open.
pub(super) struct Place {
    /// For archives and logs.
    pub(super) folder: Folder,
    /// For manifests; the log says why there is none.
    pub(super) manifests: Option<Folder>,
}

/// What goes into the next manifest.
pub(super) struct Turn {
    pub(super) sequence: u64,
    pub(super) recovered: Vec<Leftover>,
}

impl Series {
    /// Opens the place and takes the lock. Blocks. What was wrong, and what was found, goes into the journal.
    ///
    /// # Errors
    /// There is no place, or somebody else holds it.
    pub(super) fn open(&self, context: &Context, journal: &Journal) -> Result<Place, NotCommitted> {
        let mut held = match self.0.try_lock() {
            Ok(held) => held,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            // An earlier cycle gave up waiting for this, and it is under way still.
            Err(TryLockError::WouldBlock) => return Err(NotCommitted::Late),
        };
        let (dir, identity) = context.audit_dir.open()?;
        let before = held.audit_dir.replace(identity).filter(|before| *before != identity);
        let [host, cluster, scope] = context.endpoint.target.folders();
        let cluster = Folder::open(&dir, &[host, cluster])?;
        let folder = cluster.below(&[&scope])?;
        let manifests = match held.ledger(&cluster, &scope, context.clock.wall()) {
            Ok(manifests) => Some(manifests),
            Err(NoLedger::Held(holder)) => return Err(NotCommitted::Held(holder)),
            Err(NoLedger::Failed(why)) => {
                journal.error(format!("this cycle has no manifest: {why}"));
                None
            }
        };
        let mut told = Told::Nothing;
        if let Some(manifests) = manifests.as_ref().filter(|_| held.resumed != Some(identity)) {
            match held.look(context, identity, &folder, manifests) {
                Ok(of) => (told, held.resumed) = (of, Some(identity)),
                Err(why) => journal.error(format!(
                    "this cycle has no manifest: what earlier cycles left could not be looked at: {why}"
                )),
            }
        }
        if let (Some(before), Told::Nothing) = (before, told) {
            held.unlogged
                .push(format!("AUDIT_DIR is another folder than before: {identity}, and it was {before}"));
        }
        // As long as no log can tell of it, once is enough.
        let trouble = held.memory.trouble().filter(|trouble| !held.unlogged.contains(trouble));
        held.unlogged.extend(trouble);
        for line in &held.unlogged {
            journal.warn(line);
        }
        Ok(Place { folder, manifests })
    }

    /// Takes the lock alone. Blocks.
    ///
    /// # Errors
    /// Somebody else holds it.
    pub(super) fn claim(&self, context: &Context) -> Result<(), NotCommitted> {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Ok((dir, _)) = context.audit_dir.open() else { return Ok(()) };
        let [host, cluster, scope] = context.endpoint.target.folders();
        let Ok(cluster) = Folder::open(&dir, &[host, cluster]) else { return Ok(()) };
        match held.ledger(&cluster, &scope, context.clock.wall()) {
            Err(NoLedger::Held(holder)) => Err(NotCommitted::Held(holder)),
            Ok(_) | Err(NoLedger::Failed(_)) => Ok(()),
        }
    }

    /// Notes that a log is committed, which has told of all there was to tell.
    pub(super) fn logged(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).unlogged.clear();
    }

    /// What the next manifest says; `None` if the place could not be looked at: numbers may be taken in it.
    pub(super) fn turn(&self) -> Option<Turn> {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.resumed.filter(|resumed| held.audit_dir == Some(*resumed))?;
        Some(Turn { sequence: held.last.sequence.saturating_add(1), recovered: held.untold.clone() })
    }

    /// Notes a manifest that was committed, and has it be remembered outside AUDIT_DIR, which is not waited for.
    pub(super) fn sealed(&self, context: &Context, turn: &Turn, stamp: Stamp) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.last = Last { sequence: turn.sequence, stamp: Some(stamp) };
        let told: Vec<Leftover> = held.untold.drain(..).collect();
        held.known.extend(told.iter().filter_map(Leftover::stamp));
        // What is older than the last manifest is not looked at again.
        held.known.retain(|known| *known > stamp);
        held.remember(context);
    }

    /// Notes a cycle whose manifest could not be committed: the next one tells of it.
    pub(super) fn unsealed(&self, stamp: Stamp, archive: bool, log: bool) {
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if archive || log {
            held.untold.push(Leftover::CycleWithoutManifest { stamp, archive, log });
        }
    }
}

/// What looking at the place has told about it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Told {
    Nothing,
    /// Which AUDIT_DIR it is, and that it lacks what was recorded.
    MissingRecords,
}

/// Why there is no folder for manifests.
enum NoLedger {
    /// Another process has the target.
    Held(String),
    /// It cannot be opened or locked.
    Failed(String),
}

impl From<FolderError> for NoLedger {
    fn from(error: FolderError) -> Self {
        Self::Failed(error.to_string())
    }
}

impl Held {
    /// Opens the folder for manifests, once the target is locked.
    fn ledger(&mut self, cluster: &Folder, scope: &str, now: DateTime<Utc>) -> Result<Folder, NoLedger> {
        let ledger = cluster.below(&[LEDGER])?;
        let name = format!("{scope}.lock");
        if !self.lock.as_ref().is_some_and(|lock| ledger.is_locked_by(&name, lock)) {
            self.lock = None;
            let lock = ledger.lock(&name, &holder(now)).map_err(|error| match error {
                LockError::Held(holder) => NoLedger::Held(holder),
                LockError::Failed(error) => NoLedger::Failed(format!(
                    "the lock `{LEDGER}/{name}` in the cluster's folder could not be taken: {error}; while that is so, nothing keeps a second process from recording this target"
                )),
            })?;
            self.lock = Some(lock);
        }
        Ok(ledger.below(&[MANIFESTS, scope])?)
    }

    /// Looks at the place: where the sequence goes on, and what is left.
    fn look(
        &mut self,
        context: &Context,
        identity: Identity,
        folder: &Folder,
        manifests: &Folder,
    ) -> Result<Told, String> {
        let text = |error: std::io::Error| error.to_string();
        let remembered = self.remembered(context);
        let names = manifests.names().map_err(text)?;
        let stamps: BTreeSet<Stamp> = names.iter().filter_map(|name| Stamp::of_manifest(name)).collect();
        let since = remembered.as_ref().map(|state| state.stamp);
        let mut unreadable = Vec::new();
        let newest = newest_sequence(manifests, &stamps, since, &mut unreadable);
        self.tell(&unreadable, "manifests that cannot be read");
        let found = Found { sequence: newest, audit_dir: identity.numbers() };
        let (sequence, warning) = resume(remembered.as_ref(), found);
        let told = if warning.is_some() { Told::MissingRecords } else { Told::Nothing };
        self.unlogged.extend(warning);

        let records = folder.names().map_err(text)?;
        let mut left = Vec::new();
        for (folder, names) in [(folder, &records), (manifests, &names)] {
            let (cleared, stuck) = folder.clear_temporary(names);
            left.extend(cleared.into_iter().map(|name| Leftover::TemporaryFile { name }));
            self.tell(&stuck, "temporary files that could not be removed");
        }
        let known = remembered.as_ref().map(|state| state.known.clone()).unwrap_or_default();
        // Cycles before the last manifest were looked at when it was made, unless the clock was set back.
        let since = since.filter(|last| found.sequence.is_some() && *last <= Stamp::of(context.clock.wall()));
        let since = since.map(|last| last.to_string());
        let newer = |name: &String| since.as_ref().is_none_or(|last| name > last);
        let records: Vec<String> = records.into_iter().filter(newer).collect();
        left.extend(find_leftovers(&records, &stamps, &known));
        self.tell(&left.iter().map(Leftover::tell).collect::<Vec<_>>(), "such; the manifest has them all");

        self.last = Last { sequence, stamp: remembered.map(|state| state.stamp) };
        self.known = known;
        self.untold = left;
        Ok(told)
    }

    /// Has the next log tell of these, or of some and how many `more` there are.
    fn tell(&mut self, lines: &[String], more: &str) {
        self.unlogged.extend(lines.iter().take(LEFTOVERS_TOLD).cloned());
        if lines.len() > LEFTOVERS_TOLD {
            self.unlogged.push(format!("and {} more {more}", lines.len() - LEFTOVERS_TOLD));
        }
    }

    /// The state: of this process, if it has one, else from the state folder.
    fn remembered(&mut self, context: &Context) -> Option<State> {
        if let (Some(stamp), Some(before)) = (self.last.stamp, self.resumed) {
            let known = self.known.clone();
            return Some(State { sequence: self.last.sequence, stamp, audit_dir: before.numbers(), known });
        }
        match Memory::read(context) {
            Ok(state) => state,
            Err(why) => {
                self.unlogged.push(why);
                None
            }
        }
    }

    fn remember(&mut self, context: &Context) {
        let (Some(stamp), Some(identity)) = (self.last.stamp, self.audit_dir) else { return };
        let known = self.known.clone();
        let sequence = self.last.sequence;
        self.memory.write(context, &State { sequence, stamp, audit_dir: identity.numbers(), known });
    }
}

/// The number of the newest manifest, which is the largest, whatever the names say. What cannot be read is noted.
fn newest_sequence(
    manifests: &Folder,
    stamps: &BTreeSet<Stamp>,
    since: Option<Stamp>,
    unreadable: &mut Vec<String>,
) -> Option<u64> {
    let mut sequence = |stamp: &Stamp| {
        let name = stamp.manifest();
        let bytes = manifests.read(&name, MANIFEST_BYTES).map_err(|error| error.to_string());
        let sequence = bytes.and_then(|bytes| read_sequence(&bytes).map_err(|error| error.to_string()));
        sequence.map_err(|why| unreadable.push(format!("the manifest {name}: {why}"))).ok()
    };
    // With the last one known there are few that are newer.
    if let Some(since) = since
        && let Some(newest) = stamps.range(since..).filter_map(&mut sequence).max()
    {
        return Some(newest);
    }
    let mut newest = None;
    for stamp in stamps.iter().rev().take(MANIFESTS_READ) {
        newest = newest.max(sequence(stamp));
        // They are counted from 1 without holes, so there is no larger one.
        if newest == Some(stamps.len() as u64) {
            break;
        }
    }
    newest
}

/// Who holds the lock, in the words of whoever is refused.
fn holder(now: DateTime<Utc>) -> String {
    let node = rustix::system::uname();
    let (node, process) = (node.nodename().to_string_lossy(), std::process::id());
    let now = now.to_rfc3339_opts(SecondsFormat::Secs, true);
    format!("process {process} on {node} since {now}")
}
