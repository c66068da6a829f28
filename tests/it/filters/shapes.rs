//! Files that are no filters, each of them once: what is said must be what it is.

use minutebook::select::{Error, Misfit, NotAComponent};

use super::Case;
use super::guest::{self, Guest};

pub(super) fn cases() -> Vec<Case> {
    components().into_iter().chain(others()).collect()
}

/// Components that are no filters, or none for us.
fn components() -> Vec<Case> {
    let parsed = |text| wat::parse_str(text).unwrap();
    let interface = |words: &str| Error::Interface(words.to_owned());
    vec![
        Case::bad(
            "a component that imports something",
            importing(&["acme:secrets/store"]),
            imports("acme:secrets/store"),
        ),
        Case::bad(
            "a component that was built with WASI",
            importing(&[
                "wasi:cli/environment@0.2.0",
                "wasi:cli/stdout@0.2.0",
                "wasi:clocks/wall-clock@0.2.0",
                "wasi:filesystem/types@0.2.0",
                "wasi:io/streams@0.2.0",
                "wasi:random/random@0.2.0",
            ]),
            imports(
                "wasi:cli/environment@0.2.0, wasi:cli/stdout@0.2.0, wasi:clocks/wall-clock@0.2.0, \
                 wasi:filesystem/types@0.2.0, wasi:io/streams@0.2.0 and 1 more",
            ),
        ),
        Case::bad("wrong world", exporting("kata:filter/select@1.0.0"), world("kata:filter/select@1.0.0")),
        Case::bad(
            "a filter for a later filter.wit",
            exporting("minutebook:filter/filter@0.2.0"),
            contract("0.2.0", Misfit::Newer),
        ),
        Case::bad(
            "a filter for an earlier filter.wit",
            exporting("minutebook:filter/filter@0.0.9"),
            contract("0.0.9", Misfit::Older),
        ),
        Case::bad(
            "a filter for several, of which none is ours",
            side_by_side("0.0.9", "0.2.0"),
            contract("0.0.9, 0.2.0", Misfit::Newer),
        ),
        Case::bad(
            "a filter for a filter.wit without a version",
            exporting("minutebook:filter/filter"),
            contract("", Misfit::Unknown),
        ),
        Case::bad("a component that exports nothing", parsed("(component)"), world("")),
        Case::bad(
            "another record",
            guest::with("verdict", "(field \"weight\" u32)"),
            interface(
                "type mismatch with results: type mismatch for field verdicts: \
                 expected record of 2 fields, found 3 fields",
            ),
        ),
        Case::bad(
            "a missing function",
            Guest::new().replace("(export \"select\") ;; lifted", "(export \"choose\")").bytes(),
            interface("instance export `minutebook:filter/filter@0.1.0` does not have export `select`"),
        ),
        Case::bad(
            "an invalid component",
            [&parsed("(component)")[..], &[11, 1, 1]].concat(),
            malformed("unexpected end-of-file (at offset 0xb)"),
        ),
        Case::bad(
            "a component with invalid code",
            invalid_code(),
            malformed(
                "Invalid input WebAssembly code at offset 213: \
                 type mismatch: values remaining on stack at end of block",
            ),
        ),
        Case::bad(
            "a memory of 64-bit addresses",
            guest::with("component", "(core module (memory i64 1))"),
            malformed("memory64 must be enabled for 64-bit memories (at offset 0x15)"),
        ),
        Case::bad(
            "a memory that threads share",
            guest::with("component", "(core module (memory 1 1 shared))"),
            malformed("threads must be enabled for shared memories (at offset 0x15)"),
        ),
        Case::bad(
            "relaxed SIMD",
            with_relaxed_simd(),
            malformed("Invalid input WebAssembly code at offset 167: relaxed SIMD support is not enabled"),
        ),
    ]
}

/// Files that are no components.
fn others() -> Vec<Case> {
    let good = Guest::new().bytes();
    let half = good.len() / 2;
    let text = |text: &str| text.as_bytes().to_vec();
    let parsed = |text| wat::parse_str(text).unwrap();
    vec![
        Case::bad("a truncated file", good[..half].to_vec(), NotAComponent::Truncated { bytes: half }),
        Case::bad("a core module", parsed("(module)"), NotAComponent::CoreModule { typed: false }),
        Case::bad(
            "a core module that knows its interface",
            parsed("(module (@custom \"component-type:filter\" \"\"))"),
            NotAComponent::CoreModule { typed: true },
        ),
        Case::bad("an empty file", Vec::new(), NotAComponent::Empty),
        Case::bad("a text file", text("def select(target, resources):\n"), NotAComponent::Text),
        Case::bad(
            "WebAssembly in text format",
            text(include_str!("../../filters/guest.wat")),
            NotAComponent::Wat,
        ),
        Case::bad(
            "a Git LFS pointer",
            text("version https://git-lfs.github.com/spec/v1\n"),
            NotAComponent::LfsPointer,
        ),
        Case::bad("a native program", text("\x7fELF\x02\x01\x01\0"), NotAComponent::NativeProgram),
        Case::bad(
            "a compressed file",
            b"\x1f\x8b\x08\0\0\0".to_vec(),
            NotAComponent::Compressed { tool: "gzip" },
        ),
        Case::bad("WebAssembly of another version", text("\0asm\x0a\0\x01\0"), NotAComponent::OtherVersion),
        Case::bad("anything else", vec![0xff; 9], NotAComponent::Unknown),
    ]
}

fn importing(names: &[&str]) -> Vec<u8> {
    let imports: Vec<_> = names.iter().map(|name| format!("(import \"{name}\" (instance))")).collect();
    guest::with("component", &imports.join("\n"))
}

fn exporting(name: &str) -> Vec<u8> {
    Guest::new().replace("minutebook:filter/filter@0.1.0", name).bytes()
}

/// A guest for two versions of filter.wit.
pub(super) fn side_by_side(one: &str, other: &str) -> Vec<u8> {
    let export =
        |version: &str| format!("(export \"minutebook:filter/filter@{version}\" (instance $filter))");
    Guest::new().replace(&export("0.1.0"), &(export(one) + &export(other))).bytes()
}

/// Leaves a value on the stack where there must be none, which only the compiler sees.
fn invalid_code() -> Vec<u8> {
    guest::with("start", "(i32.const 0)")
}

/// Its results are for each processor to choose.
fn with_relaxed_simd() -> Vec<u8> {
    let function = "(func (param v128 v128) (result v128)
        (i8x16.relaxed_swizzle (local.get 0) (local.get 1)))";
    guest::with("module", function)
}

fn malformed(words: &str) -> Error {
    Error::Malformed(words.to_owned())
}

fn imports(names: &str) -> Error {
    Error::Imports { names: names.to_owned() }
}

fn world(exports: &str) -> Error {
    Error::World { exports: exports.to_owned() }
}

fn contract(theirs: &str, misfit: Misfit) -> Error {
    Error::Contract { theirs: theirs.to_owned(), misfit }
}
