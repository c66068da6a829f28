//! One oracle for every test that records: what must be true of AUDIT_DIR whatever went
//! wrong. It knows nothing of the case at hand; it asserts the rules, and hands back the
//! cycles for the case's own assertions.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use chrono::{DateTime, NaiveDateTime};

use super::manifest::{LEDGER, Manifest, changed, check_sequence};
use super::readers::{self, Entry};

/// A target's folder under AUDIT_DIR, and what its cycles are held to.
pub(crate) struct Target {
    audit: PathBuf,
    folders: [String; 3],
    interval: Duration,
    bystanders: BTreeSet<String>,
    neighbors: Vec<[String; 3]>,
    one_reader: bool,
    begun_elsewhere: bool,
}

/// A recorded cycle.
#[derive(Debug)]
pub(crate) struct Cycle {
    /// What archive and log are called before `.audit`.
    pub(crate) name: String,
    /// The second that its name says.
    pub(crate) named: i64,
    /// The second in which it began, as its log's first line says.
    pub(crate) began: i64,
    pub(crate) archive: PathBuf,
    pub(crate) entries: Vec<Entry>,
    pub(crate) log: String,
    pub(crate) manifest: Manifest,
}

impl Target {
    /// Any target, by its folders.
    pub(crate) fn new(audit: &Path, folders: [&str; 3], interval: Duration) -> Target {
        let folders = folders.map(str::to_owned);
        Target {
            audit: audit.to_owned(),
            folders,
            interval,
            bystanders: BTreeSet::new(),
            neighbors: Vec::new(),
            one_reader: false,
            begun_elsewhere: false,
        }
    }

    /// Files in its folder that were there before, and are looked past.
    pub(crate) fn beside(mut self, names: impl IntoIterator<Item = String>) -> Target {
        self.bystanders.extend(names);
        self
    }

    /// Other targets that are recorded into the same AUDIT_DIR.
    pub(crate) fn among(mut self, neighbors: impl IntoIterator<Item = [String; 3]>) -> Target {
        self.neighbors.extend(neighbors);
        self
    }

    /// Its first cycles are in another AUDIT_DIR.
    pub(crate) fn begun_elsewhere(mut self) -> Target {
        self.begun_elsewhere = true;
        self
    }

    /// Reads archives with the crates alone: where there are thousands.
    pub(crate) fn by_one_reader(mut self) -> Target {
        self.one_reader = true;
        self
    }

    /// The folder that holds archives and logs.
    pub(crate) fn folder(&self) -> PathBuf {
        self.folders.iter().fold(self.audit.clone(), |path, name| path.join(name))
    }

    /// The folder that holds the folders of the cluster's namespaces.
    fn cluster(&self) -> PathBuf {
        self.audit.join(&self.folders[0]).join(&self.folders[1])
    }

    /// How many cycles are committed so far: their manifests come last, so they are what counts.
    pub(crate) fn committed(&self) -> usize {
        let manifests = self.cluster().join(LEDGER).join("manifests").join(&self.folders[2]);
        let Ok(files) = fs::read_dir(manifests) else {
            return 0;
        };
        let names = files.map(|file| file.expect("a folder can be read").file_name());
        names.filter(|name| !name.to_string_lossy().starts_with('.')).count()
    }

    /// Checks everything under AUDIT_DIR, and gives the cycles in the order of their names.
    pub(crate) fn check(&self) -> Vec<Cycle> {
        let mut names: BTreeMap<String, Vec<&str>> = BTreeMap::new();
        let files = self.only_our_files();
        for file in &files {
            let kind = [".audit.tar.gz", ".audit.log"].into_iter().find(|end| file.ends_with(end));
            let kind = kind.unwrap_or_else(|| panic!("neither archive nor log: {file}"));
            let name = file.strip_suffix(kind).expect("it ends so");
            names.entry(name.to_owned()).or_default().push(kind);
        }
        for (name, kinds) in &names {
            assert_eq!(kinds, &[".audit.log", ".audit.tar.gz"], "{name} has a log and an archive");
        }
        let mut manifests = Manifest::all(&self.cluster(), &self.folders[2]);
        let first = check_sequence(manifests.values());
        assert!(
            self.begun_elsewhere || first.is_none_or(|first| first == 1),
            "the sequence begins: {first:?}"
        );
        let cycles = names.keys().map(|name| {
            let manifest = manifests.remove(name);
            self.cycle(name, manifest.unwrap_or_else(|| panic!("{name} has a manifest")))
        });
        let cycles = cycles.collect();
        assert!(manifests.is_empty(), "manifests without archive and log: {:?}", manifests.keys());
        cycles
    }

    /// What may be in the folder at this depth below AUDIT_DIR.
    fn expected(&self, depth: usize) -> BTreeSet<String> {
        let above = &self.folders[..depth];
        let all = self.neighbors.iter().chain([&self.folders]).filter(|folders| folders[..depth] == *above);
        all.map(|folders| folders[depth].clone()).collect()
    }

    /// Asserts that the ledger's folder holds manifests and locks of the cluster's targets alone.
    fn check_ledger(&self) {
        let ledger = self.cluster().join(LEDGER);
        let namespaces = self.expected(2);
        let mut allowed: BTreeSet<_> = namespaces.iter().map(|name| format!("{name}.lock")).collect();
        allowed.extend(["lock", "manifests"].map(str::to_owned));
        for (folder, allowed) in [(ledger.clone(), allowed), (ledger.join("manifests"), namespaces)] {
            let names = if folder.exists() { file_names(&folder) } else { BTreeSet::new() };
            assert!(names.is_subset(&allowed), "all of {}: {names:?}", folder.display());
        }
    }

    /// The files in the target's folder, once it is sure that there is nothing else anywhere.
    fn only_our_files(&self) -> BTreeSet<String> {
        let mut folder = self.audit.clone();
        for (depth, name) in self.folders.iter().enumerate() {
            let (names, mut allowed) = (file_names(&folder), self.expected(depth));
            if depth == 2 {
                allowed.insert(LEDGER.to_owned());
            }
            let others: Vec<_> = names.difference(&allowed).collect();
            assert!(others.is_empty(), "all of {} but {others:?}", folder.display());
            assert!(names.contains(name), "{name} is in {}", folder.display());
            folder.push(name);
            let status = fs::symlink_metadata(&folder).expect("a listed folder is there");
            assert!(status.is_dir(), "{} is a folder", folder.display());
            if self.bystanders.is_empty() {
                assert_eq!(mode(&folder), 0o750, "the mode of {}", folder.display());
            }
        }
        self.check_ledger();
        file_names(&folder).difference(&self.bystanders).cloned().collect()
    }

    /// Checks one cycle, which its manifest says is committed.
    pub(crate) fn cycle(&self, name: &str, manifest: Manifest) -> Cycle {
        let file = |end: &str| self.folder().join(format!("{name}.audit.{end}"));
        let (archive, log) = (file("tar.gz"), file("log"));
        for path in [&archive, &log] {
            assert_eq!(mode(path), 0o444, "the mode of {}", path.display());
        }
        let text = fs::read_to_string(&log).expect("a log is text");
        let began = check_log(&text);
        let named = NaiveDateTime::parse_from_str(name, "%Y-%m-%dT%H%M%S")
            .unwrap_or_else(|error| panic!("{name} is no instant: {error}"))
            .and_utc()
            .timestamp();
        assert!(began <= named, "{name} is named for an instant before it began\n{text}");
        if self.bystanders.is_empty() {
            self.check_commit(&archive, &log, &manifest, began);
        }
        let packed = fs::read(&archive).expect("an archive can be read");
        let entries = readers::unpack(&packed);
        check_entries(&entries, began);
        assert_eq!(told_recorded(&text), entries.len(), "the log tells of the archive's entries: {text}");
        if !self.one_reader {
            readers::agree(&archive, &packed, &entries);
        }
        manifest.check(name, &self.folder(), &entries);
        // To the second, which is what both give.
        manifest.check_identity(&self.folders, &text[.."0000-00-00T00:00:00".len()]);
        Cycle { name: name.to_owned(), named, began, archive, entries, log: text, manifest }
    }

    /// The archive first, then the log, then the manifest, and all before the next slot.
    fn check_commit(&self, archive: &Path, log: &Path, manifest: &Manifest, began: i64) {
        let (archive, log, manifest) = (changed(archive), changed(log), manifest.committed);
        assert!(archive <= log, "the archive is committed before the log");
        assert!(log <= manifest, "the log is committed before the manifest");
        // The log gives whole seconds, so the cycle may have begun almost a second later.
        let began = Duration::from_secs(u64::try_from(began).expect("it is after 1970"));
        let next = began + Duration::from_secs(1) + self.interval;
        assert!(manifest < next, "committed {:?} after the next slot began", manifest.saturating_sub(next));
    }
}

impl Cycle {
    /// Its entries, by name.
    pub(crate) fn files(&self) -> BTreeMap<String, Vec<u8>> {
        let pairs = self.entries.iter().map(|entry| (entry.name.clone(), entry.bytes.clone()));
        pairs.collect()
    }

    /// Asserts that it holds these files and no other, byte for byte.
    pub(crate) fn holds(&self, expected: &BTreeMap<String, Vec<u8>>) {
        let files = self.files();
        let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&files), names(expected), "the entries; the log:\n{}", self.log);
        for (name, bytes) in expected {
            let found = &files[name];
            assert!(found == bytes, "{name}: {}", first_difference(found, bytes));
        }
    }

    /// Its log's lines of this level.
    pub(crate) fn lines(&self, level: &str) -> Vec<&str> {
        let of_level = |line: &&str| line.split(' ').nth(1) == Some(level);
        self.log.lines().filter(of_level).collect()
    }
}

/// Checks the form of a log, and gives the second in which the cycle began.
fn check_log(text: &str) -> i64 {
    assert!(text.ends_with('\n'), "a log ends with a line end: {text:?}");
    let mut began = None;
    let mut levels = Vec::new();
    for line in text.lines() {
        assert!(!line.chars().any(char::is_control), "a log line is printable: {line:?}");
        let words: Vec<_> = line.splitn(4, ' ').collect();
        let [time, level, subject, message] = words[..] else {
            panic!("not TIME LEVEL SUBJECT MESSAGE: {line}");
        };
        assert!(!subject.is_empty() && !message.is_empty(), "subject and message: {line}");
        let time = DateTime::parse_from_rfc3339(time);
        let time = time.unwrap_or_else(|error| panic!("{error}: {line}")).timestamp();
        assert!(time >= *began.get_or_insert(time), "no line is from before the first: {text}");
        levels.push(level);
    }
    assert!(levels.len() >= 2, "a log has a first line and a last: {text}");
    let known = |level: &&str| ["INFO", "WARN", "ERROR"].contains(level);
    assert!(levels.iter().all(known), "levels are INFO, WARN and ERROR: {text}");
    assert_eq!(levels.first(), Some(&"INFO"), "the first line says what was recorded: {text}");
    assert_eq!(levels.last(), Some(&"INFO"), "the last line sums up: {text}");
    check_sum(text, &levels);
    began.expect("a log has a first line")
}

/// The last line counts what stands above it.
fn check_sum(text: &str, levels: &[&str]) {
    let last = text.lines().next_back().expect("a log has a last line");
    for (level, thing) in [("ERROR", "error"), ("WARN", "warning")] {
        let count = levels.iter().filter(|known| **known == level).count();
        let told = match count {
            0 => format!("; no {thing}s"),
            1 => format!("1 {thing}"),
            _ => format!("{count} {thing}s"),
        };
        assert!(last.contains(told.trim_start_matches("; ")), "the last line says `{told}`: {text}");
    }
}

/// How many resources a log says are recorded.
fn told_recorded(text: &str) -> usize {
    let last = text.lines().next_back().expect("a log has a last line");
    let told = last.split(" - recorded ").nth(1).expect("it says what was recorded");
    let number = told.split(' ').next().expect("a text has a first word");
    match number {
        "no" | "nothing;" => 0,
        number => number.parse().unwrap_or_else(|error| panic!("{error}: {last}")),
    }
}

fn check_entries(entries: &[Entry], began: i64) {
    let sorted = entries.windows(2).all(|pair| pair[0].name < pair[1].name);
    assert!(sorted, "entries are sorted by name, and none comes twice");
    for Entry { name, mode, uid, gid, mtime, .. } in entries {
        assert_eq!((*mode, *uid, *gid), (0o444, 0, 0), "mode, uid and gid of {name}");
        assert_eq!(i64::try_from(*mtime), Ok(began), "the mtime of {name} is the cycle's start");
        let resource = name.strip_suffix(".json").unwrap_or_default();
        assert!(!resource.is_empty() && !name.contains('/'), "{name} is a file of its own");
    }
}

fn mode(path: &Path) -> u32 {
    let status = fs::symlink_metadata(path);
    status.unwrap_or_else(|error| panic!("{}: {error}", path.display())).mode() & 0o7777
}

fn file_names(folder: &Path) -> BTreeSet<String> {
    let files = fs::read_dir(folder);
    let files = files.unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let names = files.map(|file| file.expect("a folder can be read").file_name());
    names.map(|name| name.into_string().expect("names are text")).collect()
}

fn first_difference(found: &[u8], expected: &[u8]) -> String {
    let at = found.iter().zip(expected).take_while(|(one, other)| one == other).count();
    let show = |bytes: &[u8]| {
        let part = &bytes[at.saturating_sub(20)..bytes.len().min(at + 40)];
        String::from_utf8_lossy(part).into_owned()
    };
    let lengths = format!("{} bytes, not {}", found.len(), expected.len());
    format!("{lengths}; at byte {at} {:?}, not {:?}", show(found), show(expected))
}
