//! What may be left in AUDIT_DIR, whatever failed and wherever the program was killed: archives,
//! logs and manifests that are complete and read-only, and none that contradicts another. Other than on
//! the days that the common oracle knows, one of them may be missing; but a manifest is never there
//! without what it tells of, and no number of the sequence is used up without a manifest.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::support::binary::Ended;
use crate::support::cluster::{CLUSTER, HOST, NAMESPACE};
use crate::support::manifest::{LEDGER, Manifest, check_sequence};
use crate::support::readers::{self, Entry};
use crate::support::scene::Scene;

const ARCHIVE: &str = ".audit.tar.gz";
const LOG: &str = ".audit.log";

/// How the names of unfinished files begin, where they have any.
const TEMPORARY: &str = ".minutebook-";

/// What says that an archive is empty because a full one could not be written.
const EMPTY_INSTEAD: &str = "an empty one was written instead";

/// All that is in AUDIT_DIR.
#[derive(Debug)]
pub(super) struct Left {
    /// By their names, in order.
    pub(super) cycles: BTreeMap<String, Cycle>,
    /// Files that should have lost their temporary names.
    pub(super) temporary: Vec<String>,
}

/// What is left of a cycle.
#[derive(Debug, Default)]
pub(super) struct Cycle {
    pub(super) archive: Option<Vec<Entry>>,
    pub(super) log: Option<String>,
    pub(super) manifest: Option<Manifest>,
}

impl Cycle {
    /// Its log's lines of this level.
    pub(super) fn lines(&self, level: &str) -> Vec<&str> {
        let lines = self.log.iter().flat_map(|log| log.lines());
        lines.filter(|line| line.split(' ').nth(1) == Some(level)).collect()
    }

    /// Its archive's entries, none if there is no archive.
    pub(super) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let entries = self.archive.iter().flatten();
        entries.map(|entry| (entry.name.clone(), entry.bytes.clone())).collect()
    }

    /// What there is of it, for a person.
    pub(super) fn tell(&self) -> String {
        let archive = match self.archive.as_deref() {
            None => "no archive".to_owned(),
            Some([]) => "an empty archive".to_owned(),
            Some(entries) => format!("an archive of {}", entries.len()),
        };
        let log = if self.log.is_some() { "a log" } else { "no log" };
        let manifest = if self.manifest.is_some() { "a manifest" } else { "no manifest" };
        format!("{archive}, {log}, {manifest}")
    }

    fn check(&self, name: &str, target: [&str; 3], folder: &Path) {
        if let Some(manifest) = &self.manifest {
            assert!(self.archive.is_some() || self.log.is_some(), "{name}: a manifest of nothing");
            manifest.check(name, folder, self.archive.as_deref().unwrap_or_default());
        }
        let Some(log) = &self.log else { return };
        let lines: Vec<_> = log.lines().collect();
        let first = lines.first().copied().unwrap_or_default();
        let last = lines.last().copied().unwrap_or_default();
        let complete = log.ends_with('\n')
            && lines.len() >= 2
            && first.contains(&format!(" records {} ", target.join("/")))
            && last.contains(" INFO - recorded ");
        assert!(complete, "{name}: the log has its first line and its last:\n{log}");
        let of_archive =
            |line: &&str| line.contains(" - the archive ") && line.contains("could not be written");
        let not_written = self.lines("ERROR").into_iter().find(of_archive);
        let empty_instead = not_written.is_some_and(|line| line.ends_with(EMPTY_INSTEAD));
        match &self.archive {
            None => assert!(not_written.is_some() && !empty_instead, "{name} tells of no archive:\n{log}"),
            Some(entries) if empty_instead => {
                assert_eq!(*entries, [], "{name}: the log tells of an empty archive:\n{log}");
            }
            Some(entries) => {
                assert_eq!(not_written, None, "{name}: there is an archive:\n{log}");
                let count = entries.len();
                assert_eq!(recorded(last), count, "{name}: entries as the log tells:\n{log}");
            }
        }
    }
}

/// How many resources are in the archive, as a log's last line has it.
pub(super) fn recorded(last: &str) -> usize {
    let behind = last.split_once(" recorded ").map(|(_, behind)| behind);
    match behind.and_then(|behind| behind.split(' ').next()) {
        Some("no" | "nothing;") => 0,
        Some(number) => number.parse().unwrap_or_else(|error| panic!("{error}: {last}")),
        None => panic!("a last line sums up: {last}"),
    }
}

/// Checks everything that is in AUDIT_DIR.
pub(super) fn check(scene: &Scene) -> Left {
    check_target(&scene.audit(), [HOST, CLUSTER, NAMESPACE], &[])
}

/// Checks everything that is there of a target, beside which there may be these other ones.
pub(super) fn check_target(audit: &Path, target: [&str; 3], others: &[[&str; 3]]) -> Left {
    let mut left = Left { cycles: BTreeMap::new(), temporary: Vec::new() };
    let mut folder = audit.to_owned();
    for (depth, below) in target.iter().enumerate() {
        let beside = others.iter().filter(|other| other[..depth] == target[..depth]);
        let known: Vec<_> = beside.map(|other| other[depth]).chain([*below]).collect();
        let is_ledger = |name: &String| depth == 2 && name == LEDGER;
        let names = names(&folder);
        let expected = names.iter().all(|name| known.contains(&name.as_str()) || is_ledger(name));
        assert!(expected, "{known:?} alone in {}: {names:?}", folder.display());
        if depth == 2 {
            check_ledger(&folder, &known, &mut left);
            let manifests = Manifest::all(&folder, below);
            let first = check_sequence(manifests.values());
            assert!(first.is_none_or(|first| first == 1), "the sequence begins: {first:?}");
            for (name, manifest) in manifests {
                left.cycles.entry(name).or_default().manifest = Some(manifest);
            }
        }
        folder.push(below);
    }
    for file in names(&folder) {
        let path = folder.join(&file);
        let status = fs::symlink_metadata(&path).expect("a listed file is there");
        assert!(status.is_file(), "{file} is an ordinary file");
        if file.starts_with(TEMPORARY) {
            left.temporary.push(file);
            continue;
        }
        assert_eq!(status.mode() & 0o7777, 0o444, "the mode of {file}");
        if let Some(name) = file.strip_suffix(ARCHIVE) {
            left.cycles.entry(name.to_owned()).or_default().archive = Some(entries(&path));
        } else if let Some(name) = file.strip_suffix(LOG) {
            let log = fs::read_to_string(&path).expect("a log is text");
            left.cycles.entry(name.to_owned()).or_default().log = Some(log);
        } else {
            panic!("neither archive nor log: {file}");
        }
    }
    for (name, cycle) in &left.cycles {
        cycle.check(name, target, &folder);
    }
    left
}

/// Checks that there is nothing in the ledger's folder but locks and manifests, and what lost its life there.
fn check_ledger(cluster: &Path, namespaces: &[&str], left: &mut Left) {
    let ledger = cluster.join(LEDGER);
    let locks = namespaces.iter().map(|namespace| format!("{namespace}.lock"));
    let known: Vec<_> = locks.chain(["lock", "manifests"].map(str::to_owned)).collect();
    let manifests = ledger.join("manifests");
    let namespaces = namespaces.iter().map(|namespace| (*namespace).to_owned()).collect();
    for (folder, known) in [(ledger, known), (manifests.clone(), namespaces)] {
        let (temporary, others) = names(&folder).into_iter().partition(|name| name.starts_with(TEMPORARY));
        left.temporary.extend::<Vec<_>>(temporary);
        let unknown: Vec<String> = others;
        let unknown: Vec<_> = unknown.into_iter().filter(|name| !known.contains(name)).collect();
        assert_eq!(unknown, [""; 0], "{known:?} alone in {}", folder.display());
    }
    for namespace in names(&manifests) {
        let files = names(&manifests.join(namespace));
        left.temporary.extend(files.into_iter().filter(|name| name.starts_with(TEMPORARY)));
    }
}

/// Checks that the exit code of a single cycle is right about what it left, and that it
/// told of everything that is missing.
pub(super) fn check_exit(ended: &Ended, cycle: &Cycle, complete: &BTreeMap<String, Vec<u8>>) {
    let of_manifest = |line: &str| line.contains(" ERROR ") && line.contains(" manifest");
    let told_of_manifest = ended.stderr.lines().any(of_manifest);
    let told_on_stderr = ended.stderr.contains(" ERROR ") || ended.stderr.contains("error: ");
    match ended.code() {
        0 => {
            assert_eq!(cycle.lines("ERROR"), [""; 0], "no errors; {ended:#?}");
            assert!(cycle.log.is_some(), "there is a log; {ended:#?}");
            assert!(cycle.manifest.is_some(), "there is a manifest; {ended:#?}");
            assert!(cycle.files() == *complete, "everything is recorded; {ended:#?}");
        }
        3 => {
            let told = !cycle.lines("ERROR").is_empty() || told_of_manifest;
            assert!(told, "the log tells of an error, or stderr of the manifest: {cycle:?}; {ended:#?}");
            assert!(cycle.archive.is_some(), "there is an archive; {ended:#?}");
        }
        4 => assert!(told_on_stderr, "stderr tells why: {ended:#?}"),
        code => panic!("exit code {code}: {ended:#?}"),
    }
    let missing = cycle.archive.is_none() || cycle.log.is_none();
    assert!(!missing || ended.code() == 4, "what is missing is no success: {}; {ended:#?}", cycle.tell());
    let unsealed = cycle.archive.is_some() && cycle.manifest.is_none();
    assert!(!unsealed || told_of_manifest, "stderr tells that there is no manifest; {ended:#?}");
    if ended.stderr.contains("there is no manifest, as the log says") {
        let says_so = |line: &&str| line.contains(" - this cycle has no manifest: ");
        assert!(cycle.lines("ERROR").iter().any(says_so), "the log says so: {cycle:?}; {ended:#?}");
    }
}

/// Checks that the cycle after a start tells of all that was left, by these names, and of nothing else.
pub(super) fn check_told<'a>(cycle: &Cycle, left: impl IntoIterator<Item = &'a String>) {
    let left: Vec<_> = left.into_iter().collect();
    let manifest = cycle.manifest.as_ref().expect("what tells of it has a manifest");
    assert_eq!(manifest.recovered.len(), left.len(), "{left:?} are told of: {manifest:?}");
    for name in left {
        let warned = cycle.lines("WARN").iter().any(|line| line.contains(name));
        assert!(warned && manifest.tells_of(name), "{name} is told of: {cycle:?}");
    }
}

fn entries(archive: &Path) -> Vec<Entry> {
    let packed = fs::read(archive).expect("an archive can be read");
    let entries = readers::unpack(&packed);
    readers::agree(archive, &packed, &entries);
    entries
}

/// The names in a folder, sorted; none if there is no folder.
fn names(folder: &Path) -> Vec<String> {
    let Ok(files) = fs::read_dir(folder) else { return Vec::new() };
    let names = files.map(|file| file.expect("a folder can be read").file_name());
    let mut names: Vec<_> = names.map(|name| name.into_string().expect("names are text")).collect();
    names.sort();
    names
}
