//! What a manifest says of single resources, by their names as `-o name` prints them.

use serde_json::Value;

use super::manifest::{Manifest, resource_name};

impl Manifest {
    /// Every resource that the filter was shown, with its verdict and its outcome.
    pub(crate) fn resources(&self) -> impl Iterator<Item = (String, &Value)> {
        self.value["resources"]
            .as_array()
            .into_iter()
            .flatten()
            .map(|resource| (resource_name(resource), resource))
    }

    /// Whether the namespace exists, as far as could be known.
    pub(crate) fn existence(&self) -> &Value {
        &self.value["target"]["existence"]
    }

    /// One of them.
    pub(crate) fn resource(&self, name: &str) -> &Value {
        let known = self.resources().find(|(known, _)| known == name);
        known.unwrap_or_else(|| panic!("{name} was shown to the filter")).1
    }
}
