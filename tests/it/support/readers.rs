//! Reads an archive with three programs that know nothing of each other, and insists that
//! they agree: the `tar` and `flate2` crates, GNU tar, and Python's `tarfile` on a stream,
//! which is the strictest about gzip members.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

use flate2::bufread::GzDecoder;
use sha2::{Digest, Sha256};

/// A file in an archive.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Entry {
    pub(crate) name: String,
    pub(crate) mode: u32,
    pub(crate) uid: u64,
    pub(crate) gid: u64,
    pub(crate) mtime: u64,
    pub(crate) bytes: Vec<u8>,
}

/// Reads an archive with the crates, which must use up every byte of it.
pub(crate) fn unpack(packed: &[u8]) -> Vec<Entry> {
    assert_eq!(packed.get(4..8), Some(&[0; 4][..]), "the time in the gzip header is 0");
    let mut tar = Vec::new();
    let mut gzip = GzDecoder::new(packed);
    gzip.read_to_end(&mut tar).expect("an archive is gzip");
    assert!(gzip.into_inner().is_empty(), "an archive is one gzip member and nothing else");
    let mut archive = tar::Archive::new(tar.as_slice());
    let entries = archive.entries().expect("an archive is a tar file");
    entries.map(|entry| unpack_entry(entry.expect("every header is good"))).collect()
}

fn unpack_entry(mut entry: tar::Entry<'_, &[u8]>) -> Entry {
    let name = entry.path().expect("a name is text").to_str().expect("a name is text").to_owned();
    let header = entry.header();
    assert!(header.entry_type().is_file(), "{name} is an ordinary file");
    let number = |value: std::io::Result<u64>| value.expect("a header's numbers are numbers");
    let mode = header.mode().expect("a header's mode is a number");
    let (uid, gid) = (number(header.uid()), number(header.gid()));
    let mtime = number(header.mtime());
    let mut bytes = Vec::new();
    entry.read_to_end(&mut bytes).expect("an entry is whole");
    Entry { name, mode, uid, gid, mtime, bytes }
}

/// Insists that every other reader there is reads the same.
pub(crate) fn agree(archive: &Path, packed: &[u8], entries: &[Entry]) {
    if there_is(&GNU_TAR, "tar", "GNU tar") {
        check_with_gnu_tar(archive, entries);
    }
    if there_is_python() {
        check_with_python(packed, entries);
    }
}

/// Whether there is Python 3; if not, it says what goes unchecked.
pub(crate) fn there_is_python() -> bool {
    there_is(&PYTHON, "python3", "Python 3")
}

fn check_with_gnu_tar(archive: &Path, entries: &[Entry]) {
    let folder = tempfile::tempdir().expect("there is room for a temporary folder");
    let mut tar = Command::new("tar");
    tar.args(["--extract", "--gzip", "--preserve-permissions", "--no-same-owner", "--directory"]);
    succeed(tar.arg(folder.path()).arg("--file").arg(archive));
    let mut extracted = BTreeMap::new();
    for file in fs::read_dir(folder.path()).expect("tar made files") {
        let file = file.expect("a folder can be read");
        let status = file.metadata().expect("a file has a status");
        let bytes = fs::read(file.path()).expect("a file can be read");
        let name = file.file_name().into_string().expect("a name is text");
        extracted.insert(name, (status.mode() & 0o7777, status.mtime().cast_unsigned(), bytes));
    }
    let expected =
        entries.iter().map(|entry| (entry.name.clone(), (entry.mode, entry.mtime, entry.bytes.clone())));
    assert!(extracted == expected.collect(), "GNU tar extracts the same from {}", archive.display());
    let mut tar = Command::new("tar");
    tar.args(["--list", "--gzip", "--verbose", "--numeric-owner", "--file"]);
    let listing = succeed(tar.arg(archive));
    let owners: Vec<_> = listing.lines().filter_map(|line| line.split_whitespace().nth(1)).collect();
    let expected: Vec<_> = entries.iter().map(|e| format!("{}/{}", e.uid, e.gid)).collect();
    assert_eq!(owners, expected, "the owners that GNU tar lists for {}", archive.display());
}

const STREAM: &str = "
import hashlib, sys, tarfile
with tarfile.open(fileobj=sys.stdin.buffer, mode='r|gz') as archive:
    for entry in archive:
        assert entry.isreg(), entry.name
        digest = hashlib.sha256(archive.extractfile(entry).read()).hexdigest()
        print(entry.name, oct(entry.mode), entry.uid, entry.gid, entry.mtime, entry.size, digest)
# It reads blocks, and none after the one that ends the archive: what little ends the gzip member may stand in the next.
assert len(sys.stdin.buffer.read()) < 64, 'something stands behind the archive'
";

fn check_with_python(packed: &[u8], entries: &[Entry]) {
    let mut python = Command::new("python3");
    python.args(["-c", STREAM]).stdin(Stdio::piped());
    python.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = python.spawn().expect("python3 was there a moment ago");
    let mut stdin = child.stdin.take().expect("it is a pipe");
    let packed = packed.to_vec();
    // A thread, because Python may print before it has read everything. Should Python give
    // up early, its exit status says so.
    let feeder = std::thread::spawn(move || stdin.write_all(&packed));
    let listing = text(child.wait_with_output().expect("python3 ends"));
    feeder.join().expect("the feeder ends").expect("python3 reads to the end");
    let expected: Vec<_> = entries.iter().map(line_of).collect();
    let lines: Vec<_> = listing.lines().collect();
    assert_eq!(lines, expected, "Python's tarfile reads the same from a stream");
}

fn line_of(entry: &Entry) -> String {
    let Entry { name, mode, uid, gid, mtime, bytes } = entry;
    format!("{name} 0o{mode:o} {uid} {gid} {mtime} {} {}", bytes.len(), sha256(bytes))
}

/// A digest in lower-case hexadecimal digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("a string takes text");
        text
    })
}

static GNU_TAR: OnceLock<bool> = OnceLock::new();
static PYTHON: OnceLock<bool> = OnceLock::new();

/// Whether a reader is on this machine. Where tests decide whether code may land it must be.
fn there_is(known: &OnceLock<bool>, program: &str, name: &str) -> bool {
    *known.get_or_init(|| {
        let version = Command::new(program).arg("--version").output();
        let word = name.split(' ').next().expect("a name has a word");
        let there = version.is_ok_and(|output| String::from_utf8_lossy(&output.stdout).contains(word));
        let in_ci = std::env::var_os("CI").is_some();
        assert!(there || !in_ci, "with CI set the tests need {name}, and it is not here");
        if !there {
            // Not by the macro: what that prints is shown for failed tests only.
            let line = format!("skipped: what needs {name}, which is not here\n");
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
        there
    })
}

fn succeed(command: &mut Command) -> String {
    text(command.output().expect("it was there a moment ago"))
}

fn text(output: Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success() && stderr.is_empty(), "{}: {stderr}", output.status);
    String::from_utf8(output.stdout).expect("a listing is text")
}
