//! Tokens that are too old, pages that are too large, objects without identity: what API servers do that
//! the exercise does not speak of.

use super::*;
use crate::cluster::scripted::query;

const WORLD: Setup = Setup { layout: Layout::Kubernetes, ..USUAL };

/// A token is too old; where the list can go on all the same.
fn gone(token: &str) -> Reply {
    Reply::Whole(
        410,
        format!(r#"{{"kind":"Status","message":"too old","metadata":{{"continue":"{token}"}}}}"#),
    )
}

#[tokio::test(start_paused = true)]
async fn pitfall_1_history_that_is_forgotten_again_and_again_ends_in_a_list_that_is_marked() {
    let run = run(&["a"], WORLD, |url, nth| match (token(url).as_deref(), nth) {
        (None, _) => Reply::ok(page("1,2", "old")),
        (Some("old"), 0) => gone("unused"),
        (Some("old"), _) => gone("later"),
        (Some("later"), _) => Reply::ok(page("3", "older")),
        (Some("older"), _) => gone("latest"),
        (Some("latest"), _) => Reply::ok(page("4,5", "")),
        other => panic!("{other:?}"),
    });
    let run = run.await;
    assert!(run.document("a").unwrap().ends_with("[1,2,3,4,5]}"), "{:?}", run.document("a"));
    let recorded = run.outcome("a").unwrap();
    assert_eq!((recorded.pages, recorded.objects, recorded.consistent), (3, 5, false));
    let [anew, inconsistent] = &run.lines()[..] else { panic!("{:?}", run.lines()) };
    assert!(anew.starts_with("WARN a ") && anew.contains("begun anew"), "{anew}");
    assert!(
        inconsistent.ends_with("410 Gone: too old, again; the list went on in a later state of the cluster: it is complete, but not of one instant"),
        "{inconsistent}"
    );
}

#[tokio::test(start_paused = true)]
async fn pitfall_1_tokens_that_are_always_too_old_or_come_back_do_not_go_round_for_ever() {
    let always = run(&["a"], WORLD, |url, nth| match token(url) {
        None => Reply::ok(page("1", "t")),
        Some(token) => gone(&format!("{token}{nth}x")),
    });
    let always = always.await;
    assert_eq!((always.outcome("a"), always.document("a")), (Err(Why::Failed), None));
    assert_eq!(always.cluster.count("a"), 4 + 10);
    assert!(always.lines()[0].contains("no page came with the tokens"), "{:?}", always.lines());

    let same = run(&["a"], WORLD, |url, _| match token(url) {
        None => Reply::ok(page("1", "t")),
        Some(_) => gone("t"),
    });
    let same = same.await;
    assert_eq!((same.outcome("a"), same.cluster.count("a")), (Err(Why::Failed), 4));
    assert!(same.lines()[0].contains("was there before"), "{:?}", same.lines());
}

#[tokio::test(start_paused = true)]
async fn pitfall_12_the_page_after_a_very_large_one_is_half_as_long() {
    let limits = |layout| async move {
        let setup = Setup { memory: 256 << 20, max_list_bytes: 256 << 20, layout, ..USUAL };
        let run = run(&["a"], setup, |url, _| match token(url).as_deref() {
            None => Reply::ok(page(&format!("\"{}\"", "x".repeat(65 << 20)), "small")),
            Some("small") => Reply::ok(page("2", "last")),
            _ => Reply::ok(page("3", "")),
        });
        let run = run.await;
        assert_eq!(run.outcome("a").map(|list| list.objects), Ok(3));
        let sent = run.cluster.sent.lock().unwrap();
        sent.iter().filter_map(|request| query(&request.url, "limit")).collect::<Vec<_>>()
    };
    assert_eq!(limits(Layout::Kubernetes).await, ["500", "250", "250"]);
    assert_eq!(limits(Layout::Kata).await, ["500"; 3], "the exercise says 500");
}

#[tokio::test(start_paused = true)]
async fn pitfall_15_whether_objects_have_an_identity_is_known_by_the_first() {
    let with = r#"{"metadata":{"name":"a","uid":"1"}},{"metadata":{}}"#;
    let run = run(&["with", "without", "odd", "empty"], WORLD, move |url, _| {
        let items = match resource(url).as_str() {
            "with" => with,
            "without" => r#"{"metadata":{"name":"a"}}, {"metadata":{"uid":"2"}}"#,
            "odd" => r#"{"metadata":7}"#,
            _ => "",
        };
        Reply::ok(page(items, ""))
    });
    let run = run.await;
    let identified = ["with", "without", "odd", "empty"].map(|name| run.outcome(name).unwrap().identified);
    assert_eq!(identified, [Some(true), Some(false), None, None]);
}

#[tokio::test(start_paused = true)]
async fn pitfall_7_what_is_forbidden_or_absent_is_not_just_a_failure() {
    let run = run(&["forbidden", "absent", "empty"], WORLD, |url, _| match resource(url).as_str() {
        "forbidden" => Reply::Whole(403, String::new()),
        "absent" => Reply::Whole(404, String::new()),
        _ => Reply::ok(EMPTY),
    });
    let run = run.await;
    assert_eq!(run.outcome("forbidden"), Err(Why::Forbidden));
    assert_eq!(run.outcome("absent"), Err(Why::Absent));
    assert_eq!(run.outcome("empty").map(|list| list.objects), Ok(0));
}

#[tokio::test(start_paused = true)]
async fn an_answer_that_is_no_list_is_not_stored() {
    let run = run(&["a"], WORLD, |_, _| Reply::ok(r#"{"kind":"Pod"}"#)).await;
    assert_eq!((run.outcome("a"), run.document("a")), (Err(Why::Failed), None));
    assert!(run.lines()[0].ends_with("the answer is not a list: it has no `items`"), "{:?}", run.lines());
}

#[tokio::test(start_paused = true)]
async fn a_hundred_thousand_objects_and_large_odd_ones_are_stored_as_sent() {
    let many = run(&["many"], Setup { max_list_bytes: 64 << 20, ..WORLD }, |url, _| {
        let number: usize = token(url).map_or(0, |token| token.parse().unwrap());
        let objects: Vec<String> = (0..500).map(|nth| format!(r#"{{"n":{}}}"#, number * 500 + nth)).collect();
        let next = if number == 199 { String::new() } else { (number + 1).to_string() };
        Reply::ok(page(&objects.join(","), &next))
    });
    let many = many.await;
    assert_eq!(many.outcome("many").map(|list| (list.pages, list.objects)), Ok((200, 100_000)));
    let document = many.document("many").unwrap();
    assert!(document.contains(r#"{"n":0},"#) && document.ends_with(r#"{"n":99998},{"n":99999}]}"#));

    let large = "\u{1f980} \\u0000 ".repeat(150_000);
    let odd = format!(
        r#"{{"metadata":{{"uid":"1"}},"big":9007199254740993,"twice":1,"twice":1.0e+400,"large":"{large}"}} , {{"-0":-0.0}}"#
    );
    let sent = page(&odd, "");
    let answer = sent.clone();
    let setup = Setup { max_list_bytes: 64 << 20, memory: 64 << 20, ..WORLD };
    let run = run(&["odd"], setup, move |_, _| Reply::ok(answer.clone())).await;
    assert!(large.len() > 1_500_000);
    assert_eq!(run.document("odd"), Some(sent), "{:?}", run.lines());
}
