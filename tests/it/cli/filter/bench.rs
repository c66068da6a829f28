//! How long a filter takes: what is told of it, not how long it is.

use serde_json::Value;

use super::Bench;
use crate::filters::guest::Guest;

#[test]
fn every_figure_has_the_default_filters_beside_it() {
    let bench = Bench::new();
    bench.write("small.wasm", Guest::new().bytes());
    let ended = bench.minutebook("filter bench small.wasm --samples 2 --cache-dir kept").run().expect_code(0);
    assert_eq!(ended.stderr, "", "no progress where nobody sits: {ended:#?}");
    let mut lines = ended.stdout.lines();
    let head: Vec<&str> = lines.next().expect("a head").split_whitespace().collect();
    assert_eq!(head, ["guest", "1.2.3", "default", "0.1.0", "RATIO"]);
    let what: Vec<&str> = lines.map(|line| line.split("  ").next().expect("a first column")).collect();
    let expected = [
        "component",
        "code",
        "compile",
        "load from cache",
        "instantiate",
        "configure",
        "select 60",
        "fuel 60",
        "memory 60",
        "select 500",
        "fuel 500",
        "memory 500",
    ];
    assert_eq!(what, expected);
    let kept = bench.path("kept/filters");
    assert_eq!(kept.read_dir().expect("compiled filters are kept").count(), 2);
}

#[test]
fn figures_for_programs_are_of_both() {
    let bench = Bench::new();
    let ended = bench.minutebook("filter bench default --samples 3 -o json").run().expect_code(0);
    let mut figures: Value = serde_json::from_str(&ended.stdout).expect("json is JSON");
    assert_eq!((&figures["format"], &figures["samples"]), (&"minutebook.filter-bench/1".into(), &3.into()));
    let (own, yardstick) = (figures["filter"].take(), figures["default"].take());
    for same in ["name", "version", "digest", "component", "code"] {
        assert_eq!(own[same], yardstick[same], "{same}");
    }
    for (index, resources) in [(0, 60), (1, 500)] {
        let (own, yardstick) = (&own["select"][index], &yardstick["select"][index]);
        assert_eq!((&own["resources"], &own["fuel"]), (&resources.into(), &yardstick["fuel"]));
        assert!(own["fuel"].as_u64() > Some(1000) && own["memory"].as_u64() >= Some(1 << 16), "{own}");
    }
    for step in ["compile", "load", "instantiate", "configure"] {
        let [least, median, most] = ["least", "median", "most"].map(|key| own[step][key].as_u64());
        assert!(Some(0) < least && least <= median && median <= most, "{step}: {own:#}");
    }
}

#[test]
fn what_does_not_decide_has_no_figures() {
    let bench = Bench::new();
    bench.write("crashes.wasm", Guest::new().with("select", "(unreachable)").bytes());
    for (call, words) in [
        ("crashes.wasm", "it crashed in `select`"),
        ("missing.wasm", "cannot be read"),
        ("default --settings {\"no\":1}", "does not accept its settings"),
        ("default --filter-fuel 1000", "used up its fuel"),
        ("default --samples 0", "from 1 to 10000"),
    ] {
        let ended = bench.minutebook(&format!("filter bench {call}")).run().expect_code(2);
        assert!(ended.stderr.contains(words) && ended.stdout.is_empty(), "{call}: {ended:#?}");
    }
}
