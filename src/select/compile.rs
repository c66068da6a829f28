//! Compiling, which a stranger can make arbitrarily expensive: a few kilobytes that are meant to can take gigabytes
//! and minutes. So it is done by a child, which has limits that the kernel holds.

use std::path::Path;

use wasmtime::Engine;

use super::bounds::COMPILING;
use super::code::Code;
use super::engine::config;
use super::error::Error;
use super::trap;
use crate::child::{Bounds, End, Work};

/// What a program has to do when it is called with this as its first argument: [`compile`] what it reads from stdin,
/// as [`crate::child`] has it.
pub const COMPILE: &str = "compile-filter";

/// Who compiles.
#[derive(Debug, Clone)]
pub struct Compiler(Who);

#[derive(Debug, Clone)]
enum Who {
    Here,
    Child(Work, Bounds),
}

impl Compiler {
    /// A child of this process: `program`, called with [`COMPILE`].
    #[must_use]
    pub fn child(program: &Path) -> Self {
        Self(Who::Child(Work::new(program, COMPILE), COMPILING))
    }

    /// The same with other bounds.
    #[must_use]
    pub fn within(self, bounds: Bounds) -> Self {
        match self.0 {
            Who::Child(work, _) => Self(Who::Child(work, bounds)),
            Who::Here => self,
        }
    }

    /// This process, without any limit: for components that can be trusted, such as those of tests.
    #[must_use]
    pub fn here() -> Self {
        Self(Who::Here)
    }

    /// Compiles a component. Blocks.
    pub(super) fn compile(&self, component: &[u8]) -> Result<Code, Error> {
        let (work, bounds) = match &self.0 {
            Who::Here => return compile(component).map(Code::made),
            Who::Child(work, bounds) => (work, bounds),
        };
        match work.run(component, bounds).map_err(|error| Error::Compiler(error.to_string()))? {
            End::Done(code) => Ok(Code::made(code)),
            End::Refused(words) => Err(Error::Malformed(words)),
            End::Memory => Err(Error::CompileMemory { limit: bounds.memory }),
            End::Processor => Err(Error::CompileTime { limit: bounds.processor }),
            End::Result => Err(Error::CodeSize),
            End::Otherwise(how) => Err(Error::CompilerDied(how)),
        }
    }
}

/// Compiles a component in this process, whatever it takes: to code that [`super::Selector`] runs.
///
/// # Errors
/// [`Error::Malformed`], or [`Error::Host`] if wasmtime does not support this machine.
pub fn compile(component: &[u8]) -> Result<Vec<u8>, Error> {
    let host = |error| Error::Host(trap::innermost(&error));
    let malformed = |error| Error::Malformed(trap::innermost(&error));
    // One thread, so that the other processors are left to whoever waits for the result.
    let engine = Engine::new(config().parallel_compilation(false)).map_err(host)?;
    engine.precompile_component(component).map_err(malformed)
}
