//! Every system call that makes the record, failed once with an I/O error, once with a full
//! disk, and once with the program killed in its place. A first run without faults tells which
//! calls there are; in each of the others strace hits one of them. Then the program runs once
//! more, and must find nothing in its way.
//!
//! AUDIT_DIR is on a fresh file system in memory each time, where inodes are numbered in order:
//! so a file without a name can be told by its path, which ends in its inode.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use rustix::process::Signal;

use super::left::{self, Cycle, Left};
use super::trace::{self, Call};
use super::volume::OnVolume;
use super::{paced, rich, side_by_side};
use crate::support::binary::Ended;
use crate::support::cluster::{CLUSTER, HOST, NAMESPACE};
use crate::support::golden;
use crate::support::scene::Scene;

/// The calls that matter, if they are about something in AUDIT_DIR or make it.
const CALLS: [&str; 16] = [
    "mkdirat",
    "openat",
    "statx",
    "newfstatat",
    "fstat",
    "flock",
    "lseek",
    "getdents64",
    "fallocate",
    "write",
    "pwrite64",
    "pread64",
    "ftruncate",
    "fchmod",
    "fsync",
    "linkat",
];

/// Some of those that there must be.
const NEEDED: [&str; 7] = [
    "fsync archive",
    "linkat the archive's name",
    "write log",
    "pwrite64 spool",
    "flock .ledger/NAMESPACE.lock",
    "getdents64 .ledger/manifests/NAMESPACE",
    "linkat the manifest's name",
];

/// What happens to a call, as strace says it.
const FAULTS: [(&str, &str); 3] =
    [("EIO", "error=EIO"), ("ENOSPC", "error=ENOSPC"), ("killed", "signal=KILL")];

/// How often a call is aimed at. Calls are counted by thread, and which thread makes a call is
/// not always the same.
const AIMED: usize = 60;

/// What stands before the rows in the golden file.
const HEAD: &str = "\
What is left when one system call of a cycle fails or is the program's last one: the exit code, the
files, the log's errors and last line, and stderr if it has more than the line of a recorded cycle.
Calls that come one after the other and end alike share a row. ERRNO is EIO or ENOSPC. Up to the second
`statx AUDIT_DIR` the lock is taken before the first cycle; each cycle makes good what failed there.
";

/// A call to hit.
#[derive(Clone, Debug)]
struct Aim {
    label: String,
    name: String,
    /// What strace is to look at: this path alone.
    path: String,
    /// Which of its thread's.
    in_thread: usize,
    /// Which of all. Two, where the program's first thread makes a call that counts alike.
    of_all: Vec<usize>,
    by_first_thread: bool,
}

impl Aim {
    /// Whether strace cannot tell the two apart.
    fn counts_as(&self, other: &Aim) -> bool {
        (&self.name, &self.path, self.in_thread) == (&other.name, &other.path, other.in_thread)
    }

    /// Whether what was hit is what was to be: the first may have kept the other from being made.
    fn is_met_by(&self, hits: &[usize]) -> bool {
        !hits.is_empty() && self.of_all.starts_with(hits)
    }
}

#[test]
#[ignore = "long: .ci/full runs it"]
fn each_call_that_fails_or_is_the_last() {
    let test = "failing each system call";
    if !trace::can_trace(test) {
        return;
    }
    let Some(clean) = OnVolume::whole(paced(rich()), test) else { return };
    let aims = aims(&clean.scene);
    let labels: Vec<_> = aims.iter().map(|aim| aim.label.as_str()).collect();
    for needed in NEEDED {
        assert!(labels.contains(&needed), "{needed} is among {labels:#?}");
    }
    let work: Vec<_> = aims.iter().flat_map(|aim| FAULTS.map(|fault| (aim.clone(), fault))).collect();
    let told = side_by_side(work, |(aim, (fault, how))| {
        let story = hit(&aim, &clean.scene, how);
        (aim.label, fault, story)
    });
    golden::check("faults.txt", &table(&told));
}

/// The calls of a run without faults.
fn aims(scene: &Scene) -> Vec<Aim> {
    let (ended, calls) = trace::once(scene, &[format!("--trace={}", CALLS.join(","))]);
    ended.expect_code(0);
    let parent = scene.folder().to_str().expect("its path is text").to_owned();
    let audit = scene.audit().to_str().expect("its path is text").to_owned();
    let roles = roles(&calls);
    let mut counts: HashMap<(u32, String, String), usize> = HashMap::new();
    let mut totals: HashMap<(String, String), usize> = HashMap::new();
    let first_thread = calls.first().expect("there are calls").thread;
    let mut aims: Vec<Aim> = Vec::new();
    for call in &calls {
        let Some(path) = call.path() else { continue };
        let makes_one = call.name == "mkdirat" && path == parent;
        if !makes_one && !path.starts_with(&audit) {
            continue;
        }
        let count = |number: &mut usize| {
            *number += 1;
            *number
        };
        let in_thread = count(counts.entry((call.thread, call.name.clone(), path.clone())).or_default());
        let of_all = count(totals.entry((call.name.clone(), path.clone())).or_default());
        // Other folders are made there, too.
        if makes_one && !call.quoted().is_some_and(|name| scene.audit().ends_with(name)) {
            continue;
        }
        let label = format!("{} {}", call.name, object(call, &audit, &roles));
        let by_first_thread = call.thread == first_thread;
        let (name, of_all) = (call.name.clone(), vec![of_all]);
        let aim = Aim { label, name, path, in_thread, of_all, by_first_thread };
        match aims.iter_mut().find(|known| known.by_first_thread && known.counts_as(&aim)) {
            Some(known) => {
                known.label = format!("{}, and {}", known.label, aim.label);
                known.of_all.extend(aim.of_all);
            }
            None => aims.push(aim),
        }
    }
    aims
}

/// What the files without names are for: the first one is the spool of the large list.
fn roles(calls: &[Call]) -> BTreeMap<String, &'static str> {
    let made = calls.iter().filter(|call| call.name == "openat" && call.arguments.contains("O_TMPFILE"));
    let paths = made.map(|call| {
        let path = call.result.split_once('<').and_then(|(_, path)| path.split_once('>'));
        path.expect("a descriptor has a path").0.to_owned()
    });
    let roles: BTreeMap<_, _> = paths.zip(["spool", "archive", "log", "manifest"]).collect();
    assert_eq!(roles.len(), 4, "four files without names: {roles:?}");
    roles
}

/// What a call is about, without what differs from run to run.
fn object(call: &Call, audit: &str, roles: &BTreeMap<String, &'static str>) -> String {
    let path = call.path().unwrap_or_default();
    if let Some(role) = roles.get(&path) {
        return (*role).to_owned();
    }
    if call.arguments.contains("O_TMPFILE") {
        let made = roles.iter().find(|(path, _)| call.result.contains(path.as_str()));
        return format!("the {}, without a name", made.expect("it has a role").1);
    }
    // Other calls have texts that are no names: the bytes that they write.
    let names_it = call.name.ends_with("at") || call.name == "statx";
    let name = call.quoted().filter(|name| names_it && !matches!(*name, "" | "."));
    let path = name.map_or_else(|| path.clone().into(), |name| Path::new(&path).join(name));
    let below = path.strip_prefix(audit).ok().and_then(Path::to_str).expect("it is in AUDIT_DIR");
    let names = [(".audit.tar.gz", "archive"), (".audit.log", "log"), (".json", "manifest")];
    if let Some((_, file)) = names.iter().find(|(end, _)| below.ends_with(end)) {
        return format!("the {file}'s name");
    }
    match below.strip_prefix(&format!("{HOST}/{CLUSTER}/")) {
        Some(below) => below.replace(NAMESPACE, "NAMESPACE"),
        None if below.is_empty() => "AUDIT_DIR".to_owned(),
        None if below == HOST => "HOST".to_owned(),
        None => "CLUSTER".to_owned(),
    }
}

/// Aims until the call is hit and no other, and tells what is left.
fn hit(aim: &Aim, scene: &Scene, how: &str) -> String {
    let mut seen = Vec::new();
    // As it was without faults; then as if all were in one thread, or fewer and fewer of them.
    let counts = [aim.in_thread].into_iter().chain((1..=aim.of_all[0]).rev()).cycle();
    for count in counts.take(AIMED) {
        let on = OnVolume::whole(paced(rich()), "failing a system call").expect("the first was mounted");
        let mut arguments =
            vec![format!("--trace={}", aim.name), format!("--inject={}:{how}:when={count}", aim.name)];
        arguments.push(format!("-P{}", moved(&aim.path, scene, &on.scene)));
        let (ended, calls) = trace::once(&on.scene, &arguments);
        let hits: Vec<_> = (1..).zip(&calls).filter(|(_, call)| call.was_hit()).map(|(at, _)| at).collect();
        let story = judge(&on.scene, &ended, !hits.is_empty() && how == "signal=KILL");
        if aim.is_met_by(&hits) {
            return story;
        }
        seen.push((hits, calls.iter().map(|call| call.thread).collect::<Vec<_>>()));
    }
    panic!("{how} never hit {aim:?} alone, but {seen:?}");
}

/// The same path in another scene.
fn moved(path: &str, from: &Scene, to: &Scene) -> String {
    let below = Path::new(path).strip_prefix(from.folder()).expect("it is in the scene's folder");
    // Without a slash at the end.
    to.folder().components().chain(below.components()).collect::<PathBuf>().display().to_string()
}

/// Checks what is left, and that the next run is not held up by it.
fn judge(scene: &Scene, ended: &Ended, killed: bool) -> String {
    let complete = rich().entries();
    let Left { cycles, temporary } = left::check(scene);
    assert_eq!(temporary, [""; 0], "no temporary file: {ended:#?}");
    assert!(cycles.len() <= 1, "one cycle at most: {cycles:#?}");
    let names: Vec<_> = cycles.keys().cloned().collect();
    let cycle = cycles.into_values().next().unwrap_or_default();
    if killed {
        assert_eq!(ended.signal(), Some(Signal::KILL.as_raw()), "{ended:#?}");
        assert!(cycle.log.is_none() || cycle.archive.is_some(), "the archive comes first");
    } else {
        left::check_exit(ended, &cycle, &complete);
    }
    let story = tell(scene, ended, &cycle);

    let next = scene.once().run().expect_code(0);
    let after = left::check(scene);
    let new: Vec<_> = after.cycles.iter().filter(|(name, _)| !names.contains(*name)).collect();
    let [(_, new)] = new[..] else { panic!("one more cycle than {names:?}: {after:#?}") };
    left::check_exit(&next, new, &complete);
    let unsealed = names.iter().filter(|_| cycle.manifest.is_none());
    left::check_told(new, unsealed);
    for name in &names {
        let kept = &after.cycles[name];
        assert!(kept.archive == cycle.archive && kept.log == cycle.log, "{name} is what it was");
    }
    story
}

fn tell(scene: &Scene, ended: &Ended, cycle: &Cycle) -> String {
    let end = if ended.signal().is_some() { "killed".to_owned() } else { format!("exit {}", ended.code()) };
    let mut story = format!("{end}; {}\n", cycle.tell());
    let last = cycle.log.iter().filter_map(|log| log.lines().last());
    let log = cycle.lines("ERROR").into_iter().chain(last);
    let stderr = ended.stderr.lines().filter(|line| !line.contains(" INFO recorded "));
    for (from, line) in log.map(|line| ("log", line)).chain(stderr.map(|line| ("stderr", line))) {
        let line = scene.normal(line).replace(&format!("{HOST}/{CLUSTER}/{NAMESPACE}"), "TARGET");
        let line = line.replace("Input/output error (os error 5)", "ERRNO");
        let line = line.replace("No space left on device (os error 28)", "ERRNO");
        let line = line.trim_start_matches("TIME").trim_start();
        writeln!(story, "        {from}: {line}").expect("text can be added to a string");
    }
    story
}

/// The rows, in the order of the calls.
fn table(told: &[(String, &str, String)]) -> String {
    let mut rows = Vec::new();
    for of_one_call in told.chunks(FAULTS.len()) {
        let mut row = format!("\n{}\n", of_one_call[0].0);
        let mut rest: Vec<_> = of_one_call.iter().collect();
        while let Some((_, _, story)) = rest.first() {
            let (alike, others): (Vec<_>, Vec<_>) =
                rest.iter().copied().partition(|(_, _, other)| other == story);
            let faults: Vec<_> = alike.iter().map(|(_, fault, _)| *fault).collect();
            write!(row, "    {}: {story}", faults.join(", ")).expect("text can be added to a string");
            rest = others;
        }
        rows.push(row);
    }
    rows.dedup();
    format!("{HEAD}{}", rows.concat())
}
