//! Which filter is in force, and how another one takes its place without a minute being missed.
//!
//! A filter that has decided stays in force until another one has shown that it can. When its file is another one than
//! before, that one goes on trial: off the cycle's path it is loaded, compiled, checked, and run on the catalog of the
//! last cycle, with the settings as they are now. If that succeeds it decides from the next cycle on. Otherwise, and
//! when there is no file or half of one, the old one stays, and every log says so until that is mended.
//!
//! Settings hold at once: what is refused with them decides nothing. Only those that came together with another filter
//! are on trial with it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::read::Found;
use crate::model::catalog::Catalog;
use crate::model::digest::Sha256;
use crate::model::journal::Level;
use crate::model::name::ResourceName;
use crate::model::selection::{FilterId, Verdict};
use crate::select::Loaded;
use crate::store::FileIdentity;

/// Verdicts that changed, of which a log tells one by one.
const CHANGES_TOLD: usize = 1_000;

/// A filter with its settings.
#[derive(Clone)]
pub(super) struct Rule {
    pub(super) loaded: Loaded,
    pub(super) settings: Arc<str>,
}

/// What a rule decided.
#[derive(Clone, Default)]
pub(super) struct Decided {
    pub(super) catalog: Arc<Catalog>,
    pub(super) verdicts: Arc<[Verdict]>,
}

/// What a log has to say of it.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) level: Level,
    pub(super) subject: Option<ResourceName>,
    pub(super) message: String,
}

/// Which rule decides in a cycle.
pub(super) enum Next {
    /// This one.
    Decide(Rule),
    /// This one, while the bytes that were found go on trial, with what was decided last.
    Try(Rule, Candidate, Decided),
    /// There is none that has decided; the bytes that were found are loaded at once.
    Load,
}

/// The rules of one target.
#[derive(Default)]
pub(in crate::cycle) struct Rules(Mutex<Held>);

#[derive(Default)]
struct Held {
    in_force: Option<InForce>,
    trial: Option<Trial>,
}

struct InForce {
    rule: Rule,
    file: Option<FileIdentity>,
    /// What it decided last; none if it could not.
    last: Option<Decided>,
}

/// What is on trial: a filter with certain settings, by their digests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Candidate {
    pub(super) filter: Sha256,
    pub(super) settings: Sha256,
}

struct Trial {
    candidate: Candidate,
    file: Option<FileIdentity>,
    /// None while it is under way.
    outcome: Option<Result<Passed, Refused>>,
}

/// Why a filter is not used.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    pub(super) why: String,
    /// Whether it may pass another time: the machine was too busy, say.
    pub(super) again: bool,
}

impl Refused {
    fn told(&self, old: &FilterId) -> String {
        format!("its file was replaced by one that is not used: {}; {old} still decides", self.why)
    }
}

/// A rule that has passed its trial.
pub(super) struct Passed {
    pub(super) rule: Rule,
    pub(super) decided: Decided,
}

impl Rules {
    /// The files that need not be read if these are the settings; `None` is the filter that is brought along.
    pub(super) fn known(&self, settings: &str) -> Vec<Option<FileIdentity>> {
        let held = self.held();
        let settings = Sha256::of(settings.as_bytes());
        let has_decided = held.in_force.as_ref().is_some_and(|rule| rule.last.is_some());
        let is_settled = |trial: &&Trial| {
            let again = matches!(&trial.outcome, Some(Err(refused)) if refused.again);
            has_decided && trial.candidate.settings == settings && !again
        };
        let trial = held.trial.as_ref().filter(is_settled);
        let in_force = held.in_force.as_ref().map(|rule| rule.file);
        in_force.into_iter().chain(trial.map(|trial| trial.file)).collect()
    }

    /// Whether there is one that has decided, and that goes on if no other can.
    pub(super) fn is_one_in_force(&self) -> bool {
        self.held().in_force.as_ref().is_some_and(|rule| rule.last.is_some())
    }

    /// What decides, now that this was found, or that nothing could be read. `origin` is the filter as the
    /// configuration names it, and `check` finds what is plainly wrong with another one.
    ///
    /// # Errors
    /// Nothing could be read, and nothing is in force.
    pub(super) fn next(
        &self,
        origin: &str,
        found: &Result<Found, String>,
        settings: &Arc<str>,
        check: impl FnOnce(&[u8]) -> Result<(), String>,
        lines: &mut Vec<Line>,
    ) -> Result<Next, String> {
        let mut held = self.held();
        let held = &mut *held;
        let Some(in_force) = &mut held.in_force else {
            return found.as_ref().map(|_| Next::Load).map_err(Clone::clone);
        };
        let mut say = |level, message: String| {
            let message = format!("filter {origin}: {message}");
            lines.push(Line { level, subject: None, message });
        };
        let old = in_force.rule.loaded.filter().clone();
        let (file, filter) = match found {
            Ok(Found::Known(file)) if in_force.file == *file => (*file, Some(old.digest)),
            Ok(Found::Known(file)) => (*file, held.trial.as_ref().map(|trial| trial.candidate.filter)),
            Ok(Found::Bytes(bytes, file)) => (*file, Some(Sha256::of(bytes))),
            Err(why) => {
                let Some(_) = in_force.last else { return Err(why.clone()) };
                say(Level::Error, format!("{why}; {old} still decides"));
                in_force.rule.settings = Arc::clone(settings);
                return Ok(Next::Decide(in_force.rule.clone()));
            }
        };
        if filter == Some(old.digest) {
            held.trial = None;
            in_force.file = file;
            in_force.rule.settings = Arc::clone(settings);
            return Ok(Next::Decide(in_force.rule.clone()));
        }
        let candidate = filter.map(|filter| Candidate { filter, settings: Sha256::of(settings.as_bytes()) });
        let (Some(candidate), Some(last)) = (candidate, &in_force.last) else { return Ok(Next::Load) };
        let under_way = match held.trial.take().filter(|trial| trial.candidate == candidate) {
            Some(Trial { outcome: Some(Ok(passed)), .. }) => {
                let new = passed.rule.loaded.filter();
                let changes = changes(last, &passed.decided.verdicts);
                say(Level::Warn, replaced(&old, new, changes.len(), last.verdicts.len()));
                tell(changes, lines);
                let rule = passed.rule.clone();
                held.in_force = Some(InForce { rule: passed.rule, file, last: Some(passed.decided) });
                return Ok(Next::Decide(rule));
            }
            Some(Trial { outcome: None, .. }) => true,
            Some(Trial { outcome: Some(Err(refused)), .. }) => {
                let again = refused.again && matches!(found, Ok(Found::Bytes(..)));
                say(Level::Error, refused.told(&old));
                held.trial = Some(Trial { candidate, file, outcome: (!again).then_some(Err(refused)) });
                in_force.rule.settings = Arc::clone(settings);
                let rule = in_force.rule.clone();
                return Ok(if again { Next::Try(rule, candidate, last.clone()) } else { Next::Decide(rule) });
            }
            None => false,
        };
        // What is plain to see is told at once.
        if let (false, Ok(Found::Bytes(bytes, _))) = (under_way, found)
            && let Err(why) = check(bytes)
        {
            let refused = Refused { why, again: false };
            say(Level::Error, refused.told(&old));
            held.trial = Some(Trial { candidate, file, outcome: Some(Err(refused)) });
            in_force.rule.settings = Arc::clone(settings);
            return Ok(Next::Decide(in_force.rule.clone()));
        }
        held.trial = Some(Trial { candidate, file, outcome: None });
        let new = candidate.filter;
        say(
            Level::Warn,
            format!(
                "its file was replaced; the new one (sha256:{new}) is being tried, and {old} still decides"
            ),
        );
        let rule = in_force.rule.clone();
        Ok(if under_way { Next::Decide(rule) } else { Next::Try(rule, candidate, last.clone()) })
    }

    /// Notes what came of a trial, unless something else is on trial by now.
    pub(super) fn tried(&self, candidate: Candidate, outcome: Result<Passed, Refused>) {
        let mut held = self.held();
        if let Some(trial) = held.trial.as_mut().filter(|trial| trial.candidate == candidate) {
            trial.outcome = Some(outcome);
        }
    }

    /// Notes what a rule decided, or that it could not. `file` is known of one that was loaded just now.
    pub(super) fn decided(&self, rule: &Rule, file: Option<FileIdentity>, decided: Option<Decided>) {
        let mut held = self.held();
        let before = held
            .in_force
            .take()
            .filter(|before| before.rule.loaded.filter().digest == rule.loaded.filter().digest);
        let file = file.or_else(|| before.and_then(|before| before.file));
        held.in_force = Some(InForce { rule: rule.clone(), file, last: decided });
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        // What is behind the lock is replaced whole.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A resource about which another filter decides differently, and how.
struct Change<'a> {
    resource: &'a ResourceName,
    verdict: &'a Verdict,
}

/// What another filter decides differently about the same catalog.
fn changes<'a>(last: &'a Decided, verdicts: &'a [Verdict]) -> Vec<Change<'a>> {
    let both = last.verdicts.iter().zip(verdicts).zip(&last.catalog.resources);
    both.filter(|((before, now), _)| before.selected != now.selected)
        .map(|((_, verdict), resource)| Change { resource: &resource.id, verdict })
        .collect()
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
mod tests {
    use super::*;
    use crate::model::catalog::Resource;
    use crate::model::name::{Group, Label};
    use crate::select::{Compiler, Selector, Source, stock};
    use crate::store::NamedFiles;

    /// Rules, and filters for them by a letter: the stock filter with other letters behind it.
    struct Rig {
        rules: Rules,
        selector: Selector,
        root: tempfile::TempDir,
    }

    impl Rig {
        /// With filter `a` in force, which selected the first of three resources.
        fn new() -> Self {
            let selector = Selector::new(Compiler::here(), None).unwrap();
            let rig = Self { rules: Rules::default(), selector, root: tempfile::tempdir().unwrap() };
            let (found, rule) = (rig.found("a"), rig.rule("a", "{}"));
            assert!(matches!(rig.next(&Ok(found), "{}"), ("load", _)));
            rig.rules.decided(&rule, Some(rig.file("a")), Some(decided([true, false, false])));
            rig
        }

        fn bytes(letter: &str) -> Vec<u8> {
            // A custom section with that name and nothing in it.
            [stock("default").unwrap(), &[0, 2, 1], letter.as_bytes()].concat()
        }

        fn rule(&self, letter: &str, settings: &str) -> Rule {
            let source = Source { origin: letter, bytes: &Self::bytes(letter), pin: None };
            Rule { loaded: self.selector.load(&source).unwrap(), settings: settings.into() }
        }

        fn file(&self, letter: &str) -> FileIdentity {
            let path = self.root.path().join(letter);
            if !path.exists() {
                std::fs::write(&path, letter).unwrap();
            }
            let files = NamedFiles::new([path.clone()], cap_std::ambient_authority());
            files.identity(&path).unwrap()
        }

        fn found(&self, letter: &str) -> Found {
            Found::Bytes(Self::bytes(letter), Some(self.file(letter)))
        }

        fn candidate(letter: &str, settings: &str) -> Candidate {
            Candidate { filter: Sha256::of(&Self::bytes(letter)), settings: Sha256::of(settings.as_bytes()) }
        }

        /// What is to be done, and the lines.
        fn next(&self, found: &Result<Found, String>, settings: &str) -> (&'static str, Vec<String>) {
            let mut lines = Vec::new();
            let check = |bytes: &[u8]| if bytes.is_empty() { Err("it is empty".to_owned()) } else { Ok(()) };
            let next = self.rules.next("./f.wasm", found, &settings.into(), check, &mut lines);
            let lines = lines.into_iter().map(|Line { level, subject, message }| {
                let subject = subject.map_or("-".to_owned(), |subject| subject.to_string());
                let digest = |letter| Sha256::of(&Self::bytes(letter)).to_string();
                let message = message.replace(&digest("a"), "A").replace(&digest("b"), "B");
                format!("{level} {subject} {message}").replace("default 0.1.0 ", "")
            });
            let lines = lines.collect();
            let filter = |rule: &Rule| rule.loaded.filter().digest;
            match next {
                Ok(Next::Decide(rule)) if filter(&rule) == Sha256::of(&Self::bytes("a")) => {
                    (if &*rule.settings == "{}" { "a" } else { "a with others" }, lines)
                }
                Ok(Next::Decide(_)) => ("b", lines),
                Ok(Next::Try(..)) => ("try", lines),
                Ok(Next::Load) => ("load", lines),
                Err(_) => ("nothing", lines),
            }
        }

        fn tried(&self, letter: &str, settings: &str, outcome: Result<[bool; 3], &str>) {
            let outcome = outcome
                .map(|verdicts| Passed { rule: self.rule(letter, settings), decided: decided(verdicts) })
                .map_err(|why| Refused { why: why.to_owned(), again: why == "busy" });
            self.rules.tried(Self::candidate(letter, settings), outcome);
        }
    }

    fn decided(selected: [bool; 3]) -> Decided {
        let resource = |name| Resource {
            id: crate::model::name::ResourceName::new(Label::parse(name).unwrap(), Group::default()).unwrap(),
            version: Label::parse("v1").unwrap(),
            kind: String::new(),
            singular_name: String::new(),
            namespaced: true,
            verbs: Vec::new(),
            short_names: Vec::new(),
            categories: Vec::new(),
        };
        let catalog = Catalog { resources: ["x", "y", "z"].map(resource).to_vec(), ..Catalog::default() };
        let verdicts = selected.map(|selected| Verdict { selected, reason: format!("it is {selected}") });
        Decided { catalog: Arc::new(catalog), verdicts: verdicts.to_vec().into() }
    }

    const TRYING: &str = "WARN - filter ./f.wasm: its file was replaced; the new one (sha256:B) is being tried, and (sha256:A) still decides";
    const REFUSED: &str = "ERROR - filter ./f.wasm: its file was replaced by one that is not used: no; (sha256:A) still decides";

    fn lines<const N: usize>(lines: [&str; N]) -> Vec<String> {
        lines.map(str::to_owned).to_vec()
    }

    #[test]
    fn another_filter_decides_once_it_has_passed_and_from_then_on() {
        let rig = Rig::new();
        assert_eq!(rig.next(&Ok(rig.found("a")), "{}"), ("a", vec![]));
        assert_eq!(rig.next(&Ok(Found::Known(Some(rig.file("a")))), "{}"), ("a", vec![]));
        assert_eq!(rig.next(&Ok(rig.found("b")), "{}"), ("try", lines([TRYING])));
        for _ in 0..2 {
            assert_eq!(rig.next(&Ok(Found::Known(Some(rig.file("b")))), "{}"), ("a", lines([TRYING])));
        }
        rig.tried("b", "{}", Ok([false, false, true]));
        let told = lines([
            "WARN - filter ./f.wasm: its file was replaced: from now on (sha256:B) decides, and no longer (sha256:A); of the last cycle's catalog it decides differently about 2 of 3 resources",
            "INFO x no longer selected since the filter was replaced: it is false",
            "INFO z selected since the filter was replaced: it is true",
        ]);
        assert_eq!(rig.next(&Ok(Found::Known(Some(rig.file("b")))), "{}"), ("b", told));
        assert_eq!(rig.next(&Ok(Found::Known(Some(rig.file("b")))), "{}"), ("b", vec![]));
        assert_eq!(rig.rules.known("{}"), [Some(rig.file("b"))]);
    }

    #[test]
    fn one_that_fails_is_told_of_until_its_file_is_mended() {
        let rig = Rig::new();
        assert_eq!(rig.next(&Ok(rig.found("b")), "{}").0, "try");
        rig.tried("b", "{}", Err("no"));
        for _ in 0..2 {
            assert_eq!(rig.rules.known("{}"), [Some(rig.file("a")), Some(rig.file("b"))]);
            assert_eq!(rig.next(&Ok(Found::Known(Some(rig.file("b")))), "{}"), ("a", lines([REFUSED])));
        }
        assert_eq!(rig.next(&Ok(rig.found("a")), "{}"), ("a", vec![]));
        // Nothing is remembered of it.
        assert_eq!(rig.next(&Ok(rig.found("b")), "{}").0, "try");
    }

    #[test]
    fn what_is_plainly_wrong_is_told_at_once() {
        let rig = Rig::new();
        let empty = Found::Bytes(Vec::new(), Some(rig.file("b")));
        let told = REFUSED.replace(": no;", ": it is empty;");
        assert_eq!(rig.next(&Ok(empty), "{}"), ("a", vec![told.clone()]));
        assert_eq!(rig.next(&Ok(Found::Known(Some(rig.file("b")))), "{}"), ("a", vec![told]));
    }

    #[test]
    fn one_that_may_pass_another_time_is_tried_again() {
        let rig = Rig::new();
        assert_eq!(rig.next(&Ok(rig.found("b")), "{}").0, "try");
        for _ in 0..2 {
            rig.tried("b", "{}", Err("busy"));
            assert_eq!(rig.rules.known("{}"), [Some(rig.file("a"))]);
            let told = lines([&REFUSED.replace(": no;", ": busy;")]);
            assert_eq!(rig.next(&Ok(rig.found("b")), "{}"), ("try", told));
        }
        rig.tried("b", "{}", Ok([true; 3]));
        assert_eq!(rig.next(&Ok(rig.found("b")), "{}").0, "b");
    }

    #[test]
    fn without_a_file_the_old_one_decides_if_there_is_one() {
        let rig = Rig::new();
        let gone = Err("its file is gone".to_owned());
        let told = lines(["ERROR - filter ./f.wasm: its file is gone; (sha256:A) still decides"]);
        assert_eq!(rig.next(&gone, "{}"), ("a", told));
        rig.rules.decided(&rig.rule("a", "{}"), None, None);
        assert_eq!(rig.next(&gone, "{}"), ("nothing", vec![]));
        let none = Rig { rules: Rules::default(), ..rig };
        assert_eq!(none.next(&gone, "{}"), ("nothing", vec![]));
    }

    #[test]
    fn settings_that_came_with_another_filter_are_on_trial_with_it() {
        let rig = Rig::new();
        assert_eq!(rig.next(&Ok(rig.found("a")), "{} "), ("a with others", vec![]));
        assert_eq!(rig.next(&Ok(rig.found("a")), "{}"), ("a", vec![]));
        assert_eq!(rig.next(&Ok(rig.found("b")), "{} ").0, "try");
        assert_eq!(rig.next(&Ok(Found::Known(Some(rig.file("b")))), "{} "), ("a", lines([TRYING])));
        rig.tried("b", "{} ", Err("no"));
        assert_eq!(
            rig.next(&Ok(Found::Known(Some(rig.file("b")))), "{} "),
            ("a with others", lines([REFUSED]))
        );
        // With other settings it may pass, so its file is read again.
        assert_eq!(rig.rules.known("{}"), [Some(rig.file("a"))]);
        assert_eq!(rig.next(&Ok(rig.found("b")), "{}").0, "try");
    }

    #[test]
    fn what_comes_of_a_trial_that_nobody_waits_for_any_more_is_dropped() {
        let rig = Rig::new();
        assert_eq!(rig.next(&Ok(rig.found("b")), "{}").0, "try");
        assert_eq!(rig.next(&Ok(rig.found("a")), "{}").0, "a");
        rig.tried("b", "{}", Ok([true; 3]));
        assert_eq!(rig.next(&Ok(rig.found("b")), "{}").0, "try");
        rig.tried("b", "{} ", Ok([true; 3]));
        assert_eq!(rig.next(&Ok(Found::Known(Some(rig.file("b")))), "{}"), ("a", lines([TRYING])));
    }

    #[test]
    fn a_filter_that_could_not_decide_is_replaced_at_once() {
        let rig = Rig::new();
        rig.rules.decided(&rig.rule("a", "{}"), None, None);
        assert!(!rig.rules.is_one_in_force());
        assert_eq!(rig.next(&Ok(Found::Known(Some(rig.file("a")))), "{}"), ("a", vec![]));
        assert_eq!(rig.next(&Ok(rig.found("b")), "{}"), ("load", vec![]));
    }

    #[test]
    fn of_very_many_changes_a_log_tells_the_first_ones_and_their_number() {
        let name =
            crate::model::name::ResourceName::new(Label::parse("x").unwrap(), Group::default()).unwrap();
        let verdict = Verdict { selected: true, reason: String::new() };
        let changes = (0..CHANGES_TOLD + 5).map(|_| Change { resource: &name, verdict: &verdict }).collect();
        let mut lines = Vec::new();
        tell(changes, &mut lines);
        assert_eq!(lines.len(), CHANGES_TOLD + 1);
        let last = &lines[CHANGES_TOLD].message;
        assert_eq!(last, "and 5 more verdicts that changed; the manifests have them all");
    }
}
