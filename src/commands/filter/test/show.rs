//! What a test found out, for people and for programs. Pure.

use std::fmt::Write as _;

use minutebook::model::count::Count;
use minutebook::model::selection::Verdict;
use minutebook::model::text::printable;
use serde_json::{Value, json};

use super::expect::{Difference, NAME_BYTES};
use super::{Answers, Otherwise, Report};
use crate::commands::catalog::{self, HEAD, as_columns, target_as_json};
use crate::commands::table::table;

/// The version of what `-o json` prints; raised when a field changes its meaning or goes.
const JSON_FORMAT: &str = "minutebook.filter-test/1";

/// A table of all verdicts, then what is otherwise than it should be, then the sum.
pub(super) fn as_text(report: &Report<'_>) -> String {
    let mut parts = vec![verdicts(report)];
    if !report.answers.are_equal() {
        parts.push(two_answers(report));
    }
    parts.extend(report.expected.map(|expected| {
        let differences = expected.differences(report.rows);
        differences.iter().map(unexpected).collect()
    }));
    parts.extend(report.against.map(|other| against(report, other)));
    parts.push(sum(report));
    parts.retain(|part| !part.is_empty());
    parts.join("\n")
}

fn verdicts(report: &Report<'_>) -> String {
    let expected = report.expected.map(super::Expected::of_each);
    let decided: &[&str] =
        if expected.is_some() { &["SELECTED", "EXPECTED", "REASON"] } else { &["SELECTED", "REASON"] };
    let rows = report.catalog.resources.iter().zip(report.rows).map(|(resource, row)| {
        let mut cells = as_columns(resource).to_vec();
        cells.push(row.verdict.selected.to_string());
        if let Some(expected) = &expected {
            cells.push(expected.get(&*row.name).map_or_else(|| "-".to_owned(), ToString::to_string));
        }
        cells.push(row.verdict.reason.clone());
        cells
    });
    table(&[&HEAD[..], decided].concat(), rows)
}

fn two_answers(report: &Report<'_>) -> String {
    let mut text = "--- the first answer\n+++ the second answer, to the same question\n".to_owned();
    for Otherwise { name, other, own } in report.changed_its_mind() {
        text += &pair(name, own, other);
    }
    let Answers { first, second } = report.answers;
    if first.selection.warnings != second.selection.warnings {
        for (mark, selected) in [('-', first), ('+', second)] {
            for warning in &selected.selection.warnings {
                // A string takes everything.
                let _ = writeln!(text, "{mark} warning: {warning}");
            }
        }
    }
    text
}

fn unexpected(difference: &Difference<'_>) -> String {
    let Difference { name, expected, reason } = difference;
    // Of a resource that is not there it is whatever somebody wrote.
    let name = printable(name, NAME_BYTES);
    let wanted = if *expected { "it is to be selected" } else { "it is to be refused" };
    match reason {
        Some(reason) => format!("{name}: {wanted}, and is {}: {reason}\n", selected(!expected)),
        None => format!("{name}: {wanted}, and there is no such resource in the catalog\n"),
    }
}

fn against(report: &Report<'_>, other: &Answers) -> String {
    let otherwise = report.decided_otherwise(other);
    if otherwise.is_empty() {
        return String::new();
    }
    let mut text = format!("--- {}\n+++ {}\n", other.first.filter, report.answers.first.filter);
    for Otherwise { name, other, own } in otherwise {
        text += &pair(name, other, own);
    }
    text
}

fn pair(name: &str, before: &Verdict, after: &Verdict) -> String {
    let said = |verdict: &Verdict| format!("{name}: {}: {}", selected(verdict.selected), verdict.reason);
    format!("- {}\n+ {}\n", said(before), said(after))
}

fn selected(selected: bool) -> &'static str {
    if selected { "selected" } else { "refused" }
}

fn sum(report: &Report<'_>) -> String {
    let Answers { first, second } = report.answers;
    let selected = report.rows.iter().filter(|row| row.verdict.selected).count();
    let fuel = match (first.selection.fuel, second.selection.fuel) {
        (first, second) if first == second => format!("{first} each time"),
        (first, second) => format!("{first}, then {second}"),
    };
    let resources = Count(report.rows.len(), "resource");
    let mut text = format!("{resources}, {selected} selected; fuel {fuel}\n");
    // A string takes everything.
    if let Some(expected) = report.expected {
        let (named, otherwise) = (expected.of_each().len(), expected.differences(report.rows).len());
        let _ = writeln!(
            text,
            "{} as expected, {otherwise} otherwise, {} not judged",
            named - otherwise,
            not_judged(report)
        );
    }
    if let Some(other) = report.against {
        let count = report.decided_otherwise(other).len();
        let _ = writeln!(text, "{count} decided otherwise than by {}", other.first.filter.name);
    }
    text
}

fn not_judged(report: &Report<'_>) -> usize {
    let expected = report.expected.map(super::Expected::of_each).unwrap_or_default();
    report.rows.iter().filter(|row| !expected.contains_key(&*row.name)).count()
}

pub(super) fn as_json(report: &Report<'_>) -> Value {
    let expected = report.expected.map(super::Expected::of_each).unwrap_or_default();
    let resources = report.catalog.resources.iter().zip(report.rows).map(|(resource, row)| {
        let mut resource = catalog::as_json(resource, &row.verdict);
        resource["expected"] = expected.get(&*row.name).copied().into();
        resource
    });
    let unexpected = |difference: &Difference<'_>| {
        let decided = difference.reason.map(|_| !difference.expected);
        json!({ "resource": difference.name, "expected": difference.expected, "selected": decided, "reason": difference.reason })
    };
    let differences = report.expected.map(|expected| expected.differences(report.rows));
    json!({
        "format": JSON_FORMAT,
        "target": target_as_json(report.target),
        "filter": answered(report.answers),
        "same": report.answers.are_equal(),
        "changed": report.changed_its_mind().iter().map(otherwise).collect::<Vec<_>>(),
        "resources": resources.collect::<Vec<_>>(),
        "unexpected": differences.map(|all| all.iter().map(unexpected).collect::<Vec<_>>()),
        "notJudged": report.expected.map(|_| not_judged(report)),
        "against": report.against.map(|other| json!({
            "filter": answered(other),
            "otherwise": report.decided_otherwise(other).iter().map(otherwise).collect::<Vec<_>>(),
        })),
    })
}

/// A filter, and what it said besides its verdicts.
fn answered(answers: &Answers) -> Value {
    let Answers { first, second } = answers;
    json!({
        "name": first.filter.name,
        "version": first.filter.version,
        "digest": format!("sha256:{}", first.filter.digest),
        "fuel": [first.selection.fuel, second.selection.fuel],
        "warnings": first.selection.warnings,
    })
}

/// What another said of a resource.
fn otherwise(Otherwise { name, other, .. }: &Otherwise<'_>) -> Value {
    json!({ "resource": name, "selected": other.selected, "reason": other.reason })
}

#[cfg(test)]
mod tests {
    use minutebook::model::catalog::{Catalog, Resource};
    use minutebook::model::digest::Sha256;
    use minutebook::model::name::{Group, Label, ResourceName};
    use minutebook::model::selection::{FilterId, Selection};
    use minutebook::model::target::{Scope, Target};
    use minutebook::select::Selected;

    use super::super::rows;
    use super::*;

    fn selected(reasons: [(bool, &str); 2], warnings: &[&str], fuel: u64) -> Selected {
        let filter = FilterId { name: "f".to_owned(), version: None, digest: Sha256::of(b"") };
        let verdict = |(selected, reason): (bool, &str)| Verdict { selected, reason: reason.to_owned() };
        let warnings = warnings.iter().map(ToString::to_string).collect();
        let selection = Selection { verdicts: reasons.map(verdict).to_vec(), warnings, fuel };
        Selected { filter, selection, retried: false }
    }

    fn catalog() -> Catalog {
        let resource = |name: &str| Resource {
            id: ResourceName::new(Label::parse(name).unwrap(), Group::default()).unwrap(),
            version: Label::parse("v1").unwrap(),
            kind: "K".to_owned(),
            singular_name: String::new(),
            namespaced: true,
            verbs: Vec::new(),
            short_names: Vec::new(),
            categories: Vec::new(),
        };
        Catalog { resources: vec![resource("pods"), resource("nodes")], ..Catalog::default() }
    }

    /// No guest without imports does that, so it is made up.
    #[test]
    fn two_answers_to_one_question_are_shown_and_are_no_test_that_passed() {
        let answers = Answers {
            first: selected([(true, "odd"), (true, "same")], &["w"], 1),
            second: selected([(false, "even"), (true, "same")], &["v"], 2),
        };
        let target =
            Target { host: "h".parse().unwrap(), cluster: "c".parse().unwrap(), scope: Scope::AllNamespaces };
        let catalog = catalog();
        let rows = rows(&catalog, &answers.first);
        let report = Report {
            target: &target,
            catalog: &catalog,
            answers: &answers,
            rows: &rows,
            expected: None,
            against: None,
        };
        assert!(report.differs());
        let text = as_text(&report);
        let (_, differences) = text.split_once("\n\n").unwrap();
        assert_eq!(
            differences,
            "--- the first answer\n+++ the second answer, to the same question\n\
             - pods: selected: odd\n+ pods: refused: even\n- warning: w\n+ warning: v\n\n\
             2 resources, 2 selected; fuel 1, then 2\n"
        );
        let json = as_json(&report);
        assert_eq!((&json["same"], json["changed"][0]["reason"].as_str()), (&false.into(), Some("even")));

        let again = selected([(true, "odd"), (true, "same")], &["w"], 3);
        let answers = Answers { first: again.clone(), second: Selected { retried: true, ..again } };
        assert!(!Report { answers: &answers, ..report }.differs(), "fuel is no answer");
    }
}
