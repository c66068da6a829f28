//! The loops: one for each target, each waiting for its slots and making a cycle in each, until all are asked to end.
//!
//! They never give up: a cycle that could not be written is told on stderr, and the next slot tries
//! again. None waits for another; what they share is bounded where it is (`cluster`, `select`).

mod fleet;
mod pace;
mod target_loop;
#[cfg(test)]
mod tests;

pub use fleet::{Fleet, Observer, Reloaded};
pub use target_loop::Cycles;
