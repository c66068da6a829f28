//! Fetching: every selected list, page by page, four at a time, and none at the cost of another.
//!
//! A list holds one of a few places while it is fetched. A try that fails sends it to the end of
//! the queue, and so does holding the place for too long while another waits; its complete pages
//! are kept. Whatever happens, each selected resource ends in an [`Outcome`].

mod envelope;
mod job;
mod queue;
#[cfg(test)]
mod tests;
mod turn;

use std::sync::Arc;

use futures_util::future::FutureExt as _;
use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use crate::cluster::{Cluster, Endpoint, PageMemory, RETRY_LOG, backoff, rounded};
use crate::model::catalog::Resource;
use crate::model::journal::Journal;
use crate::model::limits::{PLACES, Times};
use crate::model::outcome::{Outcome, Why};
use crate::model::sink::Sink;
use crate::model::stop::Stop;

use job::Job;
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
    /// What all pages share.
    pub memory: PageMemory,
    /// Bytes of a list.
    pub max_list_bytes: u64,
}

/// Fetches the lists of `resources` into `sink` until all are there or `stop` says why not. What
/// was wrong, and each one's [`Outcome`], go into the journal.
pub async fn fetch<S: Sink>(
    settings: &Settings,
    resources: &[&Resource],
    sink: &Arc<S>,
    journal: &Journal,
    stop: impl Future<Output = Stop>,
) {
    let stop = stop.shared();
    let (waiting, others_wait) = watch::channel(false);
    let mut queue = Queue::new();
    for resource in resources {
        queue.push(Instant::now(), Job::new(resource.id.clone(), sink.begin()));
    }
    let mut free: Vec<usize> = (0..PLACES).rev().collect();
    let mut running = FuturesUnordered::new();
    let mut cut = Vec::new();
    loop {
        let now = Instant::now();
        while let Some(&place) = free.last()
            && let Some(job) = queue.take(now)
        {
            free.pop();
            let turn = Turn { settings, sink, place, others_wait: others_wait.clone() };
            running.push(turn.run(job, stop.clone()));
        }
        waiting.send_replace(queue.waits(now));
        if running.is_empty() && queue.is_empty() {
            break;
        }
        tokio::select! {
            Some((place, job, ended)) = running.next() => {
                free.push(place);
                settle(settings, journal, &mut queue, &mut cut, job, ended);
            }
            () = wake_at(queue.next(now)) => {}
            reason = stop.clone(), if running.is_empty() => {
                cut.extend(queue.drain().map(|job| (job, reason)));
            }
        }
    }
    // They were cut off at one instant, in no order of their own.
    cut.sort_by(|(one, _), (other, _)| one.resource.cmp(&other.resource));
    for (job, reason) in cut {
        cut_off(settings, journal, job, reason);
    }
}

/// Puts a list back into the queue, or among those that were cut off, or says what became of it.
fn settle<L>(
    settings: &Settings,
    journal: &Journal,
    queue: &mut Queue<Job<L>>,
    cut: &mut Vec<(Job<L>, Stop)>,
    mut job: Job<L>,
    ended: Ended,
) {
    let result = match ended {
        Ended::Complete { content, oddity } => {
            if let Some(why) = oddity {
                let request = job.request(&settings.endpoint);
                journal.warn_of(
                    &job.resource,
                    format!("{request}: the answer is not a list ({why}); it was stored as sent"),
                );
            }
            if let Some(made_good) = job.made_good() {
                journal.warn_of(&job.resource, made_good);
            }
            Ok(job.recorded(content))
        }
        Ended::Failed(failure) if failure.may_pass() => {
            let request = job.request(&settings.endpoint);
            let pause = backoff(settings.times.backoff, job.failed_try(&request, &failure), fastrand::f64());
            tracing::info!(target: RETRY_LOG, "{}: {request}: {failure}; trying again in {}", job.resource, rounded(pause));
            queue.push(Instant::now() + pause, job);
            return;
        }
        Ended::Failed(failure) => {
            let request = job.request(&settings.endpoint);
            let error = format!("{request}: {failure}{}", job.arrived());
            journal.error_of(&job.resource, &error);
            Err(job.not_recorded(Why::Failed, failure.status(), error))
        }
        Ended::PlaceLost => {
            queue.push(Instant::now(), job);
            return;
        }
        Ended::Stopped(stop) => {
            cut.push((job, stop));
            return;
        }
    };
    journal.settle(Outcome { resource: job.resource, result });
}

fn cut_off<L>(settings: &Settings, journal: &Journal, job: Job<L>, stop: Stop) {
    let request = job.request(&settings.endpoint);
    let tries = job.tries();
    let error = format!("{request}: {stop}{tries}{}", job.arrived());
    journal.error_of(&job.resource, &error);
    let not_recorded = job.not_recorded(Why::CutOff, None, error);
    journal.settle(Outcome { resource: job.resource, result: Err(not_recorded) });
}

async fn wake_at(instant: Option<Instant>) {
    match instant {
        Some(instant) => sleep_until(instant).await,
        None => std::future::pending().await,
    }
}
