//! The archive: one `.tar.gz` of one cycle, and the draft that it is assembled from.
//!
//! # Format
//!
//! A tar archive (POSIX ustar headers with GNU's extension for long names, as GNU tar and
//! Python's `tarfile` read them) in a single gzip member (RFC 1952). One entry a resource, sorted
//! by name: `configmaps.json`, mode 0444, user and group 0, modified when the cycle began. The
//! gzip header has no time and no name, so the same lists and the same instant give the same
//! bytes. An archive without entries is the tar end mark alone.
//!
//! The deflate stream (RFC 1951) is a sequence of pieces, each compressed by itself and ended by
//! a full flush, which aligns it to a byte and lets nothing refer back beyond it. So pieces are made when
//! their bytes arrive, in any order and place, and the archive is assembled by copying them; its
//! CRC-32 is combined from theirs. Every reader of gzip reads this, streaming ones too, which
//! is not true of gzip files with several members.

mod assemble;
mod draft;
mod piece;

pub use assemble::{Written, write};
pub use draft::{Draft, Files};
