//! Exec credential plugins: programs that a kubeconfig names, and that hand out a token or a certificate.

use std::path::PathBuf;

/// The version of the contract between us and a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// `client.authentication.k8s.io/v1`.
    V1,
    /// `client.authentication.k8s.io/v1beta1`.
    V1beta1,
}

/// What to run.
#[derive(Clone, PartialEq, Eq)]
pub struct Plugin {
    /// The contract that it follows.
    pub version: Version,
    /// A path, or a name that is looked up in `PATH`.
    pub command: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
    /// Variables besides our own.
    pub env: Vec<(String, String)>,
    /// What to do where the command is missing.
    pub install_hint: Option<String>,
    /// What it is told of the cluster, if it wants to know.
    pub cluster: Option<String>,
}
