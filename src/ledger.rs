//! What is remembered of cycles beside their archives: formats, and what follows from them. Pure.
//!
//! A *manifest* is written with every cycle and says all that is known of it; it carries the
//! cycle's *sequence* number, which counts one target's manifests from 1 without holes. The
//! *state* is what a target keeps outside AUDIT_DIR, so that an AUDIT_DIR that was replaced by an
//! older or an empty one is noticed. Both are JSON with a versioned `format`; a reader takes what
//! has the version it knows and refuses others by name.

mod leftover;
mod manifest;
mod state;

pub use leftover::{Leftover, find_leftovers};
pub use manifest::{Facts, File, ManifestError, read_sequence, render_manifest};
pub use state::{Found, State, StateError, read_state, render_state, resume};
