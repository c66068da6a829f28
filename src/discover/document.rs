//! A discovery answer as a whole: an object of a known kind, whose entries are left unread.
//!
//! Entries are read one by one later, so that a bad one spoils only itself. How many there are and how
//! deep they are nested is bounded here, before anything is kept.

use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::value::RawValue;
use std::fmt;

use crate::model::limits::{MESSAGE_BYTES, RESOURCES};
use crate::model::text::{printable, without_value};

/// What begins a complaint about syntax.
pub(super) const NOT_JSON: &str = "it is not JSON: ";
/// Bytes of a name that a log line shows.
pub(super) const SHOWN_NAME: usize = 80;
/// How deep an answer may be nested: discovery has six levels.
const DEPTH: usize = 100;

/// What an answer has to be.
#[derive(Debug, Clone, Copy)]
pub(super) struct Form {
    pub(super) kind: &'static str,
    /// The kind with its article.
    pub(super) a_kind: &'static str,
    /// Where its entries are.
    pub(super) entries: &'static str,
    /// The same for who reads that it is none.
    pub(super) an_array: &'static str,
}

/// An answer of the right form.
#[derive(Debug)]
pub(super) struct Document<'a> {
    pub(super) group_version: Option<String>,
    pub(super) entries: Vec<&'a RawValue>,
}

/// Refuses what is nested too deep.
pub(super) fn check_depth(json: &[u8]) -> Result<(), String> {
    if depth(json) > DEPTH {
        return Err(format!("it is nested more than {DEPTH} levels deep"));
    }
    Ok(())
}

/// Reads an answer, which need not say its kind.
pub(super) fn read(json: &[u8], form: Form) -> Result<Document<'_>, String> {
    let mut deserializer = serde_json::Deserializer::from_slice(json);
    let document = deserializer.deserialize_any(form).map_err(|error| complaint(&error))?;
    deserializer.end().map_err(|error| complaint(&error))?;
    Ok(document)
}

/// The `kind` and `apiVersion` of an answer that may be of any form.
pub(super) fn kind(json: &[u8]) -> Result<(String, String), String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Typed {
        kind: Option<String>,
        api_version: Option<String>,
    }
    if !json.trim_ascii_start().starts_with(b"{") {
        return match serde_json::from_slice::<IgnoredAny>(json) {
            Ok(_) => Err("it is not an object".to_owned()),
            Err(error) => Err(complaint(&error)),
        };
    }
    let typed: Typed = serde_json::from_slice(json).map_err(|error| complaint(&error))?;
    Ok((typed.kind.unwrap_or_default(), typed.api_version.unwrap_or_default()))
}

/// Reads one entry. An array would be read by position.
pub(super) fn read_object<'a, T: Deserialize<'a>>(entry: &'a RawValue) -> Result<T, String> {
    if !entry.get().starts_with('{') {
        return Err("it is not an object".to_owned());
    }
    serde_json::from_str(entry.get()).map_err(|error| {
        format!("it cannot be read: {}", printable(&without_value(&error.to_string()), MESSAGE_BYTES))
    })
}

/// A stranger's name as a log line shows it.
pub(super) fn shown_name(name: &str) -> String {
    printable(name, SHOWN_NAME)
}

fn complaint(error: &serde_json::Error) -> String {
    let what = if error.is_data() { "" } else { NOT_JSON };
    format!("{what}{}", printable(&without_value(&error.to_string()), MESSAGE_BYTES))
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

impl<'de> Visitor<'de> for Form {
    type Value = Document<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.a_kind)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let (mut kind, mut group_version, mut entries) = (None, None, None);
        while let Some(key) = map.next_key::<String>()? {
            match key.as_str() {
                "kind" => set(&mut kind, map.next_value::<Option<String>>()?, "kind")?,
                "groupVersion" => {
                    set(&mut group_version, map.next_value::<Option<String>>()?, "groupVersion")?;
                }
                key if key == self.entries => {
                    set(&mut entries, map.next_value_seed(EntriesOf(self.an_array))?, self.entries)?;
                }
                _ => {
                    map.next_value::<IgnoredAny>()?;
                }
            }
        }
        if let Some(Some(kind)) = kind
            && kind != self.kind
        {
            let kind = shown_name(&kind);
            return Err(de::Error::custom(format_args!("its kind is `{kind}`, not `{}`", self.kind)));
        }
        let entries = entries.ok_or_else(|| de::Error::missing_field(self.entries))?;
        Ok(Document { group_version: group_version.flatten(), entries })
    }
}

fn set<T, E: de::Error>(field: &mut Option<T>, value: T, name: &'static str) -> Result<(), E> {
    match field.replace(value) {
        None => Ok(()),
        Some(_) => Err(E::duplicate_field(name)),
    }
}

/// An array, or null as an empty one, that is not read beyond one entry too many.
struct EntriesOf(&'static str);

/// The same within an entry.
#[derive(Debug, Default)]
pub(super) struct Entries<'a>(pub(super) Vec<&'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Entries<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        EntriesOf("an array").deserialize(deserializer).map(Self)
    }
}

impl<'de> DeserializeSeed<'de> for EntriesOf {
    type Value = Vec<&'de RawValue>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for EntriesOf {
    type Value = Vec<&'de RawValue>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
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
