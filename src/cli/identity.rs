//! What a filter may be called, and what its version may be: in a flag, in a project's file, and as a folder.

use minutebook::model::text::printable;
use minutebook::select::stock;

/// Bytes that are shown of a filter's name or version.
const WORDS_BYTES: usize = 128;

/// Takes a filter's name: a line that is shown as it is, and that is neither a file's nor a stock filter's.
pub(crate) fn parse_name(text: &str) -> Result<String, String> {
    check_words(text)?;
    if text.contains('/') {
        return Err("a filter's name has no `/`, which would make a file's of it".to_owned());
    }
    if stock(text).is_some() {
        return Err(format!("`{text}` is a filter that minutebook brings along; choose another name"));
    }
    Ok(text.to_owned())
}

/// Takes a filter's version: one word, for logs have it between others.
pub(crate) fn parse_version(text: &str) -> Result<String, String> {
    check_words(text)?;
    if text.contains(|c: char| c.is_whitespace() || c == '/') {
        return Err("a version is one word such as 1.2.3, without spaces and `/`".to_owned());
    }
    Ok(text.to_owned())
}

fn check_words(text: &str) -> Result<(), String> {
    if text.is_empty() || printable(text, WORDS_BYTES) != text {
        return Err(format!("it is one line, of 1 to {WORDS_BYTES} bytes, that a terminal can show"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_line_that_is_no_path_and_not_taken() {
        for good in ["pick-apps", "Pick apps", "cell", "defaults", "v1.0"] {
            assert_eq!(parse_name(good).as_deref(), Ok(good));
        }
        for (bad, why) in [
            ("", "it is one line"),
            ("a\nb", "it is one line"),
            ("a\u{1b}[31m", "it is one line"),
            ("a/b", "has no `/`"),
            ("cel", "`cel` is a filter that minutebook brings along"),
            ("default", "`default` is a filter that minutebook brings along"),
        ] {
            let error = parse_name(bad).unwrap_err();
            assert!(error.contains(why), "{bad:?}: {error}");
        }
    }

    #[test]
    fn a_version_is_one_word() {
        for good in ["1.2.3", "0.1.0-rc.1+build.5", "9", "v2", "2026-11-21"] {
            assert_eq!(parse_version(good).as_deref(), Ok(good));
        }
        for (bad, why) in
            [("", "it is one line"), ("x y", "one word"), ("1\u{a0}2", "it is one line"), ("1/2", "one word")]
        {
            let error = parse_version(bad).unwrap_err();
            assert!(error.contains(why), "{bad:?}: {error}");
        }
    }
}
