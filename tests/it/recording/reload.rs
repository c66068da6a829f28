//! The configuration file is read again while the program runs: targets come, go and change at their
//! next cycle, and a broken file changes nothing.

use std::collections::HashMap;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::binary::Running;
use crate::support::cluster::Cluster;
use crate::support::crowd::{Crowd, Lists};
use crate::support::fleet::{Fleet, Folders};
use crate::support::scene::Scene;

const INTERVAL: Duration = Duration::from_secs(1);

fn target(namespace: &str) -> Folders {
    ["one.example", "cluster", namespace].map(str::to_owned)
}

/// Asks for the file to be read again, and waits until the program has said something of it.
fn reload(running: &mut Running, what: &str, times: usize) {
    let stderr = running.stderr();
    running.signal(Signal::HUP);
    running.until(what, || stderr.text().matches(what).count() == times);
}

#[test]
fn targets_come_and_go_and_a_broken_file_changes_nothing() {
    let targets = ["stays", "goes", "comes"].map(target).to_vec();
    let mut fleet = Fleet::new(Crowd::start(Lists::ordinary(), HashMap::new(), 0), targets, INTERVAL);
    let [stays, goes, comes] = ["stays", "goes", "comes"].map(target);
    let committed = |fleet: &Fleet, target: &Folders| fleet.target(target).committed();

    fleet.write(&[stays.clone(), goes.clone()]);
    let mut running = fleet.run_by_file().start();
    running.until("both record", || committed(&fleet, &stays) >= 1 && committed(&fleet, &goes) >= 1);

    fleet.write(&[stays.clone(), comes.clone()]);
    reload(&mut running, "was read again: targets 2, of which new 1; gone 1", 1);
    running.until("the new one records", || committed(&fleet, &comes) >= 1);
    let (of_stays, of_goes) = (committed(&fleet, &stays), committed(&fleet, &goes));

    fleet.write_text("targets: [{hots: one.example}]\n");
    reload(&mut running, "changes nothing until that is mended", 1);
    running.until("all go on", || committed(&fleet, &stays) > of_stays && committed(&fleet, &comes) >= 2);
    assert!(running.stderr().text().contains("`host`"), "it says what is wrong: {}", running.stderr().text());
    // A cycle of it was in hand at the most when it went.
    assert!(committed(&fleet, &goes) <= of_goes + 1, "one that is gone is not recorded");

    running.signal(Signal::TERM);
    running.wait(Duration::from_secs(5)).expect_code(0);
    fleet.targets = vec![stays.clone(), goes, comes];
    for target in &fleet.targets {
        // One number after the other, across every change.
        fleet.target(target).check();
    }
}

/// A kubeconfig says where the target is, so it is read again, too, with a configuration file and without.
#[test]
fn another_namespace_in_the_kubeconfig_is_another_target() {
    let scene = Scene::of(Cluster::sample());
    let write = |namespace: &str| {
        let server = scene.server.url();
        let text = format!(
            "apiVersion: v1\nkind: Config\ncurrent-context: c\nclusters: [{{name: c, cluster: {{server: '{server}'}}}}]\n\
             contexts: [{{name: c, context: {{cluster: c, namespace: {namespace}}}}}]\n"
        );
        scene.write("kubeconfig", &text)
    };
    write("one");
    let line =
        ["run", "--kubeconfig", "kubeconfig", "--host", "h", "--audit-dir", "audit", "--interval", "1s"];
    let mut running = scene.minutebook().args(line).start();
    let recorded = |namespace: &str| scene.audit().join("h/c").join(namespace).is_dir();
    running.until("the first is recorded", || recorded("one"));

    write("two");
    reload(&mut running, "was read again: targets 1, of which new 1; gone 1", 1);
    running.until("the second is recorded", || recorded("two"));
    scene.write("kubeconfig", "contexts: [");
    reload(&mut running, "`kubeconfig` changes nothing until that is mended", 1);
    running.signal(Signal::TERM);
    running.wait(Duration::from_secs(5)).expect_code(0);
}
