//! Who asks: what a request says of that besides the connection that it is sent on.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use reqwest::header::{HeaderMap, HeaderValue};
use thiserror::Error;

/// Who asks, as each request's headers say it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// Who asks.
    pub authorization: Option<Authorization>,
    /// On whose behalf: `Impersonate-User` and its like.
    pub impersonation: HeaderMap,
    /// Whether answers are wanted as they are, not compressed, whatever the layout.
    pub uncompressed: bool,
}

impl From<Option<Authorization>> for Caller {
    fn from(authorization: Option<Authorization>) -> Self {
        Self { authorization, ..Self::default() }
    }
}

/// What `Authorization` holds, ready to be sent; it is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorization {
    header: HeaderValue,
    /// What must not be shown.
    secrets: Vec<String>,
    /// What stands in a log where the server repeated one of them.
    concealed: &'static str,
}

/// How much of a secret gives it away: fewer characters begin many texts.
const TELLING: usize = 12;

/// Characters of a password that is concealed by itself: shorter ones are parts of common words, and without those
/// a log says nothing. As it was sent any password is concealed.
const PASSWORD: usize = 8;

/// Why a text is no token. It does not repeat the text.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TokenError {
    /// Nothing but white space.
    #[error("it is empty")]
    Empty,
    /// Something that no header can hold, such as a line break in the middle.
    #[error("it holds characters that no token has")]
    Characters,
}

impl Authorization {
    /// By a bearer token (RFC 6750), from a file's bytes; white space around it is trimmed.
    ///
    /// # Errors
    /// There is none in it.
    pub fn bearer(bytes: &[u8]) -> Result<Self, TokenError> {
        let token = bytes.trim_ascii();
        if token.is_empty() {
            return Err(TokenError::Empty);
        }
        let token = std::str::from_utf8(token).map_err(|_| TokenError::Characters)?;
        if token.bytes().any(|byte| !byte.is_ascii_graphic()) {
            return Err(TokenError::Characters);
        }
        Self::new(format!("Bearer {token}"), vec![token.to_owned()], "(the token)")
    }

    /// By name and password (RFC 7617).
    ///
    /// # Errors
    /// None that a name without a colon could cause.
    pub fn basic(user: &str, password: &str) -> Result<Self, TokenError> {
        let both = STANDARD.encode(format!("{user}:{password}"));
        let mut secrets = vec![both.clone()];
        secrets.extend(Some(password.to_owned()).filter(|password| password.chars().count() >= PASSWORD));
        Self::new(format!("Basic {both}"), secrets, "(a credential)")
    }

    fn new(header: String, secrets: Vec<String>, concealed: &'static str) -> Result<Self, TokenError> {
        let mut header = HeaderValue::from_maybe_shared(header).map_err(|_| TokenError::Characters)?;
        header.set_sensitive(true);
        Ok(Self { header, secrets, concealed })
    }

    /// The header's value.
    pub(super) fn header(&self) -> HeaderValue {
        self.header.clone()
    }

    /// `text` without the secrets, and without the beginning of them: messages are cut, and tokens are long.
    #[must_use]
    pub fn conceal_in(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| conceal(secret, &text, self.concealed))
    }
}

fn conceal(secret: &str, text: &str, instead: &str) -> String {
    let mut telling = secret.len().min(TELLING);
    while !secret.is_char_boundary(telling) {
        telling -= 1;
    }
    let telling = &secret[..telling];
    let mut concealed = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(telling).filter(|_| !telling.is_empty()) {
        let (before, from) = rest.split_at(at);
        let same = from.chars().zip(secret.chars()).take_while(|(one, other)| one == other);
        let repeated: usize = same.map(|(one, _)| one.len_utf8()).sum();
        concealed.push_str(before);
        concealed.push_str(instead);
        rest = &from[repeated..];
    }
    concealed + rest
}

impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Authorization(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_trimmed_never_shown_and_sent_as_sensitive() {
        let token = Authorization::bearer(b" \n s3cret\r\n").unwrap();
        assert_eq!(token.header.as_bytes(), b"Bearer s3cret");
        assert!(token.header.is_sensitive());
        assert!(!format!("{token:?}").contains("s3cret"));
    }

    #[test]
    fn a_token_that_the_server_repeats_is_concealed_even_if_it_was_cut() {
        let token = Authorization::bearer(b"eyJhbGciOiJSUzI1NiJ9.payload.signature").unwrap();
        let conceal = |text: &str| token.conceal_in(text);
        assert_eq!(
            conceal("a eyJhbGciOiJSUzI1NiJ9.payload.signature b eyJhbGciOiJSUzI1NiJ9.pay…"),
            "a (the token) b (the token)…"
        );
        for same in ["", "eyJhbGc is no token", "nothing", "ä…"] {
            assert_eq!(conceal(same), same);
        }
        assert_eq!(Authorization::bearer(b"short").unwrap().conceal_in("a short one"), "a (the token) one");
    }

    #[test]
    fn what_is_no_token_is_refused_without_repeating_it() {
        assert_eq!(Authorization::bearer(b" \n\t"), Err(TokenError::Empty));
        for bad in [&b"a b"[..], b"a\nb", b"a\0b", "ä".as_bytes(), b"\xff"] {
            assert_eq!(Authorization::bearer(bad), Err(TokenError::Characters));
        }
    }

    #[test]
    fn a_name_and_a_password_are_sent_as_sensitive_and_concealed() {
        let basic = Authorization::basic("ä", "päss wörd, a long one").unwrap();
        assert_eq!(basic.header.as_bytes(), b"Basic w6Q6cMOkc3Mgd8O2cmQsIGEgbG9uZyBvbmU=");
        assert!(basic.header.is_sensitive() && !format!("{basic:?}").contains("w6Q6"));
        let told = "not w6Q6cMOkc3Mgd8O2cmQs… nor päss wörd, ä nor p";
        assert_eq!(basic.conceal_in(told), "not (a credential)… nor (a credential)ä nor p");
        for (password, told) in [("", "same"), ("admin", "no admin"), ("sevench", "sevench")] {
            assert_eq!(Authorization::basic("u", password).unwrap().conceal_in(told), told);
        }
        assert_eq!(Authorization::basic("u", "eight ch").unwrap().conceal_in("eight ch"), "(a credential)");
        assert_eq!(Authorization::basic("u", "admin").unwrap().conceal_in("dTphZG1pbg=="), "(a credential)");
    }
}
