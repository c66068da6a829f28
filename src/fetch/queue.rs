//! Who is next: first come, first served, but nobody before his time.

use std::collections::{BTreeMap, VecDeque};

use tokio::time::Instant;

/// Things that wait, some of them until an instant. Whatever comes later stands behind what waits already, so with
/// thousands of things a turn costs no more than with a few.
#[derive(Debug)]
pub(super) struct Queue<T> {
    /// Those whose time has come.
    ready: VecDeque<T>,
    /// The others by their time, and at the same time in the order in which they were added.
    later: BTreeMap<(Instant, u64), T>,
    added: u64,
}

impl<T> Queue<T> {
    pub(super) fn new() -> Self {
        Self { ready: VecDeque::new(), later: BTreeMap::new(), added: 0 }
    }

    /// Adds something, to be taken at `from` or later.
    pub(super) fn push(&mut self, from: Instant, item: T) {
        self.added += 1;
        self.later.insert((from, self.added), item);
    }

    /// Takes the first thing whose time has come.
    pub(super) fn take(&mut self, now: Instant) -> Option<T> {
        self.get_ready(now);
        self.ready.pop_front()
    }

    /// Whether something could be taken.
    pub(super) fn waits(&mut self, now: Instant) -> bool {
        self.get_ready(now);
        !self.ready.is_empty()
    }

    /// What could be taken.
    pub(super) fn waiting_mut(&mut self, now: Instant) -> impl Iterator<Item = &mut T> {
        self.get_ready(now);
        self.ready.iter_mut()
    }

    /// When the next thing's time comes, of those whose time has not.
    pub(super) fn next(&mut self, now: Instant) -> Option<Instant> {
        self.get_ready(now);
        self.later.first_key_value().map(|((from, _), _)| *from)
    }

    /// Takes everything.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = T> {
        self.ready.drain(..).chain(std::mem::take(&mut self.later).into_values())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.ready.is_empty() && self.later.is_empty()
    }

    /// Puts what has got ready since behind what was.
    fn get_ready(&mut self, now: Instant) {
        while let Some(first) = self.later.first_entry().filter(|first| first.key().0 <= now) {
            self.ready.push_back(first.remove());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn order_is_kept_among_those_whose_time_has_come() {
        let now = Instant::now();
        let later = now + Duration::from_secs(1);
        let mut queue = Queue::new();
        queue.push(later, 'a');
        queue.push(now, 'b');
        queue.push(now, 'c');
        assert_eq!((queue.waits(now), queue.next(now)), (true, Some(later)));
        assert_eq!([queue.take(now), queue.take(now), queue.take(now)], [Some('b'), Some('c'), None]);
        assert_eq!((queue.waits(now), queue.waits(later), queue.next(later)), (false, true, None));
        assert_eq!((queue.take(later), queue.is_empty()), (Some('a'), true));
    }

    #[test]
    fn who_gets_ready_stands_behind_those_who_were() {
        let now = Instant::now();
        let (soon, later) = (now + Duration::from_secs(1), now + Duration::from_secs(2));
        let mut queue = Queue::new();
        for (from, item) in [(later, 'd'), (soon, 'b'), (soon, 'c'), (now, 'a')] {
            queue.push(from, item);
        }
        assert!(queue.waits(now));
        queue.push(now, 'e');
        assert_eq!(queue.next(now), Some(soon));
        let taken: Vec<_> = std::iter::from_fn(|| queue.take(soon)).collect();
        assert_eq!(taken, ['a', 'e', 'b', 'c']);
        queue.push(soon, 'f');
        assert!(queue.waits(soon));
        assert_eq!((queue.drain().collect::<String>(), queue.is_empty()), ("fd".to_owned(), true));
    }

    #[test]
    fn a_turn_costs_no_more_with_hundreds_of_thousands_of_things() {
        let now = Instant::now();
        let mut queue = Queue::new();
        for number in 0..300_000_u32 {
            // As large as a list.
            queue.push(now, [number; 100]);
        }
        // If each of them moved all that are behind it, this would take minutes.
        let taken = std::iter::from_fn(|| {
            (queue.waits(now) && queue.next(now).is_none()).then(|| queue.take(now).map(|item| item[0]))?
        });
        assert!(taken.eq(0..300_000));
    }
}
