//! `minutebook config check`: everything that can be known wrong before recording starts.

use std::io::{self, Write as _};
use std::sync::Arc;

use cap_std::AmbientAuthority;
use futures_util::stream::{self, StreamExt as _};
use minutebook::clock::{Clock as _, SystemClock};
use minutebook::config::Config;
use minutebook::cycle::{Context, PreviewError, preview, rehearse};
use minutebook::model::count::Count;
use minutebook::model::journal::Journal;
use minutebook::store::could_write;

use super::dry_run::{tell, worst};
use super::run::{contexts, in_runtime_until_signal, shared};
use crate::exit::{Exit, Failure};

/// Targets that are looked at at a time: a server that is away holds its own up for half a minute.
const AT_ONCE: usize = 8;

pub(crate) fn check(config: Config, connect: bool, authority: AmbientAuthority) -> Result<Exit, Failure> {
    let mut failed = Vec::new();
    if let Some(state_dir) = &config.state_dir
        && let Err(error) = could_write(state_dir, usize::MAX, authority)
    {
        tracing::error!("--state-dir `{}`: {error}", state_dir.display());
        failed.push(Exit::Usage);
    }
    let contexts = contexts(
        config.targets,
        config.state_dir.as_deref(),
        &shared(authority, config.cache_dir.as_deref())?,
    );
    let contexts: Vec<Arc<Context>> = contexts.into_iter().map(Arc::new).collect();
    in_runtime_until_signal(async {
        let checks = contexts.iter().map(|context| check_target(context, connect, authority));
        let mut checks = stream::iter(checks).buffered(AT_ONCE);
        while let Some(Checked { line, journal, exit }) = checks.next().await {
            writeln!(io::stdout(), "{line}")?;
            if let Some((target, journal)) = journal {
                tell(&journal, &format!("{target}: "));
            }
            failed.extend(exit);
        }
        Ok(())
    })?;
    worst(&failed)
}

/// What came of one target.
struct Checked {
    line: String,
    /// What is to be told of it.
    journal: Option<(String, Journal)>,
    /// What it makes of the whole, if something is wrong.
    exit: Option<Exit>,
}

async fn check_target(context: &Arc<Context>, connect: bool, authority: AmbientAuthority) -> Checked {
    let target = context.endpoint.target.to_string();
    let journal = || Journal::new(|| SystemClock.wall());
    let bad = |journal, exit| Checked {
        line: format!("bad {target}"),
        journal: Some((target.clone(), journal)),
        exit: Some(exit),
    };

    let rehearsal = journal();
    // AUDIT_DIR is made if its parent is there.
    let audit_dir = context.audit_dir.path();
    let writable = could_write(audit_dir, 1, authority);
    if let Err(error) = &writable {
        rehearsal.error(format!("--audit-dir `{}`: {error}", audit_dir.display()));
    }
    let (Some(filter), Ok(())) = (rehearse(context, &rehearsal).await, writable) else {
        return bad(rehearsal, Exit::Usage);
    };
    let ok = format!("ok {target} filter {filter}");
    if !connect {
        // What a filter warns of that decided about nothing is not worth telling.
        return Checked { line: ok, journal: None, exit: None };
    }
    let journal = journal();
    match preview(context, &journal).await {
        // There is a warning, and nothing would be recorded.
        Ok(seen) if seen.absent => bad(journal, Exit::Usage),
        Ok(seen) => {
            let verdicts = &seen.selected.selection.verdicts;
            let selected = verdicts.iter().filter(|verdict| verdict.selected).count();
            let all = Count(verdicts.len(), "resource");
            let line = format!("{ok}, {selected} of {all} selected");
            Checked { line, journal: Some((target, journal)), exit: None }
        }
        Err(PreviewError::Discovery) => bad(journal, Exit::Failed),
        Err(PreviewError::Credentials | PreviewError::Filter) => bad(journal, Exit::Usage),
    }
}
