//! A panic is a bug of ours: how it crosses threads, and how it is told.

use std::any::Any;

use tokio::task::spawn_blocking;

use crate::model::journal::Journal;
use crate::model::limits::MESSAGE_BYTES;
use crate::model::text::printable;

/// Runs work that blocks on a thread where it may; a panic there is one here.
pub(super) async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match spawn_blocking(work).await {
        Ok(result) => result,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

/// Puts a bug of ours into the log.
pub(super) fn note_panic(journal: &Journal, panic: &(dyn Any + Send)) {
    let text = panic_text(panic);
    journal.error(format!("a bug in minutebook ended the cycle early, please report it: {text}"));
}

/// A panic's message, printable.
pub(super) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text =
        panic.downcast_ref::<&str>().copied().or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    printable(text.unwrap_or("no message"), MESSAGE_BYTES)
}
