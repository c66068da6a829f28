//! From what was said of a target to where it is and what of it is recorded. Decides, and opens nothing: what
//! kubeconfig or pod say comes in as it was found.

use std::path::PathBuf;

use url::Url;

use super::options::{LayoutOption, Options, parse_server};
use crate::access::{Access, Overlay};
use crate::cluster::Layout;
use crate::cycle::CredentialSource;
use crate::model::name::Label;
use crate::model::target::{FolderName, Host, Scope};

/// What there is to find a cluster by, if nobody names one.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Around {
    /// Kubeconfigs, and the variable that leads to them.
    pub(super) kubeconfig: Option<(Vec<PathBuf>, &'static str)>,
    /// Whether this is a pod with a service account.
    pub(super) pod: bool,
}

/// Who says where the server is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Way {
    /// The options alone.
    Options(Layout),
    /// A kubeconfig: its files, and the variable that led to them, unless an option did.
    Kubeconfig(Vec<PathBuf>, Option<&'static str>),
    /// The pod's service account.
    Pod,
}

/// What a kubeconfig or a pod says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    pub(super) access: Access,
    /// The context that says it; in a pod there is none.
    pub(super) context: Option<Context>,
    pub(super) namespace: Option<String>,
}

/// A context of a kubeconfig.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Context {
    /// The files in which it was found: of those that are named the ones that are there.
    pub(super) files: Vec<PathBuf>,
    pub(super) name: String,
    /// What it calls its cluster.
    pub(super) cluster: String,
}

/// Where the targets of one section are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Destination {
    pub(super) layout: Layout,
    pub(super) credentials: CredentialSource,
    pub(super) host: Host,
    pub(super) cluster: FolderName,
    /// One for each target.
    pub(super) scopes: Vec<Scope>,
}

/// An option that does not fit the others, or is not there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Refused {
    /// The option to which it leads back, if it is there.
    pub(super) key: Option<&'static str>,
    pub(super) why: String,
}

impl Refused {
    fn given(key: &'static str, why: impl Into<String>) -> Self {
        Self { key: Some(key), why: why.into() }
    }

    fn lacking(why: impl Into<String>) -> Self {
        Self { key: None, why: why.into() }
    }
}

/// The options that say what part of a cluster is recorded. Only one of them holds.
pub(super) const SCOPES: [&str; 3] = ["namespace", "all-namespaces", "cluster-scope"];

/// Of the scopes that were asked for, each with the rank of who asked (a flag goes before a variable and so on),
/// the one that holds.
///
/// # Errors
/// Nobody goes before the other: which two.
pub(super) fn first_scope(
    asked: &[(&'static str, usize)],
) -> Result<Option<&'static str>, (&'static str, &'static str)> {
    let first = asked.iter().map(|(_, rank)| *rank).min();
    let mut of_first = asked.iter().filter(|(_, rank)| Some(*rank) == first).map(|(key, _)| *key);
    match (of_first.next(), of_first.next()) {
        (Some(one), Some(other)) => Err((one, other)),
        (one, _) => Ok(one),
    }
}

/// Who says where the server is. What is around is looked at only if it matters.
///
/// # Errors
/// Nobody does, or two do.
pub(super) fn way(options: &Options, around: impl FnOnce() -> Around) -> Result<Way, Refused> {
    let named = match (&options.kubeconfig, &options.context) {
        (Some(_), _) => Some("kubeconfig"),
        (None, Some(_)) => Some("context"),
        (None, None) => None,
    };
    match (options.layout, named) {
        (Some(LayoutOption::Kata), Some(key)) => Err(Refused::given(
            key,
            format!("--{key}: layout `kata` takes its server from --host, and no kubeconfig"),
        )),
        (_, Some(key)) => match &options.kubeconfig {
            Some(file) => Ok(Way::Kubeconfig(vec![file.clone()], None)),
            None => match around().kubeconfig {
                Some((files, variable)) => Ok(Way::Kubeconfig(files, Some(variable))),
                None => Err(Refused::given(
                    key,
                    "--context without a kubeconfig: KUBECONFIG names none, and ~/.kube/config is not there; name it with --kubeconfig",
                )),
            },
        },
        (Some(LayoutOption::Kata), None) => Ok(Way::Options(Layout::Kata)),
        (Some(LayoutOption::Kubernetes), None) if options.host.is_some() || options.server.is_some() => {
            Ok(Way::Options(Layout::Kubernetes))
        }
        (None, None) if options.host.is_some() => Ok(Way::Options(Layout::Kata)),
        (None, None) if options.server.is_some() => Err(Refused::given(
            "server",
            "--server without --host; with --layout kubernetes the server's own name will do",
        )),
        (None | Some(LayoutOption::Kubernetes), None) => nearest(around()),
    }
}

fn nearest(around: Around) -> Result<Way, Refused> {
    match around {
        Around { kubeconfig: Some((files, variable)), .. } => Ok(Way::Kubeconfig(files, Some(variable))),
        Around { pod: true, .. } => Ok(Way::Pod),
        Around { .. } => Err(Refused::lacking(
            "there is no cluster to record; name a server with --host, or a kubeconfig with --kubeconfig (KUBECONFIG names none, and ~/.kube/config is not there), or run in a pod that has a service account",
        )),
    }
}

/// Where the targets are. `found` is what the kubeconfig or the pod says, if that is the way.
///
/// # Errors
/// Everything that does not fit.
pub(super) fn settle(
    options: &Options,
    way: &Way,
    found: Option<&Found>,
) -> Result<Destination, Vec<Refused>> {
    let mut refused = Vec::new();
    let layout = match way {
        Way::Options(layout) => *layout,
        Way::Kubeconfig(..) | Way::Pod => Layout::Kubernetes,
    };
    let overlay = keep(overlay(options, layout), &mut refused);
    let base = match (found, &overlay) {
        (Some(found), _) => Some(found.access.clone()),
        (None, Some(overlay)) => keep(of_options(options, overlay), &mut refused),
        (None, None) => None,
    };
    let host = match (&options.host, layout, &base) {
        (Some(host), ..) => Some(host.clone()),
        (None, Layout::Kata, Some(_)) => keep(Err(without("host", "")), &mut refused),
        // A server that the options put in its place is another way to the same cluster.
        (None, Layout::Kubernetes, Some(access)) => keep(host_of(&access.server), &mut refused),
        // What is wrong with the server has been said.
        (None, _, None) => None,
    };
    let access = base.zip(overlay.as_ref()).map(|(base, overlay)| base.overlaid(overlay));
    if let Some(access) = access.as_ref().filter(|access| access.sends_in_clear()) {
        refused.push(in_clear(options, way, &access.server));
    }
    let cluster = match &options.cluster {
        Some(cluster) => Some(cluster.clone()),
        None => keep(cluster_of(way, found), &mut refused),
    };
    let scopes = keep(scopes(options, layout, way, found), &mut refused);
    match (access.zip(overlay), host, cluster, scopes) {
        (Some((access, overlay)), Some(host), Some(cluster), Some(scopes)) if refused.is_empty() => {
            let credentials = match found.and_then(|found| found.context.as_ref()) {
                Some(Context { files, name, .. }) => CredentialSource::Kubeconfig {
                    files: files.clone(),
                    context: name.clone(),
                    overlay,
                    first: access,
                },
                None => CredentialSource::Fixed(access),
            };
            Ok(Destination { layout, credentials, host, cluster, scopes })
        }
        _ => Err(refused),
    }
}

/// What a target lacks whose values cannot all be read, by the options that it has.
pub(super) fn lacking(has: impl Fn(&str) -> bool) -> Vec<Refused> {
    // Elsewhere a kubeconfig or a pod may say it.
    let kata = has("host") && !["kubeconfig", "context", "layout"].into_iter().any(&has);
    let mut lacking = Vec::new();
    if kata && !has("cluster") {
        lacking.push(without("cluster", ""));
    }
    if kata && !SCOPES.into_iter().any(&has) {
        lacking.push(without("namespace", ""));
    }
    lacking
}

fn keep<T>(result: Result<T, Refused>, refused: &mut Vec<Refused>) -> Option<T> {
    result.map_err(|why| refused.push(why)).ok()
}

fn without(key: &str, hint: &str) -> Refused {
    Refused::lacking(format!("a target without `--{key}`{hint}"))
}

/// Files for a person.
pub(super) fn shown(files: &[PathBuf]) -> String {
    let quoted: Vec<_> = files.iter().map(|file| format!("`{}`", file.display())).collect();
    quoted.join(", ")
}

/// What the options say of the server and of who asks.
fn overlay(options: &Options, layout: Layout) -> Result<Overlay, Refused> {
    let refuse = |why: String| Refused::given("server", format!("--server: {why}"));
    let server = options.server.as_deref().map(parse_server).transpose().map_err(refuse)?;
    if layout == Layout::Kata && server.as_ref().is_some_and(|server| server.path() != "/") {
        return Err(refuse("it has a path, and layout `kata` adds its own".to_owned()));
    }
    Ok(Overlay {
        server,
        token: options.token_file.clone(),
        ca: options.ca_file.clone(),
        identity: options.client_cert.clone().zip(options.client_key.clone()),
    })
}

/// The server, if the options alone say where it is.
fn of_options(options: &Options, overlay: &Overlay) -> Result<Access, Refused> {
    let server = match (&overlay.server, &options.host) {
        (Some(server), _) => server.clone(),
        (None, Some(host)) => format!("https://{host}").parse().map_err(|_| {
            Refused::given("host", format!("--host `{host}` makes no URL; name the server with --server"))
        })?,
        (None, None) => return Err(without("host", "")),
    };
    Ok(Access::to(server))
}

fn in_clear(options: &Options, way: &Way, server: &Url) -> Refused {
    let (key, what) = match way {
        _ if options.token_file.is_some() => (Some("token-file"), "--token-file".to_owned()),
        Way::Kubeconfig(files, _) => (Some("kubeconfig"), format!("kubeconfig {}", shown(files))),
        Way::Options(_) | Way::Pod => (None, "the service account".to_owned()),
    };
    let why = format!(
        "{what} with the plain http server `{server}` would send the token in the clear; use https, or a server on 127.0.0.0/8, ::1 or localhost"
    );
    Refused { key, why }
}

/// The folder's name for a server that nobody gave one.
fn host_of(server: &Url) -> Result<Host, Refused> {
    let name = server.host_str().unwrap_or_default();
    let host = server.port().map_or_else(|| name.to_owned(), |port| format!("{name}:{port}"));
    host.parse().map_err(|error| {
        Refused::lacking(format!(
            "the server's name `{host}` makes no folder: {error}; name the folder with --host"
        ))
    })
}

fn cluster_of(way: &Way, found: Option<&Found>) -> Result<FolderName, Refused> {
    match (way, found.and_then(|found| found.context.as_ref())) {
        (_, Some(Context { cluster, .. })) => FolderName::derived(cluster).map_err(|error| {
            Refused::lacking(format!(
                "the context's name of the cluster makes no folder: {error}; name the folder with --cluster"
            ))
        }),
        (Way::Pod, None) => {
            Err(without("cluster", ": nothing in a pod says what its cluster is called, so it must be named"))
        }
        (Way::Options(_) | Way::Kubeconfig(..), None) => Err(without("cluster", "")),
    }
}

fn scopes(
    options: &Options,
    layout: Layout,
    way: &Way,
    found: Option<&Found>,
) -> Result<Vec<Scope>, Refused> {
    let wide = [
        (options.all_namespaces, "all-namespaces", Scope::AllNamespaces),
        (options.cluster_scope, "cluster-scope", Scope::Cluster),
    ];
    if let Some((_, key, scope)) = wide.into_iter().find(|(given, ..)| *given) {
        return match layout {
            Layout::Kubernetes => Ok(vec![scope]),
            Layout::Kata => Err(Refused::given(
                key,
                format!("--{key}: layout `kata` knows only --namespace; there is --layout kubernetes"),
            )),
        };
    }
    let mut namespaces = options.namespace.clone();
    if let (true, Some(found)) = (namespaces.is_empty(), found) {
        namespaces.extend(own_namespace(way, found)?);
    }
    if namespaces.is_empty() {
        return Err(match layout {
            Layout::Kata => without("namespace", ""),
            Layout::Kubernetes => without(
                "namespace",
                ", and nothing else says what to record: give it, or --all-namespaces or --cluster-scope",
            ),
        });
    }
    for (index, namespace) in namespaces.iter().enumerate() {
        if namespaces[..index].contains(namespace) {
            return Err(Refused::given("namespace", format!("--namespace names `{namespace}` twice")));
        }
        if layout == Layout::Kubernetes && Label::parse(namespace.as_str()).is_err() {
            return Err(Refused::given(
                "namespace",
                format!(
                    "--namespace `{namespace}`: a namespace holds only lower-case letters, digits and `-`, begins and ends with a letter or digit, and is at most 63 bytes long"
                ),
            ));
        }
    }
    Ok(namespaces.into_iter().map(Scope::Namespace).collect())
}

/// The namespace that a context or a pod has.
fn own_namespace(way: &Way, found: &Found) -> Result<Option<FolderName>, Refused> {
    let Some(namespace) = found.namespace.as_deref() else { return Ok(None) };
    let whose = match way {
        Way::Pod => "pod",
        Way::Kubeconfig(..) | Way::Options(_) => "context",
    };
    match Label::parse(namespace).is_ok().then(|| namespace.parse()) {
        Some(Ok(namespace)) => Ok(Some(namespace)),
        _ => Err(Refused::lacking(format!(
            "the {whose}'s namespace is no namespace's name; name one with --namespace"
        ))),
    }
}

#[cfg(test)]
mod tests;
