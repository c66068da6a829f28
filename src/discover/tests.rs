//! Discovery against a scripted cluster: all at once, group by group, and what may go wrong with either.

use std::sync::mpsc;
use std::time::Duration;

use chrono::DateTime;
use tokio::task::yield_now;
use tokio::time::Instant;
use url::Url;

use super::*;
use crate::cluster::scripted::{Reply, Scripted};
use crate::cluster::{Accept, Connections, PageBounds, PageMemory};
use crate::model::existence::Existence;
use crate::model::journal::Level;
use crate::model::limits::GROUP_VERSIONS;
use crate::model::target::{Scope, Target};

const MINUTE: Duration = Duration::from_secs(60);
/// What discovery has of a minute.
const DISCOVERY: Duration = Duration::from_secs(30);

/// What discovery needs besides a cluster.
struct Parts {
    endpoint: Endpoint,
    memory: TargetMemory,
    connections: TargetConnections,
}

impl Parts {
    fn new(layout: Layout) -> Self {
        let target = Target {
            host: "h".parse().unwrap(),
            cluster: "c".parse().unwrap(),
            scope: Scope::Namespace("shop".parse().unwrap()),
        };
        Self {
            endpoint: Endpoint { server: "https://h/base".parse().unwrap(), layout, target },
            memory: PageMemory::new(PageBounds::default()).target(),
            connections: Connections::default().target(),
        }
    }

    fn settings(&self) -> Settings<'_> {
        let Self { endpoint, memory, connections } = self;
        Settings { endpoint, times: Times::for_interval(MINUTE), memory, connections }
    }
}

/// What a discovery in layout `kubernetes` came to.
struct Run {
    catalog: Option<Catalog>,
    lines: Vec<(Level, String)>,
    cluster: Scripted,
    took: Duration,
}

async fn run(script: impl Fn(&str, usize) -> Reply + Send + Sync + 'static) -> Run {
    let cluster = Scripted::new(move |url: &Url, nth| {
        assert_eq!(url.query(), Some("timeout=32s"), "{url}");
        script(url.path().strip_prefix("/base").unwrap(), nth)
    });
    let parts = Parts::new(Layout::Kubernetes);
    let journal = Journal::new(|| DateTime::UNIX_EPOCH);
    let began = Instant::now();
    let catalog = discover(&cluster, parts.settings(), &journal).await;
    let lines = journal.events().into_iter().map(|event| (event.level, event.message)).collect();
    Run { catalog, lines, cluster, took: began.elapsed() }
}

impl Run {
    /// The resources as `name@version`, with `!` where they cannot be listed.
    fn resources(&self) -> Vec<String> {
        let shown = |resource: &crate::model::catalog::Resource| {
            let cannot = if resource.verbs.iter().any(|verb| verb == "list") { "" } else { "!" };
            format!("{}@{}{cannot}", resource.id, resource.version)
        };
        self.catalog.as_ref().expect("a usable discovery").resources.iter().map(shown).collect()
    }

    fn stale(&self) -> Vec<String> {
        self.catalog.as_ref().unwrap().stale.iter().map(|stale| stale.part.to_string()).collect()
    }

    fn errors(&self) -> Vec<&str> {
        self.of(Level::Error)
    }

    fn warnings(&self) -> Vec<&str> {
        self.of(Level::Warn)
    }

    fn of(&self, wanted: Level) -> Vec<&str> {
        let lines = self.lines.iter().filter(|(level, _)| *level == wanted);
        lines.map(|(_, message)| message.as_str()).collect()
    }

    /// What was asked for below the base path, in order.
    fn asked(&self) -> Vec<String> {
        let sent = self.cluster.sent.lock().unwrap();
        sent.iter().map(|request| request.url.path().trim_start_matches("/base").to_owned()).collect()
    }
}

// --- documents, as a real server shapes them ----------------------------------------------------

/// An entry of aggregated discovery with two subresources.
fn resource(name: &str, verbs: &[&str]) -> String {
    let verbs = serde_json::json!(verbs);
    format!(
        r#"{{"resource":"{name}","responseKind":{{"group":"","version":"","kind":"K"}},"scope":"Namespaced","singularResource":"","verbs":{verbs},"shortNames":["x"],"subresources":[{{"subresource":"scale","responseKind":{{"group":"autoscaling","version":"v1","kind":"Scale"}},"verbs":["get"]}},{{"subresource":"status","responseKind":{{"group":"","version":"","kind":"K"}},"verbs":["get"]}}]}}"#
    )
}

fn listable(name: &str) -> String {
    resource(name, &["get", "list"])
}

fn version(name: &str, resources: &[String]) -> String {
    format!(r#"{{"version":"{name}","resources":[{}],"freshness":"Current"}}"#, resources.join(","))
}

fn group(name: &str, versions: &[String]) -> String {
    let metadata = if name.is_empty() {
        "{}".to_owned()
    } else {
        format!(r#"{{"name":"{name}","creationTimestamp":null}}"#)
    };
    format!(r#"{{"metadata":{metadata},"versions":[{}]}}"#, versions.join(","))
}

fn aggregated(groups: &[String]) -> Reply {
    Reply::ok(format!(
        r#"{{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","metadata":{{}},"items":[{}]}}"#,
        groups.join(",")
    ))
}

/// `/api` with these resources, all at once.
fn core(names: &[&str]) -> Reply {
    let resources: Vec<_> = names.iter().map(|name| listable(name)).collect();
    aggregated(&[group("", &[version("v1", &resources)])])
}

/// `/api` of a server that says no more than versions.
fn core_versions() -> Reply {
    Reply::ok(
        r#"{"kind":"APIVersions","versions":["v1"],"serverAddressByClientCIDRs":[{"clientCIDR":"0.0.0.0/0","serverAddress":"h:6443"}]}"#,
    )
}

/// `/apis` of such a server; each name is `group/version`, and one group's stand together.
fn group_list(names: &[&str]) -> Reply {
    let mut groups: Vec<(&str, Vec<String>)> = Vec::new();
    for name in names {
        let (group, version) = name.rsplit_once('/').unwrap();
        let entry = format!(r#"{{"groupVersion":"{name}","version":"{version}"}}"#);
        match groups.last_mut() {
            Some((last, versions)) if *last == group => versions.push(entry),
            _ => groups.push((group, vec![entry])),
        }
    }
    let groups: Vec<_> = groups
        .into_iter()
        .map(|(name, versions)| {
            format!(
                r#"{{"name":"{name}","versions":[{}],"preferredVersion":{}}}"#,
                versions.join(","),
                versions[0]
            )
        })
        .collect();
    Reply::ok(format!(r#"{{"kind":"APIGroupList","apiVersion":"v1","groups":[{}]}}"#, groups.join(",")))
}

/// The list of one version of a group, each resource with a subresource.
fn resource_list(group_version: &str, names: &[&str]) -> Reply {
    let entry = |name: &&str| {
        format!(
            r#"{{"name":"{name}","singularName":"","namespaced":true,"kind":"K","verbs":["get","list"],"storageVersionHash":"qwQve8ut294="}},{{"name":"{name}/status","singularName":"","namespaced":true,"group":"other.example.com","version":"v9","kind":"K","verbs":["get"]}}"#
        )
    };
    let entries: Vec<_> = names.iter().map(entry).collect();
    Reply::ok(format!(
        r#"{{"kind":"APIResourceList","apiVersion":"v1","groupVersion":"{group_version}","resources":[{}]}}"#,
        entries.join(",")
    ))
}

/// What a server without aggregated discovery answers, where every version of a group has one resource.
fn old(path: &str, groups: &[&str]) -> Reply {
    match path {
        "/api" => core_versions(),
        "/api/v1" => resource_list("v1", &["pods"]),
        "/apis" => group_list(groups),
        other => resource_list(other.trim_start_matches("/apis/"), &["things"]),
    }
}

fn refused(code: u16) -> Reply {
    Reply::Whole(code, format!(r#"{{"kind":"Status","message":"no {code}"}}"#))
}

// --- all at once --------------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn two_requests_are_enough_where_the_server_says_all_at_once() {
    let run = run(|path, _| match path {
        "/api" => core(&["pods", "services"]),
        "/apis" => aggregated(&[
            group("apps", &[version("v1", &[listable("deployments")])]),
            group("authentication.k8s.io", &[version("v1", &[resource("tokenreviews", &["create"])])]),
        ]),
        other => panic!("{other}"),
    })
    .await;
    let expected =
        ["pods@v1", "services@v1", "deployments.apps@v1", "tokenreviews.authentication.k8s.io@v1!"];
    assert_eq!(run.resources(), expected);
    assert_eq!(run.catalog.as_ref().unwrap().not_shown, 8, "two subresources of each");
    assert!(run.lines.is_empty() && run.stale().is_empty(), "{:?}", run.lines);
    let sent = run.cluster.sent.lock().unwrap();
    assert!(sent.len() == 2 && sent.iter().all(|request| request.accept == Accept::AggregatedDiscovery));
}

/// research/peers.md, 2: one API that is down spoils the whole discovery, or goes unnoticed.
#[tokio::test(start_paused = true)]
async fn pitfall_2_a_stale_group_is_an_error_and_the_rest_goes_on() {
    let run = run(|path, _| match path {
        "/api" => core(&["pods"]),
        _ => aggregated(&[
            group("apps", &[version("v1", &[listable("deployments")])]),
            // As a real server says it of an API that was never reached.
            group("metrics.k8s.io", &[r#"{"version":"v1beta1","freshness":"Stale"}"#.to_owned()]),
            // And of one that was reached before.
            group(
                "custom.example.com",
                &[version("v1", &[listable("widgets")]).replace("Current", "Stale"), version("v1beta1", &[])],
            ),
        ]),
    })
    .await;
    assert_eq!(run.resources(), ["pods@v1", "deployments.apps@v1", "widgets.custom.example.com@v1"]);
    assert_eq!(run.stale(), ["metrics.k8s.io/v1beta1", "custom.example.com/v1"]);
    assert_eq!(run.errors().len(), 2);
    assert!(run.errors()[0].starts_with("discovery: metrics.k8s.io/v1beta1: "), "{:?}", run.errors());
    assert!(run.errors()[1].starts_with("discovery: custom.example.com/v1: "), "{:?}", run.errors());
}

/// research/peers.md, 3: the same objects under several versions.
#[tokio::test(start_paused = true)]
async fn pitfall_3_a_resource_appears_once_at_the_first_version_that_can_list_it() {
    let run = run(|path, _| match path {
        "/api" => core(&["events"]),
        _ => aggregated(&[
            group(
                "autoscaling",
                &[
                    version("v2", &[listable("horizontalpodautoscalers")]),
                    version("v1", &[listable("horizontalpodautoscalers"), listable("olds")]),
                ],
            ),
            group(
                "x.example.com",
                &[
                    version("v3", &[resource("late", &["get"]), resource("never", &["create"])]),
                    version("v2", &[listable("late"), resource("never", &["get"])]),
                    version("v1", &[listable("late")]),
                ],
            ),
            group("events.k8s.io", &[version("v1", &[listable("events")])]),
        ]),
    })
    .await;
    let expected = [
        "events@v1",
        "horizontalpodautoscalers.autoscaling@v2",
        "olds.autoscaling@v1",
        "late.x.example.com@v2",
        "never.x.example.com@v3!",
        "events.events.k8s.io@v1",
    ];
    assert_eq!(run.resources(), expected);
    assert!(run.lines.is_empty(), "{:?}", run.lines);
}

/// research/peers.md, 4: one plural name in several groups.
#[tokio::test(start_paused = true)]
async fn pitfall_4_one_plural_name_in_two_groups_is_two_resources() {
    let run = run(|path, _| match path {
        "/api" => core(&["services"]),
        // `core` is a name like any other: the core group has none.
        _ => aggregated(&[
            group("serving.knative.dev", &[version("v1", &[listable("services")])]),
            group("core", &[version("v1", &[listable("services")])]),
        ]),
    })
    .await;
    assert_eq!(run.resources(), ["services@v1", "services.serving.knative.dev@v1", "services.core@v1"]);
    let files: Vec<_> =
        run.catalog.unwrap().resources.iter().map(|resource| resource.id.file_name()).collect();
    assert_eq!(files, ["services.json", "services.serving.knative.dev.json", "services.core.json"]);
}

/// research/peers.md, 5: subresources and what cannot be listed.
#[tokio::test(start_paused = true)]
async fn pitfall_5_subresources_are_counted_and_never_shown() {
    let placeholder = r#"{"resource":"namespaces","responseKind":{"group":"","version":"","kind":""},"scope":"Cluster","singularResource":"","verbs":[],"subresources":[{"subresource":"metrics","verbs":["get"]}]}"#;
    let bare = r#"{"resource":"bare","responseKind":null,"scope":"Cluster","verbs":["list"]}"#;
    let all = run(move |path, _| match path {
        "/api" => core(&["pods", "pods/log"]),
        _ => aggregated(&[group(
            "custom.metrics.k8s.io",
            &[version("v1beta1", &[placeholder.to_owned(), bare.to_owned()])],
        )]),
    })
    .await;
    assert_eq!(all.resources(), ["pods@v1", "bare.custom.metrics.k8s.io@v1beta1"]);
    // Two of pods, pods/log with two of its own, and one of what is no resource itself.
    assert_eq!(all.catalog.as_ref().unwrap().not_shown, 2 + 3 + 1);
    let each = run(|path, _| old(path, &["a.example.com/v1"])).await;
    assert_eq!(each.resources(), ["pods@v1", "things.a.example.com@v1"]);
    assert_eq!(each.catalog.as_ref().unwrap().not_shown, 2);
    assert!(all.lines.is_empty() && each.lines.is_empty(), "{:?} {:?}", all.lines, each.lines);
}

// --- group by group -----------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn a_server_from_before_aggregated_discovery_is_asked_group_by_group() {
    let run = run(|path, _| match path {
        "/apis/autoscaling/v2" => resource_list("autoscaling/v2", &["horizontalpodautoscalers"]),
        "/apis/autoscaling/v1" => resource_list("autoscaling/v1", &["horizontalpodautoscalers", "olds"]),
        path => old(path, &["apps/v1", "autoscaling/v2", "autoscaling/v1"]),
    })
    .await;
    let expected =
        ["pods@v1", "things.apps@v1", "horizontalpodautoscalers.autoscaling@v2", "olds.autoscaling@v1"];
    assert_eq!(run.resources(), expected, "in the order of the list, whoever answered first");
    assert!(run.lines.is_empty(), "{:?}", run.lines);
    assert_eq!(run.asked().len(), 6, "nothing twice: {:?}", run.asked());
    let sent = run.cluster.sent.lock().unwrap();
    let plain = sent.iter().filter(|request| request.accept == Accept::Json);
    assert_eq!(plain.count(), 4, "what is asked group by group is asked for plainly");
}

#[tokio::test(start_paused = true)]
async fn one_root_may_be_aggregated_and_the_other_not() {
    let named = |path: &str| match path {
        "/apis" => aggregated(&[group("apps", &[version("v1", &[listable("things")])])]),
        other => panic!("{other}"),
    };
    let one = run(move |path, _| if path.starts_with("/apis") { named(path) } else { old(path, &[]) }).await;
    let other = run(|path, _| if path == "/api" { core(&["pods"]) } else { old(path, &["apps/v1"]) }).await;
    for run in [one, other] {
        assert_eq!(run.resources(), ["pods@v1", "things.apps@v1"]);
        assert!(run.lines.is_empty(), "{:?}", run.lines);
    }
}

/// research/peers.md, 2: what old servers, and what stands before them, make of a form that they do not know.
#[tokio::test(start_paused = true)]
async fn pitfall_2_an_empty_or_odd_answer_is_not_taken_for_an_empty_cluster() {
    const EMPTY: &str =
        r#"{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","items":[]}"#;
    for odd in [
        EMPTY,
        r#"{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2beta1","items":null}"#,
        r#"{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v2","items":[{"metadata":{},"versions":[]}]}"#,
        r#"{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/v3","items":[{}]}"#,
        r#"{"kind":"APIGroupList","groups":[]}"#,
        r#"{"kind":"APIVersions","versions":null}"#,
        r#"{"kind":"Status","status":"Success"}"#,
        "{}",
        "[]",
        "<html>",
        "",
    ] {
        let run = run(move |path, nth| match (path, nth) {
            ("/api" | "/apis", 0) => Reply::ok(odd),
            _ => old(path, &["apps/v1"]),
        })
        .await;
        assert_eq!(run.resources(), ["pods@v1", "things.apps@v1"], "{odd}");
        assert_eq!((run.errors().len(), run.warnings().len()), (0, 2), "{odd}: {:?}", run.lines);
    }
    // Nor if it says so both times.
    let run = run(|path, _| if path == "/api" { Reply::ok(EMPTY) } else { old(path, &["apps/v1"]) }).await;
    assert_eq!(run.catalog, None);
    assert!(run.errors()[0].contains("not one resource of the core group"), "{:?}", run.lines);
}

#[tokio::test(start_paused = true)]
async fn a_form_that_leads_nowhere_is_not_asked_for_again() {
    let large = Reply::With(200, ("content-length", "99999999"), String::new());
    for reply in [Reply::Whole(406, String::new()), large, Reply::ok("[".repeat(200))] {
        let run = run(move |path, nth| match (path, nth) {
            ("/apis", 0) => reply.clone(),
            _ => old(path, &["apps/v1"]),
        })
        .await;
        assert_eq!(run.resources(), ["pods@v1", "things.apps@v1"]);
        assert_eq!((run.errors().len(), run.warnings().len()), (0, 1), "{:?}", run.lines);
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_core_group_there_is_no_discovery() {
    type Core = fn(&str) -> Reply;
    let cases: [(&str, Core, &str); 5] = [
        ("forbidden", |_| refused(403), "GET https://h/base/api?timeout=32s: 403 Forbidden: no 403"),
        ("gone", |_| refused(404), "404 Not Found"),
        (
            "no versions",
            |_| Reply::ok(r#"{"kind":"APIVersions","versions":[]}"#),
            "not one resource of the core",
        ),
        (
            "nothing in it",
            |_| aggregated(&[group("", &[version("v1", &[])])]),
            "not one resource of the core",
        ),
        (
            "its version is down",
            |path| if path == "/api" { core_versions() } else { refused(503) },
            "not one resource of the core",
        ),
    ];
    for (case, reply, error) in cases {
        let run = run(move |path, _| {
            if path.starts_with("/apis") {
                aggregated(&[group("apps", &[version("v1", &[listable("things")])])])
            } else {
                reply(path)
            }
        })
        .await;
        assert_eq!(run.catalog, None, "{case}");
        assert!(run.errors().last().unwrap().contains(error), "{case}: {:?}", run.lines);
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_other_groups_the_core_group_is_there() {
    for (reply, words) in
        [(refused(403), "403 Forbidden: no 403"), (Reply::Silence, "no complete answer within 30s")]
    {
        let run = run(move |path, _| if path == "/api" { core(&["pods"]) } else { reply.clone() }).await;
        assert_eq!(run.resources(), ["pods@v1"]);
        assert_eq!(run.stale(), ["*"]);
        let [error] = run.errors()[..] else { panic!("{:?}", run.lines) };
        assert!(error.starts_with("discovery: GET https://h/base/apis?timeout=32s: "), "{error}");
        assert!(error.contains(words) || run.took == DISCOVERY, "{error}");
    }
}

/// research/peers.md, 2: metrics.k8s.io answers 503, hangs, drips, says garbage.
#[tokio::test(start_paused = true)]
async fn pitfall_2_a_broken_group_costs_only_itself_and_little_time() {
    let drip = Reply::Chunks(vec![(Duration::from_secs(3), " ".to_owned()); 1_000]);
    let many = vec![r#"{"name":"a","namespaced":true,"kind":"A","verbs":["list"]}"#; 10_001].join(",");
    for (reply, words) in [
        (refused(503), "503 Service Unavailable: no 503 ("),
        (
            Reply::With(503, ("retry-after", "3600"), String::new()),
            "asks to wait 1h, which is beyond the time that one",
        ),
        (refused(403), "403 Forbidden: no 403"),
        (Reply::Silence, "no answer within"),
        (drip, "no answer within"),
        (Reply::Whole(503, "service unavailable\n".to_owned()), "503 Service Unavailable ("),
        (Reply::ok("<html>"), "is not its APIResourceList: it is not JSON"),
        (Reply::ok(r#"{"kind":"APIResourceList"}"#), "missing field `resources`"),
        (resource_list("apps/v1", &["deployments"]), "its `groupVersion` is `apps/v1`"),
        (resource_list("v1", &["pods"]), "its `groupVersion` is `v1`"),
        (Reply::ok(format!(r#"{{"resources":[{many}]}}"#)), "more than 10000 entries"),
        (Reply::ok("[".repeat(1_000)), "nested more than 100 levels"),
        (Reply::ok(r#"{"resources":[],}"#), "trailing comma"),
        (Reply::With(302, ("location", "https://elsewhere"), String::new()), "redirects are not followed"),
    ] {
        let run = run(move |path, _| match path {
            "/apis/metrics.k8s.io/v1beta1" => reply.clone(),
            path => old(path, &["metrics.k8s.io/v1beta1", "apps/v1", "batch/v1"]),
        })
        .await;
        assert_eq!(run.resources(), ["pods@v1", "things.apps@v1", "things.batch@v1"], "{words}");
        assert_eq!(run.stale(), ["metrics.k8s.io/v1beta1"], "{words}");
        let [error] = run.errors()[..] else { panic!("{:?}", run.lines) };
        let start =
            "discovery: metrics.k8s.io/v1beta1: GET https://h/base/apis/metrics.k8s.io/v1beta1?timeout=32s: ";
        assert!(error.starts_with(start) && error.contains(words), "{words}: {error}");
        assert!(run.took <= DISCOVERY * 3 / 8, "{words}: {:?}", run.took);
    }
}

#[tokio::test(start_paused = true)]
async fn many_broken_groups_hold_up_the_others_for_one_short_try_each() {
    let names: Vec<String> = (0..24).map(|number| format!("g{number}.example.com/v1")).collect();
    let run = run(move |path, _| {
        let broken = path.split(['/', '.']).nth(2).and_then(|group| group.strip_prefix('g')?.parse().ok());
        match broken {
            Some(0..12) => Reply::Silence,
            _ => old(path, &names.iter().map(String::as_str).collect::<Vec<_>>()),
        }
    })
    .await;
    assert_eq!(run.resources().len(), 1 + 12);
    assert_eq!((run.stale().len(), run.errors().len()), (12, 12));
    assert!(run.took <= DISCOVERY * 5 / 8, "{:?}", run.took);
}

#[tokio::test(start_paused = true)]
async fn what_fails_at_first_is_made_good_after_all_others_had_their_turn() {
    let run = run(|path, nth| match (path, nth) {
        ("/api", 0) | ("/apis/a.example.com/v1", 0..=1) => refused(503),
        _ => old(path, &["a.example.com/v1", "b.example.com/v1", "c.example.com/v1"]),
    })
    .await;
    assert_eq!(run.resources().len(), 4);
    assert_eq!(run.errors(), [""; 0]);
    assert_eq!(run.warnings().len(), 2, "{:?}", run.lines);
    assert!(run.warnings().iter().all(|line| line.ends_with("; made good by another try")));
    let asked = run.asked();
    let at = |path: &str| asked.iter().rposition(|asked| asked == path).unwrap();
    assert!(at("/apis/a.example.com/v1") > at("/apis/c.example.com/v1"), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn when_time_is_over_the_rest_is_named_once() {
    let names: Vec<String> = (0..40).map(|number| format!("g{number}.example.com/v1")).collect();
    let run = run(move |path, _| {
        if path.starts_with("/apis/") {
            return Reply::Silence;
        }
        old(path, &names.iter().map(String::as_str).collect::<Vec<_>>())
    })
    .await;
    assert_eq!(run.resources(), ["pods@v1"]);
    assert_eq!(run.stale().len(), 40);
    assert_eq!(run.took, DISCOVERY);
    let not_asked: Vec<_> =
        run.errors().into_iter().filter(|line| line.contains("discovery's time was over: ")).collect();
    assert_eq!(not_asked.len(), 1, "{:?}", run.lines);
}

// --- hostile answers ----------------------------------------------------------------------------

#[tokio::test(start_paused = true)]
async fn so_many_requests_and_no_more() {
    // Group by group.
    let names: Vec<String> = (0..3_000).map(|number| format!("g{number}.example.com/v1")).collect();
    let each = run(move |path, _| old(path, &names.iter().map(String::as_str).collect::<Vec<_>>())).await;
    // The two roots, and the core group's version.
    assert_eq!(each.asked().len(), 3 + GROUP_VERSIONS);
    assert_eq!(each.resources().len(), 1 + GROUP_VERSIONS);
    assert_eq!((each.stale().len(), each.errors().len()), (3_000 - GROUP_VERSIONS, 1), "{:?}", each.errors());
    // All at once, groups with nothing in them cost nothing.
    let empty: Vec<_> = (0..10_000).map(|number| group(&format!("g{number}.example.com"), &[])).collect();
    let at_once = run(move |path, nth| match (path, nth) {
        ("/api", _) => core(&["pods"]),
        ("/apis", 0) => aggregated(&empty),
        _ => Reply::ok(r#"{"kind":"APIGroupList","groups":[]}"#),
    })
    .await;
    assert_eq!((at_once.asked().len(), at_once.resources().len()), (3, 1));
    assert_eq!(at_once.warnings().len(), 2, "{:?}", at_once.lines);
}

#[tokio::test(start_paused = true)]
async fn what_has_a_bad_name_is_an_error_if_it_can_be_listed() {
    let mut groups = Vec::new();
    for name in ["", "../../x", "A.example.com", "a..b", "a/b", &"a".repeat(300)] {
        groups.push(group(name, &[version("v1", &[listable("bad"), resource("no", &["get"])])]));
        groups.push(group(name, &[version("v1", &[resource("no", &["get"])])]));
    }
    groups.push(group(
        "good.example.com",
        &[
            version("../v1", &[listable("bad")]),
            version("v/1", &[resource("no", &["get"])]),
            version("v1", &[listable("../x"), resource("../y", &["get"]), listable("good")]),
            version(
                "v2",
                &[listable("odd").replace("Namespaced", "Global"), r#"["a"]"#.to_owned(), "7".to_owned()],
            ),
            "7".to_owned(),
        ],
    ));
    groups.push("[]".to_owned());
    let run = run(move |path, _| if path == "/api" { core(&["pods"]) } else { aggregated(&groups) }).await;
    assert_eq!(run.resources(), ["pods@v1", "good.good.example.com@v1"]);
    // Six groups; a version and one that is no object; a name, a scope, two that are no objects; a group that is none.
    assert_eq!(run.errors().len(), 6 + 2 + 4 + 1, "{:#?}", run.errors());
    assert!(run.errors().iter().all(|line| line.starts_with("discovery: ") && line.len() < 400));
}

#[tokio::test(start_paused = true)]
async fn a_group_where_it_does_not_belong_is_left_out() {
    let run = run(|path, _| match path {
        "/api" => aggregated(&[
            group("apps", &[version("v1", &[listable("deployments")])]),
            group("", &[version("v1", &[listable("pods")])]),
        ]),
        _ => aggregated(&[
            group("", &[version("v1", &[listable("secrets")])]),
            group("apps", &[version("v1", &[listable("deployments")])]),
        ]),
    })
    .await;
    assert_eq!(run.resources(), ["pods@v1", "deployments.apps@v1"]);
    assert_eq!(run.errors().len(), 2, "{:?}", run.lines);
}

#[tokio::test(start_paused = true)]
async fn of_groups_and_versions_that_are_listed_twice_the_first_counts() {
    let (one, other) = (version("v1", &[listable("ones")]), version("v1", &[listable("others")]));
    let all = run(move |path, _| match path {
        "/api" => core(&["pods"]),
        _ => aggregated(&[
            group("a.example.com", &[one.clone(), one.clone(), other.clone()]),
            group("b.example.com", std::slice::from_ref(&one)),
            group("b.example.com", std::slice::from_ref(&one)),
            group("b.example.com", std::slice::from_ref(&other)),
        ]),
    })
    .await;
    assert_eq!(all.resources(), ["pods@v1", "ones.a.example.com@v1", "ones.b.example.com@v1"]);
    assert_eq!((all.errors().len(), all.warnings().len()), (2, 2), "{:?}", all.lines);
    let each = run(|path, _| {
        old(path, &["a.example.com/v1", "a.example.com/v1", "b.example.com/v1", "a.example.com/v2"])
    })
    .await;
    assert_eq!(each.resources(), ["pods@v1", "things.a.example.com@v1", "things.b.example.com@v1"]);
    assert_eq!((each.errors().len(), each.warnings().len()), (1, 1), "{:?}", each.lines);
    assert_eq!(each.asked().len(), 5, "{:?}", each.asked());
}

#[tokio::test(start_paused = true)]
async fn a_group_that_would_fill_the_catalog_is_left_out_and_the_rest_goes_on() {
    let many = |count: usize| {
        let resources: Vec<_> = (0..count).map(|number| listable(&format!("r{number}"))).collect();
        version("v1", &resources)
    };
    let huge = |bytes| {
        version(
            "v1",
            &[listable("huge").replacen(r#""kind":"K""#, &format!(r#""kind":"{}""#, "K".repeat(bytes)), 1)],
        )
    };
    let groups = [
        group("a.example.com", &[many(6_000)]),
        group("b.example.com", &[many(5_000)]),
        group("c.example.com", &[huge(9 << 20)]),
        group("d.example.com", &[huge(9 << 20)]),
        group("e.example.com", &[many(2)]),
    ];
    let run = run(move |path, _| if path == "/api" { core(&["pods"]) } else { aggregated(&groups) }).await;
    assert_eq!(run.resources().len(), 1 + 6_000 + 1 + 2, "{:?}", run.lines);
    assert_eq!(run.stale(), ["b.example.com/v1", "d.example.com/v1"]);
    let [entries, bytes] = run.errors()[..] else { panic!("{:?}", run.lines) };
    assert!(
        entries.contains("more than 10000 entries") && bytes.contains("more than 16777216 bytes of text")
    );
}

#[tokio::test(start_paused = true)]
async fn all_answers_together_have_one_limit() {
    let run = run(|path, _| match path {
        "/apis/a.example.com/v1" | "/apis/b.example.com/v1" | "/apis/c.example.com/v1" => {
            Reply::ok(format!(r#"{{"resources":[],"note":"{}"}}"#, "x".repeat(15 << 20)))
        }
        path => old(path, &["a.example.com/v1", "b.example.com/v1", "c.example.com/v1", "d.example.com/v1"]),
    })
    .await;
    assert_eq!(run.resources(), ["pods@v1", "things.d.example.com@v1"]);
    let [error] = run.errors()[..] else { panic!("{:?}", run.lines) };
    assert!(error.ends_with("the answer exceeds the limit of discovery (33554432 bytes)"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn groups_and_versions_cannot_fill_memory() {
    // Two bytes each, and each of them wrong.
    let sevens = vec!["7"; 9_000].join(",");
    let all: Vec<_> =
        (0..2).map(|nth| group(&format!("g{nth}.example.com"), std::slice::from_ref(&sevens))).collect();
    let names = format!(r#"{{"name":"a","versions":[{sevens}]}},{{"name":"b","versions":[{sevens}]}}"#);
    let run = run(move |path, nth| match (path, nth) {
        ("/api", _) => core(&["pods"]),
        ("/apis", 0) => aggregated(&all),
        _ => Reply::ok(format!(r#"{{"kind":"APIGroupList","groups":[{names}]}}"#)),
    })
    .await;
    assert_eq!((run.resources().len(), run.stale()), (1, vec!["*".to_owned()]));
    assert_eq!((run.warnings().len(), run.errors().len()), (1, 1), "{:?}", run.lines.len());
    for line in [run.warnings()[0], run.errors()[0]] {
        assert!(line.contains("more than 10000 groups and versions"), "{line}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_credential_that_a_server_repeats_is_in_no_line_and_no_reason() {
    use crate::cluster::scripted::SECRET;
    let said = format!(r#"{{"kind":"Status","message":"{SECRET}"}}"#);
    let run = run(move |path, _| match path {
        "/apis/a.example.com/v1" => Reply::Whole(403, said.clone()),
        "/apis/b.example.com/v1" => Reply::ok(format!(r#"{{"kind":"{SECRET}"}}"#)),
        path => old(path, &["a.example.com/v1", "b.example.com/v1"]),
    })
    .await;
    assert_eq!(run.errors().len(), 2);
    let whys: Vec<_> = run.catalog.as_ref().unwrap().stale.iter().map(|stale| stale.why.clone()).collect();
    assert_eq!(whys.len(), 2);
    for text in whys.iter().map(String::as_str).chain(run.errors()) {
        assert!(!text.contains(SECRET) && text.contains("(the token)"), "{text}");
    }
}

// --- whether the namespace exists ---------------------------------------------------------------

async fn existence(script: impl Fn(usize) -> Reply + Send + Sync + 'static) -> (Existence, usize) {
    let cluster = Scripted::new(move |url: &Url, nth| {
        assert_eq!(url.as_str(), "https://h/base/api/v1/namespaces/shop");
        script(nth)
    });
    let parts = Parts::new(Layout::Kubernetes);
    let journal = Journal::new(|| DateTime::UNIX_EPOCH);
    let existence = namespace_exists(&cluster, parts.settings(), &"shop".parse().unwrap(), &journal).await;
    assert_eq!(journal.count(Level::Error), 0, "that is for the caller to tell");
    (existence, journal.count(Level::Warn))
}

#[tokio::test(start_paused = true)]
async fn a_namespace_exists_is_absent_or_unknown() {
    let shop = || {
        Reply::ok(
            r#"{"kind":"Namespace","apiVersion":"v1","metadata":{"name":"shop","uid":"5dc9"},"spec":{"finalizers":["kubernetes"]},"status":{"phase":"Terminating"}}"#,
        )
    };
    assert_eq!(existence(move |_| shop()).await, (Existence::Exists, 0));
    assert_eq!(
        existence(move |nth| if nth < 2 { refused(503) } else { shop() }).await,
        (Existence::Exists, 1)
    );
    let absent = r#"{"kind":"Status","status":"Failure","message":"namespaces \"shop\" not found","reason":"NotFound","details":{"name":"shop","kind":"namespaces"},"code":404}"#;
    assert_eq!(existence(move |_| Reply::Whole(404, absent.to_owned())).await, (Existence::Absent, 0));
    let unknown: [(Reply, &str); 8] = [
        (Reply::Whole(404, "404 page not found".to_owned()), "404 Not Found"),
        (refused(403), "GET https://h/base/api/v1/namespaces/shop: 403 Forbidden: no 403"),
        (refused(401), "401 Unauthorized"),
        (refused(503), "503 Service Unavailable: no 503 ("),
        (Reply::Silence, "no complete answer within 30s"),
        (Reply::ok(r#"{"kind":"NamespaceList","items":[]}"#), "not that namespace"),
        (Reply::ok(r#"{"kind":"Namespace","metadata":{"name":"other"}}"#), "not that namespace"),
        (Reply::ok(r#"["Namespace",{"name":"shop"}]"#), "not that namespace"),
    ];
    for (reply, words) in unknown {
        let (existence, _) = existence(move |_| reply.clone()).await;
        let Existence::Unknown(why) = existence else { panic!("{words}: {existence:?}") };
        assert!(why.contains(words), "{words}: {why}");
    }
}

// --- layout kata --------------------------------------------------------------------------------

#[test]
fn the_answer_is_read_by_a_thread_that_may_block() {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().max_blocking_threads(1).build().unwrap();
    let journal = Journal::new(|| DateTime::UNIX_EPOCH);
    let in_the_background = journal.clone();
    runtime.block_on(async {
        let (free, occupied) = mpsc::channel::<()>();
        // The only thread that may block has other work for now.
        let occupant = spawn_blocking(move || occupied.recv());
        let discovery = tokio::spawn(async move {
            let cluster = Scripted::new(|_, _| Reply::ok(r#"{"groupVersion":"v1","resources":[{}]}"#));
            let parts = Parts::new(Layout::Kata);
            discover(&cluster, parts.settings(), &in_the_background).await
        });
        // More often than the script has pauses.
        for _ in 0..10_000 {
            yield_now().await;
        }
        assert!(!discovery.is_finished(), "the answer was read on a thread that others need");
        free.send(()).unwrap();
        occupant.await.unwrap().unwrap();
        assert!(discovery.await.unwrap().is_some());
    });
    assert_eq!(journal.events().len(), 1, "an entry was bad");
}
