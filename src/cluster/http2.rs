//! What errors of HTTP/2 mean.

use std::io;

use h2::Reason;
use rustls::AlertDescription;

use super::Failure;
use crate::model::limits::MESSAGE_BYTES;
use crate::model::text::printable;

/// What an error means, of an answer's body or of what comes before. A stream that is reset and a connection
/// that is shut down are a server that stops, or has enough for now; another try may find it better. What breaks the
/// rules breaks them again.
pub(super) fn failure(error: &h2::Error, in_body: bool) -> Failure {
    let words = printable(&error.to_string(), MESSAGE_BYTES);
    let Some(reason) = error.reason() else { return Failure::BrokenOff(words) };
    match reason {
        // As in HTTP/1.1: something in between, whose own connection broke off, ends it as if all were well.
        Reason::PROTOCOL_ERROR if error.is_library() && error.is_reset() && in_body => {
            Failure::BrokenOff("its length is not what was announced".to_owned())
        }
        Reason::PROTOCOL_ERROR if error.is_library() && error.is_reset() => {
            Failure::Protocol("its headers break the rules of HTTP/2, or take more than 400 KiB".to_owned())
        }
        Reason::PROTOCOL_ERROR
        | Reason::FLOW_CONTROL_ERROR
        | Reason::FRAME_SIZE_ERROR
        | Reason::COMPRESSION_ERROR
        | Reason::STREAM_CLOSED
            if error.is_library() =>
        {
            Failure::Protocol(words)
        }
        Reason::HTTP_1_1_REQUIRED => Failure::Protocol(words),
        _ => Failure::BrokenOff(words),
    }
}

/// Which of these alerts ended the connection. A server that refuses a client certificate says so after the handshake
/// (TLS 1.3), and by then HTTP/2 reads, which keeps of a TLS error nothing but the words.
pub(super) fn alert_among(error: &io::Error, alerts: &[AlertDescription]) -> Option<AlertDescription> {
    let words = error.to_string();
    alerts.iter().copied().find(|alert| rustls::Error::AlertReceived(*alert).to_string() == words)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_server_gives_as_its_reason_may_pass() {
        for reason in [
            Reason::NO_ERROR,
            Reason::INTERNAL_ERROR,
            Reason::CANCEL,
            Reason::ENHANCE_YOUR_CALM,
            // It says that we broke a rule, and the next server behind the name may not say so.
            Reason::PROTOCOL_ERROR,
        ] {
            assert!(failure(&reason.into(), false).may_pass(), "{reason}");
        }
        assert!(!failure(&Reason::HTTP_1_1_REQUIRED.into(), false).may_pass());
    }

    #[test]
    fn an_alert_is_known_by_its_words() {
        let alerts = [AlertDescription::UnknownCA, AlertDescription::CertificateRequired];
        let error = |alert| io::Error::other(rustls::Error::AlertReceived(alert).to_string());
        for alert in alerts {
            assert_eq!(alert_among(&error(alert), &alerts), Some(alert));
        }
        assert_eq!(alert_among(&error(AlertDescription::InternalError), &alerts), None);
    }
}
