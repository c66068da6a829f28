//! The first half of a cycle: from the API server to the draft.
//!
//! Every step can end the collecting, and each says in the journal why. A panic, which is a bug
//! of ours, ends it too: it is caught here, and what was complete before it is kept.

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::FutureExt as _;
use serde::de::IgnoredAny;
use tokio::task::spawn_blocking;

use super::credentials;
use super::{Context, FilterSource, SettingsSource};
use crate::archive::Draft;
use crate::cluster::Cluster;
use crate::discover::{self, discover};
use crate::fetch::{self, fetch};
use crate::model::catalog::{Catalog, Resource};
use crate::model::journal::Journal;
use crate::model::limits::{FILTER_BYTES, MESSAGE_BYTES, NAMED_FILE_BYTES};
use crate::model::outcome::{NotRecorded, Outcome};
use crate::model::selection::FilterId;
use crate::model::stop::Stop;
use crate::model::text::printable;
use crate::model::tick::Boot;
use crate::select::{Selected, Source, stock, stock_names};

/// How far the collecting came.
#[derive(Debug, Default, Clone)]
pub(super) struct Collected {
    pub(super) filter: Option<FilterId>,
    pub(super) shown: Option<usize>,
    pub(super) not_shown: usize,
    /// The selected resources, once there is a selection.
    pub(super) selected: Option<Vec<Resource>>,
}

/// Collects what the filter selects into `draft`, until all is there or `stop` says why not.
pub(super) async fn collect(
    context: &Arc<Context>,
    draft: &Arc<Draft>,
    journal: &Journal,
    deadline: Boot,
    stop: impl Future<Output = Stop> + Clone,
) -> Collected {
    let progress = Mutex::new(Collected::default());
    let work = steps(context, draft, journal, deadline, stop, &progress);
    // What a panic can leave half done is dropped (a list in hand) or sound (journal, draft).
    let panicked = AssertUnwindSafe(work).catch_unwind().await.err();
    let collected = progress.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(panic) = panicked {
        note_panic(journal, &*panic);
        give_up_the_rest(journal, collected.selected.as_deref().unwrap_or_default());
    }
    collected
}

async fn steps(
    context: &Arc<Context>,
    draft: &Arc<Draft>,
    journal: &Journal,
    deadline: Boot,
    stop: impl Future<Output = Stop> + Clone,
    progress: &Mutex<Collected>,
) -> Option<()> {
    let note = |change: &dyn Fn(&mut Collected)| {
        change(&mut progress.lock().unwrap_or_else(PoisonError::into_inner));
    };

    let decide = async {
        let cluster = connect(context, journal).await?;
        let catalog = find(context, &*cluster, journal).await?;
        note(&|collected| {
            collected.shown = Some(catalog.resources.len());
            collected.not_shown = catalog.not_shown;
        });
        let catalog = Arc::new(catalog);
        let time_left = deadline.since(context.clock.boot());
        let (filter, selected) = choose(context, &catalog, time_left, journal).await;
        note(&|collected| collected.filter.clone_from(&filter));
        Some((cluster, selected_resources(&catalog, &selected?)))
    };
    let (cluster, resources) = tokio::select! {
        biased;
        decided = decide => decided?,
        stop = stop.clone() => {
            journal.error(format!("{stop}, before it was decided what to record"));
            return None;
        }
    };
    note(&|collected| collected.selected = Some(resources.clone()));

    let settings = fetch::Settings {
        cluster,
        endpoint: context.endpoint.clone(),
        times: context.times,
        memory: context.memory.clone(),
        max_list_bytes: context.max_list_bytes,
    };
    let resources: Vec<&Resource> = resources.iter().collect();
    fetch(&settings, &resources, draft, journal, stop).await;
    Some(())
}

fn selected_resources(catalog: &Catalog, selected: &Selected) -> Vec<Resource> {
    let verdicts = catalog.resources.iter().zip(&selected.selection.verdicts);
    verdicts.filter(|(_, verdict)| verdict.selected).map(|(resource, _)| resource.clone()).collect()
}

/// Reads the credentials and makes a client.
async fn connect(context: &Arc<Context>, journal: &Journal) -> Option<Arc<dyn Cluster>> {
    let (context, journal) = (Arc::clone(context), journal.clone());
    blocking(move || {
        let mut last = context.carried.credentials.lock().unwrap_or_else(PoisonError::into_inner);
        credentials::connect(&*context.connect, &context.files, &context.credentials, &mut last, &journal)
    })
    .await
}

/// Finds out which resources there are.
async fn find(context: &Context, cluster: &dyn Cluster, journal: &Journal) -> Option<Catalog> {
    let url = context.endpoint.discovery_url();
    discover(
        cluster,
        discover::Settings { url: &url, times: context.times, memory: &context.memory },
        journal,
    )
    .await
}

/// Has the filter decide; also returns which filter it was, where that is known of one that failed.
async fn choose(
    context: &Arc<Context>,
    catalog: &Arc<Catalog>,
    time_left: Duration,
    journal: &Journal,
) -> (Option<FilterId>, Option<Selected>) {
    let (for_filter, catalog) = (Arc::clone(context), Arc::clone(catalog));
    let decided = blocking(move || {
        let context = for_filter;
        let bytes = filter_bytes(&context)?;
        let settings = filter_settings(&context)?;
        let origin = context.filter.origin();
        let source = Source { origin: &origin, bytes: &bytes, pin: context.filter.pin };
        context
            .selector
            .select(&source, &settings, &context.endpoint.target, &catalog, time_left)
            .map_err(|failed| (failed.filter.clone(), failed.to_string()))
    })
    .await;
    match decided {
        Ok(selected) => {
            if selected.retried {
                journal.warn("filter: its time was over at the first try, and it decided at the second");
            }
            for warning in &selected.selection.warnings {
                journal.warn(format!("filter: {warning}"));
            }
            (Some(selected.filter.clone()), Some(selected))
        }
        Err((filter, why)) => {
            journal.error(why);
            (filter, None)
        }
    }
}

type Undecided = (Option<FilterId>, String);

fn filter_bytes(context: &Context) -> Result<Vec<u8>, Undecided> {
    let undecided = |why: String| (None, format!("filter {}: {why}", context.filter.origin()));
    match &context.filter.source {
        FilterSource::File(path) => context
            .files
            .read(path, FILTER_BYTES + 1)
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

/// Runs work that blocks on a thread where it may; a panic there is one here.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Puts a bug of ours into the log.
pub(super) fn note_panic(journal: &Journal, panic: &(dyn Any + Send)) {
    let text = panic_text(panic);
    journal.error(format!("a bug in minutebook ended the cycle early, please report it: {text}"));
}

/// A panic's message, printable.
pub(super) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    printable(text.unwrap_or("no message"), MESSAGE_BYTES)
}

fn give_up_the_rest(journal: &Journal, selected: &[Resource]) {
    let settled = journal.outcomes();
    for resource in selected {
        if !settled.iter().any(|outcome| outcome.resource == resource.id) {
            journal.error_of(&resource.id, "not recorded, because of the bug above");
            journal.settle(Outcome { resource: resource.id.clone(), result: Err(NotRecorded::CutOff) });
        }
    }
}

/// What would be recorded now.
pub struct Preview {
    /// What the cluster offers.
    pub catalog: Arc<Catalog>,
    /// What the filter says to it.
    pub selected: Selected,
}

/// Why there is no preview; the journal has the words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PreviewError {
    /// A file with credentials cannot be used.
    Credentials,
    /// There was no usable discovery.
    Discovery,
    /// The filter did not decide.
    Filter,
}

/// Discovers and selects as a cycle does, and fetches nothing.
///
/// # Errors
/// One of the steps failed.
pub async fn preview(context: &Arc<Context>, journal: &Journal) -> Result<Preview, PreviewError> {
    let cluster = connect(context, journal).await.ok_or(PreviewError::Credentials)?;
    let catalog = find(context, &*cluster, journal).await.ok_or(PreviewError::Discovery)?;
    let catalog = Arc::new(catalog);
    let (_, selected) = choose(context, &catalog, Duration::MAX, journal).await;
    Ok(Preview { catalog, selected: selected.ok_or(PreviewError::Filter)? })
}
