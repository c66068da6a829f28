//! The rule of one cycle: the filter and its settings as they are now, and what it decides.

mod read;
mod swap;

use std::panic::AssertUnwindSafe;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::runtime::Handle;
use tokio::sync::watch;
use tokio::time::timeout;

use super::Context;
use super::panics::blocking;
use crate::model::catalog::Catalog;
use crate::model::digest::Sha256;
use crate::model::journal::Journal;
use crate::model::selection::FilterId;
use crate::select::{Failed, Selected};
use crate::store::FileIdentity;

use swap::{Candidate, Compared, Decided, Line, Next, Outcome, Passed, Refused, Rule, Trial};

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
    next: Result<Waiting, Undecided>,
    lines: Vec<Line>,
}

/// Why no filter decides, and which one it would have been, by which settings.
struct Undecided {
    why: String,
    filter: Option<FilterId>,
    settings: Option<Sha256>,
}

enum Waiting {
    /// Not at all.
    Rule(Rule),
    /// For the first rule, with these settings, to be ready.
    First(Sha256, watch::Receiver<Outcome>),
}

/// Looks at the rule's files. What is new goes on trial, which is not waited for while something is in force.
pub(super) async fn look(context: &Arc<Context>) -> Looked {
    let mut lines = Vec::new();
    let for_settings = Arc::clone(context);
    let settings: Arc<str> = match blocking(move || read::settings(&for_settings)).await {
        Ok(settings) => settings.into(),
        Err(why) => {
            let undecided = Undecided { why, filter: None, settings: None };
            return Looked { next: Err(undecided), lines };
        }
    };
    let digest = Sha256::of(settings.as_bytes());
    let (origin, limits) = (context.filter.origin(), context.filter.limits);
    let found = identity(context).await.map(|file| Candidate { file, settings, limits });
    let next = match context.carried.rules.next(&origin, &found, &mut lines) {
        Ok(Next::Decide(rule)) => Ok(Waiting::Rule(rule)),
        Ok(Next::DecideAndTry(rule, trial)) => {
            put_on_trial(context, trial);
            Ok(Waiting::Rule(rule))
        }
        Ok(Next::Wait(outcome, begin)) => {
            if let Some(trial) = begin {
                put_on_trial(context, trial);
            }
            Ok(Waiting::First(digest, outcome))
        }
        Err(refused) => Err(Undecided::by(context, refused, digest)),
    };
    Looked { next, lines }
}

/// Which file the filter is. While one is in force, a file system that does not answer is not waited for long.
async fn identity(context: &Arc<Context>) -> Result<Option<FileIdentity>, String> {
    let for_filter = Arc::clone(context);
    let looking = blocking(move || read::identity(&for_filter));
    if !context.carried.rules.is_one_in_force() {
        return looking.await;
    }
    let patience = context.times.connect.min(context.interval / 4);
    timeout(patience, looking).await.unwrap_or_else(|_| {
        let patience = humantime::format_duration(patience);
        Err(format!("its file could not be looked at within {patience}; the file system does not answer"))
    })
}

/// Has a filter show what it can, beside the cycles.
fn put_on_trial(context: &Arc<Context>, trial: Trial) {
    let context = Arc::clone(context);
    Handle::current().spawn_blocking(move || {
        let Trial { candidate, last, outcome } = trial;
        let attempt = AssertUnwindSafe(|| attempt(&context, candidate, last));
        let came = std::panic::catch_unwind(attempt).unwrap_or_else(|_| Err(Refused::without_a_word()));
        outcome.send_replace(Some(came));
    });
}

fn attempt(context: &Context, candidate: Candidate, last: Option<Decided>) -> Result<Passed, Refused> {
    let Candidate { file, settings, limits } = candidate;
    let (origin, pin) = (context.filter.origin(), context.filter.pin);
    let unreadable = |why| Refused { why, again: true, filter: None };
    let failed = |failed: Box<Failed>| {
        let Failed { error, filter, .. } = *failed;
        Refused { why: error.to_string(), again: error.is_of_the_machine(), filter }
    };
    let load = || {
        let bytes = read::bytes(context, file).map_err(unreadable)?;
        context.selector.load_owned(&origin, bytes, pin).map_err(failed)
    };
    let loaded = match file {
        Some(file) => context.selector.alone_with(file, load)?,
        None => load()?,
    };
    let compared = match last {
        None => None,
        Some(before) => {
            // Its own limit is what holds; no cycle waits for it.
            let (target, time) = (&context.endpoint.target, Duration::MAX);
            let decided = context.selector.decide(&loaded, limits, &settings, target, &before.catalog, time);
            let now = decided.map_err(failed)?.selection.verdicts.into();
            Some(Compared { before, now })
        }
    };
    Ok(Passed { rule: Rule { loaded, settings }, compared })
}

/// The rule that decides, once it is ready.
async fn ready(context: &Context, next: Result<Waiting, Undecided>) -> Result<Rule, Undecided> {
    let (settings, mut outcome) = match next? {
        Waiting::Rule(rule) => return Ok(rule),
        Waiting::First(settings, outcome) => (settings, outcome),
    };
    let came = outcome.wait_for(Option::is_some).await.ok().and_then(|came| came.clone());
    match came.unwrap_or_else(|| Err(Refused::without_a_word())) {
        Ok(passed) => Ok(passed.rule),
        Err(refused) => Err(Undecided::by(context, refused, settings)),
    }
}

impl Undecided {
    fn by(context: &Context, refused: Refused, settings: Sha256) -> Self {
        let Refused { why, filter, .. } = refused;
        let why = format!("filter {}: {why}", context.filter.origin());
        Self { why, filter, settings: Some(settings) }
    }
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
    let began = std::time::Instant::now();
    let Looked { next, lines } = looked;
    for Line { level, subject, message } in lines {
        journal.say(level, subject.as_ref(), conceal(&message));
    }
    let mut chosen = Chosen::default();
    let rule = match ready(context, next).await {
        Ok(rule) => rule,
        Err(Undecided { why, filter, settings }) => {
            journal.error(conceal(&why));
            return Chosen { filter, settings, selected: None };
        }
    };
    chosen.settings = Some(Sha256::of(rule.settings.as_bytes()));
    let (for_filter, catalog) = (Arc::clone(context), Arc::clone(catalog));
    let left = time_left.saturating_sub(began.elapsed());
    match blocking(move || decide(&for_filter, &rule, &catalog, left)).await {
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
            if let Some(warning) = selected.warning_of_nothing() {
                journal.warn(warning);
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

/// Has a rule decide, and notes that it did. Blocks.
fn decide(
    context: &Context,
    rule: &Rule,
    catalog: &Arc<Catalog>,
    time_left: Duration,
) -> Result<Selected, Box<Failed>> {
    let (limits, target) = (context.filter.limits, &context.endpoint.target);
    let selected =
        context.selector.decide(&rule.loaded, limits, &rule.settings, target, catalog, time_left)?;
    let (catalog, verdicts) = (Arc::clone(catalog), selected.selection.verdicts.clone().into());
    context.carried.rules.decided(rule, Decided { catalog, verdicts });
    Ok(selected)
}
