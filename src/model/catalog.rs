//! What a cluster offered at one instant: the resources that discovery found.

use super::name::{Label, ResourceName};

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
}
