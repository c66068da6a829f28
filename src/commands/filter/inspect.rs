//! `minutebook filter inspect`: what a filter says of itself, and whether it would run.

use std::fmt::Write as _;
use std::io::{self, Write as _};

use minutebook::select::{self, Failed, Inspected, Kind, contract_version, try_out};
use serde_json::{Value, json};

use super::{Here, read};
use crate::cli::{InspectArguments, ShowFormat};
use crate::exit::{Exit, Failure};

/// The version of what `-o json` prints; raised when a field changes its meaning or goes.
const JSON_FORMAT: &str = "minutebook.filter/1";

pub(super) fn inspect(arguments: &InspectArguments, here: &Here<'_>) -> Result<Exit, Failure> {
    let named = read::filter(&arguments.filter, here)?;
    let inspected = select::inspect(&named.bytes);
    let refused = try_out(&here.selector(&arguments.cache)?, &named.source()).err();
    let text = match arguments.output {
        ShowFormat::Text => as_text(&inspected, &named.origin, refused.as_deref()),
        ShowFormat::Json => format!("{:#}\n", as_json(&inspected, &named.origin, refused.as_deref())),
    };
    io::stdout().write_all(text.as_bytes())?;
    match refused {
        None => Ok(Exit::Done),
        Some(failed) => Err(Failure::new(Exit::Usage, failed)),
    }
}

fn as_text(inspected: &Inspected, origin: &str, refused: Option<&Failed>) -> String {
    let mut text = String::new();
    for (key, values) in rows(inspected, origin, refused) {
        let values = if values.is_empty() { vec!["-".to_owned()] } else { values };
        for (index, value) in values.iter().enumerate() {
            // A string takes everything.
            let _ = writeln!(text, "{:<11}{value}", if index == 0 { key } else { "" });
        }
    }
    text
}

fn rows(inspected: &Inspected, origin: &str, refused: Option<&Failed>) -> Vec<(&'static str, Vec<String>)> {
    let one = |value: Option<String>| value.into_iter().collect();
    let nameless = || {
        let file = origin.rsplit('/').next().unwrap_or(origin);
        (inspected.kind == Kind::Component).then(|| format!("- (so it goes by its file's, {file})"))
    };
    let producer =
        |[field, name, version]: &[String; 3]| format!("{field}: {name} {version}").trim_end().to_owned();
    let contract = |version: &String| {
        let version = if version.is_empty() { "none" } else { version };
        format!("filter.wit {version}; this minutebook has {}", contract_version())
    };
    vec![
        ("file", vec![origin.to_owned()]),
        ("name", one(inspected.name.clone().or_else(nameless))),
        ("version", one(inspected.version.clone())),
        ("digest", vec![format!("sha256:{}", inspected.digest)]),
        ("size", vec![format!("{} bytes", inspected.size)]),
        ("kind", vec![kind(inspected.kind).to_owned()]),
        ("contract", inspected.contracts.iter().map(contract).collect()),
        ("exports", inspected.exports.clone()),
        ("imports", inspected.imports.clone()),
        ("producers", inspected.producers.iter().map(producer).collect()),
        ("runs", vec![refused.map_or_else(|| "yes".to_owned(), |failed| format!("no: {}", failed.error))]),
    ]
}

fn kind(kind: Kind) -> &'static str {
    match kind {
        Kind::Component => "component",
        Kind::Module => "core module",
        Kind::Other => "no WebAssembly",
    }
}

fn as_json(inspected: &Inspected, origin: &str, refused: Option<&Failed>) -> Value {
    let producer =
        |[field, name, version]: &[String; 3]| json!({ "field": field, "name": name, "version": version });
    json!({
        "format": JSON_FORMAT,
        "file": origin,
        "name": inspected.name,
        "version": inspected.version,
        "digest": format!("sha256:{}", inspected.digest),
        "bytes": inspected.size,
        "kind": kind(inspected.kind),
        "contracts": inspected.contracts,
        "contract": contract_version(),
        "exports": inspected.exports,
        "imports": inspected.imports,
        "producers": inspected.producers.iter().map(producer).collect::<Vec<_>>(),
        "refused": refused.map(|failed| failed.error.to_string()),
    })
}
