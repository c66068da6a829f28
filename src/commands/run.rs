//! `minutebook run`: recording, until a signal or once.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use cap_std::AmbientAuthority;
use minutebook::clock::SystemClock;
use minutebook::config::{self, Config, Loader, Shared, TargetConfig};
use minutebook::cycle::{Context, Report};
use minutebook::recorder::{Cycles, Fleet};
use tokio::runtime;
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::dry_run::dry_run;
use super::service;
use crate::cli::RunArguments;
use crate::exit::{Exit, Failure};
use crate::notify::Notify;
use crate::open_files;
use crate::signals::{self, Hangup, Signals};

/// Threads for work that blocks: files, compressing, filters. They exist while they have work. One target has four lists
/// and a few files in hand, so that with 300 targets on a network file system that is away, which holds
/// threads for minutes, there is still one for each other target's work.
const BLOCKING_THREADS: usize = 4096;

/// The program that this process runs, even when another one has its name by now.
pub(super) const THIS_PROGRAM: &str = "/proc/self/exe";

/// How long the end waits for work that cannot be canceled: compiling, looking up names.
const SHUTDOWN: Duration = Duration::from_millis(500);
/// How long the start waits for file systems.
const PATIENCE: Duration = Duration::from_secs(5);

/// `notify` is told of a recording that goes on, and of nothing else: a single cycle is no service.
pub(crate) fn run(
    arguments: &RunArguments,
    config: Config,
    loader: Loader,
    authority: AmbientAuthority,
    notify: &Notify,
) -> Result<Exit, Failure> {
    let Config { targets, state_dir, cache_dir, kubeconfigs, .. } = config;
    let shared = shared(authority, cache_dir.as_deref())?;
    if cache_dir.is_none() {
        tracing::info!("compiled filters are not kept: there is no home folder, and no --cache-dir");
    }
    let contexts = contexts(targets, state_dir.as_deref(), &shared);
    let contexts: Vec<Arc<Context>> = contexts.into_iter().map(Arc::new).collect();
    if arguments.dry_run {
        return in_runtime_until_signal(dry_run(&contexts, arguments.output));
    }
    open_files::warn_if_too_few(contexts.len());
    if arguments.once {
        let reports = in_runtime(record_once(contexts))?;
        return Ok(worst(&reports));
    }
    in_runtime(service::record(contexts, loader, kubeconfigs, shared, notify))?;
    Ok(Exit::Done)
}

/// What the targets share.
pub(super) fn shared(authority: AmbientAuthority, cache_dir: Option<&Path>) -> Result<Shared, Failure> {
    Shared::new(Arc::new(SystemClock), authority, Path::new(THIS_PROGRAM), cache_dir)
        .map_err(|problem| Failure::new(Exit::Usage, problem))
}

/// What the cycles of each target need.
pub(super) fn contexts(
    targets: Vec<TargetConfig>,
    state_dir: Option<&Path>,
    shared: &Shared,
) -> Vec<Context> {
    let context = |target: TargetConfig| config::resolve(target, state_dir, shared);
    targets.into_iter().map(context).collect()
}

/// Records one cycle of each target. Returns their reports.
pub(super) async fn record_once(targets: Vec<Arc<Context>>) -> Result<Vec<Option<Report>>, Failure> {
    let Signals { first, .. } = begin(&targets, Hangup::Untouched).await?;
    let (_, reloads) = mpsc::channel(1);
    Ok(Fleet::new(Cycles::One, Arc::new(|_| ())).run(targets, reloads, |_| (), first).await)
}

/// What stands before the first cycle: AUDIT_DIR is made if it is not there, and every target is locked, so that a
/// second process ends at once and says who is the first.
pub(super) async fn begin(targets: &[Arc<Context>], hangup: Hangup) -> Result<Signals, Failure> {
    let signals = signals::listen(hangup).map_err(|error| Failure::new(Exit::Failed, error))?;
    let beginning = spawn_blocking({
        let targets = targets.to_vec();
        move || claim(&targets)
    });
    match timeout(PATIENCE, beginning).await {
        Ok(Ok(claimed)) => claimed?,
        Ok(Err(bug)) => return Err(Failure::new(Exit::Failed, bug)),
        // Each cycle tries again, and says what is wrong; one file system that is away does not keep the others waiting.
        Err(_) => tracing::warn!(
            "not every AUDIT_DIR has answered within {}; recording begins",
            humantime::format_duration(PATIENCE)
        ),
    }
    Ok(signals)
}

fn claim(targets: &[Arc<Context>]) -> Result<(), Failure> {
    for context in targets {
        context.audit_dir.make().map_err(|error| Failure::new(Exit::Failed, error))?;
    }
    let held = |context: &Arc<Context>| {
        let held = context.claim().err()?;
        Some(format!("{}: {held}", context.endpoint.target))
    };
    let held: Vec<String> = targets.iter().filter_map(held).collect();
    if held.is_empty() { Ok(()) } else { Err(Failure::new(Exit::Failed, held.join("\n"))) }
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
    let runtime = runtime::Builder::new_multi_thread()
        .enable_all()
        .max_blocking_threads(blocking_threads())
        .build()
        .map_err(|error| Failure::new(Exit::Failed, error))?;
    let result = runtime.block_on(work);
    runtime.shutdown_timeout(SHUTDOWN);
    result
}

/// In a debug build a test can have fewer: which thread makes a call must not depend on chance where each is to fail once.
fn blocking_threads() -> usize {
    #[cfg(debug_assertions)]
    {
        #[expect(clippy::disallowed_methods, reason = "it configures nothing that is released")]
        let fewer = std::env::var("TEST_BLOCKING_THREADS");
        fewer.ok().and_then(|number| number.parse().ok()).unwrap_or(BLOCKING_THREADS)
    }
    #[cfg(not(debug_assertions))]
    BLOCKING_THREADS
}

/// The same for work that has nothing to commit: the first signal ends the program.
pub(super) fn in_runtime_until_signal<T>(
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    signals::end_at_first().map_err(|error| Failure::new(Exit::Failed, error))?;
    in_runtime(work)
}
