//! How a bad day is told of: briefly enough for all of them to be read in one sitting, and
//! without what differs from run to run.

use std::fmt::Write as _;
use std::fs;

use super::{Day, TOKEN};
use crate::support::cluster::{CLUSTER, HOST, NAMESPACE};
use crate::support::normal::digits_behind;
use crate::support::oracle::Cycle;
use crate::support::prefixed;
use crate::support::scene::Scene;

/// What stands before the rows in the golden file.
pub(super) const HEAD: &str = "\
What is left of each bad day: the exit code, the archive's entries, the log, and stderr if it has
more to say than the one line that it has for each cycle.

TARGET, SERVER, DISCOVERY and LISTS stand for the target's folder and for URLs, N for what is
chance. The log's first line is shown only where it differs from what it says on every day:
INFO - minutebook VERSION records TARGET from SERVER by filter default ...; slot N, begun TIME
";

impl Day {
    /// The day as the golden file has it.
    pub(super) fn tell(&self, title: &str) -> String {
        let Day { scene, ended, cycles } = self;
        assert_eq!(ended.stdout, "", "stdout is for data, and there is none");
        let mut stderr = ended.stderr.clone();
        let mut text = format!("# {title}\nexit code {}\n", ended.code());
        for cycle in cycles {
            stderr = without_its_line(&stderr, scene, cycle);
            let names: Vec<_> = cycle.entries.iter().map(|entry| entry.name.as_str()).collect();
            let names = if names.is_empty() { "empty".to_owned() } else { names.join(" ") };
            writeln!(text, "archive: {names}").expect("a string takes text");
            text += &section("log", &shortened(&scene.normal(&cycle.log)));
        }
        text += &section("stderr", &told_once(&brief(&scene.normal(&stderr))));
        assert!(!text.contains(TOKEN), "the token was told:\n{text}");
        text
    }
}

fn section(name: &str, text: &str) -> String {
    let lines = prefixed("    ", text.lines());
    if lines.is_empty() { lines } else { format!("{name}:\n{lines}") }
}

/// Takes out of stderr the line that a committed cycle has there, which must be right.
fn without_its_line(stderr: &str, scene: &Scene, cycle: &Cycle) -> String {
    let size = fs::metadata(&cycle.archive).expect("the archive is there").len();
    let path = scene.target().folder().join(format!("{}.audit.tar.gz", cycle.name));
    let (path, resources) = (path.display(), cycle.entries.len());
    let (errors, warnings) = (cycle.lines("ERROR").len(), cycle.lines("WARN").len());
    let counts = format!("resources={resources} bytes={size} errors={errors} warnings={warnings}");
    let its_line = |line: &&str| line.ends_with(&format!(" INFO recorded path={path} {counts}"));
    let count = stderr.lines().filter(its_line).count();
    assert_eq!(count, 1, "stderr has one line for {} with {counts}:\n{stderr}", cycle.name);
    prefixed("", stderr.lines().filter(|line| !its_line(line)))
}

/// A log without its first line, if that says what it says on every day, and with the lines
/// between the first and the last sorted: lists that fail together do so in any order.
fn shortened(log: &str) -> String {
    let log = brief(log);
    let mut lines: Vec<_> = log.lines().collect();
    let ordinary = |line: &str| {
        line.starts_with("INFO - minutebook VERSION records TARGET from SERVER by filter default")
            && line.ends_with(", begun TIME")
    };
    if ordinary(lines[0]) {
        lines.remove(0);
    } else {
        lines[1..].sort_unstable();
    }
    let last = lines.len() - 1;
    lines[..last].sort_unstable();
    lines.join("\n")
}

/// Without the time of each line, with short words for long URLs, and without what depends on
/// jitter and on the machine's speed.
fn brief(text: &str) -> String {
    let cluster = format!("127.0.0.1:PORT/k8s/clusters/{CLUSTER}");
    let lists = format!("{cluster}/apis/extensions/v1beta1/namespaces/{NAMESPACE}/");
    let discovery = format!("{cluster}/api/v1?timeout=32s");
    let mut text = text.replace(&format!("{HOST}/{CLUSTER}/{NAMESPACE}"), "TARGET");
    for scheme in ["http", "https"] {
        text = text.replace(&format!("{scheme}://{lists}"), "LISTS/");
        text = text.replace(&format!("{scheme}://{discovery}"), "DISCOVERY");
        text = text.replace(&format!("{scheme}://127.0.0.1:PORT"), "SERVER");
    }
    for before in ["continue=", "device ", "inode "] {
        text = digits_behind(&text, before, "N");
    }
    let lines = text.lines().map(|line| without_chance(line.trim_start_matches("TIME").trim_start()));
    lines.collect::<Vec<_>>().join("\n")
}

/// Without what depends on jitter and on the machine's speed: pauses, tries, and counts of
/// pages that only a deadline ended.
fn without_chance(line: &str) -> String {
    let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
    for at in 1..words.len() {
        let (before, word) = words.split_at_mut(at);
        let (count, word) = (&mut before[at - 1], word[0].as_str());
        let digits = count.trim_start_matches('(');
        let varies = match word.trim_end_matches([',', ';', ')', ':']) {
            "s" => digits.parse::<f64>().is_ok(),
            "try" | "tries" | "failed" => digits.parse::<u32>().is_ok() || digits == "one",
            "pages" => digits.len() > 1 && digits.len() < 5,
            _ => false,
        };
        if varies {
            *count = count.replace(digits, "N");
        }
    }
    // One or many is chance, too.
    let text = words.join(" ").replace("N tries", "N try").replace("N failed tries", "N failed try");
    text.replace("N try", "N tries").replace("N failed try", "N failed tries")
}

/// Without the lines that were said before, and with those about other tries sorted where they follow each
/// other: how often something is tried again, and which of two lists is first, is chance.
fn told_once(text: &str) -> String {
    let mut told: Vec<&str> = Vec::new();
    for line in text.lines() {
        if !told.contains(&line) {
            told.push(line);
        }
    }
    for lines in told.chunk_by_mut(|one, other| [one, other].iter().all(|line| line.contains("trying again")))
    {
        lines.sort_unstable();
    }
    told.join("\n")
}
