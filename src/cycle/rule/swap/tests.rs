use super::*;
use crate::model::catalog::Resource;
use crate::model::digest::Sha256;
use crate::model::name::{Group, Label};
use crate::select::{Compiler, Selector, Source, stock};
use crate::store::NamedFiles;

/// Rules, and filters for them by a letter: the stock filter with another letter behind it.
struct Rig {
    rules: Rules,
    selector: Selector,
    root: tempfile::TempDir,
}

/// What is to be done: who decides, whether a trial begins, and the lines.
type Told = (&'static str, Option<Trial>, Vec<String>);

impl Rig {
    fn empty() -> Self {
        let selector = Selector::new(Compiler::here(), None).unwrap();
        Self { rules: Rules::default(), selector, root: tempfile::tempdir().unwrap() }
    }

    /// With filter `a` in force, which selected the first of three resources.
    fn new() -> Self {
        let rig = Self::empty();
        let ("wait", Some(trial), _) = rig.next(Some("a"), "{}") else {
            panic!("the first one is waited for")
        };
        assert!(trial.last.is_none());
        rig.pass(trial, "a", None);
        assert_eq!(rig.next(Some("a"), "{}").0, "a");
        rig.decided("a", "{}", [true, false, false]);
        rig
    }

    fn bytes(letter: &str) -> Vec<u8> {
        // A custom section with that name and nothing in it.
        [stock("default").unwrap(), &[0, 2, 1], letter.as_bytes()].concat()
    }

    fn rule(&self, letter: &str, settings: &str) -> Rule {
        let bytes = Self::bytes(&letter[..1]);
        let source = Source { origin: letter, bytes: &bytes, pin: None };
        Rule { loaded: self.selector.load(&source).unwrap(), settings: settings.into() }
    }

    fn file(&self, name: &str) -> FileIdentity {
        let path = self.root.path().join(name);
        if !path.exists() {
            std::fs::write(&path, name).unwrap();
        }
        let files = NamedFiles::new([path.clone()], cap_std::ambient_authority());
        files.identity(&path).unwrap()
    }

    /// With this file in place, or none.
    fn next(&self, file: Option<&str>, settings: &str) -> Told {
        let mut lines = Vec::new();
        let found = file.ok_or_else(|| "its file is gone".to_owned()).map(|file| Candidate {
            file: Some(self.file(file)),
            settings: settings.into(),
            limits: Limits::default(),
        });
        let next = self.rules.next("./f.wasm", &found, &mut lines);
        let lines = lines.into_iter().map(|Line { level, subject, message }| {
            let subject = subject.map_or("-".to_owned(), |subject| subject.to_string());
            let digest = |letter| format!("(sha256:{})", Sha256::of(&Self::bytes(letter)));
            let message = message.replace(&digest("a"), "A").replace(&digest("b"), "B");
            format!("{level} {subject} {message}").replace("default 0.1.0 ", "")
        });
        let lines = lines.collect();
        let name = |rule: &Rule| {
            let is_a = rule.loaded.filter().digest == Sha256::of(&Self::bytes("a"));
            match (is_a, &*rule.settings) {
                (true, "{}") => "a",
                (true, _) => "a by others",
                (false, _) => "b",
            }
        };
        match next {
            Ok(Next::Decide(rule)) => (name(&rule), None, lines),
            Ok(Next::DecideAndTry(rule, trial)) => (name(&rule), Some(trial), lines),
            Ok(Next::Wait(_, trial)) => ("wait", trial, lines),
            Err(refused) => ("nothing", None, vec![refused.why]),
        }
    }

    fn pass(&self, trial: Trial, letter: &str, now: Option<[bool; 3]>) {
        let rule = self.rule(letter, &trial.candidate.settings);
        let compared = trial.last.zip(now).map(|(before, now)| Compared { before, now: verdicts(now) });
        trial.outcome.send_replace(Some(Ok(Passed { rule, compared })));
    }

    fn decided(&self, letter: &str, settings: &str, selected: [bool; 3]) {
        let decided = Decided { catalog: catalog(), verdicts: verdicts(selected) };
        self.rules.decided(&self.rule(letter, settings), decided);
    }

    /// Puts another file in place, whose trial begins.
    fn replaced(&self, file: &str, settings: &str) -> Trial {
        self.next(Some(file), settings).1.expect("a trial begins")
    }
}

fn refuse(trial: Trial, why: &str) {
    let Trial { outcome, .. } = trial;
    let refused = Refused { why: why.to_owned(), again: why == "busy", filter: None };
    outcome.send_replace(Some(Err(refused)));
}

fn catalog() -> Arc<Catalog> {
    let resource = |name| Resource {
        id: ResourceName::new(Label::parse(name).unwrap(), Group::default()).unwrap(),
        version: Label::parse("v1").unwrap(),
        kind: String::new(),
        singular_name: String::new(),
        namespaced: true,
        verbs: Vec::new(),
        short_names: Vec::new(),
        categories: Vec::new(),
    };
    Arc::new(Catalog { resources: ["x", "y", "z"].map(resource).to_vec(), ..Catalog::default() })
}

fn verdicts(selected: [bool; 3]) -> Arc<[Verdict]> {
    selected.map(|selected| Verdict { selected, reason: format!("it is {selected}") }).to_vec().into()
}

const TRYING: &str =
    "WARN - filter ./f.wasm: its file was replaced; the new one is being tried, and A still decides";
const REFUSED: &str =
    "ERROR - filter ./f.wasm: its file was replaced by one that is not used: no; A still decides";

/// Who decides, and the lines.
fn brief(told: Told) -> (&'static str, Vec<String>) {
    let (who, trial, lines) = told;
    assert!(trial.is_none(), "no trial begins");
    (who, lines)
}

fn line(line: &str) -> Vec<String> {
    vec![line.to_owned()]
}

#[test]
fn another_filter_decides_once_it_has_passed_and_from_then_on() {
    let rig = Rig::new();
    assert_eq!(brief(rig.next(Some("a"), "{}")), ("a", vec![]));
    let ("a", Some(trial), lines) = rig.next(Some("b"), "{}") else { panic!("it goes on trial") };
    assert_eq!(lines, line(TRYING));
    assert_eq!(brief(rig.next(Some("b"), "{}")), ("a", line(TRYING)));
    // Whatever the old one decides meanwhile, of another catalog maybe, is not what the new one is compared with.
    rig.decided("a", "{}", [true, true, true]);
    rig.pass(trial, "b", Some([false, false, true]));
    let told = [
        "WARN - filter ./f.wasm: its file was replaced: from now on B decides, and no longer A; of the last cycle's catalog it decides differently about 2 of 3 resources",
        "INFO x no longer selected since the filter was replaced: it is false",
        "INFO z selected since the filter was replaced: it is true",
    ];
    assert_eq!(brief(rig.next(Some("b"), "{}")), ("b", told.map(str::to_owned).to_vec()));
    assert_eq!(brief(rig.next(Some("b"), "{}")), ("b", vec![]));
}

#[test]
fn one_that_fails_is_told_of_until_its_file_is_mended() {
    let rig = Rig::new();
    refuse(rig.replaced("b", "{}"), "no");
    for _ in 0..2 {
        assert_eq!(brief(rig.next(Some("b"), "{}")), ("a", line(REFUSED)));
    }
    // The same bytes in another file are tried anew.
    assert!(rig.next(Some("b again"), "{}").1.is_some());
    assert_eq!(brief(rig.next(Some("a"), "{}")), ("a", vec![]));
    // Nothing is remembered of it.
    assert!(rig.next(Some("b"), "{}").1.is_some());
}

#[test]
fn one_that_may_pass_another_time_is_tried_again() {
    let rig = Rig::new();
    let mut trial = rig.replaced("b", "{}");
    for _ in 0..2 {
        refuse(trial, "busy");
        let ("a", Some(again), lines) = rig.next(Some("b"), "{}") else { panic!("it is tried again") };
        assert_eq!(lines, line(&REFUSED.replace(": no;", ": busy;")));
        trial = again;
    }
    rig.pass(trial, "b", Some([true; 3]));
    assert_eq!(rig.next(Some("b"), "{}").0, "b");
}

#[test]
fn one_whose_trial_ends_without_a_word_is_tried_again() {
    let rig = Rig::new();
    drop(rig.replaced("b", "{}"));
    let ("a", Some(_), lines) = rig.next(Some("b"), "{}") else { panic!("it is tried again") };
    assert!(lines[0].contains(": a bug in minutebook ended its trial, "), "{lines:?}");
    let rig = Rig::empty();
    drop(rig.next(Some("a"), "{}").1);
    assert!(matches!(rig.next(Some("a"), "{}"), ("wait", Some(_), _)));
}

#[test]
fn a_file_that_was_only_touched_decides_as_before() {
    let rig = Rig::new();
    rig.pass(rig.replaced("a touched", "{}"), "a", Some([true, false, false]));
    assert_eq!(brief(rig.next(Some("a touched"), "{}")), ("a", vec![]));
    assert_eq!(brief(rig.next(Some("a touched"), "{} ")), ("a by others", vec![]));
}

#[test]
fn without_a_file_the_old_one_decides_as_long_as_it_takes() {
    let rig = Rig::new();
    let told = line("ERROR - filter ./f.wasm: its file is gone; A still decides");
    for _ in 0..2 {
        // That it could not decide in some cycle does not matter: nobody notes it.
        assert_eq!(brief(rig.next(None, "{}")), ("a", told.clone()));
    }
    assert_eq!(brief(Rig::empty().next(None, "{}")), ("nothing", line("its file is gone")));
}

#[test]
fn settings_hold_at_once_unless_the_file_is_another_one() {
    let rig = Rig::new();
    assert_eq!(brief(rig.next(Some("a"), "{} ")), ("a by others", vec![]));
    assert_eq!(brief(rig.next(Some("a"), "{}")), ("a", vec![]));
    let had = |line: &str| format!("{line}, by the settings that it had");
    let ("a", Some(trial), lines) = rig.next(Some("b"), "{} ") else { panic!("it goes on trial") };
    assert_eq!(lines, line(&had(TRYING)));
    refuse(trial, "no");
    assert_eq!(brief(rig.next(Some("b"), "{} ")), ("a", line(&had(REFUSED))));
    // With others it may pass.
    assert!(rig.next(Some("b"), "{}").1.is_some());
}

#[test]
fn settings_that_the_filter_refused_are_not_those_that_it_had() {
    let rig = Rig::new();
    assert_eq!(rig.next(Some("a"), "bad").0, "a by others");
    assert_eq!(rig.next(None, "bad").0, "a");
    rig.decided("a", "{} ", [true; 3]);
    assert_eq!(rig.next(None, "bad").0, "a by others");
}

#[test]
fn what_comes_of_a_trial_that_nobody_waits_for_any_more_is_dropped() {
    let rig = Rig::new();
    rig.pass(rig.replaced("b", "{}"), "b", Some([true; 3]));
    assert_eq!(brief(rig.next(Some("a"), "{}")), ("a", vec![]));
    let second = rig.replaced("b", "{}");
    assert_eq!(brief(rig.next(Some("b"), "{}")), ("a", line(TRYING)));
    drop(second);
}

#[test]
fn one_is_on_trial_at_a_time() {
    let rig = Rig::new();
    let first = rig.replaced("b", "{}");
    let busy = line(
        "WARN - filter ./f.wasm: its file was replaced again, while the one before is still being tried; A still decides",
    );
    assert_eq!(brief(rig.next(Some("b again"), "{}")), ("a", busy.clone()));
    assert_eq!(brief(rig.next(Some("a"), "{}")), ("a", vec![]));
    assert_eq!(brief(rig.next(Some("b again"), "{}")), ("a", busy));
    // What it was about may come back before it ends.
    assert_eq!(brief(rig.next(Some("b"), "{}")), ("a", line(TRYING)));
    refuse(first, "no");
    assert!(matches!(rig.next(Some("b again"), "{}"), ("a", Some(_), _)));

    let rig = Rig::empty();
    let first = rig.next(Some("b"), "{}").1.expect("it begins");
    let busy = line("its file or its settings were replaced while the one before is still being tried");
    assert_eq!(brief(rig.next(Some("a"), "{}")), ("nothing", busy));
    refuse(first, "no");
    assert!(matches!(rig.next(Some("a"), "{}"), ("wait", Some(_), _)));
}

#[test]
fn the_first_one_is_waited_for_and_begun_once() {
    let rig = Rig::empty();
    let ("wait", Some(trial), _) = rig.next(Some("b"), "{}") else { panic!("it begins") };
    assert!(matches!(rig.next(Some("b"), "{}"), ("wait", None, _)));
    rig.pass(trial, "b", None);
    // Until it has decided it is not in force, and another one is waited for.
    assert_eq!(brief(rig.next(Some("b"), "{}")), ("b", vec![]));
    assert!(!rig.rules.is_one_in_force());
    let ("wait", Some(other), _) = rig.next(Some("a"), "{}") else { panic!("another one begins") };
    // A cycle that was given up ends late.
    rig.decided("b", "{}", [true; 3]);
    assert!(!rig.rules.is_one_in_force());
    refuse(other, "no");
    assert_eq!(brief(rig.next(Some("a"), "{}")), ("nothing", line("no")));
}

#[test]
fn a_late_decision_of_another_one_changes_nothing() {
    let rig = Rig::new();
    rig.decided("b", "{}", [true; 3]);
    assert_eq!(brief(rig.next(Some("a"), "{}")), ("a", vec![]));
}

#[test]
fn of_very_many_changes_a_log_tells_the_first_ones_and_their_number() {
    let name = ResourceName::new(Label::parse("x").unwrap(), Group::default()).unwrap();
    let verdict = Verdict { selected: true, reason: String::new() };
    let changes = (0..CHANGES_TOLD + 5).map(|_| Change { resource: &name, verdict: &verdict }).collect();
    let mut lines = Vec::new();
    tell(changes, &mut lines);
    assert_eq!(lines.len(), CHANGES_TOLD + 1);
    let last = &lines[CHANGES_TOLD].message;
    assert_eq!(last, "and 5 more verdicts that changed; the manifests have them all");
}
