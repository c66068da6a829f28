//! Bad days: what the program does when the world lets it down. A row says what happens and
//! what must be left of it: the entries and the exit code, and in `golden/bad_days.txt` every
//! word of the log and of stderr, to be read by people in one sitting. What holds on every
//! day the oracle checks.

use std::any::Any;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::thread;

use crate::support::binary::Ended;
use crate::support::golden;
use crate::support::oracle::Cycle;
use crate::support::scene::Scene;

/// What changes from cycle to cycle.
mod changes;
/// Certificates and tokens.
mod credentials;
/// The first request of a cycle.
mod discovery;
/// Names taken, links laid, no room.
mod disk;
/// Answers that are compressed, unasked.
pub(crate) mod encoded;
/// One list of many.
mod lists;
/// What a server may call a resource.
mod names;
/// Names that do not resolve, proxies, and odd HTTP.
mod network;
/// Lists in pages.
mod pages;
/// How most rows are written down: one cycle, against one cluster.
mod plan;
/// How a day is told of.
mod tell;
/// Servers that ask to be left alone.
mod waits;

/// The token of every row that has one. It must not turn up in anything that is written.
const TOKEN: &str = "a-very-secret-token";

/// How many rows run side by side. Nearly all of them wait, for a deadline or the disk.
const SIDE_BY_SIDE: usize = 12;

#[test]
fn bad_days() {
    let rows = [
        discovery::rows(),
        lists::rows(),
        pages::rows(),
        encoded::rows(),
        waits::rows(),
        network::rows(),
        names::rows(),
        credentials::rows(),
        changes::rows(),
        disk::rows(),
    ];
    let rows: Vec<_> = rows.into_iter().flatten().collect();
    let (told, failed): (Vec<_>, Vec<_>) = side_by_side(rows).into_iter().partition(Result::is_ok);
    let failed: Vec<_> = failed.into_iter().filter_map(Result::err).collect();
    assert!(failed.is_empty(), "{} rows failed:\n\n{}", failed.len(), failed.join("\n\n"));
    let told: Vec<_> = told.into_iter().flatten().collect();
    let head = tell::HEAD.to_owned();
    golden::check(
        "bad_days.txt",
        &[vec![head], told].concat().join(
            "
",
        ),
    );
}

/// A bad day.
struct Row {
    title: &'static str,
    day: Box<dyn FnOnce() -> Day + Send>,
}

/// What is left of it: the scene keeps the files while they are told of.
struct Day {
    scene: Scene,
    ended: Ended,
    cycles: Vec<Cycle>,
}

impl Row {
    fn new(title: &'static str, day: impl FnOnce() -> Day + Send + 'static) -> Row {
        Row { title, day: Box::new(day) }
    }
}

/// Runs every row, some at a time, and gives what they tell, or why they failed, in order.
fn side_by_side(rows: Vec<Row>) -> Vec<Result<String, String>> {
    let told: Vec<_> = rows.iter().map(|_| Mutex::new(None)).collect();
    let waiting: Mutex<VecDeque<_>> = Mutex::new(rows.into_iter().enumerate().collect());
    let next = || waiting.lock().expect("rows fail outside the queue").pop_front();
    thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some((at, row)) = next() {
                    *told[at].lock().expect("each row has a place of its own") = Some(run(row));
                }
            });
        }
    });
    let taken = told.into_iter().map(|place| place.into_inner().expect("no row is running"));
    taken.map(|told| told.expect("every row was run")).collect()
}

fn run(row: Row) -> Result<String, String> {
    let Row { title, day } = row;
    let told = catch_unwind(AssertUnwindSafe(|| day().tell(title)));
    told.map_err(|panic| format!("# {title}\n{}", words_of(panic.as_ref())))
}

fn words_of(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or(panic.downcast_ref::<&str>().copied()).unwrap_or("a panic without words")
}
