//! The trust boundary: a stranger's WebAssembly component decides what is recorded.
//!
//! Bytes go in, a [`Selection`] comes out, and nothing of wasmtime or of the guest leaves this
//! folder. What is guaranteed of a component, whoever wrote it:
//!
//! - It gets the catalog, the target and the settings, and nothing else: one with imports is refused
//!   before it is compiled, and the linker behind that check is empty too.
//! - It is bounded in everything that it can use up: file size, fuel, wall clock, memory (all its
//!   memories together), tables, instances, handles, stack, and the bytes of its answer. The bounds
//!   hold from instantiation on, so in start functions, `realloc` and post-return as well.
//! - Compiling it is bounded too, in memory and time: that is done by a child process.
//! - It keeps nothing: each selection has a fresh store and a fresh instance.
//! - Its answer is data: one verdict for each resource or the filter has failed, and every text
//!   is cut and made printable.
//! - The same catalog, component and settings give the same selection.

mod bindings;
mod bounds;
mod cache;
mod code;
mod compile;
mod component;
mod contract;
mod engine;
mod error;
mod inspect;
mod limiter;
mod measure;
mod stock;
mod ticker;
mod trap;
mod verdict;

use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::model::catalog::Catalog;
use crate::model::count::Count;
use crate::model::digest::Sha256;
use crate::model::limits::{FILTER_BYTES, MESSAGE_BYTES};
use crate::model::selection::{FilterId, Selection};
use crate::model::target::Target;
use crate::model::text::printable;
use crate::store::{CacheDir, FileIdentity};

use cache::Cache;
use code::Codes;
use component::Facts;
use engine::{Budget, Filter, Sandbox};
use stock::is_stock;

pub use compile::{COMPILE, Compiler, LOAD, compile, load};
pub use contract::Misfit;
pub use error::{Error, Failed, NotAComponent, Step};
pub use inspect::{Inspected, Kind, contract_version, inspect, try_out};
pub use measure::{Measured, Measurement, Runs, Spread};
pub use stock::{stock, stock_names};

/// What a filter may use up in one selection; the rest of its bounds are constants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of all its memories together.
    pub memory: u64,
    /// Wall clock for instantiation, `configure` and `select` together.
    pub timeout: Duration,
    /// Units of fuel, of which most instructions use one, from instantiation on.
    pub fuel: u64,
}

impl Default for Limits {
    /// 64 MiB, one second and 5,000,000,000 units: the defaults of the command line.
    fn default() -> Self {
        Self { memory: 64 << 20, timeout: Duration::from_secs(1), fuel: 5_000_000_000 }
    }
}

/// A filter as the configuration names it, with the bytes that were found there.
#[derive(Debug, Clone, Copy)]
pub struct Source<'a> {
    /// What the user wrote, without the pin: `default`, `./my.wasm`.
    pub origin: &'a str,
    /// The file's bytes; at most one more than [`FILTER_BYTES`] need be read.
    pub bytes: &'a [u8],
    /// The only digest that is accepted, if the user gave one.
    pub pin: Option<Sha256>,
}

/// A filter's decision.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Selected {
    /// Which filter decided.
    pub filter: FilterId,
    /// What it decided.
    pub selection: Selection,
    /// Whether the wall clock stopped a first try, and this is the second one's answer.
    pub retried: bool,
}

impl Selected {
    /// What people are told if it wants nothing of what there is: a rule that is written wrongly looks like this, and
    /// is no failure.
    #[must_use]
    pub fn warning_of_nothing(&self) -> Option<String> {
        let verdicts = &self.selection.verdicts;
        let is_nothing = !verdicts.is_empty() && verdicts.iter().all(|verdict| !verdict.selected);
        let resources = Count(verdicts.len(), "resource");
        is_nothing.then(|| format!("filter {} selects none of {resources}", self.filter.name))
    }
}

/// Runs filters. One is enough for the process; it may be shared between threads.
pub struct Selector {
    sandbox: Sandbox,
    compiler: Compiler,
    codes: Option<Codes>,
    compiled: Cache,
    compiling: Mutex<()>,
    /// Files that somebody works on.
    in_hand: Mutex<HashMap<FileIdentity, Arc<Mutex<()>>>>,
}

/// A filter that can decide: compiled, and with the functions of a filter. Cheap to clone.
#[derive(Clone)]
pub struct Loaded {
    origin: String,
    filter: FilterId,
    component: Arc<Filter>,
}

impl Loaded {
    /// Which filter it is.
    #[must_use]
    pub fn filter(&self) -> &FilterId {
        &self.filter
    }
}

impl Selector {
    /// Makes a selector, with a thread that sleeps until a selection runs. Code is kept in `codes` for other
    /// processes, too.
    ///
    /// # Errors
    /// [`Error::Host`] if wasmtime does not support this machine or the thread cannot be made.
    pub fn new(compiler: Compiler, codes: Option<CacheDir>) -> Result<Self, Error> {
        let sandbox = Sandbox::new()?;
        let codes = codes.map(|dir| Codes::new(dir, sandbox.engine()));
        let (cache, compiling, in_hand) = Default::default();
        Ok(Self { sandbox, compiler, codes, compiled: cache, compiling, in_hand })
    }

    /// Checks a filter's file and compiles it, unless its code is there already.
    ///
    /// Blocks, for as long as compiling takes: seconds for a component with an interpreter inside. A caller may stop
    /// waiting, and what was compiled is there for the next call.
    ///
    /// # Errors
    /// Whatever is wrong with the file.
    pub fn load(&self, source: &Source<'_>) -> Result<Loaded, Box<Failed>> {
        self.load_from(source.origin, Cow::Borrowed(source.bytes), source.pin)
    }

    /// The same for bytes that nobody needs any more: they are gone before there is code in their place.
    ///
    /// # Errors
    /// Whatever is wrong with them.
    pub fn load_owned(
        &self,
        origin: &str,
        bytes: Vec<u8>,
        pin: Option<Sha256>,
    ) -> Result<Loaded, Box<Failed>> {
        self.load_from(origin, Cow::Owned(bytes), pin)
    }

    /// Works on a file of which nobody else does at the same time: so many targets that have one filter do not read and
    /// keep it all at once. Blocks.
    pub fn alone_with<T>(&self, file: FileIdentity, work: impl FnOnce() -> T) -> T {
        let lock = {
            let mut in_hand = self.in_hand.lock().unwrap_or_else(PoisonError::into_inner);
            in_hand.retain(|_, lock| Arc::strong_count(lock) > 1);
            Arc::clone(in_hand.entry(file).or_default())
        };
        // It guards nothing but the order.
        let _alone = lock.lock().unwrap_or_else(PoisonError::into_inner);
        work()
    }

    fn load_from(
        &self,
        origin: &str,
        bytes: Cow<'_, [u8]>,
        pin: Option<Sha256>,
    ) -> Result<Loaded, Box<Failed>> {
        let filter = identify(origin, &bytes, pin)?;
        let (digest, length) = (filter.digest, bytes.len());
        let origin = shown(origin);
        match self.compiled.get(digest, length, || self.make(digest, bytes)) {
            Ok(component) => Ok(Loaded { origin, filter, component }),
            Err(error) => Err(Box::new(Failed { origin, filter: Some(filter), error })),
        }
    }

    /// Makes a component runnable: by its code on disk, else by compiling it.
    fn make(&self, digest: Sha256, component: Cow<'_, [u8]>) -> Result<Filter, Error> {
        if let Some(code) = self.codes.as_ref().and_then(|codes| codes.get(digest)) {
            drop(component);
            return self.sandbox.load(&code);
        }
        let code = if is_stock(&component) {
            // Ours waits for nobody's, and is compiled wherever it runs.
            self.compiler.compile(&component).or_else(|_| Compiler::here().compile(&component))?
        } else {
            // One after the other; the lock guards nothing but that.
            let _compiling = self.compiling.lock().unwrap_or_else(PoisonError::into_inner);
            self.compiler.compile(&component)?
        };
        drop(component);
        let filter = self.sandbox.load(&code)?;
        if let Some(codes) = &self.codes {
            codes.put(digest, &code);
        }
        Ok(filter)
    }

    /// Has a filter decide about every resource of a catalog, within `time_left` at most.
    ///
    /// A selection that [`Limits::timeout`] stopped is tried once more while time is left.
    ///
    /// Blocks: call it where blocking is allowed, on a thread with a stack of 2 MiB or more.
    ///
    /// # Errors
    /// Whatever is wrong with the component's behavior or its answer. There is no selection then: nobody falls back
    /// to another filter.
    pub fn decide(
        &self,
        loaded: &Loaded,
        limits: Limits,
        settings: &str,
        target: &Target,
        catalog: &Catalog,
        time_left: Duration,
    ) -> Result<Selected, Box<Failed>> {
        let began = Instant::now();
        let left = || time_left.saturating_sub(began.elapsed());
        let run =
            || self.sandbox.run(&loaded.component, &Budget::new(limits, left()), settings, target, catalog);
        let decided = match run() {
            // Only time that was too short can be enough the next time; all else would be the same again.
            Err(slow @ Error::WallClock { .. }) if !left().is_zero() => match run() {
                Err(Error::WallClock { .. } | Error::Deadline) => Err(slow.of_second_try()),
                second => second.map(|selection| (selection, true)),
            },
            first => first.map(|selection| (selection, false)),
        };
        let filter = loaded.filter.clone();
        match decided {
            Ok((selection, retried)) => Ok(Selected { filter, selection, retried }),
            Err(error) => {
                Err(Box::new(Failed { origin: loaded.origin.clone(), filter: Some(filter), error }))
            }
        }
    }

    /// Loads a filter and has it decide: [`Self::load`], then [`Self::decide`] in what is left of the time.
    ///
    /// # Errors
    /// As those two.
    pub fn select(
        &self,
        source: &Source<'_>,
        limits: Limits,
        settings: &str,
        target: &Target,
        catalog: &Catalog,
        time_left: Duration,
    ) -> Result<Selected, Box<Failed>> {
        let began = Instant::now();
        let loaded = self.load(source)?;
        self.decide(&loaded, limits, settings, target, catalog, time_left.saturating_sub(began.elapsed()))
    }
}

/// What a filter is called, after what can be checked without compiling it: size, pin, imports and exports.
fn identify(origin: &str, bytes: &[u8], pin: Option<Sha256>) -> Result<FilterId, Box<Failed>> {
    let fail = |filter, error| Box::new(Failed { origin: shown(origin), filter, error });
    if bytes.len() > FILTER_BYTES {
        return Err(fail(None, Error::TooBig));
    }
    let digest = Sha256::of(bytes);
    if let Some(pin) = pin.filter(|pin| *pin != digest) {
        return Err(fail(None, Error::Pin { wanted: pin, found: digest }));
    }
    let facts = Facts::read(bytes).map_err(|error| fail(None, error))?;
    let filter = facts.identity(origin, digest);
    match facts.check() {
        Ok(()) => Ok(filter),
        Err(error) => Err(fail(Some(filter), error)),
    }
}

/// What the user wrote, printable.
fn shown(origin: &str) -> String {
    printable(origin, MESSAGE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::selection::Verdict;
    use crate::model::target::Scope;

    fn select(selector: &Selector, bytes: &[u8], time_left: Duration) -> Result<Selected, Error> {
        let target = Target {
            host: "h".parse().unwrap(),
            cluster: "c".parse().unwrap(),
            scope: Scope::Namespace("n".parse().unwrap()),
        };
        let (source, limits) = (Source { origin: "default", bytes, pin: None }, Limits::default());
        let selected = selector.select(&source, limits, "{}", &target, &Catalog::default(), time_left);
        selected.map_err(|failed| failed.error)
    }

    /// Whether a component is there already.
    fn is_compiled(selector: &Selector, bytes: &[u8]) -> bool {
        let mut there = true;
        let _ = selector.compiled.get(Sha256::of(bytes), bytes.len(), || {
            there = false;
            // Which is not kept.
            Err(Error::Compiler(String::new()))
        });
        there
    }

    #[test]
    fn a_filter_that_wants_nothing_of_something_is_warned_of() {
        let selected = |verdicts: &[bool]| {
            let verdict = |selected: &bool| Verdict { selected: *selected, reason: String::new() };
            let selection =
                Selection { verdicts: verdicts.iter().map(verdict).collect(), warnings: Vec::new(), fuel: 0 };
            let filter = FilterId { name: "f".to_owned(), version: None, digest: Sha256::of(b"") };
            Selected { filter, selection, retried: false }.warning_of_nothing()
        };
        let of = |resources: &str| Some(format!("filter f selects none of {resources}"));
        assert_eq!(selected(&[false]), of("1 resource"));
        assert_eq!(selected(&[false, false]), of("2 resources"));
        assert_eq!((selected(&[]), selected(&[false, true])), (None, None));
    }

    #[test]
    fn what_was_compiled_too_late_is_there_for_the_next_cycle() {
        let (selector, filter) = (Selector::new(Compiler::here(), None).unwrap(), stock("default").unwrap());
        assert_eq!(select(&selector, filter, Duration::ZERO), Err(Error::Deadline));
        assert!(is_compiled(&selector, filter));
        assert!(select(&selector, filter, Duration::from_secs(60)).is_ok());
    }

    #[test]
    fn what_is_in_use_stays_compiled_however_many_there_are() {
        let selector = Selector::new(Compiler::here(), None).unwrap();
        // Custom sections, each with a letter for a name, make other components of one.
        let filters = (b'a'..=b'z').map(|letter| [stock("default").unwrap(), &[0, 2, 1, letter]].concat());
        let filters: Vec<Vec<u8>> = filters.collect();
        let load = |bytes: &Vec<u8>| selector.load(&Source { origin: "f", bytes, pin: None }).unwrap();
        let in_use: Vec<Loaded> = filters[..13].iter().map(load).collect();
        for idle in &filters[13..] {
            load(idle);
        }
        // What is looked for and not there takes the place of what was used least recently.
        let compiled = filters.iter().rev().filter(|bytes| is_compiled(&selector, bytes)).count();
        assert_eq!(compiled, in_use.len() + 8);
    }

    #[test]
    fn what_cannot_be_compiled_is_not_compiled_again_and_other_bytes_are() {
        let (selector, hour) = (Selector::new(Compiler::here(), None).unwrap(), Duration::from_secs(3600));
        let interface = bindings::INTERFACE;
        let bad = format!("(component (instance $i) (export \"{interface}\" (instance $i)))");
        let bad = wat::parse_str(bad).unwrap();
        for _ in 0..2 {
            assert!(matches!(select(&selector, &bad, hour), Err(Error::Interface(_))));
            assert!(is_compiled(&selector, &bad));
        }
        assert!(select(&selector, stock("default").unwrap(), hour).is_ok());
        assert!(is_compiled(&selector, &bad), "one does not drive out the other");
    }
}
