//! How many files the process may have open, connections included: raised at the start to what the system
//! allows, and told when that is not enough.

use std::io;

use minutebook::model::limits::{PLACES, SHARED_CONNECTIONS};
use rustix::process::{Resource, getrlimit, setrlimit};

/// The standard streams, the runtime's, AUDIT_DIR, certificates, name look-ups, libraries: some thirty, and as many to spare.
const PROCESS: u64 = 64;
/// A lock, the folders on the way to the archives and to the ledger, the files that are read or written at one time.
const TARGET: u64 = 16;

/// Raises the limit to the most that the system allows this process. Many systems begin with 1,024 for the
/// sake of `select`, which nothing here calls.
///
/// # Errors
/// The system refused.
pub(crate) fn raise_limit() -> io::Result<()> {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    Ok(setrlimit(Resource::Nofile, limit)?)
}

/// Warns if so many targets may need more files than can be open.
pub(crate) fn warn_if_too_few(targets: usize) {
    if let Some(warning) = too_few(targets, getrlimit(Resource::Nofile).current) {
        tracing::warn!("{warning}");
    }
}

fn too_few(targets: usize, limit: Option<u64>) -> Option<String> {
    let (limit, needed) = (limit?, needed(targets));
    (limit < needed).then(|| {
        format!(
            "{limit} files may be open at a time, and {targets} target{} may need {needed}: raise the limit with `LimitNOFILE={needed}` in the systemd unit, or `ulimit -n {needed}`",
            if targets == 1 { "" } else { "s" }
        )
    })
}

/// How many files so many targets may have open at a time: for each its own, a spool for each place, and a
/// connection for each place in use or kept open for the next page; and what they share.
fn needed(targets: usize) -> u64 {
    let places = PLACES as u64;
    PROCESS + SHARED_CONNECTIONS as u64 + targets as u64 * (TARGET + 2 * places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_usual_limit_is_enough_for_some_targets_and_not_for_hundreds() {
        assert_eq!((too_few(1, Some(1024)), too_few(30, Some(1024))), (None, None));
        assert_eq!((too_few(1_000_000, None), too_few(300, Some(needed(300)))), (None, None));
        let warning = too_few(300, Some(1024)).unwrap();
        let needed = needed(300).to_string();
        for part in ["1024 files", "300 targets may need", &format!("LimitNOFILE={needed}")] {
            assert!(warning.contains(part), "{warning}");
        }
    }

    #[test]
    fn the_limit_is_raised_to_the_most_that_is_allowed() {
        raise_limit().unwrap();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
    }
}
