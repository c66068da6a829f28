//! Compiled components in memory, by their digest: each is made once, however many targets have it.

use std::collections::HashMap;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use super::engine::Filter;
use super::error::Error;
use crate::model::digest::Sha256;

/// Bytes of the files of all components that nobody has in hand and whose compiled code is kept all the same: one that
/// is larger is kept alone. Compiled, they take up to ten times as much.
const IDLE_BYTES: usize = 16 << 20;
/// What a component counts for at least, so that there are few.
const LEAST_BYTES: usize = 2 << 20;
/// Components of which it is remembered why they cannot be compiled.
const FAILED: usize = 1000;

/// What became of making one.
type Outcome = Result<Arc<Filter>, Error>;

/// The components that are in use, and those that were used last.
#[derive(Default)]
pub(super) struct Cache(Mutex<State>);

#[derive(Default)]
struct State {
    /// Least recently used first.
    kept: Vec<Kept>,
    /// Oldest first.
    failed: Vec<(Sha256, Error)>,
    under_way: HashMap<Sha256, Arc<UnderWay>>,
}

struct Kept {
    digest: Sha256,
    bytes: usize,
    filter: Arc<Filter>,
}

/// One that is being made, by whoever came first.
#[derive(Default)]
struct UnderWay {
    outcome: Mutex<Option<Outcome>>,
    made: Condvar,
}

impl Cache {
    /// The compiled component, of a file with so many bytes; made by `make` if it is not there. Whoever comes while it
    /// is being made waits for that. A caller that gives up in the meantime loses nothing: the thread that it leaves
    /// behind keeps the result.
    pub(super) fn get(
        &self,
        digest: Sha256,
        bytes: usize,
        make: impl FnOnce() -> Result<Filter, Error>,
    ) -> Outcome {
        let (first, under_way) = {
            let mut state = self.state();
            if let Some(outcome) = state.find(digest) {
                return outcome;
            }
            let first = !state.under_way.contains_key(&digest);
            if first {
                // Room is made first, so that no more is held while it is made.
                state.make_room(bytes);
            }
            (first, Arc::clone(state.under_way.entry(digest).or_default()))
        };
        if !first {
            return under_way.wait();
        }
        let mut end = End { cache: self, digest, bytes, outcome: None };
        let outcome = make().map(Arc::new);
        end.outcome = Some(outcome.clone());
        outcome
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // What is behind the lock is changed by steps that do not panic.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Tells those who wait what became of it when it is dropped, after a panic too.
struct End<'a> {
    cache: &'a Cache,
    digest: Sha256,
    bytes: usize,
    outcome: Option<Outcome>,
}

impl Drop for End<'_> {
    fn drop(&mut self) {
        let bug = || Err(Error::CompilerDied("a bug in minutebook, please report it".to_owned()));
        let outcome = self.outcome.take().unwrap_or_else(bug);
        let mut state = self.cache.state();
        state.keep(self.digest, self.bytes, &outcome);
        if let Some(under_way) = state.under_way.remove(&self.digest) {
            *under_way.outcome.lock().unwrap_or_else(PoisonError::into_inner) = Some(outcome);
            under_way.made.notify_all();
        }
    }
}

impl UnderWay {
    fn wait(&self) -> Outcome {
        let mut outcome = self.outcome.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if let Some(outcome) = &*outcome {
                return outcome.clone();
            }
            outcome = self.made.wait(outcome).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl State {
    fn find(&mut self, digest: Sha256) -> Option<Outcome> {
        if let Some((_, error)) = self.failed.iter().find(|(failed, _)| *failed == digest) {
            return Some(Err(error.clone()));
        }
        let index = self.kept.iter().position(|kept| kept.digest == digest)?;
        let kept = self.kept.remove(index);
        let filter = Arc::clone(&kept.filter);
        self.kept.push(kept);
        Some(Ok(filter))
    }

    fn keep(&mut self, digest: Sha256, bytes: usize, outcome: &Outcome) {
        match outcome {
            Ok(filter) => {
                self.kept.push(Kept { digest, bytes: bytes.max(LEAST_BYTES), filter: Arc::clone(filter) });
            }
            Err(error) if error.is_of_the_machine() => {}
            Err(error) => {
                let beyond = (self.failed.len() + 1).saturating_sub(FAILED);
                self.failed.drain(..beyond);
                self.failed.push((digest, error.clone()));
            }
        }
    }

    /// Lets those go that nobody has in hand, the least recently used first.
    fn make_room(&mut self, wanted: usize) {
        let mut room = IDLE_BYTES.saturating_sub(wanted.max(LEAST_BYTES));
        let stays = |kept: &Kept| {
            let in_use = Arc::strong_count(&kept.filter) > 1;
            let fits = in_use || kept.bytes <= room;
            room = match (in_use, fits) {
                (true, _) => room,
                (false, true) => room - kept.bytes,
                (false, false) => 0,
            };
            fits
        };
        let mut stays: Vec<bool> = self.kept.iter().rev().map(stays).collect();
        self.kept.retain(|_| stays.pop().unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn digest(number: usize) -> Sha256 {
        Sha256::of(&number.to_be_bytes())
    }

    fn failed(number: usize) -> Error {
        Error::Malformed(number.to_string())
    }

    /// Whether it had to be made.
    fn get(cache: &Cache, number: usize) -> bool {
        let mut made = false;
        let found = cache.get(digest(number), 30 << 20, || {
            made = true;
            Err(failed(number))
        });
        assert_eq!(found.err(), Some(failed(number)));
        made
    }

    #[test]
    fn what_cannot_be_compiled_is_not_compiled_again_however_large_it_is() {
        let cache = Cache::default();
        for round in 0..3 {
            for number in 0..FAILED {
                assert_eq!(get(&cache, number), round == 0, "{number}");
            }
        }
        // They are bounded in number.
        assert!(get(&cache, FAILED) && !get(&cache, 1) && get(&cache, 0));
    }

    #[test]
    fn what_failed_because_of_the_machine_is_tried_again() {
        let cache = Cache::default();
        let busy = || Err(Error::Compiler("too many processes".to_owned()));
        assert!(cache.get(digest(1), 1, busy).is_err());
        assert!(get(&cache, 1) && !get(&cache, 1));
    }

    #[test]
    fn who_wants_the_same_waits_for_it_and_who_wants_another_does_not() {
        let cache = Cache::default();
        let (begun, has_begun) = mpsc::channel();
        let (end, ends) = mpsc::channel::<()>();
        std::thread::scope(|scope| {
            let cache = &cache;
            let slow = scope.spawn(move || {
                cache.get(digest(1), 1, || {
                    begun.send(()).unwrap();
                    ends.recv().unwrap();
                    Err(failed(1))
                })
            });
            has_begun.recv().unwrap();
            let same = scope.spawn(move || get(cache, 1));
            assert!(get(cache, 2));
            end.send(()).unwrap();
            assert!(slow.join().unwrap().is_err() && !same.join().unwrap());
        });
    }

    #[test]
    fn a_panic_while_it_is_made_is_told_to_those_who_wait_and_leaves_it_usable() {
        let cache = Cache::default();
        let (begun, has_begun) = mpsc::channel();
        let (end, ends) = mpsc::channel::<()>();
        std::thread::scope(|scope| {
            let cache = &cache;
            let make = move || -> Result<Filter, Error> {
                begun.send(()).unwrap();
                ends.recv().unwrap();
                std::panic::resume_unwind(Box::new("a bug of the compiler"))
            };
            let first = scope.spawn(move || cache.get(digest(1), 1, make).is_ok());
            has_begun.recv().unwrap();
            let under_way = Arc::clone(&cache.state().under_way[&digest(1)]);
            end.send(()).unwrap();
            assert!(first.join().is_err());
            assert!(matches!(under_way.wait(), Err(Error::CompilerDied(_))));
        });
        assert!(get(&cache, 1) && !get(&cache, 1));
    }
}
