//! Everything that a file says of itself, for a person who asks whether to run it, and whether it would run.

use std::time::Duration;

use wasm_metadata::Producers;
use wasmparser::{KnownCustom, Parser, Payload};

use super::component::{Facts, own_words};
use super::contract;
use super::error::{Error, Failed, NotAComponent};
use super::{Limits, Selector, Source};
use crate::model::catalog::Catalog;
use crate::model::digest::Sha256;
use crate::model::limits::{FILTER_BYTES, MESSAGE_BYTES};
use crate::model::target::{Scope, Target, TargetError};
use crate::model::text::printable;

/// Tools and languages that are kept: components have some ten.
const PRODUCERS: usize = 100;

/// What a file says of itself. Its texts are printable, and cut at 128 bytes.
#[derive(Debug)]
pub struct Inspected {
    /// The digest of its bytes.
    pub digest: Sha256,
    /// How many there are.
    pub size: usize,
    /// What it is.
    pub kind: Kind,
    /// The name that it gives itself.
    pub name: Option<String>,
    /// The version that it gives itself.
    pub version: Option<String>,
    /// The versions of filter.wit that it is built for; an empty text stands for one without.
    pub contracts: Vec<String>,
    /// What it exports: the first thousand.
    pub exports: Vec<String>,
    /// What it asks for: the first thousand. A module's have two words, from where and what.
    pub imports: Vec<String>,
    /// What it and its parts were made of and with: a field such as `language`, a name and a version, sorted.
    pub producers: Vec<[String; 3]>,
    /// Why it would be refused before anything of it is compiled or run.
    pub refused: Option<Error>,
}

/// What a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A component, whole or not.
    Component,
    /// A core module.
    Module,
    /// Anything else.
    Other,
}

/// The version of filter.wit that this program has.
#[must_use]
pub fn contract_version() -> &'static str {
    contract::own_version()
}

/// Whether a filter would run: it is loaded and decides about nothing, within the default limits. That it wants other
/// settings than `{}`, or something to decide about, is no fault.
///
/// Blocks, as [`Selector::select`] does.
///
/// # Errors
/// Why it would be refused.
pub fn try_out(selector: &Selector, source: &Source<'_>) -> Result<(), Box<Failed>> {
    let nowhere = || -> Result<Target, TargetError> {
        Ok(Target { host: "localhost".parse()?, cluster: "none".parse()?, scope: Scope::AllNamespaces })
    };
    let target = nowhere().map_err(|error| {
        let origin = printable(source.origin, MESSAGE_BYTES);
        Box::new(Failed { origin, filter: None, error: Error::Host(error.to_string()) })
    })?;
    let decided =
        selector.select(source, Limits::default(), "{}", &target, &Catalog::default(), Duration::MAX);
    match decided {
        Err(failed) if !matches!(failed.error, Error::Settings(_) | Error::Refused(_)) => Err(failed),
        _ => Ok(()),
    }
}

/// Reads what a file says of itself, as far as it can be read.
#[must_use]
pub fn inspect(bytes: &[u8]) -> Inspected {
    let (facts, wrong) = Facts::gather(bytes);
    let kind = match &wrong {
        Some(Error::NotAComponent(NotAComponent::CoreModule { .. })) => Kind::Module,
        Some(Error::NotAComponent(NotAComponent::Truncated { .. })) | None => Kind::Component,
        Some(Error::NotAComponent(_)) => Kind::Other,
        Some(_) => Kind::Component,
    };
    let too_big = (bytes.len() > FILTER_BYTES).then_some(Error::TooBig);
    let refused = too_big.or(wrong).or_else(|| facts.check().err());
    Inspected {
        digest: Sha256::of(bytes),
        size: bytes.len(),
        kind,
        contracts: facts
            .contracts
            .versions()
            .iter()
            .map(|version| own_words(version).unwrap_or_default())
            .collect(),
        name: facts.name,
        version: facts.version,
        exports: facts.exports.kept,
        imports: facts.imports.kept,
        producers: producers(bytes),
        refused,
    }
}

/// What the file and all its parts say of their making, as far as it can be read: it is for people, and harms nobody.
fn producers(bytes: &[u8]) -> Vec<[String; 3]> {
    let mut all = Vec::new();
    for payload in Parser::new(0).parse_all(bytes).map_while(Result::ok) {
        let Payload::CustomSection(section) = payload else { continue };
        if !matches!(section.as_known(), KnownCustom::Producers(_)) {
            continue;
        }
        let Ok(producers) = Producers::from_bytes(section.data(), section.data_offset()) else { continue };
        for (field, values) in producers.iter() {
            let words = |text: &str| own_words(text).unwrap_or_default();
            all.extend(values.iter().map(|(name, version)| [words(field), words(name), words(version)]));
        }
        all.sort();
        all.dedup();
        all.truncate(PRODUCERS);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_filter_says_what_it_is() {
        let inspected = inspect(crate::select::stock("default").unwrap());
        assert_eq!((inspected.kind, &inspected.refused), (Kind::Component, &None));
        assert_eq!(
            (inspected.name.as_deref(), inspected.version.as_deref()),
            (Some("default"), Some("0.1.0"))
        );
        assert_eq!(inspected.contracts, [contract_version()]);
        assert_eq!(inspected.imports, [""; 0]);
        assert!(inspected.producers.iter().any(|[_, name, _]| name == "wit-component"), "{inspected:?}");
    }

    #[test]
    fn what_there_is_is_told_of_broken_files_and_modules_too() {
        let wat = r#"(component $c (import "a:b/c" (instance)) (core module (func unreachable)) (@custom "version" "1"))"#;
        let bytes = wat::parse_str(wat).unwrap();
        let whole = inspect(&bytes);
        assert!(matches!(whole.refused, Some(Error::Imports { .. })), "{:?}", whole.refused);
        let cut = inspect(&bytes[..bytes.len() - 3]);
        assert_eq!((cut.kind, &cut.imports[..]), (Kind::Component, &["a:b/c".to_owned()][..]));
        assert!(matches!(cut.refused, Some(Error::NotAComponent(NotAComponent::Truncated { .. }))));

        let module =
            r#"(module (import "env" "f" (func)) (func (export "g")) (@custom "component-type:x" ""))"#;
        let module = inspect(&wat::parse_str(module).unwrap());
        assert_eq!(
            (module.kind, &module.imports[..], &module.exports[..]),
            (Kind::Module, &["env f".to_owned()][..], &["g".to_owned()][..])
        );
        assert_eq!(module.refused, Some(NotAComponent::CoreModule { typed: true }.into()));
        assert_eq!(inspect(b"text").kind, Kind::Other);
    }

    #[test]
    fn producers_are_told_once_and_not_without_end() {
        let section = |number: usize| {
            let language = format!("l{number}");
            let mut producers = Producers::empty();
            producers.add("language", &language, "");
            producers.add("processed-by", "a\u{1b}b", "1\n2");
            producers.add_to_wasm(&wat::parse_str("(module)").unwrap()).unwrap()
        };
        let mut bytes = wat::parse_str("(component)").unwrap();
        for number in 0..2 * PRODUCERS {
            let module = section(number);
            bytes.extend([1, u8::try_from(module.len()).unwrap()]);
            bytes.extend(module);
        }
        let producers = inspect(&bytes).producers;
        assert_eq!(producers.len(), PRODUCERS);
        assert!(
            inspect(&bytes[..200])
                .producers
                .contains(&["processed-by", "a\u{fffd}b", "1 2"].map(str::to_owned))
        );
    }
}
