//! One target's loop: a cycle in each slot.

use std::sync::Arc;

use tokio::sync::watch;

use super::fleet::Observer;
use super::pace::{Reading, until_phase};
use crate::clock::Clock;
use crate::cycle::{self, Context, Report};
use crate::model::tick::{Since, Tick};
use crate::schedule::Schedule;

/// How long to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cycles {
    /// One, at once.
    One,
    /// Until the signal.
    UntilSignal,
}

/// When the first slot begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// Now.
    AtOnce,
    /// At the target's phase.
    AtPhase,
}

/// What the loop is to do from its next slot on; none if it is to end.
pub(super) type Orders = watch::Receiver<Option<Arc<Context>>>;

/// Makes cycles. `signal` resolves to a signal's name when the program is to end; a cycle in hand is then cut off
/// and committed. Returns the last cycle's report, if there was one.
pub(super) async fn run(
    mut orders: Orders,
    start: Start,
    cycles: Cycles,
    signal: impl Future<Output = &'static str> + Clone + Send,
    observer: Observer,
) -> Option<Report> {
    let mut context = orders.borrow_and_update().clone()?;
    let mut slots = Slots::new(&context, start);
    loop {
        let next = slots.schedule.next(slots.last, context.clock.boot());
        let clock = Arc::clone(&context.clock);
        tokio::select! {
            biased;
            _ = signal.clone() => return slots.report,
            changed = orders.changed() => {
                let ordered = orders.borrow_and_update().clone().filter(|_| changed.is_ok());
                let Some(ordered) = ordered else { return slots.report };
                if ordered.interval != context.interval {
                    slots = Slots::new(&ordered, Start::AtPhase);
                }
                context = ordered;
                continue;
            }
            () = clock.sleep_until(next.at) => {}
        }
        if !slots.schedule.is_due(&next, clock.boot()) {
            // The machine was suspended while waiting; that slot is missed now.
            continue;
        }
        let now = read(&*clock);
        let tick = Tick {
            slot: next.slot,
            deadline: next.deadline,
            missed: (slots.unrecorded < next.slot).then(|| slots.unrecorded..=next.slot - 1),
            started: now.wall,
            began: now.boot,
            since: slots.told.map_or_else(Since::default, |before| now.since(&before, context.interval)),
        };
        let report = cycle::run(&context, tick, signal.clone()).await;
        tell(&context, &report);
        slots.ended(now, &report);
        observer(&report);
        slots.report = Some(report);
        if cycles == Cycles::One {
            return slots.report;
        }
    }
}

/// Which slots are over, and what is known of them.
struct Slots {
    schedule: Schedule,
    last: Option<u64>,
    /// The first slot that has no archive, of those that are over.
    unrecorded: u64,
    /// The clocks at the last cycle that has a log.
    told: Option<Reading>,
    report: Option<Report>,
}

impl Slots {
    fn new(context: &Context, start: Start) -> Self {
        let now = context.clock.boot();
        let start = match start {
            Start::AtOnce => now,
            Start::AtPhase => {
                let target = context.endpoint.target.to_string();
                now + until_phase(&target, context.interval, context.clock.wall())
            }
        };
        let schedule = Schedule::new(start, context.interval);
        Self { schedule, last: None, unrecorded: 0, told: None, report: None }
    }

    fn ended(&mut self, began: Reading, report: &Report) {
        self.last = Some(report.slot);
        let Ok(committed) = &report.committed else { return };
        if committed.archive.is_ok() {
            self.unrecorded = report.slot + 1;
        }
        if committed.log.is_ok() {
            self.told = Some(began);
        }
    }
}

fn read(clock: &dyn Clock) -> Reading {
    Reading { wall: clock.wall(), boot: clock.boot(), suspended: clock.suspended() }
}

/// One line for each cycle, and what the audit log cannot tell.
fn tell(context: &Context, report: &Report) {
    let folder = context.audit_dir.path().join(context.endpoint.target.to_string());
    let (slot, folder) = (report.slot, folder.display());
    let committed = match &report.committed {
        Ok(committed) => committed,
        Err(error) => {
            tracing::error!("slot {slot} is not recorded in {folder}: {error}");
            return;
        }
    };
    match &committed.archive {
        Ok((archive, _)) => tracing::info!(
            path = %format!("{folder}/{}", committed.stamp.archive()),
            resources = report.recorded,
            bytes = archive.bytes,
            errors = report.errors,
            warnings = report.warnings,
            "recorded"
        ),
        Err(error) => tracing::error!("slot {slot} has no archive in {folder}: {error}"),
    }
    if let Err(error) = &committed.log {
        tracing::error!("slot {slot} in {folder}: {}", error.message);
    }
    if let Err(error) = &committed.manifest {
        tracing::error!("slot {slot} in {folder}: {error}");
    }
}
