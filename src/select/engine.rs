//! wasmtime, narrowed to what a filter needs, and one run of a filter in it.
//!
//! Every bound is set before anything of the guest runs. Fuel is what makes the end of a guest
//! that does too much the same on every machine; the clock is for what fuel does not measure.

use std::time::{Duration, Instant};

use wasmtime::component::{InstancePre, Linker};
use wasmtime::{Config, Engine, Store, UpdateDeadline};

use crate::model::catalog::Catalog;
use crate::model::selection::Selection;
use crate::model::target::Target;

use super::bindings::{ResourceFilter, ResourceFilterIndices, wit};
use super::bounds::{ANSWER_BYTES, HANDLES, IMAGE_BYTES, STACK_BYTES};
use super::code::Code;
use super::error::{Error, Step};
use super::limiter::Limiter;
use super::ticker::{Ticker, Ticking};
use super::{Limits, trap, verdict};

/// Longer than any selection, and not too long to be added to a point in time.
const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);

/// What one run may use up.
pub(super) struct Budget {
    memory: u64,
    fuel: u64,
    timeout: Duration,
    left: Duration,
}

impl Budget {
    /// The limits, and what is left of the cycle's time.
    pub(super) fn new(limits: Limits, left: Duration) -> Self {
        let Limits { memory, timeout, fuel } = limits;
        Self { memory, fuel, timeout, left }
    }

    /// Why a run that the clock stopped was stopped.
    fn overtime(&self) -> Error {
        if self.timeout <= self.left {
            Error::WallClock { limit: self.timeout, retried: false }
        } else {
            Error::Deadline
        }
    }

    /// What `error` means for a guest that had this budget.
    fn explain(&self, error: &wasmtime::Error, step: Step) -> Error {
        match trap::cause(error) {
            trap::Cause::Fuel => Error::Fuel { limit: self.fuel },
            trap::Cause::Clock => self.overtime(),
            trap::Cause::Memory => Error::Memory { limit: self.memory },
            trap::Cause::Stack => Error::Stack,
            trap::Cause::AnswerSize => Error::AnswerSize,
            trap::Cause::Parts(what) => Error::Parts { what },
            trap::Cause::Trap(what) => Error::Trap { step, what },
            // Not always its own doing: the machine may have no addresses left for its memory.
            trap::Cause::Other(what) if step == Step::Start => Error::NotStarted { what },
            trap::Cause::Other(what) => Error::Rules { step, what },
        }
    }
}

/// A compiled component that has the functions of a filter.
#[derive(Clone)]
pub(super) struct Filter {
    component: InstancePre<Limiter>,
    functions: ResourceFilterIndices,
}

/// The engine, and the clock that interrupts its guests.
pub(super) struct Sandbox {
    engine: Engine,
    ticker: Ticker,
}

impl Sandbox {
    pub(super) fn new() -> Result<Self, Error> {
        let engine = Engine::new(&config()).map_err(|error| Error::Host(trap::innermost(&error)))?;
        let ticker = Ticker::new(engine.clone()).map_err(|error| Error::Host(error.to_string()))?;
        Ok(Self { engine, ticker })
    }

    /// What code must be made for.
    pub(super) fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Loads a component's code, and checks that it has the functions of a filter.
    pub(super) fn load(&self, code: &Code) -> Result<Filter, Error> {
        let malformed = |error| Error::Malformed(trap::innermost(&error));
        // The code is what our compiler made, so that it is not for the filter's sake.
        let failed = |error| Error::NotStarted { what: trap::innermost(&error) };
        let component = code.load(&self.engine).map_err(failed)?;
        // Nothing is ever added to this linker.
        let linker = Linker::new(&self.engine);
        let component = linker.instantiate_pre(&component).map_err(malformed)?;
        let functions =
            ResourceFilterIndices::new(&component).map_err(|error| Error::Interface(trap::inside(&error)))?;
        Ok(Filter { component, functions })
    }

    /// Runs a filter once, in a store of its own.
    pub(super) fn run(
        &self,
        filter: &Filter,
        budget: &Budget,
        settings: &str,
        target: &Target,
        catalog: &Catalog,
    ) -> Result<Selection, Error> {
        let mut running = self.start(filter, budget)?;
        running.configure(settings)?;
        running.select(target, catalog)
    }

    /// Makes an instance, in a store of its own, with all bounds set. The clock runs from here on.
    pub(super) fn start<'a>(&'a self, filter: &Filter, budget: &'a Budget) -> Result<Running<'a>, Error> {
        let time = budget.timeout.min(budget.left).min(YEAR);
        if time.is_zero() {
            return Err(budget.overtime());
        }
        let mut store = Store::new(&self.engine, Limiter::new(budget.memory));
        store.limiter(|limiter| limiter);
        store.set_fuel(budget.fuel).map_err(|error| Error::Host(trap::innermost(&error)))?;
        store.set_hostcall_fuel(ANSWER_BYTES);
        store.set_max_component_handles(HANDLES);
        let until = Instant::now() + time;
        store.epoch_deadline_callback(move |_| {
            Ok(if Instant::now() < until { UpdateDeadline::Continue(1) } else { UpdateDeadline::Interrupt })
        });
        store.set_epoch_deadline(1);
        let ticking = self.ticker.start();

        let instance =
            filter.component.instantiate(&mut store).map_err(|error| budget.explain(&error, Step::Start))?;
        // The types of a component's functions are checked when it has an instance.
        let functions = filter.functions.load(&mut store, &instance);
        let functions = functions.map_err(|error| Error::Interface(trap::inside(&error)))?;
        Ok(Running { store, functions, budget, _ticking: ticking })
    }
}

/// An instance of a filter, within its budget.
pub(super) struct Running<'a> {
    store: Store<Limiter>,
    functions: ResourceFilter,
    budget: &'a Budget,
    _ticking: Ticking<'a>,
}

impl Running<'_> {
    pub(super) fn configure(&mut self, settings: &str) -> Result<(), Error> {
        let guest = self.functions.minutebook_filter_filter();
        guest
            .call_configure(&mut self.store, settings)
            .map_err(|error| self.budget.explain(&error, Step::Configure))?
            .map_err(|words| Error::Settings(verdict::reason(&words)))
    }

    pub(super) fn select(&mut self, target: &Target, catalog: &Catalog) -> Result<Selection, Error> {
        let guest = self.functions.minutebook_filter_filter();
        let answer: wit::Selection = guest
            .call_select(&mut self.store, &verdict::target(target), &verdict::resources(catalog))
            .map_err(|error| self.budget.explain(&error, Step::Select))?
            .map_err(|words| Error::Refused(verdict::reason(&words)))?;
        let fuel = self.budget.fuel - self.store.get_fuel().unwrap_or_default();
        verdict::selection(answer, catalog.resources.len(), fuel)
    }

    /// Bytes of its memories, which never shrink.
    pub(super) fn memory(&self) -> usize {
        self.store.data().memory()
    }
}

/// Less than wasmtime's defaults: what is switched off is not needed by what compiles to components, or
/// would let one selection differ from the next.
pub(super) fn config() -> Config {
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_wasm_stack(STACK_BYTES)
        // Nobody is shown a backtrace, so none is collected, nor the map that it needs.
        .wasm_backtrace_max_frames(None)
        .generate_address_map(false)
        // A memory's data is kept as an image, in which two bytes that are 16 MiB apart take 16 MiB, up to this size
        // without more ado. (Without images at all, Go's data becomes a function that takes a gigabyte to compile.)
        .memory_guaranteed_dense_image_size(IMAGE_BYTES)
        // The same bits on every processor.
        .cranelift_nan_canonicalization(true)
        .wasm_relaxed_simd(false)
        // It checks the compiler, and is many times as slow; with debug assertions it is on by default.
        .cranelift_debug_verifier(false)
        // Memories beyond 4 GiB. (A second memory in a module is allowed: wasmtime itself makes such modules where one
        // component inside another calls a third, and panics if it must not.)
        .wasm_memory64(false)
        // A selection is one call after the other.
        .concurrency_support(false);
    config
}
