//! Texts that a rule compares with what a resource is called by, and that no resource has.
//!
//! An exclusion that is misspelled excludes nothing, and what was to be left out is recorded. It is
//! no error, because the next cluster may have such a resource, but a warning for the log, as the
//! filter `default` gives it.

use std::collections::BTreeSet;

use cel::IdedExpr;
use cel::common::ast::{CallExpr, Expr, operators};

use crate::names::{member, parts, text};
use crate::shown::cut;
use crate::types::Type;
use crate::values::Resource;

/// What a resource is called by, and that in words.
const FIELDS: [(&str, &str); 5] = [
    ("group", "group"),
    ("version", "version"),
    ("kind", "kind"),
    ("name", "name"),
    ("singularName", "singular name"),
];

/// A field, and a text that it is compared with.
pub(crate) struct Compared {
    field: &'static str,
    text: String,
}

/// Each once, in the order in which they are written.
pub(crate) fn compared(expression: &IdedExpr) -> Vec<Compared> {
    let (mut found, mut seen) = (Vec::new(), BTreeSet::new());
    let mut open = vec![expression];
    while let Some(part) = open.pop() {
        match &part.expr {
            // A variable may be called resource, too.
            Expr::Comprehension(_) => continue,
            Expr::Call(call) => {
                let of_call = in_call(call).into_iter();
                found.extend(of_call.filter(|of| seen.insert(format!("{} {}", of.field, of.text))));
            }
            _ => {}
        }
        open.extend(parts(part).into_iter().rev().map(|(part, _)| part));
    }
    found
}

fn in_call(call: &CallExpr) -> Vec<Compared> {
    let [left, right] = call.args.as_slice() else { return Vec::new() };
    let pairs = match (call.func_name.as_str(), &right.expr) {
        (operators::EQUALS | operators::NOT_EQUALS, _) => vec![(left, right), (right, left)],
        (operators::IN, Expr::List(list)) => list.elements.iter().map(|element| (left, element)).collect(),
        _ => Vec::new(),
    };
    let compared = |(of, text_of): (&IdedExpr, &IdedExpr)| {
        // What is asked of an empty text is whether there is one.
        let text = text(text_of).filter(|text| !text.is_empty())?;
        Some(Compared { field: field(of)?, text: text.to_owned() })
    };
    pairs.into_iter().filter_map(compared).collect()
}

fn field(part: &IdedExpr) -> Option<&'static str> {
    let (operand, name) = member(part)?;
    match &operand.expr {
        Expr::Ident(value) if Type::of_value(value) == Type::Resource => {
            FIELDS.iter().map(|(field, _)| *field).find(|field| *field == name)
        }
        _ => None,
    }
}

/// One warning for each that no resource has, with what was meant where that is known.
pub(crate) fn warnings(compared: &[Compared], resources: &[Resource<'_>]) -> Vec<String> {
    let mut unmatched: Vec<_> = compared.iter().collect();
    for resource in resources {
        unmatched.retain(|of| of.text != value(resource, of.field));
    }
    unmatched.into_iter().map(|of| warning(of, resources)).collect()
}

fn warning(Compared { field, text }: &Compared, resources: &[Resource<'_>]) -> String {
    let words = FIELDS.iter().find(|(name, _)| name == field).map_or(*field, |(_, words)| words);
    let mut warning = format!("no resource has the {words} \"{}\"", cut(text));
    let (dot, slash) = (text.split_once('.'), text.split_once('/'));
    let hint = match (*field, slash, dot) {
        ("group", ..) if text == "core" || text.starts_with("core/") => String::from("the core group is ''"),
        ("group", Some((group, _)), _) => format!("a group is without its version: '{}'", cut(group)),
        ("version", Some((_, version)), _) => format!("a version is without its group: '{}'", cut(version)),
        ("name", _, Some((name, group))) => format!(
            "a name is without its group: resource.name == '{}' && resource.group == '{}'",
            cut(name),
            cut(group)
        ),
        ("name" | "singularName" | "group", ..) if text.contains(|sign: char| sign.is_ascii_uppercase()) => {
            format!("{words}s are in lower case")
        }
        _ => String::new(),
    };
    if !hint.is_empty() {
        warning.push_str("; ");
        warning.push_str(&hint);
    }
    if let Some(resource) = resources.iter().find(|resource| is_meant(resource, field, text)) {
        warning.push_str(&format!("; did you mean '{}'?", cut(value(resource, field))));
    }
    warning
}

/// Whether a resource is called like this otherwise.
fn is_meant(resource: &Resource<'_>, field: &str, text: &str) -> bool {
    let same = |other: &str| other.eq_ignore_ascii_case(text);
    match field {
        "name" | "kind" | "singularName" => {
            [resource.name, resource.kind, resource.singular_name].into_iter().any(same)
                || resource.short_names.iter().any(|name| same(name))
        }
        "group" => same(resource.group),
        _ => false,
    }
}

fn value<'a>(resource: &Resource<'a>, field: &str) -> &'a str {
    match field {
        "group" => resource.group,
        "version" => resource.version,
        "kind" => resource.kind,
        "singularName" => resource.singular_name,
        _ => resource.name,
    }
}

#[cfg(test)]
mod tests {
    use cel::parser::PrattParser;

    use super::*;

    fn warned(expression: &str) -> Vec<String> {
        let short_names = [String::from("deploy")];
        let resource = |name, group, kind, singular_name, short_names| Resource {
            group,
            version: "v1",
            kind,
            name,
            singular_name,
            namespaced: true,
            verbs: &[],
            short_names,
            categories: &[],
        };
        let resources = [
            resource("secrets", "", "Secret", "secret", &[]),
            resource("deployments", "apps", "Deployment", "deployment", &short_names),
            resource("pods", "metrics.k8s.io", "PodMetrics", "", &[]),
        ];
        warnings(&compared(&PrattParser::new().parse(expression).unwrap()), &resources)
    }

    #[test]
    fn what_a_resource_has_is_no_warning() {
        for text in [
            "true",
            "!(resource.name in ['secrets', 'pods']) && resource.group != 'metrics.k8s.io'",
            "'Secret' == resource.kind || resource['singularName'] == 'deployment' || resource.version == 'v1'",
            "resource.group == '' && .resource.name != 'deployments'",
            "resource.singularName != '' && target.cluster == 'x' && target['host'] != 'x'",
            "resource.name.startsWith('x') || 'x' in resource.verbs || resource.name == 'x' + 'y'",
            "resource.verbs.exists(v, v == 'x') || ['x'].exists(name, resource.name == name)",
            "[{'name': 'x'}].exists(resource, resource.name == 'x')",
            "resource.name < 'x' || resource.name in {'x': 1} || resource.name in resource.categories",
        ] {
            assert_eq!(warned(text), Vec::<String>::new(), "{text}");
        }
    }

    #[test]
    fn what_none_has_is_a_warning_with_what_was_meant() {
        for (text, warning) in [
            ("resource.name != 'gadgets'", r#"no resource has the name "gadgets""#),
            ("'gadgets' != .resource['name']", r#"no resource has the name "gadgets""#),
            ("resource.name != 'secret'", r#"no resource has the name "secret"; did you mean 'secrets'?"#),
            (
                "resource.name != 'deploy'",
                r#"no resource has the name "deploy"; did you mean 'deployments'?"#,
            ),
            (
                "!(resource.name in ['Secrets'])",
                r#"no resource has the name "Secrets"; names are in lower case; did you mean 'secrets'?"#,
            ),
            ("resource.name != 'Gadgets'", r#"no resource has the name "Gadgets"; names are in lower case"#),
            (
                "resource.name != 'pods.metrics.k8s.io'",
                r#"no resource has the name "pods.metrics.k8s.io"; a name is without its group: resource.name == 'pods' && resource.group == 'metrics.k8s.io'"#,
            ),
            ("resource.group != 'core'", r#"no resource has the group "core"; the core group is ''"#),
            ("resource.group != 'core/v1'", r#"no resource has the group "core/v1"; the core group is ''"#),
            (
                "!(resource.group in ['metrics.k8s.io/v1'])",
                r#"no resource has the group "metrics.k8s.io/v1"; a group is without its version: 'metrics.k8s.io'"#,
            ),
            (
                "resource.group != 'Apps'",
                r#"no resource has the group "Apps"; groups are in lower case; did you mean 'apps'?"#,
            ),
            ("resource.kind != 'secrets'", r#"no resource has the kind "secrets"; did you mean 'Secret'?"#),
            (
                "resource.singularName != 'Gadget'",
                r#"no resource has the singular name "Gadget"; singular names are in lower case"#,
            ),
            (
                "resource.version == 'apps/v1'",
                r#"no resource has the version "apps/v1"; a version is without its group: 'v1'"#,
            ),
        ] {
            assert_eq!(warned(text), [warning], "{text}");
        }
    }

    #[test]
    fn each_is_warned_of_once_wherever_it_stands_in_the_order_of_the_text() {
        let of = |what: &str| format!("no resource has the {what}");
        assert_eq!(
            warned(
                "resource.name == 'd' ? !(resource.group in ['c', 'pods', 'apps', 'c']) : \
                 (resource.name in ['b', 'd', 'pods'] || [resource.kind == 'a'] == [true]) && true"
            ),
            [of("name \"d\""), of("group \"c\""), of("group \"pods\""), of("name \"b\""), of("kind \"a\"")]
        );
    }
}
