//! SIGINT and SIGTERM: the first one asks the program to end, the second one ends it.
//!
//! The second one must work however stuck the program is, so the signal handler itself obeys it;
//! neither the runtime nor stderr is needed for that.

use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use futures_util::future::{BoxFuture, FutureExt as _, Shared};
use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::oneshot;

/// Resolves to the first signal's name.
pub(crate) type FirstSignal = Shared<BoxFuture<'static, &'static str>>;

/// Has a write beyond the limit of a file's size (`ulimit -f`) fail, instead of ending the
/// program: what cannot be written is told and survived like a full disk.
///
/// # Errors
/// What the system said.
pub(crate) fn survive_file_size_limit() -> std::io::Result<()> {
    flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false))).map(|_| ())
}

/// Listens from now on. To be called within the runtime.
///
/// # Errors
/// What the system said.
pub(crate) fn listen() -> std::io::Result<FirstSignal> {
    let seen = Arc::new(AtomicBool::new(false));
    for number in [SIGINT, SIGTERM] {
        // In this order: the first signal finds the flag down and puts it up.
        flag::register_conditional_default(number, Arc::clone(&seen))?;
        flag::register(number, Arc::clone(&seen))?;
    }
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (first, told) = oneshot::channel();
    #[expect(clippy::disallowed_methods, reason = "it listens as long as the process lives")]
    tokio::spawn(async move {
        let name = tokio::select! {
            _ = interrupt.recv() => "SIGINT",
            _ = terminate.recv() => "SIGTERM",
        };
        // Nobody listens if the program is ending anyway.
        let _ = first.send(name);
        tracing::info!(
            "{name}: ending, once what there is of a cycle in hand is committed; a second signal ends at once"
        );
    });
    let forever = |name: Result<&'static str, _>| async move {
        match name {
            Ok(name) => name,
            Err(_) => std::future::pending().await,
        }
    };
    Ok(told.then(forever).boxed().shared())
}
