//! What a guest may use up at most, where no flag says otherwise, each with its reason.

use std::time::Duration;

use crate::child::Bounds;

/// Bytes of a component's code: one with a whole Python in it has 40 MB. In memory it is there twice for a moment.
pub(super) const CODE_BYTES: usize = 48 << 20;
/// Bytes of all code that is kept on disk.
pub(super) const CODES_BYTES: u64 = 256 << 20;
/// For compiling in a child. A component with a whole Python in it takes some 300 MB and 10 to 20 seconds of an ordinary
/// processor; the time on the clock allows for one that is busy with more important things.
pub(super) const COMPILING: Bounds = Bounds {
    memory: 1 << 30,
    processor: Duration::from_secs(60),
    time: Duration::from_secs(180),
    result: CODE_BYTES,
};

/// Stack for a guest's calls: a quarter of the 2 MiB that threads get where blocking is allowed,
/// the rest of which is the host's.
pub(super) const STACK_BYTES: usize = 512 << 10;
/// For loading the result, to see what that takes: the code twice, and what it says of itself.
pub(super) const LOADING: Bounds = Bounds {
    memory: 112 << 20,
    processor: Duration::from_secs(10),
    time: Duration::from_secs(60),
    result: 0,
};
/// Bytes of a memory's image however little data is in it; larger ones are half data at least.
pub(super) const IMAGE_BYTES: u64 = 64 << 10;
/// Bytes that a guest may have the host copy in one call: 10,000 verdicts with full reasons are
/// about six million.
pub(super) const ANSWER_BYTES: usize = 16 << 20;
/// Handles that a component may hold for resources that it defines itself; each takes memory of
/// the host.
pub(super) const HANDLES: usize = 10_000;
/// A component holds some ten core instances; one with Python inside has been seen with 200.
pub(super) const INSTANCES: usize = 256;
/// Each reserves 4 GiB of addresses, though no memory; most components have one or two.
pub(super) const MEMORIES: usize = 16;
/// One for each core module, as a rule.
pub(super) const TABLES: usize = 128;
/// Elements of all tables together, a pointer each: interpreters need some ten thousand.
pub(super) const TABLE_ELEMENTS: usize = 200_000;
