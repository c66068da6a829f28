//! Certificates that a cluster's authority signs, for a moment or for good, and what TLS needs of them.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use rcgen::{CertificateParams, DnType, ExtendedKeyUsagePurpose, Issuer, KeyPair};
use rustls::crypto::ring::default_provider;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore, ServerConfig};

use super::rig::Cluster;

/// What the rig calls its authority.
const AUTHORITY: &str = "minutebook-real";
/// Clocks are not in doubt, but a certificate is not valid before its second.
const BEFORE: Duration = Duration::from_secs(60);

/// A certificate and its key, both as PEM.
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

/// A client certificate for a user in a group, good until this second of Unix time.
pub(crate) fn client(cluster: &Cluster, user: &str, group: &str, until: Duration) -> Identity {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::OrganizationName, group);
    params.distinguished_name.push(DnType::CommonName, user);
    params.extended_key_usages.push(ExtendedKeyUsagePurpose::ClientAuth);
    sign(cluster, params, until)
}

/// A server's certificate for one name.
pub(crate) fn server(cluster: &Cluster, name: &str) -> Identity {
    let mut params = CertificateParams::new([name.to_owned()]).expect("it is a name");
    params.distinguished_name.push(DnType::CommonName, "relay");
    params.extended_key_usages.push(ExtendedKeyUsagePurpose::ServerAuth);
    sign(cluster, params, now() + Duration::from_secs(3600))
}

fn sign(cluster: &Cluster, mut params: CertificateParams, until: Duration) -> Identity {
    let moment = |at| rcgen::date_time_ymd(1970, 1, 1) + at;
    params.not_before = moment(now().saturating_sub(BEFORE));
    params.not_after = moment(until);
    let mut authority = CertificateParams::default();
    authority.distinguished_name = rcgen::DistinguishedName::new();
    authority.distinguished_name.push(DnType::CommonName, AUTHORITY);
    let key = KeyPair::from_pem(&cluster.read("ca.key")).expect("the authority's key is one");
    let issuer = Issuer::new(authority, key);
    let key = KeyPair::generate().expect("a key can be made");
    let certificate = params.signed_by(&key, &issuer).expect("an authority signs");
    Identity { certificate: certificate.pem(), key: key.serialize_pem() }
}

/// Unix time.
pub(crate) fn now() -> Duration {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("it is after 1970")
}

/// A client's end of TLS that trusts the cluster's authority alone.
pub(crate) fn trusting(cluster: &Cluster, protocols: &[&[u8]]) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    let authority = CertificateDer::from_pem_slice(cluster.read("ca.crt").as_bytes());
    roots.add(authority.expect("it is a certificate")).expect("an authority is a root");
    let builder = ClientConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("the provider knows TLS 1.3");
    let mut config = builder.with_root_certificates(roots).with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    config
}

/// A server's end of TLS that shows this certificate.
pub(crate) fn showing(identity: &Identity, protocols: &[&[u8]]) -> ServerConfig {
    let chain = CertificateDer::pem_slice_iter(identity.certificate.as_bytes()).collect::<Result<_, _>>();
    let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).expect("a key is a key");
    let builder = ServerConfig::builder_with_provider(Arc::new(default_provider()));
    let builder = builder.with_safe_default_protocol_versions().expect("the provider knows TLS 1.3");
    let config = builder.with_no_client_auth().with_single_cert(chain.expect("it is PEM"), key);
    let mut config = config.expect("certificate and key belong together");
    config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
    config
}
