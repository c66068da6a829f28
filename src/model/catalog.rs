//! What a cluster offered at one instant: the resources that discovery found.

use std::fmt;

use super::name::{Group, Label, ResourceName};

/// One API resource, as discovery described it.
///
/// Only `id` and `version` are parsed names; the other texts are the server's own and go nowhere
/// but to the filter and, made printable, to a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Resource {
    /// Plural name and API group.
    pub id: ResourceName,
    /// The API version that serves it, such as `v1`.
    pub version: Label,
    /// The kind of its objects, such as `ConfigMap`.
    pub kind: String,
    /// The singular name; often empty.
    pub singular_name: String,
    /// Whether its objects live in namespaces.
    pub namespaced: bool,
    /// What can be done with it, such as `list`; empty where discovery gave none.
    pub verbs: Vec<String>,
    /// Abbreviations that command line tools accept.
    pub short_names: Vec<String>,
    /// Groups of resources that it belongs to, such as `all`.
    pub categories: Vec<String>,
}

/// The resources shown to the filter, in the server's order, and how many were not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Catalog {
    /// Every resource with a usable name, each once.
    pub resources: Vec<Resource>,
    /// Subresources (`pods/log`), and entries with an unusable name that cannot be listed anyway.
    pub not_shown: usize,
    /// What may have resources that are not among these. Each has an error in the journal.
    pub stale: Vec<Stale>,
}

/// A part of the cluster's API of which discovery learned nothing, or only what was true some time ago.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stale {
    /// Which part.
    pub part: Part,
    /// Why, printable.
    pub why: String,
}

/// A part of a cluster's API, by what its resources have in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// One version of a group.
    Version(Group, Label),
    /// Every group but the core one.
    NamedGroups,
}

impl fmt::Display for Part {
    /// As `apiVersion` has it: `metrics.k8s.io/v1beta1`; `v1` in the core group; `*` for every other group.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Version(group, version) if group.as_str().is_empty() => write!(f, "{version}"),
            Self::Version(group, version) => write!(f, "{}/{version}", group.as_str()),
            Self::NamedGroups => f.write_str("*"),
        }
    }
}
