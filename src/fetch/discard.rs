//! Lists that are given up: dropping one gives its room on the disk back, which blocks.

use std::time::Duration;

use futures_util::stream::{FuturesUnordered, StreamExt as _};
use tokio::task::{JoinHandle, spawn_blocking};
use tokio::time::timeout;

/// How long their room is waited for: a disk that takes longer keeps the archive waiting, which is told.
const PATIENCE: Duration = Duration::from_secs(5);

/// Drops a value on a thread that may block.
pub fn discard<T: Send + 'static>(value: T) -> JoinHandle<()> {
    spawn_blocking(move || drop(value))
}

/// What is being discarded.
#[derive(Debug, Default)]
pub(super) struct Discarded(FuturesUnordered<JoinHandle<()>>);

impl Discarded {
    /// Discards a list, if there is one still.
    pub(super) fn add<L: Send + 'static>(&self, list: Option<L>) {
        if let Some(list) = list {
            self.0.push(discard(list));
        }
    }

    /// Returns when there is the room again that they took, so that it can go to the archive.
    pub(super) async fn gone(self) {
        // Whoever has no patience any more does without; a bug in dropping costs no more than room.
        let _ = timeout(PATIENCE, self.0.count()).await;
    }
}
