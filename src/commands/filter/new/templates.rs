//! The projects that `filter new` writes: `wasm-filters/examples`, embedded. A test compares the two.

use crate::cli::Language;

/// A file's path in the project, and its bytes.
type File = (&'static str, &'static [u8]);

/// Files of a folder below `wasm-filters`, by their paths in it.
macro_rules! embedded {
    ($folder:literal, [$($path:literal),* $(,)?]) => {
        &[$(($path, include_bytes!(concat!("../../../../wasm-filters/", $folder, "/", $path)))),*]
    };
}

/// The contract, which is a link in the examples.
const WIT: &[File] = embedded!("wit", ["filter.wit"]);
/// A catalog, settings and what is to come of them, likewise.
const TEST: &[File] = embedded!("examples/test", ["catalog.json", "expect.json", "settings.json"]);

const RUST: &[File] = embedded!(
    "examples/rust",
    [".gitignore", "Cargo.lock", "Cargo.toml", "README.md", "filter.json", "src/lib.rs", "src/rule.rs"]
);
const C: &[File] = embedded!(
    "examples/c",
    [
        ".gitignore",
        "README.md",
        "bindings.c",
        "bindings.h",
        "filter.c",
        "filter.json",
        "json.c",
        "json.h",
        "libc.c",
        "libc/stdlib.h",
        "libc/string.h",
        "rule.c",
        "rule.h",
        "text.c",
        "text.h",
        "unit/rule.c",
    ]
);
const GO: &[File] = embedded!(
    "examples/go",
    [
        ".gitignore",
        "README.md",
        "export_minutebook_filter_filter/filter.go",
        "filter.json",
        "go.mod",
        "minutebook_filter_filter/empty.s",
        "minutebook_filter_filter/wit_bindings.go",
        "rule/rule.go",
        "rule/rule_test.go",
        "wit-pkg/go.mod",
        "wit-pkg/wit/runtime/runtime.go",
        "wit-pkg/wit/types/types.go",
        "wit_exports.go",
    ]
);
const JS: &[File] = embedded!(
    "examples/js",
    [
        ".gitignore",
        ".npmrc",
        "README.md",
        "check.js",
        "check.test.js",
        "filter.js",
        "filter.json",
        "missing.js",
        "missing.test.js",
        "package-lock.json",
        "package.json",
        "rule.js",
        "rule.test.js",
    ]
);
const PYTHON: &[File] = embedded!(
    "examples/python",
    [
        ".gitignore",
        "README.md",
        "check.py",
        "filter.json",
        "filter.py",
        "requirements.txt",
        "rule.py",
        "test_check.py",
        "test_rule.py"
    ]
);

/// All files of a language's project, with their paths in it.
pub(super) fn files(language: Language) -> impl Iterator<Item = (String, &'static [u8])> {
    let own = match language {
        Language::Rust => RUST,
        Language::C => C,
        Language::Go => GO,
        Language::Js => JS,
        Language::Python => PYTHON,
    };
    let below = |folder: &'static str| move |(path, bytes): &File| (format!("{folder}{path}"), *bytes);
    own.iter().map(below("")).chain(WIT.iter().map(below("wit/"))).chain(TEST.iter().map(below("test/")))
}
