//! What a filter decided, and which filter it was.

use std::fmt;

use super::digest::Sha256;

/// A filter's answer about one resource.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Whether the resource is recorded.
    pub selected: bool,
    /// Why, in the filter's words, at most 512 bytes of printable text.
    pub reason: String,
}

/// A filter's answer about a whole catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selection {
    /// One verdict for each resource of the catalog, in its order.
    pub verdicts: Vec<Verdict>,
    /// What the filter wants people to know, at most 33 lines of printable text.
    pub warnings: Vec<String>,
    /// Fuel that the guest used, from instantiation on.
    pub fuel: u64,
}

/// Which filter decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FilterId {
    /// Its own name, or where it came from if it does not say.
    pub name: String,
    /// Its own version, if it says one.
    pub version: Option<String>,
    /// The digest of the component's bytes.
    pub digest: Sha256,
}

impl fmt::Display for FilterId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)?;
        if let Some(version) = &self.version {
            write!(f, " {version}")?;
        }
        write!(f, " (sha256:{})", self.digest)
    }
}
