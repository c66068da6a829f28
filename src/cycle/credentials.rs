//! Tokens and certificates, made anew for each cycle because they change while the program runs.
//!
//! What cannot be had now may be had in a minute: the last good one is kept, with a warning.
//! If there never was one, no request is sent.

mod parts;
mod plugin;
mod source;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use reqwest::header::{HeaderMap, HeaderName, HeaderValue};
use tokio::sync::{Mutex, OwnedMutexGuard};

use super::Context;
use super::panics::blocking;
use super::renewal::Renewing;
use crate::access::{Access, Impersonation};
use crate::cluster::{Authorization, Caller, Cluster, Material, TlsError};
use crate::model::journal::Journal;

pub use source::CredentialSource;

use parts::Parts;
use plugin::HandedOut;

/// What one cycle leaves for the next.
#[derive(Default)]
pub(super) struct Kept {
    /// What the kubeconfig said when it could last be used.
    access: Option<Access>,
    /// What was read and worked.
    parts: Option<Parts>,
    /// What a plugin handed out last.
    handed_out: Option<HandedOut>,
}

/// Something that cannot be used and never could; the journal says which.
struct Unusable;

/// Makes a client with the credentials of this moment, which are renewed once if the server does not accept them.
///
/// Returns `None` if there is nothing to go on with; the journal says why.
pub(super) async fn connect(context: &Arc<Context>, journal: &Journal) -> Option<Arc<dyn Cluster>> {
    let (cluster, access) = make(context, journal, false).await?;
    warn_of(&access, context, journal);
    if !context.credentials.can_change(&access) {
        return Some(cluster);
    }
    let (again, words) = (Arc::clone(context), journal.clone());
    let told = access.insecure;
    let renew = async move {
        let (cluster, access) = make(&again, &words, true).await?;
        if !told {
            warn_of(&access, &again, &words);
        }
        Some(cluster)
    };
    Some(Arc::new(Renewing::new(cluster, renew, journal.clone())))
}

/// Says so if the server is not checked.
fn warn_of(access: &Access, context: &Context, journal: &Journal) {
    if access.insecure {
        journal.warn(format!(
            "insecure-skip-tls-verify: any certificate of {} is accepted, so whoever stands in between can read and change everything; name the cluster's CA instead",
            context.endpoint.server.origin().ascii_serialization()
        ));
    }
}

/// What follows from having no credentials; those that are fetched anew have been asked with before.
fn consequence(renew: bool) -> &'static str {
    if renew { "there is nothing newer to try with" } else { "no request was sent" }
}

/// Reads what there is to read, asks the plugin if there is one, and makes a client. `renew` says that what a plugin
/// handed out before is refused by the server.
async fn make(context: &Arc<Context>, journal: &Journal, renew: bool) -> Option<(Arc<dyn Cluster>, Access)> {
    let Ok(kept) = Arc::clone(&context.carried.credentials).try_lock_owned() else {
        journal.error(format!("the files with credentials are still being read for an earlier cycle, so {}; their file system does not answer", consequence(renew)));
        return None;
    };
    let (kept, parts) = with(kept, context, journal, move |kept, context, journal| {
        let access = source::access(context, kept, journal);
        parts::read(context, access, kept.parts.as_ref(), renew, journal).ok()
    })
    .await;
    let mut kept = kept;
    let parts = parts?;
    let handed_out = plugin::ask(context, &parts, &mut kept.handed_out, renew, journal).await.ok()?;
    let (_, cluster) = with(kept, context, journal, move |kept, context, journal| {
        client(context, parts, handed_out, kept, renew, journal)
    })
    .await;
    cluster
}

/// Runs work that blocks, with what cycles leave for each other in its hands: as long as it does not return, nobody
/// else begins.
async fn with<T: Send + 'static>(
    mut kept: OwnedMutexGuard<Kept>,
    context: &Arc<Context>,
    journal: &Journal,
    work: impl FnOnce(&mut Kept, &Context, &Journal) -> T + Send + 'static,
) -> (OwnedMutexGuard<Kept>, T) {
    let (context, journal) = (Arc::clone(context), journal.clone());
    blocking(move || {
        let done = work(&mut kept, &context, &journal);
        (kept, done)
    })
    .await
}

/// Makes a client; what it is made of becomes the last good.
fn client(
    context: &Context,
    parts: Parts,
    handed_out: Option<HandedOut>,
    kept: &mut Kept,
    renew: bool,
    journal: &Journal,
) -> Option<(Arc<dyn Cluster>, Access)> {
    let by_plugin = handed_out.as_ref().and_then(|handed_out| handed_out.identity.clone());
    let from_plugin = by_plugin.is_some() && parts.identity.is_none();
    if by_plugin.is_some() && !from_plugin {
        journal.warn("the certificate of the exec plugin is not used, because a client certificate is named besides it; take one of them out");
    }
    let authorization =
        handed_out.and_then(|handed_out| handed_out.token).or_else(|| parts.authorization.clone());
    let material = |parts: &Parts| Material {
        ca: parts.ca.clone(),
        identity: parts.identity.clone().or_else(|| by_plugin.clone()),
        insecure: parts.access.insecure,
    };
    let caller = match caller(authorization, &parts.access) {
        Ok(caller) => caller,
        Err(field) => {
            journal.error(format!(
                "the kubeconfig's `{field}` holds characters that no header can hold; {}",
                consequence(renew)
            ));
            return None;
        }
    };
    let error = match context.connect.connect(&material(&parts), caller.clone()) {
        Ok(client) => {
            let access = parts.access.clone();
            kept.parts = Some(parts);
            return Some((client, access));
        }
        Err(error) => error,
    };
    let from_plugin = from_plugin && matches!(error, TlsError::Identity(_));
    let blame = if from_plugin {
        kept.handed_out = None;
        plugin::blame(&parts.access, &error)
    } else {
        parts::blame(context, &parts.access, &error)
    };
    // Certificates that others name are no last good ones of these.
    let same = |before: &&Parts| {
        before.access.ca == parts.access.ca && before.access.identity == parts.access.identity
    };
    let before = kept.parts.as_ref().filter(same).map(|before| Parts {
        ca: before.ca.clone(),
        identity: before.identity.clone(),
        ..parts
    });
    let made = before.filter(|_| !from_plugin).and_then(|before| {
        let client = context.connect.connect(&material(&before), caller).ok()?;
        Some((client, before))
    });
    let Some((client, before)) = made else {
        journal.error(format!("{blame}; {}", consequence(renew)));
        return None;
    };
    journal.warn(format!("{blame}; the last good certificates are used"));
    let access = before.access.clone();
    kept.parts = Some(before);
    Some((client, access))
}

/// Who asks, in headers; or the field that cannot be one.
fn caller(authorization: Option<Authorization>, access: &Access) -> Result<Caller, &'static str> {
    let impersonation = impersonation(&access.impersonation)?;
    Ok(Caller { authorization, impersonation, uncompressed: access.uncompressed })
}

fn impersonation(who: &Impersonation) -> Result<HeaderMap, &'static str> {
    let mut headers = HeaderMap::new();
    let mut add = |field: &'static str, name: &str, value: &str| {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| field)?;
        headers.append(name, HeaderValue::from_str(value).map_err(|_| field)?);
        Ok::<(), &str>(())
    };
    if let Some(user) = &who.user {
        add("as", "impersonate-user", user)?;
    }
    if let Some(uid) = &who.uid {
        add("as-uid", "impersonate-uid", uid)?;
    }
    for group in &who.groups {
        add("as-groups", "impersonate-group", group)?;
    }
    for (key, values) in &who.extra {
        let name = format!("impersonate-extra-{}", escaped(key));
        for value in values {
            add("as-user-extra", &name, value)?;
        }
    }
    Ok(headers)
}

/// A key as part of a header's name: API servers decode `%`, and take names in lower case.
fn escaped(key: &str) -> String {
    use std::fmt::Write as _;
    key.bytes().fold(String::new(), |mut name, byte| {
        if byte.is_ascii_alphanumeric() || b"!#$&'*+-.^_`|~".contains(&byte) {
            name.push(char::from(byte));
        } else {
            // Writing into a string cannot fail.
            let _ = write!(name, "%{byte:02x}");
        }
        name
    })
}

/// What cycles of one target share of all this.
pub(super) type SharedKept = Arc<Mutex<Kept>>;
