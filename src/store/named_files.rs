//! Exactly the files that the configuration names: tokens, certificates, settings, filters.
//!
//! The rest of our code has no other way to read a file, so whatever a bug or a server makes it
//! want to read, it is one of these. (The system's own settings, such as its root certificates
//! and its resolver's, are read by the libraries that they are for.)

use std::collections::BTreeSet;
use std::fs::Metadata;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

use cap_std::AmbientAuthority;
use cap_std::fs::{File, OpenOptions, OpenOptionsExt as _};
use rustix::fs::OFlags;

use super::bounded::{read_start, within};

/// The right to read some files, each as often as wanted: they change while the program runs.
#[derive(Clone)]
pub struct NamedFiles {
    paths: BTreeSet<PathBuf>,
    authority: AmbientAuthority,
}

impl NamedFiles {
    /// The right to read these files.
    pub fn new(paths: impl IntoIterator<Item = PathBuf>, authority: AmbientAuthority) -> Self {
        Self { paths: paths.into_iter().collect(), authority }
    }

    /// Whether a file is one of them.
    #[must_use]
    pub fn holds(&self, path: &Path) -> bool {
        self.paths.contains(path)
    }

    /// Reads a file of at most `max` bytes. Blocks.
    ///
    /// # Errors
    /// It is none of the files, no regular file, larger than `max`, or what the system said.
    pub fn read(&self, path: &Path, max: usize) -> io::Result<Vec<u8>> {
        within(self.read_start(path, max + 1)?, max)
    }

    /// Reads the first `max` bytes of a file, or all if it has fewer. Blocks.
    ///
    /// # Errors
    /// It is none of the files, no regular file, or what the system said.
    pub fn read_start(&self, path: &Path, max: usize) -> io::Result<Vec<u8>> {
        read_start(self.open(path)?, max)
    }

    /// What tells this file from what it was before, without reading it. Blocks.
    ///
    /// # Errors
    /// It is none of the files, or what the system said.
    pub fn identity(&self, path: &Path) -> io::Result<FileIdentity> {
        self.open(path)?.metadata().map(|found| FileIdentity::of(&found))
    }

    /// As [`Self::read_start`], with the identity of the file that was read.
    ///
    /// # Errors
    /// As there, and that it changed in the meantime.
    pub fn read_identified(&self, path: &Path, max: usize) -> io::Result<(Vec<u8>, FileIdentity)> {
        let file = self.open(path)?;
        let before = FileIdentity::of(&file.metadata()?);
        let bytes = read_start(file.try_clone()?, max)?;
        if FileIdentity::of(&file.metadata()?) != before {
            return Err(io::Error::new(io::ErrorKind::ResourceBusy, "it is being written"));
        }
        Ok((bytes, before))
    }

    fn open(&self, path: &Path) -> io::Result<std::fs::File> {
        if !self.holds(path) {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "the configuration does not name this file",
            ));
        }
        let mut options = OpenOptions::new();
        // Opening a named pipe would wait for a writer.
        options.read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed());
        File::open_ambient_with(path, &options, self.authority).map(File::into_std)
    }
}

/// What tells a file from another one, and from itself before it was changed: device, inode, size, and both times.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct FileIdentity([i128; 5]);

impl FileIdentity {
    fn of(found: &Metadata) -> Self {
        let nanoseconds = |seconds: i64, rest: i64| i128::from(seconds) * 1_000_000_000 + i128::from(rest);
        let modified = nanoseconds(found.mtime(), found.mtime_nsec());
        let changed = nanoseconds(found.ctime(), found.ctime_nsec());
        Self([found.dev().into(), found.ino().into(), found.size().into(), modified, changed])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_named_regular_files_of_the_right_size_are_read() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        std::fs::write(path("token"), "12345").unwrap();
        std::fs::write(path("other"), "12345").unwrap();
        let files = NamedFiles::new(
            [path("token"), path("missing"), root.path().into()],
            cap_std::ambient_authority(),
        );
        let kind = |path: &Path, max| files.read(path, max).map_err(|error| error.kind());
        assert_eq!(kind(&path("token"), 5), Ok(b"12345".to_vec()));
        assert_eq!(kind(&path("token"), 4), Err(io::ErrorKind::FileTooLarge));
        assert_eq!(files.read_start(&path("token"), 3).unwrap(), b"123");
        assert_eq!(kind(&path("other"), 5), Err(io::ErrorKind::PermissionDenied));
        assert_eq!(kind(&path("missing"), 5), Err(io::ErrorKind::NotFound));
        assert_eq!(kind(root.path(), 5), Err(io::ErrorKind::InvalidInput));
    }

    #[test]
    fn a_file_that_was_replaced_or_changed_is_another_one() {
        let root = tempfile::tempdir().unwrap();
        let path = root.path().join("filter");
        let files = NamedFiles::new([path.clone()], cap_std::ambient_authority());
        assert!(files.identity(&path).is_err());
        std::fs::write(&path, "1").unwrap();
        let first = files.identity(&path).unwrap();
        assert_eq!(files.read_identified(&path, 9).unwrap(), (b"1".to_vec(), first));
        std::fs::write(root.path().join("other"), "1").unwrap();
        std::fs::rename(root.path().join("other"), &path).unwrap();
        let second = files.identity(&path).unwrap();
        std::fs::write(&path, "22").unwrap();
        let third = files.identity(&path).unwrap();
        assert!(first != second && second != third && third == files.identity(&path).unwrap());
        assert!(files.identity(&root.path().join("other")).is_err());
    }
}
