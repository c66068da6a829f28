//! Ways to look at a server's certificate that are not rustls' own.

use std::fmt;
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{DigitallySignedStruct, Error, RootCertStore, SignatureScheme};

use super::tls::TlsError;

/// Which certificates will do. That whoever shows one owns it is checked in any case: the handshake must be signed with its
/// key.
pub(super) struct Verifier {
    provider: Arc<CryptoProvider>,
    /// Who looks at them, and the address that they must be for, whatever the URL says; without it any will do.
    of_address: Option<(Arc<WebPkiServerVerifier>, ServerName<'static>)>,
}

impl Verifier {
    /// Takes any certificate.
    pub(super) fn any(provider: Arc<CryptoProvider>) -> Self {
        Self { provider, of_address: None }
    }

    /// Takes those that `roots` vouch for and that are for this address.
    pub(super) fn of_address(
        roots: Arc<RootCertStore>,
        provider: Arc<CryptoProvider>,
        address: ServerName<'static>,
    ) -> Result<Self, TlsError> {
        let inner = WebPkiServerVerifier::builder_with_provider(roots, Arc::clone(&provider))
            .build()
            .map_err(|error| TlsError::Client(error.to_string()))?;
        Ok(Self { provider, of_address: Some((inner, address)) })
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Verifier").field(&self.of_address.as_ref().map(|(_, address)| address)).finish()
    }
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        match &self.of_address {
            Some((inner, address)) => {
                inner.verify_server_cert(end_entity, intermediates, address, ocsp_response, now)
            }
            None => Ok(ServerCertVerified::assertion()),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
