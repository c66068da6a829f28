//! An archive under way: lists as they arrive, compressed at once, the large ones in spools.
//!
//! Memory is bounded by constants, not by the cluster: of each list the first 64 KiB (compressed)
//! stay in memory, of all lists together 16 MiB, and the rest goes to one of a few spools, files without a name on AUDIT_DIR's
//! file system. A list that fails leaves a hole in its spool that nothing refers to.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::piece::{Deflater, Range, Stored, Sum};
use crate::model::digest::Digester;
use crate::model::limits::{DRAFT_MEMORY_BYTES, LIST_MEMORY_BYTES, PLACES};
use crate::model::sink::{Content, Sink, SinkError};

/// Makes the file that a place spools into.
type NewSpool = Box<dyn Fn() -> io::Result<File> + Send + Sync>;

/// Complete lists by the names of their files.
pub type Files = BTreeMap<String, List>;

/// Collects the lists of one cycle.
pub struct Draft {
    places: [Mutex<Place>; PLACES],
    files: Mutex<Files>,
    new_spool: NewSpool,
    used: Arc<Used>,
    max_bytes: u64,
    closed: AtomicBool,
}

/// Most targets use one place or two most of the time, and a deflater takes 300 KiB: each is made when it is needed.
#[derive(Default)]
struct Place {
    deflater: Option<Deflater>,
    spool: Option<(Arc<File>, u64)>,
}

/// A list, as far as it has arrived.
#[derive(Debug)]
pub struct List {
    body: Part,
    end: Part,
    /// Of the body before compression; the end is digested when it is known to be the end.
    digester: Digester,
    /// Its bytes count for the cycle until it is dropped.
    counted: Counted,
}

#[derive(Debug, Default)]
struct Part {
    stored: Stored,
    sum: Sum,
}

/// What all lists that are complete, or may become so, use up.
#[derive(Debug, Default)]
struct Used {
    /// Bytes before compression.
    bytes: AtomicU64,
    /// Compressed bytes in memory.
    memory: AtomicUsize,
}

/// One list's part of it.
#[derive(Debug)]
struct Counted {
    used: Arc<Used>,
    bytes: u64,
    memory: usize,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.used.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        self.used.memory.fetch_sub(self.memory, Ordering::Relaxed);
    }
}

impl Counted {
    /// Counts bytes that arrived; false if they are more than a cycle may have.
    fn add(&mut self, bytes: u64, max: u64) -> bool {
        if self.used.bytes.fetch_add(bytes, Ordering::Relaxed) + bytes > max {
            // What is refused must not count against others.
            self.used.bytes.fetch_sub(bytes, Ordering::Relaxed);
            return false;
        }
        self.bytes += bytes;
        true
    }

    /// How many of `wanted` compressed bytes may stay in memory.
    fn room(&mut self, wanted: usize) -> usize {
        let wanted = wanted.min(LIST_MEMORY_BYTES - self.memory);
        let before = self.used.memory.fetch_add(wanted, Ordering::Relaxed);
        let room = wanted.min(DRAFT_MEMORY_BYTES.saturating_sub(before));
        self.used.memory.fetch_sub(wanted - room, Ordering::Relaxed);
        self.memory += room;
        room
    }
}

impl List {
    /// What its bytes add up to.
    pub(super) fn sum(&self) -> Sum {
        let mut sum = self.body.sum.clone();
        sum.then(&self.end.sum);
        sum
    }

    /// Its compressed bytes, in order.
    pub(super) fn stored(&self) -> [&Stored; 2] {
        [&self.body.stored, &self.end.stored]
    }
}

impl Draft {
    /// An empty draft, for `max_bytes` of lists before compression. `new_spool` is called at most once for each
    /// place, when a list outgrows memory.
    pub fn new(max_bytes: u64, new_spool: impl Fn() -> io::Result<File> + Send + Sync + 'static) -> Self {
        Self {
            places: Default::default(),
            files: Mutex::default(),
            new_spool: Box::new(new_spool),
            used: Arc::default(),
            max_bytes,
            closed: AtomicBool::new(false),
        }
    }

    /// Ends the collecting: work in hand stops soon and adds nothing. Returns the complete lists.
    pub fn close(&self) -> Files {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        self.closed.store(true, Ordering::Relaxed);
        std::mem::take(&mut files)
    }

    fn store(
        &self,
        place: usize,
        counted: &mut Counted,
        part: &mut Part,
        parts: &[&[u8]],
    ) -> Result<(), SinkError> {
        let bytes = parts.iter().map(|part| part.len() as u64).sum();
        if !counted.add(bytes, self.max_bytes) {
            return Err(SinkError::CycleFull(self.max_bytes));
        }
        let mut place = self.places[place].lock().unwrap_or_else(PoisonError::into_inner);
        let Place { deflater, spool } = &mut *place;
        deflater.get_or_insert_with(Deflater::new).piece(parts, |output| {
            if self.closed.load(Ordering::Relaxed) {
                return Err(SinkError::Closed);
            }
            // What is in memory comes first, so once a part has spilled it goes on spilling.
            let room = if part.stored.ranges.is_empty() { counted.room(output.len()) } else { 0 };
            let (in_memory, spooled) = output.split_at(room);
            part.stored.memory.extend_from_slice(in_memory);
            if !spooled.is_empty() {
                part.stored.push(self.spool(spool, spooled).map_err(SinkError::Spool)?);
            }
            Ok(())
        })?;
        part.sum.then(&Sum::of(parts));
        Ok(())
    }

    fn spool(&self, spool: &mut Option<(Arc<File>, u64)>, bytes: &[u8]) -> io::Result<Range> {
        let (file, end) = match spool {
            Some(spool) => spool,
            None => spool.insert((Arc::new((self.new_spool)()?), 0)),
        };
        let range = Range { spool: Arc::clone(file), start: *end, len: bytes.len() as u64 };
        // If only some of them can be written, dropping the range gives their room back.
        file.write_all_at(bytes, *end)?;
        *end += range.len;
        Ok(range)
    }
}

impl Sink for Draft {
    type List = List;

    fn begin(&self) -> List {
        let counted = Counted { used: Arc::clone(&self.used), bytes: 0, memory: 0 };
        List { body: Part::default(), end: Part::default(), digester: Digester::default(), counted }
    }

    fn append(&self, place: usize, list: &mut List, parts: &[&[u8]]) -> Result<(), SinkError> {
        self.store(place, &mut list.counted, &mut list.body, parts)?;
        for part in parts {
            list.digester.update(part);
        }
        Ok(())
    }

    fn set_end(&self, place: usize, list: &mut List, parts: &[&[u8]]) -> Result<(), SinkError> {
        list.end = Part::default();
        self.store(place, &mut list.counted, &mut list.end, parts)
    }

    fn content(&self, list: &List) -> Result<Content, SinkError> {
        let mut digester = list.digester.clone();
        list.end.stored.inflate_to(&mut digester).map_err(SinkError::Spool)?;
        Ok(Content { bytes: list.sum().bytes, sha256: digester.finish() })
    }

    fn finish(&self, file_name: String, list: List) {
        let mut files = self.files.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.closed.load(Ordering::Relaxed) {
            files.insert(file_name, list);
        }
    }
}
