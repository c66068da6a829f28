//! File systems in memory, mounted for one test and gone with it, so that a disk can be full or
//! write-protected without harm to any other.

use std::path::{Path, PathBuf};
use std::process::Command;

use rustix::process::geteuid;

use super::skip;
use crate::support::cluster::Cluster;
use crate::support::scene::Scene;

/// A mounted file system; unmounted when dropped.
pub(super) struct Volume {
    path: PathBuf,
}

/// A scene with a volume in it. The volume goes first.
pub(super) struct OnVolume {
    pub(super) volume: Volume,
    pub(super) scene: Scene,
}

impl OnVolume {
    /// The whole folder of the scene on a volume, or a line that says why not.
    pub(super) fn whole(scene: Scene, test: &str) -> Option<OnVolume> {
        let volume = Volume::mount(scene.folder(), "size=64m", test)?;
        Some(OnVolume { volume, scene })
    }

    /// AUDIT_DIR alone on a volume of so many bytes, or a line that says why not.
    pub(super) fn audit_dir(cluster: Cluster, bytes: u64, test: &str) -> Option<OnVolume> {
        OnVolume::one_folder(Scene::of(cluster), "audit", bytes, test)
    }

    /// One folder of the scene alone on a volume of so many bytes, or a line that says why not.
    pub(super) fn one_folder(scene: Scene, name: &str, bytes: u64, test: &str) -> Option<OnVolume> {
        std::fs::create_dir(scene.path(name)).expect("a folder can be made");
        let volume = Volume::mount(&scene.path(name), &format!("size={bytes},mode=0750"), test)?;
        Some(OnVolume { volume, scene })
    }
}

impl Volume {
    fn mount(path: &Path, options: &str, test: &str) -> Option<Volume> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", options, "minutebook-test"]).arg(path);
        match succeeded(&mut mount) {
            Ok(()) => Some(Volume { path: path.to_owned() }),
            Err(why) => {
                let must = std::env::var_os("CI").is_some() && geteuid().is_root();
                assert!(!must, "with CI set root must be able to mount: {why}");
                skip(test, &format!("mounting needs root (or `unshare --map-root-user --mount`): {why}"));
                None
            }
        }
    }

    /// Mounts it again, `ro` or `rw`.
    pub(super) fn remount(&self, how: &str) {
        let mut mount = Command::new("mount");
        mount.args(["-o", &format!("remount,{how}")]).arg(&self.path);
        succeeded(&mut mount).expect("what could be mounted can be mounted again");
    }

    /// Leaves no room on it.
    pub(super) fn fill(&self) {
        let full = std::fs::write(self.filler(), vec![0; 64 << 20]).expect_err("it is smaller than that");
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    }

    /// Makes room again.
    pub(super) fn free(&self) {
        std::fs::remove_file(self.filler()).expect("it was filled before");
    }

    /// Where no cycle looks.
    fn filler(&self) -> PathBuf {
        self.path.join("filler")
    }
}

impl Drop for Volume {
    fn drop(&mut self) {
        // Lazily, so that it goes even if a program still stands in it.
        let unmounted = succeeded(Command::new("umount").arg("--lazy").arg(&self.path));
        assert!(unmounted.is_ok() || std::thread::panicking(), "{unmounted:?}");
    }
}

fn succeeded(command: &mut Command) -> Result<(), String> {
    let output = command.output().map_err(|error| error.to_string())?;
    let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', " ");
    if output.status.success() { Ok(()) } else { Err(said) }
}
