//! Why a filter did not decide, in words that say what it is and what to do.
//!
//! Each message is a fragment that follows the filter's name and a colon. What a guest or a file
//! contributes to one is printable and cut where the error is made.

use std::fmt;
use std::time::Duration;

use bytesize::ByteSize;
use thiserror::Error;

use crate::model::count::Count;
use crate::model::digest::Sha256;
use crate::model::limits::FILTER_BYTES;
use crate::model::selection::FilterId;

use super::bindings::INTERFACE;
use super::bounds::{ANSWER_BYTES, CODE_BYTES, STACK_BYTES};
use super::component::HEADER_BYTES;
use super::contract::{Misfit, own_version};

/// A selection that did not come about.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("filter {origin}: {error}")]
pub struct Failed {
    /// What the user wrote, printable.
    pub origin: String,
    /// Which filter it was, where its file is a component.
    pub filter: Option<FilterId>,
    /// Why.
    pub error: Error,
}

/// Why a filter did not decide.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Error {
    /// The file is larger than [`FILTER_BYTES`].
    #[error("its file is larger than {}; build it for size, and strip what is for debugging", size(FILTER_BYTES as u64))]
    TooBig,
    /// Other bytes than those that are pinned.
    #[error(
        "it is not the one that is pinned: the pin is sha256:{wanted}, the file is sha256:{found}; if the change is intended, change the pin"
    )]
    Pin {
        /// The pin.
        wanted: Sha256,
        /// What the bytes have.
        found: Sha256,
    },
    /// The file is something else.
    #[error(transparent)]
    NotAComponent(#[from] NotAComponent),
    /// It begins like a component, and is not a valid one.
    #[error(
        "it is not a valid component: {0}; build it again, without features that are still proposals (`wasm-tools validate` says more)"
    )]
    Malformed(String),
    /// Compiling it took more memory than the compiler may have.
    #[error("compiling it takes more than {} of memory; build it for size, of smaller functions", size(*.limit))]
    CompileMemory {
        /// The limit in bytes.
        limit: u64,
    },
    /// Compiling it took more memory than the limits of this process and its control groups leave.
    #[error(
        "compiling it takes more than {} of memory, which is all that this process's limits leave for it; raise them (a container's memory limit, its control group's `memory.max`, or `ulimit -d`)",
        size(*.room)
    )]
    CompileRoom {
        /// What they leave, in bytes.
        room: u64,
    },
    /// Compiling it took longer than the compiler may take.
    #[error("compiling it takes more than {} of the processor; build it for size, of smaller functions", humantime::format_duration(*.limit))]
    CompileTime {
        /// The limit, processor time.
        limit: Duration,
    },
    /// The compiler's calls were nested too deep.
    #[error("it is nested too deep for the compiler; build it of simpler types and expressions")]
    CompileDepth,
    /// What its code says of itself takes too much memory.
    #[error("loading its code takes more than {} of memory; build it with fewer and smaller types", size(*.limit))]
    LoadMemory {
        /// The limit in bytes.
        limit: u64,
    },
    /// Its code is too large.
    #[error("compiled, it is larger than {}; build it for size", size(CODE_BYTES as u64))]
    CodeSize,
    /// The compiler ended as it should not.
    #[error("the compiler, a child process, failed: {0}")]
    CompilerDied(String),
    /// There is no compiler.
    #[error("it could not be compiled, because this program could not be run as a child process: {0}")]
    Compiler(String),
    /// It asks for something from outside.
    #[error(
        "it asks for {names}, and a filter gets nothing from outside; build it without WASI, or with WASI stubbed out"
    )]
    Imports {
        /// The imports, a few by name.
        names: String,
    },
    /// It exports another interface, or none.
    #[error("it does not export `{INTERFACE}`, but {}; build it for the world `resource-filter` of filter.wit", or_nothing(.exports))]
    World {
        /// The exports, a few by name; empty if there are none.
        exports: String,
    },
    /// It is built for another version of filter.wit.
    #[error("{}", built_for(.theirs, *.misfit))]
    Contract {
        /// The versions that it is built for.
        theirs: String,
        /// How they stand to ours.
        misfit: Misfit,
    },
    /// It exports the interface with other functions or other types.
    #[error(
        "its `{INTERFACE}` is not that of filter.wit: {0}; build it again with the filter.wit of this version"
    )]
    Interface(String),
    /// [`Limits::fuel`](super::Limits::fuel) is used up.
    #[error(
        "it used up its fuel, {limit} units; look for a loop without end; if it is right in doing so much, --filter-fuel gives it more"
    )]
    Fuel {
        /// The limit.
        limit: u64,
    },
    /// [`Limits::timeout`](super::Limits::timeout) is over.
    #[error("it did not decide within {}{}; if it is right in taking so long, --filter-timeout gives it more", humantime::format_duration(*.limit), if *.retried { ", nor when tried again" } else { "" })]
    WallClock {
        /// The limit.
        limit: Duration,
        /// Whether this was the second try.
        retried: bool,
    },
    /// The time that the caller had left is over, and it was less than the timeout.
    #[error("the cycle was over before it had decided; if it is always too slow, a longer --interval helps")]
    Deadline,
    /// [`Limits::memory`](super::Limits::memory) is used up.
    #[error("it asked for more than {} of memory; if it is right in needing so much, --filter-memory gives it more", size(*.limit))]
    Memory {
        /// The limit in bytes.
        limit: u64,
    },
    /// Its calls are nested too deep.
    #[error("its calls are nested too deep for a stack of {}; look for a recursion without end", size(STACK_BYTES as u64))]
    Stack,
    /// It answers with too many bytes.
    #[error("its answer is larger than {}; 512 bytes are kept of a reason or a warning, and 32 warnings", size(ANSWER_BYTES as u64))]
    AnswerSize,
    /// It consists of too many instances, memories, tables or handles.
    #[error("it needs more than {what}, which no filter should; build it of fewer parts")]
    Parts {
        /// More of what than how many: `16 memories`.
        what: String,
    },
    /// It answers with another number of verdicts than there are resources.
    #[error(
        "it gave {} for {}; a filter gives each resource one, in their order",
        Count(*.given, "verdict"), Count(*.resources, "resource")
    )]
    Verdicts {
        /// How many it gave.
        given: usize,
        /// How many resources there were.
        resources: usize,
    },
    /// It did what WebAssembly does not allow.
    #[error("it crashed in {step}: {what}; this is a bug of the filter")]
    Trap {
        /// When.
        step: Step,
        /// What it did.
        what: String,
    },
    /// It broke a rule of the component model.
    #[error(
        "it broke the rules of the component model in {step}: {what}; this is a bug of the filter, or of what built it"
    )]
    Rules {
        /// When.
        step: Step,
        /// Which rule, in wasmtime's words.
        what: String,
    },
    /// It could not be instantiated.
    #[error(
        "it cannot be instantiated: {what}; if this is about memory, see what limits this process (`ulimit -v`)"
    )]
    NotStarted {
        /// Why, in wasmtime's words.
        what: String,
    },
    /// Its `configure` returned an error.
    #[error("it does not accept its settings: {0}")]
    Settings(String),
    /// Its `select` returned an error.
    #[error("it cannot decide: {0}")]
    Refused(String),
    /// wasmtime cannot run on this machine.
    #[error("filters cannot run on this machine: {0}")]
    Host(String),
}

impl Error {
    /// Whether it depends on the machine and what else it does, so that the same filter may do better another time.
    #[must_use]
    pub fn is_of_the_machine(&self) -> bool {
        use Error::{CompileRoom, Compiler, CompilerDied, Deadline, Host, NotStarted, WallClock};
        matches!(
            self,
            CompileRoom { .. }
                | Compiler(_)
                | CompilerDied(_)
                | Deadline
                | Host(_)
                | NotStarted { .. }
                | WallClock { .. }
        )
    }

    /// The same error, met when trying a second time.
    pub(super) fn of_second_try(self) -> Self {
        match self {
            Self::WallClock { limit, .. } => Self::WallClock { limit, retried: true },
            other => other,
        }
    }
}

/// A file that is no component, by what it is.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum NotAComponent {
    /// No bytes.
    #[error("its file is empty; a filter is a WebAssembly component")]
    Empty,
    /// A core module; `typed` if it says which component it is meant to become.
    #[error("it is a core WebAssembly module, not yet a component; `minutebook filter build FILE.wasm` makes one of it{}", if *.typed { "" } else { ", if it exports what filter.wit says" })]
    CoreModule {
        /// Whether its interface is in its custom sections.
        typed: bool,
    },
    /// A component of which the end is missing, or that has something behind it, which reads like a section.
    #[error(
        "it is cut short{}: the file ends after {bytes} bytes, in the midst of one of its parts; copy or download it again",
        if *.bytes < HEADER_BYTES { "" } else { ", or something follows its end" }
    )]
    Truncated {
        /// Bytes that are there.
        bytes: usize,
    },
    /// WebAssembly of a version that is neither module nor component.
    #[error("it is WebAssembly of an unknown version; build it again with current tools")]
    OtherVersion,
    /// WebAssembly in text format.
    #[error("it is WebAssembly in text format; `wasm-tools parse` makes a binary of it")]
    Wat,
    /// Git LFS stores the file elsewhere.
    #[error("it is a pointer of Git LFS, not the file itself; `git lfs pull` fetches that")]
    LfsPointer,
    /// Some other text.
    #[error("it is a text file, not a WebAssembly component; name what was built, not its source")]
    Text,
    /// An ELF file.
    #[error(
        "it is a native program (ELF), not a WebAssembly component; build it for WebAssembly, and leave compiling that to minutebook"
    )]
    NativeProgram,
    /// A compressed file or an archive.
    #[error("it is compressed ({tool}), and a filter is read as it is; unpack it first")]
    Compressed {
        /// By which tool.
        tool: &'static str,
    },
    /// Anything else.
    #[error(
        "it is no WebAssembly component, nor anything else that minutebook knows; check that it is the right file"
    )]
    Unknown,
}

/// When a guest was running.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// While it was instantiated, in its start functions.
    Start,
    /// In `configure`.
    Configure,
    /// In `select`.
    Select,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "its start function",
            Self::Configure => "`configure`",
            Self::Select => "`select`",
        })
    }
}

/// A number of bytes as people write it: `64 MiB`.
fn size(bytes: u64) -> String {
    ByteSize(bytes).to_string().replace(".0 ", " ")
}

fn or_nothing(exports: &str) -> &str {
    if exports.is_empty() { "nothing at all" } else { exports }
}

fn built_for(theirs: &str, misfit: Misfit) -> String {
    let own = own_version();
    let built = format!("it is built for version {theirs} of filter.wit, and this minutebook has {own}");
    let again = format!("build it again with the filter.wit of {own}");
    match misfit {
        Misfit::Older => format!("{built}; {again}"),
        Misfit::Newer => format!("{built}; run it with a newer minutebook, or {again}"),
        Misfit::Unknown if theirs.is_empty() => {
            format!(
                "its `minutebook:filter/filter` has no version, and this minutebook has {own}; {again}, whose first line has the version"
            )
        }
        Misfit::Unknown => format!("{built}; that is no version, so {again}"),
    }
}
