//! Files that a person asks for by their path, such as what is built: whole or not at all.

use std::io::{self, Write as _};
use std::path::Path;

use cap_std::AmbientAuthority;
use cap_std::fs::Dir;

/// Writes a file, or replaces one; nothing else is replaced, neither a device nor a symbolic link.
///
/// # Errors
/// There is something else, or what the system said; what was there is there still.
pub fn replace_file(path: &Path, bytes: &[u8], authority: AmbientAuthority) -> io::Result<()> {
    let name = path.file_name().ok_or(io::ErrorKind::InvalidFilename)?;
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let folder = Dir::open_ambient_dir(folder.unwrap_or(Path::new(".")), authority)?;
    if folder.symlink_metadata(name).is_ok_and(|found| !found.is_file()) {
        return Err(io::Error::new(
            io::ErrorKind::AlreadyExists,
            "there is something that is no regular file",
        ));
    }
    let mut temporary = name.to_owned();
    temporary.push(format!(".{}.tmp", std::process::id()));
    let written = folder.create(&temporary).and_then(|mut file| file.write_all(bytes));
    let replaced = written.and_then(|()| folder.rename(&temporary, &folder, name));
    if replaced.is_err() {
        // It may not be there, and the error that counts is the other one.
        let _ = folder.remove_file(&temporary);
    }
    replaced
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::symlink;

    use rustix::fs::{CWD, FileType, Mode, mknodat};

    use super::*;

    #[test]
    fn a_file_is_replaced_whole_and_nothing_else_is_left() {
        let root = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            replace_file(&root.path().join(name), bytes, cap_std::ambient_authority())
        };
        write("filter.wasm", b"one").unwrap();
        write("filter.wasm", b"two").unwrap();
        assert_eq!(std::fs::read(root.path().join("filter.wasm")).unwrap(), b"two");
        std::fs::create_dir(root.path().join("folder")).unwrap();
        std::fs::write(root.path().join("folder/file"), "").unwrap();
        assert!(write("folder", b"x").is_err());
        mknodat(CWD, root.path().join("fifo"), FileType::Fifo, Mode::RWXU, 0).unwrap();
        symlink("filter.wasm", root.path().join("link")).unwrap();
        for name in ["fifo", "link"] {
            assert_eq!(write(name, b"x").unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        }
        assert!(write("missing/filter.wasm", b"x").is_err());
        assert!(write("..", b"x").is_err());
        assert_eq!(root.path().read_dir().unwrap().count(), 4);
    }
}
