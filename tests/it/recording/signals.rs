//! Being told to stop in the middle of a cycle: it is committed with what it has, and the
//! program ends within seconds; told twice, it ends at once. Being told to read its configuration again, it goes on.

use std::thread;
use std::time::{Duration, Instant};

use rustix::process::Signal;

use crate::support::binary::{Minutebook, Running};
use crate::support::cluster::{Cluster, list_target};
use crate::support::http::Reply;
use crate::support::scene::Scene;
use crate::support::skip;

/// Ending takes no longer than this, however long the interval is.
const SECONDS: Duration = Duration::from_secs(5);

#[test]
fn sigterm_commits_the_cycle_in_hand() {
    let (scene, running) = in_the_middle(|run| run);
    running.signal(Signal::TERM);
    running.wait(SECONDS).expect_code(0);
    check(&scene);
}

#[test]
fn sigint_does_the_same() {
    let (scene, running) = in_the_middle(|run| run);
    running.signal(Signal::INT);
    running.wait(SECONDS).expect_code(0);
    check(&scene);
}

#[test]
fn with_once_an_interrupted_cycle_is_not_perfect() {
    let (scene, running) = in_the_middle(|run| run.args(["--once"]));
    running.signal(Signal::TERM);
    running.wait(SECONDS).expect_code(3);
    check(&scene);
}

#[test]
fn between_two_cycles_there_is_nothing_to_commit() {
    let scene = Scene::of(Cluster::sample());
    let target = scene.target_every(60);
    let mut running = scene.run().args(["--interval", "60s"]).start();
    running.until("the first cycle is committed", || target.committed() == 1);
    running.signal(Signal::TERM);
    running.wait(SECONDS).expect_code(0);
    let cycles = target.check();
    assert_eq!(cycles.len(), 1);
    cycles[0].holds(&Cluster::sample().entries());
    assert!(!cycles[0].log.contains("interrupted"), "{}", cycles[0].log);
}

#[test]
fn while_discovery_is_silent_an_empty_cycle_is_committed() {
    let scene = Scene::of(Cluster::nothing(Reply::Silence));
    let running = scene.run().args(["--interval", "60s"]).start();
    scene.server.wait_until("discovery is asked for", |requests| requests.len() == 1);
    running.signal(Signal::TERM);
    running.wait(SECONDS).expect_code(0);
    let cycles = scene.target_every(60).check();
    assert_eq!(cycles.len(), 1);
    assert_eq!(cycles[0].entries, []);
    assert!(cycles[0].log.contains("interrupted"), "{}", cycles[0].log);
}

/// Both signals are there before the program can do anything about the first.
#[test]
fn a_second_signal_ends_the_program_by_that_signal() {
    let (_scene, running) = in_the_middle(|run| run);
    running.signal(Signal::STOP);
    running.signal(Signal::TERM);
    running.signal(Signal::INT);
    running.signal(Signal::CONT);
    let ended = running.wait(SECONDS);
    let signals = [Signal::TERM, Signal::INT].map(|signal| Some(signal.as_raw()));
    assert!(signals.contains(&ended.signal()), "it ended by one of them: {ended:#?}");
}

/// Ctrl-C at a terminal does not reach a plugin, which has a process group of its own.
#[test]
fn a_plugin_does_not_outlive_the_program() {
    for command in ["run --dry-run", "rbac", "config check", "run --once"] {
        let scene = Scene::of(Cluster::sample());
        let pids = scene.path("pids");
        // It and what it starts; both end by themselves in case the program does not end them.
        let script = format!("sleep 60 & echo $$ $! > {0}.part; mv {0}.part {0}; wait", pids.display());
        scene.write(
            "kubeconfig",
            &format!(
                "current-context: c\ncontexts: [{{name: c, context: {{cluster: k, user: u, namespace: n}}}}]\n\
                 clusters: [{{name: k, cluster: {{server: '{}'}}}}]\nusers:\n- name: u\n  user: {{exec: {{\
                 apiVersion: client.authentication.k8s.io/v1, interactiveMode: Never, command: /bin/sh, \
                 args: [-c, '{script}']}}}}\n",
                scene.server.url()
            ),
        );
        let arguments = ["--kubeconfig", "kubeconfig", "--audit-dir", "audit"];
        let mut running = scene.minutebook().args(command.split(' ')).args(arguments).start();
        running.until("the plugin runs", || pids.exists());
        let commits = command == "run --once";
        if commits {
            // The first signal would end the plugin, too, but not before the second is there.
            running.signal(Signal::STOP);
            running.signal(Signal::INT);
        }
        running.signal(Signal::TERM);
        if commits {
            running.signal(Signal::CONT);
        }
        let ended = running.wait(SECONDS);
        let by = [Signal::TERM, Signal::INT].map(|signal| Some(signal.as_raw()));
        assert!(by[0] == ended.signal() || commits && by[1] == ended.signal(), "{command}: {ended:#?}");
        let pids = std::fs::read_to_string(pids).expect("it wrote them");
        for pid in pids.split_whitespace() {
            let end = Instant::now() + SECONDS;
            while lives(pid) {
                assert!(Instant::now() < end, "{command}: the plugin's process {pid} lives on");
                thread::sleep(Duration::from_millis(5));
            }
        }
        assert_eq!(scene.server.targets(), [""; 0], "{command}: nothing is asked without credentials");
    }
}

/// Whether a process is there; one that has ended and was not waited for yet is not.
fn lives(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
}

/// Before and after the signal that ends it, and in the middle of a cycle.
#[test]
fn sighup_never_ends_a_recording() {
    let (scene, mut running) = in_the_middle(|run| run);
    let stderr = running.stderr();
    let line = "SIGHUP: there is no configuration file or kubeconfig to read again";
    for times in 1..=2 {
        running.signal(Signal::HUP);
        running.until("it says so", || stderr.text().matches(line).count() == times);
    }
    running.signal(Signal::STOP);
    running.signal(Signal::TERM);
    running.signal(Signal::HUP);
    running.signal(Signal::CONT);
    running.wait(SECONDS).expect_code(0);
    check(&scene);
}

/// `nohup` ignores the signal for the program it starts. That is to survive it, which a recording does either way.
#[test]
fn nohup_does_not_make_a_recording_deaf() {
    let scene = Scene::of(Cluster::sample());
    let shell = Minutebook::through_shell("trap '' HUP; exec \"$@\"", scene.folder());
    let mut running = shell.args(scene.run_arguments()).args(["--interval", "60s"]).start();
    running.until("the first cycle is committed", || scene.target_every(60).committed() == 1);
    running.signal(Signal::HUP);
    let stderr = running.stderr();
    running.until("it says so", || stderr.text().contains("SIGHUP: "));
    running.signal(Signal::TERM);
    running.wait(SECONDS).expect_code(0);
}

/// Whoever waits for one cycle closes the terminal to end it.
#[test]
fn with_once_sighup_is_what_it_was() {
    if hangup_is_ignored() {
        return skip("SIGHUP with --once", "it is ignored here, as under nohup, and would be by the program");
    }
    let (_scene, running) = in_the_middle(|run| run.args(["--once"]));
    running.signal(Signal::HUP);
    assert_eq!(running.wait(SECONDS).signal(), Some(Signal::HUP.as_raw()));
}

/// What this process ignores the programs that it starts ignore, too.
fn hangup_is_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").expect("a process has a status");
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.map(|mask| u64::from_str_radix(mask.trim(), 16).expect("a mask is hexadecimal"));
    // The lowest bit is of signal 1, which is SIGHUP.
    ignored.is_some_and(|mask| mask & 1 == 1)
}

/// Runs into a cycle in which one list is recorded and four others are never answered. When
/// all four are asked for, the well one must have been answered, for there are four places.
fn in_the_middle(how: impl FnOnce(Minutebook) -> Minutebook) -> (Scene, Running) {
    let mut cluster = Cluster::of(&["a", "b", "well", "y", "z"]);
    for silent in ["a", "b", "y", "z"] {
        cluster = cluster.list(silent, |_| Reply::Silence);
    }
    let scene = Scene::of(cluster);
    let running = how(scene.run().args(["--interval", "60s"])).start();
    scene.server.wait_until("all five lists are asked for", |requests| {
        let asked = |name| requests.iter().any(|request| request.target == list_target(name));
        ["a", "b", "well", "y", "z"].into_iter().all(asked)
    });
    (scene, running)
}

fn check(scene: &Scene) {
    let cycles = scene.target_every(60).check();
    assert_eq!(cycles.len(), 1);
    let cycle = &cycles[0];
    let names: Vec<_> = cycle.entries.iter().map(|entry| entry.name.as_str()).collect();
    assert_eq!(names, ["well.json"], "what had arrived; the log:\n{}", cycle.log);
    assert!(cycle.log.contains("interrupted"), "{}", cycle.log);
    // Each list that is missing is told of, by name.
    for name in ["a", "b", "y", "z"] {
        let told = cycle.lines("ERROR").iter().any(|line| line.split(' ').nth(2) == Some(name));
        assert!(told, "the log tells that {name} is missing:\n{}", cycle.log);
    }
}
