//! A piece of the deflate stream: bytes compressed by themselves, and where they are.

use std::fs::File;
use std::io::{self, Write};
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use crc32fast::Hasher;
use flate2::write::DeflateDecoder;
use flate2::{Compress, Compression, FlushCompress, Status};
use rustix::fs::{FallocateFlags, fallocate};

/// Input is fed in blocks of this size, because how it is cut shows in the output.
const BLOCK: usize = 64 << 10;
/// Where zlib-rs is a third cheaper than at 6, for 4 % more bytes.
const LEVEL: u32 = 4;
/// A last, empty block of fixed codes (RFC 1951, 3.2.6): pieces are never the last of their stream.
pub(super) const LAST_BLOCK: [u8; 2] = [3, 0];

/// Compressed bytes, first in memory and then in files.
#[derive(Debug, Default)]
pub(super) struct Stored {
    pub(super) memory: Vec<u8>,
    pub(super) ranges: Vec<Range>,
}

/// Bytes of a spool. Their room on the disk is given back when they are dropped: a list that failed must
/// not take it from the archive.
#[derive(Debug)]
pub(super) struct Range {
    pub(super) spool: Arc<File>,
    pub(super) start: u64,
    pub(super) len: u64,
}

impl Drop for Range {
    fn drop(&mut self) {
        if self.len == 0 {
            return;
        }
        let hole = FallocateFlags::PUNCH_HOLE | FallocateFlags::KEEP_SIZE;
        // Where the file system cannot, the room is free when the cycle ends and the spool with it.
        let _ = fallocate(&*self.spool, hole, self.start, self.len);
    }
}

impl Stored {
    /// How many compressed bytes there are.
    pub(super) fn len(&self) -> u64 {
        self.memory.len() as u64 + self.ranges.iter().map(|range| range.len).sum::<u64>()
    }

    /// Adds bytes of a spool, which come behind all others.
    pub(super) fn push(&mut self, mut range: Range) {
        match self.ranges.last_mut() {
            Some(last) if Arc::ptr_eq(&last.spool, &range.spool) && last.start + last.len == range.start => {
                // The bytes belong to the last range from here on; this one has none to give back.
                last.len += std::mem::take(&mut range.len);
            }
            _ => self.ranges.push(range),
        }
    }

    /// Writes what they were before they were compressed.
    pub(super) fn inflate_to(&self, out: impl Write) -> io::Result<()> {
        if self.len() == 0 {
            return Ok(());
        }
        let mut inflater = DeflateDecoder::new(out);
        self.copy_to(&mut inflater)?;
        inflater.write_all(&LAST_BLOCK)?;
        inflater.finish().map(|_| ())
    }

    /// Copies the bytes out.
    pub(super) fn copy_to(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&self.memory)?;
        let mut buffer = vec![0; BLOCK];
        for range in &self.ranges {
            let (mut at, end) = (range.start, range.start + range.len);
            while at < end {
                let room = usize::try_from(end - at).map_or(BLOCK, |left| left.min(BLOCK));
                range.spool.read_exact_at(&mut buffer[..room], at)?;
                out.write_all(&buffer[..room])?;
                at += room as u64;
            }
        }
        Ok(())
    }
}

/// What the uncompressed bytes of a piece, or of several one after the other, add up to.
#[derive(Debug, Clone, Default)]
pub(super) struct Sum {
    pub(super) crc: Hasher,
    pub(super) bytes: u64,
}

impl Sum {
    pub(super) fn of(parts: &[&[u8]]) -> Self {
        let mut sum = Self::default();
        for part in parts {
            sum.crc.update(part);
            sum.bytes += part.len() as u64;
        }
        sum
    }

    /// The sum of these bytes followed by those.
    pub(super) fn then(&mut self, next: &Self) {
        self.crc.combine(&next.crc);
        self.bytes += next.bytes;
    }
}

/// Compresses pieces, one after the other.
pub(super) struct Deflater {
    compress: Compress,
    output: Vec<u8>,
}

impl Deflater {
    pub(super) fn new() -> Self {
        Self { compress: Compress::new(Compression::new(LEVEL), false), output: vec![0; BLOCK] }
    }

    /// Compresses bytes, given in parts, into one piece, which is handed to `take` as it comes.
    /// `take` can end the work by an error.
    pub(super) fn piece<E>(
        &mut self,
        parts: &[&[u8]],
        mut take: impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        self.compress.reset();
        let mut blocks = parts.iter().flat_map(|part| part.chunks(BLOCK)).peekable();
        while let Some(block) = blocks.next() {
            let flush = if blocks.peek().is_some() { FlushCompress::None } else { FlushCompress::Full };
            self.block(block, flush, &mut take)?;
        }
        Ok(())
    }

    fn block<E>(
        &mut self,
        mut input: &[u8],
        flush: FlushCompress,
        take: &mut impl FnMut(&[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        loop {
            let (read, written) = (self.compress.total_in(), self.compress.total_out());
            let status = self.compress.compress(input, &mut self.output, flush);
            let read = done(read, self.compress.total_in());
            let written = done(written, self.compress.total_out());
            // Neither an error nor an end can come of compressing with these flushes.
            debug_assert!(matches!(status, Ok(Status::Ok | Status::BufError)), "{status:?}");
            input = &input[read..];
            take(&self.output[..written])?;
            // A full output may hide more of the flush; one with room left does not.
            if input.is_empty() && written < self.output.len() {
                return Ok(());
            }
        }
    }
}

/// What one call did, which is at most a block.
fn done(before: u64, after: u64) -> usize {
    usize::try_from(after - before).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn deflate(deflater: &mut Deflater, bytes: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        let take = |part: &[u8]| {
            out.extend_from_slice(part);
            Ok::<_, ()>(())
        };
        deflater.piece(&[bytes], take).unwrap();
        out
    }

    fn noise(len: usize) -> Vec<u8> {
        let mut random = fastrand::Rng::with_seed(1);
        (0..len).map(|_| random.u8(..)).collect()
    }

    #[test]
    fn pieces_in_a_row_are_one_stream() {
        let mut deflater = Deflater::new();
        let parts =
            [b"{\"items\":[".to_vec(), noise(300_000), Vec::new(), vec![b' '; 1 << 20], b"]}".to_vec()];
        let mut stream: Vec<u8> = parts.iter().flat_map(|part| deflate(&mut deflater, part)).collect();
        stream.extend([3, 0]);
        let mut plain = Vec::new();
        flate2::read::DeflateDecoder::new(&stream[..]).read_to_end(&mut plain).unwrap();
        assert!(plain == parts.concat());
    }

    #[test]
    fn a_piece_does_not_depend_on_what_came_before() {
        let (first, second) = (noise(100_000), vec![b'x'; 100_000]);
        let mut deflater = Deflater::new();
        deflate(&mut deflater, &first);
        assert!(deflate(&mut deflater, &second) == deflate(&mut Deflater::new(), &second));
    }

    #[test]
    fn sums_combine() {
        let mut sum = Sum::of(&[b"m", b"in"]);
        sum.then(&Sum::default());
        sum.then(&Sum::of(&[b"utes"]));
        assert_eq!((sum.crc.finalize(), sum.bytes), (Sum::of(&[b"minutes"]).crc.finalize(), 7));
    }
}
