//! A folder for what can be made again: files that are trusted only if nobody else could have put them there.
//!
//! The folder itself is ours alone or it is not used: no link, owned by the effective user, mode 0700. So must each
//! file in it be that is read. Files are replaced whole, so two processes may use one folder at once; nothing is
//! synced, for whoever reads one has to check it anyway.

use std::io::{self, Write as _};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use cap_std::AmbientAuthority;
use cap_std::fs::{
    Dir, DirBuilder, DirBuilderExt as _, File, MetadataExt as _, OpenOptions, OpenOptionsExt as _,
};
use rustix::fs::{OFlags, Timespec, Timestamps, UTIME_NOW, futimens};
use rustix::process::geteuid;
use thiserror::Error;

use super::bounded::read_whole;
use super::make_folders::open_or_make;
use super::staged::TEMPORARY_END;

/// What others may do with the folder: nothing.
const OTHERS: u32 = 0o077;
/// What others may do with a file, though the folder keeps them from it: not change it.
const OTHERS_WRITE: u32 = 0o022;
/// Of a file under way: whoever is older was left by a process that ended.
const LEFT: Duration = Duration::from_secs(3600);

/// The right to read and replace files in one folder of ours.
#[derive(Debug)]
pub struct CacheDir {
    dir: Dir,
    /// Tells files under way of this process apart.
    next: AtomicU64,
}

/// Why a folder is not used.
#[derive(Debug, Error)]
pub enum CacheDirError {
    /// It cannot be opened or made.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// Others may have put there what they like.
    #[error("it is {0}; only a folder that belongs to the user who runs this, with mode 0700, is used")]
    Unsafe(String),
}

impl CacheDir {
    /// Opens the folder `name` in `parent`, both of which are made if they are not there. Blocks.
    ///
    /// # Errors
    /// It cannot be opened or made, or is not ours alone.
    pub fn open(parent: &Path, name: &str, authority: AmbientAuthority) -> Result<Self, CacheDirError> {
        let parent = open_or_make(parent, authority)?;
        let mut builder = DirBuilder::new();
        builder.mode(0o700);
        match parent.create_dir_with(name, &builder) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error.into()),
            _ => {}
        }
        let mut options = OpenOptions::new();
        options.read(true).custom_flags((OFlags::NOFOLLOW | OFlags::DIRECTORY).bits().cast_signed());
        let opened = parent.open_with(name, &options).map_err(|error| {
            let link = parent.symlink_metadata(name).is_ok_and(|found| found.is_symlink());
            if link { CacheDirError::Unsafe("a symbolic link".to_owned()) } else { error.into() }
        })?;
        let found = opened.metadata()?;
        if found.uid() != geteuid().as_raw() {
            return Err(CacheDirError::Unsafe(format!("owned by user {}", found.uid())));
        }
        if found.mode() & OTHERS != 0 {
            return Err(CacheDirError::Unsafe(format!(
                "open to others (mode {:04o})",
                found.mode() & 0o7777
            )));
        }
        Ok(Self { dir: Dir::from_std_file(opened.into_std()), next: AtomicU64::default() })
    }

    /// Reads a file of at most `max` bytes, and notes that it was used; `None` if there is none that can be trusted.
    /// Blocks.
    #[must_use]
    pub fn read(&self, name: &str, max: usize) -> Option<Vec<u8>> {
        let mut options = OpenOptions::new();
        // Opening a named pipe would wait for a writer.
        options.read(true).custom_flags((OFlags::NOFOLLOW | OFlags::NONBLOCK).bits().cast_signed());
        let file = self.dir.open_with(name, &options).ok()?;
        if !is_ours_alone(&file).ok()? {
            return None;
        }
        let now = Timespec { tv_sec: 0, tv_nsec: UTIME_NOW };
        // Where the disk is read-only nothing is removed either.
        let _ = futimens(&file, &Timestamps { last_access: now, last_modification: now });
        read_whole(file.into_std(), max).ok()
    }

    /// Replaces a file, made of these parts. Blocks.
    ///
    /// # Errors
    /// What the system said; the file is what it was.
    pub fn replace(&self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let temporary = format!("{name}.{}-{number}{TEMPORARY_END}", std::process::id());
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(0o600);
        let mut file = self.dir.open_with(&temporary, &options)?;
        let written = parts.iter().try_for_each(|part| file.write_all(part));
        let replaced = written.and_then(|()| self.dir.rename(&temporary, &self.dir, name));
        if replaced.is_err() {
            // What stays is removed when it is old.
            let _ = self.dir.remove_file(&temporary);
        }
        replaced
    }

    /// Removes the files that were used least recently, until what is left has no more than `max` bytes, and what
    /// processes that ended had under way. Blocks.
    ///
    /// # Errors
    /// What the system said.
    pub fn shrink(&self, max: u64) -> io::Result<()> {
        let mut files = Vec::new();
        for entry in self.dir.entries()? {
            let entry = entry?;
            let found = match entry.metadata() {
                // Another process was quicker.
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                found => found?,
            };
            if found.is_file() {
                files.push((found.modified()?.into_std(), found.len(), entry.file_name()));
            }
        }
        files.sort();
        let newest = files.last().map(|(used, ..)| *used);
        let left = |used: &SystemTime| {
            newest.and_then(|newest| newest.checked_sub(LEFT)).is_some_and(|old| *used < old)
        };
        let mut bytes: u64 = files.iter().map(|(_, bytes, _)| bytes).sum();
        for (used, size, name) in files {
            let temporary = name.to_string_lossy().ends_with(TEMPORARY_END);
            if (temporary && left(&used)) || (!temporary && bytes > max) {
                // Another process may have been quicker.
                let _ = self.dir.remove_file(name);
                bytes -= size;
            }
        }
        Ok(())
    }
}

/// Whether nobody else has put this file there, or can change it.
fn is_ours_alone(file: &File) -> io::Result<bool> {
    let found = file.metadata()?;
    Ok(found.is_file()
        && found.uid() == geteuid().as_raw()
        && found.nlink() == 1
        && found.mode() & OTHERS_WRITE == 0)
}
