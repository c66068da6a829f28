//! When a target's slots begin, and what its clocks did between two cycles: pure.

use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

use crate::model::digest::Sha256;
use crate::model::tick::{Boot, Since};

/// Shorter suspensions than this are none: two clocks cannot be read at one instant.
const SUSPENSION: Duration = Duration::from_secs(1);

/// All clocks at one instant.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub(super) wall: DateTime<Utc>,
    pub(super) boot: Boot,
    pub(super) suspended: Duration,
}

impl Reading {
    /// What the clocks did from `before` to here. A wall clock that is off by half an `interval` or less was not
    /// set but steered, or nobody would mistake one slot for another.
    pub(super) fn since(&self, before: &Self, interval: Duration) -> Since {
        let by_boot = TimeDelta::from_std(self.boot.since(before.boot)).unwrap_or(TimeDelta::MAX);
        let stepped = self.wall.signed_duration_since(before.wall).checked_sub(&by_boot).unwrap_or_default();
        let told = stepped.abs().to_std().is_ok_and(|stepped| stepped > interval / 2);
        let suspended = self.suspended.saturating_sub(before.suspended);
        Since {
            stepped: if told { stepped } else { TimeDelta::zero() },
            suspended: if suspended >= SUSPENSION { suspended } else { Duration::ZERO },
        }
    }
}

/// How long after `now` the first slot of a target among several begins: at the same instant of every interval of
/// Unix time, whenever the program starts, which differs from target to target.
pub(super) fn until_phase(target: &str, interval: Duration, now: DateTime<Utc>) -> Duration {
    let interval = interval.as_millis().max(1);
    let digest = Sha256::of(target.as_bytes()).to_string();
    let hash = u64::from_str_radix(&digest[..16], 16).unwrap_or_default();
    let phase = u128::from(hash) % interval;
    // Before 1970 nobody minds the phase.
    let passed = u128::try_from(now.timestamp_millis()).unwrap_or_default() % interval;
    Duration::from_millis(u64::try_from((phase + interval - passed) % interval).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: Duration = Duration::from_secs(60);

    fn reading(wall: i64, boot: u64, suspended: u64) -> Reading {
        Reading {
            wall: DateTime::from_timestamp(wall, 0).unwrap(),
            boot: Boot(Duration::from_secs(boot)),
            suspended: Duration::from_secs(suspended),
        }
    }

    #[test]
    fn a_stepped_clock_and_a_suspension_are_told_apart() {
        let before = reading(1_000, 50, 7);
        let even = Since::default();
        assert_eq!(reading(1_060, 110, 7).since(&before, MINUTE), even);
        assert_eq!(reading(1_090, 110, 7).since(&before, MINUTE), even, "half an interval is steering");
        let stepped = |seconds| Since { stepped: TimeDelta::seconds(seconds), ..even };
        assert_eq!(reading(1_091, 110, 7).since(&before, MINUTE), stepped(31));
        assert_eq!(reading(60, 110, 7).since(&before, MINUTE), stepped(-1_000));
        let suspended = Since { suspended: Duration::from_secs(3_600), ..even };
        assert_eq!(reading(4_660, 3_710, 3_607).since(&before, MINUTE), suspended);
    }

    #[test]
    fn a_phase_is_the_same_second_of_the_minute_at_every_start() {
        let at = |millis: i64| {
            let now = DateTime::from_timestamp_millis(millis).unwrap();
            (millis + i64::try_from(until_phase("h/c/n", MINUTE, now).as_millis()).unwrap()) % 60_000
        };
        let phase = at(1_604_128_255_123);
        for millis in [0, 1, 59_999, 60_000, 1_795_223_820_031] {
            assert_eq!(at(millis), phase);
        }
        let now = DateTime::from_timestamp(phase / 1_000, 0).unwrap();
        assert!(until_phase("h/c/n", MINUTE, now) < MINUTE);
    }

    #[test]
    fn phases_are_spread_over_the_interval() {
        let now = DateTime::from_timestamp(0, 0).unwrap();
        let mut tens = [0; 6];
        for number in 0..600 {
            let until = until_phase(&format!("h/c/{number}"), MINUTE, now);
            tens[usize::try_from(until.as_secs() / 10).unwrap()] += 1;
        }
        assert!(tens.iter().all(|&count| (60..140).contains(&count)), "{tens:?}");
    }
}
