//! Every option with its value and its origin, for a person who asks what holds and why.

use std::path::PathBuf;

use clap::{Arg, Command};

use super::destination::{Destination, Found, SCOPES, Way};
use super::keys::flags;
use super::mistakes::Origin;
use crate::access::{Login, Source};
use crate::cluster::Layout;
use crate::model::target::Scope;

/// The value of one option, for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The flag without its dashes, which is also the key.
    pub key: String,
    /// As it would be typed; `None` if there is none.
    pub value: Option<String>,
    /// Who said so.
    pub origin: Origin,
}

/// Every option with its value, else its default.
pub(super) fn settings(command: &Command, value: impl Fn(&str) -> Option<(String, Origin)>) -> Vec<Setting> {
    let setting = |(key, argument): (&str, &Arg)| {
        let built_in =
            || argument.get_default_values().first().map(|value| value.to_string_lossy().into_owned());
        let (value, origin) = match value(key) {
            Some((value, origin)) => (Some(value), origin),
            None => (built_in(), Origin::Default),
        };
        Setting { key: key.to_owned(), value, origin }
    };
    flags(command).map(setting).collect()
}

/// What holds because of where the cluster was found, for the target with this scope: what nobody said of it.
pub(super) fn settle(
    settings: &mut [Setting],
    destination: &Destination,
    way: &Way,
    found: Option<&Found>,
    scope: &Scope,
) {
    let access = destination.credentials.first();
    let server = access.server.as_str().trim_end_matches('/').to_owned();
    let files =
        |files: &[PathBuf]| files.iter().map(|file| file.display().to_string()).collect::<Vec<_>>().join(":");
    let context = found.and_then(|found| found.context.as_ref());
    let origin = match (way, context) {
        (_, Some(context)) => Origin::Kubeconfig(files(&context.files), context.name.clone()),
        (Way::Pod, None) => Origin::ServiceAccount,
        (Way::Options(_) | Way::Kubeconfig(..), None) => Origin::Default,
    };
    let layout = match destination.layout {
        Layout::Kata => "kata",
        Layout::Kubernetes => "kubernetes",
    };
    let mut set = |key: &str, value: String, origin: &Origin| {
        for setting in settings.iter_mut().filter(|setting| setting.key == key) {
            // Who said the one or more namespaces stays; which of them it is here is new.
            if setting.value.is_none() || key == "namespace" {
                if setting.origin == Origin::Default {
                    setting.origin = origin.clone();
                }
                setting.value = Some(value.clone());
            }
        }
    };
    set("host", destination.host.to_string(), &origin);
    set("cluster", destination.cluster.to_string(), &origin);
    set("server", server, &origin);
    set("layout", layout.to_owned(), &Origin::Default);
    if let Some(namespace) = scope.namespace() {
        set("namespace", namespace.to_string(), &origin);
    }
    if let (Way::Kubeconfig(from, by), Some(context)) = (way, context) {
        let by = by.map_or(Origin::Default, |variable| Origin::Variable(variable.to_owned()));
        set("kubeconfig", files(from), &by);
        set("context", context.name.clone(), &origin);
    }
    if let (Way::Pod, Some(Login::Token(Source::File(token)))) = (way, &access.login) {
        set("token-file", token.display().to_string(), &origin);
    }
    if let (Way::Pod, Some(Source::File(ca))) = (way, &access.ca) {
        set("ca-file", ca.display().to_string(), &origin);
    }
}

/// Takes out the scopes that another one, of somebody who goes before, has overruled.
pub(super) fn overruled(key: &str, holds: Option<&str>) -> bool {
    SCOPES.contains(&key) && holds.is_some_and(|holds| holds != key)
}
