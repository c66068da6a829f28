//! Exec credential plugins: programs that a kubeconfig names, and that hand out a token or a certificate.
//!
//! What is run is a stranger's: it gets nothing to read and no terminal, its output is bounded, and it ends, with
//! all that it started and that did not leave its process group, at the latest when nobody waits for it any more. What
//! it prints on stdout is a secret and is never repeated.

mod answer;
mod group;

use std::io;
use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncReadExt as _};
use tokio::process::Command;
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::Access;
use crate::model::limits::{MESSAGE_BYTES, PLUGIN_ANSWER_BYTES};
use crate::model::text::printable;

pub use answer::Credential;
use answer::read;
use group::Group;
pub use group::end_all;

/// How long what a plugin printed may take to arrive once it has ended: it lies in a pipe already, unless somebody
/// else holds the other end.
const REST: Duration = Duration::from_secs(1);

/// Bytes read at a time.
const PIECE: usize = 4 << 10;

/// What is kept of stderr: its end, which says why.
const STDERR_BYTES: usize = 4 << 10;

/// The version of the contract between us and a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Version {
    /// `client.authentication.k8s.io/v1`.
    V1,
    /// `client.authentication.k8s.io/v1beta1`.
    V1beta1,
}

impl Version {
    /// The version that an `apiVersion` names.
    #[must_use]
    pub fn of(name: &str) -> Option<Self> {
        [Self::V1, Self::V1beta1].into_iter().find(|version| version.name() == name)
    }

    /// Its `apiVersion`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::V1 => "client.authentication.k8s.io/v1",
            Self::V1beta1 => "client.authentication.k8s.io/v1beta1",
        }
    }
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
    /// Whether it is told of the cluster.
    pub provide_cluster: bool,
    /// What the kubeconfig has to say to it of the cluster.
    pub cluster_config: Option<Value>,
}

/// Why a plugin handed out nothing.
#[derive(Debug, Error)]
pub enum ExecError {
    /// There is no such program.
    #[error("the command is not found{}", advice(hint.as_deref()))]
    NotFound {
        /// What the kubeconfig says to do about it.
        hint: Option<String>,
    },
    /// It cannot be run.
    #[error("it cannot be run: {0}")]
    Run(#[source] io::Error),
    /// It took too long.
    #[error("it had not ended after {}, and was killed{}", humantime::format_duration(*limit), said(stderr))]
    Late {
        /// How long it may take.
        limit: Duration,
        /// What it said by then.
        stderr: String,
    },
    /// It failed.
    #[error("{status}{}", said(stderr))]
    Failed {
        /// How it ended.
        status: ExitStatus,
        /// What it said.
        stderr: String,
    },
    /// It prints without end.
    #[error("it printed more than {PLUGIN_ANSWER_BYTES} bytes")]
    TooLong,
    /// What it printed is no credential.
    #[error("what it printed is no credential: {0}")]
    Answer(String),
}

fn advice(hint: Option<&str>) -> String {
    hint.map(|hint| format!("; the kubeconfig says: {}", printable(hint, MESSAGE_BYTES))).unwrap_or_default()
}

fn said(stderr: &str) -> String {
    if stderr.is_empty() { String::new() } else { format!("; it said: {stderr}") }
}

/// Runs a plugin for at most `limit`. `access` is what it is told of the cluster, if it is, and `ca` are the bytes of
/// the CA certificates. Whoever drops the future ends the plugin.
///
/// # Errors
/// It handed out nothing that can be used.
pub async fn run(
    plugin: &Plugin,
    access: &Access,
    ca: Option<&[u8]>,
    limit: Duration,
) -> Result<Credential, ExecError> {
    let mut command = Command::new(&plugin.command);
    command
        .args(&plugin.args)
        .envs(plugin.env.iter().map(|(name, value)| (name, value)))
        .env("KUBERNETES_EXEC_INFO", exec_info(plugin, access, ca))
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut heard = Heard::default();
    let status = match timeout(limit, talk(command, &mut heard)).await {
        Ok(Ok(Some(status))) => status,
        Ok(Ok(None)) => return Err(ExecError::TooLong),
        Ok(Err(error)) if error.kind() == io::ErrorKind::NotFound => {
            return Err(ExecError::NotFound { hint: plugin.install_hint.clone() });
        }
        Ok(Err(error)) => return Err(ExecError::Run(error)),
        Err(_) => return Err(ExecError::Late { limit, stderr: heard.complaint() }),
    };
    if !status.success() {
        return Err(ExecError::Failed { status, stderr: heard.complaint() });
    }
    read(&heard.stdout, plugin.version).map_err(ExecError::Answer)
}

/// Hears a command out; `None` if it says too much.
async fn talk(command: Command, heard: &mut Heard) -> io::Result<Option<ExitStatus>> {
    // Where the program's file system does not answer, starting it blocks.
    let started = spawn_blocking(|| Group::spawn(command)).await;
    let mut group = started.map_err(io::Error::other)??;
    let (mut stdout, mut stderr) = group.pipes()?;
    tokio::select! {
        done = heard.listen(&mut stdout, &mut stderr) => done?,
        ended = group.ended() => ended?,
    }
    if heard.stdout.len() <= PLUGIN_ANSWER_BYTES {
        group.ended().await?;
        let status = group.reap().await?;
        // All that it said is in the pipes; without an end, if somebody who left the group holds them.
        if let Ok(done) = timeout(REST, heard.listen(&mut stdout, &mut stderr)).await {
            done?;
        }
        return Ok((heard.stdout.len() <= PLUGIN_ANSWER_BYTES).then_some(status));
    }
    Ok(None)
}

/// What a plugin said so far.
#[derive(Default)]
struct Heard {
    stdout: Vec<u8>,
    stdout_ended: bool,
    /// Its end.
    stderr: Vec<u8>,
    stderr_ended: bool,
}

impl Heard {
    /// Listens until both have ended, or there is too much of an answer. It can be dropped and begun again.
    async fn listen(
        &mut self,
        stdout: &mut (impl AsyncRead + Unpin),
        stderr: &mut (impl AsyncRead + Unpin),
    ) -> io::Result<()> {
        let (mut answer, mut complaint) = ([0; PIECE], [0; PIECE]);
        while !(self.stdout_ended && self.stderr_ended) && self.stdout.len() <= PLUGIN_ANSWER_BYTES {
            tokio::select! {
                read = stdout.read(&mut answer), if !self.stdout_ended => {
                    let read = read?;
                    self.stdout_ended = read == 0;
                    self.stdout.extend_from_slice(&answer[..read]);
                }
                read = stderr.read(&mut complaint), if !self.stderr_ended => {
                    let read = read?;
                    self.stderr_ended = read == 0;
                    self.stderr.extend_from_slice(&complaint[..read]);
                    let too_much = self.stderr.len().saturating_sub(STDERR_BYTES);
                    self.stderr.drain(..too_much);
                }
            }
        }
        Ok(())
    }

    /// The end of what it said on stderr, printable: that is where programs say why.
    fn complaint(&self) -> String {
        let text = printable(&String::from_utf8_lossy(&self.stderr), usize::MAX);
        let mut start = text.len().saturating_sub(MESSAGE_BYTES);
        while !text.is_char_boundary(start) {
            start += 1;
        }
        let cut = if start > 0 || self.stderr.len() == STDERR_BYTES { "…" } else { "" };
        format!("{cut}{}", &text[start..])
    }
}

/// What the plugin is told, as client-go tells it.
fn exec_info(plugin: &Plugin, access: &Access, ca: Option<&[u8]>) -> String {
    let mut spec = serde_json::Map::new();
    spec.insert("interactive".to_owned(), Value::Bool(false));
    if plugin.provide_cluster {
        let told = [
            ("server", Some(json!(access.server.as_str().trim_end_matches('/')))),
            ("tls-server-name", access.tls_server_name.as_ref().map(|name| json!(name))),
            ("insecure-skip-tls-verify", access.insecure.then_some(json!(true))),
            ("certificate-authority-data", ca.map(|ca| json!(STANDARD.encode(ca)))),
            ("proxy-url", access.proxy.as_ref().map(|proxy| json!(proxy.as_str()))),
            ("disable-compression", access.uncompressed.then_some(json!(true))),
            ("config", plugin.cluster_config.clone()),
        ];
        let told = told.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        spec.insert("cluster".to_owned(), Value::Object(told.collect()));
    }
    json!({ "apiVersion": plugin.version.name(), "kind": "ExecCredential", "spec": spec }).to_string()
}

#[cfg(test)]
mod tests;
