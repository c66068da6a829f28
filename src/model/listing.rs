//! Which list a selected resource is.

use super::catalog::Resource;
use super::name::{Label, ResourceName};

/// A list that can be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listing {
    /// The resource.
    pub id: ResourceName,
    /// The API version that it is listed at.
    pub version: Label,
}

impl Listing {
    /// The list of a resource's objects.
    #[must_use]
    pub fn of(resource: &Resource) -> Self {
        Self { id: resource.id.clone(), version: resource.version.clone() }
    }
}
