//! Why a guest was stopped, from what wasmtime says: pure, and the one place that knows its words.

use wasmtime::Trap;

use crate::model::limits::MESSAGE_BYTES;
use crate::model::text::printable;

use super::bounds::{HANDLES, INSTANCES, MEMORIES, TABLE_ELEMENTS, TABLES};
use super::limiter::Exceeded;

/// How wasmtime begins when a guest's answer uses up the fuel for host calls; the error has no public type.
const TOO_MUCH_COPIED: &str = "too much data is being copied between the host and the guest";
/// How wasmtime begins when there is too much of something; likewise.
const TOO_MANY: [(&str, &str, usize); 4] = [
    ("resource limit exceeded: instance count", "module instances", INSTANCES),
    ("resource limit exceeded: memory count", "memories", MEMORIES),
    ("resource limit exceeded: table count", "tables", TABLES),
    ("cannot allocate another handle", "handles", HANDLES),
];

/// What stopped a guest.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Cause {
    Fuel,
    Clock,
    Memory,
    Stack,
    AnswerSize,
    /// More of something than this.
    Parts(String),
    /// It did something that WebAssembly does not allow, in words.
    Trap(String),
    /// It broke a rule of the component model, in wasmtime's words.
    Other(String),
}

/// Finds what stopped a guest.
pub(super) fn cause(error: &wasmtime::Error) -> Cause {
    match error.downcast_ref::<Exceeded>() {
        Some(Exceeded::Memory) => return Cause::Memory,
        Some(Exceeded::Tables) => return Cause::Parts(format!("{TABLE_ELEMENTS} table elements")),
        None => {}
    }
    match error.downcast_ref::<Trap>() {
        Some(Trap::OutOfFuel) => return Cause::Fuel,
        Some(Trap::Interrupt) => return Cause::Clock,
        Some(Trap::StackOverflow) => return Cause::Stack,
        Some(trap) => return Cause::Trap(describe(*trap)),
        None => {}
    }
    let words = innermost(error);
    if words.starts_with(TOO_MUCH_COPIED) {
        return Cause::AnswerSize;
    }
    match TOO_MANY.iter().find(|(beginning, ..)| words.starts_with(beginning)) {
        Some((_, what, limit)) => Cause::Parts(format!("{limit} {what}")),
        None => Cause::Other(words),
    }
}

/// What is at the bottom of wasmtime's error.
pub(super) fn innermost(error: &wasmtime::Error) -> String {
    printable(&error.root_cause().to_string(), MESSAGE_BYTES)
}

/// wasmtime's error without its outermost layer, which says what was being done.
pub(super) fn inside(error: &wasmtime::Error) -> String {
    let layers: Vec<_> = error.chain().map(ToString::to_string).collect();
    let inside = if layers.len() > 1 { &layers[1..] } else { &layers };
    printable(&inside.join(": "), MESSAGE_BYTES)
}

/// A trap in the words of whoever wrote the filter.
fn describe(trap: Trap) -> String {
    let words = match trap {
        Trap::UnreachableCodeReached => {
            "it gave up (`unreachable`: a panic, an assertion or an allocation that failed)"
        }
        Trap::MemoryOutOfBounds => {
            "it reached outside its memory (often a stack of its own that is too small)"
        }
        Trap::TableOutOfBounds | Trap::IndirectCallToNull | Trap::BadSignature => {
            "it called a function that is not there"
        }
        Trap::IntegerDivisionByZero => "it divided by zero",
        Trap::IntegerOverflow | Trap::BadConversionToInteger => "a number did not fit into an integer",
        Trap::CannotEnterComponent | Trap::CannotLeaveComponent => {
            "it called itself or another where it must not"
        }
        other => return other.to_string().trim_start_matches("wasm trap: ").to_owned(),
    };
    words.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_limit_is_recognized_below_what_is_wrapped_around_it() {
        let wrap = |error: wasmtime::Error| error.context("error while executing").context("in select");
        for (error, expected) in [
            (Trap::OutOfFuel.into(), Cause::Fuel),
            (Trap::Interrupt.into(), Cause::Clock),
            (Trap::StackOverflow.into(), Cause::Stack),
            (Exceeded::Memory.into(), Cause::Memory),
            (Exceeded::Tables.into(), Cause::Parts("200000 table elements".to_owned())),
            (Trap::IntegerDivisionByZero.into(), Cause::Trap("it divided by zero".to_owned())),
            (Trap::CastFailure.into(), Cause::Trap("cast failure".to_owned())),
            (wasmtime::Error::msg("odd\u{1b}"), Cause::Other("odd\u{fffd}".to_owned())),
        ] {
            assert_eq!(cause(&wrap(error)), expected);
        }
    }
}
