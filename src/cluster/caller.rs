//! Who asks: what a request says of that besides the connection that it is sent on.

use std::fmt;

use reqwest::header::{HeaderMap, HeaderValue};
use thiserror::Error;

/// Who asks, as each request's headers say it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Caller {
    /// What `Authorization` holds.
    pub token: Option<Token>,
    /// `Impersonate-User` and its like.
    pub impersonation: HeaderMap,
}

impl From<Option<Token>> for Caller {
    fn from(token: Option<Token>) -> Self {
        Self { token, impersonation: HeaderMap::new() }
    }
}

/// What stands before the token (RFC 6750).
const BEARER: &str = "Bearer ";

/// A bearer token, ready to be sent; it is never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Token(HeaderValue);

/// How much of a token gives it away: fewer characters begin many texts.
const TELLING: usize = 12;

/// What stands in a log where the server repeated the token.
const CONCEALED: &str = "(the token)";

/// Why a token file's text is no token. It does not repeat the text.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TokenError {
    /// Nothing but white space.
    #[error("it is empty")]
    Empty,
    /// Something that no header can hold, such as a line break in the middle.
    #[error("it holds characters that no token has")]
    Characters,
}

impl Token {
    /// Takes the token from a file's bytes; white space around it is trimmed.
    ///
    /// # Errors
    /// There is none in it.
    pub fn parse(bytes: &[u8]) -> Result<Self, TokenError> {
        let token = bytes.trim_ascii();
        if token.is_empty() {
            return Err(TokenError::Empty);
        }
        if token.iter().any(|byte| !byte.is_ascii_graphic()) {
            return Err(TokenError::Characters);
        }
        let mut value = HeaderValue::from_bytes(&[BEARER.as_bytes(), token].concat())
            .map_err(|_| TokenError::Characters)?;
        value.set_sensitive(true);
        Ok(Self(value))
    }

    /// The value of the header `Authorization`.
    pub(super) fn header(&self) -> HeaderValue {
        self.0.clone()
    }

    /// `text` without this token, and without the beginning of it: messages are cut, and tokens are long.
    pub(super) fn conceal_in(&self, text: &str) -> String {
        let token = self.0.to_str().ok().and_then(|value| value.strip_prefix(BEARER)).unwrap_or_default();
        let telling = &token[..token.len().min(TELLING)];
        let mut concealed = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(at) = rest.find(telling).filter(|_| !telling.is_empty()) {
            let (before, from) = rest.split_at(at);
            let repeated = from.bytes().zip(token.bytes()).take_while(|(one, other)| one == other).count();
            concealed.push_str(before);
            concealed.push_str(CONCEALED);
            rest = &from[repeated..];
        }
        concealed + rest
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_trimmed_never_shown_and_sent_as_sensitive() {
        let token = Token::parse(b" \n s3cret\r\n").unwrap();
        assert_eq!(token.0.as_bytes(), b"Bearer s3cret");
        assert!(token.0.is_sensitive());
        assert!(!format!("{token:?}").contains("s3cret"));
    }

    #[test]
    fn a_token_that_the_server_repeats_is_concealed_even_if_it_was_cut() {
        let token = Token::parse(b"eyJhbGciOiJSUzI1NiJ9.payload.signature").unwrap();
        let conceal = |text: &str| token.conceal_in(text);
        assert_eq!(
            conceal("a eyJhbGciOiJSUzI1NiJ9.payload.signature b eyJhbGciOiJSUzI1NiJ9.pay…"),
            "a (the token) b (the token)…"
        );
        for same in ["", "eyJhbGc is no token", "nothing", "ä…"] {
            assert_eq!(conceal(same), same);
        }
        assert_eq!(Token::parse(b"short").unwrap().conceal_in("a short one"), "a (the token) one");
    }

    #[test]
    fn what_is_no_token_is_refused_without_repeating_it() {
        assert_eq!(Token::parse(b" \n\t"), Err(TokenError::Empty));
        for bad in [&b"a b"[..], b"a\nb", b"a\0b", "ä".as_bytes(), b"\xff"] {
            assert_eq!(Token::parse(bad), Err(TokenError::Characters));
        }
    }
}
