//! `minutebook run --dry-run`: what would be recorded now, and why.

use std::io::{self, Write as _};
use std::sync::Arc;

use minutebook::clock::Clock as _;
use minutebook::clock::SystemClock;
use minutebook::cycle::{Context, Preview, PreviewError, preview};
use minutebook::discover::CATALOG_FORMAT;
use minutebook::model::catalog::Resource;
use minutebook::model::journal::{Journal, Level};
use minutebook::model::selection::Verdict;
use minutebook::model::target::Target;
use serde_json::{Value, json};

use super::catalog::{HEAD, as_columns, as_json, target_as_json};
use super::table::table;
use crate::cli::OutputFormat;
use crate::exit::{Exit, Failure};

/// Prints what would be recorded of each target in turn; what one lacks does not hide the others.
pub(super) async fn dry_run(contexts: &[Arc<Context>], output: OutputFormat) -> Result<Exit, Failure> {
    if let [context] = contexts {
        return one(context, output, "").await;
    }
    let mut failed = Vec::new();
    for context in contexts {
        let target = &context.endpoint.target;
        if output != OutputFormat::Json {
            writeln!(io::stdout(), "# {target}")?;
        }
        if let Err(failure) = one(context, output, &format!("{target}: ")).await {
            if failure.exit == Exit::Done {
                // Nobody reads on.
                return Err(failure);
            }
            tracing::error!("{target}: {}", failure.message);
            failed.push(failure.exit);
        }
    }
    worst(&failed)
}

/// What failures of several targets come to: what can be mended goes before what may mend itself.
pub(super) fn worst(failed: &[Exit]) -> Result<Exit, Failure> {
    match failed.iter().copied().min_by_key(|exit| *exit as u8) {
        Some(exit) => Err(Failure::told(exit)),
        None => Ok(Exit::Done),
    }
}

async fn one(context: &Arc<Context>, output: OutputFormat, prefix: &str) -> Result<Exit, Failure> {
    let journal = Journal::new(|| SystemClock.wall());
    let result = preview(context, &journal).await;
    tell(&journal, prefix);
    let preview = result.map_err(no_preview)?;
    let text = render(&preview, &context.endpoint.target, output);
    io::stdout().write_all(text.as_bytes())?;
    Ok(Exit::Done)
}

/// How the program ends without a preview.
pub(super) fn no_preview(error: PreviewError) -> Failure {
    match error {
        PreviewError::Credentials => {
            Failure::new(Exit::Usage, "the credentials cannot be used, so nothing was asked")
        }
        PreviewError::Discovery => Failure::new(Exit::Failed, "there is no discovery to select from"),
        PreviewError::Filter => {
            Failure::new(Exit::Usage, "the filter did not decide, so nothing would be recorded")
        }
    }
}

/// What would be in the log, as messages.
pub(super) fn tell(journal: &Journal, prefix: &str) {
    for event in journal.events() {
        let subject = event.subject.map(|subject| format!("{subject}: ")).unwrap_or_default();
        if event.level == Level::Error {
            tracing::error!("{prefix}{subject}{}", event.message);
        } else {
            tracing::warn!("{prefix}{subject}{}", event.message);
        }
    }
}

fn render(preview: &Preview, target: &Target, output: OutputFormat) -> String {
    let verdicts = &preview.selected.selection.verdicts;
    let all: Vec<(&Resource, &Verdict)> = preview.catalog.resources.iter().zip(verdicts).collect();
    let selected = all.iter().filter(|(_, verdict)| verdict.selected);
    match output {
        OutputFormat::Name => selected.map(|(resource, _)| resource.id.to_string() + "\n").collect(),
        OutputFormat::Table => table(&HEAD, selected.map(|(resource, _)| as_columns(resource).to_vec())),
        OutputFormat::Wide => table(
            &[&HEAD[..], &["SELECTED", "REASON"]].concat(),
            all.iter().map(|(resource, verdict)| {
                let mut row = as_columns(resource).to_vec();
                row.push(verdict.selected.to_string());
                row.push(verdict.reason.clone());
                row
            }),
        ),
        OutputFormat::Json => format!("{:#}\n", catalog(preview, target, &all)),
    }
}

/// The catalog with its verdicts.
fn catalog(preview: &Preview, target: &Target, all: &[(&Resource, &Verdict)]) -> Value {
    let (filter, selection) = (&preview.selected.filter, &preview.selected.selection);
    json!({
        "format": CATALOG_FORMAT,
        "target": target_as_json(target),
        "filter": {
            "name": filter.name,
            "version": filter.version,
            "digest": format!("sha256:{}", filter.digest),
            "fuel": selection.fuel,
            "warnings": selection.warnings,
        },
        "notShown": preview.catalog.not_shown,
        "resources": all.iter().map(|(resource, verdict)| as_json(resource, verdict)).collect::<Vec<_>>(),
    })
}
