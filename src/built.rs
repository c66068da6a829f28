//! What this binary was built from, so that a record can be traced to the program that made it.
//!
//! `build.rs` finds it out. Archives do not depend on it.

/// The package's version.
pub const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The commit's short hash, with `-dirty` behind it if the sources differed from it; none where the source was
/// not in a git repository, as in a crate's archive.
pub const COMMIT: Option<&str> = known(env!("MINUTEBOOK_BUILT_COMMIT"));

/// The commit's day, in UTC: `2020-10-31`.
pub const COMMIT_DATE: Option<&str> = known(env!("MINUTEBOOK_BUILT_COMMIT_DATE"));

/// The compiler, as it names itself.
pub const RUSTC: Option<&str> = known(env!("MINUTEBOOK_BUILT_RUSTC"));

/// What it was compiled for: `x86_64-unknown-linux-gnu`.
pub const TARGET: Option<&str> = known(env!("MINUTEBOOK_BUILT_TARGET"));

/// The version of the engine that runs filters.
pub const WASMTIME: &str = wasmtime_environ::VERSION;

const fn known(value: &str) -> Option<&str> {
    if value.is_empty() { None } else { Some(value) }
}
