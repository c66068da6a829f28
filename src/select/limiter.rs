//! What a guest may make the host allocate for it.
//!
//! wasmtime's own limiter bounds each memory for itself, and a component may have many of them. This
//! one counts them together, and refuses with an error of its own, so that "too much memory" does
//! not reach people as the `unreachable` into which a guest's allocator turns it.

use thiserror::Error;
use wasmtime::ResourceLimiter;

use super::bounds::{INSTANCES, MEMORIES, TABLE_ELEMENTS, TABLES};

/// What the limiter refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub(super) enum Exceeded {
    #[error("more memory than allowed")]
    Memory,
    #[error("more table elements than allowed")]
    Tables,
}

/// Counts what one store has allocated.
pub(super) struct Limiter {
    max_memory: usize,
    memory: usize,
    table_elements: usize,
}

impl Limiter {
    pub(super) fn new(max_memory: u64) -> Self {
        let max_memory = usize::try_from(max_memory).unwrap_or(usize::MAX);
        Self { max_memory, memory: 0, table_elements: 0 }
    }

    /// Bytes of all memories.
    pub(super) fn memory(&self) -> usize {
        self.memory
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        grow(&mut self.memory, self.max_memory, [current, desired], maximum, Exceeded::Memory)
    }

    fn table_growing(
        &mut self,
        current: usize,
        desired: usize,
        maximum: Option<usize>,
    ) -> wasmtime::Result<bool> {
        grow(&mut self.table_elements, TABLE_ELEMENTS, [current, desired], maximum, Exceeded::Tables)
    }

    fn instances(&self) -> usize {
        INSTANCES
    }

    fn tables(&self) -> usize {
        TABLES
    }

    fn memories(&self) -> usize {
        MEMORIES
    }
}

/// Adds the growth of one part to what all parts have. A guest that exceeds a maximum that it set
/// itself is told so; one that exceeds ours is stopped.
fn grow(
    total: &mut usize,
    limit: usize,
    [current, desired]: [usize; 2],
    own_maximum: Option<usize>,
    exceeded: Exceeded,
) -> wasmtime::Result<bool> {
    if own_maximum.is_some_and(|maximum| desired > maximum) {
        return Ok(false);
    }
    let wanted = total.saturating_add(desired.saturating_sub(current));
    if wanted > limit {
        return Err(exceeded.into());
    }
    *total = wanted;
    Ok(true)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_are_counted_together() {
        let mut limiter = Limiter::new(100);
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(limiter.memory_growing(0, 30, None).unwrap());
        assert!(limiter.memory_growing(30, 40, None).unwrap());
        let error = limiter.memory_growing(40, 41, None).unwrap_err();
        assert_eq!(error.downcast_ref(), Some(&Exceeded::Memory));
    }

    #[test]
    fn a_guest_may_fail_at_its_own_maximum_and_go_on() {
        let mut limiter = Limiter::new(100);
        assert!(!limiter.memory_growing(0, 1000, Some(50)).unwrap());
        assert!(limiter.memory_growing(0, 100, Some(100)).unwrap());
        assert!(limiter.table_growing(0, TABLE_ELEMENTS, None).unwrap());
        assert!(limiter.table_growing(0, 1, None).is_err());
    }
}
