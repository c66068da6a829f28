//! The files of a rule, as they are now: the settings, and the filter if it is another one than before.

use std::io;
use std::sync::{Mutex, MutexGuard, TryLockError};

use crate::cycle::{Context, FilterSource, SettingsSource};
use crate::model::limits::{FILTER_BYTES, NAMED_FILE_BYTES};
use crate::model::settings::check_settings;
use crate::model::text::without_mark;
use crate::select::{stock, stock_names};
use crate::store::FileIdentity;

/// The settings' text. Blocks.
pub(super) fn settings(context: &Context) -> Result<String, String> {
    let path = match &context.filter.settings {
        SettingsSource::Inline(settings) => return Ok(settings.clone()),
        SettingsSource::File(path) => path,
    };
    let undecided = |why: String| format!("--filter-settings `@{}`: {why}", path.display());
    let _guard = alone(&context.carried.rule_files.settings).ok_or_else(|| undecided(still_read("it is")))?;
    let bytes = context.files.read(path, NAMED_FILE_BYTES).map_err(|error| undecided(error.to_string()))?;
    let settings = String::from_utf8(without_mark(bytes)).map_err(|error| undecided(error.to_string()))?;
    check_settings(&settings).map_err(undecided)?;
    Ok(settings)
}

/// Which file the filter is; none if it is brought along. Blocks.
pub(super) fn identity(context: &Context) -> Result<Option<FileIdentity>, String> {
    let FilterSource::File(path) = &context.filter.source else { return Ok(None) };
    let _guard = alone(&context.carried.rule_files.filter).ok_or_else(|| still_read("its file is"))?;
    context.files.identity(path).map(Some).map_err(|error| unreadable(&error))
}

/// The filter's bytes, of the file with this identity if it is one. Blocks.
pub(super) fn bytes(context: &Context, wanted: Option<FileIdentity>) -> Result<Vec<u8>, String> {
    let path = match &context.filter.source {
        FilterSource::File(path) => path,
        FilterSource::Stock(name) => {
            return stock(name).map(<[u8]>::to_vec).ok_or_else(|| {
                let names: Vec<&str> = stock_names().collect();
                format!("there is no stock filter of this name, only {}", names.join(", "))
            });
        }
    };
    // One byte more than allowed, so that the filter is told to be too large.
    let (bytes, found) =
        context.files.read_identified(path, FILTER_BYTES + 1).map_err(|error| unreadable(&error))?;
    if Some(found) == wanted { Ok(bytes) } else { Err("its file was replaced while it was read".to_owned()) }
}

fn unreadable(error: &io::Error) -> String {
    format!("its file cannot be read: {error}")
}

/// Whoever comes second does not wait: the first one waits for a file system that does not answer.
fn alone(lock: &Mutex<()>) -> Option<MutexGuard<'_, ()>> {
    match lock.try_lock() {
        Ok(guard) => Some(guard),
        Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
        Err(TryLockError::WouldBlock) => None,
    }
}

fn still_read(what: &str) -> String {
    format!("{what} still being read for an earlier cycle; the file system does not answer")
}
