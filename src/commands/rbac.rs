//! `minutebook rbac`: the least rights that the current selection needs, as objects that `kubectl apply` takes.

mod rights;

use std::collections::BTreeSet;
use std::io::{self, Write as _};
use std::sync::Arc;

use cap_std::AmbientAuthority;
use minutebook::clock::{Clock as _, SystemClock};
use minutebook::cluster::Layout;
use minutebook::config::Config;
use minutebook::cycle::{Context, preview, who_asks};
use minutebook::model::journal::Journal;
use minutebook::model::listing::Listing;

use super::dry_run::{no_preview, tell, worst};
use super::run::{contexts, in_runtime_until_signal, shared};
use crate::cli::RbacArguments;
use crate::exit::{Exit, Failure};
use rights::{Subject, render};

/// What one role is made of.
struct Rights {
    context: Arc<Context>,
    filter: String,
    listings: Vec<Listing>,
    subject: Subject,
}

/// Prints a role and its binding for each scope of each cluster; what one target lacks does not hide the others.
pub(crate) fn rbac(
    arguments: &RbacArguments,
    config: Config,
    authority: AmbientAuthority,
) -> Result<Exit, Failure> {
    let contexts = contexts(config.targets, None, &shared(authority, config.cache_dir.as_deref())?);
    in_runtime_until_signal(async {
        let (mut failed, mut all) = (Vec::new(), Vec::new());
        for context in contexts.into_iter().map(Arc::new) {
            match rights_of(&context, arguments.subject.as_deref()).await {
                Ok(rights) => add(&mut all, rights),
                Err(failure) => {
                    tracing::error!("{}: {}", context.endpoint.target, failure.message);
                    failed.push(failure.exit);
                }
            }
        }
        let servers: BTreeSet<&str> = all.iter().map(|one| one.context.endpoint.server.as_str()).collect();
        if servers.len() > 1 {
            tracing::warn!(
                "these are rights in {} clusters; apply each part to its own, which its first line names",
                servers.len()
            );
        }
        let rendered: Vec<_> = all
            .iter()
            .map(|one| render(&one.context.endpoint.target, &one.filter, &one.listings, &one.subject))
            .collect();
        io::stdout().write_all(rendered.join("---\n").as_bytes())?;
        worst(&failed)
    })
}

/// Adds rights: those in one scope of one cluster are one role, because a second one of its name would replace it.
fn add(all: &mut Vec<Rights>, rights: Rights) {
    let role = |of: &Rights| {
        let endpoint = &of.context.endpoint;
        (endpoint.server.clone(), endpoint.target.scope.clone(), of.subject.clone())
    };
    match all.iter_mut().find(|one| role(one) == role(&rights)) {
        Some(one) => {
            one.listings.extend(rights.listings);
            if one.filter != rights.filter {
                one.filter = format!("{} and {}", one.filter, rights.filter);
            }
        }
        None => all.push(rights),
    }
}

async fn rights_of(context: &Arc<Context>, subject: Option<&str>) -> Result<Rights, Failure> {
    let target = &context.endpoint.target;
    if context.endpoint.layout == Layout::Kata {
        let why = "layout `kata` asks for every list below extensions/v1beta1, whatever the resource; rights are for layout `kubernetes`";
        return Err(Failure::new(Exit::Usage, why));
    }
    let journal = Journal::new(|| SystemClock.wall());
    let seen = preview(context, &journal).await;
    let subject = match (&seen, subject) {
        (Ok(_), None) => who_asks(context, &journal).await,
        (_, given) => Ok(given.unwrap_or_default().to_owned()),
    };
    tell(&journal, &format!("{target}: "));
    let seen = seen.map_err(no_preview)?;
    let subject =
        subject.map_err(|_| Failure::new(Exit::Failed, "nobody is named who is to have the rights"))?;
    if seen.listings.is_empty() {
        tracing::warn!("{target}: the filter selects nothing that can be listed here");
    }
    Ok(Rights {
        context: Arc::clone(context),
        filter: seen.selected.filter.to_string(),
        listings: seen.listings,
        subject: Subject::from(&*subject),
    })
}
