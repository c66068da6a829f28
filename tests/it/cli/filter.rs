//! `minutebook filter`: what a filter's author sees.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::{transcript, words};
use crate::support::binary::Minutebook;
use crate::support::normal;

/// How long one takes.
mod bench;
/// Making one.
mod build;
/// What a filter says of itself.
mod inspect;
/// Beginning with one.
mod new;
/// What it decides.
mod test;

/// A folder with files, and the program in it.
struct Bench {
    folder: TempDir,
}

impl Bench {
    fn new() -> Bench {
        Bench { folder: tempfile::tempdir().expect("there is room for a temporary folder") }
    }

    fn folder(&self) -> &Path {
        self.folder.path()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder().join(name)
    }

    fn write(&self, name: &str, bytes: impl AsRef<[u8]>) {
        std::fs::write(self.path(name), bytes).expect("a file can be written into a temporary folder");
    }

    /// The program with the words of a line, which it is started with.
    fn minutebook(&self, line: &str) -> Minutebook {
        words(Minutebook::new(self.folder()), line)
    }

    /// A call and its answer, as on a terminal.
    fn told(&self, line: &str) -> String {
        let ended = self.minutebook(line).run();
        let normal = |text: &str| {
            let text = normal::normal(text, self.folder());
            normal::digits_behind(&text, "; fuel ", "N")
        };
        transcript(&format!("minutebook {line}"), &ended, normal)
    }
}
