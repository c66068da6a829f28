//! SIGINT and SIGTERM: the first one asks the program to end, the second one ends it.

use futures_util::future::{BoxFuture, FutureExt as _, Shared};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::low_level::emulate_default_handler;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::oneshot;

/// Resolves to the first signal's name.
pub(crate) type FirstSignal = Shared<BoxFuture<'static, &'static str>>;

/// Listens from now on. To be called within the runtime.
///
/// # Errors
/// What the system said.
pub(crate) fn listen() -> std::io::Result<FirstSignal> {
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let (first, told) = oneshot::channel();
    #[expect(
        clippy::disallowed_methods,
        reason = "it listens as long as the process lives; there is nothing to join"
    )]
    tokio::spawn(async move {
        let (_, name) = next(&mut interrupt, &mut terminate).await;
        tracing::info!(
            "{name}: ending, once what there is of a cycle in hand is committed; a second signal ends at once"
        );
        // Nobody listens if the program is ending anyway.
        let _ = first.send(name);
        let (number, _) = next(&mut interrupt, &mut terminate).await;
        if let Err(error) = emulate_default_handler(number) {
            tracing::error!("could not end by the signal: {error}");
        }
    });
    let forever = |name: Result<&'static str, _>| async move {
        match name {
            Ok(name) => name,
            Err(_) => std::future::pending().await,
        }
    };
    Ok(told.then(forever).boxed().shared())
}

async fn next(interrupt: &mut Signal, terminate: &mut Signal) -> (i32, &'static str) {
    tokio::select! {
        _ = interrupt.recv() => (SIGINT, "SIGINT"),
        _ = terminate.recv() => (SIGTERM, "SIGTERM"),
    }
}
