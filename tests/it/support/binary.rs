//! Runs the built binary as a user would, in an environment that holds nothing of the
//! machine's: no `MINUTEBOOK_` variables, no proxies, a home of its own. Whatever it says is
//! captured, and it is killed when it outlasts its time.

use std::ffi::{OsStr, OsString};
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

/// How often a condition outside this process is looked at.
const LOOK: Duration = Duration::from_millis(5);

/// The program, about to be run.
pub(crate) struct Minutebook {
    command: Command,
}

/// The program, running; killed when dropped.
pub(crate) struct Running {
    child: Child,
    stdout: Listener,
    stderr: Listener,
}

/// What a pipe has said so far.
#[derive(Clone, Default)]
pub(crate) struct Heard {
    bytes: Arc<Mutex<Vec<u8>>>,
}

/// Reads a pipe as it speaks, so that the program is never held up by a full one.
struct Listener {
    heard: Heard,
    thread: Option<JoinHandle<()>>,
}

/// How it ended, and what it had said.
#[derive(Debug)]
pub(crate) struct Ended {
    status: ExitStatus,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Minutebook {
    /// The program in a folder that is its working directory and its home.
    pub(crate) fn new(folder: &Path) -> Minutebook {
        Minutebook::by(&program(), folder)
    }

    /// The program, started by a line of shell in which `"$@"` stands for it and its arguments.
    pub(crate) fn through_shell(line: &str, folder: &Path) -> Minutebook {
        let shell = Minutebook::by(OsStr::new("sh"), folder);
        shell.args(["-c", line, "sh"]).args([program()])
    }

    fn by(program: &OsStr, folder: &Path) -> Minutebook {
        let mut command = Command::new(program);
        command.env_clear().env("HOME", folder).env("PATH", path()).current_dir(folder);
        // One for all tests: a filter is compiled once.
        command.env("XDG_CACHE_HOME", concat!(env!("CARGO_TARGET_TMPDIR"), "/cache"));
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Minutebook { command }
    }

    /// With these arguments, after those it has.
    pub(crate) fn args<A: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = A>) -> Minutebook {
        self.command.args(args);
        self
    }

    /// With this variable in its environment.
    pub(crate) fn env(mut self, name: &str, value: impl AsRef<OsStr>) -> Minutebook {
        self.command.env(name, value);
        self
    }

    /// Runs it to its end, which must come within half a minute.
    pub(crate) fn run(self) -> Ended {
        self.start().wait(Duration::from_secs(30))
    }

    /// Starts it.
    pub(crate) fn start(mut self) -> Running {
        let mut child = self.command.spawn().expect("the program can be started");
        let stdout = Listener::new(child.stdout.take().expect("stdout is a pipe"));
        let stderr = Listener::new(child.stderr.take().expect("stderr is a pipe"));
        Running { child, stdout, stderr }
    }
}

impl Running {
    /// Sends it a signal.
    pub(crate) fn signal(&self, signal: Signal) {
        let pid = Pid::from_child(&self.child);
        kill_process(pid, signal).expect("a child can be sent a signal");
    }

    /// Its process number.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it says on stderr, while it says it.
    pub(crate) fn stderr(&self) -> Heard {
        self.stderr.heard.clone()
    }

    /// Waits until something outside comes true; the program must not end before, and the
    /// wait is over after half a minute.
    pub(crate) fn until(&mut self, what: &str, true_now: impl FnMut() -> bool) {
        self.until_within(Duration::from_secs(30), LOOK, what, true_now);
    }

    /// The same within another time, looking so often.
    pub(crate) fn until_within(
        &mut self,
        limit: Duration,
        look: Duration,
        what: &str,
        mut true_now: impl FnMut() -> bool,
    ) {
        let end = Instant::now() + limit;
        while !true_now() {
            let status = self.child.try_wait().expect("a child can be looked at");
            if status.is_some() || Instant::now() >= end {
                self.kill();
                let stderr = self.stderr.all();
                panic!("waited in vain: {what}; ended: {status:?}; stderr:\n{stderr}");
            }
            thread::sleep(look);
        }
    }

    /// The most memory that it had at any time so far, in bytes.
    pub(crate) fn peak_memory(&self) -> u64 {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.expect("a process has a status");
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).expect("Linux tells the peak");
        let kilobytes: u64 = peak.trim().trim_end_matches(" kB").parse().expect("it is a number");
        kilobytes << 10
    }

    /// Waits for its end, which must come within `limit`.
    pub(crate) fn wait(mut self, limit: Duration) -> Ended {
        let end = Instant::now() + limit;
        let status = loop {
            if let Some(status) = self.child.try_wait().expect("a child can be waited for") {
                break status;
            }
            if Instant::now() >= end {
                self.kill();
                let stderr = self.stderr.all();
                panic!("the program was still running after {limit:?}; stderr:\n{stderr}");
            }
            thread::sleep(LOOK);
        };
        let (stdout, stderr) = (self.stdout.all(), self.stderr.all());
        Ended { status, stdout, stderr }
    }

    fn kill(&mut self) {
        // It may have ended by itself in the meantime.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.kill();
    }
}

impl Ended {
    /// The exit code; a program ended by a signal has none, which is a failure here.
    pub(crate) fn code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| panic!("ended by a signal: {self:#?}"))
    }

    /// The signal that ended it, if one did.
    pub(crate) fn signal(&self) -> Option<i32> {
        self.status.signal()
    }

    /// Asserts the exit code, and shows everything when it is another.
    pub(crate) fn expect_code(self, code: i32) -> Ended {
        assert_eq!(self.code(), code, "the exit code; {self:#?}");
        self
    }
}

fn path() -> OsString {
    std::env::var_os("PATH").unwrap_or_default()
}

/// The program under test: the one that was built with the tests, unless another is named.
fn program() -> OsString {
    match std::env::var_os("MINUTEBOOK_TEST_BINARY") {
        // It is started in other folders.
        Some(named) => std::path::absolute(named).expect("it names a file").into(),
        None => env!("CARGO_BIN_EXE_minutebook").into(),
    }
}

impl Heard {
    /// All of it, so far.
    pub(crate) fn text(&self) -> String {
        String::from_utf8(self.bytes().clone()).expect("the program speaks UTF-8")
    }

    fn bytes(&self) -> MutexGuard<'_, Vec<u8>> {
        self.bytes.lock().expect("nothing panics while it holds what was heard")
    }
}

impl Listener {
    fn new(mut pipe: impl Read + Send + 'static) -> Listener {
        let heard = Heard::default();
        let ear = heard.clone();
        let thread = thread::spawn(move || {
            let mut piece = [0; 4096];
            loop {
                match pipe.read(&mut piece).expect("a pipe can be read") {
                    0 => break,
                    count => ear.bytes().extend_from_slice(&piece[..count]),
                }
            }
        });
        Listener { heard, thread: Some(thread) }
    }

    /// Everything, once the program has ended.
    fn all(&mut self) -> String {
        if let Some(thread) = self.thread.take() {
            thread.join().expect("a pipe can be read to its end");
        }
        self.heard.text()
    }
}
