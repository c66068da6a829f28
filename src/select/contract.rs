//! Which version of filter.wit a component was built for, from the name of its export. Pure.
//!
//! Below 1.0 all patch versions of a minor one are compatible (semver), and wasmtime links them so; a version that is
//! not released yet (`0.1.0-rc.1`) is compatible with itself alone. Of several that a component exports one that fits
//! is enough: so one file can serve an older minutebook and a newer one.

use std::cmp::Ordering;

use super::bindings::INTERFACE;

/// The versions of the filter's interface that a component exports.
#[derive(Debug, Default)]
pub(super) struct Contracts {
    /// As in the exports' names; empty for one that has none.
    versions: Vec<String>,
    fits: bool,
}

/// Why none of a component's versions fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misfit {
    /// They are older than ours.
    Older,
    /// At least one is newer than ours.
    Newer,
    /// They are no versions.
    Unknown,
}

impl Contracts {
    /// Takes note of an export, if it is the filter's interface.
    pub(super) fn note(&mut self, export: &str) {
        let (interface, version) = export.split_once('@').unwrap_or((export, ""));
        let (own, own_version) = own();
        if interface == own {
            self.fits |= fit(version, own_version) == Some(Ordering::Equal);
            self.versions.push(version.to_owned());
        }
    }

    /// As in the exports' names, in their order.
    pub(super) fn versions(&self) -> &[String] {
        &self.versions
    }

    /// Whether one is ours; `None` if there is none.
    pub(super) fn check(&self) -> Option<Result<(), Misfit>> {
        if self.versions.is_empty() {
            return None;
        }
        let (_, own_version) = own();
        let fits: Vec<_> = self.versions.iter().filter_map(|version| fit(version, own_version)).collect();
        Some(match &fits[..] {
            _ if self.fits => Ok(()),
            [] => Err(Misfit::Unknown),
            fits if fits.contains(&Ordering::Greater) => Err(Misfit::Newer),
            _ => Err(Misfit::Older),
        })
    }
}

/// The version of filter.wit that this program has.
pub(super) fn own_version() -> &'static str {
    own().1
}

fn own() -> (&'static str, &'static str) {
    INTERFACE.split_once('@').unwrap_or((INTERFACE, ""))
}

/// How a version stands to ours: equal where they are compatible. `None` if it is none.
fn fit(version: &str, own: &str) -> Option<Ordering> {
    let (theirs, ours) = (Version::parse(version)?, Version::parse(own)?);
    if version == own || (theirs.compatible() == ours.compatible() && !theirs.is_preview && !ours.is_preview)
    {
        return Some(Ordering::Equal);
    }
    // What is not released yet comes before what is.
    let order = |version: &Version| (version.numbers, !version.is_preview);
    Some(order(&theirs).cmp(&order(&ours)).then(Ordering::Less))
}

struct Version {
    numbers: [u64; 3],
    is_preview: bool,
}

impl Version {
    fn parse(text: &str) -> Option<Self> {
        let (text, _) = text.split_once('+').unwrap_or((text, ""));
        let (numbers, preview) =
            text.split_once('-').map_or((text, None), |(numbers, preview)| (numbers, Some(preview)));
        let mut parts = numbers.split('.').map(|number| number.parse().ok());
        let numbers = [parts.next()??, parts.next()??, parts.next()??];
        parts.next().is_none().then_some(Self { numbers, is_preview: preview.is_some() })
    }

    /// What compatible versions have in common.
    fn compatible(&self) -> [u64; 3] {
        match self.numbers {
            [0, 0, patch] => [0, 0, patch],
            [0, minor, _] => [0, minor, 0],
            [major, ..] => [major, 0, 0],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compatible_as_semver_says() {
        use Ordering::{Equal, Greater, Less};
        for (theirs, ours, expected) in [
            ("0.1.0", "0.1.0", Some(Equal)),
            ("0.1.7", "0.1.0", Some(Equal)),
            ("0.1.0", "0.1.7", Some(Equal)),
            ("0.1.0+built", "0.1.0", Some(Equal)),
            ("0.2.0", "0.1.0", Some(Greater)),
            ("0.0.9", "0.1.0", Some(Less)),
            ("1.0.0", "0.1.0", Some(Greater)),
            ("1.9.0", "1.0.0", Some(Equal)),
            ("0.0.2", "0.0.1", Some(Greater)),
            ("0.1.0-rc.1", "0.1.0", Some(Less)),
            ("0.1.1-rc.1", "0.1.0", Some(Greater)),
            ("0.1.0-rc.1", "0.1.0-rc.1", Some(Equal)),
            ("0.10.0", "0.9.0", Some(Greater)),
            ("", "0.1.0", None),
            ("0.1", "0.1.0", None),
            ("0.1.0.0", "0.1.0", None),
            ("x.1.0", "0.1.0", None),
        ] {
            assert_eq!(fit(theirs, ours), expected, "{theirs} to {ours}");
        }
    }

    #[test]
    fn one_of_several_is_enough() {
        let check = |exports: &[&str]| {
            let mut contracts = Contracts::default();
            for export in exports {
                contracts.note(export);
            }
            contracts.check()
        };
        let versioned = |version: &str| format!("minutebook:filter/filter@{version}");
        let [ours, patch, older, newer] = ["0.1.0", "0.1.7", "0.0.1", "0.2.0"].map(versioned);
        assert_eq!(check(&[]), None);
        assert_eq!(
            check(&["audit:filter/filter@0.1.0", "minutebook:filter/filters@0.1.0", "filter", ""]),
            None
        );
        for exports in [&[&*ours][..], &[&*patch], &[&*older, &*ours], &[&*newer, &*patch, "more"]] {
            assert_eq!(check(exports), Some(Ok(())), "{exports:?}");
        }
        assert_eq!(check(&[&*older]), Some(Err(Misfit::Older)));
        assert_eq!(check(&[&*older, &*newer]), Some(Err(Misfit::Newer)));
        assert_eq!(check(&["minutebook:filter/filter"]), Some(Err(Misfit::Unknown)));
        assert_eq!(check(&["minutebook:filter/filter", &*older]), Some(Err(Misfit::Older)));
        assert_eq!(check(&["minutebook:filter/filter@1"]), Some(Err(Misfit::Unknown)));
    }
}
