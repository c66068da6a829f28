//! What a `no_std` program must bring along on WebAssembly: an allocator and a panic handler.
//!
//! An instance lives for one selection, so the allocator never frees: that makes a selection a
//! third quicker than one that keeps books.
//!
//! There is nowhere to send a panic's message to, so the handler drops it and traps. minutebook
//! reports the trap as a failure of the filter.

use lol_alloc::{AssumeSingleThreaded, LeakingAllocator};

#[global_allocator]
static ALLOCATOR: AssumeSingleThreaded<LeakingAllocator> =
    // SAFETY: a component has no threads.
    unsafe { AssumeSingleThreaded::new(LeakingAllocator::new()) };

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
