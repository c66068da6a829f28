//! What the server is asked, seen from the server: exactly what design and exercise say, in
//! exactly these words, and nothing else.

use std::sync::{Arc, Condvar, Mutex};
use std::time::Duration;

use crate::support::cluster::{
    Cluster, DISCOVERY, list_target, page, paged, resource, resource_list, small_list,
};
use crate::support::http::{Reply, Request};
use crate::support::scene::Scene;
use crate::support::stand_in::StandIn;

#[test]
fn exactly_two_requests_record_the_sample() {
    let scene = Scene::of(Cluster::sample());
    scene.once().run().expect_code(0);
    assert_eq!(scene.server.targets(), [DISCOVERY.to_owned(), list_target("configmaps")]);
    for request in scene.server.requests() {
        assert_eq!(request.method, "GET");
        // An allow-list: no Accept-Encoding, no cookies, nothing that tells more than needed.
        assert_eq!(header_names(&request), ["accept", "host", "user-agent"]);
        assert_eq!(request.header("accept"), Some("application/json"));
        let host = format!("127.0.0.1:{}", scene.server.port());
        assert_eq!(request.header("host"), Some(host.as_str()));
        let agent = concat!("minutebook/", env!("CARGO_PKG_VERSION"));
        let sent = request.header("user-agent").expect("there is a User-Agent");
        assert!(sent.starts_with(agent), "the User-Agent {sent}");
    }
}

#[test]
fn cluster_namespace_and_resource_are_segments_of_the_path() {
    let scene = Scene::with(StandIn::start(|request| {
        if request.path().ends_with("/api/v1") {
            Reply::json(resource_list(&[resource("pods")]))
        } else {
            Reply::json(small_list("pods"))
        }
    }));
    let ended = scene
        .minutebook()
        .args(["run", "--once", "--host", "Rancher.test:8443", "--cluster", "c-m-4x_2.b"])
        .args(["--namespace", "team-a", "--audit-dir", "audit", "--server", &scene.server.url()])
        .run()
        .expect_code(0);
    let lists = "/k8s/clusters/c-m-4x_2.b/apis/extensions/v1beta1/namespaces/team-a/pods?limit=500";
    let targets = ["/k8s/clusters/c-m-4x_2.b/api/v1?timeout=32s", lists];
    assert_eq!(scene.server.targets(), targets, "{ended:#?}");
    // HOST only names the folder: in lower case, and without a colon.
    let folder = scene.audit().join("rancher.test_8443").join("c-m-4x_2.b").join("team-a");
    assert!(folder.is_dir(), "{} is made", folder.display());
}

#[test]
fn a_token_is_sent_without_the_white_space_around_it() {
    for host in ["127.0.0.1", "localhost"] {
        let scene = Scene::of(Cluster::sample());
        scene.write("token", " \n the-token\n\n");
        let server = format!("http://{host}:{}", scene.server.port());
        let ended = scene
            .minutebook()
            .args(["run", "--once", "--host", "h", "--cluster", "sample_cluster"])
            .args(["--namespace", "sample_namespace", "--audit-dir", "audit"])
            .args(["--server", &server, "--token-file", "token"])
            .run()
            .expect_code(0);
        let requests = scene.server.requests();
        assert_eq!(requests.len(), 2, "{ended:#?}");
        for request in requests {
            assert_eq!(request.header("authorization"), Some("Bearer the-token"), "{request:?}");
        }
    }
}

#[test]
fn a_list_is_followed_by_its_tokens_as_they_are() {
    let token = "eyJ2IjoibWV0YS5rOHMuaW8vdjEifQ==/+&limit=1 %#?";
    let pages = vec![page("pods", &["one"], token), page("pods", &["two"], "")];
    let merged = page("pods", &["one", "two"], "");
    let cluster = Cluster::of(&["pods"]).list("pods", paged(pages)).recorded_as("pods", merged);
    let entries = cluster.entries();
    let scene = Scene::of(cluster);
    scene.once().run().expect_code(0);
    let requests = scene.server.requests();
    let [_, first, second] = &requests[..] else { panic!("three requests: {requests:#?}") };
    assert_eq!(first.target, list_target("pods"));
    let start = format!("{}&continue=", list_target("pods"));
    assert!(second.target.starts_with(&start), "{}", second.target);
    assert_eq!(second.parameter("continue").as_deref(), Some(token));
    assert_eq!(second.parameter("limit").as_deref(), Some("500"));
    scene.target().check()[0].holds(&entries);
}

#[test]
fn lists_are_asked_for_four_at_a_time() {
    let crowd = Arc::new(Crowd::default());
    let names = ["a", "b", "c", "d", "e", "f", "g", "h"];
    let mut cluster = Cluster::of(&names);
    for name in names {
        let crowd = crowd.clone();
        let reply = Reply::json(small_list(name));
        cluster = cluster.list(name, move |_| {
            crowd.enter_and_leave();
            reply.clone()
        });
    }
    let scene = Scene::of(cluster);
    scene.run().args(["--once", "--interval", "60s"]).run().expect_code(0);
    let most = crowd.now_and_most.lock().expect("no handler panics").1;
    assert_eq!(most, 4, "the most lists in flight at once");
}

/// Counts who is inside at once. Whoever enters waits until four are, or one too many.
#[derive(Default)]
struct Crowd {
    now_and_most: Mutex<(usize, usize)>,
    came: Condvar,
}

impl Crowd {
    fn enter_and_leave(&self) {
        let mut inside = self.now_and_most.lock().expect("no handler panics");
        inside.0 += 1;
        inside.1 = inside.1.max(inside.0);
        self.came.notify_all();
        // The time is for a fifth to come, if there is one: four alone must not end the wait
        // before it could.
        let time = Duration::from_millis(300);
        let (mut inside, _) =
            self.came.wait_timeout_while(inside, time, |inside| inside.1 < 5).expect("no handler panics");
        inside.0 -= 1;
    }
}

#[test]
fn a_proxy_is_asked_for_what_is_not_on_loopback() {
    let scene = Scene::with(StandIn::start(|request| {
        if request.target.ends_with("/api/v1?timeout=32s") {
            Reply::json(r#"{"resources":[]}"#)
        } else {
            Reply::refusal(404, "NotFound", "not here")
        }
    }));
    let ended = scene
        .minutebook()
        .args(["run", "--once", "--host", "h", "--cluster", "c", "--namespace", "n"])
        .args(["--audit-dir", "audit", "--server", "http://cluster.test"])
        .env("HTTP_PROXY", scene.server.url())
        .run()
        .expect_code(0);
    let target = "http://cluster.test/k8s/clusters/c/api/v1?timeout=32s";
    assert_eq!(scene.server.targets(), [target], "{ended:#?}");
}

#[test]
fn no_proxy_is_asked_for_what_is_on_loopback() {
    let proxy = StandIn::start(|_| Reply::refusal(502, "BadGateway", "this is a proxy"));
    let scene = Scene::of(Cluster::sample());
    let mut program = scene.once();
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "ALL_PROXY", "all_proxy"] {
        program = program.env(name, proxy.url());
    }
    program.run().expect_code(0);
    assert_eq!(proxy.targets(), [""; 0]);
    assert_eq!(scene.server.targets().len(), 2);
}

fn header_names(request: &Request) -> Vec<&str> {
    let mut names: Vec<_> = request.headers.iter().map(|(name, _)| name.as_str()).collect();
    names.sort_unstable();
    names
}
