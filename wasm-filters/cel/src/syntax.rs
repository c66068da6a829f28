//! From a text to an expression: what is not CEL is refused, in words for people who know no
//! parsers, and so is what the parser had better not be given.
//!
//! The parser calls itself for what is nested, and has half a mebibyte of stack, beyond which there
//! is a bare trap. So nesting is bounded here, with an error in words.

use cel::IdedExpr;
use cel::parser::pratt_parser::{Lexer, TokenKind};
use cel::parser::{ParseErrors, PrattParser};

use crate::places::place;

/// Bytes of an expression: some five hundred names in a list.
const MAX_LENGTH: usize = 16 * 1024;

/// Brackets within brackets.
const MAX_NESTING: usize = 32;

/// Conditions, as in `a ? b : c ? d : e`.
const MAX_CONDITIONS: usize = 32;

const QUOTES: &str = "quotes are ' or \"";
const EQUALITY: &str = "equality is ==, and its opposite !=";
const CONDITION: &str = "a condition is written a ? b : c";
const STARTS: &str = "it is written resource.name.startsWith('x')";
const ENDS: &str = "it is written resource.name.endsWith('x')";
const LEFT_OUT: &str = "what is left out is written !(resource.name in ['x'])";
const HAS: &str =
    "a list is asked with 'x' in resource.verbs, a part of a text with resource.name.contains('x')";

/// How other languages write what CEL has too.
const FOREIGN: [(&str, &str); 32] = [
    ("=", "equality is =="),
    ("===", "equality is =="),
    ("!==", "it is written !="),
    ("<>", "it is written !="),
    ("&", "it is written &&"),
    ("|", "it is written ||"),
    ("=~", "it is written as in resource.name.matches('^pods$')"),
    ("and", "it is written &&"),
    ("or", "it is written ||"),
    ("not", "it is written !, as in !(resource.name in ['pods'])"),
    ("like", "a part of a text is asked for with resource.name.contains('x')"),
    ("contains", HAS),
    ("includes", HAS),
    ("matches", "it is written resource.name.matches('^x')"),
    ("starts", STARTS),
    ("startswith", STARTS),
    ("ends", ENDS),
    ("endswith", ENDS),
    ("is", EQUALITY),
    ("equals", EQUALITY),
    ("except", LEFT_OUT),
    ("without", LEFT_OUT),
    ("between", "it is written resource.name >= 'a' && resource.name <= 'b'"),
    ("if", CONDITION),
    ("then", CONDITION),
    ("else", CONDITION),
    ("#", "comments begin with //"),
    (";", "a rule is one expression, without an end mark"),
    ("“", QUOTES),
    ("”", QUOTES),
    ("‘", QUOTES),
    ("’", QUOTES),
];

/// The expression that a text is.
pub(crate) fn parse(text: &str) -> Result<IdedExpr, String> {
    bound(text)?;
    PrattParser::new().parse(text).map_err(|errors| first(text, &errors))
}

fn bound(text: &str) -> Result<(), String> {
    if text.len() > MAX_LENGTH {
        return Err(format!("it has {} bytes; no more than {MAX_LENGTH} are taken", text.len()));
    }
    let (mut open, mut nesting, mut conditions) = (0_usize, 0, 0);
    let mut lexer = Lexer::new(text);
    loop {
        match lexer.lex().kind {
            // The parser says better what is wrong.
            TokenKind::TokEnd | TokenKind::TokError => break,
            TokenKind::TokLeftParen | TokenKind::TokLeftBracket | TokenKind::TokLeftBrace => open += 1,
            TokenKind::TokRightParen | TokenKind::TokRightBracket | TokenKind::TokRightBrace => {
                open = open.saturating_sub(1);
            }
            TokenKind::TokQuestion => conditions += 1,
            _ => {}
        }
        nesting = nesting.max(open);
    }
    if nesting > MAX_NESTING {
        return Err(format!("its brackets are nested {nesting} deep; no more than {MAX_NESTING} are taken"));
    }
    if conditions > MAX_CONDITIONS {
        return Err(format!(
            "it has {conditions} conditions (a ? b : c); no more than {MAX_CONDITIONS} are taken"
        ));
    }
    Ok(())
}

/// The first error, on one line, with its place.
fn first(text: &str, errors: &ParseErrors) -> String {
    let Some(error) = errors.errors.first() else {
        return String::from("it is no CEL");
    };
    let Some(offset) = offset(text, error.pos) else {
        return plain(&error.msg);
    };
    if let Some((start, written, hint)) = foreign(text, offset) {
        return format!("{}unexpected '{written}'; {hint}", place(text, start));
    }
    let at = text.get(offset..).unwrap_or_default();
    let message = match (plain(&error.msg), at.chars().next()) {
        (_, Some(sign @ (',' | '}'))) if in_other_brackets(text, offset) => {
            format!("unexpected '{sign}'; a list stands in [ ], as in resource.name in ['a', 'b']")
        }
        (message, Some(sign)) if message == "unexpected character" => format!("unexpected '{sign}'"),
        (message, _) => message,
    };
    format!("{}{message}", place(text, offset))
}

/// Whether this is within brackets that follow `in`, but are not those of a list.
fn in_other_brackets(text: &str, offset: usize) -> bool {
    let (mut open, mut after_in) = (Vec::new(), false);
    let mut lexer = Lexer::new(text);
    loop {
        let token = lexer.lex();
        match token.kind {
            TokenKind::TokEnd | TokenKind::TokError => break,
            _ if token.start >= offset => break,
            TokenKind::TokWhitespace | TokenKind::TokComment => continue,
            TokenKind::TokLeftParen | TokenKind::TokLeftBrace => open.push(after_in),
            TokenKind::TokLeftBracket => open.push(false),
            TokenKind::TokRightParen | TokenKind::TokRightBracket | TokenKind::TokRightBrace => {
                open.pop();
            }
            _ => {}
        }
        after_in = matches!(token.kind, TokenKind::TokIn);
    }
    open.last() == Some(&true)
}

/// The parser counts lines and, in them, bytes, from 1 on.
fn offset(text: &str, (line, column): (isize, isize)) -> Option<usize> {
    let (line, column) = (usize::try_from(line).ok()?, usize::try_from(column).ok()?);
    let above: usize = text.split_inclusive('\n').take(line.checked_sub(1)?).map(str::len).sum();
    Some(above + column.checked_sub(1)?)
}

/// What is written at an error, or as a word before it, if CEL writes it otherwise: its place, it,
/// and how it is written.
fn foreign(text: &str, offset: usize) -> Option<(usize, &str, &'static str)> {
    let (before, at) = text.split_at_checked(offset)?;
    let word = |sign: char| sign.is_alphanumeric();
    let operator = |sign: char| "=!<>&|~".contains(sign);
    let symbol =
        before.trim_end_matches(operator).len()..offset + at.len() - at.trim_start_matches(operator).len();
    let here = offset..offset + at.find(|sign| !word(sign)).unwrap_or(at.len());
    let character = offset..offset + at.chars().next().map_or(0, char::len_utf8);
    let last = before.trim_end();
    let previous = last.trim_end_matches(word).len()..last.len();
    [symbol, here, character, previous].into_iter().find_map(|range| {
        let written = &text[range.clone()];
        let known = |(foreign, _): &&(&str, _)| written.eq_ignore_ascii_case(foreign);
        FOREIGN.iter().find(known).map(|(_, hint)| (range.start, written, *hint))
    })
}

/// The parser's message without the jargon of parsers, and without the lines of a text in it.
fn plain(message: &str) -> String {
    let message = message.split_whitespace().collect::<Vec<_>>().join(" ");
    let message = message.strip_prefix("Syntax error: ").unwrap_or(&message);
    let Some((found, expected)) =
        message.strip_prefix("mismatched input ").and_then(|rest| rest.rsplit_once(" expecting "))
    else {
        return message.to_owned();
    };
    match (found, expected) {
        ("'<EOF>'" | "<EOF>", "expression") => String::from("something is missing at the end"),
        ("'<EOF>'" | "<EOF>", expected) => format!("expected {expected}"),
        (found, "<EOF>") => format!("unexpected {found}"),
        (found, expected) => format!("unexpected {found}, expected {expected}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_has_its_place_as_people_count() {
        for (text, error) in [
            ("", "line 1, column 1: something is missing at the end"),
            ("resource.name ==", "line 1, column 17: something is missing at the end"),
            ("true 'a\n  b'", "line 1, column 6: unexpected ''a b''"),
            ("size(", "line 1, column 6: expected ')'"),
            ("true &&\n  (false", "line 2, column 9: expected ')'"),
            ("'é€😀' == 'x", "line 1, column 10: unterminated string literal"),
            ("'é' == 'é' && €", "line 1, column 15: unexpected '€'"),
            ("\n'é' in é", "line 2, column 8: unexpected 'é'"),
            ("'é' ==\r\n * 1", "line 2, column 2: unexpected token"),
            ("resource.verbs.all(1, true)", "line 1, column 20: argument must be a simple name"),
            ("has(resource)", "line 1, column 5: invalid argument to has() macro"),
            ("resource.?name == 1", "line 1, column 9: unsupported syntax '.?'"),
            ("99999999999999999999 == 1", "line 1, column 1: invalid int literal"),
            ("for == 1", "line 1, column 1: reserved identifier: for"),
            ("size('a', ('b', 'c'))", "line 1, column 15: expected ')'"),
            ("'a' in ['b', ('c', 'd')]", "line 1, column 18: expected ')'"),
        ] {
            assert_eq!(parse(text), Err(String::from(error)), "{text:?}");
        }
    }

    #[test]
    fn what_other_languages_write_gets_a_hint() {
        for (text, error) in [
            ("resource.name = 'x'", "line 1, column 15: unexpected '='; equality is =="),
            ("resource.name === 'x'", "line 1, column 15: unexpected '==='; equality is =="),
            ("resource.name\n !== 'x'", "line 2, column 2: unexpected '!=='; it is written !="),
            ("resource.name <> 'x'", "line 1, column 15: unexpected '<>'; it is written !="),
            (
                "resource.name =~ 'x'",
                "line 1, column 15: unexpected '=~'; it is written as in resource.name.matches('^pods$')",
            ),
            ("true & true", "line 1, column 6: unexpected '&'; it is written &&"),
            ("true | true", "line 1, column 6: unexpected '|'; it is written ||"),
            ("true and false", "line 1, column 6: unexpected 'and'; it is written &&"),
            ("(true OR false)", "line 1, column 7: unexpected 'OR'; it is written ||"),
            (
                "not resource.namespaced",
                "line 1, column 1: unexpected 'not'; it is written !, as in !(resource.name in ['pods'])",
            ),
            (
                "true && resource.name not in ['x']",
                "line 1, column 23: unexpected 'not'; it is written !, as in !(resource.name in ['pods'])",
            ),
            (
                "resource.name like 'x'",
                "line 1, column 15: unexpected 'like'; a part of a text is asked for with resource.name.contains('x')",
            ),
            (
                "resource.verbs CONTAINS 'x'",
                "line 1, column 16: unexpected 'CONTAINS'; a list is asked with 'x' in resource.verbs, a part of a text with resource.name.contains('x')",
            ),
            (
                "resource.name matches 'x'",
                "line 1, column 15: unexpected 'matches'; it is written resource.name.matches('^x')",
            ),
            (
                "resource.name starts with 'x'",
                "line 1, column 15: unexpected 'starts'; it is written resource.name.startsWith('x')",
            ),
            (
                "resource.name.endsWith 'x'",
                "line 1, column 15: unexpected 'endsWith'; it is written resource.name.endsWith('x')",
            ),
            (
                "resource.name is 'pods'",
                "line 1, column 15: unexpected 'is'; equality is ==, and its opposite !=",
            ),
            (
                "true except 'pods'",
                "line 1, column 6: unexpected 'except'; what is left out is written !(resource.name in ['x'])",
            ),
            (
                "resource.name between 'a' and 'b'",
                "line 1, column 15: unexpected 'between'; it is written resource.name >= 'a' && resource.name <= 'b'",
            ),
            (
                "if resource.namespaced then true else false",
                "line 1, column 1: unexpected 'if'; a condition is written a ? b : c",
            ),
            (
                "resource.namespaced then true",
                "line 1, column 21: unexpected 'then'; a condition is written a ? b : c",
            ),
            ("true # all", "line 1, column 6: unexpected '#'; comments begin with //"),
            ("true;", "line 1, column 5: unexpected ';'; a rule is one expression, without an end mark"),
            (
                "resource.name in ('a', 'b')",
                "line 1, column 22: unexpected ','; a list stands in [ ], as in resource.name in ['a', 'b']",
            ),
            (
                "(resource.name in {'(', 'b'})",
                "line 1, column 23: unexpected ','; a list stands in [ ], as in resource.name in ['a', 'b']",
            ),
            (
                "resource.name in {'a'}",
                "line 1, column 22: unexpected '}'; a list stands in [ ], as in resource.name in ['a', 'b']",
            ),
            ("resource.name == “x”", r#"line 1, column 18: unexpected '“'; quotes are ' or ""#),
            ("resource.name == ‘x’", r#"line 1, column 18: unexpected '‘'; quotes are ' or ""#),
            ("resource.name ==\n”x“", r#"line 2, column 1: unexpected '”'; quotes are ' or ""#),
        ] {
            assert_eq!(parse(text), Err(String::from(error)), "{text:?}");
        }
    }

    #[test]
    fn length_and_nesting_are_bounded_in_words() {
        let list = |names: usize| format!("[{}]", vec!["'deployments'"; names].join(", "));
        let brackets = |depth: usize| "(".repeat(depth) + "true" + &")".repeat(depth);
        let conditions = |number: usize| "false ? true : ".repeat(number) + "true";
        for (obeyed, violated, error) in [
            (list(1000), list(2000), "it has 30000 bytes; no more than 16384 are taken"),
            (brackets(32), brackets(33), "its brackets are nested 33 deep; no more than 32 are taken"),
            (conditions(32), conditions(33), "it has 33 conditions (a ? b : c); no more than 32 are taken"),
        ] {
            assert!(parse(&obeyed).is_ok(), "{obeyed}");
            assert_eq!(parse(&violated), Err(String::from(error)));
        }
    }

    #[test]
    fn brackets_in_texts_and_comments_are_none() {
        for bracket in ["(", "[", "{", "?"] {
            let text = format!("'{0}' != '' // {0}", bracket.repeat(100));
            assert!(parse(&text).is_ok(), "{text}");
        }
    }
}
