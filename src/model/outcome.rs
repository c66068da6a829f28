//! What became of a selected resource.

use super::name::ResourceName;

/// One selected resource's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Which resource.
    pub resource: ResourceName,
    /// What there is in the archive, or why there is nothing; the journal has the words.
    pub result: Result<Recorded, NotRecorded>,
}

/// A list that is in the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// Pages it arrived in.
    pub pages: usize,
    /// Objects in it; none of an answer that is not a list.
    pub objects: u64,
    /// Bytes of its pages as they were sent.
    pub bytes: u64,
}

/// A list that is not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotRecorded {
    /// Its request failed for good, or the answer was unusable.
    Failed,
    /// The cycle ended first.
    CutOff,
    /// It was complete, but the archive could not be written with it.
    NotWritten,
}
