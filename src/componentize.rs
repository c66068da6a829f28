//! Makes components of core modules, so that a language needs to know WebAssembly and nothing more to write a filter in.
//!
//! Bytes in, bytes out. A module that does not say which interface it has gets that of filter.wit, and one that asks
//! for WASI (preview 1) gets `wasm-filters/no-wasi` behind it, which gives it nothing: what comes out has no imports.
//!
//! A name and a version are written into the outermost level as `wasm-filters/encode` describes it: the component's own
//! name into the custom section `component-name`, the version's text into one called `version`, the last one.
//!
//! wit-component panics on what is cut off, and makes an empty component, without a word, of a module that carries no
//! interface. So everything is checked first, and a panic is an error all the same.

mod error;
mod identity;
mod module;

use std::panic::{AssertUnwindSafe, catch_unwind};

use wasmparser::{Parser, Validator, WasmFeatures};
use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata, metadata};
use wit_parser::{Resolve, WorldId, WorldItem};

use crate::model::limits::MESSAGE_BYTES;
use crate::model::text::printable;

pub use error::Error;
pub use identity::Identity;
use module::{Contract, Module};

/// The contract, as filters are built from it.
const WIT: &str = include_str!("../wasm-filters/wit/filter.wit");
/// The world that a filter's module belongs to, if it does not say.
const WORLD: &str = "resource-filter";
/// The name of WASI's preview 1, as modules import it.
const WASI: &str = "wasi_snapshot_preview1";
/// All of it, without anything behind it.
const NO_WASI: &[u8] = include_bytes!("../wasm-filters/no-wasi/no-wasi.wasm");

/// Makes a component of a core module, called as `identity` says. A component stays one, and only gets the name.
///
/// Whether minutebook would run the result is another question: its version of the contract may be a wrong one.
///
/// # Errors
/// What is wrong with the bytes, and what to do about it.
pub fn componentize(bytes: &[u8], identity: &Identity) -> Result<Vec<u8>, Error> {
    catch_unwind(AssertUnwindSafe(|| make(bytes, identity))).unwrap_or(Err(Error::Encoder))
}

fn make(bytes: &[u8], identity: &Identity) -> Result<Vec<u8>, Error> {
    let is_module = Parser::is_core_wasm(bytes);
    if !is_module && !Parser::is_component(bytes) {
        return Err(Error::NotWebAssembly);
    }
    // What is only a proposal yet is for whoever runs it to refuse.
    let mut validator = Validator::new_with_features(WasmFeatures::all());
    validator.validate_all(bytes).map_err(|error| Error::Invalid(words(&error)))?;
    let component = if is_module { encode(bytes)? } else { bytes.to_vec() };
    identity.write_into(component)
}

fn encode(bytes: &[u8]) -> Result<Vec<u8>, Error> {
    let module = Module::read(bytes)?;
    let mut typed = bytes.to_vec();
    if !module.is_typed {
        let (resolve, world) = contract()?;
        embed_component_metadata(&mut typed, &resolve, world, StringEncoding::UTF8).map_err(refused)?;
    }
    let wasi = module.check_imports(&module::exports(NO_WASI)?)?;
    let (_, said) = metadata::decode(&typed).map_err(refused)?;
    module.check_exports(&filter_interface(&said.resolve, said.world)?)?;

    let mut encoder = ComponentEncoder::default().validate(true).module(&typed).map_err(refused)?;
    if wasi {
        encoder = encoder.adapter(WASI, NO_WASI).map_err(refused)?;
    }
    encoder.encode().map_err(refused)
}

/// filter.wit and its world.
fn contract() -> Result<(Resolve, WorldId), Error> {
    let mut resolve = Resolve::default();
    let package = resolve.push_str("filter.wit", WIT).map_err(refused)?;
    let world = resolve.select_world(&[package], Some(WORLD)).map_err(refused)?;
    Ok((resolve, world))
}

/// The filter's interface, at whatever version, among those that a module is meant to export.
fn filter_interface(resolve: &Resolve, world: WorldId) -> Result<Contract, Error> {
    let mut others = Vec::new();
    for (key, item) in &resolve.worlds[world].exports {
        let name = resolve.name_world_key(key);
        match item {
            WorldItem::Interface { id, .. } if name.split('@').next() == Some(module::INTERFACE) => {
                let functions = resolve.interfaces[*id].functions.keys().cloned().collect();
                return Ok(Contract { name, functions });
            }
            _ => others.push(format!("`{}`", printable(&name, MESSAGE_BYTES))),
        }
    }
    Err(Error::World { exports: others.join(", ") })
}

fn refused(error: impl std::fmt::Display) -> Error {
    Error::Refused(words(&format!("{error:#}")))
}

fn words(error: &impl ToString) -> String {
    printable(&error.to_string(), MESSAGE_BYTES)
}
