//! What may be left in AUDIT_DIR, whatever failed and wherever the program was killed: archives
//! and logs that are complete and read-only, and no log that its archive contradicts. Other than on
//! the days that the common oracle knows, one of the two may be missing.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;

use crate::support::binary::Ended;
use crate::support::cluster::{CLUSTER, HOST, NAMESPACE};
use crate::support::readers::{self, Entry};
use crate::support::scene::Scene;

const ARCHIVE: &str = ".audit.tar.gz";
const LOG: &str = ".audit.log";

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
        format!("{archive}, {}", if self.log.is_some() { "a log" } else { "no log" })
    }

    fn check(&self, name: &str) {
        let Some(log) = &self.log else { return };
        let lines: Vec<_> = log.lines().collect();
        let first = lines.first().copied().unwrap_or_default();
        let last = lines.last().copied().unwrap_or_default();
        let complete = log.ends_with('\n')
            && lines.len() >= 2
            && first.contains(&format!(" records {HOST}/{CLUSTER}/{NAMESPACE} "))
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
        Some("no" | "nothing") => 0,
        Some(number) => number.parse().unwrap_or_else(|error| panic!("{error}: {last}")),
        None => panic!("a last line sums up: {last}"),
    }
}

/// Checks everything that is in AUDIT_DIR.
pub(super) fn check(scene: &Scene) -> Left {
    let mut left = Left { cycles: BTreeMap::new(), temporary: Vec::new() };
    let mut folder = scene.audit();
    for below in [HOST, CLUSTER, NAMESPACE] {
        let names = names(&folder);
        assert!(names.iter().all(|name| name == below), "{below} alone in {}: {names:?}", folder.display());
        folder.push(below);
    }
    for file in names(&folder) {
        let path = folder.join(&file);
        let status = fs::symlink_metadata(&path).expect("a listed file is there");
        assert!(status.is_file(), "{file} is an ordinary file");
        if file.starts_with(".minutebook-") {
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
        cycle.check(name);
    }
    left
}

/// Checks that the exit code of a single cycle is right about what it left, and that it
/// told of everything that is missing.
pub(super) fn check_exit(ended: &Ended, cycle: &Cycle, complete: &BTreeMap<String, Vec<u8>>) {
    let told_on_stderr = ended.stderr.contains(" ERROR ") || ended.stderr.contains("error: ");
    match ended.code() {
        0 => {
            assert_eq!(cycle.lines("ERROR"), [""; 0], "no errors; {ended:#?}");
            assert!(cycle.log.is_some(), "there is a log; {ended:#?}");
            assert!(cycle.files() == *complete, "everything is recorded; {ended:#?}");
        }
        3 => {
            assert!(!cycle.lines("ERROR").is_empty(), "the log tells of an error: {cycle:?}; {ended:#?}");
            assert!(cycle.archive.is_some(), "there is an archive; {ended:#?}");
        }
        4 => assert!(told_on_stderr, "stderr tells why: {ended:#?}"),
        code => panic!("exit code {code}: {ended:#?}"),
    }
    let missing = cycle.archive.is_none() || cycle.log.is_none();
    assert!(!missing || ended.code() == 4, "what is missing is no success: {}; {ended:#?}", cycle.tell());
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
