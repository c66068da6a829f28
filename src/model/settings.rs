//! A filter's settings: JSON that every language reads alike.
//!
//! JSON itself does not say what a key means that is given twice, what a surrogate without its other half stands for,
//! or how large a number can be, and parsers differ: one takes the first of two keys, another one the last, and would
//! record other resources. So settings are I-JSON, which leaves nothing of that open, and not nested deep, because
//! parsers in filters have little stack.
//! Source: RFC 7493.

use std::collections::HashSet;
use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};

use super::text::printable;

/// Levels that lists and objects may be nested: far more than anybody writes, and few for any parser.
const DEPTH: usize = 64;
/// Bytes of a key that a message shows.
const KEY_BYTES: usize = 128;

/// Checks that a text is such JSON.
///
/// # Errors
/// What is wrong with it, and where.
pub fn check_settings(text: &str) -> Result<(), String> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let whole = Below(DEPTH).deserialize(&mut deserializer).and_then(|()| deserializer.end());
    whole.map_err(|error| match error.to_string() {
        error if error.contains("control character") => {
            format!("not JSON: {error}; a line break within a text is written \\n, or the text on one line")
        }
        data if error.is_data() => data,
        syntax => format!("not JSON: {syntax}"),
    })
}

/// Any value, with so many levels at most.
struct Below(usize);

impl Below {
    fn inside<E: Error>(&self) -> Result<Self, E> {
        let inside = self.0.checked_sub(1).map(Self);
        inside.ok_or_else(|| E::custom(format_args!("it is nested more than {DEPTH} levels deep")))
    }
}

impl<'de> DeserializeSeed<'de> for Below {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Below {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<(), A::Error> {
        while list.next_element_seed(self.inside()?)?.is_some() {}
        Ok(())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<(), A::Error> {
        let mut known = HashSet::new();
        while let Some(key) = object.next_key::<String>()? {
            if known.contains(&key) {
                let key = printable(&key, KEY_BYTES);
                return Err(A::Error::custom(format_args!("`{key}` is given twice")));
            }
            known.insert(key);
            object.next_value_seed(self.inside()?)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn nested(levels: usize) -> String {
        "[".repeat(levels) + &"]".repeat(levels)
    }

    #[test]
    fn what_every_language_reads_alike_is_settings() {
        for text in [
            "{}",
            " null ",
            r#"{"select": "true", "a": {"select": [1, -2, 3.5e9, false]}, "": "\ud83d\ude00é"}"#,
            r#"[{"a": 1}, {"a": 2}]"#,
            "123456789012345678901234567890",
            &nested(DEPTH),
        ] {
            assert_eq!(check_settings(text), Ok(()), "{text}");
        }
    }

    #[test]
    fn what_some_read_otherwise_is_refused() {
        for (text, error) in [
            ("", "not JSON: EOF while parsing a value at line 1 column 0"),
            ("{} x", "not JSON: trailing characters at line 1 column 4"),
            ("{a: 1}", "not JSON: key must be a string at line 1 column 2"),
            (r#"{"a": 1, "b": 2, "a": 3}"#, "`a` is given twice at line 1 column 20"),
            (r#"{"x": [{"a": 1, "\u0061": [2]}]}"#, "`a` is given twice at line 1 column 24"),
            (r#"{"a\u001b[31m": 1, "a\u001b[31m": 2}"#, "`a\u{fffd}[31m` is given twice at line 1 column 32"),
            (r#"["\ud800"]"#, "not JSON: unexpected end of hex escape at line 1 column 9"),
            (r#"{"\udc00x": 1}"#, "not JSON: lone leading surrogate in hex escape at line 1 column 8"),
            (
                "{\"select\": \"a\n\"}",
                r"not JSON: control character (\u0000-\u001F) found while parsing a string at line 2 column 0; a line break within a text is written \n, or the text on one line",
            ),
            ("[1e999]", "not JSON: number out of range at line 1 column 6"),
            (&nested(DEPTH + 1), "it is nested more than 64 levels deep at line 1 column 66"),
            (&"[".repeat(1000), "it is nested more than 64 levels deep at line 1 column 65"),
        ] {
            assert_eq!(check_settings(text), Err(error.to_owned()), "{text}");
        }
    }
}
