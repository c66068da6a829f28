//! What a plugin prints: an `ExecCredential` whose status is a token, a certificate, or both.

use std::fmt;

use chrono::{DateTime, Utc};
use serde::Deserialize;

use super::Version;
use crate::model::limits::MESSAGE_BYTES;
use crate::model::text::{printable, without_value};

/// What a plugin handed out.
#[derive(Clone, PartialEq, Eq)]
pub struct Credential {
    /// A bearer token.
    pub token: Option<String>,
    /// A client certificate and its private key, both PEM.
    pub identity: Option<(Vec<u8>, Vec<u8>)>,
    /// Until when it can be used; without it for as long as the program runs.
    pub expires: Option<DateTime<Utc>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    api_version: Option<String>,
    kind: Option<String>,
    status: Option<Status>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Status {
    token: Option<String>,
    client_certificate_data: Option<String>,
    client_key_data: Option<String>,
    expiration_timestamp: Option<String>,
}

/// Reads an answer that follows `version`. What is wrong with it is said without repeating it.
pub(super) fn read(bytes: &[u8], version: Version) -> Result<Credential, String> {
    if bytes.trim_ascii().is_empty() {
        return Err("it is empty".to_owned());
    }
    let answer: Answer = serde_json::from_slice(bytes)
        .map_err(|error| printable(&without_value(&error.to_string()), MESSAGE_BYTES))?;
    if answer.kind.as_deref() != Some("ExecCredential") {
        return Err("its kind is not ExecCredential".to_owned());
    }
    if answer.api_version.as_deref() != Some(version.name()) {
        let wanted = version.name();
        return Err(format!(
            "its apiVersion is not {wanted}, which the kubeconfig's exec asks for; both must be the same"
        ));
    }
    let status = answer.status.ok_or("it has no status")?;
    let said = |text: Option<String>| text.filter(|text| !text.is_empty());
    let token = said(status.token);
    let identity = match (said(status.client_certificate_data), said(status.client_key_data)) {
        (Some(chain), Some(key)) => Some((chain.into_bytes(), key.into_bytes())),
        (None, None) => None,
        _ => return Err("of clientCertificateData and clientKeyData it has one only".to_owned()),
    };
    if token.is_none() && identity.is_none() {
        return Err("its status has neither a token nor a certificate".to_owned());
    }
    let time = |text: String| {
        let time =
            DateTime::parse_from_rfc3339(&text).map_err(|_| "its expirationTimestamp is no time (RFC 3339)");
        time.map(|time| time.to_utc())
    };
    let expires = said(status.expiration_timestamp).map(time).transpose()?;
    Ok(Credential { token, identity, expires })
}

impl fmt::Debug for Credential {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (token, identity) = (self.token.is_some(), self.identity.is_some());
        write!(f, "Credential {{ token: {token}, identity: {identity}, expires: {:?} }}", self.expires)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(status: &str) -> Result<Credential, String> {
        let version = Version::V1.name();
        let text =
            format!(r#"{{"kind":"ExecCredential","apiVersion":"{version}","spec":{{}},"status":{status}}}"#);
        read(text.as_bytes(), Version::V1)
    }

    #[test]
    fn a_token_a_certificate_or_both_are_taken_and_never_shown() {
        let token = of(r#"{"token":"s3cret"}"#).unwrap();
        assert_eq!((token.token.as_deref(), &token.identity, token.expires), (Some("s3cret"), &None, None));
        let both = of(
            r#"{"token":"s3cret","clientCertificateData":"C","clientKeyData":"s3cret","expirationTimestamp":"2020-10-31T08:10:55+01:00"}"#,
        )
        .unwrap();
        assert_eq!(both.identity, Some((b"C".to_vec(), b"s3cret".to_vec())));
        assert_eq!(both.expires.unwrap().to_rfc3339(), "2020-10-31T07:10:55+00:00");
        assert!(!format!("{both:?}").contains("s3cret"));
    }

    #[test]
    fn what_is_no_credential_is_refused_without_repeating_it() {
        let status = [
            ("{}", "its status has neither a token nor a certificate"),
            (r#"{"token":"","clientKeyData":""}"#, "its status has neither a token nor a certificate"),
            (r#"{"clientKeyData":"s3cret"}"#, "of clientCertificateData and clientKeyData it has one only"),
            (
                r#"{"token":"s3cret","expirationTimestamp":"s3cret"}"#,
                "its expirationTimestamp is no time (RFC 3339)",
            ),
            (r#""s3cret""#, "invalid type: string, expected struct Status"),
            ("null", "it has no status"),
        ];
        for (status, why) in status {
            let error = of(status).unwrap_err();
            assert!(error.starts_with(why), "{error}");
            assert!(!error.contains("s3cret"), "{error}");
        }
        let whole = [
            (" \n", "it is empty"),
            ("s3cret", "expected value at line 1 column 1"),
            (r#"{"kind":"s3cret"}"#, "its kind is not ExecCredential"),
            (
                r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1beta1","status":{"token":"s3cret"}}"#,
                "its apiVersion is not client.authentication.k8s.io/v1,",
            ),
        ];
        for (text, why) in whole {
            let error = read(text.as_bytes(), Version::V1).unwrap_err();
            assert!(error.starts_with(why) && !error.contains("s3cret"), "{error}");
        }
    }
}
