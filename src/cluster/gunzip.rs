//! Bodies that come as gzip: decoded as they arrive.
//!
//! Layout `kubernetes` asks for it, and some proxies compress whatever they are asked for. A thousand bytes of gzip can hold a million, so a
//! step never makes more than [`STEP`] bytes, after which whoever reads can refuse the rest, and gives
//! way to others first.

use bytes::{Buf as _, Bytes};
use flate2::{Decompress, FlushDecompress, Status};
use tokio::task::yield_now;

use super::{Body, Failure, Pending};
use crate::model::limits::MESSAGE_BYTES;
use crate::model::text::printable;

/// Members of one body: whoever compresses in parts makes some, and empty ones by the million cost a processor and
/// count for no limit.
const MEMBERS: u64 = 10_000;
/// Decoded bytes made without giving way.
const STEP: usize = 64 << 10;

/// The window of every gzip encoder there is (RFC 1951).
const WINDOW_BITS: u8 = 15;

/// A gzip body, as what it holds. Chunks may be empty.
pub(super) struct Gunzip {
    body: Box<dyn Body>,
    /// Whether HTTP says where the body ends; if not, a connection that broke off looks like an end.
    delimited: bool,
    encoded: Bytes,
    /// The member in hand; a body may have several, one behind the other (RFC 1952, 2.2).
    member: Option<Decompress>,
    complete_members: u64,
    decoded: Vec<u8>,
}

impl Gunzip {
    pub(super) fn new(body: Box<dyn Body>, delimited: bool) -> Self {
        Self {
            body,
            delimited,
            encoded: Bytes::new(),
            member: None,
            complete_members: 0,
            decoded: Vec::with_capacity(STEP),
        }
    }

    /// Whether the last step may have left something to decode.
    fn has_more(&self) -> bool {
        !self.encoded.is_empty() || (self.member.is_some() && self.decoded.len() == STEP)
    }

    /// Decodes until the step's bytes are full, a member ends, or there is nothing left to decode.
    fn step(&mut self) -> Result<Bytes, Failure> {
        self.decoded.clear();
        let member = self.member.get_or_insert_with(|| Decompress::new_gzip(WINDOW_BITS));
        let before = member.total_in();
        let status = member.decompress_vec(&self.encoded, &mut self.decoded, FlushDecompress::None);
        let read = member.total_in() - before;
        let status = status.map_err(|error| {
            let why = error.message().unwrap_or("it cannot be decoded");
            Failure::Malformed(if self.complete_members > 0 && member.total_out() == 0 {
                format!(
                    "something stands behind its gzip data that is none: {}",
                    printable(why, MESSAGE_BYTES)
                )
            } else {
                format!("its gzip data is corrupt: {}", printable(why, MESSAGE_BYTES))
            })
        })?;
        self.encoded.advance(usize::try_from(read).unwrap_or(usize::MAX).min(self.encoded.len()));
        if status == Status::StreamEnd {
            self.member = None;
            self.complete_members += 1;
            if self.complete_members > MEMBERS {
                return Err(Failure::Malformed(format!("its gzip data has more than {MEMBERS} members")));
            }
        }
        Ok(Bytes::copy_from_slice(&self.decoded))
    }

    fn end(&self) -> Result<Option<Bytes>, Failure> {
        if self.member.is_none() && self.complete_members > 0 {
            return Ok(None);
        }
        let early = "its gzip data ends too early".to_owned();
        Err(if self.delimited { Failure::Malformed(early) } else { Failure::BrokenOff(early) })
    }
}

impl Body for Gunzip {
    fn chunk(&mut self) -> Pending<'_, Result<Option<Bytes>, Failure>> {
        Box::pin(async move {
            if self.has_more() {
                yield_now().await;
            } else {
                match self.body.chunk().await? {
                    None => return self.end(),
                    Some(chunk) if chunk.is_empty() => return Ok(Some(chunk)),
                    Some(chunk) => self.encoded = chunk,
                }
            }
            self.step().map(Some)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    /// A body of these pieces.
    struct Pieces(std::vec::IntoIter<Bytes>);

    impl Body for Pieces {
        fn chunk(&mut self) -> Pending<'_, Result<Option<Bytes>, Failure>> {
            let next = self.0.next();
            Box::pin(async move { Ok(next) })
        }
    }

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    /// What comes of a body that arrives in pieces of this length, and the length of its longest chunk.
    async fn gunzip(encoded: &[u8], piece: usize, delimited: bool) -> Result<(Vec<u8>, usize), Failure> {
        let pieces: Vec<_> = encoded.chunks(piece).map(Bytes::copy_from_slice).collect();
        let mut body = Gunzip::new(Box::new(Pieces(pieces.into_iter())), delimited);
        let (mut decoded, mut longest) = (Vec::new(), 0);
        while let Some(chunk) = body.chunk().await? {
            longest = longest.max(chunk.len());
            decoded.extend_from_slice(&chunk);
        }
        Ok((decoded, longest))
    }

    async fn why(encoded: &[u8], delimited: bool) -> Failure {
        let mut all = Vec::new();
        for piece in [1, 7, usize::MAX] {
            all.push(gunzip(encoded, piece.min(encoded.len().max(1)), delimited).await.unwrap_err());
        }
        assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "however it is cut: {all:?}");
        all.remove(0)
    }

    #[tokio::test]
    async fn however_it_is_cut_the_same_comes_out_in_small_steps() {
        let text: Vec<u8> = (0..300_000_u32).flat_map(|n| (n / 7).to_le_bytes()).collect();
        let encoded = [gzip(&text[..1_000]), gzip(b""), gzip(&text[1_000..])].concat();
        for piece in [1, 2, 19, 4_096, encoded.len()] {
            let (decoded, longest) = gunzip(&encoded, piece, true).await.unwrap();
            assert!(decoded == text, "in pieces of {piece}");
            assert!(longest <= STEP, "{longest} at once");
        }
    }

    #[tokio::test]
    async fn a_step_of_a_bomb_is_small_and_it_can_be_left_at_any_time() {
        let bomb = Bytes::from(gzip(&vec![0; 64 << 20]));
        assert!(bomb.len() < 128 << 10);
        let mut body = Gunzip::new(Box::new(Pieces(vec![bomb].into_iter())), true);
        for _ in 0..10 {
            assert_eq!(body.chunk().await.unwrap().unwrap().len(), STEP);
        }
    }

    #[tokio::test]
    async fn what_exactly_fills_a_step_ends_well() {
        for len in [0, STEP - 1, STEP, STEP + 1, 2 * STEP] {
            let encoded = gzip(&vec![b'x'; len]);
            assert_eq!(gunzip(&encoded, encoded.len(), true).await.unwrap().0.len(), len);
        }
    }

    #[tokio::test]
    async fn what_is_cut_off_says_so_and_may_pass_only_if_the_connection_may_have_broken_off() {
        let encoded = gzip(b"a text that is long enough");
        for end in [0, 1, 9, 15, encoded.len() - 8, encoded.len() - 1] {
            let early = "its gzip data ends too early".to_owned();
            assert_eq!(why(&encoded[..end], true).await, Failure::Malformed(early.clone()), "{end}");
            assert_eq!(why(&encoded[..end], false).await, Failure::BrokenOff(early), "{end}");
        }
    }

    #[tokio::test]
    async fn what_is_corrupt_says_how() {
        let good = gzip(b"a text that is long enough");
        let changed = |at: usize| {
            let mut bad = good.clone();
            bad[at] ^= 0x55;
            bad
        };
        for (bad, says) in [
            (b"<html>".to_vec(), "its gzip data is corrupt: incorrect header check"),
            (changed(good.len() - 8), "its gzip data is corrupt: incorrect data check"),
            (changed(good.len() - 4), "its gzip data is corrupt: incorrect length check"),
            (
                [&good[..], b"behind"].concat(),
                "something stands behind its gzip data that is none: incorrect header check",
            ),
        ] {
            assert_eq!(why(&bad, true).await, Failure::Malformed(says.to_owned()));
        }
    }
}
