//! One list on its way: what has arrived, and what went wrong so far.

use std::collections::HashSet;

use crate::cluster::{Endpoint, Failure, shown};
use crate::model::digest::Sha256;
use crate::model::name::ResourceName;
use crate::model::outcome::{NotRecorded, Recorded, Why};
use crate::model::sink::Content;

/// A list and how far it is.
pub(super) struct Job<L> {
    pub(super) resource: ResourceName,
    /// The sink's part; lent to the thread that compresses.
    pub(super) list: Option<L>,
    /// The page to ask for next; the first one has none.
    pub(super) token: Option<String>,
    pub(super) pages: usize,
    pub(super) objects: u64,
    pub(super) bytes: u64,
    /// Digests of all tokens so far: one that comes back would go round for ever.
    seen: HashSet<Sha256>,
    /// Failed tries for the page in hand.
    failed_in_a_row: u32,
    failed: u32,
    last: Option<(String, Failure)>,
}

impl<L> Job<L> {
    pub(super) fn new(resource: ResourceName, list: L) -> Self {
        Self {
            resource,
            list: Some(list),
            token: None,
            pages: 0,
            objects: 0,
            bytes: 0,
            seen: HashSet::new(),
            failed_in_a_row: 0,
            failed: 0,
            last: None,
        }
    }

    /// The request for the page in hand, as logs show it.
    pub(super) fn request(&self, endpoint: &Endpoint) -> String {
        format!("GET {}", shown(&endpoint.list_url(&self.resource, self.token.as_deref())))
    }

    /// Counts a complete page.
    pub(super) fn page(&mut self, objects: u64, bytes: u64) {
        self.pages += 1;
        self.objects += objects;
        self.bytes += bytes;
        self.failed_in_a_row = 0;
    }

    /// Goes on to the page of `token`; false if there was such a page before.
    pub(super) fn follow(&mut self, token: String) -> bool {
        let new = self.seen.insert(Sha256::of(token.as_bytes()));
        self.token = Some(token);
        new
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
        Recorded { pages: self.pages, objects: self.objects, bytes: self.bytes, content }
    }

    pub(super) fn not_recorded(&self, why: Why, status: Option<u16>, error: String) -> NotRecorded {
        NotRecorded { why, pages: self.pages, status, error }
    }
}
