//! The last step of a cycle: its manifest, by which the next start knows that it was whole.

use std::sync::Arc;

use chrono::{DateTime, Utc};

use super::Context;
use super::collect::Collected;
use super::commit::{self, NotWritten};
use super::patience::patiently;
use super::series::Place;
use crate::archive;
use crate::built;
use crate::ledger::{Facts, File, render_manifest};
use crate::model::digest::Sha256;
use crate::model::journal::{Journal, Level};
use crate::model::stamp::Stamp;
use crate::model::tick::Tick;

/// What the cycle wrote before.
#[derive(Clone, Copy)]
pub(super) struct Written<'a> {
    pub(super) stamp: Stamp,
    /// When the archive was committed, or had failed to be.
    pub(super) ended: DateTime<Utc>,
    pub(super) archive: &'a Result<(archive::Written, Sha256), String>,
    pub(super) log: &'a Result<File, NotWritten>,
}

/// Commits the manifest, and remembers its number.
///
/// # Errors
/// Why there is none; nobody but stderr can be told.
pub(super) async fn seal(
    context: &Arc<Context>,
    place: Arc<Place>,
    tick: &Tick,
    collected: &Collected,
    journal: &Journal,
    written: Written<'_>,
) -> Result<(), String> {
    let Written { stamp, ended, archive, log } = written;
    let series = Arc::clone(&context.carried.series);
    let log = commit::named(log);
    let (has_archive, has_log) = (archive.is_ok(), log.is_some());
    let archive = archive.as_ref().ok().map(|(written, sha256)| File {
        name: stamp.archive(),
        bytes: written.bytes,
        sha256: *sha256,
    });
    if !has_archive && !has_log {
        // Of nothing there is nothing to say, and whoever said why could say no more.
        return Ok(());
    }
    let Some(turn) = series.turn().filter(|_| place.manifests.is_some()) else {
        series.unsealed(stamp, has_archive, has_log);
        return Err("there is no manifest, as the log says".to_owned());
    };
    let selected = collected.chosen.selected.as_ref().map(|selected| &selected.selection);
    let server = context.endpoint.server_if_not_host();
    let filter_origin = context.filter.origin();
    let text = render_manifest(&Facts {
        target: &context.endpoint.target,
        server: server.as_deref(),
        tick,
        sequence: turn.sequence,
        ended: (ended, context.clock.boot()),
        version: built::VERSION,
        commit: built::COMMIT,
        filter_origin: &filter_origin,
        filter: collected.chosen.filter.as_ref(),
        settings: collected.chosen.settings,
        fuel: selected.map(|selection| selection.fuel),
        existence: collected.existence.as_ref(),
        catalog: collected.catalog.as_deref(),
        verdicts: selected.map(|selection| &selection.verdicts[..]),
        outcomes: &journal.outcomes(),
        lines: (journal.count(Level::Error), journal.count(Level::Warn)),
        archive: archive.as_ref(),
        log,
        recovered: &turn.recovered,
    });
    let for_series = Arc::clone(context);
    let committed = patiently(context, tick, move || {
        let Some(manifests) = &place.manifests else { return Ok(()) };
        let committed = commit::text(manifests, "manifest", &stamp.manifest(), &text);
        // A number that has been seen is not given again.
        match commit::named(&committed) {
            Some(_) => for_series.carried.series.sealed(&for_series, &turn, stamp),
            None => for_series.carried.series.unsealed(stamp, has_archive, has_log),
        }
        committed.map(|_| ()).map_err(|error| error.message)
    });
    committed.await.unwrap_or_else(|bug| Err(bug.to_string()))
}
