//! A folder, a cluster, and the program about to record from the one into the other.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;

use super::binary::{Minutebook, Running};
use super::kubectl::{Object, Objects};
use super::manifest::Manifest;
use super::oracle::{Cycle, Target};
use super::rig::Cluster;

/// What the folder of every target is called that is not about this name.
pub(crate) const HOST: &str = "real.example";
/// What the rig calls its cluster.
pub(crate) const CLUSTER: &str = "real";

/// Where a test happens. AUDIT_DIR is `audit` in its folder.
pub(crate) struct Scene<'c> {
    pub(crate) cluster: &'c Cluster,
    folder: TempDir,
}

impl<'c> Scene<'c> {
    /// With this cluster.
    pub(crate) fn of(cluster: &'c Cluster) -> Scene<'c> {
        Scene { cluster, folder: tempfile::tempdir().expect("there is room for a temporary folder") }
    }

    /// A file in its folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts a file into its folder.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::write(&path, text).expect("a file can be written into a temporary folder");
        path
    }

    /// Puts a file there that replaces one of that name at once, as whoever rotates credentials does.
    pub(crate) fn replace(&self, name: &str, text: &str) {
        let next = self.write(&format!("{name}.next"), text);
        fs::rename(next, self.path(name)).expect("a file can be renamed");
    }

    /// AUDIT_DIR.
    pub(crate) fn audit(&self) -> PathBuf {
        self.path("audit")
    }

    /// The program in this folder, without arguments.
    pub(crate) fn minutebook(&self) -> Minutebook {
        // It ends with the test, even if that is killed; setpriv is where the rig's setsid is (util-linux).
        Minutebook::through_shell(r#"exec setpriv --pdeathsig KILL "$@""#, self.folder.path())
    }

    /// `run` into AUDIT_DIR; who asks whom is for the caller to say.
    pub(crate) fn run(&self) -> Minutebook {
        let run = self.minutebook().args(["run"]);
        run.args(["--audit-dir".as_ref(), self.audit().as_os_str()])
    }

    /// `run` by the one who may do everything.
    pub(crate) fn as_admin(&self) -> Minutebook {
        self.by(&self.cluster.path("admin.kubeconfig"))
    }

    /// `run` by whom a kubeconfig names.
    pub(crate) fn by(&self, kubeconfig: &Path) -> Minutebook {
        let run = self.run().args(["--host", HOST, "--cluster", CLUSTER]);
        run.args(["--kubeconfig".as_ref(), kubeconfig.as_os_str()])
    }

    /// `run` by whom the token in the file `token` of this folder names, and without a kubeconfig.
    pub(crate) fn by_token(&self, server: &str) -> Minutebook {
        let run = self.run().args(["--layout", "kubernetes", "--host", HOST, "--cluster", CLUSTER]);
        let run = run.args(["--server", server, "--token-file", "token"]);
        if server.starts_with("http://") {
            return run;
        }
        run.args(["--ca-file".as_ref(), self.cluster.path("ca.crt").as_os_str()])
    }

    /// Runs the program to its end, which must come within two minutes and with this exit code; the logs are shown if not.
    pub(crate) fn finish(&self, run: Minutebook, code: i32) {
        let ended = run.start().wait(Duration::from_secs(120));
        assert!(ended.code() == code, "the exit code is not {code}; {ended:#?}\n{}", self.logs().join("\n"));
    }

    /// Everything that was logged.
    fn logs(&self) -> Vec<String> {
        let mut folders = vec![self.audit()];
        let mut logs = Vec::new();
        while let Some(folder) = folders.pop() {
            for file in fs::read_dir(folder).into_iter().flatten().flatten() {
                let path = file.path();
                if path.is_dir() {
                    folders.push(path);
                } else if path.extension().is_some_and(|end| end == "log") {
                    logs.push(fs::read_to_string(path).unwrap_or_default());
                }
            }
        }
        logs.sort();
        logs
    }

    /// A kubeconfig in this folder for a server that the cluster's authority vouches for.
    pub(crate) fn kubeconfig(&self, name: &str, server: &str, user: &Value) -> PathBuf {
        let authority = self.cluster.path("ca.crt");
        let cluster = json!({ "server": server, "certificate-authority": authority });
        self.kubeconfig_of(name, &cluster, user)
    }

    /// The same with everything that is to be said of the cluster.
    pub(crate) fn kubeconfig_of(&self, name: &str, cluster: &Value, user: &Value) -> PathBuf {
        // JSON is YAML.
        let config = json!({
            "apiVersion": "v1", "kind": "Config", "current-context": "it",
            "clusters": [{ "name": CLUSTER, "cluster": cluster }],
            "users": [{ "name": "somebody", "user": user }],
            "contexts": [{ "name": "it", "context": { "cluster": CLUSTER, "user": "somebody", "namespace": "shop" } }],
        });
        self.write(name, &config.to_string())
    }

    /// What the oracle is asked about: a scope's folder, at an interval of so many seconds.
    pub(crate) fn target(&self, scope: &str, seconds: u64) -> Target {
        Target::new(&self.audit(), [HOST, CLUSTER, scope], Duration::from_secs(seconds))
    }

    /// The only cycle of a scope that was recorded once.
    pub(crate) fn only_cycle(&self, scope: &str, seconds: u64) -> Cycle {
        let mut cycles = self.target(scope, seconds).check();
        assert_eq!(cycles.len(), 1, "one cycle was recorded");
        cycles.remove(0)
    }
}

/// Waits until so many more cycles are committed.
pub(crate) fn cycles_more(running: &mut Running, target: &Target, more: usize) {
    let wanted = target.committed() + more;
    let limit = Duration::from_secs(60);
    let look = Duration::from_millis(20);
    running.until_within(limit, look, &format!("{wanted} cycles"), || target.committed() >= wanted);
}

impl Target {
    /// The newest cycle that is committed; beside it one may be in the making.
    pub(crate) fn newest(&self) -> Option<Cycle> {
        let folder = self.folder();
        let scope = folder.file_name()?.to_str()?;
        let manifests = Manifest::all(folder.parent()?, scope).into_iter();
        let (name, manifest) = manifests.max_by_key(|(_, manifest)| manifest.sequence)?;
        Some(self.cycle(&name, manifest))
    }
}

impl Cycle {
    /// The objects that it holds.
    pub(crate) fn objects(&self) -> Objects {
        let of_entry = |(name, bytes): (String, Vec<u8>)| {
            let list: Value =
                serde_json::from_slice(&bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
            let items = list["items"].as_array().unwrap_or_else(|| panic!("{name} is a list"));
            let mut objects: Vec<_> = items.iter().map(object).collect();
            objects.sort();
            (name.strip_suffix(".json").expect("entries are JSON").to_owned(), objects)
        };
        self.files().into_iter().map(of_entry).collect()
    }

    /// The names of the objects of one type that it holds.
    pub(crate) fn names(&self, of: &str) -> Vec<String> {
        let mut objects = self.objects();
        let objects =
            objects.remove(of).unwrap_or_else(|| panic!("{of} are recorded; the log:\n{}", self.log));
        objects.into_iter().map(|object| object.name).collect()
    }

    /// One list, read.
    pub(crate) fn list(&self, of: &str) -> Value {
        let files = self.files();
        let bytes = files.get(&format!("{of}.json"));
        let bytes = bytes.unwrap_or_else(|| panic!("{of} are recorded; the log:\n{}", self.log));
        serde_json::from_slice(bytes).expect("a list is JSON")
    }
}

fn object(item: &Value) -> Object {
    let text = |key: &str| item["metadata"][key].as_str().map(str::to_owned);
    Object {
        uid: text("uid"),
        resource_version: text("resourceVersion"),
        namespace: text("namespace"),
        name: text("name").unwrap_or_else(|| panic!("an object has a name: {item}")),
    }
}
