//! What a kubeconfig says of an exec plugin.

use kube_client::config::{ExecConfig, ExecInteractiveMode};

use super::{KubeconfigError, Owner};
use crate::access::exec::{Plugin, Version};

pub(super) fn plugin(owner: &Owner, exec: &ExecConfig) -> Result<Plugin, KubeconfigError> {
    let wrong = |field: &str, why: &str| Err(owner.wrong(&format!("exec.{field}"), why));
    if let Some(field) = exec.other.keys().next() {
        return wrong(field, "minutebook does not know this field; take it out if it is misspelled");
    }
    let Some(version) = exec.api_version.as_deref().and_then(Version::of) else {
        return wrong(
            "apiVersion",
            "it is neither client.authentication.k8s.io/v1 nor client.authentication.k8s.io/v1beta1; a newer release of the plugin's program writes one of these",
        );
    };
    match exec.interactive_mode {
        Some(ExecInteractiveMode::Always) => {
            return wrong(
                "interactiveMode",
                "it is `Always`, and nobody sits before minutebook; let the plugin log in by itself, with a service account, say",
            );
        }
        None if version == Version::V1 => {
            return wrong("interactiveMode", "version v1 wants it; write `Never` or `IfAvailable`");
        }
        Some(ExecInteractiveMode::Never | ExecInteractiveMode::IfAvailable) | None => {}
    }
    let Some(command) = exec.command.clone().filter(|command| !command.is_empty()) else {
        return wrong("command", "it is missing");
    };
    let mut env = Vec::new();
    for entry in exec.env.iter().flatten() {
        let (name, value) = (entry.get("name"), entry.get("value"));
        // NUL ends a variable, and what stands before the first `=` is its name.
        let fits = |name: &&String| !name.is_empty() && !name.contains(['=', '\0']);
        let Some(name) = name.filter(fits).filter(|_| entry.len() <= 2) else {
            return wrong("env", "an entry is something else than a `name` and a `value`");
        };
        env.push((name.clone(), value.cloned().unwrap_or_default()));
    }
    Ok(Plugin {
        version,
        command: command.into(),
        args: exec.args.clone().unwrap_or_default(),
        env,
        install_hint: exec.install_hint.clone().filter(|hint| !hint.is_empty()),
        provide_cluster: exec.provide_cluster_info,
        cluster_config: None,
    })
}
