//! One cycle: discover, select, fetch, archive, log, in this order and nowhere else.
//!
//! Two halves. *Collecting* may fail, be cut off or panic at any point; what it has by then is in
//! the draft and in the journal, which both outlive it. *Committing* follows in every case, so
//! that every slot has its archive:
//!
//! 1. The target's folder is open. If it is not, there is nowhere to write, and the cycle ends here.
//! 2. Lists are collected into the draft; the log's lines into the journal.
//! 3. The draft is closed: nothing is added to it any more.
//! 4. The archive is committed. From here on the minute is recorded, whatever happens next.
//! 5. The log is committed, under the same name. It tells of everything, of 4 too.

mod collect;
mod commit;
mod context;
mod credentials;
mod panics;
mod rule;
#[cfg(test)]
mod tests;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use chrono::{SecondsFormat, TimeDelta};
use futures_util::future::FutureExt as _;
use tokio::task::spawn_blocking;

use crate::archive::{Draft, Files};
use crate::clock::Clock;
use crate::log;
use crate::model::journal::{Journal, Level};
use crate::model::stamp::Stamp;
use crate::model::stop::Stop;
use crate::model::tick::{Boot, Tick};
use crate::store::{Folder, FolderError, OpenError};

pub use collect::{Preview, PreviewError, preview};
pub use commit::Committed;
pub use context::{Carried, Context, Filter, FilterSource, SettingsSource};
pub use credentials::CredentialFiles;

use collect::Collected;

/// How long a signal waits for AUDIT_DIR.
const PATIENCE: Duration = Duration::from_secs(1);

/// How a cycle went.
#[derive(Debug)]
pub struct Report {
    /// Which slot.
    pub slot: u64,
    /// What was written.
    pub committed: Result<Committed, NotCommitted>,
    /// Resources in the archive.
    pub recorded: usize,
    /// Lines of level ERROR in the log.
    pub errors: usize,
    /// Lines of level WARN in the log.
    pub warnings: usize,
    /// Whether a signal cut it off.
    pub interrupted: bool,
}

/// Why nothing was written.
#[derive(Debug, thiserror::Error)]
pub enum NotCommitted {
    /// AUDIT_DIR cannot be opened.
    #[error(transparent)]
    AuditDir(#[from] OpenError),
    /// The target's folder cannot be opened.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Neither could be opened nor refused in time: a network file system that is away, say.
    #[error("AUDIT_DIR did not answer in time")]
    Late,
    /// A panic where none is expected; its message.
    #[error("a bug in minutebook, please report it: {0}")]
    Bug(String),
}

/// Makes one cycle. `signal` resolves to a signal's name and ends it early.
pub async fn run(
    context: &Arc<Context>,
    tick: Tick,
    signal: impl Future<Output = &'static str> + Clone + Send,
) -> Report {
    // Collecting and committing catch panics where the archive can still be saved. What is left is
    // caught here, so that the next slot has its chance.
    match AssertUnwindSafe(steps(context, &tick, signal)).catch_unwind().await {
        Ok(Ok(report)) => report,
        Ok(Err(error)) => Report::nothing(&tick, error),
        Err(panic) => Report::nothing(&tick, NotCommitted::Bug(panics::panic_text(&*panic))),
    }
}

async fn steps(
    context: &Arc<Context>,
    tick: &Tick,
    signal: impl Future<Output = &'static str> + Clone + Send,
) -> Result<Report, NotCommitted> {
    let clock = Arc::clone(&context.clock);
    let journal = Journal::new(move || clock.wall());
    note_missed(&journal, tick, context);

    let folder = tokio::select! {
        folder = open_folder(context, &journal) => Arc::new(folder?),
        () = context.clock.sleep_until(tick.deadline) => return Err(NotCommitted::Late),
        () = patience_after(signal.clone()) => return Err(NotCommitted::Late),
    };
    let spools = Arc::clone(&folder);
    let draft = Arc::new(Draft::new(context.max_cycle_bytes, move || spools.spool()));

    let interrupted = signal.clone();
    let stop = stop(&*context.clock, tick.deadline, signal).shared();
    let collected = collect::collect(context, &draft, &journal, tick.deadline, stop).await;

    let files = draft.close();
    // From here on nothing is collected any more; what there is will be committed.
    let committed = commit(context, folder, files, &journal, tick, &collected).await;
    Ok(Report {
        slot: tick.slot,
        recorded: journal.outcomes().iter().filter(|outcome| outcome.result.is_ok()).count(),
        errors: journal.count(Level::Error),
        warnings: journal.count(Level::Warn),
        interrupted: interrupted.now_or_never().is_some(),
        committed: Ok(committed),
    })
}

async fn commit(
    context: &Arc<Context>,
    folder: Arc<Folder>,
    files: Files,
    journal: &Journal,
    tick: &Tick,
    collected: &Collected,
) -> Committed {
    let started = tick.started;
    let archive = |files: Files| {
        let (folder, journal) = (Arc::clone(&folder), journal.clone());
        spawn_blocking(move || commit::archive(&folder, files, started, &journal))
    };
    let (stamp, archive) = match archive(files).await {
        Ok(done) => done,
        Err(bug) => {
            panics::note_panic(journal, &*bug.into_panic());
            journal.nothing_was_written();
            let failed = |_| (Stamp::of(started), Err("a bug in minutebook, twice".to_owned()));
            archive(Files::new()).await.unwrap_or_else(failed)
        }
    };
    // The minute is recorded, or the log says that it is not.
    let text = render_log(context, journal, tick, collected);
    let log = spawn_blocking(move || commit::log(&folder, stamp, &text)).await;
    Committed { stamp, archive, log: log.unwrap_or_else(|bug| Err(bug.to_string())) }
}

fn render_log(context: &Context, journal: &Journal, tick: &Tick, collected: &Collected) -> String {
    let filter = collected.filter.as_ref().map_or_else(|| context.filter.origin(), ToString::to_string);
    let server = context.endpoint.server_if_not_host();
    let header = log::Header {
        target: &context.endpoint.target,
        started: tick.started,
        slot: tick.slot,
        server: server.as_deref(),
        filter: &filter,
    };
    let outcomes = journal.outcomes();
    let summary = log::Summary {
        ended: context.clock.wall(),
        shown: collected.shown,
        not_shown: collected.not_shown,
        outcomes: collected.selected.is_some().then_some(&outcomes[..]),
    };
    log::render(&header, &journal.events(), &summary)
}

/// Opening a folder takes no time, so a signal leaves it some; a file system that is away gets no more.
async fn patience_after(signal: impl Future<Output = &'static str>) {
    signal.await;
    tokio::time::sleep(PATIENCE).await;
}

/// Opens the target's folder, and says if AUDIT_DIR is another one than before.
async fn open_folder(context: &Arc<Context>, journal: &Journal) -> Result<Folder, NotCommitted> {
    let (context, journal) = (Arc::clone(context), journal.clone());
    let open = move || {
        let (dir, identity) = context.audit_dir.open()?;
        if let Some(before) = context.carried.audit_dir_was(identity) {
            journal.warn(format!("AUDIT_DIR is another folder than before: {identity}, and it was {before}"));
        }
        Ok(Folder::open(&dir, &context.endpoint.target.folders())?)
    };
    panics::blocking(open).await
}

impl Report {
    fn nothing(tick: &Tick, error: NotCommitted) -> Self {
        Self {
            slot: tick.slot,
            committed: Err(error),
            recorded: 0,
            errors: 0,
            warnings: 0,
            interrupted: false,
        }
    }
}

/// What ends the collecting before it is done.
async fn stop(clock: &dyn Clock, deadline: Boot, signal: impl Future<Output = &'static str>) -> Stop {
    tokio::select! {
        biased;
        name = signal => Stop::Signal(name),
        () = clock.sleep_until(deadline) => Stop::Deadline,
    }
}

fn note_missed(journal: &Journal, tick: &Tick, context: &Context) {
    let Some(missed) = &tick.missed else { return };
    let interval = context.interval;
    let began = |slot: u64| {
        let ago = interval.saturating_mul(u32::try_from(tick.slot - slot).unwrap_or(u32::MAX));
        let time = TimeDelta::from_std(ago).ok().and_then(|ago| tick.started.checked_sub_signed(ago));
        time.map_or_else(|| "long ago".to_owned(), |time| time.to_rfc3339_opts(SecondsFormat::Secs, true))
    };
    let (first, last) = (*missed.start(), *missed.end());
    let (slots, times) = if first == last {
        (format!("slot {first} was"), format!("about {}", began(first)))
    } else {
        (format!("slots {first} to {last} were"), format!("about {} to {}", began(first), began(last)))
    };
    journal.error(format!(
        "{slots} missed ({times}): AUDIT_DIR could not be written, a cycle took too long, or this machine stood still; what was missed is not made up"
    ));
}
