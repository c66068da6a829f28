//! That the things which stand between the program and a cluster do what the tests think they do, as kubectl and the
//! API server see it.

use std::time::Duration;

use serde_json::{Value, json};

use super::certificates;
use super::forward::Forward;
use super::http::{Reply, Request};
use super::relay::{Agreed, Relay};
use super::rig::{Cluster, With};
use super::scene::Scene;

#[test]
fn kubectl_goes_through_a_relay_and_agrees_on_http_2() {
    let Some(cluster) = Cluster::shared() else { return };
    let scene = Scene::of(cluster);
    let relay = Relay::start(cluster, "127.0.0.1");
    cluster.kubectl(["create", "namespace", "relayed"]);
    cluster.kubectl(["create", "serviceaccount", "clerk", "--namespace", "relayed"]);
    let token = cluster.kubectl(["create", "token", "clerk", "--namespace", "relayed"]);
    let kubeconfig = scene.kubeconfig("relay.kubeconfig", &relay.url(), &json!({ "token": token.trim() }));
    let said = cluster
        .kubectl_by(&kubeconfig, ["auth", "whoami", "--output", "jsonpath={.status.userInfo.username}"]);
    assert_eq!(String::from_utf8_lossy(&said.stdout), "system:serviceaccount:relayed:clerk", "{said:?}");
    let agreed = Agreed { name: None, protocol: "h2".to_owned() };
    assert_eq!(relay.agreed(), [agreed], "an address is no name that is asked for");
}

#[test]
fn certificates_are_good_until_their_last_second() {
    let Some(cluster) = Cluster::shared() else { return };
    let scene = Scene::of(cluster);
    let ask = |until: Duration| {
        let identity = certificates::client(cluster, "jane", "system:masters", until);
        let user = json!({
            "client-certificate": scene.write("crt", &identity.certificate), "client-key": scene.write("key", &identity.key),
        });
        let kubeconfig = scene.kubeconfig("kubeconfig", &cluster.url(), &user);
        cluster.kubectl_by(&kubeconfig, ["get", "namespace", "default"]).status.success()
    };
    let now = certificates::now();
    assert!(ask(now + Duration::from_secs(60)));
    assert!(!ask(now.saturating_sub(Duration::from_secs(2))));
}

#[test]
fn a_real_410_offers_a_token_to_go_on_with() {
    let Some(cluster) =
        Cluster::own(With { flags: "--feature-gates=ListFromCacheSnapshot=false", ..With::default() })
    else {
        return;
    };
    crate::pages::prepare(&cluster, "many", 20);
    let forward = Forward::to(&cluster);
    let token = cluster.kubectl(["create", "token", "clerk", "--namespace", "many"]);
    let ask = |query: &str| {
        let headers = vec![("authorization".to_owned(), format!("Bearer {}", token.trim()))];
        let target = format!("/api/v1/namespaces/many/configmaps?limit=5{query}");
        let request = Request { method: "GET".to_owned(), target, headers, nth: 0 };
        let Reply::Whole { status, body, .. } = forward.pass(&request, &request.target) else {
            panic!("the API server answers")
        };
        (status, serde_json::from_slice::<Value>(&body).expect("it speaks JSON"))
    };
    let (status, first) = ask("");
    assert_eq!((status, first["items"].as_array().map(Vec::len)), (200, Some(5)));
    cluster.kubectl(["create", "configmap", "late", "--namespace", "many"]);
    cluster.compact();
    let token = first["metadata"]["continue"].as_str().expect("there is more");
    let (status, gone) = ask(&format!("&continue={token}"));
    assert_eq!((status, &gone["reason"]), (410, &"Expired".into()), "{gone}");
    let token = gone["metadata"]["continue"].as_str().expect("it offers another");
    let (status, next) = ask(&format!("&continue={token}"));
    assert_eq!((status, next["items"].as_array().map(Vec::len)), (200, Some(5)), "{next}");
}
