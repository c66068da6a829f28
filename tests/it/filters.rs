//! Filters that mean no good, and what becomes of them.
//!
//! Every limit is met in an obeyed and a violated form, as close to each other as can be, and the
//! violated one must fail for exactly this reason. All messages are in `tests/golden/filters.txt`.
//! Hostile guests are made of one that behaves, `tests/filters/guest.wat`, by code put into its holes.

mod behavior;
mod cel;
mod codes;
mod compiling;
mod componentize;
pub(crate) mod guest;
mod languages;
mod limits;
mod loops;
mod no_wasi;
mod recorded;
mod shapes;
mod stock;
mod swap;

use std::fmt::Write as _;
use std::time::Duration;

use minutebook::model::catalog::{Catalog, Resource};
use minutebook::model::digest::Sha256;
use minutebook::model::limits::{CATALOG_TEXTS, RESOURCES};
use minutebook::model::name::{Group, Label, ResourceName};
use minutebook::model::target::{Scope, Target};
use minutebook::select::{Compiler, Error, Failed, Limits, Selected, Selector, Source};

use crate::support::golden;
use guest::Guest;

const HOUR: Duration = Duration::from_secs(3600);

/// One selection with everything given.
struct Run {
    origin: &'static str,
    bytes: Vec<u8>,
    pin: Option<Sha256>,
    limits: Limits,
    settings: &'static str,
    time_left: Duration,
}

impl Run {
    fn new(bytes: Vec<u8>) -> Self {
        // An hour, so that a slow machine fails no test that is about something else.
        let limits = Limits { timeout: HOUR, ..Limits::default() };
        Self { origin: "./filter.wasm", bytes, pin: None, limits, settings: "{}", time_left: HOUR * 2 }
    }

    fn fuel(mut self, fuel: u64) -> Self {
        self.limits.fuel = fuel;
        self
    }

    fn timeout(mut self, timeout: Duration) -> Self {
        self.limits.timeout = timeout;
        self
    }

    fn go(&self) -> Result<Selected, Box<Failed>> {
        let source = Source { origin: self.origin, bytes: &self.bytes, pin: self.pin };
        let selector = Selector::new(Compiler::here(), None).unwrap();
        selector.select(&source, self.limits, self.settings, &target(), &catalog(), self.time_left)
    }
}

/// A limit or a rule: what is just within, what is just beyond, and how that fails.
struct Case {
    title: &'static str,
    obeyed: Option<Run>,
    violated: Run,
    error: Error,
}

impl Case {
    fn pair(title: &'static str, obeyed: Vec<u8>, violated: Vec<u8>, error: Error) -> Self {
        Self { title, obeyed: Some(Run::new(obeyed)), violated: Run::new(violated), error }
    }

    fn bad(title: &'static str, violated: Vec<u8>, error: impl Into<Error>) -> Self {
        Self { title, obeyed: None, violated: Run::new(violated), error: error.into() }
    }
}

/// The exercise's resources.
fn catalog() -> Catalog {
    let resource = |name, namespaced, verbs: &[&str]| Resource {
        id: ResourceName::new(Label::parse(name).unwrap(), Group::default()).unwrap(),
        version: Label::parse("v1").unwrap(),
        kind: "Kind".to_owned(),
        singular_name: String::new(),
        namespaced,
        verbs: verbs.iter().map(ToString::to_string).collect(),
        short_names: vec!["x".to_owned()],
        categories: Vec::new(),
    };
    let resources = vec![
        resource("bindings", true, &["create"]),
        resource("componentstatuses", false, &["get", "list"]),
        resource("configmaps", true, &["create", "delete", "get", "list", "update", "watch"]),
    ];
    Catalog { resources, ..Catalog::default() }
}

fn target() -> Target {
    Target {
        host: "sample.k8s.hostname".parse().unwrap(),
        cluster: "sample_cluster".parse().unwrap(),
        scope: Scope::Namespace("sample_namespace".parse().unwrap()),
    }
}

/// Which of the three resources were selected.
fn verdicts(selected: &Selected) -> Vec<bool> {
    selected.selection.verdicts.iter().map(|verdict| verdict.selected).collect()
}

#[test]
fn what_obeys_a_limit_selects() {
    for Case { title, obeyed, .. } in limits::cases() {
        if let Some(run) = obeyed {
            let selected = run.go().expect(title);
            assert_eq!(verdicts(&selected), guest::SELECTED, "{title}");
            assert!(!selected.retried, "{title}");
        }
    }
}

#[test]
fn what_violates_a_limit_or_a_rule_fails_for_this_reason_and_in_good_words() {
    let mut text = String::new();
    for (section, cases) in [
        ("Limits", limits::cases()),
        ("Files that are no filters", shapes::cases()),
        ("What filters say and do", behavior::cases()),
    ] {
        writeln!(text, "# {section}\n").unwrap();
        for Case { title, violated, error, .. } in cases {
            let failed = violated.go().expect_err(title);
            assert_eq!(failed.error, error, "{title}");
            writeln!(text, "{title}\n    {failed}\n").unwrap();
        }
    }
    golden::check("filters.txt", &text);
}

#[test]
fn a_failed_filter_is_identified_if_its_file_is_a_component() {
    let name = |bytes: Vec<u8>| Run::new(bytes).go().unwrap_err().filter.map(|filter| filter.to_string());
    let bytes = guest::with("select", "(unreachable)");
    let expected = format!("guest 1.2.3 (sha256:{})", Sha256::of(&bytes));
    assert_eq!(name(bytes), Some(expected));
    let bytes = wat::parse_str("(component (import \"a\" (instance)))").unwrap();
    let expected = format!("filter.wasm (sha256:{})", Sha256::of(&bytes));
    assert_eq!(name(bytes), Some(expected));
    assert_eq!(name(b"(component".to_vec()), None);
}

#[test]
fn a_filter_for_several_versions_of_the_contract_runs_if_one_is_ours() {
    for (one, other) in [("0.2.0", "0.1.0"), ("0.1.7", "0.0.9"), ("0.1.3", "0.1.7"), ("0.1.7", "0.1.0")] {
        let selected = Run::new(shapes::side_by_side(one, other)).go().expect(one);
        assert_eq!(verdicts(&selected), guest::SELECTED, "{one} and {other}");
    }
}

#[test]
fn the_same_catalog_component_and_settings_give_the_same_selection() {
    let run = Run::new(Guest::new().bytes());
    assert_eq!(run.go().unwrap(), run.go().unwrap());

    let selector = Selector::new(Compiler::here(), None).unwrap();
    let select = || {
        let source = Source { origin: "x", bytes: &run.bytes, pin: None };
        selector.select(&source, Limits::default(), "{}", &target(), &catalog(), HOUR).unwrap().selection
    };
    assert_eq!(select(), select());
    assert_eq!(select(), run.go().unwrap().selection);
}

#[test]
fn a_filter_may_consist_of_components_that_call_each_other() {
    let run = Run::new(guest::with("component", include_str!("../filters/calls.wat")));
    assert_eq!(verdicts(&run.go().unwrap()), guest::SELECTED);
}

#[test]
fn every_nan_has_the_same_bits_on_every_processor() {
    // 0 / 0 is a negative NaN where Intel made the rules, and a NaN that is added to keeps its payload.
    for code in [
        "(f32.div (f32.load (i32.const 0)) (f32.load (i32.const 0)))",
        "(f32.add (f32.load (i32.const 0)) (f32.reinterpret_i32 (i32.const 0xffabcdef)))",
    ] {
        let bits = format!("(i32.reinterpret_f32 {code})");
        let code = format!("(if (i32.ne {bits} (i32.const 0x7fc00000)) (then (unreachable)))");
        let selected = Run::new(guest::with("configure", &code)).go().unwrap();
        assert_eq!(verdicts(&selected), guest::SELECTED);
    }
}

#[test]
fn the_longest_times_are_times_too() {
    let run = Run { time_left: Duration::MAX, ..Run::new(Guest::new().bytes()).timeout(Duration::MAX) };
    assert_eq!(verdicts(&run.go().unwrap()), guest::SELECTED);
}

#[test]
fn the_largest_catalog_is_decided_with_the_longest_reasons() {
    let mut catalog = catalog();
    let one = Resource {
        verbs: vec!["x".repeat(80); CATALOG_TEXTS / RESOURCES - 3],
        ..catalog.resources[0].clone()
    };
    catalog.resources = vec![one; RESOURCES];
    let bytes = Guest::new()
        .replace(
            "(i32.add (local.get $at) (i32.const 8)) (i32.const 7))",
            "(i32.add (local.get $at) (i32.const 8)) (i32.const 512))",
        )
        .bytes();
    let source = Source { origin: "x", bytes: &bytes, pin: None };
    let limits = Limits { timeout: HOUR, ..Limits::default() };
    let selector = Selector::new(Compiler::here(), None).unwrap();
    let selected = selector.select(&source, limits, "{}", &target(), &catalog, HOUR).unwrap();
    let verdicts = selected.selection.verdicts;
    assert!(verdicts.len() == RESOURCES && verdicts.iter().all(|verdict| verdict.reason.len() > 500));
}

#[test]
fn nothing_that_a_filter_remembers_outlives_a_selection() {
    // It selects nothing from its second selection on, if it can tell.
    let bytes = Guest::new()
        .with("module", "(global $calls (mut i32) (i32.const 0))")
        .with(
            "answer",
            "(global.set $calls (i32.add (global.get $calls) (i32.const 1)))
             (if (i32.gt_u (global.get $calls) (i32.const 1)) (then (unreachable)))",
        )
        .bytes();
    let selector = Selector::new(Compiler::here(), None).unwrap();
    for _ in 0..3 {
        let source = Source { origin: "x", bytes: &bytes, pin: None };
        let selected =
            selector.select(&source, Limits::default(), "{}", &target(), &catalog(), HOUR).unwrap();
        assert_eq!(verdicts(&selected), guest::SELECTED);
    }
}

#[test]
fn selections_run_beside_each_other_with_a_deadline_each() {
    let selector = Selector::new(Compiler::here(), None).unwrap();
    let limits = Limits { fuel: u64::MAX / 2, timeout: HOUR, ..Limits::default() };
    let (good, endless) = (Guest::new().bytes(), guest::with("select", loops::ENDLESS));
    let select = |bytes, time_left| {
        let source = Source { origin: "x", bytes, pin: None };
        selector.select(&source, limits, "{}", &target(), &catalog(), time_left)
    };
    std::thread::scope(|scope| {
        let stopped = scope.spawn(|| select(&endless, Duration::from_millis(300)));
        for _ in 0..10 {
            assert_eq!(verdicts(&select(&good, HOUR).unwrap()), guest::SELECTED);
        }
        assert_eq!(stopped.join().unwrap().unwrap_err().error, Error::Deadline);
    });
}
