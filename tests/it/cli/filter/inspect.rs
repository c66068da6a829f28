//! What a filter says of itself, and whether it would run.

use serde_json::Value;

use super::Bench;
use crate::filters::guest::Guest;
use crate::support::golden;

/// Files of every kind, each by its name.
fn bench() -> Bench {
    let bench = Bench::new();
    let good = Guest::new().bytes();
    bench.write("good.wasm", &good);
    bench.write("nameless.wasm", Guest::new().replace("(component $guest", "(component").bytes());
    let later = Guest::new().replace("minutebook:filter/filter@0.1.0", "minutebook:filter/filter@0.2.0");
    bench.write("later.wasm", later.bytes());
    let asks =
        r#"(import "wasi:cli/stderr@0.2.0" (instance)) (import "wasi:clocks/wall-clock@0.2.0" (instance))"#;
    bench.write("asks.wasm", Guest::new().with("component", asks).bytes());
    bench.write("other.wasm", Guest::new().with("verdict", "(field \"weight\" u32)").bytes());
    bench.write("crashes.wasm", Guest::new().with("start", "(unreachable)").bytes());
    // It is for others than `{}`.
    let picky = "(i32.store8 (i32.const 16) (i32.const 1)) (i32.store (i32.const 20) (i32.const 512)) (i32.store (i32.const 24) (i32.const 7))";
    bench.write("picky.wasm", Guest::new().with("configure", picky).bytes());
    bench.write("cut.wasm", &good[..good.len() - 10]);
    bench.write("module.wasm", Guest::new().module().bytes());
    bench.write("filter.py", "def select(target, resources):\n");
    bench
}

#[test]
fn every_kind_of_file_is_told_and_what_would_be_refused_is_2() {
    let bench = bench();
    let rows = [
        ("good.wasm", 0),
        ("nameless.wasm", 0),
        ("picky.wasm", 0),
        ("later.wasm", 2),
        ("asks.wasm", 2),
        ("other.wasm", 2),
        ("crashes.wasm", 2),
        ("cut.wasm", 2),
        ("module.wasm", 2),
        ("./filter.py", 2),
        ("missing.wasm", 2),
        ("no-such-filter", 2),
    ];
    let mut told = Vec::new();
    for (file, code) in rows {
        let line = format!("filter inspect {file}");
        let ended = bench.minutebook(&line).run().expect_code(code);
        assert_eq!(ended.stderr.is_empty(), code == 0, "{ended:#?}");
        told.push(bench.told(&line));
    }
    golden::check("filter_inspect.txt", &told.join("\n"));
}

#[test]
fn a_stock_filter_is_known_by_its_name() {
    let ended = Bench::new().minutebook("filter inspect default").run().expect_code(0);
    assert!(ended.stdout.contains("name       default\n"), "{ended:#?}");
    assert!(ended.stdout.ends_with("runs       yes\n"), "{ended:#?}");
}

#[test]
fn a_pin_holds_here_too() {
    let bench = bench();
    let line = format!("filter inspect good.wasm@sha256:{}", "0".repeat(64));
    let ended = bench.minutebook(&line).run().expect_code(2);
    assert!(ended.stderr.contains("it is not the one that is pinned"), "{ended:#?}");
}

#[test]
fn programs_are_told_in_json() {
    let bench = bench();
    let json = |file: &str, code: i32| -> Value {
        let ended = bench.minutebook(&format!("filter inspect {file} -o json")).run().expect_code(code);
        serde_json::from_str(&ended.stdout).expect("json is JSON")
    };
    let good = json("good.wasm", 0);
    assert_eq!(good["format"], "minutebook.filter/1");
    assert_eq!((&good["name"], &good["version"]), (&"guest".into(), &"1.2.3".into()));
    assert_eq!(good["contracts"], serde_json::json!(["0.1.0"]));
    assert_eq!(good["refused"], Value::Null);
    let asks = json("asks.wasm", 2);
    assert_eq!(asks["imports"], serde_json::json!(["wasi:cli/stderr@0.2.0", "wasi:clocks/wall-clock@0.2.0"]));
    assert!(asks["refused"].as_str().is_some_and(|why| why.contains("asks for")), "{asks:#}");
    assert_eq!(json("module.wasm", 2)["kind"], "core module");
}
