//! What a component calls itself: written where minutebook, and `wasm-tools metadata show`, find it. Pure.

use wasm_encoder::{Component, ComponentSection as _, CustomSection, RawSection};
use wasm_metadata::{AddMetadata, AddMetadataField};
use wasmparser::{Parser, Payload};

use super::{Error, refused};

/// The custom section of the version.
const VERSION: &str = "version";

/// A filter's name and version. What is not given stays as it is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Identity {
    /// Its name, replaced if it has one.
    pub name: Option<String>,
    /// Its version, replaced if it has one.
    pub version: Option<String>,
}

impl Identity {
    /// Writes it into a component's outermost level.
    pub(super) fn write_into(&self, mut component: Vec<u8>) -> Result<Vec<u8>, Error> {
        if let Some(name) = &self.name {
            let mut metadata = AddMetadata::default();
            metadata.name = AddMetadataField::Set(name.clone());
            component = metadata.to_wasm(&component).map_err(refused)?;
        }
        if let Some(version) = &self.version {
            component = without_version(&component)?;
            CustomSection { name: VERSION.into(), data: version.as_bytes().into() }
                .append_to_component(&mut component);
        }
        Ok(component)
    }
}

/// The component without a version of its own. Those of its parts stay.
fn without_version(component: &[u8]) -> Result<Vec<u8>, Error> {
    let mut kept = Component::new();
    let mut depth = 0_u32;
    for payload in Parser::new(0).parse_all(component) {
        let payload = payload.map_err(refused)?;
        let outermost = depth == 0;
        match &payload {
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CustomSection(section) if section.name() == VERSION => continue,
            _ => {}
        }
        if let Some((id, range)) = payload.as_section().filter(|_| outermost) {
            kept.section(&RawSection { id, data: &component[range] });
        }
    }
    Ok(kept.finish())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn identity(name: Option<&str>, version: Option<&str>) -> Identity {
        Identity { name: name.map(str::to_owned), version: version.map(str::to_owned) }
    }

    #[test]
    fn name_and_version_are_where_the_description_says() {
        let component = wat::parse_str("(component)").unwrap();
        let named = identity(Some("example"), Some("1.2.3")).write_into(component.clone()).unwrap();
        let name = b"\x0ecomponent-name\0\x08\x07example";
        assert_eq!(named.windows(name.len()).filter(|it| it == name).count(), 1);
        assert!(named.ends_with(b"\0\x0d\x07version1.2.3"));
        assert_eq!(identity(None, None).write_into(component.clone()).unwrap(), component);
    }

    #[test]
    fn what_is_given_replaces_what_was_there_and_its_parts_keep_theirs() {
        let wat = r#"(component $old
            (core module (@custom "version" "module's"))
            (component $inner (@custom "version" "inner's"))
            (@custom "version" "old's") (@custom "other" "stays"))"#;
        let component = wat::parse_str(wat).unwrap();
        let count = |bytes: &[u8], text: &str| {
            bytes.windows(text.len()).filter(|window| *window == text.as_bytes()).count()
        };
        let counts = |bytes: &[u8]| {
            ["module's", "inner's", "old's", "stays", "\x03old", "new", "9"].map(|text| count(bytes, text))
        };
        assert_eq!(counts(&component), [1, 1, 1, 1, 1, 0, 0]);
        let renamed = identity(Some("new"), None).write_into(component.clone()).unwrap();
        assert_eq!(counts(&renamed), [1, 1, 1, 1, 0, 1, 0]);
        let both = identity(Some("new"), Some("9")).write_into(component).unwrap();
        assert_eq!(counts(&both), [1, 1, 0, 1, 0, 1, 1]);
        assert!(wasmparser::Validator::new().validate_all(&both).is_ok());
    }
}
