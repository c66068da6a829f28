//! A filter for minutebook in Rust.
//!
//! This file is the glue between the component model and the rule: it keeps the settings between
//! `configure` and `select`, and converts values in both directions. What is decided, and in which
//! words, is in `rule.rs`.
//!
//! A panic is a trap: minutebook reports that the filter has failed, and its message is lost. So
//! whatever can go wrong should be an `Err`, which the operator reads as it is.

mod rule;

use std::sync::OnceLock;

use bindings::exports::minutebook::filter::filter as wit;
use rule::{Resource, Settings, Side};

mod bindings {
    wit_bindgen::generate!({ path: "wit", world: "resource-filter" });
}

/// What `configure` was given; an instance is configured once.
static SETTINGS: OnceLock<Settings> = OnceLock::new();

struct Filter;

impl wit::Guest for Filter {
    fn configure(settings: String) -> Result<(), String> {
        let settings = Settings::read(&settings)?;
        SETTINGS.set(settings).map_err(|_| "the filter has already been configured".to_owned())
    }

    fn select(target: wit::Target, resources: Vec<wit::ApiResource>) -> Result<wit::Selection, String> {
        let settings = SETTINGS.get().ok_or("the filter has not been configured")?;
        let side = match target.scope {
            wit::Scope::Namespace(_) | wit::Scope::AllNamespaces => Side::Namespaces,
            wit::Scope::Cluster => Side::Cluster,
        };
        let resources: Vec<Resource> = resources.iter().map(resource).collect();
        let verdicts = resources.iter().map(|resource| match rule::decide(side, settings, resource) {
            Ok(reason) => wit::Verdict { selected: true, reason: reason.to_owned() },
            Err(reason) => wit::Verdict { selected: false, reason: reason.to_owned() },
        });
        Ok(wit::Selection { verdicts: verdicts.collect(), warnings: rule::warnings(settings, &resources) })
    }
}

fn resource(resource: &wit::ApiResource) -> Resource<'_> {
    Resource {
        group: &resource.group,
        namespaced: resource.namespaced,
        listable: resource.verbs.iter().any(|verb| verb == "list"),
    }
}

// Native linkers cannot have the exports' names, which hold colons, and have no use for them.
#[cfg(target_arch = "wasm32")]
bindings::export!(Filter with_types_in bindings);
