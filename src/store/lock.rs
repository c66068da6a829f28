//! One writer for a target: a lock that the system drops when its holder ends, however it ends.
//!
//! The file says who holds it, for people; that it is locked says the system (flock(2), which works
//! on NFS too). The file stays when the lock is gone: removing it would let two hold "the" lock,
//! one on the file that was removed.

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::BorrowedFd;

use rustix::fs::{AtFlags, FlockOperation, Mode, OFlags, flock, fstat, openat, statat};
use rustix::io::Errno;
use thiserror::Error;

use crate::model::text::printable;

/// For owner and group, as the folders are.
const LOCK_MODE: Mode = Mode::from_raw_mode(0o640);
/// Bytes of a holder's words.
const HOLDER_BYTES: usize = 200;

/// A lock that is held until this is dropped.
#[derive(Debug)]
pub struct Lock {
    file: File,
}

/// Why a lock could not be taken.
#[derive(Debug, Error)]
pub enum LockError {
    /// Somebody else holds it.
    #[error("it is being recorded by {0}")]
    Held(String),
    /// It could not be tried.
    #[error("the lock could not be taken: {0}")]
    Failed(#[source] io::Error),
}

impl Lock {
    pub(super) fn take(folder: BorrowedFd<'_>, name: &str, holder: &str) -> Result<Self, LockError> {
        let failed = |errno: Errno| LockError::Failed(errno.into());
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let mut file = File::from(openat(folder, name, flags, LOCK_MODE).map_err(failed)?);
        if !file.metadata().map_err(LockError::Failed)?.is_file() {
            return Err(LockError::Failed(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file")));
        }
        match flock(&file, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => {}
            Err(Errno::WOULDBLOCK) => return Err(LockError::Held(holder_of(&file))),
            Err(errno) => return Err(failed(errno)),
        }
        // Held from here on. A disk without room costs the words alone.
        let _ = file.set_len(0).and_then(|()| file.write_all(format!("{holder}\n").as_bytes()));
        Ok(Self { file })
    }

    /// Whether the file of this name is still the one that is locked.
    pub(super) fn is_at(&self, folder: BorrowedFd<'_>, name: &str) -> bool {
        let (Ok(held), Ok(there)) = (fstat(&self.file), statat(folder, name, AtFlags::SYMLINK_NOFOLLOW))
        else {
            return false;
        };
        (held.st_dev, held.st_ino) == (there.st_dev, there.st_ino)
    }
}

fn holder_of(file: &File) -> String {
    let mut words = Vec::new();
    // Who cannot be read is somebody all the same.
    let _ = file.take(HOLDER_BYTES as u64).read_to_end(&mut words);
    match printable(&String::from_utf8_lossy(&words), HOLDER_BYTES) {
        words if words.is_empty() => "another process".to_owned(),
        words => words,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::Folder;

    fn folder(root: &std::path::Path) -> Folder {
        let dir = cap_std::fs::Dir::open_ambient_dir(root, cap_std::ambient_authority()).unwrap();
        Folder::open(&dir, &[]).unwrap()
    }

    #[test]
    fn the_second_is_told_who_is_the_first_and_follows_when_it_is_gone() {
        let root = tempfile::tempdir().unwrap();
        let folder = folder(root.path());
        let lock = folder.lock("a.lock", "process 1 on here").unwrap();
        assert!(folder.is_locked_by("a.lock", &lock));
        let error = folder.lock("a.lock", "process 2").unwrap_err();
        assert_eq!(error.to_string(), "it is being recorded by process 1 on here");
        assert!(folder.lock("b.lock", "process 2").is_ok());
        drop(lock);
        assert!(folder.lock("a.lock", "process 2").is_ok());
        assert_eq!(std::fs::read(root.path().join("a.lock")).unwrap(), b"process 2\n");
    }

    #[test]
    fn a_lock_in_another_folder_is_another_one() {
        let (one, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let lock = folder(one.path()).lock("a.lock", "x").unwrap();
        assert!(!folder(other.path()).is_locked_by("a.lock", &lock));
        std::fs::write(other.path().join("a.lock"), "").unwrap();
        assert!(!folder(other.path()).is_locked_by("a.lock", &lock));
    }

    #[test]
    fn a_link_in_the_place_of_a_lock_is_not_followed() {
        let root = tempfile::tempdir().unwrap();
        std::os::unix::fs::symlink("elsewhere", root.path().join("a.lock")).unwrap();
        assert!(matches!(folder(root.path()).lock("a.lock", "x"), Err(LockError::Failed(_))));
        assert!(!root.path().join("elsewhere").exists());
    }
}
