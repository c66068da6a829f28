//! What a core module imports and exports, held against what it needs to become a filter. Pure.

use wasmparser::{Parser, Payload};

use super::error::Error;
use super::{WASI, refused};
use crate::model::text::printable;

/// The filter's interface, without a version.
pub(super) const INTERFACE: &str = "minutebook:filter/filter";
/// How the custom sections begin that say which component a module is meant to become.
const COMPONENT_TYPE: &str = "component-type";
/// How exports begin that are named by the component model's newer scheme, which wit-component checks by itself.
const NEWER_NAMES: &str = "cm32p2";
/// What every module of a filter has besides the functions of its interface.
const ALWAYS: [&str; 2] = ["memory", "cabi_realloc"];
/// Imports that a message names.
const NAMES_SHOWN: usize = 5;
/// Bytes of one of them.
const NAME_BYTES: usize = 128;

/// What a module says of itself.
#[derive(Debug, Default)]
pub(super) struct Module {
    /// Whether it says which component it is meant to become.
    pub(super) is_typed: bool,
    /// From where, and what.
    imports: Vec<(String, String)>,
    exports: Vec<String>,
}

/// The interface that a module is meant to export.
pub(super) struct Contract {
    /// With its version.
    pub(super) name: String,
    pub(super) functions: Vec<String>,
}

impl Module {
    /// Reads a module that is valid.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Error> {
        let mut module = Self::default();
        for payload in Parser::new(0).parse_all(bytes) {
            match payload.map_err(refused)? {
                Payload::ImportSection(section) => {
                    for import in section.into_imports() {
                        let import = import.map_err(refused)?;
                        module.imports.push((import.module.to_owned(), import.name.to_owned()));
                    }
                }
                Payload::ExportSection(section) => {
                    for export in section {
                        module.exports.push(export.map_err(refused)?.name.to_owned());
                    }
                }
                Payload::CustomSection(section) => {
                    module.is_typed |= section.name().starts_with(COMPONENT_TYPE);
                }
                _ => {}
            }
        }
        Ok(module)
    }

    /// Whether it asks for WASI, of which these functions can be had.
    ///
    /// # Errors
    /// It asks for anything else.
    pub(super) fn check_imports(&self, wasi: &[String]) -> Result<bool, Error> {
        let is_wasi = |from: &str, what: &String| from == WASI && wasi.contains(what);
        let mut others = self.imports.iter().filter(|(from, what)| !is_wasi(from, what)).peekable();
        let Some((from, _)) = others.peek() else { return Ok(!self.imports.is_empty()) };
        let remedy = remedy(from);
        let others: Vec<String> = others.map(|(from, what)| format!("`{from}` `{what}`")).collect();
        let mut names: Vec<String> =
            others.iter().take(NAMES_SHOWN).map(|name| printable(name, NAME_BYTES)).collect();
        if others.len() > NAMES_SHOWN {
            names.push(format!("and {} more", others.len() - NAMES_SHOWN));
        }
        Err(Error::Imports { names: names.join(", ").replace(", and", " and"), remedy })
    }

    /// Checks that it has what the component's functions are made of.
    ///
    /// # Errors
    /// What it lacks.
    pub(super) fn check_exports(&self, contract: &Contract) -> Result<(), Error> {
        if self.exports.iter().any(|export| export.starts_with(NEWER_NAMES)) {
            return Ok(());
        }
        let functions = contract.functions.iter().map(|function| format!("{}#{function}", contract.name));
        let missing: Vec<String> = ALWAYS
            .map(str::to_owned)
            .into_iter()
            .chain(functions)
            .filter(|name| !self.exports.contains(name))
            .map(|name| format!("`{name}`"))
            .collect();
        if missing.is_empty() { Ok(()) } else { Err(Error::Exports { missing: missing.join(", ") }) }
    }
}

/// The names of what a module exports.
pub(super) fn exports(bytes: &[u8]) -> Result<Vec<String>, Error> {
    Module::read(bytes).map(|module| module.exports)
}

/// What to do about an import from there.
fn remedy(from: &str) -> &'static str {
    match from {
        WASI => "minutebook's stand-in for WASI does not know that function; build it without",
        "wasi_unstable" => "that is WASI before preview 1; build it with a current compiler, for wasip1",
        "env" => {
            "that is where linkers look for what nobody defines: define it, link what does, or leave its memory to the module"
        }
        "go" | "gojs" => "that is Go for browsers; build it with GOOS=wasip1 GOARCH=wasm -buildmode=c-shared",
        _ if from.starts_with("wasi:") => "build it for WASI preview 1 (wasip1) or without WASI",
        _ if from.starts_with("__wbindgen") || from.starts_with("./") => {
            "that is JavaScript's; build it without wasm-bindgen"
        }
        _ => "build it without; WASI preview 1 is all that it may ask for",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn module(imports: &[(&str, &str)], exports: &[&str]) -> Module {
        let owned = |(from, what): &(&str, &str)| ((*from).to_owned(), (*what).to_owned());
        Module {
            is_typed: false,
            imports: imports.iter().map(owned).collect(),
            exports: exports.iter().map(|&export| export.to_owned()).collect(),
        }
    }

    #[test]
    fn only_what_is_known_of_wasi_may_be_asked_for() {
        let known = ["fd_write".to_owned(), "proc_exit".to_owned()];
        let check = |imports: &[(&str, &str)]| module(imports, &[]).check_imports(&known);
        assert_eq!(check(&[]), Ok(false));
        assert_eq!(check(&[(WASI, "fd_write"), (WASI, "proc_exit")]), Ok(true));
        for (imports, names, remedy) in [
            (&[("env", "puts")][..], "`env` `puts`", "link what does"),
            (&[(WASI, "fd_write"), (WASI, "fork")], "`wasi_snapshot_preview1` `fork`", "does not know"),
            (&[("wasi_unstable", "fd_write")], "`wasi_unstable` `fd_write`", "before preview 1"),
            (&[("wasi:cli/exit@0.2.0", "exit")], "`wasi:cli/exit@0.2.0` `exit`", "preview 1"),
            (&[("gojs", "a")], "`gojs` `a`", "GOOS=wasip1"),
            (&[("__wbindgen_placeholder__", "a")], "`__wbindgen_placeholder__` `a`", "wasm-bindgen"),
            (&[("a\nb", "c")], "`a b` `c`", "all that it may ask for"),
            (
                &[("a", "1"), ("a", "2"), ("a", "3"), ("a", "4"), ("a", "5"), ("a", "6"), ("a", "7")],
                "`a` `1`, `a` `2`, `a` `3`, `a` `4`, `a` `5` and 2 more",
                "all that it may ask for",
            ),
        ] {
            let Err(Error::Imports { names: found, remedy: told }) = check(imports) else {
                panic!("{imports:?} is refused")
            };
            assert_eq!(found, names);
            assert!(told.contains(remedy), "{told}");
        }
    }

    #[test]
    fn what_is_missing_is_named() {
        let contract = Contract { name: "a:b/c@1.0.0".to_owned(), functions: vec!["f".to_owned()] };
        let check = |exports: &[&str]| module(&[], exports).check_exports(&contract);
        assert_eq!(check(&["memory", "cabi_realloc", "a:b/c@1.0.0#f", "more"]), Ok(()));
        assert_eq!(check(&["cm32p2_memory"]), Ok(()));
        let missing = |missing: &str| Err(Error::Exports { missing: missing.to_owned() });
        assert_eq!(check(&["memory", "cabi_realloc"]), missing("`a:b/c@1.0.0#f`"));
        assert_eq!(check(&["f"]), missing("`memory`, `cabi_realloc`, `a:b/c@1.0.0#f`"));
    }
}
