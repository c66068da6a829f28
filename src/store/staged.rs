//! A file that is complete and durable before it has a name.
//!
//! The protocol, in system calls (ext4, xfs, tmpfs; where a file system lacks O_TMPFILE the file
//! has a temporary name until the link is made):
//!
//! ```text
//! openat(folder, ".", O_TMPFILE|O_RDWR, 0600)   nothing to see yet
//! fallocate(fd, KEEP_SIZE, estimate)            a full disk says so now, not half-way
//! write …
//! fchmod(fd, 0444)                              whatever the umask is
//! fsync(fd)                                     the bytes are durable
//! linkat("/proc/self/fd/N", folder, NAME)       the name appears; an existing one is never replaced
//! fsync(folder)                                 the name is durable
//! ```
//!
//! A crash before `linkat` leaves nothing, after it a complete file. No step is retried: after a
//! failed fsync the kernel may have dropped what it could not write, and a second one would lie.

use std::fs::File;
use std::io::{self, Write};
use std::os::fd::{AsRawFd, BorrowedFd};

use rustix::fs::{AtFlags, CWD, FallocateFlags, Mode, OFlags, RenameFlags};
use rustix::fs::{fallocate, fchmod, fsync, ftruncate, linkat, openat, renameat_with, unlinkat};
use rustix::io::Errno;
use thiserror::Error;

/// The mode of a file that nobody changes any more.
const SEALED_MODE: Mode = Mode::from_raw_mode(0o444);

/// How temporary names begin and end.
const TEMPORARY: &str = ".minutebook-";
pub(super) const TEMPORARY_END: &str = ".tmp";

/// A file under way.
#[derive(Debug)]
pub struct Staged<'a> {
    folder: BorrowedFd<'a>,
    file: File,
    /// Where the file system cannot make a file without one.
    temporary: Option<String>,
    reserved: bool,
    sealed: bool,
}

/// Why a staged file did not get its name.
#[derive(Debug, Error)]
pub enum CommitError {
    /// Something has the name already; another one can be tried.
    #[error("the name `{0}` is taken")]
    Taken(String),
    /// The file is not there.
    #[error("could not {step} it: {source}")]
    Failed {
        /// What was being done.
        step: &'static str,
        /// What the system said.
        source: io::Error,
    },
    /// The file is there, but a power cut now could lose its name.
    #[error("it is written, but its folder could not be synced: {0}")]
    Unsynced(#[source] io::Error),
}

impl<'a> Staged<'a> {
    pub(super) fn create(folder: BorrowedFd<'a>) -> io::Result<Self> {
        let (file, temporary) = create_unnamed_or_hidden(folder)?;
        Ok(Self { folder, file, temporary, reserved: false, sealed: false })
    }

    /// Reserves room for `bytes`, where the file system can.
    ///
    /// # Errors
    /// There is no room.
    pub fn reserve(&mut self, bytes: u64) -> io::Result<()> {
        if bytes == 0 {
            return Ok(());
        }
        match fallocate(&self.file, FallocateFlags::KEEP_SIZE, 0, bytes) {
            Ok(()) => self.reserved = true,
            Err(Errno::OPNOTSUPP | Errno::NOSYS | Errno::INVAL) => {}
            Err(errno) => return Err(errno.into()),
        }
        Ok(())
    }

    /// Gives the file its name. On [`CommitError::Taken`] it can be called again with another.
    ///
    /// # Errors
    /// [`CommitError`] says whether there is a file of this name now.
    pub fn commit(&mut self, name: &str) -> Result<(), CommitError> {
        if !self.sealed {
            self.seal()?;
            self.sealed = true;
        }
        // The bytes are durable and read-only; they have no name yet.
        match self.link(name) {
            Ok(()) => {}
            Err(Errno::EXIST) => return Err(CommitError::Taken(name.to_owned())),
            Err(errno) => return Err(CommitError::Failed { step: "name", source: errno.into() }),
        }
        // The file is there, complete; only a power cut could still lose its name.
        sync_folder(self.folder).map_err(CommitError::Unsynced)
    }

    fn seal(&mut self) -> Result<(), CommitError> {
        let failed = |step| move |source| CommitError::Failed { step, source };
        self.file.flush().map_err(failed("write"))?;
        if self.reserved {
            let written = self.file.metadata().map_err(failed("measure"))?.len();
            ftruncate(&self.file, written).map_err(|errno| failed("trim")(errno.into()))?;
        }
        fchmod(&self.file, SEALED_MODE).map_err(|errno| failed("write-protect")(errno.into()))?;
        fsync(&self.file).map_err(|errno| failed("sync")(errno.into()))
    }

    fn link(&mut self, name: &str) -> rustix::io::Result<()> {
        let folder = self.folder;
        let Some(temporary) = self.temporary.as_deref() else {
            let by_number = format!("/proc/self/fd/{}", self.file.as_raw_fd());
            return match linkat(CWD, by_number, folder, name, AtFlags::SYMLINK_FOLLOW) {
                // No /proc: newer kernels take the descriptor itself.
                Err(Errno::NOENT) => linkat(&self.file, "", folder, name, AtFlags::EMPTY_PATH),
                result => result,
            };
        };
        match linkat(folder, temporary, folder, name, AtFlags::empty()) {
            Ok(()) => {
                // Before the folder is synced, so that not both names can survive a power cut. If this
                // fails, dropping this value tries again.
                if unlinkat(folder, temporary, AtFlags::empty()).is_ok() {
                    self.temporary = None;
                }
                Ok(())
            }
            Err(Errno::PERM | Errno::OPNOTSUPP | Errno::MLINK) => {
                renameat_with(folder, temporary, folder, name, RenameFlags::NOREPLACE)?;
                self.temporary = None;
                Ok(())
            }
            Err(errno) => Err(errno),
        }
    }
}

impl Write for Staged<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}

impl Drop for Staged<'_> {
    fn drop(&mut self) {
        if let Some(temporary) = &self.temporary
            && let Err(error) = unlinkat(self.folder, temporary.as_str(), AtFlags::empty())
        {
            tracing::warn!(%error, file = temporary, "could not remove a temporary file");
        }
    }
}

/// A file that is gone when closed, whatever the file system.
pub(super) fn create_unnamed(folder: BorrowedFd<'_>) -> io::Result<File> {
    let (file, temporary) = create_unnamed_or_hidden(folder)?;
    if let Some(temporary) = temporary {
        unlinkat(folder, temporary.as_str(), AtFlags::empty())?;
    }
    Ok(file)
}

fn create_unnamed_or_hidden(folder: BorrowedFd<'_>) -> io::Result<(File, Option<String>)> {
    let access = OFlags::RDWR | OFlags::CLOEXEC;
    let mode = Mode::RUSR | Mode::WUSR;
    match openat(folder, ".", access | OFlags::TMPFILE, mode) {
        Ok(fd) => return Ok((fd.into(), None)),
        Err(Errno::OPNOTSUPP | Errno::ISDIR | Errno::NOENT | Errno::INVAL) => {}
        Err(errno) => return Err(errno.into()),
    }
    let name = temporary_name();
    let flags = access | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW;
    let fd = openat(folder, name.as_str(), flags, mode)?;
    Ok((fd.into(), Some(name)))
}

/// A name that no other file has, of which [`is_temporary`] is true.
fn temporary_name() -> String {
    format!("{TEMPORARY}{}-{:016x}{TEMPORARY_END}", std::process::id(), fastrand::u64(..))
}

/// Whether a file of this name was never to keep it.
pub(super) fn is_temporary(name: &str) -> bool {
    name.starts_with(TEMPORARY) && name.ends_with(TEMPORARY_END)
}

/// Syncs a folder's entries. File systems that cannot say so, and have nothing to sync.
pub(super) fn sync_folder(folder: BorrowedFd<'_>) -> io::Result<()> {
    match fsync(folder) {
        Ok(()) | Err(Errno::INVAL | Errno::NOTSUP) => Ok(()),
        Err(errno) => Err(errno.into()),
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd as _;
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;
    use crate::store::Folder;

    fn folder(root: &std::path::Path) -> Folder {
        let dir = cap_std::fs::Dir::open_ambient_dir(root, cap_std::ambient_authority()).unwrap();
        Folder::open(&dir, &[]).unwrap()
    }

    fn names(root: &std::path::Path) -> Vec<String> {
        let name = |entry: io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<String> = root.read_dir().unwrap().map(name).collect();
        names.sort();
        names
    }

    #[test]
    fn a_committed_file_is_whole_and_read_only() {
        let root = tempfile::tempdir().unwrap();
        let folder = folder(root.path());
        let mut staged = folder.stage().unwrap();
        staged.reserve(1 << 20).unwrap();
        staged.write_all(b"sealed").unwrap();
        assert_eq!(names(root.path()), [""; 0]);
        staged.commit("name").unwrap();
        drop(staged);
        let path = root.path().join("name");
        assert_eq!(std::fs::read(&path).unwrap(), b"sealed");
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o7777, 0o444);
        assert_eq!(names(root.path()), ["name"]);
        assert!(folder.is_taken("name").unwrap() && !folder.is_taken("other").unwrap());
    }

    #[test]
    fn a_taken_name_is_never_replaced_and_another_can_be_used() {
        let root = tempfile::tempdir().unwrap();
        let folder = folder(root.path());
        std::fs::write(root.path().join("name"), "old").unwrap();
        let mut staged = folder.stage().unwrap();
        staged.write_all(b"new").unwrap();
        assert!(matches!(staged.commit("name"), Err(CommitError::Taken(_))));
        staged.commit("next").unwrap();
        drop(staged);
        assert_eq!(std::fs::read(root.path().join("name")).unwrap(), b"old");
        assert_eq!(std::fs::read(root.path().join("next")).unwrap(), b"new");
    }

    #[test]
    fn what_is_not_committed_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let folder = folder(root.path());
        folder.stage().unwrap().write_all(b"half").unwrap();
        folder.spool().unwrap().write_all(b"spooled").unwrap();
        assert_eq!(names(root.path()), [""; 0]);
    }

    #[test]
    fn a_file_with_a_temporary_name_is_linked_and_the_name_removed() {
        let root = tempfile::tempdir().unwrap();
        let folder = std::fs::File::open(root.path()).unwrap();
        let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL;
        let hidden = |name: &str| -> Staged<'_> {
            let fd = openat(&folder, name, flags, Mode::RUSR | Mode::WUSR).unwrap();
            Staged {
                folder: folder.as_fd(),
                file: fd.into(),
                temporary: Some(name.to_owned()),
                reserved: false,
                sealed: false,
            }
        };
        let mut staged = hidden(".a.tmp");
        staged.write_all(b"linked").unwrap();
        staged.commit("name").unwrap();
        drop(staged);
        drop(hidden(".b.tmp"));
        assert_eq!(names(root.path()), ["name"]);
        assert_eq!(std::fs::read(root.path().join("name")).unwrap(), b"linked");
    }
}
