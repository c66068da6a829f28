//! Two gigabytes: a list of them is recorded whole or refused, and neither takes more memory than a few
//! of its pages. What is recorded is read as a stream, since no test wants to hold it either.

use std::fs::File;
use std::io::{self, Read};
use std::time::Duration;

use flate2::read::GzDecoder;
use rustix::process::Signal;
use sha2::{Digest as _, Sha256};

use crate::bad_days::encoded::bomb;
use crate::support::cluster::Cluster;
use crate::support::http::{Reply, Request};
use crate::support::scene::Scene;

/// Pages of a list, each of this many bytes or a few more.
const PAGES: usize = 256;
const PAGE_BYTES: usize = 8 << 20;

/// What pages of 8 MiB can take: read whole, copied where a buffer grows, and compressed, of which 16 MiB of all
/// lists stay in memory; the program itself and its compiled filter come to some 60 MiB.
const MEMORY: u64 = 128 << 20;

/// How long one cycle may take.
const LIMIT: Duration = Duration::from_secs(500);

#[test]
#[ignore = "long: .ci/full runs it"]
fn a_list_of_two_gigabytes_is_recorded_whole_if_it_is_allowed() {
    let expected =
        sum_of(Read::chain(&before("")[..], Items { page: 0, rest: Vec::new(), at: 0 }.chain(AFTER)));
    assert!(expected.0 > 2 << 30, "{} bytes are not two gigabytes", expected.0);
    let (scene, log, memory) = record(paged, &["--max-list-bytes", "3GiB"]);
    assert!(log.contains("no errors"), "{log}");
    assert!(memory < MEMORY, "{} MiB of memory", memory >> 20);
    let mut archive = tar::Archive::new(GzDecoder::new(archive_of(&scene)));
    let mut entries = archive.entries().expect("an archive can be read");
    let config_maps = entries.next().expect("it has two entries").expect("an entry can be read");
    assert_eq!(config_maps.path().expect("it has a name").to_str(), Some("configmaps.json"));
    drop(config_maps);
    let secrets = entries.next().expect("it has two entries").expect("an entry can be read");
    assert_eq!(secrets.path().expect("it has a name").to_str(), Some("secrets.json"));
    assert!(sum_of(secrets) == expected, "every byte is the server's");
}

#[test]
#[ignore = "long: .ci/full runs it"]
fn a_list_of_two_gigabytes_is_refused_by_default() {
    let (_scene, log, memory) = record(paged, &[]);
    let why = "the answer exceeds --max-list-bytes (1073741824 bytes); 125 pages had arrived";
    assert!(log.contains(why), "{log}");
    assert!(memory < MEMORY, "{} MiB of memory", memory >> 20);
}

#[test]
#[ignore = "long: .ci/full runs it"]
fn a_gzip_bomb_is_refused_by_default() {
    // A gigabyte and a little more; white space is allowed before JSON, so nothing but the limit ends it.
    let bomb = [bomb(), bomb()[10..].to_vec()].concat();
    let (_scene, log, memory) =
        record(move |_| Reply::json(bomb.clone()).with_header("Content-Encoding", "gzip"), &[]);
    assert!(log.contains("the answer exceeds --max-list-bytes (1073741824 bytes)"), "{log}");
    // A single page may have as much as a list, and not much more than that.
    assert!(memory < (1 << 30) + MEMORY, "{} MiB of memory", memory >> 20);
}

/// One cycle with such secrets beside the config maps; its log, and the most memory that the program took.
fn record(
    secrets: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    flags: &[&str],
) -> (Scene, String, u64) {
    let scene = Scene::of(Cluster::of(&["configmaps", "secrets"]).list("secrets", secrets));
    let target = scene.target_every(600);
    let mut running = scene.run().args(["--interval", "600s"]).args(flags).start();
    running
        .until_within(LIMIT, Duration::from_millis(20), "a cycle is committed", || target.committed() == 1);
    let memory = running.peak_memory();
    running.signal(Signal::TERM);
    running.wait(Duration::from_secs(10)).expect_code(0);
    let log = std::fs::read_to_string(file_of(&scene, ".audit.log")).expect("a log is text");
    (scene, log, memory)
}

fn archive_of(scene: &Scene) -> File {
    File::open(file_of(scene, ".audit.tar.gz")).expect("the archive is there")
}

fn file_of(scene: &Scene, end: &str) -> std::path::PathBuf {
    let files = std::fs::read_dir(scene.target().folder()).expect("the target has a folder");
    let mut paths = files.map(|file| file.expect("a folder can be read").path());
    paths.find(|path| path.to_string_lossy().ends_with(end)).expect("the cycle is committed")
}

const AFTER: &[u8] = b"]}\n";

fn before(more: &str) -> Vec<u8> {
    format!(r#"{{"kind":"ThingList","apiVersion":"v1","metadata":{{"resourceVersion":"7"{more}}},"items":["#)
        .into_bytes()
}

/// A page's items: one is enough, if it is large.
fn items(page: usize) -> Vec<u8> {
    let text = format!("page {page} ").repeat(PAGE_BYTES / 8);
    format!(r#"{{"metadata":{{"name":"object-{page}","annotations":{{"text":"{text}"}}}}}}"#).into_bytes()
}

fn paged(request: &Request) -> Reply {
    let page: usize = request.parameter("continue").map_or(0, |token| token.parse().expect("it is ours"));
    let more = if page + 1 < PAGES { format!(r#","continue":"{}""#, page + 1) } else { String::new() };
    Reply::json([before(&more), items(page), AFTER.to_vec()].concat())
}

/// The items of all pages, with a comma between two of them.
struct Items {
    page: usize,
    rest: Vec<u8>,
    at: usize,
}

impl Read for Items {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.at == self.rest.len() && self.page < PAGES {
            let comma: &[u8] = if self.page > 0 { b"," } else { b"" };
            self.rest = [comma, &items(self.page)].concat();
            self.at = 0;
            self.page += 1;
        }
        let count = buffer.len().min(self.rest.len() - self.at);
        buffer[..count].copy_from_slice(&self.rest[self.at..self.at + count]);
        self.at += count;
        Ok(count)
    }
}

/// How many bytes, and their digest.
fn sum_of(mut bytes: impl Read) -> (u64, Vec<u8>) {
    let (mut count, mut digest, mut piece) = (0, Sha256::new(), vec![0; 1 << 20]);
    loop {
        let read = bytes.read(&mut piece).expect("it can be read");
        if read == 0 {
            return (count, digest.finalize().to_vec());
        }
        digest.update(&piece[..read]);
        count += read as u64;
    }
}
