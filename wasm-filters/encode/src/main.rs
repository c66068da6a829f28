//! Makes a component of a filter's core module: `encode MODULE COMPONENT NAME VERSION`.
//!
//! Linkers and `wasm-tools` can do that too, but the encoder writes its own version into the
//! bytes. This program is pinned by its lock file, so that the default filter can be rebuilt
//! anywhere and compared byte for byte.
//!
//! The filter's name and version go into the component's outermost level, where `wasm-tools
//! metadata show` finds them, as two custom sections. A custom section is `00`, the SIZE of all
//! that follows, its own name with its SIZE, and its content; each SIZE is in LEB128.
//!
//! - `component-name` holds subsections: a byte that says which, SIZE, content. The first one is
//!   `00`, the component's own name: here the filter's, as SIZE and UTF-8 text. What follows are
//!   the encoder's names for the parts within.
//! - `version`, the last section, holds the version's UTF-8 text up to the section's end, without
//!   a SIZE of its own.
//!
//! What it is given is checked first: wit-component panics on a module that was cut off, and makes
//! an empty component, without a word, of one that carries no interface.

use std::{env, fs, process::ExitCode};

use anyhow::{Context as _, Result, bail, ensure};
use wasm_encoder::{ComponentSection as _, CustomSection};
use wasm_metadata::{AddMetadata, AddMetadataField};
use wasmparser::{Parser, Payload, Validator};
use wit_component::ComponentEncoder;

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [module, component, name, version] = arguments.as_slice() else {
        eprintln!("usage: encode MODULE COMPONENT NAME VERSION");
        return ExitCode::from(2);
    };
    match run(module, component, name, version) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("encode: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(module: &str, component: &str, name: &str, version: &str) -> Result<()> {
    let bytes = fs::read(module).with_context(|| format!("could not read {module}"))?;
    let encoded = check(&bytes)
        .and_then(|()| encode(&bytes, name, version))
        .with_context(|| format!("could not make a component of {module}"))?;
    fs::write(component, encoded).with_context(|| format!("could not write {component}"))
}

/// Refuses what wit-component cannot be trusted with.
fn check(module: &[u8]) -> Result<()> {
    ensure!(module.starts_with(b"\0asm"), "it is not WebAssembly");
    ensure!(!Parser::is_component(module), "it is a component already");
    Validator::new().validate_all(module).context("it is cut off or damaged")?;
    for payload in Parser::new(0).parse_all(module) {
        if let Payload::CustomSection(section) = payload?
            && section.name().starts_with("component-type")
        {
            return Ok(());
        }
    }
    bail!("it does not say which interface it has; was it built with wit-bindgen, and not stripped since?")
}

fn encode(module: &[u8], name: &str, version: &str) -> Result<Vec<u8>> {
    let component = ComponentEncoder::default().validate(true).module(module)?.encode()?;
    let mut metadata = AddMetadata::default();
    metadata.name = AddMetadataField::Set(name.to_owned());
    let mut component = metadata.to_wasm(&component)?;
    let version = CustomSection { name: "version".into(), data: version.as_bytes().into() };
    version.append_to_component(&mut component);
    Ok(component)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An empty core module.
    const MODULE: &[u8] = b"\0asm\x01\0\0\0";

    fn refusal(bytes: &[u8]) -> String {
        format!("{:#}", check(bytes).unwrap_err())
    }

    #[test]
    fn what_cannot_be_encoded_is_refused_in_words() {
        assert_eq!(refusal(b"(module)"), "it is not WebAssembly");
        assert_eq!(refusal(b""), "it is not WebAssembly");
        assert_eq!(refusal(b"\0asm\x0d\0\x01\0"), "it is a component already");
        // A section of five bytes of which two are there.
        let cut_off = [MODULE, b"\0\x05\x01x"].concat();
        assert!(refusal(&cut_off).starts_with("it is cut off or damaged: "));
        assert!(refusal(b"\0asm").starts_with("it is cut off or damaged: "));
        assert!(refusal(MODULE).starts_with("it does not say which interface it has"));
    }

    #[test]
    fn name_and_version_are_where_the_description_says() {
        let component = encode(MODULE, "example", "1.2.3").unwrap();
        let name = b"\x0ecomponent-name\0\x08\x07example";
        assert_eq!(component.windows(name.len()).filter(|it| it == name).count(), 1);
        assert!(component.ends_with(b"\0\x0d\x07version1.2.3"));
    }
}
