//! The floor plan of `src/lib.rs`, held: who may import whom, and how long a file may be.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Which modules of ours a module may name. What is not here does not exist.
const ALLOWED: &[(&str, &[&str])] = &[
    ("built", &[]),
    ("model", &[]),
    ("access", &["model", "cluster"]),
    ("child", &["model"]),
    ("clock", &["model"]),
    ("cluster", &["model"]),
    ("store", &["model"]),
    ("schedule", &["model"]),
    ("discover", &["model", "cluster"]),
    ("select", &["model", "child", "store"]),
    ("componentize", &["model"]),
    ("fetch", &["model", "cluster"]),
    ("archive", &["model"]),
    ("log", &["model"]),
    ("ledger", &["model"]),
    (
        "cycle",
        &[
            "built", "model", "access", "clock", "cluster", "store", "discover", "select", "fetch",
            "archive", "log", "ledger",
        ],
    ),
    ("recorder", &["model", "clock", "schedule", "cycle"]),
    ("config", &["model", "access", "clock", "cluster", "store", "select", "cycle"]),
    // The edge sees everything; within it, only these.
    ("exit", &["model", "config"]),
    ("cli", &["built", "model", "select", "cycle", "config"]),
    ("signals", &["access"]),
    ("notify", &[]),
    ("open_files", &["model"]),
    ("telemetry", &["cluster", "config", "cli"]),
    (
        "commands",
        &[
            "model",
            "child",
            "select",
            "cluster",
            "clock",
            "store",
            "componentize",
            "discover",
            "select",
            "cycle",
            "recorder",
            "config",
            "cli",
            "exit",
            "open_files",
            "signals",
            "notify",
        ],
    ),
    ("main", &["config", "cli", "commands", "exit", "notify", "open_files", "signals", "telemetry"]),
    ("lib", &[]),
];

/// Files for tests alone; the plan is about the program.
const FOR_TESTS: &[&str] = &["testing.rs", "tests.rs", "scripted.rs"];

/// Lines of a file without its tests.
const LINES: usize = 400;

struct Source {
    path: PathBuf,
    module: String,
    /// Without its tests.
    text: String,
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut sources = Vec::new();
    collect(&root, &root, &mut sources);
    assert!(sources.len() > 40, "the program's files are found");
    sources
}

fn collect(root: &Path, folder: &Path, sources: &mut Vec<Source>) {
    for entry in folder.read_dir().expect("a folder of ours can be read") {
        let path = entry.expect("an entry can be read").path();
        if path.is_dir() {
            collect(root, &path, sources);
            continue;
        }
        let name = path.file_name().and_then(|name| name.to_str()).expect("a file has a name");
        if FOR_TESTS.contains(&name) {
            continue;
        }
        let relative = path.strip_prefix(root).expect("it is below the root").to_owned();
        let first = relative.iter().next().and_then(|part| part.to_str()).expect("it has a first part");
        let module = first.trim_end_matches(".rs").to_owned();
        let text = std::fs::read_to_string(&path).expect("a source is text");
        let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default().to_owned();
        sources.push(Source { path: relative, module, text });
    }
}

/// The modules of ours that a text names.
fn named(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for prefix in ["crate::", "minutebook::"] {
        for (at, _) in text.match_indices(prefix) {
            let begins_a_word =
                text[..at].ends_with(|before: char| !before.is_alphanumeric() && !"_:".contains(before));
            let name: String =
                text[at + prefix.len()..].chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect();
            // `minutebook::retry` is a log's name, in quotes.
            if begins_a_word && !text[..at].ends_with('"') {
                found.insert(name);
            }
        }
    }
    found
}

#[test]
fn imports_point_down() {
    let mut wrong = Vec::new();
    for Source { path, module, text } in sources() {
        let Some((_, allowed)) = ALLOWED.iter().find(|(name, _)| *name == module) else {
            wrong.push(format!("{}: the module `{module}` has no place in the plan", path.display()));
            continue;
        };
        for name in named(&text) {
            if name.is_empty() {
                wrong.push(format!("{}: write one module in each `use crate::…`", path.display()));
            } else if name != module && !allowed.contains(&name.as_str()) {
                wrong.push(format!("{}: `{module}` may not name `{name}`", path.display()));
            }
        }
        let climbs =
            text.contains("super::super::") || (path.iter().count() == 1 && text.contains("super::"));
        if climbs {
            wrong.push(format!("{}: `super::` reaches past its module; write `crate::…`", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn nothing_is_allowed_that_nobody_does() {
    let sources = sources();
    for (module, allowed) in ALLOWED {
        let used: BTreeSet<String> = sources
            .iter()
            .filter(|source| source.module == *module)
            .flat_map(|source| named(&source.text))
            .collect();
        for name in *allowed {
            // Modules of the binary are declared in main.rs and need no path there.
            assert!(used.contains(*name) || *module == "main", "`{module}` may name `{name}` and does not");
        }
    }
}

#[test]
fn files_are_short_and_open_with_their_reason() {
    let mut wrong = Vec::new();
    for Source { path, text, .. } in sources() {
        let lines = text.lines().count();
        if lines > LINES {
            wrong.push(format!("{}: {lines} lines", path.display()));
        }
        if !text.starts_with("//!") {
            wrong.push(format!("{}: it does not say why it exists", path.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_test_sees_what_it_should() {
    let text = "use crate::model::name; use minutebook::cycle::{A}; \"minutebook::retry\" mycrate::x use crate::{a, b};";
    let found: Vec<String> = named(text).into_iter().collect();
    assert_eq!(found, ["", "cycle", "model"]);
}
