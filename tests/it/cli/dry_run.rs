//! Seeing what would be recorded: discovery and selection, printed, and nothing else. No list
//! is fetched, nothing is written, and AUDIT_DIR is neither needed nor made.

use serde_json::Value;

use super::transcript;
use crate::support::cluster::{Cluster, DISCOVERY};
use crate::support::golden;
use crate::support::scene::Scene;

#[test]
fn names_of_the_sample_are_configmaps_and_nothing_else() {
    let scene = Scene::of(Cluster::sample());
    let ended = scene.once().args(["--dry-run", "-o", "name"]).run().expect_code(0);
    assert_eq!(ended.stdout, "configmaps\n");
    assert_eq!(scene.server.targets(), [DISCOVERY], "the list is not fetched");
    assert!(!scene.audit().exists(), "nothing is written");
}

#[test]
fn audit_dir_is_not_needed() {
    let scene = Scene::of(Cluster::sample());
    let nowhere = scene.path("missing/audit");
    let run = scene.minutebook().args(["run", "--dry-run", "--host", "sample.k8s.hostname"]);
    let run = run.args(["--cluster", "sample_cluster", "--namespace", "sample_namespace"]);
    let run = run.args(["--server", &scene.server.url(), "--audit-dir"]).args([&nowhere]);
    let ended = run.args(["--output", "name"]).run().expect_code(0);
    assert_eq!(ended.stdout, "configmaps\n");
    assert!(!scene.path("missing").exists());
}

#[test]
fn every_output_is_what_it_was() {
    let sample = transcripts(Cluster::sample(), "sample", &["table", "wide", "name", "json"]);
    let richer = transcripts(Cluster::richer(), "richer", &["table", "wide", "name"]);
    golden::check("dry_run.txt", &[sample, richer].concat().join("\n"));
}

fn transcripts(cluster: Cluster, name: &str, outputs: &[&str]) -> Vec<String> {
    let scene = Scene::of(cluster);
    let tell = |output: &&str| {
        let ended = scene.once().args(["--dry-run", "--output", output]).run().expect_code(0);
        let shown = format!("minutebook run --dry-run --output {output}  # the {name} cluster");
        transcript(&shown, &ended, |text| scene.normal(text))
    };
    let told = outputs.iter().map(tell).collect();
    assert_eq!(scene.server.targets(), vec![DISCOVERY; outputs.len()], "no list is fetched");
    told
}

#[test]
fn a_table_is_what_comes_without_a_wish() {
    let scene = Scene::of(Cluster::sample());
    let plain = scene.once().args(["--dry-run"]).run().expect_code(0);
    let table = scene.once().args(["--dry-run", "--output", "table"]).run().expect_code(0);
    assert_eq!(plain.stdout, table.stdout);
}

#[test]
fn json_has_a_verdict_for_every_resource() {
    let scene = Scene::of(Cluster::sample());
    let ended = scene.once().args(["--dry-run", "-o", "json"]).run().expect_code(0);
    let catalog: Value = serde_json::from_str(&ended.stdout).expect("json is JSON");
    let resources = catalog["resources"].as_array().expect("it has resources");
    let names: Vec<_> = resources.iter().map(|resource| &resource["name"]).collect();
    assert_eq!(names, ["bindings", "componentstatuses", "configmaps"], "{catalog:#}");
    assert!(catalog["format"].is_string(), "its schema has a version: {catalog:#}");
}

#[test]
fn what_is_selected_follows_the_settings() {
    let scene = Scene::of(Cluster::sample());
    let settings = r#"{"include":["componentstatuses"],"exclude":["configmaps"]}"#;
    let run = scene.once().args(["--dry-run", "-o", "name", "--filter-settings", settings]);
    assert_eq!(run.run().expect_code(0).stdout, "componentstatuses\n");
    // As some editors begin a file.
    for mark in ["", "\u{feff}"] {
        scene.write("settings.json", &format!("{mark}{settings}"));
        let run = scene.once().args(["--dry-run", "-o", "name"]);
        let run = run.args(["--filter-settings", "@settings.json"]);
        assert_eq!(run.run().expect_code(0).stdout, "componentstatuses\n");
    }
}

#[test]
fn nothing_selected_prints_nothing_and_is_warned_of() {
    let scene = Scene::of(Cluster::sample());
    let settings = r#"{"exclude":["configmaps"]}"#;
    let run = scene.once().args(["--dry-run", "-o", "name", "--filter-settings", settings]);
    let ended = run.run().expect_code(0);
    assert_eq!(ended.stdout, "");
    assert!(ended.stderr.ends_with(" WARN filter default selects none of 3 resources\n"), "{ended:#?}");
    assert_eq!(ended.stderr.lines().filter(|line| line.contains("selects none")).count(), 1);
}
