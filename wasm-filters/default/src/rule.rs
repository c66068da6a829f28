//! Decides what is recorded, and says why. Pure: no WebAssembly, no JSON, no state.
//!
//! The rule goes by scope. In a namespace, or in all of them, it takes what is namespaced and can
//! be listed; in the cluster's own scope it takes what is not namespaced and can be listed.
//! Events are served by two groups, and are taken from one. `include` adds to that, and `exclude`
//! wins over both.
//!
//! Others rely on this: each resource gets exactly one verdict, which depends on the scope, the
//! settings, that resource and, for events alone, on what else there is; and a reason says the
//! whole truth in a few words, because it is read years later by somebody who has nothing else.

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
    /// follows, `deployments.apps`, except that the core group has none. All of a group is `*.apps`.
    fn is_called(&self, name: &str) -> bool {
        if let Some(group) = name.strip_prefix("*.") {
            return !group.is_empty() && group == self.group;
        }
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

    /// Whether core `events`, which can be listed, has the same objects.
    fn repeats_core_events(&self, catalog: &[Resource<'_>]) -> bool {
        self.is_called("events.events.k8s.io")
            && catalog.iter().any(|other| other.is_called("events") && other.listable)
    }
}

/// The decision on one resource, and the reason for it.
#[derive(Debug, PartialEq)]
pub(crate) struct Verdict {
    pub(crate) selected: bool,
    pub(crate) reason: &'static str,
}

/// Decides on one resource of the catalog.
pub(crate) fn decide(
    scope: Scope,
    settings: &Settings,
    resource: &Resource<'_>,
    catalog: &[Resource<'_>],
) -> Verdict {
    if resource.is_in(&settings.exclude) {
        return refused("excluded by the settings");
    }
    let verdict = by_rule(scope, resource);
    let repeats = verdict.selected && resource.repeats_core_events(catalog);
    match (resource.is_in(&settings.include), repeats) {
        (false, true) => return refused("the same objects as core events"),
        (true, true) => return selected("included by the settings, though the same objects as core events"),
        (true, false) if !verdict.selected => {}
        (_, false) => return verdict,
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
                decide(scope, &Settings::default(), &core("things", namespaced, listable), &[]),
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
            .filter(|resource| decide(Scope::Namespaces, &Settings::default(), resource, &catalog).selected)
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
            assert_eq!(decide(scope, &settings, &resource, &[]), selected(reason));
        }
    }

    #[test]
    fn exclude_wins_over_the_rule_and_over_include() {
        let settings = settings(&["nodes"], &["nodes", "secrets"]);
        for resource in [core("nodes", false, true), core("secrets", true, true)] {
            assert_eq!(
                decide(Scope::Namespaces, &settings, &resource, &[]),
                refused("excluded by the settings")
            );
        }
    }

    #[test]
    fn outside_the_core_group_a_name_ends_in_its_group() {
        let excluded = |name| !decide(Scope::Namespaces, &settings(&[], &[name]), &DEPLOYMENTS, &[]).selected;
        assert!(excluded("deployments.apps"));
        assert!(!excluded("deployments"));
        assert!(!excluded("deployments."));
        assert!(!excluded("apps"));
    }

    #[test]
    fn a_star_is_all_of_one_group() {
        let by = |include: &[&str], exclude: &[&str], resource: &Resource<'_>| {
            decide(Scope::Namespaces, &settings(include, exclude), resource, &[])
        };
        for (name, excludes) in [
            ("*.apps", true),
            ("*.app", false),
            ("*", false),
            ("*.", false),
            ("*.*", false),
            ("dep*.apps", false),
        ] {
            assert_eq!(!by(&[], &[name], &DEPLOYMENTS).selected, excludes, "{name}");
            assert!(by(&[], &[name], &core("pods", true, true)).selected, "{name}");
        }
        let roles = Resource {
            group: "rbac.authorization.k8s.io",
            name: "clusterroles",
            namespaced: false,
            listable: true,
        };
        assert!(by(&["*.rbac.authorization.k8s.io"], &[], &roles).selected);
        assert!(!by(&["*.rbac.authorization.k8s.io"], &["*.rbac.authorization.k8s.io"], &roles).selected);
        assert_eq!(
            warnings(&settings(&[], &["*.apps", "*.metrics.k8s.io", "*."]), &[DEPLOYMENTS]),
            [
                r#"the setting "exclude" names "*.metrics.k8s.io", but no such resource was discovered"#,
                r#"the setting "exclude" names "*.", but no such resource was discovered"#,
            ]
        );
    }

    #[test]
    fn what_is_volatile_can_be_left_out() {
        let resource = |group, name, namespaced| Resource { group, name, namespaced, listable: true };
        let volatile = [
            resource("metrics.k8s.io", "pods", true),
            resource("metrics.k8s.io", "nodes", false),
            resource("coordination.k8s.io", "leases", true),
            resource("", "events", true),
        ];
        let names = ["pods.metrics.k8s.io", "nodes.metrics.k8s.io", "leases.coordination.k8s.io", "events"];
        for exclude in [&names[..], &["*.metrics.k8s.io", "leases.coordination.k8s.io", "events"]] {
            let settings = settings(&["*.metrics.k8s.io", "*.coordination.k8s.io"], exclude);
            for resource in &volatile {
                for scope in [Scope::Namespaces, Scope::Cluster] {
                    assert_eq!(
                        decide(scope, &settings, resource, &volatile),
                        refused("excluded by the settings")
                    );
                }
            }
            assert!(decide(Scope::Namespaces, &settings, &core("pods", true, true), &volatile).selected);
            assert!(warnings(&settings, &volatile).is_empty());
        }
    }

    #[test]
    fn events_are_taken_from_one_of_the_two_groups_that_serve_them() {
        const NEW: Resource<'_> =
            Resource { group: "events.k8s.io", name: "events", namespaced: true, listable: true };
        const NAME: &str = "events.events.k8s.io";
        let core_events = |listable| core("events", true, listable);
        let by = |settings: &Settings, old: Option<Resource<'_>>| {
            let catalog: Vec<_> = old.into_iter().chain([NEW]).collect();
            decide(Scope::Namespaces, settings, &NEW, &catalog)
        };
        let none = Settings::default();
        assert_eq!(by(&none, Some(core_events(true))), refused("the same objects as core events"));
        assert!(decide(Scope::Namespaces, &none, &core_events(true), &[core_events(true), NEW]).selected);
        // Where the other group has none to give.
        for old in
            [None, Some(core_events(false)), Some(Resource { group: "example.com", ..core_events(true) })]
        {
            assert_eq!(by(&none, old), selected("namespaced and can be listed"));
        }
        let forced = selected("included by the settings, though the same objects as core events");
        assert_eq!(by(&settings(&[NAME], &[]), Some(core_events(true))), forced);
        assert_eq!(
            by(&settings(&[NAME], &[NAME]), Some(core_events(true))),
            refused("excluded by the settings")
        );
        // Whoever wants no events gets none.
        assert!(!by(&settings(&[], &["events"]), Some(core_events(true))).selected);
        assert_eq!(decide(Scope::Cluster, &none, &NEW, &[core_events(true), NEW]), refused("namespaced"));
        // Others of that name or group are not meant.
        for other in [Resource { group: "example.com", ..NEW }, Resource { name: "others", ..NEW }] {
            assert!(decide(Scope::Namespaces, &none, &other, &[core_events(true)]).selected);
        }
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
