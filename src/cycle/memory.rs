//! What a target remembers in the state folder, read and written so that a folder that does not answer costs a
//! warning and nothing else.

use std::path::{Path, PathBuf};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use tokio::runtime::Handle;

use super::Context;
use crate::ledger::{State, read_state, render_state};
use crate::model::digest::Sha256;
use crate::model::limits::STATE_BYTES;
use crate::store::StateDir;

/// How long the first cycle waits for the state.
const PATIENCE: Duration = Duration::from_secs(2);

/// Writes states one after the other, and only the latest of those that wait.
#[derive(Default)]
pub(super) struct Memory(Arc<Mutex<Writing>>);

#[derive(Default)]
struct Writing {
    /// Whether a thread is at it.
    under_way: bool,
    next: Option<String>,
    /// Why the last one could not be written, if nobody was told yet.
    trouble: Option<String>,
}

impl Memory {
    /// Reads what the target remembers; `Ok(None)` if that is nothing.
    ///
    /// # Errors
    /// Why it cannot be used, in words.
    pub(super) fn read(context: &Context) -> Result<Option<State>, String> {
        let Some(state_dir) = context.state_dir.clone() else { return Ok(None) };
        let file = state_file(context);
        let path = state_dir.path().join(&file);
        let (sender, answer) = mpsc::channel();
        let read = move || {
            // Who waited may have given up.
            let _ = sender.send(state_dir.read(&file, STATE_BYTES));
        };
        // On no thread for blocking work: this is one, and waits for it.
        let reader = thread::Builder::new().name("state".to_owned()).spawn(read);
        reader.map_err(|error| format!("the state `{}`: no thread to read it: {error}", path.display()))?;
        let state = match answer.recv_timeout(PATIENCE) {
            Ok(Ok(None)) => return Ok(None),
            Ok(Ok(Some(bytes))) => read_state(&bytes).map_err(|error| error.to_string()),
            Ok(Err(error)) => Err(error.to_string()),
            Err(RecvTimeoutError::Timeout | RecvTimeoutError::Disconnected) => {
                Err("its file system did not answer in time".to_owned())
            }
        };
        state.map(Some).map_err(|why| format!("the state `{}`: {why}", path.display()))
    }

    /// Has the state be written soon. Does not wait.
    pub(super) fn write(&self, context: &Context, state: &State) {
        let Some(state_dir) = context.state_dir.clone() else { return };
        let mut writing = lock(&self.0);
        writing.next = Some(render_state(state));
        if std::mem::replace(&mut writing.under_way, true) {
            return;
        }
        drop(writing);
        let (shared, file) = (Arc::clone(&self.0), state_file(context));
        Handle::current().spawn_blocking(move || write_all(&shared, &state_dir, &file));
    }

    /// Why the last state could not be written, once.
    pub(super) fn trouble(&self) -> Option<String> {
        lock(&self.0).trouble.take()
    }
}

fn write_all(shared: &Mutex<Writing>, state_dir: &StateDir, file: &Path) {
    loop {
        let mut writing = lock(shared);
        let Some(text) = writing.next.take() else {
            writing.under_way = false;
            return;
        };
        drop(writing);
        if let Err(error) = state_dir.replace(file, text.as_bytes()) {
            let path = state_dir.path().join(file);
            let trouble = format!("the state `{}` could not be written: {error}", path.display());
            lock(shared).trouble = Some(trouble);
        }
    }
}

/// What it guards is replaced as a whole.
fn lock(writing: &Mutex<Writing>) -> MutexGuard<'_, Writing> {
    writing.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Below the state folder. Targets of the same name in different AUDIT_DIRs are different ones, and one AUDIT_DIR is
/// the same however its path is written.
fn state_file(context: &Context) -> PathBuf {
    let audit_dir = context.audit_dir.path();
    // Only an empty path has no absolute one.
    let absolute = std::path::absolute(audit_dir).unwrap_or_else(|_| audit_dir.to_owned());
    let absolute: PathBuf = absolute.components().collect();
    let digest = Sha256::of(absolute.as_os_str().as_encoded_bytes()).to_string();
    let [host, cluster, scope] = context.endpoint.target.folders();
    [&digest[..16], &host, &cluster, &format!("{scope}.json")].iter().collect()
}
