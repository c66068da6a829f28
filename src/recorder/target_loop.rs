//! One target's loop: a cycle in each slot.

use std::sync::Arc;
use std::time::Duration;

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

/// What the loop is to do from its next slot on; none as long as its target is not recorded.
pub(super) type Orders = watch::Receiver<Option<Arc<Context>>>;

/// Makes cycles. `signal` resolves to a signal's name when the program is to end; a cycle in hand is then cut off
/// and committed. Returns the last cycle's report, if there was one.
pub(super) async fn run(
    mut orders: Orders,
    mut start: Start,
    cycles: Cycles,
    signal: impl Future<Output = &'static str> + Clone + Send,
    observer: Observer,
) -> Option<Report> {
    let mut slots: Option<Slots> = None;
    loop {
        let ordered = orders.borrow_and_update().clone();
        let Some(context) = ordered else {
            // What it was is forgotten, its lock above all, until it comes back.
            slots = None;
            tokio::select! {
                biased;
                _ = signal.clone() => return None,
                changed = orders.changed() => if changed.is_err() { return None },
            }
            start = Start::AtPhase;
            continue;
        };
        let slots = slots.get_or_insert_with(|| Slots::new(&context, start));
        slots.follow(&context);
        let next = slots.schedule.next(slots.last, context.clock.boot());
        let clock = Arc::clone(&context.clock);
        tokio::select! {
            biased;
            _ = signal.clone() => return slots.report.take(),
            changed = orders.changed() => if changed.is_ok() { continue } else { return slots.report.take() },
            () = clock.sleep_until(next.at) => {}
        }
        if !slots.schedule.is_due(&next, clock.boot()) {
            // The machine was suspended while waiting; that slot is missed now.
            continue;
        }
        let now = read(&*clock);
        let slot = slots.first + next.slot;
        let tick = Tick {
            slot,
            deadline: next.deadline,
            missed: (slots.unrecorded < slot).then(|| slots.unrecorded..=slot - 1),
            started: now.wall,
            began: now.boot,
            since: slots.told.map_or_else(Since::default, |before| now.since(&before, context.interval)),
        };
        let report = cycle::run(&context, tick, signal.clone()).await;
        tell(&context, &report);
        observer(&report);
        slots.last = Some(next.slot);
        slots.ended(now, report);
        if cycles == Cycles::One {
            return slots.report.take();
        }
    }
}

/// Which slots are over, and what is known of them.
struct Slots {
    schedule: Schedule,
    interval: Duration,
    /// The number of the schedule's first slot: numbers go on when the interval changes.
    first: u64,
    /// The last slot that is over, as the schedule counts.
    last: Option<u64>,
    /// The first slot that has no archive, of those that are over.
    unrecorded: u64,
    /// The clocks at the last cycle that has a log.
    told: Option<Reading>,
    report: Option<Report>,
}

impl Slots {
    fn new(context: &Context, start: Start) -> Self {
        let schedule = schedule(context, start);
        let interval = context.interval;
        Self { schedule, interval, first: 0, last: None, unrecorded: 0, told: None, report: None }
    }

    /// Begins another schedule if the interval is another one.
    fn follow(&mut self, context: &Context) {
        if context.interval == self.interval {
            return;
        }
        self.first += self.last.take().map_or(0, |last| last + 1);
        self.interval = context.interval;
        self.schedule = schedule(context, Start::AtPhase);
        let next = self.schedule.next(None, context.clock.boot()).at.since(context.clock.boot());
        let next = humantime::format_duration(Duration::from_secs(next.as_secs()));
        let (target, every) = (&context.endpoint.target, humantime::format_duration(self.interval));
        tracing::info!("{target} is recorded every {every} from now on, next in {next}");
    }

    fn ended(&mut self, began: Reading, report: Report) {
        if let Ok(committed) = &report.committed {
            if committed.archive.is_ok() {
                self.unrecorded = report.slot + 1;
            }
            if committed.log.is_ok() {
                self.told = Some(began);
            }
        }
        self.report = Some(report);
    }
}

fn schedule(context: &Context, start: Start) -> Schedule {
    let now = context.clock.boot();
    let start = match start {
        Start::AtOnce => now,
        Start::AtPhase => {
            let target = context.endpoint.target.to_string();
            now + until_phase(&target, context.interval, context.clock.wall())
        }
    };
    Schedule::new(start, context.interval)
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
