//! The half of a context that says who asks, and on whose behalf.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use kube_client::config::{AuthInfo, Kubeconfig};
use secrecy::{ExposeSecret, SecretString};

use super::{KubeconfigError, Owner, find_user, plugin};
use crate::access::{Access, Impersonation, Login, Source};

/// The same server, asked by this user.
pub(super) fn identify(
    all: &Kubeconfig,
    context: &str,
    name: &str,
    server: Access,
) -> Result<Access, KubeconfigError> {
    let owner = Owner::of("user", name);
    let named = find_user(all, context, name)?;
    owner.refuse_unknown(named.other.keys())?;
    let Some(user) = &named.auth_info else { return Ok(server) };
    owner.refuse_unknown(user.other.keys())?;
    if user.auth_provider.is_some() {
        return Err(owner.wrong(
            "auth-provider",
            "minutebook does not renew the tokens of such providers; use `exec` instead, for OIDC with a plugin such as kubelogin",
        ));
    }
    Ok(Access {
        identity: identity(&owner, user)?,
        login: login(&owner, user)?,
        impersonation: impersonation(&owner, user)?,
        ..server
    })
}

/// What is in the file itself counts more than a file that it names, as for client-go.
pub(super) fn source(
    owner: &Owner,
    field: &str,
    inline: Option<&str>,
    path: Option<String>,
) -> Result<Option<Source>, KubeconfigError> {
    let Some(inline) = inline else { return Ok(path.map(|path| Source::File(path.into()))) };
    // Base64 in YAML is often folded into several lines.
    let text: String = inline.split_ascii_whitespace().collect();
    let bytes = STANDARD.decode(text).map_err(|_| owner.wrong(field, "it is no base64"))?;
    Ok(Some(Source::Inline(bytes)))
}

fn identity(owner: &Owner, user: &AuthInfo) -> Result<Option<(Source, Source)>, KubeconfigError> {
    let chain = source(
        owner,
        "client-certificate-data",
        said(user.client_certificate_data.as_ref()),
        user.client_certificate.clone(),
    )?;
    let key =
        source(owner, "client-key-data", secret(user.client_key_data.as_ref()), user.client_key.clone())?;
    match (chain, key) {
        (Some(chain), Some(key)) => Ok(Some((chain, key))),
        (None, None) => Ok(None),
        (Some(_), None) => Err(owner.wrong("client-certificate", "there is no client-key with it")),
        (None, Some(_)) => Err(owner.wrong("client-key", "there is no client-certificate with it")),
    }
}

/// One way to say who asks. Several would mean that some are not used.
fn login(owner: &Owner, user: &AuthInfo) -> Result<Option<Login>, KubeconfigError> {
    let mut found: Vec<(&str, Login)> = Vec::new();
    if let Some(token) = secret(user.token.as_ref()) {
        found.push(("token", Login::Token(Source::Inline(token.as_bytes().to_vec()))));
    }
    if let Some(path) = &user.token_file {
        found.push(("tokenFile", Login::Token(Source::File(path.into()))));
    }
    let (name, password) = (said(user.username.as_ref()), secret(user.password.as_ref()));
    if name.is_some() || password.is_some() {
        let name = name.ok_or_else(|| owner.wrong("password", "there is no username with it"))?;
        if name.contains(':') {
            return Err(owner.wrong("username", "a name with a colon cannot be sent"));
        }
        let password = password.unwrap_or_default().to_owned();
        found.push(("username", Login::Basic { user: name.to_owned(), password }));
    }
    if let Some(exec) = &user.exec {
        found.push(("exec", Login::Plugin(plugin::plugin(owner, exec)?)));
    }
    let mut found = found.into_iter();
    let first = found.next();
    if let (Some((one, _)), Some((other, _))) = (&first, found.next()) {
        let why = format!("`{other}` says who asks, too; keep one of them");
        return Err(owner.wrong(one, why));
    }
    Ok(first.map(|(_, login)| login))
}

fn impersonation(owner: &Owner, user: &AuthInfo) -> Result<Impersonation, KubeconfigError> {
    let impersonation = Impersonation {
        user: said(user.impersonate.as_ref()).map(str::to_owned),
        uid: said(user.impersonate_uid.as_ref()).map(str::to_owned),
        groups: user.impersonate_groups.clone().unwrap_or_default(),
        extra: user.impersonate_user_extra.clone().unwrap_or_default().into_iter().collect(),
    };
    let others = [
        ("as-uid", impersonation.uid.is_some()),
        ("as-groups", !impersonation.groups.is_empty()),
        ("as-user-extra", !impersonation.extra.is_empty()),
    ];
    if impersonation.user.is_none()
        && let Some((field, _)) = others.iter().find(|(_, given)| *given)
    {
        return Err(owner.wrong(field, "without `as` there is nobody whom it could be said of"));
    }
    Ok(impersonation)
}

fn said(text: Option<&String>) -> Option<&str> {
    text.map(String::as_str).filter(|text| !text.is_empty())
}

fn secret(text: Option<&SecretString>) -> Option<&str> {
    text.map(ExposeSecret::expose_secret).filter(|text| !text.is_empty())
}
