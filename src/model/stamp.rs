//! The names of a cycle's two files, after the second in which it began.

use std::fmt;

use chrono::{DateTime, SubsecRound as _, TimeDelta, Utc};

/// A second of UTC, as file names show it: `2020-10-31T071055`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stamp(DateTime<Utc>);

impl Stamp {
    /// The second that `time` is in.
    #[must_use]
    pub fn of(time: DateTime<Utc>) -> Self {
        Self(time.trunc_subsecs(0))
    }

    /// The second after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0.checked_add_signed(TimeDelta::seconds(1)).unwrap_or(self.0))
    }

    /// The archive's name.
    #[must_use]
    pub fn archive(self) -> String {
        format!("{self}.audit.tar.gz")
    }

    /// The log's name.
    #[must_use]
    pub fn log(self) -> String {
        format!("{self}.audit.log")
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format("%Y-%m-%dT%H%M%S"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exercise_s_names() {
        let stamp = Stamp::of(DateTime::from_timestamp_millis(1_604_128_255_999).unwrap());
        assert_eq!(stamp.archive(), "2020-10-31T071055.audit.tar.gz");
        assert_eq!(stamp.next().log(), "2020-10-31T071056.audit.log");
    }
}
