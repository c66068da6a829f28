//! A disk without room: what fits is recorded, what does not is told of, and when there is room
//! again the next slot is recorded as if nothing had been.

use std::collections::BTreeMap;
use std::time::Duration;

use rustix::process::Signal;

use super::large;
use super::left::{self, Left};
use super::volume::OnVolume;
use crate::support::cluster::Cluster;
use crate::support::http::Reply;
use crate::support::scene::Scene;

/// Room for archive and log of the small lists, and for the folders.
const SMALL: u64 = 64 << 10;

#[test]
#[ignore = "long: .ci/full runs it"]
fn too_little_room_for_the_lists_leaves_an_empty_archive() {
    let size = archived(one_large());
    // The spool takes as much as the archive needs.
    let room = size + size / 2;
    let Some(on) = OnVolume::audit_dir(one_large(), room, "a disk too small for the archive") else { return };
    let ended = on.scene.once().run().expect_code(3);
    let left = left::check(&on.scene);
    let [cycle] = &left.cycles.values().collect::<Vec<_>>()[..] else { panic!("one cycle: {left:?}") };
    left::check_exit(&ended, cycle, &BTreeMap::new());
    assert_eq!(cycle.archive.as_deref(), Some(&[][..]), "{cycle:?}");
    let told = |line: &&str| line.contains("No space left on device");
    assert_eq!(cycle.lines("ERROR").into_iter().filter(told).count(), 1, "{cycle:?}");
    assert_eq!(left.temporary, [""; 0]);
}

#[test]
#[ignore = "long: .ci/full runs it"]
fn a_list_that_finds_no_room_in_a_spool_costs_no_other() {
    let room = archived(one_large()) / 2;
    assert!(room > SMALL, "what else there is has room: {room}");
    let Some(on) = OnVolume::audit_dir(one_large(), room, "a disk too small for one list") else { return };
    let ended = on.scene.once().run().expect_code(3);
    let left = left::check(&on.scene);
    let [cycle] = &left.cycles.values().collect::<Vec<_>>()[..] else { panic!("one cycle: {left:?}") };
    let mut others = one_large().entries();
    others.remove("large.json").expect("the cluster has a large list");
    left::check_exit(&ended, cycle, &others);
    assert!(cycle.files() == others, "the small lists are recorded: {cycle:?}");
    let named = |line: &&str| line.split(' ').nth(2) == Some("large");
    assert_eq!(cycle.lines("ERROR").into_iter().filter(named).count(), 1, "{cycle:?}");
    assert_eq!(left.temporary, [""; 0]);
}

#[test]
#[ignore = "long: .ci/full runs it"]
fn without_any_room_nothing_is_left_and_nothing_is_given_up() {
    let Some(on) = OnVolume::audit_dir(Cluster::sample(), 1 << 20, "a disk without room") else { return };
    on.volume.fill();
    let ended = on.scene.once().run().expect_code(4);
    assert!(ended.stderr.contains("No space left on device"), "{ended:#?}");
    assert_eq!(on.scene.target().committed(), 0);

    let mut running = on.scene.run().args(["--interval", "1s"]).start();
    let stderr = running.stderr();
    running.until("it tries again in the next slot", || stderr.text().contains("slot 1 "));
    assert_eq!(std::fs::read_dir(on.scene.target().folder()).map_or(0, Iterator::count), 0);
    on.volume.free();
    let target = on.scene.target_every(1);
    running.until("a cycle is recorded again", || target.committed() >= 1);
    running.signal(Signal::TERM);
    running.wait(Duration::from_secs(5)).expect_code(0);
    let Left { cycles, temporary } = left::check(&on.scene);
    assert_eq!(temporary, [""; 0]);
    let first = cycles.values().next().expect("one is recorded");
    assert!(first.files() == Cluster::sample().entries(), "{first:?}");
    assert!(first.lines("ERROR").iter().any(|line| line.contains("missed")), "{first:?}");
}

/// Small lists, and one that outgrows memory.
fn one_large() -> Cluster {
    let list = large("large", 600_000);
    let body = list.clone();
    let cluster = Cluster::of(&["a", "b", "large", "y", "z"]);
    cluster.list("large", move |_| Reply::json(body.clone())).recorded_as("large", list)
}

/// The size of its archive.
fn archived(cluster: Cluster) -> u64 {
    let scene = Scene::of(cluster);
    scene.once().run().expect_code(0);
    let cycles = scene.target().check();
    std::fs::metadata(&cycles[0].archive).expect("the archive is there").len()
}
