//! Where the credentials of a cycle come from: what was configured, or what a kubeconfig says now.

use std::path::PathBuf;

use super::Kept;
use crate::access::kubeconfig::{self, KubeconfigError};
use crate::access::{Access, Login, Overlay, Source};
use crate::cycle::Context;
use crate::model::journal::Journal;
use crate::model::limits::NAMED_FILE_BYTES;

/// Where credentials come from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[expect(clippy::large_enum_variant, reason = "a target has one, and it stays where it is")]
pub enum CredentialSource {
    /// From what is configured; the files that it names are read anew for each cycle.
    Fixed(Access),
    /// From a kubeconfig, which is read anew as well: tools write new tokens and certificates into it.
    Kubeconfig {
        /// In the order in which they count.
        files: Vec<PathBuf>,
        /// The context's name: the current one may become another.
        context: String,
        /// What the flags say instead.
        overlay: Overlay,
        /// What it said when the program started, with what the flags say. Its server is the one that is asked.
        first: Access,
    },
}

impl CredentialSource {
    /// What was known when the program started.
    #[must_use]
    pub fn first(&self) -> &Access {
        match self {
            Self::Fixed(access) | Self::Kubeconfig { first: access, .. } => access,
        }
    }

    /// All files that are read.
    pub fn paths(&self) -> impl Iterator<Item = &PathBuf> {
        let files = match self {
            Self::Fixed(_) => &[][..],
            Self::Kubeconfig { files, .. } => files,
        };
        files.iter().chain(self.first().paths())
    }

    /// Whether what says who asks can be another when it is looked at again.
    pub(super) fn can_change(&self, access: &Access) -> bool {
        let file = |source: &Source| matches!(source, Source::File(_));
        let identity = access.identity.as_ref();
        match self {
            Self::Kubeconfig { .. } => access.login.is_some() || identity.is_some(),
            Self::Fixed(_) => {
                let login = match &access.login {
                    Some(Login::Token(token)) => file(token),
                    Some(Login::Plugin(_)) => true,
                    Some(Login::Basic { .. }) | None => false,
                };
                login || identity.is_some_and(|(chain, key)| file(chain) || file(key))
            }
        }
    }
}

/// What counts in this cycle. Blocks.
pub(super) fn access(context: &Context, kept: &mut Kept, journal: &Journal) -> Access {
    let CredentialSource::Kubeconfig { files, context: name, overlay, first } = &context.credentials else {
        return context.credentials.first().clone();
    };
    let why = match read(context, files, name) {
        Ok(found) => {
            let found = found.overlaid(overlay);
            match change(context, first, &found) {
                None => {
                    kept.access = Some(found.clone());
                    return found;
                }
                Some(change) => format!("{change}; reload the configuration (SIGHUP) to follow it"),
            }
        }
        Err(error) => error.to_string(),
    };
    journal.warn(format!("{why}; what the kubeconfig said before is used"));
    kept.access.as_ref().unwrap_or(first).clone()
}

fn read(context: &Context, files: &[PathBuf], name: &str) -> Result<Access, KubeconfigError> {
    let read = |path: &PathBuf| {
        let bytes = context.files.read(path, NAMED_FILE_BYTES);
        let wrong =
            |error: std::io::Error| KubeconfigError::File { path: path.clone(), why: error.to_string() };
        Ok((path.clone(), bytes.map_err(wrong)?))
    };
    let files = files.iter().map(read).collect::<Result<Vec<_>, _>>()?;
    kubeconfig::read(&files, Some(name)).map(|found| found.access)
}

/// What the kubeconfig says now and this program cannot follow.
fn change(context: &Context, first: &Access, now: &Access) -> Option<String> {
    if now.server != first.server {
        return Some(format!(
            "the kubeconfig's server is {} now, and {} is asked still",
            now.server, first.server
        ));
    }
    if !now.same_place(first) {
        return Some("the kubeconfig's `tls-server-name` or `proxy-url` is another now".to_owned());
    }
    if now.sends_in_clear() {
        return Some(format!("the kubeconfig's user would be sent to {} in the clear now", now.server));
    }
    let unknown = now.paths().find(|path| !context.files.holds(path))?;
    let unknown = unknown.display();
    Some(format!("the kubeconfig names `{unknown}`, which it did not when minutebook started"))
}
