//! What a `no_std` program must bring along on WebAssembly: an allocator and a panic handler.
//!
//! There is nowhere to send a panic's message to, so the handler drops it and traps. minutebook
//! reports the trap as a failure of the filter.

#[global_allocator]
static ALLOCATOR: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
