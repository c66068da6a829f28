//! Resources on stdout, for people and for programs.

use minutebook::model::catalog::Resource;
use minutebook::model::selection::Verdict;
use minutebook::model::target::{FolderName, Target};
use minutebook::model::text::printable;
use serde_json::{Value, json};

/// Bytes of a server's text in a column.
const COLUMN_BYTES: usize = 80;

/// What is above the columns of a resource.
pub(super) const HEAD: [&str; 5] = ["NAME", "SHORTNAMES", "APIVERSION", "NAMESPACED", "KIND"];

/// A resource as a row of a table.
pub(super) fn as_columns(resource: &Resource) -> [String; 5] {
    let group = resource.id.group().as_str();
    let version = &resource.version;
    [
        resource.id.to_string(),
        printable(&resource.short_names.join(","), COLUMN_BYTES),
        if group.is_empty() { version.to_string() } else { format!("{group}/{version}") },
        resource.namespaced.to_string(),
        printable(&resource.kind, COLUMN_BYTES),
    ]
}

/// A resource with its verdict, spelled as in an `APIResourceList`, so that what reads one reads the other.
pub(super) fn as_json(resource: &Resource, verdict: &Verdict) -> Value {
    json!({
        "name": resource.id.name().as_str(),
        "group": resource.id.group().as_str(),
        "version": resource.version.as_str(),
        "kind": resource.kind,
        "singularName": resource.singular_name,
        "namespaced": resource.namespaced,
        "verbs": resource.verbs,
        "shortNames": resource.short_names,
        "categories": resource.categories,
        "verdict": { "selected": verdict.selected, "reason": verdict.reason },
    })
}

/// A target as a filter sees it.
pub(super) fn target_as_json(target: &Target) -> Value {
    json!({
        "host": target.host.as_str(),
        "cluster": target.cluster.as_str(),
        "scope": target.scope.term(),
        "namespace": target.scope.namespace().map(FolderName::as_str),
    })
}
