//! `minutebook rbac`: the least rights that the current selection needs, as objects that `kubectl apply` takes.

mod rights;

use std::io::{self, Write as _};
use std::sync::Arc;

use cap_std::AmbientAuthority;
use minutebook::clock::{Clock as _, SystemClock};
use minutebook::cluster::Layout;
use minutebook::config::Config;
use minutebook::cycle::{Context, preview, who_asks};
use minutebook::model::journal::Journal;

use super::dry_run::{no_preview, tell, worst};
use super::run::{contexts, in_runtime_until_signal, shared};
use crate::cli::RbacArguments;
use crate::exit::{Exit, Failure};
use rights::{Subject, render};

/// Prints a role and its binding for each target; what one lacks does not hide the others.
pub(crate) fn rbac(
    arguments: &RbacArguments,
    config: Config,
    authority: AmbientAuthority,
) -> Result<Exit, Failure> {
    let contexts = contexts(config.targets, None, &shared(authority)?);
    in_runtime_until_signal(async {
        let (mut failed, mut separator) = (Vec::new(), "");
        for context in contexts.into_iter().map(Arc::new) {
            let target = &context.endpoint.target;
            match rights_of(&context, arguments.subject.as_deref()).await {
                Ok(text) => {
                    io::stdout().write_all(format!("{separator}{text}").as_bytes())?;
                    separator = "---\n";
                }
                Err(failure) => {
                    tracing::error!("{target}: {}", failure.message);
                    failed.push(failure.exit);
                }
            }
        }
        worst(&failed)
    })
}

async fn rights_of(context: &Arc<Context>, subject: Option<&str>) -> Result<String, Failure> {
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
    let (seen, subject) = (seen.map_err(no_preview)?, subject);
    let subject =
        subject.map_err(|_| Failure::new(Exit::Failed, "nobody is named who is to have the rights"))?;
    if seen.listings.is_empty() {
        tracing::warn!("{target}: the filter selects nothing that can be listed here");
    }
    Ok(render(target, &seen.selected.filter.to_string(), &seen.listings, &Subject::from(&*subject)))
}
