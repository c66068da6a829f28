//! A pod's service account: what kubelet puts into every container.

use std::path::{Path, PathBuf};

use thiserror::Error;
use url::Url;

use super::{Access, Login, Source};

/// Where kubelet mounts the service account.
pub const SERVICE_ACCOUNT: &str = "/var/run/secrets/kubernetes.io/serviceaccount";

/// The variables do not say where the server is.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error(
    "KUBERNETES_SERVICE_HOST `{host}` and KUBERNETES_SERVICE_PORT `{port}` make no URL; kubelet sets both in every pod"
)]
pub struct InClusterError {
    host: String,
    port: String,
}

/// The API server of the cluster in which this process is a pod. `host` and `port` are the variables
/// `KUBERNETES_SERVICE_HOST` and `KUBERNETES_SERVICE_PORT`, `folder` is [`SERVICE_ACCOUNT`].
///
/// # Errors
/// They make no URL.
pub fn access(host: &str, port: &str, folder: &Path) -> Result<Access, InClusterError> {
    let error = || InClusterError { host: host.to_owned(), port: port.to_owned() };
    // Addresses of IPv6 come without brackets.
    let address = if host.contains(':') { format!("[{host}]") } else { host.to_owned() };
    let valid_port = port.parse::<u16>().is_ok_and(|port| port > 0);
    let server: Url = format!("https://{address}:{port}").parse().map_err(|_| error())?;
    let only_a_host = server.path() == "/"
        && server.username().is_empty()
        && server.password().is_none()
        && server.query().is_none()
        && server.fragment().is_none();
    if host.is_empty() || !valid_port || !only_a_host {
        return Err(error());
    }
    Ok(Access {
        ca: Some(Source::File(folder.join("ca.crt"))),
        login: Some(Login::Token(Source::File(folder.join("token")))),
        ..Access::to(server)
    })
}

/// The file that says in which namespace the pod is.
#[must_use]
pub fn namespace_file(folder: &Path) -> PathBuf {
    folder.join("namespace")
}

/// The namespace, from the bytes of that file.
#[must_use]
pub fn namespace(bytes: &[u8]) -> Option<String> {
    let name = std::str::from_utf8(bytes).ok()?.trim();
    (!name.is_empty()).then(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pod_finds_its_server_and_who_it_is() {
        let rows = [
            ("10.0.0.1", "443", "https://10.0.0.1/"),
            ("fd00::1", "6443", "https://[fd00::1]:6443/"),
            ("kubernetes.default.svc", "443", "https://kubernetes.default.svc/"),
        ];
        for (host, port, server) in rows {
            let access = access(host, port, Path::new("/sa")).unwrap();
            assert_eq!(access.server.as_str(), server);
            let paths: Vec<_> = access.paths().map(|path| path.display().to_string()).collect();
            assert_eq!(paths, ["/sa/token", "/sa/ca.crt"]);
            assert!(!access.insecure && access.identity.is_none());
        }
    }

    #[test]
    fn what_makes_no_server_names_both_variables() {
        for (host, port) in [
            ("", "443"),
            ("h", ""),
            ("h", "0"),
            ("h", "65536"),
            ("h/x", "1"),
            ("u@h", "1"),
            ("a b", "1"),
            (":::", "1"),
        ] {
            let error = access(host, port, Path::new("/sa")).unwrap_err().to_string();
            let both = format!("KUBERNETES_SERVICE_HOST `{host}` and KUBERNETES_SERVICE_PORT `{port}`");
            assert!(error.starts_with(&both), "{error}");
        }
    }

    #[test]
    fn the_namespace_is_what_the_file_says() {
        assert_eq!(namespace(b"team-a\n").as_deref(), Some("team-a"));
        for none in [&b""[..], b" \n", b"\xff"] {
            assert_eq!(namespace(none), None);
        }
        assert_eq!(
            namespace_file(Path::new(SERVICE_ACCOUNT)),
            Path::new("/var/run/secrets/kubernetes.io/serviceaccount/namespace")
        );
    }
}
