//! `minutebook run`: recording, until a signal or once.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use cap_std::AmbientAuthority;
use futures_util::future::FutureExt as _;
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
use crate::notify::Notify;
use crate::signals::{self, Hangup, Reloads, Signals};

/// How long the end waits for work that cannot be canceled: compiling, looking up names.
const SHUTDOWN: Duration = Duration::from_millis(500);
/// How long the start waits for the targets' locks.
const CLAIM: Duration = Duration::from_secs(5);

/// `notify` is told of a recording that goes on, and of nothing else: a single cycle is no service.
pub(crate) fn run(
    arguments: Box<RunArguments>,
    authority: AmbientAuthority,
    notify: &Notify,
) -> Result<Exit, Failure> {
    let RunArguments { options, dry_run: dry, output } = *arguments;
    let once = options.once;
    let context = config::resolve(options, Arc::new(SystemClock), authority);
    let context = context.map_err(|problem| Failure::new(Exit::Usage, problem))?;
    if dry {
        return in_runtime(dry_run(Arc::new(context), output));
    }
    if once {
        let reports = in_runtime(record_once(vec![context]))?;
        return Ok(worst(&reports));
    }
    in_runtime(record(vec![context], notify))?;
    Ok(Exit::Done)
}

/// Records one cycle of each target. Returns their reports.
pub(super) async fn record_once(targets: Vec<Context>) -> Result<Vec<Option<Report>>, Failure> {
    let (targets, Signals { first, .. }) = begin(targets, Hangup::Untouched).await?;
    let (_, reloads) = mpsc::channel(1);
    Ok(Fleet::new(Cycles::One, Arc::new(|_| ())).run(targets, reloads, |_| (), first).await)
}

/// Records until a signal, as a service.
async fn record(targets: Vec<Context>, notify: &Notify) -> Result<(), Failure> {
    let (targets, Signals { first, mut reloads }) = begin(targets, Hangup::Reloads).await?;
    let teller = notify.clone();
    let first = first.inspect(move |_| teller.stopping()).boxed().shared();
    // In this order: the watchdog runs from READY=1 on.
    tell(notify, &targets);
    notify.ready();
    let feeder = notify.clone();
    let fleet = Fleet::new(Cycles::UntilSignal, Arc::new(move |_| feeder.slot_ended()));
    let (_reloaded, contexts) = mpsc::channel(1);
    tokio::select! {
        _ = fleet.run(targets, contexts, |_| (), first) => Ok(()),
        never = reload(&mut reloads, notify) => match never {},
    }
}

/// Tells the service manager what is recorded, and how long the program may be silent.
fn tell(notify: &Notify, targets: &[Arc<Context>]) {
    if let Some(longest) = targets.iter().map(|context| context.interval).max() {
        notify.watchdog(longest);
    }
    match targets {
        [only] => {
            let every = humantime::format_duration(only.interval);
            notify.status(&format!("recording {} every {every}", only.endpoint.target));
        }
        several => notify.status(&format!("recording {} targets", several.len())),
    }
}

/// Answers requests to read the configuration again.
async fn reload(reloads: &mut Reloads, notify: &Notify) -> Infallible {
    loop {
        reloads.next().await;
        // The service manager that asked waits for both.
        notify.reloading();
        tracing::info!(
            "SIGHUP: there is no configuration file to read again; files that the options name are read anew for each cycle anyway"
        );
        notify.ready();
    }
}

/// What stands before the first cycle: AUDIT_DIR is made if it is not there, and every target is locked.
async fn begin(targets: Vec<Context>, hangup: Hangup) -> Result<(Vec<Arc<Context>>, Signals), Failure> {
    for context in &targets {
        context.audit_dir.make().map_err(|error| Failure::new(Exit::Failed, error))?;
    }
    let signals = signals::listen(hangup).map_err(|error| Failure::new(Exit::Failed, error))?;
    let targets: Vec<Arc<Context>> = targets.into_iter().map(Arc::new).collect();
    claim(&targets).await?;
    Ok((targets, signals))
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
