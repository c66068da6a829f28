//! SIGINT and SIGTERM: the first one asks the program to end, the second one ends it.
//!
//! The second one must work however stuck the program is, so a thread of its own waits for both:
//! it needs neither the runtime nor stderr.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use futures_util::future::{BoxFuture, FutureExt as _, Shared};
use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;
use tokio::sync::oneshot;

/// Resolves to the first signal's name.
pub(crate) type FirstSignal = Shared<BoxFuture<'static, &'static str>>;

/// Has a write beyond the limit of a file's size (`ulimit -f`) fail, instead of ending the
/// program: what cannot be written is told and survived like a full disk.
///
/// # Errors
/// What the system said.
pub(crate) fn survive_file_size_limit() -> io::Result<()> {
    flag::register(SIGXFSZ, Arc::new(AtomicBool::new(false))).map(|_| ())
}

/// Listens from now on.
///
/// # Errors
/// What the system said.
pub(crate) fn listen() -> io::Result<FirstSignal> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let (first, told) = oneshot::channel();
    let mut first = Some(first);
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for number in signals.forever() {
            match first.take() {
                Some(first) => begin_to_end(number, first),
                None => end_at_once(number),
            }
        }
    })?;
    let forever = |name: Result<&'static str, _>| async move {
        match name {
            Ok(name) => name,
            Err(_) => std::future::pending().await,
        }
    };
    Ok(told.then(forever).boxed().shared())
}

fn begin_to_end(number: i32, first: oneshot::Sender<&'static str>) {
    let name = if number == SIGINT { "SIGINT" } else { "SIGTERM" };
    // First, because the program may be gone a moment after it was told; a stalled stderr does not
    // hold this up, for messages pass through a queue.
    tracing::info!(
        "{name}: ending, once what there is of a cycle in hand is committed; a second signal ends at once"
    );
    // Nobody listens if the program is ending anyway.
    let _ = first.send(name);
}

fn end_at_once(number: i32) {
    if let Err(error) = emulate_default_handler(number) {
        tracing::error!("could not end by the signal: {error}");
    }
}
