//! A volume that may not be written, as after a fault of the disk beneath: the program goes on,
//! tells of every slot, and records again as soon as it can.

use std::time::Duration;

use rustix::process::Signal;

use super::left;
use super::volume::OnVolume;
use crate::support::cluster::Cluster;

#[test]
#[ignore = "long: .ci/full runs it"]
fn before_there_is_a_folder() {
    check("a read-only volume", 0);
}

#[test]
#[ignore = "long: .ci/full runs it"]
fn after_a_cycle_was_recorded() {
    check("a volume that becomes read-only", 1);
}

/// So many cycles are recorded before.
fn check(what: &str, before: usize) {
    let Some(on) = OnVolume::audit_dir(Cluster::sample(), 4 << 20, what) else { return };
    for _ in 0..before {
        on.scene.once().run().expect_code(0);
    }
    on.volume.remount("ro");
    let ended = on.scene.once().run().expect_code(4);
    assert!(ended.stderr.contains("Read-only file system"), "{ended:#?}");

    let mut running = on.scene.run().args(["--interval", "1s"]).start();
    let stderr = running.stderr();
    running.until("it tries again in the next slot", || stderr.text().contains("slot 1 "));
    let text = stderr.text();
    for slot in ["slot 0 ", "slot 1 "] {
        let told = text.lines().any(|line| {
            line.contains("ERROR") && line.contains(slot) && line.contains("Read-only file system")
        });
        assert!(told, "it shouts about {slot}:\n{text}");
    }
    let target = on.scene.target_every(1);
    assert_eq!(target.committed(), before);
    on.volume.remount("rw");
    running.until("a cycle is recorded again", || target.committed() > before);
    running.signal(Signal::TERM);
    running.wait(Duration::from_secs(5)).expect_code(0);
    let left = left::check(&on.scene);
    assert_eq!(left.temporary, [""; 0]);
    let first = left.cycles.values().nth(before).expect("one more is recorded");
    assert!(first.files() == Cluster::sample().entries(), "{first:?}");
    assert!(first.lines("ERROR").iter().any(|line| line.contains("missed")), "{first:?}");
}
