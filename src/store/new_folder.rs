//! A folder with files in it that a person asks for by its path: complete, or not there.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use cap_std::AmbientAuthority;
use cap_std::fs::{Dir, OpenOptions};
use thiserror::Error;

/// Why there is no such folder.
#[derive(Debug, Error)]
pub enum NewFolderError {
    /// It holds something.
    #[error("it is not empty: it has `{0}`")]
    NotEmpty(String),
    /// There is something else.
    #[error("{0} is there; name another folder, or move that away first")]
    NotAFolder(&'static str),
    /// It would lie in none.
    #[error("there is no folder `{}` to make it in; make that one first", .0.display())]
    NoParent(PathBuf),
    /// It cannot be made, or looked into.
    #[error("it cannot be made: {0}")]
    Folder(#[source] io::Error),
    /// A file in it cannot be written.
    #[error("`{file}` in it cannot be written: {source}")]
    File {
        /// Which one.
        file: String,
        /// What the system said.
        source: io::Error,
    },
}

/// Makes a folder with these files, some folders below; their paths are relative. A folder that is there must be empty. When
/// it fails, what it has made is taken away again.
///
/// # Errors
/// [`NewFolderError`] says what stands in the way.
pub fn new_folder(
    path: &Path,
    files: &[(String, Vec<u8>)],
    authority: AmbientAuthority,
) -> Result<(), NewFolderError> {
    let mut made = Made::default();
    let written = open_empty(path, authority, &mut made).and_then(|folder| {
        let written = fill(&folder, files, &mut made);
        if written.is_err() {
            made.take_away(&folder);
        }
        written
    });
    if let (Err(_), Some((parent, name))) = (&written, &made.itself) {
        // The error that counts is the first one.
        let _ = parent.remove_dir(name);
    }
    written
}

/// What there is that was not there before.
#[derive(Default)]
struct Made {
    /// The folder in its own, if it was made.
    itself: Option<(Dir, PathBuf)>,
    folders: Vec<PathBuf>,
    files: Vec<PathBuf>,
}

impl Made {
    fn take_away(&self, folder: &Dir) {
        // Likewise: what cannot be taken away stays.
        for file in &self.files {
            let _ = folder.remove_file(file);
        }
        for below in self.folders.iter().rev() {
            let _ = folder.remove_dir(below);
        }
    }
}

/// The folder, made if it is not there.
fn open_empty(path: &Path, authority: AmbientAuthority, made: &mut Made) -> Result<Dir, NewFolderError> {
    let folder = match Dir::open_ambient_dir(path, authority) {
        Err(error) if is_none(&error) => {
            let name = path.file_name().ok_or(error).map_err(NewFolderError::Folder)?;
            let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
            let parent = parent.unwrap_or(Path::new("."));
            let above = Dir::open_ambient_dir(parent, authority).map_err(|error| match error {
                error if is_none(&error) => NewFolderError::NoParent(parent.to_owned()),
                error => NewFolderError::Folder(error),
            })?;
            above.create_dir(name).map_err(|error| match error.kind() {
                io::ErrorKind::AlreadyExists => NewFolderError::NotAFolder(what_is(&above, name)),
                _ => NewFolderError::Folder(error),
            })?;
            let folder = above.open_dir(name).map_err(NewFolderError::Folder)?;
            made.itself = Some((above, name.into()));
            folder
        }
        opened => opened.map_err(NewFolderError::Folder)?,
    };
    match folder.entries().map_err(NewFolderError::Folder)?.next() {
        None => Ok(folder),
        Some(Ok(entry)) => Err(NewFolderError::NotEmpty(entry.file_name().display().to_string())),
        Some(Err(error)) => Err(NewFolderError::Folder(error)),
    }
}

/// Whether there is no folder, but perhaps something else.
fn is_none(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// What is there that is no folder.
fn what_is(folder: &Dir, name: &OsStr) -> &'static str {
    match folder.symlink_metadata(name) {
        Ok(found) if found.is_symlink() => "a link that leads to no folder",
        Ok(found) if found.is_file() => "a file",
        _ => "something that is no folder",
    }
}

fn fill(folder: &Dir, files: &[(String, Vec<u8>)], made: &mut Made) -> Result<(), NewFolderError> {
    for (name, bytes) in files {
        let path = Path::new(name);
        let mut write = || {
            let mut below: Vec<&Path> = path.ancestors().skip(1).collect();
            below.pop();
            for parent in below.into_iter().rev() {
                match folder.create_dir(parent) {
                    Ok(()) => made.folders.push(parent.to_owned()),
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                    Err(error) => return Err(error),
                }
            }
            let mut file = folder.open_with(path, OpenOptions::new().write(true).create_new(true))?;
            made.files.push(path.to_owned());
            file.write_all(bytes)
        };
        write().map_err(|source| NewFolderError::File { file: name.clone(), source })?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn make(path: &Path, files: &[(&str, &str)]) -> Result<(), NewFolderError> {
        let files: Vec<_> =
            files.iter().map(|(name, text)| ((*name).to_owned(), text.as_bytes().to_vec())).collect();
        new_folder(path, &files, cap_std::ambient_authority())
    }

    #[test]
    fn a_folder_is_made_or_filled_if_it_is_empty() {
        let root = tempfile::tempdir().unwrap();
        let (new, empty) = (root.path().join("new"), root.path().join("empty"));
        std::fs::create_dir(&empty).unwrap();
        for path in [&new, &empty] {
            make(path, &[("a", "1"), ("b/c/d", "2"), ("b/e", "3")]).unwrap();
            let read = |name: &str| std::fs::read_to_string(path.join(name)).unwrap();
            assert_eq!((read("a"), read("b/c/d"), read("b/e")), ("1".into(), "2".into(), "3".into()));
            let error = make(path, &[("z", "")]).unwrap_err().to_string();
            assert!(error.starts_with("it is not empty: it has `"), "{error}");
            assert!(!path.join("z").exists());
        }
    }

    #[test]
    fn what_fails_half_way_leaves_nothing() {
        let root = tempfile::tempdir().unwrap();
        let (new, empty) = (root.path().join("new"), root.path().join("empty"));
        std::fs::create_dir(&empty).unwrap();
        for path in [&new, &empty] {
            // A file cannot be a folder, too.
            let error = make(path, &[("a/b/c", "1"), ("d", "2"), ("d/e", "3")]).unwrap_err();
            assert!(matches!(&error, NewFolderError::File { file, .. } if file == "d/e"), "{error}");
        }
        assert!(!new.exists());
        assert_eq!(empty.read_dir().unwrap().count(), 0);
    }

    #[test]
    fn what_is_no_folder_or_has_none_is_refused_and_kept() {
        let root = tempfile::tempdir().unwrap();
        let file = root.path().join("file");
        std::fs::write(&file, "x").unwrap();
        let link = root.path().join("link");
        std::os::unix::fs::symlink("missing", &link).unwrap();
        for (path, what) in
            [(&file, "a file is there; "), (&link, "a link that leads to no folder is there; ")]
        {
            let error = make(path, &[("a", "")]).unwrap_err();
            assert!(error.to_string().starts_with(what), "{error}");
        }
        for path in [root.path().join("missing/new"), file.join("new"), link.join("new")] {
            let error = make(&path, &[("a", "")]).unwrap_err();
            assert!(matches!(error, NewFolderError::NoParent(_)), "{error}");
        }
        assert_eq!(std::fs::read_to_string(&file).unwrap(), "x");
        assert_eq!(root.path().read_dir().unwrap().count(), 2);
    }
}
