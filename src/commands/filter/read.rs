//! Files that are named on the command line.

use std::io;
use std::path::Path;

use minutebook::config::FilterOption;
use minutebook::cycle::{FilterSource, SettingsSource};
use minutebook::model::digest::Sha256;
use minutebook::model::limits::{LINE_BYTES, NAMED_FILE_BYTES};
use minutebook::model::settings::check_settings;
use minutebook::model::text::{printable, without_mark};
use minutebook::select::{Source, stock};
use minutebook::store::NamedFiles;

use super::Here;
use crate::exit::{Exit, Failure};

/// Bytes that are read of a file that is to be a filter: modules with all that is for debugging have been seen with
/// 100 MB, and what is larger than a filter may be is told so.
pub(super) const FILTER_FILE_BYTES: usize = 256 << 20;

/// A filter's bytes, and how it was named.
pub(super) struct Named {
    pub(super) origin: String,
    pub(super) bytes: Vec<u8>,
    pin: Option<Sha256>,
}

impl Named {
    pub(super) fn source(&self) -> Source<'_> {
        Source { origin: &self.origin, bytes: &self.bytes, pin: self.pin }
    }
}

/// Reads a filter.
pub(super) fn filter(option: &FilterOption, here: &Here<'_>) -> Result<Named, Failure> {
    let (origin, bytes) = match &option.source {
        FilterSource::File(path) => (shown(path), file(path, FILTER_FILE_BYTES, here)),
        FilterSource::Stock(name) => {
            (name.clone(), stock(name).map(<[u8]>::to_vec).ok_or_else(|| io::ErrorKind::NotFound.into()))
        }
    };
    let bytes = bytes.map_err(|error| {
        Failure::new(Exit::Usage, format!("filter {origin}: its file cannot be read: {error}"))
    })?;
    Ok(Named { origin, bytes, pin: option.pin })
}

/// Reads settings, which `flag` has.
pub(super) fn settings(source: &SettingsSource, flag: &str, here: &Here<'_>) -> Result<String, Failure> {
    let path = match source {
        SettingsSource::Inline(settings) => return Ok(settings.clone()),
        SettingsSource::File(path) => path,
    };
    let refused = |why: String| Failure::new(Exit::Usage, format!("{flag} `@{}`: {why}", shown(path)));
    let bytes = json(path, NAMED_FILE_BYTES, here).map_err(|error| refused(error.to_string()))?;
    let settings = String::from_utf8(bytes).map_err(|error| refused(error.to_string()))?;
    check_settings(&settings).map_err(refused)?;
    Ok(settings)
}

/// A file's path as a terminal may have it.
pub(super) fn shown(path: &Path) -> String {
    printable(&path.display().to_string(), LINE_BYTES)
}

/// Reads the first bytes of such a file.
pub(super) fn start(path: &Path, bytes: usize, here: &Here<'_>) -> io::Result<Vec<u8>> {
    NamedFiles::new([path.to_owned()], here.authority).read_start(path, bytes)
}

/// Reads a file with JSON.
pub(super) fn json(path: &Path, max: usize, here: &Here<'_>) -> io::Result<Vec<u8>> {
    file(path, max, here).map(without_mark)
}

/// Reads a file that is named on the command line.
pub(super) fn file(path: &Path, max: usize, here: &Here<'_>) -> io::Result<Vec<u8>> {
    NamedFiles::new([path.to_owned()], here.authority).read(path, max).map_err(|error| match error.kind() {
        // A pipe, such as a shell makes of `<(…)`.
        kind @ io::ErrorKind::InvalidInput if error.raw_os_error().is_none() => {
            io::Error::new(kind, "it is no regular file; name a file, or write it to one first")
        }
        _ => error,
    })
}
