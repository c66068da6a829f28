//! Certificates made for one test, and the server's end of TLS over a blocking socket.

use std::net::TcpStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

/// A certificate authority that nobody knows, until its certificate is handed out.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
}

/// A certificate of an authority, with its key, both as PEM.
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// The server's end of TLS; clones change together.
#[derive(Clone)]
pub(crate) struct Server {
    config: Arc<Mutex<Arc<ServerConfig>>>,
}

impl Authority {
    /// A new authority of that name.
    pub(crate) fn new(name: &str) -> Authority {
        let mut params = CertificateParams::default();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().expect("a key can be made");
        let issuer = CertifiedIssuer::self_signed(params, key).expect("an authority signs itself");
        Authority { issuer }
    }

    /// Its own certificate, for `--ca-file`.
    pub(crate) fn pem(&self) -> String {
        self.issuer.pem()
    }

    /// A certificate for a client, or for a server on loopback.
    pub(crate) fn issue(&self) -> Identity {
        let (certificate, key) = self.leaf();
        Identity { certificate: certificate.pem(), key: key.serialize_pem() }
    }

    /// A server on loopback that shows a certificate of this authority.
    pub(crate) fn server(&self) -> Server {
        let (certificate, key) = self.leaf();
        let config = builder().with_no_client_auth();
        finish(config, &certificate, &key)
    }

    /// The same with a certificate whose last second is this one of Unix time.
    pub(crate) fn server_until(&self, last: Duration) -> Server {
        let (certificate, key) = self.leaf_with(|params| {
            params.not_after = rcgen::date_time_ymd(1970, 1, 1) + last;
        });
        finish(builder().with_no_client_auth(), &certificate, &key)
    }

    /// The same, and it talks only to clients that show one, too.
    pub(crate) fn server_for_its_own(&self) -> Server {
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).expect("the authority is a root");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
            .build()
            .expect("one root is enough");
        let (certificate, key) = self.leaf();
        finish(builder().with_client_cert_verifier(verifier), &certificate, &key)
    }

    /// A server that shows a certificate for these names and addresses alone.
    pub(crate) fn server_for(&self, names: &[&str]) -> Server {
        let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
        let (certificate, key) = self.leaf_with(|params| {
            params.subject_alt_names =
                CertificateParams::new(names).expect("these are names").subject_alt_names;
        });
        finish(builder().with_no_client_auth(), &certificate, &key)
    }

    /// A server that shows a certificate whose key it does not have.
    pub(crate) fn server_with_anothers_certificate(&self) -> Server {
        let ((certificate, _), (_, key)) = (self.leaf(), self.leaf());
        let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key is a key");
        let key = rustls::crypto::ring::sign::any_supported_type(&key).expect("ring knows such keys");
        let stolen = CertifiedKey::new(vec![certificate.der().clone()], key);
        let config =
            builder().with_no_client_auth().with_cert_resolver(Arc::new(SingleCertAndKey::from(stolen)));
        Server { config: Arc::new(Mutex::new(Arc::new(config))) }
    }

    fn leaf(&self) -> (rcgen::Certificate, KeyPair) {
        self.leaf_with(|_| ())
    }

    fn leaf_with(&self, change: impl FnOnce(&mut CertificateParams)) -> (rcgen::Certificate, KeyPair) {
        let names = ["127.0.0.1".to_owned(), "localhost".to_owned()];
        let mut params = CertificateParams::new(names).expect("these are names");
        change(&mut params);
        let key = KeyPair::generate().expect("a key can be made");
        let certificate = params.signed_by(&key, &self.issuer).expect("an authority signs");
        (certificate, key)
    }
}

impl Server {
    /// Shows the certificate of another server from the next connection on, on this one and its clones.
    pub(crate) fn becomes(&self, other: &Server) {
        let config = other.config();
        *self.config.lock().unwrap_or_else(PoisonError::into_inner) = config;
    }

    /// One that shows the same certificate, and is not changed with this one.
    pub(crate) fn same_for_now(&self) -> Server {
        Server { config: Arc::new(Mutex::new(self.config())) }
    }

    /// The same certificate with these protocols to choose from (ALPN).
    pub(crate) fn offering(&self, protocols: &[&str]) -> Server {
        let mut config = (*self.config()).clone();
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.as_bytes().to_vec()).collect();
        Server { config: Arc::new(Mutex::new(Arc::new(config))) }
    }

    /// What it shows from now on.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts TLS on a connection; the handshake comes with the first byte read.
    pub(crate) fn accept(&self, socket: TcpStream) -> StreamOwned<ServerConnection, TcpStream> {
        let session = ServerConnection::new(self.config()).expect("the config is good");
        StreamOwned::new(session, socket)
    }
}

type Builder<S> = rustls::ConfigBuilder<ServerConfig, S>;

fn builder() -> Builder<rustls::WantsVerifier> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the provider knows TLS 1.3")
}

fn finish(
    builder: Builder<rustls::server::WantsServerCert>,
    certificate: &rcgen::Certificate,
    key: &KeyPair,
) -> Server {
    let chain: Vec<CertificateDer<'static>> = vec![certificate.der().clone()];
    let key = PrivateKeyDer::try_from(key.serialize_der()).expect("a key is a key");
    let config = builder.with_single_cert(chain, key).expect("certificate and key belong together");
    Server { config: Arc::new(Mutex::new(Arc::new(config))) }
}
