//! What a filter leaves on disk, by the built binary: its own selection if it decides, and
//! otherwise an archive, empty, and a log with the message.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::thread;

use super::{Case, HOUR, Run, behavior, guest, limits, shapes};
use crate::support::cluster::{Cluster, small_list};
use crate::support::http::Reply;
use crate::support::scene::Scene;

/// How many run side by side; most of the time is the compiler's.
const SIDE_BY_SIDE: usize = 3;

/// The exercise's cluster, with a list for whatever is asked.
fn scene() -> Scene {
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
    let flags = flags.iter().flat_map(|(flag, value)| [*flag, value]);
    scene.run().args(["--once"]).args(flags).run().expect_code(3);

    let cycles = scene.target_every(60).check();
    let [cycle] = &cycles[..] else { panic!("{}: one cycle", case.title) };
    assert!(cycle.entries.is_empty(), "{}: something was recorded", case.title);
    let message = format!(" ERROR - filter ./filter.wasm: {}\n", case.error);
    assert!(cycle.log.contains(&message), "{}: {message}{}", case.title, cycle.log);
    let lists = scene.server.targets().iter().filter(|target| target.contains("/namespaces/")).count();
    assert_eq!(lists, 0, "{}: a list was fetched that nobody selected", case.title);
}
