//! What a filter decides about recorded catalogs.

use serde_json::{Value, json};

use super::Bench;
use crate::filters::guest::Guest;
use crate::support::cluster::Cluster;
use crate::support::golden;
use crate::support::scene::Scene;

const SAMPLE: &str = include_str!("../../../../sample_data/sample_resource_list.json");

/// Aggregated discovery, with what is odd about it.
const APPS: &str = r#"{"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "items": [
    {"metadata": {"name": "apps"}, "versions": [
        {"version": "v1", "resources": [
            {"resource": "deployments", "responseKind": {"kind": "Deployment"}, "scope": "Namespaced", "verbs": ["get", "list"], "shortNames": ["deploy"]},
            {"resource": "BAD", "responseKind": {"kind": "Bad"}, "scope": "Namespaced", "verbs": ["list"]}]}]}]}"#;

fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("sample.json", SAMPLE);
    // Without the comma that is told of: where there is an error, too, nobody knows which is told first.
    let comma = SAMPLE.rfind(',').expect("the sample has a comma too much");
    bench.write("strict.json", [&SAMPLE[..comma], &SAMPLE[comma + 1..]].concat());
    bench.write("apps.json", APPS);
    bench.write("namespaced.wasm", Guest::new().bytes());
    bench.write("crashes.wasm", Guest::new().with("select", "(unreachable)").bytes());
    bench.write("endless.wasm", Guest::new().with("select", "(loop $on (br $on))").bytes());
    bench.write("all.json", r#"{"configmaps": true, "bindings": false, "componentstatuses": false}"#);
    bench.write("some.json", r#"{"configmaps": true, "componentstatuses": true, "pods": false}"#);
    bench.write("twice.json", r#"{"configmaps": true, "configmaps": true}"#);
    bench.write("type.json", r#"{"configmaps": "yes"}"#);
    bench.write("odd.json", r#"{"\u001b[31mred\u202e": true}"#);
    bench.write(
        "one.json",
        r#"{"resources": [{"name": "pods", "namespaced": true, "kind": "Pod", "verbs": ["get"]}]}"#,
    );
    bench.write("groups.json", r#"{"kind": "APIGroupList", "groups": []}"#);
    bench.write("settings.json", r#"{"exclude": ["configmaps"]}"#);
    bench
}

/// What follows `filter test`, and the exit code.
const CALLS: &[(&str, i32)] = &[
    ("default --catalog sample.json", 0),
    ("default --catalog strict.json --catalog apps.json --expect all.json", 2),
    ("default --catalog sample.json --expect some.json", 1),
    ("default --catalog sample.json --settings @settings.json --expect all.json", 1),
    ("default --catalog sample.json --cluster-scope", 0),
    ("default --catalog strict.json --settings {\"include\":[\"pods\"]}", 0),
    ("namespaced.wasm --catalog sample.json --against default", 1),
    ("default --catalog sample.json --against default --against-settings @settings.json", 1),
    ("default --catalog sample.json --against default", 0),
    ("crashes.wasm --catalog strict.json", 2),
    ("endless.wasm --catalog strict.json --filter-fuel 1000", 2),
    ("namespaced.wasm --catalog strict.json --against crashes.wasm", 2),
    ("default --catalog strict.json --settings {\"no\":1}", 2),
    ("default --catalog strict.json --expect twice.json", 2),
    ("default --catalog strict.json --expect type.json", 2),
    ("default --catalog groups.json", 2),
    ("default --catalog missing.json", 2),
    ("default --catalog strict.json --expect missing.json", 2),
    ("default --catalog strict.json --settings @missing.json", 2),
    ("default", 2),
    ("default --catalog strict.json -A --cluster-scope", 2),
    ("--catalog one.json default", 0),
    ("--catalog strict.json one.json", 2),
];

#[test]
fn every_call_is_answered_as_it_was() {
    let bench = bench();
    let mut told = Vec::new();
    for (call, code) in CALLS {
        let line = format!("filter test {call}");
        bench.minutebook(&line).run().expect_code(*code);
        told.push(bench.told(&line));
    }
    golden::check("filter_test.txt", &told.join("\n"));
}

/// Neither from a file nor from the command line.
#[test]
fn a_terminal_is_never_sent_what_it_would_obey() {
    let bench = bench();
    for (arguments, code, shown) in [
        (
            ["--expect", "odd.json"],
            1,
            "\n\u{fffd}[31mred\u{fffd}: it is to be selected, and there is no such",
        ),
        (["--expect", "\u{1b}[31m.json"], 2, "error: --expect `\u{fffd}[31m.json`: No such file"),
        (["--against", "./\u{1b}[31m.wasm"], 2, "error: filter ./\u{fffd}[31m.wasm: its file cannot be read"),
        (["--catalog", "\u{1b}[31m.json"], 2, "error: --catalog `\u{fffd}[31m.json`: No such file"),
        (["--host", "\u{1b}[31m"], 2, "error: invalid value '\u{fffd}[31m' for '--host"),
        (["--cluster-scope", "\u{1b}[31m"], 2, "error: unexpected argument '\u{fffd}[31m' found"),
    ] {
        let ended = bench.minutebook("filter test default --catalog strict.json").args(arguments).run();
        let ended = ended.expect_code(code);
        let said = [ended.stdout, ended.stderr].concat();
        assert!(said.contains(shown), "{arguments:?}: {said}");
        assert!(!said.contains(['\u{1b}', '\u{202e}']), "{arguments:?}: {said:?}");
    }
}

/// Some editors begin a file so.
#[test]
fn a_byte_order_mark_is_no_part_of_json() {
    let bench = bench();
    let marked = |name: &str, from: &str| {
        let text = std::fs::read_to_string(bench.path(from)).expect("it is text");
        bench.write(name, format!("\u{feff}{text}"));
    };
    marked("catalog.json", "strict.json");
    marked("expect.json", "all.json");
    bench.write("marked.json", "\u{feff}{}");
    let line = "filter test default --catalog catalog.json --settings @marked.json --expect expect.json";
    let ended = bench.minutebook(line).run().expect_code(0);
    assert_eq!(ended.stderr, "");
}

#[test]
fn the_target_is_the_one_that_is_told() {
    let bench = bench();
    let target = |flags: &str| -> Value {
        let line = format!("filter test default --catalog sample.json -o json {flags}");
        let ended = bench.minutebook(&line).run().expect_code(0);
        serde_json::from_str::<Value>(&ended.stdout).expect("json is JSON")["target"].take()
    };
    let expected = |host: &str, cluster: &str, scope: &str, namespace: Value| json!({ "host": host, "cluster": cluster, "scope": scope, "namespace": namespace });
    assert_eq!(target(""), expected("localhost", "test", "namespace", "default".into()));
    let flags = "--host h:1 --cluster c --namespace n";
    assert_eq!(target(flags), expected("h:1", "c", "namespace", "n".into()));
    assert_eq!(target("-A"), expected("localhost", "test", "all-namespaces", Value::Null));
    assert_eq!(target("--cluster-scope"), expected("localhost", "test", "cluster", Value::Null));
}

/// What a dry run prints is a catalog, and the same filter decides the same about it.
#[test]
fn a_dry_run_is_a_recording() {
    for cluster in [Cluster::sample(), Cluster::richer()] {
        let scene = Scene::of(cluster);
        let dry_run = scene.once().args(["--dry-run", "-o", "json"]).run().expect_code(0).stdout;
        scene.write("catalog.json", &dry_run);
        let test = scene.minutebook().args(["filter", "test", "default", "--catalog", "catalog.json"]);
        let ended = test.args(["-o", "json"]).run().expect_code(0);
        assert_eq!(ended.stderr, "");
        let (recorded, tested): (Value, Value) = (
            serde_json::from_str(&dry_run).expect("json is JSON"),
            serde_json::from_str(&ended.stdout).expect("json is JSON"),
        );
        let resources = |all: &Value| {
            let mut all = all["resources"].as_array().expect("a list").clone();
            assert!(!all.is_empty());
            for one in &mut all {
                one.as_object_mut().expect("an object").remove("expected");
            }
            all
        };
        assert_eq!(resources(&tested), resources(&recorded));
        assert_eq!(tested["same"], true);
    }
}

#[test]
fn a_filter_uses_the_same_fuel_each_time() {
    let bench = bench();
    for filter in ["default", "namespaced.wasm"] {
        let line = format!("filter test {filter} --catalog sample.json -o json");
        let ended = bench.minutebook(&line).run().expect_code(0);
        let fuel =
            serde_json::from_str::<Value>(&ended.stdout).expect("json is JSON")["filter"]["fuel"].take();
        assert!(fuel[0].as_u64() > Some(0) && fuel[0] == fuel[1], "{filter}: {fuel}");
    }
}

#[test]
fn what_is_not_judged_is_counted_and_what_is_otherwise_is_told() {
    let bench = bench();
    let line = "filter test default --catalog sample.json --expect some.json -o json";
    let ended = bench.minutebook(line).run().expect_code(1);
    let report: Value = serde_json::from_str(&ended.stdout).expect("json is JSON");
    assert_eq!(report["notJudged"], 1);
    let expected = json!([
        { "resource": "componentstatuses", "expected": true, "selected": false, "reason": "not namespaced" },
        { "resource": "pods", "expected": false, "selected": null, "reason": null },
    ]);
    assert_eq!(report["unexpected"], expected);
}
