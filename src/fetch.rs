//! Fetching: every selected list, page by page, four at a time, and none at the cost of another.
//!
//! A list holds one of a few places while it is fetched. A try that fails sends it to the end of
//! the queue, and so does holding the place for too long while another waits; its complete pages
//! are kept. A place is worth nothing without a connection: the first has the one that its target is guaranteed,
//! and the others one of those that all targets share, as soon as there is one. While tries of all lists fail nobody
//! is asked for a while. Whatever happens, each selected resource ends in an [`Outcome`].

mod discard;
mod envelope;
mod job;
mod outage;
mod queue;
#[cfg(test)]
mod tests;
mod turn;

use std::sync::Arc;

use futures_util::future::FutureExt as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::cluster::{
    Cluster, Endpoint, Failure, RETRY_LOG, TargetConnections, TargetMemory, backoff, rounded,
};
use crate::model::journal::Journal;
use crate::model::limits::{PLACES, Times};
use crate::model::listing::Listing;
use crate::model::outcome::{Outcome, Why};
use crate::model::sink::Sink;
use crate::model::stop::Stop;

pub use discard::discard;

use discard::Discarded;
use job::{Expiry, Job};
use outage::{Ahead, Outage};
use queue::Queue;
use turn::{Ended, Turn};

/// What fetching needs besides resources and a sink.
#[derive(Clone)]
pub struct Settings {
    /// Who answers.
    pub cluster: Arc<dyn Cluster>,
    /// Where the lists are.
    pub endpoint: Endpoint,
    /// How long things may take.
    pub times: Times,
    /// The target's part of the memory for pages.
    pub memory: TargetMemory,
    /// The target's part of the connections.
    pub connections: TargetConnections,
    /// Bytes of a list.
    pub max_list_bytes: u64,
    /// When the cycle ends: what a server asks to wait beyond it is not waited for.
    pub ends: Instant,
}

/// Fetches the lists of `listings` into `sink` until all are there or `stop` says why not. What
/// was wrong, and each one's [`Outcome`], go into the journal.
pub async fn fetch<S: Sink>(
    settings: &Settings,
    listings: &[Listing],
    sink: &Arc<S>,
    journal: &Journal,
    stop: impl Future<Output = Stop>,
) {
    let stop = stop.shared();
    let (waiting, others_wait) = watch::channel(false);
    let (outage, mut outage_ended) = watch::channel(Outage::default());
    let mut queue = Queue::new();
    for listing in listings {
        queue.push(Instant::now(), Job::new(listing.clone(), sink.begin()));
    }
    let mut free: Vec<usize> = (0..PLACES).rev().collect();
    let mut running = FuturesUnordered::new();
    let mut cut = Vec::new();
    let discarded = Discarded::default();
    let mut never_asked = listings.len();
    let mut stopped = None;
    let mut waited_for = None;
    loop {
        let now = Instant::now();
        if let Some(reason) = stopped {
            cut.extend(queue.drain().map(|job| (job, reason)));
        }
        let pause = outage.borrow().pauses_until(now);
        while pause.is_none()
            && queue.waits(now)
            && let Some(&place) = free.last()
            && let Some(connection) = waited_for.take().or_else(|| settings.connections.try_get())
            && let Some(job) = queue.take(now)
        {
            free.pop();
            never_asked -= usize::from(!job.asked);
            let others_wait = others_wait.clone();
            let turn = Turn { settings, sink, place, others_wait, outage: &outage, _connection: connection };
            running.push(turn.run(job, stop.clone()));
        }
        let waits = pause.is_none() && queue.waits(now);
        let lacks_connection = waits && !free.is_empty();
        waiting.send_replace(waits);
        if running.is_empty() && queue.is_empty() {
            break;
        }
        tokio::select! {
            // Nobody gets a turn only to be told that time is over.
            biased;
            reason = stop.clone(), if stopped.is_none() => {
                if lacks_connection {
                    queue.waiting_mut(now).for_each(|job| job.lacks_connection = true);
                }
                stopped = Some(reason);
            }
            Some((place, job, ended)) = running.next() => {
                free.push(place);
                let common =
                    Common { settings, sink: &**sink, journal, outage: &outage, discarded: &discarded, never_asked };
                common.settle(&mut queue, &mut cut, job, ended);
            }
            () = wake_at(pause.or_else(|| queue.next(now))) => {}
            Ok(()) = outage_ended.changed() => {}
            connection = settings.connections.get(), if lacks_connection => waited_for = Some(connection),
        }
    }
    // They were cut off at one instant, in no order of their own.
    cut.sort_by(|(one, _), (other, _)| one.listing.id.cmp(&other.listing.id));
    for (mut job, reason) in cut {
        discarded.add(job.list.take());
        cut_off(settings, journal, job, reason, outage.borrow().reason());
    }
    discarded.gone().await;
}

/// What all lists of a cycle have in common.
struct Common<'a, S> {
    settings: &'a Settings,
    sink: &'a S,
    journal: &'a Journal,
    outage: &'a watch::Sender<Outage>,
    discarded: &'a Discarded,
    /// Lists that have had no turn yet.
    never_asked: usize,
}

impl<S: Sink> Common<'_, S> {
    /// Puts a list back into the queue, or among those that were cut off, or says what became of it.
    fn settle(
        &self,
        queue: &mut Queue<Job<S::List>>,
        cut: &mut Vec<(Job<S::List>, Stop)>,
        mut job: Job<S::List>,
        ended: Ended,
    ) {
        let (settings, journal) = (self.settings, self.journal);
        let request = job.request(&settings.endpoint, &*settings.cluster);
        let again = match ended {
            Ended::Complete { content, oddity } => {
                if let Some(why) = oddity {
                    let text = format!("{request}: the answer is not a list ({why}); it was stored as sent");
                    journal.warn_of(&job.listing.id, text);
                }
                let said = [job.made_good_anew(), job.inconsistent(), job.made_good()];
                for made_good in said.into_iter().flatten() {
                    journal.warn_of(&job.listing.id, made_good);
                }
                let result = Ok(job.recorded(content));
                journal.settle(Outcome { resource: job.listing.id, result });
                return;
            }
            Ended::Failed(failure) => {
                let status = failure.status();
                match self.try_again(&mut job, &request, failure) {
                    Ok(again) => again,
                    Err(why) => {
                        self.discarded.add(job.list.take());
                        let error = format!("{request}: {why}{}{}", job.begun_anew(), job.arrived());
                        journal.error_of(&job.listing.id, &error);
                        let why = match status {
                            Some(403) => Why::Forbidden,
                            Some(404) => Why::Absent,
                            _ => Why::Failed,
                        };
                        let result = Err(job.not_recorded(why, status, error));
                        journal.settle(Outcome { resource: job.listing.id, result });
                        return;
                    }
                }
            }
            Ended::PlaceLost => Instant::now(),
            // At once it would take the memory again, before the others.
            Ended::MemoryLost => {
                Instant::now() + backoff(settings.times.backoff, job.made_way(), fastrand::f64())
            }
            Ended::Stopped(stop) => {
                cut.push((job, stop));
                return;
            }
        };
        job.asks = false;
        queue.push(again, job);
    }

    /// When a list is tried again after a failure, or why it is not.
    fn try_again(&self, job: &mut Job<S::List>, request: &str, failure: Failure) -> Result<Instant, String> {
        let (now, first) = (Instant::now(), self.settings.times.backoff);
        if failure.may_pass() {
            let ahead =
                Ahead { unasked: self.never_asked, left: self.settings.ends.saturating_duration_since(now) };
            self.outage.send_if_modified(|outage| {
                outage.failed(&failure, now, first, fastrand::f64(), ahead);
                // Whoever is told would only learn what is known here already.
                false
            });
        } else {
            // Whoever refuses answers.
            self.outage.send_if_modified(Outage::ended);
        }
        match job.expiry(&failure) {
            Expiry::None => {}
            Expiry::BeginAnew => {
                tracing::info!(target: RETRY_LOG, "{}: {request}: {failure}; beginning the list anew", job.listing.id);
                self.discarded.add(job.list.take());
                job.begin_anew(self.sink.begin(), request.to_owned(), failure);
                return Ok(now);
            }
            Expiry::GoOn(token) => {
                tracing::info!(target: RETRY_LOG, "{}: {request}: {failure}; going on in a later state", job.listing.id);
                if job.go_on(token, request.to_owned(), failure.clone()) {
                    return Ok(now);
                }
                return Err(format!("{failure}; the token to go on with was there before"));
            }
            Expiry::Stuck(why) => return Err(format!("{failure}{why}")),
        }
        if !failure.may_pass() {
            return Err(failure.to_string());
        }
        let asked = failure.asked_wait().unwrap_or_default();
        if asked > self.settings.ends.saturating_duration_since(now) {
            return Err(failure.asks_too_much("the cycle's deadline"));
        }
        let pause = backoff(first, job.failed_try(request, &failure), fastrand::f64()).max(asked);
        tracing::info!(target: RETRY_LOG, "{}: {request}: {failure}; trying again in {}", job.listing.id, rounded(pause));
        Ok(now + pause)
    }
}

fn cut_off<L>(settings: &Settings, journal: &Journal, job: Job<L>, stop: Stop, outage: Option<&Failure>) {
    let request = job.request(&settings.endpoint, &*settings.cluster);
    let (tries, waiting) = (job.tries(), job.waiting(outage));
    let (anew, arrived) = (job.begun_anew(), job.arrived());
    let error = format!("{request}: {stop}{tries}{waiting}{anew}{arrived}");
    journal.error_of(&job.listing.id, &error);
    let not_recorded = job.not_recorded(Why::CutOff, None, error);
    journal.settle(Outcome { resource: job.listing.id, result: Err(not_recorded) });
}

async fn wake_at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
