//! The half of a context that says where the server is, and why to trust it.

use kube_client::config::Kubeconfig;
use url::Url;

use super::{KubeconfigError, Owner, find_cluster, user};
use crate::access::Access;

/// The server of a context, asked by nobody yet.
pub(super) fn access(all: &Kubeconfig, context: &str, name: &str) -> Result<Access, KubeconfigError> {
    let owner = Owner::of("cluster", name);
    let named = find_cluster(all, context, name)?;
    owner.refuse_unknown(named.other.keys())?;
    let cluster = named.cluster.as_ref().ok_or_else(|| owner.wrong("server", "it is missing"))?;
    owner.refuse_unknown(cluster.other.keys())?;

    let said = |text: &Option<String>| text.clone().filter(|text| !text.is_empty());
    let server = said(&cluster.server).ok_or_else(|| owner.wrong("server", "it is missing"))?;
    let server = server_url(&server).map_err(|why| owner.wrong("server", why))?;
    let ca = user::source(
        &owner,
        "certificate-authority-data",
        said(&cluster.certificate_authority_data).as_deref(),
        said(&cluster.certificate_authority),
    )?;
    let insecure = cluster.insecure_skip_tls_verify.unwrap_or(false);
    if insecure && ca.is_some() {
        return Err(owner.wrong(
            "insecure-skip-tls-verify",
            "with a certificate-authority it contradicts itself; take one of them out",
        ));
    }
    let tls_server_name = said(&cluster.tls_server_name);
    let proxy = said(&cluster.proxy_url);
    let proxy = proxy.map(|url| proxy_url(&url).map_err(|why| owner.wrong("proxy-url", why))).transpose()?;
    if let Some(name) = &tls_server_name {
        if proxy.is_some() {
            return Err(owner.wrong(
                "tls-server-name",
                "it cannot be had together with a proxy-url; put the name into `server`, whose host the proxy looks up, or do without the proxy",
            ));
        }
        let is_name = matches!(url::Host::parse(name), Ok(url::Host::Domain(_)));
        if !is_name && name.parse::<std::net::IpAddr>().is_err() {
            return Err(owner.wrong("tls-server-name", "it is neither a host name nor an address"));
        }
    }
    Ok(Access {
        tls_server_name,
        insecure,
        proxy,
        uncompressed: cluster.disable_compression.unwrap_or(false),
        ca,
        ..Access::to(server)
    })
}

/// What the cluster has for exec plugins alone, under the name that is reserved for it.
pub(super) fn told_to_plugins(all: &Kubeconfig, name: &str) -> Option<serde_json::Value> {
    let named = all.clusters.iter().find(|named| named.name == name)?;
    let extensions = named.cluster.as_ref()?.extensions.as_ref()?;
    let reserved =
        extensions.iter().find(|extension| extension.name == "client.authentication.k8s.io/exec")?;
    Some(reserved.extension.clone())
}

/// Scheme, authority and a base path.
fn server_url(text: &str) -> Result<Url, &'static str> {
    // Without `//` a host and its port read as a scheme and a path.
    let url = if text.contains("://") { Url::parse(text).ok() } else { None };
    let url = url
        .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
        .ok_or("it is no URL; write it as `https://HOST:PORT`")?;
    if has_user_info(&url) {
        return Err("it holds a user name or password; say who asks in the context's user");
    }
    if url.query().is_some() || url.fragment().is_some() {
        return Err("it has a query or a fragment, which no API server's URL has");
    }
    Ok(url)
}

fn proxy_url(text: &str) -> Result<Url, &'static str> {
    let url = if text.contains("://") { Url::parse(text).ok() } else { None };
    let url = url.ok_or("it is no URL; write it as `http://HOST:PORT`")?;
    match url.scheme() {
        "http" | "https" if url.has_host() => Ok(url),
        "socks5" | "socks5h" => Err(
            "minutebook has no SOCKS; name an http or https proxy, or forward a port and name that as `server`",
        ),
        _ => Err("only http and https proxies can be used"),
    }
}

fn has_user_info(url: &Url) -> bool {
    !url.username().is_empty() || url.password().is_some()
}
