//! Servers and proxies on loopback whose every connection a test answers for. They live in the test's
//! runtime and end with it.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use minutebook::cluster::{
    Answer, Caller, Clients, Cluster, Connect, Failure, HttpConnect, Layout, Material, Request, Server,
};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use url::Url;

use super::tls::{self, Authority};

/// A connection in TLS, seen from the server.
pub(crate) type Tls = TlsStream<TcpStream>;

/// Longer than anything takes that ends at all.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// Somebody who listens.
pub(crate) struct Line {
    address: SocketAddr,
    connections: Arc<AtomicUsize>,
}

impl Line {
    /// Hands every connection, with its number, to `answer`.
    pub(crate) async fn open<F>(answer: impl Fn(usize, TcpStream) -> F + Send + 'static) -> Line
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("loopback has a free port");
        let address = listener.local_addr().expect("a listener has an address");
        let connections = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&connections);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                tokio::spawn(answer(count.fetch_add(1, Ordering::SeqCst), stream));
            }
        });
        Line { address, connections }
    }

    /// The same behind TLS. Connections whose handshake fails are counted, and not handed on.
    pub(crate) async fn open_tls<F>(
        tls: &tls::Server,
        answer: impl Fn(usize, Tls) -> F + Send + Sync + 'static,
    ) -> Line
    where
        F: Future<Output = ()> + Send + 'static,
    {
        let (acceptor, answer) = (TlsAcceptor::from(tls.config()), Arc::new(answer));
        Line::open(move |number, stream| {
            let (acceptor, answer) = (acceptor.clone(), Arc::clone(&answer));
            async move {
                if let Ok(stream) = acceptor.accept(stream).await {
                    answer(number, stream).await;
                }
            }
        })
        .await
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// How many connections were made so far.
    pub(crate) fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub(crate) fn https(&self) -> Url {
        format!("https://{}", self.address).parse().expect("that is a URL")
    }
}

/// Answers every request of an HTTP/2 connection with a status 200 and this body.
pub(crate) async fn answer_all(stream: Tls, body: &'static str) {
    let mut connection = h2::server::handshake(stream).await.expect("the client speaks HTTP/2");
    while let Some(Ok((_, mut respond))) = connection.accept().await {
        let mut body_stream = respond.send_response(http_ok(), false).expect("the client waits");
        body_stream.send_data(body.into(), true).expect("the client reads");
    }
}

/// The head of an answer.
pub(crate) fn http_ok() -> hyper::Response<()> {
    hyper::Response::new(())
}

/// Reads a head in HTTP/1.1, whatever it says; none at the end.
pub(crate) async fn read_head(stream: &mut (impl AsyncReadExt + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    Some(String::from_utf8(head).expect("a head is text"))
}

/// Answers every request of an HTTP/1.1 connection with `{}`, and keeps the heads.
pub(crate) async fn answer_all_http1(mut stream: impl AsyncReadExt + AsyncWriteExt + Unpin, heads: &Heads) {
    while let Some(head) = read_head(&mut stream).await {
        heads.keep(head);
        let answer = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}";
        stream.write_all(answer).await.expect("the client reads");
    }
}

/// What was said at the beginning of requests.
#[derive(Clone, Default)]
pub(crate) struct Heads(Arc<Mutex<Vec<String>>>);

impl Heads {
    pub(crate) fn keep(&self, head: String) {
        self.0.lock().expect("nothing panics while it holds this").push(head);
    }

    pub(crate) fn all(&self) -> Vec<String> {
        self.0.lock().expect("nothing panics while it holds this").clone()
    }
}

/// Trusts this authority alone.
pub(crate) fn trusting(authority: &Authority) -> Material {
    Material { ca: Some(authority.pem().into_bytes()), ..Material::default() }
}

/// How a target in layout `kubernetes` reaches this server.
pub(crate) fn reach(server: impl Into<Server>) -> HttpConnect {
    HttpConnect::new(server.into(), Layout::Kubernetes, Duration::from_secs(5), Clients::default())
}

/// A client of this server that trusts this authority alone.
pub(crate) fn client(server: impl Into<Server>, authority: &Authority) -> Arc<dyn Cluster> {
    connect(&reach(server), &trusting(authority))
}

/// A client who is nobody in particular.
pub(crate) fn connect(way: &HttpConnect, material: &Material) -> Arc<dyn Cluster> {
    let _ = rustls::crypto::ring::default_provider().install_default();
    way.connect(material, Caller::default()).expect("the material is good")
}

/// Asks for what is at this URL and reads it whole; fails if that takes too long for anything.
pub(crate) async fn ask(client: &dyn Cluster, url: &Url) -> Result<Vec<u8>, Failure> {
    let answer = head_of(client, url).await?;
    whole(answer).await
}

/// Asks for what is at this URL.
pub(crate) async fn head_of(client: &dyn Cluster, url: &Url) -> Result<Answer, Failure> {
    soon("an answer", client.send(Request::get(url.clone()))).await
}

/// The rest of an answer.
pub(crate) async fn whole(mut answer: Answer) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    while let Some(chunk) = soon("a chunk", answer.body.chunk()).await? {
        bytes.extend_from_slice(&chunk);
    }
    Ok(bytes)
}

/// What comes of it, unless it takes too long for anything.
pub(crate) async fn soon<T>(what: &str, future: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, future).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

/// Waits until it is so.
pub(crate) async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    soon(what, async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    })
    .await;
}

/// Bytes that nobody looks at.
pub(crate) fn filling(len: usize) -> Bytes {
    Bytes::from(vec![b' '; len])
}
