//! The two values that an expression is about: what is recorded, and a resource.
//!
//! Only what an expression uses is made of them, because that is most of what a decision costs.

use std::collections::{BTreeSet, HashMap};

use cel::IdedExpr;
use cel::common::ast::Expr;
use cel::common::types::{CelBool, CelList, CelMap, CelMapKey, CelString};
use cel::common::value::Val;

use crate::names;

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

impl Resource<'_> {
    /// Its name as minutebook prints it: the group follows, except that the core group has none.
    pub(crate) fn id(&self) -> String {
        if self.group.is_empty() { self.name.to_owned() } else { format!("{}.{}", self.name, self.group) }
    }
}

/// What an expression uses of the two values: `resource.name`, or `resource` if it is not only for
/// its fields. A variable of the same name counts as if it were the value.
pub(crate) fn used(expression: &IdedExpr) -> BTreeSet<String> {
    let mut used = BTreeSet::new();
    let mut open = vec![expression];
    while let Some(expression) = open.pop() {
        match field(expression) {
            Some(name) => {
                used.insert(name);
            }
            None => open.extend(names::parts(expression).into_iter().map(|(part, _)| part)),
        }
    }
    used
}

fn field(expression: &IdedExpr) -> Option<String> {
    let value = |expression: &IdedExpr| match &expression.expr {
        Expr::Ident(name) => names::fields(name).map(|_| name.trim_start_matches('.').to_owned()),
        _ => None,
    };
    match &expression.expr {
        Expr::Select(select) if !select.test => Some(format!("{}.{}", value(&select.operand)?, select.field)),
        _ => value(expression),
    }
}

/// The value of such a name.
pub(crate) fn value<'a>(
    name: &str,
    target: &Target<'a>,
    resource: &Resource<'a>,
) -> Option<Box<dyn Val + 'a>> {
    Some(match name {
        "resource.group" => text(resource.group),
        "resource.version" => text(resource.version),
        "resource.kind" => text(resource.kind),
        "resource.name" => text(resource.name),
        "resource.singularName" => text(resource.singular_name),
        "resource.namespaced" => Box::new(CelBool::from(resource.namespaced)),
        "resource.verbs" => texts(resource.verbs),
        "resource.shortNames" => texts(resource.short_names),
        "resource.categories" => texts(resource.categories),
        "target.host" => text(target.host),
        "target.cluster" => text(target.cluster),
        "target.scope" => text(target.scope),
        "target.namespace" => text(target.namespace),
        whole => {
            let field = |field: &&'static str| {
                Some((CelMapKey::from(*field), value(&format!("{whole}.{field}"), target, resource)?))
            };
            let fields: HashMap<_, _> = names::fields(whole)?.iter().filter_map(field).collect();
            Box::new(CelMap::from(fields))
        }
    })
}

fn text(text: &str) -> Box<dyn Val + '_> {
    Box::new(CelString::from(text))
}

fn texts(texts: &[String]) -> Box<dyn Val + '_> {
    Box::new(CelList::from(texts.iter().map(|each| text(each)).collect::<Vec<_>>()))
}

#[cfg(test)]
mod tests {
    use cel::parser::PrattParser;

    use super::*;

    #[test]
    fn only_what_is_used_of_the_values_counts() {
        for (text, expected) in [
            ("true", vec![]),
            ("resource.name == 'a' || resource.name == .target.host", vec!["resource.name", "target.host"]),
            ("resource.verbs.exists(v, v in [resource.kind])", vec!["resource.kind", "resource.verbs"]),
            ("resource['name'] == resource.name.x", vec!["resource", "resource.name"]),
            ("has(resource.name) && size(.target) == 4", vec!["resource", "target"]),
            ("[{'name': 1}].all(resource, resource.name == 1)", vec!["resource.name"]),
        ] {
            let used = used(&PrattParser::new().parse(text).unwrap());
            assert_eq!(used.iter().collect::<Vec<_>>(), expected, "{text}");
        }
    }
}
