//! Compiling, which a stranger can make arbitrarily expensive: a few kilobytes that are meant to can take gigabytes
//! and minutes. So it is done by a child, which has limits that the kernel holds.

use std::path::Path;

use wasmtime::Engine;

use super::bounds::{COMPILING, LOADING};
use super::code::Code;
use super::engine::config;
use super::error::Error;
use super::trap;
use crate::child::{Bounds, End, Work};

/// What a program has to do when it is called with this as its first argument: [`compile`] what it reads from stdin,
/// as [`crate::child`] has it.
pub const COMPILE: &str = "compile-filter";

/// The same for [`load`]ing the result.
pub const LOAD: &str = "load-filter";

/// Who compiles.
#[derive(Debug, Clone)]
pub struct Compiler(Who);

#[derive(Debug, Clone)]
enum Who {
    Here,
    Child { compiles: Work, loads: Work, bounds: Bounds },
}

impl Compiler {
    /// A child of this process: `program`, called with [`COMPILE`].
    #[must_use]
    pub fn child(program: &Path) -> Self {
        let (compiles, loads) = (Work::new(program, COMPILE), Work::new(program, LOAD));
        Self(Who::Child { compiles, loads, bounds: COMPILING })
    }

    /// The same with other bounds.
    #[must_use]
    pub fn within(self, bounds: Bounds) -> Self {
        match self.0 {
            Who::Child { compiles, loads, .. } => Self(Who::Child { compiles, loads, bounds }),
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
        let (compiles, loads, bounds) = match &self.0 {
            Who::Here => return compile(component).map(Code::made),
            Who::Child { compiles, loads, bounds } => (compiles, loads, bounds),
        };
        let code = run(compiles, component, bounds)?;
        // A short name in a file can be a long one in memory, and there are many kinds of them.
        match run(loads, &code, &LOADING) {
            Err(Error::CompileMemory { .. }) => Err(Error::LoadMemory { limit: LOADING.memory }),
            loaded => loaded.map(|_| Code::made(code)),
        }
    }
}

fn run(work: &Work, input: &[u8], bounds: &Bounds) -> Result<Vec<u8>, Error> {
    match work.run(input, bounds).map_err(|error| Error::Compiler(error.to_string()))? {
        End::Done(result) => Ok(result),
        End::Refused(words) => Err(Error::Malformed(words)),
        End::Memory => Err(Error::CompileMemory { limit: bounds.memory }),
        End::Room(room) => Err(Error::CompileRoom { room }),
        End::Stack => Err(Error::CompileDepth),
        End::Processor(limit) => Err(Error::CompileTime { limit }),
        End::Result => Err(Error::CodeSize),
        End::Otherwise(how) => Err(Error::CompilerDied(how)),
    }
}

/// Loads code that [`compile`] made, to see that it can be; what that takes is for whoever started this process to limit.
///
/// # Errors
/// [`Error::NotStarted`], or [`Error::Host`] if wasmtime does not support this machine.
pub fn load(code: Vec<u8>) -> Result<(), Error> {
    let engine = Engine::new(&config()).map_err(|error| Error::Host(trap::innermost(&error)))?;
    let failed = |error| Error::NotStarted { what: trap::innermost(&error) };
    Code::made(code).load(&engine).map(|_| ()).map_err(failed)
}

/// Compiles a component in this process, whatever it takes: to code that [`super::Selector`] runs.
///
/// # Errors
/// [`Error::Malformed`], or [`Error::Host`] if wasmtime does not support this machine.
pub fn compile(component: &[u8]) -> Result<Vec<u8>, Error> {
    let host = |error| Error::Host(trap::innermost(&error));
    let malformed = |error| Error::Malformed(trap::innermost(&error));
    let engine = Engine::new(&config()).map_err(host)?;
    engine.precompile_component(component).map_err(malformed)
}
