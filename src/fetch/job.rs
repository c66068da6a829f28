//! One list on its way: what has arrived, and what went wrong so far.

use std::collections::HashSet;
use std::sync::atomic::{AtomicBool, Ordering};

use crate::cluster::{Cluster, Endpoint, Failure, PageOf, shown};
use crate::model::digest::Sha256;
use crate::model::limits::{CONTINUE_BYTES, EXPIRED_IN_A_ROW, PAGE_OBJECTS};
use crate::model::listing::Listing;
use crate::model::outcome::{NotRecorded, Recorded, Why};
use crate::model::sink::Content;

/// A list and how far it is.
pub(super) struct Job<L> {
    pub(super) listing: Listing,
    /// The sink's part; lent to the thread that compresses.
    pub(super) list: Option<L>,
    /// The page to ask for next; the first one has none.
    pub(super) token: Option<String>,
    /// How many objects it may have.
    limit: usize,
    pub(super) pages: usize,
    pub(super) objects: u64,
    pub(super) bytes: u64,
    /// Whether a place was free for it, and no connection.
    pub(super) lacks_connection: bool,
    /// Digests of all tokens so far: one that comes back would go round for ever.
    seen: HashSet<Sha256>,
    /// Failed tries for the page in hand.
    failed_in_a_row: u32,
    failed: u32,
    /// Times that it made way to others for memory.
    made_way: u32,
    last: Option<(String, Failure)>,
    /// Whether its last turn got as far as asking; what has no turn does not.
    pub(super) asks: bool,
    /// Whether it was ever asked for.
    pub(super) asked: bool,
    /// Whether the page in hand stands still for want of memory.
    pub(super) stands_still: AtomicBool,
    /// The request whose continue token was too old, and what was answered, if it was begun anew because of that.
    expired: Option<(String, Failure)>,
    /// The same of the last time that it went on in a later state, because it had been begun anew before.
    skewed: Option<(String, Failure)>,
    /// Tokens in a row that were too old.
    expired_in_a_row: u32,
    /// Whether its objects have a `uid`.
    pub(super) identified: Option<bool>,
}

/// What follows from a continue token that is too old.
pub(super) enum Expiry {
    /// None is.
    None,
    /// The list begins anew.
    BeginAnew,
    /// It goes on with this token.
    GoOn(String),
    /// It cannot be completed; why, to be added to the failure.
    Stuck(&'static str),
}

impl<L> Job<L> {
    pub(super) fn new(listing: Listing, list: L) -> Self {
        Self {
            listing,
            list: Some(list),
            token: None,
            limit: PAGE_OBJECTS,
            pages: 0,
            objects: 0,
            bytes: 0,
            lacks_connection: false,
            seen: HashSet::new(),
            failed_in_a_row: 0,
            failed: 0,
            made_way: 0,
            last: None,
            asks: false,
            asked: false,
            stands_still: AtomicBool::new(false),
            expired: None,
            skewed: None,
            expired_in_a_row: 0,
            identified: None,
        }
    }

    /// Notes that a page is asked for.
    pub(super) fn asking(&mut self) {
        self.asks = true;
        self.asked = true;
    }

    /// What to do after a failure that concerns the continue token: at the first time that it is too old the list
    /// begins anew, because it can still be whole then; later it goes on in the state of now, as the server offers,
    /// or it would begin anew for ever.
    pub(super) fn expiry(&self, failure: &Failure) -> Expiry {
        if !failure.is_expired() || self.token.is_none() {
            return Expiry::None;
        }
        match failure.inconsistent_token() {
            _ if self.expired.is_none() => Expiry::BeginAnew,
            None => Expiry::Stuck("; the server offers no token to go on with"),
            Some(_) if self.expired_in_a_row >= EXPIRED_IN_A_ROW => {
                Expiry::Stuck("; no page came with the tokens that the server offered to go on with")
            }
            Some(token) if token.len() > CONTINUE_BYTES => {
                Expiry::Stuck("; the token that the server offers to go on with is too long")
            }
            Some(token) => Expiry::GoOn(token.to_owned()),
        }
    }

    /// Goes on with a token that leads to a later state; false if that was there before.
    pub(super) fn go_on(&mut self, token: String, request: String, failure: Failure) -> bool {
        self.expired_in_a_row += 1;
        self.failed_in_a_row = 0;
        self.skewed = Some((request, failure));
        self.follow(token)
    }

    /// Forgets what has arrived and goes back to the first page, with a new part of the sink.
    pub(super) fn begin_anew(&mut self, list: L, request: String, failure: Failure) {
        self.list = Some(list);
        self.token = None;
        (self.pages, self.objects, self.bytes) = (0, 0, 0);
        self.seen.clear();
        self.identified = None;
        self.failed_in_a_row = 0;
        self.expired = Some((request, failure));
    }

    /// What to say of having begun anew once the list is complete.
    pub(super) fn made_good_anew(&self) -> Option<String> {
        let (request, failure) = self.expired.as_ref()?;
        Some(format!("{request}: {failure}; the list was begun anew, and is complete"))
    }

    /// What to say of pages that are not of one state once the list is complete.
    pub(super) fn inconsistent(&self) -> Option<String> {
        let (request, failure) = self.skewed.as_ref()?;
        Some(format!(
            "{request}: {failure}, again; the list went on in a later state of the cluster: it is complete, but not of one instant"
        ))
    }

    /// What to say of having begun anew when the list is not complete.
    pub(super) fn begun_anew(&self) -> String {
        match &self.expired {
            Some((_, failure)) => format!("; it had been begun anew, because of {failure}"),
            None => String::new(),
        }
    }

    /// What it was doing when time was over, if that was waiting. `outage` is why nobody was asked.
    pub(super) fn waiting(&self, outage: Option<&Failure>) -> String {
        match outage {
            _ if self.asks && self.stands_still.load(Ordering::Relaxed) => {
                "; it stood still, because all pages in flight had used up the memory that they share"
                    .to_owned()
            }
            _ if self.asks || self.failed_in_a_row > 0 => String::new(),
            None if self.lacks_connection => {
                "; it waited for a connection, because other targets used up those that all share".to_owned()
            }
            Some(failure) if !self.asked => {
                format!("; it was not asked for, because the last tries all failed: {failure}")
            }
            _ if !self.asked => "; its turn never came".to_owned(),
            _ => "; it was waiting for another turn".to_owned(),
        }
    }

    /// The request for the page in hand, as logs show it. A continue token that repeats a credential is not shown at
    /// all: encoded and cut for a log, it would not be recognized any more.
    pub(super) fn request(&self, endpoint: &Endpoint, cluster: &dyn Cluster) -> String {
        let harmless = |token| if cluster.conceal(token) == *token { token } else { "concealed" };
        let page = self.page_in_hand();
        let page = PageOf { token: page.token.map(harmless), ..page };
        format!("GET {}", shown(&endpoint.list_url(&self.listing, page)))
    }

    /// The page to ask for next.
    pub(super) fn page_in_hand(&self) -> PageOf<'_> {
        PageOf { token: self.token.as_deref(), limit: self.limit }
    }

    /// Asks for half as many objects from now on.
    pub(super) fn halve(&mut self) {
        self.limit = (self.limit / 2).max(1);
    }

    /// Counts a complete page.
    pub(super) fn page(&mut self, objects: u64, bytes: u64) {
        self.pages += 1;
        self.objects += objects;
        self.bytes += bytes;
        self.failed_in_a_row = 0;
        self.made_way = 0;
        self.expired_in_a_row = 0;
    }

    /// Goes on to the page of `token`; false if there was such a page before.
    pub(super) fn follow(&mut self, token: String) -> bool {
        let new = self.seen.insert(Sha256::of(token.as_bytes()));
        self.token = Some(token);
        new
    }

    /// Notes that it made way for memory and returns how often it did.
    pub(super) fn made_way(&mut self) -> u32 {
        self.made_way += 1;
        self.made_way
    }

    /// Notes a failed try and returns how many there were for this page.
    pub(super) fn failed_try(&mut self, request: &str, failure: &Failure) -> u32 {
        self.failed_in_a_row += 1;
        self.failed += 1;
        self.last = Some((request.to_owned(), failure.clone()));
        self.failed_in_a_row
    }

    /// What to say of failed tries once the list is complete.
    pub(super) fn made_good(&self) -> Option<String> {
        let (request, failure) = self.last.as_ref()?;
        let count = if self.failed == 1 {
            String::new()
        } else {
            format!(" (the last of {} failed tries)", self.failed)
        };
        Some(format!("{request}: {failure}{count}; made good by another try"))
    }

    /// What to say of failed tries when time is over.
    pub(super) fn tries(&self) -> String {
        match &self.last {
            Some((_, failure)) if self.failed_in_a_row > 0 => {
                let tries = if self.failed_in_a_row == 1 { "try" } else { "tries" };
                format!(" after {} failed {tries}: {failure}", self.failed_in_a_row)
            }
            _ => String::new(),
        }
    }

    /// How much had arrived of a list that is not written.
    pub(super) fn arrived(&self) -> String {
        match self.pages {
            0 => String::new(),
            1 => "; 1 page had arrived".to_owned(),
            pages => format!("; {pages} pages had arrived"),
        }
    }

    pub(super) fn recorded(&self, content: Content) -> Recorded {
        Recorded {
            pages: self.pages,
            objects: self.objects,
            bytes: self.bytes,
            content,
            consistent: self.skewed.is_none(),
            identified: self.identified,
        }
    }

    pub(super) fn not_recorded(&self, why: Why, status: Option<u16>, error: String) -> NotRecorded {
        NotRecorded { why, pages: self.pages, status, error }
    }
}
