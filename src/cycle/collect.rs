//! The first half of a cycle: from the API server to the draft.
//!
//! Every step can end the collecting, and each says in the journal why. A panic, which is a bug
//! of ours, ends it too: it is caught here, and what was complete before it is kept.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::FutureExt as _;
use tokio::time::Instant;

use super::Context;
use super::credentials::connect;
use super::panics::note_panic;
use super::rule::{self, Chosen, choose};
use crate::archive::Draft;
use crate::cluster::{Cluster, shown};
use crate::discover::{self, discover};
use crate::fetch::{self, fetch};
use crate::model::catalog::Catalog;
use crate::model::journal::Journal;
use crate::model::listing::Listing;
use crate::model::outcome::{NotRecorded, Outcome, Why};
use crate::model::selection::FilterId;
use crate::model::stop::Stop;
use crate::model::tick::Boot;
use crate::select::Selected;

/// What is being done until there is a selection.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Step {
    #[default]
    Credentials,
    Discovery,
    RuleFiles,
    Filter,
}

/// How far the collecting came.
#[derive(Debug, Default)]
pub(super) struct Collected {
    step: Step,
    /// What was found, once there was a discovery.
    pub(super) catalog: Option<Arc<Catalog>>,
    /// What was decided about it.
    pub(super) chosen: Chosen,
    /// The selected resources, once there is a selection.
    pub(super) selected: Option<Arc<[Listing]>>,
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
    let panic = AssertUnwindSafe(work).catch_unwind().await.err();
    let collected = progress.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some(panic) = panic {
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
    let note = |change: &mut dyn FnMut(&mut Collected)| {
        change(&mut progress.lock().unwrap_or_else(PoisonError::into_inner));
    };

    let decide = async {
        let cluster = connect(context, journal).await?;
        note(&mut |collected| collected.step = Step::Discovery);
        let catalog = find(context, &*cluster, journal).await?;
        let catalog = Arc::new(catalog);
        note(&mut |collected| {
            collected.step = Step::RuleFiles;
            collected.catalog = Some(Arc::clone(&catalog));
        });
        let rule = rule::read(context).await;
        note(&mut |collected| collected.step = Step::Filter);
        let time_left = deadline.since(context.clock.boot());
        let chosen = choose(context, rule, &catalog, time_left, journal, |text| cluster.conceal(text)).await;
        let resources = chosen.selected.as_ref().map(|selected| selected_listings(&catalog, selected));
        let mut chosen = Some(chosen);
        note(&mut |collected| collected.chosen = chosen.take().unwrap_or_default());
        Some((cluster, resources?))
    };
    let (cluster, resources) = tokio::select! {
        biased;
        done = decide => done?,
        reason = stop.clone() => {
            let doing = progress.lock().unwrap_or_else(PoisonError::into_inner).step;
            journal.error(undecided(context, doing, reason));
            return None;
        }
    };
    note(&mut |collected| collected.selected = Some(Arc::clone(&resources)));

    let settings = fetch::Settings {
        cluster,
        endpoint: context.endpoint.clone(),
        times: context.times,
        memory: context.memory.clone(),
        connections: context.connections.clone(),
        max_list_bytes: context.max_list_bytes,
        ends: Instant::now() + deadline.since(context.clock.boot()),
    };
    fetch(&settings, &resources, draft, journal, stop).await;
    Some(())
}

/// What was being done when the cycle ended without a selection.
fn undecided(context: &Context, doing: Step, stop: Stop) -> String {
    match doing {
        Step::Credentials => format!("the credentials could not be read or fetched: {stop}"),
        Step::Discovery => {
            format!("discovery: GET {}: {stop}", shown(&context.endpoint.discovery_url()))
        }
        Step::RuleFiles => format!("the filter's file (or its settings) could not be read: {stop}"),
        Step::Filter => format!(
            "filter {}: {stop}, before it had decided; if compiling it takes so long, the next cycle finds it compiled",
            context.filter.origin()
        ),
    }
}

/// What is asked for alone: resources can be large, and the catalog has them.
fn selected_listings(catalog: &Catalog, selected: &Selected) -> Arc<[Listing]> {
    let verdicts = catalog.resources.iter().zip(&selected.selection.verdicts);
    verdicts.filter(|(_, verdict)| verdict.selected).map(|(resource, _)| Listing::of(resource)).collect()
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

fn give_up_the_rest(journal: &Journal, selected: &[Listing]) {
    let settled = journal.outcomes();
    for Listing { id: resource, .. } in selected {
        if !settled.iter().any(|outcome| outcome.resource == *resource) {
            let error = "not recorded, because of the bug above";
            journal.error_of(resource, error);
            let not_recorded =
                NotRecorded { why: Why::CutOff, pages: 0, status: None, error: error.to_owned() };
            journal.settle(Outcome { resource: resource.clone(), result: Err(not_recorded) });
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
    let rule = rule::read(context).await;
    let conceal = |text: &str| cluster.conceal(text);
    let chosen = choose(context, rule, &catalog, Duration::MAX, journal, conceal).await;
    Ok(Preview { catalog, selected: chosen.selected.ok_or(PreviewError::Filter)? })
}

/// Does what can be done of a cycle without asking the server: reads the credentials, and has the filter
/// take its settings and decide about nothing. What is wrong is in the journal, all of it.
pub async fn rehearse(context: &Arc<Context>, journal: &Journal) -> Option<FilterId> {
    let cluster = connect(context, journal).await;
    let rule = rule::read(context).await;
    // No server has said anything.
    let chosen = choose(context, rule, &Arc::default(), Duration::MAX, journal, str::to_owned).await;
    cluster.and(chosen.selected).map(|selected| selected.filter)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{ManualClock, context, nobody, to_script, well};

    #[test]
    fn nobody_is_told_to_wait_for_compiling_that_has_not_begun() {
        let connect = to_script(well(&[]));
        let root = std::path::Path::new("/nowhere");
        let context = context(root, connect, ManualClock::new(), nobody());
        let says = |doing| undecided(&context, doing, Stop::Deadline);
        assert_eq!(
            says(Step::RuleFiles),
            "the filter's file (or its settings) could not be read: cut off at the cycle's deadline"
        );
        for doing in [Step::Credentials, Step::Discovery, Step::RuleFiles] {
            assert!(!says(doing).contains("compil"), "{}", says(doing));
        }
        assert!(says(Step::Filter).ends_with("the next cycle finds it compiled"));
    }
}
