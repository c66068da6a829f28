//! An archive under way: lists as they arrive, compressed at once, the large ones in spools.
//!
//! Memory is bounded by constants, not by the cluster: of each list the first 64 KiB (compressed)
//! stay in memory, the rest goes to one of a few spools, files without a name on AUDIT_DIR's
//! file system. A list that fails leaves a hole in its spool that nothing refers to.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::piece::{Deflater, Range, Stored, Sum};
use crate::model::limits::{LIST_MEMORY_BYTES, PLACES};
use crate::model::sink::{Sink, SinkError};

/// Makes the file that a place spools into.
type NewSpool = Box<dyn Fn() -> io::Result<File> + Send + Sync>;

/// Complete lists by the names of their files.
pub type Files = BTreeMap<String, List>;

/// Collects the lists of one cycle.
pub struct Draft {
    places: [Mutex<Place>; PLACES],
    files: Mutex<Files>,
    new_spool: NewSpool,
    /// Bytes of all lists that are complete or may become so.
    bytes: Arc<AtomicU64>,
    max_bytes: u64,
    closed: AtomicBool,
}

struct Place {
    deflater: Deflater,
    spool: Option<(Arc<File>, u64)>,
}

/// A list, as far as it has arrived.
#[derive(Debug)]
pub struct List {
    body: Part,
    end: Part,
    /// Its bytes count for the cycle until it is dropped.
    counted: Counted,
}

#[derive(Debug, Default)]
struct Part {
    stored: Stored,
    sum: Sum,
}

#[derive(Debug)]
struct Counted {
    cycle: Arc<AtomicU64>,
    bytes: u64,
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.cycle.fetch_sub(self.bytes, Ordering::Relaxed);
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
        let place = || Mutex::new(Place { deflater: Deflater::new(), spool: None });
        Self {
            places: std::array::from_fn(|_| place()),
            files: Mutex::default(),
            new_spool: Box::new(new_spool),
            bytes: Arc::default(),
            max_bytes,
            closed: AtomicBool::new(false),
        }
    }

    /// Ends the collecting: work in hand stops soon and adds nothing. Returns the complete lists.
    pub fn close(&self) -> Files {
        self.closed.store(true, Ordering::Relaxed);
        std::mem::take(&mut *self.files.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn store(&self, place: usize, memory: usize, part: &mut Part, parts: &[&[u8]]) -> Result<(), SinkError> {
        let mut place = self.places[place].lock().unwrap_or_else(PoisonError::into_inner);
        let Place { deflater, spool } = &mut *place;
        deflater.piece(parts, |output| {
            if self.closed.load(Ordering::Relaxed) {
                return Err(SinkError::Closed);
            }
            let room = memory.saturating_sub(part.stored.memory.len()).min(output.len());
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
        file.write_all_at(bytes, *end)?;
        let range = Range { spool: Arc::clone(file), start: *end, len: bytes.len() as u64 };
        *end += range.len;
        Ok(range)
    }

    fn count(&self, list: &mut List, parts: &[&[u8]]) -> Result<(), SinkError> {
        let added = parts.iter().map(|part| part.len() as u64).sum();
        let before = self.bytes.fetch_add(added, Ordering::Relaxed);
        list.counted.bytes += added;
        if before + added > self.max_bytes {
            return Err(SinkError::CycleFull(self.max_bytes));
        }
        Ok(())
    }
}

impl Sink for Draft {
    type List = List;

    fn begin(&self) -> List {
        let counted = Counted { cycle: Arc::clone(&self.bytes), bytes: 0 };
        List { body: Part::default(), end: Part::default(), counted }
    }

    fn append(&self, place: usize, list: &mut List, parts: &[&[u8]]) -> Result<(), SinkError> {
        self.count(list, parts)?;
        let memory = LIST_MEMORY_BYTES - list.end.stored.memory.len();
        self.store(place, memory, &mut list.body, parts)
    }

    fn set_end(&self, place: usize, list: &mut List, parts: &[&[u8]]) -> Result<(), SinkError> {
        self.count(list, parts)?;
        list.end = Part::default();
        let memory = LIST_MEMORY_BYTES - list.body.stored.memory.len();
        self.store(place, memory, &mut list.end, parts)
    }

    fn finish(&self, file_name: String, list: List) {
        if !self.closed.load(Ordering::Relaxed) {
            self.files.lock().unwrap_or_else(PoisonError::into_inner).insert(file_name, list);
        }
    }
}
