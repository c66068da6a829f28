//! All loops together: which targets there are, and what becomes of them when the configuration is read again.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Weak};

use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::target_loop::{self, Cycles, Start};
use crate::cycle::{Context, Report};

/// Is told when a slot has ended, in a commit or not.
pub type Observer = Arc<dyn Fn(&Report) + Send + Sync>;

/// Which record it is: the same target in another AUDIT_DIR is another one.
type Key = (PathBuf, String);

/// What reading the configuration again has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reloaded {
    /// Targets from now on.
    pub targets: usize,
    /// Those that were not there before.
    pub new: usize,
    /// Those that are there no more.
    pub gone: usize,
}

/// What one loop is told.
struct Loop {
    orders: watch::Sender<Option<Arc<Context>>>,
    /// The last that it was told, as long as somebody has it: a cycle in hand keeps it.
    last: Weak<Context>,
}

/// The targets that are recorded.
pub struct Fleet {
    cycles: Cycles,
    observer: Observer,
    /// Every loop that was ever begun. One whose target is gone waits for its return: two loops of one target would
    /// lock each other out.
    loops: BTreeMap<Key, Loop>,
    running: JoinSet<Option<Report>>,
}

impl Fleet {
    /// No targets yet.
    #[must_use]
    pub fn new(cycles: Cycles, observer: Observer) -> Self {
        Self { cycles, observer, loops: BTreeMap::new(), running: JoinSet::new() }
    }

    /// Records `targets` until `signal` resolves to a signal's name; a target alone begins at once, and several each
    /// at a phase of their own. Whatever comes from `reloads` replaces the targets from their next cycles on; what that
    /// changed is given to `reloaded`. Returns each loop's last report, in no order.
    pub async fn run<F>(
        mut self,
        targets: Vec<Arc<Context>>,
        mut reloads: mpsc::Receiver<Vec<Context>>,
        reloaded: impl Fn(Reloaded),
        signal: F,
    ) -> Vec<Option<Report>>
    where
        F: Future<Output = &'static str> + Clone + Send + 'static,
    {
        let start = match (self.cycles, targets.len()) {
            (Cycles::One, _) | (Cycles::UntilSignal, 0 | 1) => Start::AtOnce,
            (Cycles::UntilSignal, _) => Start::AtPhase,
        };
        self.replace(targets, start, &signal);
        let mut reports = Vec::new();
        let mut open = true;
        loop {
            tokio::select! {
                biased;
                targets = reloads.recv(), if open => match targets {
                    Some(targets) => {
                        let targets = self.carry_on(targets);
                        reloaded(self.replace(targets, Start::AtPhase, &signal));
                    }
                    None => open = false,
                },
                ended = self.running.join_next(), if !self.running.is_empty() => match ended {
                    Some(Ok(report)) => reports.push(report),
                    // A cycle catches its own; this one was in the loop around it.
                    Some(Err(bug)) => tracing::error!("a bug in minutebook ended a target's loop, please report it: {bug}"),
                    None => {}
                },
                // With all targets taken away there is nobody left to hear it.
                _ = signal.clone(), if self.running.is_empty() => return reports,
            }
            if self.running.is_empty() && self.cycles == Cycles::One {
                return reports;
            }
        }
    }

    /// Has those that are there already go on where they are.
    fn carry_on(&self, targets: Vec<Context>) -> Vec<Arc<Context>> {
        let carry_on = |mut context: Context| {
            if let Some(before) = self.loops.get(&key(&context)).and_then(|known| known.last.upgrade()) {
                context.carry_from(&before);
            }
            Arc::new(context)
        };
        targets.into_iter().map(carry_on).collect()
    }

    fn replace<F>(&mut self, targets: Vec<Arc<Context>>, start: Start, signal: &F) -> Reloaded
    where
        F: Future<Output = &'static str> + Clone + Send + 'static,
    {
        let mut before = std::mem::take(&mut self.loops);
        let mut reloaded = Reloaded { targets: targets.len(), new: 0, gone: 0 };
        for context in targets {
            let (key, last) = (key(&context), Arc::downgrade(&context));
            let orders = if let Some(Loop { orders, .. }) = before.remove(&key) {
                let was = orders.send_replace(Some(context));
                reloaded.new += usize::from(was.is_none());
                orders
            } else {
                reloaded.new += 1;
                let (orders, ordered) = watch::channel(Some(context));
                let observer = Arc::clone(&self.observer);
                self.running.spawn(target_loop::run(ordered, start, self.cycles, signal.clone(), observer));
                orders
            };
            self.loops.insert(key, Loop { orders, last });
        }
        for (key, Loop { orders, last }) in before {
            reloaded.gone += usize::from(orders.send_replace(None).is_some());
            self.loops.insert(key, Loop { orders, last });
        }
        reloaded
    }
}

fn key(context: &Context) -> Key {
    (context.audit_dir.path().to_owned(), context.endpoint.target.to_string())
}
