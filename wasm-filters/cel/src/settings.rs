//! Reads the settings: a JSON object whose one key, `select`, holds an expression.
//!
//! Nothing is overlooked: an unknown key, a key given twice or a value of another type is an
//! error, because a rule that is misread records the wrong things for years.

use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

const EXAMPLE: &str = r#"{"select": "resource.namespaced && 'list' in resource.verbs"}"#;

/// Reads the expression from the settings' JSON text.
pub(crate) fn parse(text: &str) -> Result<String, String> {
    let not_json = |error| format!("the settings are not JSON: {error}");
    let settings: Value = serde_json::from_str(text).map_err(not_json)?;
    if !settings.is_object() {
        return Err(format!("the settings must be an object such as {EXAMPLE}, not {}", sort(&settings)));
    }
    let mut select = None;
    for (key, value) in serde_json::from_str::<Members>(text).map_err(not_json)?.0 {
        if key != "select" {
            return Err(format!("unknown setting \"{key}\"; known is \"select\""));
        }
        let Value::String(expression) = value else {
            return Err(format!(
                "the setting \"select\" must be a text such as \"resource.namespaced\", not {}",
                sort(&value)
            ));
        };
        if select.replace(expression).is_some() {
            return Err(String::from("the setting \"select\" is given twice"));
        }
    }
    select
        .ok_or_else(|| format!("the setting \"select\" is missing; it holds an expression, as in {EXAMPLE}"))
}

/// What a value is, in words.
fn sort(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "a boolean",
        Value::Number(_) => "a number",
        Value::String(_) => "a string",
        Value::Array(_) => "a list",
        Value::Object(_) => "an object",
    }
}

/// An object's members, with those that serde_json's own map would drop because another one of the
/// same key follows.
struct Members(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Members {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Members, D::Error> {
        deserializer.deserialize_map(AllMembers)
    }
}

struct AllMembers;

impl<'de> Visitor<'de> for AllMembers {
    type Value = Members;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Members, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = entries.next_entry()? {
            members.push(member);
        }
        Ok(Members(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_expression_is_taken_as_it_is() {
        assert_eq!(parse(r#"{"select": "true"}"#).as_deref(), Ok("true"));
        assert_eq!(parse(r#" {"\u0073elect" : " \"\n\" == 'é' "} "#).as_deref(), Ok(" \"\n\" == 'é' "));
        assert_eq!(parse(r#"{"select": ""}"#).as_deref(), Ok(""));
    }

    #[test]
    fn every_error_names_what_is_wrong_and_what_would_be_right() {
        for (text, error) in [
            ("", "the settings are not JSON: EOF while parsing a value at line 1 column 0"),
            ("{select: true}", "the settings are not JSON: key must be a string at line 1 column 2"),
            (r#"{"select": "a"} {}"#, "the settings are not JSON: trailing characters at line 1 column 17"),
            (
                r#"{"select": "\ud800"}"#,
                "the settings are not JSON: unexpected end of hex escape at line 1 column 19",
            ),
            (
                "[]",
                r#"the settings must be an object such as {"select": "resource.namespaced && 'list' in resource.verbs"}, not a list"#,
            ),
            (
                r#""true""#,
                r#"the settings must be an object such as {"select": "resource.namespaced && 'list' in resource.verbs"}, not a string"#,
            ),
            (
                "{}",
                r#"the setting "select" is missing; it holds an expression, as in {"select": "resource.namespaced && 'list' in resource.verbs"}"#,
            ),
            (r#"{"Select": "true"}"#, r#"unknown setting "Select"; known is "select""#),
            (r#"{"select": "true", "exclude": []}"#, r#"unknown setting "exclude"; known is "select""#),
            (
                r#"{"select": true}"#,
                r#"the setting "select" must be a text such as "resource.namespaced", not a boolean"#,
            ),
            (
                r#"{"select": ["true", [1.5, {"a": null}]]}"#,
                r#"the setting "select" must be a text such as "resource.namespaced", not a list"#,
            ),
            (
                r#"{"select": {}}"#,
                r#"the setting "select" must be a text such as "resource.namespaced", not an object"#,
            ),
            (
                r#"{"select": -1}"#,
                r#"the setting "select" must be a text such as "resource.namespaced", not a number"#,
            ),
            (
                r#"{"select": null}"#,
                r#"the setting "select" must be a text such as "resource.namespaced", not null"#,
            ),
            (r#"{"select": "true", "s\u0065lect": "true"}"#, r#"the setting "select" is given twice"#),
        ] {
            assert_eq!(parse(text), Err(String::from(error)), "{text}");
        }
    }

    #[test]
    fn what_is_nested_without_end_is_refused_and_not_followed() {
        let error = parse(&r#"{"a":"#.repeat(100_000)).unwrap_err();
        assert!(error.starts_with("the settings are not JSON: recursion limit exceeded"), "{error}");
    }
}
