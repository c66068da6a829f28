//! What a file is, before anything of it is compiled: a component, or what else and what to do.
//!
//! Reads the outermost layer only, in one pass: the component's own name and
//! version (custom sections, as `wasm-metadata` writes them), its imports and its exports. Whether
//! what is inside is valid is left to the compiler.

use wasmparser::{ComponentName, CustomSectionReader, KnownCustom, Parser};

use crate::model::digest::Sha256;
use crate::model::selection::FilterId;
use crate::model::text::printable;

use super::contract::Contracts;
use super::error::{Error, NotAComponent};

/// Bytes of a filter's name, its version, or the name of an import or export: what fits in a line.
const NAME_BYTES: usize = 128;
/// Imports or exports that a message names.
const NAMES_SHOWN: usize = 5;
/// Those that are kept: no filter has as many.
const NAMES_KEPT: usize = 1000;
/// How every WebAssembly file begins, module or component.
const MAGIC: &[u8] = b"\0asm";
/// Bytes of that and a version.
pub(super) const HEADER_BYTES: usize = 8;
/// How the custom sections begin that say which component a core module is meant to become.
const COMPONENT_TYPE: &str = "component-type";
/// The custom section of the version.
const VERSION: &str = "version";

/// What a component says about itself, or as much of it as a core module has.
#[derive(Debug, Default)]
pub(super) struct Facts {
    pub(super) name: Option<String>,
    pub(super) version: Option<String>,
    pub(super) imports: Names,
    pub(super) exports: Names,
    pub(super) contracts: Contracts,
    /// Whether it says which component it is meant to become.
    is_typed: bool,
}

/// Names, printable: the first ones, and how many there are.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) kept: Vec<String>,
    pub(super) count: usize,
}

impl Facts {
    /// Reads the outermost layer of a component.
    ///
    /// # Errors
    /// [`Error::NotAComponent`], or [`Error::Malformed`] if it begins like one.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Error> {
        match Self::gather(bytes) {
            (facts, None) => Ok(facts),
            (_, Some(error)) => Err(error),
        }
    }

    /// The same of any file: what there is of facts, and what is wrong with it.
    pub(super) fn gather(bytes: &[u8]) -> (Self, Option<Error>) {
        let mut facts = Self::default();
        let is_module = Parser::is_core_wasm(bytes);
        // What is shorter than the header counts as a component, so that it is said to be cut short.
        let is_component =
            Parser::is_component(bytes) || (bytes.starts_with(MAGIC) && bytes.len() < HEADER_BYTES);
        if !is_module && !is_component {
            return (facts, Some(sniff(bytes).into()));
        }
        let wrong = walk(bytes, |payload| facts.note(payload)).err();
        // Of a broken module it is enough to know what it is.
        let wrong =
            if is_module { Some(NotAComponent::CoreModule { typed: facts.is_typed }.into()) } else { wrong };
        (facts, wrong)
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
    /// [`Error::Imports`] if it asks for anything, [`Error::Contract`] if it is built for another version of
    /// filter.wit, [`Error::World`] if it is no filter.
    pub(super) fn check(&self) -> Result<(), Error> {
        if self.imports.count > 0 {
            return Err(Error::Imports { names: self.imports.list() });
        }
        match self.contracts.check() {
            Some(Ok(())) => Ok(()),
            Some(Err(misfit)) => {
                let mut versions = Names::default();
                self.contracts.versions().iter().for_each(|version| versions.add(version));
                Err(Error::Contract { theirs: versions.list(), misfit })
            }
            None => Err(Error::World { exports: self.exports.list() }),
        }
    }

    fn note(&mut self, payload: wasmparser::Payload<'_>) -> wasmparser::Result<()> {
        use wasmparser::Payload::{ComponentExportSection, ComponentImportSection, CustomSection};
        use wasmparser::Payload::{ExportSection, ImportSection};
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
                    self.contracts.note(name);
                    self.exports.add(name);
                }
            }
            // These two are of modules.
            ImportSection(section) => {
                for import in section.into_imports() {
                    let import = import?;
                    self.imports.add(&format!("{} {}", import.module, import.name));
                }
            }
            ExportSection(section) => {
                for export in section {
                    self.exports.add(export?.name);
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
        } else if section.name().starts_with(COMPONENT_TYPE) {
            self.is_typed = true;
        } else if section.name() == VERSION {
            self.version =
                std::str::from_utf8(section.data()).ok().and_then(own_words).or(self.version.take());
        }
    }
}

impl Names {
    fn add(&mut self, name: &str) {
        self.count += 1;
        if self.kept.len() < NAMES_KEPT {
            self.kept.push(printable(name, NAME_BYTES));
        }
    }

    fn list(&self) -> String {
        let shown = &self.kept[..self.kept.len().min(NAMES_SHOWN)];
        let list = shown.join(", ");
        match self.count - shown.len() {
            0 => list,
            more => format!("{list} and {more} more"),
        }
    }
}

/// A text that a component says about itself, unless it is empty.
pub(super) fn own_words(text: &str) -> Option<String> {
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
            // A component, and a line's end.
            (b"\0asm\x0d\0\x01\0\n", NotAComponent::Truncated { bytes: 9 }),
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
