//! The disk: AUDIT_DIR and the files that the configuration names, and nothing else.
//!
//! Handles are opened here and only here. What leaves this module can do what its type says:
//! [`AuditDir`] opens one folder, [`Folder`] adds files to itself that are never replaced,
//! [`NamedFiles`] reads the files it was made with, [`StateDir`] replaces small files in one folder, [`CacheDir`]
//! keeps what can be made again. [`replace_file`] and [`new_folder()`] write what a person asks for by its path.

mod audit_dir;
mod bounded;
mod cache_dir;
mod could_write;
mod folder;
mod lock;
mod make_folders;
mod named_files;
mod new_folder;
mod replace;
mod staged;
mod state_dir;

pub use audit_dir::{AuditDir, Identity, OpenError};
pub use cache_dir::{CacheDir, CacheDirError};
pub use could_write::could_write;
pub use folder::{Folder, FolderError};
pub use lock::{Lock, LockError};
pub use named_files::{FileIdentity, NamedFiles};
pub use new_folder::{NewFolderError, new_folder};
pub use replace::replace_file;
pub use staged::{CommitError, Staged};
pub use state_dir::StateDir;
