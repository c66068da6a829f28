//! A catalog from files: discovery documents as servers send them and people keep them, and what `--dry-run -o json`
//! prints. Pure, and read by the same code as servers' answers.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use serde::Deserialize;

use super::document::{NOT_JSON, check_depth, kind, read, shown_name};
use super::entries::{Note, collect_by};
use super::gather::{can_be_listed, gather};
use super::lenient::without_trailing_commas;
use super::resource_list::{self, FORM, Parsed, group_version, read_entry};
use super::roots::{Listed, parse_aggregated};
use crate::model::catalog::Catalog;
use crate::model::journal::Journal;
use crate::model::limits::RESOURCES;
use crate::model::name::{Group, Label};

/// The version of a catalog as `--dry-run -o json` prints it; raised when a field changes its meaning or goes.
pub const CATALOG_FORMAT: &str = "minutebook.catalog/1";

/// Reads a recorded document: an `APIResourceList`, an `APIGroupDiscoveryList`, or a catalog of [`CATALOG_FORMAT`]. What
/// is wrong with single entries goes into the journal, in the words of discovery.
///
/// # Errors
/// The document as a whole is unusable; the text says why.
pub fn read_catalog(document: &[u8], journal: &Journal) -> Result<Catalog, String> {
    check_depth(document)?;
    let parsed = match parse(document) {
        Ok(parsed) => parsed,
        Err(strict) => {
            let mended = without_trailing_commas(document).ok_or_else(|| strict.clone())?;
            let parsed = parse(&mended).map_err(|_| strict.clone())?;
            let why = strict.trim_start_matches(NOT_JSON);
            journal.warn(format!(
                "it is not strict JSON ({why}); it was read without the commas before closing brackets"
            ));
            parsed
        }
    };
    for note in parsed.notes {
        match note {
            Note::Warn(text) => journal.warn(text),
            Note::Error(text) => journal.error(text),
        }
    }
    Ok(parsed.catalog)
}

/// Puts catalogs together. A resource that several have is taken at the first version that can be listed, as
/// discovery does.
///
/// # Errors
/// There is more in them than a catalog may have.
pub fn merge_catalogs(catalogs: Vec<Catalog>, journal: &Journal) -> Result<Catalog, String> {
    let mut merged = Catalog::default();
    // Where each resource is in the catalog.
    let mut at = HashMap::new();
    for catalog in catalogs {
        merged.not_shown = merged.not_shown.saturating_add(catalog.not_shown);
        merged.stale.extend(catalog.stale);
        for resource in catalog.resources {
            match at.entry(resource.id.clone()) {
                Entry::Vacant(vacant) => {
                    vacant.insert(merged.resources.len());
                    merged.resources.push(resource);
                }
                Entry::Occupied(first) => {
                    let first = &mut merged.resources[*first.get()];
                    if first.version == resource.version && *first != resource {
                        journal.error(format!(
                            "`{}` is in two catalogs, with entries that differ; the first one counts",
                            first.id
                        ));
                    } else if !can_be_listed(first) && can_be_listed(&resource) {
                        *first = resource;
                    }
                }
            }
        }
    }
    if merged.resources.len() > RESOURCES {
        return Err(format!("the catalogs have more than {RESOURCES} resources in all"));
    }
    Ok(merged)
}

fn parse(document: &[u8]) -> Result<Parsed, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Marks {
        format: Option<String>,
        group_version: Option<String>,
    }
    let (kind, _) = kind(document)?;
    let marks: Marks = serde_json::from_slice(document)
        .map_err(|_| "its `format` or its `groupVersion` is given twice, or is not a string".to_owned())?;
    match (kind.as_str(), marks.format, marks.group_version) {
        (_, Some(format), _) if format == CATALOG_FORMAT => catalog(document),
        (_, Some(format), _) => {
            Err(format!("its format is `{}`; this minutebook reads {CATALOG_FORMAT}", shown_name(&format)))
        }
        ("APIGroupDiscoveryList", ..) => Ok(gather(Listed::default(), Ok(parse_aggregated(document)?))),
        ("APIGroupList" | "APIVersions", ..) => Err(format!(
            "its kind is `{kind}`, which names groups and not their resources; record the list of each version (/api/v1, /apis/GROUP/VERSION), or `minutebook run --dry-run -o json`"
        )),
        ("" | "APIResourceList", _, said) => list(document, said.as_deref().unwrap_or("v1")),
        (kind, ..) => Err(format!(
            "its kind is `{}`; a catalog is an APIResourceList, an APIGroupDiscoveryList, or what `minutebook run --dry-run -o json` prints",
            shown_name(kind)
        )),
    }
}

/// Each layout as it reads such a list: what an entry says of its own group and version counts in the one for the
/// core group alone.
fn list(document: &[u8], said: &str) -> Result<Parsed, String> {
    let (group, version) = group_version(said)?;
    if group == Group::default() {
        return resource_list::parse(document);
    }
    let found = resource_list::parse_version(document, &group, &version)?;
    let catalog = Catalog { resources: found.resources, not_shown: found.not_shown, ..Catalog::default() };
    Ok(Parsed { catalog, notes: found.notes })
}

/// Resources of all groups in one list, each with its own group and version.
fn catalog(document: &[u8]) -> Result<Parsed, String> {
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Rest {
        #[serde(default)]
        not_shown: usize,
    }
    let rest: Rest =
        serde_json::from_slice(document).map_err(|_| "its `notShown` is no number".to_owned())?;
    let list = read(document, FORM)?;
    let (group, version) = (Group::default(), Label::parse("v1").map_err(|error| error.to_string())?);
    let read = |entry: &_| read_entry(entry, &group, &version, true);
    let found = collect_by(&list.entries, "", read, |resource| resource.id.to_string())?;
    let not_shown = rest.not_shown.saturating_add(found.not_shown);
    let catalog = Catalog { resources: found.resources, not_shown, ..Catalog::default() };
    Ok(Parsed { catalog, notes: found.notes })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn journal() -> Journal {
        Journal::new(|| chrono::DateTime::UNIX_EPOCH)
    }

    fn told(journal: &Journal) -> Vec<String> {
        journal.events().into_iter().map(|event| format!("{:?} {}", event.level, event.message)).collect()
    }

    /// As `NAME VERSION`.
    fn names(catalog: &Catalog) -> Vec<String> {
        catalog.resources.iter().map(|one| format!("{} {}", one.id, one.version)).collect()
    }

    fn read_all(documents: &[&str]) -> (Vec<String>, Vec<String>) {
        let journal = journal();
        let read = |document: &&str| read_catalog(document.as_bytes(), &journal).unwrap();
        let merged = merge_catalogs(documents.iter().map(read).collect(), &journal).unwrap();
        (names(&merged), told(&journal))
    }

    fn list(group_version: &str, resources: &str) -> String {
        format!(r#"{{"kind":"APIResourceList","groupVersion":"{group_version}","resources":[{resources}]}}"#)
    }

    const PODS: &str = r#"{"name":"pods","namespaced":true,"kind":"Pod","verbs":["list"]}"#;

    #[test]
    fn a_list_is_of_the_group_and_version_that_it_says() {
        let sample = include_str!("../../sample_data/sample_resource_list.json");
        let (found, told) = read_all(&[sample]);
        assert_eq!(found, ["bindings v1", "componentstatuses v1", "configmaps v1"]);
        assert!(
            told.len() == 1 && told[0].starts_with("Warn it is not strict JSON (expected value at line"),
            "{told:?}"
        );

        let scale =
            r#"{"name":"scales","group":"autoscaling","version":"v9","namespaced":true,"kind":"Scale"}"#;
        let both = format!(r#"{PODS},{scale},{{"name":"pods/log","namespaced":true,"kind":"Pod"}}"#);
        // What an entry says there is about the kind of its objects.
        assert_eq!(read_all(&[&list("apps/v1", &both)]).0, ["pods.apps v1", "scales.apps v1"]);
        // As the exercise's layout has it.
        assert_eq!(read_all(&[&list("v1", &both)]).0, ["pods v1", "scales.autoscaling v9"]);
        assert_eq!(read_all(&[r#"{"resources":[]}"#]).0, [""; 0]);
    }

    #[test]
    fn aggregated_discovery_is_read_from_either_place_or_both_at_once() {
        let group = |name: &str, resource: &str| {
            format!(
                r#"{{"metadata":{{"name":"{name}"}},"versions":[{{"version":"v1","resources":[
                {{"resource":"{resource}","scope":"Namespaced","responseKind":{{"kind":"K"}},"verbs":["list"]}}]}}]}}"#
            )
        };
        let document = |version: &str, items: &str| {
            format!(
                r#"{{"kind":"APIGroupDiscoveryList","apiVersion":"apidiscovery.k8s.io/{version}","items":[{items}]}}"#
            )
        };
        let (core, apps) = (group("", "pods"), group("apps", "deployments"));
        assert_eq!(read_all(&[&document("v2", &core)]).0, ["pods v1"]);
        let both = ["pods v1", "deployments.apps v1"];
        assert_eq!(read_all(&[&document("v2", &core), &document("v2beta1", &apps)]).0, both);
        assert_eq!(read_all(&[&document("v2", &format!("{core},{apps}"))]).0, both);
        let error = read_catalog(document("v3", "").as_bytes(), &journal()).unwrap_err();
        assert_eq!(error, "its apiVersion is `apidiscovery.k8s.io/v3`");
    }

    #[test]
    fn what_a_dry_run_prints_is_read_with_the_same_name_in_two_groups() {
        let entry = |group: &str| {
            format!(
                r#"{{"name":"events","group":"{group}","version":"v1","kind":"Event","singularName":"event",
                "namespaced":true,"verbs":["list"],"shortNames":["ev"],"categories":[],
                "verdict":{{"selected":true,"reason":"x"}}}}"#
            )
        };
        let (core, events, resources) = (entry(""), entry("events.k8s.io"), "notShown");
        let document = format!(
            r#"{{"format":"{CATALOG_FORMAT}","{resources}":7,"resources":[{core},{events},{core}]}}"#
        );
        let journal = journal();
        let catalog = read_catalog(document.as_bytes(), &journal).unwrap();
        assert_eq!(names(&catalog), ["events v1", "events.events.k8s.io v1"]);
        assert_eq!(catalog.resources[0].short_names, ["ev"]);
        assert_eq!(catalog.not_shown, 7);
        assert_eq!(told(&journal), ["Warn discovery: `events` is listed twice, with equal entries"]);
    }

    #[test]
    fn numbers_that_somebody_made_up_do_no_harm() {
        let log =
            r#"{"name":"pods/log","group":"","version":"v1","kind":"Pod","namespaced":true,"verbs":["get"]}"#;
        let document =
            format!(r#"{{"format":"{CATALOG_FORMAT}","notShown":{},"resources":[{log}]}}"#, usize::MAX);
        let catalog = read_catalog(document.as_bytes(), &journal()).unwrap();
        assert_eq!(catalog.not_shown, usize::MAX);
        let both = merge_catalogs(vec![catalog.clone(), catalog], &journal()).unwrap();
        assert_eq!(both.not_shown, usize::MAX);
    }

    #[test]
    fn catalogs_become_one_as_in_discovery() {
        let unlisted = r#"{"name":"pods","namespaced":true,"kind":"Pod","verbs":["get"]}"#;
        let other = r#"{"name":"pods","namespaced":false,"kind":"Pod","verbs":["list"]}"#;
        let versions = |old: &str| read_all(&[&list("a/v1beta1", old), &list("a/v1", PODS)]);
        assert_eq!(versions(PODS).0, ["pods.a v1beta1"]);
        assert_eq!(versions(unlisted).0, ["pods.a v1"]);
        let (found, told) = read_all(&[&list("v1", PODS), &list("v1", PODS), &list("v1", other)]);
        assert_eq!(found, ["pods v1"]);
        assert_eq!(told, ["Error `pods` is in two catalogs, with entries that differ; the first one counts"]);
        assert_eq!(merge_catalogs(Vec::new(), &journal()), Ok(Catalog::default()));
    }

    #[test]
    fn a_bad_entry_spoils_itself_alone_and_a_bad_document_says_what_it_is() {
        let (found, told) = read_all(&[&list("v1", &format!("5,{PODS}"))]);
        assert_eq!(found, ["pods v1"]);
        assert_eq!(told, ["Error discovery: entry 1: it is not an object"]);
        for (document, why) in [
            ("", "it is not JSON: EOF"),
            ("[]", "it is not an object"),
            ("{", "it is not JSON"),
            (r#"{"kind":"PodList","items":[]}"#, "its kind is `PodList`; a catalog is"),
            (r#"{"kind":"APIGroupList","groups":[]}"#, "names groups and not their resources"),
            (r#"{"kind":"APIVersions","versions":["v1"]}"#, "names groups and not their resources"),
            (r#"{"format":"minutebook.catalog/2","resources":[]}"#, "reads minutebook.catalog/1"),
            (r#"{"format":"a","format":"b"}"#, "given twice"),
            (r#"{"groupVersion":"../v1","resources":[]}"#, "which is none"),
            (r#"{"groupVersion":"apps/v1","resources":{}}"#, "an array `resources`"),
        ] {
            let error = read_catalog(document.as_bytes(), &journal()).unwrap_err();
            assert!(error.contains(why), "{document}: {error}");
        }
    }

    #[test]
    fn together_they_have_no_more_than_one_may() {
        let many = |group: &str| {
            let entry = |number| format!(r#"{{"name":"a{number}","namespaced":true,"kind":"K"}}"#);
            let entries: Vec<String> = (0..=RESOURCES / 2).map(entry).collect();
            read_catalog(list(group, &entries.join(",")).as_bytes(), &journal()).unwrap()
        };
        let error = merge_catalogs(vec![many("a/v1"), many("b/v1")], &journal()).unwrap_err();
        assert!(error.contains("more than 10000 resources"), "{error}");
    }
}
