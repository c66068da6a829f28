//! The memory for all pages in flight, in the whole process.
//!
//! A page is read whole before it is checked, so its bytes are held. Of each target the oldest page may
//! hold a guaranteed part, and the rest is shared in a way that leaves room for whoever comes next: a target
//! with huge or slow pages costs the others nothing that they need. Pages that find no room stand
//! still; one of them at a time goes on all the same, up to its own limit, and so there is
//! always one that comes to its end and frees what it holds.

mod admission;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

pub use admission::PageBounds;
use admission::{Admission, PageId, TargetId};

/// The memory of the process; clones are the same.
#[derive(Debug, Clone)]
pub struct PageMemory(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    admission: Admission,
    /// How to wake a page. Each has its own bell, so that of a thousand that stand still only those are
    /// woken that may go on.
    bells: BTreeMap<PageId, Arc<Bells>>,
}

#[derive(Debug, Default)]
struct Bells {
    /// It may read on.
    reads: Notify,
    /// Others stand still for it.
    holds_up: Notify,
}

/// One target's part of the memory; clones are the same part.
#[derive(Debug, Clone)]
pub struct TargetMemory(Arc<Registered>);

/// A target among all, until dropped.
#[derive(Debug)]
struct Registered {
    memory: PageMemory,
    target: TargetId,
}

/// One page's part; freed when dropped.
#[derive(Debug)]
pub struct Held {
    part: Arc<Registered>,
    page: PageId,
    bells: Arc<Bells>,
}

impl PageMemory {
    /// Memory within these bounds.
    #[must_use]
    pub fn new(bounds: PageBounds) -> Self {
        Self(Arc::new(Mutex::new(State { admission: Admission::new(bounds), bells: BTreeMap::new() })))
    }

    /// The part of one more target.
    #[must_use]
    pub fn target(&self) -> TargetMemory {
        let target = self.lock().admission.add_target();
        TargetMemory(Arc::new(Registered { memory: self.clone(), target }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TargetMemory {
    /// Begins a page, which is younger than all others.
    #[must_use]
    pub fn begin(&self) -> Held {
        let bells = Arc::<Bells>::default();
        let mut state = self.0.memory.lock();
        let page = state.admission.begin(self.0.target);
        state.bells.insert(page, Arc::clone(&bells));
        Held { part: Arc::clone(&self.0), page, bells }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        let mut state = self.memory.lock();
        let told = state.admission.remove_target(self.target);
        state.tell(&told);
    }
}

impl Held {
    /// Returns when the page may read on.
    pub(super) async fn admitted(&self) {
        while !self.ask() {
            let _standing = Standing(self);
            self.bells.reads.notified().await;
        }
    }

    /// A view of this page that outlives the page's being read.
    #[must_use]
    pub fn place_in_line(&self) -> PlaceInLine {
        PlaceInLine { memory: self.part.memory.clone(), page: self.page, bells: Arc::clone(&self.bells) }
    }

    /// Counts bytes that were read.
    pub(super) fn add(&self, bytes: u64) {
        self.part.memory.lock().admission.add(self.page, bytes);
    }

    fn ask(&self) -> bool {
        let mut state = self.part.memory.lock();
        let goes_on = state.admission.ask(self.page);
        if !goes_on {
            state.tell(&[]);
        }
        goes_on
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut state = self.part.memory.lock();
        state.bells.remove(&self.page);
        let told = state.admission.end(self.page);
        state.tell(&told);
    }
}

impl State {
    /// Tells these pages to read on, and the one that others stand still for that they do.
    fn tell(&self, told: &[PageId]) {
        for bells in told.iter().filter_map(|page| self.bells.get(page)) {
            bells.reads.notify_one();
        }
        let holds_up = self.admission.holds_up_others();
        if let Some(bells) = holds_up.and_then(|page| self.bells.get(&page)) {
            bells.holds_up.notify_one();
        }
    }
}

/// A page that stands still, until dropped.
struct Standing<'a>(&'a Held);

impl Drop for Standing<'_> {
    fn drop(&mut self) {
        self.0.part.memory.lock().admission.leave_line(self.0.page);
    }
}

/// Which page it is among all, for whoever decides if it goes on.
#[derive(Debug)]
pub struct PlaceInLine {
    memory: PageMemory,
    page: PageId,
    bells: Arc<Bells>,
}

impl PlaceInLine {
    /// Returns when others, of whatever target, stand still for this page.
    pub async fn holds_up_others(&self) {
        while self.memory.lock().admission.holds_up_others() != Some(self.page) {
            self.bells.holds_up.notified().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn memory(shared: u64, guaranteed: u64) -> PageMemory {
        PageMemory::new(PageBounds { shared, guaranteed, chunk: 1 })
    }

    /// Reads bytes one by one, as far as it goes at once.
    fn read(page: &Held, bytes: u64) -> u64 {
        (0..bytes).take_while(|_| page.admitted().now_or_never().map(|()| page.add(1)).is_some()).count()
            as u64
    }

    #[tokio::test]
    async fn a_page_learns_that_others_stand_still_for_it_in_whatever_target() {
        let memory = memory(10, 2);
        let (one, other) = (memory.target(), memory.target());
        let (slow, waits) = (one.begin(), other.begin());
        let (first, second) = (slow.place_in_line(), waits.place_in_line());
        assert_eq!(read(&slow, 100), 100);
        let mut holding_up = std::pin::pin!(first.holds_up_others());
        assert!(holding_up.as_mut().now_or_never().is_none());
        assert!(read(&waits, 100) < 100);
        let mut waiting = Box::pin(waits.admitted());
        assert!(waiting.as_mut().now_or_never().is_none());
        holding_up.await;
        assert!(second.holds_up_others().now_or_never().is_none(), "nobody waits for it");
        drop(waiting);
        assert!(first.holds_up_others().now_or_never().is_none(), "nobody stands still any more");
        // Made way, it leaves the overdraft to the one that stood still.
        let mut waiting = std::pin::pin!(waits.admitted());
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(slow);
        waiting.await;
    }

    #[tokio::test]
    async fn a_target_that_goes_wakes_those_who_wait() {
        let memory = memory(10, 0);
        let (stays, goes) = (memory.target(), memory.target());
        let (holder, page) = (stays.begin(), stays.begin());
        assert_eq!(read(&page, 5), 5);
        assert_eq!(read(&holder, 1), 1);
        let mut waiting = std::pin::pin!(page.admitted());
        assert!(waiting.as_mut().now_or_never().is_none());
        drop(goes.clone());
        assert!(waiting.as_mut().now_or_never().is_none(), "a clone is the same target");
        drop(goes);
        waiting.await;
    }

    /// Tasks that read at random and are canceled at random: if a bell were not rung, this would not end.
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn no_bell_is_lost() {
        for seed in 0..20 {
            let memory = PageMemory::new(PageBounds { shared: 100, guaranteed: 5, chunk: 3 });
            let page = |part: TargetMemory, seed: u64| async move {
                let mut random = fastrand::Rng::with_seed(seed);
                let held = part.begin();
                let gives_up = random.u8(0..10) == 0;
                for _ in 0..random.u32(0..40) {
                    if gives_up && held.admitted().now_or_never().is_none() {
                        return;
                    }
                    held.admitted().await;
                    tokio::task::yield_now().await;
                    held.add(random.u64(1..6));
                }
            };
            let pages = (0..20_u64).flat_map(|target| {
                let part = memory.target();
                (0..10).map(move |nth| (part.clone(), seed * 1_000 + target * 10 + nth))
            });
            let mut tasks = tokio::task::JoinSet::new();
            for (part, seed) in pages {
                tasks.spawn(page(part, seed));
            }
            tasks.join_all().await;
            assert!(memory.lock().bells.is_empty());
        }
    }
}
