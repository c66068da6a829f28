//! minutebook's filter for those who do not program: the settings hold one expression in CEL, the
//! Common Expression Language, and a resource is recorded if it is true of it.
//!
//! This file is the glue between the component model and the rule: it keeps the rule between
//! `configure` and `select`, and converts values in both directions. What an expression may be and
//! how it is evaluated is in `rule.rs`, and in the files that it names; how the settings are read is
//! in `settings.rs`. They know nothing of WebAssembly and are tested natively.

mod check;
mod functions;
mod names;
mod near;
mod places;
mod rule;
mod settings;
mod shown;
mod syntax;
mod types;
mod unmatched;
mod values;

use std::sync::OnceLock;

use bindings::exports::minutebook::filter::filter as wit;
use rule::Rule;

mod bindings {
    wit_bindgen::generate!({ path: "../wit", world: "resource-filter" });
}

/// What `configure` was given; an instance is configured once.
static RULE: OnceLock<Rule> = OnceLock::new();

/// The filter itself; what it knows is in `RULE`.
pub struct Filter;

impl wit::Guest for Filter {
    fn configure(settings: String) -> Result<(), String> {
        let rule = Rule::compile(&settings::parse(&settings)?)
            .map_err(|error| format!("the setting \"select\": {error}"))?;
        RULE.set(rule).map_err(|_| String::from("the filter has already been configured"))
    }

    fn select(target: wit::Target, resources: Vec<wit::ApiResource>) -> Result<wit::Selection, String> {
        let rule = RULE.get().ok_or("the filter has not been configured")?;
        let (scope, namespace) = match &target.scope {
            wit::Scope::Namespace(namespace) => ("namespace", namespace.as_str()),
            wit::Scope::AllNamespaces => ("all-namespaces", ""),
            wit::Scope::Cluster => ("cluster", ""),
        };
        let target = values::Target { host: &target.host, cluster: &target.cluster, scope, namespace };
        let resources: Vec<_> = resources.iter().map(resource).collect();
        let verdicts = rule.decide(&target, &resources)?.into_iter().map(verdict).collect();
        Ok(wit::Selection { verdicts, warnings: rule.warnings(&resources) })
    }
}

fn resource(resource: &wit::ApiResource) -> values::Resource<'_> {
    values::Resource {
        group: &resource.group,
        version: &resource.version,
        kind: &resource.kind,
        name: &resource.name,
        singular_name: &resource.singular_name,
        namespaced: resource.namespaced,
        verbs: &resource.verbs,
        short_names: &resource.short_names,
        categories: &resource.categories,
    }
}

fn verdict(selected: bool) -> wit::Verdict {
    wit::Verdict {
        selected,
        reason: String::from(if selected { "select is true" } else { "select is false" }),
    }
}

// Native linkers cannot have the exports' names, which hold colons, and have no use for them.
#[cfg(target_arch = "wasm32")]
bindings::export!(Filter with_types_in bindings);
