//! What other recorders stumbled over, from outside, in layout `kubernetes`: each test is named after the pitfall
//! that it stands for. (Their numbers are those of the list that this project began with; what
//! each is about is in its test's name.)

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::binary::Minutebook;
use crate::support::http::{Reply, Request};
use crate::support::oracle::{Cycle, Target};
use crate::support::scene::Scene;
use crate::support::stand_in::StandIn;

const FOLDERS: [&str; 3] = ["api.test", "prod", "shop"];
const LISTED: &[&str] = &["get", "list", "watch"];

/// A namespaced resource, as aggregated discovery has it.
fn namespaced(name: &str, kind: &str, verbs: &[&str]) -> Value {
    json!({
        "resource": name, "scope": "Namespaced", "singularResource": kind.to_lowercase(), "verbs": verbs,
        "responseKind": {"group": "", "version": "", "kind": kind},
    })
}

/// A group with one version.
fn group(name: &str, version: &str, resources: &[Value]) -> Value {
    let version = json!({"version": version, "freshness": "Current", "resources": resources});
    json!({"metadata": {"name": name, "creationTimestamp": null}, "versions": [version]})
}

fn aggregated(groups: &[Value]) -> Reply {
    let list = json!({
        "kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/v2", "metadata": {}, "items": groups,
    });
    let kind = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList";
    Reply::json(list.to_string()).with_header("Content-Type", kind)
}

/// A list with one object of this name.
fn list_of(name: &str) -> String {
    json!({
        "kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "7"},
        "items": [{"metadata": {"name": name, "uid": format!("uid-of-{name}")}}],
    })
    .to_string()
}

fn forbidden(what: &str) -> Reply {
    Reply::refusal(403, "Forbidden", &format!("{what} is forbidden: User \"me\" cannot"))
}

/// A cluster whose core group and other groups are these, with a namespace `shop` and a list at every other path.
struct World {
    core: Vec<Value>,
    groups: Vec<Value>,
    replies: BTreeMap<&'static str, Reply>,
}

impl World {
    fn of(core: &[Value], groups: &[Value]) -> World {
        let namespace = r#"{"kind":"Namespace","apiVersion":"v1","metadata":{"name":"shop"}}"#;
        let replies = BTreeMap::from([("/api/v1/namespaces/shop", Reply::json(namespace))]);
        // Every cluster has these, and they are in no namespace.
        let cluster_wide = |name: &str, kind: &str| {
            let mut resource = namespaced(name, kind, LISTED);
            resource["scope"] = "Cluster".into();
            resource
        };
        let core = [core, &[cluster_wide("namespaces", "Namespace")]].concat();
        let definitions = cluster_wide("customresourcedefinitions", "CustomResourceDefinition");
        let groups = [groups, &[group("apiextensions.k8s.io", "v1", &[definitions])]].concat();
        World { core, groups, replies }
    }

    fn at(mut self, path: &'static str, reply: Reply) -> World {
        self.replies.insert(path, reply);
        self
    }

    fn answer(&self, request: &Request) -> Reply {
        if let Some(reply) = self.replies.get(request.path()) {
            return reply.clone();
        }
        match request.path() {
            "/api" => aggregated(&[group("", "v1", &self.core)]),
            "/apis" => aggregated(&self.groups),
            path => Reply::json(list_of(path.rsplit('/').next().unwrap_or_default())),
        }
    }

    fn scene(self) -> Scene {
        scene(move |request| self.answer(request))
    }
}

/// A server beside a kubeconfig that leads to it.
fn scene(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Scene {
    let scene = Scene::with(StandIn::start(handler));
    let kubeconfig = json!({
        "apiVersion": "v1", "kind": "Config", "current-context": "here",
        "clusters": [{"name": "prod", "cluster": {"server": scene.server.url()}}],
        "users": [{"name": "me", "user": {}}],
        "contexts": [{"name": "here", "context": {"cluster": "prod", "user": "me", "namespace": "shop"}}],
    });
    scene.write("kubeconfig", &kubeconfig.to_string());
    scene
}

fn run(scene: &Scene) -> Minutebook {
    scene.minutebook().args([
        "run",
        "--kubeconfig",
        "kubeconfig",
        "--host",
        "api.test",
        "--audit-dir",
        "audit",
    ])
}

/// One cycle with the time of an interval of three seconds.
fn run_once(scene: &Scene) -> Minutebook {
    run(scene).args(["--once", "--interval", "3s"])
}

/// The cycles of these folders, checked.
fn cycles(scene: &Scene, folders: [&str; 3]) -> Vec<Cycle> {
    Target::new(&scene.audit(), folders, Duration::from_secs(3)).check()
}

/// One cycle that ends with this code.
fn once(scene: &Scene, code: i32) -> Cycle {
    run_once(scene).run().expect_code(code);
    cycles(scene, FOLDERS).pop().expect("there is a cycle")
}

fn files(cycle: &Cycle) -> Vec<String> {
    cycle.files().into_keys().collect()
}

#[test]
fn pitfalls_3_and_4_the_same_objects_twice_and_the_same_name_in_two_groups() {
    let core = [
        namespaced("services", "Service", LISTED),
        namespaced("events", "Event", LISTED),
        namespaced("configmaps", "ConfigMap", LISTED),
    ];
    let groups = [
        group("events.k8s.io", "v1", &[namespaced("events", "Event", LISTED)]),
        group("serving.example.org", "v1", &[namespaced("services", "Service", LISTED)]),
        group("apps", "v1", &[namespaced("deployments", "Deployment", LISTED)]),
    ];
    let scene = World::of(&core, &groups).scene();
    let cycle = once(&scene, 0);
    let expected = [
        "configmaps.json",
        "deployments.apps.json",
        "events.json",
        "services.json",
        "services.serving.example.org.json",
    ];
    assert_eq!(files(&cycle), expected, "{}", cycle.log);
    let asked = |path: &str| scene.server.targets().iter().any(|target| target.starts_with(path));
    assert!(asked("/apis/serving.example.org/v1/namespaces/shop/services?limit=500"));
    assert!(!asked("/apis/events.k8s.io/v1/namespaces"), "the same objects are not fetched twice");
    for request in scene.server.requests() {
        assert!(!request.target.contains("resourceVersion"), "reads are consistent: {}", request.target);
        assert_eq!(request.header("accept-encoding"), Some("gzip"));
        let agent = request.header("user-agent").unwrap_or_default();
        assert!(agent.starts_with(concat!("minutebook/", env!("CARGO_PKG_VERSION"))), "{agent}");
    }
}

#[test]
fn pitfall_2_a_group_that_is_down_costs_only_itself() {
    let down = json!({
        "metadata": {"name": "metrics.k8s.io"},
        "versions": [{"version": "v1beta1", "freshness": "Stale", "resources": []}],
    });
    let scene = World::of(&[namespaced("configmaps", "ConfigMap", LISTED)], &[down]).scene();
    let cycle = once(&scene, 3);
    assert_eq!(files(&cycle), ["configmaps.json"]);
    let [line] = &cycle.lines("ERROR")[..] else { panic!("{}", cycle.log) };
    assert!(line.contains("metrics.k8s.io/v1beta1"), "{line}");
    assert_eq!(cycle.manifest.value["stale"][0]["group"], "metrics.k8s.io");

    // A server of before 1.26, where each group is asked by itself.
    let v1 = r#"{"kind":"APIResourceList","groupVersion":"v1","resources":[{"name":"pods","namespaced":true,"kind":"Pod","verbs":["list"]}]}"#;
    let groups = r#"{"kind":"APIGroupList","apiVersion":"v1","groups":[{"name":"metrics.k8s.io","versions":[{"groupVersion":"metrics.k8s.io/v1beta1","version":"v1beta1"}]}]}"#;
    let scene = World::of(&[], &[])
        .at("/api", Reply::json(r#"{"kind":"APIVersions","versions":["v1"]}"#))
        .at("/api/v1", Reply::json(v1))
        .at("/apis", Reply::json(groups))
        .at("/apis/metrics.k8s.io/v1beta1", Reply::refusal(404, "NotFound", "the server could not find it"))
        .scene();
    let cycle = once(&scene, 3);
    assert_eq!(files(&cycle), ["pods.json"]);
    assert!(cycle.lines("ERROR")[0].contains("/apis/metrics.k8s.io/v1beta1"), "{}", cycle.log);
}

#[test]
fn pitfall_5_what_cannot_be_listed_is_told_and_not_asked_for() {
    let core = [
        namespaced("configmaps", "ConfigMap", LISTED),
        namespaced("bindings", "Binding", &["create"]),
        namespaced("pods/log", "Pod", LISTED),
    ];
    let scene = World::of(&core, &[]).scene();
    run_once(&scene).args(["--filter-settings", r#"{"include": ["bindings"]}"#]).run().expect_code(3);
    let cycle = cycles(&scene, FOLDERS).pop().expect("there is a cycle");
    let [line] = &cycle.lines("ERROR")[..] else { panic!("{}", cycle.log) };
    assert!(line.contains(" bindings it is selected, but cannot be listed"), "{line}");
    assert!(
        !scene.server.targets().iter().any(|target| target.contains("bindings") || target.contains("log"))
    );
    assert_eq!(cycle.manifest.outcome("bindings")["why"], "not listable");
}

#[test]
fn pitfall_6_secrets_stay_out_whatever_the_filter_says() {
    let secret = || World::of(&[namespaced("secrets", "Secret", LISTED)], &[]).scene();
    let scene = secret();
    let cycle = once(&scene, 0);
    assert_eq!(files(&cycle), [""; 0]);
    assert_eq!(cycle.lines("WARN").len(), 1, "{}", cycle.log);
    let outcome = cycle.manifest.outcome("secrets");
    assert_eq!((&outcome["recorded"], &outcome["why"]), (&json!(false), &json!("withheld")));
    assert!(!scene.server.targets().iter().any(|target| target.contains("secrets")));

    let scene = secret();
    run_once(&scene).args(["--include-secrets-in-clear"]).run().expect_code(0);
    let cycle = cycles(&scene, FOLDERS).pop().expect("there is a cycle");
    assert_eq!(files(&cycle), ["secrets.json"]);
}

#[test]
fn pitfall_7_forbidden_empty_absent_and_unknown_are_different_facts() {
    let core = || [namespaced("configmaps", "ConfigMap", LISTED), namespaced("pods", "Pod", LISTED)];
    let empty = Reply::json(r#"{"kind":"List","metadata":{},"items":[]}"#);

    // Not there: asking for its lists would succeed.
    let gone = json!({
        "kind": "Status", "status": "Failure", "message": "namespaces \"shop\" not found", "reason": "NotFound",
        "details": {"name": "shop", "kind": "namespaces"}, "code": 404,
    });
    let gone = Reply::typed(404, "application/json", gone.to_string());
    let scene = World::of(&core(), &[]).at("/api/v1/namespaces/shop", gone).scene();
    let cycle = once(&scene, 3);
    assert_eq!(files(&cycle), [""; 0]);
    let [line] = &cycle.lines("ERROR")[..] else { panic!("{}", cycle.log) };
    assert!(line.contains("the namespace `shop` does not exist"), "{line}");
    assert_eq!(cycle.manifest.value["target"]["existence"], "absent");
    assert_eq!(cycle.manifest.outcome("pods")["why"], "absent");
    let check = ["config", "check", "--connect", "--kubeconfig", "kubeconfig", "--audit-dir", "audit"];
    let checked = scene.minutebook().args(check).run().expect_code(2);
    assert!(checked.stderr.contains("the namespace `shop` does not exist"), "{checked:?}");

    // One may not ask whether it is there; one list is forbidden and the other is empty.
    let scene = World::of(&core(), &[])
        .at("/api/v1/namespaces/shop", forbidden("namespaces \"shop\""))
        .at("/api/v1/namespaces/shop/pods", forbidden("pods"))
        .at("/api/v1/namespaces/shop/configmaps", empty)
        .scene();
    let cycle = once(&scene, 3);
    assert_eq!(cycle.manifest.value["target"]["existence"], "unknown");
    assert_eq!(cycle.manifest.outcome("pods")["why"], "forbidden");
    assert_eq!(cycle.manifest.outcome("configmaps")["objects"], 0);
    assert!(!cycle.log.contains("minutebook rbac"), "{}", cycle.log);

    // Nothing at all may be listed.
    let scene = World::of(&core(), &[])
        .at("/api/v1/namespaces/shop/pods", forbidden("pods"))
        .at("/api/v1/namespaces/shop/configmaps", forbidden("configmaps"))
        .scene();
    let cycle = once(&scene, 3);
    assert_eq!(cycle.manifest.value["target"]["existence"], "exists");
    let errors = cycle.lines("ERROR");
    assert_eq!(errors.len(), 3, "{}", cycle.log);
    assert!(
        errors[2].contains("everything that was asked for is forbidden")
            && errors[2].contains("minutebook rbac")
    );
}

#[test]
fn pitfall_8_names_are_utc_in_every_zone_and_nothing_is_overwritten() {
    let scene = World::of(&[namespaced("pods", "Pod", LISTED)], &[]).scene();
    for zone in ["Pacific/Kiritimati", "America/New_York", ":/nowhere"] {
        run_once(&scene).env("TZ", zone).run().expect_code(0);
    }
    // The oracle compares each name with the instant in its log, which says `Z`.
    let cycles = cycles(&scene, FOLDERS);
    assert_eq!(cycles.len(), 3, "three runs within seconds");
    for cycle in cycles {
        assert!((0..=3).contains(&(cycle.named - cycle.began)), "{cycle:?}");
    }
}

#[test]
fn pitfall_14_what_is_new_is_in_the_next_cycle_and_errors_are_no_success() {
    static INSTALLED: AtomicBool = AtomicBool::new(false);
    let core = vec![namespaced("pods", "Pod", LISTED)];
    let custom = group("example.org", "v1", &[namespaced("widgets", "Widget", LISTED)]);
    let (before, after) = (World::of(&core, &[]), World::of(&core, &[custom]));
    let scene = scene(move |request| {
        let world = if INSTALLED.load(Ordering::Relaxed) { &after } else { &before };
        world.answer(request)
    });
    let target = Target::new(&scene.audit(), FOLDERS, Duration::from_secs(1));
    let mut running = run(&scene).args(["--interval", "1s"]).start();
    running.until("one cycle is recorded", || target.committed() > 0);
    INSTALLED.store(true, Ordering::Relaxed);
    let before = target.committed();
    running.until("two more are", || target.committed() > before + 1);
    running.signal(Signal::TERM);
    running.wait(Duration::from_secs(10)).expect_code(0);
    let cycles = target.check();
    assert_eq!(files(&cycles[0]), ["pods.json"]);
    assert_eq!(files(&cycles[before + 1]), ["pods.json", "widgets.example.org.json"]);

    let failing =
        World::of(&core, &[]).at("/api/v1/namespaces/shop/pods", Reply::refusal(400, "Bad", "no")).scene();
    let cycle = once(&failing, 3);
    assert_eq!((files(&cycle).len(), cycle.lines("ERROR").len()), (0, 1));
}

#[test]
fn pitfall_15_objects_without_identity_are_named() {
    let pods = r#"{"kind":"PodMetricsList","metadata":{},"items":[{"metadata":{"name":"a"},"usage":{}}]}"#;
    let metrics = group("metrics.k8s.io", "v1beta1", &[namespaced("pods", "PodMetrics", LISTED)]);
    let scene = World::of(&[namespaced("pods", "Pod", LISTED)], &[metrics])
        .at("/apis/metrics.k8s.io/v1beta1/namespaces/shop/pods", Reply::json(pods))
        .scene();
    let cycle = once(&scene, 0);
    let line = cycle.log.lines().find(|line| line.contains("objects without a `uid`"));
    let line = line.unwrap_or_else(|| panic!("{}", cycle.log));
    assert!(line.contains(" INFO - ") && line.contains(": `pods.metrics.k8s.io`;"), "{line}");
    assert_eq!(cycle.manifest.outcome("pods.metrics.k8s.io")["identified"], false);

    let exclude = r#"{"exclude": ["pods.metrics.k8s.io"]}"#;
    run_once(&scene).args(["--filter-settings", exclude]).run().expect_code(0);
    let cycle = cycles(&scene, FOLDERS).pop().expect("there is a cycle");
    assert_eq!(files(&cycle), ["pods.json"]);
    assert!(!cycle.log.contains("uid"), "{}", cycle.log);
}
