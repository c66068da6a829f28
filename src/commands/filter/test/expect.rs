//! What a filter is expected to decide: a JSON object of resources' names, strictly read, and held against verdicts. Pure.

use std::collections::{HashMap, HashSet};
use std::fmt;

use minutebook::model::text::{printable, without_value};
use serde::de::{self, Deserialize, Deserializer, MapAccess, Visitor};

use super::Row;

/// Bytes of a name that a message shows.
pub(super) const NAME_BYTES: usize = 512;

/// Each resource by its name as `-o name` prints it, and whether it is to be selected, in their order.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Expected(Vec<(String, bool)>);

/// What is otherwise than expected.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Difference<'a> {
    pub(super) name: &'a str,
    pub(super) expected: bool,
    /// The reason for the other verdict; none if there is no such resource.
    pub(super) reason: Option<&'a str>,
}

impl Expected {
    /// Reads what is expected.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub(super) fn read(json: &[u8]) -> Result<Self, String> {
        serde_json::from_slice(json).map_err(|error| without_value(&error.to_string()))
    }

    /// What is expected of each resource that is named.
    pub(super) fn of_each(&self) -> HashMap<&str, bool> {
        self.0.iter().map(|(name, selected)| (name.as_str(), *selected)).collect()
    }

    /// Everything that is otherwise.
    pub(super) fn differences<'a>(&'a self, rows: &'a [Row]) -> Vec<Difference<'a>> {
        let verdicts: HashMap<&str, _> = rows.iter().map(|row| (row.name.as_str(), &row.verdict)).collect();
        let difference = |(name, expected): &'a (String, bool)| {
            let verdict = verdicts.get(name.as_str());
            let as_expected = verdict.is_some_and(|verdict| verdict.selected == *expected);
            let reason = verdict.map(|verdict| verdict.reason.as_str());
            (!as_expected).then_some(Difference { name, expected: *expected, reason })
        };
        self.0.iter().filter_map(difference).collect()
    }
}

impl<'de> Deserialize<'de> for Expected {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;

        impl<'de> Visitor<'de> for Names {
            type Value = Expected;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(r#"an object such as {"configmaps": true, "deployments.apps": false}"#)
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Expected, A::Error> {
                let (mut expected, mut known) = (Vec::new(), HashSet::new());
                while let Some(name) = map.next_key::<String>()? {
                    let shown = printable(&name, NAME_BYTES);
                    if !known.insert(name.clone()) {
                        return Err(de::Error::custom(format_args!("`{shown}` is there twice")));
                    }
                    let selected = map.next_value::<serde_json::Value>()?.as_bool().ok_or_else(|| {
                        de::Error::custom(format_args!("what is said of `{shown}` is neither true nor false"))
                    })?;
                    expected.push((name, selected));
                }
                Ok(Expected(expected))
            }
        }

        deserializer.deserialize_map(Names)
    }
}

#[cfg(test)]
mod tests {
    use minutebook::model::selection::Verdict;

    use super::*;

    fn row(name: &str, selected: bool) -> Row {
        Row { name: name.to_owned(), verdict: Verdict { selected, reason: format!("{name} is {selected}") } }
    }

    #[test]
    fn what_is_otherwise_is_found_and_what_is_not_named_is_not_judged() {
        let expected = Expected::read(br#"{"b": true, "a": true, "gone": false, "c": false}"#).unwrap();
        let rows = [row("a", true), row("b", false), row("c", false), row("d", true)];
        let difference = |name, expected, reason| Difference { name, expected, reason };
        assert_eq!(
            expected.differences(&rows),
            [difference("b", true, Some("b is false")), difference("gone", false, None)]
        );
        assert_eq!(expected.of_each().len(), 4);
        assert_eq!(Expected::read(b"{}").unwrap().differences(&rows), []);
    }

    #[test]
    fn what_is_no_expectation_is_refused_by_its_key() {
        for (json, why) in [
            (r#"{"a": true, "b": true, "a": false}"#, "`a` is there twice at line 1"),
            (r#"{"a": "true"}"#, "what is said of `a` is neither true nor false at line 1"),
            (r#"{"a": null}"#, "what is said of `a` is neither"),
            (r#"["a"]"#, "invalid type: sequence, expected an object such as"),
            ("", "EOF"),
            (r#"{"a": true,}"#, "trailing comma"),
            (r#"{"a": true} x"#, "trailing characters"),
        ] {
            let error = Expected::read(json.as_bytes()).unwrap_err();
            assert!(error.contains(why), "{json}: {error}");
        }
    }
}
