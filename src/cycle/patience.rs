//! Waiting for a disk that does not answer: as long as it takes, and not in silence.

use std::time::Duration;

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
    let began = context.clock.boot();
    let mut until = began + context.interval;
    loop {
        tokio::select! {
            done = &mut work => return done,
            () = context.clock.sleep_until(until) => {}
        }
        let path = context.audit_dir.path().display();
        let target = &context.endpoint.target;
        let waited = Duration::from_secs(context.clock.boot().since(began).as_secs());
        let (slot, waited) = (tick.slot, humantime::format_duration(waited));
        tracing::error!(
            "slot {slot} of {target} waits for AUDIT_DIR `{path}`, which has not answered for {waited}; slots that are over are missed"
        );
        until = context.clock.boot() + context.interval;
    }
}
