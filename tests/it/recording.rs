//! What is recorded on good days: the very bytes that the server sent, in archives that are
//! the same whenever the cluster is.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use crate::support::cluster::{self, Cluster, paged, sample_data};
use crate::support::http::{Reply, Request};
use crate::support::oracle::Cycle;
use crate::support::scene::Scene;

/// As many open files as lists need.
mod open_files;
/// A server that goes down and comes up again.
mod outage;
/// Being told to read the configuration again.
mod reload;
/// Being told to stop.
mod signals;

#[test]
fn the_sample_is_recorded_byte_for_byte() {
    let scene = Scene::of(Cluster::sample());
    scene.once().run().expect_code(0);
    let cycle = only(scene.target().check());
    let files = BTreeMap::from([("configmaps.json".to_owned(), sample_data("configmaps.json"))]);
    cycle.holds(&files);
    // The exercise's discovery has a comma too many, and the log says so.
    assert_eq!(cycle.lines("WARN").len(), 1, "{}", cycle.log);
    assert_eq!(cycle.lines("ERROR").len(), 0, "{}", cycle.log);
}

#[test]
fn a_richer_cluster_is_recorded_byte_for_byte() {
    let cluster = Cluster::richer();
    let entries = cluster.entries();
    assert!(entries.len() >= 5, "the richer cluster is rich: {:?}", entries.keys());
    let scene = Scene::of(cluster);
    scene.run().args(["--once", "--interval", "60s"]).run().expect_code(0);
    let cycle = only(scene.target_every(60).check());
    cycle.holds(&entries);
    assert_eq!(cycle.lines("ERROR").len(), 0, "{}", cycle.log);
}

/// Lists that no buffer holds, in pages of which every second one breaks off at the first try:
/// what is tried again leaves no trace in what is recorded.
#[test]
fn large_lists_with_failed_tries_are_recorded_byte_for_byte() {
    let names = ["a", "b", "c", "d", "e"];
    let mut cluster = Cluster::of(&names);
    for (seed, name) in (1_u64..).zip(names) {
        let objects = |part: u64| noise(seed * 10 + part, 4_000);
        let [one, two, three] = [1, 2, 3].map(objects);
        let page = |objects: &[String], token: &str| {
            let objects: Vec<_> = objects.iter().map(String::as_str).collect();
            cluster::page(name, &objects, token)
        };
        let pages = paged(vec![page(&one, "2"), page(&two, "3"), page(&three, "")]);
        let half = page(&two, "3");
        let merged = page(&[one, two, three].concat(), "");
        let answer = move |request: &Request| match request.parameter("continue").as_deref() {
            Some("2") if request.nth == 0 => Reply::CutOff { body: half.clone(), sent: half.len() / 2 },
            _ => pages(request),
        };
        cluster = cluster.list(name, answer).recorded_as(name, merged);
    }
    let entries = cluster.entries();
    let size: usize = entries.values().map(Vec::len).sum();
    assert!(size > 5 << 20, "the lists are large: {size} bytes");
    let scene = Scene::of(cluster);
    scene.run().args(["--once", "--interval", "60s"]).run().expect_code(0);
    let cycle = only(scene.target_every(60).check());
    cycle.holds(&entries);
    assert_eq!(cycle.lines("WARN").len(), names.len(), "{}", cycle.log);
}

#[test]
fn nothing_that_does_not_change_changes_an_archive() {
    let scene = Scene::of(Cluster::richer());
    let record = || {
        scene.run().args(["--once", "--interval", "60s"]).run().expect_code(0);
    };
    record();
    record();
    let cycles = scene.target_every(60).check();
    let [first, second] = &cycles[..] else { panic!("two cycles: {cycles:#?}") };
    assert_eq!(first.files(), second.files());
}

/// Two programs begin in the same second, each with an AUDIT_DIR of its own: their archives
/// are the same to the last byte. Whether the second is the same is chance, so it has a few.
#[test]
fn the_same_cluster_in_the_same_second_is_the_same_archive() {
    for _ in 0..20 {
        let scenes = [Scene::of(Cluster::richer()), Scene::of(Cluster::richer())];
        let begin = |scene: &Scene| scene.run().args(["--once", "--interval", "60s"]).start();
        let running = scenes.each_ref().map(begin);
        for running in running {
            running.wait(std::time::Duration::from_secs(30)).expect_code(0);
        }
        let [first, second] = scenes.each_ref().map(|scene| only(scene.target_every(60).check()));
        if first.began == second.began {
            let bytes = |cycle: &Cycle| fs::read(&cycle.archive).expect("it was read before");
            assert!(bytes(&first) == bytes(&second), "the archives of {} differ", first.name);
            return;
        }
    }
    panic!("no two programs began in the same second");
}

/// Each takes the first second, from its own on, in which no other has been. How many begin in
/// one second is chance, so there are as many as it takes.
#[test]
fn cycles_that_begin_in_one_second_are_named_for_the_next_ones() {
    let scene = Scene::of(Cluster::sample());
    let mut taken = BTreeSet::new();
    for _ in 0..100 {
        scene.once().run().expect_code(0);
        let (name, began) = newest(&scene, &taken);
        let moved = !name.starts_with(&began);
        taken.insert(name);
        if moved {
            break;
        }
    }
    let cycles = scene.target().check();
    assert_eq!(cycles.len(), taken.len(), "every cycle has files of its own");
    let [.., before, last] = &cycles[..] else { panic!("two cycles at least") };
    assert_eq!(last.began, before.began, "the last began in the second of the one before");
    assert_eq!(last.named, before.named + 1, "and is named for the next one");
}

/// The cycle that is not among these: its name, and what it would be if its second were free.
fn newest(scene: &Scene, known: &BTreeSet<String>) -> (String, String) {
    let files = fs::read_dir(scene.target().folder()).expect("there is a cycle");
    let names = files.map(|file| file.expect("a folder can be read").file_name());
    let mut logs = names.map(|name| name.into_string().expect("names are text"));
    let new = |name: &String| name.ends_with(".audit.log") && !known.contains(name);
    let name = logs.find(new).expect("there is a new cycle");
    let log = fs::read_to_string(scene.target().folder().join(&name)).expect("a log is text");
    let (time, _) = log.split_once(' ').expect("a log begins with a time");
    (name, time.trim_end_matches('Z').replace(':', ""))
}

/// Names that hardly deflate, the same ones for the same seed.
fn noise(seed: u64, count: usize) -> Vec<String> {
    let mut state = seed;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state
    };
    (0..count).map(|_| format!("{:016x}{:016x}", next(), next())).collect()
}

fn only(cycles: Vec<Cycle>) -> Cycle {
    <[Cycle; 1]>::try_from(cycles).map(|[cycle]| cycle).expect("there is one cycle")
}
