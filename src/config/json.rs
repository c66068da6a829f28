//! A map of the configuration file as JSON, which is what a filter gets for settings.

use super::mistakes::Mark;
use super::yaml::{Entry, Kind, Node, Scalar};

/// A map as JSON, keys in their order and numbers as written.
///
/// # Errors
/// Something in it has no counterpart in JSON; where that is, and why. What it says is not repeated.
pub(super) fn to_json(map: &[Entry]) -> Result<String, (Mark, String)> {
    let mut json = String::new();
    write_map(map, &mut json)?;
    Ok(json)
}

fn write(node: &Node, json: &mut String) -> Result<(), (Mark, String)> {
    match &node.kind {
        Kind::Scalar(scalar) => {
            *json += &scalar_to_json(scalar).map_err(|why| (node.at, why.to_owned()))?;
            Ok(())
        }
        Kind::Map(entries) => write_map(entries, json),
        Kind::List(nodes) => {
            json.push('[');
            for (index, node) in nodes.iter().enumerate() {
                *json += if index > 0 { "," } else { "" };
                write(node, json)?;
            }
            json.push(']');
            Ok(())
        }
    }
}

fn write_map(entries: &[Entry], json: &mut String) -> Result<(), (Mark, String)> {
    json.push('{');
    for (index, Entry { key, value, .. }) in entries.iter().enumerate() {
        *json += if index > 0 { "," } else { "" };
        *json += &quoted(key);
        json.push(':');
        write(value, json)?;
    }
    json.push('}');
    Ok(())
}

/// By the core schema of YAML 1.2, in which `yes` and `on` are texts.
fn scalar_to_json(scalar: &Scalar) -> Result<String, &'static str> {
    let text = scalar.text.as_str();
    if scalar.is_null() {
        return Ok("null".to_owned());
    }
    if !scalar.plain {
        return Ok(quoted(text));
    }
    match text {
        "true" | "True" | "TRUE" => Ok("true".to_owned()),
        "false" | "False" | "FALSE" => Ok("false".to_owned()),
        _ if serde_json::from_str::<serde_json::Number>(text).is_ok() => Ok(text.to_owned()),
        _ if is_number(text) => {
            Err("JSON has no such number; write it in decimal digits, or in quotes if it is text")
        }
        _ => Ok(quoted(text)),
    }
}

/// Whether YAML takes it for a number.
fn is_number(text: &str) -> bool {
    let digits = text.trim_start_matches(['+', '-']);
    let of_radix = |prefix: &str, radix: u32| {
        let rest = digits.strip_prefix(prefix).filter(|rest| !rest.is_empty());
        rest.is_some_and(|rest| rest.chars().all(|c| c.is_digit(radix)))
    };
    let decimal = digits.starts_with(|c: char| c.is_ascii_digit() || c == '.') && text.parse::<f64>().is_ok();
    let special = matches!(digits.to_ascii_lowercase().as_str(), ".inf" | ".nan");
    decimal || special || of_radix("0x", 16) || of_radix("0o", 8)
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

#[cfg(test)]
mod tests {
    use super::super::yaml::parse;
    use super::*;

    fn convert(yaml: &str) -> Result<String, (Mark, String)> {
        let root = parse(yaml, &mut Vec::new()).unwrap().unwrap();
        let Kind::Map(entries) = &root.kind else { panic!("a map: {root:?}") };
        to_json(entries)
    }

    #[test]
    fn a_map_becomes_json_with_its_numbers_as_written() {
        let rows = [
            (
                "include: [pods, 'x']\nn: 12345678901234567890123",
                r#"{"include":["pods","x"],"n":12345678901234567890123}"#,
            ),
            ("a: {b: [], c: {}, 1: ~, \"q\\\"\": 1.50e3}", r#"{"a":{"b":[],"c":{},"1":null,"q\"":1.50e3}}"#),
            (
                "a: true\nb: 'true'\nc: yes\nd: !!str 5\ne: 1.2.3\nf: 10s",
                r#"{"a":true,"b":"true","c":"yes","d":"5","e":"1.2.3","f":"10s"}"#,
            ),
            ("a: |\n  x\n  y\nb: inf", r#"{"a":"x\ny\n","b":"inf"}"#),
            ("a: &a [1]\nb: *a", r#"{"a":[1],"b":[1]}"#),
        ];
        for (yaml, json) in rows {
            assert_eq!(convert(yaml).as_deref(), Ok(json), "{yaml}");
            assert!(serde_json::from_str::<serde::de::IgnoredAny>(json).is_ok());
        }
    }

    #[test]
    fn a_number_that_json_does_not_know_is_refused_where_it_stands() {
        for number in ["0x1F", "0o17", "+1", "007", ".5", "5.", ".inf", "-.INF", ".nan"] {
            let (at, why) = convert(&format!("a: 1\nb: {number}")).unwrap_err();
            assert_eq!((at, why.contains(number)), (Mark { line: 2, column: 4 }, false), "{number}");
        }
    }
}
