//! Names that a server gave us, parsed before anything is built from them.
//!
//! A [`Label`] is a DNS label (RFC 1123) and a [`Group`] a DNS subdomain or nothing: neither can
//! leave a path segment, a file name or a URL. A [`ResourceName`] is the pair as `-o name`
//! prints it, and names the file in the archive.

use std::fmt;

use thiserror::Error;

/// The longest DNS label, in bytes (RFC 1123).
const LABEL_BYTES: usize = 63;
/// The longest DNS subdomain, in bytes (RFC 1123).
const SUBDOMAIN_BYTES: usize = 253;
/// The longest name of a file in the archive: what common file systems can hold, so that an
/// unpacked archive is complete.
const FILE_NAME_BYTES: usize = 255;
/// What a file in the archive ends with.
const FILE_SUFFIX: &str = ".json";

/// Why a text is not the name that it should be.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NameError {
    /// Not `[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?`.
    #[error("not a DNS label")]
    Label,
    /// Not labels of letters, digits and `-` joined by dots, at most 253 bytes.
    #[error("not a DNS subdomain")]
    Subdomain,
    /// Name and group together are longer than a file name can be.
    #[error("too long for a file name")]
    TooLong,
}

/// A DNS label: `[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Label(String);

impl Label {
    /// Parses a label.
    ///
    /// # Errors
    /// [`NameError::Label`] for anything else.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        is_label(text).then(|| Self(text.to_owned())).ok_or(NameError::Label)
    }

    /// The label's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Label {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An API group: a DNS subdomain, or empty for the core group.
#[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Group(String);

impl Group {
    /// Parses a group; the empty text is the core group.
    ///
    /// # Errors
    /// [`NameError::Subdomain`] for anything else that is not a DNS subdomain.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        let subdomain = text.len() <= SUBDOMAIN_BYTES && text.split('.').all(is_label);
        (text.is_empty() || subdomain).then(|| Self(text.to_owned())).ok_or(NameError::Subdomain)
    }

    /// The group's text, empty for the core group.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// A resource as `-o name` prints it: `configmaps`, or `deployments.apps` outside the core group.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ResourceName {
    name: Label,
    group: Group,
}

impl ResourceName {
    /// Joins a resource's plural name and its group.
    ///
    /// # Errors
    /// [`NameError::TooLong`] if the file's name would exceed 255 bytes.
    pub fn new(name: Label, group: Group) -> Result<Self, NameError> {
        let joined = Self { name, group };
        if joined.file_name().len() > FILE_NAME_BYTES {
            return Err(NameError::TooLong);
        }
        Ok(joined)
    }

    /// The plural name: one path segment.
    #[must_use]
    pub fn name(&self) -> &Label {
        &self.name
    }

    /// The API group.
    #[must_use]
    pub fn group(&self) -> &Group {
        &self.group
    }

    /// The name of the resource's file in an archive: `configmaps.json`.
    #[must_use]
    pub fn file_name(&self) -> String {
        format!("{self}{FILE_SUFFIX}")
    }
}

impl fmt::Display for ResourceName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name.0)?;
        if self.group.0.is_empty() {
            return Ok(());
        }
        write!(f, ".{}", self.group.0)
    }
}

fn is_label(text: &str) -> bool {
    let inner = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
    let bytes = text.as_bytes();
    let (Some(first), Some(last)) = (bytes.first(), bytes.last()) else {
        return false;
    };
    bytes.len() <= LABEL_BYTES && *first != b'-' && *last != b'-' && bytes.iter().all(|b| inner(*b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_is_what_rfc_1123_says() {
        for good in ["a", "0", "configmaps", "a-b", &"a".repeat(63)] {
            assert!(Label::parse(good).is_ok(), "{good}");
        }
        let long = "a".repeat(64);
        for bad in
            ["", "-", "-a", "a-", "A", "a.b", "a/b", "a b", "ä", "a\0", "..", "%2e", "a?b", "a#b", &long]
        {
            assert_eq!(Label::parse(bad), Err(NameError::Label), "{bad:?}");
        }
    }

    #[test]
    fn a_group_is_a_subdomain_or_empty() {
        for good in ["", "apps", "metrics.k8s.io"] {
            assert!(Group::parse(good).is_ok(), "{good}");
        }
        let long = vec!["a".repeat(60); 5].join(".");
        for bad in [".", "a..b", "a.", "/", "A.b", &long] {
            assert_eq!(Group::parse(bad), Err(NameError::Subdomain), "{bad:?}");
        }
    }

    #[test]
    fn a_file_is_named_after_its_resource() {
        let name = |n: &str, g: &str| ResourceName::new(Label::parse(n).unwrap(), Group::parse(g).unwrap());
        assert_eq!(name("configmaps", "").unwrap().file_name(), "configmaps.json");
        assert_eq!(name("deployments", "apps").unwrap().file_name(), "deployments.apps.json");
        let group = vec!["g".repeat(62); 4].join(".");
        assert_eq!(name("n", &group), Err(NameError::TooLong));
    }
}
