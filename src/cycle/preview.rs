//! What a cycle would do, without doing it: for people who try a configuration out.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use futures_util::future::join;
use serde::Deserialize;

use super::Context;
use super::collect::{existence, find};
use super::credentials::connect;
use super::plan::plan;
use super::rule::{self, choose};
use crate::cluster::{Bounds, Request, get_page};
use crate::model::catalog::Catalog;
use crate::model::existence::Existence;
use crate::model::journal::Journal;
use crate::model::limits::DISCOVERY_BYTES;
use crate::model::listing::Listing;
use crate::model::selection::FilterId;
use crate::select::Selected;

/// What would be recorded now.
pub struct Preview {
    /// What the cluster offers.
    pub catalog: Arc<Catalog>,
    /// What the filter says to it.
    pub selected: Selected,
    /// What would be asked for.
    pub listings: Vec<Listing>,
    /// Whether the namespace is known not to exist.
    pub absent: bool,
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
    let looked = rule::look(context).await;
    let conceal = |text: &str| cluster.conceal(text);
    let chosen = choose(context, looked, &catalog, Duration::MAX, journal, conceal);
    let (chosen, existence) = join(chosen, existence(context, &*cluster, &catalog, journal)).await;
    let absent = existence == Some(Existence::Absent);
    if let Some(name) = context.endpoint.target.scope.namespace().filter(|_| absent) {
        journal.warn(format!("the namespace `{name}` does not exist, so nothing of it would be asked for"));
    }
    let selected = chosen.selected.ok_or(PreviewError::Filter)?;
    let plan = plan(&context.endpoint, context.include_secrets, &catalog, &selected.selection.verdicts);
    plan.note(journal);
    Ok(Preview { catalog, selected, listings: plan.listings, absent })
}

/// Asks the server who it takes us for (authentication.k8s.io/v1, `SelfSubjectReview`): a user's name.
///
/// # Errors
/// It cannot be asked, or does not say; the journal has the words.
pub async fn who_asks(context: &Arc<Context>, journal: &Journal) -> Result<String, PreviewError> {
    let cluster = connect(context, journal).await.ok_or(PreviewError::Credentials)?;
    let url = context.endpoint.self_subject_review_url();
    let shown = format!("POST {url}");
    let stands_still = AtomicBool::new(false);
    let bounds = Bounds {
        idle: context.times.idle,
        max_bytes: DISCOVERY_BYTES,
        limit: ("the limit of discovery", DISCOVERY_BYTES),
        stands_still: &stands_still,
    };
    let request = Request::post(url, SELF_SUBJECT_REVIEW);
    let answer = get_page(&*cluster, &request, bounds, context.memory.begin()).await;
    let said = answer.map_err(|failure| failure.to_string()).and_then(|page| {
        let review: Review = serde_json::from_slice(&page.bytes).map_err(|error| error.to_string())?;
        Ok(review.status.user_info.username)
    });
    said.map_err(|why| {
        journal.error(cluster.conceal(&format!("{shown}: {why}; name who is to have the rights with --for")));
        PreviewError::Discovery
    })
}

const SELF_SUBJECT_REVIEW: &str = r#"{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}"#;

#[derive(Deserialize)]
struct Review {
    status: ReviewStatus,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ReviewStatus {
    user_info: UserInfo,
}

#[derive(Deserialize)]
struct UserInfo {
    username: String,
}

/// Does what can be done of a cycle without asking the server: reads the credentials, and has the filter
/// take its settings and decide about nothing. What is wrong is in the journal, all of it.
pub async fn rehearse(context: &Arc<Context>, journal: &Journal) -> Option<FilterId> {
    let cluster = connect(context, journal).await;
    let looked = rule::look(context).await;
    // No server has said anything.
    let chosen = choose(context, looked, &Arc::default(), Duration::MAX, journal, str::to_owned).await;
    cluster.and(chosen.selected).map(|selected| selected.filter)
}
