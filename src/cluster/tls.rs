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

/// The bytes of the files that make a client what it is. A client is made anew when they change.
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Material {
    /// Certificates, PEM, that replace the system's roots.
    pub ca: Option<Vec<u8>>,
    /// A certificate chain and its private key, both PEM.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
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
}

/// Whom a client trusts and how it identifies itself, as read now.
#[derive(PartialEq, Eq)]
pub(super) struct Trust {
    roots: Vec<CertificateDer<'static>>,
    identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl Trust {
    /// Trusts the CA certificates given, else the system's; with `https` false, nobody.
    pub(super) fn of(material: &Material, https: bool) -> Result<Self, TlsError> {
        let roots = match (&material.ca, https) {
            (Some(pem), _) => certificates(pem).map_err(TlsError::Ca)?,
            (None, true) => rustls_native_certs::load_native_certs().certs,
            (None, false) => Vec::new(),
        };
        if https && roots.is_empty() {
            return Err(TlsError::NoRoots);
        }
        Ok(Self { roots, identity: material.identity.clone() })
    }

    pub(super) fn client_config(&self) -> Result<ClientConfig, TlsError> {
        let mut roots = RootCertStore::empty();
        // Stores in use hold some certificates that cannot be parsed; any that can will do.
        let (added, _) = roots.add_parsable_certificates(self.roots.iter().cloned());
        if added == 0 && !self.roots.is_empty() {
            return Err(TlsError::Ca("none of the certificates can be used".to_owned()));
        }
        let provider = Arc::clone(rustls::crypto::CryptoProvider::get_default().unwrap_or_else(|| {
            // `main` installs it before anything else can run.
            unreachable!("no TLS provider installed")
        }));
        let identity = |error: &dyn std::fmt::Display| TlsError::Identity(error.to_string());
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| TlsError::Client(error.to_string()))?
            .with_root_certificates(roots);
        let mut config = match &self.identity {
            None => builder.with_no_client_auth(),
            Some((chain, key)) => {
                let chain = certificates(chain).map_err(|error| identity(&error))?;
                let key = PrivateKeyDer::from_pem_slice(key)
                    .map_err(|_| identity(&"the key file holds no private key in PEM form"))?;
                builder.with_client_auth_cert(chain, key).map_err(|error| identity(&error))?
            }
        };
        // The certificate of a resumed session is not looked at again: it could have expired days ago.
        config.resumption = Resumption::disabled();
        Ok(config)
    }
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
