//! The integration tests, in one binary: they link once, and share one way to stand in for a
//! server, one way to run the program and one oracle.

#![expect(
    clippy::disallowed_methods,
    clippy::expect_used,
    clippy::panic,
    clippy::unwrap_used,
    reason = "tests read and write what the program must not, and fail by panicking"
)]

/// What it does when the world lets it down.
mod bad_days;
/// The command line.
mod cli;
/// The service manager.
mod deploy;
/// Faults injected: failing calls, full disks, kills.
#[cfg(test)]
mod faults;
/// Filters that misbehave, and files that are none.
mod filters;
/// Requests over HTTP/2.
mod http2;
/// The floor plan: who may import whom.
mod layering;
/// Many targets in one process.
mod many;
/// What other recorders stumbled over.
mod pitfalls;
/// What it records when all is well, and when it is told to stop.
mod recording;
/// What the server is asked.
mod requests;
/// Who shares connections with whom.
mod sharing;
/// A long time on bad days.
mod soak;
/// What every test stands on.
mod support;
/// Records of earlier versions.
mod upgrade;
/// The way to a server: its name in TLS, proxies, certificates that nobody checks.
mod way;
/// Several processes and one AUDIT_DIR.
mod writers;
