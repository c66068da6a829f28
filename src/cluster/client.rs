//! The HTTP client: [`Cluster`] on reqwest and rustls.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, AUTHORIZATION, CONTENT_TYPE, HOST, HeaderValue};
use url::{Position, Url};

use super::caller::Caller;
use super::clients::{Client as Shared, Clients, Pings, Wanted};
use super::lanes::Place;
use super::layout::Layout;
use super::server::{Proxies, Server, TlsName};
use super::tls::{Material, TlsError};
use super::{Answer, Body, Cluster, Connect, Failure, Pending, Request};

/// Makes clients of one API server. As long as the certificates are the same, so is what they send with, and its
/// open connections.
pub struct HttpConnect {
    server: Server,
    layout: Layout,
    pings: Pings,
    timeout: Duration,
    clients: Clients,
    /// Kept, so that connections outlive a cycle.
    last: Mutex<Option<Arc<Shared>>>,
}

impl HttpConnect {
    /// Clients of `server`, for which a connection may take as long as `timeout`. Those that `clients` hands out are
    /// shared with others who are equal. In layout `kata` they speak HTTP/1.1 and ask for no encoding; in layout
    /// `kubernetes` they speak HTTP/2 with servers that do, and ask for gzip, as client-go does.
    #[must_use]
    pub fn new(server: Server, layout: Layout, timeout: Duration, clients: Clients) -> Self {
        Self { server, layout, pings: Pings::default(), timeout, clients, last: Mutex::default() }
    }

    /// The same with other pings.
    #[must_use]
    pub fn with_pings(self, pings: Pings) -> Self {
        Self { pings, ..self }
    }

    fn client(&self, material: &Material) -> Result<Arc<Shared>, TlsError> {
        let Self { server, layout, pings, timeout, .. } = self;
        let wanted = Wanted { server, layout: *layout, pings: *pings, timeout: *timeout, material };
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let client = self.clients.client(wanted, last.as_ref())?;
        *last = Some(Arc::clone(&client));
        Ok(client)
    }
}

impl Connect for HttpConnect {
    fn connect(&self, material: &Material, caller: Caller) -> Result<Arc<dyn Cluster>, TlsError> {
        let proxies = self.server.proxies();
        let named = match self.server.tls_name()? {
            TlsName::Own | TlsName::Address(_) => None,
            TlsName::Named(name) => match proxies.before(&self.server.url) {
                None => Some(name),
                Some(proxy) => return Err(TlsError::NameThroughProxy(proxy)),
            },
        };
        let shared = self.client(material)?;
        let gzip = self.layout == Layout::Kubernetes && !caller.uncompressed;
        Ok(Arc::new(Client { shared, caller, gzip, named, timeout: self.timeout, proxies }))
    }
}

struct Client {
    shared: Arc<Shared>,
    caller: Caller,
    /// Whether gzip is asked for.
    gzip: bool,
    /// The server's name in TLS, which stands in URLs for the HTTP client.
    named: Option<String>,
    timeout: Duration,
    proxies: Proxies,
}

impl Client {
    /// What the HTTP client is given.
    ///
    /// It takes the name for the handshake from the URL, so that is the URL's host, and is resolved to the server. In
    /// HTTP/1.1 the header `Host` holds the server's own name all the same, as client-go sends it; HTTP/2 has no room
    /// for two names (RFC 9113, 8.3.1), so it is not spoken then, and that alone differs from client-go.
    fn named(&self, url: Url) -> (Url, Option<HeaderValue>) {
        let Some(name) = &self.named else { return (url, None) };
        let own = HeaderValue::from_str(&url[Position::BeforeHost..Position::AfterPort]).ok();
        let mut named = url;
        // It was checked to be a host.
        let _ = named.set_host(Some(name));
        (named, own)
    }
}

impl Cluster for Client {
    fn send(&self, request: Request) -> Pending<'_, Result<Answer, Failure>> {
        Box::pin(async move {
            let Request { url, accept, body } = request;
            let proxy = self.proxies.before(&url);
            let mut place = self
                .shared
                .lanes
                .place()
                .map_err(|error| Failure::Connect { proxy: proxy.clone(), why: error.to_string() })?;
            let (url, host) = self.named(url);
            let http = place.http();
            let mut request = match body {
                None => http.get(url),
                Some(json) => http.post(url).header(CONTENT_TYPE, "application/json").body(json),
            };
            request = request.header(ACCEPT, HeaderValue::from_static(accept.as_str()));
            if self.gzip {
                request = request.header(ACCEPT_ENCODING, HeaderValue::from_static("gzip"));
            }
            if let Some(host) = host {
                request = request.header(HOST, host);
            }
            if let Some(authorization) = &self.caller.authorization {
                request = request.header(AUTHORIZATION, authorization.header());
            }
            request = request.headers(self.caller.impersonation.clone());
            place.waits();
            let sent = request.send().await;
            place.came(sent.is_ok());
            let response = sent.map_err(|error| Failure::of(&error, self.timeout, proxy.as_deref()))?;
            Ok(Answer {
                status: response.status(),
                headers: response.headers().clone(),
                body: Box::new(ResponseBody { response, place, timeout: self.timeout }),
            })
        })
    }

    fn conceal(&self, text: &str) -> String {
        let authorization = self.caller.authorization.as_ref();
        authorization.map_or_else(|| text.to_owned(), |authorization| authorization.conceal_in(text))
    }
}

struct ResponseBody {
    response: reqwest::Response,
    place: Place,
    timeout: Duration,
}

impl Body for ResponseBody {
    fn chunk(&mut self) -> Pending<'_, Result<Option<Bytes>, Failure>> {
        Box::pin(async move {
            self.place.waits();
            let chunk = self.response.chunk().await;
            self.place.came(chunk.is_ok());
            chunk.map_err(|error| Failure::of(&error, self.timeout, None))
        })
    }
}
