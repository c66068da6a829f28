//! The least rights for some lists, as RBAC objects in YAML: pure.
//!
//! Texts stand in double quotes as JSON has them, which is YAML too (YAML 1.2, chapter 1.3), so that none can become
//! anything else.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};

use minutebook::model::listing::Listing;
use minutebook::model::target::{Scope, Target};

/// What begins the name of every service account.
const SERVICE_ACCOUNT: &str = "system:serviceaccount:";
const API_GROUP: &str = "rbac.authorization.k8s.io";

/// Who is to have rights: a user's name, as the API server has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Subject {
    /// A service account, by namespace and name.
    ServiceAccount(String, String),
    /// Any other user.
    User(String),
}

impl From<&str> for Subject {
    fn from(user: &str) -> Self {
        let account = user.strip_prefix(SERVICE_ACCOUNT).and_then(|rest| rest.split_once(':'));
        match account {
            Some((namespace, name)) => Self::ServiceAccount(namespace.to_owned(), name.to_owned()),
            None => Self::User(user.to_owned()),
        }
    }
}

impl Subject {
    /// What tells this one's rights from another's, fit for an object's name: applying those of one takes nothing from
    /// the other.
    fn suffix(&self) -> String {
        match self {
            Self::ServiceAccount(namespace, name) => format!("{namespace}:{name}"),
            // A segment of a path, for which two characters will not do (Kubernetes' path segment names).
            Self::User(name) => name.replace(['/', '%'], "_"),
        }
    }
}

/// Renders a role that may do no more than list `listings` in the target's scope and look whether its namespace
/// exists, and its binding to `subject`.
pub(super) fn render(target: &Target, filter: &str, listings: &[Listing], subject: &Subject) -> String {
    let (role, name, namespace) = match &target.scope {
        Scope::Namespace(namespace) => ("Role", "minutebook", Some(namespace.as_str())),
        Scope::AllNamespaces => ("ClusterRole", "minutebook-all-namespaces", None),
        Scope::Cluster => ("ClusterRole", "minutebook-cluster", None),
    };
    let name = quoted(&format!("{name}:{}", subject.suffix()));
    let name = &name[..];
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write(&mut text, target, filter, listings, subject, (role, name, namespace));
    text
}

fn write(
    text: &mut String,
    target: &Target,
    filter: &str,
    listings: &[Listing],
    subject: &Subject,
    (role, name, namespace): (&str, &str, Option<&str>),
) -> fmt::Result {
    let metadata = |text: &mut String| {
        writeln!(text, "metadata:\n  name: {name}")?;
        namespace.map_or(Ok(()), |namespace| writeln!(text, "  namespace: {}", quoted(namespace)))
    };
    writeln!(text, "# What minutebook needs to record {target} by filter {}.", one_line(filter))?;
    writeln!(text, "apiVersion: {API_GROUP}/v1\nkind: {role}")?;
    metadata(text)?;
    let rules = rules(listings);
    if rules.is_empty() && namespace.is_none() {
        writeln!(text, "rules: []")?;
    } else {
        writeln!(text, "rules:")?;
    }
    for (group, resources) in rules {
        writeln!(text, "- apiGroups: [{}]", quoted(group))?;
        writeln!(text, "  resources:")?;
        for resource in resources {
            writeln!(text, "  - {}", quoted(resource))?;
        }
        writeln!(text, "  verbs: [\"list\"]")?;
    }
    if let Some(namespace) = namespace {
        writeln!(text, "# To tell an empty namespace from one that does not exist.")?;
        writeln!(text, "- apiGroups: [\"\"]\n  resources:\n  - \"namespaces\"")?;
        writeln!(text, "  resourceNames: [{}]\n  verbs: [\"get\"]", quoted(namespace))?;
    }
    writeln!(text, "---\napiVersion: {API_GROUP}/v1\nkind: {role}Binding")?;
    metadata(text)?;
    writeln!(text, "roleRef:\n  apiGroup: {API_GROUP}\n  kind: {role}\n  name: {name}")?;
    writeln!(text, "subjects:")?;
    match subject {
        Subject::ServiceAccount(namespace, name) => {
            writeln!(text, "- kind: ServiceAccount\n  name: {}", quoted(name))?;
            writeln!(text, "  namespace: {}", quoted(namespace))
        }
        Subject::User(name) => {
            writeln!(text, "- apiGroup: {API_GROUP}\n  kind: User\n  name: {}", quoted(name))
        }
    }
}

/// The resources of each group, sorted, so that the same selection gives the same text.
fn rules(listings: &[Listing]) -> BTreeMap<&str, BTreeSet<&str>> {
    let mut rules: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for Listing { id, .. } in listings {
        rules.entry(id.group().as_str()).or_default().insert(id.name().as_str());
    }
    rules
}

/// As JSON has it, and without what YAML would fold or refuse (YAML 1.2, 5.1 and 5.4).
fn quoted(text: &str) -> String {
    let json = serde_json::Value::from(text).to_string();
    let escaped = |c: char| match c {
        '\u{7f}'..='\u{9f}' | '\u{2028}' | '\u{2029}' | '\u{feff}' => format!("\\u{:04x}", u32::from(c)),
        c => c.to_string(),
    };
    json.chars().map(escaped).collect()
}

/// A comment ends with its line.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use minutebook::model::name::{Group, Label, ResourceName};

    use super::*;

    fn listing(name: &str, group: &str) -> Listing {
        let id = ResourceName::new(Label::parse(name).unwrap(), Group::parse(group).unwrap()).unwrap();
        Listing { id, version: Label::parse("v1").unwrap() }
    }

    fn rendered(scope: Scope, subject: &str) -> String {
        let target = Target { host: "h".parse().unwrap(), cluster: "c".parse().unwrap(), scope };
        let listings = [listing("deployments", "apps"), listing("pods", ""), listing("configmaps", "")];
        render(&target, "default 0.1.0", &listings, &subject.into())
    }

    #[test]
    fn a_namespace_gets_a_role_that_also_looks_at_the_namespace() {
        let text =
            rendered(Scope::Namespace("shop".parse().unwrap()), "system:serviceaccount:audit:minutebook");
        assert_eq!(
            text,
            r#"# What minutebook needs to record h/c/shop by filter default 0.1.0.
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: "minutebook:audit:minutebook"
  namespace: "shop"
rules:
- apiGroups: [""]
  resources:
  - "configmaps"
  - "pods"
  verbs: ["list"]
- apiGroups: ["apps"]
  resources:
  - "deployments"
  verbs: ["list"]
# To tell an empty namespace from one that does not exist.
- apiGroups: [""]
  resources:
  - "namespaces"
  resourceNames: ["shop"]
  verbs: ["get"]
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: "minutebook:audit:minutebook"
  namespace: "shop"
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: "minutebook:audit:minutebook"
subjects:
- kind: ServiceAccount
  name: "minutebook"
  namespace: "audit"
"#
        );
    }

    #[test]
    fn wider_scopes_get_a_cluster_role_and_users_are_quoted() {
        for (scope, name) in
            [(Scope::AllNamespaces, "minutebook-all-namespaces"), (Scope::Cluster, "minutebook-cluster")]
        {
            let text = rendered(scope, "o\"dd: user");
            assert!(
                text.contains(&format!(
                    "kind: ClusterRole\nmetadata:\n  name: \"{name}:o\\\"dd: user\"\nrules:\n"
                )),
                "{text}"
            );
            assert!(
                text.contains(&format!(
                    "kind: ClusterRoleBinding\nmetadata:\n  name: \"{name}:o\\\"dd: user\"\nroleRef:"
                )),
                "{text}"
            );
            assert!(text.ends_with("  kind: User\n  name: \"o\\\"dd: user\"\n"), "{text}");
            assert!(!text.contains("namespaces\""), "{text}");
        }
    }

    #[test]
    fn service_accounts_are_known_by_their_name() {
        let account = Subject::ServiceAccount("ns".to_owned(), "name".to_owned());
        assert_eq!(Subject::from("system:serviceaccount:ns:name"), account);
        for user in ["system:serviceaccount:odd", "jane", "system:serviceaccounts:ns"] {
            assert_eq!(Subject::from(user), Subject::User(user.to_owned()), "{user}");
        }
    }
}
