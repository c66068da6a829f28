//! `minutebook run`: recording, until a signal or once.

use std::sync::Arc;
use std::time::Duration;

use cap_std::AmbientAuthority;
use minutebook::clock::SystemClock;
use minutebook::config;
use minutebook::cycle::{Context, Report};
use minutebook::recorder::{Cycles, Fleet};
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::dry_run::dry_run;
use crate::cli::RunArguments;
use crate::exit::{Exit, Failure};
use crate::signals;

/// How long the end waits for work that cannot be canceled: compiling, looking up names.
const SHUTDOWN: Duration = Duration::from_millis(500);
/// How long the start waits for the targets' locks.
const CLAIM: Duration = Duration::from_secs(5);

pub(crate) fn run(arguments: Box<RunArguments>, authority: AmbientAuthority) -> Result<Exit, Failure> {
    let RunArguments { options, dry_run: dry, output } = *arguments;
    let cycles = if options.once { Cycles::One } else { Cycles::UntilSignal };
    let context = config::resolve(options, Arc::new(SystemClock), authority);
    let context = context.map_err(|problem| Failure::new(Exit::Usage, problem))?;
    if dry {
        return in_runtime(dry_run(Arc::new(context), output));
    }
    let reports = in_runtime(record(vec![context], cycles))?;
    match cycles {
        Cycles::One => Ok(reports
            .iter()
            .map(|report| report.as_ref().map_or(Exit::Failed, judge))
            .max_by_key(|exit| *exit as u8)
            .unwrap_or(Exit::Failed)),
        Cycles::UntilSignal => Ok(Exit::Done),
    }
}

/// Records into AUDIT_DIR, which is made if it is not there. Returns each target's last report.
pub(super) async fn record(targets: Vec<Context>, cycles: Cycles) -> Result<Vec<Option<Report>>, Failure> {
    for context in &targets {
        context.audit_dir.make().map_err(|error| Failure::new(Exit::Failed, error))?;
    }
    let signal = signals::listen().map_err(|error| Failure::new(Exit::Failed, error))?;
    let targets: Vec<Arc<Context>> = targets.into_iter().map(Arc::new).collect();
    claim(&targets).await?;
    let (_reload, reloads) = mpsc::channel(1);
    let fleet = Fleet::new(cycles, Arc::new(|_| ()));
    Ok(fleet.run(targets, reloads, |_| (), signal).await)
}

/// Locks every target, so that a second process ends at once and says who is the first. A file system that does not
/// answer is waited for no longer than a moment: each cycle tries again.
async fn claim(targets: &[Arc<Context>]) -> Result<(), Failure> {
    let targets = targets.to_vec();
    let claiming = spawn_blocking(move || {
        let held = |context: &Arc<Context>| {
            let held = context.claim().err()?;
            Some(format!("{}: {held}", context.endpoint.target))
        };
        let held: Vec<String> = targets.iter().filter_map(held).collect();
        if held.is_empty() { Ok(()) } else { Err(Failure::new(Exit::Failed, held.join("\n"))) }
    });
    match timeout(CLAIM, claiming).await {
        Ok(Ok(claimed)) => claimed,
        Ok(Err(bug)) => Err(Failure::new(Exit::Failed, bug)),
        Err(_) => Ok(()),
    }
}

/// What the reports of all targets make of `--once`.
pub(super) fn worst(reports: &[Option<Report>]) -> Exit {
    let exits = reports.iter().map(|report| report.as_ref().map_or(Exit::Failed, judge));
    exits.max_by_key(|exit| *exit as u8).unwrap_or(Exit::Failed)
}

/// What one cycle's report makes of `--once`.
fn judge(report: &Report) -> Exit {
    match &report.committed {
        Ok(committed) if committed.archive.is_ok() && committed.log.is_ok() => {
            let imperfect = report.errors > 0 || report.interrupted || committed.manifest.is_err();
            if imperfect { Exit::Imperfect } else { Exit::Done }
        }
        _ => Exit::Failed,
    }
}

/// Runs to the end, and then waits only so long for what is left.
pub(super) fn in_runtime<T>(work: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    let runtime = Runtime::new().map_err(|error| Failure::new(Exit::Failed, error))?;
    let result = runtime.block_on(work);
    runtime.shutdown_timeout(SHUTDOWN);
    result
}
