//! Many targets in a temporary folder, a server for all of them, and one program that records
//! them all by a configuration file.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::binary::Minutebook;
use super::crowd::Crowd;
use super::oracle::Target;

/// What the program may have open: the ordinary limit, whatever the tests themselves may.
const FILES: &str = "ulimit -S -n 1024; exec \"$@\"";

/// Hosts that share the clusters between them.
const HOSTS: usize = 7;

/// Host, cluster and namespace.
pub(crate) type Folders = [String; 3];

/// Where it happens. AUDIT_DIR is `audit` in its folder.
pub(crate) struct Fleet {
    pub(crate) server: Crowd,
    pub(crate) targets: Vec<Folders>,
    interval: Duration,
    folder: TempDir,
}

/// So many targets, each in a cluster of its own.
pub(crate) fn clusters(count: usize) -> Vec<Folders> {
    let target = |number| [format!("host-{}.example", number % HOSTS), cluster(number), "shop".to_owned()];
    (0..count).map(target).collect()
}

/// What the cluster of this number is called.
pub(crate) fn cluster(number: usize) -> String {
    format!("cluster-{number:03}")
}

impl Fleet {
    /// These targets of this server, every interval.
    pub(crate) fn new(server: Crowd, targets: Vec<Folders>, interval: Duration) -> Fleet {
        let folder = tempfile::tempdir().expect("there is room for a temporary folder");
        Fleet { server, targets, interval, folder }
    }

    /// AUDIT_DIR.
    pub(crate) fn audit(&self) -> PathBuf {
        self.folder.path().join("audit")
    }

    /// The program, about to record them all.
    pub(crate) fn run(&self) -> Minutebook {
        self.write(&self.targets);
        self.run_by_file()
    }

    /// The program, about to record whatever the file says.
    pub(crate) fn run_by_file(&self) -> Minutebook {
        let config = self.file();
        Minutebook::through_shell(FILES, self.folder.path()).args([
            Path::new("run"),
            Path::new("--config"),
            &config,
        ])
    }

    /// The program, about to record one of them alone, without a file.
    pub(crate) fn run_one(&self, target: &Folders) -> Minutebook {
        let [host, cluster, namespace] = target.each_ref().map(String::as_str);
        let target = ["run", "--host", host, "--cluster", cluster, "--namespace", namespace];
        let program = Minutebook::new(self.folder.path()).args(target);
        let interval = format!("{}s", self.interval.as_secs());
        let program = program.args(["--server", &self.server.url(), "--interval", &interval]);
        program.args([Path::new("--audit-dir"), &self.audit()])
    }

    /// Has the configuration file name these targets.
    pub(crate) fn write(&self, targets: &[Folders]) {
        self.write_text(&self.config(targets));
    }

    /// Has the configuration file be this text.
    pub(crate) fn write_text(&self, text: &str) {
        std::fs::write(self.file(), text).expect("a file can be written into a temporary folder");
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("minutebook.yaml")
    }

    /// The configuration file.
    fn config(&self, targets: &[Folders]) -> String {
        let audit = self.audit();
        // A string of JSON is one of YAML.
        let audit = serde_json::json!(audit.to_str().expect("its path is text"));
        let (server, seconds) = (self.server.url(), self.interval.as_secs());
        let mut text = format!(
            "# every target of the fleet\ndefaults:\n  audit-dir: {audit}\n  interval: {seconds}s\n  server: {server}\ntargets:\n"
        );
        for [host, cluster, namespace] in targets {
            let target = format!("  - host: {host}\n    cluster: {cluster}\n    namespace: {namespace}\n");
            text.write_str(&target).expect("a string takes text");
        }
        text
    }

    /// What the oracle is asked about.
    pub(crate) fn target(&self, target: &Folders) -> Target {
        let folders = target.each_ref().map(String::as_str);
        Target::new(&self.audit(), folders, self.interval).among(self.targets.iter().cloned())
    }

    /// How many cycles each of them has at least.
    pub(crate) fn committed(&self) -> usize {
        let each = self.targets.iter().map(|target| self.target(target).committed());
        each.min().unwrap_or_default()
    }

    /// What a faultless archive of a target holds.
    pub(crate) fn entries(&self, target: &Folders) -> BTreeMap<String, Vec<u8>> {
        self.server.entries(&target[1], &target[2])
    }
}
