//! Requests over HTTP/2, against servers that answer well and badly. The rest of what a client does is the
//! same in either protocol, and tested in HTTP/1.1.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use h2::server::{Connection, SendResponse};
use h2::{Reason, RecvStream, SendStream};
use hyper::Request;
use minutebook::cluster::{
    Authorization, Bounds, Caller, Clients, Connect, Failure, HttpConnect, Layout, PageBounds, PageMemory,
    Pings, get_page,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::Barrier;

use crate::support::http::Reply;
use crate::support::line::{
    Heads, Line, Tls, answer_all, answer_all_http1, ask, client, connect, filling, head_of, http_ok, reach,
    soon, trusting, until, whole,
};
use crate::support::stand_in::StandIn;
use crate::support::tls::{Authority, Server};

/// As an API server.
const BOTH: [&str; 2] = ["h2", "http/1.1"];

fn both(authority: &Authority) -> Server {
    authority.server().offering(&BOTH)
}

type Asked = (Request<RecvStream>, SendResponse<Bytes>);

async fn handshake(stream: Tls) -> Connection<Tls, Bytes> {
    h2::server::handshake(stream).await.expect("the client speaks HTTP/2")
}

async fn request(connection: &mut Connection<Tls, Bytes>) -> Option<Asked> {
    connection.accept().await?.ok()
}

/// Begins an answer.
fn begin(respond: &mut SendResponse<Bytes>, body: &'static str) -> SendStream<Bytes> {
    let mut stream = respond.send_response(http_ok(), false).expect("the client waits");
    stream.send_data(body.into(), false).expect("the client reads");
    stream
}

#[tokio::test]
async fn layout_kubernetes_speaks_it_and_layout_kata_does_not() {
    let (authority, heads) = (Authority::new("one"), Heads::default());
    let kept = heads.clone();
    let line = Line::open_tls(&both(&authority), move |_, stream| {
        let heads = kept.clone();
        async move {
            let chosen =
                stream.get_ref().1.alpn_protocol().map(|name| String::from_utf8_lossy(name).into_owned());
            if chosen.as_deref() != Some("h2") {
                heads.keep(format!("chosen: {chosen:?}"));
                return answer_all_http1(stream, &heads).await;
            }
            let mut connection = handshake(stream).await;
            while let Some((request, mut respond)) = request(&mut connection).await {
                heads.keep(format!("{:?} {:?}", request.version(), request.headers()));
                respond.send_response(http_ok(), true).expect("the client waits");
            }
        }
    })
    .await;
    ask(&*client(line.https(), &authority), &line.https()).await.expect("it is answered");
    let kata =
        HttpConnect::new(line.https().into(), Layout::Kata, Duration::from_secs(5), Clients::default());
    ask(&*connect(&kata, &trusting(&authority)), &line.https()).await.expect("it is answered");

    let heads = heads.all();
    let [kubernetes, chosen, kata] = &heads[..] else { panic!("three, not {heads:#?}") };
    let agent = concat!("minutebook/", env!("CARGO_PKG_VERSION"));
    assert!(kubernetes.starts_with("HTTP/2.0"), "{kubernetes}");
    for said in [r#""accept-encoding": "gzip""#, r#""accept": "application/json""#, agent] {
        assert!(kubernetes.contains(said), "{said}: {kubernetes}");
    }
    assert_eq!(chosen, "chosen: None", "it offers nothing to choose from");
    assert!(kata.starts_with("GET / HTTP/1.1\r\n") && kata.contains(agent), "{kata}");
    assert!(!kata.to_ascii_lowercase().contains("accept-encoding"), "{kata}");
}

#[tokio::test]
async fn a_server_that_speaks_http1_alone_is_talked_to_all_the_same() {
    let authority = Authority::new("one");
    for tls in [authority.server().offering(&["http/1.1"]), authority.server()] {
        let server = StandIn::start_tls(tls, |_| Reply::json("{}"));
        let url: url::Url = server.url().parse().unwrap();
        assert_eq!(ask(&*client(url.clone(), &authority), &url).await.unwrap(), b"{}");
        assert_eq!(server.requests()[0].header("accept-encoding"), Some("gzip"));
    }
}

#[tokio::test]
async fn who_asks_is_said_in_headers_and_a_post_has_its_body() {
    let (authority, heads) = (Authority::new("one"), Heads::default());
    let kept = heads.clone();
    let line = Line::open_tls(&both(&authority), move |_, stream| {
        let heads = kept.clone();
        async move {
            let mut connection = handshake(stream).await;
            while let Some((request, mut respond)) = request(&mut connection).await {
                let (head, mut body) = request.into_parts();
                let heads = heads.clone();
                tokio::spawn(async move {
                    let body = body.data().await.expect("it has a body").expect("it comes whole");
                    let groups: Vec<_> = head.headers.get_all("impersonate-group").iter().collect();
                    let user = &head.headers["impersonate-user"];
                    let kind = &head.headers["content-type"];
                    let token = &head.headers["authorization"];
                    heads.keep(format!("{} {user:?} {groups:?} {token:?} {kind:?} {body:?}", head.method));
                    respond.send_response(http_ok(), true).expect("the client waits");
                });
            }
        }
    })
    .await;
    let mut caller = Caller::from(Authorization::bearer(b"t").ok());
    caller.impersonation.insert("Impersonate-User", "jane".parse().unwrap());
    caller.impersonation.append("Impersonate-Group", "one".parse().unwrap());
    caller.impersonation.append("Impersonate-Group", "two".parse().unwrap());
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reach(line.https()).connect(&trusting(&authority), caller).expect("the material is good");
    let post = minutebook::cluster::Request::post(line.https(), r#"{"a":1}"#);
    soon("an answer", client.send(post)).await.expect("it is answered");
    let said = r#"POST "jane" ["one", "two"] "Bearer t" "application/json" b"{\"a\":1}""#;
    assert_eq!(heads.all(), [said]);
}

#[tokio::test]
async fn a_compressed_page_is_read() {
    let authority = Authority::new("one");
    let page = b"{\"items\": []}".repeat(10_000);
    let body = crate::bad_days::encoded::gzip(&page);
    let line = Line::open_tls(&both(&authority), move |_, stream| {
        let body = body.clone();
        async move {
            let mut connection = handshake(stream).await;
            while let Some((_, mut respond)) = request(&mut connection).await {
                let head = hyper::Response::builder().header("content-encoding", "gzip");
                let mut stream = respond.send_response(head.body(()).unwrap(), false).unwrap();
                stream.send_data(body.clone().into(), true).unwrap();
            }
        }
    })
    .await;
    let client = client(line.https(), &authority);
    let bounds = Bounds {
        idle: Duration::from_secs(10),
        max_bytes: 1 << 20,
        limit: ("--max-list-bytes", 1 << 20),
        stands_still: &false.into(),
    };
    let held = PageMemory::new(PageBounds::default()).target().begin();
    let read = get_page(&*client, &minutebook::cluster::Request::get(line.https()), bounds, held).await;
    assert!(read.expect("it is a page").bytes == page);
}

/// How many requests a connection takes before another one is made.
const ON_ONE: usize = 32;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_that_stand_still_leave_the_connection_to_others() {
    /// What a server can send of a page that stands still, and what it has of each.
    const WINDOW: usize = 512 << 10;
    let authority = Authority::new("one");
    let sent = Arc::new(AtomicUsize::new(0));
    let all = Arc::clone(&sent);
    let line = Line::open_tls(&both(&authority), move |_, stream| {
        let all = Arc::clone(&all);
        async move {
            let mut connection = handshake(stream).await;
            while let Some((request, mut respond)) = request(&mut connection).await {
                let (all, counted) = (Arc::clone(&all), request.uri().path() == "/still");
                tokio::spawn(async move {
                    let mut stream = respond.send_response(http_ok(), false).expect("the client waits");
                    let mut left: usize = 4 << 20;
                    while left > 0 {
                        stream.reserve_capacity(left.min(16 << 10));
                        let Some(Ok(room)) = std::future::poll_fn(|cx| stream.poll_capacity(cx)).await else {
                            return;
                        };
                        let part = room.min(left);
                        left -= part;
                        stream.send_data(filling(part), left == 0).expect("the client reads");
                        all.fetch_add(if counted { part } else { 0 }, Ordering::SeqCst);
                    }
                });
            }
        }
    })
    .await;
    let client = client(line.https(), &authority);
    let still = line.https().join("/still").unwrap();
    let mut standing = Vec::new();
    for _ in 1..ON_ONE {
        standing.push(head_of(&*client, &still).await.expect("it is answered"));
    }
    until("every window to be full", || sent.load(Ordering::SeqCst) == (ON_ONE - 1) * WINDOW).await;
    let other = ask(&*client, &line.https()).await.expect("it is answered");
    assert_eq!(other.len(), 4 << 20);
    assert_eq!(line.connections(), 1);
    // They have lost nothing by it.
    for answer in standing {
        assert_eq!(whole(answer).await.expect("it goes on").len(), 4 << 20);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn more_requests_than_a_server_takes_on_a_connection_are_made_on_several() {
    const AT_ONCE: usize = 90;
    let authority = Authority::new("one");
    // All are held until all are there.
    let barrier = Arc::new(Barrier::new(AT_ONCE));
    let line = Line::open_tls(&both(&authority), move |_, stream| {
        let barrier = Arc::clone(&barrier);
        async move {
            let mut server = h2::server::Builder::new();
            server.max_concurrent_streams(u32::try_from(ON_ONE).expect("it is small"));
            let Ok(mut connection) = server.handshake::<_, Bytes>(stream).await else { return };
            while let Some((request, mut respond)) = request(&mut connection).await {
                let barrier = Arc::clone(&barrier);
                tokio::spawn(async move {
                    if request.uri().path() == "/held" {
                        barrier.wait().await;
                    }
                    begin(&mut respond, "{").send_data("}".into(), true).expect("the client reads");
                });
            }
        }
    })
    .await;
    // Many targets, one client.
    let clients = Clients::default();
    let target = || {
        let server = line.https().into();
        let way = HttpConnect::new(server, Layout::Kubernetes, Duration::from_secs(5), clients.clone());
        connect(&way, &trusting(&authority))
    };
    let targets: Vec<_> = (0..AT_ONCE / 3).map(|_| target()).collect();
    ask(&*targets[0], &line.https()).await.expect("it is answered");
    assert_eq!(line.connections(), 1);
    let held = line.https().join("/held").unwrap();
    let asked = targets.iter().flat_map(|target| (0..3).map(|_| ask(&**target, &held)));
    for answer in futures_util::future::join_all(asked).await {
        assert_eq!(answer.expect("it is answered"), b"{}");
    }
}

#[tokio::test]
async fn an_answer_that_is_given_up_may_be_had_at_the_next_try() {
    let authority = Authority::new("one");
    for how in ["reset", "cut short", "shut down", "gone", "refused", "refused for ever"] {
        let line = Line::open_tls(&both(&authority), move |_, stream| async move {
            let mut connection = handshake(stream).await;
            let mut nth = 0;
            while let Some((request, mut respond)) = request(&mut connection).await {
                nth += 1;
                match (how, request.uri().path()) {
                    (_, "/well") => drop(begin(&mut respond, "{").send_data("}".into(), true)),
                    ("reset", _) => begin(&mut respond, "{").send_reset(Reason::INTERNAL_ERROR),
                    ("cut short", _) => {
                        let head = hyper::Response::builder().header("content-length", 5).body(()).unwrap();
                        let mut body = respond.send_response(head, false).expect("the client waits");
                        body.send_data("{".into(), true).expect("the client reads");
                    }
                    ("shut down", _) => {
                        let _body = begin(&mut respond, "{");
                        connection.abrupt_shutdown(Reason::INTERNAL_ERROR);
                        let _ = std::future::poll_fn(|cx| connection.poll_closed(cx)).await;
                        return;
                    }
                    ("gone", _) => {
                        let _body = begin(&mut respond, "{");
                        // Until it is on its way.
                        let _ = tokio::time::timeout(Duration::from_millis(100), connection.accept()).await;
                        return;
                    }
                    ("refused", _) if nth > 1 => drop(begin(&mut respond, "{").send_data("}".into(), true)),
                    _ => respond.send_reset(Reason::REFUSED_STREAM),
                }
            }
        })
        .await;
        let client = client(line.https(), &authority);
        let ill = line.https().join("/ill").unwrap();
        match ask(&*client, &ill).await {
            // What the server did not begin is asked once more at once.
            Ok(whole) => assert_eq!((how, &whole[..]), ("refused", &b"{}"[..])),
            Err(failure) => {
                assert!(matches!(failure, Failure::BrokenOff(_)) && failure.may_pass(), "{how}: {failure:?}");
                assert_ne!(how, "refused");
            }
        }
        let well = line.https().join("/well").unwrap();
        assert_eq!(ask(&*client, &well).await.expect("the next one is answered"), b"{}", "{how}");
        assert_eq!(line.connections(), if ["shut down", "gone"].contains(&how) { 2 } else { 1 }, "{how}");
    }
}

#[tokio::test]
async fn a_server_that_stops_finishes_what_it_began() {
    let authority = Authority::new("one");
    let line = Line::open_tls(&both(&authority), |number, stream| async move {
        let mut connection = handshake(stream).await;
        let (_, mut respond) = request(&mut connection).await.expect("it is asked");
        let mut body = begin(&mut respond, "{");
        if number == 0 {
            connection.graceful_shutdown();
        }
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(200)).await;
            body.send_data("}".into(), true).expect("the client reads");
        });
        while request(&mut connection).await.is_some() {}
    })
    .await;
    let client = client(line.https(), &authority);
    for connections in [1, 2] {
        assert_eq!(ask(&*client, &line.https()).await.expect("it is whole"), b"{}");
        assert_eq!(line.connections(), connections);
    }
}

#[tokio::test]
async fn what_is_not_http2_is_not_asked_again() {
    let authority = Authority::new("one");
    let line = Line::open_tls(&both(&authority), |_, mut stream| async move {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}").await;
        while stream.read(&mut [0; 512]).await.is_ok_and(|read| read > 0) {}
    })
    .await;
    let failure = ask(&*client(line.https(), &authority), &line.https()).await.unwrap_err();
    assert!(matches!(failure, Failure::Protocol(_)), "{failure:?}");
}

#[tokio::test]
async fn headers_that_are_too_large_are_refused() {
    let authority = Authority::new("one");
    let line = Line::open_tls(&both(&authority), |_, stream| async move {
        let mut connection = handshake(stream).await;
        while let Some((request, mut respond)) = request(&mut connection).await {
            let len = if request.uri().path() == "/small" { 300 << 10 } else { 500 << 10 };
            let head = hyper::Response::builder().header("x-long", "x".repeat(len)).body(()).unwrap();
            let _ = respond.send_response(head, true);
        }
    })
    .await;
    let client = client(line.https(), &authority);
    let small = line.https().join("/small").unwrap();
    ask(&*client, &small).await.expect("it is not too large");
    let failure = ask(&*client, &line.https()).await.unwrap_err();
    assert!(matches!(&failure, Failure::Protocol(why) if why.contains("400 KiB")), "{failure:?}");
}

#[tokio::test]
async fn a_server_that_wants_a_certificate_is_told_of_as_such() {
    let authority = Authority::new("one");
    let line = Line::open_tls(&authority.server_for_its_own().offering(&BOTH), |_, stream| async move {
        answer_all(stream, "{}").await;
    })
    .await;
    let failure = ask(&*client(line.https(), &authority), &line.https()).await.unwrap_err();
    assert!(
        matches!(&failure, Failure::Certificate(why) if why.contains("CertificateRequired")),
        "{failure:?}"
    );
}

#[tokio::test]
async fn a_connection_on_which_a_request_waited_in_vain_gets_no_more() {
    let authority = Authority::new("one");
    let line = Line::open_tls(&both(&authority), |number, stream| async move {
        if number > 0 {
            return answer_all(stream, "{}").await;
        }
        let mut connection = handshake(stream).await;
        let mut kept = Vec::new();
        while let Some(asked) = request(&mut connection).await {
            kept.push(asked);
        }
    })
    .await;
    let client = client(line.https(), &authority);
    let vain = tokio::time::timeout(Duration::from_millis(300), ask(&*client, &line.https())).await;
    assert!(vain.is_err());
    assert_eq!(ask(&*client, &line.https()).await.expect("it is answered"), b"{}");
    assert_eq!(line.connections(), 2);
}

/// Settings, acknowledged and our own.
const SETTINGS: [&[u8]; 2] = [&[0, 0, 0, 4, 0, 0, 0, 0, 0], &[0, 0, 0, 4, 1, 0, 0, 0, 0]];
/// A status 200 on the first stream, and one byte of its body.
const BEGINS: [&[u8]; 2] = [&[0, 0, 1, 1, 4, 0, 0, 0, 1, 0x88], &[0, 0, 1, 0, 0, 0, 0, 0, 1, b'{']];
const ENDS: &[u8] = &[0, 0, 1, 0, 1, 0, 0, 0, 1, b'}'];

/// By hand, for a library answers pings by itself: answers so many, then ends the body, if it gets there.
async fn answer_pings(mut stream: Tls, mut pings: usize, then_ends: bool) {
    let mut preface = [0; 24];
    stream.read_exact(&mut preface).await.expect("the client speaks HTTP/2");
    for frame in SETTINGS.into_iter().chain(BEGINS) {
        if frame == BEGINS[0] {
            while read_frame(&mut stream).await.expect("it asks").0 != 1 {}
        }
        stream.write_all(frame).await.expect("the client is there");
    }
    while let Some((kind, payload)) = read_frame(&mut stream).await {
        if kind == 6 && payload.1 & 1 == 0 && pings > 0 {
            pings -= 1;
            let pong = [&[0, 0, 8, 6, 1, 0, 0, 0, 0], &payload.0[..]].concat();
            stream.write_all(&pong).await.expect("the client is there");
            if pings == 0 && then_ends {
                stream.write_all(ENDS).await.expect("the client is there");
            }
        }
    }
}

/// Kind, payload and flags of the next frame.
async fn read_frame(stream: &mut Tls) -> Option<(u8, (Vec<u8>, u8))> {
    let mut head = [0; 9];
    stream.read_exact(&mut head).await.ok()?;
    let mut payload = vec![0; usize::from(head[0]) << 16 | usize::from(head[1]) << 8 | usize::from(head[2])];
    stream.read_exact(&mut payload).await.ok()?;
    Some((head[3], (payload, head[4])))
}

#[tokio::test]
async fn pings_keep_a_silent_connection_and_find_out_a_dead_one() {
    let authority = Authority::new("one");
    let pings = Pings { after: Duration::from_millis(100), answer: Duration::from_millis(1_000) };
    for lives in [true, false] {
        let line = Line::open_tls(&both(&authority), move |_, stream| answer_pings(stream, 3, lives)).await;
        let client = connect(&reach(line.https()).with_pings(pings), &trusting(&authority));
        let answer = head_of(&*client, &line.https()).await.expect("it is answered");
        let body = whole(answer).await;
        if lives {
            assert_eq!(body.expect("it was worth waiting for"), b"{}");
        } else {
            let failure = body.unwrap_err();
            assert!(matches!(failure, Failure::BrokenOff(_)), "{failure:?}");
        }
    }
}
