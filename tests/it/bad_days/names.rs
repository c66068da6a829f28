//! Names that a server may give to resources. None of them becomes a path or a URL, and none
//! is passed over in silence.

use serde_json::{Value, json};

use super::Row;
use super::plan::{Plan, plan};
use crate::support::cluster::{Cluster, resource, resource_list};
use crate::support::http::Reply;

pub(super) fn rows() -> Vec<Row> {
    let mut rows = not_names();
    rows.extend(other_oddities());
    rows
}

/// Each of them can be listed, so each is an error; and none is asked for.
fn not_names() -> Vec<Row> {
    let long: &'static str = "n".repeat(300).leak();
    let names = [
        ("the name ../../x", "../../x"),
        ("the name ..", ".."),
        ("the empty name", ""),
        ("a name of 300 bytes", long),
        ("a name with NUL", "a\0b"),
        ("the name a?b", "a?b"),
        ("the name a#b", "a#b"),
        ("the name %2e%2e", "%2e%2e"),
        ("a name in capitals", "ConfigMaps"),
        ("a name with a line end and a color", "a\n\u{1b}[31mb"),
        ("a subresource of nothing", "/log"),
        ("a subresource of a subresource", "pods/log/../x"),
    ];
    let row = |(title, name)| beside(title, &[resource(name)]).ends_with_errors();
    names.into_iter().map(row).collect()
}

fn other_oddities() -> Vec<Row> {
    let unlisted = |name| json!({"name": name, "kind": "X", "namespaced": true, "verbs": ["get"]});
    let other = json!({"name": "configmaps", "kind": "X", "namespaced": false, "verbs": ["get"]});
    vec![
        beside("names that cannot be listed", &[unlisted("../../x"), unlisted("a|b_c")]).ends_well(),
        beside("the subresource pods/log", &[resource("pods/log")]).ends_well(),
        beside("a name twice, the same", &[configmaps()]).ends_well(),
        beside("a name twice, and they differ", &[other]).ends_with_errors(),
        plan("a name of 63 bytes", Cluster::of(&["n".repeat(63).leak()])).ends_well(),
    ]
}

/// Config maps, which alone are asked for, and these beside them.
fn beside(title: &'static str, others: &[Value]) -> Plan {
    let all = [&[configmaps()], others].concat();
    let discovery = Reply::json(resource_list(&all));
    let cluster = Cluster::of(&["configmaps"]).discovery(move |_| discovery.clone());
    plan(title, cluster).asks_for(&["configmaps"])
}

fn configmaps() -> Value {
    resource("configmaps")
}
