//! Compiling in a child process, and its limits: each in an obeyed and a violated form.

use std::path::Path;
use std::time::{Duration, Instant};

use minutebook::child::Bounds;
use minutebook::select::{Compiler, Error, NotAComponent, Selector, Source, stock};

use rustix::process::Signal;

use super::{HOUR, Limits, catalog, guest, recorded, target, verdicts};
use crate::support::binary::Minutebook;
use crate::support::process::{self, usage};

const HALF_A_MINUTE: Duration = Duration::from_secs(30);

const PLENTY: Bounds = Bounds { memory: 4 << 30, processor: HOUR, time: HOUR, result: 64 << 20 };

/// What a program of ours makes of a component within these bounds.
fn compile(component: &[u8], bounds: Bounds) -> Result<Vec<bool>, Error> {
    let compiler = Compiler::child(Path::new(env!("CARGO_BIN_EXE_minutebook"))).within(bounds);
    let selector = Selector::new(compiler, None).unwrap();
    let source = Source { origin: "./filter.wasm", bytes: component, pin: None };
    let selected = selector.select(&source, Limits::default(), "{}", &target(), &catalog(), HOUR);
    selected.map(|selected| verdicts(&selected)).map_err(|failed| failed.error)
}

/// A filter with a function that compilers choke on: so many variables, all of them alive in so many loops.
fn bomb(variables: usize, loops: usize) -> Vec<u8> {
    let variable = |number: usize| 1 + number % variables;
    let one = |number: usize| {
        let variable = variable(number);
        format!(
            "(loop (local.set {variable} (i64.add (local.get {variable}) (i64.const 1))) (br_if 0 (local.get 0)))"
        )
    };
    let loops: String = (0..loops).map(one).collect();
    guest::with("module", &format!("(func (param i32) (local{}) {loops})", " i64".repeat(variables)))
}

#[test]
fn a_component_that_is_compiled_within_its_limits_selects() {
    let limits = Bounds { memory: 128 << 20, processor: Duration::from_secs(20), ..PLENTY };
    for component in [stock("default").unwrap().to_vec(), bomb(4, 10)] {
        assert!(compile(&component, limits).is_ok());
    }
}

#[test]
fn what_compiling_takes_is_limited() {
    let bomb = bomb(1000, 20_000);
    assert!(bomb.len() < 500_000, "it is small");
    let (memory, processor) = (128 << 20, Duration::from_secs(1));
    for (bounds, error) in [
        (Bounds { memory, ..PLENTY }, Error::CompileMemory { limit: memory }),
        (Bounds { processor, ..PLENTY }, Error::CompileTime { limit: processor }),
        (
            Bounds { time: Duration::from_millis(50), ..PLENTY },
            Error::CompilerDied("it had not ended after 50ms".to_owned()),
        ),
    ] {
        assert_eq!(compile(&bomb, bounds), Err(error));
    }
}

/// Already for what it reads.
#[test]
fn a_file_that_does_not_fit_the_memory_is_told_like_one_that_takes_it_to_compile() {
    let large = guest::with("component", &format!("(@custom \"large\" \"{}\")", "x".repeat(20 << 20)));
    for memory in [12 << 20, 20 << 20, 22 << 20, 24 << 20, 30 << 20] {
        assert_eq!(compile(&large, Bounds { memory, ..PLENTY }), Err(Error::CompileMemory { limit: memory }));
    }
}

/// As a service's unit or a shell set it; a child could not raise it.
#[test]
fn limits_that_are_lower_already_hold_for_what_is_compiled() {
    let folder = tempfile::tempdir().unwrap();
    let inspect = |component: &[u8], limits: &str, code| {
        std::fs::write(folder.path().join("filter.wasm"), component).unwrap();
        let line = format!("unset HOME XDG_CACHE_HOME; {limits}; exec \"$@\"");
        let inspect = Minutebook::through_shell(&line, folder.path());
        inspect.args(["filter", "inspect", "filter.wasm"]).run().expect_code(code).stdout
    };
    for limits in ["ulimit -d 131072", "ulimit -t 20"] {
        let said = inspect(&bomb(4, 10), limits, 0);
        assert!(said.contains("\nruns       yes"), "{limits}: {said}");
    }
    for (limits, told) in [
        (
            "ulimit -d 131072",
            "compiling it takes more than 128 MiB of memory, which is all that this process's limits leave for it",
        ),
        ("ulimit -t 2", "compiling it takes more than 1s of the processor"),
    ] {
        let said = inspect(&bomb(1000, 20_000), limits, 2);
        assert!(said.contains(told), "{limits}: {said}");
    }
}

#[test]
fn a_child_ends_with_whoever_waits_for_it() {
    let scene = recorded::scene();
    std::fs::write(scene.path("bomb.wasm"), bomb(1000, 20_000)).unwrap();
    let run = scene.run().args(["--once", "--interval", "60s", "--filter", "./bomb.wasm"]);
    let mut running = run.start();
    let (parent, mut child) = (running.pid(), None);
    running.until("it has a child", || {
        child = process::children(parent).first().copied();
        // Before it has limited itself it does not end with its parent either.
        child.is_some_and(|child| usage(child).is_some_and(|usage| usage.cpu >= Duration::from_millis(200)))
    });
    let child = child.unwrap();
    running.signal(Signal::KILL);
    assert_eq!(running.wait(HALF_A_MINUTE).signal(), Some(Signal::KILL.as_raw()));
    // By itself it would take much longer.
    let end = Instant::now() + Duration::from_secs(5);
    // What has ended and is not waited for has no memory.
    while usage(child).is_some() {
        assert!(Instant::now() < end, "{child} is still there");
        std::thread::yield_now();
    }
}

#[test]
fn code_has_a_size_at_most() {
    let someones = guest::Guest::new().bytes();
    for (result, expected) in [(1 << 20, Ok(guest::SELECTED.to_vec())), (10_000, Err(Error::CodeSize))] {
        assert_eq!(compile(&someones, Bounds { result, ..PLENTY }), expected);
    }
}

#[test]
fn a_child_says_what_this_process_would_have_said() {
    let broken = guest::with("module", "(func (result i32))");
    let here = Selector::new(Compiler::here(), None).unwrap();
    let source = Source { origin: "./filter.wasm", bytes: &broken, pin: None };
    let here = here.load(&source).map(|_| ()).unwrap_err().error;
    assert!(matches!(&here, Error::Malformed(words) if words.contains("type mismatch")), "{here}");
    assert_eq!(compile(&broken, PLENTY), Err(here));
}

#[test]
fn without_a_program_nothing_is_compiled_and_the_next_time_it_is_tried_again() {
    let selector = Selector::new(Compiler::child(Path::new("/no/such/program")), None).unwrap();
    let someones = guest::Guest::new().bytes();
    let source = Source { origin: "./filter.wasm", bytes: &someones, pin: None };
    for _ in 0..2 {
        let error = selector.load(&source).map(|_| ()).unwrap_err().error;
        assert!(matches!(error, Error::Compiler(_)), "{error}");
    }
    let source = Source { bytes: b"(component)", ..source };
    let error = selector.load(&source).map(|_| ()).unwrap_err().error;
    assert_eq!(error, Error::NotAComponent(NotAComponent::Wat));
    // Ours need no child.
    let source = Source { origin: "default", bytes: stock("default").unwrap(), pin: None };
    assert!(selector.load(&source).is_ok());
}

#[test]
fn what_code_says_of_itself_is_limited_in_memory() {
    let cases: Vec<String> = (0..9_999).map(|number| format!("\"c{number:x}\"")).collect();
    let cases = cases.join(" ");
    let enums = |count: usize| {
        // No two are the same.
        let one = |number: usize| {
            format!(
                "(type $e{number} (enum \"z{number:x}\" {cases})) (export \"x{number:x}\" (type $e{number}))"
            )
        };
        guest::with("component", &(0..count).map(one).collect::<String>())
    };
    assert!(compile(&enums(2), PLENTY).is_ok());
    let limit = 112 << 20;
    assert_eq!(compile(&enums(250), PLENTY), Err(Error::LoadMemory { limit }));
}
