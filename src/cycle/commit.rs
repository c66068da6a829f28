//! The second half of a cycle: from the draft to read-only files.

use std::fmt::Display;
use std::io::{self, Write};

use chrono::{DateTime, Utc};

use super::series::Place;
use crate::archive::{self, Files, Written};
use crate::ledger::File;
use crate::model::digest::{Digester, Sha256};
use crate::model::journal::Journal;
use crate::model::stamp::Stamp;
use crate::store::{CommitError, Folder, Staged};

/// How many seconds are tried to find one in which all names are free: a day, more than any clock
/// steps back by mistake.
const NAMES_TRIED: u32 = 24 * 60 * 60;

/// What a cycle wrote.
#[derive(Debug)]
pub struct Committed {
    /// The second that its files are named after.
    pub stamp: Stamp,
    /// The archive, or why there is none.
    pub archive: Result<(Written, Sha256), String>,
    /// The log, or why there is none.
    pub log: Result<File, NotWritten>,
    /// Why there is no manifest, if there should be one.
    pub manifest: Result<(), String>,
}

/// Commits the archive. Blocks. What was wrong goes into the journal.
///
/// If the lists cannot be written (they do not fit the disk, say), an empty archive may be possible still.
pub(super) fn archive(
    place: &Place,
    files: Files,
    started: DateTime<Utc>,
    journal: &Journal,
) -> (Stamp, Result<(Written, Sha256), String>) {
    let full = match write_archive(place, &files, started, journal) {
        Ok(done) => return (done.0, Ok(done.1)),
        Err(error) => error,
    };
    journal.nothing_was_written();
    let lists = match files.len() {
        0 => {
            journal.error(format!("the archive could not be written: {full}"));
            return (stamp_of_the_log(place, started), Err(full));
        }
        1 => "1 list".to_owned(),
        count => format!("{count} lists"),
    };
    // What they take of the disk is needed for less.
    drop(files);
    match write_archive(place, &Files::new(), started, journal) {
        Ok((stamp, written)) => {
            journal.error(format!(
                "the archive with {lists} could not be written: {full}; an empty one was written instead"
            ));
            (stamp, Ok(written))
        }
        Err(empty) => {
            journal.error(format!(
                "the archive with {lists} could not be written: {full}; nor could an empty one: {empty}"
            ));
            (stamp_of_the_log(place, started), Err(full))
        }
    }
}

/// Which second a log is named after that has no archive beside it.
fn stamp_of_the_log(place: &Place, started: DateTime<Utc>) -> Stamp {
    let stamp = Stamp::of(started);
    free(place, stamp).unwrap_or(stamp)
}

fn write_archive(
    place: &Place,
    files: &Files,
    started: DateTime<Utc>,
    journal: &Journal,
) -> Result<(Stamp, (Written, Sha256)), String> {
    let text = |error: &dyn Display| error.to_string();
    let staged = place.folder.stage().map_err(|error| text(&error))?;
    let mut out = Digested { staged, digester: Digester::default() };
    let written = archive::write(&mut out, files, started, |out, bytes| out.staged.reserve(bytes));
    let written = written.map_err(|error| text(&error))?;
    let Digested { mut staged, digester } = out;
    let written = (written, digester.finish());
    let mut stamp = Stamp::of(started);
    loop {
        stamp = free(place, stamp).map_err(|error| text(&error))?;
        match staged.commit(&stamp.archive()) {
            Ok(()) => return Ok((stamp, written)),
            // Somebody took it after it was seen to be free.
            Err(CommitError::Taken(_)) => stamp = stamp.next(),
            Err(error @ CommitError::Unsynced(_)) => {
                journal.error(format!("the archive: {error}"));
                return Ok((stamp, written));
            }
            Err(error) => return Err(text(&error)),
        }
    }
}

/// A staged file, and the digest of what is written to it.
struct Digested<'a> {
    staged: Staged<'a>,
    digester: Digester,
}

impl Write for Digested<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.staged.write(bytes)?;
        self.digester.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.staged.flush()
    }
}

/// Why a text is not written, or may not stay so.
#[derive(Debug)]
pub struct NotWritten {
    /// In words.
    pub message: String,
    /// The file, if it is there all the same; only a power cut could lose it.
    pub(super) named: Option<File>,
}

impl NotWritten {
    /// A panic in between, which is a bug of ours.
    pub(super) fn bug(panic: &dyn Display) -> Self {
        Self { message: panic.to_string(), named: None }
    }
}

/// Commits a text: the log or the manifest. Blocks.
///
/// # Errors
/// Why there is none; nobody but stderr can be told.
pub(super) fn text(folder: &Folder, what: &str, name: &str, text: &str) -> Result<File, NotWritten> {
    let not_written = |error: &dyn Display| NotWritten {
        message: format!("the {what} {name} could not be written: {error}"),
        named: None,
    };
    let mut staged = folder.stage().map_err(|error| not_written(&error))?;
    staged.write_all(text.as_bytes()).map_err(|error| not_written(&error))?;
    let committed = staged.commit(name);
    let file =
        || File { name: name.to_owned(), bytes: text.len() as u64, sha256: Sha256::of(text.as_bytes()) };
    match committed {
        Ok(()) => Ok(file()),
        Err(error @ CommitError::Unsynced(_)) => {
            Err(NotWritten { message: format!("the {what} {name}: {error}"), named: Some(file()) })
        }
        Err(error) => Err(not_written(&error)),
    }
}

/// The file of a text that is there, durable or not.
pub(super) fn named(text: &Result<File, NotWritten>) -> Option<&File> {
    text.as_ref().map_or_else(|error| error.named.as_ref(), Some)
}

/// The first second from `stamp` on in which no name is taken.
fn free(place: &Place, mut stamp: Stamp) -> io::Result<Stamp> {
    let Place { folder, manifests } = place;
    for _ in 0..NAMES_TRIED {
        // Where that cannot be known it costs no archive: at worst the manifest finds its name taken.
        let has_manifest =
            || manifests.as_ref().is_some_and(|folder| folder.is_taken(&stamp.manifest()).unwrap_or(false));
        if !folder.is_taken(&stamp.archive())? && !folder.is_taken(&stamp.log())? && !has_manifest() {
            return Ok(stamp);
        }
        stamp = stamp.next();
    }
    Err(io::Error::new(io::ErrorKind::AlreadyExists, "all names of the next 24 hours are taken"))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;
    use crate::archive::Draft;
    use crate::model::digest::Sha256;
    use crate::model::journal::Level;
    use crate::model::name::{Group, Label, ResourceName};
    use crate::model::outcome::{Outcome, Recorded, Why};
    use crate::model::sink::{Content, Sink as _};

    fn place(root: &std::path::Path) -> Place {
        let dir = cap_std::fs::Dir::open_ambient_dir(root, cap_std::ambient_authority()).unwrap();
        Place { folder: Folder::open(&dir, &[]).unwrap(), manifests: None }
    }

    /// A list whose spool cannot be read any more.
    fn unreadable() -> Files {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("spool");
        let write_only = path.clone();
        let draft = Draft::new(u64::MAX, move || fs::File::create(&write_only));
        let mut random = fastrand::Rng::with_seed(1);
        let noise: Vec<u8> = (0..200_000).map(|_| random.u8(..)).collect();
        let mut list = draft.begin();
        draft.append(0, &mut list, &[&noise]).unwrap();
        draft.finish("a.json".to_owned(), list);
        draft.close()
    }

    #[test]
    fn lists_that_cannot_be_written_leave_an_empty_archive_that_nobody_calls_complete() {
        let root = tempfile::tempdir().unwrap();
        let journal = Journal::new(|| DateTime::UNIX_EPOCH);
        let resource = ResourceName::new(Label::parse("a").unwrap(), Group::default()).unwrap();
        let content = Content { bytes: 200_000, sha256: Sha256::of(b"") };
        let result = Ok(Recorded {
            pages: 1,
            objects: 9,
            bytes: 200_000,
            content,
            consistent: true,
            identified: None,
        });
        journal.settle(Outcome { resource, result });

        let (stamp, written) = archive(&place(root.path()), unreadable(), DateTime::UNIX_EPOCH, &journal);
        assert_eq!(written.unwrap().0.entries, 0);
        assert!(root.path().join(stamp.archive()).exists());
        assert_eq!(journal.count(Level::Error), 1);
        let message = &journal.events()[0].message;
        assert!(message.starts_with("the archive with 1 list could not be written: "), "{message}");
        let outcome = journal.outcomes().remove(0).result;
        assert_eq!(outcome.unwrap_err().why, Why::NotWritten);
    }

    #[test]
    fn a_log_whose_name_was_taken_meanwhile_is_an_error() {
        let root = tempfile::tempdir().unwrap();
        let stamp = Stamp::of(DateTime::UNIX_EPOCH);
        std::fs::write(root.path().join(stamp.log()), "another's").unwrap();
        let error = text(&place(root.path()).folder, "log", &stamp.log(), "ours").unwrap_err();
        assert!(
            error.message.starts_with("the log 1970-01-01T000000.audit.log could not be written: the name"),
            "{error:?}"
        );
        assert_eq!(std::fs::read(root.path().join(stamp.log())).unwrap(), b"another's");
    }
}
