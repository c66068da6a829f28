//! A process and all that it starts, which end together.
//!
//! The number of a process group is that of its first process, and can be another's once that has been reaped. So the
//! end is seen through a file descriptor, the group is killed while the first process is a zombie that holds the
//! number, and only then is it reaped.
//!
//! A terminal's Ctrl-C reaches our own group and not these, and a process that dies by a signal drops nothing. So those
//! that live are known to the whole process, and whoever is about to die ends them first.

use std::collections::HashSet;
use std::io;
use std::os::fd::OwnedFd;
use std::process::ExitStatus;
use std::sync::{Mutex, MutexGuard, PoisonError};

use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use tokio::io::unix::AsyncFd;
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

static LIVE: Mutex<Option<HashSet<Pid>>> = Mutex::new(None);

fn live() -> MutexGuard<'static, Option<HashSet<Pid>>> {
    LIVE.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Kills all groups that there are; for a process that is about to die. It waits for nobody.
pub fn end_all() {
    // None is forgotten: each is reaped by whoever waits for it, if anybody still does.
    live().iter().flatten().for_each(|pid| kill(*pid));
}

fn kill(pid: Pid) {
    // A group that is gone need not be killed.
    let _ = kill_process_group(pid, Signal::KILL);
}

/// Killed when it is dropped.
pub(super) struct Group {
    first: First,
    /// Readable when the first process has ended.
    ended: AsyncFd<OwnedFd>,
}

/// The first process.
struct First {
    child: Child,
    /// `None` once its group has been killed: from then on it may be reaped, and its number another's.
    pid: Option<Pid>,
}

impl Group {
    /// Starts it. Blocks. The command has pipes for stdout and stderr.
    pub(super) fn spawn(mut command: Command) -> io::Result<Self> {
        let child = command.process_group(0).kill_on_drop(true).spawn()?;
        let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        let first = First { child, pid };
        live().get_or_insert_default().extend(pid);
        let pid = pid.ok_or_else(|| io::Error::other("it has no number"))?;
        let ended = watched(pidfd_open(pid, PidfdFlags::empty())?)?;
        Ok(Self { first, ended })
    }

    /// Its stdout and stderr; asked for once.
    pub(super) fn pipes(&mut self) -> io::Result<(ChildStdout, ChildStderr)> {
        let pipes = self.first.child.stdout.take().zip(self.first.child.stderr.take());
        pipes.ok_or_else(|| io::Error::other("it has no pipes"))
    }

    /// Returns when the first process has ended.
    pub(super) async fn ended(&self) -> io::Result<()> {
        self.ended.readable().await.map(drop)
    }

    /// Kills whatever is left of it once the first process has ended, and says how that did.
    pub(super) async fn reap(&mut self) -> io::Result<ExitStatus> {
        self.first.end();
        self.first.child.wait().await
    }
}

#[expect(
    deprecated,
    reason = "it is unsound for types that name another descriptor later; an OwnedFd does not"
)]
fn watched(descriptor: OwnedFd) -> io::Result<AsyncFd<OwnedFd>> {
    AsyncFd::new(descriptor)
}

impl First {
    fn end(&mut self) {
        if let Some(pid) = self.pid.take() {
            kill(pid);
            // While it is known it is not reaped, so that nobody else's group is killed.
            live().get_or_insert_default().remove(&pid);
        }
    }
}

impl Drop for First {
    fn drop(&mut self) {
        self.end();
    }
}
