//! Values in places that are not made for them: fields, indexes and keys, what is gone through, and
//! what functions and operators take.

use cel::IdedExpr;
use cel::common::ast::CallExpr;

use super::{Scope, both, named, quotes, short, symbol, text};
use crate::functions::{EACH, KEY, Takes, needs, takes};
use crate::names;
use crate::places::Fault;
use crate::shown::cut;
use crate::types::Type;

/// How other languages ask for a length.
const LENGTHS: [&str; 4] = ["length", "size", "len", "count"];

impl<'a> Scope<'a> {
    /// The type of a field, which is named at some place.
    pub(super) fn field(
        &self,
        place: &IdedExpr,
        (operand, of): (&IdedExpr, &Type),
        field: &str,
    ) -> Result<Type, Fault> {
        match of {
            Type::Dynamic | Type::Map => return Ok(Type::Dynamic),
            Type::Resource | Type::Target => {
                names::check_field(of, field).map_err(|message| Fault::new(place, message))?;
                return Ok(of.field(field));
            }
            _ => self.no_type_name(operand)?,
        }
        let remedy = match of {
            Type::List(_) | Type::Text | Type::Bytes if LENGTHS.contains(&field) => {
                format!("; its length is size({})", short(operand))
            }
            Type::List(_) => in_list(&format!("'{}'", cut(field)), operand),
            _ => String::new(),
        };
        let operand_is = named(operand, "this", of);
        Err(Fault::new(place, format!("{operand_is}, which has no field \"{}\"{remedy}", cut(field))))
    }

    pub(super) fn index(&mut self, operand: &'a IdedExpr, key: &'a IdedExpr) -> Result<Type, Fault> {
        let (of, by) = (self.of(operand)?, self.of(key)?);
        match (&of, text(key)) {
            (Type::Resource | Type::Target, Some(field)) => return self.field(key, (operand, &of), field),
            (Type::Dynamic, _) => return Ok(Type::Dynamic),
            (Type::Map, _) if by.is_one_of(KEY) => return Ok(Type::Dynamic),
            (Type::Resource | Type::Target, _) if by.fits(&Type::Text) => return Ok(Type::Dynamic),
            (Type::List(each), _) if by.fits(&Type::Number) => return Ok(Type::clone(each)),
            (Type::Map | Type::Resource | Type::Target | Type::List(_), _) => self.no_type_name(key)?,
            _ => {
                self.no_type_name(operand)?;
                let operand_is = named(operand, "this", &of);
                return Err(Fault::from_start(
                    operand,
                    format!("{operand_is}, and [...] needs a list or a map"),
                ));
            }
        }
        let wanted = match (&of, text(key)) {
            (Type::List(_), None) => String::from("an index of a list is a number"),
            (Type::List(_), Some(_)) => {
                String::from("an index of a list is a number") + &in_list(&short(key), operand)
            }
            (Type::Map, _) => format!("a key of a map is {}", one_of(KEY)),
            _ => format!("the fields of {} are named with strings", short(operand)),
        };
        Err(Fault::from_start(key, format!("{}, and {wanted}", named(key, "this", &by))))
    }

    /// What is a key where a map is written.
    pub(super) fn key(&mut self, key: &'a IdedExpr) -> Result<(), Fault> {
        let of = self.of(key)?;
        if of.is_one_of(KEY) {
            return Ok(());
        }
        self.no_type_name(key)?;
        let key_is = named(key, "this", &of);
        Err(Fault::from_start(key, format!("{key_is}, and a key of a map is {}", one_of(KEY))))
    }

    /// The type of what a macro goes through, one after the other.
    pub(super) fn each(&mut self, range: &'a IdedExpr) -> Result<Type, Fault> {
        let of = self.of(range)?;
        if of.is_one_of(EACH) {
            return Ok(of.each());
        }
        self.no_type_name(range)?;
        let remedy = match of {
            Type::Text => {
                format!("; a part of a text is asked for with contains, as in {}.contains('a')", short(range))
            }
            _ => String::new(),
        };
        let range_is = named(range, "this", &of);
        Err(Fault::from_start(range, format!("{range_is}, where {} is needed{remedy}", one_of(EACH))))
    }

    /// Refuses what a function or an operator does not take; what it is called on is its first part.
    pub(super) fn taken(
        &self,
        whole: &IdedExpr,
        call: &CallExpr,
        parts: &[&IdedExpr],
        types: &[Type],
    ) -> Result<(), Fault> {
        let name = call.func_name.as_str();
        if let Some(words) = needs(name, types) {
            parts.iter().try_for_each(|part| self.no_type_name(part))?;
            let (are, remedy) = match (parts, types) {
                ([left, right], [a, b]) => {
                    (both((left, a), (right, b)), quotes(left, a, b) + &quotes(right, b, a))
                }
                _ => (named(parts[0], "what follows", &types[0]), String::new()),
            };
            return Err(Fault::from_start(whole, format!("{are}: {} is for {words}{remedy}", symbol(name))));
        }
        let on = call.target.is_some();
        let all = takes(name, on, call.args.len()).unwrap_or_default();
        for (at, ((part, of), takes)) in parts.iter().zip(types).zip(all).enumerate() {
            if of.is_one_of(takes) {
                continue;
            }
            self.no_type_name(part)?;
            let remedy = match (parts, of, name) {
                ([list, asked], Type::List(_), "contains") if at == 0 => in_list(&short(asked), list),
                ([list, asked], Type::List(_), _) if at == 0 => {
                    each_with(list, &format!("v.{name}({})", short(asked)))
                }
                ([text, list], Type::List(_), _) => each_with(list, &format!("{}.{name}(v)", short(text))),
                _ => quotes(part, of, &Type::Text),
            };
            let message = format!("{}, and {name} needs {}{remedy}", named(part, "this", of), one_of(takes));
            return Err(if on && at == 0 {
                Fault::new(whole, message)
            } else {
                Fault::from_start(part, message)
            });
        }
        Ok(())
    }
}

/// How to ask for what was asked for as if the list were a text or a map.
fn in_list(asked: &str, list: &IdedExpr) -> String {
    format!("; what a list has is asked with in: {asked} in {}", short(list))
}

fn each_with(list: &IdedExpr, asked: &str) -> String {
    format!("; whether it is so for one of them: {}.exists(v, {asked})", short(list))
}

/// `a list or a map`
pub(super) fn one_of(takes: Takes) -> String {
    let all: Vec<_> = takes.iter().map(|noun| format!("a {noun}")).collect();
    match all.as_slice() {
        [most @ .., last] if !most.is_empty() => format!("{} or {last}", most.join(", ")),
        all => all.concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::checked;

    const FIELDS: &str = r#""resource" has no field "nmae"; it has "group", "version", "kind", "name", "singularName", "namespaced", "verbs", "shortNames", "categories""#;

    #[test]
    fn fields_are_known_however_they_are_named() {
        for (text, column) in [
            ("resource.nmae == 'x'", 10),
            (".resource.nmae == 'x'", 11),
            ("has(resource.nmae)", 1),
            ("resource['nmae'] == 'x'", 10),
            ("'nmae' in resource", 1),
            ("true || 'nmae' in .resource", 9),
            ("[resource].all(r, r.nmae == 'x')", 21),
        ] {
            assert_eq!(checked(text), Err(format!("line 1, column {column}: {FIELDS}")), "{text}");
        }
        let error = r#"line 1, column 16: "target" has no field "Scope"; it has "host", "cluster", "scope", "namespace""#;
        assert_eq!(checked("true || target.Scope == 'cluster'"), Err(String::from(error)));
        for text in [
            "'name' in resource && resource['name'] == 'pods' && 'scope' in target",
            "'nmae' in {'nmae': 1} && {'nmae': 1}.nmae == 1 && {'nmae': 1}['nmae'] == 1",
            "[{'nmae': 1}].all(resource, resource.nmae == 1 && 'nmae' in resource)",
            "dyn(resource).nmae == 'x' || resource[resource.name] == 'x'",
            "resource.verbs[0] == resource.verbs[size(resource.verbs) - 1]",
        ] {
            assert_eq!(checked(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn every_error_names_what_is_wrong_and_what_would_be_right() {
        for (text, error) in [
            (
                "true || resource.verbs.contains('list')",
                "column 24: resource.verbs is a list, and contains needs a string; what a list has is asked with in: 'list' in resource.verbs",
            ),
            (
                "resource.verbs.startsWith('li')",
                "column 16: resource.verbs is a list, and startsWith needs a string; whether it is so for one of them: resource.verbs.exists(v, v.startsWith('li'))",
            ),
            (
                "resource.name.startsWith(['a', 'b'])",
                "column 26: [...] is a list, and startsWith needs a string; whether it is so for one of them: [...].exists(v, resource.name.startsWith(v))",
            ),
            (
                "resource.name.startsWith(1)",
                "column 26: 1 is a number, and startsWith needs a string; what is meant as text stands in quotes: '1'",
            ),
            (
                "matches(resource.namespaced, 'a')",
                "column 9: resource.namespaced is a boolean, and matches needs a string",
            ),
            (
                "size(resource.namespaced) == 1",
                "column 6: resource.namespaced is a boolean, and size needs a string, a list, a map or a byte string",
            ),
            ("int(null) == 1", "column 5: null is no value, and int needs a number or a string"),
            (
                "resource.name + 1 == 'x'",
                "column 1: resource.name is a string and 1 a number: + is for two numbers, two strings or two lists; what is meant as text stands in quotes: '1'",
            ),
            (
                "resource.verbs + 'x' == []",
                "column 1: resource.verbs is a list and 'x' a string: + is for two numbers, two strings or two lists",
            ),
            (
                "resource.name - 'x' == ''",
                "column 1: resource.name is a string and 'x' a string: - is for numbers",
            ),
            ("-resource.name == 1", "column 1: resource.name is a string: - is for numbers"),
            (
                "resource.name.exists(c, c == 'a')",
                "column 1: resource.name is a string, where a list or a map is needed; a part of a text is asked for with contains, as in resource.name.contains('a')",
            ),
            ("size('').map(x, x) == []", "column 1: size(...) is a number, where a list or a map is needed"),
            ("resource.name.foo == 'x'", "column 15: resource.name is a string, which has no field \"foo\""),
            (
                "has(resource.verbs.list)",
                "column 1: resource.verbs is a list, which has no field \"list\"; what a list has is asked with in: 'list' in resource.verbs",
            ),
            (
                "resource.verbs.length > 3",
                "column 16: resource.verbs is a list, which has no field \"length\"; its length is size(resource.verbs)",
            ),
            (
                "resource.name.size > 3",
                "column 15: resource.name is a string, which has no field \"size\"; its length is size(resource.name)",
            ),
            (
                "resource.verbs['a'] == 'x'",
                "column 16: 'a' is a string, and an index of a list is a number; what a list has is asked with in: 'a' in resource.verbs",
            ),
            (
                "resource.verbs[true] == 'x'",
                "column 16: true is a boolean, and an index of a list is a number",
            ),
            (
                "resource.name[0] == 'x'",
                "column 1: resource.name is a string, and [...] needs a list or a map",
            ),
            (
                "resource[0] == 'x'",
                "column 10: 0 is a number, and the fields of resource are named with strings",
            ),
            (
                "{'a': 1}[null] == 1",
                "column 10: null is no value, and a key of a map is a string, a number or a boolean",
            ),
            (
                "{[1]: 1} == {}",
                "column 2: [1] is a list, and a key of a map is a string, a number or a boolean",
            ),
        ] {
            assert_eq!(checked(text), Err(format!("line 1, {error}")), "{text}");
        }
    }
}
