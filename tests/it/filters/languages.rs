//! From an empty folder to a tested filter, in every language, with its real tools. These take minutes and packages from
//! registries, so `.ci/full` runs them, by the program as it is released.
//!
//! What is written here is one rule, and `wasm-filters/examples/traps` has a catalog that a parser of one's own, or a
//! careless comparison, would get wrong. With `MINUTEBOOK_EXAMPLES`, a folder, what was built is put there.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use crate::support::binary::{Ended, Minutebook};

/// For a build from nothing on a machine that has other things to do.
const PATIENCE: Duration = Duration::from_secs(1800);
/// Interpreters begin slowly there.
const TIMEOUT: [&str; 2] = ["--filter-timeout", "20s"];

fn traps(file: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("wasm-filters/examples/traps").join(file)
}

/// What this machine's tools go by: where they are, and where they keep what they fetched.
fn environment() -> impl Iterator<Item = (String, std::ffi::OsString)> {
    let ours =
        |name: &str| name.starts_with("MINUTEBOOK_") || name.starts_with("CARGO_") && name != "CARGO_HOME";
    std::env::vars_os().filter_map(move |(name, value)| {
        let name = name.into_string().ok().filter(|name| !ours(name) && name != "RUSTUP_TOOLCHAIN")?;
        Some((name, value))
    })
}

fn run(folder: &Path, arguments: &[&str], code: i32) -> Ended {
    let program =
        environment().fold(Minutebook::new(folder), |program, (name, value)| program.env(&name, value));
    program.args(arguments).start().wait(PATIENCE).expect_code(code)
}

/// Has a filter decide about the traps, in each scope: which one it is goes through what every language has of its own.
fn meets_the_traps(folder: &Path, filter: &str, settings: &str) {
    let settings = format!("@{}", traps(settings).display());
    let catalog = traps("catalog.json").display().to_string();
    for (scope, expect) in [
        (&["--namespace", "shop"][..], "expect.json"),
        (&["--all-namespaces"], "expect.json"),
        (&["--cluster-scope"], "expect-cluster.json"),
    ] {
        let expect = traps(expect).display().to_string();
        let test =
            ["filter", "test", filter, "--catalog", &catalog, "--settings", &settings, "--expect", &expect];
        let ended = run(folder, &[&test[..], scope, &TIMEOUT].concat(), 0);
        assert!(ended.stdout.ends_with(" as expected, 0 otherwise, 0 not judged\n"), "{scope:?}: {ended:#?}");
    }
}

/// Returns the folder in which the project `pick-these` lies.
fn is_served(language: &str) -> TempDir {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path().join("pick-these");
    run(root.path(), &["filter", "new", "--lang", language, "pick-these"], 0);
    let built = run(&folder, &["filter", "build"], 0);
    assert!(built.stdout.starts_with("filter.wasm: pick-these 0.1.0, "), "{built:#?}");
    // The command that it says, to the letter.
    let next = built.stderr.lines().find_map(|line| line.strip_prefix("next: minutebook "));
    let next: Vec<&str> = next.expect("it says what to do next").split(' ').collect();
    let tested = run(&folder, &[&next[..], &TIMEOUT].concat(), 0);
    assert!(tested.stdout.contains(" as expected, 0 otherwise, 0 not judged\n"), "{tested:#?}");
    let inspected = run(&folder, &["filter", "inspect", "filter.wasm"], 0);
    assert!(inspected.stdout.contains("\nimports    -\n"), "{inspected:#?}");
    meets_the_traps(&folder, "./filter.wasm", "settings.json");

    let again = run(&folder, &["filter", "build"], 0);
    assert!(!again.stderr.contains("is missing"), "what is there is not fetched again: {again:#?}");
    if let Some(examples) = std::env::var_os("MINUTEBOOK_EXAMPLES") {
        std::fs::create_dir_all(&examples).unwrap();
        let kept = Path::new(&examples).join(format!("{language}.wasm"));
        std::fs::copy(folder.join("filter.wasm"), kept).unwrap();
    }
    root
}

/// A compiler that knows no types lets a rule pass that forgets its `return`.
fn tells_where_there_is_no_answer(root: &TempDir, rule: &str, answer: &str, nothing: &str, came: &str) {
    let folder = root.path().join("pick-these");
    let source = std::fs::read_to_string(folder.join(rule)).unwrap();
    assert!(source.contains(answer), "{source}");
    std::fs::write(folder.join(rule), source.replace(answer, nothing)).unwrap();
    run(&folder, &["filter", "build"], 0);
    let test = ["filter", "test", "./filter.wasm", "--catalog", "test/catalog.json"];
    let ended = run(&folder, &[&test[..], &TIMEOUT].concat(), 2);
    let told = "it cannot decide: configmaps: the rule must return ";
    assert!(
        ended.stderr.contains(told) && ended.stderr.ends_with(&format!(" returned {came}\n")),
        "{ended:#?}"
    );
}

#[test]
fn cel_meets_the_traps() {
    let root = tempfile::tempdir().unwrap();
    meets_the_traps(root.path(), "cel", "cel.json");
}

#[test]
#[ignore = "long: .ci/full runs it"]
fn rust_is_served() {
    is_served("rust");
}

#[test]
#[ignore = "long: .ci/full runs it"]
fn c_is_served() {
    is_served("c");
}

#[test]
#[ignore = "long: .ci/full runs it"]
fn go_is_served() {
    is_served("go");
}

#[test]
#[ignore = "long: .ci/full runs it"]
fn javascript_is_served() {
    let root = is_served("js");
    let answer = r#"return { selected: true, reason: "selected" };"#;
    tells_where_there_is_no_answer(&root, "rule.js", answer, "", "undefined");

    // The builder has a clock, and would keep its time for ever.
    let folder = root.path().join("pick-these");
    let source = std::fs::read_to_string(folder.join("rule.js")).unwrap();
    std::fs::write(folder.join("rule.js"), format!("{source}\nexport const built = Date.now();\n")).unwrap();
    let ended = run(&folder, &["filter", "build"], 4);
    assert!(ended.stderr.contains("a filter has no clock: "), "{ended:#?}");
}

#[test]
#[ignore = "long: .ci/full runs it"]
fn python_is_served() {
    let root = is_served("python");
    tells_where_there_is_no_answer(&root, "rule.py", r#"return True, "selected""#, "pass", "None");
}
