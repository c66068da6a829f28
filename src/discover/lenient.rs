//! JSON as people write it: the exercise's own sample has a comma before a closing bracket.
//!
//! Nothing else is mended. What is left is parsed strictly, so leniency cannot hide garbage.

/// Returns `json` without the commas, outside strings, that only white space parts from a `]` or `}`;
/// `None` if there is no such comma.
pub(super) fn without_trailing_commas(json: &[u8]) -> Option<Vec<u8>> {
    let mut mended = Vec::with_capacity(json.len());
    // Where in `mended` the last comma is that only white space has followed so far.
    let mut comma = None;
    let (mut in_string, mut escaped, mut found) = (false, false, false);
    for &byte in json {
        if in_string {
            in_string = byte != b'"' || escaped;
            escaped = byte == b'\\' && !escaped;
            mended.push(byte);
            continue;
        }
        match byte {
            b' ' | b'\t' | b'\r' | b'\n' => {}
            b',' => comma = Some(mended.len()),
            b']' | b'}' => {
                if let Some(comma) = comma.take() {
                    mended.remove(comma);
                    found = true;
                }
            }
            other => {
                in_string = other == b'"';
                comma = None;
            }
        }
        mended.push(byte);
    }
    found.then_some(mended)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mended(json: &str) -> Option<String> {
        without_trailing_commas(json.as_bytes()).map(|json| String::from_utf8(json).unwrap())
    }

    #[test]
    fn commas_before_brackets_go() {
        assert_eq!(mended("[1, 2, ]").as_deref(), Some("[1, 2 ]"));
        assert_eq!(mended("{\"a\":[{},\n],\t}").as_deref(), Some("{\"a\":[{}\n]\t}"));
    }

    #[test]
    fn strings_and_other_mistakes_stay() {
        for json in ["[1, 2]", r#"[",]"]"#, r#"["\",]"]"#, r#"["\\", 1]"#, "[1,x]", "", ","] {
            assert_eq!(mended(json), None, "{json}");
        }
        assert_eq!(mended("[,,]").as_deref(), Some("[,]"));
        assert_eq!(mended(r#"["\\",]"#).as_deref(), Some(r#"["\\"]"#));
    }
}
