//! The loop: waits for slots and makes a cycle in each, until it is asked to end.
//!
//! It never gives up: a cycle that could not be written is told on stderr, and the next slot tries again.

#[cfg(test)]
mod tests;

use std::sync::Arc;

use crate::cycle::{self, Context, Report};
use crate::model::tick::Tick;
use crate::schedule::Schedule;

/// How long to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cycles {
    /// One, at once.
    One,
    /// Until the signal.
    UntilSignal,
}

/// Makes cycles from now on. `signal` resolves to a signal's name when the program is to end; a cycle in hand is
/// then cut off and committed. Returns the last cycle's report, if there was one.
pub async fn run(
    context: &Arc<Context>,
    cycles: Cycles,
    signal: impl Future<Output = &'static str> + Clone + Send,
) -> Option<Report> {
    let clock = &context.clock;
    let schedule = Schedule::new(clock.boot(), context.interval);
    let mut last: Option<Report> = None;
    // The first slot that has no archive, of those that are over.
    let mut unrecorded = 0;
    loop {
        let next = schedule.next(last.as_ref().map(|report| report.slot), clock.boot());
        tokio::select! {
            biased;
            _ = signal.clone() => return last,
            () = clock.sleep_until(next.at) => {}
        }
        if !schedule.is_due(&next, clock.boot()) {
            // The machine was suspended while waiting; that slot is missed now.
            continue;
        }
        let tick = Tick {
            slot: next.slot,
            deadline: next.deadline,
            missed: (unrecorded < next.slot).then(|| unrecorded..=next.slot - 1),
            started: clock.wall(),
        };
        let report = cycle::run(context, tick, signal.clone()).await;
        tell(context, &report);
        if report.committed.as_ref().is_ok_and(|committed| committed.archive.is_ok()) {
            unrecorded = report.slot + 1;
        }
        last = Some(report);
        if cycles == Cycles::One {
            return last;
        }
    }
}

/// One line for each cycle, and what the audit log cannot tell.
fn tell(context: &Context, report: &Report) {
    let folder = context.audit_dir.path().join(context.endpoint.target.to_string());
    let committed = match &report.committed {
        Ok(committed) => committed,
        Err(error) => {
            tracing::error!("slot {} is not recorded in {}: {error}", report.slot, folder.display());
            return;
        }
    };
    match &committed.archive {
        Ok(archive) => tracing::info!(
            path = %folder.join(committed.stamp.archive()).display(),
            resources = report.recorded,
            bytes = archive.bytes,
            errors = report.errors,
            warnings = report.warnings,
            "recorded"
        ),
        Err(error) => tracing::error!("slot {} has no archive in {}: {error}", report.slot, folder.display()),
    }
    if let Err(error) = &committed.log {
        tracing::error!("slot {} in {}: {error}", report.slot, folder.display());
    }
}
