//! Whether a directory could be written, found out without writing anything.

use std::io;
use std::path::Path;

use cap_std::AmbientAuthority;
use cap_std::fs::Dir;
use rustix::fs::{Access, AtFlags, accessat};

/// Whether there is a directory that may be written, or one could be made, with at most `parents` of those
/// above it. A file system that is full or that changes its mind is not foreseen.
///
/// # Errors
/// Why not.
pub fn could_write(path: &Path, parents: usize, authority: AmbientAuthority) -> io::Result<()> {
    let mut missing = 0;
    let mut path = path;
    let dir = loop {
        let here = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        match (Dir::open_ambient_dir(here, authority), path.parent()) {
            (Err(error), Some(parent)) if error.kind() == io::ErrorKind::NotFound && missing < parents => {
                missing += 1;
                path = parent;
            }
            (Err(error), _) if missing > 0 => return Err(told(&error, "it cannot be made", here)),
            (opened, _) => break opened?,
        }
    };
    let may = accessat(&dir, ".", Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS);
    may.map_err(|errno| {
        let error = io::Error::from(errno);
        if missing > 0 {
            told(&error, "it cannot be made", path)
        } else {
            told(&error, "it cannot be written", path)
        }
    })
}

fn told(error: &io::Error, what: &str, path: &Path) -> io::Error {
    io::Error::new(error.kind(), format!("{what}: `{}`: {error}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directory_is_there_or_can_be_made() {
        let root = tempfile::tempdir().unwrap();
        let path = |name: &str| root.path().join(name);
        std::fs::write(path("file"), "").unwrap();
        let check = |name: &str, parents| {
            could_write(&path(name), parents, cap_std::ambient_authority()).map_err(|error| error.kind())
        };
        assert_eq!(check("", 1), Ok(()));
        assert_eq!(check("new", 1), Ok(()));
        assert_eq!(check("new", 0), Err(io::ErrorKind::NotFound));
        assert_eq!(check("new/er", 1), Err(io::ErrorKind::NotFound));
        assert_eq!(check("new/er/and/so/on", usize::MAX), Ok(()));
        assert_eq!(check("file", 1), Err(io::ErrorKind::NotADirectory));
        assert_eq!(check("file/below", 2), Err(io::ErrorKind::NotADirectory));
        assert!(!path("new").exists(), "nothing is made");
        assert!(could_write(Path::new("no-such-folder-here"), 1, cap_std::ambient_authority()).is_ok());
    }
}
