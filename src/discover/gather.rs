//! From what was learned of each version of each group to one catalog, in which each resource appears once.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::entries::{Note, Size};
use super::resource_list::Parsed;
use super::roots::{Learned, Listed};
use crate::model::catalog::{Part, Resource, Stale};
use crate::model::name::{Group, Label};

/// The catalog of the core group and all others, in the server's order. Why the others are not known is an error too.
pub(super) fn gather(core: Listed<Learned>, named: Result<Listed<Learned>, String>) -> Parsed {
    let mut parsed = Parsed::default();
    let mut size = Size::default();
    let named = named.unwrap_or_else(|why| {
        parsed.catalog.stale.push(Stale { part: Part::NamedGroups, why: why.clone() });
        Listed { notes: vec![Note::Error(why)], ..Listed::default() }
    });
    for listed in [core, named] {
        parsed.notes.extend(listed.notes);
        parsed.catalog.not_shown += listed.not_shown;
        for (group, versions) in listed.groups {
            add_group(&mut parsed, &mut size, &group, versions);
        }
    }
    parsed.catalog.resources.shrink_to_fit();
    parsed
}

/// Adds a group's resources, each at the first version that serves it as one that can be listed, else at the first
/// that serves it at all.
fn add_group(parsed: &mut Parsed, size: &mut Size, group: &Group, versions: Vec<(Label, Learned)>) {
    let Parsed { catalog, notes } = parsed;
    // Where each name is in the catalog.
    let mut at = HashMap::new();
    for (version, Learned { found, stale }) in versions {
        let part = Part::Version(group.clone(), version);
        if let Some(why) = stale {
            catalog.stale.push(Stale { part: part.clone(), why });
        }
        *size = match size.plus(found.size) {
            Ok(size) => size,
            Err(why) => {
                let why = format!("it is left out: {why}");
                notes.push(Note::Error(format!("discovery: {part}: {why}")));
                catalog.stale.push(Stale { part, why });
                continue;
            }
        };
        catalog.not_shown += found.not_shown;
        notes.extend(found.notes);
        for resource in found.resources {
            match at.entry(resource.id.name().clone()) {
                Entry::Vacant(vacant) => {
                    vacant.insert(catalog.resources.len());
                    catalog.resources.push(resource);
                }
                Entry::Occupied(first) => {
                    let first = &mut catalog.resources[*first.get()];
                    if !can_be_listed(first) && can_be_listed(&resource) {
                        *first = resource;
                    }
                }
            }
        }
    }
}

/// Whether it has `list` among its verbs.
pub(super) fn can_be_listed(resource: &Resource) -> bool {
    resource.verbs.iter().any(|verb| verb == "list")
}
