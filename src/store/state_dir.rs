//! The state folder: what is remembered between runs, outside AUDIT_DIR.
//!
//! One small file a target, replaced after each cycle. It may be lost at any time at the cost of a
//! warning, so it is replaced whole but its folders are not synced.

use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use cap_std::AmbientAuthority;
use cap_std::fs::{Dir, DirBuilder, DirBuilderExt as _, OpenOptions, OpenOptionsExt as _};
use rustix::fs::OFlags;

use super::audit_dir::DIRECTORY_MODE;
use super::bounded::read_whole;
use super::make_folders::open_or_make;
use super::staged::TEMPORARY_END;

/// The right to open the state folder.
#[derive(Clone)]
pub struct StateDir {
    path: PathBuf,
    authority: AmbientAuthority,
}

impl StateDir {
    /// The folder at `path`; opens nothing yet.
    #[must_use]
    pub fn new(path: PathBuf, authority: AmbientAuthority) -> Self {
        Self { path, authority }
    }

    /// The path as configured.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads a file of at most `max` bytes, some folders below; `None` if there is none.
    ///
    /// # Errors
    /// What the system said.
    pub fn read(&self, file: &Path, max: usize) -> io::Result<Option<Vec<u8>>> {
        let read = || -> io::Result<Vec<u8>> {
            let mut options = OpenOptions::new();
            // Opening a named pipe would wait for a writer.
            options.read(true).custom_flags(OFlags::NONBLOCK.bits().cast_signed());
            let file = Dir::open_ambient_dir(&self.path, self.authority)?.open_with(file, &options)?;
            read_whole(file.into_std(), max)
        };
        match read() {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Replaces a file, some folders below, which are made.
    ///
    /// # Errors
    /// What the system said; the file is what it was.
    pub fn replace(&self, file: &Path, bytes: &[u8]) -> io::Result<()> {
        let mut builder = DirBuilder::new();
        builder.mode(DIRECTORY_MODE).recursive(true);
        let dir = open_or_make(&self.path, self.authority)?;
        let folder = match file.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => {
                dir.create_dir_with(parent, &builder)?;
                dir.open_dir(parent)?
            }
            _ => dir,
        };
        let name = file.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
        // One name, so that what a killed program leaves is used again. The target's lock sees to it that nobody else
        // writes at the same time.
        let mut temporary = name.to_owned();
        temporary.push(TEMPORARY_END);
        let mut new = folder.create(&temporary)?;
        new.write_all(bytes)?;
        // Else a power cut could leave an empty file under the name.
        new.sync_data()?;
        folder.rename(&temporary, &folder, name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_replaced_is_read_back_and_nothing_else_is_left() {
        let root = tempfile::tempdir().unwrap();
        let state = StateDir::new(root.path().join("state"), cap_std::ambient_authority());
        let file = Path::new("a/b/c.json");
        assert_eq!(state.read(file, 9).unwrap(), None);
        state.replace(file, b"one").unwrap();
        state.replace(file, b"two").unwrap();
        assert_eq!(state.read(file, 3).unwrap().as_deref(), Some(&b"two"[..]));
        let mode = std::os::unix::fs::PermissionsExt::mode(
            &root.path().join("state").metadata().unwrap().permissions(),
        );
        assert_eq!(mode & 0o7777, 0o750);
        assert_eq!(state.read(file, 2).unwrap_err().kind(), io::ErrorKind::FileTooLarge);
        std::fs::write(root.path().join("state/a/b/c.json.tmp"), "what a killed program left").unwrap();
        state.replace(file, b"two").unwrap();
        assert_eq!(root.path().join("state/a/b").read_dir().unwrap().count(), 1);
        std::fs::create_dir(root.path().join("state/a/b/d.json")).unwrap();
        assert!(state.read(Path::new("a/b/d.json"), 9).is_err());
    }

    #[test]
    fn a_file_in_the_way_is_an_error_and_is_kept() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("state"), "a file").unwrap();
        let state = StateDir::new(root.path().join("state"), cap_std::ambient_authority());
        assert!(state.read(Path::new("a"), 9).is_err() && state.replace(Path::new("a"), b"x").is_err());
        assert_eq!(std::fs::read(root.path().join("state")).unwrap(), b"a file");
    }
}
