//! The values of `filter.wit` from and to those of the model. Pure.
//!
//! Here a stranger's answer becomes ours: the number of verdicts must be right, and every text is
//! cut and made printable. Nothing is refused for its wording, and nothing is left out silently.

use crate::model::catalog::{Catalog, Resource};
use crate::model::limits::MESSAGE_BYTES;
use crate::model::selection::{Selection, Verdict};
use crate::model::target::{Scope, Target};
use crate::model::text::printable;

use super::bindings::wit;
use super::error::Error;

/// Warnings that are kept; each becomes a line of the cycle's log.
const WARNINGS: usize = 32;

pub(super) fn target(target: &Target) -> wit::Target {
    wit::Target {
        host: target.host.to_string(),
        cluster: target.cluster.to_string(),
        scope: match &target.scope {
            Scope::Namespace(name) => wit::Scope::Namespace(name.to_string()),
            Scope::AllNamespaces => wit::Scope::AllNamespaces,
            Scope::Cluster => wit::Scope::Cluster,
        },
    }
}

pub(super) fn resources(catalog: &Catalog) -> Vec<wit::ApiResource> {
    catalog.resources.iter().map(resource).collect()
}

fn resource(resource: &Resource) -> wit::ApiResource {
    wit::ApiResource {
        group: resource.id.group().as_str().to_owned(),
        version: resource.version.to_string(),
        kind: resource.kind.clone(),
        name: resource.id.name().to_string(),
        singular_name: resource.singular_name.clone(),
        namespaced: resource.namespaced,
        verbs: resource.verbs.clone(),
        short_names: resource.short_names.clone(),
        categories: resource.categories.clone(),
    }
}

/// Checks and cleans an answer about so many resources.
pub(super) fn selection(answer: wit::Selection, resources: usize, fuel: u64) -> Result<Selection, Error> {
    if answer.verdicts.len() != resources {
        return Err(Error::Verdicts { given: answer.verdicts.len(), resources });
    }
    let verdicts = answer
        .verdicts
        .into_iter()
        .map(|verdict| Verdict { selected: verdict.selected, reason: words(&verdict.reason) })
        .collect();
    let mut warnings: Vec<_> = answer.warnings.iter().take(WARNINGS).map(|warning| words(warning)).collect();
    let given = answer.warnings.len();
    if given > WARNINGS {
        warnings
            .push(format!("the filter gave {given} warnings; those after the first {WARNINGS} are left out"));
    }
    Ok(Selection { verdicts, warnings, fuel })
}

/// A guest's words, fit for a log line.
pub(super) fn words(text: &str) -> String {
    printable(text, MESSAGE_BYTES)
}

/// A guest's words for why it does not go on; none are told as none.
pub(super) fn reason(text: &str) -> String {
    let words = words(text);
    if words.is_empty() { "it does not say why".to_owned() } else { words }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(reasons: &[&str], warnings: usize) -> wit::Selection {
        wit::Selection {
            verdicts: reasons
                .iter()
                .map(|reason| wit::Verdict { selected: true, reason: (*reason).to_owned() })
                .collect(),
            warnings: (0..warnings).map(|number| format!("warning\n{number}")).collect(),
        }
    }

    #[test]
    fn there_is_one_verdict_for_each_resource_or_none_counts() {
        for (given, resources) in [(0, 1), (1, 0), (2, 3), (3, 2)] {
            let answer = answer(&vec!["because"; given], 0);
            assert_eq!(selection(answer, resources, 0), Err(Error::Verdicts { given, resources }));
        }
        assert_eq!(selection(answer(&[], 0), 0, 7).unwrap().fuel, 7);
    }

    #[test]
    fn reasons_are_cut_and_made_printable_but_never_refused() {
        let long = "ä".repeat(300);
        let selection = selection(answer(&["", "a\u{1b}[2J\nb", &long, &"x".repeat(512)], 0), 4, 0).unwrap();
        let reasons: Vec<_> = selection.verdicts.iter().map(|verdict| verdict.reason.as_str()).collect();
        let cut = format!("{}…", "ä".repeat(254));
        assert_eq!(reasons, ["", "a\u{fffd}[2J b", &cut, &"x".repeat(512)]);
    }

    #[test]
    fn warnings_beyond_32_become_one_that_counts_them() {
        let left_out =
            |given| format!("the filter gave {given} warnings; those after the first 32 are left out");
        for (given, last, kept) in
            [(32, "warning 31".to_owned(), 32), (33, left_out(33), 33), (5000, left_out(5000), 33)]
        {
            let warnings = selection(answer(&[], given), 0, 0).unwrap().warnings;
            assert_eq!((warnings.len(), warnings.last()), (kept, Some(&last)));
        }
    }
}
