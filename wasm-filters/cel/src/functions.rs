//! CEL's functions and operators: how they are called, and with values of which types.
//!
//! CEL itself looks at a type when it evaluates, so that a rule that can never work fails only with
//! the first resource, and behind `||` not even then. From these tables `names.rs` and `check.rs`
//! know it before.

use cel::common::ast::operators::{ADD, DIVIDE, MODULO, MULTIPLY, NEGATE, SUBSTRACT};
use regex_lite::{Regex, RegexBuilder};

use crate::shown::cut;
use crate::types::Type;

/// The nouns of the types that a value may have; none for any.
pub(crate) type Takes = &'static [&'static str];

const ANY: Takes = &[];
const BYTES: Takes = &["byte string"];
const LIST: Takes = &["list"];
const NUMBER: Takes = &["number"];
const TEXT: Takes = &["string"];
const NUMBER_OR_TEXT: Takes = &["number", "string"];
const SIZED: Takes = &["string", "list", "map", "byte string"];

/// What can be gone through.
pub(crate) const EACH: Takes = &["list", "map"];

/// What can be a key of a map.
pub(crate) const KEY: Takes = &["string", "number", "boolean"];

/// A way to call a function, with what it takes.
pub(crate) enum Call {
    /// `a.function(b)`, with `a` as the first
    On(&'static [Takes]),
    /// `function(b)`
    Alone(&'static [Takes]),
}

use Call::{Alone, On};

/// CEL's functions, the ways to call them, and an example. Macros such as `exists` have none: where
/// one was called as it should be, the parser has put something else in its place.
pub(crate) const FUNCTIONS: [(&str, &[Call], &str); 20] = [
    ("all", &[], r#"resource.verbs.all(v, v != "delete")"#),
    ("bool", &[Alone(&[&["boolean", "string"]])], r#"bool("true")"#),
    ("bytes", &[Alone(&[&["string", "byte string"]])], "size(bytes(resource.name)) > 1"),
    ("contains", &[On(&[TEXT, TEXT])], r#"resource.group.contains("example")"#),
    ("double", &[Alone(&[NUMBER_OR_TEXT])], r#"double("1.5") > 1.0"#),
    ("dyn", &[Alone(&[ANY])], r#"dyn(resource.name) == "pods""#),
    ("endsWith", &[On(&[TEXT, TEXT])], r#"resource.group.endsWith(".k8s.io")"#),
    ("exists", &[], r#"resource.verbs.exists(v, v == "list")"#),
    ("existsOne", &[], r#"resource.verbs.existsOne(v, v == "list")"#),
    ("exists_one", &[], r#"resource.verbs.exists_one(v, v == "list")"#),
    ("filter", &[], r#"resource.verbs.filter(v, v == "list") == ["list"]"#),
    ("has", &[], "has(resource.name)"),
    ("int", &[Alone(&[NUMBER_OR_TEXT])], r#"int("1") == 1"#),
    ("map", &[], r#"resource.verbs.map(v, v + "!") == ["list!"]"#),
    ("matches", &[On(&[TEXT, TEXT]), Alone(&[TEXT, TEXT])], r#"resource.version.matches("^v[0-9]+$")"#),
    ("size", &[Alone(&[SIZED]), On(&[SIZED])], "size(resource.verbs) > 1"),
    ("startsWith", &[On(&[TEXT, TEXT])], r#"resource.name.startsWith("pod")"#),
    ("string", &[Alone(&[&["string", "number", "boolean", "byte string"]])], r#"string(1) == "1""#),
    ("type", &[Alone(&[ANY])], "type(resource.name) == string"),
    ("uint", &[Alone(&[NUMBER_OR_TEXT])], r#"uint("1") == 1u"#),
];

/// Operators that calculate, what they take together, and that in words.
const OPERATORS: [(&str, &[&[Takes]], &str); 6] = [
    (
        ADD,
        &[&[NUMBER, NUMBER], &[TEXT, TEXT], &[BYTES, BYTES], &[LIST, EACH]],
        "two numbers, two strings or two lists",
    ),
    (SUBSTRACT, &[&[NUMBER, NUMBER]], "numbers"),
    (MULTIPLY, &[&[NUMBER, NUMBER]], "numbers"),
    (DIVIDE, &[&[NUMBER, NUMBER]], "numbers"),
    (MODULO, &[&[NUMBER, NUMBER]], "numbers"),
    (NEGATE, &[&[NUMBER]], "numbers"),
];

/// What a function takes that is called like this, with the value that it is called on as the
/// first.
pub(crate) fn takes(function: &str, on: bool, arguments: usize) -> Option<&'static [Takes]> {
    let (_, calls, _) = FUNCTIONS.iter().find(|(name, ..)| *name == function)?;
    calls.iter().find_map(|call| match call {
        On(takes) if on && takes.len() == arguments + 1 => Some(*takes),
        Alone(takes) if !on && takes.len() == arguments => Some(*takes),
        _ => None,
    })
}

/// What an operator calculates with, in words, if it is not these.
pub(crate) fn needs(operator: &str, types: &[Type]) -> Option<&'static str> {
    let (_, ways, words) = OPERATORS.iter().find(|(name, ..)| *name == operator)?;
    let fit = |way: &&[Takes]| types.iter().zip(*way).all(|(of, takes)| of.is_one_of(takes));
    (!ways.iter().any(fit)).then_some(*words)
}

/// A regular expression as `matches` takes it. Its size is bounded, because a short one can stand
/// for a very long one.
pub(crate) fn pattern(text: &str) -> Result<Regex, String> {
    RegexBuilder::new(text)
        .size_limit(64 * 1024)
        .build()
        .map_err(|error| format!("\"{}\" is no regular expression: {error}", cut(text)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_taken_is_said_with_the_nouns_of_types() {
        let types =
            [Type::Bool, Type::Number, Type::Text, Type::Bytes, Type::List(Type::Dynamic.into()), Type::Map];
        let nouns = types.map(|of| of.noun());
        let of_calls = FUNCTIONS.iter().flat_map(|(_, calls, _)| *calls).flat_map(|call| match call {
            On(takes) | Alone(takes) => *takes,
        });
        let of_operators = OPERATORS.iter().flat_map(|(_, ways, _)| *ways).copied().flatten();
        for noun in of_calls.chain(of_operators).chain([&EACH, &KEY]).copied().flatten() {
            assert!(nouns.contains(noun), "{noun}");
        }
    }

    #[test]
    fn a_long_pattern_leaves_the_reason_its_place() {
        let error = pattern(&("é".repeat(600) + "[")).unwrap_err();
        let shown = "é".repeat(60);
        assert_eq!(error, format!("\"{shown}...\" is no regular expression: found unclosed character class"));
    }
}
