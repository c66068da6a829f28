//! What a target remembers outside AUDIT_DIR, and what follows from comparing both at a start.
//!
//! # Format `minutebook.state/1`
//!
//! An object: `sequence` and `stamp` of the last manifest, `device` and `inode` of the AUDIT_DIR that
//! it is in, and `known`, the cycles without a manifest that have been told of.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::manifest::check_sequence;
use crate::model::stamp::Stamp;

/// Which version this is.
const FORMAT: &str = "minutebook.state/1";

/// What is remembered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct State {
    /// The last manifest's number.
    pub sequence: u64,
    /// The second that it is named after.
    pub stamp: Stamp,
    /// Device and inode of AUDIT_DIR.
    pub audit_dir: (u64, u64),
    /// Cycles without a manifest that have been told of.
    pub known: BTreeSet<Stamp>,
}

/// Why a state cannot be used.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum StateError {
    /// Not JSON, or not what a state holds.
    #[error("it is not a state file: {0}")]
    Malformed(String),
    /// A version that this program does not know.
    #[error("its format is `{0}`, and this program reads `{FORMAT}`; a newer one wrote it")]
    Format(String),
}

#[derive(Serialize, Deserialize)]
struct Json {
    format: String,
    #[serde(default)]
    sequence: u64,
    #[serde(default)]
    stamp: String,
    #[serde(default)]
    device: u64,
    #[serde(default)]
    inode: u64,
    #[serde(default)]
    known: Vec<String>,
}

/// Renders a state.
#[must_use]
pub fn render_state(state: &State) -> String {
    let json = Json {
        format: FORMAT.to_owned(),
        sequence: state.sequence,
        stamp: state.stamp.to_string(),
        device: state.audit_dir.0,
        inode: state.audit_dir.1,
        known: state.known.iter().map(Stamp::to_string).collect(),
    };
    // Only maps with odd keys and failing writers can make this fail; here is neither.
    serde_json::to_string(&json).unwrap_or_default() + "\n"
}

/// Reads a state.
///
/// # Errors
/// These bytes are no state of a version that is known here.
pub fn read_state(bytes: &[u8]) -> Result<State, StateError> {
    let malformed = |why: String| StateError::Malformed(why);
    let json: Json = serde_json::from_slice(bytes).map_err(|error| malformed(error.to_string()))?;
    if json.format != FORMAT {
        return Err(StateError::Format(json.format));
    }
    check_sequence(json.sequence).map_err(malformed)?;
    let stamp = |text: &String| text.parse().map_err(|_| malformed(format!("`{text}` is no second")));
    Ok(State {
        sequence: json.sequence,
        stamp: stamp(&json.stamp)?,
        audit_dir: (json.device, json.inode),
        known: json.known.iter().map(stamp).collect::<Result<_, _>>()?,
    })
}

/// What AUDIT_DIR has of a target.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Its newest manifest's number, if there is one.
    pub sequence: Option<u64>,
    /// Device and inode.
    pub audit_dir: (u64, u64),
}

/// Compares what is remembered with what was found. Returns the number of the last manifest, which the next one
/// follows, and what to warn of.
#[must_use]
pub fn resume(remembered: Option<&State>, found: Found) -> (u64, Option<String>) {
    let in_folder = found.sequence.unwrap_or(0);
    let Some(state) = remembered else {
        let lost = found.sequence.map(|sequence| {
            format!(
                "the state folder remembers nothing of this target, whose newest manifest in AUDIT_DIR has sequence {sequence}; the next one follows that, and a manifest that was lost with the state would not be missed"
            )
        });
        return (in_folder, lost);
    };
    let last = state.sequence.max(in_folder);
    if in_folder >= state.sequence {
        return (last, None);
    }
    let has = match found.sequence {
        Some(sequence) => format!("its newest manifest of this target has sequence {sequence}"),
        None => "it has no manifest of this target".to_owned(),
    };
    let (sequence, stamp) = (state.sequence, state.stamp);
    let was = if found.audit_dir == state.audit_dir {
        "AUDIT_DIR is the same folder as before".to_owned()
    } else {
        let ((device, inode), (old_device, old_inode)) = (found.audit_dir, state.audit_dir);
        format!(
            "AUDIT_DIR was replaced (device {device}, inode {inode}; it was device {old_device}, inode {old_inode})"
        )
    };
    (
        last,
        Some(format!(
            "{was}, but {has}, and {sequence} ({stamp}) was recorded: earlier records are missing here, and the sequence goes on behind {sequence}"
        )),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state() -> State {
        let stamp: Stamp = "2026-11-21T000001".parse().unwrap();
        State { sequence: 7, stamp, audit_dir: (1, 2), known: BTreeSet::from([stamp]) }
    }

    #[test]
    fn golden_text_that_reads_back() {
        let text = render_state(&state());
        assert_eq!(
            text,
            "{\"format\":\"minutebook.state/1\",\"sequence\":7,\"stamp\":\"2026-11-21T000001\",\"device\":1,\"inode\":2,\"known\":[\"2026-11-21T000001\"]}\n"
        );
        assert_eq!(read_state(text.as_bytes()), Ok(state()));
    }

    #[test]
    fn what_is_no_state_is_refused() {
        assert_eq!(read_state(br#"{"format":"x/9"}"#), Err(StateError::Format("x/9".to_owned())));
        for bad in [&b""[..], b"{}", br#"{"format":"minutebook.state/1"}"#, b"\xff"] {
            assert!(matches!(read_state(bad), Err(StateError::Malformed(_))), "{bad:?}");
        }
    }

    #[test]
    fn the_sequence_goes_on_and_what_is_lost_is_said() {
        let found = |sequence, audit_dir| Found { sequence, audit_dir };
        let resumed = |state: Option<&State>, found| {
            let (last, warning) = resume(state, found);
            (last, warning.unwrap_or_default())
        };
        assert_eq!(resumed(None, found(None, (1, 2))), (0, String::new()));
        assert_eq!(resumed(Some(&state()), found(Some(7), (1, 2))), (7, String::new()));
        // Killed between manifest and state; and a device's number may change when a machine starts.
        assert_eq!(resumed(Some(&state()), found(Some(8), (9, 9))), (8, String::new()));
        let (last, forgotten) = resumed(None, found(Some(5), (1, 2)));
        assert!(last == 5 && forgotten.contains("remembers nothing of this target"), "{forgotten}");
        let (last, replaced) = resumed(Some(&state()), found(None, (3, 4)));
        assert!(last == 7 && replaced.starts_with("AUDIT_DIR was replaced (device 3, inode 4; it was device 1, inode 2), but it has no manifest"), "{replaced}");
        let (last, rolled_back) = resumed(Some(&state()), found(Some(3), (1, 2)));
        assert!(
            last == 7 && rolled_back.contains("has sequence 3, and 7 (2026-11-21T000001) was recorded"),
            "{rolled_back}"
        );
    }
}
