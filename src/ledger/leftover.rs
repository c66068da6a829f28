//! What interrupted cycles left in a target's folders, found by names alone.
//!
//! Every cycle ends with its manifest, so an archive or a log without one is of a cycle that was
//! interrupted, of a program that wrote no manifests yet, or of a manifest that could not be
//! written. Archives are kept, whatever they lack; only temporary files are removed.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use crate::model::stamp::Stamp;

/// Something that is left.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Leftover {
    /// A cycle without its manifest.
    CycleWithoutManifest {
        /// The second that it is named after.
        stamp: Stamp,
        /// Whether there is an archive.
        archive: bool,
        /// Whether there is a log.
        log: bool,
    },
    /// Cycles from before there were manifests.
    CyclesBeforeManifests {
        /// The first one's second.
        first: Stamp,
        /// The last one's second.
        last: Stamp,
        /// How many.
        count: usize,
    },
    /// A file that was never to keep its name; it is removed.
    TemporaryFile {
        /// What it was called.
        name: String,
    },
}

impl Leftover {
    /// What to tell of it.
    #[must_use]
    pub fn tell(&self) -> String {
        match self {
            Self::CycleWithoutManifest { stamp, archive: true, log: false } => {
                format!(
                    "an interrupted cycle left {} without its log and its manifest; it is kept",
                    stamp.archive()
                )
            }
            Self::CycleWithoutManifest { stamp, archive: true, log: true } => {
                format!(
                    "an interrupted cycle left {} and its log without their manifest; they are kept",
                    stamp.archive()
                )
            }
            Self::CycleWithoutManifest { stamp, .. } => {
                format!(
                    "an interrupted cycle left {} without an archive and a manifest; it is kept",
                    stamp.log()
                )
            }
            Self::CyclesBeforeManifests { first, count: 1, .. } => {
                format!(
                    "one cycle ({first}) was recorded without a manifest before this target's first one; it is kept"
                )
            }
            Self::CyclesBeforeManifests { first, last, count } => format!(
                "{count} cycles ({first} to {last}) were recorded without a manifest before this target's first one; they are kept"
            ),
            Self::TemporaryFile { name } => {
                format!("an interrupted cycle left the temporary file {name}; it was removed")
            }
        }
    }

    /// The second of a cycle that will never have a manifest, by which it is known from now on.
    #[must_use]
    pub fn stamp(&self) -> Option<Stamp> {
        match self {
            Self::CycleWithoutManifest { stamp, .. } => Some(*stamp),
            Self::CyclesBeforeManifests { .. } | Self::TemporaryFile { .. } => None,
        }
    }
}

/// Finds the cycles without a manifest: `records` are the names in the target's folder, `manifests` the stamps
/// of its manifests, `known` those that were told of before.
#[must_use]
pub fn find_leftovers(
    records: &[String],
    manifests: &BTreeSet<Stamp>,
    known: &BTreeSet<Stamp>,
) -> Vec<Leftover> {
    let mut cycles: BTreeMap<Stamp, (bool, bool)> = BTreeMap::new();
    for name in records {
        if let Some(stamp) = Stamp::of_archive(name) {
            cycles.entry(stamp).or_default().0 = true;
        } else if let Some(stamp) = Stamp::of_log(name) {
            cycles.entry(stamp).or_default().1 = true;
        }
    }
    let without =
        cycles.into_iter().filter(|(stamp, _)| !manifests.contains(stamp) && !known.contains(stamp));
    let left = |(stamp, (archive, log))| Leftover::CycleWithoutManifest { stamp, archive, log };
    if let Some(first) = manifests.first() {
        // What is older was told of in the first manifest.
        return without.filter(|(stamp, _)| stamp > first).map(left).collect();
    }
    // Before there were manifests a log without an archive was what a full disk left, too.
    let (earlier, interrupted): (Vec<_>, Vec<_>) = without.partition(|(_, (_, log))| *log);
    let group = earlier.first().zip(earlier.last()).map(|((first, _), (last, _))| {
        Leftover::CyclesBeforeManifests { first: *first, last: *last, count: earlier.len() }
    });
    group.into_iter().chain(interrupted.into_iter().map(left)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: &str) -> Stamp {
        format!("2026-11-21T0000{second}").parse().unwrap()
    }

    fn archives_and_logs(archives: &[&str], logs: &[&str]) -> Vec<String> {
        let archives = archives.iter().map(|second| at(second).archive());
        let logs = logs.iter().map(|second| at(second).log());
        archives.chain(logs).chain(["notes.txt".to_owned()]).collect()
    }

    fn stamps(seconds: &[&str]) -> BTreeSet<Stamp> {
        seconds.iter().map(|second| at(second)).collect()
    }

    #[test]
    fn whatever_has_no_manifest_and_is_not_known_is_left() {
        let names = archives_and_logs(&["00", "01", "02", "03", "04"], &["00", "01", "03", "05"]);
        let left = find_leftovers(&names, &stamps(&["01"]), &stamps(&["04"]));
        let without =
            |second, archive, log| Leftover::CycleWithoutManifest { stamp: at(second), archive, log };
        assert_eq!(left, [without("02", true, false), without("03", true, true), without("05", false, true)]);
        assert!(
            left[0].tell().contains("2026-11-21T000002.audit.tar.gz without its log"),
            "{}",
            left[0].tell()
        );
    }

    #[test]
    fn before_the_first_manifest_there_were_none_and_only_a_lacking_log_is_an_interruption() {
        let names = archives_and_logs(&["00", "01", "02", "03"], &["00", "01", "03"]);
        let left = find_leftovers(&names, &BTreeSet::new(), &BTreeSet::new());
        let earlier = Leftover::CyclesBeforeManifests { first: at("00"), last: at("03"), count: 3 };
        let interrupted = Leftover::CycleWithoutManifest { stamp: at("02"), archive: true, log: false };
        assert_eq!(left, [earlier, interrupted]);
        assert_eq!(find_leftovers(&["x".to_owned()], &BTreeSet::new(), &BTreeSet::new()), []);
    }
}
