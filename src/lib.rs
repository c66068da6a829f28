//! minutebook records, every minute, what a Kubernetes API server says is deployed, into
//! read-only archives that an auditor can check years later.
//!
//! # The map
//!
//! Data flows one way; [`cycle`] alone knows the order:
//!
//! ```text
//! schedule -> discover -> select (wasm) -> fetch -> archive -> log -> ledger
//!   Next       Catalog     Selection      Outcome   Written            Manifest
//! ```
//!
//! Imports point down, and a test (`tests/it/layering.rs`) says so:
//!
//! ```text
//! 6  main  cli  exit  signals  notify                 the process's edge; the only place that prints
//!    open_files  telemetry  commands
//! 5  config                                           flags, environment and file, made into what cycles need
//! 4  recorder                                         the loops: each waits for its slots, makes a cycle in each
//! 3  cycle                                            one cycle: collects, and commits whatever happened
//! 2  schedule  discover  select  fetch  archive  log  the stages: siblings that do not know each other
//!    ledger
//!    componentize                                     no stage: makes components, which filters are, of modules
//! 1  access  child  cluster  store  clock             the seams: everything that is outside the process
//! 0  model  built                                     plain values, the sink between fetch and archive, build facts
//! ```
//!
//! Where to read first: [`cycle`] for what happens in a minute and what is true after each step;
//! [`archive`] and [`ledger`] for the formats; [`select`] for what a stranger's filter can and cannot do;
//! [`fetch`] for who waits for whom; `store/staged.rs` for how a file becomes durable before it
//! has a name.
//!
//! # What always holds
//!
//! - A filter has no imports: it reads no clock, file, secret or network. The same catalog, component and
//!   settings give the same selection. What can be made expensive about it, compiling, is done by a child process: this
//!   program again ([`child`]), with limits that the kernel holds.
//! - A filter that has decided stays in force until another one has shown that it can.
//! - Nothing unparsed that a guest or a server says becomes a path or a host: names are parsed into types
//!   ([`model::name`], [`model::target`]) that cannot hold `/`, `..`, NUL or 300 bytes.
//! - Nothing is silently skipped: every resource shown to the filter has a verdict, what was not shown
//!   is counted, and every selected one has an outcome.
//! - Whatever goes wrong in a cycle, a panic of ours included, it ends in an archive and a log, unless
//!   the target's folder cannot be written.
//! - The same inputs, tick and build give the same archive bytes.
//! - A file appears under its name complete, durable and read-only, and none is ever replaced.
//! - Ambient authority over files lives in `main.rs` alone, which hands down the right to open AUDIT_DIR, to replace small
//!   files in the state folder, and to read the files that the configuration names. Below AUDIT_DIR no symbolic link is
//!   followed. The exception is the credential plugin that a kubeconfig names: a program with our rights, in a process
//!   group that ends when nobody waits for it, and before a signal ends this program. (`minutebook filter` also writes what
//!   it is asked for, and runs the tools that compile a filter.) What libraries read of the system by themselves: its root certificates, its
//!   resolver's settings, and the variables that name a proxy.
//! - One process records a target: it holds a lock in the cluster's `.ledger`. The manifests of a target are numbered
//!   from 1 without holes, in the order of their commits, whatever the clock does to their names.
//!
//! Not yet: the transparency log that carries the manifests' digests.

#![cfg_attr(
    test,
    expect(clippy::disallowed_methods, clippy::panic, reason = "tests make files and look at them")
)]

// In suggested reading order.
pub mod built;
pub mod model;

pub mod access;
pub mod child;
pub mod clock;
pub mod cluster;
pub mod store;

pub mod archive;
pub mod componentize;
pub mod discover;
pub mod fetch;
pub mod ledger;
pub mod log;
pub mod schedule;
pub mod select;

pub mod cycle;

pub mod recorder;

pub mod config;

#[cfg(test)]
mod testing;
