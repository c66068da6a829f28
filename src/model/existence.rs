//! Whether a thing that was asked about exists.

/// What is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Existence {
    /// The server showed it.
    Exists,
    /// The server said that there is none.
    Absent,
    /// The server did not say, for this reason: asking is forbidden, or failed.
    Unknown(String),
}
