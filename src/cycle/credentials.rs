//! Tokens and certificates, read anew for each cycle because they change while the program runs.
//!
//! What cannot be read now may be readable in a minute: the last good one is kept, with a warning.
//! If there never was one, no request is sent.

use std::fmt::Display;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use crate::cluster::{Cluster, Connect, Material, TlsError, Token};
use crate::model::journal::Journal;
use crate::model::limits::NAMED_FILE_BYTES;
use crate::store::NamedFiles;

/// Which files hold credentials; all may be absent.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CredentialFiles {
    /// A bearer token.
    pub token: Option<PathBuf>,
    /// CA certificates that replace the system's.
    pub ca: Option<PathBuf>,
    /// A client certificate and its private key.
    pub identity: Option<(PathBuf, PathBuf)>,
}

impl CredentialFiles {
    /// All of them.
    pub fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        let identity = self.identity.iter().flat_map(|(chain, key)| [chain, key]);
        self.token.iter().chain(&self.ca).chain(identity)
    }
}

/// What was read and worked.
#[derive(Clone)]
pub(super) struct Credentials {
    material: Material,
    token: Option<Token>,
}

/// Reads the files and makes a client. Blocks. What was wrong goes into the journal.
///
/// Returns `None` if there is nothing to go on with. `last` is what the cycle before used, and
/// becomes what this one uses.
pub(super) fn connect(
    connect: &dyn Connect,
    files: &NamedFiles,
    paths: &CredentialFiles,
    last: &mut Option<Credentials>,
    journal: &Journal,
) -> Option<Arc<dyn Cluster>> {
    let read = |path: &Path| files.read(path, NAMED_FILE_BYTES).map_err(|error| error.to_string());
    let previous = last.as_ref();
    let keep = Keep { journal };
    let token = paths.token.as_deref().map(|path| {
        let token = read(path).and_then(|bytes| Token::parse(&bytes).map_err(|error| error.to_string()));
        keep.good("--token-file", path, token, previous.and_then(|last| last.token.clone()))
    });
    let ca = paths.ca.as_deref().map(|path| {
        keep.good("--ca-file", path, read(path), previous.and_then(|last| last.material.ca.clone()))
    });
    let identity = paths.identity.as_ref().map(|(chain, key)| {
        let before = previous.and_then(|last| last.material.identity.clone()).unzip();
        let chain = keep.good("--client-cert", chain, read(chain), before.0);
        let key = keep.good("--client-key", key, read(key), before.1);
        Ok::<_, Unusable>((chain?, key?))
    });
    // What is configured and not to be had ends it; what is not configured does not.
    let material =
        Material { ca: ca.transpose().ok()?, identity: identity.transpose().ok()?, insecure: false };
    let fresh = Credentials { material, token: token.transpose().ok()? };

    match connect.connect(&fresh.material, fresh.token.clone().into()) {
        Ok(client) => {
            *last = Some(fresh);
            Some(client)
        }
        Err(error) => {
            let kept =
                previous.map(|last| Credentials { material: last.material.clone(), token: fresh.token });
            let client = kept
                .as_ref()
                .and_then(|kept| connect.connect(&kept.material, kept.token.clone().into()).ok());
            let Some(client) = client else {
                journal.error(format!("{}; no request was sent", blame(&error, paths)));
                return None;
            };
            journal.warn(format!("{}; the last good certificates are used", blame(&error, paths)));
            *last = kept;
            Some(client)
        }
    }
}

/// Names the file that a client could not be made with.
fn blame(error: &TlsError, paths: &CredentialFiles) -> String {
    match (error, &paths.ca, &paths.identity) {
        (TlsError::Ca(why), Some(ca), _) => format!("--ca-file `{}`: {why}", ca.display()),
        (TlsError::Identity(why), _, Some((chain, key))) => {
            format!("--client-cert `{}` and --client-key `{}`: {why}", chain.display(), key.display())
        }
        _ => error.to_string(),
    }
}

/// A file that cannot be used and never could; the journal says which.
struct Unusable;

struct Keep<'a> {
    journal: &'a Journal,
}

impl Keep<'_> {
    /// What was read, else what was good before.
    fn good<T>(
        &self,
        flag: &str,
        path: &Path,
        read: Result<T, impl Display>,
        before: Option<T>,
    ) -> Result<T, Unusable> {
        let error = match read {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let path = path.display();
        let Some(before) = before else {
            self.journal.error(format!("{flag} `{path}`: {error}; no request was sent"));
            return Err(Unusable);
        };
        self.journal.warn(format!("{flag} `{path}`: {error}; the last good one is used"));
        Ok(before)
    }
}
