//! The HTTP clients of the process: targets that are equal in everything that a connection is made of share
//! one, and with it its open connections.
//!
//! A kept-alive TLS connection *is* its client certificate, so targets that differ in that, in
//! whom they trust or in the server never share. The proxy follows from server and environment, and the name
//! that the server must show is its URL's. A bearer token belongs to a request, so
//! it may differ.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::time::{Duration, Instant};

use reqwest::redirect;
use url::Url;

use super::client::is_loopback;
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
    /// How long connecting may take.
    timeout: Duration,
    /// CA, client certificate and key.
    trust: Sha256,
}

/// A client, and what tells it from others.
pub(super) struct Client {
    key: Key,
    pub(super) http: reqwest::Client,
}

impl Clients {
    /// The client of `server` for those who have this material; `last` is what the caller had before.
    pub(super) fn client(
        &self,
        server: &Url,
        timeout: Duration,
        material: &Material,
        last: Option<&Arc<Client>>,
    ) -> Result<Arc<Client>, TlsError> {
        let system = (server.scheme() == "https" && material.ca.is_none()).then(|| self.roots());
        if system.as_ref().is_some_and(|roots| roots.is_empty()) {
            return Err(TlsError::NoRoots);
        }
        let trust = fingerprint(material, system.as_deref());
        let key = Key { origin: server.origin().ascii_serialization(), timeout, trust };
        if let Some(last) = last.filter(|last| last.key == key) {
            return Ok(Arc::clone(last));
        }
        if let Some(known) = self.known().get(&key).and_then(Weak::upgrade) {
            return Ok(known);
        }
        // Made without the lock: others need not wait for it.
        let http = build(server, timeout, client_config(material, system.as_deref())?)?;
        let mut clients = self.known();
        clients.retain(|_, client| client.strong_count() > 0);
        // Somebody may have made the same one in the meantime.
        if let Some(known) = clients.get(&key).and_then(Weak::upgrade) {
            return Ok(known);
        }
        let client = Arc::new(Client { key: key.clone(), http });
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

fn build(server: &Url, timeout: Duration, tls: rustls::ClientConfig) -> Result<reqwest::Client, TlsError> {
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
    if is_loopback(server) {
        // A proxy would not reach this machine; and `localhost` is this machine, whatever a
        // resolver says.
        let addresses = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];
        let addresses = addresses.map(|address| SocketAddr::new(address, 0));
        builder = builder.no_proxy().resolve_to_addrs("localhost", &addresses);
    }
    builder.build().map_err(|error| TlsError::Client(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(clients: &Clients, server: &str, material: &Material) -> Arc<Client> {
        let _ = rustls::crypto::ring::default_provider().install_default();
        clients.client(&server.parse().unwrap(), Duration::from_secs(5), material, None).unwrap()
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
