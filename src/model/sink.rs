//! Where fetched pages go: the one seam through which a stage streams into the next.

use thiserror::Error;

use super::digest::Sha256;

/// Why bytes could not be kept.
#[derive(Debug, Error)]
pub enum SinkError {
    /// The spool could not be made or written.
    #[error("could not write the spool on AUDIT_DIR's file system: {0}")]
    Spool(#[source] std::io::Error),
    /// All lists together have reached `--max-cycle-bytes`.
    #[error("all lists of the cycle together exceed --max-cycle-bytes ({0} bytes)")]
    CycleFull(u64),
    /// The cycle was cut off meanwhile.
    #[error("the cycle has ended")]
    Closed,
}

/// Takes lists in pieces. Its methods compress and write, so they block.
pub trait Sink: Send + Sync + 'static {
    /// A list that is not complete yet. Dropping it forgets the list.
    type List: Send + 'static;

    /// Begins a list.
    fn begin(&self) -> Self::List;

    /// Adds bytes, given in parts, at the end of what the list has. `place` is below [`super::limits::PLACES`] and
    /// used by one caller at a time.
    ///
    /// # Errors
    /// The list cannot be completed any more.
    fn append(&self, place: usize, list: &mut Self::List, parts: &[&[u8]]) -> Result<(), SinkError>;

    /// Sets the bytes that close the list, whatever is still appended before them.
    ///
    /// # Errors
    /// As [`Sink::append`].
    fn set_end(&self, place: usize, list: &mut Self::List, parts: &[&[u8]]) -> Result<(), SinkError>;

    /// What the list holds, now that it is complete.
    ///
    /// # Errors
    /// What was kept of it cannot be read back.
    fn content(&self, list: &Self::List) -> Result<Content, SinkError>;

    /// The list is complete and becomes a file of this name. This one does not block.
    fn finish(&self, file_name: String, list: Self::List);
}

/// What a complete list holds, before compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Content {
    /// How many bytes.
    pub bytes: u64,
    /// Their digest.
    pub sha256: Sha256,
}
