//! The rule of one cycle: the filter and its settings as they are now, and what it decides.

mod read;
mod swap;

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::time::timeout;

use super::Context;
use super::panics::{blocking, panic_text};
use crate::model::catalog::Catalog;
use crate::model::digest::Sha256;
use crate::model::journal::Journal;
use crate::model::selection::FilterId;
use crate::select::{Failed, Selected, Selector, Source};
use crate::store::FileIdentity;

use read::Found;
use swap::{Candidate, Decided, Line, Next, Passed, Refused, Rule};

pub(super) use swap::Rules;

/// Held while the files of a rule are read.
#[derive(Default)]
pub(super) struct RuleFiles {
    pub(super) filter: Arc<Mutex<()>>,
    pub(super) settings: Arc<Mutex<()>>,
}

/// What there is to know of a decision, or of a filter that did not decide.
#[derive(Debug, Default)]
pub(super) struct Chosen {
    /// Which filter it was, as far as it is known.
    pub(super) filter: Option<FilterId>,
    /// The digest of the settings that it was given.
    pub(super) settings: Option<Sha256>,
    /// What it decided, if it did.
    pub(super) selected: Option<Selected>,
}

/// What decides in this cycle, and what the log has to say of it.
pub(super) struct Looked {
    settings: Option<Sha256>,
    decides: Result<Decides, String>,
    lines: Vec<Line>,
}

enum Decides {
    /// A rule that is loaded.
    Rule(Rule),
    /// The first one, which is not.
    Bytes { bytes: Vec<u8>, file: Option<FileIdentity>, settings: Arc<str> },
}

/// Looks at the rule's files. What was replaced goes on trial, which is not waited for.
pub(super) async fn look(context: &Arc<Context>) -> Looked {
    let mut lines = Vec::new();
    let for_settings = Arc::clone(context);
    let settings: Arc<str> = match blocking(move || read::settings(&for_settings)).await {
        Ok(settings) => settings.into(),
        Err(why) => return Looked { settings: None, decides: Err(why), lines },
    };
    let origin = context.filter.origin();
    let found = filter(context, &settings).await;
    let check = |bytes: &[u8]| match Selector::check(&source(context, &origin, bytes)) {
        Ok(_) => Ok(()),
        Err(failed) => Err(failed.error.to_string()),
    };
    let next = context.carried.rules.next(&origin, &found, &settings, check, &mut lines);
    let decides = match (next, found) {
        (Ok(Next::Decide(rule)), _) => Ok(Decides::Rule(rule)),
        (Ok(Next::Try(rule, candidate, last)), Ok(Found::Bytes(bytes, _))) => {
            put_on_trial(context, candidate, bytes, settings, last);
            Ok(Decides::Rule(rule))
        }
        (Ok(Next::Load), Ok(Found::Bytes(bytes, file))) => Ok(Decides::Bytes { bytes, file, settings }),
        (Err(why), _) => Err(format!("filter {origin}: {why}")),
        // Known are only files whose components are loaded or on trial.
        (Ok(Next::Load | Next::Try(..)), _) => Err(format!("filter {origin}: there is nothing to load")),
    };
    let settings = match &decides {
        Ok(Decides::Rule(Rule { settings, .. }) | Decides::Bytes { settings, .. }) => {
            Some(Sha256::of(settings.as_bytes()))
        }
        Err(_) => None,
    };
    Looked { settings, decides, lines }
}

/// Reads the filter, if it is another one than before. While one is in force, a file system that does not answer is
/// not waited for long.
async fn filter(context: &Arc<Context>, settings: &str) -> Result<Found, String> {
    let known = context.carried.rules.known(settings);
    let has_one = context.carried.rules.is_one_in_force();
    let for_filter = Arc::clone(context);
    let reading = blocking(move || read::filter(&for_filter, &known));
    if !has_one {
        return reading.await;
    }
    let patience = context.times.connect;
    timeout(patience, reading).await.unwrap_or_else(|_| {
        let patience = humantime::format_duration(patience);
        Err(format!("its file could not be read within {patience}; the file system does not answer"))
    })
}

/// Has a filter show what it can, beside the cycles.
fn put_on_trial(
    context: &Arc<Context>,
    candidate: Candidate,
    bytes: Vec<u8>,
    settings: Arc<str>,
    last: Decided,
) {
    let context = Arc::clone(context);
    Handle::current().spawn_blocking(move || {
        let attempt = AssertUnwindSafe(|| attempt(&context, &bytes, settings, last));
        let outcome = std::panic::catch_unwind(attempt).unwrap_or_else(|panic| {
            let why = format!("a bug in minutebook, please report it: {}", panic_text(&*panic));
            Err(Refused { why, again: false })
        });
        context.carried.rules.tried(candidate, outcome);
    });
}

fn attempt(context: &Context, bytes: &[u8], settings: Arc<str>, last: Decided) -> Result<Passed, Refused> {
    let origin = context.filter.origin();
    let failed = |failed: Box<Failed>| Refused {
        why: failed.error.to_string(),
        again: failed.error.is_of_the_machine(),
    };
    let loaded = context.selector.load(&source(context, &origin, bytes)).map_err(failed)?;
    let rule = Rule { loaded, settings };
    // Its own limit is what holds; no cycle waits for it.
    let selected = decide(context, &rule, &last.catalog, Duration::MAX).map_err(failed)?;
    let decided = Decided { catalog: last.catalog, verdicts: selected.selection.verdicts.into() };
    Ok(Passed { rule, decided })
}

/// Has the rule decide. What it says goes through `conceal`: a server's texts reach it.
pub(super) async fn choose(
    context: &Arc<Context>,
    looked: Looked,
    catalog: &Arc<Catalog>,
    time_left: Duration,
    journal: &Journal,
    conceal: impl Fn(&str) -> String,
) -> Chosen {
    let Looked { settings, decides, lines } = looked;
    for Line { level, subject, message } in lines {
        journal.say(level, subject.as_ref(), conceal(&message));
    }
    let mut chosen = Chosen { settings, ..Chosen::default() };
    let decides = match decides {
        Ok(decides) => decides,
        Err(why) => {
            journal.error(why);
            return chosen;
        }
    };
    let (for_filter, catalog) = (Arc::clone(context), Arc::clone(catalog));
    match blocking(move || select(&for_filter, decides, &catalog, time_left)).await {
        Ok(mut selected) => {
            for verdict in &mut selected.selection.verdicts {
                verdict.reason = conceal(&verdict.reason);
            }
            for warning in &mut selected.selection.warnings {
                *warning = conceal(warning);
            }
            if selected.retried {
                journal.warn("filter: its time was over at the first try, and it decided at the second");
            }
            for warning in &selected.selection.warnings {
                journal.warn(format!("filter: {warning}"));
            }
            chosen.filter = Some(selected.filter.clone());
            chosen.selected = Some(selected);
        }
        Err(failed) => {
            journal.error(conceal(&failed.to_string()));
            chosen.filter = failed.filter;
        }
    }
    chosen
}

/// Has a rule decide, after it is loaded, and notes that it did. Blocks.
fn select(
    context: &Context,
    decides: Decides,
    catalog: &Arc<Catalog>,
    time_left: Duration,
) -> Result<Selected, Box<Failed>> {
    let began = std::time::Instant::now();
    let (rule, file) = match decides {
        Decides::Rule(rule) => (rule, None),
        Decides::Bytes { bytes, file, settings } => {
            let origin = context.filter.origin();
            let loaded = context.selector.load(&source(context, &origin, &bytes))?;
            (Rule { loaded, settings }, file)
        }
    };
    let answer = decide(context, &rule, catalog, time_left.saturating_sub(began.elapsed()));
    let last = answer.as_ref().ok().map(|selected| Decided {
        catalog: Arc::clone(catalog),
        verdicts: selected.selection.verdicts.clone().into(),
    });
    context.carried.rules.decided(&rule, file, last);
    answer
}

fn source<'a>(context: &Context, origin: &'a str, bytes: &'a [u8]) -> Source<'a> {
    Source { origin, bytes, pin: context.filter.pin }
}

fn decide(
    context: &Context,
    rule: &Rule,
    catalog: &Catalog,
    time_left: Duration,
) -> Result<Selected, Box<Failed>> {
    let (limits, target) = (context.filter.limits, &context.endpoint.target);
    context.selector.decide(&rule.loaded, limits, &rule.settings, target, catalog, time_left)
}
