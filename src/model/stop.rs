//! Why a cycle ends before its work is done.

use std::fmt;

/// What cuts a cycle off; what is complete by then is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stop {
    /// The slot's time is over.
    Deadline,
    /// The program was asked to end, by this signal.
    Signal(&'static str),
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Deadline => f.write_str("cut off at the cycle's deadline"),
            Self::Signal(name) => write!(f, "interrupted by {name}"),
        }
    }
}
