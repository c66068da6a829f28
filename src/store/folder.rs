//! A target's folder, AUDIT_DIR/HOST/CLUSTER/NAMESPACE, to which files are added.
//!
//! The three folders are opened one by one and never through a symbolic link: a link below
//! AUDIT_DIR could lead an archive anywhere. The handle is opened for reading and not, as
//! cap-std's own are, as O_PATH, because a folder must be synced and O_PATH refuses that.

use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use cap_std::fs::Dir;
use rustix::fs::{AtFlags, Mode, OFlags, RawDir, RawMode, SeekFrom};
use rustix::fs::{fchmod, mkdirat, openat, seek, statat, unlinkat};
use rustix::io::Errno;
use thiserror::Error;

use super::audit_dir::DIRECTORY_MODE;
use super::bounded::read_whole;
use super::lock::{Lock, LockError};
use super::staged::{Staged, create_unnamed, is_temporary, sync_folder};

/// Bytes of names asked for at a time: as glibc's readdir does.
const NAMES_READ: usize = 32 << 10;

/// A folder that files are added to.
#[derive(Debug)]
pub struct Folder {
    fd: OwnedFd,
    /// Relative to AUDIT_DIR, for errors.
    path: String,
}

/// Why a target's folder cannot be used.
#[derive(Debug, Error)]
pub enum FolderError {
    /// A symbolic link stands where a folder should.
    #[error(
        "`{0}` below AUDIT_DIR is a symbolic link, and links are not followed there: replace it by a folder"
    )]
    Link(String),
    /// Something else stands where a folder should.
    #[error("`{0}` below AUDIT_DIR is not a directory: move it away")]
    NotADirectory(String),
    /// It could not be made.
    #[error("could not make the folder `{folder}` below AUDIT_DIR: {source}")]
    Make {
        /// Relative to AUDIT_DIR.
        folder: String,
        /// What the system said.
        source: io::Error,
    },
    /// It is there, but a power cut could lose it.
    #[error("could not sync the folder above `{folder}` below AUDIT_DIR: {source}")]
    Sync {
        /// Relative to AUDIT_DIR.
        folder: String,
        /// What the system said.
        source: io::Error,
    },
    /// It could not be opened.
    #[error("could not open the folder `{folder}` below AUDIT_DIR: {source}")]
    Open {
        /// Relative to AUDIT_DIR.
        folder: String,
        /// What the system said.
        source: io::Error,
    },
}

impl Folder {
    /// Opens the folders one below the other, outermost first; makes those that are missing.
    ///
    /// # Errors
    /// One of them is a link or no folder, or cannot be made or opened.
    pub fn open(audit_dir: &Dir, folders: &[String]) -> Result<Self, FolderError> {
        let fd = open_folder(audit_dir.as_fd(), ".")
            .map_err(|errno| FolderError::Open { folder: ".".to_owned(), source: errno.into() })?;
        Self { fd, path: String::new() }.below(folders)
    }

    /// Opens the folders below this one, as [`Folder::open`] does.
    ///
    /// # Errors
    /// As [`Folder::open`].
    pub fn below<S: AsRef<str>>(&self, folders: &[S]) -> Result<Self, FolderError> {
        let mut path = self.path.clone();
        let mut opened: Option<OwnedFd> = None;
        for name in folders.iter().map(AsRef::as_ref) {
            if !path.is_empty() {
                path.push('/');
            }
            path.push_str(name);
            let parent = opened.as_ref().map_or(self.fd(), |fd| fd.as_fd());
            opened = Some(open_or_make(parent, name, &path)?);
        }
        let fd = match opened {
            Some(fd) => fd,
            None => open_folder(self.fd(), ".")
                .map_err(|errno| FolderError::Open { folder: path.clone(), source: errno.into() })?,
        };
        Ok(Self { fd, path })
    }

    /// The names in it, in no order; those that are not Unicode are none of ours.
    ///
    /// # Errors
    /// What the system said.
    pub fn names(&self) -> io::Result<Vec<String>> {
        seek(&self.fd, SeekFrom::Start(0))?;
        let mut names = Vec::new();
        let mut buffer = Vec::with_capacity(NAMES_READ);
        let mut entries = RawDir::new(&self.fd, buffer.spare_capacity_mut());
        while let Some(entry) = entries.next() {
            if let Ok(name) = entry?.file_name().to_str()
                && !matches!(name, "." | "..")
            {
                names.push(name.to_owned());
            }
        }
        Ok(names)
    }

    /// Reads an ordinary file of at most `max` bytes.
    ///
    /// # Errors
    /// It is a link, no ordinary file or larger, or what the system said.
    pub fn read(&self, name: &str, max: usize) -> io::Result<Vec<u8>> {
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        read_whole(openat(&self.fd, name, flags, Mode::empty())?.into(), max)
    }

    /// Removes those of the `names` that are temporary and were left by an interrupted program. Returns them, and
    /// what could not be removed in words. For the one that holds the lock: others may be writing.
    #[must_use]
    pub fn clear_temporary(&self, names: &[String]) -> (Vec<String>, Vec<String>) {
        let mut temporary: Vec<&String> = names.iter().filter(|name| is_temporary(name)).collect();
        temporary.sort();
        let (mut cleared, mut stuck) = (Vec::new(), Vec::new());
        for name in temporary {
            match unlinkat(&self.fd, name.as_str(), AtFlags::empty()) {
                Ok(()) => cleared.push(name.clone()),
                Err(Errno::NOENT) => {}
                Err(errno) => stuck.push(format!(
                    "the temporary file `{}/{name}` below AUDIT_DIR could not be removed: {}; remove it by hand",
                    self.path,
                    io::Error::from(errno)
                )),
            }
        }
        (cleared, stuck)
    }

    /// Takes the lock of this name, or says who holds it.
    ///
    /// # Errors
    /// Another holds it, or it cannot be taken.
    pub fn lock(&self, name: &str, holder: &str) -> Result<Lock, LockError> {
        Lock::take(self.fd(), name, holder)
    }

    /// Whether `lock` is the lock of this name in this folder.
    #[must_use]
    pub fn is_locked_by(&self, name: &str, lock: &Lock) -> bool {
        lock.is_at(self.fd(), name)
    }

    /// Whether a name is taken, by whatever it is.
    ///
    /// # Errors
    /// What the system said, other than that there is nothing.
    pub fn is_taken(&self, name: &str) -> io::Result<bool> {
        match statat(&self.fd, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::NOENT) => Ok(false),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Makes a file without a name, 0600, on this folder's file system; it is gone when closed.
    ///
    /// # Errors
    /// What the system said.
    pub fn spool(&self) -> io::Result<File> {
        create_unnamed(self.fd())
    }

    /// Begins a file that will get its name by [`Staged::commit`].
    ///
    /// # Errors
    /// What the system said.
    pub fn stage(&self) -> io::Result<Staged<'_>> {
        Staged::create(self.fd())
    }

    fn fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

fn open_or_make(parent: BorrowedFd<'_>, name: &str, path: &str) -> Result<OwnedFd, FolderError> {
    let fd = match open_folder(parent, name) {
        Ok(fd) => fd,
        Err(Errno::NOENT) => make(parent, name, path)?,
        Err(errno) => return Err(cannot_open(parent, name, path, errno)),
    };
    // A folder that is not in its parent after a power cut takes its archives with it. Whoever made
    // it may have been killed before this, so it is done for one that was there, too; a folder that
    // is synced already costs nothing.
    sync_folder(parent).map_err(|source| FolderError::Sync { folder: path.to_owned(), source })?;
    Ok(fd)
}

fn make(parent: BorrowedFd<'_>, name: &str, path: &str) -> Result<OwnedFd, FolderError> {
    let failed = |errno: Errno| FolderError::Make { folder: path.to_owned(), source: errno.into() };
    let mode = Mode::from_raw_mode(DIRECTORY_MODE as RawMode);
    let is_new = match mkdirat(parent, name, mode) {
        Ok(()) => true,
        // Another process has made it meanwhile.
        Err(Errno::EXIST) => false,
        Err(errno) => return Err(failed(errno)),
    };
    let fd = open_folder(parent, name).map_err(|errno| cannot_open(parent, name, path, errno))?;
    if is_new {
        // Whatever the umask is: auditors of the owner's group may read.
        fchmod(&fd, mode).map_err(failed)?;
    }
    Ok(fd)
}

fn open_folder(parent: BorrowedFd<'_>, name: &str) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(parent, name, flags, Mode::empty())
}

/// Both a link and a file answer ENOTDIR, so the error is told apart by looking.
fn cannot_open(parent: BorrowedFd<'_>, name: &str, path: &str, errno: Errno) -> FolderError {
    let folder = path.to_owned();
    let is_link = |mode| rustix::fs::FileType::from_raw_mode(mode).is_symlink();
    match statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) if is_link(stat.st_mode) => FolderError::Link(folder),
        _ if errno == Errno::NOTDIR => FolderError::NotADirectory(folder),
        _ => FolderError::Open { folder, source: errno.into() },
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::{PermissionsExt as _, symlink};

    use super::*;

    fn open(root: &std::path::Path, folders: &[&str]) -> Result<Folder, FolderError> {
        let dir = Dir::open_ambient_dir(root, cap_std::ambient_authority()).unwrap();
        let folders: Vec<String> = folders.iter().map(|&name| name.to_owned()).collect();
        Folder::open(&dir, &folders)
    }

    #[test]
    fn folders_are_made_for_owner_and_group() {
        let root = tempfile::tempdir().unwrap();
        open(root.path(), &["host", "cluster", "namespace"]).unwrap();
        open(root.path(), &["host", "cluster", "namespace"]).unwrap();
        let mode = root.path().join("host/cluster").metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o7777, 0o750);
    }

    #[test]
    fn no_link_is_followed_at_any_depth() {
        let (root, elsewhere) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        symlink(elsewhere.path(), root.path().join("link")).unwrap();
        open(root.path(), &["host"]).unwrap();
        symlink(elsewhere.path(), root.path().join("host/link")).unwrap();
        for folders in [&["link", "cluster"][..], &["host", "link"], &["host", "link", "namespace"]] {
            let error = open(root.path(), folders).unwrap_err();
            assert!(matches!(error, FolderError::Link(_)), "{error}");
        }
        assert_eq!(elsewhere.path().read_dir().unwrap().count(), 0);
    }

    #[test]
    fn a_file_in_the_way_is_named() {
        let root = tempfile::tempdir().unwrap();
        File::create(root.path().join("host")).unwrap();
        let error = open(root.path(), &["host", "cluster"]).unwrap_err();
        assert_eq!(error.to_string(), "`host` below AUDIT_DIR is not a directory: move it away");
    }
    #[test]
    fn what_is_in_it_is_read_and_only_temporary_files_are_removed() {
        let root = tempfile::tempdir().unwrap();
        for name in [".minutebook-1-ab.tmp", ".minutebook.tmp.txt", "a.tmp", "b"] {
            std::fs::write(root.path().join(name), "12345").unwrap();
        }
        symlink("b", root.path().join("link")).unwrap();
        let folder = open(root.path(), &[]).unwrap();
        std::fs::create_dir(root.path().join(".minutebook-2-ab.tmp")).unwrap();
        let (cleared, stuck) = folder.clear_temporary(&folder.names().unwrap());
        assert_eq!(cleared, [".minutebook-1-ab.tmp"]);
        assert!(stuck.len() == 1 && stuck[0].contains(".minutebook-2-ab.tmp"), "{stuck:?}");
        std::fs::remove_dir(root.path().join(".minutebook-2-ab.tmp")).unwrap();
        let mut names = folder.names().unwrap();
        names.sort();
        assert_eq!(names, [".minutebook.tmp.txt", "a.tmp", "b", "link"]);
        assert_eq!(folder.read("b", 5).unwrap(), b"12345");
        assert!(
            folder.read("b", 4).is_err() && folder.read("link", 5).is_err() && folder.read("c", 5).is_err()
        );
    }

    #[test]
    fn folders_below_a_folder_are_the_same_as_from_the_top() {
        let root = tempfile::tempdir().unwrap();
        let top = open(root.path(), &["host", "cluster"]).unwrap();
        std::fs::write(root.path().join("host/cluster/file"), "").unwrap();
        assert!(top.below(&[".ledger", "manifests"]).is_ok());
        assert!(top.below::<&str>(&[]).unwrap().is_taken(".ledger").unwrap());
        let error = top.below(&["file"]).unwrap_err();
        assert_eq!(error.to_string(), "`host/cluster/file` below AUDIT_DIR is not a directory: move it away");
    }
}
