//! Who shares connections with whom, seen from the server.

use std::time::Duration;

use minutebook::cluster::{Authorization, Caller, Clients, Connect, HttpConnect, Layout, Material, Request};
use url::Url;

use crate::support::http::Reply;
use crate::support::stand_in::StandIn;
use crate::support::tls::{Authority, Identity};

fn material(authority: &Authority, identity: &Identity) -> Material {
    let identity = (identity.certificate.clone().into_bytes(), identity.key.clone().into_bytes());
    Material { ca: Some(authority.pem().into_bytes()), identity: Some(identity), insecure: false }
}

fn target(server: &StandIn, clients: &Clients) -> HttpConnect {
    let server: Url = server.url().parse().expect("a stand-in has a URL");
    HttpConnect::new(server.into(), Layout::Kata, Duration::from_secs(5), clients.clone())
}

/// Asks as one cycle of a target does, and reads the answer to its end.
async fn ask(target: &HttpConnect, server: &StandIn, material: &Material, token: &str) {
    let token = Authorization::bearer(token.as_bytes()).expect("it is a token");
    let client = target.connect(material, Some(token).into()).expect("the certificates are good");
    let url: Url = server.url().parse().expect("a stand-in has a URL");
    let mut answer = client.send(Request::get(url)).await.expect("the server answers");
    while answer.body.chunk().await.expect("the answer is whole").is_some() {}
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn targets_that_are_equal_share_a_connection_and_no_others_do() {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let authority = Authority::new("one");
    let server = StandIn::start_tls(authority.server_for_its_own(), |_| Reply::json("{}"));
    let clients = Clients::default();
    let targets: Vec<HttpConnect> = (0..4).map(|_| target(&server, &clients)).collect();
    let (ours, theirs) = (authority.issue(), authority.issue());
    let (ours, theirs) = (material(&authority, &ours), material(&authority, &theirs));

    ask(&targets[0], &server, &ours, "a").await;
    ask(&targets[1], &server, &ours, "b").await;
    assert_eq!(server.connections(), 1, "equal targets, whatever their tokens");
    ask(&targets[2], &server, &theirs, "a").await;
    assert_eq!(server.connections(), 2, "another client certificate");
    ask(&targets[2], &server, &theirs, "a").await;
    ask(&targets[0], &server, &ours, "a").await;
    assert_eq!(server.connections(), 2, "each has its own still");
    // A certificate that is renewed is another one from then on, and only there.
    ask(&targets[0], &server, &theirs, "a").await;
    ask(&targets[1], &server, &ours, "b").await;
    assert_eq!(server.connections(), 2);

    // The same server by another name shows that name's certificate.
    let by_name = server.url().replace("127.0.0.1", "localhost");
    let by_name: Url = by_name.parse().unwrap();
    let named =
        HttpConnect::new(by_name.clone().into(), Layout::Kata, Duration::from_secs(5), clients.clone());
    let client = named.connect(&ours, Caller::default()).expect("the certificates are good");
    client.send(Request::get(by_name)).await.expect("the server answers");
    assert_eq!(server.connections(), 3);
    let tokens: Vec<_> =
        server.requests().iter().map(|request| request.header("authorization").map(str::to_owned)).collect();
    assert_eq!(tokens[..2], [Some("Bearer a".to_owned()), Some("Bearer b".to_owned())]);
}
