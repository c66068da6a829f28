//! The files of a rule, as they are now: the settings, and the filter if it is another one than before.

use std::io;
use std::sync::{Mutex, MutexGuard, TryLockError};

use serde::de::IgnoredAny;

use crate::cycle::{Context, FilterSource, SettingsSource};
use crate::model::limits::{FILTER_BYTES, NAMED_FILE_BYTES};
use crate::select::{stock, stock_names};
use crate::store::FileIdentity;

/// What there is of a filter.
pub(super) enum Found {
    /// One of those that need not be read: a file, or the one that is brought along.
    Known(Option<FileIdentity>),
    /// A component's bytes, of a file or brought along.
    Bytes(Vec<u8>, Option<FileIdentity>),
}

/// The settings' text. Blocks.
pub(super) fn settings(context: &Context) -> Result<String, String> {
    let path = match &context.filter.settings {
        SettingsSource::Inline(settings) => return Ok(settings.clone()),
        SettingsSource::File(path) => path,
    };
    let undecided = |why: String| format!("--filter-settings `@{}`: {why}", path.display());
    let _guard = alone(&context.carried.rule_files.settings).ok_or_else(|| undecided(still_read("it is")))?;
    let bytes = context.files.read(path, NAMED_FILE_BYTES).map_err(|error| undecided(error.to_string()))?;
    let settings = String::from_utf8(bytes).map_err(|error| undecided(error.to_string()))?;
    match serde_json::from_str::<IgnoredAny>(&settings) {
        Ok(_) => Ok(settings),
        Err(error) => Err(undecided(format!("not JSON: {error}"))),
    }
}

/// The filter, unless it is one of the `known` files, or the one that is brought along (`None`). Blocks.
pub(super) fn filter(context: &Context, known: &[Option<FileIdentity>]) -> Result<Found, String> {
    let path = match &context.filter.source {
        FilterSource::File(path) => path,
        FilterSource::Stock(_) if known.contains(&None) => return Ok(Found::Known(None)),
        FilterSource::Stock(name) => {
            let names = || {
                let names: Vec<&str> = stock_names().collect();
                format!("there is no stock filter of this name, only {}", names.join(", "))
            };
            return stock(name).map(|bytes| Found::Bytes(bytes.to_vec(), None)).ok_or_else(names);
        }
    };
    let _guard = alone(&context.carried.rule_files.filter).ok_or_else(|| still_read("its file is"))?;
    let unreadable = |error: io::Error| format!("its file cannot be read: {error}");
    let identity = context.files.identity(path).map_err(unreadable)?;
    if known.contains(&Some(identity)) {
        return Ok(Found::Known(Some(identity)));
    }
    // One byte more than allowed, so that the filter is told to be too large.
    let (bytes, identity) = context.files.read_identified(path, FILTER_BYTES + 1).map_err(unreadable)?;
    Ok(Found::Bytes(bytes, Some(identity)))
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
