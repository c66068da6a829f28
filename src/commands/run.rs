//! `minutebook run`: recording, until a signal or once.

use std::sync::Arc;
use std::time::Duration;

use cap_std::AmbientAuthority;
use minutebook::clock::SystemClock;
use minutebook::config;
use minutebook::cycle::{Context, Report};
use minutebook::recorder::{self, Cycles};
use tokio::runtime::Runtime;

use super::dry_run::dry_run;
use crate::cli::RunArguments;
use crate::exit::{Exit, Failure};
use crate::signals;

/// How long the end waits for work that cannot be canceled: compiling, looking up names.
const SHUTDOWN: Duration = Duration::from_millis(500);

pub(crate) fn run(arguments: Box<RunArguments>, authority: AmbientAuthority) -> Result<Exit, Failure> {
    let RunArguments { options, dry_run: dry, output } = *arguments;
    let cycles = if options.once { Cycles::One } else { Cycles::UntilSignal };
    let context = config::resolve(options, Arc::new(SystemClock), authority);
    let context = Arc::new(context.map_err(|problem| Failure::new(Exit::Usage, problem))?);
    if dry {
        return in_runtime(dry_run(context, output));
    }
    let last = in_runtime(record(&context, cycles))?;
    match cycles {
        Cycles::One => Ok(last.as_ref().map_or(Exit::Failed, judge)),
        Cycles::UntilSignal => Ok(Exit::Done),
    }
}

/// Records into AUDIT_DIR, which is made if it is not there.
pub(super) async fn record(context: &Arc<Context>, cycles: Cycles) -> Result<Option<Report>, Failure> {
    context.audit_dir.make().map_err(|error| Failure::new(Exit::Failed, error))?;
    let signal = signals::listen().map_err(|error| Failure::new(Exit::Failed, error))?;
    Ok(recorder::run(context, cycles, signal).await)
}

/// What one cycle's report makes of `--once`.
pub(super) fn judge(report: &Report) -> Exit {
    match &report.committed {
        Ok(committed) if committed.archive.is_ok() && committed.log.is_ok() => {
            if report.errors > 0 || report.interrupted { Exit::Imperfect } else { Exit::Done }
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
