//! The default filter as it is embedded, on the exercise's resources.

use minutebook::model::catalog::Resource;
use minutebook::model::digest::Sha256;
use minutebook::model::name::{Group, Label, ResourceName};
use minutebook::select::{Compiler, Error, Limits, Selected, Selector, Source, stock, stock_names};

use super::{HOUR, Run, target, verdicts};

fn default(settings: &'static str) -> Run {
    Run { origin: "default", settings, ..Run::new(stock("default").unwrap().to_vec()) }
}

fn selected(settings: &'static str) -> Selected {
    default(settings).go().unwrap()
}

#[test]
fn it_is_there_beside_cel_and_says_who_it_is() {
    assert_eq!(stock_names().collect::<Vec<_>>(), ["default", "cel"]);
    assert_eq!(stock("nothing"), None);
    let filter = selected("{}").filter;
    assert_eq!(filter.name, "default");
    assert_eq!(filter.version.as_deref(), Some("0.1.0"));
    assert_eq!(filter.digest, Sha256::of(stock("default").unwrap()));
}

#[test]
fn of_the_exercises_resources_only_configmaps_qualifies() {
    let selected = selected("{}");
    assert_eq!(verdicts(&selected), [false, false, true]);
    let reasons: Vec<_> = selected.selection.verdicts.iter().map(|verdict| verdict.reason.as_str()).collect();
    assert_eq!(reasons, ["cannot be listed", "not namespaced", "namespaced and can be listed"]);
    assert_eq!(selected.selection.warnings, [""; 0]);
}

#[test]
fn settings_include_and_exclude_and_what_matches_nothing_is_a_warning() {
    assert_eq!(verdicts(&selected(r#"{"include": ["componentstatuses"]}"#)), [false, true, true]);
    assert_eq!(verdicts(&selected(r#"{"exclude": ["configmaps"], "include": ["configmaps"]}"#)), [false; 3]);
    let selected = selected(r#"{"exclude": ["secrets"]}"#);
    assert_eq!(verdicts(&selected), [false, false, true]);
    let warnings = &selected.selection.warnings;
    assert!(warnings.len() == 1 && warnings[0].contains("secrets"), "{warnings:?}");
}

#[test]
fn an_unknown_setting_is_refused_in_the_filters_words() {
    let failed = default(r#"{"inclde": []}"#).go().unwrap_err();
    assert!(matches!(&failed.error, Error::Settings(words) if words.contains("inclde")), "{failed}");
    assert!(failed.to_string().starts_with("filter default: "), "{failed}");
    assert_eq!(failed.filter.unwrap().name, "default");
}

#[test]
fn events_are_recorded_from_one_of_the_two_groups_that_serve_them() {
    let mut catalog = super::catalog();
    let configmaps = catalog.resources.pop().unwrap();
    for group in ["", "events.k8s.io"] {
        let id = ResourceName::new(Label::parse("events").unwrap(), Group::parse(group).unwrap()).unwrap();
        catalog.resources.push(Resource { id, ..configmaps.clone() });
    }
    let decide = |settings: &str| {
        let bytes = stock("default").unwrap();
        let source = Source { origin: "default", bytes, pin: None };
        let limits = Limits { timeout: HOUR, ..Limits::default() };
        let selected = Selector::new(Compiler::here(), None).unwrap().select(
            &source,
            limits,
            settings,
            &target(),
            &catalog,
            HOUR,
        );
        selected.unwrap().selection.verdicts.split_off(2)
    };
    let verdicts = decide("{}");
    assert!(verdicts[0].selected && !verdicts[1].selected);
    assert_eq!(verdicts[1].reason, "the same objects as core events");
    let forced = decide(r#"{"include": ["events.events.k8s.io"]}"#);
    assert!(forced.iter().all(|verdict| verdict.selected));
    assert!(decide(r#"{"exclude": ["events", "*.events.k8s.io"]}"#).iter().all(|verdict| !verdict.selected));
}
