//! Exactly the files that the configuration names: tokens, certificates, settings, filters.
//!
//! The rest of our code has no other way to read a file, so whatever a bug or a server makes it
//! want to read, it is one of these. (The system's own settings, such as its root certificates
//! and its resolver's, are read by the libraries that they are for.)

use std::collections::BTreeSet;
use std::io;
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
        if !self.holds(path) {
            return Err(io::Error::new(
                io::ErrorKind::PermissionDenied,
                "the configuration does not name this file",
            ));
        }
        let mut options = OpenOptions::new();
        // Opening a named pipe would wait for a writer.
        options.read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed());
        let file = File::open_ambient_with(path, &options, self.authority)?;
        read_start(file.into_std(), max)
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
}
