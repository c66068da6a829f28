//! The HTTP client: [`Cluster`] on reqwest and rustls.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hyper_util::client::proxy::matcher::Matcher;
use reqwest::header::{ACCEPT, AUTHORIZATION, HeaderValue};
use thiserror::Error;
use url::{Host, Url};

use super::clients::{Client as Shared, Clients};
use super::tls::{Material, TlsError};
use super::{Answer, Body, Cluster, Connect, Failure, Pending};
use crate::model::limits::MESSAGE_BYTES;
use crate::model::text::printable;

/// What stands before the token (RFC 6750).
const BEARER: &str = "Bearer ";

/// A bearer token, ready to be sent; it is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(HeaderValue);

/// How much of a token gives it away: fewer characters begin many texts.
const TELLING: usize = 12;

/// What stands in a log where the server repeated the token.
const CONCEALED: &str = "(the token)";

/// Why a token file's text is no token. It does not repeat the text.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TokenError {
    /// Nothing but white space.
    #[error("it is empty")]
    Empty,
    /// Something that no header can hold, such as a line break in the middle.
    #[error("it holds characters that no token has")]
    Characters,
}

impl Token {
    /// Takes the token from a file's bytes; white space around it is trimmed.
    ///
    /// # Errors
    /// There is none in it.
    pub fn parse(bytes: &[u8]) -> Result<Self, TokenError> {
        let token = bytes.trim_ascii();
        if token.is_empty() {
            return Err(TokenError::Empty);
        }
        if token.iter().any(|byte| !byte.is_ascii_graphic()) {
            return Err(TokenError::Characters);
        }
        let mut value = HeaderValue::from_bytes(&[BEARER.as_bytes(), token].concat())
            .map_err(|_| TokenError::Characters)?;
        value.set_sensitive(true);
        Ok(Self(value))
    }

    /// `text` without this token, and without the beginning of it: messages are cut, and tokens are long.
    fn conceal_in(&self, text: &str) -> String {
        let token = self.0.to_str().ok().and_then(|value| value.strip_prefix(BEARER)).unwrap_or_default();
        let telling = &token[..token.len().min(TELLING)];
        let mut concealed = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(telling).filter(|_| !telling.is_empty()) {
            let (before, from) = rest.split_at(at);
            let repeated = from.bytes().zip(token.bytes()).take_while(|(one, other)| one == other).count();
            concealed.push_str(before);
            concealed.push_str(CONCEALED);
            rest = &from[repeated..];
        }
        concealed + rest
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

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
    fn connect(&self, material: &Material, token: Option<Token>) -> Result<Arc<dyn Cluster>, TlsError> {
        // What reqwest looks at as well, when it makes a client.
        let proxies = if is_loopback(&self.server) { None } else { Some(Matcher::from_system()) };
        Ok(Arc::new(Client { shared: self.client(material)?, token, timeout: self.timeout, proxies }))
    }
}

struct Client {
    shared: Arc<Shared>,
    token: Option<Token>,
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
    fn get(&self, url: Url) -> Pending<'_, Result<Answer, Failure>> {
        Box::pin(async move {
            let mut request = self.shared.http.get(url.clone());
            request = request.header(ACCEPT, HeaderValue::from_static("application/json"));
            if let Some(Token(token)) = &self.token {
                request = request.header(AUTHORIZATION, token.clone());
            }
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
        self.token.as_ref().map_or_else(|| text.to_owned(), |token| token.conceal_in(text))
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
    fn a_token_is_trimmed_never_shown_and_sent_as_sensitive() {
        let token = Token::parse(b" \n s3cret\r\n").unwrap();
        assert_eq!(token.0.as_bytes(), b"Bearer s3cret");
        assert!(token.0.is_sensitive());
        assert!(!format!("{token:?}").contains("s3cret"));
    }

    #[test]
    fn a_token_that_the_server_repeats_is_concealed_even_if_it_was_cut() {
        let token = Token::parse(b"eyJhbGciOiJSUzI1NiJ9.payload.signature").unwrap();
        let conceal = |text: &str| token.conceal_in(text);
        assert_eq!(
            conceal("a eyJhbGciOiJSUzI1NiJ9.payload.signature b eyJhbGciOiJSUzI1NiJ9.pay…"),
            "a (the token) b (the token)…"
        );
        for same in ["", "eyJhbGc is no token", "nothing", "ä…"] {
            assert_eq!(conceal(same), same);
        }
        assert_eq!(Token::parse(b"short").unwrap().conceal_in("a short one"), "a (the token) one");
    }

    #[test]
    fn what_is_no_token_is_refused_without_repeating_it() {
        assert_eq!(Token::parse(b" \n\t"), Err(TokenError::Empty));
        for bad in [&b"a b"[..], b"a\nb", b"a\0b", "ä".as_bytes(), b"\xff"] {
            assert_eq!(Token::parse(bad), Err(TokenError::Characters));
        }
    }

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
