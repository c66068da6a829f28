//! How long to wait before the next try: pure, with the jitter as a parameter.

use std::time::Duration;

/// Where tries are told to stderr; whoever waits for one cycle wants to know, a log of all cycles does not.
pub const RETRY_LOG: &str = "minutebook::retry";

/// Half to all of `first` doubled for every try after the first. `jitter` is from 0 to 1, so that many
/// clients that failed together do not come back together.
#[must_use]
pub fn backoff(first: Duration, failed_tries: u32, jitter: f64) -> Duration {
    let doublings = failed_tries.saturating_sub(1).min(16);
    let full = first.saturating_mul(1 << doublings);
    full / 2 + (full / 2).mul_f64(jitter.clamp(0.0, 1.0))
}

/// A pause as people read it, to a tenth of a second.
#[must_use]
pub fn rounded(pause: Duration) -> String {
    format!("{:.1} s", pause.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_doubles_and_the_jitter_takes_at_most_half() {
        let half_second = Duration::from_millis(500);
        let millis = |tries, jitter| backoff(half_second, tries, jitter).as_millis();
        assert_eq!([millis(1, 1.0), millis(2, 1.0), millis(3, 1.0)], [500, 1_000, 2_000]);
        assert_eq!([millis(1, 0.0), millis(2, 0.0), millis(3, 0.5)], [250, 500, 1_500]);
        assert_eq!(millis(0, 1.0), 500);
        assert_eq!(millis(u32::MAX, 1.0), 500 << 16);
        assert_eq!(millis(1, f64::NAN.max(9.0)), 500);
    }
}
