//! What a file is, before anything of it is compiled: a component, or what else and what to do.
//!
//! Reads the outermost layer only, in one pass over at most 4 MiB: the component's own name and
//! version (custom sections, as `wasm-metadata` writes them), its imports and its exports. Whether
//! what is inside is valid is left to the compiler.

use wasmparser::{ComponentName, CustomSectionReader, KnownCustom, Parser};

use crate::model::digest::Sha256;
use crate::model::selection::FilterId;
use crate::model::text::printable;

use super::bindings::INTERFACE;
use super::error::{Error, NotAComponent};

/// Bytes of a filter's name, its version, or the name of an import or export: what fits in a line.
const NAME_BYTES: usize = 128;
/// Imports or exports that a message names.
const NAMES_SHOWN: usize = 5;
/// How every WebAssembly file begins, module or component.
const MAGIC: &[u8] = b"\0asm";
/// How the custom sections begin that say which component a core module is meant to become.
const COMPONENT_TYPE: &str = "component-type";
/// The custom section of the version.
const VERSION: &str = "version";

/// What a component says about itself.
#[derive(Debug, Default)]
pub(super) struct Facts {
    name: Option<String>,
    version: Option<String>,
    imports: Names,
    exports: Names,
    /// Whether the filter's interface is among the exports.
    is_filter: bool,
}

/// Names for a message: the first ones, and how many there are.
#[derive(Debug, Default)]
struct Names {
    shown: Vec<String>,
    count: usize,
}

impl Facts {
    /// Reads the outermost layer of a component.
    ///
    /// # Errors
    /// [`Error::NotAComponent`], or [`Error::Malformed`] if it begins like one.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Error> {
        if Parser::is_core_wasm(bytes) {
            return Err(NotAComponent::CoreModule { typed: is_typed(bytes) }.into());
        }
        // What is shorter than the header counts as a component, so that it is said to be cut short.
        let is_component = Parser::is_component(bytes) || (bytes.starts_with(MAGIC) && bytes.len() < 8);
        if !is_component {
            return Err(sniff(bytes).into());
        }
        let mut facts = Self::default();
        walk(bytes, |payload| facts.note(payload))?;
        Ok(facts)
    }

    /// The filter's identity: its own name, or else that of the file.
    pub(super) fn identity(&self, origin: &str, digest: Sha256) -> FilterId {
        let file = origin.rsplit('/').find(|part| !part.is_empty()).unwrap_or(origin);
        FilterId {
            name: self.name.clone().unwrap_or_else(|| printable(file, NAME_BYTES)),
            version: self.version.clone(),
            digest,
        }
    }

    /// Checks what it asks for and what it offers, by name.
    ///
    /// # Errors
    /// [`Error::Imports`] if it asks for anything, [`Error::World`] if it is not a filter.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.imports.count > 0 {
            return Err(Error::Imports { names: self.imports.list() });
        }
        if !self.is_filter {
            return Err(Error::World { exports: self.exports.list() });
        }
        Ok(())
    }

    fn note(&mut self, payload: wasmparser::Payload<'_>) -> wasmparser::Result<()> {
        use wasmparser::Payload::{ComponentExportSection, ComponentImportSection, CustomSection};
        match payload {
            CustomSection(section) => self.note_custom(&section),
            ComponentImportSection(section) => {
                for import in section {
                    self.imports.add(import?.name.name);
                }
            }
            ComponentExportSection(section) => {
                for export in section {
                    let name = export?.name.name;
                    self.is_filter |= is_interface(name);
                    self.exports.add(name);
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// A custom section that cannot be read says nothing: it is for people, and harms nobody.
    fn note_custom(&mut self, section: &CustomSectionReader<'_>) {
        if let KnownCustom::ComponentName(names) = section.as_known() {
            let own = names.into_iter().map_while(Result::ok).find_map(|name| match name {
                ComponentName::Component { name, .. } => Some(name),
                _ => None,
            });
            self.name = own.and_then(own_words).or(self.name.take());
        } else if section.name() == VERSION {
            self.version =
                std::str::from_utf8(section.data()).ok().and_then(own_words).or(self.version.take());
        }
    }
}

impl Names {
    fn add(&mut self, name: &str) {
        self.count += 1;
        if self.shown.len() < NAMES_SHOWN {
            self.shown.push(printable(name, NAME_BYTES));
        }
    }

    fn list(&self) -> String {
        let list = self.shown.join(", ");
        match self.count - self.shown.len() {
            0 => list,
            more => format!("{list} and {more} more"),
        }
    }
}

/// Whether this is the filter's interface, at any patch version: below 1.0 those are compatible
/// (semver), and wasmtime links them so.
fn is_interface(export: &str) -> bool {
    let (compatible, _) = INTERFACE.rsplit_once('.').unwrap_or((INTERFACE, ""));
    export.rsplit_once('.').is_some_and(|(name, _)| name == compatible)
}

/// A text that a component says about itself, unless it is empty.
fn own_words(text: &str) -> Option<String> {
    Some(printable(text, NAME_BYTES)).filter(|text| !text.is_empty())
}

/// Shows the sections of the outermost layer to `visit`.
fn walk<'a>(
    bytes: &'a [u8],
    mut visit: impl FnMut(wasmparser::Payload<'a>) -> wasmparser::Result<()>,
) -> Result<(), Error> {
    use wasmparser::Chunk::{NeedMoreData, Parsed};
    use wasmparser::Payload::{CodeSectionStart, ComponentSection, ModuleSection};

    let malformed =
        |error: wasmparser::BinaryReaderError| Error::Malformed(printable(&error.to_string(), NAME_BYTES));
    let truncated = || Error::from(NotAComponent::Truncated { bytes: bytes.len() });
    let mut parser = Parser::new(0);
    let mut rest = bytes;
    loop {
        // The end is not announced to the parser, so that it distinguishes what is missing from what is wrong.
        let (consumed, payload) = match parser.parse(rest, false).map_err(malformed)? {
            NeedMoreData(_) if rest.is_empty() => return Ok(()),
            NeedMoreData(_) => return Err(truncated()),
            Parsed { consumed, payload } => (consumed, payload),
        };
        let skipped = match &payload {
            ModuleSection { unchecked_range: range, .. }
            | ComponentSection { unchecked_range: range, .. } => range.len(),
            CodeSectionStart { size, .. } => {
                parser.skip_section();
                *size as usize
            }
            _ => 0,
        };
        visit(payload).map_err(malformed)?;
        rest = rest.get(consumed + skipped..).ok_or_else(truncated)?;
    }
}

/// Whether a core module says which component it is meant to become.
fn is_typed(module: &[u8]) -> bool {
    let mut typed = false;
    // Of a broken module it is enough to know what has been seen of it.
    let _ = walk(module, |payload| {
        if let wasmparser::Payload::CustomSection(section) = payload {
            typed |= section.name().starts_with(COMPONENT_TYPE);
        }
        Ok(())
    });
    typed
}

/// What a file is that is no WebAssembly of a kind we know.
fn sniff(bytes: &[u8]) -> NotAComponent {
    let begins = |prefix: &[u8]| bytes.starts_with(prefix);
    if bytes.is_empty() {
        return NotAComponent::Empty;
    }
    if begins(MAGIC) {
        return NotAComponent::OtherVersion;
    }
    if begins(b"\x7fELF") {
        return NotAComponent::NativeProgram;
    }
    for (prefix, tool) in [(&b"\x1f\x8b"[..], "gzip"), (b"\x28\xb5\x2f\xfd", "zstd"), (b"PK\x03\x04", "zip")]
    {
        if begins(prefix) {
            return NotAComponent::Compressed { tool };
        }
    }
    match std::str::from_utf8(bytes) {
        Ok(text) if text.starts_with("version https://git-lfs") => NotAComponent::LfsPointer,
        Ok(text) if is_wat(text) => NotAComponent::Wat,
        Ok(text) if !text.contains('\0') => NotAComponent::Text,
        _ => NotAComponent::Unknown,
    }
}

/// Whether a text is WebAssembly's text format: its first line that is no comment opens one of these.
fn is_wat(text: &str) -> bool {
    let code = text.lines().map(str::trim_start).find(|line| !line.is_empty() && !line.starts_with(";;"));
    code.is_some_and(|code| code.starts_with("(component") || code.starts_with("(module"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(wat: &str) -> Result<Facts, Error> {
        Facts::read(&wat::parse_str(wat).unwrap())
    }

    fn identity(wat: &str, origin: &str) -> (String, Option<String>) {
        let FilterId { name, version, .. } = read(wat).unwrap().identity(origin, Sha256::of(b""));
        (name, version)
    }

    #[test]
    fn a_filter_is_called_what_it_says_or_else_like_its_file() {
        let named = r#"(component $pick-nodes (component $inner (@custom "version" "9")) (@custom "version" "1.2.3"))"#;
        assert_eq!(identity(named, "./x.wasm"), ("pick-nodes".to_owned(), Some("1.2.3".to_owned())));
        for (origin, name) in [("./dir/x.wasm", "x.wasm"), ("dir/", "dir"), ("/", "/"), ("a\tb", "a b")] {
            assert_eq!(identity("(component)", origin), (name.to_owned(), None));
        }
    }

    #[test]
    fn what_it_says_is_made_printable_and_cut() {
        let long = "x".repeat(500);
        let wat = format!(
            r#"(component $"a\n\1b[31m{long}" (@custom "version" " \n") (@custom "component-name" "\ff"))"#
        );
        let (name, version) = identity(&wat, "x");
        assert!(name.starts_with("a \u{fffd}[31mxxx") && name.len() <= NAME_BYTES, "{name}");
        assert_eq!(version, None);
    }

    #[test]
    fn imports_are_refused_by_name_and_beyond_a_few_by_number() {
        let import = |number| format!(r#"(import "a:b/c{number}@1.0.0" (instance))"#);
        for (count, names) in [
            (1, "a:b/c0@1.0.0"),
            (7, "a:b/c0@1.0.0, a:b/c1@1.0.0, a:b/c2@1.0.0, a:b/c3@1.0.0, a:b/c4@1.0.0 and 2 more"),
        ] {
            let imports: String = (0..count).map(import).collect();
            let refused = read(&format!("(component {imports})")).unwrap().check();
            assert_eq!(refused, Err(Error::Imports { names: names.to_owned() }));
        }
    }

    #[test]
    fn a_patch_version_of_the_interface_is_compatible() {
        for (name, is_it) in [
            (INTERFACE, true),
            ("minutebook:filter/filter@0.1.7", true),
            ("minutebook:filter/filter@0.2.0", false),
            ("minutebook:filter/filter", false),
            ("audit:filter/filter@0.1.0", false),
            ("", false),
        ] {
            assert_eq!(is_interface(name), is_it, "{name}");
        }
    }

    #[test]
    fn every_prefix_of_a_component_is_read_without_a_panic() {
        let bytes =
            wat::parse_str(r#"(component $c (core module (func unreachable)) (@custom "version" "1"))"#)
                .unwrap();
        let truncated = |bytes| Error::NotAComponent(NotAComponent::Truncated { bytes });
        for end in MAGIC.len()..bytes.len() {
            match Facts::read(&bytes[..end]) {
                // Cut between two sections, it is a smaller component.
                Ok(facts) => assert!(facts.name.is_none()),
                Err(error) => assert_eq!(error, truncated(end)),
            }
        }
        assert_eq!(Facts::read(&bytes).unwrap().name.as_deref(), Some("c"));
    }

    #[test]
    fn other_files_are_told_apart() {
        for (bytes, what) in [
            (&b""[..], NotAComponent::Empty),
            (b"\0asm\x01\0\0\0", NotAComponent::CoreModule { typed: false }),
            (b"\0asm\x0e\0\x01\0", NotAComponent::OtherVersion),
            (b"\0asm\x0d\0", NotAComponent::Truncated { bytes: 6 }),
            (b"\x7fELF\x02", NotAComponent::NativeProgram),
            (b"\x1f\x8b\x08", NotAComponent::Compressed { tool: "gzip" }),
            (b"\x28\xb5\x2f\xfd", NotAComponent::Compressed { tool: "zstd" }),
            (b"PK\x03\x04", NotAComponent::Compressed { tool: "zip" }),
            (b"version https://git-lfs.github.com/spec/v1\n", NotAComponent::LfsPointer),
            (b";; a filter\n\n  (component\n", NotAComponent::Wat),
            (b"(module)", NotAComponent::Wat),
            (b"{\"selected\": true}", NotAComponent::Text),
            (b"\0\0\0\0", NotAComponent::Unknown),
            (b"\xff\xfe", NotAComponent::Unknown),
        ] {
            assert_eq!(Facts::read(bytes).unwrap_err(), Error::NotAComponent(what));
        }
        let typed = wat::parse_str(r#"(module (func) (@custom "component-type:x" ""))"#).unwrap();
        assert_eq!(
            Facts::read(&typed).unwrap_err(),
            Error::NotAComponent(NotAComponent::CoreModule { typed: true })
        );
    }
}
