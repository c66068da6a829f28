//! AUDIT_DIR by its path, opened anew for each cycle.
//!
//! A volume can be unmounted and mounted again while the program runs. A handle kept over
//! cycles would go on writing into what is no longer there, so each cycle opens the path and
//! compares device and inode with what was there before.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use cap_std::AmbientAuthority;
use cap_std::fs::{Dir, DirBuilder, DirBuilderExt as _, MetadataExt as _, Permissions, PermissionsExt as _};
use thiserror::Error;

/// Directories are for their owner, and for a group that may read.
pub(super) const DIRECTORY_MODE: u32 = 0o750;

/// The right to open AUDIT_DIR.
#[derive(Clone)]
pub struct AuditDir {
    path: PathBuf,
    authority: AmbientAuthority,
}

/// Which directory it is, whatever its path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Identity {
    device: u64,
    inode: u64,
}

impl Identity {
    /// Device and inode.
    #[must_use]
    pub fn numbers(self) -> (u64, u64) {
        (self.device, self.inode)
    }
}

impl fmt::Display for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "device {}, inode {}", self.device, self.inode)
    }
}

/// Why AUDIT_DIR cannot be used.
#[derive(Debug, Error)]
pub enum OpenError {
    /// There is nothing at the path, and it cannot be made.
    #[error(
        "AUDIT_DIR `{path}` does not exist and cannot be made: {source}; make it, or name another with --audit-dir"
    )]
    Make {
        /// As configured.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The path leads to something else.
    #[error("AUDIT_DIR `{0}` is not a directory; name one with --audit-dir")]
    NotADirectory(PathBuf),
    /// It is there and cannot be opened.
    #[error("AUDIT_DIR `{path}` cannot be opened: {source}{}", if_missing(source))]
    Open {
        /// As configured.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// An unmounted volume is not replaced by a folder.
fn if_missing(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::NotFound => {
            "; it is made at the start of the program alone: make it, or mount its volume"
        }
        _ => "",
    }
}

impl AuditDir {
    /// AUDIT_DIR at `path`; opens nothing yet.
    #[must_use]
    pub fn new(path: PathBuf, authority: AmbientAuthority) -> Self {
        Self { path, authority }
    }

    /// The path as configured.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Makes the directory if its parent exists. For the start of the program only: later, an
    /// unmounted volume must not be replaced by a folder.
    ///
    /// # Errors
    /// It cannot be made, or something else has its name. A directory that is there and cannot be
    /// opened is none: each cycle tries again.
    pub fn make(&self) -> Result<(), OpenError> {
        match self.open() {
            Err(OpenError::Open { source, .. }) if source.kind() == io::ErrorKind::NotFound => {
                self.make_in_parent().map_err(|source| OpenError::Make { path: self.path.clone(), source })
            }
            Err(error @ OpenError::NotADirectory(_)) => Err(error),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn make_in_parent(&self) -> io::Result<()> {
        let name = self.path.file_name().ok_or(io::ErrorKind::NotFound)?;
        let parent = match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        let mut builder = DirBuilder::new();
        builder.mode(DIRECTORY_MODE);
        let parent = Dir::open_ambient_dir(parent, self.authority)?;
        match parent.create_dir_with(name, &builder) {
            // Somebody else has just made it: two processes may begin at once.
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return if parent.metadata(name)?.is_dir() { Ok(()) } else { Err(error) };
            }
            made => made?,
        }
        // Whatever the umask is.
        parent.set_permissions(name, Permissions::from_mode(DIRECTORY_MODE))?;
        parent.open(".")?.sync_all()
    }

    /// Opens the directory.
    ///
    /// # Errors
    /// It is not there, is no directory or may not be opened.
    pub fn open(&self) -> Result<(Dir, Identity), OpenError> {
        let open = || -> io::Result<(Dir, Identity)> {
            let dir = Dir::open_ambient_dir(&self.path, self.authority)?;
            let metadata = dir.dir_metadata()?;
            Ok((dir, Identity { device: metadata.dev(), inode: metadata.ino() }))
        };
        open().map_err(|source| match source.kind() {
            io::ErrorKind::NotADirectory => OpenError::NotADirectory(self.path.clone()),
            _ => OpenError::Open { path: self.path.clone(), source },
        })
    }
}
