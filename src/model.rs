//! The vocabulary: plain values that the stages hand to each other.
//!
//! Everything here is data without a connection to the outside world. A name from a server or
//! a guest becomes one of these types by being parsed, so that what has such a type cannot hold
//! `/`, `..`, NUL or 300 bytes. This module imports nothing of ours; every other one may
//! import it.

pub mod catalog;
pub mod count;
pub mod digest;
pub mod existence;
pub mod journal;
pub mod limits;
pub mod listing;
pub mod name;
pub mod outcome;
pub mod selection;
pub mod settings;
pub mod sink;
pub mod stamp;
pub mod stop;
pub mod target;
pub mod text;
pub mod tick;
