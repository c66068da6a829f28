//! A filter's project: a folder with a `filter.json`, which `filter new` writes and `filter build` goes by. Pure.

use minutebook::model::text::without_value;
use serde::Deserialize;

use crate::cli::{Language, parse_name, parse_version};

/// The file that makes a folder a project.
pub(super) const FILE: &str = "filter.json";
/// What its filter is written to.
pub(super) const FILTER: &str = "filter.wasm";
/// What a project has that tests itself.
pub(super) const CATALOG: &str = "test/catalog.json";

/// The command by which a project tests itself.
pub(super) fn own_test(filter: &str) -> String {
    format!(
        "minutebook filter test {filter} --catalog {CATALOG} --settings @test/settings.json --expect test/expect.json"
    )
}

/// What that file says.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Project {
    #[serde(deserialize_with = "language")]
    pub(super) language: Language,
    /// What the filter is called.
    pub(super) name: String,
    pub(super) version: String,
}

impl Project {
    /// Reads the file.
    ///
    /// # Errors
    /// What is wrong with it, and where.
    pub(super) fn read(json: &[u8]) -> Result<Self, String> {
        // An array would be read by position.
        if !json.trim_ascii_start().starts_with(b"{") {
            return Err("it is not an object with `language`, `name` and `version`".to_owned());
        }
        let project: Self =
            serde_json::from_slice(json).map_err(|error| without_value(&error.to_string()))?;
        parse_name(&project.name).map_err(|why| format!("`name`: {why}"))?;
        parse_version(&project.version).map_err(|why| format!("`version`: {why}"))?;
        Ok(project)
    }
}

fn language<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Language, D::Error> {
    let text = String::deserialize(deserializer)?;
    let known = || Language::ALL.map(|language| format!("`{language}`")).join(", ");
    let named = Language::ALL.into_iter().find(|language| language.to_string() == text);
    named.ok_or_else(|| serde::de::Error::custom(format_args!("`language` is one of {}", known())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_project_has_a_language_a_name_and_a_version() {
        let read = |json: &str| Project::read(json.as_bytes());
        let project = read(r#"{"language": "go", "name": "my-filter", "version": "0.1.0"}"#).unwrap();
        assert_eq!(
            (project.language, project.name.as_str(), project.version.as_str()),
            (Language::Go, "my-filter", "0.1.0")
        );
        for (json, why) in [
            ("", "it is not an object"),
            (r#"["go", "x", "1"]"#, "it is not an object"),
            ("{", "EOF"),
            (r#"{"language": "go", "name": "x"}"#, "missing field `version`"),
            (
                r#"{"language": "perl", "name": "x", "version": "1"}"#,
                "`language` is one of `rust`, `c`, `go`",
            ),
            (r#"{"language": "go", "name": "x", "version": "1", "lang": "c"}"#, "unknown field"),
            (r#"{"language": "go", "name": "", "version": "1"}"#, "`name`: "),
            (
                r#"{"language": "go", "name": "cel", "version": "1"}"#,
                "`name`: `cel` is a filter that minutebook",
            ),
            (r#"{"language": "go", "name": "x", "version": "1\n2"}"#, "`version`: "),
            (r#"{"language": "go", "name": "x", "version": "x y"}"#, "`version`: a version is one word"),
        ] {
            let error = read(json).unwrap_err();
            assert!(error.contains(why), "{json}: {error}");
        }
    }
}
