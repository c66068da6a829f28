//! When a cycle happens, by both clocks.

use std::ops::{Add, RangeInclusive};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};

/// An instant of the boot clock (CLOCK_BOOTTIME): time since the machine started, suspension
/// included. It never steps, so schedules and deadlines are kept by it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Boot(pub Duration);

impl Boot {
    /// The time from `earlier` to here, zero if `earlier` is later.
    #[must_use]
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Boot {
    type Output = Self;

    fn add(self, time: Duration) -> Self {
        Self(self.0.saturating_add(time))
    }
}

/// One cycle's place in time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Tick {
    /// Which interval since the start, from 0.
    pub slot: u64,
    /// When what has not arrived is cut off.
    pub deadline: Boot,
    /// The slots before this one that have no archive, back to the last one that has.
    pub missed: Option<RangeInclusive<u64>>,
    /// The wall clock's time when the cycle began: it names the archive.
    pub started: DateTime<Utc>,
    /// The boot clock's.
    pub began: Boot,
    /// What the clocks did since the cycle before.
    pub since: Since,
}

/// What the clocks did between two cycles, other than go on evenly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Since {
    /// How far the wall clock was set forward, or back if it is negative; zero if it is not worth telling.
    pub stepped: TimeDelta,
    /// How long the machine was suspended.
    pub suspended: Duration,
}
