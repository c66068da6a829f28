//! The endless loop, in every part of a guest that the host runs, and once for each limit that must
//! stop it, with the other out of reach.

use std::time::{Duration, Instant};

use minutebook::select::Error;

use super::{HOUR, Run, guest};

pub(super) const ENDLESS: &str = "(loop $again (br $again))";
/// Fuel for longer than any test.
pub(super) const ENDLESS_FUEL: u64 = u64::MAX / 2;
const PLACES: [&str; 5] = ["start", "realloc", "configure", "select", "post-return"];

#[test]
fn fuel_ends_a_loop_wherever_it_is() {
    for place in PLACES {
        let run = Run::new(guest::with(place, ENDLESS)).fuel(1_000_000).timeout(HOUR);
        assert_eq!(run.go().expect_err(place).error, Error::Fuel { limit: 1_000_000 }, "{place}");
    }
}

#[test]
fn the_wall_clock_ends_a_loop_wherever_it_is_and_a_second_one_too() {
    let limit = Duration::from_millis(100);
    for place in PLACES {
        let run = Run::new(guest::with(place, ENDLESS)).fuel(ENDLESS_FUEL).timeout(limit);
        let began = Instant::now();
        assert_eq!(run.go().expect_err(place).error, Error::WallClock { limit, retried: true }, "{place}");
        assert!(began.elapsed() >= limit * 2, "{place}: it was not tried again");
    }
}

#[test]
fn the_end_of_the_cycle_ends_a_loop_wherever_it_is() {
    for place in PLACES {
        let run = Run::new(guest::with(place, ENDLESS)).fuel(ENDLESS_FUEL).timeout(HOUR);
        let run = Run { time_left: Duration::from_millis(100), ..run };
        assert_eq!(run.go().expect_err(place).error, Error::Deadline, "{place}");
    }
}

#[test]
fn a_second_try_that_the_end_of_the_cycle_cuts_off_blames_the_first() {
    let limit = Duration::from_millis(200);
    let run = Run::new(guest::with("select", ENDLESS)).fuel(ENDLESS_FUEL).timeout(limit);
    let run = Run { time_left: limit + limit / 2, ..run };
    assert_eq!(run.go().unwrap_err().error, Error::WallClock { limit, retried: true });
}
