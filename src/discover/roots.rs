//! What `/api` and `/apis` answer: all resources of all groups (aggregated discovery, Kubernetes enhancement 3352), or
//! only which groups and versions there are. Pure, and distrustful of every group.

use std::collections::HashMap;

use serde_json::value::RawValue;

use super::document::{Form, check_depth, kind, read, shown_name};
use super::entries::{Found, Note};
use crate::model::limits::RESOURCES;
use crate::model::name::{Group, Label};

mod aggregated;
mod names;

/// Which of the two was asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Root {
    /// `/api`: the core group.
    Core,
    /// `/apis`: every other group.
    Named,
}

/// What was answered.
#[derive(Debug)]
pub(super) enum Answer {
    /// What all versions of all groups have.
    Aggregated(Listed<Learned>),
    /// Which there are.
    Names(Listed<()>),
}

/// Groups and their versions, each once, in the server's order.
#[derive(Debug)]
pub(super) struct Listed<T> {
    pub(super) groups: Vec<(Group, Vec<(Label, T)>)>,
    /// What has an unusable name and cannot be listed anyway.
    pub(super) not_shown: usize,
    pub(super) notes: Vec<Note>,
}

impl<T> Default for Listed<T> {
    fn default() -> Self {
        Self { groups: Vec::new(), not_shown: 0, notes: Vec::new() }
    }
}

/// What is known of one version of a group.
#[derive(Debug, Default)]
pub(super) struct Learned {
    pub(super) found: Found,
    /// Why that may not be all that there is now.
    pub(super) stale: Option<String>,
}

impl Answer {
    /// Whether it leads to no resource at all.
    pub(super) fn is_empty(&self) -> bool {
        match self {
            Self::Aggregated(listed) => !listed.has_resources(),
            Self::Names(listed) => listed.groups.iter().all(|(_, versions)| versions.is_empty()),
        }
    }
}

impl Listed<Learned> {
    pub(super) fn has_resources(&self) -> bool {
        let mut versions = self.groups.iter().flat_map(|(_, versions)| versions);
        versions.any(|(_, learned)| !learned.found.resources.is_empty())
    }
}

const AGGREGATED: Form = Form {
    kind: "APIGroupDiscoveryList",
    a_kind: "an APIGroupDiscoveryList",
    entries: "items",
    an_array: "an array `items`",
};
const VERSIONS: Form = Form {
    kind: "APIVersions",
    a_kind: "an APIVersions",
    entries: "versions",
    an_array: "an array `versions`",
};
const GROUPS: Form = Form {
    kind: "APIGroupList",
    a_kind: "an APIGroupList",
    entries: "groups",
    an_array: "an array `groups`",
};
/// The forms of aggregated discovery that are known here; fields have the same names in both.
const AGGREGATED_VERSIONS: [&str; 2] = ["apidiscovery.k8s.io/v2", "apidiscovery.k8s.io/v2beta1"];

/// Reads an answer, which its kind tells apart.
///
/// # Errors
/// The answer as a whole is unusable; the text says why.
pub(super) fn parse(answer: &[u8], root: Root) -> Result<Answer, String> {
    check_depth(answer)?;
    let (kind, api_version) = kind(answer)?;
    match (kind.as_str(), root) {
        ("APIGroupDiscoveryList", _) => aggregated(answer, &api_version, Some(root)).map(Answer::Aggregated),
        ("APIVersions", Root::Core) => {
            Ok(Answer::Names(names::core_versions(&read(answer, VERSIONS)?.entries)))
        }
        ("APIGroupList", Root::Named) => Ok(Answer::Names(names::groups(&read(answer, GROUPS)?.entries)?)),
        ("", _) => Err("it has no kind".to_owned()),
        (kind, _) => Err(format!("its kind is `{}`", shown_name(kind))),
    }
}

/// Reads aggregated discovery of which nobody knows where it was asked for.
///
/// # Errors
/// The document as a whole is unusable; the text says why.
pub(super) fn parse_aggregated(document: &[u8]) -> Result<Listed<Learned>, String> {
    let (_, api_version) = kind(document)?;
    aggregated(document, &api_version, None)
}

fn aggregated(answer: &[u8], api_version: &str, root: Option<Root>) -> Result<Listed<Learned>, String> {
    if !AGGREGATED_VERSIONS.contains(&api_version) {
        return Err(format!("its apiVersion is `{}`", shown_name(api_version)));
    }
    aggregated::groups(&read(answer, AGGREGATED)?.entries, root)
}

/// Of several with one name the first counts.
#[derive(Default)]
struct First<'a>(HashMap<String, &'a RawValue>);

impl<'a> First<'a> {
    /// Returns what there is to say of another one.
    fn check(&mut self, name: String, entry: &'a RawValue) -> Result<(), Note> {
        match self.0.get(&name) {
            None => {
                self.0.insert(name, entry);
                Ok(())
            }
            Some(first) => {
                let what = if name.is_empty() { "the core group".to_owned() } else { format!("`{name}`") };
                Err(if first.get() == entry.get() {
                    Note::Warn(format!("discovery: {what} is listed twice, with equal entries"))
                } else {
                    Note::Error(format!(
                        "discovery: {what} is listed twice, with entries that differ; the first one counts"
                    ))
                })
            }
        }
    }
}

/// How many groups and versions there are: each of them may have something wrong that is told.
#[derive(Default)]
struct Named(usize);

impl Named {
    fn add(&mut self, count: usize) -> Result<(), String> {
        self.0 += count;
        if self.0 > RESOURCES {
            return Err(format!("it has more than {RESOURCES} groups and versions"));
        }
        Ok(())
    }
}

/// A group's name, as one is expected there; anywhere without `root`.
fn group_name(name: &str, root: Option<Root>) -> Result<Group, String> {
    match (root, name) {
        (Some(Root::Core) | None, "") => Ok(Group::default()),
        (Some(Root::Core), name) => {
            Err(format!("its name is `{}`, but it is listed as the core group", shown_name(name)))
        }
        (Some(Root::Named), "") => Err("it has no name, which only the core group has".to_owned()),
        (Some(Root::Named) | None, name) => {
            Group::parse(name).map_err(|error| format!("its name `{}`: {error}", shown_name(name)))
        }
    }
}
