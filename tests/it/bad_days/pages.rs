//! Lists in pages that do not end as they should, or grow too big: a list that is not
//! complete is not recorded, because half a list looks like a whole one.

use super::Row;
use super::plan::{Plan, plan};
use crate::support::cluster::{Cluster, page, paged};
use crate::support::http::{Reply, Request};

pub(super) fn rows() -> Vec<Row> {
    vec![
        // First, because it takes longest: it is over when ten thousand pages have come.
        never_ends("a list whose pages never end, and there is time").every(120).ends_with_errors(),
        never_ends("a list whose pages never end").ends_with_errors(),
        turns("a list whose second page points to itself", |request| {
            Reply::json(page(
                "secrets",
                &["one"],
                &request.parameter("continue").unwrap_or("again".to_owned()),
            ))
        })
        .ends_with_errors(),
        turns("a list whose third page points to the second", |request| {
            let next = match request.parameter("continue").as_deref() {
                None | Some("third") => "second",
                Some(_) => "third",
            };
            Reply::json(page("secrets", &["one"], next))
        })
        .ends_with_errors(),
        turns("a list whose second page is refused", |request| {
            second(request, Reply::refusal(403, "Forbidden", "no longer"))
        })
        .ends_with_errors(),
        turns("a list whose second page always comes too late", |request| second(request, too_late()))
            .ends_with_errors(),
        turns("a list whose first page comes too late", |_| too_late()).ends_with_errors(),
        a_second_page_too_late_once(),
        turns("a list whose second page is no list", |request| {
            second(request, Reply::json(r#"{"kind":"SecretList"}"#))
        })
        .ends_with_errors(),
        turns("a list whose second page never comes", |request| second(request, Reply::Silence))
            .ends_with_errors(),
        turns("a list in pages with its items twice", |_| {
            Reply::json(r#"{"metadata":{"continue":"second"},"items":[1],"items":[2]}"#)
        })
        .ends_with_errors(),
        a_second_page_at_the_second_try(),
        big("a list over --max-list-bytes").flags(["--max-list-bytes", "4KiB"]).ends_with_errors(),
        turns("a list in pages over --max-list-bytes", |request| {
            let objects: Vec<_> = (0..40).map(|number| format!("object-{number}")).collect();
            let objects: Vec<_> = objects.iter().map(String::as_str).collect();
            match request.parameter("continue") {
                None => Reply::json(page("secrets", &objects, "second")),
                Some(_) => Reply::json(page("secrets", &objects, "")),
            }
        })
        .flags(["--max-list-bytes", "3KiB"])
        .ends_with_errors(),
        big("a cycle over --max-cycle-bytes").flags(["--max-cycle-bytes", "4KiB"]).ends_with_errors(),
    ]
}

/// Config maps, and secrets that never end, each page with a token of its own.
fn never_ends(title: &'static str) -> Plan {
    turns(title, |request| {
        let number: u64 =
            request.parameter("continue").map_or(0, |token| token.parse().expect("a token is one of ours"));
        Reply::json(page("secrets", &["one"], &(number + 1).to_string()))
    })
}

/// Config maps, and secrets whose second page fails once.
fn a_second_page_at_the_second_try() -> Row {
    let pages = paged(vec![page("secrets", &["one"], "second"), page("secrets", &["two"], "")]);
    let answer = move |request: &Request| match (request.parameter("continue"), request.nth) {
        (Some(_), 0) => Reply::Close,
        _ => pages(request),
    };
    let merged = page("secrets", &["one", "two"], "");
    let cluster = Cluster::of(&["configmaps", "secrets"]).list("secrets", answer);
    plan("a list whose second page comes at the second try", cluster.recorded_as("secrets", merged))
        .ends_well()
}

/// Config maps, and secrets whose second page is refused once, after which they are other secrets.
fn a_second_page_too_late_once() -> Row {
    let answer = move |request: &Request| match (request.parameter("continue").as_deref(), request.nth) {
        (None, 0) => Reply::json(page("secrets", &["one", "two"], "old")),
        (Some("old"), 0) => too_late(),
        (None, _) => Reply::json(page("secrets", &["three"], "new")),
        _ => Reply::json(page("secrets", &["four"], "")),
    };
    let merged = page("secrets", &["three", "four"], "");
    let cluster = Cluster::of(&["configmaps", "secrets"]).list("secrets", answer);
    plan("a list whose second page comes too late once", cluster.recorded_as("secrets", merged)).ends_well()
}

fn too_late() -> Reply {
    Reply::refusal(410, "Expired", "The provided continue parameter is too old")
}

/// Config maps, and secrets of some seven thousand bytes.
fn big(title: &'static str) -> Plan {
    let objects: Vec<_> = (0..150).map(|number| format!("object-{number}")).collect();
    turns(title, move |_| {
        let objects: Vec<_> = objects.iter().map(String::as_str).collect();
        Reply::json(page("secrets", &objects, ""))
    })
}

/// Config maps, and secrets that are answered so.
fn turns(title: &'static str, answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Plan {
    plan(title, Cluster::of(&["configmaps", "secrets"]).list("secrets", answer))
}

fn second(request: &Request, reply: Reply) -> Reply {
    match request.parameter("continue") {
        None => Reply::json(page("secrets", &["one"], "second")),
        Some(_) => reply,
    }
}
