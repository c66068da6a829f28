//! The first half of a cycle: from the API server to the draft.
//!
//! Every step can end the collecting, and each says in the journal why. A panic, which is a bug
//! of ours, ends it too: it is caught here, and what was complete before it is kept.

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{FutureExt as _, join};
use tokio::time::Instant;

use super::Context;
use super::credentials::connect;
use super::panics::note_panic;
use super::plan::{is_core, plan, sum_up};
use super::rule::{self, Chosen, choose};
use crate::archive::Draft;
use crate::cluster::{Cluster, Endpoint, Layout, shown};
use crate::discover::{self, discover, namespace_exists};
use crate::fetch::{self, fetch};
use crate::model::catalog::Catalog;
use crate::model::existence::Existence;
use crate::model::journal::Journal;
use crate::model::limits::Times;
use crate::model::listing::Listing;
use crate::model::outcome::{NotRecorded, Outcome, Why};
use crate::model::stop::Stop;
use crate::model::target::Scope;
use crate::model::tick::Boot;

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
    /// What is asked for, once there is a selection.
    pub(super) asked: Option<Arc<[Listing]>>,
    /// Whether the namespace exists, if it is one and somebody asked.
    pub(super) existence: Option<Existence>,
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
        give_up_the_rest(journal, collected.asked.as_deref().unwrap_or_default());
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
        let looked = rule::look(context).await;
        note(&mut |collected| collected.step = Step::Filter);
        let time_left = deadline.since(context.clock.boot());
        let chosen = choose(context, looked, &catalog, time_left, journal, |text| cluster.conceal(text));
        let (chosen, existence) = join(chosen, existence(context, &*cluster, &catalog, journal)).await;
        let plan = chosen.selected.as_ref().map(|selected| {
            plan(&context.endpoint, context.include_secrets, &catalog, &selected.selection.verdicts)
        });
        let mut chosen = Some(chosen);
        note(&mut |collected| {
            collected.chosen = chosen.take().unwrap_or_default();
            collected.existence.clone_from(&existence);
        });
        Some((cluster, plan?, existence))
    };
    let (cluster, mut plan, existence) = tokio::select! {
        biased;
        done = decide => done?,
        reason = stop.clone() => {
            let doing = progress.lock().unwrap_or_else(PoisonError::into_inner).step;
            journal.error(undecided(context, doing, reason));
            return None;
        }
    };
    plan.note(journal);
    if let (Some(Existence::Absent), Scope::Namespace(name)) = (&existence, &context.endpoint.target.scope) {
        plan.give_up_absent(name, journal);
    }
    let listings: Arc<[Listing]> = plan.listings.into();
    note(&mut |collected| collected.asked = Some(Arc::clone(&listings)));

    let settings = fetch::Settings {
        cluster,
        endpoint: context.endpoint.clone(),
        times: context.times,
        memory: context.memory.clone(),
        connections: context.connections.clone(),
        max_list_bytes: context.max_list_bytes,
        ends: Instant::now() + deadline.since(context.clock.boot()),
    };
    fetch(&settings, &listings, draft, journal, stop).await;
    if context.endpoint.layout == Layout::Kubernetes {
        sum_up(journal, listings.len(), existence.as_ref());
    }
    Some(())
}

/// What was being done when the cycle ended without a selection.
fn undecided(context: &Context, doing: Step, stop: Stop) -> String {
    match doing {
        Step::Credentials => format!("the credentials could not be read or fetched: {stop}"),
        Step::Discovery => match context.endpoint.layout {
            Layout::Kata => format!("discovery: GET {}: {stop}", shown(&context.endpoint.discovery_url())),
            Layout::Kubernetes => format!("discovery at {}: {stop}", context.endpoint.server),
        },
        Step::RuleFiles => format!("the filter's file (or its settings) could not be read: {stop}"),
        Step::Filter => format!(
            "filter {}: {stop}, before it had decided; if it is still being compiled, a later cycle finds it ready",
            context.filter.origin()
        ),
    }
}

/// Finds out which resources there are.
pub(super) async fn find(context: &Context, cluster: &dyn Cluster, journal: &Journal) -> Option<Catalog> {
    discover(cluster, asking(context, context.times), journal).await
}

/// What whoever asks about the cluster needs, besides the lists.
fn asking(context: &Context, times: Times) -> discover::Settings<'_> {
    let Context { endpoint, memory, connections, .. } = context;
    discover::Settings { endpoint, times, memory, connections }
}

/// Asks whether the namespace exists. Lists are not kept waiting for it long: they are the record, and it says how
/// to read them.
pub(super) async fn existence(
    context: &Context,
    cluster: &dyn Cluster,
    catalog: &Catalog,
    journal: &Journal,
) -> Option<Existence> {
    let Endpoint { layout: Layout::Kubernetes, target, .. } = &context.endpoint else { return None };
    let namespace = target.scope.namespace()?;
    // What such a server would answer says nothing of this namespace.
    if !catalog.resources.iter().any(|resource| is_core(&resource.id, "namespaces")) {
        return Some(Existence::Unknown("the server has no resource `namespaces`".to_owned()));
    }
    let times = Times { discovery: context.times.discovery.min(context.times.idle), ..context.times };
    Some(namespace_exists(cluster, asking(context, times), namespace, journal).await)
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
        assert!(says(Step::Filter).ends_with("a later cycle finds it ready"));
    }
}
