//! The entries of one list of resources: read one by one, each name once, within bounds.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt;

use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::{Deserialize, de};
use serde_json::value::RawValue;

use super::document::shown_name;
use crate::model::catalog::Resource;
use crate::model::limits::{CATALOG_TEXT_BYTES, CATALOG_TEXTS, RESOURCES};
use crate::model::name::{Group, Label, NameError, ResourceName};

/// Verbs, short names or categories of an entry: servers have ten.
pub(super) const TEXTS: usize = 100;

/// What a list's entries are, and what was wrong with them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// Those with a usable name, each once, in the server's order.
    pub(super) resources: Vec<Resource>,
    /// Subresources, and what has an unusable name and cannot be listed anyway.
    pub(super) not_shown: usize,
    pub(super) notes: Vec<Note>,
    pub(super) size: Size,
}

/// Something wrong with an answer, or with one of its entries.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Note {
    /// Nothing is lost.
    Warn(String),
    /// Something cannot be shown to the filter.
    Error(String),
}

/// What an entry is.
pub(super) enum Read {
    /// Something to be shown, and how many subresources came with it.
    Resource(Resource, usize),
    /// So many that are not shown.
    NotShown(usize),
}

/// Reads all entries of one version of a group with `read`. `place` says where they are, before an entry's number.
///
/// # Errors
/// There is more of them than a catalog may have.
pub(super) fn collect(
    entries: &[&RawValue],
    place: &str,
    read: impl Fn(&RawValue) -> Result<Read, String>,
) -> Result<Found, String> {
    collect_by(entries, place, read, |resource| resource.id.name().to_string())
}

/// The same of entries that are told apart by `key`.
///
/// # Errors
/// There is more of them than a catalog may have.
pub(super) fn collect_by(
    entries: &[&RawValue],
    place: &str,
    read: impl Fn(&RawValue) -> Result<Read, String>,
    key: impl Fn(&Resource) -> String,
) -> Result<Found, String> {
    // Where each name is in the list.
    let mut seen = HashMap::new();
    let mut found = Found { size: Size::of_entries(entries.len()), ..Found::default() };
    for (index, entry) in entries.iter().enumerate() {
        match read(entry) {
            Ok(Read::Resource(resource, subresources)) => {
                found.not_shown += subresources;
                match seen.entry(key(&resource)) {
                    Entry::Vacant(vacant) => {
                        found.size.add(&resource)?;
                        vacant.insert(found.resources.len());
                        found.resources.push(resource);
                    }
                    Entry::Occupied(first) => {
                        found.notes.push(twice(&found.resources[*first.get()], &resource));
                    }
                }
            }
            Ok(Read::NotShown(count)) => found.not_shown += count,
            Err(why) => {
                found.notes.push(Note::Error(format!("discovery: {place}entry {}: {why}", index + 1)));
            }
        }
    }
    found.resources.shrink_to_fit();
    Ok(found)
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

/// How much a catalog has, which is kept as long as the cycle lasts.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(super) struct Size {
    entries: usize,
    texts: usize,
    bytes: usize,
}

impl Size {
    /// So many entries, before anything in them is counted.
    pub(super) fn of_entries(entries: usize) -> Self {
        Self { entries, ..Self::default() }
    }

    /// Counts a resource's texts.
    fn add(&mut self, resource: &Resource) -> Result<(), String> {
        let lists = [&resource.verbs, &resource.short_names, &resource.categories];
        let texts = lists.into_iter().flatten().chain([&resource.kind, &resource.singular_name]);
        for text in texts {
            self.texts += 1;
            self.bytes += text.len();
        }
        self.check()
    }

    /// Both together.
    ///
    /// # Errors
    /// They are more than a catalog may have.
    pub(super) fn plus(self, other: Self) -> Result<Self, String> {
        let sum = Self {
            entries: self.entries + other.entries,
            texts: self.texts + other.texts,
            bytes: self.bytes + other.bytes,
        };
        sum.check().map(|()| sum)
    }

    fn check(self) -> Result<(), String> {
        let Self { entries, texts, bytes } = self;
        if entries > RESOURCES {
            return Err(format!("there are more than {RESOURCES} entries in all"));
        }
        if texts > CATALOG_TEXTS {
            return Err(format!("its entries have more than {CATALOG_TEXTS} texts"));
        }
        if bytes > CATALOG_TEXT_BYTES {
            return Err(format!("its entries have more than {CATALOG_TEXT_BYTES} bytes of text"));
        }
        Ok(())
    }
}

/// Whether a name is `pods/log` or the like.
pub(super) fn is_subresource(name: &str) -> bool {
    name.split_once('/').is_some_and(|(name, sub)| Label::parse(name).is_ok() && Label::parse(sub).is_ok())
}

/// A resource's name, if it is one.
pub(super) fn id(name: &str, group: Result<Group, String>) -> Result<ResourceName, String> {
    let wrong = |error: NameError| format!("its name `{}`: {error}", shown_name(name));
    let label = Label::parse(name).map_err(wrong)?;
    ResourceName::new(label, group?)
        .map_err(|error| format!("its name `{}` with its group: {error}", shown_name(name)))
}

/// What becomes of an entry whose name or version is wrong: some metrics APIs publish such names, and what cannot be
/// listed is no loss.
pub(super) fn unusable(why: &str, verbs: &[String], subresources: usize) -> Result<Read, String> {
    if verbs.iter().any(|verb| verb == "list") {
        return Err(format!("{why}; it can be listed, but is not recorded"));
    }
    Ok(Read::NotShown(1 + subresources))
}

/// A list of texts that cannot fill memory.
#[derive(Default)]
pub(super) struct FewTexts(pub(super) Vec<String>);

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
