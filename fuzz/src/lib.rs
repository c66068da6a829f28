//! What makes WebAssembly for the fuzz targets.
//!
//! Bytes changed at random hardly ever get past a validator, and what is behind it would go
//! untested. So the mutator knows the format: it takes a file apart into its sections, changes one of
//! them, and puts the sizes right again; and it changes the core modules inside such that most stay valid and run.

#[cfg(feature = "targets")]
pub mod in_place;
pub mod module;
pub mod mutate;
pub mod sections;
pub mod seeds;
