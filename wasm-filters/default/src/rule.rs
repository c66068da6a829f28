//! Decides what is recorded, and says why. Pure: no WebAssembly, no JSON, no state.
//!
//! The rule goes by scope. In a namespace, or in all of them, it takes what is namespaced and can
//! be listed; in the cluster's own scope it takes what is not namespaced and can be listed.
//! `include` adds to that, and `exclude` wins over both.
//!
//! Others rely on this: each resource gets exactly one verdict, which depends on the scope, the
//! settings and that resource alone; and a reason says the whole truth in a few words, because it
//! is read years later by somebody who has nothing else.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use crate::settings::Settings;

/// The two sides of a cluster, between which the rule distinguishes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Scope {
    /// One namespace or all of them.
    Namespaces,
    /// What belongs to no namespace.
    Cluster,
}

/// What the rule looks at in a resource.
#[derive(Debug)]
pub(crate) struct Resource<'a> {
    /// The API group; empty for the core group.
    pub(crate) group: &'a str,
    /// The plural name.
    pub(crate) name: &'a str,
    pub(crate) namespaced: bool,
    /// Whether `list` is among its verbs.
    pub(crate) listable: bool,
}

impl Resource<'_> {
    /// Whether this is its name as minutebook prints it and the settings spell it: the group
    /// follows, `deployments.apps`, except that the core group has none.
    fn is_called(&self, name: &str) -> bool {
        let rest = name.strip_prefix(self.name);
        if self.group.is_empty() {
            rest == Some("")
        } else {
            rest.and_then(|rest| rest.strip_prefix('.')) == Some(self.group)
        }
    }

    fn is_in(&self, names: &[String]) -> bool {
        names.iter().any(|name| self.is_called(name))
    }
}

/// The decision on one resource, and the reason for it.
#[derive(Debug, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) selected: bool,
    pub(crate) reason: &'static str,
}

/// Decides on one resource.
pub(crate) fn decide(scope: Scope, settings: &Settings, resource: &Resource<'_>) -> Verdict {
    if resource.is_in(&settings.exclude) {
        return refused("excluded by the settings");
    }
    let verdict = by_rule(scope, resource);
    if verdict.selected || !resource.is_in(&settings.include) {
        return verdict;
    }
    // The settings are obeyed, but fetching such a resource may well fail, and then the reason
    // should already have said why.
    selected(match (scope, resource.listable) {
        (_, false) => "included by the settings, though it cannot be listed",
        (Scope::Namespaces, true) => "included by the settings, though not namespaced",
        (Scope::Cluster, true) => "included by the settings, though namespaced",
    })
}

/// Warns of every name in the settings that is the name of no resource in the catalog: a rule that
/// somebody wrote and that does nothing.
pub(crate) fn warnings(settings: &Settings, catalog: &[Resource<'_>]) -> Vec<String> {
    let mut warnings = Vec::new();
    for (setting, names) in [("include", &settings.include), ("exclude", &settings.exclude)] {
        for name in names {
            if catalog.iter().any(|resource| resource.is_called(name)) {
                continue;
            }
            let mut warning =
                format!("the setting \"{setting}\" names \"{name}\", but no such resource was discovered");
            if let Some(Resource { group, .. }) = catalog.iter().find(|it| it.name == name) {
                warning.push_str(&format!("; \"{name}.{group}\" was"));
            }
            warnings.push(warning);
        }
    }
    warnings
}

fn by_rule(scope: Scope, resource: &Resource<'_>) -> Verdict {
    match (scope, resource.namespaced, resource.listable) {
        (Scope::Namespaces, true, true) => selected("namespaced and can be listed"),
        (Scope::Namespaces, false, true) => refused("not namespaced"),
        (Scope::Namespaces, false, false) => refused("not namespaced and cannot be listed"),
        (Scope::Cluster, false, true) => selected("not namespaced and can be listed"),
        (Scope::Cluster, true, true) => refused("namespaced"),
        (Scope::Cluster, true, false) => refused("namespaced and cannot be listed"),
        (Scope::Namespaces, true, false) | (Scope::Cluster, false, false) => refused("cannot be listed"),
    }
}

fn selected(reason: &'static str) -> Verdict {
    Verdict { selected: true, reason }
}

fn refused(reason: &'static str) -> Verdict {
    Verdict { selected: false, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn core(name: &str, namespaced: bool, listable: bool) -> Resource<'_> {
        Resource { group: "", name, namespaced, listable }
    }

    const DEPLOYMENTS: Resource<'_> =
        Resource { group: "apps", name: "deployments", namespaced: true, listable: true };

    fn settings(include: &[&str], exclude: &[&str]) -> Settings {
        let names = |names: &[&str]| names.iter().map(|&name| String::from(name)).collect();
        Settings { include: names(include), exclude: names(exclude) }
    }

    #[test]
    fn the_rule_by_scope() {
        use Scope::{Cluster, Namespaces};
        for (scope, namespaced, listable, verdict, reason) in [
            (Namespaces, true, true, true, "namespaced and can be listed"),
            (Namespaces, true, false, false, "cannot be listed"),
            (Namespaces, false, true, false, "not namespaced"),
            (Namespaces, false, false, false, "not namespaced and cannot be listed"),
            (Cluster, false, true, true, "not namespaced and can be listed"),
            (Cluster, false, false, false, "cannot be listed"),
            (Cluster, true, true, false, "namespaced"),
            (Cluster, true, false, false, "namespaced and cannot be listed"),
        ] {
            assert_eq!(
                decide(scope, &Settings::default(), &core("things", namespaced, listable)),
                Verdict { selected: verdict, reason },
                "{scope:?}, namespaced: {namespaced}, listable: {listable}",
            );
        }
    }

    #[test]
    fn of_the_sample_cluster_only_configmaps_qualifies() {
        let catalog = [
            core("bindings", true, false),
            core("componentstatuses", false, true),
            core("configmaps", true, true),
        ];
        let names: Vec<_> = catalog
            .iter()
            .filter(|resource| decide(Scope::Namespaces, &Settings::default(), resource).selected)
            .map(|resource| resource.name)
            .collect();
        assert_eq!(names, ["configmaps"]);
    }

    #[test]
    fn include_adds_to_the_rule_and_says_what_the_rule_had_against_it() {
        let settings = settings(&["nodes", "bindings", "configmaps", "tokenreviews"], &[]);
        for (scope, resource, reason) in [
            (
                Scope::Namespaces,
                core("nodes", false, true),
                "included by the settings, though not namespaced",
            ),
            (
                Scope::Namespaces,
                core("bindings", true, false),
                "included by the settings, though it cannot be listed",
            ),
            (
                Scope::Namespaces,
                core("tokenreviews", false, false),
                "included by the settings, though it cannot be listed",
            ),
            (Scope::Cluster, core("configmaps", true, true), "included by the settings, though namespaced"),
            (Scope::Namespaces, core("configmaps", true, true), "namespaced and can be listed"),
            (Scope::Cluster, core("nodes", false, true), "not namespaced and can be listed"),
        ] {
            assert_eq!(decide(scope, &settings, &resource), selected(reason));
        }
    }

    #[test]
    fn exclude_wins_over_the_rule_and_over_include() {
        let settings = settings(&["nodes"], &["nodes", "secrets"]);
        for resource in [core("nodes", false, true), core("secrets", true, true)] {
            assert_eq!(decide(Scope::Namespaces, &settings, &resource), refused("excluded by the settings"));
        }
    }

    #[test]
    fn outside_the_core_group_a_name_ends_in_its_group() {
        let excluded = |name| !decide(Scope::Namespaces, &settings(&[], &[name]), &DEPLOYMENTS).selected;
        assert!(excluded("deployments.apps"));
        assert!(!excluded("deployments"));
        assert!(!excluded("deployments."));
        assert!(!excluded("apps"));
    }

    #[test]
    fn a_name_that_matches_nothing_is_a_warning() {
        let catalog = [core("nodes", false, true), DEPLOYMENTS];
        let settings = settings(&["nodes", "nods"], &["a", "deployments", "deployments.apps"]);
        assert_eq!(
            warnings(&settings, &catalog),
            [
                r#"the setting "include" names "nods", but no such resource was discovered"#,
                r#"the setting "exclude" names "a", but no such resource was discovered"#,
                r#"the setting "exclude" names "deployments", but no such resource was discovered; "deployments.apps" was"#,
            ]
        );
    }

    #[test]
    fn without_settings_there_is_nothing_to_warn_of() {
        assert!(warnings(&Settings::default(), &[]).is_empty());
    }
}
