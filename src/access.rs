//! Where an API server is and who asks it: what a kubeconfig, a pod's service account or the flags say.
//!
//! Plain values. What they name is read for each cycle, because credentials change while the program runs.

use std::fmt;
use std::path::PathBuf;

use url::Url;

/// How to reach an API server, and as whom.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Access {
    /// Scheme, authority and, for servers behind another one, a base path.
    pub server: Url,
    /// The name that the server's certificate is for, if it is not the URL's host.
    pub tls_server_name: Option<String>,
    /// Whether any certificate of the server will do.
    pub insecure: bool,
    /// The proxy before the server, whatever the environment says.
    pub proxy: Option<Url>,
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
}

/// On whose behalf requests are made; empty for one's own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Impersonation {
    /// The user.
    pub user: Option<String>,
    /// The groups.
    pub groups: Vec<String>,
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
        }
    }
}
