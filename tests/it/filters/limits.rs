//! What a filter may use up: for each limit a guest just within it, and one just beyond.

use std::time::Duration;

use minutebook::model::digest::Sha256;
use minutebook::select::{Error, Limits};

use super::guest::{self, Guest};
use super::loops::{ENDLESS, ENDLESS_FUEL};
use super::{Case, Run};

pub(super) fn cases() -> Vec<Case> {
    let (fuel, moment) = (1_000_000, Duration::from_millis(100));
    let memory = Error::Memory { limit: Limits::default().memory };
    let parts = |what: &str| Error::Parts { what: what.to_owned() };
    let good = Guest::new().bytes();
    vec![
        Case {
            title: "fuel",
            obeyed: Some(Run::new(counting_to(100_000)).fuel(fuel)),
            violated: Run::new(counting_to(1_000_000)).fuel(fuel),
            error: Error::Fuel { limit: fuel },
        },
        Case {
            title: "wall clock",
            obeyed: Some(Run::new(counting_to(1_000_000)).fuel(ENDLESS_FUEL)),
            violated: Run::new(guest::with("select", ENDLESS)).fuel(ENDLESS_FUEL).timeout(moment),
            error: Error::WallClock { limit: moment, retried: true },
        },
        Case {
            title: "the cycle's time",
            obeyed: None,
            violated: Run {
                time_left: moment,
                ..Run::new(guest::with("select", ENDLESS)).fuel(ENDLESS_FUEL)
            },
            error: Error::Deadline,
        },
        Case::pair("memory", growing_by(1000), growing_by(1024), memory.clone()),
        Case::pair("memory from the start", with_pages(1024), with_pages(1025), memory.clone()),
        Case::pair(
            "memory of several modules",
            with_more_memories(2, 500),
            with_more_memories(2, 512),
            memory.clone(),
        ),
        Case::pair("a second memory of a module", with_second_memory(1000), with_second_memory(1024), memory),
        Case::pair("stack", nesting(1000), nesting(10_000_000), Error::Stack),
        Case::pair(
            "number of verdicts",
            with_verdicts(3),
            with_verdicts(2),
            Error::Verdicts { given: 2, resources: 3 },
        ),
        Case::pair(
            "no verdicts",
            with_verdicts(3),
            with_verdicts(0),
            Error::Verdicts { given: 0, resources: 3 },
        ),
        Case::pair("size of the answer", with_reason_of(15), with_reason_of(48), Error::AnswerSize),
        Case::pair("tables", with_table(200_000), with_table(200_001), parts("200000 table elements")),
        Case::pair("number of tables", with_tables(128), with_tables(129), parts("128 tables")),
        Case::pair("instances", with_instances(255), with_instances(256), parts("256 module instances")),
        Case::pair("memories", with_more_memories(15, 1), with_more_memories(16, 1), parts("16 memories")),
        Case::pair("handles", hoarding(10_000), hoarding(10_001), parts("10000 handles")),
        Case::pair(
            "size of the file",
            guest::as_long_as_allowed_and(0),
            guest::as_long_as_allowed_and(1),
            Error::TooBig,
        ),
        Case {
            title: "pin",
            obeyed: Some(Run { pin: Some(Sha256::of(&good)), ..Run::new(good) }),
            violated: Run { pin: Some(Sha256::of(b"this")), ..Run::new(b"that".to_vec()) },
            error: Error::Pin { wanted: Sha256::of(b"this"), found: Sha256::of(b"that") },
        },
    ]
}

fn counting_to(number: u32) -> Vec<u8> {
    let code = format!(
        "(local $i i32)
         (loop $again
           (local.set $i (i32.add (local.get $i) (i32.const 1)))
           (br_if $again (i32.lt_u (local.get $i) (i32.const {number}))))"
    );
    guest::with("start", &code)
}

fn growing_by(pages: u32) -> Vec<u8> {
    guest::with("select", &format!("(drop (memory.grow (i32.const {pages})))"))
}

fn with_pages(pages: u32) -> Vec<u8> {
    let memory = |pages| format!("(memory (export \"memory\") {pages})");
    Guest::new().replace(&memory(1), &memory(pages)).bytes()
}

fn with_more_memories(count: usize, pages: u32) -> Vec<u8> {
    let module = format!("(core module $more (memory {pages}))");
    guest::with("component", &(module + &"(core instance (instantiate $more))".repeat(count)))
}

fn with_second_memory(pages: u32) -> Vec<u8> {
    guest::with("module", &format!("(memory {pages})"))
}

fn with_instances(count: usize) -> Vec<u8> {
    let module = "(core module $more)".to_owned();
    guest::with("component", &(module + &"(core instance (instantiate $more))".repeat(count)))
}

fn with_table(elements: u32) -> Vec<u8> {
    guest::with("module", &format!("(table {elements} funcref)"))
}

fn with_tables(count: usize) -> Vec<u8> {
    let module = "(core module $more (table 1 funcref))".to_owned();
    guest::with("component", &(module + &"(core instance (instantiate $more))".repeat(count)))
}

fn nesting(depth: u32) -> Vec<u8> {
    let function = "(func $nest (param $depth i32)
        (if (local.get $depth) (then (call $nest (i32.sub (local.get $depth) (i32.const 1))))))";
    Guest::new().with("module", function).with("select", &format!("(call $nest (i32.const {depth}))")).bytes()
}

fn with_verdicts(count: u32) -> Vec<u8> {
    guest::with("answer", &format!("(i32.store (i32.const 40) (i32.const {count}))"))
}

/// The first verdict's reason is so many mebibytes of NUL.
fn with_reason_of(mebibytes: u32) -> Vec<u8> {
    let length = mebibytes << 20;
    let code = format!(
        "(local.set $at (i32.load (i32.const 36)))
         (i32.store (i32.add (local.get $at) (i32.const 4))
           (i32.mul (memory.grow (i32.const 768)) (i32.const 65536)))
         (i32.store (i32.add (local.get $at) (i32.const 8)) (i32.const {length}))"
    );
    guest::with("answer", &code)
}

/// Defines a resource of its own, and holds so many handles to it.
fn hoarding(handles: u32) -> Vec<u8> {
    let code = format!(
        r#"(type $thing (resource (rep i32)))
           (core func $new (canon resource.new $thing))
           (core module $hoarder
             (import "" "new" (func $new (param i32) (result i32)))
             (func $start
               (local $i i32)
               (loop $again
                 (drop (call $new (i32.const 1)))
                 (local.set $i (i32.add (local.get $i) (i32.const 1)))
                 (br_if $again (i32.lt_u (local.get $i) (i32.const {handles})))))
             (start $start))
           (core instance (instantiate $hoarder (with "" (instance (export "new" (func $new))))))"#
    );
    guest::with("component", &code)
}
