//! Whom to trust and how to identify ourselves: certificates from files, or the system's roots.
//!
//! The system's roots are loaded only where they are needed: a machine without any can still
//! record over plain http on loopback, or with `--ca-file`.

use std::sync::Arc;

use rustls::client::Resumption;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use thiserror::Error;

use super::server::TlsName;
use super::verifiers::Verifier;
use crate::model::digest::Sha256;

/// The bytes of the files that make a client what it is. A client is made anew when they change.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Material {
    /// Certificates, PEM, that replace the system's roots.
    pub ca: Option<Vec<u8>>,
    /// A certificate chain and its private key, both PEM.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
    /// Whether any certificate of the server will do; then nobody's CA matters.
    pub insecure: bool,
}

/// Why no TLS client can be made.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TlsError {
    /// The file with CA certificates is none.
    #[error("the CA certificates: {0}")]
    Ca(String),
    /// The client certificate or its key cannot be used.
    #[error("the client certificate and its key: {0}")]
    Identity(String),
    /// The HTTP client refused to be built.
    #[error("could not make an HTTP client: {0}")]
    Client(String),
    /// No roots on this machine.
    #[error(
        "this machine has no CA certificates, so https cannot be trusted: install the package `ca-certificates`, or name the cluster's CA with --ca-file"
    )]
    NoRoots,
    /// No certificate can be for such a name.
    #[error("tls-server-name `{0}` is neither a host name nor an address")]
    ServerName(String),
    /// The name would be the proxy's to resolve.
    #[error(
        "tls-server-name does not work through a proxy, and {0} stands before the server: take the proxy away, or put the server into NO_PROXY"
    )]
    NameThroughProxy(String),
}

/// The certificates that a machine trusts.
pub(super) struct Roots {
    store: Arc<RootCertStore>,
    digest: Sha256,
}

impl PartialEq for Roots {
    fn eq(&self, other: &Self) -> bool {
        self.digest == other.digest
    }
}

impl Roots {
    /// Those of the system, as they are now.
    pub(super) fn of_system() -> Self {
        Self::of(rustls_native_certs::load_native_certs().certs)
    }

    pub(super) fn of(certificates: Vec<CertificateDer<'static>>) -> Self {
        let digest = digest_of(certificates.iter().map(|certificate| Some(&certificate[..])));
        let mut store = RootCertStore::empty();
        // Stores in use hold some certificates that cannot be parsed; any that can will do.
        store.add_parsable_certificates(certificates);
        Self { store: Arc::new(store), digest }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.store.is_empty()
    }
}

/// What tells the TLS of one client from that of another: whom it trusts, and how it identifies itself.
pub(super) fn fingerprint(material: &Material, system: Option<&Roots>) -> Sha256 {
    let (chain, key) = material.identity.as_ref().map(|(chain, key)| (&chain[..], &key[..])).unzip();
    let system = system.map(|roots| roots.digest.to_string());
    let insecure = material.insecure.then_some(&b"insecure"[..]);
    digest_of(
        [material.ca.as_deref(), chain, key, system.as_deref().map(str::as_bytes), insecure].into_iter(),
    )
}

/// A digest of several texts, some of which may be absent; equal only if all are.
fn digest_of<'a>(parts: impl Iterator<Item = Option<&'a [u8]>>) -> Sha256 {
    let mut text = Vec::new();
    for part in parts {
        let digest = part.map(|bytes| Sha256::of(bytes).to_string());
        text.extend_from_slice(digest.as_deref().unwrap_or("-").as_bytes());
        text.push(b' ');
    }
    Sha256::of(&text)
}

/// Trusts the CA certificates given, else the system's, else nobody; or, if it must, everybody. `name` is what the
/// server's certificate has to be for.
pub(super) fn client_config(
    material: &Material,
    system: Option<&Roots>,
    name: &TlsName,
) -> Result<ClientConfig, TlsError> {
    let provider = Arc::clone(rustls::crypto::CryptoProvider::get_default().unwrap_or_else(|| {
        // `main` installs it before anything else can run.
        unreachable!("no TLS provider installed")
    }));
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError::Client(error.to_string()))?;
    let builder = match name {
        _ if material.insecure => {
            builder.dangerous().with_custom_certificate_verifier(Arc::new(Verifier::any(provider)))
        }
        TlsName::Own | TlsName::Named(_) => builder.with_root_certificates(roots(material, system)?),
        TlsName::Address(address) => {
            let verifier = Verifier::of_address(roots(material, system)?, provider, address.clone())?;
            builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier))
        }
    };
    let identity = |error: &dyn std::fmt::Display| TlsError::Identity(error.to_string());
    let mut config = match &material.identity {
        None => builder.with_no_client_auth(),
        Some((chain, key)) => {
            let chain = certificates(chain).map_err(|error| identity(&error))?;
            let key = PrivateKeyDer::from_pem_slice(key)
                .map_err(|_| identity(&"the key file holds no private key in PEM form"))?;
            builder.with_client_auth_cert(chain, key).map_err(|error| identity(&error))?
        }
    };
    config.enable_sni = !matches!(name, TlsName::Address(_));
    // The certificate of a resumed session is not looked at again: it could have expired days ago.
    config.resumption = Resumption::disabled();
    Ok(config)
}

fn roots(material: &Material, system: Option<&Roots>) -> Result<Arc<RootCertStore>, TlsError> {
    Ok(match (&material.ca, system) {
        (Some(pem), _) => {
            let roots = Roots::of(certificates(pem).map_err(TlsError::Ca)?);
            if roots.is_empty() {
                return Err(TlsError::Ca("none of the certificates can be used".to_owned()));
            }
            roots.store
        }
        (None, Some(system)) => Arc::clone(&system.store),
        (None, None) => Arc::new(RootCertStore::empty()),
    })
}

fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, String> {
    let certificates: Vec<_> = CertificateDer::pem_slice_iter(pem)
        .collect::<Result<_, _>>()
        .map_err(|error| format!("no valid PEM: {error}"))?;
    if certificates.is_empty() {
        return Err("the file holds no certificate in PEM form".to_owned());
    }
    Ok(certificates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_differs_in_anything_has_another_fingerprint() {
        let text = |text: &str| Some(text.as_bytes().to_vec());
        let material = |ca: &str, identity: Option<(&str, &str)>| Material {
            ca: text(ca).filter(|ca| !ca.is_empty()),
            identity: identity.map(|(chain, key)| (chain.into(), key.into())),
            insecure: false,
        };
        let insecure = |ca: &str| Material { insecure: true, ..material(ca, None) };
        let (some, none) = (Roots::of(vec![CertificateDer::from(vec![1])]), Roots::of(Vec::new()));
        let all = [
            fingerprint(&material("", None), None),
            fingerprint(&material("", None), Some(&none)),
            fingerprint(&material("", None), Some(&some)),
            fingerprint(&material("a", None), None),
            fingerprint(&material("a", Some(("b", "c"))), None),
            fingerprint(&material("a", Some(("bc", ""))), None),
            fingerprint(&material("", Some(("a", "bc"))), None),
            fingerprint(&material("b", Some(("b", "c"))), None),
            fingerprint(&insecure(""), None),
            fingerprint(&insecure("a"), None),
        ];
        for (index, one) in all.iter().enumerate() {
            assert!(!all[..index].contains(one), "{index}");
        }
        assert!(all[4] == fingerprint(&material("a", Some(("b", "c"))), None));
    }
}
