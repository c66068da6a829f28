//! Advances the engine's epoch, so that a guest that never ends meets its deadline.
//!
//! Compiled code looks at the epoch at every loop and call, and asks for the time when it has moved.
//! The thread that moves it sleeps without a timer while no selection runs, and ends with its owner.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use wasmtime::Engine;

/// How late a deadline can be noticed: a hundredth of the default one.
const TICK: Duration = Duration::from_millis(10);

pub(super) struct Ticker {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// Selections that run now.
    running: usize,
    ended: bool,
}

/// The epoch advances while one of these is alive.
pub(super) struct Ticking<'a>(&'a Shared);

impl Ticker {
    pub(super) fn new(engine: Engine) -> std::io::Result<Self> {
        let shared = Arc::<Shared>::default();
        let thread = std::thread::Builder::new().name("filter-ticker".to_owned()).spawn({
            let shared = Arc::clone(&shared);
            move || shared.tick(&engine)
        })?;
        Ok(Self { shared, thread: Some(thread) })
    }

    pub(super) fn start(&self) -> Ticking<'_> {
        self.shared.lock().running += 1;
        self.shared.changed.notify_one();
        Ticking(&self.shared)
    }
}

impl Drop for Ticking<'_> {
    fn drop(&mut self) {
        // The thread sees it at its next tick, and sleeps from then on.
        self.0.lock().running -= 1;
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.shared.lock().ended = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // It does nothing that can panic, and there is nobody to tell.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn tick(&self, engine: &Engine) {
        let mut state = self.lock();
        while !state.ended {
            if state.running == 0 {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            // Woken early, it ticks early: no harm, for what counts at a tick is the clock.
            state = self.changed.wait_timeout(state, TICK).unwrap_or_else(PoisonError::into_inner).0;
            engine.increment_epoch();
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
