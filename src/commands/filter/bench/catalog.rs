//! A catalog to measure with: always the same, and shaped like a cluster's. Pure.

use minutebook::model::catalog::{Catalog, Resource};
use minutebook::model::name::{Group, Label, NameError, ResourceName};

/// What most resources can be asked for, in the order of API servers.
const VERBS: [&str; 8] = ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"];
/// Groups, of which the core one has the first resources, as in a cluster.
const GROUPS: [&str; 5] = ["", "apps", "batch", "networking.k8s.io", "widgets.example.org"];

/// So many resources.
pub(super) fn synthetic(count: usize) -> Catalog {
    // All names are good ones; a test says so.
    let resources = (0..count).filter_map(|number| resource(number, count).ok()).collect();
    Catalog { resources, ..Catalog::default() }
}

fn resource(number: usize, count: usize) -> Result<Resource, NameError> {
    let group = GROUPS[number * GROUPS.len() / count];
    // One in ten can only be created, one in four is in no namespace.
    let verbs = if number % 10 == 9 { &VERBS[..1] } else { &VERBS };
    let short_names = if number.is_multiple_of(3) { vec![format!("r{number}")] } else { Vec::new() };
    let categories = if number.is_multiple_of(4) { vec!["all".to_owned()] } else { Vec::new() };
    Ok(Resource {
        id: ResourceName::new(Label::parse(&format!("resources{number}"))?, Group::parse(group)?)?,
        version: Label::parse("v1")?,
        kind: format!("Resource{number}"),
        singular_name: format!("resource{number}"),
        namespaced: number % 4 != 3,
        verbs: verbs.iter().map(ToString::to_string).collect(),
        short_names,
        categories,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_has_as_many_as_it_should_and_all_kinds() {
        for count in [0, 1, 60, 500] {
            let catalog = synthetic(count);
            assert_eq!(catalog.resources.len(), count);
            assert_eq!(catalog, synthetic(count));
        }
        let resources = synthetic(60).resources;
        let of = |group: &str| resources.iter().filter(|one| one.id.group().as_str() == group).count();
        assert_eq!(GROUPS.map(of), [12; 5]);
        let listable = resources.iter().filter(|one| one.verbs.iter().any(|verb| verb == "list")).count();
        let namespaced = resources.iter().filter(|one| one.namespaced).count();
        assert_eq!((listable, namespaced), (54, 45));
    }
}
