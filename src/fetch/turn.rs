//! A list's turn in a place: page after page, until it is complete, fails or has to make way.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::Shared;
use tokio::sync::watch;
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep, sleep_until};

use super::Settings;
use super::envelope::{Envelope, Unusable};
use super::job::Job;
use super::outage::Outage;
use crate::cluster::{Bounds, Connection, Failure, Layout, Page, PlaceInLine, Request, get_page};
use crate::model::limits::{CONTINUE_BYTES, PAGE_HALVED_BYTES, PAGES};
use crate::model::sink::{Content, Sink, SinkError};
use crate::model::stop::Stop;

/// Everything that a turn needs besides its list.
pub(super) struct Turn<'a, S> {
    pub(super) settings: &'a Settings,
    pub(super) sink: &'a Arc<S>,
    pub(super) place: usize,
    /// Whether a list is waiting for a place.
    pub(super) others_wait: watch::Receiver<bool>,
    /// Told of every page, which proves that the server answers.
    pub(super) outage: &'a watch::Sender<Outage>,
    /// Given back when the turn ends.
    pub(super) _connection: Connection,
}

/// How a turn ended.
pub(super) enum Ended {
    /// The list is in the sink.
    Complete {
        /// What it holds.
        content: Content,
        /// If the answer was no list, why.
        oddity: Option<&'static str>,
    },
    /// A try failed.
    Failed(Failure),
    /// Others wait, and it had its share.
    PlaceLost,
    /// Others stood still for it too long.
    MemoryLost,
    /// The cycle ends.
    Stopped(Stop),
}

/// What a page that was stored leaves to do.
struct Kept {
    /// Whether the first object has a `uid`.
    identified: Option<bool>,
    objects: u64,
    bytes: u64,
    token: Option<String>,
    oddity: Option<&'static str>,
}

impl<S: Sink> Turn<'_, S> {
    /// Fetches pages of `job` and returns it with its place.
    pub(super) async fn run<F>(
        mut self,
        mut job: Job<S::List>,
        stop: Shared<F>,
    ) -> (usize, Job<S::List>, Ended)
    where
        F: Future<Output = Stop>,
    {
        let ended = tokio::select! {
            // Time that is over goes before a page that has just arrived.
            biased;
            stop = stop => Ended::Stopped(stop),
            ended = self.pages(&mut job) => ended,
        };
        (self.place, job, ended)
    }

    async fn pages(&mut self, job: &mut Job<S::List>) -> Ended {
        job.lacks_connection = false;
        let share = self.settings.times.share;
        // Others of whatever target stand still meanwhile, however long this one's interval is.
        let patience = share.min(self.settings.times.idle * 2);
        let share_ends = Instant::now() + share;
        job.asking();
        loop {
            let url = self.settings.endpoint.list_url(&job.listing, job.page_in_hand());
            let request = Request::get(url);
            let bounds = Bounds {
                idle: self.settings.times.idle,
                max_bytes: self.settings.max_list_bytes.saturating_sub(job.bytes),
                limit: ("--max-list-bytes", self.settings.max_list_bytes),
                stands_still: &job.stands_still,
            };
            let held = self.settings.memory.begin();
            let line = held.place_in_line();
            let page = tokio::select! {
                page = get_page(&*self.settings.cluster, &request, bounds, held) => page,
                lost = share_is_over(&mut self.others_wait, &line, patience, share_ends) => return lost,
            };
            let kept = self.keep(job, page).await.map_err(|failure| failure.conceal(&*self.settings.cluster));
            match kept {
                Ok(Some(ended)) => return ended,
                Ok(None) if Instant::now() >= share_ends && *self.others_wait.borrow() => {
                    return Ended::PlaceLost;
                }
                Ok(None) => {}
                Err(failure) => return Ended::Failed(failure),
            }
        }
    }

    /// Stores a page. Returns how the turn ends if it was the last one.
    async fn keep(
        &self,
        job: &mut Job<S::List>,
        page: Result<Page, Failure>,
    ) -> Result<Option<Ended>, Failure> {
        let page = page?;
        self.outage.send_if_modified(Outage::ended);
        let Some(mut list) = job.list.take() else {
            return Err(Failure::Malformed(
                "a list that was given up is asked for again; this is a bug".to_owned(),
            ));
        };
        let (sink, place, pages, objects) = (Arc::clone(self.sink), self.place, job.pages, job.objects);
        // The exercise stores what it need not understand; an API server that sends no list is not well.
        let lists_only = self.settings.endpoint.layout == Layout::Kubernetes;
        // Checking and compressing a large page takes seconds of a processor.
        let stored = spawn_blocking(move || {
            let kept = store(&*sink, place, &mut list, (pages, objects), &page, lists_only)?;
            let content = match kept.token {
                Some(_) => None,
                None => Some(sink.content(&list).map_err(|error| Failure::Malformed(error.to_string()))?),
            };
            Ok((list, kept, content))
        });
        let stored: Result<_, Failure> = match stored.await {
            Ok(stored) => stored,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        };
        let (list, kept, content) = stored?;
        job.page(kept.objects, kept.bytes);
        if self.settings.endpoint.layout == Layout::Kubernetes {
            job.identified = job.identified.or(kept.identified);
            if kept.bytes > PAGE_HALVED_BYTES {
                job.halve();
            }
        }
        if let Some(content) = content {
            self.sink.finish(job.listing.id.file_name(), list);
            return Ok(Some(Ended::Complete { content, oddity: kept.oddity }));
        }
        job.list = Some(list);
        let token = kept.token.unwrap_or_default();
        if token.len() > CONTINUE_BYTES {
            return Err(Failure::Malformed(format!(
                "its continue token has more than {CONTINUE_BYTES} bytes"
            )));
        }
        if job.pages == PAGES {
            return Err(Failure::Malformed(format!("the list has more than {PAGES} pages")));
        }
        if !job.follow(token) {
            return Err(Failure::Malformed(
                "its continue token leads back to a page that was there before".to_owned(),
            ));
        }
        Ok(None)
    }
}

/// Checks a page and appends what belongs into the document.
fn store<S: Sink>(
    sink: &S,
    place: usize,
    list: &mut S::List,
    (pages, objects): (usize, u64),
    page: &Page,
    lists_only: bool,
) -> Result<Kept, Failure> {
    let bytes = &page.bytes[..];
    let unusable = |why: Unusable| Failure::Malformed(why.to_string());
    let full = |error: SinkError| Failure::Malformed(error.to_string());
    let envelope = Envelope::read(bytes).map_err(unusable)?;
    let mut kept =
        Kept { identified: None, objects: 0, bytes: bytes.len() as u64, token: None, oddity: None };
    let items = match &envelope.items {
        Ok(items) => items,
        Err(why) if pages == 0 && envelope.token.is_none() && !lists_only => {
            sink.append(place, list, &[bytes]).map_err(full)?;
            kept.oddity = Some(why);
            return Ok(kept);
        }
        Err(why) => return Err(Failure::Malformed(format!("the answer is not a list: {why}"))),
    };
    kept.objects = items.count;
    kept.identified = items.first_has_uid(bytes);
    match (pages, &envelope.token) {
        (0, None) => sink.append(place, list, &[bytes]),
        (0, Some(_)) => {
            let behind = envelope.behind(bytes, items);
            sink.set_end(place, list, &[&[&b"]"[..]], &behind[..]].concat()).map_err(full)?;
            let before = envelope.before(bytes, items);
            sink.append(place, list, &[&before[..], &[b"[", items.of(bytes)]].concat())
        }
        _ if items.count == 0 => Ok(()),
        _ if objects == 0 => sink.append(place, list, &[items.of(bytes)]),
        _ => sink.append(place, list, &[b",", items.of(bytes)]),
    }
    .map_err(full)?;
    kept.token = envelope.token;
    Ok(kept)
}

/// Returns once the share is used up and another list waits for a place, or once others have
/// stood still for this page, for want of memory, as long as `patience`.
async fn share_is_over(
    others_wait: &mut watch::Receiver<bool>,
    line: &PlaceInLine,
    patience: Duration,
    share_ends: Instant,
) -> Ended {
    let place_is_wanted = async {
        sleep_until(share_ends).await;
        if others_wait.wait_for(|waits| *waits).await.is_err() {
            // Nobody is left who could wait.
            std::future::pending::<()>().await;
        }
    };
    // Time that the page stood still itself does not count: it held up nobody then.
    let memory_is_wanted = async {
        line.holds_up_others().await;
        sleep(patience).await;
        line.holds_up_others().await;
    };
    tokio::select! {
        () = place_is_wanted => Ended::PlaceLost,
        () = memory_is_wanted => Ended::MemoryLost,
    }
}
