//! Few open files are enough: four lists at a time, their spools and their connections, however many
//! resources there are.

use crate::support::binary::Minutebook;
use crate::support::cluster::Cluster;
use crate::support::scene::Scene;

#[test]
fn three_hundred_lists_are_recorded_with_1024_open_files() {
    record_with(1024);
}

#[test]
fn three_hundred_lists_are_recorded_with_64_open_files() {
    record_with(64);
}

fn record_with(files: u32) {
    let names: Vec<_> = (0..300).map(|number| format!("things-{number}")).collect();
    let names: Vec<_> = names.iter().map(String::as_str).collect();
    let cluster = Cluster::of(&names);
    let entries = cluster.entries();
    let scene = Scene::of(cluster);
    let limited = Minutebook::through_shell(&format!("ulimit -n {files}; exec \"$@\""), scene.folder());
    limited.args(scene.run_arguments()).args(["--once", "--interval", "20s"]).run().expect_code(0);
    let cycles = scene.target_every(20).check();
    let [cycle] = &cycles[..] else { panic!("one cycle, not {cycles:#?}") };
    cycle.holds(&entries);
}
