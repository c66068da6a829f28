//! Commands as a shell takes them: what is told as the next thing to do is pasted.

use std::path::Path;

use super::read::shown;

/// A word of a command.
pub(super) fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./,:+@%".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

/// A path, which is no option, whatever it begins with.
pub(super) fn path(path: &Path) -> String {
    let path = shown(path);
    quoted(&if path.starts_with('-') { format!("./{path}") } else { path })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_if_they_need_it() {
        for (word, expected) in [
            ("a-b/c.wasm", "a-b/c.wasm"),
            ("", "''"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("$x", "'$x'"),
        ] {
            assert_eq!(quoted(word), expected);
        }
    }

    #[test]
    fn a_path_is_no_option() {
        for (text, expected) in [("a/b", "a/b"), ("a b/f", "'a b/f'"), ("-x/f", "./-x/f"), ("~", "'~'")] {
            assert_eq!(path(Path::new(text)), expected);
        }
    }
}
