//! What became of a selected resource.

use super::name::ResourceName;
use super::sink::Content;

/// One selected resource's list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// Which resource.
    pub resource: ResourceName,
    /// What there is in the archive, or why there is nothing.
    pub result: Result<Recorded, NotRecorded>,
}

/// A list that is in the archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recorded {
    /// Pages it arrived in.
    pub pages: usize,
    /// Objects in it; none of an answer that is not a list.
    pub objects: u64,
    /// Bytes of its pages as they were sent, decoded.
    pub bytes: u64,
    /// The one document that was made of them.
    pub content: Content,
    /// Whether its pages are of one state of the cluster. They are not if history was forgotten while they were
    /// fetched, twice, and the server went on in a later state.
    pub consistent: bool,
    /// Whether its objects have a `uid`, by the first of them; `None` if there is none or nobody looked.
    pub identified: Option<bool>,
}

/// A list that is not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotRecorded {
    /// What kept it from being recorded.
    pub why: Why,
    /// Pages that had arrived.
    pub pages: usize,
    /// The HTTP status of the last answer, if that was what failed.
    pub status: Option<u16>,
    /// The same in words, as the log has it.
    pub error: String,
}

/// What kept a list from being recorded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Its request failed for good, or the answer was unusable.
    Failed,
    /// The server does not let us have it.
    Forbidden,
    /// There is no such list: neither the resource any more, or the whole namespace.
    Absent,
    /// It cannot be listed in this scope, or at all; it was not asked for.
    NotListable,
    /// It holds what may not stand in an archive; it was not asked for.
    Withheld,
    /// The cycle ended first.
    CutOff,
    /// It was complete, but the archive could not be written with it.
    NotWritten,
}
