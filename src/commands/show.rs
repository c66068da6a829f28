//! `minutebook config show`: what holds, and who says so.

use std::io::{self, Write as _};

use minutebook::config::{Config, Origin, Setting};
use minutebook::model::limits::LINE_BYTES;
use minutebook::model::text::printable;
use serde_json::{Map, Value, json};

use super::table::table;
use crate::cli::ShowFormat;
use crate::exit::{Exit, Failure};

/// The version of what `-o json` prints; raised when a field changes its meaning or goes.
const JSON_FORMAT: &str = "minutebook.config/1";

pub(crate) fn show(config: &Config, format: ShowFormat) -> Result<Exit, Failure> {
    let text = match format {
        ShowFormat::Text => as_text(config),
        ShowFormat::Json => format!("{:#}\n", as_json(config)),
    };
    io::stdout().write_all(text.as_bytes())?;
    Ok(Exit::Done)
}

fn as_text(config: &Config) -> String {
    let section = |(title, settings): (String, &[Setting])| format!("# {title}\n{}", rows(settings));
    let process = std::iter::once(("the process".to_owned(), &config.process[..]));
    let targets = config.targets.iter().map(|target| (target.target.to_string(), &target.settings[..]));
    process.chain(targets).map(section).collect::<Vec<_>>().join("\n")
}

fn rows(settings: &[Setting]) -> String {
    let row = |Setting { key, value, origin }: &Setting| {
        let value = value.as_ref().map_or_else(|| "-".to_owned(), |value| printable(value, LINE_BYTES));
        vec![key.clone(), value, origin.to_string()]
    };
    table(&["KEY", "VALUE", "ORIGIN"], settings.iter().map(row))
}

fn as_json(config: &Config) -> Value {
    let target = |target: &minutebook::config::TargetConfig| {
        json!({
            "folder": target.target.to_string(),
            "options": options(&target.settings),
        })
    };
    json!({
        "format": JSON_FORMAT,
        "process": options(&config.process),
        "targets": config.targets.iter().map(target).collect::<Vec<_>>(),
    })
}

/// Each by its key, with a value that could be typed.
fn options(settings: &[Setting]) -> Map<String, Value> {
    let option = |Setting { key, value, origin }: &Setting| {
        let origin = match origin {
            Origin::Flag(flag) => json!({ "kind": "flag", "name": flag }),
            Origin::Variable(name) => json!({ "kind": "variable", "name": name }),
            Origin::File(path, mark) => {
                json!({ "kind": "file", "name": path.display().to_string(), "line": mark.line })
            }
            Origin::Kubeconfig(files, context) => {
                json!({ "kind": "kubeconfig", "name": files, "context": context })
            }
            Origin::ServiceAccount => json!({ "kind": "service-account" }),
            Origin::Default => json!({ "kind": "default" }),
        };
        (key.clone(), json!({ "value": value, "origin": origin }))
    };
    settings.iter().map(option).collect()
}
