//! Who is next: first come, first served, but nobody before his time.

use tokio::time::Instant;

/// Things that wait, some of them until an instant.
#[derive(Debug)]
pub(super) struct Queue<T>(Vec<(Instant, T)>);

impl<T> Queue<T> {
    pub(super) fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds something at the end, to be taken at `from` or later.
    pub(super) fn push(&mut self, from: Instant, item: T) {
        self.0.push((from, item));
    }

    /// Takes the first thing whose time has come.
    pub(super) fn take(&mut self, now: Instant) -> Option<T> {
        let first = self.0.iter().position(|(from, _)| *from <= now)?;
        Some(self.0.remove(first).1)
    }

    /// Whether something could be taken.
    pub(super) fn waits(&self, now: Instant) -> bool {
        self.0.iter().any(|(from, _)| *from <= now)
    }

    /// What could be taken.
    pub(super) fn waiting_mut(&mut self, now: Instant) -> impl Iterator<Item = &mut T> {
        self.0.iter_mut().filter(move |(from, _)| *from <= now).map(|(_, item)| item)
    }

    /// When the next thing's time comes, of those whose time has not.
    pub(super) fn next(&self, now: Instant) -> Option<Instant> {
        self.0.iter().map(|(from, _)| *from).filter(|from| *from > now).min()
    }

    /// How many things are so.
    pub(super) fn count(&self, are: impl Fn(&T) -> bool) -> usize {
        self.0.iter().filter(|(_, item)| are(item)).count()
    }

    /// Takes everything.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = T> {
        self.0.drain(..).map(|(_, item)| item)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
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
}
