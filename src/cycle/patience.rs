//! Waiting for a disk that does not answer: as long as it takes, and not in silence.

use tokio::task::{JoinError, spawn_blocking};

use super::Context;
use crate::model::tick::Tick;

/// Runs work that blocks, and says so on stderr when the disk takes longer than the interval: it is waited for,
/// because what it does cannot be undone.
pub(super) async fn patiently<T: Send + 'static>(
    context: &Context,
    tick: &Tick,
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, JoinError> {
    let mut work = spawn_blocking(work);
    let mut until = context.clock.boot() + context.interval;
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = context.clock.sleep_until(until) => {}
        }
        let path = context.audit_dir.path().display();
        let target = &context.endpoint.target;
        let (slot, interval) = (tick.slot, humantime::format_duration(context.interval));
        tracing::error!(
            "slot {slot} of {target} waits for AUDIT_DIR `{path}`, which has not answered for {interval}; slots that are over are missed"
        );
        until = context.clock.boot() + context.interval;
    }
}
