//! From what a filter selects to what is asked for: pure.
//!
//! A filter says what it wants recorded; what can be listed, and what may stand in an archive, is not for it to
//! decide. Whatever is kept out here was selected, so it has an outcome and a line in the log.

use crate::cluster::{Endpoint, Layout};
use crate::model::catalog::{Catalog, Resource};
use crate::model::existence::Existence;
use crate::model::journal::Journal;
use crate::model::listing::Listing;
use crate::model::name::ResourceName;
use crate::model::outcome::{NotRecorded, Outcome, Why};
use crate::model::selection::Verdict;
use crate::model::target::{FolderName, Scope};

/// What is asked for, and what is not although it is selected.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    /// The lists to fetch.
    pub(super) listings: Vec<Listing>,
    /// The selected resources that are not asked for, why, and that in words.
    pub(super) kept_out: Vec<(ResourceName, Why, &'static str)>,
}

/// Plans what is asked for. In layout `kata` that is all that is selected, as the exercise has it.
pub(super) fn plan(
    endpoint: &Endpoint,
    include_secrets: bool,
    catalog: &Catalog,
    verdicts: &[Verdict],
) -> Plan {
    let mut plan = Plan::default();
    let selected = catalog.resources.iter().zip(verdicts).filter(|(_, verdict)| verdict.selected);
    for (resource, _) in selected {
        let kept_out = match endpoint.layout {
            Layout::Kata => None,
            Layout::Kubernetes => kept_out(&endpoint.target.scope, include_secrets, resource),
        };
        match kept_out {
            None => plan.listings.push(Listing::of(resource)),
            Some((why, text)) => plan.kept_out.push((resource.id.clone(), why, text)),
        }
    }
    plan
}

fn kept_out(scope: &Scope, include_secrets: bool, resource: &Resource) -> Option<(Why, &'static str)> {
    let not_listable = |text| Some((Why::NotListable, text));
    match scope {
        _ if !resource.verbs.iter().any(|verb| verb == "list") => {
            not_listable("it is selected, but cannot be listed: `list` is not among its verbs")
        }
        Scope::Namespace(_) | Scope::AllNamespaces if !resource.namespaced => not_listable(
            "it is selected, but is in no namespace; --cluster-scope records what belongs to the cluster",
        ),
        Scope::Cluster if resource.namespaced => not_listable(
            "it is selected, but belongs to namespaces; --namespace or --all-namespaces records what is in them",
        ),
        _ if is_core(&resource.id, "secrets") && !include_secrets => Some((
            Why::Withheld,
            "it is selected, but withheld, because it would stand in the archive in clear; --include-secrets-in-clear records it so",
        )),
        _ => None,
    }
}

/// Whether this is the core group's resource of that name.
pub(super) fn is_core(id: &ResourceName, name: &str) -> bool {
    id.group().as_str().is_empty() && id.name().as_str() == name
}

impl Plan {
    /// Notes what is kept out.
    pub(super) fn note(&self, journal: &Journal) {
        for (resource, why, text) in &self.kept_out {
            match why {
                Why::Withheld => journal.warn_of(resource, *text),
                _ => journal.error_of(resource, *text),
            }
            let error = NotRecorded { why: *why, pages: 0, status: None, error: (*text).to_owned() };
            journal.settle(Outcome { resource: resource.clone(), result: Err(error) });
        }
    }

    /// Settles what would be asked for of a namespace that does not exist: its lists would be empty, as if all were
    /// well.
    pub(super) fn give_up_absent(&mut self, namespace: &FolderName, journal: &Journal) {
        let error = format!("the namespace `{namespace}` does not exist");
        journal.error(format!("{error}, so nothing of it was asked for"));
        for Listing { id: resource, .. } in self.listings.drain(..) {
            let absent = NotRecorded { why: Why::Absent, pages: 0, status: None, error: error.clone() };
            journal.settle(Outcome { resource, result: Err(absent) });
        }
    }
}

/// Says what many lists of layout `kubernetes` have in common once all of them are settled.
pub(super) fn sum_up(journal: &Journal, asked: usize, existence: Option<&Existence>) {
    let outcomes = journal.outcomes();
    let recorded = || outcomes.iter().filter_map(|outcome| outcome.result.as_ref().ok());
    if let Some(Existence::Unknown(why)) = existence
        && recorded().next().is_some()
        && recorded().all(|list| list.objects == 0)
    {
        journal.warn(format!(
            "every list that was recorded is empty, and whether the namespace exists is not known: {why}"
        ));
    }
    let forbidden =
        |outcome: &&Outcome| matches!(&outcome.result, Err(NotRecorded { why: Why::Forbidden, .. }));
    if asked > 0 && outcomes.iter().filter(forbidden).count() == asked {
        journal.error(format!(
            "everything that was asked for is forbidden ({}); `minutebook rbac`, with the options of this target, prints the rights that are missing",
            if asked == 1 { "1 resource".to_owned() } else { format!("{asked} resources") }
        ));
    }
    let without: Vec<_> = outcomes
        .iter()
        .filter(|outcome| outcome.result.as_ref().is_ok_and(|list| list.identified == Some(false)))
        .map(|outcome| format!("`{}`", outcome.resource))
        .collect();
    if !without.is_empty() {
        journal.info(format!(
            "objects without a `uid`, which cannot be followed from one cycle to the next: {}; the default filter leaves out what its setting `exclude` names",
            without.join(", ")
        ));
    }
}

#[cfg(test)]
mod tests {
    use chrono::DateTime;

    use super::*;
    use crate::model::journal::Level;
    use crate::model::name::{Group, Label};
    use crate::model::target::Target;

    fn resource(name: &str, group: &str, namespaced: bool, verbs: &[&str]) -> Resource {
        Resource {
            id: ResourceName::new(Label::parse(name).unwrap(), Group::parse(group).unwrap()).unwrap(),
            version: Label::parse("v1").unwrap(),
            kind: "K".to_owned(),
            singular_name: String::new(),
            namespaced,
            verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
            short_names: Vec::new(),
            categories: Vec::new(),
        }
    }

    fn planned(layout: Layout, scope: Scope, include_secrets: bool) -> (Vec<String>, Vec<(String, Why)>) {
        let target = Target { host: "h".parse().unwrap(), cluster: "c".parse().unwrap(), scope };
        let endpoint = Endpoint { server: "https://h".parse().unwrap(), layout, target };
        let resources = vec![
            resource("configmaps", "", true, &["get", "list"]),
            resource("refused", "", true, &["list"]),
            resource("bindings", "", true, &["create"]),
            resource("nodes", "", false, &["list"]),
            resource("secrets", "", true, &["list"]),
            resource("secrets", "example.org", true, &["list"]),
        ];
        let verdict = |resource: &Resource| Verdict {
            selected: resource.id.name().as_str() != "refused",
            reason: String::new(),
        };
        let verdicts: Vec<_> = resources.iter().map(verdict).collect();
        let plan = plan(&endpoint, include_secrets, &Catalog { resources, ..Catalog::default() }, &verdicts);
        let names = plan.listings.iter().map(|listing| listing.id.to_string()).collect();
        (names, plan.kept_out.iter().map(|(id, why, _)| (id.to_string(), *why)).collect())
    }

    #[test]
    fn pitfalls_5_and_6_what_cannot_be_listed_or_must_not_be_stored_is_not_asked_for() {
        use Why::{NotListable, Withheld};
        let owned = |all: &[(&str, Why)]| -> Vec<_> {
            all.iter().map(|(name, why)| ((*name).to_owned(), *why)).collect()
        };
        let namespace = || Scope::Namespace("n".parse().unwrap());
        for scope in [namespace(), Scope::AllNamespaces] {
            let (asked, kept_out) = planned(Layout::Kubernetes, scope.clone(), false);
            assert_eq!(asked, ["configmaps", "secrets.example.org"]);
            assert_eq!(
                kept_out,
                owned(&[("bindings", NotListable), ("nodes", NotListable), ("secrets", Withheld)])
            );
            let (asked, kept_out) = planned(Layout::Kubernetes, scope, true);
            assert_eq!(asked, ["configmaps", "secrets", "secrets.example.org"]);
            assert_eq!(kept_out, owned(&[("bindings", NotListable), ("nodes", NotListable)]));
        }
        let (asked, kept_out) = planned(Layout::Kubernetes, Scope::Cluster, true);
        assert_eq!(asked, ["nodes"]);
        assert_eq!(kept_out.len(), 4);
        let (asked, kept_out) = planned(Layout::Kata, namespace(), false);
        assert_eq!((asked.len(), kept_out.len()), (5, 0), "the exercise asks for all that is selected");
    }

    #[test]
    fn each_is_told_once_and_has_an_outcome() {
        let journal = Journal::new(|| DateTime::UNIX_EPOCH);
        let id = |name| ResourceName::new(Label::parse(name).unwrap(), Group::default()).unwrap();
        let kept_out =
            vec![(id("secrets"), Why::Withheld, "withheld"), (id("nodes"), Why::NotListable, "not listable")];
        Plan { listings: Vec::new(), kept_out }.note(&journal);
        assert_eq!((journal.count(Level::Warn), journal.count(Level::Error)), (1, 1));
        let whys: Vec<_> =
            journal.outcomes().into_iter().map(|outcome| outcome.result.unwrap_err().why).collect();
        assert_eq!(whys, [Why::Withheld, Why::NotListable]);
        sum_up(&journal, 0, None);
        assert_eq!(journal.events().len(), 2, "what was not asked for is not forbidden");
    }

    #[test]
    fn pitfall_7_all_forbidden_is_one_more_line_with_the_remedy() {
        let journal = Journal::new(|| DateTime::UNIX_EPOCH);
        let settle = |name, why| {
            let resource = ResourceName::new(Label::parse(name).unwrap(), Group::default()).unwrap();
            let error = NotRecorded { why, pages: 0, status: Some(403), error: "no".to_owned() };
            journal.settle(Outcome { resource, result: Err(error) });
        };
        settle("secrets", Why::Withheld);
        settle("pods", Why::Forbidden);
        sum_up(&journal, 1, None);
        let lines = journal.events();
        assert!(
            lines[0]
                .message
                .starts_with("everything that was asked for is forbidden (1 resource); `minutebook rbac`")
        );
        settle("configmaps", Why::Failed);
        sum_up(&journal, 2, None);
        assert_eq!(journal.events().len(), 1, "not everything is forbidden");
    }
}
