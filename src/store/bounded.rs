//! Reading a file that may be anything: a pipe, a folder, or larger than memory.

use std::fs::File;
use std::io::{self, Read as _};

/// The first `max` bytes of an ordinary file, or all if it has fewer.
///
/// # Errors
/// It is no ordinary file, or what the system said. Whoever opens it does so with O_NONBLOCK: opening a named pipe
/// would wait for a writer.
pub(super) fn read_start(file: File, max: usize) -> io::Result<Vec<u8>> {
    let found = file.metadata()?;
    if !found.is_file() {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "not a regular file"));
    }
    // Room for all of it at once, and not twice while it grows; one more byte, to see its end.
    let mut bytes = Vec::with_capacity(
        usize::try_from(found.len()).map_or(max, |bytes| bytes.saturating_add(1).min(max)),
    );
    file.take(max as u64).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// All of an ordinary file.
///
/// # Errors
/// As [`read_start`], and that it has more than `max` bytes.
pub(super) fn read_whole(file: File, max: usize) -> io::Result<Vec<u8>> {
    within(read_start(file, max + 1)?, max)
}

/// The bytes, if there are not more.
///
/// # Errors
/// There are more.
pub(super) fn within(bytes: Vec<u8>, max: usize) -> io::Result<Vec<u8>> {
    if bytes.len() > max {
        return Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("larger than {max} bytes")));
    }
    Ok(bytes)
}
