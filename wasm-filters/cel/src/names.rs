//! What an expression may be made of: which names, fields and functions there are.
//!
//! CEL itself finds a misspelled name when it evaluates it, and not at all where it need not: behind
//! an `&&` whose other side is false. Here it is found before anything is recorded, and the answer
//! has the names that there are.

use crate::functions::{FUNCTIONS, pattern, takes};
use crate::near::nearest;
use crate::places::Fault;
use crate::shown::cut;
use crate::types::Type;
use cel::IdedExpr;
use cel::common::ast::{CallExpr, EntryExpr, Expr, IdedEntryExpr, LiteralValue, operators};

/// The two values that an expression is about, with their fields, named as in Kubernetes' own API.
const VALUES: [(&str, &[&str]); 2] = [
    (
        "resource",
        &[
            "group",
            "version",
            "kind",
            "name",
            "singularName",
            "namespaced",
            "verbs",
            "shortNames",
            "categories",
        ],
    ),
    ("target", &["host", "cluster", "scope", "namespace"]),
];

/// What `target.scope` can be.
pub(crate) const SCOPES: [&str; 3] = ["namespace", "all-namespaces", "cluster"];

/// Names of types, with which `type(...)` can be compared.
pub(crate) const TYPES: [&str; 10] =
    ["bool", "bytes", "double", "int", "list", "map", "null_type", "string", "type", "uint"];

/// How many operations lie on top of each other. It needs no stack for that, however many they are.
pub(crate) fn depth(expression: &IdedExpr) -> usize {
    let mut deepest = 0;
    let mut open = vec![(expression, 1)];
    while let Some((expression, depth)) = open.pop() {
        deepest = deepest.max(depth);
        open.extend(parts(expression).into_iter().map(|(part, _)| (part, depth + 1)));
    }
    deepest
}

/// Refuses the first name or function that there is not. Fields belong to a type, and wait for
/// `check.rs`.
pub(crate) fn check(expression: &IdedExpr) -> Result<(), Fault> {
    let mut open = vec![(expression, Vec::new())];
    while let Some((expression, variables)) = open.pop() {
        match &expression.expr {
            Expr::Ident(name) => check_name(name, &variables),
            Expr::Call(call) => check_call(call),
            Expr::Struct(of) => {
                Err(format!("unknown type \"{}\"; CEL has no types with fields here", of.type_name))
            }
            _ => Ok(()),
        }
        .map_err(|message| Fault::new(expression, message))?;
        for (part, more) in parts(expression).into_iter().rev() {
            open.push((part, [variables.as_slice(), &more].concat()));
        }
    }
    Ok(())
}

/// What an expression directly consists of, each part with the variables that there are only in it.
pub(crate) fn parts(expression: &IdedExpr) -> Vec<(&IdedExpr, Vec<&str>)> {
    let alone = |part| (part, Vec::new());
    match &expression.expr {
        Expr::Unspecified | Expr::Ident(_) | Expr::Literal(_) => Vec::new(),
        Expr::Call(call) => call.target.as_deref().into_iter().chain(&call.args).map(alone).collect(),
        Expr::Select(select) => vec![alone(&select.operand)],
        Expr::List(list) => list.elements.iter().map(alone).collect(),
        Expr::Map(map) => map.entries.iter().flat_map(entry).map(alone).collect(),
        Expr::Struct(of) => of.entries.iter().flat_map(entry).map(alone).collect(),
        Expr::Comprehension(of) => {
            let result = of.accu_var.as_str();
            let mut each = vec![result, of.iter_var.as_str()];
            each.extend(of.iter_var2.as_deref());
            vec![
                alone(&of.iter_range),
                alone(&of.accu_init),
                (&of.loop_cond, each.clone()),
                (&of.loop_step, each),
                (&of.result, vec![result]),
            ]
        }
    }
}

/// A field as `a.b` or `a['b']`: what it is a field of, and its name.
pub(crate) fn member(part: &IdedExpr) -> Option<(&IdedExpr, &str)> {
    match &part.expr {
        Expr::Select(select) if !select.test => Some((&select.operand, &select.field)),
        Expr::Call(CallExpr { func_name, args, .. }) => match args.as_slice() {
            [operand, key] if func_name == operators::INDEX => Some((operand, text(key)?)),
            _ => None,
        },
        _ => None,
    }
}

/// The text that a part is.
pub(crate) fn text(part: &IdedExpr) -> Option<&str> {
    match &part.expr {
        Expr::Literal(LiteralValue::String(text)) => Some(text.inner()),
        _ => None,
    }
}

fn entry(entry: &IdedEntryExpr) -> Vec<&IdedExpr> {
    match &entry.expr {
        EntryExpr::StructField(field) => vec![&field.value],
        EntryExpr::MapEntry(entry) => vec![&entry.key, &entry.value],
    }
}

fn check_name(name: &str, variables: &[&str]) -> Result<(), String> {
    if variables.contains(&name) || fields(name).is_some() || TYPES.contains(&name) {
        return Ok(());
    }
    let hint = match name.to_ascii_lowercase().as_str() {
        "true" => "it is written true",
        "false" => "it is written false",
        _ if FUNCTIONS.iter().any(|(function, ..)| *function == name) => "that is a function",
        _ => match meant(name) {
            Some(meant) => return Err(format!("unknown name \"{}\"; did you mean {meant}?", cut(name))),
            None => "what is meant as text stands in quotes",
        },
    };
    Err(format!("unknown name \"{}\"; known are {}; {hint}", cut(name), listed(VALUES.map(|(name, _)| name))))
}

/// What a name was meant as that is nearly one, or is that of a field.
fn meant(name: &str) -> Option<String> {
    let name = name.strip_prefix('.').unwrap_or(name);
    if let Some(value) = nearest(name, VALUES.map(|(value, _)| value)) {
        return Some(String::from(value));
    }
    let field = nearest(name, VALUES.iter().flat_map(|(_, fields)| *fields).copied())?;
    let whole = with_value(field)?;
    let is_sure = field.eq_ignore_ascii_case(name) && !SCOPES.contains(&field);
    Some(if is_sure { whole } else { format!("{whole}, or '{name}' as text") })
}

/// A field behind what it is a field of: `resource.name` for `name`, and for itself.
pub(crate) fn with_value(field: &str) -> Option<String> {
    VALUES.iter().find_map(|(value, fields)| {
        let bare = field.strip_prefix(value).and_then(|rest| rest.strip_prefix('.')).unwrap_or(field);
        fields.contains(&bare).then(|| format!("{value}.{bare}"))
    })
}

/// Refuses a field that there is not in one of the two values.
pub(crate) fn check_field(of: &Type, field: &str) -> Result<(), String> {
    match VALUES.iter().find(|(name, _)| Type::of_value(name) == *of) {
        Some((name, fields)) if !fields.contains(&field) => {
            let (field, fields) = (cut(field), listed(fields.iter().copied()));
            Err(format!("\"{name}\" has no field \"{field}\"; it has {fields}"))
        }
        _ => Ok(()),
    }
}

/// The fields of one of the two values; a dot before its name makes no difference.
pub(crate) fn fields(name: &str) -> Option<&'static [&'static str]> {
    let name = name.strip_prefix('.').unwrap_or(name);
    VALUES.iter().find(|(value, _)| *value == name).map(|(_, fields)| *fields)
}

fn check_call(call: &CallExpr) -> Result<(), String> {
    let name = call.func_name.as_str();
    // What the parser makes of operators begins otherwise: `_&&_`, `@in`.
    if !name.starts_with(|first: char| first.is_ascii_alphabetic() || first == '.') {
        return Ok(());
    }
    if name == "not" {
        return Err(format!("unknown function \"{name}\"; it is written !"));
    }
    let Some((.., example)) = FUNCTIONS.iter().find(|(function, ..)| *function == name) else {
        let all = FUNCTIONS.map(|(function, ..)| function);
        let hint = match nearest(name, all) {
            Some(meant) => format!("did you mean \"{meant}\"?"),
            None => format!("known are {}", listed(all)),
        };
        return Err(format!("unknown function \"{}\"; {hint}", cut(name)));
    };
    if takes(name, call.target.is_some(), call.args.len()).is_none() {
        return Err(format!("\"{name}\" is not called like that, but as in {example}"));
    }
    if name == "matches"
        && let Some(Expr::Literal(LiteralValue::String(text))) = call.args.last().map(|last| &last.expr)
    {
        pattern(text.inner())?;
    }
    Ok(())
}

fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("\"{name}\"")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use cel::parser::{Parser, PrattParser};

    use super::*;

    fn checked(text: &str) -> Result<(), String> {
        check(&PrattParser::new().parse(text).unwrap()).map_err(|fault| fault.in_words(text))
    }

    #[test]
    fn every_example_is_right_and_so_is_every_name() {
        for (_, _, example) in FUNCTIONS {
            assert_eq!(checked(example), Ok(()), "{example}");
        }
        for (value, fields) in VALUES {
            for field in fields {
                assert_eq!(checked(&format!("{value}.{field} == .{value}.{field}")), Ok(()));
                assert_eq!(
                    checked(&format!("has({value}.{field}) && type({value}[\"{field}\"]) == string")),
                    Ok(())
                );
            }
        }
    }

    #[test]
    fn variables_are_known_where_they_are_and_nowhere_else() {
        for text in [
            "[[1], [2]].all(a, a.exists(b, b == 1 && size(a) == 1))",
            "resource.verbs.filter(v, v == target.host).map(w, w + 'x').exists_one(x, x == 'x')",
            "[{'resorce': 1}].all(resource, resource.resorce == 1)",
            "{'a': resource.name}[resource.name] == [target][0].host",
        ] {
            assert_eq!(checked(text), Ok(()), "{text}");
        }
        for (text, column, name) in [
            ("[1].all(a, a == 1) && a == 1", 23, "a"),
            ("a.all(a, true)", 1, "a"),
            ("{b: 1} == {'b': c}", 2, "b"),
            ("false && [1].map(x, y) == []", 21, "y"),
            ("resource.name == secrets ? true : false", 18, "secrets"),
        ] {
            let error = format!(
                r#"line 1, column {column}: unknown name "{name}"; known are "resource", "target"; what is meant as text stands in quotes"#
            );
            assert_eq!(checked(text), Err(error), "{text}");
        }
    }

    #[test]
    fn every_error_names_what_is_wrong_and_what_would_be_right() {
        for (text, error) in [
            ("resorce.name == 'x'", r#"line 1, column 1: unknown name "resorce"; did you mean resource?"#),
            ("Resource.name == 'x'", r#"line 1, column 1: unknown name "Resource"; did you mean resource?"#),
            (
                "true || .targets.host == 'x'",
                r#"line 1, column 10: unknown name ".targets"; did you mean target?"#,
            ),
            ("name == 'pods'", r#"line 1, column 1: unknown name "name"; did you mean resource.name?"#),
            (
                "namespaced",
                r#"line 1, column 1: unknown name "namespaced"; did you mean resource.namespaced?"#,
            ),
            ("Group != ''", r#"line 1, column 1: unknown name "Group"; did you mean resource.group?"#),
            ("scope == 'cluster'", r#"line 1, column 1: unknown name "scope"; did you mean target.scope?"#),
            (
                "target.scope == cluster",
                r#"line 1, column 17: unknown name "cluster"; did you mean target.cluster, or 'cluster' as text?"#,
            ),
            (
                "'list' in verb",
                r#"line 1, column 11: unknown name "verb"; did you mean resource.verbs, or 'verb' as text?"#,
            ),
            (
                "resource.name.startswith('a')",
                r#"line 1, column 15: unknown function "startswith"; did you mean "startsWith"?"#,
            ),
            (
                "resource.name.match('a')",
                r#"line 1, column 15: unknown function "match"; did you mean "matches"?"#,
            ),
            (
                "resource.namespaced == True",
                r#"line 1, column 24: unknown name "True"; known are "resource", "target"; it is written true"#,
            ),
            ("not(resource.namespaced)", r#"line 1, column 1: unknown function "not"; it is written !"#),
            (
                "size == 1",
                r#"line 1, column 1: unknown name "size"; known are "resource", "target"; that is a function"#,
            ),
            (
                "resource.verbs.exists('list')",
                r#"line 1, column 16: "exists" is not called like that, but as in resource.verbs.exists(v, v == "list")"#,
            ),
            (
                "contains(resource.name, 'a')",
                r#"line 1, column 1: "contains" is not called like that, but as in resource.group.contains("example")"#,
            ),
            ("string()", r#"line 1, column 1: "string" is not called like that, but as in string(1) == "1""#),
            ("Foo{a: 1} == 1", r#"line 1, column 1: unknown type "Foo"; CEL has no types with fields here"#),
            (
                "resource.name.matches('(')",
                r#"line 1, column 15: "(" is no regular expression: found open group without closing ')'"#,
            ),
            (
                "matches(resource.name, '(a{999}){999}')",
                r#"line 1, column 1: "(a{999}){999}" is no regular expression: compiled regex exceeded size limit"#,
            ),
        ] {
            assert_eq!(checked(text), Err(error.to_owned()), "{text}");
        }
        let error = checked("resource.name.lowerAscii() == 'x'").unwrap_err();
        assert!(
            error.starts_with(
                r#"line 1, column 15: unknown function "lowerAscii"; known are "all", "bool", "bytes", "contains","#
            ),
            "{error}"
        );
        let error = checked("optional.none() == optional.of(1)").unwrap_err();
        assert!(
            error.starts_with(r#"line 1, column 10: unknown function "none"; known are "all", "#),
            "{error}"
        );
    }

    #[test]
    fn depth_counts_what_lies_on_top_of_each_other() {
        for (text, expected) in [
            ("1", 1),
            ("((((1))))", 1),
            ("1 + 2", 2),
            ("1 + 2 + 3 + 4", 4),
            ("true && true && true && true", 3),
            ("resource.verbs", 2),
            ("[[[1]]] == 1", 5),
            ("{'a': {'b': 1}} == 1", 4),
        ] {
            assert_eq!(depth(&PrattParser::new().parse(text).unwrap()), expected, "{text}");
        }
    }

    /// The parser that is used, because it is smaller and says better what is wrong, is not cel's
    /// usual one.
    #[test]
    fn both_of_cels_parsers_understand_the_same() {
        let examples = FUNCTIONS.map(|(.., example)| example);
        let others = [
            "a ? b : c ? d : e",
            "a || b && c || !d && -e < f + g * h % i - j / 2",
            "a in b && !(c in ['x', \"y\", r'\\z', '''w'''])",
            "{'a': 1, 2: [3u, 4.5, b'x', null, true]}['a'][0].b.c(d, e)",
            "- -1 == --1 && !!!a",
            "'\\u00e9\\x41\\n' + \"é\" == 'x' // and so on",
            "[1, 2].map(x, x > 1, x * 2).exists(y, has(a.b) && y == 4)",
        ];
        for text in examples.into_iter().chain(others) {
            let (ours, usual) = (PrattParser::new().parse(text).unwrap(), Parser::new().parse(text).unwrap());
            assert_eq!(without_ids(&ours), without_ids(&usual), "{text}");
        }
    }

    fn without_ids(expression: &IdedExpr) -> String {
        let text = format!("{expression:?}");
        let mut pieces = text.split(" id: ");
        let first = pieces.next().unwrap_or_default().to_owned();
        pieces.fold(first, |all, piece| all + piece.trim_start_matches(|digit: char| digit.is_ascii_digit()))
    }
}
