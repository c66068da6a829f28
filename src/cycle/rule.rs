//! The rule of one cycle: the filter's bytes and settings as they are now, and what it decides.

use std::sync::Arc;
use std::time::Duration;

use serde::de::IgnoredAny;

use super::panics::blocking;
use super::{Context, FilterSource, SettingsSource};
use crate::model::catalog::Catalog;
use crate::model::digest::Sha256;
use crate::model::journal::Journal;
use crate::model::limits::{FILTER_BYTES, NAMED_FILE_BYTES};
use crate::model::selection::FilterId;
use crate::select::{Selected, Source, stock, stock_names};

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

/// Has the filter decide.
pub(super) async fn choose(
    context: &Arc<Context>,
    catalog: &Arc<Catalog>,
    time_left: Duration,
    journal: &Journal,
) -> Chosen {
    let (for_filter, catalog) = (Arc::clone(context), Arc::clone(catalog));
    let mut chosen = Chosen::default();
    let (settings, decided) = blocking(move || {
        let context = for_filter;
        match filter_settings(&context) {
            Ok(settings) => {
                (Some(Sha256::of(settings.as_bytes())), decide(&context, &settings, &catalog, time_left))
            }
            Err(undecided) => (None, Err(undecided)),
        }
    })
    .await;
    chosen.settings = settings;
    match decided {
        Ok(selected) => {
            if selected.retried {
                journal.warn("filter: its time was over at the first try, and it decided at the second");
            }
            for warning in &selected.selection.warnings {
                journal.warn(format!("filter: {warning}"));
            }
            chosen.filter = Some(selected.filter.clone());
            chosen.selected = Some(selected);
        }
        Err((filter, why)) => {
            journal.error(why);
            chosen.filter = filter;
        }
    }
    chosen
}

fn decide(
    context: &Context,
    settings: &str,
    catalog: &Catalog,
    time_left: Duration,
) -> Result<Selected, Undecided> {
    let bytes = filter_bytes(context)?;
    let origin = context.filter.origin();
    let source = Source { origin: &origin, bytes: &bytes, pin: context.filter.pin };
    let (limits, target) = (context.filter.limits, &context.endpoint.target);
    context
        .selector
        .select(&source, limits, settings, target, catalog, time_left)
        .map_err(|failed| (failed.filter.clone(), failed.to_string()))
}

type Undecided = (Option<FilterId>, String);

fn filter_bytes(context: &Context) -> Result<Vec<u8>, Undecided> {
    let undecided = |why: String| (None, format!("filter {}: {why}", context.filter.origin()));
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

fn filter_settings(context: &Context) -> Result<String, Undecided> {
    let path = match &context.filter.settings {
        SettingsSource::Inline(settings) => return Ok(settings.clone()),
        SettingsSource::File(path) => path,
    };
    let undecided = |why: String| (None, format!("--filter-settings `@{}`: {why}", path.display()));
    let bytes = context.files.read(path, NAMED_FILE_BYTES).map_err(|error| undecided(error.to_string()))?;
    let settings = String::from_utf8(bytes).map_err(|error| undecided(error.to_string()))?;
    match serde_json::from_str::<IgnoredAny>(&settings) {
        Ok(_) => Ok(settings),
        Err(error) => Err(undecided(format!("not JSON: {error}"))),
    }
}
