//! The rule that an expression is: compiled once, then evaluated for each resource. Pure: no
//! WebAssembly, no JSON.
//!
//! Whatever can be known without a resource is refused when the expression is compiled, because a
//! misspelled rule that is found out later has recorded the wrong things until then: its syntax,
//! its size, and (in `names.rs`) the names that it uses. What is left fails the selection, with the
//! name of the resource that it failed on: a value that is no boolean, and errors such as an index
//! out of bounds.
//!
//! A guest has half a mebibyte of stack, and both the parser and the evaluation call themselves for
//! what is nested. So nesting is bounded here, far below of where the stack ends, with an error in
//! words where the stack's end would be a bare trap.

use std::collections::HashMap;
use std::sync::Arc;

use cel::common::types::{CelBool, CelString};
use cel::parser::pratt_parser::{Lexer, TokenKind};
use cel::parser::{ParseErrors, PrattParser};
use cel::{Context, Env, ExecutionError, IdedExpr, Value};

use crate::names;

/// Bytes of an expression: some five hundred names in a list.
const MAX_LENGTH: usize = 16 * 1024;

/// Brackets within brackets.
const MAX_NESTING: usize = 32;

/// Conditions, as in `a ? b : c ? d : e`.
const MAX_CONDITIONS: usize = 32;

/// Operations on top of each other, as in `a + b + c`; `&&` and `||` count less, because the parser
/// balances them. Tried: the stack ends beyond 500.
const MAX_DEPTH: usize = 128;

/// An expression that can be evaluated for any resource.
pub(crate) struct Rule {
    expression: IdedExpr,
    environment: Arc<Env>,
}

/// What is recorded, as an expression sees it under the name `target`.
pub(crate) struct Target<'a> {
    pub(crate) host: &'a str,
    pub(crate) cluster: &'a str,
    /// `namespace`, `all-namespaces` or `cluster`.
    pub(crate) scope: &'a str,
    /// Empty unless the scope is `namespace`.
    pub(crate) namespace: &'a str,
}

/// A resource, as an expression sees it under the name `resource`.
pub(crate) struct Resource<'a> {
    pub(crate) group: &'a str,
    pub(crate) version: &'a str,
    pub(crate) kind: &'a str,
    pub(crate) name: &'a str,
    pub(crate) singular_name: &'a str,
    pub(crate) namespaced: bool,
    pub(crate) verbs: &'a [String],
    pub(crate) short_names: &'a [String],
    pub(crate) categories: &'a [String],
}

impl Rule {
    /// Compiles an expression, or says what is wrong with it.
    pub(crate) fn compile(text: &str) -> Result<Rule, String> {
        bound(text)?;
        let expression = PrattParser::new().parse(text).map_err(|errors| syntax(text, &errors))?;
        if names::depth(&expression) > MAX_DEPTH {
            // To drop it would need the stack that there is not.
            std::mem::forget(expression);
            return Err(format!(
                "more than {MAX_DEPTH} operations are on top of each other; many names are shorter as a list: \
                 resource.name in [\"a\", \"b\"]"
            ));
        }
        names::check(&expression)?;
        Ok(Rule { expression, environment: Arc::new(environment()?) })
    }

    /// Evaluates the expression for each resource, in their order. The first one that it fails on
    /// fails all.
    pub(crate) fn decide(
        &self,
        target: &Target<'_>,
        resources: &[Resource<'_>],
    ) -> Result<Vec<bool>, String> {
        let mut context = Context::with_env(Arc::clone(&self.environment));
        context.add_variable_from_value("target", target.value());
        resources
            .iter()
            .map(|resource| {
                let mut context = context.new_inner_scope();
                context.add_variable_from_value("resource", resource.value());
                let failed =
                    |why: String| format!("the setting \"select\" fails on {}: {why}", resource.id());
                match Value::resolve(&self.expression, &context) {
                    Ok(Value::Bool(selected)) => Ok(selected),
                    Ok(other) => {
                        Err(failed(format!("it must be true or false, not of type {}", other.type_of())))
                    }
                    Err(error) => Err(failed(words(&error))),
                }
            })
            .collect()
    }
}

impl Target<'_> {
    fn value(&self) -> Value {
        Value::from(HashMap::from([
            ("host", Value::from(self.host)),
            ("cluster", Value::from(self.cluster)),
            ("scope", Value::from(self.scope)),
            ("namespace", Value::from(self.namespace)),
        ]))
    }
}

impl Resource<'_> {
    /// Its name as minutebook prints it: the group follows, except that the core group has none.
    fn id(&self) -> String {
        if self.group.is_empty() { self.name.to_owned() } else { format!("{}.{}", self.name, self.group) }
    }

    fn value(&self) -> Value {
        let list = |texts: &[String]| {
            Value::from(texts.iter().map(|text| Value::from(text.as_str())).collect::<Vec<_>>())
        };
        Value::from(HashMap::from([
            ("group", Value::from(self.group)),
            ("version", Value::from(self.version)),
            ("kind", Value::from(self.kind)),
            ("name", Value::from(self.name)),
            ("singularName", Value::from(self.singular_name)),
            ("namespaced", Value::from(self.namespaced)),
            ("verbs", list(self.verbs)),
            ("shortNames", list(self.short_names)),
            ("categories", list(self.categories)),
        ]))
    }
}

/// CEL's own functions, and `matches`, which the crate has only with a larger engine than all the
/// rest together.
fn environment() -> Result<Env, String> {
    let mut env = Env::default().with_optional_support(false).with_stdlib();
    cel::add_overload!(env, fn matches: (CelString, CelString) -> Result<CelBool>)
        .and_then(|()| cel::add_member_overload!(env, fn matches: (CelString, CelString) -> Result<CelBool>))
        .map_err(|error| error.to_string())?;
    Ok(env)
}

fn matches(text: &CelString<'_>, pattern: &CelString<'_>) -> Result<CelBool, ExecutionError> {
    names::pattern(pattern.inner())
        .map(|pattern| CelBool::from(pattern.is_match(text.inner())))
        .map_err(|message| ExecutionError::FunctionError { function: String::from("matches"), message })
}

/// Refuses what the parser had better not be given.
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

/// The first syntax error, on one line, with its place as people count.
fn syntax(text: &str, errors: &ParseErrors) -> String {
    let Some(error) = errors.errors.first() else {
        return String::from("it is no CEL");
    };
    let place = |(line, column): (isize, isize)| {
        let (line, column) = (usize::try_from(line).ok()?, usize::try_from(column).ok()?);
        let before = text.split('\n').nth(line.checked_sub(1)?)?.get(..column.checked_sub(1)?)?;
        Some(format!("line {line}, column {}: ", before.chars().count() + 1))
    };
    format!("{}{}", place(error.pos).unwrap_or_default(), plain(&error.msg))
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
        ("'='", "<EOF>") => String::from("unexpected '='; equality is =="),
        ("'and'", "<EOF>") => String::from("unexpected 'and'; it is written &&"),
        ("'or'", "<EOF>") => String::from("unexpected 'or'; it is written ||"),
        (found, "<EOF>") => format!("unexpected {found}"),
        (found, expected) => format!("unexpected {found}, expected {expected}"),
    }
}

/// What went wrong in an evaluation, in words that need no knowledge of this crate.
fn words(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(key) => format!("there is no key \"{key}\""),
        ExecutionError::NoSuchOverload(call) if call.function() == "_._" => {
            format!("a {} has no fields", call.argument_types().first().map_or("value", String::as_str))
        }
        ExecutionError::NoSuchOverload(call) => {
            let name: String = call.function().chars().filter(|sign| !matches!(sign, '_' | '@')).collect();
            format!("{name} cannot be applied to {}", call.argument_types().join(" and "))
        }
        ExecutionError::UnsupportedBinaryOperator(name, left, right) => {
            format!("{name} cannot be applied to {} and {}", left.type_of(), right.type_of())
        }
        ExecutionError::ValuesNotComparable(left, right) => {
            format!("{} cannot be compared with {}", left.type_of(), right.type_of())
        }
        ExecutionError::Overflow(name, ..) => format!("the result of {name} is too large"),
        ExecutionError::DivisionByZero(_) | ExecutionError::RemainderByZero(_) => {
            String::from("division by zero")
        }
        ExecutionError::IndexOutOfBounds(Value::Int(index)) => format!("the list has no element {index}"),
        ExecutionError::FunctionError { function, message } => format!("{function}: {message}"),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TARGET: Target<'_> =
        Target { host: "k8s.example:6443", cluster: "prod", scope: "namespace", namespace: "shop" };

    fn texts(texts: &[&str]) -> Vec<String> {
        texts.iter().map(ToString::to_string).collect()
    }

    /// The value of an expression for `deployments.apps`.
    fn select(text: &str) -> Result<bool, String> {
        let (verbs, short_names, categories) =
            (texts(&["create", "get", "list"]), texts(&["deploy"]), texts(&["all"]));
        let deployments = Resource {
            group: "apps",
            version: "v1",
            kind: "Deployment",
            name: "deployments",
            singular_name: "deployment",
            namespaced: true,
            verbs: &verbs,
            short_names: &short_names,
            categories: &categories,
        };
        Rule::compile(text)?.decide(&TARGET, &[deployments]).map(|verdicts| verdicts[0])
    }

    #[test]
    fn every_field_has_the_name_and_the_value_that_kubernetes_gives_it() {
        for text in [
            r#"resource.group == "apps""#,
            r#"resource.version == "v1""#,
            r#"resource.kind == "Deployment""#,
            r#"resource.name == "deployments""#,
            r#"resource.singularName == "deployment""#,
            "resource.namespaced",
            r#"resource.verbs == ["create", "get", "list"]"#,
            r#"resource.shortNames == ["deploy"]"#,
            r#"resource.categories == ["all"]"#,
            r#"target.host == "k8s.example:6443""#,
            r#"target.cluster == "prod""#,
            r#"target.scope == "namespace""#,
            r#"target.namespace == "shop""#,
        ] {
            assert_eq!(select(text), Ok(true), "{text}");
        }
    }

    #[test]
    fn expressions_decide() {
        for (text, expected) in [
            ("true", true),
            ("resource.namespaced && 'list' in resource.verbs && !(resource.name in ['secrets'])", true),
            ("!(resource.name + '.' + resource.group in ['deployments.apps'])", false),
            ("resource.verbs.exists(v, v.startsWith('li'))", true),
            ("resource.verbs.all(v, v.contains('e'))", false),
            ("size(resource.verbs) == 3 && resource.name.size() > 100", false),
            ("resource.group.matches('^(apps|batch)$')", true),
            ("matches(resource.group, '^app$')", false),
            ("resource.group.endsWith('.k8s.io') ? false : 'all' in resource.categories", true),
            // An error is overruled by a side that decides alone, on whichever side it is.
            ("resource.verbs[9] == 'x' || true", true),
            ("false && resource.verbs[9] == 'x'", false),
            // Values of different types are different, and no error.
            ("resource.name == 3", false),
            ("// what is recorded\nresource.namespaced // and no more", true),
            ("type(resource.name) == string && 'é€😀'.size() == 3", true),
        ] {
            assert_eq!(select(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn a_syntax_error_has_its_place_as_people_count() {
        for (text, error) in [
            ("", "line 1, column 1: something is missing at the end"),
            ("resource.name ==", "line 1, column 17: something is missing at the end"),
            ("resource.name = 'x'", "line 1, column 15: unexpected '='; equality is =="),
            ("true and false", "line 1, column 6: unexpected 'and'; it is written &&"),
            ("true 'a\n  b'", "line 1, column 6: unexpected ''a b''"),
            ("size(", "line 1, column 6: expected ')'"),
            ("true &&\n  (false", "line 2, column 9: expected ')'"),
            ("'é€😀' == 'x", "line 1, column 10: unterminated string literal"),
            ("'é' == 'é' && €", "line 1, column 15: unexpected character"),
            ("\n'é' in é", "line 2, column 8: unexpected character"),
            ("'é' ==\r\n = 1", "line 2, column 2: unexpected token"),
            ("resource.verbs.all(1, true)", "line 1, column 20: argument must be a simple name"),
            ("has(resource)", "line 1, column 5: invalid argument to has() macro"),
            ("resource.?name == 1", "line 1, column 9: unsupported syntax '.?'"),
            ("99999999999999999999 == 1", "line 1, column 1: invalid int literal"),
            ("if == 1", "line 1, column 1: reserved identifier: if"),
        ] {
            assert_eq!(select(text), Err(String::from(error)), "{text:?}");
        }
    }

    #[test]
    fn what_is_no_boolean_and_what_cannot_be_evaluated_names_the_resource() {
        for (text, error) in [
            ("resource.name", "it must be true or false, not of type string"),
            ("resource.verbs", "it must be true or false, not of type list"),
            ("resource.verbs[3] == 'x'", "the list has no element 3"),
            ("resource['nam'] == 'x'", r#"there is no key "nam""#),
            ("1 / 0 == 1", "division by zero"),
            ("1 % 0 == 1", "division by zero"),
            ("9223372036854775807 + 1 == 1", "the result of add is too large"),
            ("resource.name + 1 == 'x'", "add cannot be applied to string and int"),
            ("resource.name && true", "&& cannot be applied to string and bool"),
            ("!resource.name", "! cannot be applied to string"),
            ("resource.name < 1", "< cannot be applied to string and int"),
            ("resource.verbs.contains('a')", "contains cannot be applied to list and string"),
            ("resource.name.length == 1", "a string has no fields"),
            (
                "resource.namespaced ? resource.name in 'x' : true",
                "in cannot be applied to string and string",
            ),
            ("int(resource.name) == 1", "int: string parse error: invalid digit found in string"),
            (
                "resource.name.matches(resource.name + '(')",
                r#"matches: "deployments(" is no regular expression: found open group without closing ')'"#,
            ),
        ] {
            let error = format!(r#"the setting "select" fails on deployments.apps: {error}"#);
            assert_eq!(select(text), Err(error), "{text}");
        }
    }

    #[test]
    fn size_and_nesting_are_bounded_in_words() {
        // Unoptimized, an evaluation needs many times the stack that it has on WebAssembly.
        let stack = std::thread::Builder::new().stack_size(64 << 20);
        stack.spawn(bounds).unwrap().join().unwrap();
    }

    fn bounds() {
        let list = |names: usize| format!("resource.name in [{}]", vec!["'deployments'"; names].join(", "));
        let brackets = |depth: usize| "(".repeat(depth) + "true" + &")".repeat(depth);
        let conditions = |number: usize| "false ? true : ".repeat(number) + "true";
        let sum = |terms: usize| format!("'' == ''{}", " + ''".repeat(terms));
        for (obeyed, violated, error) in [
            (list(1000), list(2000), "it has 30017 bytes; no more than 16384 are taken"),
            (brackets(32), brackets(33), "its brackets are nested 33 deep; no more than 32 are taken"),
            (conditions(32), conditions(33), "it has 33 conditions (a ? b : c); no more than 32 are taken"),
            (
                sum(100),
                sum(1000),
                r#"more than 128 operations are on top of each other; many names are shorter as a list: resource.name in ["a", "b"]"#,
            ),
        ] {
            assert_eq!(select(&obeyed), Ok(true), "{obeyed}");
            assert_eq!(select(&violated), Err(String::from(error)));
        }
        // What would follow itself, but for the parser: a thousand of each.
        for text in [
            vec!["resource.namespaced"; 500].join(" && "),
            vec!["resource.namespaced"; 500].join(" || "),
            "!".repeat(1000) + "resource.namespaced",
        ] {
            assert_eq!(select(&text), Ok(true));
        }
    }

    #[test]
    fn brackets_in_texts_and_comments_are_none() {
        for bracket in ["(", "[", "{", "?"] {
            let text = format!("'{0}' != '' // {0}", bracket.repeat(100));
            assert_eq!(select(&text), Ok(true), "{text}");
        }
    }
}
