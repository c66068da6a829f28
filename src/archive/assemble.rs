//! From complete lists to the bytes of an archive: headers, copied pieces, one checksum.

use std::io::{self, Write};

use chrono::{DateTime, Utc};

use super::draft::{Files, List};
use super::piece::{Deflater, LAST_BLOCK, Sum};

/// A gzip header without time and name; system 255 is "unknown" (RFC 1952, 2.3).
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
/// Tar is written in records of this size.
const RECORD: usize = 512;
/// Two empty records end a tar archive.
const TAR_END: [u8; 2 * RECORD] = [0; 2 * RECORD];
/// Bytes that an entry's compressed header and padding take at most, for an estimate.
const ENTRY_ROOM: u64 = 512;

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Written {
    /// Entries of the archive.
    pub entries: usize,
    /// Bytes of all entries before compression.
    pub plain_bytes: u64,
    /// Bytes of the archive.
    pub bytes: u64,
}

/// About how many bytes [`write()`] will write; never too few.
#[must_use]
pub(super) fn estimate(files: &Files) -> u64 {
    let stored = files.values().flat_map(List::stored).map(super::piece::Stored::len).sum::<u64>();
    stored + (files.len() as u64 + 1) * ENTRY_ROOM
}

/// Writes the archive of a cycle that began at `started`. `reserve` is told beforehand how many bytes it takes at most.
///
/// # Errors
/// What reading a spool, `reserve` or writing said.
pub fn write<W: Write>(
    out: &mut W,
    files: &Files,
    started: DateTime<Utc>,
    reserve: impl FnOnce(&mut W, u64) -> io::Result<()>,
) -> io::Result<Written> {
    reserve(out, estimate(files))?;
    let mut stream = Stream { out, written: 0, sum: Sum::default(), deflater: Deflater::new() };
    stream.raw(&GZIP_HEADER)?;
    let mut plain_bytes = 0;
    // The padding of one entry and the header of the next are one piece.
    let mut between = Vec::new();
    for (name, list) in files {
        let sum = list.sum();
        between.extend(header(name, sum.bytes, started)?);
        stream.deflate(&between)?;
        for stored in list.stored() {
            stored.copy_to(&mut *stream.out)?;
            stream.written += stored.len();
        }
        between = vec![0; padding(sum.bytes)];
        plain_bytes += sum.bytes;
        stream.sum.then(&sum);
    }
    between.extend(TAR_END);
    stream.deflate(&between)?;
    stream.raw(&LAST_BLOCK)?;
    let Sum { crc, bytes } = stream.sum.clone();
    stream.raw(&crc.finalize().to_le_bytes())?;
    // The length is kept modulo 2^32 (RFC 1952, 2.3.1): its four lowest bytes.
    stream.raw(&bytes.to_le_bytes()[..4])?;
    Ok(Written { entries: files.len(), plain_bytes, bytes: stream.written })
}

struct Stream<'a, W> {
    out: &'a mut W,
    written: u64,
    sum: Sum,
    deflater: Deflater,
}

impl<W: Write> Stream<'_, W> {
    fn raw(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.written += bytes.len() as u64;
        self.out.write_all(bytes)
    }

    fn deflate(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum.then(&Sum::of(&[bytes]));
        let Self { out, written, deflater, .. } = self;
        deflater.piece(&[bytes], |part| {
            *written += part.len() as u64;
            out.write_all(part)
        })
    }
}

/// How many bytes fill an entry's last record.
fn padding(bytes: u64) -> usize {
    let record = RECORD as u64;
    usize::try_from(bytes.next_multiple_of(record) - bytes).unwrap_or_default()
}

/// The records in front of an entry's bytes; more than one if the name is long.
fn header(name: &str, bytes: u64, started: DateTime<Utc>) -> io::Result<Vec<u8>> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Regular);
    header.set_mode(0o444);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(u64::try_from(started.timestamp()).unwrap_or_default());
    header.set_size(bytes);
    let mut builder = tar::Builder::new(Vec::new());
    // The entry's bytes follow in pieces of their own.
    builder.append_data(&mut header, name, io::empty())?;
    Ok(builder.get_ref().clone())
}

#[cfg(test)]
mod tests {
    use std::fs::File;
    use std::io::Read as _;

    use super::*;
    use crate::archive::Draft;
    use crate::model::digest::Sha256;
    use crate::model::sink::{Content, Sink as _, SinkError};

    fn draft(max_bytes: u64) -> Draft {
        Draft::new(max_bytes, tempfile::tempfile)
    }

    fn archive(files: &Files) -> (Vec<u8>, Written) {
        let mut out = Vec::new();
        let mut reserved = 0;
        let reserve = |_: &mut Vec<u8>, bytes| {
            reserved = bytes;
            Ok(())
        };
        let started = DateTime::from_timestamp(1_604_128_255, 0).unwrap();
        let written = write(&mut out, files, started, reserve).unwrap();
        assert_eq!(written.bytes, out.len() as u64);
        assert!(reserved >= written.bytes, "reserved {reserved} for {}", written.bytes);
        (out, written)
    }

    /// Reads with the decoder that knows one gzip member only.
    fn entries(archive: &[u8]) -> Vec<(String, Vec<u8>)> {
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(archive));
        let entry = |entry: io::Result<tar::Entry<'_, _>>| {
            let mut entry = entry.unwrap();
            let header = entry.header();
            assert_eq!((header.mode().unwrap(), header.uid().unwrap(), header.gid().unwrap()), (0o444, 0, 0));
            assert_eq!(header.mtime().unwrap(), 1_604_128_255);
            let mut bytes = Vec::new();
            let name = entry.path().unwrap().to_str().unwrap().to_owned();
            entry.read_to_end(&mut bytes).unwrap();
            (name, bytes)
        };
        tar.entries().unwrap().map(entry).collect()
    }

    fn add(draft: &Draft, name: &str, parts: &[&[u8]], end: &[u8]) {
        let mut list = draft.begin();
        for (place, part) in parts.iter().enumerate() {
            draft.append(place % 4, &mut list, &[part]).unwrap();
            if place == 0 {
                draft.set_end(3, &mut list, &[end]).unwrap();
            }
        }
        draft.finish(name.to_owned(), list);
    }

    fn noise(seed: u64, len: usize) -> Vec<u8> {
        let mut random = fastrand::Rng::with_seed(seed);
        (0..len).map(|_| random.u8(..)).collect()
    }

    #[test]
    fn the_empty_archive_is_always_the_same() {
        let (bytes, written) = archive(&draft(0).close());
        assert!(entries(&bytes).is_empty());
        assert_eq!((written.entries, written.plain_bytes), (0, 0));
        assert_eq!(Sha256::of(&bytes).to_string(), GOLDEN_EMPTY);
    }

    #[test]
    fn golden_bytes() {
        let draft = draft(1 << 20);
        add(&draft, "secrets.json", &[br#"{"items":["#, b"1", b",2"], b"]}\n");
        add(&draft, "configmaps.json", &[&b"{\"kind\":\"ConfigMapList\"}".repeat(99)], b"");
        let (bytes, written) = archive(&draft.close());
        assert_eq!((written.entries, written.plain_bytes), (2, 24 * 99 + 16));
        assert_eq!(Sha256::of(&bytes).to_string(), GOLDEN_TWO);
    }

    #[test]
    fn what_goes_in_comes_out_sorted_from_memory_and_spools() {
        let (big, bigger) = (noise(1, 200_000), noise(2, 700_000));
        let draft = draft(u64::MAX);
        add(&draft, "b.json", &[&big, &bigger, b",", &big], b"the end");
        add(&draft, "a.json", &[b"small"], b"");
        add(&draft, "c.json", &[&[]], b"");
        add(&draft, &format!("{}.json", "n".repeat(250)), &[b"long name"], b"");
        let (bytes, _) = archive(&draft.close());
        let found = entries(&bytes);
        let names: Vec<&str> = found.iter().map(|(name, _)| &name[..1]).collect();
        assert_eq!(names, ["a", "b", "c", "n"]);
        assert_eq!((&found[0].1[..], found[3].0.len()), (&b"small"[..], 255));
        assert!(found[1].1 == [&big[..], &bigger, b",", &big, b"the end"].concat());
    }

    #[test]
    fn what_a_list_holds_is_told_of_its_bytes_as_they_go_in() {
        let draft = draft(u64::MAX);
        let big = noise(1, 200_000);
        let mut list = draft.begin();
        draft.append(0, &mut list, &[b"[", &big]).unwrap();
        draft.set_end(1, &mut list, &[b"an earlier end"]).unwrap();
        draft.set_end(1, &mut list, &[&big, b"]"]).unwrap();
        draft.append(2, &mut list, &[b",", &big]).unwrap();
        let whole = [b"[", &big[..], b",", &big, &big, b"]"].concat();
        let content = Content { bytes: whole.len() as u64, sha256: Sha256::of(&whole) };
        assert_eq!(draft.content(&list).unwrap(), content);
        draft.finish("a.json".to_owned(), list);
        assert!(entries(&archive(&draft.close()).0)[0].1 == whole);
    }

    #[test]
    fn which_place_a_page_had_does_not_show() {
        let (one, two) = (noise(3, 100_000), noise(4, 100_000));
        let bytes = |places: [usize; 2]| {
            let draft = draft(u64::MAX);
            let mut list = draft.begin();
            draft.append(places[0], &mut list, &[&one]).unwrap();
            draft.append(places[1], &mut list, &[&two]).unwrap();
            draft.finish("a.json".to_owned(), list);
            archive(&draft.close()).0
        };
        assert!(bytes([0, 0]) == bytes([2, 1]));
    }

    #[test]
    fn a_list_that_is_dropped_leaves_nothing_and_frees_its_bytes() {
        let draft = draft(150_000);
        let mut failed = draft.begin();
        draft.append(0, &mut failed, &[&noise(5, 100_000)]).unwrap();
        let mut list = draft.begin();
        let error = draft.append(1, &mut list, &[&noise(6, 100_000)]).unwrap_err();
        assert!(matches!(error, SinkError::CycleFull(150_000)), "{error}");
        drop((failed, list));
        add(&draft, "a.json", &[&noise(7, 100_000)], b"");
        assert_eq!(entries(&archive(&draft.close()).0).len(), 1);
    }

    #[test]
    fn many_lists_do_not_fill_the_memory() {
        let spools = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
        let counter = std::sync::Arc::clone(&spools);
        let draft = Draft::new(u64::MAX, move || {
            counter.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            tempfile::tempfile()
        });
        let small = noise(9, 60_000);
        for number in 0..270 {
            add(&draft, &format!("{number:03}.json"), &[&small], b"");
        }
        assert_eq!(spools.load(std::sync::atomic::Ordering::Relaxed), 0, "16 MiB are for memory");
        for number in 270..300 {
            add(&draft, &format!("{number:03}.json"), &[&small], b"");
        }
        assert_eq!(spools.load(std::sync::atomic::Ordering::Relaxed), 1, "what is beyond is not");
        let (bytes, _) = archive(&draft.close());
        assert!(entries(&bytes).iter().all(|(_, list)| *list == small));
    }

    #[test]
    fn after_closing_nothing_is_added() {
        let draft = draft(u64::MAX);
        let mut list = draft.begin();
        draft.append(0, &mut list, &[b"early"]).unwrap();
        assert!(draft.close().is_empty());
        assert!(matches!(draft.append(0, &mut list, &[b"late"]), Err(SinkError::Closed)));
        draft.finish("late.json".to_owned(), list);
        assert!(draft.close().is_empty());
    }

    #[test]
    fn a_spool_that_cannot_be_made_fails_the_large_list_alone() {
        let draft = Draft::new(u64::MAX, || -> io::Result<File> { Err(io::ErrorKind::StorageFull.into()) });
        let error = draft.append(0, &mut draft.begin(), &[&noise(8, 100_000)]).unwrap_err();
        assert!(matches!(error, SinkError::Spool(_)), "{error}");
        add(&draft, "a.json", &[b"small"], b"");
        assert_eq!(entries(&archive(&draft.close()).0).len(), 1);
    }

    const GOLDEN_EMPTY: &str = "73916e6d892a560c887cbd819c4670720a818d18c016b9fee886767cb6bbdc48";
    const GOLDEN_TWO: &str = "a85da5144e1a40cfb381936c95e3c2ad7defd5ff13d0438fadce56e0a59b34f5";
}
