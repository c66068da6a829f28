//! Discovery: which resources the cluster has, tried again while time remains.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, timeout_at};
use url::Url;

use crate::cluster::{
    Bounds, Cluster, Failure, Page, RETRY_LOG, Request, TargetMemory, backoff, get_page, rounded, shown,
};
use crate::model::catalog::Catalog;
use crate::model::journal::Journal;
use crate::model::limits::{DISCOVERY_BYTES, Times};

mod lenient;
mod parse;
#[cfg(test)]
mod tests;

use parse::{Note, Parsed};

/// What discovery needs besides a cluster.
#[derive(Clone, Copy)]
pub struct Settings<'a> {
    /// Where the resources are listed.
    pub url: &'a Url,
    /// How long it may take.
    pub times: Times,
    /// The target's part of the memory for pages.
    pub memory: &'a TargetMemory,
}

/// Asks for the resources and reads them. What was wrong goes into the journal.
///
/// Returns `None` if there was no usable answer in time, with an error in the journal.
pub async fn discover(cluster: &dyn Cluster, settings: Settings<'_>, journal: &Journal) -> Option<Catalog> {
    let request = format!("discovery: GET {}", shown(settings.url));
    let page = match ask(cluster, settings, &request).await {
        (Ok(page), None) => page,
        (Ok(page), Some(failure)) => {
            journal.warn(format!("{request}: {failure}; made good by another try"));
            page
        }
        (Err(why), _) => {
            journal.error(format!("{request}: {why}"));
            return None;
        }
    };
    // A large answer takes a processor for half a second. The page goes along whole: its memory is counted until it
    // is read, even if nobody waits for that any more.
    let parsed = match spawn_blocking(move || read(&page)).await {
        Ok(parsed) => parsed,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    };
    match parsed {
        Ok(parsed) => {
            for note in parsed.notes {
                match note {
                    Note::Warn(text) => journal.warn(cluster.conceal(&text)),
                    Note::Error(text) => journal.error(cluster.conceal(&text)),
                }
            }
            Some(parsed.catalog)
        }
        Err(why) => {
            let why = cluster.conceal(&why);
            journal.error(format!("{request}: the answer is not an APIResourceList: {why}"));
            None
        }
    }
}

fn read(page: &Page) -> Result<Parsed, String> {
    parse::parse(&page.bytes)
}

/// Asks until there is an answer, a failure that will not pass, or no time left. Also returns the last
/// failure of an earlier try.
async fn ask(
    cluster: &dyn Cluster,
    settings: Settings<'_>,
    request: &str,
) -> (Result<Page, String>, Option<Failure>) {
    let Settings { url, times, memory } = settings;
    let asked = Request::get(url.clone());
    let stands_still = AtomicBool::new(false);
    let bounds = Bounds {
        idle: times.idle,
        max_bytes: DISCOVERY_BYTES,
        limit: ("the limit of discovery", DISCOVERY_BYTES),
        stands_still: &stands_still,
    };
    let end = Instant::now() + times.discovery;
    let within = humantime::format_duration(times.discovery);
    let (mut tries, mut last) = (0, None);
    loop {
        tries += 1;
        let failure = match timeout_at(end, get_page(cluster, &asked, bounds, memory.begin())).await {
            Ok(Ok(page)) => return (Ok(page), last),
            Ok(Err(failure)) if failure.may_pass() => failure,
            Ok(Err(failure)) => return (Err(failure.to_string()), last),
            Err(_) => {
                let before =
                    last.as_ref().map(|failure| format!(", and before that: {failure}")).unwrap_or_default();
                let still = if stands_still.load(Ordering::Relaxed) {
                    ", while all pages in flight had used up the memory that they share"
                } else {
                    ""
                };
                return (Err(format!("no complete answer within {within}{still}{before}")), None);
            }
        };
        let asked = failure.asked_wait().unwrap_or_default();
        if asked > end.saturating_duration_since(Instant::now()) {
            return (Err(failure.asks_too_much(&format!("the {within} that discovery has"))), None);
        }
        let pause = backoff(times.backoff, tries, fastrand::f64()).max(asked);
        if Instant::now() + pause >= end {
            let count = if tries == 1 { "one try".to_owned() } else { format!("{tries} tries") };
            return (Err(format!("{failure} ({count} within {within})")), None);
        }
        tracing::info!(target: RETRY_LOG, "{request}: {failure}; trying again in {}", rounded(pause));
        sleep(pause).await;
        last = Some(failure);
    }
}
