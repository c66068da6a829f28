//! Finds out what the binary is built from, for `--version` and the manifests: commit, compiler, target.
//!
//! Whatever is not known is empty: a source without git is no reason not to build. Nothing of the machine, such
//! as a path or the time of the build, gets into the binary.
//!
//! Cargo runs it again when HEAD has moved or one of the binary's sources changed, and then only: a build with
//! nothing to do asks git nothing.

#![expect(clippy::disallowed_methods, reason = "cargo speaks to a build script through the environment")]

use std::env;
use std::ffi::OsStr;
use std::path::PathBuf;
use std::process::Command;

/// What the binary is made from. A change elsewhere does not make it another one.
const SOURCES: &[&str] = &[
    "Cargo.lock",
    "Cargo.toml",
    "build.rs",
    "sample_data",
    "src",
    "wasm-filters/cel.wasm",
    "wasm-filters/default.wasm",
    "wasm-filters/wit",
];

fn main() {
    for source in SOURCES {
        println!("cargo:rerun-if-changed={source}");
    }
    let (commit, date) = commit().unwrap_or_default();
    set("COMMIT", &commit);
    set("COMMIT_DATE", &date);
    set("RUSTC", &rustc().unwrap_or_default());
    set("TARGET", &env::var("TARGET").unwrap_or_default());
}

fn set(name: &str, value: &str) {
    println!("cargo:rustc-env=MINUTEBOOK_BUILT_{name}={value}");
}

/// The commit's short hash, `-dirty` if the sources differ from it, and its day in UTC; asks to be run again when
/// it is another one.
fn commit() -> Option<(String, String)> {
    // In a repository of somebody else's, into which this source was copied, a commit says nothing about it.
    if !git(["rev-parse", "--show-prefix"])?.is_empty() {
        return None;
    }
    // A commit writes to the branch's file, a switch to HEAD's, and both to the log of HEAD, which need
    // not be there. Cargo would never be done with a file that does not exist.
    let branch = git(["symbolic-ref", "--quiet", "HEAD"]);
    let moving = ["HEAD", "logs/HEAD", "packed-refs"].into_iter().chain(branch.as_deref());
    // Asked one by one, because in a worktree they do not lie in one folder.
    let moving = moving.filter_map(|name| git(["rev-parse", "--git-path", name])).map(PathBuf::from);
    for file in moving.filter(|file| file.exists()) {
        println!("cargo:rerun-if-changed={}", file.display());
    }
    let hash = git(["rev-parse", "--short=12", "HEAD"])?;
    let date = git(["log", "-1", "--no-show-signature", "--format=%cd", "--date=format-local:%Y-%m-%d"])?;
    let changes = git(["status", "--porcelain", "--"].iter().chain(SOURCES))?;
    let dirty = if changes.is_empty() { "" } else { "-dirty" };
    Some((format!("{hash}{dirty}"), date))
}

/// What git answers, if there is a git that answers, without the line's end.
fn git(arguments: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Option<String> {
    let mut git = Command::new("git");
    // It only looks: another git at work must not meet its lock.
    git.arg("--no-optional-locks").args(arguments).env("TZ", "UTC");
    // Cargo starts this in the package's folder; a hook of another repository would have it look there.
    git.env_remove("GIT_DIR").env_remove("GIT_WORK_TREE").env_remove("GIT_INDEX_FILE");
    answer(&mut git)
}

fn rustc() -> Option<String> {
    answer(Command::new(env::var_os("RUSTC")?).arg("--version"))
}

fn answer(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8(output.stdout).ok()?.trim_end().to_owned())
}
