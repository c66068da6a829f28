//! Which filter is in force, and how another one takes its place without a minute being missed.
//!
//! A filter that has decided stays in force until another one has shown that it can. When its file is another one than
//! before, that one goes on trial: off the cycle's path it is read, compiled, checked, and run on the catalog of the
//! last cycle, with the settings as they are now. If that succeeds it decides from the next cycle on. Otherwise, and
//! when there is no file or half of one, the old one stays, and every log says so until that is mended.
//!
//! The first filter goes on trial, too, and is waited for: there is nothing else that could decide.
//!
//! A target has one filter on trial at most, however often its file is replaced meanwhile: each takes memory and a
//! thread until its trial ends.
//!
//! Settings hold at once as long as the file is the same: what is refused with them decides nothing. As long as it is
//! another one, the old filter decides by the settings that it had: those that are there now may be for the other.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::model::catalog::Catalog;
use crate::model::journal::Level;
use crate::model::name::ResourceName;
use crate::model::selection::{FilterId, Verdict};
use crate::select::{Limits, Loaded};
use crate::store::FileIdentity;

/// Verdicts that changed, of which a log tells one by one.
const CHANGES_TOLD: usize = 1_000;
/// Why what is there now is not tried.
const BUSY: &str = "while the one before is still being tried";

/// A filter with its settings.
#[derive(Clone)]
pub(super) struct Rule {
    pub(super) loaded: Loaded,
    pub(super) settings: Arc<str>,
}

impl Rule {
    fn is(&self, other: &Self) -> bool {
        self.loaded.filter().digest == other.loaded.filter().digest && self.settings == other.settings
    }
}

/// What a rule decided.
#[derive(Clone)]
pub(super) struct Decided {
    pub(super) catalog: Arc<Catalog>,
    pub(super) verdicts: Arc<[Verdict]>,
}

/// What a log has to say of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) level: Level,
    pub(super) subject: Option<ResourceName>,
    pub(super) message: String,
}

/// What is on trial, as far as it is known before it is read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) file: Option<FileIdentity>,
    pub(super) settings: Arc<str>,
    pub(super) limits: Limits,
}

/// A rule that has passed its trial.
#[derive(Clone)]
pub(super) struct Passed {
    pub(super) rule: Rule,
    /// What it decided where another one had decided before.
    pub(super) compared: Option<Compared>,
}

/// What two rules decided about one catalog.
#[derive(Clone)]
pub(super) struct Compared {
    pub(super) before: Decided,
    pub(super) now: Arc<[Verdict]>,
}

/// Why a filter is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) why: String,
    /// Whether it may pass another time: the machine was too busy, say.
    pub(super) again: bool,
    /// Which one, as far as it is known.
    pub(super) filter: Option<FilterId>,
}

/// What came of a trial; none while it is under way.
pub(super) type Outcome = Option<Result<Passed, Refused>>;

/// Which rule decides in a cycle.
pub(super) enum Next {
    /// This one.
    Decide(Rule),
    /// This one, while a trial begins beside it.
    DecideAndTry(Rule, Trial),
    /// The one that a trial is about, which is waited for; with what has to begin it if nobody has.
    Wait(watch::Receiver<Outcome>, Option<Trial>),
}

/// A trial that is to begin.
pub(super) struct Trial {
    pub(super) candidate: Candidate,
    /// What was decided last.
    pub(super) last: Option<Decided>,
    /// Where its outcome goes. Dropped without one, it says that it failed.
    pub(super) outcome: watch::Sender<Outcome>,
}

/// The rules of one target.
#[derive(Default)]
pub(in crate::cycle) struct Rules(Mutex<Held>);

#[derive(Default)]
struct Held {
    in_force: Option<InForce>,
    trial: Option<OnTrial>,
}

/// One that has decided.
struct InForce {
    loaded: Loaded,
    file: Option<FileIdentity>,
    /// The settings by which it decided last.
    settings: Arc<str>,
    last: Decided,
}

struct OnTrial {
    candidate: Candidate,
    outcome: watch::Receiver<Outcome>,
}

impl OnTrial {
    fn begin(candidate: &Candidate, last: Option<Decided>) -> (Self, Trial) {
        let (sender, outcome) = watch::channel(None);
        let trial = Trial { candidate: candidate.clone(), last, outcome: sender };
        (Self { candidate: candidate.clone(), outcome }, trial)
    }

    fn is_under_way(&self) -> bool {
        self.outcome().is_none()
    }

    fn outcome(&self) -> Outcome {
        let outcome = self.outcome.borrow().clone();
        // Whoever was to tell is gone without a word.
        let is_over = outcome.is_none() && self.outcome.has_changed().is_err();
        if is_over { Some(Err(Refused::without_a_word())) } else { outcome }
    }
}

impl Refused {
    /// A trial that ended without an outcome.
    pub(super) fn without_a_word() -> Self {
        let why = "a bug in minutebook ended its trial, please report it".to_owned();
        Self { why, again: true, filter: None }
    }
}

impl Rules {
    /// Whether there is one that goes on if no other can.
    pub(super) fn is_one_in_force(&self) -> bool {
        self.held().in_force.is_some()
    }

    /// What decides, now that this is what there is, or that nothing can be read. `origin` is the filter as the
    /// configuration names it.
    ///
    /// # Errors
    /// Nothing is in force, and what there is will not be.
    pub(super) fn next(
        &self,
        origin: &str,
        found: &Result<Candidate, String>,
        lines: &mut Vec<Line>,
    ) -> Result<Next, Refused> {
        let mut held = self.held();
        let Held { in_force, trial } = &mut *held;
        let Some(in_force) = in_force else { return first(trial, found) };
        let mut say = |level, message: String| {
            lines.push(Line { level, subject: None, message: format!("filter {origin}: {message}") });
        };
        let loaded = in_force.loaded.clone();
        let old = loaded.filter().clone();
        let candidate = match found {
            Ok(candidate) if candidate.file == in_force.file => {
                trial.take_if(|trial| !trial.is_under_way());
                let settings = Arc::clone(&candidate.settings);
                return Ok(Next::Decide(Rule { loaded, settings }));
            }
            Ok(candidate) => Some(candidate),
            Err(_) => None,
        };
        let rule = Rule { loaded, settings: Arc::clone(&in_force.settings) };
        let had = candidate.is_some_and(|candidate| candidate.settings != in_force.settings);
        let still = format!("{old} still decides{}", if had { ", by the settings that it had" } else { "" });
        let candidate = match found {
            Ok(candidate) => candidate,
            Err(why) => {
                say(Level::Error, format!("{why}; {still}"));
                return Ok(Next::Decide(rule));
            }
        };
        let last = Some(in_force.last.clone());
        let known = trial.as_ref().filter(|trial| trial.candidate == *candidate);
        match known.map(OnTrial::outcome) {
            Some(Some(Ok(passed))) => {
                let new = passed.rule.loaded.filter().clone();
                if let Some(Compared { before, now }) = passed.compared
                    && new.digest != old.digest
                {
                    let changes = changes(&before, &now);
                    say(Level::Warn, replaced(&old, &new, changes.len(), now.len()));
                    tell(changes, lines);
                    in_force.last = Decided { catalog: before.catalog, verdicts: now };
                }
                let Rule { loaded, settings } = passed.rule.clone();
                (in_force.loaded, in_force.settings, in_force.file) = (loaded, settings, candidate.file);
                *trial = None;
                Ok(Next::Decide(passed.rule))
            }
            Some(Some(Err(refused))) => {
                let why = refused.why;
                say(Level::Error, format!("its file was replaced by one that is not used: {why}; {still}"));
                if !refused.again {
                    return Ok(Next::Decide(rule));
                }
                let (known, begin) = OnTrial::begin(candidate, last);
                *trial = Some(known);
                Ok(Next::DecideAndTry(rule, begin))
            }
            Some(None) => {
                say(Level::Warn, tried(&still));
                Ok(Next::Decide(rule))
            }
            None if trial.as_ref().is_some_and(OnTrial::is_under_way) => {
                say(Level::Warn, format!("its file was replaced again, {BUSY}; {still}"));
                Ok(Next::Decide(rule))
            }
            None => {
                say(Level::Warn, tried(&still));
                let (known, begin) = OnTrial::begin(candidate, last);
                *trial = Some(known);
                Ok(Next::DecideAndTry(rule, begin))
            }
        }
    }

    /// Notes what a rule decided: from now on it is in force, unless another one is on trial by now or has passed.
    pub(super) fn decided(&self, rule: &Rule, decided: Decided) {
        let mut held = self.held();
        let Rule { loaded, settings } = rule.clone();
        if let Some(in_force) = &mut held.in_force {
            // A cycle that was given up may end late.
            if in_force.loaded.filter().digest == loaded.filter().digest {
                (in_force.settings, in_force.last) = (settings, decided);
            }
            return;
        }
        let passed = |trial: &OnTrial| matches!(trial.outcome(), Some(Ok(passed)) if passed.rule.is(rule));
        if let Some(trial) = held.trial.take_if(|trial| passed(trial)) {
            held.in_force = Some(InForce { loaded, file: trial.candidate.file, settings, last: decided });
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // What is behind the lock is replaced whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What decides where nothing is in force.
fn first(trial: &mut Option<OnTrial>, found: &Result<Candidate, String>) -> Result<Next, Refused> {
    let unreadable = |why: &String| Refused { why: why.clone(), again: true, filter: None };
    let candidate = found.as_ref().map_err(unreadable)?;
    let known = trial.as_ref().filter(|trial| trial.candidate == *candidate);
    match known.map(|known| (known.outcome(), known.outcome.clone())) {
        Some((Some(Ok(passed)), _)) => Ok(Next::Decide(passed.rule)),
        Some((Some(Err(refused)), _)) if !refused.again => Err(refused),
        Some((None, outcome)) => Ok(Next::Wait(outcome, None)),
        None if trial.as_ref().is_some_and(OnTrial::is_under_way) => {
            let why = format!("its file or its settings were replaced {BUSY}");
            Err(Refused { why, again: true, filter: None })
        }
        Some((Some(Err(_)), _)) | None => {
            let (known, begin) = OnTrial::begin(candidate, None);
            let outcome = known.outcome.clone();
            *trial = Some(known);
            Ok(Next::Wait(outcome, Some(begin)))
        }
    }
}

/// A resource about which another filter decides differently, and how.
struct Change<'a> {
    resource: &'a ResourceName,
    verdict: &'a Verdict,
}

/// What another filter decides differently about the same catalog.
fn changes<'a>(before: &'a Decided, now: &'a [Verdict]) -> Vec<Change<'a>> {
    let both = before.verdicts.iter().zip(now).zip(&before.catalog.resources);
    both.filter(|((before, now), _)| before.selected != now.selected)
        .map(|((_, verdict), resource)| Change { resource: &resource.id, verdict })
        .collect()
}

fn tried(still: &str) -> String {
    format!("its file was replaced; the new one is being tried, and {still}")
}

fn replaced(old: &FilterId, new: &FilterId, changes: usize, resources: usize) -> String {
    let about = match changes {
        0 => "as before about every resource".to_owned(),
        changes => format!("differently about {changes} of {resources} resources"),
    };
    format!(
        "its file was replaced: from now on {new} decides, and no longer {old}; of the last cycle's catalog it decides {about}"
    )
}

fn tell(changes: Vec<Change<'_>>, lines: &mut Vec<Line>) {
    let left_out = changes.len().saturating_sub(CHANGES_TOLD);
    lines.extend(changes.into_iter().take(CHANGES_TOLD).map(|Change { resource, verdict }| {
        let now = if verdict.selected { "selected" } else { "no longer selected" };
        let message = format!("{now} since the filter was replaced: {}", verdict.reason);
        Line { level: Level::Info, subject: Some(resource.clone()), message }
    }));
    if left_out > 0 {
        let message = format!("and {left_out} more verdicts that changed; the manifests have them all");
        lines.push(Line { level: Level::Info, subject: None, message });
    }
}

#[cfg(test)]
mod tests;
