//! Which page may read on, decided from what all pages of the process hold; who waits and who wakes whom is
//! for [`super`].
//!
//! Bytes are admitted a chunk at a time, and a chunk counts from the moment it is admitted: of a
//! thousand pages that wait for the same free megabyte no more go on than it has room for.

use std::collections::{BTreeMap, BTreeSet};

use crate::model::limits;

/// How much memory there is for pages in flight.
#[derive(Debug, Clone, Copy)]
pub struct PageBounds {
    /// Bytes that all targets share.
    pub shared: u64,
    /// Bytes that the oldest page of each target may hold besides.
    pub guaranteed: u64,
    /// Bytes that count for a page as soon as it is told to read on.
    pub chunk: u64,
}

impl Default for PageBounds {
    /// What `model::limits` says.
    fn default() -> Self {
        Self {
            shared: limits::PAGES_SHARED_BYTES,
            guaranteed: limits::PAGE_GUARANTEED_BYTES,
            chunk: limits::PAGE_CHUNK_BYTES,
        }
    }
}

/// A target, by the order in which they came.
pub(super) type TargetId = u64;
/// A page, by the order in which they began: the smaller, the older.
pub(super) type PageId = u64;

/// What all pages hold, and which of them wait.
#[derive(Debug)]
pub(super) struct Admission {
    bounds: PageBounds,
    next: u64,
    targets: BTreeMap<TargetId, Target>,
    pages: BTreeMap<PageId, Page>,
    /// Bytes that all targets together have taken of the shared ones.
    taken: u64,
    /// Pages that may not read on, oldest first.
    standing: BTreeSet<PageId>,
    /// The one page that goes on though its target has had its part of the shared bytes. While a
    /// page stands still there is one, so that somebody always comes to his end.
    overdraft: Option<PageId>,
}

#[derive(Debug, Default)]
struct Target {
    pages: BTreeSet<PageId>,
    /// Bytes of all its pages, without those of an overdraft.
    counted: u64,
}

#[derive(Debug)]
struct Page {
    target: TargetId,
    /// Its bytes, without those of an overdraft.
    counted: u64,
    leave: Option<Leave>,
}

/// What a page was told that may read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Leave {
    /// A chunk counts for it already.
    Counted,
    /// What it reads does not count.
    Overdraft,
}

impl Admission {
    pub(super) fn new(bounds: PageBounds) -> Self {
        Self {
            bounds,
            next: 0,
            targets: BTreeMap::new(),
            pages: BTreeMap::new(),
            taken: 0,
            standing: BTreeSet::new(),
            overdraft: None,
        }
    }

    pub(super) fn add_target(&mut self) -> TargetId {
        let target = self.next_id();
        self.targets.insert(target, Target::default());
        target
    }

    /// Forgets a target, whose pages are gone. Returns who may read on for it.
    pub(super) fn remove_target(&mut self, target: TargetId) -> Vec<PageId> {
        self.targets.remove(&target);
        self.settle()
    }

    /// Begins a page, which is younger than all others.
    pub(super) fn begin(&mut self, target: TargetId) -> PageId {
        let page = self.next_id();
        self.pages.insert(page, Page { target, counted: 0, leave: None });
        self.targets.entry(target).or_default().pages.insert(page);
        page
    }

    /// Whether a page may read on; if not, it stands still until it is told.
    pub(super) fn ask(&mut self, page: PageId) -> bool {
        if self.pages.get(&page).is_some_and(|page| page.leave.is_some()) {
            return true;
        }
        let goes_on = self.admit(page) || self.overdraw(page);
        if !goes_on {
            self.standing.insert(page);
        }
        goes_on
    }

    /// A page that does not want to read on any more, for now.
    pub(super) fn leave_line(&mut self, page: PageId) {
        self.standing.remove(&page);
    }

    /// Counts bytes that a page has read. What it read less than a chunk is there for whoever asks next.
    pub(super) fn add(&mut self, page: PageId, bytes: u64) {
        let chunk = self.bounds.chunk;
        match self.pages.get_mut(&page).and_then(|page| page.leave.take()) {
            Some(Leave::Overdraft) => {}
            Some(Leave::Counted) => self.count(page, |counted| counted - chunk + bytes),
            None => self.count(page, |counted| counted + bytes),
        }
    }

    /// Ends a page and frees what it holds. Returns who may read on for it.
    pub(super) fn end(&mut self, page: PageId) -> Vec<PageId> {
        self.count(page, |_| 0);
        self.standing.remove(&page);
        if self.overdraft == Some(page) {
            self.overdraft = None;
        }
        if let Some(ended) = self.pages.remove(&page) {
            self.of_target(ended.target, |target| {
                target.pages.remove(&page);
            });
        }
        self.settle()
    }

    /// The page that others stand still for.
    pub(super) fn holds_up_others(&self) -> Option<PageId> {
        self.overdraft.filter(|_| !self.standing.is_empty())
    }

    fn next_id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    /// Lets a page read a chunk, if its target has less than its part.
    fn admit(&mut self, page: PageId) -> bool {
        let within = self.is_within(page);
        if within {
            let chunk = self.bounds.chunk;
            self.count(page, |counted| counted + chunk);
            self.give(page, Leave::Counted);
        }
        within
    }

    /// Lets a page read on beyond its target's part, if it is the one, or there is none yet.
    fn overdraw(&mut self, page: PageId) -> bool {
        let is_the_one = *self.overdraft.get_or_insert(page) == page;
        if is_the_one {
            self.give(page, Leave::Overdraft);
        }
        is_the_one
    }

    fn give(&mut self, page: PageId, leave: Leave) {
        if let Some(page) = self.pages.get_mut(&page) {
            page.leave = Some(leave);
        }
    }

    /// Whether a page's target has less than its part.
    ///
    /// What is shared follows the dynamic threshold of Choudhury and Hahne ("Dynamic queue length
    /// thresholds for shared-memory packet switches", 1998): a target may take more while it has
    /// taken less than what is free. One that wants everything leaves half of it, two leave a third,
    /// and so a newcomer finds room without anybody knowing in advance who will want how much.
    fn is_within(&self, page: PageId) -> bool {
        let Some((target, counted)) = self.pages.get(&page).map(|page| (page.target, page.counted)) else {
            return false;
        };
        let Some(target) = self.targets.get(&target) else { return false };
        if target.pages.first() == Some(&page) && counted < self.bounds.guaranteed {
            return true;
        }
        let free = self.bounds.shared.saturating_sub(self.taken);
        let threshold = if self.targets.len() == 1 { self.bounds.shared } else { free };
        self.taken_by(target) < threshold
    }

    /// What a target has of the shared bytes: all but the guaranteed ones of its oldest page.
    fn taken_by(&self, target: &Target) -> u64 {
        let oldest = target.pages.first().and_then(|page| self.pages.get(page));
        target.counted - oldest.map_or(0, |oldest| oldest.counted.min(self.bounds.guaranteed))
    }

    /// Changes what counts for a page.
    fn count(&mut self, page: PageId, change: impl FnOnce(u64) -> u64) {
        let Some((target, before)) = self.pages.get(&page).map(|page| (page.target, page.counted)) else {
            return;
        };
        let after = change(before);
        let had = self.targets.get(&target).map_or(0, |target| self.taken_by(target));
        if let Some(page) = self.pages.get_mut(&page) {
            page.counted = after;
        }
        if let Some(target) = self.targets.get_mut(&target) {
            target.counted = target.counted - before + after;
        }
        let has = self.targets.get(&target).map_or(0, |target| self.taken_by(target));
        self.taken = self.taken - had + has;
    }

    /// Changes which pages a target has.
    fn of_target(&mut self, target: TargetId, change: impl FnOnce(&mut Target)) {
        let had = self.targets.get(&target).map_or(0, |target| self.taken_by(target));
        if let Some(target) = self.targets.get_mut(&target) {
            change(target);
        }
        let has = self.targets.get(&target).map_or(0, |target| self.taken_by(target));
        self.taken = self.taken - had + has;
    }

    /// Tells pages that stand still to read on, oldest first, as far as there is room.
    fn settle(&mut self) -> Vec<PageId> {
        let mut standing = std::mem::take(&mut self.standing);
        let mut told = Vec::new();
        standing.retain(|&page| {
            let goes_on = self.admit(page);
            if goes_on {
                told.push(page);
            }
            !goes_on
        });
        if self.overdraft.is_none()
            && let Some(oldest) = standing.pop_first()
        {
            self.overdraw(oldest);
            told.push(oldest);
        }
        self.standing = standing;
        told
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn admission(shared: u64, guaranteed: u64) -> Admission {
        Admission::new(PageBounds { shared, guaranteed, chunk: 1 })
    }

    /// Reads a byte at a time until the page stands still; returns how many there were.
    fn read(admission: &mut Admission, page: PageId, at_most: u64) -> u64 {
        (0..at_most)
            .find(|_| {
                let goes_on = admission.ask(page);
                if goes_on {
                    admission.add(page, 1);
                }
                !goes_on
            })
            .unwrap_or(at_most)
    }

    /// Somebody who keeps the overdraft for himself.
    fn overdrawn(admission: &mut Admission) -> PageId {
        let target = admission.add_target();
        let page = admission.begin(target);
        while admission.overdraft.is_none() {
            assert!(admission.ask(page));
            admission.add(page, 1);
        }
        page
    }

    #[test]
    fn a_lone_target_gets_everything() {
        let mut all = admission(255, 1);
        let target = all.add_target();
        let pages: Vec<_> = (0..4).map(|_| all.begin(target)).collect();
        // The last one is not the oldest, and finds all but what the oldest is guaranteed.
        assert_eq!(read(&mut all, pages[3], 255), 255);
        assert_eq!(read(&mut all, pages[0], 1), 1);
        assert_eq!((all.taken, all.overdraft), (255, None));
        // From here on it overdraws, and the others stand still.
        assert_eq!(read(&mut all, pages[1], 10_000), 10_000);
        assert_eq!(read(&mut all, pages[2], 1), 0);
        assert_eq!(all.holds_up_others(), Some(pages[1]));
    }

    #[test]
    fn one_hog_leaves_half_and_two_leave_a_third() {
        let mut all = admission(300, 10);
        let (hog, newcomer) = (all.add_target(), all.add_target());
        let page = all.begin(hog);
        // Beyond its part it overdraws, which costs the newcomer nothing.
        assert_eq!(read(&mut all, page, 1_000), 1_000);
        assert_eq!(all.taken, 150);
        let of_newcomer = all.begin(newcomer);
        assert_eq!(read(&mut all, of_newcomer, 1_000), 10 + 75);
        assert_eq!(all.end(page), [of_newcomer], "it is told to read on");

        let mut all = admission(300, 10);
        let pages = [all.add_target(), all.add_target()].map(|target| all.begin(target));
        while all.overdraft.is_none() {
            for page in pages {
                read(&mut all, page, 1);
            }
        }
        assert_eq!(all.taken, 200);
        assert_eq!(pages.map(|page| all.pages[&page].counted), [110, 110]);
    }

    #[test]
    fn three_hundred_hogs_leave_everybody_what_is_guaranteed() {
        let mut all = Admission::new(PageBounds { chunk: 64 << 10, ..PageBounds::default() });
        let pages: Vec<_> = (0..300)
            .flat_map(|_| {
                let target = all.add_target();
                [all.begin(target), all.begin(target)]
            })
            .collect();
        // The younger page of each takes what it can get.
        for _ in 0..100 {
            for &[_, young] in pages.as_chunks().0 {
                if all.overdraft != Some(young) && all.ask(young) && all.overdraft != Some(young) {
                    all.add(young, 64 << 10);
                }
            }
        }
        assert!(all.taken <= 255 * MIB + (64 << 10), "{}", all.taken);
        for &[old, _] in pages.as_chunks().0 {
            for _ in 0..16 {
                assert!(all.ask(old));
                all.add(old, 64 << 10);
            }
        }
        let newcomer = all.add_target();
        let page = all.begin(newcomer);
        for _ in 0..16 {
            assert!(all.ask(page), "a newcomer has its own");
            all.add(page, 64 << 10);
        }
        assert!(all.ask(page), "and still finds room beyond it");
        assert_eq!(all.pages[&page].leave, Some(Leave::Counted));
    }

    #[test]
    fn the_overdraft_passes_to_the_oldest_that_stands_still() {
        let mut all = admission(4, 0);
        let holder = overdrawn(&mut all);
        let (one, other) = (all.add_target(), all.add_target());
        let (old, young) = (all.begin(one), all.begin(other));
        for page in [young, old] {
            read(&mut all, page, 100);
            assert!(all.standing.contains(&page));
        }
        assert_eq!(all.holds_up_others(), Some(holder));
        // What it overdraws is not taken from anybody.
        let before = all.taken;
        assert_eq!(read(&mut all, holder, 1_000), 1_000);
        assert_eq!(all.taken, before);
        // Those that fit go on without it.
        let told = all.end(holder);
        assert!(told.contains(&old) && told.contains(&young), "{told:?}");
        for page in [young, old] {
            all.add(page, 1);
        }
        while all.overdraft.is_none() {
            read(&mut all, young, 1);
            read(&mut all, old, 1);
        }
        let now = all.overdraft.unwrap();
        let last = if now == old { young } else { old };
        read(&mut all, last, 100);
        assert!(all.standing.contains(&last));
        assert_eq!(all.end(now), [last]);
    }

    #[test]
    fn a_target_that_leaves_makes_the_other_one_alone() {
        let mut all = admission(100, 0);
        let (stays, leaves) = (all.add_target(), all.add_target());
        let (holder, page) = (all.begin(stays), all.begin(stays));
        assert_eq!(read(&mut all, page, 50), 50);
        assert_eq!(read(&mut all, holder, 1), 1);
        assert_eq!(read(&mut all, page, 1), 0);
        assert_eq!(all.remove_target(leaves), [page]);
    }

    #[test]
    fn a_page_that_gives_up_waiting_is_not_told() {
        let mut all = admission(1, 0);
        let holder = overdrawn(&mut all);
        let target = all.add_target();
        let pages = [all.begin(target), all.begin(target)];
        assert_eq!(pages.map(|page| all.ask(page)), [false, false]);
        all.leave_line(pages[0]);
        assert_eq!(all.end(holder), [pages[1]]);
    }

    /// Whatever is done in whatever order: somebody who waits for nothing but bytes is there, the bounds
    /// hold, and in the end everything has been read and nothing is left.
    #[test]
    fn there_is_always_one_who_can_go_on() {
        for seed in 0..300 {
            let mut random = fastrand::Rng::with_seed(seed);
            let bounds = PageBounds {
                shared: random.u64(0..200),
                guaranteed: random.u64(0..20),
                chunk: random.u64(1..8),
            };
            let mut all = Admission::new(bounds);
            let mut targets: Vec<TargetId> = (0..random.usize(1..8)).map(|_| all.add_target()).collect();
            // Pages with what is left to read of them.
            let mut going: Vec<(PageId, u64)> = Vec::new();
            let mut still: BTreeMap<PageId, u64> = BTreeMap::new();
            let mut to_begin = 60;
            while to_begin > 0 || !going.is_empty() || !still.is_empty() {
                if to_begin > 0 && (going.is_empty() || random.u8(0..4) == 0) {
                    to_begin -= 1;
                    let target = targets[random.usize(0..targets.len())];
                    going.push((all.begin(target), random.u64(0..150)));
                }
                let index = random.usize(0..going.len());
                let (page, left) = going.swap_remove(index);
                let gives_up = random.u8(0..50) == 0;
                let mut told = Vec::new();
                if left == 0 || gives_up {
                    told = all.end(page);
                } else if all.ask(page) {
                    let bytes = random.u64(1..=bounds.chunk).min(left);
                    all.add(page, bytes);
                    going.push((page, left - bytes));
                } else {
                    still.insert(page, left);
                }
                if random.u8(0..40) == 0 && targets.len() > 1 {
                    let idle = |target: &TargetId| all.targets[target].pages.is_empty();
                    if let Some(index) = targets.iter().position(idle) {
                        told.extend(all.remove_target(targets.swap_remove(index)));
                    }
                }
                if random.u8(0..60) == 0
                    && let Some((page, _)) = still.pop_first()
                {
                    told.extend(all.end(page));
                    told.retain(|told| *told != page);
                }
                for page in told {
                    going.push((page, still.remove(&page).unwrap()));
                }
                assert_eq!(still.keys().copied().collect::<BTreeSet<_>>(), all.standing, "seed {seed}");
                assert!(still.is_empty() || !going.is_empty(), "seed {seed}: all stand still");
                let chunks = bounds.chunk * (all.targets.len() as u64 + 1);
                assert!(all.taken <= bounds.shared + chunks, "seed {seed}: {} taken", all.taken);
                let sum: u64 = all.targets.values().map(|target| all.taken_by(target)).sum();
                assert_eq!(all.taken, sum, "seed {seed}");
            }
            assert_eq!((all.taken, all.overdraft, all.pages.len()), (0, None, 0), "seed {seed}");
        }
    }
}
