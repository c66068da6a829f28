//! Servers that are too busy, and say when to come back: they are left alone for that long, if the
//! cycle has the time.

use super::Row;
use super::lists::{answers, at_first, unavailable};
use super::plan::{Plan, plan};
use crate::support::cluster::{Cluster, resource, resource_list};
use crate::support::http::Reply;

pub(super) fn rows() -> Vec<Row> {
    let date = "Sat, 31 Oct 2020 07:10:55 GMT";
    let a_second_later = busy("Sat, 31 Oct 2020 07:10:56 GMT").with_header("Date", date);
    let a_day_later = busy("Sun, 01 Nov 2020 07:10:55 GMT").with_header("Date", date);
    vec![
        at_first("a list answers 429 and asks to wait a second, then well", busy("1")),
        at_first("a list answers 429 and asks to wait until a second later, then well", a_second_later),
        at_first("a list answers 429 and asks to wait for no one knows how long, then well", busy("a while")),
        at_first(
            "a list answers 503 and asks to wait a second, then well",
            unavailable().with_header("Retry-After", "1"),
        ),
        answers("a list answers 429 and asks to wait an hour", busy("3600")).asks_once().ends_with_errors(),
        answers("a list answers 429 and asks to wait until tomorrow", a_day_later)
            .asks_once()
            .ends_with_errors(),
        answers("a list answers 429 and asks to wait for ever", busy("1000000000000000000000000000000"))
            .asks_once()
            .ends_with_errors(),
        busy_discovery("discovery answers 429 and asks to wait a second, then well", "1")
            .every(8)
            .ends_well(),
        plan("discovery answers 429 and asks to wait an hour", Cluster::nothing(busy("3600")))
            .asks_for(&[])
            .ends_with_errors(),
        every_list_fails("every list answers 503 for ever"),
    ]
}

fn busy(wait: &str) -> Reply {
    Reply::refusal(429, "TooManyRequests", "slow down").with_header("Retry-After", wait)
}

fn busy_discovery(title: &'static str, wait: &'static str) -> Plan {
    let well = resource_list(&[resource("configmaps")]);
    plan(
        title,
        Cluster::of(&["configmaps"]).discovery(move |request| match request.nth {
            0 => busy(wait),
            _ => Reply::json(well.clone()),
        }),
    )
}

/// Six: all of them are asked for before the common pause begins.
fn every_list_fails(title: &'static str) -> Row {
    let names = ["a", "b", "c", "d", "e", "f"];
    let mut cluster = Cluster::of(&names);
    for name in names {
        cluster = cluster.list(name, |_| unavailable());
    }
    plan(title, cluster).ends_with_errors()
}
