//! The program against a real API server, for what no stand-in can answer. The programs of a cluster are built once, by
//! `tests/real/cluster build`; where they are not there, every test here passes without having tried anything, and one
//! line on stderr says so. With `MINUTEBOOK_REAL=required` each fails instead.

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    reason = "tests read and write what the program must not, and fail by panicking"
)]

/// What changes between two archives.
mod changes;
/// How a cluster is found, and reached.
mod contexts;
/// Tokens and certificates that end while they are used.
mod credentials;
/// Filters in several languages.
mod filters;
/// What is kept out, stale, or not there at all.
mod kept_out;
/// Everything that there is.
mod objects;
/// A cluster that goes away for a while.
mod outages;
/// Lists of many pages, and history that is forgotten between two of them.
mod pages;
/// What may not be read, and what `minutebook rbac` does about it.
mod rights;
/// What every test stands on.
mod support;
