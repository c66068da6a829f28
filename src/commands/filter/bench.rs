//! `minutebook filter bench`: how long a filter takes and what it uses up, beside the default one.

mod catalog;
mod show;

use std::io::{self, IsTerminal as _, Write as _};

use minutebook::select::{Limits, Measurement, Source, stock};

use super::{Here, read};
use crate::cli::{BenchArguments, TestFormat, default_target};
use crate::exit::{Exit, Failure};

/// What is measured beside every filter.
const YARDSTICK: &str = "default";
/// How often a component is compiled: with an interpreter in it, it takes seconds.
const COMPILATIONS: usize = 3;
/// Resources to decide about: a small cluster's and a large one's.
const RESOURCES: [usize; 2] = [60, 500];

pub(super) fn bench(arguments: &BenchArguments, here: &Here<'_>) -> Result<Exit, Failure> {
    let failed = |failed| Failure::new(Exit::Usage, failed);
    let named = read::filter(&arguments.filter, here)?;
    let settings = read::settings(&arguments.settings, "--settings", here)?;
    let target = default_target().map_err(|error| Failure::new(Exit::Usage, error))?;
    let catalogs = RESOURCES.map(catalog::synthetic);
    let selector = here.selector(&arguments.cache)?;
    let begin = |source, limits| Measurement::begin(&selector, source, limits).map_err(failed);

    let mut progress = Progress::new(2 * (COMPILATIONS + arguments.samples));
    let yardstick = Source { origin: YARDSTICK, bytes: stock(YARDSTICK).unwrap_or_default(), pin: None };
    // By turns, so that what else the machine does is the same for both.
    let mut both = [
        (begin(named.source(), Limits::from(&arguments.limits))?, settings.as_str()),
        (begin(yardstick, Limits::default())?, "{}"),
    ];
    for _ in 1..COMPILATIONS {
        for (measurement, _) in &mut both {
            measurement.compile().map_err(failed)?;
            progress.step();
        }
    }
    for _ in 0..arguments.samples {
        for (measurement, settings) in &mut both {
            measurement.load().map_err(failed)?;
            catalogs
                .iter()
                .try_for_each(|catalog| measurement.select(settings, &target, catalog))
                .map_err(failed)?;
            progress.step();
        }
    }
    progress.end();
    let [own, yardstick] = both.map(|(measurement, _)| measurement.finish());
    let text = match arguments.output {
        TestFormat::Table => show::as_text(&own, &yardstick),
        TestFormat::Json => format!("{:#}\n", show::as_json(&own, &yardstick, arguments.samples)),
    };
    io::stdout().write_all(text.as_bytes())?;
    Ok(Exit::Done)
}

/// How far it is, for whoever sits before it.
struct Progress {
    done: usize,
    steps: usize,
    is_seen: bool,
}

impl Progress {
    fn new(steps: usize) -> Self {
        Self { done: 0, steps, is_seen: io::stderr().is_terminal() }
    }

    fn step(&mut self) {
        self.done += 1;
        if self.is_seen {
            // If stderr is gone there is nobody to tell.
            let _ = write!(io::stderr(), "\rmeasuring: {} %", 100 * self.done / self.steps);
        }
    }

    /// Leaves the line as it was.
    fn end(&self) {
        if self.is_seen {
            let _ = write!(io::stderr(), "\r                 \r");
        }
    }
}
