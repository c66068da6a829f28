//! The rule of one cycle: the filter's bytes and settings as they are now, and what it decides.

use std::sync::{Arc, TryLockError};
use std::time::Duration;

use serde::de::IgnoredAny;

use super::panics::blocking;
use super::{Context, FilterSource, SettingsSource};
use crate::model::catalog::Catalog;
use crate::model::digest::Sha256;
use crate::model::journal::Journal;
use crate::model::limits::{FILTER_BYTES, NAMED_FILE_BYTES};
use crate::model::selection::FilterId;
use crate::select::{Failed, Selected, Source, stock, stock_names};

/// What there is to know of a decision, or of a filter that did not decide.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    /// Which filter it was, as far as it is known.
    pub(super) filter: Option<FilterId>,
    /// The digest of the settings that it was given.
    pub(super) settings: Option<Sha256>,
    /// What it decided, if it did.
    pub(super) selected: Option<Selected>,
}

/// What was read of a rule.
pub(super) struct Rule {
    settings: Option<Sha256>,
    read: Result<Read, String>,
}

struct Read {
    bytes: Vec<u8>,
    settings: String,
}

/// Reads the rule's files.
pub(super) async fn read(context: &Arc<Context>) -> Rule {
    let context = Arc::clone(context);
    blocking(move || {
        // One thread at a time waits for a file system that does not answer.
        let _guard = match context.carried.rule_files.try_lock() {
            Ok(guard) => guard,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => {
                let why = "the filter's file (or its settings) is still being read for an earlier cycle; its file system does not answer";
                return Rule { settings: None, read: Err(why.to_owned()) };
            }
        };
        let settings = match filter_settings(&context) {
            Ok(settings) => settings,
            Err(why) => return Rule { settings: None, read: Err(why) },
        };
        let digest = Sha256::of(settings.as_bytes());
        Rule { settings: Some(digest), read: filter_bytes(&context).map(|bytes| Read { bytes, settings }) }
    })
    .await
}

/// Has the filter decide. What it says goes through `conceal`: a server's texts reach it.
pub(super) async fn choose(
    context: &Arc<Context>,
    rule: Rule,
    catalog: &Arc<Catalog>,
    time_left: Duration,
    journal: &Journal,
    conceal: impl Fn(&str) -> String,
) -> Chosen {
    let mut chosen = Chosen { settings: rule.settings, ..Chosen::default() };
    let read = match rule.read {
        Ok(read) => read,
        Err(why) => {
            journal.error(why);
            return chosen;
        }
    };
    let (for_filter, catalog) = (Arc::clone(context), Arc::clone(catalog));
    match blocking(move || decide(&for_filter, &read, &catalog, time_left)).await {
        Ok(mut selected) => {
            for verdict in &mut selected.selection.verdicts {
                verdict.reason = conceal(&verdict.reason);
            }
            for warning in &mut selected.selection.warnings {
                *warning = conceal(warning);
            }
            if selected.retried {
                journal.warn("filter: its time was over at the first try, and it decided at the second");
            }
            for warning in &selected.selection.warnings {
                journal.warn(format!("filter: {warning}"));
            }
            chosen.filter = Some(selected.filter.clone());
            chosen.selected = Some(selected);
        }
        Err(failed) => {
            journal.error(conceal(&failed.to_string()));
            chosen.filter = failed.filter;
        }
    }
    chosen
}

fn decide(
    context: &Context,
    read: &Read,
    catalog: &Catalog,
    time_left: Duration,
) -> Result<Selected, Box<Failed>> {
    let origin = context.filter.origin();
    let source = Source { origin: &origin, bytes: &read.bytes, pin: context.filter.pin };
    let (limits, target) = (context.filter.limits, &context.endpoint.target);
    context.selector.select(&source, limits, &read.settings, target, catalog, time_left)
}

fn filter_bytes(context: &Context) -> Result<Vec<u8>, String> {
    let undecided = |why: String| format!("filter {}: {why}", context.filter.origin());
    match &context.filter.source {
        FilterSource::File(path) => context
            .files
            // One byte more than allowed, so that the filter is told to be too large.
            .read_start(path, FILTER_BYTES + 1)
            .map_err(|error| undecided(format!("its file cannot be read: {error}"))),
        FilterSource::Stock(name) => stock(name).map(<[u8]>::to_vec).ok_or_else(|| {
            let known: Vec<&str> = stock_names().collect();
            undecided(format!("there is no stock filter of this name, only {}", known.join(", ")))
        }),
    }
}

fn filter_settings(context: &Context) -> Result<String, String> {
    let path = match &context.filter.settings {
        SettingsSource::Inline(settings) => return Ok(settings.clone()),
        SettingsSource::File(path) => path,
    };
    let undecided = |why: String| format!("--filter-settings `@{}`: {why}", path.display());
    let bytes = context.files.read(path, NAMED_FILE_BYTES).map_err(|error| undecided(error.to_string()))?;
    let settings = String::from_utf8(bytes).map_err(|error| undecided(error.to_string()))?;
    match serde_json::from_str::<IgnoredAny>(&settings) {
        Ok(_) => Ok(settings),
        Err(error) => Err(undecided(format!("not JSON: {error}"))),
    }
}
