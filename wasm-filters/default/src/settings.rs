//! Reads the filter's settings: `{"include": ["nodes"], "exclude": ["secrets"]}`, both optional.
//!
//! Whoever wrote the settings sees these errors and nothing else, so each names the key at fault
//! and says what would be right. Nothing is guessed: an unknown key, a key given twice and a value
//! of the wrong type are errors, because a rule that is misread records the wrong things for years.
//!
//! The JSON is read into a value of this file's own, which keeps a key that comes twice and can
//! say what it is. (It is also what keeps the filter small: with serde's own messages about wrong
//! types comes the code that prints floating point numbers.)

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};

/// Names of resources, spelled as minutebook prints them: `configmaps`, `deployments.apps`.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Settings {
    /// Recorded although the rule alone would not.
    pub(crate) include: Vec<String>,
    /// Never recorded, whatever the rule and `include` say.
    pub(crate) exclude: Vec<String>,
}

/// Reads the settings from their JSON text.
pub(crate) fn parse(text: &str) -> Result<Settings, String> {
    let json: Json =
        serde_json::from_str(text).map_err(|error| format!("the settings are not JSON: {error}"))?;
    let Json::Object(members) = json else {
        return Err(format!(
            "the settings must be an object such as {{\"include\": [\"nodes\"]}}, not {}",
            json.sort()
        ));
    };
    let mut include = None;
    let mut exclude = None;
    for (key, value) in members {
        let setting = match key.as_str() {
            "include" => &mut include,
            "exclude" => &mut exclude,
            _ => {
                return Err(format!("unknown setting \"{key}\"; known are \"include\" and \"exclude\""));
            }
        };
        if setting.replace(names(&key, value)?).is_some() {
            return Err(format!("the setting \"{key}\" is given twice"));
        }
    }
    Ok(Settings { include: include.unwrap_or_default(), exclude: exclude.unwrap_or_default() })
}

fn names(key: &str, value: Json) -> Result<Vec<String>, String> {
    let Json::List(list) = value else {
        return Err(format!(
            "the setting \"{key}\" must be a list of names such as [\"nodes\"], not {}",
            value.sort()
        ));
    };
    list.into_iter()
        .map(|name| match name {
            Json::String(name) => Ok(name),
            other => {
                Err(format!("the setting \"{key}\" must hold names such as \"nodes\", not {}", other.sort()))
            }
        })
        .collect()
}

/// Any JSON value. Members keep their order and their duplicates; numbers and booleans have no
/// place in the settings, so theirs is all that is known of them.
enum Json {
    Null,
    Boolean,
    Number,
    String(String),
    List(Vec<Json>),
    Object(Vec<(String, Json)>),
}

impl Json {
    /// What it is, in words.
    fn sort(&self) -> &'static str {
        match self {
            Json::Null => "null",
            Json::Boolean => "a boolean",
            Json::Number => "a number",
            Json::String(_) => "a string",
            Json::List(_) => "a list",
            Json::Object(_) => "an object",
        }
    }
}

impl<'de> Deserialize<'de> for Json {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Json, D::Error> {
        deserializer.deserialize_any(AnyJson)
    }
}

/// Accepts whatever comes, so that no error is serde's.
struct AnyJson;

impl<'de> Visitor<'de> for AnyJson {
    type Value = Json;

    fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Json, E> {
        Ok(Json::Null)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Json, E> {
        Ok(Json::Boolean)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Json, E> {
        Ok(Json::Number)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Json, E> {
        Ok(Json::Number)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Json, E> {
        Ok(Json::Number)
    }

    fn visit_str<E>(self, text: &str) -> Result<Json, E> {
        Ok(Json::String(text.into()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Json, A::Error> {
        let mut list = Vec::new();
        while let Some(item) = items.next_element()? {
            list.push(item);
        }
        Ok(Json::List(list))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Json, A::Error> {
        let mut members = Vec::new();
        while let Some(member) = entries.next_entry()? {
            members.push(member);
        }
        Ok(Json::Object(members))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_settings_may_be_absent() {
        for text in ["{}", " {\n} ", r#"{"include": [], "exclude": []}"#] {
            assert_eq!(parse(text), Ok(Settings::default()), "{text}");
        }
    }

    #[test]
    fn names_are_taken_as_they_are() {
        let settings =
            parse(r#"{"exclude": ["secrets", "secrets"], "include": ["nodes", "\u0064eployments.apps"]}"#);
        assert_eq!(
            settings,
            Ok(Settings {
                include: ["nodes", "deployments.apps"].map(String::from).into(),
                exclude: ["secrets", "secrets"].map(String::from).into(),
            })
        );
    }

    #[test]
    fn every_error_names_what_is_wrong_and_what_would_be_right() {
        for (text, error) in [
            ("", "the settings are not JSON: EOF while parsing a value at line 1 column 0"),
            ("{include: []}", "the settings are not JSON: key must be a string at line 1 column 2"),
            ("{} {}", "the settings are not JSON: trailing characters at line 1 column 4"),
            (r#"{"include": ["nodes",]}"#, "the settings are not JSON: trailing comma at line 1 column 22"),
            ("[]", r#"the settings must be an object such as {"include": ["nodes"]}, not a list"#),
            ("null", r#"the settings must be an object such as {"include": ["nodes"]}, not null"#),
            ("1e400", "the settings are not JSON: number out of range at line 1 column 5"),
            (r#"{"inclde": []}"#, r#"unknown setting "inclde"; known are "include" and "exclude""#),
            (
                r#"{"include": [], "Exclude": 1}"#,
                r#"unknown setting "Exclude"; known are "include" and "exclude""#,
            ),
            (
                r#"{"include": "nodes"}"#,
                r#"the setting "include" must be a list of names such as ["nodes"], not a string"#,
            ),
            (
                r#"{"exclude": null}"#,
                r#"the setting "exclude" must be a list of names such as ["nodes"], not null"#,
            ),
            (
                r#"{"exclude": {"a": 1}}"#,
                r#"the setting "exclude" must be a list of names such as ["nodes"], not an object"#,
            ),
            (
                r#"{"exclude": ["a", true]}"#,
                r#"the setting "exclude" must hold names such as "nodes", not a boolean"#,
            ),
            (
                r#"{"include": [["a"]]}"#,
                r#"the setting "include" must hold names such as "nodes", not a list"#,
            ),
            (r#"{"include": ["a"], "include": ["a"]}"#, r#"the setting "include" is given twice"#),
            (r#"{"exclude": [], "exclud\u0065": []}"#, r#"the setting "exclude" is given twice"#),
        ] {
            assert_eq!(parse(text), Err(String::from(error)), "{text}");
        }
    }
}
