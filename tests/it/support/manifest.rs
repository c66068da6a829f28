//! The manifest of a cycle, as somebody reads it who knows its documented keys and no program.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Deserializer};
use serde_json::Value;

use super::readers::{Entry, sha256};

/// What lies beside the namespaces of a cluster.
pub(crate) const LEDGER: &str = ".ledger";
const FORMAT: &str = "minutebook.manifest/1";

/// A manifest; every key must be there, null or not.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Manifest {
    format: String,
    target: Value,
    pub(crate) slot: u64,
    pub(crate) sequence: u64,
    #[serde(deserialize_with = "or_null")]
    pub(crate) missed: Option<Missed>,
    started: Value,
    program: Value,
    filter: Value,
    #[serde(deserialize_with = "or_null")]
    resources: Option<Vec<Value>>,
    #[serde(deserialize_with = "or_null")]
    pub(crate) archive: Option<File>,
    #[serde(deserialize_with = "or_null")]
    pub(crate) log: Option<File>,
    pub(crate) recovered: Vec<Value>,
    /// All of it.
    #[serde(skip)]
    pub(crate) value: Value,
    /// When it got its name.
    #[serde(skip)]
    pub(crate) committed: Duration,
}

/// Slots without an archive.
#[derive(Clone, Copy, Debug, Deserialize)]
pub(crate) struct Missed {
    pub(crate) first: u64,
    pub(crate) last: u64,
}

/// What a manifest says of a file.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct File {
    pub(crate) name: String,
    bytes: u64,
    sha256: String,
}

/// A key that must be there, though its value may be null.
fn or_null<'de, D: Deserializer<'de>, T: Deserialize<'de>>(value: D) -> Result<Option<T>, D::Error> {
    Option::deserialize(value)
}

impl Manifest {
    /// Those of a namespace, by the names of their cycles, below the folder of its cluster.
    pub(crate) fn all(cluster: &Path, namespace: &str) -> BTreeMap<String, Manifest> {
        let folder = cluster.join(LEDGER).join("manifests").join(namespace);
        let Ok(files) = fs::read_dir(&folder) else { return BTreeMap::new() };
        let names = files.map(|file| file.expect("a folder can be read").file_name());
        let names = names.map(|name| name.into_string().expect("names are text"));
        // What has a temporary name is none yet; whoever wants none of those counts them.
        let names = names.filter(|name| !name.starts_with('.'));
        let read = |name: String| {
            let stamp = name.strip_suffix(".json").unwrap_or_else(|| panic!("not a manifest: {name}"));
            (stamp.to_owned(), Manifest::read(&folder.join(&name)))
        };
        names.map(read).collect()
    }

    fn read(path: &Path) -> Manifest {
        let status = fs::symlink_metadata(path).expect("a listed file is there");
        assert!(status.is_file(), "{} is an ordinary file", path.display());
        assert_eq!(status.mode() & 0o7777, 0o444, "the mode of {}", path.display());
        let text = fs::read(path).expect("a manifest can be read");
        let manifest: Result<Manifest, _> = serde_json::from_slice(&text);
        let manifest = manifest.unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        assert_eq!(manifest.format, FORMAT, "the format of {}", path.display());
        let value = serde_json::from_slice(&text).expect("it has just been read");
        Manifest { value, committed: changed(path), ..manifest }
    }

    /// Checks what it says of its cycle: of the files in the target's folder, and of the archive's entries.
    pub(crate) fn check(&self, name: &str, folder: &Path, entries: &[Entry]) {
        let files = [(&self.archive, "archive", "tar.gz"), (&self.log, "log", "log")];
        for (file, kind, end) in files {
            let path = folder.join(format!("{name}.audit.{end}"));
            let Some(file) = file else {
                assert!(!path.exists(), "the manifest of {name} knows of its {kind}");
                continue;
            };
            let known = path.file_name().and_then(|name| name.to_str());
            assert_eq!(Some(file.name.as_str()), known, "the {kind}'s name in the manifest of {name}");
            let bytes = fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
            assert_eq!(file.bytes, bytes.len() as u64, "the {kind}'s size in the manifest of {name}");
            assert_eq!(file.sha256, sha256(&bytes), "the {kind}'s digest in the manifest of {name}");
        }
        let stored = self.stored();
        let held = entries.iter().map(|entry| {
            let resource = entry.name.strip_suffix(".json").unwrap_or(&entry.name);
            (resource.to_owned(), (entry.bytes.len() as u64, sha256(&entry.bytes)))
        });
        assert_eq!(stored, held.collect(), "the stored resources in the manifest of {name}");
    }

    /// Checks what it says of who recorded what: the target's folders, and the second in which it began.
    pub(crate) fn check_identity(&self, folders: &[String; 3], began: &str) {
        // A host has a folder that is not always called like it.
        for folder in &folders[1..] {
            let told = self.target.to_string();
            let name = match folder.as_str() {
                "_all" => "all-namespaces",
                "_cluster" => "cluster",
                name => name,
            };
            assert!(told.contains(&format!("\"{name}\"")), "the target is {folders:?}: {told}");
        }
        let told = self.started.to_string();
        assert!(told.contains(began), "it began at {began}: {told}");
        for (value, key) in [(&self.program, "program"), (&self.filter, "filter")] {
            assert!(!value.is_null(), "a manifest tells of the {key}");
        }
    }

    /// The lists that it says are in the archive: their resources, sizes and digests.
    fn stored(&self) -> BTreeMap<String, (u64, String)> {
        let resources = self.resources.iter().flatten();
        let stored = resources.filter_map(|resource| Some((resource_name(resource), stored_as(resource)?)));
        stored.collect()
    }

    /// What it says became of a selected resource.
    pub(crate) fn outcome(&self, name: &str) -> &Value {
        let mut resources = self.value["resources"].as_array().into_iter().flatten();
        let found = resources.find(|resource| resource_name(resource) == name);
        &found.unwrap_or_else(|| panic!("the manifest tells of {name}: {}", self.value))["outcome"]
    }

    /// Whether it says that the start before it found something of this name.
    pub(crate) fn tells_of(&self, name: &str) -> bool {
        self.recovered.iter().any(|found| found.to_string().contains(name))
    }
}

/// Asserts that these are all manifests of a target, numbered in the order in which they were committed, which
/// is not that of their names where a clock stepped back. Gives the number of the first.
pub(crate) fn check_sequence<'a>(manifests: impl IntoIterator<Item = &'a Manifest>) -> Option<u64> {
    let mut manifests: Vec<_> = manifests.into_iter().collect();
    manifests.sort_by_key(|manifest| manifest.committed);
    let sequence: Vec<_> = manifests.iter().map(|manifest| manifest.sequence).collect();
    let first = sequence.first().copied()?;
    let expected: Vec<_> = (first..).take(sequence.len()).collect();
    assert_eq!(sequence, expected, "the sequence, in the order of commit");
    Some(first)
}

/// When a file got its name: that moves its change time, and not the time of its bytes.
pub(crate) fn changed(path: &Path) -> Duration {
    let status = fs::metadata(path).expect("a committed file is there");
    let seconds = u64::try_from(status.ctime()).expect("it is after 1970");
    Duration::new(seconds, u32::try_from(status.ctime_nsec()).expect("under a second"))
}

/// As `-o name` prints it.
pub(crate) fn resource_name(resource: &Value) -> String {
    let text = |key| resource.get(key).and_then(Value::as_str).filter(|text: &&str| !text.is_empty());
    let name = text("name").unwrap_or_else(|| panic!("a resource has a name: {resource}"));
    match text("group") {
        Some(group) if !name.ends_with(group) => format!("{name}.{group}"),
        _ => name.to_owned(),
    }
}

/// Size and digest, wherever in what is said of a resource they stand.
fn stored_as(value: &Value) -> Option<(u64, String)> {
    let fields = value.as_object()?;
    let size = fields.get("bytes").and_then(Value::as_u64);
    let digest = fields.get("sha256").and_then(Value::as_str);
    size.zip(digest.map(str::to_owned)).or_else(|| fields.values().find_map(stored_as))
}
