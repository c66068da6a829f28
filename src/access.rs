//! Where an API server is and who asks it: what a kubeconfig, a pod's service account or the flags say.
//!
//! Plain values. What they name is read for each cycle, because credentials change while the program runs.

pub mod exec;
pub mod in_cluster;
pub mod kubeconfig;

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;

use url::Url;

use crate::cluster::is_loopback;

/// How to reach an API server, and as whom.
#[derive(Clone, PartialEq, Eq)]
pub struct Access {
    /// Scheme, authority and, for servers behind another one, a base path.
    pub server: Url,
    /// The name that the server's certificate is for, if it is not the URL's host.
    pub tls_server_name: Option<String>,
    /// Whether any certificate of the server will do.
    pub insecure: bool,
    /// The proxy before the server, whatever the environment says.
    pub proxy: Option<Url>,
    /// Whether answers are wanted as they are, not compressed.
    pub uncompressed: bool,
    /// CA certificates, PEM, that replace the system's roots.
    pub ca: Option<Source>,
    /// A client certificate and its private key, both PEM.
    pub identity: Option<(Source, Source)>,
    /// Who asks, besides the certificate.
    pub login: Option<Login>,
    /// On whose behalf.
    pub impersonation: Impersonation,
}

/// Where bytes are.
#[derive(Clone, PartialEq, Eq)]
pub enum Source {
    /// In a file, which is read for each cycle.
    File(PathBuf),
    /// Here.
    Inline(Vec<u8>),
}

/// How a request says who asks.
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    /// A bearer token.
    Token(Source),
    /// A name and a password, for what stands before some API servers.
    Basic {
        /// The name.
        user: String,
        /// The password.
        password: String,
    },
    /// A program that hands out a token or a certificate.
    Plugin(exec::Plugin),
}

/// On whose behalf requests are made; empty for one's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Impersonation {
    /// The user.
    pub user: Option<String>,
    /// The user's id.
    pub uid: Option<String>,
    /// The groups.
    pub groups: Vec<String>,
    /// What else is said of the user.
    pub extra: BTreeMap<String, Vec<String>>,
}

/// What the flags say, which counts more than what a kubeconfig or a service account says.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overlay {
    /// Where the server is.
    pub server: Option<Url>,
    /// Instead of whatever says who asks, the client certificate excepted.
    pub token: Option<PathBuf>,
    /// Instead of the CA certificates; with one the server's certificate is looked at.
    pub ca: Option<PathBuf>,
    /// Instead of the client certificate and its key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

impl Access {
    /// A server of which nothing else is known.
    #[must_use]
    pub fn to(server: Url) -> Self {
        Self {
            server,
            tls_server_name: None,
            insecure: false,
            proxy: None,
            uncompressed: false,
            ca: None,
            identity: None,
            login: None,
            impersonation: Impersonation::default(),
        }
    }

    /// The same with what the flags say instead.
    #[must_use]
    pub fn overlaid(mut self, overlay: &Overlay) -> Self {
        if let Some(server) = &overlay.server {
            self.server = server.clone();
        }
        if let Some(token) = &overlay.token {
            self.login = Some(Login::Token(Source::File(token.clone())));
        }
        if let Some(ca) = &overlay.ca {
            self.ca = Some(Source::File(ca.clone()));
            self.insecure = false;
        }
        if let Some((chain, key)) = &overlay.identity {
            self.identity = Some((Source::File(chain.clone()), Source::File(key.clone())));
        }
        self
    }

    /// The files that it names; a plugin's command is none of them.
    pub fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        let login = match &self.login {
            Some(Login::Token(token)) => Some(token),
            Some(Login::Basic { .. } | Login::Plugin(_)) | None => None,
        };
        let identity = self.identity.iter().flat_map(|(chain, key)| [chain, key]);
        login.into_iter().chain(&self.ca).chain(identity).filter_map(|source| match source {
            Source::File(path) => Some(path),
            Source::Inline(_) => None,
        })
    }

    /// Whether what says who asks would cross a network that anyone can read.
    #[must_use]
    pub fn sends_in_clear(&self) -> bool {
        let stays_here = is_loopback(&self.server) && self.proxy.is_none();
        self.server.scheme() == "http" && self.login.is_some() && !stays_here
    }

    /// Whether both mean the same server on the same way.
    #[must_use]
    pub fn same_place(&self, other: &Self) -> bool {
        let place =
            |access: &Self| (access.server.clone(), access.tls_server_name.clone(), access.proxy.clone());
        place(self) == place(other)
    }
}

/// A URL without its user info, which may be a password.
fn without_user_info(url: &Url) -> String {
    let mut url = url.clone();
    // Only URLs that have none refuse to have them taken away.
    let _ = url.set_username("");
    let _ = url.set_password(None);
    url.to_string()
}

impl fmt::Debug for Access {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Access")
            .field("server", &without_user_info(&self.server))
            .field("tls_server_name", &self.tls_server_name)
            .field("insecure", &self.insecure)
            .field("proxy", &self.proxy.as_ref().map(without_user_info))
            .field("uncompressed", &self.uncompressed)
            .field("ca", &self.ca)
            .field("identity", &self.identity)
            .field("login", &self.login)
            .field("impersonation", &self.impersonation)
            .finish()
    }
}

impl fmt::Debug for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(path) => write!(f, "File({})", path.display()),
            // It may be a key.
            Self::Inline(_) => f.write_str("Inline(…)"),
        }
    }
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Token(source) => write!(f, "Token({source:?})"),
            Self::Basic { user, .. } => write!(f, "Basic({user})"),
            Self::Plugin(plugin) => write!(f, "Plugin({})", plugin.command.display()),
        }
    }
}
