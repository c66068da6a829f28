//! What is known of a value before there is one: its type, as far as the expression tells.

use cel::common::ast::{LiteralValue, operators};

/// What the value of an expression will be. The types of numbers are one here, because CEL compares
/// them with each other.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Type {
    Bool,
    Number,
    Text,
    Bytes,
    Null,
    /// What `type(...)` gives.
    Meta,
    List(Box<Type>),
    Map,
    /// The map that is named `resource`.
    Resource,
    /// The map that is named `target`.
    Target,
    /// Not known, or several: nothing is said against it.
    Dynamic,
}

use Type::{Bool, Bytes, Dynamic, List, Map, Meta, Null, Number, Resource, Target, Text};

impl Type {
    pub(crate) fn of_literal(literal: &LiteralValue) -> Type {
        match literal {
            LiteralValue::Boolean(_) => Bool,
            LiteralValue::Bytes(_) => Bytes,
            LiteralValue::Double(_) | LiteralValue::Int(_) | LiteralValue::UInt(_) => Number,
            LiteralValue::Null => Null,
            LiteralValue::String(_) => Text,
        }
    }

    /// Of one of the two values that an expression is about.
    pub(crate) fn of_value(name: &str) -> Type {
        match name.strip_prefix('.').unwrap_or(name) {
            "resource" => Resource,
            "target" => Target,
            _ => Dynamic,
        }
    }

    pub(crate) fn field(&self, name: &str) -> Type {
        match (self, name) {
            (Resource, "namespaced") => Bool,
            (Resource, "verbs" | "shortNames" | "categories") => List(Box::new(Text)),
            (Resource, "group" | "version" | "kind" | "name" | "singularName")
            | (Target, "host" | "cluster" | "scope" | "namespace") => Text,
            _ => Dynamic,
        }
    }

    /// Of what a comprehension goes through.
    pub(crate) fn each(&self) -> Type {
        match self {
            List(of) => Type::clone(of),
            Resource | Target => Text,
            _ => Dynamic,
        }
    }

    /// Of what an operator or a function gives.
    pub(crate) fn result(function: &str, arguments: &[Type]) -> Type {
        match (function, arguments) {
            ("bool" | "contains" | "endsWith" | "matches" | "startsWith", _) => Bool,
            ("double" | "int" | "size" | "uint", _) => Number,
            ("bytes", _) => Bytes,
            ("string", _) => Text,
            ("type", _) => Meta,
            (operators::ADD, [left, right]) => left.clone().or(right.clone()),
            (
                operators::NEGATE
                | operators::SUBSTRACT
                | operators::MULTIPLY
                | operators::DIVIDE
                | operators::MODULO,
                _,
            ) => Number,
            _ => Dynamic,
        }
    }

    /// Of what is one or the other.
    pub(crate) fn or(self, other: Type) -> Type {
        match (self, other) {
            (one, other) if one == other => one,
            (List(_), List(_)) => List(Box::new(Dynamic)),
            _ => Dynamic,
        }
    }

    /// Whether two values may be equal. Lists of whatever may: both can be empty.
    pub(crate) fn fits(&self, other: &Type) -> bool {
        let is_map = |of: &Type| matches!(of, Map | Resource | Target);
        matches!((self, other), (Dynamic, _) | (_, Dynamic) | (List(_), List(_)))
            || self == other
            || is_map(self) && is_map(other)
    }

    /// Whether one value may be smaller than another one.
    pub(crate) fn has_order(&self) -> bool {
        matches!(self, Bool | Number | Text | Bytes | Dynamic)
    }

    /// Whether it may be one of what these nouns are for, of which none is for any.
    pub(crate) fn is_one_of(&self, nouns: &[&str]) -> bool {
        *self == Dynamic || nouns.is_empty() || nouns.contains(&self.noun())
    }

    /// `a string`
    pub(crate) fn one(&self) -> String {
        if *self == Null { String::from("no value") } else { format!("a {}", self.noun()) }
    }

    pub(crate) fn noun(&self) -> &'static str {
        match self {
            Bool => "boolean",
            Number => "number",
            Text => "string",
            Bytes => "byte string",
            Null => "null",
            Meta => "type",
            List(_) => "list",
            Map | Resource | Target => "map",
            Dynamic => "value",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(of: Type) -> Type {
        List(Box::new(of))
    }

    #[test]
    fn only_what_can_never_be_equal_does_not_fit() {
        let types = [Bool, Number, Text, Bytes, Null, Meta, list(Text), Map];
        for (at, one) in types.iter().enumerate() {
            assert!(one.fits(&Dynamic) && Dynamic.fits(one), "{one:?}");
            for (other_at, other) in types.iter().enumerate() {
                assert_eq!(one.fits(other), at == other_at, "{one:?} and {other:?}");
            }
        }
        for (one, other) in [(list(Text), list(Number)), (Resource, Target), (Map, Resource)] {
            assert!(one.fits(&other) && other.fits(&one), "{one:?} and {other:?}");
        }
    }

    #[test]
    fn what_is_one_or_the_other_is_known_as_far_as_both_agree() {
        for (one, other, expected) in [
            (Text, Text, Text),
            (Text, Number, Dynamic),
            (list(Text), list(Text), list(Text)),
            (list(Text), list(Number), list(Dynamic)),
            (list(Text), Text, Dynamic),
            (Dynamic, Bool, Dynamic),
        ] {
            assert_eq!(one.clone().or(other.clone()), expected, "{one:?} or {other:?}");
        }
    }

    #[test]
    fn every_field_has_a_type() {
        for value in ["resource", "target"] {
            for field in crate::names::fields(value).unwrap() {
                assert_ne!(Type::of_value(value).field(field), Dynamic, "{value}.{field}");
            }
        }
    }
}
