//! Every bound that has no flag, with its reason, and the times that depend on the interval.

use std::time::Duration;

/// Bytes of a discovery answer: aggregated discovery of 10,000 resources is some 5 MiB.
pub const DISCOVERY_BYTES: u64 = 32 << 20;
/// Entries of a discovery answer; large clusters have a thousand.
pub const RESOURCES: usize = 10_000;
/// Versions of groups that are asked for one by one, where a server cannot describe all at once: the largest clusters,
/// with every provider of some tool for infrastructure, have a thousand.
pub const GROUP_VERSIONS: usize = 2_000;
/// Bytes of a namespace: etcd takes objects of 1.5 MiB.
pub const NAMESPACE_BYTES: u64 = 4 << 20;
/// Texts of all entries of a discovery answer: large clusters have ten for each of their thousand entries, and a text
/// takes some 50 bytes besides its own for the whole cycle.
pub const CATALOG_TEXTS: usize = 200_000;
/// Bytes of these texts: large clusters have 200 for each entry.
pub const CATALOG_TEXT_BYTES: usize = 16 << 20;
/// Pages of one list: at 500 objects a page, five million objects.
pub const PAGES: usize = 10_000;
/// Bytes of a continue token, which becomes part of a URL: API servers make some 200.
pub const CONTINUE_BYTES: usize = 16 << 10;
/// Bytes read of an answer that is not 200, to find the server's message.
pub const ERROR_BODY_BYTES: usize = 64 << 10;
/// Bytes of a stranger's text within one log line.
pub const MESSAGE_BYTES: usize = 512;
/// Bytes of a log line's message: paths have at most 4,096, and few messages hold two.
pub const LINE_BYTES: usize = 16 << 10;
/// Lists fetched at a time: more did not help on two cores, and API servers count requests.
pub const PLACES: usize = 4;
/// Bytes that the oldest page of each target may hold, whatever others do: most pages are smaller.
pub const PAGE_GUARANTEED_BYTES: u64 = 1 << 20;
/// Bytes of pages in flight that all targets of the process share besides: with its own a lone target has 256 MiB.
pub const PAGES_SHARED_BYTES: u64 = 255 << 20;
/// Bytes that a page is admitted to read at a time: a TLS record. What the HTTP client has buffered besides, some 400 KiB
/// at most, comes at once.
pub const PAGE_CHUNK_BYTES: u64 = 16 << 10;
/// Requests in flight that all targets of the process share, besides one for each: with 300 targets some two in
/// five fetch two lists at a time, and few targets get all their places.
pub const SHARED_CONNECTIONS: usize = 128;
/// Compressed bytes of a list that stay in memory, before the spool is used.
pub const LIST_MEMORY_BYTES: usize = 64 << 10;
/// Compressed bytes of all lists of a cycle that stay in memory: of some hundred lists all that may.
pub const DRAFT_MEMORY_BYTES: usize = 16 << 20;
/// Objects asked for in a page (the exercise's number, and client-go's).
pub const PAGE_OBJECTS: usize = 500;
/// Bytes of a page above which the next one is asked to have half as many objects: four such pages fill the memory
/// that all pages in flight share.
pub const PAGE_HALVED_BYTES: u64 = 64 << 20;
/// How often in a row a list's token may be too old although the server itself had just given it.
pub const EXPIRED_IN_A_ROW: u32 = 10;
/// Bytes of a filter's file: one with a whole Python in it has 18 MB.
pub const FILTER_BYTES: usize = 32 << 20;
/// Bytes of a token, certificate or settings file.
pub const NAMED_FILE_BYTES: usize = 4 << 20;
/// Bytes that a credential plugin prints: a token and a certificate chain are some 10 KiB.
pub const PLUGIN_ANSWER_BYTES: usize = 1 << 20;

/// Bytes of a manifest that is read: 10,000 resources with reasons of 512 bytes and an error each.
pub const MANIFEST_BYTES: usize = 256 << 20;
/// Manifests read to find the newest, when nothing is remembered: names follow the clock, which may have been set
/// back, but hardly by a week of minutes.
pub const MANIFESTS_READ: usize = 10_000;
/// Bytes of a target's state: its largest part are cycles without a manifest, of which there are few.
pub const STATE_BYTES: usize = 4 << 20;
/// Lines in a log about what interrupted cycles left.
pub const LEFTOVERS_TOLD: usize = 20;

/// The times of a cycle, most of which follow from its interval: one value, which a test can scale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// To establish a connection, name look-up and TLS included.
    pub connect: Duration,
    /// Without a byte: ends a try.
    pub idle: Duration,
    /// How long a list may hold its place while another waits.
    pub share: Duration,
    /// Discovery as a whole, its tries together.
    pub discovery: Duration,
    /// Before the second try; it doubles with every further one.
    pub backoff: Duration,
    /// A credential plugin: some log in over the network.
    pub plugin: Duration,
}

impl Times {
    /// The times for one cycle every `interval`.
    #[must_use]
    pub fn for_interval(interval: Duration) -> Self {
        Self {
            connect: Duration::from_secs(5),
            idle: Duration::from_secs(10),
            share: interval / 3,
            discovery: Duration::from_secs(32).min(interval / 2),
            backoff: Duration::from_millis(500),
            plugin: Duration::from_secs(30).min(interval / 2),
        }
    }
}

/// What a cycle keeps of its interval to commit: a twelfth, at most five seconds.
#[must_use]
pub fn margin(interval: Duration) -> Duration {
    (interval / 12).min(Duration::from_secs(5))
}
