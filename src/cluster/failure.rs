//! Why a request gave no page, in the words of the log, and whether to try again.

use std::error::Error;
use std::time::Duration;

use reqwest::StatusCode;
use rustls::{AlertDescription, CertificateError};
use thiserror::Error;

use super::Cluster;
use super::http2::{self, alert_among};
use super::wait::shown_wait;
use crate::model::limits::MESSAGE_BYTES;
use crate::model::text::printable;

/// Why a request gave no page. Its text follows the request in a log line.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Failure {
    /// No connection was made.
    #[error("could not connect{}: {why}", through(proxy.as_deref()))]
    Connect {
        /// The proxy in between, without user info.
        proxy: Option<String>,
        /// What happened.
        why: String,
    },
    /// No connection was made in time.
    #[error("could not connect{} within {}", through(proxy.as_deref()), humantime::format_duration(*limit))]
    ConnectTime {
        /// The proxy in between, without user info.
        proxy: Option<String>,
        /// How long it may take.
        limit: Duration,
    },
    /// One side refused the other's certificate.
    #[error("{0}")]
    Certificate(String),
    /// The connection ended before the answer did.
    #[error("the connection broke off: {0}")]
    BrokenOff(String),
    /// Neither status nor headers came in this time.
    #[error("no answer within {}", humantime::format_duration(*.0))]
    NoAnswer(Duration),
    /// No byte of the body came for this long.
    #[error("no byte for {}", humantime::format_duration(*.0))]
    Silent(Duration),
    /// What came is not HTTP.
    #[error("the answer is not valid HTTP: {0}")]
    Protocol(String),
    /// More headers, or longer ones, than the HTTP client takes.
    #[error("the answer's headers are too large (over some 400 KiB, or more than 100)")]
    Headers,
    /// A status other than 200, with the server's message.
    #[error("{status}{}{}", message.as_ref().map(|text| format!(": {text}")).unwrap_or_default(), remedy(*status))]
    Status {
        /// The status.
        status: StatusCode,
        /// What the server said in a `Status` object, printable.
        message: Option<String>,
        /// How long it asks to wait before the next try.
        wait: Option<Duration>,
        /// What the `Status` object is about, by its `details.kind`: `namespaces`, say.
        about: Option<String>,
        /// Where a list whose token is too old can go on all the same, in the state of now (410 alone has it).
        token: Option<String>,
    },
    /// The server pointed elsewhere.
    #[error(
        "{status}: it points to {to}, and redirects are not followed; if that is the API server, name it with --server"
    )]
    Redirect {
        /// The status.
        status: StatusCode,
        /// Where to, without query.
        to: String,
    },
    /// The body is encoded in a way that is not decoded here.
    #[error("the answer is encoded (`{0}`), which was not asked for")]
    Encoded(String),
    /// More bytes than allowed.
    #[error("the answer exceeds {limit} ({max} bytes)")]
    TooLarge {
        /// Which limit.
        limit: &'static str,
        /// How many bytes are allowed.
        max: u64,
    },
    /// The body is not what was asked for.
    #[error("{0}")]
    Malformed(String),
}

impl Failure {
    /// Whether the same request may succeed when it is made again.
    #[must_use]
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Connect { .. }
            | Self::ConnectTime { .. }
            | Self::NoAnswer(_)
            | Self::BrokenOff(_)
            | Self::Silent(_) => true,
            Self::Status { status, .. } => matches!(status.as_u16(), 429 | 500 | 502 | 503 | 504),
            Self::Certificate(_)
            | Self::Protocol(_)
            | Self::Headers
            | Self::Redirect { .. }
            | Self::Encoded(_)
            | Self::TooLarge { .. }
            | Self::Malformed(_) => false,
        }
    }

    /// The HTTP status, if that is what failed.
    #[must_use]
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Status { status, .. } | Self::Redirect { status, .. } => Some(status.as_u16()),
            _ => None,
        }
    }

    /// Whether the same may be had in another form.
    #[must_use]
    pub fn is_about_form(&self) -> bool {
        matches!(self, Self::TooLarge { .. } | Self::Status { status: StatusCode::NOT_ACCEPTABLE, .. })
    }

    /// How long the server asked to wait, if it did.
    #[must_use]
    pub fn asked_wait(&self) -> Option<Duration> {
        match self {
            Self::Status { wait, .. } => *wait,
            _ => None,
        }
    }

    /// What there is to say of a wait that is not waited for, because it is longer than `what` allows.
    #[must_use]
    pub fn asks_too_much(&self, what: &str) -> String {
        let wait = self.asked_wait().map(shown_wait).unwrap_or_default();
        format!("{self}; it asks to wait {wait}, which is beyond {what}")
    }

    /// Whether a continue token is too old to go on from.
    #[must_use]
    pub fn is_expired(&self) -> bool {
        matches!(self, Self::Status { status: StatusCode::GONE, .. })
    }

    /// With what token a list can go on whose own is too old; what follows then is of a later state.
    #[must_use]
    pub fn inconsistent_token(&self) -> Option<&str> {
        match self {
            Self::Status { status: StatusCode::GONE, token, .. } => token.as_deref(),
            _ => None,
        }
    }

    /// The same without the credentials that were sent.
    #[must_use]
    pub fn conceal(mut self, cluster: &dyn Cluster) -> Self {
        match &mut self {
            Self::Connect { why: text, .. }
            | Self::Certificate(text)
            | Self::BrokenOff(text)
            | Self::Protocol(text)
            | Self::Encoded(text)
            | Self::Malformed(text)
            | Self::Redirect { to: text, .. }
            | Self::Status { message: Some(text), .. } => *text = cluster.conceal(text),
            Self::ConnectTime { .. }
            | Self::Headers
            | Self::NoAnswer(_)
            | Self::Silent(_)
            | Self::TooLarge { .. }
            | Self::Status { message: None, .. } => {}
        }
        self
    }

    /// What an error of the HTTP client means. `limit` is the time that connecting may take, through `proxy` if
    /// there is one.
    pub(super) fn of(error: &reqwest::Error, limit: Duration, proxy: Option<&str>) -> Self {
        if let Some(refused) = find(error, refused_certificate) {
            return Self::Certificate(refused);
        }
        if error.is_connect() {
            let proxy = proxy.map(str::to_owned);
            return if error.is_timeout() {
                Self::ConnectTime { proxy, limit }
            } else {
                Self::Connect { proxy, why: root_cause(error) }
            };
        }
        let in_body = !error.is_request();
        if let Some(failure) = find(error, |error| Some(http2::failure(error.downcast_ref()?, in_body))) {
            return failure;
        }
        let not_http = |error: &(dyn Error + 'static)| {
            error
                .downcast_ref::<hyper::Error>()
                .filter(|error| error.is_parse())
                .map(hyper::Error::is_parse_too_large)
        };
        match find(error, not_http) {
            Some(true) => Self::Headers,
            Some(false) => Self::Protocol(root_cause(error)),
            None => Self::BrokenOff(root_cause(error)),
        }
    }
}

fn through(proxy: Option<&str>) -> String {
    proxy.map(|proxy| format!(" through the proxy {proxy}")).unwrap_or_default()
}

/// What can be done about a status whose own words do not say it.
fn remedy(status: StatusCode) -> &'static str {
    if status == StatusCode::UNAUTHORIZED {
        "; the server does not accept who asks, see --token-file, --client-cert or the kubeconfig's user"
    } else {
        ""
    }
}

/// What a TLS error that concerns a certificate means.
fn refused_certificate(error: &(dyn Error + 'static)) -> Option<String> {
    let refused = |why: &str| format!("the server's certificate is refused: {why}");
    if let Some(alert) = error.downcast_ref().and_then(|error| alert_among(error, ABOUT_CERTIFICATES)) {
        return Some(ended_by(alert));
    }
    match error.downcast_ref::<rustls::Error>()? {
        rustls::Error::InvalidCertificate(reason) => Some(refused(&match reason {
            CertificateError::UnknownIssuer => {
                "its issuer is not known here; name the cluster's CA with --ca-file".to_owned()
            }
            CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
                "it has expired; renew it, or check this machine's clock".to_owned()
            }
            CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
                "it is not valid yet; check this machine's clock".to_owned()
            }
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
                "it is for another name; reach the server by a name that it holds, with --server".to_owned()
            }
            other => printable(&other.to_string(), MESSAGE_BYTES),
        })),
        rustls::Error::AlertReceived(alert) if ABOUT_CERTIFICATES.contains(alert) => Some(ended_by(*alert)),
        _ => None,
    }
}

fn ended_by(alert: AlertDescription) -> String {
    format!(
        "the server ended the TLS handshake ({alert:?}); if it wants a client certificate, see --client-cert"
    )
}

/// The server's alerts that will be the same at the next try (RFC 8446, 6.2). Others come of a server that
/// is overloaded or restarts.
const ABOUT_CERTIFICATES: &[AlertDescription] = &[
    AlertDescription::NoCertificate,
    AlertDescription::BadCertificate,
    AlertDescription::UnsupportedCertificate,
    AlertDescription::CertificateRevoked,
    AlertDescription::CertificateExpired,
    AlertDescription::CertificateUnknown,
    AlertDescription::UnknownCA,
    AlertDescription::AccessDenied,
    AlertDescription::CertificateRequired,
];

/// The first hit in an error's chain; what an I/O error wraps is looked at too.
fn find<T>(error: &(dyn Error + 'static), hit: impl Fn(&(dyn Error + 'static)) -> Option<T>) -> Option<T> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = hit(error) {
            return Some(found);
        }
        // The source of an I/O error is not what it wraps but that one's source.
        next = match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
            Some(wrapped) => Some(wrapped),
            None => error.source(),
        };
    }
    None
}

/// The innermost error of a chain: the outer ones say only which layer passed it on.
fn root_cause(error: &(dyn Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    printable(&cause.to_string(), MESSAGE_BYTES)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_may_pass_is_tried_again() {
        let status = |code| Failure::Status {
            status: StatusCode::from_u16(code).unwrap(),
            message: None,
            wait: None,
            about: None,
            token: None,
        };
        for code in [429, 500, 502, 503, 504] {
            assert!(status(code).may_pass(), "{code}");
        }
        for code in [201, 204, 400, 401, 403, 404, 410, 501, 505] {
            assert!(!status(code).may_pass(), "{code}");
        }
        assert!(Failure::Silent(Duration::from_secs(10)).may_pass());
        assert!(!Failure::Certificate(String::new()).may_pass());
        assert!(!Failure::TooLarge { limit: "--max-list-bytes", max: 1 }.may_pass());
    }

    #[test]
    fn a_status_is_shown_with_its_message() {
        let status = StatusCode::SERVICE_UNAVAILABLE;
        let shown = |message: Option<&str>| {
            Failure::Status {
                status,
                message: message.map(str::to_owned),
                wait: None,
                about: None,
                token: None,
            }
            .to_string()
        };
        assert_eq!(shown(None), "503 Service Unavailable");
        assert_eq!(shown(Some("etcd is down")), "503 Service Unavailable: etcd is down");
    }

    #[test]
    fn a_proxy_is_named_where_it_stands_in_between() {
        let why = "refused".to_owned();
        let connect = |proxy: Option<&str>| {
            Failure::Connect { proxy: proxy.map(str::to_owned), why: why.clone() }.to_string()
        };
        assert_eq!(connect(None), "could not connect: refused");
        assert_eq!(
            connect(Some("http://proxy.test:3128")),
            "could not connect through the proxy http://proxy.test:3128: refused"
        );
        let late =
            Failure::ConnectTime { proxy: Some("http://p:1".to_owned()), limit: Duration::from_secs(5) };
        assert_eq!(late.to_string(), "could not connect through the proxy http://p:1 within 5s");
    }
}
