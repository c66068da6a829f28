//! A temporary folder with a stand-in beside it, and the program about to record from the
//! one into the other.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tempfile::TempDir;

use super::binary::Minutebook;
use super::cluster::{CLUSTER, Cluster, HOST, NAMESPACE};
use super::normal;
use super::oracle::Target;
use super::stand_in::StandIn;
use super::tls;

/// Where a test happens. AUDIT_DIR is `audit` in its folder.
pub(crate) struct Scene {
    pub(crate) server: StandIn,
    folder: TempDir,
}

impl Scene {
    /// With this cluster, in plain HTTP.
    pub(crate) fn of(cluster: Cluster) -> Scene {
        Scene::with(StandIn::start(cluster.handler()))
    }

    /// With this cluster, in TLS.
    pub(crate) fn in_tls(tls: tls::Server, cluster: Cluster) -> Scene {
        Scene::with(StandIn::start_tls(tls, cluster.handler()))
    }

    /// With this server.
    pub(crate) fn with(server: StandIn) -> Scene {
        let folder = tempfile::tempdir().expect("there is room for a temporary folder");
        Scene { server, folder }
    }

    /// Its folder.
    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A file in its folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    /// AUDIT_DIR.
    pub(crate) fn audit(&self) -> PathBuf {
        self.path("audit")
    }

    /// Puts a file into its folder.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        std::fs::write(&path, text).expect("a file can be written into a temporary folder");
        path
    }

    /// The program in this folder, without arguments.
    pub(crate) fn minutebook(&self) -> Minutebook {
        Minutebook::new(self.folder())
    }

    /// `run` for the exercise's target from the stand-in into AUDIT_DIR.
    pub(crate) fn run(&self) -> Minutebook {
        self.minutebook().args(self.run_arguments())
    }

    /// One cycle of it, with the time of an interval of three seconds.
    pub(crate) fn once(&self) -> Minutebook {
        self.run().args(["--once", "--interval", "3s"])
    }

    /// The arguments of `run`, for a program that is started another way.
    pub(crate) fn run_arguments(&self) -> Vec<String> {
        let audit = self.audit().to_str().expect("its path is text").to_owned();
        let target = ["run", "--host", HOST, "--cluster", CLUSTER, "--namespace", NAMESPACE];
        let mut arguments: Vec<_> = target.map(str::to_owned).to_vec();
        arguments.extend(["--server".to_owned(), self.server.url()]);
        arguments.extend(["--audit-dir".to_owned(), audit]);
        arguments
    }

    /// What the oracle is asked about, at the interval of `once`.
    pub(crate) fn target(&self) -> Target {
        self.target_every(3)
    }

    /// What the oracle is asked about, at an interval of so many seconds.
    pub(crate) fn target_every(&self, seconds: u64) -> Target {
        Target::sample(&self.audit(), Duration::from_secs(seconds))
    }

    /// A text without what differs from run to run.
    pub(crate) fn normal(&self, text: &str) -> String {
        normal::normal(text, self.folder())
    }
}

impl Target {
    /// The exercise's target, recorded at this interval.
    pub(crate) fn sample(audit: &Path, interval: Duration) -> Target {
        Target::new(audit, [HOST, CLUSTER, NAMESPACE], interval)
    }
}
