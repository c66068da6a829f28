//! What a filter leaves on disk, by the built binary: its own selection if it decides, and
//! otherwise an archive, empty, and a log with the message. And what it makes of the recorder's memory.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::thread;

use minutebook::model::limits::FILTER_BYTES;
use rustix::fs::{CWD, FileType, Mode};

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

/// Its archive is as empty as that of a filter that fails, and nothing failed.
#[test]
fn a_filter_that_selects_nothing_is_warned_of_in_every_log() {
    let nothing = r#"{"exclude":["configmaps"]}"#;
    let empty = Cluster::sample()
        .discovery(|_| Reply::json(r#"{"kind":"APIResourceList","groupVersion":"v1","resources":[]}"#));
    for (scene, settings, warned) in [
        (scene(), nothing, 1),
        (scene(), r#"{"exclude":["bindings"]}"#, 0),
        // What there is not can be wanted by nobody.
        (Scene::of(empty), "{}", 0),
    ] {
        for number in 0..2 {
            scene.once().args(["--filter-settings", settings]).run().expect_code(0);
            let log = &scene.target().check()[number].log;
            let warning = " WARN - filter default selects none of 3 resources\n";
            assert_eq!(log.matches(warning).count(), warned, "{settings}: {log}");
            assert_eq!(log.matches("selects none").count(), warned, "{settings}: {log}");
        }
    }
}

#[test]
fn a_filter_that_takes_all_that_it_may_leaves_the_recorder_small() {
    let log = recorded_small(&guest::greedy(), 0);
    assert!(log.contains("the filter gave 600000 warnings"), "{log}");
}

#[test]
fn as_many_imports_as_fit_into_a_file_are_refused_without_being_kept() {
    let log = recorded_small(&guest::importing_to(FILTER_BYTES), 3);
    assert!(log.contains("it asks for a0000000, a0000001, a0000002, a0000003, a0000004 and "), "{log}");
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
fn an_ordinary_file_is_read_through_a_link_too_and_what_is_none_is_not() {
    let scene = scene();
    std::fs::write(scene.path("file.wasm"), guest::Guest::new().bytes()).unwrap();
    std::os::unix::fs::symlink("file.wasm", scene.path("link.wasm")).unwrap();
    rustix::fs::mknodat(CWD, scene.path("pipe"), FileType::Fifo, Mode::RUSR, 0).unwrap();
    for file in ["./file.wasm", "./link.wasm"] {
        scene.minutebook().args(["filter", "inspect", file]).run().expect_code(0);
        scene.once().args(["--dry-run", "--filter", file]).run().expect_code(0);
    }
    for (number, file) in ["./pipe", "/dev/zero", "/dev/null"].into_iter().enumerate() {
        let unread = format!("filter {file}: its file cannot be read: ");
        let ended = scene.minutebook().args(["filter", "inspect", file]).run().expect_code(2);
        let remedy = "it is no regular file; name a file, or write it to one first";
        assert!(ended.stderr.contains(&format!("{unread}{remedy}\n")), "{ended:#?}");
        let refused = format!("{unread}not a regular file");
        let ended = scene.once().args(["--dry-run", "--filter", file]).run().expect_code(2);
        assert!(ended.stderr.contains(&refused), "{ended:#?}");
        let arguments = ["--once", "--interval", "1s", "--filter", file];
        run_small(&scene, &arguments.map(str::to_owned), 3);
        let log = &scene.target_every(1).check()[number].log;
        assert!(log.contains(&refused), "{log}");
    }
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

/// The log of one cycle with this filter, in which the recorder stays small.
fn recorded_small(filter: &[u8], code: i32) -> String {
    let scene = scene();
    std::fs::write(scene.path("filter.wasm"), filter).unwrap();
    let arguments = ["--once", "--interval", "60s", "--filter", "./filter.wasm"];
    run_small(&scene, &arguments.map(str::to_owned), code);
    scene.target_every(60).check()[0].log.clone()
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
