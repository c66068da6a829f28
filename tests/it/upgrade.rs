//! Records of earlier versions, of which `tests/data` keeps one by each format: they are read, and
//! continued, and stay what they are.

use std::collections::BTreeMap;
use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::support::cluster::{CLUSTER, Cluster, HOST, NAMESPACE, sample_data};
use crate::support::oracle::Cycle;
use crate::support::readers;
use crate::support::scene::Scene;

/// As 0.1.0 named a file that it had not finished, where it needs a name from the start.
const UNFINISHED: &str = ".minutebook-4711-00c0ffee00c0ffee.tmp";

#[test]
fn records_of_0_1_0_are_read_and_continued() {
    let scene = Scene::of(Cluster::sample());
    copy_out(&data("0.1.0"), &scene.audit());
    let folder = scene.target().folder();
    fs::write(folder.join(UNFINISHED), "half a").expect("a file can be written");
    let old = files(&folder);
    let lone = lone_archive(&old);

    scene.once().run().expect_code(0);
    let [first] = &new_cycles(&scene, &old)[..] else { panic!("one new cycle") };
    assert_eq!(first.manifest.sequence, 1);
    assert!(first.manifest.tells_of(&lone), "{lone} is recovered: {:?}", first.manifest.recovered);
    let told = |cycle: &Cycle, name: &str| cycle.lines("WARN").iter().any(|line| line.contains(name));
    assert!(told(first, &lone), "the log tells of {lone}: {}", first.log);
    assert!(!folder.join(UNFINISHED).exists(), "what was not finished is gone");

    scene.once().run().expect_code(0);
    let cycles = new_cycles(&scene, &old);
    let second = cycles.iter().max_by_key(|cycle| cycle.manifest.sequence);
    let second = second.expect("there are two new cycles");
    assert_eq!((cycles.len(), second.manifest.sequence), (2, 2));
    assert_eq!(second.manifest.recovered.len(), 0, "it is told once: {:?}", second.manifest.recovered);
    assert!(!told(second, &lone), "the log does not tell of it again: {}", second.log);
}

#[test]
fn records_with_manifests_are_read_and_continued() {
    let scene = Scene::of(Cluster::sample());
    copy_out(&data("manifest-1/audit"), &scene.audit());
    remember(&scene, &fs::read(data("manifest-1/state.json")).expect("a file of ours can be read"));
    let old = files(&scene.target().folder());
    scene.once().run().expect_code(0);
    // The old cycles are held to all that the new one is held to, but for when they were committed.
    let cycles = scene.target().beside([UNFINISHED.to_owned()]).check();
    let [first, second, new] = &cycles[..] else { panic!("three cycles: {cycles:#?}") };
    let sequence = [first, second, new].map(|cycle| cycle.manifest.sequence);
    assert_eq!(sequence, [1, 2, 3]);
    assert_eq!(new.manifest.recovered.len(), 0, "nothing was interrupted: {:?}", new.manifest.recovered);
    // The exercise's discovery has a comma too many, and that is all there is to say.
    assert_eq!(new.lines("WARN").len(), 1, "{}", new.log);
    assert_eq!(files(&scene.target().folder()).len(), old.len() + 2);
}

#[test]
fn without_the_state_the_sequence_goes_on_behind_the_newest_manifest() {
    let damaged = b"{\"format\":\"minutebook.state/99\"}";
    for state in [None, Some(&b"garbage"[..]), Some(damaged)] {
        let scene = Scene::of(Cluster::sample());
        copy_out(&data("manifest-1/audit"), &scene.audit());
        if let Some(state) = state {
            remember(&scene, state);
        }
        scene.once().run().expect_code(0);
        let cycles = scene.target().beside([UNFINISHED.to_owned()]).check();
        let new = cycles.last().expect("there are cycles");
        assert_eq!(new.manifest.sequence, 3);
        let told = |what: &str| new.lines("WARN").iter().any(|line| line.contains(what));
        assert!(told("remembers nothing of this target"), "{}", new.log);
        assert_eq!(told("the state `"), state.is_some(), "{}", new.log);
    }
}

/// Puts a state where the program keeps it for the exercise's target in the scene's AUDIT_DIR.
fn remember(scene: &Scene, state: &[u8]) {
    let audit = scene.audit();
    let of_audit = &readers::sha256(audit.as_os_str().as_encoded_bytes())[..16];
    let folder = scene.path(".local/state/minutebook").join(of_audit).join(HOST).join(CLUSTER);
    fs::create_dir_all(&folder).expect("folders can be made");
    fs::write(folder.join(format!("{NAMESPACE}.json")), state).expect("a file can be written");
}

/// What 0.1.0 recorded is what its `README.md` says, by every reader there is.
#[test]
fn archives_of_0_1_0_hold_what_was_served() {
    let scene = Scene::of(Cluster::sample());
    copy_out(&data("0.1.0"), &scene.audit());
    let folder = scene.target().folder();
    let archives: Vec<_> = files(&folder).into_keys().filter(|name| name.ends_with(".tar.gz")).collect();
    let ordinary = BTreeMap::from([("configmaps.json".to_owned(), sample_data("configmaps.json"))]);
    let names = [
        "configmaps",
        "endpoints",
        "events",
        "limitranges",
        "persistentvolumeclaims",
        "replicationcontrollers",
        "resourcequotas",
        "secrets",
        "serviceaccounts",
        "services",
    ];
    let file = |name| (format!("{name}.json"), sample_data(&format!("richer/{name}.json")));
    let richer: BTreeMap<_, _> = names.map(file).into();
    let expected = [ordinary, richer.clone(), richer, BTreeMap::new()];
    assert_eq!(archives.len(), expected.len());
    for (name, expected) in archives.iter().zip(expected) {
        let path = folder.join(name);
        let packed = fs::read(&path).expect("an archive can be read");
        let entries = readers::unpack(&packed);
        readers::agree(&path, &packed, &entries);
        let found: BTreeMap<_, _> = entries.into_iter().map(|entry| (entry.name, entry.bytes)).collect();
        assert!(found == expected, "{name} holds {:?}", found.keys());
    }
}

/// The cycles that are new, once it is sure that every old file is what it was.
fn new_cycles(scene: &Scene, old: &BTreeMap<String, Vec<u8>>) -> Vec<Cycle> {
    let folder = scene.target().folder();
    for (name, bytes) in old.iter().filter(|(name, _)| *name != UNFINISHED) {
        let path = folder.join(name);
        assert!(fs::read(&path).is_ok_and(|found| found == *bytes), "{name} is what it was");
        let mode = fs::metadata(&path).expect("it was read").permissions().mode();
        assert_eq!(mode & 0o7777, 0o444, "the mode of {name}");
        if name.ends_with(".tar.gz") {
            readers::agree(&path, bytes, &readers::unpack(bytes));
        }
    }
    scene.target().beside(old.keys().cloned()).check()
}

/// The cycle that has an archive and no log.
fn lone_archive(files: &BTreeMap<String, Vec<u8>>) -> String {
    let archives = files.keys().filter_map(|name| name.strip_suffix(".audit.tar.gz"));
    let lone: Vec<_> = archives.filter(|name| !files.contains_key(&format!("{name}.audit.log"))).collect();
    let [lone] = lone[..] else { panic!("one archive without a log: {lone:?}") };
    lone.to_owned()
}

fn data(version: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(version)
}

/// Copies an AUDIT_DIR, and restores the modes that git does not keep.
fn copy_out(from: &Path, to: &Path) {
    fs::create_dir(to).expect("a folder can be made");
    let entries = fs::read_dir(from).expect("a folder of ours can be read");
    let mut entries: Vec<_> = entries.map(|entry| entry.expect("a folder of ours can be read")).collect();
    // In the order in which they were recorded.
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries {
        let copy = to.join(entry.file_name());
        if entry.file_type().expect("it has a type").is_dir() {
            copy_out(&entry.path(), &copy);
        } else {
            fs::copy(entry.path(), &copy).expect("a file can be copied");
            fs::set_permissions(&copy, Permissions::from_mode(0o444)).expect("it is ours");
        }
    }
    fs::set_permissions(to, Permissions::from_mode(0o750)).expect("it is ours");
}

fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let files = fs::read_dir(folder).expect("a folder can be read").map(|file| {
        let file = file.expect("a folder can be read");
        let name = file.file_name().into_string().expect("names are text");
        (name, fs::read(file.path()).expect("a file can be read"))
    });
    files.collect()
}
