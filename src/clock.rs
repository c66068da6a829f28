//! The clocks: one names archives, the other keeps the schedule.
//!
//! The wall clock can step; CLOCK_BOOTTIME cannot, and unlike CLOCK_MONOTONIC, which tokio and
//! `Instant` use, it goes on while the machine is suspended. So a sleep here looks at the boot
//! clock again and again: it ends soon after a machine that slept through it wakes up.

use std::future::Future;
use std::pin::Pin;
use std::time::Duration;

use chrono::{DateTime, Utc};
use rustix::time::{ClockId, clock_gettime};

use crate::model::tick::Boot;

/// How late a sleep can notice that the machine was suspended. (A timerfd on the boot clock would
/// know at once, but tokio's handle for one cannot be made without unsafe code.)
const LOOK_AGAIN: Duration = Duration::from_secs(1);

/// The time, for whoever has to wait or to name something after it.
pub trait Clock: Send + Sync + 'static {
    /// The wall clock, in UTC.
    fn wall(&self) -> DateTime<Utc>;

    /// The boot clock.
    fn boot(&self) -> Boot;

    /// How long the machine has been suspended since it started: what the boot clock counts and the monotonic
    /// clock does not.
    fn suspended(&self) -> Duration;

    /// Returns once the boot clock has reached `until`; at once if it has already.
    fn sleep_until(&self, until: Boot) -> Pin<Box<dyn Future<Output = ()> + Send + '_>>;
}

/// The machine's clocks.
#[derive(Debug, Clone, Copy, Default)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the wall clock")]
    fn wall(&self) -> DateTime<Utc> {
        Utc::now()
    }

    fn boot(&self) -> Boot {
        Boot(read(ClockId::Boottime))
    }

    fn suspended(&self) -> Duration {
        // In this order the time between the two readings counts as none.
        let boot = read(ClockId::Boottime);
        boot.saturating_sub(read(ClockId::Monotonic))
    }

    fn sleep_until(&self, until: Boot) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            loop {
                let left = until.since(self.boot());
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left.min(LOOK_AGAIN)).await;
            }
        })
    }
}

fn read(clock: ClockId) -> Duration {
    let now = clock_gettime(clock);
    let seconds = u64::try_from(now.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(now.tv_nsec).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sleep_ends_when_its_boot_time_has_come() {
        let clock = SystemClock;
        let until = clock.boot() + Duration::from_millis(20);
        clock.sleep_until(until).await;
        assert!(clock.boot() >= until);
        clock.sleep_until(Boot(Duration::ZERO)).await;
    }
}
