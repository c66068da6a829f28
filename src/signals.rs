//! SIGINT and SIGTERM: the first one asks the program to end, the second one ends it. SIGHUP asks it to read its
//! configuration again.
//!
//! The second one must work however stuck the program is, so a thread of its own waits for all of them:
//! it needs neither the runtime nor stderr.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use futures_util::future::{BoxFuture, FutureExt as _, Shared};
use minutebook::access::exec;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;
use signal_hook::iterator::Signals as Arriving;
use signal_hook::low_level::emulate_default_handler;
use tokio::sync::{oneshot, watch};

/// Resolves to the name of the first signal that asks the program to end.
pub(crate) type FirstSignal = Shared<BoxFuture<'static, &'static str>>;

/// What the signals ask for, from [`listen`] on.
pub(crate) struct Signals {
    pub(crate) first: FirstSignal,
    pub(crate) reloads: Reloads,
}

/// What SIGHUP means.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hangup {
    /// What it meant before: for whoever waits at a terminal for one cycle it ends the program when the terminal
    /// closes, unless `nohup` said otherwise.
    Untouched,
    /// Read the configuration again, and never end: the convention of daemons. It holds at a terminal, and where
    /// the signal was ignored at the start (`nohup`), too: who asked for that wants the program to survive, which
    /// it does, and who sends the signal by hand wants to be heard.
    Reloads,
}

/// Requests to read the configuration again. Those that come while one is being served are one.
pub(crate) struct Reloads(watch::Receiver<()>);

impl Reloads {
    /// Waits for the next one.
    pub(crate) async fn next(&mut self) {
        if self.0.changed().await.is_err() {
            // Nobody listens to the signal, so nobody can ask.
            std::future::pending::<()>().await;
        }
    }
}

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
pub(crate) fn listen(hangup: Hangup) -> io::Result<Signals> {
    let mut arriving = Arriving::new([SIGINT, SIGTERM])?;
    if hangup == Hangup::Reloads {
        arriving.add_signal(SIGHUP)?;
    }
    let (first, told) = oneshot::channel();
    let mut first = Some(first);
    let (reload, reloads) = watch::channel(());
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        for number in arriving.forever() {
            if number == SIGHUP {
                reload.send_replace(());
            } else if let Some(first) = first.take() {
                begin_to_end(number, first);
            } else {
                end_at_once(number);
            }
        }
    })?;
    let forever = |name: Result<&'static str, _>| async move {
        match name {
            Ok(name) => name,
            Err(_) => std::future::pending().await,
        }
    };
    Ok(Signals { first: told.then(forever).boxed().shared(), reloads: Reloads(reloads) })
}

/// From now on SIGINT and SIGTERM end the program at once, as they do by themselves, and credential plugins with it: they
/// have process groups of their own. For commands that have nothing to commit.
///
/// # Errors
/// What the system said.
pub(crate) fn end_at_first() -> io::Result<()> {
    let mut arriving = Arriving::new([SIGINT, SIGTERM])?;
    thread::Builder::new()
        .name("signals".to_owned())
        .spawn(move || arriving.forever().for_each(end_at_once))?;
    Ok(())
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
    exec::end_all();
    if let Err(error) = emulate_default_handler(number) {
        tracing::error!("could not end by the signal: {error}");
    }
}
