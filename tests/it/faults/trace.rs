//! Runs the program under strace, and reads what strace saw.

use std::fs;
use std::path::Path;
use std::process::Command;

use super::skip;
use crate::support::binary::{Ended, Minutebook};
use crate::support::scene::Scene;

/// Where strace writes, in the scene's folder.
const FILE: &str = "trace.txt";

/// A system call.
#[derive(Clone, Debug)]
pub(super) struct Call {
    pub(super) thread: u32,
    pub(super) name: String,
    /// The arguments, with the paths of descriptors.
    pub(super) arguments: String,
    /// What it returned, once more with paths, if it did.
    pub(super) result: String,
}

impl Call {
    /// Whether it was never made, but failed by strace or the last of its process.
    pub(super) fn was_hit(&self) -> bool {
        self.result.ends_with("(INJECTED)") || self.result.is_empty() || self.result == "?"
    }

    /// The file or folder that it is about, as strace's `-P` takes it.
    pub(super) fn path(&self) -> Option<String> {
        let parts: Vec<_> = self.arguments.split("</").collect();
        let of_descriptor = parts.windows(2).find(|pair| !pair[0].ends_with("AT_FDCWD"));
        match of_descriptor.and_then(|pair| pair[1].split_once('>')) {
            Some((path, _)) => Some(format!("/{path}")),
            None => self.quoted().filter(|name| name.starts_with('/')).map(str::to_owned),
        }
    }

    /// The last of its arguments that is a text.
    pub(super) fn quoted(&self) -> Option<&str> {
        self.arguments.rsplit('"').nth(1)
    }
}

/// Whether there is strace and it may trace; else a line says that there is not.
pub(super) fn can_trace(test: &str) -> bool {
    let tried = Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).output();
    let can = tried.as_ref().is_ok_and(|output| output.status.success());
    let in_ci = std::env::var_os("CI").is_some();
    assert!(can || !in_ci, "with CI set the fault runs need strace: {tried:?}");
    if !can {
        skip(test, "there is no strace, or it may not trace");
    }
    can
}

/// One cycle under strace with these arguments, and the calls that it was to look at.
pub(super) fn once<A: AsRef<str>>(scene: &Scene, arguments: &[A]) -> (Ended, Vec<Call>) {
    let arguments: Vec<_> = arguments.iter().map(|argument| format!("'{}'", argument.as_ref())).collect();
    let arguments = arguments.join(" ");
    // Quicker, and with fewer threads in each other's way; but it loses some signals.
    let quick = if arguments.contains("signal=") { "" } else { "--seccomp-bpf" };
    let line = format!("exec strace -f -qq -y -s 64 {quick} -o {FILE} {arguments} -- \"$@\"");
    let shell = Minutebook::through_shell(&line, scene.folder()).args(scene.run_arguments());
    // strace counts the calls of each thread: with one for all that blocks, of all threads.
    let shell = shell.env("TEST_BLOCKING_THREADS", "1");
    let ended = shell.args(["--once", "--interval", "3s"]).run();
    let calls = read(&scene.path(FILE));
    (ended, calls)
}

fn read(path: &Path) -> Vec<Call> {
    let text = fs::read(path).expect("strace wrote what it saw");
    let mut calls: Vec<Call> = Vec::new();
    for line in String::from_utf8_lossy(&text).lines() {
        let (thread, event) = line.split_once(' ').expect("a line begins with a thread");
        let (thread, event) = (thread.parse().expect("threads are numbers"), event.trim_start());
        if let Some((_, rest)) = event.strip_prefix("<... ").and_then(|event| event.split_once(" resumed>")) {
            let mut of_thread = calls.iter_mut().rev().filter(|call| call.thread == thread);
            let call = of_thread.next().expect("what is resumed was begun");
            call.result = result(rest).to_owned();
        } else if !event.starts_with("+++") && !event.starts_with("---") {
            let (name, rest) = event.split_once('(').expect("a call has arguments");
            let end = rest.find(" <unfinished ...>").or_else(|| rest.rfind(") ")).unwrap_or(rest.len());
            let (name, arguments) = (name.to_owned(), rest[..end].to_owned());
            calls.push(Call { thread, name, arguments, result: result(&rest[end..]).to_owned() });
        }
    }
    calls
}

fn result(rest: &str) -> &str {
    rest.rsplit_once(" = ").map_or("", |(_, result)| result)
}

#[test]
fn a_call_knows_what_it_is_about() {
    let call = |arguments: &str| Call {
        thread: 1,
        name: String::new(),
        arguments: arguments.to_owned(),
        result: String::new(),
    };
    let link = call(r#"AT_FDCWD</tmp>, "/proc/self/fd/17", 12</audit/n>, "x.audit.log", AT_SYMLINK_FOLLOW"#);
    assert_eq!((link.path(), link.quoted()), (Some("/audit/n".to_owned()), Some("x.audit.log")));
    let write = call(r#"17</audit/n/#6>(deleted), "\3\0", 2"#);
    assert_eq!(write.path(), Some("/audit/n/#6".to_owned()));
    let open = call(r#"AT_FDCWD</tmp>, "/audit", O_RDONLY"#);
    assert_eq!(open.path(), Some("/audit".to_owned()));
    assert_eq!(call("AT_FDCWD</tmp>, \"x\"").path(), None);
}
