//! What this program does as a child of itself: compiles a filter, within limits, and nothing else.
//!
//! Nobody types this, so it is no subcommand: it has no help and reads no configuration.

use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;

use cap_std::AmbientAuthority;
use cap_std::fs::{Dir, OpenOptions};
use minutebook::child::{REFUSED, answer, limit_this_process};
use minutebook::model::limits::FILTER_BYTES;
use minutebook::select::{COMPILE, Error, compile};

/// Compiles what stdin holds, if that is what this process was started for.
pub(crate) fn compile_filter(authority: AmbientAuthority) -> Option<ExitCode> {
    let mut arguments = std::env::args();
    if arguments.nth(1).as_deref() != Some(COMPILE) {
        return None;
    }
    let arguments: Vec<String> = arguments.collect();
    let done = limit_this_process(&arguments).and_then(|()| {
        go_first(authority);
        work()
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

fn work() -> io::Result<ExitCode> {
    let mut component = Vec::new();
    io::stdin().take(FILTER_BYTES as u64).read_to_end(&mut component)?;
    let out = io::stdout().lock();
    match compile(&component) {
        Ok(code) => {
            answer(out, &code)?;
            Ok(ExitCode::SUCCESS)
        }
        Err(Error::Malformed(words)) => {
            answer(out, words.as_bytes())?;
            Ok(ExitCode::from(REFUSED))
        }
        Err(error) => Err(io::Error::other(error)),
    }
}
