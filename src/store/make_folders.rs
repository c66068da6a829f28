//! Folders that nobody makes by hand: where one is missing, it and those above it are made, and others cannot look in.

use std::io;
use std::path::Path;

use cap_std::AmbientAuthority;
use cap_std::fs::{Dir, DirBuilder, DirBuilderExt as _, Permissions, PermissionsExt as _};

use super::audit_dir::DIRECTORY_MODE;

/// Opens a folder, which is made if it is not there, with all above it. Blocks.
///
/// # Errors
/// What the system said.
pub(super) fn open_or_make(path: &Path, authority: AmbientAuthority) -> io::Result<Dir> {
    let missing = match Dir::open_ambient_dir(path, authority) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => error,
        opened => return opened,
    };
    let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else { return Err(missing) };
    let parent =
        open_or_make(if parent.as_os_str().is_empty() { Path::new(".") } else { parent }, authority)?;
    let mut builder = DirBuilder::new();
    builder.mode(DIRECTORY_MODE);
    match parent.create_dir_with(name, &builder) {
        // Whatever the umask is.
        Ok(()) => parent.set_permissions(name, Permissions::from_mode(DIRECTORY_MODE))?,
        // Another process was quicker.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(error),
    }
    parent.open_dir(name)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn what_is_made_is_closed_to_others_and_what_is_there_stays_as_it_is() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        let mode = |name: &str| path(name).metadata().unwrap().permissions().mode() & 0o7777;
        std::fs::create_dir(path("there")).unwrap();
        std::fs::set_permissions(path("there"), std::fs::Permissions::from_mode(0o705)).unwrap();
        std::fs::write(path("file"), "").unwrap();
        let open = |name: &str| open_or_make(&path(name), cap_std::ambient_authority());
        for _ in 0..2 {
            open("there/a/b/c").unwrap().write("file", "").unwrap();
        }
        assert!(path("there/a/b/c/file").is_file());
        assert_eq!(["there", "there/a", "there/a/b", "there/a/b/c"].map(mode), [0o705, 0o750, 0o750, 0o750]);
        assert_eq!(open("file").unwrap_err().kind(), io::ErrorKind::NotADirectory);
        assert_eq!(open("file/a").unwrap_err().kind(), io::ErrorKind::NotADirectory);
    }
}
