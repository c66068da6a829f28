//! (map to come)
pub mod model;
pub mod clock;
pub mod cluster;
pub mod store;
pub mod schedule;
pub mod archive;
pub mod discover;
pub mod fetch;
pub mod select;
pub mod log;
pub mod cycle;
pub mod recorder;
pub mod config;
#[cfg(test)]
mod testing;
