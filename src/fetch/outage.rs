//! Whether the server as a whole is failing, and how long nobody is asked then: pure, with time and jitter as
//! parameters.
//!
//! Each list waits longer after each of its tries, but thousands of lists that take turns would still
//! make thousands of requests a second of a server that can answer none.

use std::time::Duration;

use tokio::time::Instant;

use crate::cluster::{Failure, backoff};
use crate::model::limits::PLACES;

/// From this pause on they do not grow any more: half a second has become eight, within which a server that is
/// back is noticed.
const LAST_DOUBLED: u32 = 5;

/// However many lists wait for their first turn, a pause is no shorter.
const SHORTEST: Duration = Duration::from_millis(100);

/// What there is still to do: it may be the neighbors alone that fail.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ahead {
    /// Lists that were never asked for.
    pub(super) unasked: usize,
    /// Until the cycle ends.
    pub(super) left: Duration,
}

impl Ahead {
    /// Half of the time that is left is enough to ask for each once, unless they are thousands: some forty a second are
    /// as many as a server that fails is asked for.
    fn longest_pause(self) -> Duration {
        let batches = u32::try_from(self.unasked.div_ceil(PLACES)).unwrap_or(u32::MAX);
        match batches {
            0 => Duration::MAX,
            batches => (self.left / 2 / batches).max(SHORTEST),
        }
    }
}

/// Failed tries of any list, since the last one that did not fail.
#[derive(Debug, Default)]
pub(super) struct Outage {
    /// Since the last pause began.
    failed: usize,
    pauses: u32,
    until: Option<Instant>,
    last: Option<Failure>,
}

impl Outage {
    /// Notes a failed try. As many as there are places in a row begin a pause, from `first` on doubling, and so short
    /// that all `ahead` have their turn.
    pub(super) fn failed(
        &mut self,
        failure: &Failure,
        now: Instant,
        first: Duration,
        jitter: f64,
        ahead: Ahead,
    ) {
        self.last = Some(failure.clone());
        // Tries that were under way when a pause began belong to what began it.
        if self.pauses_until(now).is_some() {
            return;
        }
        self.failed += 1;
        if self.failed >= PLACES {
            self.failed = 0;
            self.pauses += 1;
            let pause = backoff(first, self.pauses.min(LAST_DOUBLED), jitter);
            self.until = Some(now + pause.min(ahead.longest_pause()));
        }
    }

    /// Notes a try that did not fail, which ends everything. Returns whether there was a pause to end.
    pub(super) fn ended(&mut self) -> bool {
        std::mem::take(self).until.is_some()
    }

    /// Until when nobody is asked, if that is later than now.
    pub(super) fn pauses_until(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }

    /// Why lists were not asked: the last failure, once there was a pause.
    pub(super) fn reason(&self) -> Option<&Failure> {
        self.last.as_ref().filter(|_| self.pauses > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FIRST: Duration = Duration::from_millis(500);
    const NOBODY: Ahead = Ahead { unasked: 0, left: Duration::ZERO };

    #[test]
    fn lists_that_were_never_asked_for_have_their_turn_in_half_of_the_time() {
        let pause = |unasked, seconds| Ahead { unasked, left: Duration::from_secs(seconds) }.longest_pause();
        assert_eq!(pause(0, 55), Duration::MAX);
        assert_eq!(pause(1, 10), Duration::from_secs(5));
        assert_eq!(pause(4 * PLACES, 8), Duration::from_secs(1));
        assert_eq!(pause(9_000, 55), SHORTEST);
        assert_eq!(pause(5, 0), SHORTEST);
    }

    fn fails(outage: &mut Outage, times: usize, now: Instant) {
        for _ in 0..times {
            outage.failed(&Failure::Silent(FIRST), now, FIRST, 1.0, NOBODY);
        }
    }

    #[test]
    fn as_many_failures_as_places_begin_a_pause_and_pauses_double_up_to_the_longest() {
        let (mut now, mut outage) = (Instant::now(), Outage::default());
        fails(&mut outage, PLACES - 1, now);
        assert_eq!((outage.pauses_until(now), outage.reason()), (None, None));
        let mut pauses = Vec::new();
        fails(&mut outage, 1, now);
        for _ in 0..7 {
            let until = outage.pauses_until(now).unwrap();
            pauses.push((until - now).as_millis());
            assert_eq!(outage.pauses_until(until), None, "it is over in time");
            now = until;
            fails(&mut outage, PLACES, now);
        }
        assert_eq!(pauses, [500, 1_000, 2_000, 4_000, 8_000, 8_000, 8_000]);
        assert_eq!(outage.reason(), Some(&Failure::Silent(FIRST)));
    }

    #[test]
    fn tries_that_were_under_way_do_not_prolong_a_pause() {
        let (now, mut outage) = (Instant::now(), Outage::default());
        fails(&mut outage, PLACES, now);
        let until = outage.pauses_until(now).unwrap();
        fails(&mut outage, 3 * PLACES, now);
        assert_eq!(outage.pauses_until(now), Some(until));
        fails(&mut outage, PLACES - 1, until);
        assert_eq!(outage.pauses_until(until), None, "they do not count for the next one either");
    }

    #[test]
    fn any_success_ends_it_and_failures_among_successes_begin_none() {
        let (now, mut outage) = (Instant::now(), Outage::default());
        for _ in 0..10 {
            fails(&mut outage, PLACES - 1, now);
            assert!(!outage.ended());
        }
        fails(&mut outage, PLACES, now);
        assert!(outage.ended());
        assert_eq!((outage.pauses_until(now), outage.reason()), (None, None));
        fails(&mut outage, PLACES, now);
        assert_eq!(outage.pauses_until(now), Some(now + FIRST), "the next one begins anew");
    }
}
