//! Where the file system has no files without a name a file has a temporary one until it is
//! complete. File systems in use here all have them, so strace takes them away: of the two ways
//! to make a file, which a thread always tries one after the other, the first one is refused.

use rustix::process::Signal;

use super::left::{self, Left};
use super::trace::{self, Call};
use super::{paced, rich, side_by_side};
use crate::support::binary::Ended;
use crate::support::cluster::{CLUSTER, HOST, NAMESPACE};
use crate::support::manifest::LEDGER;
use crate::support::scene::Scene;

const NO_UNNAMED_FILES: &str = "--inject=openat:error=EOPNOTSUPP:when=1+2";
const NO_HARD_LINKS: &str = "--inject=linkat:error=EPERM";

/// More than a thread makes of one kind.
const CALLS_OF_A_THREAD: usize = 20;

/// The calls about temporary names.
const CALLS: &str = "--trace=openat,linkat,renameat2,unlinkat,fsync";

#[test]
#[ignore = "long: .ci/full runs it"]
fn a_temporary_name_does_as_well() {
    if !trace::can_trace("a file system without unnamed files") {
        return;
    }
    let calls = recorded(&[NO_UNNAMED_FILES]);
    assert_eq!(calls.iter().filter(|call| call.name == "linkat").count(), 3, "{calls:#?}");
    assert_eq!(calls.iter().filter(|call| call.name == "renameat2").count(), 0, "{calls:#?}");
    // Of the spool, of the archive, of the log and of the manifest.
    assert_eq!(calls.iter().filter(|call| call.name == "unlinkat").count(), 4, "{calls:#?}");
}

#[test]
#[ignore = "long: .ci/full runs it"]
fn so_does_renaming_where_there_are_no_hard_links_either() {
    if !trace::can_trace("a file system without hard links") {
        return;
    }
    let calls = recorded(&[NO_UNNAMED_FILES, NO_HARD_LINKS]);
    let renamed: Vec<_> = calls.iter().filter(|call| call.name == "renameat2").collect();
    assert_eq!(renamed.len(), 3, "{calls:#?}");
    assert!(renamed.iter().all(|call| call.arguments.contains("RENAME_NOREPLACE")), "{renamed:#?}");
}

/// A faultless cycle, but for what the file system lacks.
fn recorded(lacks: &[&str]) -> Vec<Call> {
    let scene = paced(rich());
    let (ended, calls) = once(&scene, lacks);
    let ended = ended.expect_code(0);
    let Left { cycles, temporary } = left::check(&scene);
    assert_eq!(temporary, [""; 0], "nothing is left");
    let [cycle] = &cycles.values().collect::<Vec<_>>()[..] else { panic!("one cycle: {cycles:#?}") };
    left::check_exit(&ended, cycle, &rich().entries());
    let hidden = calls.iter().filter(|call| call.name == "openat" && call.arguments.contains("O_EXCL"));
    assert_eq!(hidden.count(), 4, "files with temporary names: {calls:#?}");
    calls
}

/// Each call fails, or is the last one, in turn. The next start removes what is left.
#[test]
#[ignore = "long: .ci/full runs it"]
fn at_worst_a_temporary_name_is_left() {
    if !trace::can_trace("faults on a file system without unnamed files") {
        return;
    }
    let mut work = Vec::new();
    for name in ["linkat", "unlinkat", "renameat2", "fsync"] {
        work.extend(["error=EIO", "error=ENOSPC", "signal=KILL"].map(|how| (name, how)));
    }
    let hits: usize = side_by_side(work, |(name, how)| {
        (1..CALLS_OF_A_THREAD).take_while(|nth| hit(name, how, *nth)).count()
    })
    .into_iter()
    .sum();
    assert!(hits >= 12, "calls were hit: {hits}");
}

/// Makes the n-th call of each thread fail, and says whether any did.
fn hit(name: &str, how: &str, nth: usize) -> bool {
    let scene = paced(rich());
    let fault = format!("--inject={name}:{how}:when={nth}");
    let mut injected = vec![NO_UNNAMED_FILES, &fault];
    injected.extend((name == "renameat2").then_some(NO_HARD_LINKS));
    let (ended, calls) = once(&scene, &injected);
    let was_hit = calls.iter().any(|call| call.name == name && call.was_hit());

    let Left { cycles, temporary } = left::check(&scene);
    let killed = how == "signal=KILL" && was_hit;
    let excused = killed || name == "unlinkat";
    assert!(temporary.is_empty() || excused, "{temporary:?} is left; {ended:#?}");
    let before: Vec<_> = cycles.keys().cloned().collect();
    let unsealed = cycles.iter().filter(|(_, cycle)| cycle.manifest.is_none());
    let unsealed: Vec<_> = unsealed.map(|(name, _)| name.clone()).collect();
    let cycle = cycles.into_values().next().unwrap_or_default();
    if killed {
        assert_eq!(ended.signal(), Some(Signal::KILL.as_raw()), "{ended:#?}");
    } else {
        left::check_exit(&ended, &cycle, &rich().entries());
        let told = temporary.is_empty() || ended.stderr.contains("temporary file");
        assert!(told || !cycle.lines("ERROR").is_empty(), "{temporary:?} is left silently; {ended:#?}");
    }

    scene.once().run().expect_code(0);
    let after = left::check(&scene);
    assert_eq!(after.temporary, [""; 0], "the next start clears them: {after:#?}");
    let new: Vec<_> = after.cycles.iter().filter(|(name, _)| !before.contains(name)).collect();
    let [(_, new)] = new[..] else { panic!("one more cycle than {before:?}: {after:#?}") };
    left::check_told(new, unsealed.iter().chain(&temporary));
    was_hit
}

/// One cycle with these faults in the target's folder and in that of its manifests.
fn once(scene: &Scene, injected: &[&str]) -> (Ended, Vec<Call>) {
    let cluster = scene.audit().join(HOST).join(CLUSTER);
    let manifests = cluster.join(LEDGER).join("manifests");
    let [records, manifests] =
        [cluster, manifests].map(|folder| format!("-P{}", folder.join(NAMESPACE).display()));
    let of_all = [CALLS, &records, &manifests];
    let arguments: Vec<_> = of_all.into_iter().chain(injected.iter().copied()).collect();
    trace::once(scene, &arguments)
}
