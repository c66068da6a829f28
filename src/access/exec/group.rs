//! A process and all that it starts, which end together.
//!
//! The number of a process group is that of its first process, and can be another's once that has been reaped. So the
//! end is seen through a file descriptor, the group is killed while the first process is a zombie that holds the
//! number, and only then is it reaped.

use std::io;
use std::os::fd::OwnedFd;
use std::process::ExitStatus;

use rustix::process::{Pid, PidfdFlags, Signal, kill_process_group, pidfd_open};
use tokio::io::unix::AsyncFd;
use tokio::process::{Child, ChildStderr, ChildStdout, Command};

/// Killed when it is dropped.
pub(super) struct Group {
    first: First,
    /// Readable when the first process has ended.
    ended: AsyncFd<OwnedFd>,
}

/// The first process.
struct First {
    child: Child,
    /// `None` once it has been reaped.
    pid: Option<Pid>,
}

impl Group {
    /// Starts it. Blocks. The command has pipes for stdout and stderr.
    pub(super) fn spawn(mut command: Command) -> io::Result<Self> {
        let child = command.process_group(0).kill_on_drop(true).spawn()?;
        let pid = child.id().and_then(|pid| Pid::from_raw(pid.cast_signed()));
        let first = First { child, pid };
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
        self.first.kill();
        let status = self.first.child.wait().await?;
        self.first.pid = None;
        Ok(status)
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
    fn kill(&self) {
        if let Some(pid) = self.pid {
            // A group that is gone need not be killed.
            let _ = kill_process_group(pid, Signal::KILL);
        }
    }
}

impl Drop for First {
    fn drop(&mut self) {
        self.kill();
    }
}
