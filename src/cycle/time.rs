//! What a log says of time: slots that were missed, and clocks that did not go on evenly.

use std::time::Duration;

use chrono::{SecondsFormat, TimeDelta};

use crate::model::journal::Journal;
use crate::model::tick::Tick;

/// Tells what time did before this cycle.
pub(super) fn note(journal: &Journal, tick: &Tick, interval: Duration) {
    if !tick.since.stepped.is_zero() {
        journal.warn(stepped(tick.since.stepped));
    }
    if let Some(missed) = missed(tick, interval) {
        journal.error(missed);
    }
}

fn stepped(by: TimeDelta) -> String {
    let way = if by > TimeDelta::zero() { "forward" } else { "back" };
    let by = rounded(by.abs().to_std().unwrap_or_default());
    format!(
        "the wall clock was set {way} by {by} since the cycle before; files are named after it, and slots go on as they were"
    )
}

fn missed(tick: &Tick, interval: Duration) -> Option<String> {
    let missed = tick.missed.as_ref()?;
    let began = |slot: u64| {
        let ago = interval.saturating_mul(u32::try_from(tick.slot - slot).unwrap_or(u32::MAX));
        let time = TimeDelta::from_std(ago).ok().and_then(|ago| tick.started.checked_sub_signed(ago));
        time.map_or_else(|| "long ago".to_owned(), |time| time.to_rfc3339_opts(SecondsFormat::Secs, true))
    };
    let (first, last) = (*missed.start(), *missed.end());
    let (slots, times) = if first == last {
        (format!("slot {first} was"), format!("about {}", began(first)))
    } else {
        (format!("slots {first} to {last} were"), format!("about {} to {}", began(first), began(last)))
    };
    let suspended = tick.since.suspended;
    let others = "AUDIT_DIR could not be written, a cycle took too long, or this machine stood still";
    let between = interval.saturating_mul(u32::try_from(last - first).unwrap_or(u32::MAX));
    let why = if suspended.is_zero() {
        others.to_owned()
    } else if suspended >= between {
        format!("this machine was suspended for {}", rounded(suspended))
    } else {
        format!("this machine was suspended for {}, and {others}", rounded(suspended))
    };
    Some(format!("{slots} missed ({times}): {why}; what was missed is not made up"))
}

/// To the second: nobody is suspended for nanoseconds.
fn rounded(time: Duration) -> humantime::FormattedDuration {
    humantime::format_duration(Duration::from_secs(time.as_secs().max(1)))
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::model::tick::Since;

    fn lines(tick: &Tick) -> Vec<String> {
        let journal = Journal::new(|| DateTime::UNIX_EPOCH);
        note(&journal, tick, Duration::from_secs(60));
        journal.events().into_iter().map(|event| format!("{} {}", event.level, event.message)).collect()
    }

    #[test]
    fn nothing_is_said_of_time_that_went_on_evenly() {
        assert_eq!(lines(&Tick::default()), [""; 0]);
    }

    #[test]
    fn a_suspended_machine_s_minutes_are_a_range_and_a_stepped_clock_is_another_thing() {
        let suspended = Since { suspended: Duration::from_millis(10_800_400), ..Since::default() };
        let started = DateTime::from_timestamp(1_604_128_255, 0).unwrap();
        let tick = Tick { slot: 181, missed: Some(1..=180), started, since: suspended, ..Tick::default() };
        assert_eq!(
            lines(&tick),
            [
                "ERROR slots 1 to 180 were missed (about 2020-10-31T04:10:55Z to 2020-10-31T07:09:55Z): this machine was suspended for 3h; what was missed is not made up"
            ]
        );
        let stepped = Since { stepped: -TimeDelta::milliseconds(7_200_300), ..Since::default() };
        assert_eq!(
            lines(&Tick { since: stepped, ..Tick::default() }),
            [
                "WARN the wall clock was set back by 2h since the cycle before; files are named after it, and slots go on as they were"
            ]
        );
    }
}
