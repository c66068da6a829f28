//! minutebook's default filter: what is in the scope and can be listed, and what the settings add
//! or take away.
//!
//! This file is the glue between the component model and the rule: it keeps the settings between
//! `configure` and `select`, and converts values in both directions. What is decided, and in which
//! words, is in `rule.rs`; how the settings are read is in `settings.rs`. Both know nothing of
//! WebAssembly and are tested natively.
//!
//! On WebAssembly the crate is `no_std`, and `build` has the compiler leave out the locations of
//! panics: so the bytes hold no paths, and the same compiler gives the same bytes in any folder.

#![cfg_attr(target_arch = "wasm32", no_std)]

extern crate alloc;

mod rule;
mod settings;
#[cfg(target_arch = "wasm32")]
mod wasm;

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;

use once_cell::race::OnceBox;

use bindings::exports::minutebook::filter::filter as wit;
use settings::Settings;

mod bindings {
    wit_bindgen::generate!({ path: "../wit", world: "resource-filter" });
}

/// What `configure` was given; an instance is configured once.
static SETTINGS: OnceBox<Settings> = OnceBox::new();

/// The filter itself; what it knows is in `SETTINGS`.
pub struct Filter;

impl wit::Guest for Filter {
    fn configure(settings: String) -> Result<(), String> {
        let settings = settings::parse(&settings)?;
        SETTINGS.set(Box::new(settings)).map_err(|_| String::from("the filter has already been configured"))
    }

    fn select(target: wit::Target, resources: Vec<wit::ApiResource>) -> Result<wit::Selection, String> {
        let settings = SETTINGS.get().ok_or_else(|| String::from("the filter has not been configured"))?;
        let scope = match target.scope {
            wit::Scope::Namespace(_) | wit::Scope::AllNamespaces => rule::Scope::Namespaces,
            wit::Scope::Cluster => rule::Scope::Cluster,
        };
        let catalog: Vec<rule::Resource<'_>> = resources.iter().map(resource).collect();
        Ok(wit::Selection {
            verdicts: catalog
                .iter()
                .map(|resource| verdict(rule::decide(scope, settings, resource, &catalog)))
                .collect(),
            warnings: rule::warnings(settings, &catalog),
        })
    }
}

fn resource(resource: &wit::ApiResource) -> rule::Resource<'_> {
    rule::Resource {
        group: &resource.group,
        name: &resource.name,
        namespaced: resource.namespaced,
        listable: resource.verbs.iter().any(|verb| verb == "list"),
    }
}

fn verdict(verdict: rule::Verdict) -> wit::Verdict {
    wit::Verdict { selected: verdict.selected, reason: String::from(verdict.reason) }
}

// Native linkers cannot have the exports' names, which hold colons, and have no use for them.
#[cfg(target_arch = "wasm32")]
bindings::export!(Filter with_types_in bindings);
