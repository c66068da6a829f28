//! The rule that an expression is: compiled once, then evaluated for each resource. Pure: no
//! WebAssembly, no JSON.
//!
//! Whatever can be known without a resource is refused when the expression is compiled, because a
//! misspelled rule that is found out later has recorded the wrong things until then: its syntax and
//! size (`syntax.rs`), the names that it uses (`names.rs`), comparisons that never meet, and values that
//! functions and operators do not take (`check.rs`). What none of the resources is called is a warning
//! (`unmatched.rs`). What is left fails the selection, with the name of the resource that it failed on:
//! errors such as an index out of bounds, and a value whose type only then shows.
//!
//! A guest has half a mebibyte of stack, and the evaluation calls itself for what is nested. So
//! that is bounded here too, far below of where the stack ends, with an error in words where the
//! stack's end would be a bare trap.

use std::collections::BTreeSet;
use std::sync::Arc;

use cel::common::types::{CelBool, CelString};
use cel::{Context, Env, ExecutionError, IdedExpr, Value};

use crate::shown::cut;
use crate::values::{Resource, Target, used, value};
use crate::{check, functions, names, syntax, unmatched};

/// Operations on top of each other, as in `a + b + c`; `&&` and `||` count less, because the parser
/// balances them. Tried: the stack ends beyond 500.
const MAX_DEPTH: usize = 128;

/// An expression that can be evaluated for any resource.
pub(crate) struct Rule {
    expression: IdedExpr,
    /// The values and fields that it uses.
    used: BTreeSet<String>,
    /// The texts in it that resources may lack.
    compared: Vec<unmatched::Compared>,
    environment: Arc<Env>,
}

impl Rule {
    /// Compiles an expression, or says what is wrong with it.
    pub(crate) fn compile(text: &str) -> Result<Rule, String> {
        let expression = syntax::parse(text)?;
        if names::depth(&expression) > MAX_DEPTH {
            // To drop it would need the stack that there is not.
            std::mem::forget(expression);
            return Err(format!(
                "more than {MAX_DEPTH} operations are on top of each other; many names are shorter as a list: \
                 resource.name in [\"a\", \"b\"]"
            ));
        }
        names::check(&expression)
            .and_then(|()| check::check(&expression))
            .map_err(|fault| fault.in_words(text))?;
        Ok(Rule {
            used: used(&expression),
            compared: unmatched::compared(&expression),
            expression,
            environment: Arc::new(environment()?),
        })
    }

    /// What of the expression has no meaning for these resources.
    pub(crate) fn warnings(&self, resources: &[Resource<'_>]) -> Vec<String> {
        unmatched::warnings(&self.compared, resources)
    }

    /// Evaluates the expression for each resource, in their order. The first one that it fails on
    /// fails all.
    pub(crate) fn decide(
        &self,
        target: &Target<'_>,
        resources: &[Resource<'_>],
    ) -> Result<Vec<bool>, String> {
        resources
            .iter()
            .map(|resource| {
                let mut context = Context::with_env(Arc::clone(&self.environment));
                for name in &self.used {
                    if let Some(value) = value(name, target, resource) {
                        context.add_variable_as_val(name.as_str(), value);
                    }
                }
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
    functions::pattern(pattern.inner())
        .map(|pattern| CelBool::from(pattern.is_match(text.inner())))
        .map_err(|message| ExecutionError::FunctionError { function: String::from("matches"), message })
}

/// What went wrong in an evaluation, in words that need no knowledge of this crate.
fn words(error: &ExecutionError) -> String {
    match error {
        ExecutionError::NoSuchKey(key) => format!("there is no key \"{}\"", cut(key)),
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
        ExecutionError::IndexOutOfBounds(index) | ExecutionError::UnsupportedIndex(index, _) => {
            format!("the list has no element {}", shown_value(index))
        }
        ExecutionError::DuplicateKey(key) => format!("a map has the key {} twice", shown_value(key)),
        ExecutionError::UnsupportedKeyType(key) => {
            format!("{} cannot be a key of a map", shown_value(key))
        }
        ExecutionError::UnexpectedType { got, want } if want == "iterable" => {
            format!("a list or a map is needed, not a value of type {got}")
        }
        ExecutionError::UnexpectedType { got, want } if want == "bool" => {
            format!("true or false is needed, not a value of type {got}")
        }
        ExecutionError::FunctionError { function, message } if message.ends_with("integer overflow") => {
            format!("{function}: the number is too large, too small or not a number")
        }
        ExecutionError::FunctionError { function, message } => format!("{function}: {message}"),
        other => other.to_string(),
    }
}

/// A value, if it is short.
fn shown_value(value: &Value) -> String {
    match value {
        Value::Bool(value) => value.to_string(),
        Value::Float(value) => value.to_string(),
        Value::Int(value) => value.to_string(),
        Value::Null => String::from("null"),
        Value::String(text) => format!("\"{}\"", cut(text)),
        Value::UInt(value) => value.to_string(),
        other => format!("a value of type {}", other.type_of()),
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
            ("dyn(resource.name) == 3", false),
            ("resource['name'] == 'deployments' && 'verbs' in resource && size(resource) == 9", true),
            ("has(resource.name) && [resource][0].verbs == resource.verbs", true),
            (".resource.name == resource.name && .target == target", true),
            ("[{'name': 'x'}].all(resource, resource.name == 'x' && .resource.name == 'deployments')", true),
            ("// what is recorded\nresource.namespaced // and no more", true),
            ("type(resource.name) == string && 'é€😀'.size() == 3", true),
        ] {
            assert_eq!(select(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn what_is_no_boolean_and_what_cannot_be_evaluated_names_the_resource() {
        for (text, error) in [
            ("dyn(resource.name)", "it must be true or false, not of type string"),
            ("true ? resource.verbs : true", "it must be true or false, not of type list"),
            ("resource.verbs[3] == 'x'", "the list has no element 3"),
            ("resource[resource.name] == 'x'", r#"there is no key "deployments""#),
            ("1 / 0 == 1", "division by zero"),
            ("1 % 0 == 1", "division by zero"),
            ("9223372036854775807 + 1 == 1", "the result of add is too large"),
            ("dyn(resource.name) + 1 == 'x'", "add cannot be applied to string and int"),
            ("dyn(resource.name) && true", "&& cannot be applied to string and bool"),
            ("!dyn(resource)['name']", "! cannot be applied to string"),
            ("dyn(resource.name) < 1", "< cannot be applied to string and int"),
            ("dyn(resource.verbs).contains('a')", "contains cannot be applied to list and string"),
            ("dyn(resource.name).length == 1", "a string has no fields"),
            ("resource.verbs[0.5] == 'a'", "the list has no element 0.5"),
            ("resource.verbs[-1] == 'a'", "the list has no element -1"),
            ("{'a': 1, 'a': 2}['a'] == 1", "a map has the key \"a\" twice"),
            ("{dyn(null): 1} == {}", "null cannot be a key of a map"),
            ("{dyn([1]): 1} == {}", "a value of type list cannot be a key of a map"),
            ("{0.5: 1} == {}", "0.5 cannot be a key of a map"),
            ("dyn(resource.name).all(c, true)", "a list or a map is needed, not a value of type string"),
            ("dyn(resource.name) ? true : false", "true or false is needed, not a value of type string"),
            ("int(double('NaN')) == 1", "int: the number is too large, too small or not a number"),
            ("uint(-1) == 1", "uint: the number is too large, too small or not a number"),
            (
                "resource.namespaced ? resource.name in dyn('x') : true",
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
    fn what_is_wrong_with_the_text_comes_before_any_resource() {
        for (text, error) in [
            ("resource.name = 'x'", "line 1, column 15: unexpected '='; equality is =="),
            (
                "true &&\n  resorce.namespaced == 'x'",
                "line 2, column 3: unknown name \"resorce\"; did you mean resource?",
            ),
            (
                "true &&\n  resource.namespaced == 'x'",
                "line 2, column 3: resource.namespaced is a boolean and 'x' a string: they are never equal; a boolean is compared with true or false, or stands alone",
            ),
        ] {
            assert_eq!(select(text), Err(String::from(error)), "{text:?}");
        }
    }

    #[test]
    fn nothing_is_refused_that_may_be_true() {
        const PARTS: [&str; 34] = [
            "true",
            "1",
            "1u",
            "1.0",
            "'apps'",
            "b'apps'",
            "null",
            "type(1)",
            "int",
            "[int]",
            "{'apps': int}",
            "[]",
            "['apps']",
            "['create', 'get', 'list']",
            "[1]",
            "[1, 'apps'].filter(v, true)",
            "[['apps']]",
            "{}",
            "{'apps': 1}",
            "resource",
            "target",
            "resource.group",
            "resource.namespaced",
            "resource.verbs",
            "resource.verbs[0]",
            "resource['group']",
            "target.scope",
            "target['scope']",
            "size('a')",
            "('ap' + 'ps')",
            "['apps'].map(v, v)",
            "(true ? 'apps' : 1)",
            "(true ? int : string)",
            "[true].exists(v, v)",
        ];
        // What one or two values are used for; where that gives no boolean, it is true unless it fails.
        const USES: [&str; 25] = [
            "L == R",
            "L <= R",
            "L in R",
            "[L + R].all(v, true)",
            "[L - R].all(v, true)",
            "[L * R].all(v, true)",
            "[L / R].all(v, true)",
            "[L % R].all(v, true)",
            "[L[R]].all(v, true)",
            "[L.contains(R)].all(v, true)",
            "[matches(L, R)].all(v, true)",
            "[L.startsWith(R)].all(v, true)",
            "[-L].all(v, true)",
            "[{L: 1}].all(v, true)",
            "[L.apps].all(v, true)",
            "[L.name].all(v, true)",
            "has(L.name)",
            "[L.all(v, true)].all(v, true)",
            "[L.map(v, v)].all(v, true)",
            "[L.size()].all(v, true)",
            "[bool(L)].all(v, true)",
            "[bytes(L)].all(v, true)",
            "[double(L)].all(v, true)",
            "[int(L)].all(v, true)",
            "[string(L)].all(v, true)",
        ];
        let mut refused = 0;
        for left in PARTS {
            for right in PARTS {
                for usage in USES.into_iter().filter(|usage| usage.contains('R') || left == right) {
                    let text = usage.replace('L', left).replace('R', right);
                    let always = "it is the same for every resource";
                    if select(&text)
                        .is_err_and(|error| error.starts_with("line 1, column ") && !error.contains(always))
                    {
                        refused += 1;
                        let (left, right) = (format!("dyn({left})"), format!("dyn({right})"));
                        let unchecked = usage.replace('L', &left).replace('R', &right);
                        assert_ne!(select(&unchecked), Ok(true), "{text}");
                    }
                }
            }
        }
        assert!(refused > 1000, "only {refused} are refused");
    }

    #[test]
    fn depth_is_bounded_in_words() {
        // Unoptimized, an evaluation needs many times the stack that it has on WebAssembly.
        let stack = std::thread::Builder::new().stack_size(64 << 20);
        stack.spawn(bounds).unwrap().join().unwrap();
    }

    fn bounds() {
        let sum = |terms: usize| format!("'' == ''{}", " + ''".repeat(terms));
        let error = r#"more than 128 operations are on top of each other; many names are shorter as a list: resource.name in ["a", "b"]"#;
        assert_eq!(select(&sum(100)), Ok(true));
        assert_eq!(select(&sum(1000)), Err(String::from(error)));
        // What would follow itself, but for the parser: a thousand of each.
        for text in [
            vec!["resource.namespaced"; 500].join(" && "),
            vec!["resource.namespaced"; 500].join(" || "),
            "!".repeat(1000) + "resource.namespaced",
        ] {
            assert_eq!(select(&text), Ok(true));
        }
    }
}
