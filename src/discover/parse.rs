//! From a discovery answer to a catalog: pure, and distrustful of every entry.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::value::RawValue;

use super::lenient::without_trailing_commas;
use crate::model::catalog::{Catalog, Resource};
use crate::model::limits::{CATALOG_TEXT_BYTES, CATALOG_TEXTS, MESSAGE_BYTES, RESOURCES};
use crate::model::name::{Group, Label, ResourceName};
use crate::model::text::{printable, without_value};

/// Bytes of an entry's name that a log line shows.
const SHOWN_NAME: usize = 80;

/// What begins a complaint about syntax.
const NOT_JSON: &str = "it is not JSON: ";

/// Verbs, short names or categories of an entry: servers have ten.
const TEXTS: usize = 100;
/// How deep an answer may be nested: discovery has three levels.
const DEPTH: usize = 100;

/// A catalog, and what was wrong with the answer that it came from.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Parsed {
    pub(super) catalog: Catalog,
    pub(super) notes: Vec<Note>,
}

/// Something wrong with the answer, or with one of its entries.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Note {
    /// Nothing is lost.
    Warn(String),
    /// An entry cannot be shown to the filter.
    Error(String),
}

/// Reads an `APIResourceList`.
///
/// # Errors
/// The answer as a whole is unusable; the text says why.
pub(super) fn parse(answer: &[u8]) -> Result<Parsed, String> {
    if depth(answer) > DEPTH {
        return Err(format!("it is nested more than {DEPTH} levels deep"));
    }
    let mut notes = Vec::new();
    let mended;
    let list = match read(answer) {
        Ok(list) => list,
        Err(strict) => {
            mended = without_trailing_commas(answer).ok_or_else(|| strict.clone())?;
            let list = read(&mended).map_err(|_| strict.clone())?;
            notes.push(Note::Warn(format!(
                "discovery: the answer is not strict JSON ({}); it was read without the commas before closing brackets",
                strict.trim_start_matches(NOT_JSON)
            )));
            list
        }
    };
    let (group, version) = group_version(&list.group_version)?;
    // Where each name is in the catalog.
    let mut seen = HashMap::new();
    let mut catalog = Catalog::default();
    let mut size = Size::default();
    for (index, entry) in list.resources.iter().enumerate() {
        match read_entry(entry, &group, &version) {
            Ok(Read::Resource(resource)) => match seen.entry(resource.id.name().to_string()) {
                Entry::Vacant(vacant) => {
                    size.add(&resource)?;
                    vacant.insert(catalog.resources.len());
                    catalog.resources.push(resource);
                }
                Entry::Occupied(first) => notes.push(twice(&catalog.resources[*first.get()], &resource)),
            },
            Ok(Read::NotShown) => catalog.not_shown += 1,
            Err(why) => notes.push(Note::Error(format!("discovery: entry {}: {why}", index + 1))),
        }
    }
    catalog.resources.shrink_to_fit();
    Ok(Parsed { catalog, notes })
}

/// How much text a catalog has, which is kept as long as the cycle lasts.
#[derive(Default)]
struct Size {
    texts: usize,
    bytes: usize,
}

impl Size {
    /// Counts a resource's texts.
    ///
    /// # Errors
    /// They are more than a catalog may have.
    fn add(&mut self, resource: &Resource) -> Result<(), String> {
        let lists = [&resource.verbs, &resource.short_names, &resource.categories];
        let texts = lists.into_iter().flatten().chain([&resource.kind, &resource.singular_name]);
        for text in texts {
            self.texts += 1;
            self.bytes += text.len();
        }
        if self.texts > CATALOG_TEXTS {
            return Err(format!("its entries have more than {CATALOG_TEXTS} texts"));
        }
        if self.bytes > CATALOG_TEXT_BYTES {
            return Err(format!("its entries have more than {CATALOG_TEXT_BYTES} bytes of text"));
        }
        Ok(())
    }
}

fn twice(first: &Resource, second: &Resource) -> Note {
    let id = &first.id;
    if first == second {
        Note::Warn(format!("discovery: `{id}` is listed twice, with equal entries"))
    } else {
        Note::Error(format!(
            "discovery: `{id}` is listed twice, with entries that differ; the first one counts"
        ))
    }
}

/// How deep brackets are nested, outside strings. Of what is not JSON it says something, too.
fn depth(json: &[u8]) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for &byte in json {
        match byte {
            _ if in_string => {
                in_string = byte != b'"' || escaped;
                escaped = byte == b'\\' && !escaped;
            }
            b'"' => in_string = true,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        deepest = deepest.max(depth);
    }
    deepest
}

fn group_version(text: &str) -> Result<(Group, Label), String> {
    let (group, version) = text.rsplit_once('/').unwrap_or(("", text));
    match (Group::parse(group), Label::parse(version)) {
        (Ok(group), Ok(version)) => Ok((group, version)),
        _ => Err(format!("`groupVersion` is `{}`, which is none", printable(text, SHOWN_NAME))),
    }
}

enum Read {
    Resource(Resource),
    NotShown,
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

/// A list of texts that cannot fill memory.
#[derive(Default)]
struct FewTexts(Vec<String>);

impl<'de> Deserialize<'de> for FewTexts {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Texts;

        impl<'de> Visitor<'de> for Texts {
            type Value = FewTexts;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array of strings")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<FewTexts, A::Error> {
                let mut texts = Vec::new();
                while let Some(text) = seq.next_element()? {
                    if texts.len() == TEXTS {
                        return Err(de::Error::custom(format_args!("a list of more than {TEXTS} strings")));
                    }
                    texts.push(text);
                }
                texts.shrink_to_fit();
                Ok(FewTexts(texts))
            }
        }

        deserializer.deserialize_seq(Texts)
    }
}

fn read_entry(entry: &RawValue, group: &Group, version: &Label) -> Result<Read, String> {
    // An array would be read by position.
    if !entry.get().starts_with('{') {
        return Err("it is not an object".to_owned());
    }
    let raw: RawResource = serde_json::from_str(entry.get()).map_err(|error| {
        format!("it cannot be read: {}", printable(&without_value(&error.to_string()), MESSAGE_BYTES))
    })?;
    let FewTexts(verbs) = raw.verbs.unwrap_or_default();
    let is_subresource = raw
        .name
        .split_once('/')
        .is_some_and(|(name, sub)| Label::parse(name).is_ok() && Label::parse(sub).is_ok());
    if is_subresource {
        return Ok(Read::NotShown);
    }
    let id = id(&raw.name, raw.group.as_deref(), group);
    let own_version = match raw.version.as_deref() {
        None | Some("") => Ok(version.clone()),
        Some(text) => Label::parse(text)
            .map_err(|error| format!("its version `{}`: {error}", printable(text, SHOWN_NAME))),
    };
    match (id, own_version) {
        (Ok(id), Ok(version)) => Ok(Read::Resource(Resource {
            id,
            version,
            kind: raw.kind,
            singular_name: raw.singular_name.unwrap_or_default(),
            namespaced: raw.namespaced,
            verbs,
            short_names: raw.short_names.unwrap_or_default().0,
            categories: raw.categories.unwrap_or_default().0,
        })),
        // Some metrics APIs publish such names; what cannot be listed is no loss.
        _ if !verbs.iter().any(|verb| verb == "list") => Ok(Read::NotShown),
        (Err(why), _) | (_, Err(why)) => Err(format!("{why}; it can be listed, but is not recorded")),
    }
}

fn id(name: &str, own_group: Option<&str>, list_group: &Group) -> Result<ResourceName, String> {
    let shown = |text: &str| printable(text, SHOWN_NAME);
    let label = Label::parse(name).map_err(|error| format!("its name `{}`: {error}", shown(name)))?;
    let group = match own_group {
        None | Some("") => list_group.clone(),
        Some(text) => Group::parse(text).map_err(|error| format!("its group `{}`: {error}", shown(text)))?,
    };
    ResourceName::new(label, group)
        .map_err(|error| format!("its name `{}` with its group: {error}", shown(name)))
}

/// The list as a whole; entries are read one by one later, so that a bad one spoils only itself.
struct ResourceList<'a> {
    group_version: String,
    resources: Vec<&'a RawValue>,
}

fn read(json: &[u8]) -> Result<ResourceList<'_>, String> {
    let text = |error: serde_json::Error| {
        let what = if error.is_data() { "" } else { NOT_JSON };
        format!("{what}{}", printable(&without_value(&error.to_string()), MESSAGE_BYTES))
    };
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let list = deserializer.deserialize_any(ListVisitor).map_err(text)?;
    deserializer.end().map_err(text)?;
    Ok(list)
}

struct ListVisitor;

impl<'de> Visitor<'de> for ListVisitor {
    type Value = ResourceList<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an APIResourceList")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut kind, mut group_version, mut resources) = (None, None, None);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "kind" => set(&mut kind, map.next_value::<Option<String>>()?, "kind")?,
                "groupVersion" => {
                    set(&mut group_version, map.next_value::<Option<String>>()?, "groupVersion")?;
                }
                "resources" => set(&mut resources, map.next_value_seed(Entries)?, "resources")?,
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if let Some(Some(kind)) = kind
            && kind != "APIResourceList"
        {
            let kind = printable(&kind, SHOWN_NAME);
            return Err(de::Error::custom(format_args!("its kind is `{kind}`, not `APIResourceList`")));
        }
        // The exercise asks for `v1`, and an answer that does not say is about what was asked.
        let group_version = group_version.flatten().unwrap_or_else(|| "v1".to_owned());
        let resources = resources.ok_or_else(|| de::Error::missing_field("resources"))?;
        Ok(ResourceList { group_version, resources })
    }
}

fn set<T, E: de::Error>(field: &mut Option<T>, value: T, name: &'static str) -> Result<(), E> {
    match field.replace(value) {
        None => Ok(()),
        Some(_) => Err(E::duplicate_field(name)),
    }
}

/// Reads an array, or null as an empty one, and stops at one entry too many.
struct Entries;

impl<'de> DeserializeSeed<'de> for Entries {
    type Value = Vec<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Entries {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array `resources`")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Vec::new())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = seq.next_element()? {
            if entries.len() == RESOURCES {
                return Err(de::Error::custom(format_args!("it has more than {RESOURCES} entries")));
            }
            entries.push(entry);
        }
        Ok(entries)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert!(deep(DEPTH - 1).is_ok());
        assert_eq!(deep(DEPTH).unwrap_err(), "it is nested more than 100 levels deep");
    }

    #[test]
    fn one_entry_too_many_is_noticed_without_reading_on() {
        let many = |count| list(&format!("[{}]", vec![entry("a", "[]"); count].join(",")));
        assert!(parse(many(RESOURCES).as_bytes()).is_ok());
        let error = parse(many(RESOURCES + 1).as_bytes()).unwrap_err();
        assert!(error.contains("more than 10000 entries"), "{error}");
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
