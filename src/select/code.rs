//! Compiled code, and the only place where bytes become code that this process runs.
//!
//! wasmtime does not check what it is given as code: whoever can choose the bytes has the process. So they come from
//! two places alone: the compiler (this program, in this process or as its child), and an entry of the cache that has
//! the digest which was written with it, in a folder that is ours alone.
//!
//! An entry is a file: 64 hexadecimal digits and a line feed, then the code. The digits are the SHA-256 of the
//! component's digest (32 bytes) and the code, so that an entry under another's name is none. Its name has the
//! component's digest and a hash of all that decides whether the code fits: wasmtime's version, its settings, and
//! the processor.

use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::atomic::{AtomicBool, Ordering};

use wasmtime::Engine;
use wasmtime::component::Component;

use super::bounds::{CODE_BYTES, CODES_BYTES};
use crate::model::digest::{Digester, Sha256};
use crate::store::CacheDir;

/// Bytes before the code in an entry.
const HEADER: usize = 65;

/// Code that this program made, as it is in memory.
#[derive(Debug)]
pub(super) struct Code {
    bytes: Vec<u8>,
    /// Where it begins.
    start: usize,
}

impl Code {
    /// What the compiler has just made.
    pub(super) fn made(bytes: Vec<u8>) -> Self {
        Self { bytes, start: 0 }
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes[self.start..]
    }

    /// Makes a component of it that can be run.
    pub(super) fn load(&self, engine: &Engine) -> wasmtime::Result<Component> {
        #[expect(unsafe_code, reason = "wasmtime cannot know where the bytes come from; this module does")]
        // SAFETY: a `Code` holds what wasmtime's compiler gave (see above), and wasmtime itself checks that it was one
        // of this version with these settings. It is read from memory, so that nobody can change it in the meantime.
        unsafe {
            Component::deserialize(engine, self.bytes())
        }
    }
}

/// Code on disk.
pub(super) struct Codes {
    dir: CacheDir,
    /// What code must have been made for.
    engine: String,
    /// Whether it has been said that the disk takes no more.
    told: AtomicBool,
}

impl Codes {
    pub(super) fn new(dir: CacheDir, engine: &Engine) -> Self {
        let mut hasher = DefaultHasher::new();
        engine.precompile_compatibility_hash().hash(&mut hasher);
        Self { dir, engine: format!("{:016x}", hasher.finish()), told: AtomicBool::new(false) }
    }

    /// The code of a component, if it is there and as it was written.
    pub(super) fn get(&self, component: Sha256) -> Option<Code> {
        let bytes = self.dir.read(&self.name(component), HEADER + CODE_BYTES)?;
        let (header, code) = bytes.split_at_checked(HEADER)?;
        (header == self::header(component, code)).then_some(Code { bytes, start: HEADER })
    }

    /// Keeps the code of a component for other processes. What the disk does not take is made again by them.
    pub(super) fn put(&self, component: Sha256, code: &Code) {
        let code = code.bytes();
        let kept = self.dir.replace(&self.name(component), &[&header(component, code), code]);
        if let Err(error) = kept.and_then(|()| self.dir.shrink(CODES_BYTES))
            && !self.told.swap(true, Ordering::Relaxed)
        {
            tracing::info!("compiled filters are not kept in --cache-dir: {error}");
        }
    }

    fn name(&self, component: Sha256) -> String {
        format!("{component}.{}.code", self.engine)
    }
}

fn header(component: Sha256, code: &[u8]) -> Vec<u8> {
    let mut digester = Digester::default();
    digester.update(component.as_bytes());
    digester.update(code);
    format!("{}\n", digester.finish()).into_bytes()
}
