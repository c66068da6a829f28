//! `filter.wit` as Rust: what the host and a filter say to each other, and how a component is
//! checked against it.
//!
//! Generated at build time from the file that filters are built from, so the two cannot differ.

wasmtime::component::bindgen!({ path: "wasm-filters/wit", world: "resource-filter" });

pub(super) use exports::minutebook::filter::filter as wit;

/// The name of the exported interface, with its version.
pub(super) const INTERFACE: &str = "minutebook:filter/filter@0.1.0";
