//! Faults, injected one at a time: a system call that fails or is the last one, a disk without
//! room, a volume that may not be written, a program that is killed wherever it is. What must be
//! left of each the oracle in `faults/left.rs` knows.
//!
//! These runs take minutes and want strace and root, so they are marked as long: `.ci/full` runs them, and
//! `unshare --map-root-user --mount cargo test --test it -- --ignored faults` does for those who are not root.
//!
//! What strace cannot do is a call that takes effect and reports a failure: a call that it fails
//! is never made. Being killed right after a call is the same as being killed before the next one.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::thread;
use std::time::Duration;

use serde_json::json;

use crate::support::cluster::Cluster;
use crate::support::http::Reply;
use crate::support::scene::Scene;
pub(crate) use crate::support::skip;
use crate::support::stand_in::StandIn;

/// A cache that keeps nothing.
mod cache;
/// Where the file system has no files without a name.
mod fallback;
/// No room.
mod full;
/// Killed at any moment.
mod kill;
/// Two gigabytes.
mod large;
/// What may be left, whatever happened.
mod left;
/// Every system call of the commit protocol, failed once.
mod matrix;
/// A volume that may not be written.
mod read_only;
/// What strace saw.
mod trace;
/// File systems to fill, and to write-protect.
mod volume;

/// How many fault runs run side by side.
const SIDE_BY_SIDE: usize = 4;

/// Between two answers of a paced server, so that a list is stored before the next one arrives.
const PACE: Duration = Duration::from_millis(10);

/// The richer cluster, in which one list outgrows memory.
fn rich() -> Cluster {
    let secrets = large("secrets", 150_000);
    let body = secrets.clone();
    Cluster::richer().list("secrets", move |_| Reply::json(body.clone())).recorded_as("secrets", secrets)
}

/// A list of about so many bytes.
fn large(name: &str, bytes: usize) -> Vec<u8> {
    let tail = format!(r#"],"kind":"{name}List","metadata":{{"resourceVersion":"7"}}}}"#);
    [br#"{"items":["#.as_slice(), &objects(bytes), tail.as_bytes()].concat()
}

/// Objects of about so many bytes, the same ones every time, that deflate to three quarters of that.
fn objects(bytes: usize) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(7);
    let names = (0..bytes / 1000).map(|_| (0..1000).map(|_| random.alphanumeric()).collect::<String>());
    let objects: Vec<_> = names.map(|name| json!({"metadata": {"name": name}}).to_string()).collect();
    objects.join(",").into_bytes()
}

/// A scene whose server answers one request at a time. So the program stores one list at a time,
/// in one thread, in which calls can be counted.
fn paced(cluster: Cluster) -> Scene {
    let (answer, turn) = (cluster.handler(), Mutex::new(()));
    Scene::with(StandIn::start(move |request| {
        let _turn = turn.lock().expect("nothing panics in its turn");
        thread::sleep(PACE);
        answer(request)
    }))
}

/// Does the work, some pieces at a time, and gives the results in order.
fn side_by_side<T: Send, R: Send>(work: Vec<T>, run: impl Fn(T) -> R + Sync) -> Vec<R> {
    let results: Vec<_> = work.iter().map(|_| Mutex::new(None)).collect();
    let waiting: Mutex<VecDeque<_>> = Mutex::new(work.into_iter().enumerate().collect());
    let next = || waiting.lock().expect("work fails outside the queue").pop_front();
    thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some((at, piece)) = next() {
                    let result = run(piece);
                    *results[at].lock().expect("each piece has a place of its own") = Some(result);
                }
            });
        }
    });
    let taken = results.into_iter().map(|place| place.into_inner().expect("nothing is running"));
    taken.map(|result| result.expect("every piece was done")).collect()
}
