//! On which HTTP/2 connection a request goes.
//!
//! An HTTP client keeps one connection to a server and puts every request on it. That has two ends: what the server
//! allows at once (often a hundred; a request beyond that waits without a word), and the connection's window, which
//! pages that stand still fill up for all others. So the requests of many targets are spread over several
//! clients, lanes, each with no more requests than its window has room for. Nor is a request put where another
//! has just waited in vain: a connection that died without a word would else take every try until its pings say so.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::tls::TlsError;

/// Requests on one lane at once. Far below what servers allow, for RFC 9113 asks them for a hundred; and a target
/// has four in flight, so that a dozen targets still share a connection.
pub(super) const REQUESTS: u32 = 32;

/// Makes one more HTTP client.
pub(super) type Make = Box<dyn Fn() -> Result<reqwest::Client, TlsError> + Send + Sync>;

/// The lanes to one server.
pub(super) struct Lanes {
    make: Make,
    /// Requests on one lane at once; without it there is one lane for all, and it stays.
    most: Option<u32>,
    open: Mutex<Vec<Arc<Lane>>>,
}

struct Lane {
    http: reqwest::Client,
    requests: AtomicU32,
    /// When something last came on it.
    heard: Mutex<Instant>,
}

/// A request's place on a lane, from before it is sent until its answer is whole.
pub(super) struct Place {
    lanes: Arc<Lanes>,
    lane: Arc<Lane>,
    /// Since when it waits for something to come, if it does.
    waits: Option<Instant>,
    answered: bool,
}

impl Lanes {
    /// One lane, and more as they are needed if a lane takes only so many.
    pub(super) fn new(make: Make, most: Option<u32>) -> Result<Arc<Self>, TlsError> {
        let lanes = Self { make, most, open: Mutex::default() };
        lanes.open_one(&mut lanes.lock())?;
        Ok(Arc::new(lanes))
    }

    /// A place for one request.
    pub(super) fn place(self: &Arc<Self>) -> Result<Place, TlsError> {
        let mut open = self.lock();
        let room =
            |lane: &&Arc<Lane>| self.most.is_none_or(|most| lane.requests.load(Ordering::Relaxed) < most);
        // The first with room, so that those behind fall idle and their connections end.
        let lane = match open.iter().find(room) {
            Some(lane) => Arc::clone(lane),
            None => self.open_one(&mut open)?,
        };
        lane.requests.fetch_add(1, Ordering::Relaxed);
        Ok(Place { lanes: Arc::clone(self), lane, waits: None, answered: false })
    }

    fn open_one(&self, open: &mut Vec<Arc<Lane>>) -> Result<Arc<Lane>, TlsError> {
        let http = (self.make)()?;
        let lane = Lane { http, requests: AtomicU32::new(0), heard: Mutex::new(Instant::now()) };
        let lane = Arc::new(lane);
        open.push(Arc::clone(&lane));
        Ok(lane)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Lane>>> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    /// What to send with.
    pub(super) fn http(&self) -> &reqwest::Client {
        &self.lane.http
    }

    /// From now on it waits for something to come.
    pub(super) fn waits(&mut self) {
        self.waits = Some(Instant::now());
    }

    /// What it waited for came, well or as an error.
    pub(super) fn came(&mut self, well: bool) {
        self.waits = None;
        if well {
            self.answered = true;
            *self.lane.heard.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
        }
    }

    /// Whether a request that was given up says something against its connection: it was never answered, or nobody
    /// heard anything there for as long as it waited. Either may be the server's doing; then a new
    /// connection is what HTTP/1.1 would have taken, too.
    fn is_against_its_lane(&self) -> bool {
        let heard = *self.lane.heard.lock().unwrap_or_else(PoisonError::into_inner);
        self.waits.is_some_and(|since| !self.answered || heard <= since)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.lane.requests.fetch_sub(1, Ordering::Relaxed);
        if self.lanes.most.is_some() && self.is_against_its_lane() {
            // Requests that are on it go on.
            self.lanes.lock().retain(|lane| !Arc::ptr_eq(lane, &self.lane));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lanes(most: Option<u32>) -> Arc<Lanes> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let make = || reqwest::Client::builder().tls_backend_preconfigured(no_tls()).build();
        Lanes::new(Box::new(move || make().map_err(|error| TlsError::Client(error.to_string()))), most)
            .unwrap()
    }

    fn no_tls() -> rustls::ClientConfig {
        let roots = rustls::RootCertStore::empty();
        rustls::ClientConfig::builder().with_root_certificates(roots).with_no_client_auth()
    }

    fn same(one: &Place, other: &Place) -> bool {
        Arc::ptr_eq(&one.lane, &other.lane)
    }

    #[test]
    fn a_lane_takes_so_many_requests_and_the_first_with_room_is_taken() {
        let lanes = lanes(Some(2));
        let mut places: Vec<_> = (0..5).map(|_| lanes.place().unwrap()).collect();
        assert!(same(&places[0], &places[1]) && same(&places[2], &places[3]));
        assert!(!same(&places[1], &places[2]) && !same(&places[3], &places[4]));
        assert_eq!(lanes.lock().len(), 3);
        drop(places.remove(0));
        assert!(same(&lanes.place().unwrap(), &places[0]));
    }

    #[test]
    fn one_lane_for_all_stays_whatever_happens_on_it() {
        let lanes = lanes(None);
        let mut places: Vec<_> = (0..100).map(|_| lanes.place().unwrap()).collect();
        assert!(places.iter().all(|place| same(place, &places[0])));
        places.iter_mut().for_each(Place::waits);
        drop(places);
        assert_eq!(lanes.lock().len(), 1);
    }

    #[test]
    fn a_lane_on_which_a_request_was_never_answered_gets_no_more() {
        let lanes = lanes(Some(9));
        let (mut good, mut bad) = (lanes.place().unwrap(), lanes.place().unwrap());
        bad.waits();
        good.waits();
        good.came(true);
        drop(bad);
        assert!(!same(&lanes.place().unwrap(), &good));
    }

    #[test]
    fn a_lane_gets_no_more_after_a_slow_answer_only_if_nothing_else_came() {
        for others in [true, false] {
            let lanes = lanes(Some(9));
            let (mut slow, mut other) = (lanes.place().unwrap(), lanes.place().unwrap());
            slow.came(true);
            slow.waits();
            let since = slow.waits;
            while others && Some(*other.lane.heard.lock().unwrap()) <= since {
                other.came(true);
            }
            drop(slow);
            assert_eq!(same(&lanes.place().unwrap(), &other), others);
        }
    }

    #[test]
    fn what_failed_or_was_not_waited_for_says_nothing_against_its_lane() {
        let lanes = lanes(Some(9));
        let [mut failed, mut left, mut stays] = [(); 3].map(|()| lanes.place().unwrap());
        failed.waits();
        failed.came(false);
        left.waits();
        left.came(true);
        stays.waits();
        drop((failed, left));
        assert!(same(&lanes.place().unwrap(), &stays));
    }
}
