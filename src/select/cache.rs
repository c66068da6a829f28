//! Compiled components in memory, kept by their digest, so that targets with different filters do not compile them by turns.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::engine::Filter;
use super::error::Error;
use crate::model::digest::Sha256;

/// Bytes of the files of all components that nobody has in hand and whose compiled code is kept all the same: one that is
/// larger is kept alone. Compiled, they take up to ten times as much.
const IDLE_BYTES: usize = 16 << 20;
/// What a component counts for at least, so that there are few.
const LEAST_BYTES: usize = 2 << 20;

/// The components that are in use, and those that were used last.
#[derive(Default)]
pub(super) struct Cache {
    /// Least recently used first.
    kept: Mutex<Vec<Compiled>>,
    /// Held while compiling, so that one compilation runs at a time, and a caller that gives up in the meantime
    /// loses nothing: the thread that it leaves behind keeps the result, for the next cycle. Whoever finds his
    /// component compiled never waits for it.
    compiling: Mutex<()>,
}

struct Compiled {
    digest: Sha256,
    bytes: usize,
    /// A component that cannot be compiled is not compiled again either, as long as that is for its own sake.
    outcome: Result<Arc<Filter>, Error>,
}

impl Compiled {
    fn is_in_use(&self) -> bool {
        self.outcome.as_ref().is_ok_and(|filter| Arc::strong_count(filter) > 1)
    }
}

impl Cache {
    /// The compiled component; if it is not there, the one that is `ready` elsewhere, else made by `compile`.
    pub(super) fn get(
        &self,
        digest: Sha256,
        bytes: usize,
        ready: impl FnOnce() -> Option<Filter>,
        compile: impl FnOnce() -> Result<Filter, Error>,
    ) -> Result<Arc<Filter>, Error> {
        if let Some(outcome) = self.find(digest) {
            return outcome;
        }
        if let Some(filter) = ready() {
            return self.keep(digest, bytes, Ok(filter));
        }
        // Neither lock guards anything half done, so a panic while compiling leaves both sound.
        let _compiling = self.compiling.lock().unwrap_or_else(PoisonError::into_inner);
        // Others may have compiled it while this one waited.
        if let Some(outcome) = self.find(digest) {
            return outcome;
        }
        // Room is made first, so that no more is held while compiling.
        self.make_room(bytes.max(LEAST_BYTES));
        self.keep(digest, bytes, compile())
    }

    fn keep(
        &self,
        digest: Sha256,
        bytes: usize,
        outcome: Result<Filter, Error>,
    ) -> Result<Arc<Filter>, Error> {
        let outcome = outcome.map(Arc::new);
        if outcome.as_ref().is_err_and(Error::is_of_the_machine) {
            return outcome;
        }
        let bytes = bytes.max(LEAST_BYTES);
        self.make_room(bytes);
        let mut kept = self.kept();
        // Two may have found it on disk at once.
        kept.retain(|compiled| compiled.digest != digest);
        kept.push(Compiled { digest, bytes, outcome: outcome.clone() });
        outcome
    }

    fn find(&self, digest: Sha256) -> Option<Result<Arc<Filter>, Error>> {
        let mut kept = self.kept();
        let index = kept.iter().position(|compiled| compiled.digest == digest)?;
        let compiled = kept.remove(index);
        let outcome = compiled.outcome.clone();
        kept.push(compiled);
        Some(outcome)
    }

    /// Lets those go that nobody has in hand, the least recently used first.
    fn make_room(&self, wanted: usize) {
        let mut room = IDLE_BYTES.saturating_sub(wanted);
        let mut kept = self.kept();
        let mut stays: Vec<bool> = kept
            .iter()
            .rev()
            .map(|compiled| {
                compiled.is_in_use() || {
                    let fits = compiled.bytes <= room;
                    room = if fits { room - compiled.bytes } else { 0 };
                    fits
                }
            })
            .collect();
        kept.retain(|_| stays.pop().unwrap_or_default());
    }

    fn kept(&self) -> MutexGuard<'_, Vec<Compiled>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    fn digest(number: usize) -> Sha256 {
        Sha256::of(&number.to_be_bytes())
    }

    /// What came of compiling, told by the error.
    fn outcome(number: usize) -> Result<Filter, Error> {
        Err(Error::Malformed(number.to_string()))
    }

    fn get(cache: &Cache, number: usize, bytes: usize) -> bool {
        let mut compiled = false;
        let found = cache.get(
            digest(number),
            bytes,
            || None,
            || {
                compiled = true;
                outcome(number)
            },
        );
        assert_eq!(found.err(), outcome(number).err());
        compiled
    }

    #[test]
    fn what_was_compiled_is_not_compiled_again_not_even_if_it_failed() {
        let cache = Cache::default();
        for round in 0..3 {
            for number in 0..8 {
                assert_eq!(get(&cache, number, 100_000), round == 0, "{number}");
            }
        }
    }

    #[test]
    fn what_failed_because_of_the_machine_is_tried_again() {
        let cache = Cache::default();
        let failed = || Err(Error::Compiler("too many processes".to_owned()));
        assert!(cache.get(digest(1), 1, || None, failed).is_err());
        assert!(get(&cache, 1, 1) && !get(&cache, 1, 1));
    }

    #[test]
    fn the_least_recently_used_goes_when_there_is_no_room() {
        let cache = Cache::default();
        let quarter = IDLE_BYTES / 4;
        for number in 0..4 {
            assert!(get(&cache, number, quarter));
        }
        assert!(!get(&cache, 0, quarter));
        assert!(get(&cache, 4, quarter));
        assert!(!get(&cache, 0, quarter) && get(&cache, 1, quarter));
        // Small ones have a bound too.
        for number in 10..10_000 {
            get(&cache, number, 1);
        }
        assert_eq!(cache.kept().len(), IDLE_BYTES / LEAST_BYTES);
    }

    #[test]
    fn nobody_whose_component_is_there_waits_for_a_compilation() {
        let cache = Cache::default();
        assert!(get(&cache, 1, 1));
        let (begun, has_begun) = mpsc::channel();
        let (end, ends) = mpsc::channel::<()>();
        std::thread::scope(|scope| {
            let cache = &cache;
            let slow = scope.spawn(move || {
                cache.get(
                    digest(2),
                    1,
                    || None,
                    || {
                        begun.send(()).unwrap();
                        ends.recv().unwrap();
                        outcome(2)
                    },
                )
            });
            has_begun.recv().unwrap();
            assert!(!get(cache, 1, 1));
            // Who waits for the same one finds it when it is there.
            let same = scope.spawn(move || get(cache, 2, 1));
            end.send(()).unwrap();
            assert!(!same.join().unwrap());
            assert!(slow.join().unwrap().is_err());
        });
    }

    #[test]
    fn a_panic_while_compiling_leaves_it_usable() {
        let cache = Cache::default();
        let panicked = std::thread::scope(|scope| {
            let compile = || std::panic::resume_unwind(Box::new("a bug of the compiler"));
            let cache = &cache;
            scope.spawn(move || cache.get(digest(1), 1, || None, compile)).join().is_err()
        });
        assert!(panicked && cache.compiling.is_poisoned());
        assert!(get(&cache, 1, 1) && !get(&cache, 1, 1));
    }
}
