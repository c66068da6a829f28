//! The mutator as libFuzzer calls it: in buffers of libFuzzer's, for the targets.

use libfuzzer_sys::fuzzer_mutate;

use crate::mutate;
use crate::seeds::Kind;

/// Changes the file that is the first `size` bytes, to so many bytes at most; gives its new size.
pub fn mutate(kind: Kind, data: &mut [u8], size: usize, max: usize, seed: u32) -> usize {
    let mutated = mutate::mutate(kind, &data[..size], max, seed, |bytes, max| {
        let size = bytes.len();
        bytes.resize(max.max(size), 0);
        let size = fuzzer_mutate(bytes, size, max);
        bytes.truncate(size);
    });
    put(&mutated, &mut data[..max])
}

/// Makes one file of two; gives its size.
pub fn cross(first: &[u8], second: &[u8], out: &mut [u8], seed: u32) -> usize {
    put(&mutate::cross(first, second, seed).unwrap_or_default(), out)
}

/// As much as there is room for.
fn put(bytes: &[u8], out: &mut [u8]) -> usize {
    let size = bytes.len().min(out.len());
    out[..size].copy_from_slice(&bytes[..size]);
    size
}
