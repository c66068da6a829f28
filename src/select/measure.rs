//! How long a filter takes, and what it uses up: measured step by step, each time in a fresh instance as in a cycle.

use std::collections::BTreeMap;
use std::hint::black_box;
use std::time::{Duration, Instant};

use super::code::Code;
use super::engine::{Budget, Filter};
use super::error::{Error, Failed};
use super::{Limits, Selector, Source, identify, shown};
use crate::model::catalog::Catalog;
use crate::model::selection::FilterId;
use crate::model::target::Target;

/// What was measured so far of one filter.
pub struct Measurement<'a> {
    selector: &'a Selector,
    source: Source<'a>,
    limits: Limits,
    filter: FilterId,
    code: Code,
    component: Filter,
    compile: Vec<Duration>,
    load: Vec<Duration>,
    instantiate: Vec<Duration>,
    configure: Vec<Duration>,
    /// By the number of resources.
    select: BTreeMap<usize, Selections>,
}

#[derive(Default)]
struct Selections {
    times: Vec<Duration>,
    fuel: u64,
    memory: usize,
}

/// The figures of one filter.
#[derive(Debug, Clone)]
pub struct Measured {
    /// Which one.
    pub filter: FilterId,
    /// Bytes of the component.
    pub component: usize,
    /// Bytes of its code.
    pub code: usize,
    /// Compiling it.
    pub compile: Spread,
    /// Making code that is kept on disk runnable, its digest checked; from memory where nothing is kept.
    pub load: Spread,
    /// Making an instance.
    pub instantiate: Spread,
    /// `configure`.
    pub configure: Spread,
    /// `select`, by the number of resources.
    pub select: BTreeMap<usize, Runs>,
}

/// What selecting took, and what the instance had used up by then.
#[derive(Debug, Clone, Copy)]
pub struct Runs {
    /// `select` alone.
    pub time: Spread,
    /// Fuel from instantiation on; in every instance the same, or else the most.
    pub fuel: u64,
    /// Bytes of all its memories, at most.
    pub memory: usize,
}

/// Some times of the same thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Spread {
    /// The one in the middle.
    pub median: Duration,
    /// The shortest.
    pub least: Duration,
    /// The longest.
    pub most: Duration,
}

impl<'a> Measurement<'a> {
    /// Begins with a filter that runs within these limits, by compiling it for the first time.
    ///
    /// # Errors
    /// Whatever is wrong with it.
    pub fn begin(selector: &'a Selector, source: Source<'a>, limits: Limits) -> Result<Self, Box<Failed>> {
        let filter = identify(source.origin, source.bytes, source.pin)?;
        let fail =
            |error| Box::new(Failed { origin: shown(source.origin), filter: Some(filter.clone()), error });
        let (code, time) = timed(|| selector.compiler.compile(source.bytes));
        let code = code.map_err(fail)?;
        let component = selector.sandbox.load(&code).map_err(fail)?;
        if let Some(codes) = &selector.codes {
            codes.put(filter.digest, &code);
        }
        Ok(Self {
            selector,
            source,
            limits,
            filter,
            code,
            component,
            compile: vec![time],
            load: Vec::new(),
            instantiate: Vec::new(),
            configure: Vec::new(),
            select: BTreeMap::new(),
        })
    }

    /// Compiles it once more.
    ///
    /// # Errors
    /// It could not be.
    pub fn compile(&mut self) -> Result<(), Box<Failed>> {
        let (code, time) = timed(|| self.selector.compiler.compile(self.source.bytes));
        code.map_err(|error| self.failed(error))?;
        self.compile.push(time);
        Ok(())
    }

    /// Loads its code once more.
    ///
    /// # Errors
    /// It could not be.
    pub fn load(&mut self) -> Result<(), Box<Failed>> {
        let (selector, digest) = (self.selector, self.filter.digest);
        let (loaded, time) = timed(|| {
            let kept = selector.codes.as_ref().and_then(|codes| codes.get(digest));
            selector.sandbox.load(kept.as_ref().unwrap_or(&self.code))
        });
        self.component = loaded.map_err(|error| self.failed(error))?;
        self.load.push(time);
        Ok(())
    }

    /// Has a fresh instance decide about a catalog.
    ///
    /// # Errors
    /// It did not decide.
    pub fn select(&mut self, settings: &str, target: &Target, catalog: &Catalog) -> Result<(), Box<Failed>> {
        let budget = Budget::new(self.limits, Duration::MAX);
        let (running, instantiate) = timed(|| self.selector.sandbox.start(&self.component, &budget));
        let mut running = running.map_err(|error| self.failed(error))?;
        let (configured, configure) = timed(|| running.configure(settings));
        configured.map_err(|error| self.failed(error))?;
        let (selection, select) = timed(|| running.select(target, catalog));
        let selection = black_box(selection).map_err(|error| self.failed(error))?;
        self.instantiate.push(instantiate);
        self.configure.push(configure);
        let memory = running.memory();
        drop(running);
        let selections = self.select.entry(catalog.resources.len()).or_default();
        selections.times.push(select);
        selections.fuel = selections.fuel.max(selection.fuel);
        selections.memory = selections.memory.max(memory);
        Ok(())
    }

    /// The figures.
    #[must_use]
    pub fn finish(self) -> Measured {
        let runs = |(resources, Selections { times, fuel, memory })| {
            (resources, Runs { time: Spread::of(times), fuel, memory })
        };
        Measured {
            component: self.source.bytes.len(),
            code: self.code.bytes().len(),
            filter: self.filter,
            compile: Spread::of(self.compile),
            load: Spread::of(self.load),
            instantiate: Spread::of(self.instantiate),
            configure: Spread::of(self.configure),
            select: self.select.into_iter().map(runs).collect(),
        }
    }

    fn failed(&self, error: Error) -> Box<Failed> {
        Box::new(Failed { origin: shown(self.source.origin), filter: Some(self.filter.clone()), error })
    }
}

impl Spread {
    /// Of these times; all zero if there is none.
    fn of(mut times: Vec<Duration>) -> Self {
        times.sort_unstable();
        match &times[..] {
            [] => Self::default(),
            [least, .., most] => Self { median: times[times.len() / 2], least: *least, most: *most },
            [only] => Self { median: *only, least: *only, most: *only },
        }
    }
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, Duration) {
    let began = Instant::now();
    let result = work();
    (result, began.elapsed())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::target::Scope;
    use crate::select::{Compiler, stock};

    #[test]
    fn the_median_is_in_the_middle() {
        let spread = |times: &[u64]| Spread::of(times.iter().copied().map(Duration::from_secs).collect());
        let expected = |median, least, most| {
            let [median, least, most] = [median, least, most].map(Duration::from_secs);
            Spread { median, least, most }
        };
        assert_eq!(spread(&[]), expected(0, 0, 0));
        assert_eq!(spread(&[7]), expected(7, 7, 7));
        assert_eq!(spread(&[9, 1, 5]), expected(5, 1, 9));
        assert_eq!(spread(&[4, 3, 2, 1]), expected(3, 1, 4));
    }

    #[test]
    fn every_step_is_counted_once_and_fuel_is_that_of_a_selection() {
        let selector = Selector::new(Compiler::here(), None).unwrap();
        let source = Source { origin: "default", bytes: stock("default").unwrap(), pin: None };
        let target =
            Target { host: "h".parse().unwrap(), cluster: "c".parse().unwrap(), scope: Scope::AllNamespaces };
        let mut measurement = Measurement::begin(&selector, source, Limits::default()).unwrap();
        for _ in 0..3 {
            measurement.load().unwrap();
            measurement.select("{}", &target, &Catalog::default()).unwrap();
        }
        assert_eq!(
            (measurement.compile.len(), measurement.load.len(), measurement.instantiate.len()),
            (1, 3, 3)
        );
        let measured = measurement.finish();
        let runs = measured.select[&0];
        let selected =
            selector.select(&source, Limits::default(), "{}", &target, &Catalog::default(), Duration::MAX);
        assert_eq!(runs.fuel, selected.unwrap().selection.fuel);
        assert!(runs.memory >= 1 << 16 && runs.memory <= 64 << 20, "{}", runs.memory);
        assert!(measured.code > measured.component / 2, "{} {}", measured.code, measured.component);

        let limits = Limits { fuel: 10, ..Limits::default() };
        let mut measurement = Measurement::begin(&selector, source, limits).unwrap();
        let failed = measurement.select("{}", &target, &Catalog::default()).unwrap_err();
        assert_eq!(failed.error, Error::Fuel { limit: 10 });
    }
}
