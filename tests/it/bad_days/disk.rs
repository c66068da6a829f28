//! Days on which the disk is what is wrong: names that are taken, links where folders should
//! be, no room, a volume that comes and goes.

use std::fs;
use std::os::unix::fs::symlink;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use chrono::DateTime;
use rustix::process::Signal;

use super::{Day, Row};
use crate::support::binary::{Ended, Minutebook};
use crate::support::cluster::{CLUSTER, Cluster, HOST, NAMESPACE};
use crate::support::http::Reply;
use crate::support::oracle::Target;
use crate::support::scene::Scene;

/// For how many seconds from now on the names are taken.
const TAKEN: i64 = 30;

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::new("every name for half a minute is taken", names_are_taken),
        Row::new("HOST is a symbolic link", || a_link(&[HOST])),
        Row::new("CLUSTER is a symbolic link", || a_link(&[HOST, CLUSTER])),
        Row::new("NAMESPACE is a symbolic link", || a_link(&[HOST, CLUSTER, NAMESPACE])),
        Row::new("HOST is a file", host_is_a_file),
        Row::new("there is no room for one list", no_room_for_a_list),
        Row::new("there is no room at all", no_room_at_all),
        Row::new("AUDIT_DIR goes away, and another comes", the_volume_changes),
    ]
}

/// By an archive in one second, by a log in the next: both must be free.
fn names_are_taken() -> Day {
    let scene = Scene::of(Cluster::sample());
    let folder = scene.target().folder();
    fs::create_dir_all(&folder).expect("folders can be made");
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    let now = i64::try_from(now.as_secs()).expect("it is before the end of time");
    // As many archives as logs, whichever second it is.
    let taken: Vec<_> = (now - 2..now + TAKEN).map(taken_in).collect();
    for name in &taken {
        fs::write(folder.join(name), "taken").expect("a file can be written");
    }
    let ended = scene.once().run().expect_code(0);
    for name in &taken {
        let text = fs::read_to_string(folder.join(name)).expect("what was there is there still");
        assert_eq!(text, "taken", "{name} is what it was");
    }
    let cycles = scene.target().beside(taken).check();
    let [cycle] = &cycles[..] else { panic!("one cycle, not {cycles:#?}") };
    assert_eq!(cycle.named, now + TAKEN, "the first second in which both names are free");
    assert!(cycle.began < cycle.named, "the log tells when it began: {}", cycle.log);
    cycle.holds(&Cluster::sample().entries());
    Day { scene, ended, cycles }
}

fn taken_in(second: i64) -> String {
    let name = DateTime::from_timestamp(second, 0).expect("it is an instant");
    let kind = if second % 2 == 0 { "audit.tar.gz" } else { "audit.log" };
    format!("{}.{kind}", name.format("%Y-%m-%dT%H%M%S"))
}

/// A link in the place of the last of these folders: nothing is written behind it.
fn a_link(folders: &[&str]) -> Day {
    let scene = Scene::of(Cluster::sample());
    let link = folders.iter().fold(scene.audit(), |path, name| path.join(name));
    let parent = link.parent().expect("the link is in a folder");
    fs::create_dir_all(parent).expect("folders can be made");
    let elsewhere = scene.path("elsewhere");
    fs::create_dir(&elsewhere).expect("a folder can be made");
    symlink(&elsewhere, &link).expect("a link can be made");
    let ended = scene.once().run().expect_code(4);
    let behind = fs::read_dir(&elsewhere).expect("it is a folder").count();
    assert_eq!(behind, 0, "nothing is behind the link");
    let beside = fs::read_dir(parent).expect("it is a folder");
    let beside = beside.map(|entry| entry.expect("a folder can be read").file_name());
    // The target's lock is where it belongs, whatever stands in its folder's place.
    assert_eq!(beside.filter(|name| name != ".ledger").count(), 1, "nothing is beside the link");
    assert!(fs::symlink_metadata(&link).expect("the link is there").is_symlink());
    Day { scene, ended, cycles: Vec::new() }
}

fn host_is_a_file() -> Day {
    let scene = Scene::of(Cluster::sample());
    fs::create_dir(scene.audit()).expect("a folder can be made");
    scene.write(&format!("audit/{HOST}"), "not a folder");
    let ended = scene.once().run().expect_code(4);
    let text = fs::read_to_string(scene.audit().join(HOST)).expect("the file is there still");
    assert_eq!(text, "not a folder");
    Day { scene, ended, cycles: Vec::new() }
}

/// Files may grow to 8 KiB: a list that is larger is given up, and the rest is recorded.
fn no_room_for_a_list() -> Day {
    let digits: Vec<_> = (0..40_000_u32).map(|n| n.wrapping_mul(2_654_435_761)).collect();
    let list = serde_json::json!({"kind": "ThingList", "items": digits}).to_string();
    let cluster = Cluster::of(&["configmaps", "things"]);
    let cluster = cluster.list("things", move |_| Reply::json(list.clone()));
    let entries = cluster.entries();
    let (scene, ended) = with_room_for(16, cluster);
    let ended = ended.expect_code(3);
    let cycles = scene.target().check();
    let [cycle] = &cycles[..] else { panic!("one cycle, not {cycles:#?}") };
    cycle.holds(&entries);
    Day { scene, ended, cycles }
}

/// Files may not grow at all: there is nothing to show, and stderr must tell.
fn no_room_at_all() -> Day {
    let (scene, ended) = with_room_for(0, Cluster::sample());
    let ended = ended.expect_code(4);
    let left = fs::read_dir(scene.target().folder()).expect("the folder was made").count();
    assert_eq!(left, 0, "nothing is left half-written");
    Day { scene, ended, cycles: Vec::new() }
}

/// One cycle, in which no file may grow beyond so many blocks of 512 bytes.
fn with_room_for(blocks: usize, cluster: Cluster) -> (Scene, Ended) {
    let scene = Scene::of(cluster);
    // What is ignored stays ignored by the program that the shell becomes, so that a write
    // beyond the limit fails instead of killing it.
    let line = format!("ulimit -f {blocks}; exec \"$@\"");
    let shell = Minutebook::through_shell(&line, scene.folder());
    let ended = shell.args(scene.run_arguments()).args(["--once", "--interval", "3s"]).run();
    (scene, ended)
}

/// What an unmounted volume looks like: the folder is away for a while, and then there is
/// one, but another. It is never made anew, because the records would lie under the volume.
fn the_volume_changes() -> Day {
    let scene = Scene::of(Cluster::sample());
    let mut running = scene.run().args(["--interval", "2s"]).start();
    let target = scene.target_every(2);
    running.until("the first cycle is committed", || target.committed() == 1);
    fs::rename(scene.audit(), scene.path("away")).expect("a folder can be moved");
    let stderr = running.stderr();
    let path = scene.audit().to_str().expect("its path is text").to_owned();
    let said = |text: &str| text.lines().any(|line| line.contains("ERROR") && line.contains(&path));
    running.until("stderr tells that it is away", || said(&stderr.text()));
    assert!(!scene.audit().exists(), "AUDIT_DIR is not made anew");
    fs::create_dir(scene.audit()).expect("a folder can be made");
    running.until("a cycle is committed in the new folder", || target.committed() == 1);
    running.signal(Signal::TERM);
    let ended = running.wait(Duration::from_secs(10)).expect_code(0);
    let mut cycles = Target::sample(&scene.path("away"), Duration::from_secs(2)).check();
    let after = target.begun_elsewhere().check();
    assert_eq!((cycles.len(), after.len()), (1, 1), "a cycle in each folder");
    cycles.extend(after);
    for cycle in &cycles {
        cycle.holds(&Cluster::sample().entries());
    }
    Day { scene, ended, cycles }
}
