//! One file a command: it wires up what the library offers, and prints.

mod catalog;
mod check;
mod compile_filter;
mod completion;
mod demo;
mod dry_run;
mod filter;
mod rbac;
mod run;
mod service;
mod show;
mod table;

pub(crate) use check::check;
pub(crate) use compile_filter::compile_filter;
pub(crate) use completion::completion;
pub(crate) use demo::demo;
pub(crate) use filter::filter;
pub(crate) use rbac::rbac;
pub(crate) use run::run;
pub(crate) use show::show;
