//! What filters say and do: errors in their own words, crashes, and answers that make no sense.

use minutebook::select::{Error, Step};

use super::Case;
use super::guest::{self, Guest};

pub(super) fn cases() -> Vec<Case> {
    let crash = |step, what: &str| Error::Trap { step, what: what.to_owned() };
    let broken = |step, what: &str| Error::Rules { step, what: what.to_owned() };
    let panic = "it gave up (`unreachable`: a panic, an assertion or an allocation that failed)";
    vec![
        Case::bad(
            "settings that it refuses",
            saying("configure", 16, "unknown setting \"inclde\"; known are \"include\" and \"exclude\""),
            Error::Settings("unknown setting \"inclde\"; known are \"include\" and \"exclude\"".to_owned()),
        ),
        Case::bad(
            "a catalog that it refuses",
            saying("answer", 32, "this rule is for clusters with the group acme.example"),
            Error::Refused("this rule is for clusters with the group acme.example".to_owned()),
        ),
        Case::bad(
            "words meant for the terminal rather than for people",
            saying("answer", 32, "no\n2020-10-31T07:10:55Z INFO all is well \u{1b}[31m\u{202e}"),
            Error::Refused("no 2020-10-31T07:10:55Z INFO all is well \u{fffd}[31m\u{fffd}".to_owned()),
        ),
        Case::bad(
            "an error without a word",
            saying("configure", 16, " \n"),
            Error::Settings("it does not say why".to_owned()),
        ),
        Case::bad("a panic", guest::with("select", "(unreachable)"), crash(Step::Select, panic)),
        Case::bad(
            "a panic in the start function",
            guest::with("start", "(unreachable)"),
            crash(Step::Start, panic),
        ),
        Case::bad(
            "a panic in `realloc`",
            guest::with("realloc", "(unreachable)"),
            crash(Step::Configure, panic),
        ),
        Case::bad(
            "a panic in post-return",
            guest::with("post-return", "(unreachable)"),
            crash(Step::Select, panic),
        ),
        Case::bad(
            "an access out of bounds",
            guest::with("select", "(drop (i32.load (i32.const -4)))"),
            crash(Step::Select, "it reached outside its memory (often a stack of its own that is too small)"),
        ),
        Case::bad(
            "a division by zero",
            guest::with("configure", "(drop (i32.div_u (i32.const 1) (i32.const 0)))"),
            crash(Step::Configure, "it divided by zero"),
        ),
        Case::bad(
            "a call into nothing",
            Guest::new()
                .with("module", "(table 1 funcref)")
                .with("select", "(call_indirect (i32.const 0))")
                .bytes(),
            crash(Step::Select, "it called a function that is not there"),
        ),
        Case::bad(
            "a reason outside its memory",
            guest::with(
                "answer",
                "(i32.store (i32.add (i32.load (i32.const 36)) (i32.const 4)) (i32.const -9))",
            ),
            broken(Step::Select, "string pointer/length out of bounds of memory"),
        ),
        Case::bad(
            "a reason that is not UTF-8",
            Guest::new()
                .replace("(data (i32.const 512) \"because\")", "(data (i32.const 512) \"becau\\ffe\")")
                .bytes(),
            broken(Step::Select, "invalid utf-8 sequence of 1 bytes from index 5"),
        ),
        Case::bad(
            "neither a selection nor an error",
            guest::with("answer", "(i32.store8 (i32.const 32) (i32.const 7))"),
            broken(Step::Select, "invalid expected discriminant"),
        ),
        Case::bad(
            "memory that it does not have",
            guest::with("realloc", "(return (i32.const -4))"),
            broken(Step::Configure, "realloc return: beyond end of memory"),
        ),
    ]
}

/// Returns an error with these words from the function whose answer lies at `at`.
fn saying(hole: &str, at: u32, words: &str) -> Vec<u8> {
    let (words_at, length_at, length) = (at + 4, at + 8, words.len());
    let code = format!(
        "(i32.store8 (i32.const {at}) (i32.const 1))
         (i32.store (i32.const {words_at}) (i32.const 768))
         (i32.store (i32.const {length_at}) (i32.const {length}))"
    );
    let escaped: Vec<_> = words.bytes().map(|byte| format!("\\{byte:02x}")).collect();
    let escaped = escaped.concat();
    Guest::new().with("module", &format!("(data (i32.const 768) \"{escaped}\")")).with(hole, &code).bytes()
}
