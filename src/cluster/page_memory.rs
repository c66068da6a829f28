//! The memory that all pages in flight share, in the whole process.
//!
//! A page is read whole before it is checked, so its bytes are held. While the memory is used up
//! only the oldest page goes on reading, up to its own limit; the others wait, and so there is
//! always one that comes to its end and frees what it holds.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

/// A number of bytes that pages share; clones share the same.
#[derive(Debug, Clone)]
pub struct PageMemory(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    max: u64,
    state: Mutex<State>,
    /// Told whenever memory is freed, or a page begins to stand still.
    changed: Notify,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    used: u64,
    /// Bytes held by each page, oldest first.
    pages: BTreeMap<u64, u64>,
    /// How many pages stand still.
    standing: usize,
}

/// One page's part; freed when dropped.
#[derive(Debug)]
pub struct Held {
    memory: PageMemory,
    page: u64,
}

impl PageMemory {
    /// `max` bytes to share.
    #[must_use]
    pub fn new(max: u64) -> Self {
        Self(Arc::new(Shared { max, state: Mutex::default(), changed: Notify::new() }))
    }

    /// Begins a page, which is younger than all others.
    #[must_use]
    pub fn begin(&self) -> Held {
        let mut state = self.lock();
        let page = state.next;
        state.next += 1;
        state.pages.insert(page, 0);
        drop(state);
        Held { memory: self.clone(), page }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Held {
    /// Returns when the page may read on.
    pub(super) async fn admitted(&self) {
        let mut standing = None;
        loop {
            let changed = self.memory.0.changed.notified();
            if self.may_read() {
                return;
            }
            standing.get_or_insert_with(|| Standing::begin(&self.memory));
            changed.await;
        }
    }

    /// A view of this page that outlives the page's being read.
    #[must_use]
    pub fn place_in_line(&self) -> PlaceInLine {
        PlaceInLine { memory: self.memory.clone(), page: self.page }
    }

    /// Counts bytes that were read.
    pub(super) fn add(&self, bytes: u64) {
        let mut state = self.memory.lock();
        state.used += bytes;
        *state.pages.entry(self.page).or_default() += bytes;
    }

    fn may_read(&self) -> bool {
        let state = self.memory.lock();
        state.is_oldest(self.page) || state.used < self.memory.0.max
    }
}

impl State {
    fn is_oldest(&self, page: u64) -> bool {
        self.pages.first_key_value().is_some_and(|(oldest, _)| *oldest == page)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.memory.lock();
        let bytes = state.pages.remove(&self.page).unwrap_or_default();
        state.used -= bytes;
        drop(state);
        self.memory.0.changed.notify_waiters();
    }
}

/// A page that stands still, until dropped.
struct Standing<'a>(&'a PageMemory);

impl<'a> Standing<'a> {
    fn begin(memory: &'a PageMemory) -> Self {
        memory.lock().standing += 1;
        memory.0.changed.notify_waiters();
        Self(memory)
    }
}

impl Drop for Standing<'_> {
    fn drop(&mut self) {
        self.0.lock().standing -= 1;
    }
}

/// Which page it is among all, for whoever decides if it goes on.
#[derive(Debug)]
pub struct PlaceInLine {
    memory: PageMemory,
    page: u64,
}

impl PlaceInLine {
    /// Returns when this page is the oldest one and others stand still for it.
    pub async fn holds_up_others(&self) {
        loop {
            let changed = self.memory.0.changed.notified();
            {
                let state = self.memory.lock();
                if state.standing > 0 && state.is_oldest(self.page) {
                    return;
                }
            }
            changed.await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    #[test]
    fn when_it_is_used_up_only_the_oldest_goes_on() {
        let memory = PageMemory::new(100);
        let (old, young) = (memory.begin(), memory.begin());
        young.add(99);
        assert!(young.admitted().now_or_never().is_some());
        young.add(1);
        assert!(young.admitted().now_or_never().is_none());
        assert!(old.admitted().now_or_never().is_some());
        old.add(1_000);
        assert!(old.admitted().now_or_never().is_some());
        // With the oldest gone the next one is the oldest, full or not.
        drop(old);
        assert!(young.admitted().now_or_never().is_some());
    }

    #[tokio::test]
    async fn the_oldest_learns_that_others_stand_still_for_it() {
        let memory = PageMemory::new(10);
        let (old, young) = (memory.begin(), memory.begin());
        let (first, second) = (old.place_in_line(), young.place_in_line());
        old.add(10);
        let mut holding_up = std::pin::pin!(first.holds_up_others());
        assert!(holding_up.as_mut().now_or_never().is_none());
        let mut waiting = Box::pin(young.admitted());
        assert!(waiting.as_mut().now_or_never().is_none());
        holding_up.await;
        assert!(second.holds_up_others().now_or_never().is_none(), "it is not the oldest");
        drop(waiting);
        assert!(first.holds_up_others().now_or_never().is_none(), "nobody stands still any more");
    }

    #[tokio::test]
    async fn freeing_wakes_those_who_wait() {
        let memory = PageMemory::new(10);
        let (first, second) = (memory.begin(), memory.begin());
        first.add(10);
        let mut waiting = std::pin::pin!(second.admitted());
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(first);
        waiting.await;
    }
}
