//! Reading the configuration: at the start, and again when the file may have changed.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use cap_std::AmbientAuthority;

use super::file;
use super::keys::Keys;
use super::merge::{Config, merge};
use super::mistakes::Mistakes;
use super::process::DefaultDirs;
use super::said::Said;
use super::surroundings::{Machine, Surroundings};
use crate::model::limits::NAMED_FILE_BYTES;
use crate::store::NamedFiles;

/// All that a configuration is made of. Command line and environment are as they were at the start;
/// the file is read anew each time, and so are kubeconfigs.
#[derive(Clone)]
pub struct Loader {
    said: Said,
    dirs: DefaultDirs,
    files: NamedFiles,
    machine: Machine,
}

impl Loader {
    /// Reads nothing yet. `variables` is the environment.
    #[must_use]
    pub fn new(said: Said, variables: &[(String, String)], authority: AmbientAuthority) -> Self {
        let files = NamedFiles::new(said.config().cloned(), authority);
        let machine = Machine::new(variables, authority);
        Self { said, dirs: DefaultDirs::new(variables), files, machine }
    }

    /// Where compiled filters are kept if nobody says.
    #[must_use]
    pub fn cache_dir(&self) -> Option<&Path> {
        self.dirs.of("cache-dir").map(|(path, _)| path.as_path())
    }

    /// The file that is read.
    #[must_use]
    pub fn file(&self) -> Option<&Path> {
        self.said.config().map(PathBuf::as_path)
    }

    /// Reads the file, if there is one, and what says where the targets are, and puts everything together. Blocks.
    ///
    /// # Errors
    /// Everything that is wrong with it.
    pub fn load(&self) -> Result<Config, Mistakes> {
        let Some(path) = self.file() else {
            return assemble(&self.said, None, &self.machine, &self.dirs);
        };
        let bytes = self.files.read(path, NAMED_FILE_BYTES).map_err(|error| {
            let mut mistakes = Mistakes::new(path);
            mistakes.add(None, format!("--config `{}`: {error}", path.display()));
            mistakes
        })?;
        assemble(&self.said, Some((path, &bytes)), &self.machine, &self.dirs)
    }
}

/// Puts everything together: what was said, and a file by its path and bytes.
pub(super) fn assemble(
    said: &Said,
    file: Option<(&Path, &[u8])>,
    surroundings: &dyn Surroundings,
    dirs: &DefaultDirs,
) -> Result<Config, Mistakes> {
    let keys = Keys::new();
    let Some((path, bytes)) = file else {
        let mut mistakes = Mistakes::new(Path::new(""));
        let config = merge(said, None, surroundings, dirs, &keys, &mut mistakes);
        return config.filter(|_| mistakes.are_none()).ok_or(mistakes);
    };
    let mut mistakes = Mistakes::new(path);
    let folder = path.parent().unwrap_or(Path::new(""));
    let Some(file) = file::read(bytes, folder, &keys, &mut mistakes) else { return Err(mistakes) };
    let config = merge(said, Some((&file, &Arc::from(path))), surroundings, dirs, &keys, &mut mistakes);
    config.filter(|_| mistakes.are_none()).ok_or(mistakes)
}
