//! What every test stands on: a server that can misbehave, a way to run the program, and
//! one oracle that knows what a recorded cycle must look like. Nothing here imports the
//! program, so nothing here can share its mistakes.

use std::io::Write as _;

/// Runs the built binary, and listens to it.
pub(crate) mod binary;
/// The clusters that a stand-in serves.
pub(crate) mod cluster;
/// An API server for hundreds of clusters, well and unwell ones.
pub(crate) mod crowd;
/// Many targets, a server, and one program between them.
pub(crate) mod fleet;
/// Texts that are held to the letter.
pub(crate) mod golden;
/// As much of HTTP/1.1 as a stand-in needs.
pub(crate) mod http;
/// Servers and proxies that a test answers for, connection by connection.
pub(crate) mod line;
/// What a manifest says.
pub(crate) mod manifest;
/// How a server can misbehave.
pub(crate) mod mischief;
/// Takes out of a text what differs from run to run.
pub(crate) mod normal;
/// What must be true of AUDIT_DIR, whatever went wrong.
pub(crate) mod oracle;
/// That the oracle can fail.
mod oracle_itself;
/// What a program takes of the machine.
pub(crate) mod process;
/// Three readers of archives that must agree.
pub(crate) mod readers;
/// A folder, a server, and the program between them.
pub(crate) mod scene;
/// The stand-in for an API server.
pub(crate) mod stand_in;
/// Certificates for one test.
pub(crate) mod tls;

/// Says something even of a test that passes.
pub(crate) fn tell(text: &str) {
    // Not by the macro: what that prints is shown for failed tests only. If stdout is gone there is nobody to tell.
    let _ = std::io::stdout().write_all(text.as_bytes());
}

/// Each with something before it and a line end behind it.
pub(crate) fn prefixed<'a>(prefix: &str, lines: impl IntoIterator<Item = &'a str>) -> String {
    lines.into_iter().flat_map(|line| [prefix, line, "\n"]).collect()
}

/// Says, even of a test that passes, that it did nothing.
pub(crate) fn skip(what: &str, why: &str) {
    let line = format!("skipped: {what}: {why}\n");
    // If stderr is gone there is nobody to tell.
    let _ = std::io::Write::write_all(&mut std::io::stderr(), line.as_bytes());
}
