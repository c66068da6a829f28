//! Reading what an access names: each part by itself, because each may be bad by itself.

use std::fmt::Display;

use super::{Unusable, consequence};
use crate::access::in_cluster::SERVICE_ACCOUNT;
use crate::access::{Access, Login, Source};
use crate::cluster::{Authorization, TlsError};
use crate::cycle::{Context, CredentialSource};
use crate::model::journal::Journal;
use crate::model::limits::NAMED_FILE_BYTES;

/// What an access names, read.
#[derive(Clone)]
pub(super) struct Parts {
    pub(super) access: Access,
    pub(super) authorization: Option<Authorization>,
    pub(super) ca: Option<Vec<u8>>,
    pub(super) identity: Option<(Vec<u8>, Vec<u8>)>,
}

/// Reads the parts; one that cannot be read is that of `before` if it was named by the same. Blocks.
pub(super) fn read(
    context: &Context,
    access: Access,
    before: Option<&Parts>,
    renew: bool,
    journal: &Journal,
) -> Result<Parts, Unusable> {
    let keep = Keep { context, journal, otherwise: consequence(renew) };
    let token = match &access.login {
        Some(Login::Token(source)) => {
            let token = keep.read(source).and_then(|bytes| parsed(&bytes));
            let before = before.filter(|before| before.access.login == access.login);
            Some(keep.good(
                "--token-file",
                source,
                token,
                before.and_then(|before| before.authorization.clone()),
            ))
        }
        Some(Login::Basic { user, password }) => {
            let basic = Authorization::basic(user, password);
            Some(basic.map_err(|error| {
                journal.error(format!("the kubeconfig's username and password: {error}; {}", keep.otherwise));
                Unusable
            }))
        }
        Some(Login::Plugin(_)) | None => None,
    };
    let ca = access.ca.as_ref().map(|source| {
        let before = before.filter(|before| before.access.ca == access.ca);
        keep.good("--ca-file", source, keep.read(source), before.and_then(|before| before.ca.clone()))
    });
    let identity = access.identity.as_ref().map(|(chain, key)| {
        let before = before.filter(|before| before.access.identity == access.identity);
        let before = before.and_then(|before| before.identity.clone()).unzip();
        let chain = keep.good("--client-cert", chain, keep.read(chain), before.0);
        let key = keep.good("--client-key", key, keep.read(key), before.1);
        Ok((chain?, key?))
    });
    // What is configured and not to be had ends it; what is not configured does not.
    let (authorization, ca, identity) = (token.transpose()?, ca.transpose()?, identity.transpose()?);
    Ok(Parts { access, authorization, ca, identity })
}

fn parsed(bytes: &[u8]) -> Result<Authorization, String> {
    Authorization::bearer(bytes).map_err(|error| error.to_string())
}

/// Names what a client could not be made with.
pub(super) fn blame(context: &Context, access: &Access, error: &TlsError) -> String {
    match (error, &access.ca, &access.identity) {
        (TlsError::Ca(why), Some(ca), _) => format!("{}: {why}", named(context, "--ca-file", ca)),
        (TlsError::Identity(why), _, Some((chain, key))) => {
            let (chain, key) = (named(context, "--client-cert", chain), named(context, "--client-key", key));
            format!("{chain} and {key}: {why}")
        }
        _ => error.to_string(),
    }
}

/// A part as whoever configured it knows it.
fn named(context: &Context, flag: &str, source: &Source) -> String {
    let field = match flag {
        "--token-file" => "token",
        "--ca-file" => "certificate-authority",
        "--client-cert" => "client-certificate",
        _ => "client-key",
    };
    let path = match source {
        Source::Inline(_) => return format!("the kubeconfig's {field} data"),
        Source::File(path) => path,
    };
    let by_flag = match &context.credentials {
        CredentialSource::Fixed(_) => !path.starts_with(SERVICE_ACCOUNT),
        CredentialSource::Kubeconfig { overlay, .. } => {
            let (token, ca) = (overlay.token.as_ref(), overlay.ca.as_ref());
            let identity = overlay.identity.iter().flat_map(|(chain, key)| [chain, key]);
            token.into_iter().chain(ca).chain(identity).any(|by_flag| by_flag == path)
        }
    };
    let path = path.display();
    if by_flag {
        format!("{flag} `{path}`")
    } else if matches!(context.credentials, CredentialSource::Fixed(_)) {
        format!("the service account's `{path}`")
    } else {
        format!("the kubeconfig's {field} `{path}`")
    }
}

struct Keep<'a> {
    context: &'a Context,
    journal: &'a Journal,
    /// What follows if a part is not to be had.
    otherwise: &'static str,
}

impl Keep<'_> {
    fn read(&self, source: &Source) -> Result<Vec<u8>, String> {
        match source {
            Source::File(path) => {
                self.context.files.read(path, NAMED_FILE_BYTES).map_err(|error| error.to_string())
            }
            Source::Inline(bytes) => Ok(bytes.clone()),
        }
    }

    /// What was read, else what was good before.
    fn good<T>(
        &self,
        flag: &str,
        source: &Source,
        read: Result<T, impl Display>,
        before: Option<T>,
    ) -> Result<T, Unusable> {
        let error = match read {
            Ok(value) => return Ok(value),
            Err(error) => error,
        };
        let name = named(self.context, flag, source);
        let Some(before) = before else {
            self.journal.error(format!("{name}: {error}; {}", self.otherwise));
            return Err(Unusable);
        };
        self.journal.warn(format!("{name}: {error}; the last good one is used"));
        Ok(before)
    }
}
