//! The rule: what is recorded, and why. It knows nothing of WebAssembly, and `cargo test` tests it.

use serde_json::Value;

/// What `{"excludeGroups": ["metrics.k8s.io"]}` says.
#[derive(Debug, Default, PartialEq)]
pub struct Settings {
    exclude_groups: Vec<String>,
}

impl Settings {
    /// Reads the settings, or says what is wrong with them.
    pub fn read(json: &str) -> Result<Settings, String> {
        let json =
            serde_json::from_str(json).map_err(|error| format!("the settings are not JSON: {error}"))?;
        let Value::Object(members) = json else {
            return Err(
                r#"the settings must be an object such as {"excludeGroups": ["metrics.k8s.io"]}"#.into()
            );
        };
        let mut settings = Settings::default();
        for (key, value) in members {
            match key.as_str() {
                "excludeGroups" => settings.exclude_groups = groups(value)?,
                _ => return Err(format!(r#"unknown setting "{key}"; known is "excludeGroups""#)),
            }
        }
        Ok(settings)
    }
}

fn groups(value: Value) -> Result<Vec<String>, String> {
    let groups = match value {
        Value::Array(groups) => groups.into_iter().map(|group| group.as_str().map(str::to_owned)).collect(),
        _ => None,
    };
    groups.ok_or_else(|| {
        r#"the setting "excludeGroups" must be a list of groups such as ["metrics.k8s.io"]"#.to_owned()
    })
}

/// The two sides of a cluster.
#[derive(Clone, Copy)]
pub enum Side {
    /// One namespace or all of them.
    Namespaces,
    /// What belongs to no namespace.
    Cluster,
}

/// What the rule looks at in a resource.
pub struct Resource<'a> {
    pub group: &'a str,
    pub namespaced: bool,
    pub listable: bool,
}

/// Decides on a resource. Either way there is a reason: `Ok` is selected, `Err` is not.
pub fn decide(
    side: Side,
    settings: &Settings,
    resource: &Resource<'_>,
) -> Result<&'static str, &'static str> {
    if settings.exclude_groups.iter().any(|group| group == resource.group) {
        return Err("group excluded by the settings");
    }
    match (side, resource.namespaced) {
        (Side::Namespaces, false) => Err("not namespaced"),
        (Side::Cluster, true) => Err("namespaced"),
        _ if !resource.listable => Err("cannot be listed"),
        _ => Ok("selected"),
    }
}

/// What the operator should know: groups in the settings that no resource has.
pub fn warnings(settings: &Settings, resources: &[Resource<'_>]) -> Vec<String> {
    let groups = settings.exclude_groups.iter();
    let missing = groups.filter(|group| !resources.iter().any(|resource| resource.group == group.as_str()));
    missing.map(|group| format!(r#"excludeGroups: no resource has group "{group}""#)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(groups: &[&str]) -> Settings {
        Settings { exclude_groups: groups.iter().map(ToString::to_string).collect() }
    }

    #[test]
    fn settings_are_read_or_refused() {
        assert_eq!(Settings::read("{}"), Ok(settings(&[])));
        assert_eq!(Settings::read(r#"{"excludeGroups": ["\u0061pps", "b"]}"#), Ok(settings(&["apps", "b"])));
        for (json, error) in [
            ("{", "the settings are not JSON: "),
            ("[]", "the settings must be an object such as "),
            (r#"{"exclude": []}"#, r#"unknown setting "exclude"; known is "excludeGroups""#),
            (r#"{"excludeGroups": "a"}"#, r#"the setting "excludeGroups" must be a list of groups "#),
            (r#"{"excludeGroups": ["a", null]}"#, r#"the setting "excludeGroups" must be a list of groups "#),
        ] {
            let refused = Settings::read(json).unwrap_err();
            assert!(refused.starts_with(error), "{json}: {refused}");
        }
    }

    #[test]
    fn the_rule() {
        let settings = settings(&["metrics.k8s.io"]);
        for (side, group, namespaced, listable, decision) in [
            (Side::Namespaces, "apps", true, true, Ok("selected")),
            (Side::Namespaces, "apps", true, false, Err("cannot be listed")),
            (Side::Namespaces, "", false, true, Err("not namespaced")),
            (Side::Namespaces, "metrics.k8s.io", true, true, Err("group excluded by the settings")),
            (Side::Cluster, "", false, true, Ok("selected")),
            (Side::Cluster, "", false, false, Err("cannot be listed")),
            (Side::Cluster, "apps", true, true, Err("namespaced")),
        ] {
            assert_eq!(decide(side, &settings, &Resource { group, namespaced, listable }), decision);
        }
    }

    #[test]
    fn a_group_that_is_not_there_is_warned_of() {
        let resources = [Resource { group: "apps", namespaced: true, listable: true }];
        assert_eq!(
            warnings(&settings(&["apps", "app"]), &resources),
            [r#"excludeGroups: no resource has group "app""#]
        );
    }
}
