//! Several processes and one AUDIT_DIR: two may record two namespaces of one cluster, and nobody a
//! namespace that is taken.

use std::collections::HashMap;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::crowd::{Crowd, Lists};
use crate::support::fleet::{Fleet, Folders};

const INTERVAL: Duration = Duration::from_secs(2);

/// Ending takes no longer than this.
const SECONDS: Duration = Duration::from_secs(10);

#[test]
fn two_processes_share_a_cluster_and_a_third_is_sent_away() {
    let target = |namespace: &str| ["one.example", "cluster", namespace].map(str::to_owned);
    let targets = vec![target("here"), target("there")];
    let fleet = Fleet::new(Crowd::start(Lists::ordinary(), HashMap::new(), 0), targets, INTERVAL);
    let [here, there] = [0, 1].map(|number| &fleet.targets[number]);
    let mut first = fleet.run_one(here).start();
    let mut second = fleet.run_one(there).start();
    first.until("both record", || fleet.committed() >= 2);

    for third in [fleet.run_one(here), fleet.run_one(here).args(["--once"])] {
        let ended = third.run().expect_code(4);
        let holder = first.pid().to_string();
        let named = ended.stderr.split(|c: char| !c.is_ascii_digit()).any(|number| number == holder);
        assert!(named, "stderr names the process {holder}: {}", ended.stderr);
        assert!(ended.stderr.contains("here"), "stderr names the namespace: {}", ended.stderr);
    }

    // Whoever was sent away left nothing, and was in nobody's way.
    let before = fleet.committed();
    second.until("both go on", || fleet.committed() > before + 1);
    first.signal(Signal::TERM);
    first.wait(SECONDS).expect_code(0);
    let count = check(&fleet, here);
    // The namespace is free again, though the other process goes on.
    fleet.run_one(here).args(["--once"]).run().expect_code(0);
    assert_eq!(check(&fleet, here), count + 1);
    second.signal(Signal::KILL);
    assert_eq!(second.wait(SECONDS).signal(), Some(Signal::KILL.as_raw()));
    // So is that of a process that could not say good-bye.
    fleet.run_one(there).args(["--once"]).run().expect_code(0);
}

/// Checks a target's cycles, and gives their number.
fn check(fleet: &Fleet, target: &Folders) -> usize {
    let cycles = fleet.target(target).check();
    for cycle in &cycles {
        // The one in hand when the signal came has what it had.
        if !cycle.log.contains("interrupted") {
            cycle.holds(&fleet.entries(target));
        }
    }
    cycles.len()
}
