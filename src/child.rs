//! This program, run again as a child: for work on a stranger's bytes that must cost this process neither its memory
//! nor its minute.
//!
//! Both ends of what the two say to each other are here. The child is called with its work's name, then the bytes of
//! memory and the seconds of processor time that it may have, and limits itself to them before it reads anything. Its
//! input is on stdin; its result goes to stdout, with exit code 0, or with [`REFUSED`] the words in which it refuses;
//! before each stands its length, so that room is made once. It has an empty environment but for how its memory is
//! kept, and a process group of its own, and ends with whoever waits for it.

mod room;

use std::io::{self, Read, Write};
use std::num::ParseIntError;
use std::os::unix::process::{CommandExt as _, ExitStatusExt as _};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use rustix::process::{
    Resource, Rlimit, Signal, getrlimit, nice, set_parent_process_death_signal, setrlimit,
};

pub use room::room;

use crate::model::limits::MESSAGE_BYTES;
use crate::model::text::printable;

/// The exit code of a child that refuses its input.
pub const REFUSED: u8 = 3;
/// Bytes kept of stderr: its beginning, where an allocator or a panic says what happened.
const STDERR_BYTES: u64 = 4 << 10;
/// How a child begins that has less memory than it may have, by the bytes that it has.
const ROOM: &str = "room: ";
/// How the standard library begins when an allocation fails, before it ends the process.
const OUT_OF_MEMORY: &str = "memory allocation of ";
/// How it ends the sentence that a stack was not enough.
const OUT_OF_STACK: &str = "has overflowed its stack";
/// How much less important the child is than whatever else the machine does.
const NICENESS: i32 = 10;
/// What the allocator keeps for later would count as memory that the child has.
const ENVIRONMENT: [(&str, &str); 1] = [("_RJEM_MALLOC_CONF", "retain:false,dirty_decay_ms:0")];

/// What a child may use up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bounds {
    /// Bytes that it may allocate (RLIMIT_DATA).
    pub memory: u64,
    /// Processor time, in whole seconds (RLIMIT_CPU).
    pub processor: Duration,
    /// From its start to its end.
    pub time: Duration,
    /// Bytes of its result.
    pub result: usize,
}

/// The work of a child: which program does it, under which name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Work {
    program: PathBuf,
    name: &'static str,
}

/// How a child ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// With a result.
    Done(Vec<u8>),
    /// It refused its input, in these words.
    Refused(String),
    /// It wanted more memory than it may have.
    Memory,
    /// It wanted more memory than these bytes, which are all that its control groups, or a limit that it was started
    /// with, leave.
    Room(u64),
    /// Its calls are nested deeper than its stack.
    Stack,
    /// It wanted more of the processor than this, which is what it may have, or less if this process has a lower limit.
    Processor(Duration),
    /// Its result is larger than it may be.
    Result,
    /// Otherwise, in words.
    Otherwise(String),
}

impl Work {
    /// The work that `program` does when it is called with `name`.
    #[must_use]
    pub fn new(program: &Path, name: &'static str) -> Self {
        Self { program: program.to_owned(), name }
    }

    /// Has a child do the work. Blocks until it has ended.
    ///
    /// # Errors
    /// The child could not be started or listened to.
    pub fn run(&self, input: &[u8], bounds: &Bounds) -> io::Result<End> {
        let processor = processor(bounds.processor, getrlimit(Resource::Cpu).maximum);
        let mut child = Command::new(&self.program)
            // What lists of processes show.
            .arg0("minutebook")
            .arg(self.name)
            .arg(bounds.memory.to_string())
            .arg(processor.as_secs().to_string())
            .env_clear()
            .envs(ENVIRONMENT)
            .current_dir("/")
            // A signal from a terminal is for whoever waits for it.
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
        let (ended, has_ended) = mpsc::channel();
        thread::scope(|scope| {
            // A child that does not read its input to the end says why by how it ends.
            let feeder = thread::Builder::new();
            let feeding = feeder.spawn_scoped(scope, move || stdin.map(|pipe| send(pipe, input)));
            let listener = thread::Builder::new();
            let said = listener.spawn_scoped(scope, move || read(stderr, STDERR_BYTES));
            let reader = thread::Builder::new();
            let most = bounds.result;
            let reading = reader.spawn_scoped(scope, move || {
                let result = stdout.map_or(Ok(Answer::None), |pipe| Answer::read(pipe, most));
                // Who waits for this has gone only if it has killed the child.
                let _ = ended.send(());
                result
            });
            let (Ok(_), Ok(said), Ok(reading)) = (feeding, said, reading) else {
                child.kill()?;
                child.wait()?;
                return Err(io::Error::other("no thread could be made to talk to a child process"));
            };
            let late = has_ended.recv_timeout(bounds.time) == Err(RecvTimeoutError::Timeout);
            if late {
                child.kill()?;
            }
            // The pipes end here at the latest.
            let answer = reading.join().map_err(|_| io::ErrorKind::Other)??;
            if let Answer::TooLong = answer {
                child.kill()?;
            }
            let status = child.wait()?;
            let said = said.join().map_err(|_| io::ErrorKind::Other)??;
            Ok(if late {
                End::Otherwise(format!("it had not ended after {}", humantime::format_duration(bounds.time)))
            } else {
                end(status, answer, &String::from_utf8_lossy(&said), processor)
            })
        })
    }
}

fn read(pipe: Option<impl Read>, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        pipe.take(most).read_to_end(&mut bytes)?;
    }
    Ok(bytes)
}

/// What a child printed.
enum Answer {
    /// A result, or the words of a refusal.
    Whole(Vec<u8>),
    /// Neither: it ended before.
    None,
    /// Longer than it may be.
    TooLong,
}

impl Answer {
    fn read(mut pipe: impl Read, most: usize) -> io::Result<Self> {
        let length = match length(&mut pipe) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(Self::None),
            length => length?,
        };
        let Some(length) = usize::try_from(length).ok().filter(|length| *length <= most) else {
            return Ok(Self::TooLong);
        };
        let mut bytes = Vec::with_capacity(length);
        pipe.take(length as u64).read_to_end(&mut bytes)?;
        Ok(if bytes.len() == length { Self::Whole(bytes) } else { Self::None })
    }
}

/// Either end: passes bytes on, an input, a result or the words of a refusal.
///
/// # Errors
/// Nobody reads it.
pub fn send(mut pipe: impl Write, bytes: &[u8]) -> io::Result<()> {
    pipe.write_all(&(bytes.len() as u64).to_le_bytes())?;
    pipe.write_all(bytes)
}

/// What stands before all that is sent: how many bytes it has.
fn length(pipe: &mut impl Read) -> io::Result<u64> {
    let mut bytes = [0; 8];
    pipe.read_exact(&mut bytes)?;
    Ok(u64::from_le_bytes(bytes))
}

/// The child's end: its input.
///
/// # Errors
/// It is not whole, or more than there is memory for.
pub fn receive(mut pipe: impl Read) -> io::Result<Vec<u8>> {
    let length = length(&mut pipe)?;
    let mut bytes = Vec::new();
    let room = usize::try_from(length).ok().and_then(|length| bytes.try_reserve_exact(length).ok());
    room.ok_or_else(|| io::Error::other(format!("{OUT_OF_MEMORY}{length} bytes failed")))?;
    pipe.take(length).read_to_end(&mut bytes)?;
    if (bytes.len() as u64) < length { Err(io::ErrorKind::UnexpectedEof.into()) } else { Ok(bytes) }
}

/// What a child gets that may have so much of the processor, if its own limit cannot be higher than `inherited`, in
/// seconds: one less, for it to be told that it has ended before it is killed.
fn processor(may_have: Duration, inherited: Option<u64>) -> Duration {
    let inherited = inherited.map_or(Duration::MAX, |end| Duration::from_secs(end.saturating_sub(1)));
    may_have.min(inherited)
}

/// How a child ended that got so much of the processor, by its status, what it printed and what it said.
fn end(status: ExitStatus, answer: Answer, said: &str, processor: Duration) -> End {
    let refused = i32::from(REFUSED);
    match (status.code(), status.signal().and_then(Signal::from_named_raw), answer) {
        (_, _, Answer::TooLong) => End::Result,
        (Some(0), _, Answer::Whole(result)) => End::Done(result),
        (Some(code), _, Answer::Whole(result)) if code == refused => {
            End::Refused(words(&String::from_utf8_lossy(&result)))
        }
        (_, Some(Signal::XCPU), _) => End::Processor(processor),
        (_, Some(Signal::KILL), _) => {
            End::Otherwise("it was killed, as is done by a system that runs out of memory".to_owned())
        }
        _ if said.contains(OUT_OF_MEMORY) => said_room(said).map_or(End::Memory, End::Room),
        _ if said.contains(OUT_OF_STACK) => End::Stack,
        _ if said.trim().is_empty() => End::Otherwise(status.to_string()),
        _ => End::Otherwise(format!("{status}: {}", words(said))),
    }
}

fn said_room(said: &str) -> Option<u64> {
    said.strip_prefix(ROOM)?.lines().next()?.parse().ok()
}

fn words(text: &str) -> String {
    printable(text.trim(), MESSAGE_BYTES)
}

/// The child's end: takes the arguments after its work's name, and limits this process to them, and to the bytes of
/// memory that there is [`room()`] for. A lower limit on memory that it was started with stays.
///
/// # Errors
/// It was not called as [`Work::run`] does, or the system sets no such limits.
pub fn limit_this_process(arguments: &[String], room: Option<u64>) -> io::Result<()> {
    let invalid = |_: ParseIntError| io::Error::from(io::ErrorKind::InvalidInput);
    let [memory, processor] = arguments else { return Err(io::ErrorKind::InvalidInput.into()) };
    let mut memory: u64 = memory.parse().map_err(invalid)?;
    let processor: u64 = processor.parse().map_err(invalid)?;
    let left = room.into_iter().chain(getrlimit(Resource::Data).maximum).min();
    if let Some(left) = left.filter(|left| *left < memory) {
        memory = left;
        writeln!(io::stderr(), "{ROOM}{left}")?;
    }
    // The soft one ends it by a signal of its own, the hard one without mercy.
    let limit = |soft: u64, hard: u64| Rlimit { current: Some(soft), maximum: Some(hard) };
    setrlimit(Resource::Data, limit(memory, memory))?;
    setrlimit(Resource::Cpu, limit(processor, processor + 1))?;
    setrlimit(Resource::Core, limit(0, 0))?;
    set_parent_process_death_signal(Some(Signal::KILL))?;
    // Where that is not allowed it is as important as all else.
    let _ = nice(NICENESS);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLENTY: Bounds = Bounds {
        memory: 1 << 30,
        processor: Duration::from_secs(60),
        time: Duration::from_secs(60),
        result: 1 << 20,
    };

    /// A shell in the child's place: the work's name is a file with its code.
    fn shell(code: &str, input: &[u8], bounds: &Bounds) -> End {
        let mut script = tempfile::NamedTempFile::new().unwrap();
        script.write_all(code.as_bytes()).unwrap();
        let name = script.path().to_str().unwrap().to_owned();
        Work::new(Path::new("/bin/sh"), name.leak()).run(input, bounds).unwrap()
    }

    #[test]
    fn a_child_is_told_its_limits_and_given_its_input_and_nothing_else() {
        let asked = r#"printf '\033\0\0\0\0\0\0\0%s|%s|%s|' "$*" "$(pwd)" "$HOME$LANG$MINUTEBOOK_HOST"; cat"#;
        let done = End::Done(b"1073741824 60|/||\x02\0\0\0\0\0\0\0in".to_vec());
        assert_eq!(shell(asked, b"in", &PLENTY), done);
    }

    #[test]
    fn what_is_received_is_what_was_sent_and_whole() {
        let mut sent = Vec::new();
        send(&mut sent, b"in").unwrap();
        assert_eq!(receive(&sent[..]).unwrap(), b"in");
        for cut in 0..sent.len() {
            assert_eq!(receive(&sent[..cut]).unwrap_err().kind(), io::ErrorKind::UnexpectedEof, "{cut}");
        }
        let too_long = receive(&u64::MAX.to_le_bytes()[..]).unwrap_err().to_string();
        assert_eq!(too_long, format!("{OUT_OF_MEMORY}{} bytes failed", u64::MAX));
    }

    #[test]
    fn each_way_to_end_is_told_from_the_others() {
        let input = vec![b'x'; 1 << 20];
        for (code, end) in [
            (r"cat >/dev/null; printf '\6\0\0\0\0\0\0\0not\nso'; exit 3", End::Refused("not so".to_owned())),
            (r"printf '\0\0\0\0\0\0\0\0'", End::Done(Vec::new())),
            // Less than it says, and nothing at all.
            (r"printf '\6\0\0\0\0\0\0\0x'", End::Otherwise("exit status: 0".to_owned())),
            ("exit 3", End::Otherwise("exit status: 3".to_owned())),
            ("kill -XCPU $$", End::Processor(PLENTY.processor)),
            (
                "kill -KILL $$",
                End::Otherwise("it was killed, as is done by a system that runs out of memory".to_owned()),
            ),
            ("echo 'memory allocation of 7 bytes failed' >&2; kill -ABRT $$", End::Memory),
            ("echo 'room: 4096\nmemory allocation of 7 bytes failed' >&2; exit 134", End::Room(4096)),
            (
                "echo 'room: 4096\nboo' >&2; exit 7",
                End::Otherwise("exit status: 7: room: 4096 boo".to_owned()),
            ),
            ("echo \"thread 'main' has overflowed its stack\" >&2; kill -ABRT $$", End::Stack),
            ("echo ' boo ' >&2; exit 101", End::Otherwise("exit status: 101: boo".to_owned())),
            ("exit 7", End::Otherwise("exit status: 7".to_owned())),
            ("exec yes", End::Result),
        ] {
            assert_eq!(shell(code, &input, &PLENTY), end, "{code}");
        }
    }

    #[test]
    fn of_the_processor_a_child_gets_less_than_what_it_is_killed_for() {
        let seconds = Duration::from_secs;
        for (inherited, gets) in [(None, 60), (Some(62), 60), (Some(61), 60), (Some(60), 59), (Some(0), 0)] {
            assert_eq!(processor(seconds(60), inherited), seconds(gets), "{inherited:?}");
        }
    }

    #[test]
    fn of_what_it_says_the_beginning_is_read() {
        // Whoever writes more than is read, and more than a pipe holds, is ended by a signal.
        let babbling = "head -c 1000000 /dev/zero | tr '\\0' x >&2 && exit 7; exit 8";
        let End::Otherwise(words) = shell(babbling, b"", &PLENTY) else { panic!("it fails") };
        assert!(words.starts_with("exit status: 8: xxxxx") && words.len() < 600, "{words}");
    }

    #[test]
    fn a_child_that_does_not_end_is_killed_when_its_time_is_over() {
        let soon = Bounds { time: Duration::from_millis(100), ..PLENTY };
        let late = End::Otherwise("it had not ended after 100ms".to_owned());
        assert_eq!(shell("exec sleep 1000", b"", &soon), late);
        assert_eq!(shell("exec sleep 1000", &vec![0; 1 << 20], &soon), late);
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error() {
        let work = Work::new(Path::new("/no/such/program"), "name");
        assert_eq!(work.run(b"", &PLENTY).unwrap_err().kind(), io::ErrorKind::NotFound);
    }

    #[test]
    fn arguments_of_another_kind_are_refused_before_any_limit_is_set() {
        for arguments in [&[][..], &["1".to_owned()], &["1".to_owned(), "x".to_owned()]] {
            assert!(limit_this_process(arguments, None).is_err());
        }
    }
}
