//! Kubeconfig files: which server a context means, and as whom to ask it.
//!
//! What such a file says and we would not do is an error that names it: a field that is passed over in silence
//! is a server that is asked by somebody else, or trusted for another reason, than its owner believes. `preferences`
//! and `extensions` are about other programs.

mod cluster;
mod plugin;
mod user;

use std::path::{Path, PathBuf};

use kube_client::config::{
    Context, Kubeconfig, KubeconfigError as ParseError, NamedAuthInfo, NamedCluster, NamedContext,
};
use thiserror::Error;

use super::{Access, Login};
use crate::model::limits::MESSAGE_BYTES;
use crate::model::text::{printable, without_value};

/// What a context says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// How to reach the server, and as whom.
    pub access: Access,
    /// The context's name.
    pub context: String,
    /// The name of its cluster.
    pub cluster: String,
    /// The namespace that it prefers.
    pub namespace: Option<String>,
}

/// Why a context cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum KubeconfigError {
    /// A file that is no kubeconfig.
    #[error("kubeconfig `{path}`: {why}", path = path.display())]
    File {
        /// Which.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
    /// Nothing in any file.
    #[error("no kubeconfig has a context; name a file that has one with --kubeconfig")]
    Empty,
    /// No context was asked for, and none is the current one.
    #[error("the kubeconfig sets no `current-context`; name one with --context: {}", list(known))]
    NoContext {
        /// What there is.
        known: Vec<String>,
    },
    /// There is no such context.
    #[error("the kubeconfig has no context `{name}`; name another with --context: {}", list(known))]
    UnknownContext {
        /// Which.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A context's cluster or user that is not there.
    #[error(
        "the kubeconfig's context `{context}` names the {what} `{name}`, which it does not have; it has {}",
        list(known)
    )]
    Dangling {
        /// Which context.
        context: String,
        /// `cluster` or `user`.
        what: &'static str,
        /// Which.
        name: String,
        /// What there is.
        known: Vec<String>,
    },
    /// A field that cannot be honoured.
    #[error("the kubeconfig's {owner}: `{field}`: {why}")]
    Field {
        /// Whose: `cluster NAME`.
        owner: String,
        /// Its name in the file.
        field: String,
        /// What is wrong with it, and what to do.
        why: String,
    },
}

/// Fields of one cluster, user or context, and what is wrong with them.
struct Owner(String);

impl Owner {
    fn of(what: &str, name: &str) -> Self {
        Self(format!("{what} `{}`", printable(name, MESSAGE_BYTES)))
    }

    fn wrong(&self, field: &str, why: impl Into<String>) -> KubeconfigError {
        KubeconfigError::Field {
            owner: self.0.clone(),
            field: printable(field, MESSAGE_BYTES),
            why: why.into(),
        }
    }

    /// Fields that nobody here knows may mean anything.
    fn refuse_unknown<'a>(
        &self,
        mut fields: impl Iterator<Item = &'a String>,
    ) -> Result<(), KubeconfigError> {
        fields.next().map_or(Ok(()), |field| {
            Err(self.wrong(field, "minutebook does not know this field; take it out if it is misspelled"))
        })
    }
}

/// What a context means; without a name the current one. `files` are the bytes of all files, in the order of
/// `KUBECONFIG`: of what several say the first counts. Relative paths in a file are relative to where it is.
///
/// # Errors
/// What is wrong with them, and what to do.
pub fn read(files: &[(PathBuf, Vec<u8>)], context: Option<&str>) -> Result<Found, KubeconfigError> {
    let mut all = Kubeconfig::default();
    for (path, bytes) in files {
        let wrong = |why: String| KubeconfigError::File { path: path.clone(), why };
        let one = parse(bytes).map_err(wrong)?;
        all = all
            .merge(one_of(path, one)?)
            .map_err(|_| wrong("its kind or apiVersion is not that of the files before it".to_owned()))?;
    }
    let (name, context) = choose(&all, context)?;
    let owner = Owner::of("context", &name);
    owner.refuse_unknown(context.other.keys())?;
    let server = cluster::access(&all, &name, &context.cluster)?;
    let user = context.user.as_ref().filter(|user| !user.is_empty());
    let mut access = match user {
        // Nobody in particular asks.
        None => server,
        Some(user) => user::identify(&all, &name, user, server)?,
    };
    if let Some(Login::Plugin(plugin)) = &mut access.login {
        plugin.cluster_config = cluster::told_to_plugins(&all, &context.cluster);
    }
    if access.sends_in_clear() {
        let why = "over plain http whatever says who asks would be sent in the clear; use https, or a server on 127.0.0.0/8, ::1 or localhost";
        return Err(Owner::of("cluster", &context.cluster).wrong("server", why));
    }
    Ok(Found {
        access,
        cluster: context.cluster.clone(),
        namespace: context.namespace.clone().filter(|namespace| !namespace.is_empty()),
        context: name,
    })
}

/// The context to take, and its name.
fn choose<'a>(all: &'a Kubeconfig, wanted: Option<&str>) -> Result<(String, &'a Context), KubeconfigError> {
    let known = || names(&all.contexts, |named| &named.name);
    if all.contexts.is_empty() {
        return Err(KubeconfigError::Empty);
    }
    let Some(name) = wanted.or(all.current_context.as_deref()) else {
        return Err(KubeconfigError::NoContext { known: known() });
    };
    let found = all.contexts.iter().find(|named| named.name == name);
    let unknown = || KubeconfigError::UnknownContext { name: printable(name, MESSAGE_BYTES), known: known() };
    let NamedContext { context, other, .. } = found.ok_or_else(unknown)?;
    Owner::of("context", name).refuse_unknown(other.keys())?;
    let context = context.as_ref().ok_or_else(|| {
        Owner::of("context", name).wrong("context", "there is nothing in it; it needs a cluster")
    })?;
    Ok((name.to_owned(), context))
}

/// One file's text as what it says.
fn parse(bytes: &[u8]) -> Result<Kubeconfig, String> {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    let text = std::str::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())?;
    let config = Kubeconfig::from_yaml(text).map_err(|error| complaint(&error))?;
    let is = |field: &Option<String>, one: &str| field.as_deref().is_none_or(|value| value == one);
    if !is(&config.kind, "Config") || !is(&config.api_version, "v1") {
        return Err("it is no kubeconfig: those have `kind: Config` and `apiVersion: v1`".to_owned());
    }
    if let Some(field) = config.other.keys().next() {
        return Err(format!(
            "minutebook does not know the field `{}`; take it out if it is misspelled",
            printable(field, MESSAGE_BYTES)
        ));
    }
    duplicate("clusters", names(&config.clusters, |named| &named.name))?;
    duplicate("users", names(&config.auth_infos, |named| &named.name))?;
    duplicate("contexts", names(&config.contexts, |named| &named.name))?;
    Ok(config)
}

/// What the parser says, without the lines of the file that it would show: there are keys in them.
fn complaint(error: &ParseError) -> String {
    let ParseError::Parse(error) = error else {
        return printable(&error.to_string(), MESSAGE_BYTES);
    };
    let what = without_value(&error.without_snippet().to_string());
    printable(&format!("it cannot be read: {what}"), MESSAGE_BYTES)
}

/// client-go refuses a name that one file has twice, too.
fn duplicate(list: &str, mut names: Vec<String>) -> Result<(), String> {
    names.sort();
    names
        .windows(2)
        .find(|two| two[0] == two[1])
        .map_or(Ok(()), |two| Err(format!("`{list}` has the name `{}` twice", two[0])))
}

/// One file as it counts among several: its paths are where it is, and what is empty is not said.
fn one_of(path: &Path, mut config: Kubeconfig) -> Result<Kubeconfig, KubeconfigError> {
    let folder = path.parent().unwrap_or(Path::new(""));
    let resolve = |path: &mut Option<String>| -> Result<(), KubeconfigError> {
        *path = path.take().filter(|path| !path.is_empty());
        if let Some(relative) = path {
            let resolved = folder.join(&*relative).into_os_string().into_string();
            *relative = resolved.map_err(|_| KubeconfigError::File {
                path: folder.to_owned(),
                why: "the folder's name is not UTF-8, so nothing can be relative to it".to_owned(),
            })?;
        }
        Ok(())
    };
    for cluster in config.clusters.iter_mut().filter_map(|named| named.cluster.as_mut()) {
        resolve(&mut cluster.certificate_authority)?;
    }
    for user in config.auth_infos.iter_mut().filter_map(|named| named.auth_info.as_mut()) {
        resolve(&mut user.token_file)?;
        resolve(&mut user.client_certificate)?;
        resolve(&mut user.client_key)?;
        // A name alone is looked up in PATH.
        if let Some(exec) = user
            .exec
            .as_mut()
            .filter(|exec| exec.command.as_ref().is_some_and(|command| command.contains('/')))
        {
            resolve(&mut exec.command)?;
        }
    }
    config.current_context = config.current_context.filter(|name| !name.is_empty());
    Ok(config)
}

fn find_cluster<'a>(
    all: &'a Kubeconfig,
    context: &str,
    name: &str,
) -> Result<&'a NamedCluster, KubeconfigError> {
    all.clusters
        .iter()
        .find(|named| named.name == name)
        .ok_or_else(|| dangling(context, "cluster", name, names(&all.clusters, |named| &named.name)))
}

fn find_user<'a>(
    all: &'a Kubeconfig,
    context: &str,
    name: &str,
) -> Result<&'a NamedAuthInfo, KubeconfigError> {
    all.auth_infos
        .iter()
        .find(|named| named.name == name)
        .ok_or_else(|| dangling(context, "user", name, names(&all.auth_infos, |named| &named.name)))
}

fn dangling(context: &str, what: &'static str, name: &str, known: Vec<String>) -> KubeconfigError {
    let name = printable(name, MESSAGE_BYTES);
    KubeconfigError::Dangling { context: printable(context, MESSAGE_BYTES), what, name, known }
}

fn names<T>(all: &[T], name: impl Fn(&T) -> &String) -> Vec<String> {
    all.iter().map(|one| printable(name(one), MESSAGE_BYTES)).collect()
}

fn list(names: &[String]) -> String {
    if names.is_empty() {
        return "none".to_owned();
    }
    names.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests;
