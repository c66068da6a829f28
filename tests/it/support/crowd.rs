//! A stand-in for the API servers of hundreds of clusters, of layout `kata`: any cluster and namespace
//! that is asked for, well or as unwell as its test wants it.
//!
//! One thread serves them all and records nothing but numbers, because the program beside it is being measured.
//! The other stand-in has threads for its connections, keeps every request, and can be told anything.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::http::{Reply, head, json_type};
use super::{cluster, mischief};

/// How a cluster's API server does.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Health {
    /// It answers everything, at once.
    Well,
    /// It takes requests and never answers.
    Hung,
    /// It answers a byte a second.
    Dripping,
    /// Of so many requests one is answered badly, each time in another way.
    Erratic { one_of: u32 },
}

/// What is said to a request, and how.
pub(crate) struct Answer {
    pub(crate) bytes: Vec<u8>,
    /// Before the first byte.
    pub(crate) after: Duration,
    pub(crate) then: Then,
}

/// What becomes of the connection.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Then {
    /// It takes another request.
    Next,
    /// It is closed.
    Close,
    /// It is reset.
    Reset,
    /// It stays open, and nothing more is said.
    Silence,
    /// It takes another request, having got the bytes one a second.
    Drip,
}

/// The servers, all behind one port.
pub(crate) struct Crowd {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

struct Shared {
    lists: Lists,
    health: HashMap<String, Health>,
    seen: Mutex<Seen>,
    news: Condvar,
}

struct Seen {
    requests: u64,
    mischief: BTreeMap<&'static str, u64>,
    random: fastrand::Rng,
}

/// What every namespace of every cluster holds: resources, and the objects of each.
#[derive(Clone)]
pub(crate) struct Lists {
    discovery: Vec<u8>,
    objects: BTreeMap<String, Vec<u8>>,
}

impl Lists {
    /// These resources, each of about so many bytes, which deflate well as ordinary objects do.
    pub(crate) fn of(sizes: &[(&str, usize)]) -> Lists {
        let lists = sizes.iter().map(|(name, size)| ((*name).to_owned(), objects(name, *size)));
        Lists::new(lists.collect())
    }

    /// Some hundred thousand bytes in all.
    pub(crate) fn ordinary() -> Lists {
        let names = ["configmaps", "events", "pods", "secrets", "services"];
        let sizes = [8_000, 20_000, 80_000, 4_000, 900];
        Lists::of(&names.into_iter().zip(sizes).collect::<Vec<_>>())
    }

    /// The same with one more resource, of these objects.
    pub(crate) fn with(mut self, name: &str, objects: Vec<u8>) -> Lists {
        self.objects.insert(name.to_owned(), objects);
        Lists::new(self.objects)
    }

    fn new(objects: BTreeMap<String, Vec<u8>>) -> Lists {
        let resources: Vec<_> = objects.keys().map(|name| cluster::resource(name)).collect();
        Lists { discovery: cluster::resource_list(&resources).into_bytes(), objects }
    }

    /// What a faultless archive of this namespace holds. No two namespaces hold the same.
    pub(crate) fn entries(&self, cluster: &str, namespace: &str) -> BTreeMap<String, Vec<u8>> {
        let names = self.objects.keys();
        let entry = |name: &String| {
            let list = self.list(cluster, namespace, name).expect("it is one of ours");
            (format!("{name}.json"), list)
        };
        names.map(entry).collect()
    }

    fn list(&self, cluster: &str, namespace: &str, resource: &str) -> Option<Vec<u8>> {
        let objects = self.objects.get(resource)?;
        let head = format!(
            r#"{{"kind":"List","apiVersion":"v1","metadata":{{"resourceVersion":"7","selfLink":"{cluster}/{namespace}/{resource}"}},"items":["#
        );
        Some([head.as_bytes(), objects, b"]}\n"].concat())
    }

    /// What is at a path, and none if there is nothing.
    fn body(&self, path: &str) -> Option<Vec<u8>> {
        let (cluster, below) = path.strip_prefix("/k8s/clusters/")?.split_once('/')?;
        if below == "api/v1" {
            return Some(self.discovery.clone());
        }
        let (namespace, resource) =
            below.strip_prefix("apis/extensions/v1beta1/namespaces/")?.split_once('/')?;
        self.list(cluster, namespace, resource)
    }
}

/// Objects of about so many bytes together, the same ones every time.
fn objects(resource: &str, bytes: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(bytes as u64);
    let mut objects = Vec::new();
    let mut size = 0;
    while size < bytes {
        let (number, uid) = (random.u16(..), random.u64(..));
        let (replicas, version) = (number % 9, number % 100);
        objects.push(format!(
            r#"{{"metadata":{{"name":"{resource}-{number:05}","uid":"{uid:016x}","labels":{{"app":"shop","tier":"front"}}}},"spec":{{"replicas":{replicas},"image":"registry.example/shop/{resource}:1.{version}"}}}}"#
        ));
        size += objects.last().map_or(0, String::len);
    }
    objects.join(",").into_bytes()
}

impl Crowd {
    /// Listens on loopback. Clusters are well unless `health` says otherwise; the seed makes the erratic ones' luck.
    pub(crate) fn start(lists: Lists, health: HashMap<String, Health>, seed: u64) -> Crowd {
        raise_open_files();
        let random = fastrand::Rng::with_seed(seed);
        let nothing_yet = Mutex::new(Seen { requests: 0, mischief: BTreeMap::new(), random });
        let shared = Arc::new(Shared { lists, health, seen: nothing_yet, news: Condvar::new() });
        let (stop, stopped) = oneshot::channel();
        let listener =
            std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).expect("loopback has a free port");
        listener.set_nonblocking(true).expect("a socket can be told not to block");
        let address = listener.local_addr().expect("a bound socket has an address");
        let serving = shared.clone();
        let thread = thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
            runtime.expect("a runtime can be made").block_on(async {
                let listener = TcpListener::from_std(listener).expect("it does not block");
                tokio::select! {
                    () = serve(listener, serving) => {}
                    _ = stopped => {}
                }
            });
        });
        Crowd { address, shared, stop: Some(stop), thread: Some(thread) }
    }

    /// What to give to `--server`.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// What a faultless archive of this namespace holds.
    pub(crate) fn entries(&self, cluster: &str, namespace: &str) -> BTreeMap<String, Vec<u8>> {
        self.shared.lists.entries(cluster, namespace)
    }

    /// How many requests came so far.
    pub(crate) fn requests(&self) -> u64 {
        self.shared.seen().requests
    }

    /// How often it misbehaved in each way so far.
    pub(crate) fn mischief(&self) -> BTreeMap<&'static str, u64> {
        self.shared.seen().mischief.clone()
    }
}

impl Drop for Crowd {
    fn drop(&mut self) {
        drop(self.stop.take());
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(ended.is_none_or(|ended| ended.is_ok()) || thread::panicking(), "the crowd panicked");
    }
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("nothing panics while it holds the numbers")
    }

    fn answer(&self, target: &str) -> Answer {
        let mut seen = self.seen();
        seen.requests += 1;
        self.news.notify_all();
        let path = target.split_once('?').map_or(target, |(path, _)| path);
        let cluster = path.split('/').nth(3).unwrap_or_default();
        let body = self.lists.body(path);
        match self.health.get(cluster).copied().unwrap_or(Health::Well) {
            Health::Well => Answer::well(body),
            Health::Hung => Answer { then: Then::Silence, ..Answer::of(Vec::new()) },
            Health::Dripping => Answer { then: Then::Drip, ..Answer::well(body) },
            Health::Erratic { one_of } => {
                if seen.random.u32(..one_of) > 0 {
                    return Answer::well(body);
                }
                let (kind, answer) = mischief::bad(&mut seen.random, &body.unwrap_or_default());
                *seen.mischief.entry(kind).or_default() += 1;
                answer
            }
        }
    }
}

impl Answer {
    /// These bytes at once, and the connection goes on.
    pub(crate) fn of(bytes: Vec<u8>) -> Answer {
        Answer { bytes, after: Duration::ZERO, then: Then::Next }
    }

    /// 200 with what there is, 404 where there is nothing.
    fn well(body: Option<Vec<u8>>) -> Answer {
        match body {
            Some(body) => Answer::of(whole(200, &json_type(), &body)),
            None => Answer::reply(&Reply::refusal(404, "NotFound", "the server could not find it")),
        }
    }

    /// A whole reply.
    pub(crate) fn reply(reply: &Reply) -> Answer {
        let Reply::Whole { status, headers, body } = reply else { panic!("not whole: {reply:?}") };
        Answer::of(whole(*status, headers, body))
    }
}

/// Hundreds of clients have more connections than an ordinary process may have files.
fn raise_open_files() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, ..limit };
    setrlimit(Resource::Nofile, raised).expect("a limit can be raised to its maximum");
}

/// An answer as it goes over the wire.
pub(crate) fn whole(status: u16, headers: &[(String, String)], body: &[u8]) -> Vec<u8> {
    [head(status, headers, Some(body.len())).as_bytes(), body].concat()
}

/// Until it is dropped, with all its connections.
async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            accepted = listener.accept() => {
                let (stream, _) = accepted.expect("there are descriptors enough");
                let shared = shared.clone();
                // A client that has gone is not an error.
                connections.spawn(async move { converse(stream, &shared).await.unwrap_or_default() });
            }
            Some(ended) = connections.join_next() => ended.expect("answering does not panic"),
        }
    }
}

/// Answers one connection's requests until either side has had enough.
async fn converse(mut stream: TcpStream, shared: &Shared) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut buffer = Vec::new();
    while let Some(target) = read_target(&mut stream, &mut buffer).await? {
        let answer = shared.answer(&target);
        sleep(answer.after).await;
        if answer.then == Then::Drip {
            for byte in answer.bytes {
                stream.write_all(&[byte]).await?;
                sleep(Duration::from_secs(1)).await;
            }
            continue;
        }
        stream.write_all(&answer.bytes).await?;
        match answer.then {
            Then::Next | Then::Drip => {}
            Then::Close => {
                stream.shutdown().await?;
                // Closed with something unread it would be a reset, which could overtake what was said.
                return until_the_end(&mut stream).await;
            }
            Then::Reset => return stream.set_zero_linger(),
            Then::Silence => return until_the_end(&mut stream).await,
        }
    }
    Ok(())
}

async fn until_the_end(stream: &mut TcpStream) -> io::Result<()> {
    while stream.read(&mut [0; 512]).await? > 0 {}
    Ok(())
}

/// What the next request asks for, none if the client has gone. What came after it stays in `buffer`.
async fn read_target(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> io::Result<Option<String>> {
    let end = loop {
        if let Some(end) = buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            break end;
        }
        if stream.read_buf(buffer).await? == 0 {
            return Ok(None);
        }
    };
    let head: Vec<u8> = buffer.drain(..end + 4).collect();
    let target = head.split(|byte| *byte == b' ').nth(1).expect("a request line has a target");
    Ok(Some(String::from_utf8(target.to_vec()).expect("a target is text")))
}
