//! The HTTP client: [`Cluster`] on reqwest and rustls.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue};
use url::{Host, Url};

use super::caller::Caller;
use super::clients::{Client as Shared, Clients};
use super::tls::{Material, TlsError};
use super::{Answer, Body, Cluster, Connect, Failure, Pending, Request};
use crate::model::limits::MESSAGE_BYTES;
use crate::model::text::printable;

/// Makes clients of one API server. As long as the certificates are the same, so is what they send with, and its
/// open connections.
pub struct HttpConnect {
    server: Url,
    timeout: Duration,
    clients: Clients,
    /// Kept, so that connections outlive a cycle.
    last: Mutex<Option<Arc<Shared>>>,
}

impl HttpConnect {
    /// Clients of `server`, for which a connection may take as long as `timeout`. Those that `clients` hands out are
    /// shared with others who are equal.
    #[must_use]
    pub fn new(server: Url, timeout: Duration, clients: Clients) -> Self {
        Self { server, timeout, clients, last: Mutex::default() }
    }

    fn client(&self, material: &Material) -> Result<Arc<Shared>, TlsError> {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let client = self.clients.client(&self.server, self.timeout, material, last.as_ref())?;
        *last = Some(Arc::clone(&client));
        Ok(client)
    }
}

impl Connect for HttpConnect {
    fn connect(&self, material: &Material, caller: Caller) -> Result<Arc<dyn Cluster>, TlsError> {
        // What reqwest looks at as well, when it makes a client.
        let proxies = if is_loopback(&self.server) { None } else { Some(Matcher::from_system()) };
        Ok(Arc::new(Client { shared: self.client(material)?, caller, timeout: self.timeout, proxies }))
    }
}

struct Client {
    shared: Arc<Shared>,
    caller: Caller,
    timeout: Duration,
    /// Which proxy stands before which server, to be named when it fails.
    proxies: Option<Matcher>,
}

impl Client {
    /// The proxy through which `url` is reached, without user info.
    fn proxy_of(&self, url: &Url) -> Option<String> {
        let url: hyper::Uri = url.as_str().parse().ok()?;
        let proxy = self.proxies.as_ref()?.intercept(&url)?;
        let (scheme, authority) = (proxy.uri().scheme_str()?, proxy.uri().authority()?.as_str());
        let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        Some(printable(&format!("{scheme}://{host}"), MESSAGE_BYTES))
    }
}

/// Whether a server is this machine: 127.0.0.0/8, ::1 or `localhost`.
#[must_use]
pub fn is_loopback(server: &Url) -> bool {
    match server.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    }
}

impl Cluster for Client {
    fn send(&self, request: Request) -> Pending<'_, Result<Answer, Failure>> {
        Box::pin(async move {
            let Request { url, accept, body } = request;
            let http = &self.shared.http;
            let mut request = match body {
                None => http.get(url.clone()),
                Some(json) => http.post(url.clone()).header(CONTENT_TYPE, "application/json").body(json),
            };
            request = request.header(ACCEPT, HeaderValue::from_static(accept.as_str()));
            if let Some(token) = &self.caller.token {
                request = request.header(AUTHORIZATION, token.header());
            }
            request = request.headers(self.caller.impersonation.clone());
            let failed = |error| Failure::of(&error, self.timeout, self.proxy_of(&url).as_deref());
            let response = request.send().await.map_err(failed)?;
            Ok(Answer {
                status: response.status(),
                headers: response.headers().clone(),
                body: Box::new(ResponseBody { response, timeout: self.timeout }),
            })
        })
    }

    fn conceal(&self, text: &str) -> String {
        self.caller.token.as_ref().map_or_else(|| text.to_owned(), |token| token.conceal_in(text))
    }
}

struct ResponseBody {
    response: reqwest::Response,
    timeout: Duration,
}

impl Body for ResponseBody {
    fn chunk(&mut self) -> Pending<'_, Result<Option<Bytes>, Failure>> {
        Box::pin(async move {
            self.response.chunk().await.map_err(|error| Failure::of(&error, self.timeout, None))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_is_known_by_its_addresses_and_one_name() {
        let loopback = |server: &str| is_loopback(&server.parse().unwrap());
        for server in ["http://127.0.0.1:1", "http://127.9.9.9", "http://[::1]:8", "https://LOCALHOST"] {
            assert!(loopback(server), "{server}");
        }
        for server in ["http://10.0.0.1", "http://[::2]", "http://localhost.example.org", "http://128.0.0.1"]
        {
            assert!(!loopback(server), "{server}");
        }
    }
}
