//! Figures of two filters side by side. Pure.

use std::time::Duration;

use bytesize::ByteSize;
use minutebook::select::{Measured, Runs, Spread};
use serde_json::{Value, json};

use crate::commands::table::table;

/// The version of what `-o json` prints; raised when a field changes its meaning or goes.
const JSON_FORMAT: &str = "minutebook.filter-bench/1";

/// One figure.
enum Figure {
    Bytes(usize),
    Time(Spread),
    Units(u64),
}

pub(super) fn as_text(own: &Measured, yardstick: &Measured) -> String {
    let rows = rows(own).into_iter().zip(rows(yardstick)).map(|((what, own), (_, yardstick))| {
        vec![what, own.to_string(), yardstick.to_string(), own.ratio(&yardstick)]
    });
    table(&["", &called(own), &called(yardstick), "RATIO"], rows)
}

fn called(measured: &Measured) -> String {
    let version = measured.filter.version.as_ref().map(|version| format!(" {version}")).unwrap_or_default();
    format!("{}{version}", measured.filter.name)
}

/// In the order in which a filter comes to life.
fn rows(measured: &Measured) -> Vec<(String, Figure)> {
    let row = |what: &str, figure| (what.to_owned(), figure);
    let mut rows = vec![
        row("component", Figure::Bytes(measured.component)),
        row("code", Figure::Bytes(measured.code)),
        row("compile", Figure::Time(measured.compile)),
        row("load from cache", Figure::Time(measured.load)),
        row("instantiate", Figure::Time(measured.instantiate)),
        row("configure", Figure::Time(measured.configure)),
    ];
    for (resources, Runs { time, fuel, memory }) in &measured.select {
        rows.extend([
            (format!("select {resources}"), Figure::Time(*time)),
            (format!("fuel {resources}"), Figure::Units(*fuel)),
            (format!("memory {resources}"), Figure::Bytes(*memory)),
        ]);
    }
    rows
}

impl std::fmt::Display for Figure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Bytes(bytes) => write!(f, "{}", ByteSize(*bytes as u64)),
            Self::Units(units) => write!(f, "{units}"),
            Self::Time(Spread { median, least, most }) => {
                write!(f, "{} ({} to {})", time(*median), time(*least), time(*most))
            }
        }
    }
}

impl Figure {
    /// How many times the other this is.
    fn ratio(&self, other: &Self) -> String {
        let (own, other) = (self.size(), other.size());
        if other == 0.0 { "-".to_owned() } else { format!("{:.1}", own / other) }
    }

    #[expect(clippy::cast_precision_loss, reason = "a ratio is shown with one decimal")]
    fn size(&self) -> f64 {
        match self {
            Self::Bytes(bytes) => *bytes as f64,
            Self::Units(units) => *units as f64,
            Self::Time(spread) => spread.median.as_secs_f64(),
        }
    }
}

/// With three digits or so: `54.3 ms`.
fn time(time: Duration) -> String {
    let micros = time.as_secs_f64() * 1e6;
    let (number, unit) = match micros {
        micros if micros < 1e3 => (micros, "us"),
        micros if micros < 1e6 => (micros / 1e3, "ms"),
        micros => (micros / 1e6, "s"),
    };
    let digits = if number < 10.0 { 2 } else { usize::from(number < 100.0) };
    format!("{number:.digits$} {unit}")
}

pub(super) fn as_json(own: &Measured, yardstick: &Measured, samples: usize) -> Value {
    json!({
        "format": JSON_FORMAT,
        "samples": samples,
        "filter": figures(own),
        "default": figures(yardstick),
    })
}

/// Times in nanoseconds.
fn figures(measured: &Measured) -> Value {
    let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let spread = |spread: &Spread| json!({ "median": nanos(spread.median), "least": nanos(spread.least), "most": nanos(spread.most) });
    let select = |(resources, runs): (&usize, &Runs)| json!({ "resources": resources, "time": spread(&runs.time), "fuel": runs.fuel, "memory": runs.memory });
    json!({
        "name": measured.filter.name,
        "version": measured.filter.version,
        "digest": format!("sha256:{}", measured.filter.digest),
        "component": measured.component,
        "code": measured.code,
        "compile": spread(&measured.compile),
        "load": spread(&measured.load),
        "instantiate": spread(&measured.instantiate),
        "configure": spread(&measured.configure),
        "select": measured.select.iter().map(select).collect::<Vec<_>>(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_three_digits_or_so() {
        for (nanos, expected) in [
            (0, "0.00 us"),
            (1_234, "1.23 us"),
            (54_321, "54.3 us"),
            (999_999, "1000 us"),
            (8_765_432, "8.77 ms"),
            (123_456_789, "123 ms"),
            (12_345_678_901, "12.3 s"),
        ] {
            assert_eq!(time(Duration::from_nanos(nanos)), expected);
        }
    }

    #[test]
    fn a_ratio_is_of_the_medians() {
        let spread = |millis| {
            let median = Duration::from_millis(millis);
            Figure::Time(Spread { median, least: Duration::ZERO, most: Duration::from_secs(9) })
        };
        assert_eq!(spread(15).ratio(&spread(10)), "1.5");
        assert_eq!(Figure::Bytes(1).ratio(&Figure::Bytes(0)), "-");
        assert_eq!(Figure::Units(7).ratio(&Figure::Units(70)), "0.1");
    }
}
