//! Aggregated discovery: groups, their versions and all resources of these in one document.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, IgnoredAny, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::{First, Learned, Listed, Named, Root, group_name};
use crate::discover::document::{Entries, read_object, shown_name};
use crate::discover::entries::{FewTexts, Note, Read, Size, collect, id, is_subresource, unusable};
use crate::model::catalog::{Part, Resource};
use crate::model::name::{Group, Label};

#[derive(Deserialize)]
struct RawGroup<'a> {
    #[serde(default)]
    metadata: Option<RawMetadata>,
    #[serde(borrow, default)]
    versions: Option<Entries<'a>>,
}

#[derive(Default, Deserialize)]
struct RawMetadata {
    #[serde(default)]
    name: Option<String>,
}

#[derive(Deserialize)]
struct RawVersion<'a> {
    version: String,
    #[serde(borrow, default)]
    resources: Option<Entries<'a>>,
    #[serde(default)]
    freshness: Option<String>,
}

/// One resource as the server sends it (k8s.io/api, apidiscovery/v2, `APIResourceDiscovery`).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawResource {
    resource: String,
    #[serde(default)]
    response_kind: Option<RawKind>,
    scope: String,
    #[serde(default)]
    singular_resource: Option<String>,
    #[serde(default)]
    verbs: Option<FewTexts>,
    #[serde(default)]
    short_names: Option<FewTexts>,
    #[serde(default)]
    categories: Option<FewTexts>,
    #[serde(default)]
    subresources: Option<Count>,
}

/// Its group and version are the kind's own, which need not be those that the resource is asked for under.
#[derive(Deserialize)]
struct RawKind {
    #[serde(default)]
    kind: Option<String>,
}

/// Reads all groups.
///
/// # Errors
/// There are too many of them, or of their versions.
pub(super) fn groups(entries: &[&RawValue], root: Option<Root>) -> Result<Listed<Learned>, String> {
    let mut listed = Listed::default();
    let mut size = Size::default();
    let mut named = Named::default();
    named.add(entries.len())?;
    let mut first = First::default();
    for (index, entry) in entries.iter().enumerate() {
        let place = format!("group {}", index + 1);
        let RawGroup { metadata, versions } = match read_object(entry) {
            Ok(group) => group,
            Err(why) => {
                listed.notes.push(Note::Error(format!("discovery: {place}: {why}")));
                continue;
            }
        };
        let name = metadata.unwrap_or_default().name.unwrap_or_default();
        let Entries(versions) = versions.unwrap_or_default();
        named.add(versions.len())?;
        let group = match group_name(&name, root) {
            Ok(group) => group,
            Err(why) => {
                listed.leave_out(&versions, &format!("{place}: {why}"));
                continue;
            }
        };
        if let Err(note) = first.check(name, entry) {
            listed.notes.push(note);
            continue;
        }
        let versions = versions_of(&group, &versions, &mut size, &mut listed);
        listed.groups.push((group, versions));
    }
    Ok(listed)
}

fn versions_of(
    group: &Group,
    entries: &[&RawValue],
    size: &mut Size,
    listed: &mut Listed<Learned>,
) -> Vec<(Label, Learned)> {
    let mut versions = Vec::new();
    let mut first = First::default();
    for (index, entry) in entries.iter().enumerate() {
        let place = format!("group `{}`, version {}", group.as_str(), index + 1);
        let RawVersion { version, resources, freshness } = match read_object(entry) {
            Ok(version) => version,
            Err(why) => {
                listed.notes.push(Note::Error(format!("discovery: {place}: {why}")));
                continue;
            }
        };
        let Ok(label) = Label::parse(&version) else {
            let why = format!("{place}: its name `{}` is not a DNS label", shown_name(&version));
            listed.leave_out(&[entry], &why);
            continue;
        };
        let part = Part::Version(group.clone(), label.clone());
        if let Err(note) = first.check(part.to_string(), entry) {
            listed.notes.push(note);
            continue;
        }
        let Entries(resources) = resources.unwrap_or_default();
        let read = |entry: &RawValue| read_resource(entry, group, &label);
        // What has no room is not read.
        let found = size.plus(Size::of_entries(resources.len())).and_then(|_| {
            let found = collect(&resources, &format!("{part}, "), read)?;
            *size = size.plus(found.size)?;
            Ok(found)
        });
        let learned = match found {
            Ok(found) => {
                let stale = freshness.filter(|freshness| !matches!(freshness.as_str(), "" | "Current"));
                let stale = stale.map(|freshness| why_stale(&freshness, found.resources.len()));
                if let Some(why) = &stale {
                    listed.notes.push(Note::Error(format!("discovery: {part}: {why}")));
                }
                Learned { found, stale }
            }
            Err(why) => {
                let why = format!("it is left out: {why}");
                listed.notes.push(Note::Error(format!("discovery: {part}: {why}")));
                Learned { stale: Some(why), ..Learned::default() }
            }
        };
        versions.push((label, learned));
    }
    versions
}

fn why_stale(freshness: &str, resources: usize) -> String {
    let lists = match resources {
        0 => "it lists no resources of it".to_owned(),
        1 => "the resource that it lists is what it knew last".to_owned(),
        count => format!("the {count} resources that it lists are what it knew last"),
    };
    format!(
        "the API server calls it `{}`, so the server behind it does not answer; {lists}",
        shown_name(freshness)
    )
}

impl<T> Listed<T> {
    /// Notes that these versions of a group are not recorded, if anything in them can be listed.
    fn leave_out(&mut self, versions: &[&RawValue], why: &str) {
        let (mut listable, mut others) = (0, 0);
        for version in versions {
            let Ok(RawVersion { resources: Some(Entries(resources)), .. }) = read_object(version) else {
                continue;
            };
            for resource in resources {
                match read_object::<RawResource>(resource) {
                    Ok(resource) if !lists(resource.verbs.as_ref()) => others += 1,
                    // What cannot be read might be.
                    _ => listable += 1,
                }
            }
        }
        self.not_shown += others;
        if listable > 0 {
            let why = format!(
                "discovery: {why}; resources in it that can be listed, and are not recorded: {listable}"
            );
            self.notes.push(Note::Error(why));
        }
    }
}

fn lists(verbs: Option<&FewTexts>) -> bool {
    verbs.is_some_and(|FewTexts(verbs)| verbs.iter().any(|verb| verb == "list"))
}

fn read_resource(entry: &RawValue, group: &Group, version: &Label) -> Result<Read, String> {
    let raw: RawResource = read_object(entry)?;
    let FewTexts(verbs) = raw.verbs.unwrap_or_default();
    let Count(subresources) = raw.subresources.unwrap_or_default();
    let kind = raw.response_kind.and_then(|kind| kind.kind).unwrap_or_default();
    if kind.is_empty() && verbs.is_empty() {
        // It stands there only for its subresources; the same server would not list it otherwise.
        return Ok(Read::NotShown(subresources));
    }
    if is_subresource(&raw.resource) {
        return Ok(Read::NotShown(1 + subresources));
    }
    let namespaced = match raw.scope.as_str() {
        "Namespaced" => Ok(true),
        "Cluster" => Ok(false),
        other => Err(format!("its scope `{}` is neither `Namespaced` nor `Cluster`", shown_name(other))),
    };
    match (id(&raw.resource, Ok(group.clone())), namespaced) {
        (Ok(id), Ok(namespaced)) => {
            let resource = Resource {
                id,
                version: version.clone(),
                kind,
                singular_name: raw.singular_resource.unwrap_or_default(),
                namespaced,
                verbs,
                short_names: raw.short_names.unwrap_or_default().0,
                categories: raw.categories.unwrap_or_default().0,
            };
            Ok(Read::Resource(resource, subresources))
        }
        (Err(why), _) | (_, Err(why)) => unusable(&why, &verbs, subresources),
    }
}

/// How many elements an array has.
#[derive(Default)]
struct Count(usize);

impl<'de> Deserialize<'de> for Count {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Elements;

        impl<'de> Visitor<'de> for Elements {
            type Value = Count;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an array")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Count, A::Error> {
                let mut count = 0;
                while seq.next_element::<IgnoredAny>()?.is_some() {
                    count += 1;
                }
                Ok(Count(count))
            }
        }

        deserializer.deserialize_seq(Elements)
    }
}
