//! The way to a server: another name in TLS, proxies, and certificates that nobody checks.

use minutebook::cluster::{Caller, Connect, Failure, Material, Server, TlsError};
use tokio::io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional};
use tokio::net::TcpStream;
use url::Url;

use crate::support::http::Reply;
use crate::support::line::{
    Heads, Line, Tls, answer_all, answer_all_http1, ask, client, connect, reach, read_head, trusting,
};
use crate::support::stand_in::StandIn;
use crate::support::tls::{self, Authority};

/// A server that answers in the protocol that was chosen, and keeps what it was told in the handshake and, in
/// HTTP/1.1, in each request.
async fn server(tls: &tls::Server, heads: &Heads) -> Line {
    let heads = heads.clone();
    Line::open_tls(&tls.offering(&["h2", "http/1.1"]), move |_, stream: Tls| {
        let heads = heads.clone();
        async move {
            let session = stream.get_ref().1;
            let chosen = session.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
            heads.keep(format!("{:?} {chosen:?}", session.server_name()));
            if chosen.as_deref() == Some("h2") {
                answer_all(stream, "{}").await;
            } else {
                answer_all_http1(stream, &heads).await;
            }
        }
    })
    .await
}

fn named(url: Url, name: &str) -> Server {
    Server { tls_server_name: Some(name.to_owned()), ..url.into() }
}

fn proxied(url: &str, proxy: &str) -> Server {
    let url: Url = url.parse().expect("that is a URL");
    Server { proxy: Some(proxy.parse().expect("that is a URL")), ..url.into() }
}

#[tokio::test]
async fn a_server_may_have_another_name_in_tls_and_keeps_its_own_in_requests() {
    let (authority, heads) = (Authority::new("one"), Heads::default());
    let line = server(&authority.server_for(&["kubernetes.default.svc"]), &heads).await;
    let port = line.address().port();
    for host in ["127.0.0.1", "localhost"] {
        let url: Url = format!("https://{host}:{port}/api").parse().unwrap();
        let answer = ask(&*client(named(url.clone(), "kubernetes.default.svc"), &authority), &url).await;
        assert_eq!(answer.expect("it is answered"), b"{}");
        let heads = heads.all();
        let [.., handshake, request] = &heads[..] else { panic!("two, not {heads:?}") };
        assert_eq!(handshake, r#"Some("kubernetes.default.svc") Some("http/1.1")"#);
        assert!(request.starts_with("GET /api HTTP/1.1\r\n"), "{request}");
        let hosts: Vec<_> =
            request.lines().filter(|line| line.to_ascii_lowercase().starts_with("host:")).collect();
        let [said] = &hosts[..] else { panic!("one host, not {hosts:?}") };
        assert!(said.ends_with(&format!(" {host}:{port}")), "{said}");
        // Another name, or none, is not what the certificate is for.
        for server in [named(url.clone(), "kubernetes"), url.clone().into()] {
            let failure = ask(&*client(server, &authority), &url).await.unwrap_err();
            assert!(matches!(failure, Failure::Certificate(_)), "{failure:?}");
        }
    }
}

#[tokio::test]
async fn the_name_may_be_an_address_which_is_checked_and_not_sent() {
    let (authority, heads) = (Authority::new("one"), Heads::default());
    let line = server(&authority.server_for(&["10.96.0.1"]), &heads).await;
    let url: Url = format!("https://localhost:{}", line.address().port()).parse().unwrap();
    let answer = ask(&*client(named(url.clone(), "10.96.0.1"), &authority), &url).await;
    assert_eq!(answer.expect("it is answered"), b"{}");
    assert_eq!(heads.all(), [r#"None Some("h2")"#]);
    let failure = ask(&*client(named(url.clone(), "10.96.0.2"), &authority), &url).await.unwrap_err();
    assert!(matches!(failure, Failure::Certificate(_)), "{failure:?}");
}

#[tokio::test]
async fn a_name_behind_a_proxy_is_refused() {
    let server = Server {
        tls_server_name: Some("kubernetes".to_owned()),
        ..proxied("https://cluster.test", "http://user:s3cret@proxy.test:3128")
    };
    let refused = reach(server).connect(&Material::default(), Caller::default()).err();
    assert_eq!(refused, Some(TlsError::NameThroughProxy("http://proxy.test:3128".to_owned())));
}

/// A proxy that makes every tunnel lead to one place, and keeps what it was asked.
async fn tunnel(
    mut client: impl AsyncReadExt + AsyncWriteExt + Unpin,
    heads: Heads,
    to: std::net::SocketAddr,
) {
    let Some(head) = read_head(&mut client).await else { return };
    heads.keep(head);
    let mut server = TcpStream::connect(to).await.expect("the server is there");
    client.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.expect("the client is there");
    let _ = copy_bidirectional(&mut client, &mut server).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_given_proxy_is_asked_for_everything_and_alone_gets_its_credentials() {
    let (authority, heads, asked) = (Authority::new("one"), Heads::default(), Heads::default());
    let line = server(&authority.server_for(&["api.invalid", "127.0.0.1"]), &heads).await;
    let to = line.address();
    let kept = asked.clone();
    let plain = Line::open(move |_, stream| tunnel(stream, kept.clone(), to)).await;
    let kept = asked.clone();
    let in_tls = Line::open_tls(&authority.server(), move |_, stream| tunnel(stream, kept.clone(), to)).await;
    let proxies = [
        format!("http://user:s3cret@{}", plain.address()),
        format!("https://user:s3cret@{}", in_tls.address()),
    ];
    for proxy in &proxies {
        // A name that nothing but the proxy finds, and one that is this machine.
        for url in ["https://api.invalid:6443", &format!("https://127.0.0.1:{}", to.port())] {
            let token = minutebook::cluster::Authorization::bearer(b"the-token").ok();
            let _ = rustls::crypto::ring::default_provider().install_default();
            let client = reach(proxied(url, proxy)).connect(&trusting(&authority), token.into()).unwrap();
            assert_eq!(ask(&*client, &url.parse().unwrap()).await.expect("it is answered"), b"{}");
            let asked = asked.all();
            let head = asked.last().expect("the proxy was asked");
            let authority = url.strip_prefix("https://").unwrap();
            assert!(head.starts_with(&format!("CONNECT {authority} HTTP/1.1\r\n")), "{head}");
            assert!(
                head.to_ascii_lowercase().contains("proxy-authorization: basic dxnlcjpzm2nyzxq="),
                "{head}"
            );
            assert!(!head.contains("the-token"), "{head}");
            assert!(heads.all().last().unwrap().ends_with(r#"Some("h2")"#), "HTTP/2 through the tunnel");
        }
    }
    assert_eq!((asked.all().len(), plain.connections(), in_tls.connections()), (4, 2, 2));
}

#[tokio::test]
async fn plain_http_is_asked_of_a_given_proxy_on_this_machine_too() {
    let proxy = StandIn::start(|_| Reply::json("{}"));
    let url = "http://127.0.0.1:1/api";
    let client = connect(&reach(proxied(url, &proxy.url())), &Material::default());
    assert_eq!(ask(&*client, &url.parse().unwrap()).await.expect("it is answered"), b"{}");
    assert_eq!(proxy.targets(), [url]);
}

#[tokio::test]
async fn a_proxy_that_fails_is_named_without_its_credentials() {
    let authority = Authority::new("one");
    let refuses = |status: &'static str| {
        Line::open(move |_, mut stream: TcpStream| async move {
            let _ = read_head(&mut stream).await;
            let _ =
                stream.write_all(format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n").as_bytes()).await;
        })
    };
    let down = StandIn::refusing();
    let (first, second) =
        (refuses("407 Proxy Authentication Required").await, refuses("502 Bad Gateway").await);
    for (proxy, why) in [
        (first.address().to_string(), "authorization required"),
        (second.address().to_string(), "unsuccessful"),
        (format!("127.0.0.1:{}", down.port()), "refused"),
    ] {
        let server = proxied("https://api.invalid", &format!("http://user:s3cret@{proxy}"));
        let failure = ask(&*client(server.clone(), &authority), &server.url).await.unwrap_err();
        let said = failure.to_string();
        let named = format!("could not connect through the proxy http://{proxy}: ");
        assert!(said.starts_with(&named) && said.contains(why), "{said}");
        assert!(failure.may_pass() && !format!("{failure:?} {server:?}").contains("s3cret"), "{failure:?}");
    }
}

#[tokio::test]
async fn an_insecure_server_may_show_any_certificate_that_is_its_own() {
    let (authority, heads) = (Authority::new("nobody knows it"), Heads::default());
    let any = Material { insecure: true, ..Material::default() };
    let strangers = server(&authority.server_for(&["somebody.else.test"]), &heads).await;
    let (way, url) = (reach(strangers.https()), strangers.https());
    assert_eq!(ask(&*connect(&way, &any), &url).await.expect("it is answered"), b"{}");
    // The same way with a CA is another connection, and another matter.
    let failure = ask(&*connect(&way, &trusting(&authority)), &url).await.unwrap_err();
    assert!(matches!(failure, Failure::Certificate(_)), "{failure:?}");

    let thief = server(&authority.server_with_anothers_certificate(), &heads).await;
    let failure = ask(&*connect(&reach(thief.https()), &any), &thief.https()).await.unwrap_err();
    assert!(matches!(&failure, Failure::Certificate(why) if why.contains("BadSignature")), "{failure:?}");
}
