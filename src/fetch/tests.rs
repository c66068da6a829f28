//! Fetching against a scripted cluster, in paused time: who waits, who goes on, what is said.

use std::sync::Mutex;
use std::thread::ThreadId;
use std::time::Duration;

use chrono::DateTime;
use tokio::time::sleep;
use url::Url;

use super::*;
use crate::cluster::scripted::{Reply, SECRET, Scripted, resource, token};
use crate::cluster::{Connections, Layout, PageBounds, PageMemory};
use crate::model::digest::Sha256;
use crate::model::journal::Level;
use crate::model::name::{Group, Label, ResourceName};
use crate::model::outcome::Recorded;
use crate::model::sink::{Content, SinkError};
use crate::model::target::{Scope, Target};

mod paging;

const MINUTE: Duration = Duration::from_secs(60);

/// Keeps documents as they are.
#[derive(Default)]
struct Documents(Mutex<Vec<(String, String)>>, Threads);

/// Where documents were dropped that were given up.
type Threads = Arc<Mutex<Vec<ThreadId>>>;

#[derive(Default)]
struct Dropped(Threads);

impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.lock().unwrap().push(std::thread::current().id());
    }
}

#[derive(Default)]
struct Document {
    body: Vec<u8>,
    end: Vec<u8>,
    dropped: Dropped,
}

impl Sink for Documents {
    type List = Document;

    fn begin(&self) -> Document {
        Document { dropped: Dropped(Arc::clone(&self.1)), ..Document::default() }
    }

    fn append(&self, _place: usize, list: &mut Document, parts: &[&[u8]]) -> Result<(), SinkError> {
        list.body.extend(parts.concat());
        Ok(())
    }

    fn set_end(&self, _place: usize, list: &mut Document, parts: &[&[u8]]) -> Result<(), SinkError> {
        list.end = parts.concat();
        Ok(())
    }

    fn content(&self, list: &Document) -> Result<Content, SinkError> {
        let document = [&list.body[..], &list.end].concat();
        Ok(Content { bytes: document.len() as u64, sha256: Sha256::of(&document) })
    }

    fn finish(&self, file_name: String, mut list: Document) {
        list.dropped.0 = Arc::default();
        let document = String::from_utf8([list.body, list.end].concat()).unwrap();
        self.0.lock().unwrap().push((file_name, document));
    }
}

struct Run {
    cluster: Arc<Scripted>,
    documents: Arc<Documents>,
    journal: Journal,
    took: Duration,
}

impl Run {
    fn document(&self, name: &str) -> Option<String> {
        let documents = self.documents.0.lock().unwrap();
        documents
            .iter()
            .find(|(file, _)| *file == format!("{name}.json"))
            .map(|(_, document)| document.clone())
    }

    fn lines(&self) -> Vec<String> {
        let line = |event: crate::model::journal::Event| {
            format!("{} {} {}", event.level, event.subject.unwrap_or_default(), event.message)
        };
        self.journal.events().into_iter().map(line).collect()
    }

    fn outcome(&self, name: &str) -> Result<Recorded, Why> {
        let outcomes = self.journal.outcomes();
        let found: Vec<_> = outcomes.iter().filter(|outcome| outcome.resource.to_string() == name).collect();
        assert_eq!(found.len(), 1, "{name} has one outcome");
        found[0].result.clone().map_err(|not_recorded| not_recorded.why)
    }
}

struct Setup {
    layout: Layout,
    memory: u64,
    max_list_bytes: u64,
    deadline: Duration,
}

const USUAL: Setup = Setup {
    layout: Layout::Kata,
    memory: 1 << 20,
    max_list_bytes: 1 << 20,
    deadline: Duration::from_secs(55),
};

async fn run(
    names: &[&str],
    setup: Setup,
    script: impl Fn(&Url, usize) -> Reply + Send + Sync + 'static,
) -> Run {
    run_beside(&Connections::default(), names, setup, script).await
}

/// A run of one of several targets that share connections.
async fn run_beside(
    connections: &Connections,
    names: &[&str],
    setup: Setup,
    script: impl Fn(&Url, usize) -> Reply + Send + Sync + 'static,
) -> Run {
    let cluster = Arc::new(Scripted::new(script));
    let settings = Settings {
        cluster: Arc::clone(&cluster) as Arc<dyn Cluster>,
        endpoint: Endpoint {
            server: "http://127.0.0.1:1".parse().unwrap(),
            layout: setup.layout,
            target: Target {
                host: "h".parse().unwrap(),
                cluster: "c".parse().unwrap(),
                scope: Scope::Namespace("n".parse().unwrap()),
            },
        },
        times: Times::for_interval(MINUTE),
        memory: PageMemory::new(PageBounds { shared: setup.memory, guaranteed: 0, chunk: 1 }).target(),
        connections: connections.target(),
        max_list_bytes: setup.max_list_bytes,
        ends: Instant::now() + setup.deadline,
    };
    let listing = |name: &&str| Listing {
        id: ResourceName::new(Label::parse(name).unwrap(), Group::default()).unwrap(),
        version: Label::parse("v1").unwrap(),
    };
    let listings: Vec<_> = names.iter().map(listing).collect();
    let (documents, journal) = (Arc::default(), Journal::new(|| DateTime::UNIX_EPOCH));
    let began = Instant::now();
    let stop = async {
        sleep(setup.deadline).await;
        Stop::Deadline
    };
    fetch(&settings, &listings, &documents, &journal, stop).await;
    Run { cluster, documents, journal, took: began.elapsed() }
}

fn page(items: &str, next: &str) -> String {
    format!(r#"{{"kind":"L","metadata":{{"resourceVersion":"7","continue":"{next}"}},"items":[{items}]}}"#)
}

const EMPTY: &str = r#"{"kind":"L","metadata":{},"items":[]}"#;

#[tokio::test(start_paused = true)]
async fn one_page_is_stored_as_sent_and_several_become_one_document() {
    let run = run(&["one", "many"], USUAL, |url, _| {
        Reply::ok(match (resource(url).as_str(), token(url).as_deref()) {
            ("one", None) => " {\"items\" : [ 1 ] , \"metadata\":{\"continue\":\"\"}}\n".to_owned(),
            ("many", None) => page(" 1, 2 ", "a"),
            ("many", Some("a")) => page("", "b"),
            ("many", Some("b")) => page("3 ", "c"),
            ("many", Some("c")) => r#"{"items":null}"#.to_owned(),
            other => panic!("{other:?}"),
        })
    });
    let run = run.await;
    assert_eq!(run.document("one").unwrap(), " {\"items\" : [ 1 ] , \"metadata\":{\"continue\":\"\"}}\n");
    assert_eq!(
        run.document("many").unwrap(),
        r#"{"kind":"L","metadata":{"resourceVersion":"7"},"items":[1, 2,3]}"#
    );
    assert_eq!(run.lines(), [""; 0]);
    let recorded = run.outcome("many").unwrap();
    assert_eq!((recorded.pages, recorded.objects), (4, 3));
}

#[tokio::test(start_paused = true)]
async fn pages_before_the_first_object_leave_no_comma() {
    let run = run(&["a"], USUAL, |url, _| {
        Reply::ok(if token(url).is_none() { page("", "t") } else { page("1", "") })
    });
    let document = run.await.document("a").unwrap();
    assert_eq!(document, r#"{"kind":"L","metadata":{"resourceVersion":"7"},"items":[1]}"#);
}

#[tokio::test(start_paused = true)]
async fn a_failed_try_is_repeated_and_made_good_with_its_complete_pages_kept() {
    let run = run(&["a"], USUAL, |url, nth| match (token(url).as_deref(), nth) {
        (None, _) => Reply::ok(page("1", "t")),
        (_, 0) => Reply::Whole(503, r#"{"kind":"Status","message":"etcd\nis down"}"#.to_owned()),
        (_, 1) => Reply::Chunks(vec![(Duration::ZERO, "{".to_owned()), (MINUTE, String::new())]),
        _ => Reply::ok(page("2", "")),
    });
    let run = run.await;
    assert!(run.document("a").unwrap().ends_with("[1,2]}"));
    assert_eq!(run.cluster.count("a"), 4);
    let [line] = &run.lines()[..] else { panic!("{:?}", run.lines()) };
    assert!(line.starts_with("WARN a GET http://127.0.0.1:1/"), "{line}");
    assert!(
        line.ends_with("&continue=t: no byte for 10s (the last of 2 failed tries); made good by another try"),
        "{line}"
    );
}

#[tokio::test(start_paused = true)]
async fn pauses_double_from_half_a_second() {
    let run = run(&["a"], USUAL, |_, _| Reply::Whole(500, String::new())).await;
    let times: Vec<Instant> = run.cluster.requests.lock().unwrap().iter().map(|(.., time)| *time).collect();
    let pauses: Vec<f64> = times.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
    let full = [0.5, 1.0, 2.0, 4.0, 8.0, 16.0, 32.0];
    assert!(pauses.len() >= 6, "{pauses:?}");
    for (pause, full) in pauses.iter().zip(full) {
        assert!((full / 2.0 - 0.01..full + 0.01).contains(pause), "{pauses:?}");
    }
    let tries = times.len();
    let [line] = &run.lines()[..] else { panic!("{:?}", run.lines()) };
    assert!(line.starts_with("ERROR a GET "), "{line}");
    assert!(
        line.ends_with(&format!(
            ": cut off at the cycle's deadline after {tries} failed tries: 500 Internal Server Error"
        )),
        "{line}"
    );
    assert_eq!((run.outcome("a"), run.took), (Err(Why::CutOff), Duration::from_secs(55)));
}

#[tokio::test(start_paused = true)]
async fn what_will_not_pass_is_not_tried_again() {
    for (reply, why) in [
        (Reply::Whole(403, r#"{"kind":"Status","message":"no"}"#.to_owned()), "403 Forbidden: no"),
        (Reply::Whole(204, String::new()), "204 No Content"),
        (Reply::ok("<html>"), "the answer is not valid JSON: expected value at line 1 column 1"),
        (Reply::ok(r#"{"kind":"Status","message":"m"}"#), "the answer is a Status, not a list: m"),
        (Reply::ok(r#"{"metadata":{"continue":"t"}}"#), "the answer is not a list: it has no `items`"),
        (Reply::ok(page(&"1,".repeat(600_000), "")), "the answer exceeds --max-list-bytes (1048576 bytes)"),
        (
            Reply::ok(page("", &"t".repeat(20_000))),
            "its continue token has more than 16384 bytes; 1 page had arrived",
        ),
    ] {
        let run =
            run(
                &["a", "b"],
                USUAL,
                move |url, _| {
                    if resource(url) == "a" { reply.clone() } else { Reply::ok(EMPTY) }
                },
            );
        let run = run.await;
        let expected = if why.starts_with("403") { Why::Forbidden } else { Why::Failed };
        assert_eq!((run.cluster.count("a"), run.outcome("a")), (1, Err(expected)), "{why}");
        assert_eq!((run.document("a"), run.document("b").as_deref()), (None, Some(EMPTY)), "{why}");
        let [line] = &run.lines()[..] else { panic!("{:?}", run.lines()) };
        assert!(line.ends_with(&format!("/a?limit=500: {why}")), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn json_that_is_no_list_is_stored_with_a_warning() {
    let run = run(&["a"], USUAL, |_, _| Reply::ok("[1]")).await;
    assert_eq!(run.document("a").as_deref(), Some("[1]"));
    let [line] = &run.lines()[..] else { panic!("{:?}", run.lines()) };
    assert!(
        line.starts_with("WARN a GET ")
            && line.ends_with("the answer is not a list (it is not an object); it was stored as sent"),
        "{line}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_credential_that_comes_back_as_a_continue_token_is_not_shown() {
    let run = run(&["a"], USUAL, |url, _| match token(url) {
        None => Reply::ok(page("1", &format!("x{SECRET}"))),
        Some(_) => Reply::Whole(403, String::new()),
    });
    let lines = run.await.lines();
    assert!(lines[0].contains("&continue=concealed: 403 Forbidden"), "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn tokens_that_go_round_end_the_list() {
    let run = run(&["a"], USUAL, |url, _| {
        Reply::ok(page("1", if token(url).as_deref() == Some("t") { "u" } else { "t" }))
    });
    let run = run.await;
    assert_eq!(run.cluster.count("a"), 3);
    let [line] = &run.lines()[..] else { panic!("{:?}", run.lines()) };
    assert!(
        line.ends_with("its continue token leads back to a page that was there before; 3 pages had arrived"),
        "{line}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_list_without_end_is_ended_by_the_number_of_its_pages() {
    let setup = Setup { max_list_bytes: 1 << 30, ..USUAL };
    let run = run(&["a"], setup, |url, _| {
        let page_number: u32 = token(url).map_or(0, |token| token.parse().unwrap());
        Reply::ok(page("", &(page_number + 1).to_string()))
    });
    let run = run.await;
    assert_eq!(run.cluster.count("a"), 10_000);
    assert!(
        run.lines()[0].ends_with("the list has more than 10000 pages; 10000 pages had arrived"),
        "{:?}",
        run.lines()
    );
}

#[tokio::test(start_paused = true)]
async fn all_pages_of_a_list_count_against_its_limit() {
    let items = "1,".repeat(200_000) + "1";
    let run = run(&["a"], USUAL, move |url, _| {
        Reply::ok(page(&items, &token(url).map_or(1, |token| token.len() + 1).to_string().repeat(2)))
    });
    let run = run.await;
    assert_eq!(run.cluster.count("a"), 3);
    assert!(
        run.lines()[0].ends_with("exceeds --max-list-bytes (1048576 bytes); 2 pages had arrived"),
        "{:?}",
        run.lines()
    );
}

#[tokio::test(start_paused = true)]
async fn four_silent_lists_do_not_cost_the_fifth() {
    let run = run(&["s1", "s2", "s3", "s4", "well"], USUAL, |url, _| match resource(url).as_str() {
        "well" => Reply::ok(EMPTY),
        _ => Reply::Silence,
    });
    let run = run.await;
    assert_eq!(run.document("well").as_deref(), Some(EMPTY));
    assert_eq!(run.journal.count(Level::Error), 4);
    let asked = run.cluster.requests.lock().unwrap().iter().find(|(name, ..)| name == "well").unwrap().2;
    assert!(
        asked - (Instant::now() - run.took) <= Duration::from_secs(10),
        "it waited longer than a silent try"
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_list_loses_its_place_when_another_waits_and_keeps_its_pages() {
    let drip =
        |total: u64| Reply::Chunks((0..total).map(|_| (Duration::from_secs(1), " ".to_owned())).collect());
    let run = run(&["d1", "d2", "d3", "d4", "well"], USUAL, move |url, _| {
        match (resource(url).as_str(), token(url).as_deref()) {
            ("well", _) => Reply::ok(EMPTY),
            (_, None) => Reply::ok(page("1", "t")),
            _ => drip(600),
        }
    });
    let run = run.await;
    let asked = |name: &str| {
        let requests = run.cluster.requests.lock().unwrap();
        let began = requests[0].2;
        requests
            .iter()
            .filter(|(other, ..)| other == name)
            .map(|(_, token, time)| (token.clone(), (*time - began).as_secs()))
            .collect::<Vec<_>>()
    };
    // The share is a third of the interval.
    assert_eq!(asked("well"), [(None, 20)]);
    assert_eq!(run.document("well").as_deref(), Some(EMPTY));
    let first_page = asked("d1").iter().filter(|(token, _)| token.is_none()).count();
    assert_eq!(first_page, 1, "a complete page is not asked for again");
    // Four of them hold the places again by then.
    assert!(
        run.lines().iter().all(|line| line.ends_with("cut off at the cycle's deadline; 1 page had arrived")),
        "{:?}",
        run.lines()
    );
}

#[tokio::test(start_paused = true)]
async fn a_slow_list_keeps_its_place_while_nobody_waits() {
    let run = run(&["slow"], USUAL, |_, _| {
        let mut chunks: Vec<_> = (0..40).map(|_| (Duration::from_secs(1), " ".to_owned())).collect();
        chunks.push((Duration::ZERO, EMPTY.to_owned()));
        Reply::Chunks(chunks)
    });
    let run = run.await;
    assert!(run.document("slow").unwrap().ends_with(EMPTY));
    assert_eq!((run.cluster.count("slow"), run.took), (1, Duration::from_secs(40)));
}

#[tokio::test(start_paused = true)]
async fn while_memory_is_used_up_the_others_stand_still_without_running_out_of_time() {
    // The first list fills the memory and then takes 30 seconds; the second would be silent for
    // longer than a try may be, if its time did not stand still.
    let setup = Setup { memory: 1_000, ..USUAL };
    let run = run(&["big", "small"], setup, |url, _| {
        let second = Duration::from_secs(1);
        Reply::Chunks(match resource(url).as_str() {
            "big" => [(Duration::ZERO, " ".repeat(2_000))]
                .into_iter()
                .chain((0..15).map(|_| (second, " ".to_owned())))
                .chain([(second, EMPTY.to_owned())])
                .collect(),
            _ => vec![(Duration::from_millis(500), EMPTY.to_owned())],
        })
    });
    let run = run.await;
    assert_eq!(run.lines(), [""; 0]);
    assert_eq!((run.cluster.count("big"), run.cluster.count("small")), (1, 1));
    assert!(run.document("big").is_some() && run.document("small").is_some());
}

#[tokio::test(start_paused = true)]
async fn a_slow_page_that_others_stand_still_for_makes_way_after_its_share() {
    let setup = Setup { memory: 1_000, ..USUAL };
    let run = run(&["drip", "b", "c", "d"], setup, |url, _| {
        if resource(url) == "drip" {
            let drops = (0..600).map(|_| (Duration::from_secs(1), " ".to_owned()));
            return Reply::Chunks([(Duration::ZERO, " ".repeat(1_000))].into_iter().chain(drops).collect());
        }
        // More than the memory, in two parts, and none of it is left.
        let part = " ".repeat(900);
        Reply::Chunks(vec![
            (Duration::from_millis(1), part.clone()),
            (Duration::ZERO, part),
            (Duration::ZERO, EMPTY.to_owned()),
        ])
    });
    let run = run.await;
    for name in ["b", "c", "d"] {
        assert!(run.document(name).is_some(), "{name}: {:?}", run.lines());
    }
    assert_eq!(run.journal.count(Level::Error), 1);
    let asked = run.cluster.requests.lock().unwrap();
    let again = asked.iter().filter(|(name, ..)| name == "drip").nth(1).unwrap().2;
    assert_eq!((again - asked[0].2).as_secs(), 20, "it made way after its share");
}

const TEN: [&str; 10] = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"];

fn after_a_second(_: &Url, _: usize) -> Reply {
    Reply::Chunks(vec![(Duration::from_secs(1), EMPTY.to_owned())])
}

#[tokio::test(start_paused = true)]
async fn while_others_use_up_the_connections_lists_go_on_one_at_a_time() {
    let connections = Connections::new(3);
    let others: Vec<_> = (0..3).map(|_| connections.target()).collect();
    let _held: Vec<_> = others.iter().flat_map(|other| [other.try_get(), other.try_get()]).collect();
    let run = run_beside(&connections, &TEN, USUAL, after_a_second).await;
    for name in TEN {
        assert_eq!(run.document(name).as_deref(), Some(EMPTY), "{name}");
    }
    assert_eq!((run.lines(), run.took), (vec![], Duration::from_secs(10)));
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_comes_free_is_used_at_once() {
    let connections = Connections::new(3);
    let others: Vec<_> = (0..3).map(|_| connections.target()).collect();
    let held: Vec<_> = others.iter().flat_map(|other| [other.try_get(), other.try_get()]).collect();
    let give_back = async {
        sleep(Duration::from_millis(3_500)).await;
        drop(held);
    };
    let (run, ()) = tokio::join!(run_beside(&connections, &TEN, USUAL, after_a_second), give_back);
    // Three are done by then and one is in hand; of three connections that are free it may take two.
    assert_eq!(run.took, Duration::from_secs(6));
    assert_eq!(run.journal.outcomes().iter().filter(|outcome| outcome.result.is_ok()).count(), 10);
}

#[tokio::test(start_paused = true)]
async fn a_list_that_is_cut_off_without_a_connection_says_so() {
    let setup = Setup { deadline: Duration::from_secs(3), ..USUAL };
    let run = run_beside(&Connections::new(0), &["a", "b"], setup, |_, _| Reply::Silence).await;
    let [first, second] = &run.lines()[..] else { panic!("{:?}", run.lines()) };
    assert!(first.ends_with("a?limit=500: cut off at the cycle's deadline"), "{first}");
    let why = "; it waited for a connection, because other targets used up those that all share";
    assert!(second.ends_with(&format!("b?limit=500: cut off at the cycle's deadline{why}")), "{second}");
}

#[tokio::test(start_paused = true)]
async fn a_slow_list_gives_its_only_connection_to_those_that_wait() {
    let connections = Connections::new(0);
    let run = run_beside(&connections, &["slow", "a", "b"], USUAL, |url, _| {
        if resource(url) == "slow" {
            Reply::Chunks((0..600).map(|_| (Duration::from_secs(1), " ".to_owned())).collect())
        } else {
            Reply::ok(EMPTY)
        }
    });
    let run = run.await;
    assert!(run.document("a").is_some() && run.document("b").is_some(), "{:?}", run.lines());
    assert_eq!(run.journal.count(Level::Error), 1);
}

#[tokio::test(start_paused = true)]
async fn at_the_deadline_every_list_is_settled() {
    let names = ["a", "b", "c", "d", "e", "f"];
    let setup = Setup { deadline: Duration::from_secs(3), ..USUAL };
    let run = run(&names, setup, |_, _| Reply::Silence).await;
    assert_eq!(run.took, Duration::from_secs(3));
    for name in names {
        assert_eq!(run.outcome(name), Err(Why::CutOff));
    }
    let lines = run.lines();
    let end = |end: &str| lines.iter().filter(|line| line.ends_with(end)).count();
    assert_eq!(end("?limit=500: cut off at the cycle's deadline"), 4, "{lines:?}");
    assert_eq!(end("?limit=500: cut off at the cycle's deadline; its turn never came"), 2, "{lines:?}");
}

#[tokio::test(start_paused = true)]
async fn what_stood_still_for_want_of_memory_says_so_when_it_is_cut_off() {
    let setup = Setup { memory: 1_000, deadline: Duration::from_secs(5), ..USUAL };
    let run = run(&["big", "small"], setup, |url, _| {
        Reply::Chunks(match resource(url).as_str() {
            "big" => vec![(Duration::ZERO, " ".repeat(2_000)), (MINUTE, String::new())],
            _ => vec![(Duration::from_secs(1), " ".to_owned()), (Duration::ZERO, EMPTY.to_owned())],
        })
    });
    let run = run.await;
    let [big, small] = &run.lines()[..] else { panic!("{:?}", run.lines()) };
    assert!(big.ends_with("/big?limit=500: cut off at the cycle's deadline"), "{big}");
    let why = "; it stood still, because all pages in flight had used up the memory that they share";
    assert!(small.ends_with(&format!("/small?limit=500: cut off at the cycle's deadline{why}")), "{small}");
}

fn unavailable() -> Reply {
    Reply::Whole(503, String::new())
}

#[tokio::test(start_paused = true)]
async fn thousands_of_lists_that_all_fail_are_asked_for_at_a_walk() {
    let names: Vec<String> = (0..9_000).map(|number| format!("list-{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let run = run(&names, USUAL, |_, _| unavailable()).await;
    // Ten times a second four tries, and up to three that are under way when a pause begins.
    let requests = run.cluster.requests.lock().unwrap().len();
    assert!((2_000..=4_000).contains(&requests), "{requests} requests");
    let lines = run.lines();
    assert_eq!((lines.len(), run.took), (9_000, Duration::from_secs(55)));
    let not_asked = "?limit=500: cut off at the cycle's deadline; it was not asked for, because the last tries all \
                     failed: 503 Service Unavailable";
    let not_asked = lines.iter().filter(|line| line.ends_with(not_asked)).count();
    let asked = lines.iter().filter(|line| line.contains(" failed tr")).count();
    assert_eq!(not_asked + asked, 9_000);
    assert!((4..=requests).contains(&asked), "{asked} were asked for");
}

#[tokio::test(start_paused = true)]
async fn healthy_lists_behind_many_that_fail_have_their_turn() {
    let names: Vec<String> = (0..110).map(|number| format!("list-{number:03}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let run = run(&names, USUAL, |url, _| {
        if resource(url).as_str() < "list-100" { unavailable() } else { Reply::ok(EMPTY) }
    });
    let run = run.await;
    assert!(names[100..].iter().all(|name| run.outcome(name).is_ok()), "{:?}", run.lines());
    assert_eq!(run.journal.count(Level::Error), 100);
}

#[tokio::test(start_paused = true)]
async fn a_pause_ends_with_the_first_success_and_everything_is_recorded() {
    let names: Vec<String> = (0..40).map(|number| format!("list-{number}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    // The server is back after the tenth request.
    let asked = std::sync::atomic::AtomicUsize::new(0);
    let run = run(&names, USUAL, move |_, _| {
        let nth = asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        if nth < 10 { unavailable() } else { Reply::ok(EMPTY) }
    });
    let run = run.await;
    assert_eq!((run.journal.count(Level::Error), run.journal.count(Level::Warn)), (0, 10));
    let times: Vec<Instant> = run.cluster.requests.lock().unwrap().iter().map(|(.., time)| *time).collect();
    assert_eq!(times.len(), 50);
    // Three were under way when the fourth failure began the pause.
    assert_eq!(times[6], times[0]);
    let pause = times[7] - times[0];
    assert!((Duration::from_millis(250)..=Duration::from_millis(501)).contains(&pause), "{pause:?}");
    assert_eq!(times[7 + 32], times[7], "after the pause nobody waits who was not asked before");
}

#[tokio::test(start_paused = true)]
async fn lists_that_fail_among_healthy_ones_slow_nobody_down() {
    let names: Vec<String> = (0..60).map(|number| format!("list-{number:02}")).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let run = run(&names, USUAL, |url, _| {
        let bad = ["list-00", "list-20", "list-40"].contains(&resource(url).as_str());
        if bad { unavailable() } else { Reply::ok(EMPTY) }
    });
    let run = run.await;
    let requests = run.cluster.requests.lock().unwrap();
    let first = requests[0].2;
    assert!(requests[..60].iter().all(|(.., time)| *time == first), "all were asked for at once");
    assert_eq!(run.journal.count(Level::Error), 3);
}

#[tokio::test(start_paused = true)]
async fn a_list_whose_token_is_too_old_is_begun_anew_once() {
    let gone = || Reply::Whole(410, r#"{"kind":"Status","message":"too old"}"#.to_owned());
    let once = run(&["a"], USUAL, move |url, nth| match (token(url).as_deref(), nth) {
        (None, 0) => Reply::ok(page("1,2", "old")),
        (Some("old"), 0) => gone(),
        (None, _) => Reply::ok(page("3", "new")),
        (Some("new"), 0) => unavailable(),
        _ => Reply::ok(page("4", "")),
    });
    let once = once.await;
    assert!(once.document("a").unwrap().ends_with("[3,4]}"), "{:?}", once.document("a"));
    let recorded = once.outcome("a").unwrap();
    assert_eq!((recorded.pages, recorded.objects), (2, 2));
    let [anew, made_good] = &once.lines()[..] else { panic!("{:?}", once.lines()) };
    assert!(
        anew.starts_with("WARN a GET ")
            && anew.ends_with("&continue=old: 410 Gone: too old; the list was begun anew, and is complete"),
        "{anew}"
    );
    assert!(made_good.ends_with("&continue=new: 503 Service Unavailable; made good by another try"));

    let twice = run(&["a"], USUAL, move |url, _| match token(url) {
        None => Reply::ok(page("1", "old")),
        Some(_) => gone(),
    });
    let twice = twice.await;
    assert_eq!((twice.cluster.count("a"), twice.document("a")), (4, None));
    let [line] = &twice.lines()[..] else { panic!("{:?}", twice.lines()) };
    let why = "410 Gone: too old; the server offers no token to go on with; it had been begun anew, because of 410 Gone: too old; 1 page had arrived";
    assert!(line.starts_with("ERROR a GET ") && line.ends_with(&format!("&continue=old: {why}")), "{line}");

    let first = run(&["a"], USUAL, move |_, _| gone()).await;
    assert_eq!(first.cluster.count("a"), 1);
    assert!(first.lines()[0].ends_with("?limit=500: 410 Gone: too old"), "{:?}", first.lines());
}

#[tokio::test(start_paused = true)]
async fn what_is_begun_anew_does_not_count_against_the_limits() {
    let items = "1,".repeat(300_000) + "1";
    let run = run(&["a"], USUAL, move |url, nth| match (token(url), nth) {
        (None, 0) => Reply::ok(page(&items, "t")),
        (None, _) => Reply::ok(page(&items, "")),
        _ => Reply::Whole(410, String::new()),
    });
    assert_eq!(run.await.journal.count(Level::Error), 0);
}

#[tokio::test(start_paused = true)]
async fn a_server_that_asks_to_wait_is_waited_for_unless_the_cycle_ends_before() {
    let asks = |value| Reply::With(429, ("retry-after", value), String::new());
    let waited = run(&["a"], USUAL, move |_, nth| if nth == 0 { asks("7") } else { Reply::ok(EMPTY) }).await;
    assert_eq!((waited.took, waited.journal.count(Level::Error)), (Duration::from_secs(7), 0));
    for (value, wait) in [("56", "56s"), ("3600", "1h"), ("1000000000000000000000000000000", "centuries")] {
        let refused = run(&["a"], USUAL, move |_, _| asks(value)).await;
        assert_eq!((refused.cluster.count("a"), refused.took), (1, Duration::ZERO));
        let [line] = &refused.lines()[..] else { panic!("{:?}", refused.lines()) };
        let why =
            format!("429 Too Many Requests; it asks to wait {wait}, which is beyond the cycle's deadline");
        assert!(line.starts_with("ERROR a ") && line.ends_with(&why), "{line}");
        assert_eq!(refused.outcome("a"), Err(Why::Failed));
    }
    // What is no wait at all does not shorten the pause between tries.
    for value in ["-1", "soon", "0"] {
        let ignored = run(&["a"], USUAL, move |_, nth| if nth == 0 { asks(value) } else { Reply::ok(EMPTY) });
        let took = ignored.await.took.as_millis();
        assert!((250..=501).contains(&took), "{value}: {took} ms");
    }
}

#[tokio::test(start_paused = true)]
async fn lists_that_are_given_up_are_dropped_where_that_may_block_and_before_it_is_over() {
    let run = run(&["anew", "cut", "failed"], USUAL, |url, nth| {
        match (resource(url).as_str(), token(url).as_deref(), nth) {
            (_, None, 0) => Reply::ok(page("1", "a")),
            ("anew", Some("a"), _) => Reply::Whole(410, String::new()),
            ("anew", None, _) => Reply::ok(EMPTY),
            ("cut", ..) => Reply::Silence,
            ("failed", ..) => Reply::Whole(404, String::new()),
            other => panic!("{other:?}"),
        }
    });
    let run = run.await;
    let outcomes = ["anew", "cut", "failed"].map(|name| run.outcome(name).map(|list| list.pages));
    assert_eq!(outcomes, [Ok(1), Err(Why::CutOff), Err(Why::Absent)]);
    let threads = run.documents.1.lock().unwrap();
    assert_eq!(threads.len(), 3, "the first of `anew`, and the two others");
    assert!(!threads.contains(&std::thread::current().id()));
}
