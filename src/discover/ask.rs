//! One request of discovery, made until there is an answer, a failure that will not pass, or no time left.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use tokio::time::{Instant, sleep, timeout_at};

use super::Settings;
use super::entries::Note;
use crate::cluster::{
    Bounds, Cluster, Connection, Failure, Page, RETRY_LOG, Request, TargetConnections, backoff, get_page,
    rounded,
};
use crate::model::journal::Journal;
use crate::model::limits::DISCOVERY_BYTES;

/// Who asks, and until when.
#[derive(Clone)]
pub(super) struct Asker<'a> {
    pub(super) cluster: &'a dyn Cluster,
    pub(super) settings: Settings<'a>,
    pub(super) journal: &'a Journal,
    pub(super) end: Instant,
    /// Where a connection is taken from, for whoever asks several things at a time.
    pub(super) connections: Option<&'a TargetConnections>,
    /// The most that all answers together may have.
    pub(super) limit: (&'static str, u64),
    /// What those that have arrived had.
    pub(super) used: Arc<AtomicU64>,
}

/// Why there is no answer. Its text follows the request in a log line.
pub(super) enum GaveUp {
    /// It will not pass.
    Failure(Failure),
    /// Time was over.
    Time(String),
}

impl fmt::Display for GaveUp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failure(failure) => failure.fmt(f),
            Self::Time(why) => f.write_str(why),
        }
    }
}

impl<'a> Asker<'a> {
    /// An asker that has the time for discovery from now on.
    pub(super) fn new(cluster: &'a dyn Cluster, settings: Settings<'a>, journal: &'a Journal) -> Self {
        Self {
            cluster,
            settings,
            journal,
            end: Instant::now() + settings.times.discovery,
            connections: None,
            limit: ("the limit of discovery", DISCOVERY_BYTES),
            used: Arc::default(),
        }
    }

    /// Waits for leave to have a request in flight, where that is needed.
    pub(super) async fn connection(&self) -> Option<Connection> {
        match self.connections {
            Some(connections) => Some(connections.get().await),
            None => None,
        }
    }

    /// Asks once.
    pub(super) async fn once(
        &self,
        request: &Request,
        _connection: Option<Connection>,
        stands_still: &AtomicBool,
    ) -> Result<Page, Failure> {
        let Settings { times, memory, .. } = self.settings;
        let (limit, max) = self.limit;
        let left = max.saturating_sub(self.used.load(Ordering::Relaxed));
        let bounds = Bounds { idle: times.idle, max_bytes: left, limit: self.limit, stands_still };
        let page = get_page(self.cluster, request, bounds, memory.begin()).await?;
        let bytes = page.bytes.len() as u64;
        if self.used.fetch_add(bytes, Ordering::Relaxed) + bytes > max {
            // Of several that arrived at a time this one was too much.
            self.used.fetch_sub(bytes, Ordering::Relaxed);
            return Err(Failure::TooLarge { limit, max });
        }
        Ok(page)
    }

    /// Asks, and asks again. A failure that was made good is told in the journal.
    pub(super) async fn ask(&self, request: &Request, name: &str) -> Result<Page, GaveUp> {
        let times = self.settings.times;
        let stands_still = AtomicBool::new(false);
        let within = humantime::format_duration(times.discovery);
        let (mut tries, mut last) = (0, None::<Failure>);
        loop {
            tries += 1;
            let one_try = async { self.once(request, self.connection().await, &stands_still).await };
            let failure = match timeout_at(self.end, one_try).await {
                Ok(Ok(page)) => {
                    if let Some(failure) = last {
                        self.journal.warn(format!("{name}: {failure}; made good by another try"));
                    }
                    return Ok(page);
                }
                Ok(Err(failure)) if failure.may_pass() => failure,
                Ok(Err(failure)) => return Err(GaveUp::Failure(failure)),
                Err(_) => {
                    let before =
                        last.map(|failure| format!(", and before that: {failure}")).unwrap_or_default();
                    let still = if stands_still.load(Ordering::Relaxed) {
                        ", while all pages in flight had used up the memory that they share"
                    } else {
                        ""
                    };
                    return Err(GaveUp::Time(format!("no complete answer within {within}{still}{before}")));
                }
            };
            let asked = failure.asked_wait().unwrap_or_default();
            if asked > self.time_left() {
                let why = failure.asks_too_much(&format!("the {within} that discovery has"));
                return Err(GaveUp::Time(why));
            }
            let pause = backoff(times.backoff, tries, fastrand::f64()).max(asked);
            if pause >= self.time_left() {
                let why = format!("{failure} ({} within {within})", counted(tries));
                return Err(GaveUp::Time(why));
            }
            tracing::info!(target: RETRY_LOG, "{name}: {failure}; trying again in {}", rounded(pause));
            sleep(pause).await;
            last = Some(failure);
        }
    }

    /// Tells of something by which nothing is lost.
    pub(super) fn warn(&self, text: &str) {
        self.journal.warn(self.cluster.conceal(text));
    }

    /// Tells what was wrong.
    pub(super) fn tell(&self, notes: Vec<Note>) {
        for note in notes {
            match note {
                Note::Warn(text) => self.warn(&text),
                Note::Error(text) => self.journal.error(self.cluster.conceal(&text)),
            }
        }
    }

    fn time_left(&self) -> Duration {
        self.end.saturating_duration_since(Instant::now())
    }
}

/// So many tries, in words.
pub(super) fn counted(tries: u32) -> String {
    if tries == 1 { "one try".to_owned() } else { format!("{tries} tries") }
}
