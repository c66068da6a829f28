//! `minutebook filter test`: what a filter decides about recorded catalogs, and whether that is what was expected.

mod expect;
mod show;

use std::io::{self, Write as _};
use std::time::Duration;

use minutebook::clock::{Clock as _, SystemClock};
use minutebook::config::FilterOption;
use minutebook::cycle::SettingsSource;
use minutebook::discover::{merge_catalogs, read_catalog};
use minutebook::model::catalog::Catalog;
use minutebook::model::journal::{Journal, Level};
use minutebook::model::limits::{DISCOVERY_BYTES, NAMED_FILE_BYTES};
use minutebook::model::selection::Verdict;
use minutebook::model::target::Target;
use minutebook::select::{Limits, Selected, Selector};

use super::Here;
use super::read::{self, Named, shown};
use crate::cli::{TestArguments, TestFormat};
use crate::commands::dry_run::tell;
use crate::exit::{Exit, Failure};
use expect::Expected;

/// A resource's name as `-o name` prints it, and what was decided.
struct Row {
    name: String,
    verdict: Verdict,
}

/// What two runs of one filter came to.
struct Answers {
    first: Selected,
    second: Selected,
}

/// Everything that a test found out.
struct Report<'a> {
    target: &'a Target,
    catalog: &'a Catalog,
    answers: &'a Answers,
    rows: &'a [Row],
    expected: Option<&'a Expected>,
    /// Another filter's answers.
    against: Option<&'a Answers>,
}

pub(super) fn test(arguments: &TestArguments, here: &Here<'_>) -> Result<Exit, Failure> {
    let target = arguments.target();
    let expected = arguments.expect.as_deref().map(|path| {
        let refused = |why: String| Failure::new(Exit::Usage, format!("--expect `{}`: {why}", shown(path)));
        let bytes = read::json(path, NAMED_FILE_BYTES, here).map_err(|error| refused(error.to_string()))?;
        Expected::read(&bytes).map_err(refused)
    });
    let expected = expected.transpose()?;
    let (catalog, is_whole) = catalog(arguments, here)?;
    let trial = Trial {
        selector: here.selector(&arguments.cache)?,
        limits: Limits::from(&arguments.limits),
        target: &target,
        catalog: &catalog,
    };
    let run = |filter: &FilterOption, settings: &SettingsSource, flag| {
        trial.run_twice(&read::filter(filter, here)?, &read::settings(settings, flag, here)?)
    };
    let answers = run(&arguments.filter, &arguments.settings, "--settings")?;
    let against = arguments.against.as_ref();
    let against = against.map(|other| run(other, &arguments.against_settings, "--against-settings"));
    let against = against.transpose()?;
    for warning in &answers.first.selection.warnings {
        tracing::warn!("filter: {warning}");
    }
    if let Some(warning) = answers.first.warning_of_nothing() {
        tracing::warn!("{warning}");
    }

    let report = Report {
        target: &target,
        catalog: &catalog,
        answers: &answers,
        rows: &rows(&catalog, &answers.first),
        expected: expected.as_ref(),
        against: against.as_ref(),
    };
    let text = match arguments.output {
        TestFormat::Table => show::as_text(&report),
        TestFormat::Json => format!("{:#}\n", show::as_json(&report)),
    };
    io::stdout().write_all(text.as_bytes())?;
    if !is_whole {
        // Where the other errors are told, so that it follows them.
        tracing::error!(
            "--catalog: not all of it could be read (see above), so this is no test of all of it"
        );
        return Err(Failure::told(Exit::Usage));
    }
    Ok(if report.differs() { Exit::No } else { Exit::Done })
}

/// Everything that is recorded, as one catalog, and whether all of it could be read.
fn catalog(arguments: &TestArguments, here: &Here<'_>) -> Result<(Catalog, bool), Failure> {
    let most = usize::try_from(DISCOVERY_BYTES).unwrap_or(usize::MAX);
    let (mut catalogs, mut errors) = (Vec::new(), 0);
    for path in &arguments.catalog {
        let name = format!("--catalog `{}`", shown(path));
        let refused = |why: String| Failure::new(Exit::Usage, format!("{name}: {why}"));
        let document = read::json(path, most, here).map_err(|error| refused(error.to_string()))?;
        let journal = Journal::new(|| SystemClock.wall());
        let catalog = read_catalog(&document, &journal);
        tell(&journal, &format!("{name}: "));
        errors += journal.count(Level::Error);
        catalogs.push(catalog.map_err(refused)?);
    }
    let journal = Journal::new(|| SystemClock.wall());
    let merged = merge_catalogs(catalogs, &journal);
    tell(&journal, "--catalog: ");
    errors += journal.count(Level::Error);
    let merged = merged.map_err(|why| Failure::new(Exit::Usage, format!("--catalog: {why}")))?;
    Ok((merged, errors == 0))
}

/// What filters are asked, and within which limits.
struct Trial<'a> {
    selector: Selector,
    limits: Limits,
    target: &'a Target,
    catalog: &'a Catalog,
}

impl Trial<'_> {
    fn run_twice(&self, named: &Named, settings: &str) -> Result<Answers, Failure> {
        let failed = |failed| Failure::new(Exit::Usage, failed);
        let loaded = self.selector.load(&named.source()).map_err(failed)?;
        let run =
            || self.selector.decide(&loaded, self.limits, settings, self.target, self.catalog, Duration::MAX);
        let first = run().map_err(failed)?;
        let second = run().map_err(|failed| {
            // A machine that was too busy says nothing about the filter.
            let exit = if failed.error.is_of_the_machine() { Exit::Usage } else { Exit::No };
            Failure::new(exit, format!("{failed}; the first time it was asked the same, it decided"))
        })?;
        if first.retried || second.retried {
            tracing::warn!(
                "filter {}: its time was over at the first try, and it decided at the second",
                named.origin
            );
        }
        Ok(Answers { first, second })
    }
}

fn rows(catalog: &Catalog, selected: &Selected) -> Vec<Row> {
    let both = catalog.resources.iter().zip(&selected.selection.verdicts);
    both.map(|(resource, verdict)| Row { name: resource.id.to_string(), verdict: verdict.clone() }).collect()
}

impl Answers {
    /// Whether both runs gave the same answer. The fuel that it took is no part of it.
    fn are_equal(&self) -> bool {
        let answer =
            |selected: &Selected| (selected.selection.verdicts.clone(), selected.selection.warnings.clone());
        answer(&self.first) == answer(&self.second)
    }
}

impl Report<'_> {
    /// Whether anything is otherwise than it was expected.
    fn differs(&self) -> bool {
        let unexpected = self.expected.is_some_and(|expected| !expected.differences(self.rows).is_empty());
        let another = self.against.is_some_and(|other| !self.decided_otherwise(other).is_empty());
        !self.answers.are_equal() || unexpected || another
    }

    /// The resources about which another filter decided otherwise.
    fn decided_otherwise<'a>(&'a self, other: &'a Answers) -> Vec<Otherwise<'a>> {
        self.compare(&other.first, |theirs, ours| theirs.selected != ours.selected)
    }

    /// The resources of which this filter did not say the same the second time.
    fn changed_its_mind(&self) -> Vec<Otherwise<'_>> {
        self.compare(&self.answers.second, |second, first| second != first)
    }

    fn compare<'a>(
        &'a self,
        other: &'a Selected,
        differ: impl Fn(&Verdict, &Verdict) -> bool,
    ) -> Vec<Otherwise<'a>> {
        let both = self.rows.iter().zip(&other.selection.verdicts);
        both.filter(|(row, other)| differ(other, &row.verdict))
            .map(|(row, other)| Otherwise { name: &row.name, other, own: &row.verdict })
            .collect()
    }
}

/// One resource, and two verdicts about it.
struct Otherwise<'a> {
    name: &'a str,
    other: &'a Verdict,
    own: &'a Verdict,
}
