//! Discovery that fails: without it nothing can be recorded, and still there is an archive.

use super::Row;
use super::plan::{Plan, plan};
use crate::support::cluster::{Cluster, resource, resource_list};
use crate::support::http::Reply;

pub(super) fn rows() -> Vec<Row> {
    let mut rows = unanswered();
    rows.extend(answered_wrongly());
    rows.extend(answered_strangely());
    rows
}

fn unanswered() -> Vec<Row> {
    let broken = || Reply::refusal(500, "InternalError", "etcdserver: leader changed");
    let body = resource_list(&[resource("configmaps")]).into_bytes();
    vec![
        nothing("connection refused", Reply::Close).refused().ends_with_errors(),
        nothing("discovery answers 500 for ever", broken()).ends_with_errors(),
        plan("discovery answers 500, then well", {
            let well = resource_list(&[resource("configmaps")]);
            Cluster::of(&["configmaps"]).discovery(move |request| match request.nth {
                0 => broken(),
                _ => Reply::json(well.clone()),
            })
        })
        .ends_well(),
        nothing("discovery is never answered", Reply::Silence).ends_with_errors(),
        nothing("discovery comes one byte a second", Reply::Drip { body: body.clone() }).ends_with_errors(),
        nothing("discovery stops half-way", Reply::CutOff { sent: body.len() / 2, body }).ends_with_errors(),
        nothing("discovery's connection is closed at once", Reply::Close).ends_with_errors(),
    ]
}

fn answered_wrongly() -> Vec<Row> {
    let html = "<!doctype html>\n<title>Sign in</title>\n<h1>Please sign in</h1>\n";
    let million = format!(r#"{{"resources":[{}{{}}]}}"#, "{},".repeat(999_999));
    let vast = format!(r#"{{"resources":[],"note":"{}"}}"#, "x".repeat(33 << 20));
    let deep = format!(r#"{{"resources":{}{}}}"#, "[".repeat(100_000), "]".repeat(100_000));
    let refused = Reply::refusal(403, "Forbidden", "User \"system:anonymous\" cannot get path");
    vec![
        nothing("discovery answers 401", Reply::refusal(401, "Unauthorized", "Unauthorized"))
            .asks_for(&[])
            .ends_with_errors(),
        nothing("discovery answers 403", refused).asks_for(&[]).ends_with_errors(),
        nothing("discovery is HTML", Reply::typed(200, "text/html", html)).asks_for(&[]).ends_with_errors(),
        said("discovery is empty", "").ends_with_errors(),
        said("discovery is an array", "[]").ends_with_errors(),
        said("discovery is a Status with code 200", r#"{"kind":"Status","status":"Failure","message":"no"}"#)
            .ends_with_errors(),
        said("discovery without resources", r#"{"kind":"APIResourceList","groupVersion":"v1"}"#)
            .ends_with_errors(),
        said("discovery with resources that are no array", r#"{"resources":{"configmaps":{}}}"#)
            .ends_with_errors(),
        said("discovery with a million entries", &million).ends_with_errors(),
        said("discovery of more than 32 MiB", &vast).ends_with_errors(),
        said("discovery a hundred thousand arrays deep", &deep).ends_with_errors(),
        said("discovery cut off by its own server", r#"{"resources":[{"name":"configma"#).ends_with_errors(),
        nothing("discovery is not HTTP", Reply::Raw(b"SSH-2.0-OpenSSH_9.2\r\n".to_vec()))
            .asks_for(&[])
            .ends_with_errors(),
        nothing("discovery points to the same host", Reply::redirect("/login?next=api"))
            .asks_for(&[])
            .ends_with_errors(),
        nothing("discovery points to another host", Reply::redirect("https://login.test/"))
            .asks_for(&[])
            .ends_with_errors(),
    ]
}

fn answered_strangely() -> Vec<Row> {
    let null = r#"{"kind":"APIResourceList","resources":null}"#;
    let null_verbs = r#"{"name":"secrets","kind":"Secret","namespaced":true,"verbs":null}"#;
    let no_verbs = r#"{"name":"secrets","kind":"Secret","namespaced":true}"#;
    let commas = r#"{"name":"bindings","kind":"Binding","namespaced":true,"verbs":["create",],}, "#;
    let group = r#"{"name":"things","kind":"Thing","group":"../x","namespaced":true,"verbs":["list"]}"#;
    let array = r#"["secrets","",true,null,null,"Secret",["list"],null,null]"#;
    let no_name = r#"{"kind":"Thing","namespaced":true,"verbs":["list"]}"#;
    vec![
        said("discovery with resources null", null).asks_for(&[]).ends_well(),
        said("discovery without any resource", r#"{"resources":[]}"#).asks_for(&[]).ends_well(),
        with_entry("discovery with commas too many", commas).ends_well(),
        with_entry("discovery with verbs null", null_verbs).ends_well(),
        with_entry("discovery without verbs", no_verbs).ends_well(),
        with_entry("discovery with an entry that is a number", "7").ends_with_errors(),
        with_entry("discovery with an entry that is an array", array).ends_with_errors(),
        with_entry("discovery with an entry without a name", no_name).ends_with_errors(),
        with_entry("discovery with a group that is no name", group).ends_with_errors(),
    ]
}

/// A cluster that says only this, for ever.
fn nothing(title: &'static str, reply: Reply) -> Plan {
    plan(title, Cluster::nothing(reply))
}

/// The same, in JSON.
fn said(title: &'static str, discovery: &str) -> Plan {
    nothing(title, Reply::json(discovery))
}

/// A cluster with config maps, which alone are asked for, and this entry beside them.
fn with_entry(title: &'static str, entry: &str) -> Plan {
    let reply = Reply::json(format!(r#"{{"resources":[{},{entry}]}}"#, resource("configmaps")));
    let cluster = Cluster::of(&["configmaps"]).discovery(move |_| reply.clone());
    plan(title, cluster).asks_for(&["configmaps"])
}
