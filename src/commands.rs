//! One file a command: it wires up what the library offers, and prints.

mod completion;
mod demo;
mod dry_run;
mod run;

pub(crate) use completion::completion;
pub(crate) use demo::demo;
pub(crate) use run::run;
