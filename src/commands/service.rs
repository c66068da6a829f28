//! `minutebook run` as a service: until a signal, with the service manager told and the configuration read again
//! when it asks.

use std::collections::BTreeSet;
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::FutureExt as _;
use minutebook::config::{Config, Loader, Shared};
use minutebook::cycle::Context;
use minutebook::recorder::{Cycles, Fleet, Reloaded};
use tokio::sync::mpsc;
use tokio::task::spawn_blocking;

use super::run::{begin, contexts};
use crate::exit::Failure;
use crate::notify::Notify;
use crate::open_files;
use crate::signals::{Hangup, Reloads, Signals};

/// Records until a signal.
pub(super) async fn record(
    targets: Vec<Arc<Context>>,
    loader: Loader,
    kubeconfigs: BTreeSet<PathBuf>,
    shared: Shared,
    notify: &Notify,
) -> Result<(), Failure> {
    let Signals { first, reloads } = begin(&targets, Hangup::Reloads).await?;
    let teller = notify.clone();
    let first = first.inspect(move |_| teller.stopping()).boxed().shared();
    // In this order: the watchdog runs from READY=1 on.
    let longest = longest(targets.iter().map(|context| &**context));
    notify.watchdog(longest);
    notify.ready();
    show(notify, targets.iter().map(|context| &**context));
    let feeder = notify.clone();
    let fleet = Fleet::new(Cycles::UntilSignal, Arc::new(move |_| feeder.slot_ended()));
    let (sender, receiver) = mpsc::channel(1);
    let reloading = Reloading { loader, kubeconfigs, shared, notify, longest, targets: sender };
    tokio::select! {
        _ = fleet.run(targets, receiver, reloaded, first) => Ok(()),
        never = reloading.serve(reloads) => match never {},
    }
}

/// The longest interval of all targets.
fn longest<'a>(targets: impl Iterator<Item = &'a Context>) -> Duration {
    targets.map(|context| context.interval).max().unwrap_or_default()
}

/// Tells the service manager what is recorded.
fn show<'a>(notify: &Notify, targets: impl Iterator<Item = &'a Context>) {
    let targets: Vec<&Context> = targets.collect();
    match &targets[..] {
        [only] => {
            let every = humantime::format_duration(only.interval);
            notify.status(&format!("recording {} every {every}", only.endpoint.target));
        }
        several => notify.status(&format!("recording {} targets", several.len())),
    }
}

fn reloaded(Reloaded { targets, new, gone }: Reloaded) {
    tracing::info!(
        "SIGHUP: the configuration was read again: targets {targets}, of which new {new}; gone {gone}"
    );
}

/// Answers requests to read the configuration again.
struct Reloading<'a> {
    loader: Loader,
    /// Those that said where the targets are.
    kubeconfigs: BTreeSet<PathBuf>,
    shared: Shared,
    notify: &'a Notify,
    /// The longest interval that there was: a cycle that began by it may still be in hand.
    longest: Duration,
    targets: mpsc::Sender<Vec<Context>>,
}

impl Reloading<'_> {
    async fn serve(mut self, mut reloads: Reloads) -> Infallible {
        loop {
            reloads.next().await;
            // The service manager that asked waits for both.
            self.notify.reloading();
            self.reload().await;
            self.notify.ready();
        }
    }

    async fn reload(&mut self) {
        let files = self.loader.file().into_iter().chain(self.kubeconfigs.iter().map(PathBuf::as_path));
        let files: Vec<String> = files.map(|path| format!("`{}`", path.display())).collect();
        if files.is_empty() {
            tracing::info!(
                "SIGHUP: there is no configuration file or kubeconfig to read again; files that the options name are read anew for each cycle anyway"
            );
            return;
        }
        let targets = match self.load().await {
            Ok(targets) => targets,
            Err(mistakes) => {
                for mistake in mistakes {
                    tracing::error!("SIGHUP: {mistake}");
                }
                tracing::error!("SIGHUP: {} changes nothing until that is mended", files.join(", "));
                return;
            }
        };
        self.longest = self.longest.max(longest(targets.iter()));
        self.notify.watchdog(self.longest);
        open_files::warn_if_too_few(targets.len());
        show(self.notify, targets.iter());
        // If the fleet has ended, so has the program.
        let _ = self.targets.send(targets).await;
    }

    /// The targets as they are configured now, or everything that is wrong.
    async fn load(&mut self) -> Result<Vec<Context>, Vec<String>> {
        let loader = self.loader.clone();
        let read = spawn_blocking(move || loader.load()).await;
        let config = read.map_err(|bug| vec![bug.to_string()])?;
        let Config { targets, state_dir, kubeconfigs, .. } = config.map_err(|mistakes| mistakes.lines())?;
        self.kubeconfigs = kubeconfigs;
        Ok(contexts(targets, state_dir.as_deref(), &self.shared))
    }
}
