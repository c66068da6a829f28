//! Text of a stranger, made fit for a log line or a terminal.

/// What a cut text ends with.
const ELLIPSIS: char = '…';

/// Returns `text` on one line, without control characters, at most `max` bytes long.
///
/// Runs of white space become one space; other characters that a terminal would obey or that turn the
/// direction of writing become U+FFFD. A text that was too long ends with `…`, which is counted.
#[must_use]
pub fn printable(text: &str, max: usize) -> String {
    let mut line = String::with_capacity(text.len().min(max));
    let mut gap = false;
    for character in text.chars() {
        if character.is_whitespace() {
            gap = !line.is_empty();
            continue;
        }
        if gap {
            line.push(' ');
            gap = false;
        }
        line.push(if is_safe(character) { character } else { '\u{fffd}' });
        if line.len() > max {
            return cut(line, max);
        }
    }
    line
}

/// A file's text without the mark that some editors begin UTF-8 with, and that no parser of JSON knows.
#[must_use]
pub fn without_mark(mut bytes: Vec<u8>) -> Vec<u8> {
    const MARK: &[u8] = b"\xef\xbb\xbf";
    if bytes.starts_with(MARK) {
        bytes.drain(..MARK.len());
    }
    bytes
}

/// What a JSON parser says of a value that it did not expect, without the value: `invalid type: string "hunter2",
/// expected a boolean` becomes `invalid type: string, expected a boolean`.
#[must_use]
pub fn without_value(complaint: &str) -> String {
    let quoted = complaint.find(['"', '`']);
    match (quoted, complaint.rfind(", expected ")) {
        (Some(quote), Some(expected))
            if quote < expected
                && ["invalid ", "unknown variant "].iter().any(|say| complaint.starts_with(say)) =>
        {
            format!("{}{}", complaint[..quote].trim_end(), &complaint[expected..])
        }
        _ => complaint.to_owned(),
    }
}

fn cut(mut line: String, max: usize) -> String {
    let mut end = max.saturating_sub(ELLIPSIS.len_utf8());
    while !line.is_char_boundary(end) {
        end -= 1;
    }
    line.truncate(end);
    line.push(ELLIPSIS);
    line
}

/// Neither a control character nor one that formats invisibly (bidirectional overrides, zero-width
/// marks, tags), by which a log line could be made to read as another.
fn is_safe(character: char) -> bool {
    let invisible = matches!(character,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}');
    !character.is_control() && !invisible
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_characters_and_line_breaks_go() {
        assert_eq!(printable("  a\r\n\tb \u{1b}[31mred\u{0} ", 99), "a b \u{fffd}[31mred\u{fffd}");
        assert_eq!(printable("abc\u{202e}def", 99), "abc\u{fffd}def");
    }

    #[test]
    fn a_complaint_does_not_repeat_the_value() {
        let complaint = "invalid type: string \"a, expected \\\"b\", expected a boolean at line 1 column 9";
        assert_eq!(without_value(complaint), "invalid type: string, expected a boolean at line 1 column 9");
        let complaint = "invalid type: integer `7`, expected a string";
        assert_eq!(without_value(complaint), "invalid type: integer, expected a string");
        let complaint = "unknown variant `hunter2`, expected `Never` or `Always`";
        assert_eq!(without_value(complaint), "unknown variant, expected `Never` or `Always`");
        for same in
            ["missing field `name` at line 1", "invalid type: null, expected a string", "expected value"]
        {
            assert_eq!(without_value(same), same);
        }
    }

    #[test]
    fn a_byte_order_mark_goes_once() {
        for (text, rest) in [("\u{feff}{}", "{}"), ("\u{feff}\u{feff}", "\u{feff}"), ("{}", "{}")] {
            assert_eq!(without_mark(text.into()), rest.as_bytes());
        }
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        assert_eq!(printable("abcdef", 6), "abcdef");
        assert_eq!(printable("abcdefg", 6), "abc…");
        assert_eq!(printable("äöüß", 7), "äö…");
        assert!(printable(&"x".repeat(9999), 512).len() <= 512);
    }
}
