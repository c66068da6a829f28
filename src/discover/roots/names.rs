//! Which groups and versions there are, from servers that say no more at once.

use serde::Deserialize;
use serde_json::value::RawValue;

use super::{First, Listed, Named, Root, group_name};
use crate::discover::document::{Entries, read_object, shown_name};
use crate::discover::entries::Note;
use crate::discover::resource_list::group_version;
use crate::model::catalog::Part;
use crate::model::name::{Group, Label};

/// Reads the versions of the core group.
pub(super) fn core_versions(entries: &[&RawValue]) -> Listed<()> {
    let mut listed = Listed::default();
    let mut first = First::default();
    let mut versions = Vec::new();
    for (index, entry) in entries.iter().enumerate() {
        let read = serde_json::from_str::<String>(entry.get()).map_err(|_| "it is not a string".to_owned());
        let label = read.and_then(|name| {
            Label::parse(&name).map_err(|error| format!("its name `{}`: {error}", shown_name(&name)))
        });
        match label.map(|label| (first.check(label.to_string(), entry), label)) {
            Ok((Ok(()), label)) => versions.push((label, ())),
            Ok((Err(note), _)) => listed.notes.push(note),
            Err(why) => {
                listed.notes.push(Note::Error(format!(
                    "discovery: version {}: {why}; it is not asked for",
                    index + 1
                )));
            }
        }
    }
    listed.groups.push((Group::default(), versions));
    listed
}

#[derive(Deserialize)]
struct RawGroupNames<'a> {
    name: String,
    #[serde(borrow, default)]
    versions: Option<Entries<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawGroupVersion {
    group_version: String,
}

/// Reads the names of all other groups and of their versions.
///
/// # Errors
/// There are too many of them.
pub(super) fn groups(entries: &[&RawValue]) -> Result<Listed<()>, String> {
    let mut listed = Listed::default();
    let mut named = Named::default();
    named.add(entries.len())?;
    let mut first = First::default();
    for (index, entry) in entries.iter().enumerate() {
        let read = read_object::<RawGroupNames<'_>>(entry).and_then(|raw| {
            Ok((group_name(&raw.name, Some(Root::Named))?, raw.versions.unwrap_or_default()))
        });
        let (group, Entries(versions)) = match read {
            Ok(read) => read,
            Err(why) => {
                let why = format!("discovery: group {}: {why}; it is not asked for", index + 1);
                listed.notes.push(Note::Error(why));
                continue;
            }
        };
        named.add(versions.len())?;
        if let Err(note) = first.check(group.as_str().to_owned(), entry) {
            listed.notes.push(note);
            continue;
        }
        let versions = version_names(&group, &versions, &mut listed.notes);
        listed.groups.push((group, versions));
    }
    Ok(listed)
}

fn version_names(group: &Group, entries: &[&RawValue], notes: &mut Vec<Note>) -> Vec<(Label, ())> {
    let mut versions = Vec::new();
    let mut first = First::default();
    for entry in entries {
        let read =
            read_object::<RawGroupVersion>(entry).and_then(|raw| match group_version(&raw.group_version)? {
                (said, version) if said == *group => Ok(version),
                _ => Err(format!("`groupVersion` is `{}`", shown_name(&raw.group_version))),
            });
        match read
            .map(|label| (first.check(Part::Version(group.clone(), label.clone()).to_string(), entry), label))
        {
            Ok((Ok(()), label)) => versions.push((label, ())),
            Ok((Err(note), _)) => notes.push(note),
            Err(why) => {
                let group = group.as_str();
                notes.push(Note::Error(format!(
                    "discovery: group `{group}`: a version is not asked for: {why}"
                )));
            }
        }
    }
    versions
}
