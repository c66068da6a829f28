//! What a filter leaves on disk, by the built binary: its own selection if it decides, and
//! otherwise an archive, empty, and a log with the message. And what it makes of the recorder's memory.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::thread;

use super::{Case, HOUR, Run, behavior, guest, limits, shapes};
use crate::support::binary::Minutebook;
use crate::support::cluster::{Cluster, small_list};
use crate::support::http::Reply;
use crate::support::readers;
use crate::support::scene::Scene;

/// How many run side by side; most of the time is the compiler's.
const SIDE_BY_SIDE: usize = 3;
/// Bytes of memory that the recorder may have had at most, whatever its filter is.
const MEMORY: u64 = 150 << 20;
/// Runs a program and writes the most memory, in KiB, that it or a program that it started had at any time. Its own
/// counts too, so it is less than whoever runs it has.
const MEASURE: &str = r#"
import resource, subprocess, sys
code = subprocess.call(sys.argv[1:])
with open("peak", "w") as file:
    file.write(str(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss))
sys.exit(code)
"#;

/// The exercise's cluster, with a list for whatever is asked.
pub(super) fn scene() -> Scene {
    let listed = |name| move |_: &crate::support::http::Request| Reply::json(small_list(name));
    Scene::of(
        Cluster::sample()
            .list("bindings", listed("bindings"))
            .list("componentstatuses", listed("componentstatuses")),
    )
}

#[test]
fn another_filter_records_something_else_without_a_rebuild() {
    let scene = scene();
    std::fs::write(scene.path("mine.wasm"), guest::Guest::new().bytes()).unwrap();
    scene.once().args(["--filter", "./mine.wasm"]).run().expect_code(0);
    let cycles = scene.target().check();
    let names: Vec<&str> = cycles[0].entries.iter().map(|entry| entry.name.as_str()).collect();
    // It selects what is namespaced, whether it can be listed or not.
    assert_eq!(names, ["bindings.json", "configmaps.json"]);
    assert!(cycles[0].log.contains(" by filter guest 1.2.3 (sha256:"), "{}", cycles[0].log);
}

#[test]
fn a_filter_that_takes_all_that_it_may_leaves_the_recorder_small() {
    let scene = scene();
    std::fs::write(scene.path("greedy.wasm"), guest::greedy()).unwrap();
    let arguments = ["--once", "--interval", "60s", "--filter", "./greedy.wasm"];
    run_small(&scene, &arguments.map(str::to_owned), 0);
    let cycles = scene.target_every(60).check();
    assert!(cycles[0].log.contains("the filter gave 600000 warnings"), "{}", cycles[0].log);
}

#[test]
fn a_few_bytes_far_from_each_other_are_no_large_code() {
    let scene = scene();
    let modules = r#"
        (core module $apart (memory 256) (data (i32.const 0) "a") (data (i32.const 0xfffff0) "b"))
        (core instance (instantiate $apart))
        (core module $too (memory 256) (data (i32.const 0) "c") (data (i32.const 0xfffff0) "d"))
        (core instance (instantiate $too))"#;
    std::fs::write(scene.path("sparse.wasm"), guest::with("component", modules)).unwrap();
    let arguments = ["--once", "--interval", "60s", "--filter", "./sparse.wasm"];
    run_small(&scene, &arguments.map(str::to_owned), 0);
}

#[test]
fn of_a_file_that_is_much_too_large_only_the_beginning_is_read() {
    let scene = scene();
    std::fs::File::create(scene.path("huge.wasm")).unwrap().set_len(1 << 30).unwrap();
    let arguments = ["--once", "--interval", "60s", "--filter", "./huge.wasm"];
    run_small(&scene, &arguments.map(str::to_owned), 3);
    let log = &scene.target_every(60).check()[0].log;
    assert!(log.contains("filter ./huge.wasm: its file is larger than"), "{log}");
}

#[test]
fn every_filter_that_fails_leaves_an_empty_archive_and_its_message() {
    let cases = [limits::cases(), shapes::cases(), behavior::cases()].into_iter().flatten();
    // The end of a cycle is nothing that a flag sets; it has a test of its own.
    let cases: VecDeque<Case> = cases.filter(|case| case.violated.time_left == HOUR * 2).collect();
    assert!(cases.len() > 30, "there are cases");
    let waiting = Mutex::new(cases);
    thread::scope(|scope| {
        for _ in 0..SIDE_BY_SIDE {
            scope.spawn(|| {
                while let Some(case) = { waiting.lock().unwrap().pop_front() } {
                    leaves_an_empty_archive(&case);
                }
            });
        }
    });
}

fn leaves_an_empty_archive(case: &Case) {
    let Run { bytes, pin, limits, settings, .. } = &case.violated;
    let scene = scene();
    std::fs::write(scene.path("filter.wasm"), bytes).unwrap();
    let pin = pin.map_or_else(String::new, |pin| format!("@sha256:{pin}"));
    let flags = [
        ("--filter", format!("./filter.wasm{pin}")),
        ("--filter-settings", (*settings).to_owned()),
        ("--filter-memory", limits.memory.to_string()),
        ("--filter-fuel", limits.fuel.to_string()),
        ("--filter-timeout", format!("{}ms", limits.timeout.as_millis())),
        // Time enough for a slow machine; nobody waits for it.
        ("--interval", "60s".to_owned()),
    ];
    let flags = flags.into_iter().flat_map(|(flag, value)| [flag.to_owned(), value]);
    let arguments: Vec<_> = ["--once".to_owned()].into_iter().chain(flags).collect();
    run_small(&scene, &arguments, 3);

    let cycles = scene.target_every(60).check();
    let [cycle] = &cycles[..] else { panic!("{}: one cycle", case.title) };
    assert!(cycle.entries.is_empty(), "{}: something was recorded", case.title);
    let message = format!(" ERROR - filter ./filter.wasm: {}\n", case.error);
    assert!(cycle.log.contains(&message), "{}: {message}{}", case.title, cycle.log);
    let lists = scene.server.targets().iter().filter(|target| target.contains("/namespaces/")).count();
    assert_eq!(lists, 0, "{}: a list was fetched that nobody selected", case.title);
}

/// Runs it to its end, within half a minute, and checks its exit code and the memory that it took.
fn run_small(scene: &Scene, arguments: &[String], code: i32) {
    let arguments: Vec<_> = scene.run_arguments().into_iter().chain(arguments.iter().cloned()).collect();
    if !readers::there_is_python() {
        scene.minutebook().args(arguments).run().expect_code(code);
        return;
    }
    let line = format!("exec python3 -c '{MEASURE}' \"$@\"");
    Minutebook::through_shell(&line, scene.folder()).args(arguments).run().expect_code(code);
    let peak: u64 = std::fs::read_to_string(scene.path("peak")).unwrap().parse().unwrap();
    assert!(peak << 10 < MEMORY, "{} MiB of memory", peak >> 10);
}
