//! An API server and the way to it.

use std::fmt;

use hyper_util::client::proxy::matcher::Matcher;
use rustls::pki_types::ServerName;
use url::{Host, Url};

use super::tls::TlsError;
use crate::model::limits::MESSAGE_BYTES;
use crate::model::text::printable;

/// What tells one server from another, and how it is reached.
#[derive(Clone, PartialEq, Eq)]
pub struct Server {
    /// Where it is; only scheme and authority matter here.
    pub url: Url,
    /// The name that its certificate is for and that it is asked for in the handshake, if not the URL's host. Only
    /// https has one.
    pub tls_server_name: Option<String>,
    /// The proxy before it, whatever the environment says; it may hold credentials.
    pub proxy: Option<Url>,
}

impl From<Url> for Server {
    /// The server itself, by its own name, through the environment's proxy if that has one for it.
    fn from(url: Url) -> Self {
        Self { url, tls_server_name: None, proxy: None }
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("url", &self.url.as_str())
            .field("tls_server_name", &self.tls_server_name)
            .field("proxy", &self.proxy.as_ref().map(without_user_info))
            .finish()
    }
}

/// The name that a server has in TLS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum TlsName {
    /// The URL's host.
    Own,
    /// A name that is sent in the handshake, and that the certificate is for.
    Named(String),
    /// An address that the certificate is for; addresses are not sent (RFC 6066, 3).
    Address(ServerName<'static>),
}

impl Server {
    /// The name in TLS.
    ///
    /// # Errors
    /// It is no name.
    pub(super) fn tls_name(&self) -> Result<TlsName, TlsError> {
        let Some(name) = self.tls_server_name.as_deref().filter(|_| self.url.scheme() == "https") else {
            return Ok(TlsName::Own);
        };
        let refused = || TlsError::ServerName(printable(name, MESSAGE_BYTES));
        match ServerName::try_from(name.to_owned()).map_err(|_| refused())? {
            address @ ServerName::IpAddress(_) => Ok(TlsName::Address(address)),
            // A URL must mean the same by it: some texts are an address there, `1.2` is 1.0.0.2.
            _ => match Host::parse(name) {
                Ok(Host::Domain(host)) if host.eq_ignore_ascii_case(name) => Ok(TlsName::Named(host)),
                _ => Err(refused()),
            },
        }
    }

    /// What stands before the server.
    pub(super) fn proxies(&self) -> Proxies {
        match &self.proxy {
            Some(proxy) => Proxies::Given(printable(&without_user_info(proxy), MESSAGE_BYTES)),
            None if is_loopback(&self.url) => Proxies::None,
            // What reqwest looks at as well, when it makes a client.
            None => Proxies::Environment(Box::new(Matcher::from_system())),
        }
    }
}

/// Which proxy stands before which URL, to be named when it fails.
pub(super) enum Proxies {
    /// None, ever.
    None,
    /// This one before all, without user info.
    Given(String),
    /// What the environment says.
    Environment(Box<Matcher>),
}

impl Proxies {
    /// The proxy through which `url` is reached, without user info.
    pub(super) fn before(&self, url: &Url) -> Option<String> {
        match self {
            Self::None => None,
            Self::Given(proxy) => Some(proxy.clone()),
            Self::Environment(matcher) => {
                let url: hyper::Uri = url.as_str().parse().ok()?;
                let proxy = matcher.intercept(&url)?;
                let (scheme, authority) = (proxy.uri().scheme_str()?, proxy.uri().authority()?.as_str());
                let host = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
                Some(printable(&format!("{scheme}://{host}"), MESSAGE_BYTES))
            }
        }
    }
}

/// Scheme, host and port: all that is to be shown of a proxy.
fn without_user_info(proxy: &Url) -> String {
    let host = proxy.host_str().unwrap_or_default();
    let port = proxy.port().map(|port| format!(":{port}")).unwrap_or_default();
    format!("{}://{host}{port}", proxy.scheme())
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

#[cfg(test)]
mod tests {
    use super::*;

    fn server(url: &str) -> Server {
        Server::from(url.parse::<Url>().unwrap())
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

    #[test]
    fn a_proxys_credentials_are_never_shown() {
        let proxy = "http://user:s3cret@proxy.test:3128".parse().unwrap();
        let server = Server { proxy: Some(proxy), ..server("https://cluster.test") };
        assert!(!format!("{server:?}").contains("s3cret"), "{server:?}");
        let before = server.proxies().before(&server.url);
        assert_eq!(before.as_deref(), Some("http://proxy.test:3128"));
    }

    #[test]
    fn a_given_proxy_stands_before_this_machine_too() {
        let given = Server { proxy: Some("http://p:1".parse().unwrap()), ..server("https://127.0.0.1") };
        assert_eq!(given.proxies().before(&given.url).as_deref(), Some("http://p:1"));
        let own = server("https://127.0.0.1");
        assert_eq!(own.proxies().before(&own.url), None);
    }

    #[test]
    fn a_tls_name_is_a_name_or_an_address_and_https_alone_has_one() {
        let name = |url: &str, name: &str| {
            Server { tls_server_name: Some(name.to_owned()), ..server(url) }.tls_name()
        };
        assert_eq!(name("http://h", "kubernetes"), Ok(TlsName::Own));
        assert_eq!(
            name("https://h", "Kubernetes.default"),
            Ok(TlsName::Named("kubernetes.default".to_owned()))
        );
        assert!(matches!(name("https://h", "10.96.0.1"), Ok(TlsName::Address(_))));
        assert!(matches!(name("https://h", "fd00::1"), Ok(TlsName::Address(_))));
        for bad in ["", "a b", "1.2", "h:6443", "https://h", "a/b", "user@h"] {
            assert_eq!(name("https://h", bad), Err(TlsError::ServerName(bad.to_owned())), "{bad}");
        }
    }
}
