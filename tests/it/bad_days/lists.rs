//! One list of many that fails, in every way that an answer can: the others are recorded.

use super::Row;
use super::plan::{Plan, plan};
use crate::support::cluster::{Cluster, small_list};
use crate::support::http::{Reply, Request};

pub(super) fn rows() -> Vec<Row> {
    let mut rows = refused();
    rows.extend(made_good());
    rows.extend(broken());
    rows.extend(silent());
    rows.extend(not_a_list());
    rows
}

fn refused() -> Vec<Row> {
    let forbidden = "secrets is forbidden: User \"auditor\" cannot list resource \"secrets\"";
    let long = format!("\u{1b}[31mno\u{1b}[0m\r\nand\tno {}", "again ".repeat(1_000));
    vec![
        answers("a list answers 401", Reply::refusal(401, "Unauthorized", "Unauthorized"))
            .asks_once()
            .ends_with_errors(),
        answers("a list answers 403", Reply::refusal(403, "Forbidden", forbidden))
            .asks_once()
            .ends_with_errors(),
        answers(
            "a list answers 403 with a message that colors the terminal",
            Reply::refusal(403, "Forbidden", &long),
        )
        .asks_once()
        .ends_with_errors(),
        answers("a list answers 404 in plain text", Reply::typed(404, "text/plain", "404 page not found\n"))
            .asks_once()
            .ends_with_errors(),
        answers("a list answers 503 for ever", unavailable()).ends_with_errors(),
        answers("a list points to the same host", Reply::redirect("/login?next=/api"))
            .asks_once()
            .ends_with_errors(),
        answers("a list points to another host", Reply::redirect("https://login.test/start"))
            .asks_once()
            .ends_with_errors(),
    ]
}

/// Tries that fail once, and the next one is well.
fn made_good() -> Vec<Row> {
    let body = small_list("secrets");
    let half = Reply::CutOff { sent: body.len() / 2, body };
    vec![
        at_first("a list answers 500, then well", Reply::typed(500, "text/plain", "oops")),
        at_first("a list answers 503, then well", unavailable()),
        at_first("a list answers 429, then well", Reply::refusal(429, "TooManyRequests", "slow down")),
        at_first("a list stops half-way, then it is well", half),
        at_first("a list's connection is closed, then it is well", Reply::Close),
    ]
}

fn broken() -> Vec<Row> {
    let body = small_list("secrets");
    let half = Reply::CutOff { sent: body.len() / 2, body: body.clone() };
    vec![
        answers("a list stops half-way", half).ends_with_errors(),
        answers("a chunked list ends without its last chunk", Reply::CutOffChunked { body })
            .ends_with_errors(),
        answers("a list's connection is closed at once", Reply::Close).ends_with_errors(),
        answers("a list is not HTTP", Reply::Raw(b"\x15\x03\x01\x00\x02\x02\x46".to_vec()))
            .asks_once()
            .ends_with_errors(),
    ]
}

fn silent() -> Vec<Row> {
    let four = ["a", "b", "c", "d"];
    let then_well = |request: &Request| match request.nth {
        0 => Reply::Silence,
        _ => Reply::json(small_list("secrets")),
    };
    let patient = three().list("secrets", then_well).recorded_as("secrets", small_list("secrets"));
    let mut cluster = Cluster::of(&["a", "b", "c", "d", "well"]);
    for name in four {
        cluster = cluster.list(name, |_| Reply::Silence);
    }
    vec![
        answers("a list comes one byte a second", Reply::Drip { body: small_list("secrets") })
            .ends_with_errors(),
        answers("a list is never answered", Reply::Silence).ends_with_errors(),
        plan("a list is not answered for ten seconds, then well", patient).every(60).ends_well(),
        plan("four lists are never answered, and a fifth is well", cluster).ends_with_errors(),
    ]
}

fn not_a_list() -> Vec<Row> {
    let status = r#"{"kind":"Status","apiVersion":"v1","status":"Failure","message":"etcd is away"}"#;
    let without = r#"{"kind":"SecretList","apiVersion":"v1","metadata":{}}"#;
    let twice = r#"{"items":[],"kind":"SecretList","items":[{"a":1}]}"#;
    vec![
        says("a list is HTML", "<h1>Sign in</h1>").ends_with_errors(),
        says("a list is empty", "").ends_with_errors(),
        says("a list is cut off by its own server", r#"{"items":[{"metadata":{"na"#).ends_with_errors(),
        says("a list has a comma too many", r#"{"items":[1,]}"#).ends_with_errors(),
        says("a list has something behind it", r#"{"items":[]} {"items":[]}"#).ends_with_errors(),
        says("a list is not UTF-8", b"{\"items\":[\"\xff\"]}".as_slice()).ends_with_errors(),
        says("a list is a Status with code 200", status).ends_with_errors(),
        stored("a list without items", without),
        stored("a list with its items twice", twice),
    ]
}

/// Three lists, of which the one in the middle is answered so, always.
pub(super) fn answers(title: &'static str, reply: Reply) -> Plan {
    plan(title, three().list("secrets", move |_| reply.clone()))
}

/// The same, with this for a body; such an answer is final.
fn says(title: &'static str, body: impl Into<Vec<u8>>) -> Plan {
    answers(title, Reply::json(body)).asks_once()
}

/// The same, where the answer is recorded as it stands, with a warning.
fn stored(title: &'static str, body: &'static str) -> Row {
    let cluster = three().list("secrets", move |_| Reply::json(body));
    plan(title, cluster.recorded_as("secrets", body)).asks_once().ends_well()
}

/// The same, where it is answered so at first and well the second time.
pub(super) fn at_first(title: &'static str, reply: Reply) -> Row {
    let answer = move |request: &Request| match request.nth {
        0 => reply.clone(),
        _ => Reply::json(small_list("secrets")),
    };
    let cluster = three().list("secrets", answer);
    plan(title, cluster.recorded_as("secrets", small_list("secrets"))).ends_well()
}

pub(super) fn three() -> Cluster {
    Cluster::of(&["configmaps", "secrets", "services"])
}

pub(super) fn unavailable() -> Reply {
    Reply::refusal(503, "ServiceUnavailable", "the server is currently unable to handle the request")
}

impl Plan {
    /// Where each of the three lists is asked for once.
    pub(super) fn asks_once(self) -> Plan {
        self.asks_for(&["configmaps", "secrets", "services"])
    }
}
