//! From an `APIResourceList` to resources: pure, and distrustful of every entry.
//!
//! Layout `kata` reads one as people write it, and what an entry says of its own group and version counts.
//! Layout `kubernetes` reads one of each version of a group: strictly, and under the group and version that
//! were asked for, since what an entry says there is about the kind of its objects, not about where they are.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::document::{Document, Form, NOT_JSON, check_depth, read, read_object, shown_name};
use super::entries::{FewTexts, Found, Note, Read, collect, id, is_subresource, unusable};
use super::lenient::without_trailing_commas;
use crate::model::catalog::{Catalog, Part, Resource};
use crate::model::name::{Group, Label};

/// What the answer has to be.
pub(super) const FORM: Form = Form {
    kind: "APIResourceList",
    a_kind: "an APIResourceList",
    entries: "resources",
    an_array: "an array `resources`",
};

/// A catalog, and what was wrong with the answer that it came from.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parsed {
    pub(super) catalog: Catalog,
    pub(super) notes: Vec<Note>,
}

/// Reads the one list of layout `kata`.
///
/// # Errors
/// The answer as a whole is unusable; the text says why.
pub(super) fn parse(answer: &[u8]) -> Result<Parsed, String> {
    check_depth(answer)?;
    let mut notes = Vec::new();
    let mended;
    let list = match read(answer, FORM) {
        Ok(list) => list,
        Err(strict) => {
            mended = without_trailing_commas(answer).ok_or_else(|| strict.clone())?;
            let list = read(&mended, FORM).map_err(|_| strict.clone())?;
            notes.push(Note::Warn(format!(
                "discovery: the answer is not strict JSON ({}); it was read without the commas before closing brackets",
                strict.trim_start_matches(NOT_JSON)
            )));
            list
        }
    };
    // The exercise asks for `v1`, and an answer that does not say is about what was asked.
    let (group, version) = group_version(list.group_version.as_deref().unwrap_or("v1"))?;
    let found = collect(&list.entries, "", |entry| read_entry(entry, &group, &version, true))?;
    notes.extend(found.notes);
    let catalog = Catalog { resources: found.resources, not_shown: found.not_shown, ..Catalog::default() };
    Ok(Parsed { catalog, notes })
}

/// Reads the list of one version of a group.
///
/// # Errors
/// The answer as a whole is unusable; the text says why.
pub(super) fn parse_version(answer: &[u8], group: &Group, version: &Label) -> Result<Found, String> {
    check_depth(answer)?;
    let Document { group_version: said, entries } = read(answer, FORM)?;
    if let Some(said) = said
        && group_version(&said)? != (group.clone(), version.clone())
    {
        return Err(format!("its `groupVersion` is `{}`", shown_name(&said)));
    }
    let place = format!("{}, ", Part::Version(group.clone(), version.clone()));
    collect(&entries, &place, |entry| read_entry(entry, group, version, false))
}

/// Takes apart what `apiVersion` has.
pub(super) fn group_version(text: &str) -> Result<(Group, Label), String> {
    let (group, version) = text.rsplit_once('/').unwrap_or(("", text));
    match (Group::parse(group), Label::parse(version)) {
        (Ok(group), Ok(version)) => Ok((group, version)),
        _ => Err(format!("`groupVersion` is `{}`, which is none", shown_name(text))),
    }
}

/// One entry as the server sends it (k8s.io/apimachinery, meta/v1, `APIResource`).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawResource {
    name: String,
    #[serde(default)]
    singular_name: Option<String>,
    namespaced: bool,
    #[serde(default)]
    group: Option<String>,
    #[serde(default)]
    version: Option<String>,
    kind: String,
    #[serde(default)]
    verbs: Option<FewTexts>,
    #[serde(default)]
    short_names: Option<FewTexts>,
    #[serde(default)]
    categories: Option<FewTexts>,
}

/// Reads one entry; `own` says whether its own group and version count.
pub(super) fn read_entry(
    entry: &RawValue,
    group: &Group,
    version: &Label,
    own: bool,
) -> Result<Read, String> {
    let raw: RawResource = read_object(entry)?;
    let FewTexts(verbs) = raw.verbs.unwrap_or_default();
    if is_subresource(&raw.name) {
        return Ok(Read::NotShown(1));
    }
    let own = |text: Option<String>| text.filter(|text| own && !text.is_empty());
    let group = own(raw.group).map_or_else(
        || Ok(group.clone()),
        |text| Group::parse(&text).map_err(|error| format!("its group `{}`: {error}", shown_name(&text))),
    );
    let version = own(raw.version).map_or_else(
        || Ok(version.clone()),
        |text| Label::parse(&text).map_err(|error| format!("its version `{}`: {error}", shown_name(&text))),
    );
    match (id(&raw.name, group), version) {
        (Ok(id), Ok(version)) => Ok(Read::Resource(
            Resource {
                id,
                version,
                kind: raw.kind,
                singular_name: raw.singular_name.unwrap_or_default(),
                namespaced: raw.namespaced,
                verbs,
                short_names: raw.short_names.unwrap_or_default().0,
                categories: raw.categories.unwrap_or_default().0,
            },
            0,
        )),
        (Err(why), _) | (_, Err(why)) => unusable(&why, &verbs, 0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::entries::TEXTS;
    use crate::model::limits::{CATALOG_TEXTS, RESOURCES};

    fn list(resources: &str) -> String {
        format!(r#"{{"kind":"APIResourceList","groupVersion":"v1","resources":{resources}}}"#)
    }

    fn entry(name: &str, verbs: &str) -> String {
        format!(r#"{{"name":{},"namespaced":true,"kind":"K","verbs":{verbs}}}"#, serde_json::json!(name))
    }

    fn parsed(resources: &str) -> Parsed {
        parse(list(resources).as_bytes()).unwrap()
    }

    fn names(parsed: &Parsed) -> Vec<String> {
        parsed.catalog.resources.iter().map(|resource| resource.id.to_string()).collect()
    }

    #[test]
    fn the_exercise_s_sample_is_read_in_spite_of_its_comma() {
        let sample = include_bytes!("../../sample_data/sample_resource_list.json");
        let parsed = parse(sample).unwrap();
        assert_eq!(names(&parsed), ["bindings", "componentstatuses", "configmaps"]);
        assert_eq!(parsed.catalog.resources[2].short_names, ["cm"]);
        let [Note::Warn(warning)] = &parsed.notes[..] else { panic!("{:?}", parsed.notes) };
        assert!(warning.contains("not strict JSON (trailing comma at line"), "{warning}");
    }

    #[test]
    fn null_is_an_empty_list_and_absent_verbs_are_none() {
        assert_eq!(parsed("null"), Parsed::default());
        let parsed = parse(br#"{"resources":[{"name":"a","namespaced":false,"kind":"A"},{"name":"b","namespaced":false,"kind":"B","verbs":null}]}"#);
        let parsed = parsed.unwrap();
        assert!(parsed.catalog.resources.iter().all(|resource| resource.verbs.is_empty()));
        assert_eq!(parsed.catalog.resources[0].version.as_str(), "v1");
    }

    #[test]
    fn what_is_no_list_is_refused_as_a_whole() {
        for (answer, why) in [
            ("<html>", "it is not JSON: expected value"),
            ("", "EOF"),
            ("[]", "expected an APIResourceList"),
            ("{}", "missing field `resources`"),
            (r#"{"resources":{}}"#, "expected an array `resources`"),
            (r#"{"resources":[],"resources":[]}"#, "duplicate field"),
            (r#"{"kind":"Status","resources":[]}"#, "`Status`, not `APIResourceList`"),
            (r#"{"resources":[]} x"#, "trailing characters"),
            (r#"{"groupVersion":"../x","resources":[]}"#, "which is none"),
        ] {
            let error = parse(answer.as_bytes()).unwrap_err();
            assert!(error.contains(why), "{answer}: {error}");
        }
        let deep = |levels| {
            let (open, close) = ("[".repeat(levels), "]".repeat(levels));
            parse(format!(r#"{{"resources":[],"x":{open}{close}}}"#).as_bytes())
        };
        assert!(deep(99).is_ok());
        assert_eq!(deep(100).unwrap_err(), "it is nested more than 100 levels deep");
    }

    #[test]
    fn one_entry_too_many_is_noticed_without_reading_on() {
        let many = |count| list(&format!("[{}]", vec![entry("a", "[]"); count].join(",")));
        assert!(parse(many(RESOURCES).as_bytes()).is_ok());
        let error = parse(many(RESOURCES + 1).as_bytes()).unwrap_err();
        assert!(error.contains("more than 10000 entries"), "{error}");
        // What comes behind it is no JSON.
        let endless = many(RESOURCES + 1).replace("}]", "},,,");
        assert!(parse(endless.as_bytes()).unwrap_err().contains("it has more than 10000 entries"));
    }

    #[test]
    fn names_that_are_none_are_errors_if_they_can_be_listed() {
        let long = "a".repeat(300);
        for name in
            ["../../x", "", "a?b", "a#b", "%2e%2e", "a\0b", "pods/", "/log", "pods/log/x", "Pods", &long]
        {
            let listable = parsed(&format!("[{}]", entry(name, r#"["get","list"]"#)));
            let [Note::Error(error)] = &listable.notes[..] else { panic!("{name}: {listable:?}") };
            assert!(error.starts_with("discovery: entry 1: its name `"), "{error}");
            assert!(error.len() < 300, "{error}");
            assert_eq!((names(&listable).len(), listable.catalog.not_shown), (0, 0));
            let other = parsed(&format!("[{}]", entry(name, r#"["get"]"#)));
            assert_eq!((other.notes.len(), other.catalog.not_shown), (0, 1));
        }
    }

    #[test]
    fn subresources_are_counted_even_if_they_can_be_listed() {
        let parsed =
            parsed(&format!("[{},{}]", entry("pods/log", r#"["list"]"#), entry("pods", r#"["list"]"#)));
        assert_eq!((names(&parsed), parsed.catalog.not_shown), (vec!["pods".to_owned()], 1));
        assert!(parsed.notes.is_empty());
    }

    #[test]
    fn of_two_with_one_name_the_first_counts() {
        let (one, other) = (entry("a", "[]"), entry("a", r#"["list"]"#));
        let equal = parsed(&format!("[{one},{one}]"));
        assert!(matches!(&equal.notes[..], [Note::Warn(_)]), "{equal:?}");
        let differing = parsed(&format!("[{one},{other}]"));
        assert!(matches!(&differing.notes[..], [Note::Error(_)]), "{differing:?}");
        assert!(differing.catalog.resources[0].verbs.is_empty());
    }

    #[test]
    fn an_entry_cannot_fill_memory() {
        let verbs = |count| format!("[{}]", vec![r#""""#; count].join(","));
        assert!(parsed(&format!("[{}]", entry("a", &verbs(TEXTS)))).notes.is_empty());
        let parsed = parsed(&format!("[{}]", entry("a", &verbs(TEXTS + 1))));
        let [Note::Error(error)] = &parsed.notes[..] else { panic!("{:?}", parsed.notes) };
        assert!(error.contains("a list of more than 100 strings"), "{error}");
    }

    #[test]
    fn all_entries_together_cannot_fill_memory() {
        let answer = |count: usize, verbs: &str| {
            let entries: Vec<_> = (0..count).map(|number| entry(&format!("a{number}"), verbs)).collect();
            parse(list(&format!("[{}]", entries.join(","))).as_bytes())
        };
        let many = |count| format!("[{}]", vec![r#""v""#; count].join(","));
        // Besides its verbs each entry has a kind and a singular name.
        assert!(answer(CATALOG_TEXTS / 100, &many(98)).is_ok());
        let error = answer(CATALOG_TEXTS / 100, &many(99)).unwrap_err();
        assert_eq!(error, "its entries have more than 200000 texts");
        let long = |bytes| format!(r#"["{}"]"#, "v".repeat(bytes));
        // And its kind has a byte.
        assert!(answer(16, &long((1 << 20) - 1)).is_ok());
        let error = answer(16, &long(1 << 20)).unwrap_err();
        assert_eq!(error, "its entries have more than 16777216 bytes of text");
    }

    #[test]
    fn a_bad_entry_spoils_only_itself() {
        let by_position = r#"["b","",true,null,null,"B",["list"],null,null]"#;
        let parsed = parsed(&format!(r#"[3, {{"name":7}}, {}, {{}}, {by_position}]"#, entry("a", "[]")));
        assert_eq!((names(&parsed), parsed.notes.len()), (vec!["a".to_owned()], 4));
    }

    #[test]
    fn an_entry_s_own_group_and_version_count() {
        let parsed = parsed(
            r#"[{"name":"a","namespaced":true,"kind":"A","verbs":[],"group":"apps","version":"v2"},
                {"name":"b","namespaced":true,"kind":"B","verbs":["list"],"group":"../x"},
                {"name":"c","namespaced":true,"kind":"C","verbs":["list"],"version":"v/1"}]"#,
        );
        assert_eq!(names(&parsed), ["a.apps"]);
        assert_eq!(parsed.catalog.resources[0].version.as_str(), "v2");
        assert_eq!(parsed.notes.len(), 2);
    }
}
