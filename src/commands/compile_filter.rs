//! What this program does as a child of itself: compiles a filter, or loads its code, within limits, and nothing else.
//!
//! Nobody types this, so it is no subcommand: it has no help and reads no configuration.

use std::io::{self, Write as _};
use std::process::ExitCode;

use cap_std::AmbientAuthority;
use cap_std::fs::{Dir, OpenOptions};
use minutebook::child::{REFUSED, limit_this_process, receive, room, send};
use minutebook::select::{COMPILE, Error, LOAD, compile, load};

/// Does what this process was started for, if it is such a child.
pub(crate) fn compile_filter(authority: AmbientAuthority) -> Option<ExitCode> {
    // What is no Unicode is somebody else's argument.
    let mut arguments = std::env::args_os().map(|argument| argument.into_string().unwrap_or_default());
    let work = match arguments.nth(1)?.as_str() {
        COMPILE => |component: Vec<u8>| compile(&component),
        LOAD => |code| load(code).map(|()| Vec::new()),
        _ => return None,
    };
    let arguments: Vec<String> = arguments.collect();
    let done = limit_this_process(&arguments, room(authority)).and_then(|()| {
        go_first(authority);
        act(work)
    });
    Some(done.unwrap_or_else(|error| {
        // Whoever waits shows it; if nobody does, nobody is told.
        let _ = writeln!(io::stderr(), "{error}");
        ExitCode::FAILURE
    }))
}

/// Asks a system that runs out of memory to take this process before all others (proc(5), `oom_score_adj`).
fn go_first(authority: AmbientAuthority) {
    // Where there is no such file, the system decides.
    let _ = Dir::open_ambient_dir("/proc/self", authority).and_then(|own| {
        own.open_with("oom_score_adj", OpenOptions::new().write(true))
            .and_then(|mut file| file.write_all(b"1000"))
    });
}

fn act(work: fn(Vec<u8>) -> Result<Vec<u8>, Error>) -> io::Result<ExitCode> {
    let input = receive(io::stdin().lock())?;
    let out = io::stdout().lock();
    match work(input) {
        Ok(result) => send(out, &result).map(|()| ExitCode::SUCCESS),
        Err(Error::Malformed(words)) => send(out, words.as_bytes()).map(|()| ExitCode::from(REFUSED)),
        Err(error) => Err(io::Error::other(error)),
    }
}
