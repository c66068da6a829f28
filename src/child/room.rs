//! What is left of the memory that a container may use.
//!
//! Kubernetes has the kernel end all processes of a container that has used up its memory (`memory.oom.group`), so
//! whoever waits for a child would go with it. The limits are those of control groups, version 2; with version 1 the
//! kernel ends one process, and the child asks to be that one.
//! Source: `Documentation/admin-guide/cgroup-v2.rst` of the Linux kernel.

use std::path::{Component, Path};

use cap_std::AmbientAuthority;
use cap_std::fs::Dir;

/// Where the control groups of version 2 are.
const GROUPS: &str = "/sys/fs/cgroup";
/// Of what is left, the rest stays for whoever waits for the child.
const SHARE: [u64; 2] = [3, 4];

/// Bytes of memory that a child of this process may take for its groups not to run out of it; `None` if they have no
/// limit, or none that can be seen.
#[must_use]
pub fn room(authority: AmbientAuthority) -> Option<u64> {
    let own = Dir::open_ambient_dir("/proc/self", authority).ok()?.read_to_string("cgroup").ok()?;
    let groups = Dir::open_ambient_dir(GROUPS, authority).ok()?;
    least(&groups, own_group(&own)?)
}

/// The path of this process's group, from the text of `/proc/self/cgroup`. Inside a container it is `/`.
fn own_group(text: &str) -> Option<&Path> {
    let path = text.lines().find_map(|line| line.strip_prefix("0::"))?;
    Some(Path::new(path))
}

/// What the group and those around it leave, whichever leaves least.
fn least(groups: &Dir, own: &Path) -> Option<u64> {
    // Of a group outside of what this process sees, the path begins with `..`; then the outermost that it does see counts.
    let seen = !own.components().any(|part| part == Component::ParentDir);
    let own = own.strip_prefix("/").ok().filter(|_| seen).unwrap_or(Path::new(""));
    let left = own.ancestors().filter_map(|group| {
        let read = |file: &str| groups.read_to_string(group.join(file)).ok();
        left(&read("memory.max")?, &read("memory.current")?, &read("memory.stat")?)
    });
    left.min().map(|left| left / SHARE[1] * SHARE[0])
}

/// What a group leaves, from the texts of its files. What is kept of files is given up when memory is wanted.
fn left(max: &str, current: &str, stat: &str) -> Option<u64> {
    let max: u64 = max.trim().parse().ok()?;
    let current: u64 = current.trim().parse().ok()?;
    let of_files = ["inactive_file ", "active_file "].into_iter().filter_map(|key| {
        let line = stat.lines().find_map(|line| line.strip_prefix(key))?;
        line.trim().parse::<u64>().ok()
    });
    Some(max.saturating_sub(current.saturating_sub(of_files.sum())))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    fn groups(files: &[(&str, u64, Option<u64>)]) -> (tempfile::TempDir, Dir) {
        let folder = tempfile::tempdir().unwrap();
        for (group, current, max) in files {
            let group = folder.path().join(group);
            std::fs::create_dir_all(&group).unwrap();
            let max = max.map_or("max\n".to_owned(), |max| format!("{}\n", max * MIB));
            let stat = format!("anon 1\nfile 2\ninactive_file {}\nactive_file {MIB}\n", 3 * MIB);
            for (file, text) in [
                ("memory.max", max),
                ("memory.current", format!("{}\n", current * MIB)),
                ("memory.stat", stat),
            ] {
                std::fs::write(group.join(file), text).unwrap();
            }
        }
        let dir = Dir::from_std_file(std::fs::File::open(folder.path()).unwrap());
        (folder, dir)
    }

    #[test]
    fn the_narrowest_group_counts_and_what_is_kept_of_files_does_not() {
        let around = ("pods", 1000, Some(2000));
        for (own, files, expected) in [
            ("/", &[("", 60, Some(256))][..], Some(200)),
            ("/pods/one", &[around, ("pods/one", 104, Some(500))], Some(400)),
            ("/pods/one", &[around, ("pods/one", 104, Some(5000))], Some(1004)),
            ("/pods/one", &[around, ("pods/one", 104, None)], Some(1004)),
            ("/../two", &[("", 60, Some(256)), ("two", 1, Some(2))], Some(200)),
            // More than there is may be in use, when the limit was lowered.
            ("/", &[("", 300, Some(256))], Some(0)),
            ("/", &[("", 300, None)], None),
            ("/elsewhere", &[], None),
        ] {
            let (_folder, dir) = groups(files);
            assert_eq!(
                least(&dir, Path::new(own)),
                expected.map(|left| left * MIB / 4 * 3),
                "{own} {files:?}"
            );
        }
    }

    #[test]
    fn the_own_group_is_that_of_version_2() {
        let both = "4:memory:/process\n0::/pods/one\n";
        assert_eq!(own_group(both), Some(Path::new("/pods/one")));
        assert_eq!(own_group("4:memory:/process\n"), None);
    }

    #[test]
    fn what_is_not_as_described_is_no_limit() {
        assert_eq!(left("x", "1", ""), None);
        assert_eq!(left("1", "", ""), None);
        assert_eq!(left("10\n", "7\n", ""), Some(3));
    }
}
