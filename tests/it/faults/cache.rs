//! A cache of compiled filters that cannot keep them, or not be trusted with them: recording goes on, one line says why.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt as _;

use super::volume::OnVolume;
use crate::support::binary::Minutebook;
use crate::support::cluster::Cluster;
use crate::support::scene::Scene;

/// Records once, as on a good day; returns what stderr says of the cache.
fn recorded(scene: &Scene, program: Minutebook) -> Vec<String> {
    let ended = program.run().expect_code(0);
    let cycles = scene.target().check();
    let last = cycles.iter().max_by_key(|cycle| cycle.manifest.sequence).expect("it is recorded");
    last.holds(&Cluster::sample().entries());
    let lines = ended.stderr.lines().filter(|line| line.contains("compiled filters"));
    lines.map(|line| line.split_once(" INFO ").expect("it is no more than that").1.to_owned()).collect()
}

#[test]
fn where_no_cache_can_be_one_line_says_why() {
    let scene = Scene::of(Cluster::sample());
    scene.write("file", "");
    fs::create_dir_all(scene.path("open/filters")).unwrap();
    fs::set_permissions(scene.path("open/filters"), Permissions::from_mode(0o755)).unwrap();
    let folder = scene.folder().display().to_string();
    let in_dir = |dir: &str| scene.once().args(["--cache-dir", &format!("{folder}/{dir}")]);
    assert_eq!(recorded(&scene, in_dir("new")), [""; 0]);
    assert_eq!(
        recorded(&scene, in_dir("file")),
        [format!("compiled filters are not kept in `{folder}/file/filters`: Not a directory (os error 20)")]
    );
    assert_eq!(
        recorded(&scene, in_dir("open")),
        [format!(
            "compiled filters are not kept in `{folder}/open/filters`: it is open to others (mode 0755); only a folder that belongs to the user who runs this, with mode 0700, is used"
        )]
    );
    let without_home = Minutebook::through_shell("unset HOME XDG_CACHE_HOME; exec \"$@\"", scene.folder());
    let without_home = without_home.args(scene.run_arguments()).args(["--once", "--interval", "3s"]);
    assert_eq!(
        recorded(&scene, without_home),
        ["compiled filters are not kept: there is no home folder, and no --cache-dir"]
    );
}

#[test]
fn a_cache_that_is_full_or_read_only_costs_nothing() {
    let in_dir = |on: &OnVolume, filter: &str| {
        let cache = on.scene.path("cache");
        let cache = cache.to_str().expect("its path is text");
        let program = on.scene.once().args(["--cache-dir", cache, "--filter", filter]);
        recorded(&on.scene, program.args(["--filter-settings", "{}"]))
    };
    let volume = |bytes| {
        OnVolume::one_folder(Scene::of(Cluster::sample()), "cache", bytes, "a cache on a volume of its own")
    };
    let not_kept = |why: &str| [format!("compiled filters are not kept in --cache-dir: {why}")];

    let Some(small) = volume(64 << 10) else { return };
    assert_eq!(in_dir(&small, "default"), not_kept("No space left on device (os error 28)"));
    let left = small.scene.path("cache/filters").read_dir().expect("it is there").count();
    assert_eq!(left, 0, "nothing half written");

    let Some(large) = volume(4 << 20) else { return };
    assert_eq!(in_dir(&large, "default"), [""; 0]);
    large.volume.remount("ro");
    assert_eq!(in_dir(&large, "default"), [""; 0], "what is there is used");
    let another = [minutebook::select::stock("default").unwrap(), &[0, 2, 1, b'x']].concat();
    fs::write(large.scene.path("another.wasm"), another).unwrap();
    assert_eq!(in_dir(&large, "./another.wasm"), not_kept("Read-only file system (os error 30)"));
}
