//! The oracle can fail: a good cycle passes, and each single thing that is wrong with one is
//! found. An oracle that lets everything pass would make every other test worthless.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::DateTime;
use flate2::{Compression, GzBuilder};
use serde_json::json;

use super::cluster::{CLUSTER, HOST, NAMESPACE};
use super::oracle::Target;
use super::readers::{self, sha256};

/// A cycle made by hand, with what may be wrong about it.
struct Made {
    mode: u32,
    entry_mode: u32,
    uid: u64,
    early: u64,
    names: &'static [&'static str],
    gzip_time: u32,
    behind: &'static [u8],
    log: &'static str,
    archive: &'static str,
    beside: Option<&'static str>,
    manifest: &'static str,
    /// What of the manifest stands there instead.
    instead: Option<(&'static str, &'static str)>,
}

const GOOD: Made = Made {
    mode: 0o444,
    entry_mode: 0o444,
    uid: 0,
    early: 0,
    names: &["a.json", "b.json"],
    gzip_time: 0,
    behind: b"",
    log: "TIME INFO - it begins\nTIME ERROR pods GET https://h/x: 403 Forbidden\nTIME INFO - recorded 2 resources; 1 error, no warnings\n",
    archive: "NAME.audit.tar.gz",
    beside: None,
    manifest: "NAME.json",
    instead: None,
};

/// What every entry holds.
const ENTRY: &[u8] = b"{}\n";

/// Where manifests are, seen from the folder of the target.
const MANIFESTS: &str = "../.ledger/manifests/sample_namespace";

#[test]
fn a_good_cycle_passes() {
    assert_eq!(verdict(&GOOD), Ok(()));
}

#[test]
fn whatever_is_wrong_is_found() {
    let bad = [
        (Made { mode: 0o644, ..GOOD }, "the mode of"),
        (Made { entry_mode: 0o644, ..GOOD }, "mode, uid and gid"),
        (Made { uid: 1000, ..GOOD }, "mode, uid and gid"),
        (Made { early: 5, ..GOOD }, "the mtime of"),
        (Made { names: &["b.json", "a.json"], ..GOOD }, "sorted"),
        (Made { names: &["a.json", "a.json"], ..GOOD }, "sorted"),
        (Made { names: &["x/a.json"], ..GOOD }, "file of its own"),
        (Made { gzip_time: 1, ..GOOD }, "the time in the gzip header"),
        (Made { behind: b"\x1f\x8b", ..GOOD }, "one gzip member"),
        (Made { behind: b"\0", ..GOOD }, "one gzip member"),
        (Made { log: "TIME INFO - it begins\n", ..GOOD }, "first line and a last"),
        (Made { log: "TIME INFO - one\nTIME INFO - two", ..GOOD }, "line end"),
        (Made { log: "TIME INFO - one\nTIME ERROR - two\n", ..GOOD }, "the last line"),
        (Made { log: "TIME WARN - one\nTIME INFO - two\n", ..GOOD }, "the first line"),
        (Made { log: "TIME INFO - one\nTIME FATAL - x\nTIME INFO - two\n", ..GOOD }, "levels"),
        (Made { log: "TIME INFO - one\nTIME INFO - \u{1b}[1m\nTIME INFO - two\n", ..GOOD }, "printable"),
        (Made { log: "TIME INFO - one\noops\nTIME INFO - two\n", ..GOOD }, "TIME LEVEL SUBJECT"),
        (
            Made { log: "TIME INFO - x\nTIME INFO - recorded 2; 1 error, no warnings\n", ..GOOD },
            "`; no errors`",
        ),
        (
            Made { log: "TIME INFO - x\nTIME INFO - recorded 2; no errors, 9 warnings\n", ..GOOD },
            "no warnings",
        ),
        (Made { names: &["a.json"], ..GOOD }, "tells of the archive's entries"),
        (Made { archive: "NAME.tar.gz", ..GOOD }, "neither archive nor log"),
        (Made { archive: "other.audit.tar.gz", ..GOOD }, "has a log and an archive"),
        (Made { beside: Some(".NAME.audit.tar.gz.tmp"), ..GOOD }, "neither archive nor log"),
        (Made { beside: Some("../.spool"), ..GOOD }, "all of"),
        (Made { beside: Some("../../../x.audit.log"), ..GOOD }, "all of"),
        (Made { beside: Some("../.ledger/x"), ..GOOD }, "all of"),
        (Made { beside: Some("../.ledger/manifests/x"), ..GOOD }, "all of"),
        (Made { beside: Some("../.ledger/manifests/sample_namespace/x"), ..GOOD }, "not a manifest"),
        (Made { manifest: "other.json", ..GOOD }, "has a manifest"),
    ];
    // What the manifest says: that, and what of it is wrong then.
    let says = [
        (("manifest/1", "manifest/2"), "the format"),
        (("\"slot\":", "\"slots\":"), "missing field `slot`"),
        (("\"missed\":null,", ""), "missing field `missed`"),
        (("\"sequence\":1", "\"sequence\":2"), "the sequence begins"),
        (("\"sample_namespace\"", "\"another\""), "the target is"),
        (("\"filter\":{}", "\"filter\":null"), "tells of the filter"),
        (("NAME.audit.tar.gz", "x.audit.tar.gz"), "the archive's name"),
        (("NAME.audit.log", "x.audit.log"), "the log's name"),
        (("{\"bytes\":ARCHIVE,", "{\"bytes\":1,"), "the archive's size"),
        (("{\"bytes\":LOG,", "{\"bytes\":1,"), "the log's size"),
        (("ARCHIVE_DIGEST", "00"), "the archive's digest"),
        (("LOG_DIGEST", "00"), "the log's digest"),
        (("\"archive\":{", "\"archive\":null,\"other\":{"), "knows of its archive"),
        (("\"bytes\":3", "\"bytes\":4"), "the stored resources"),
        (("ENTRY_DIGEST", "00"), "the stored resources"),
        (("\"name\":\"a\"", "\"name\":\"c\""), "the stored resources"),
        (("STARTED", "1970-01-01T00:00:00Z"), "it began at"),
        (("{", "["), "expected"),
    ];
    let says = says.map(|(instead, finding)| (Made { instead: Some(instead), ..GOOD }, finding));
    for (made, finding) in bad.iter().chain(&says) {
        let verdict = verdict(made).expect_err(finding);
        assert!(verdict.contains(finding), "{finding:?} is what is wrong, not {verdict:?}");
    }
}

/// Python reads archives in blocks of 10 KiB and stops with the one that ends the tar file.
#[test]
fn an_archive_whose_last_bytes_stand_in_a_block_of_their_own_passes() {
    let mut state = 1_u64;
    // Nothing that deflate could make smaller (a linear congruential generator, its high bits).
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    });
    let noise: Vec<u8> = noise.take(10_400).collect();
    let mut all = (9_000..noise.len()).map(|size| packed(&[("a.json", &noise[..size])], &GOOD, 0));
    let packed = all.find(|packed| (10_241..10_248).contains(&packed.len()));
    let packed = packed.expect("sizes pass by that of a block");
    let file = tempfile::NamedTempFile::new().expect("there is room for a temporary file");
    fs::write(file.path(), &packed).expect("it can be written");
    readers::agree(file.path(), &packed, &readers::unpack(&packed));
}

/// What the oracle says of a cycle made so.
fn verdict(made: &Made) -> Result<(), String> {
    let audit = tempfile::tempdir().expect("there is room for a temporary folder");
    make(audit.path(), made);
    let target = Target::sample(audit.path(), Duration::from_secs(60));
    let checked = catch_unwind(AssertUnwindSafe(|| target.check().len()));
    let text = |panic: Box<dyn std::any::Any + Send>| {
        let text = panic.downcast_ref::<String>().cloned();
        text.or(panic.downcast_ref::<&str>().map(ToString::to_string)).expect("the oracle says what is wrong")
    };
    checked.map(|count| assert_eq!(count, 1)).map_err(text)
}

fn make(audit: &Path, made: &Made) {
    let folder = [HOST, CLUSTER, NAMESPACE].iter().fold(audit.to_owned(), |path, name| {
        let path = path.join(name);
        fs::create_dir(&path).expect("a folder can be made");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o750)).expect("it is ours");
        path
    });
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970").as_secs();
    let instant = DateTime::from_timestamp(now.cast_signed(), 0).expect("it is an instant");
    let name = instant.format("%Y-%m-%dT%H%M%S").to_string();
    let time = instant.format("%Y-%m-%dT%H:%M:%SZ").to_string();
    let write = |name_of_it: &str, bytes: &[u8]| {
        let path: PathBuf = folder.join(name_of_it.replace("NAME", &name));
        let mut file = File::create(&path).expect("a file can be made");
        file.write_all(bytes).expect("a file can be written");
        file.set_permissions(fs::Permissions::from_mode(made.mode)).expect("it is ours");
    };
    let (archive, log) = (archive(made, now), made.log.replace("TIME", &time));
    write(made.archive, &archive);
    write("NAME.audit.log", log.as_bytes());
    fs::create_dir_all(folder.join(MANIFESTS)).expect("folders can be made");
    let manifest = manifest(made, &archive, &log).replace("STARTED", &time).replace("NAME", &name);
    write(&format!("{MANIFESTS}/{}", made.manifest), manifest.as_bytes());
    if let Some(beside) = made.beside {
        write(beside, b"left over");
    }
}

/// The manifest of these files, and what may stand there instead.
fn manifest(made: &Made, archive: &[u8], log: &str) -> String {
    let resource = |name: &str| {
        let stored = json!({"bytes": 3, "sha256": "ENTRY_DIGEST"});
        json!({"name": name, "group": "", "outcome": stored})
    };
    let manifest = json!({
        "format": "minutebook.manifest/1",
        "target": {"host": HOST, "cluster": CLUSTER, "namespace": NAMESPACE},
        "slot": 0, "sequence": 1, "missed": null, "started": "STARTED",
        "program": "minutebook", "filter": {}, "recovered": [],
        "resources": [resource("a"), resource("b"), {"name": "not-selected", "selected": false}],
        "archive": {"bytes": "ARCHIVE", "name": "NAME.audit.tar.gz", "sha256": "ARCHIVE_DIGEST"},
        "log": {"bytes": "LOG", "name": "NAME.audit.log", "sha256": "LOG_DIGEST"},
    });
    let mut text = manifest.to_string().replace("\"ARCHIVE\"", "ARCHIVE").replace("\"LOG\"", "LOG");
    if let Some((there, instead)) = made.instead {
        assert!(text.contains(there), "{there} is in {text}");
        text = text.replace(there, instead);
    }
    let values = [
        ("ARCHIVE_DIGEST", sha256(archive)),
        ("LOG_DIGEST", sha256(log.as_bytes())),
        ("ENTRY_DIGEST", sha256(ENTRY)),
        ("ARCHIVE", archive.len().to_string()),
        ("LOG", log.len().to_string()),
    ];
    values.into_iter().fold(text, |text, (there, value)| text.replace(there, &value))
}

fn archive(made: &Made, now: u64) -> Vec<u8> {
    let entries: Vec<_> = made.names.iter().map(|name| (*name, ENTRY)).collect();
    packed(&entries, made, now)
}

fn packed(entries: &[(&str, &[u8])], made: &Made, now: u64) -> Vec<u8> {
    let gzip = GzBuilder::new().mtime(made.gzip_time).write(Vec::new(), Compression::fast());
    let mut tar = tar::Builder::new(gzip);
    for (name, bytes) in entries {
        let mut header = tar::Header::new_gnu();
        header.set_mode(made.entry_mode);
        header.set_uid(made.uid);
        header.set_gid(0);
        header.set_mtime(now - made.early);
        header.set_size(bytes.len() as u64);
        tar.append_data(&mut header, name, *bytes).expect("memory has room");
    }
    let gzip = tar.into_inner().expect("memory has room");
    [gzip.finish().expect("memory has room"), made.behind.to_vec()].concat()
}
