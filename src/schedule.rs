//! When the next cycle begins: a pure function of the start, the interval and the time.
//!
//! Slot *n* begins at the start plus *n* intervals, so nothing drifts however long cycles take.
//! A slot that cannot begin within its margin is skipped and never made up, so two cycles never
//! overlap and no burst follows a pause. Who keeps count of what was recorded names it as missed.

use std::time::Duration;

use crate::model::limits::margin;
use crate::model::tick::Boot;

/// The slots of one target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Schedule {
    start: Boot,
    interval: Duration,
}

/// A slot to wait for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Next {
    /// Its number, from 0.
    pub slot: u64,
    /// When it begins.
    pub at: Boot,
    /// When its cycle is cut off.
    pub deadline: Boot,
}

impl Schedule {
    /// Slots from `start` on, one every `interval`, which must not be zero.
    #[must_use]
    pub fn new(start: Boot, interval: Duration) -> Self {
        Self { start, interval }
    }

    /// The next slot after `last` that can still begin at `now`, or has yet to.
    #[must_use]
    pub fn next(&self, last: Option<u64>, now: Boot) -> Next {
        let first = last.map_or(0, |last| last.saturating_add(1));
        let slot = first.max(self.earliest(now));
        let at = self.begins(slot);
        Next { slot, at, deadline: at + self.interval.saturating_sub(margin(self.interval)) }
    }

    /// Whether a slot that `next` gave is still the one to begin, after waiting for it: a machine
    /// that was suspended wakes up in another.
    #[must_use]
    pub fn is_due(&self, next: &Next, now: Boot) -> bool {
        self.earliest(now) <= next.slot
    }

    /// The first slot whose margin is not over.
    fn earliest(&self, now: Boot) -> u64 {
        let late = now.since(self.start).saturating_sub(margin(self.interval));
        let slots = late.as_nanos().div_ceil(self.interval.as_nanos().max(1));
        u64::try_from(slots).unwrap_or(u64::MAX)
    }

    fn begins(&self, slot: u64) -> Boot {
        let nanos = self.interval.as_nanos().saturating_mul(u128::from(slot));
        let seconds = u64::try_from(nanos / 1_000_000_000).unwrap_or(u64::MAX);
        let rest = u32::try_from(nanos % 1_000_000_000).unwrap_or_default();
        self.start + Duration::new(seconds, rest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);
    const T0: Boot = Boot(Duration::from_millis(123_456_789));

    fn minutes() -> Schedule {
        Schedule::new(T0, MINUTE)
    }

    #[test]
    fn the_first_slot_begins_at_once() {
        let next = minutes().next(None, T0);
        let deadline = T0 + Duration::from_secs(55);
        assert_eq!(next, Next { slot: 0, at: T0, deadline });
    }

    #[test]
    fn ten_thousand_cycles_begin_without_drift_or_overlap() {
        let mut random = fastrand::Rng::with_seed(7);
        let schedule = minutes();
        let (mut now, mut last, mut missed) = (T0, None, 0);
        for _ in 0..10_000 {
            let next = schedule.next(last, now);
            assert_eq!(next.at.since(T0), MINUTE * u32::try_from(next.slot).unwrap());
            assert!(last.is_none_or(|last| next.slot > last), "two cycles in one slot");
            missed += next.slot - last.map_or(0, |last| last + 1);

            // The timer fires late by up to a quarter of a second.
            let jitter = Duration::from_micros(random.u64(0..250_000));
            let begins = now.max(next.at + jitter);
            assert!(begins.since(next.at) <= margin(MINUTE), "a cycle began after its margin");
            assert!(schedule.is_due(&next, begins));
            // One cycle of a hundred takes longer than its slot.
            let latency =
                if random.u8(0..100) == 0 { random.u64(60_000..300_000) } else { random.u64(1..55_000) };
            now = begins + Duration::from_millis(latency);
            last = Some(next.slot);
        }
        assert!(missed > 50, "the simulation has missed slots in it");
    }

    #[test]
    fn a_cycle_that_ends_in_time_is_followed_exactly_one_interval_later() {
        let next = minutes().next(Some(41), T0 + MINUTE * 41 + Duration::from_secs(54));
        assert_eq!((next.slot, next.at), (42, T0 + MINUTE * 42));
    }

    #[test]
    fn a_slot_is_missed_once_its_margin_is_over() {
        let slot = |seconds| minutes().next(Some(0), T0 + MINUTE + Duration::from_secs(seconds)).slot;
        assert_eq!([slot(5), slot(6), slot(600)], [1, 2, 11]);
    }

    #[test]
    fn waking_from_suspension_is_not_due() {
        let schedule = minutes();
        let next = schedule.next(Some(0), T0 + Duration::from_secs(1));
        assert!(schedule.is_due(&next, next.at));
        assert!(!schedule.is_due(&next, next.at + MINUTE * 90));
        assert_eq!(schedule.next(Some(0), next.at + MINUTE * 90).slot, 91);
    }

    #[test]
    fn the_deadline_leaves_a_twelfth_at_most_five_seconds() {
        for (interval, left) in [(1_200, 1_100), (2_400, 2_200), (60_000, 55_000), (3_600_000, 3_595_000)] {
            let next = Schedule::new(T0, Duration::from_millis(interval)).next(None, T0);
            assert_eq!(next.deadline.since(T0).as_millis(), left);
        }
    }
}
