//! The names of a cycle's files, after the second in which it began.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, NaiveDateTime, SubsecRound as _, TimeDelta, Utc};
use serde::{Serialize, Serializer};
use thiserror::Error;

const FORMAT: &str = "%Y-%m-%dT%H%M%S";
const ARCHIVE: &str = ".audit.tar.gz";
const LOG: &str = ".audit.log";
const MANIFEST: &str = ".json";

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
        format!("{self}{ARCHIVE}")
    }

    /// The manifest's name.
    #[must_use]
    pub fn manifest(self) -> String {
        format!("{self}{MANIFEST}")
    }

    /// The second that an archive of this name is named after.
    #[must_use]
    pub fn of_archive(name: &str) -> Option<Self> {
        name.strip_suffix(ARCHIVE)?.parse().ok()
    }

    /// The second that a log of this name is named after.
    #[must_use]
    pub fn of_log(name: &str) -> Option<Self> {
        name.strip_suffix(LOG)?.parse().ok()
    }

    /// The second that a manifest of this name is named after.
    #[must_use]
    pub fn of_manifest(name: &str) -> Option<Self> {
        name.strip_suffix(MANIFEST)?.parse().ok()
    }

    /// The log's name.
    #[must_use]
    pub fn log(self) -> String {
        format!("{self}{LOG}")
    }
}

impl Serialize for Stamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A text that is no second as file names show it.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("a second is written like 2020-10-31T071055")]
pub struct NotAStamp;

impl FromStr for Stamp {
    type Err = NotAStamp;

    fn from_str(text: &str) -> Result<Self, NotAStamp> {
        let stamp = NaiveDateTime::parse_from_str(text, FORMAT).map_err(|_| NotAStamp)?;
        let stamp = Self(stamp.and_utc());
        // The parser takes more than it writes: signs, fewer digits, leap seconds.
        if stamp.to_string() == text { Ok(stamp) } else { Err(NotAStamp) }
    }
}

impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0.format(FORMAT))
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
        assert_eq!(stamp.manifest(), "2020-10-31T071055.json");
    }
    #[test]
    fn names_read_back_and_nothing_else_does() {
        let stamp: Stamp = "2020-10-31T071055".parse().unwrap();
        assert_eq!(Stamp::of_archive(&stamp.archive()), Some(stamp));
        assert_eq!(Stamp::of_log(&stamp.log()), Some(stamp));
        assert_eq!(Stamp::of_manifest(&stamp.manifest()), Some(stamp));
        for bad in ["", "2020-10-31T07105", "2020-10-31T07:10:55", "2020-02-30T000000", "+2020-10-31T071055"]
        {
            assert_eq!(bad.parse::<Stamp>(), Err(NotAStamp), "{bad}");
        }
        assert_eq!(Stamp::of_archive("2020-10-31T071055.audit.log"), None);
    }
}
