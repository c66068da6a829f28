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
//! 6. The manifest is committed, under the same name. It has the digests of both files; the next
//!    start does not look at this cycle again.
//! 7. The sequence number is remembered in the state folder.

mod collect;
mod commit;
mod context;
mod credentials;
mod memory;
mod panics;
mod patience;
mod plan;
mod preview;
mod renewal;
mod rule;
mod seal;
mod series;
#[cfg(test)]
mod tests;
mod time;

use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, Utc};
use futures_util::future::FutureExt as _;

use crate::archive::{Draft, Files};
use crate::clock::Clock;
use crate::fetch;
use crate::log;
use crate::model::journal::{Journal, Level};
use crate::model::stamp::Stamp;
use crate::model::stop::Stop;
use crate::model::tick::{Boot, Tick};
use crate::store::{FolderError, OpenError};

pub use commit::{Committed, NotWritten};
pub use context::{Carried, Context, Filter, FilterSource, SettingsSource};
pub use credentials::CredentialSource;
pub use preview::{Preview, PreviewError, preview, rehearse, who_asks};

use collect::Collected;
use patience::patiently;
use seal::{Written, seal};
use series::Place;

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
    /// Another process records the target.
    #[error("it is being recorded by {0}; one process at a time records a target")]
    Held(String),
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
    time::note(&journal, tick, context.interval);

    let place = tokio::select! {
        place = open(context, &journal) => Arc::new(place?),
        () = context.clock.sleep_until(tick.deadline) => return Err(NotCommitted::Late),
        () = patience_after(signal.clone()) => return Err(NotCommitted::Late),
    };
    let spools = Arc::clone(&place);
    let draft = Arc::new(Draft::new(context.max_cycle_bytes, move || spools.folder.spool()));

    let interrupted = signal.clone();
    let stop = stop(&*context.clock, tick.deadline, signal).shared();
    let collected = collect::collect(context, &draft, &journal, tick.deadline, stop).await;

    let files = draft.close();
    // Closing its spools blocks. Nobody waits for that: of the room that is left the files in them have all.
    fetch::discard(draft);
    // From here on nothing is collected any more; what there is will be committed.
    let handles = Arc::clone(&place);
    let committed = commit(context, place, files, &journal, tick, &collected).await;
    fetch::discard(handles);
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
    place: Arc<Place>,
    files: Files,
    journal: &Journal,
    tick: &Tick,
    collected: &Collected,
) -> Committed {
    let started = tick.started;
    let archive = |files: Files| {
        let (place, journal) = (Arc::clone(&place), journal.clone());
        patiently(context, tick, move || commit::archive(&place, files, started, &journal))
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
    let ended = context.clock.wall();
    let text = render_log(context, journal, tick, collected, ended);
    let in_place = Arc::clone(&place);
    let log = move || commit::text(&in_place.folder, "log", &stamp.log(), &text);
    let log = patiently(context, tick, log).await.unwrap_or_else(|bug| Err(NotWritten::bug(&bug)));
    if commit::named(&log).is_some() {
        context.carried.series.logged();
    }
    // People know what there is of the minute; what is left is for programs.
    let written = Written { stamp, ended, archive: &archive, log: &log };
    let manifest = seal(context, place, tick, collected, journal, written).await;
    Committed { stamp, archive, log, manifest }
}

fn render_log(
    context: &Context,
    journal: &Journal,
    tick: &Tick,
    collected: &Collected,
    ended: DateTime<Utc>,
) -> String {
    let filter = collected.chosen.filter.as_ref();
    let filter = filter.map_or_else(|| context.filter.origin(), ToString::to_string);
    let server = context.endpoint.server_if_not_host();
    let header = log::Header {
        target: &context.endpoint.target,
        started: tick.started,
        slot: tick.slot,
        server: server.as_deref(),
        filter: &filter,
        settings: collected.chosen.settings,
    };
    let outcomes = journal.outcomes();
    let summary = log::Summary {
        ended,
        shown: collected.catalog.as_ref().map(|catalog| catalog.resources.len()),
        fuel: collected.chosen.selected.as_ref().map(|selected| selected.selection.fuel),
        not_shown: collected.catalog.as_ref().map_or(0, |catalog| catalog.not_shown),
        outcomes: collected.asked.is_some().then_some(&outcomes[..]),
    };
    log::render(&header, &journal.events(), &summary)
}

/// Opening a folder takes no time, so a signal leaves it some; a file system that is away gets no more.
async fn patience_after(signal: impl Future<Output = &'static str>) {
    signal.await;
    tokio::time::sleep(PATIENCE).await;
}

/// Opens the target's place.
async fn open(context: &Arc<Context>, journal: &Journal) -> Result<Place, NotCommitted> {
    let (context, journal) = (Arc::clone(context), journal.clone());
    panics::blocking(move || context.carried.series.open(&context, &journal)).await
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
