//! The HTTP clients of the process: targets that are equal in everything that a connection is made of share
//! one, and with it its open connections.
//!
//! A kept-alive TLS connection *is* its client certificate, so targets that differ in that, in
//! whom they trust, in the server, in its name or in the way to it never share. Where no proxy is given it follows
//! from server and environment. A bearer token belongs to a request, so it may differ.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use reqwest::{Proxy, redirect};
use url::Url;

use super::lanes::{Lanes, REQUESTS};
use super::layout::Layout;
use super::server::{Server, TlsName, is_loopback};
use super::tls::{Material, Roots, TlsError, client_config, fingerprint};
use crate::model::digest::Sha256;

/// Names the program and its version to the server.
const USER_AGENT: &str = concat!("minutebook/", env!("CARGO_PKG_VERSION"));

/// How old the system's roots may be: they are renewed like other files, but for hundreds of targets the whole
/// bundle is not read and parsed hundreds of times a cycle.
const ROOTS_AGE: Duration = Duration::from_secs(10);

/// How long a connection that nobody uses is kept. Long enough for a target's next page, and for its next
/// cycle where those are close; shorter than the time after which servers and proxies hang up (60 s is common),
/// because a request that meets their end fails. Beyond it a handshake a cycle costs less than
/// the sockets of hundreds of targets.
const IDLE: Duration = Duration::from_secs(20);

/// Connections that a client keeps while nobody uses them. A target has four at most; only many that share a client
/// get here, and they take turns.
const IDLE_CONNECTIONS: usize = 32;

/// From the last byte of a peer to the first question whether it is still there, and from one question to the next;
/// with three questions it is found out in half a minute. Nothing else does where a page
/// stands still for want of memory, and firewalls forget connections on which nothing moves.
const KEEPALIVE: Duration = Duration::from_secs(15);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
const KEEPALIVE_QUESTIONS: u32 = 3;

/// What a server may send of one body before it is read (HTTP/2). Such bytes are held by nobody's count, so they
/// are few: all requests that may be in flight at once (`connections`) hold some 64 MiB, and half of one for each target, and
/// only while pages stand still for want of memory; a page that is read holds next to nothing. More would be faster only
/// where a server is far away: at a round trip of 50 ms this is 10 MB a second for each list, compressed.
const STREAM_WINDOW: u32 = 512 << 10;

/// What a server may send on one connection before it is read: twice what all requests on it may hold, so that those
/// that stand still, however many, leave room for one that does not.
const CONNECTION_WINDOW: u32 = 2 * REQUESTS * STREAM_WINDOW;

/// What an answer's headers may take in HTTP/2: as much as in HTTP/1.1.
const HEADERS: u32 = 400 << 10;

/// How an HTTP/2 connection is asked whether it still lives. TCP's own questions end at the next proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Pings {
    /// After this long without a frame.
    pub after: Duration,
    /// How long the answer may take.
    pub answer: Duration,
}

impl Default for Pings {
    /// As client-go asks.
    fn default() -> Self {
        Self { after: Duration::from_secs(30), answer: Duration::from_secs(15) }
    }
}

/// Which clients are wanted.
#[derive(Clone, Copy)]
pub(super) struct Wanted<'a> {
    pub(super) server: &'a Server,
    pub(super) layout: Layout,
    pub(super) pings: Pings,
    /// How long connecting may take.
    pub(super) timeout: Duration,
    pub(super) material: &'a Material,
}

/// All clients of the process; clones are the same.
#[derive(Clone, Default)]
pub struct Clients(Arc<Shared>);

#[derive(Default)]
struct Shared {
    /// Those that somebody uses.
    clients: Mutex<HashMap<Key, Weak<Client>>>,
    roots: Mutex<Option<(Instant, Arc<Roots>)>>,
}

/// What clients must be equal in to be one.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Key {
    /// Scheme, host and port.
    origin: String,
    tls_server_name: Option<String>,
    proxy: Option<Url>,
    /// What decides on the protocol.
    layout: Layout,
    pings: Pings,
    /// How long connecting may take.
    timeout: Duration,
    /// CA, client certificate and key, or that any certificate will do.
    trust: Sha256,
}

/// A client, and what tells it from others.
pub(super) struct Client {
    key: Key,
    pub(super) lanes: Arc<Lanes>,
}

impl Clients {
    /// The client for those who want this one; `last` is what the caller had before.
    pub(super) fn client(
        &self,
        wanted: Wanted<'_>,
        last: Option<&Arc<Client>>,
    ) -> Result<Arc<Client>, TlsError> {
        let Wanted { server, layout, pings, timeout, material } = wanted;
        let by_system = server.url.scheme() == "https" && material.ca.is_none() && !material.insecure;
        let system = by_system.then(|| self.roots());
        if system.as_ref().is_some_and(|roots| roots.is_empty()) {
            return Err(TlsError::NoRoots);
        }
        let key = Key {
            origin: server.url.origin().ascii_serialization(),
            tls_server_name: server.tls_server_name.clone(),
            proxy: server.proxy.clone(),
            layout,
            pings,
            timeout,
            trust: fingerprint(material, system.as_deref()),
        };
        if let Some(last) = last.filter(|last| last.key == key) {
            return Ok(Arc::clone(last));
        }
        if let Some(known) = self.known().get(&key).and_then(Weak::upgrade) {
            return Ok(known);
        }
        // Made without the lock: others need not wait for it.
        let lanes = lanes(wanted, system.as_deref())?;
        let mut clients = self.known();
        clients.retain(|_, client| client.strong_count() > 0);
        // Somebody may have made the same one in the meantime.
        if let Some(known) = clients.get(&key).and_then(Weak::upgrade) {
            return Ok(known);
        }
        let client = Arc::new(Client { key: key.clone(), lanes });
        clients.insert(key, Arc::downgrade(&client));
        Ok(client)
    }

    fn known(&self) -> MutexGuard<'_, HashMap<Key, Weak<Client>>> {
        self.0.clients.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The system's roots, read by one and for all.
    fn roots(&self) -> Arc<Roots> {
        let mut roots = self.0.roots.lock().unwrap_or_else(PoisonError::into_inner);
        fresh(&mut roots, Instant::now(), Roots::of_system)
    }
}

/// What was read, unless it is too old; then what is read now, in the place of the old one only if it differs.
fn fresh(last: &mut Option<(Instant, Arc<Roots>)>, now: Instant, read: impl FnOnce() -> Roots) -> Arc<Roots> {
    let roots = match last.take() {
        Some((since, roots)) if now.saturating_duration_since(since) < ROOTS_AGE => {
            *last = Some((since, Arc::clone(&roots)));
            return roots;
        }
        Some((_, before)) => {
            let read = read();
            // While the package with them is renewed there are none for a moment.
            if read == *before || read.is_empty() { before } else { Arc::new(read) }
        }
        None => Arc::new(read()),
    };
    *last = Some((now, Arc::clone(&roots)));
    roots
}

fn lanes(wanted: Wanted<'_>, system: Option<&Roots>) -> Result<Arc<Lanes>, TlsError> {
    let Wanted { server, layout, pings, timeout, material } = wanted;
    let name = server.tls_name()?;
    let mut tls = client_config(material, system, &name)?;
    let protocols = protocols(layout, &name);
    tls.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    let most = protocols.contains(&HTTP2).then_some(REQUESTS);
    let server = server.clone();
    let make = move || {
        let builder = builder(&server, &name, timeout, tls.clone())?;
        let builder = if most.is_some() { http2(builder, pings) } else { builder.http1_only() };
        builder.build().map_err(|error| TlsError::Client(error.to_string()))
    };
    Lanes::new(Box::new(make), most)
}

const HTTP1: &[u8] = b"http/1.1";
const HTTP2: &[u8] = b"h2";

/// What the server may choose from (ALPN); with nothing to choose from it is HTTP/1.1.
fn protocols(layout: Layout, name: &TlsName) -> &'static [&'static [u8]] {
    match (layout, name) {
        (Layout::Kata, _) => &[],
        // The URL's host is what HTTP/2 calls the server; in HTTP/1.1 it is called by its own name (see `client`).
        (Layout::Kubernetes, TlsName::Named(_)) => &[HTTP1],
        (Layout::Kubernetes, TlsName::Own | TlsName::Address(_)) => &[HTTP2, HTTP1],
    }
}

fn builder(
    server: &Server,
    name: &TlsName,
    timeout: Duration,
    tls: rustls::ClientConfig,
) -> Result<reqwest::ClientBuilder, TlsError> {
    let mut builder = reqwest::Client::builder()
        .tls_backend_preconfigured(tls)
        .user_agent(USER_AGENT)
        .redirect(redirect::Policy::none())
        .referer(false)
        .connect_timeout(timeout)
        .pool_idle_timeout(IDLE)
        .pool_max_idle_per_host(IDLE_CONNECTIONS)
        .tcp_keepalive(KEEPALIVE)
        .tcp_keepalive_interval(KEEPALIVE_INTERVAL)
        .tcp_keepalive_retries(KEEPALIVE_QUESTIONS)
        // A request is one small write, which on a kept connection must not wait for the acknowledgement of an earlier one.
        .tcp_nodelay(true);
    let loopback = is_loopback(&server.url);
    if let Some(proxy) = &server.proxy {
        // TLS to a proxy that wants it is as TLS to the server: client-go trusts, and identifies itself, alike.
        let proxy = Proxy::all(proxy.clone()).map_err(|_| {
            // Its own words may repeat the URL, credentials and all.
            TlsError::Client(format!("a proxy with the scheme `{}` cannot be used", proxy.scheme()))
        })?;
        builder = builder.proxy(proxy);
    } else if loopback || matches!(name, TlsName::Named(_)) {
        // A proxy would not reach this machine. And where the URL has another name in the server's place it would be
        // that name for which the environment's proxy and its exceptions are looked up; `connect` has seen that no proxy
        // stands before the server itself.
        builder = builder.no_proxy();
    }
    let addresses = loopback.then_some(LOCALHOST);
    if let TlsName::Named(_) = name {
        let host = server.url.host_str().unwrap_or_default();
        // As an address it is written with brackets in a URL alone.
        let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
        let addresses = addresses.filter(|_| host == "localhost");
        builder = builder.dns_resolver(Arc::new(AtServer { host, addresses }));
    } else if let Some(addresses) = addresses {
        builder = builder.resolve_to_addrs("localhost", &addresses);
    }
    Ok(builder)
}

/// `localhost` is this machine, whatever a resolver says.
const LOCALHOST: [SocketAddr; 2] = [
    SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 0),
    SocketAddr::new(IpAddr::V6(Ipv6Addr::LOCALHOST), 0),
];

fn http2(builder: reqwest::ClientBuilder, pings: Pings) -> reqwest::ClientBuilder {
    builder
        .http2_initial_stream_window_size(STREAM_WINDOW)
        .http2_initial_connection_window_size(CONNECTION_WINDOW)
        .http2_max_header_list_size(HEADERS)
        .http2_keep_alive_interval(pings.after)
        .http2_keep_alive_timeout(pings.answer)
        .http2_keep_alive_while_idle(true)
}

/// Finds every name where the server is: the URL's host is then the name that its certificate is for.
struct AtServer {
    host: String,
    addresses: Option<[SocketAddr; 2]>,
}

impl Resolve for AtServer {
    fn resolve(&self, _: Name) -> Resolving {
        let (host, addresses) = (self.host.clone(), self.addresses);
        Box::pin(async move {
            let found: Vec<_> = match addresses {
                Some(addresses) => addresses.into(),
                None => tokio::net::lookup_host((host, 0)).await?.collect(),
            };
            let found: Addrs = Box::new(found.into_iter());
            Ok(found)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(clients: &Clients, server: &str, material: &Material) -> Arc<Client> {
        by(clients, &server.parse::<Url>().unwrap().into(), Layout::Kata, material)
    }

    fn by(clients: &Clients, server: &Server, layout: Layout, material: &Material) -> Arc<Client> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        let (pings, timeout) = (Pings::default(), Duration::from_secs(5));
        clients.client(Wanted { server, layout, pings, timeout, material }, None).unwrap()
    }

    #[test]
    fn equal_ones_share_a_client_for_as_long_as_somebody_has_it() {
        let (clients, none) = (Clients::default(), Material::default());
        let one = of(&clients, "http://h:1", &none);
        assert!(Arc::ptr_eq(&one, &of(&clients.clone(), "http://H:1/", &none)));
        for other in ["http://h:2", "http://h", "http://g:1"] {
            assert!(!Arc::ptr_eq(&one, &of(&clients, other, &none)), "{other}");
        }
        assert!(!Arc::ptr_eq(&one, &of(&Clients::default(), "http://h:1", &none)));
        drop(one);
        let _other = of(&clients, "http://h:3", &none);
        assert_eq!(clients.known().len(), 1, "what nobody uses is forgotten");
    }

    #[test]
    fn whoever_differs_in_the_way_to_the_server_has_another_client() {
        let (clients, clean) = (Clients::default(), Material::default());
        let plain: Server = "https://h".parse::<Url>().unwrap().into();
        let insecure = Material { insecure: true, ..clean };
        let proxy = |proxy: &str| Server { proxy: Some(proxy.parse().unwrap()), ..plain.clone() };
        let named = |name: &str| Server { tls_server_name: Some(name.to_owned()), ..plain.clone() };
        let all: Vec<_> = [
            (&plain, Layout::Kata),
            (&plain, Layout::Kubernetes),
            (&proxy("http://p:1"), Layout::Kubernetes),
            (&proxy("http://user@p:1"), Layout::Kubernetes),
            (&proxy("https://p:1"), Layout::Kubernetes),
            (&named("a"), Layout::Kubernetes),
            (&named("b"), Layout::Kubernetes),
            (&named("10.0.0.1"), Layout::Kubernetes),
        ]
        .map(|(server, layout)| by(&clients, server, layout, &insecure))
        .into();
        for (index, one) in all.iter().enumerate() {
            assert!(!all[..index].iter().any(|other| Arc::ptr_eq(one, other)), "{index}");
        }
        assert!(Arc::ptr_eq(&all[5], &by(&clients, &named("a"), Layout::Kubernetes, &insecure)));
    }

    #[test]
    fn the_systems_roots_are_read_once_for_all_and_again_when_they_are_old() {
        let (mut last, mut reads, start) = (None, 0, Instant::now());
        let mut at = |seconds| {
            fresh(&mut last, start + Duration::from_secs(seconds), || {
                reads += 1;
                Roots::of(Vec::new())
            })
        };
        let first = at(0);
        assert!(Arc::ptr_eq(&first, &at(9)) && Arc::ptr_eq(&first, &at(10)), "the same, read again or not");
        at(19);
        assert_eq!(reads, 2);
    }
}
