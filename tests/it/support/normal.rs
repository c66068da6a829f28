//! Takes out of a text what differs from run to run and from machine to machine, so that the
//! rest can be held to the letter.

use std::path::Path;

/// What resolvers say of a name that does not exist, or that they could ask nobody about.
const NOT_RESOLVED: [&str; 3] = [
    "failed to lookup address information: Name or service not known",
    "failed to lookup address information: Temporary failure in name resolution",
    "failed to lookup address information: No address associated with hostname",
];

/// Replaces instants, ports, this folder, the version, digests, the fuel that a
/// filter used, and sizes of archives, which depend on the instant too.
pub(crate) fn normal(text: &str, folder: &Path) -> String {
    let folder = folder.to_str().expect("the temporary folder's path is text");
    let text = text.replace(folder, "DIR");
    let text = digits_behind(&text, "127.0.0.1:", "PORT");
    let text = digits_behind(&text, "localhost:", "PORT");
    let text = text.replace(concat!("minutebook ", env!("CARGO_PKG_VERSION")), "minutebook VERSION");
    let text = replace(&text, "0000-00-00T00:00:00Z", "TIME");
    let text = replace(&text, "0000-00-00T00:00:00.000Z", "TIME");
    let text = replace(&text, "0000-00-00T00:00:00.000000Z", "TIME");
    let text = replace(&text, "0000-00-00T000000", "NAME");
    let text = digits_behind(&text, " bytes=", "N");
    let text = digits_behind(&text, "\"fuel\": ", "N");
    let text = digits_behind(&text, "(fuel ", "N");
    let text = NOT_RESOLVED.iter().fold(text, |text, words| text.replace(words, "NOT RESOLVED"));
    digests(&text)
}

/// Replaces every occurrence of a form in which `0` stands for any digit.
pub(crate) fn replace(text: &str, form: &str, with: &str) -> String {
    let fits = |candidate: &[u8]| {
        candidate.iter().zip(form.bytes()).all(|(found, wanted)| match wanted {
            b'0' => found.is_ascii_digit(),
            other => *found == other,
        })
    };
    let mut rest = text;
    let mut result = String::new();
    while let Some(at) = rest.as_bytes().windows(form.len()).position(fits) {
        result.push_str(&rest[..at]);
        result.push_str(with);
        rest = &rest[at + form.len()..];
    }
    result + rest
}

/// Replaces the digits that stand behind a text.
pub(crate) fn digits_behind(text: &str, before: &str, with: &str) -> String {
    let mut parts = text.split(before);
    let mut result = parts.next().expect("a split has a first part").to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_digit());
        result += before;
        result += if rest.len() < part.len() { with } else { "" };
        result += rest;
    }
    result
}

/// Replaces the hexadecimal digits behind `sha256:`.
fn digests(text: &str) -> String {
    let mut parts = text.split("sha256:");
    let mut result = parts.next().expect("a split has a first part").to_owned();
    for part in parts {
        let rest = part.trim_start_matches(|c: char| c.is_ascii_hexdigit());
        let known = part.len() - rest.len() >= 8;
        result += "sha256:";
        result += if known { "DIGEST" } else { &part[..part.len() - rest.len()] };
        result += rest;
    }
    result
}

#[test]
fn what_differs_from_run_to_run_goes() {
    let text = "2020-10-31T07:10:55Z INFO - 2020-10-31T071055.audit.log at /tmp/x/audit \
                from http://localhost:4711 and 127.0.0.1:4712 by sha256:0123456789abcdef";
    let expected = "TIME INFO - NAME.audit.log at DIR/audit from http://localhost:PORT and 127.0.0.1:PORT \
                    by sha256:DIGEST";
    assert_eq!(normal(text, Path::new("/tmp/x")), expected);
}
