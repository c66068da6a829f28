//! A stand-in for an API server: plain threads and sockets on loopback, so that the same
//! one serves the built binary and tests inside the process, and so that it can do what no
//! HTTP library lets a server do: stop half-way, drip, fall silent, answer with rubbish.
//!
//! A handler decides what each request gets; every request is recorded before it is
//! answered. Dropping a stand-in closes every connection and joins every thread.

use std::collections::HashMap;
use std::io::{ErrorKind, Read as _};
use std::net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use super::http::{self, Reply, Request, Wire};
use super::tls;

type Handler = dyn Fn(&Request) -> Reply + Send + Sync;

/// An API server that behaves as well, or as badly, as its handler says.
pub(crate) struct StandIn {
    shared: Arc<Shared>,
    address: SocketAddr,
    live: Option<Live>,
    /// Bound and never listening: while the stand-in is down its port stays its own, and
    /// whoever connects is refused.
    _reserved: tokio::net::TcpSocket,
}

struct Shared {
    handler: Box<Handler>,
    tls: Option<tls::Server>,
    seen: Mutex<Seen>,
    news: Condvar,
}

#[derive(Default)]
struct Seen {
    requests: Vec<Request>,
    counts: HashMap<String, usize>,
}

/// What exists only while the stand-in listens.
struct Live {
    line: Arc<Line>,
    acceptor: JoinHandle<()>,
}

/// The connections of one life, and whether it is over.
#[derive(Default)]
struct Line {
    state: Mutex<LineState>,
    ended: Condvar,
}

#[derive(Default)]
struct LineState {
    over: bool,
    streams: Vec<TcpStream>,
}

impl StandIn {
    /// Listens on loopback, in plain HTTP.
    pub(crate) fn start(handler: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> StandIn {
        StandIn::with(Box::new(handler), None)
    }

    /// Listens on loopback, in TLS.
    pub(crate) fn start_tls(
        tls: tls::Server,
        handler: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> StandIn {
        StandIn::with(Box::new(handler), Some(tls))
    }

    /// Owns a port on which nobody listens.
    pub(crate) fn refusing() -> StandIn {
        let mut refusing = StandIn::start(|_| Reply::Close);
        refusing.stop();
        refusing
    }

    fn with(handler: Box<Handler>, tls: Option<tls::Server>) -> StandIn {
        let shared = Arc::new(Shared { handler, tls, seen: Mutex::default(), news: Condvar::new() });
        // A port may be reserved and be taken all the same, as the near end of somebody's connection.
        let up = || StandIn::reserve(&shared).up().ok();
        std::iter::repeat_with(up).take(100).flatten().next().expect("loopback has a free port")
    }

    fn reserve(shared: &Arc<Shared>) -> StandIn {
        let reserved = tokio::net::TcpSocket::new_v4().expect("a socket can be made");
        reserved.set_reuseaddr(true).expect("its address can be shared");
        reserved.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0))).expect("loopback has a free port");
        let address = reserved.local_addr().expect("a bound socket has an address");
        StandIn { shared: Arc::clone(shared), address, live: None, _reserved: reserved }
    }

    fn up(mut self) -> std::io::Result<StandIn> {
        self.listen()?;
        Ok(self)
    }

    /// The port, the same through every stop and restart.
    pub(crate) fn port(&self) -> u16 {
        self.address.port()
    }

    /// What to give to `--server`.
    pub(crate) fn url(&self) -> String {
        let scheme = if self.shared.tls.is_some() { "https" } else { "http" };
        format!("{scheme}://{}", self.address)
    }

    /// Every request so far, in the order in which they came.
    pub(crate) fn requests(&self) -> Vec<Request> {
        self.shared.seen().requests.clone()
    }

    /// The targets of every request so far, in the order in which they came.
    pub(crate) fn targets(&self) -> Vec<String> {
        self.shared.seen().requests.iter().map(|request| request.target.clone()).collect()
    }

    /// How many connections were made to it since it came up.
    pub(crate) fn connections(&self) -> usize {
        self.live.as_ref().map_or(0, |live| live.line.state().streams.len())
    }

    /// Waits until the requests so far satisfy `enough`; panics after half a minute.
    pub(crate) fn wait_until(&self, what: &str, enough: impl Fn(&[Request]) -> bool) {
        let end = Instant::now() + Duration::from_secs(30);
        let mut seen = self.shared.seen();
        while !enough(&seen.requests) {
            let left = end.saturating_duration_since(Instant::now());
            assert!(!left.is_zero(), "waited in vain: {what}; requests: {:#?}", seen.requests);
            seen = self.shared.news.wait_timeout(seen, left).expect("the record is whole").0;
        }
    }

    /// Goes down as a killed process does: every connection is closed, new ones are refused.
    pub(crate) fn stop(&mut self) {
        let Some(live) = self.live.take() else { return };
        live.line.end();
        // The acceptor sits in accept(); one last connection wakes it.
        drop(TcpStream::connect(self.address));
        let ended = live.acceptor.join();
        assert!(ended.is_ok() || thread::panicking(), "a handler panicked");
    }

    /// Closes every connection, and takes new ones.
    pub(crate) fn hang_up(&mut self) {
        self.stop();
        self.restart();
    }

    /// Comes up again on the same port.
    pub(crate) fn restart(&mut self) {
        assert!(self.live.is_none(), "the stand-in is up already");
        // A child that another test starts has the former socket, too, from its fork until its program begins.
        let end = Instant::now() + Duration::from_secs(10);
        while let Err(error) = self.listen() {
            let again = error.kind() == ErrorKind::AddrInUse && Instant::now() < end;
            assert!(again, "the port is still reserved: {error}");
            thread::yield_now();
        }
    }

    fn listen(&mut self) -> std::io::Result<()> {
        let listener = TcpListener::bind(self.address)?;
        let line = Arc::new(Line::default());
        let acceptor = {
            let (shared, line) = (self.shared.clone(), line.clone());
            thread::spawn(move || accept(&listener, &shared, &line))
        };
        self.live = Some(Live { line, acceptor });
        Ok(())
    }
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Shared {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.seen.lock().expect("nothing panics while it holds the record")
    }

    fn answer(&self, mut request: Request) -> Reply {
        {
            let mut seen = self.seen();
            let count = seen.counts.entry(request.target.clone()).or_default();
            request.nth = *count;
            *count += 1;
            seen.requests.push(request.clone());
            self.news.notify_all();
        }
        (self.handler)(&request)
    }
}

impl Line {
    fn state(&self) -> MutexGuard<'_, LineState> {
        self.state.lock().expect("nothing panics while it holds the line")
    }

    /// Takes a connection on, unless this life is over.
    fn admit(&self, stream: &TcpStream) -> bool {
        let mut state = self.state();
        if !state.over {
            state.streams.push(stream.try_clone().expect("a socket can be cloned"));
        }
        !state.over
    }

    fn end(&self) {
        let mut state = self.state();
        state.over = true;
        for stream in &state.streams {
            // It may be closed already, by either side.
            let _ = stream.shutdown(Shutdown::Both);
        }
        self.ended.notify_all();
    }

    /// Lets time pass, and says whether this life still goes on.
    fn pause(&self, time: Duration) -> bool {
        let state = self.state();
        let (state, _) = self
            .ended
            .wait_timeout_while(state, time, |state| !state.over)
            .expect("nothing panics while it holds the line");
        !state.over
    }
}

fn accept(listener: &TcpListener, shared: &Arc<Shared>, line: &Arc<Line>) {
    let mut connections = Vec::new();
    while let Ok((stream, _)) = listener.accept() {
        if !line.admit(&stream) {
            break;
        }
        let (shared, line) = (shared.clone(), line.clone());
        connections.push(thread::spawn(move || converse(&stream, &shared, &line)));
    }
    let ends: Vec<_> = connections.into_iter().map(JoinHandle::join).collect();
    assert!(ends.iter().all(Result::is_ok), "a handler panicked");
}

/// Answers one connection's requests until either side has had enough.
fn converse(stream: &TcpStream, shared: &Shared, line: &Line) {
    // Small answers must not wait for the acknowledgement of earlier ones.
    stream.set_nodelay(true).expect("loopback knows TCP_NODELAY");
    let socket = stream.try_clone().expect("a socket can be cloned");
    let mut wire: Box<dyn Wire> = match &shared.tls {
        Some(tls) => Box::new(tls.accept(socket)),
        None => Box::new(socket),
    };
    let mut left_over = Vec::new();
    while let Some(request) = http::read_request(&mut *wire, &mut left_over) {
        let last = request.header("connection") == Some("close");
        let reply = shared.answer(request);
        let goes_on = reply.send(&mut *wire, &|time| line.pause(time));
        if last || !goes_on {
            break;
        }
    }
    // The line holds a clone, so dropping ours would not close the connection. What the client still
    // sends is read until it hangs up too: answered by a reset, it could lose what we said last.
    let _ = stream.shutdown(Shutdown::Write);
    let (mut rest, mut stream) = ([0; 4096], stream);
    while stream.read(&mut rest).is_ok_and(|read| read > 0) {}
}
