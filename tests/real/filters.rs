//! Filters on the complete catalog of a real API server: whatever they are written in, the same rule gives the same
//! verdicts. With `MINUTEBOOK_EXAMPLES`, a folder, those of its filters are asked that were built from
//! `wasm-filters/examples`.

use std::path::PathBuf;

use serde_json::{Value, json};

use crate::support::rig::Cluster;
use crate::support::scene::Scene;

/// What the rule leaves out.
const GROUPS: [&str; 2] = ["apps", "events.k8s.io"];
/// How many examples there are.
const LANGUAGES: usize = 5;

#[test]
fn the_same_rule_gives_the_same_verdicts_in_every_language() {
    let Some(cluster) = Cluster::filled() else { return };
    let scene = Scene::of(cluster);
    let catalog = scene.as_admin().args(["--dry-run", "-A", "-o", "json"]).run().expect_code(0).stdout;
    let document: Value = serde_json::from_str(&catalog).expect("it is JSON");
    let resources = document["resources"].as_array().expect("it has resources");
    assert!(resources.len() > 60, "a real catalog is larger than {}", resources.len());
    scene.write("catalog.json", &catalog);
    let select =
        format!("resource.namespaced && 'list' in resource.verbs && !(resource.group in {GROUPS:?})");
    scene.write("cel.json", &json!({ "select": select }).to_string());

    let excluded = GROUPS.map(|group| format!("*.{group}"));
    let mut filters = vec![("default".to_owned(), json!({ "exclude": excluded }))];
    filters.extend(examples().into_iter().map(|path| {
        (path.to_str().expect("its path is text").to_owned(), json!({ "excludeGroups": GROUPS }))
    }));
    for (filter, settings) in filters {
        let settings = settings.to_string();
        let fixed = ["filter", "test", &filter, "--settings", &settings, "--catalog", "catalog.json", "-A"];
        let against = ["--against", "cel", "--against-settings", "@cel.json"];
        // Interpreters begin slowly on a busy machine.
        let ended = scene.minutebook().args(fixed).args(against).args(["--filter-timeout", "20s"]).run();
        assert_eq!(ended.code(), 0, "{filter} decides otherwise than cel:\n{}{}", ended.stdout, ended.stderr);
    }
}

/// The filters in the folder that the environment names.
fn examples() -> Vec<PathBuf> {
    let Some(folder) = std::env::var_os("MINUTEBOOK_EXAMPLES") else { return Vec::new() };
    let files = std::fs::read_dir(&folder).expect("the folder can be read");
    let files = files.map(|file| file.expect("it can be listed").path());
    let filters: Vec<_> = files.filter(|path| path.extension().is_some_and(|end| end == "wasm")).collect();
    assert_eq!(filters.len(), LANGUAGES, "one for each language");
    filters
}
