//! Why no component came of a file, in words that say what it is and what to do.
//!
//! Each message is a fragment that follows the file's name and a colon.

use thiserror::Error;

use super::module::INTERFACE;

/// Why no component came of a file.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Error {
    /// It is something else.
    #[error("it is no WebAssembly; name what was compiled, not its source")]
    NotWebAssembly,
    /// It is WebAssembly, and not valid.
    #[error("it is cut off or damaged: {0}; build or copy it again")]
    Invalid(String),
    /// A module that asks for what no filter gets.
    #[error("it asks for {names}, and a filter gets nothing from outside; {remedy}")]
    Imports {
        /// The imports, a few by name.
        names: String,
        /// What to do about the first.
        remedy: &'static str,
    },
    /// A module that lacks what a filter exports.
    #[error(
        "it does not export {missing}; these are the names that filter.wit has in a core module: bindings make them (wit-bindgen for the world `resource-filter`), or a language's own way to name an export"
    )]
    Exports {
        /// What is missing, by name.
        missing: String,
    },
    /// A module that says that it is meant to become something else.
    #[error("it is meant to export {}, not `{INTERFACE}`; build it for the world `resource-filter` of filter.wit", or_nothing(.exports))]
    World {
        /// What it is meant to export; empty if that is nothing.
        exports: String,
    },
    /// What it imports, exports or says of itself does not fit together.
    #[error(
        "no component can be made of it: {0}; check that its exports have the types of filter.wit and its imports those of WASI, and that its custom sections are whole"
    )]
    Refused(String),
    /// A bug of the encoder.
    #[error("a bug in what makes components of modules ended it; please report it, with this file")]
    Encoder,
}

fn or_nothing(exports: &str) -> &str {
    if exports.is_empty() { "nothing" } else { exports }
}
