//! What a program takes of the machine, as the system counts it.

use std::fs;
use std::time::Duration;

/// The unit of the times in /proc, on every Linux that Rust runs on.
const TICKS_PER_SECOND: u64 = 100;

/// What a program takes, and has taken.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Usage {
    /// Since it started, by all its threads.
    pub(crate) cpu: Duration,
    /// Memory now, in KiB.
    pub(crate) resident: u64,
    /// The most that ever was, in KiB.
    pub(crate) peak: u64,
    /// Open files.
    pub(crate) descriptors: usize,
}

/// What a running program takes; none if it has ended.
pub(crate) fn usage(pid: u32) -> Option<Usage> {
    let read = |file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).ok();
    let (stat, status) = (read("stat")?, read("status")?);
    let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count();
    let cpu = Duration::from_millis(cpu_ticks(&stat) * 1000 / TICKS_PER_SECOND);
    // Without memory it has ended, and nobody has waited for it yet.
    let (resident, peak) = (kibibytes(&status, "VmRSS:")?, kibibytes(&status, "VmHWM:")?);
    Some(Usage { cpu, resident, peak, descriptors })
}

/// How many pieces of code it has that are in no file: one for each filter that is loaded.
pub(crate) fn codes(pid: u32) -> Option<usize> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).ok()?;
    // Addresses, rights, offset, device, inode, and a path if there is one.
    let is_code = |line: &&str| {
        let mut parts = line.split_whitespace().skip(1);
        parts.next().is_some_and(|rights| rights.contains('x'))
            && parts.nth(2) == Some("0")
            && parts.next().is_none()
    };
    Some(maps.lines().filter(is_code).count())
}

/// The programs that a program has started and not waited for.
pub(crate) fn children(pid: u32) -> Vec<u32> {
    let processes = fs::read_dir("/proc").expect("there are processes").flatten();
    let numbers = processes.filter_map(|process| process.file_name().to_str()?.parse().ok());
    numbers
        .filter(|number| {
            fs::read_to_string(format!("/proc/{number}/stat")).is_ok_and(|stat| parent(&stat) == pid)
        })
        .collect()
}

/// The number of whoever started it.
fn parent(stat: &str) -> u32 {
    let (_, behind) = stat.rsplit_once(") ").expect("a name in parentheses");
    let parent = behind.split(' ').nth(1).and_then(|parent| parent.parse().ok());
    parent.expect("a process has a parent")
}

/// User and system time. They are counted from behind the name, which may hold anything.
fn cpu_ticks(stat: &str) -> u64 {
    let (_, behind) = stat.rsplit_once(") ").expect("a name in parentheses");
    let ticks = behind.split(' ').skip(11).take(2);
    ticks.map(|ticks| ticks.parse::<u64>().expect("ticks are a number")).sum()
}

fn kibibytes(status: &str, key: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    let number = line.trim().strip_suffix(" kB").and_then(|number| number.trim().parse().ok());
    Some(number.unwrap_or_else(|| panic!("{key} is in kB: {line}")))
}

#[test]
fn what_is_behind_the_name_is_found() {
    let stat = "7 (a b) c) S 1 2 3 4 5 6 7 8 9 10 11 22 33 44 55\n";
    assert_eq!((parent(stat), cpu_ticks(stat)), (1, 33));
    assert_eq!(kibibytes("Name:\tx\nVmHWM:\t    9 kB\nVmRSS:\t    8 kB\n", "VmRSS:"), Some(8));
    assert_eq!(kibibytes("Name:\tx\nState:\tZ (zombie)\n", "VmRSS:"), None);
}
