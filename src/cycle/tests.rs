//! Whole cycles against a script: what is committed when things go wrong, bugs of ours included.

use std::collections::BTreeMap;
use std::future::pending;
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tempfile::TempDir;

use super::*;
use crate::access::Overlay;
use crate::cluster::scripted::{Reply, resource};
use crate::model::catalog::{Catalog, Resource};
use crate::model::name::{Group, Label, ResourceName};
use crate::select::stock;
use crate::store::{AuditDir, NamedFiles};
use crate::testing::{ManualClock, ToScript, context, nobody, to_script, well};

struct Rig {
    root: TempDir,
    connect: Arc<ToScript>,
    clock: Arc<ManualClock>,
    context: Arc<Context>,
}

fn rig_with(connect: Arc<ToScript>, change: impl FnOnce(&mut Context, &Path)) -> Rig {
    let (root, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let mut context = context(root.path(), Arc::clone(&connect), Arc::clone(&clock), nobody());
    change(&mut context, root.path());
    Rig { root, connect, clock, context: Arc::new(context) }
}

fn rig(connect: Arc<ToScript>) -> Rig {
    rig_with(connect, |_, _| ())
}

fn never() -> futures_util::future::Shared<BoxFuture<'static, &'static str>> {
    pending().boxed().shared()
}

impl Rig {
    fn tick(&self, slot: u64) -> Tick {
        let at = self.context.clock.boot();
        Tick {
            slot,
            deadline: at + Duration::from_secs(55),
            started: self.context.clock.wall(),
            began: at,
            ..Tick::default()
        }
    }

    async fn cycle(&self) -> Report {
        run(&self.context, self.tick(0), never()).await
    }

    fn folder(&self) -> PathBuf {
        self.root.path().join("host/cluster/namespace")
    }

    fn names(&self) -> Vec<String> {
        let name =
            |entry: std::io::Result<std::fs::DirEntry>| entry.unwrap().file_name().into_string().unwrap();
        let mut names: Vec<String> = self.folder().read_dir().unwrap().map(name).collect();
        names.sort();
        names
    }

    fn bytes(&self, name: &str) -> Vec<u8> {
        std::fs::read(self.folder().join(name)).unwrap()
    }

    fn log(&self, stamp: &str) -> String {
        String::from_utf8(self.bytes(&format!("{stamp}.audit.log"))).unwrap()
    }

    fn entries(&self, stamp: &str) -> BTreeMap<String, String> {
        let bytes = self.bytes(&format!("{stamp}.audit.tar.gz"));
        let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(&bytes[..]));
        let entry = |entry: std::io::Result<tar::Entry<'_, _>>| {
            let mut entry = entry.unwrap();
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            (entry.path().unwrap().display().to_string(), text)
        };
        tar.entries().unwrap().map(entry).collect()
    }
}

const FIRST: &str = "2020-10-31T071055";

#[tokio::test(start_paused = true)]
async fn a_cycle_leaves_an_archive_and_a_log_and_nothing_else() {
    let rig = rig(to_script(well(&["a", "b"])));
    let report = rig.cycle().await;
    assert_eq!((report.recorded, report.errors, report.warnings), (2, 0, 0));
    assert_eq!(rig.names(), [format!("{FIRST}.audit.log"), format!("{FIRST}.audit.tar.gz")]);
    assert_eq!(rig.entries(FIRST).keys().map(String::as_str).collect::<Vec<_>>(), ["a.json", "b.json"]);
    assert!(
        rig.log(FIRST).lines().next_back().unwrap().ends_with("no errors, no warnings"),
        "{}",
        rig.log(FIRST)
    );
}

#[tokio::test(start_paused = true)]
async fn the_same_inputs_and_the_same_tick_give_the_same_bytes() {
    let one = rig(to_script(well(&["a", "b", "c", "d", "e", "f"])));
    let other = rig(to_script(well(&["f", "e", "d", "c", "b", "a"])));
    one.cycle().await;
    other.cycle().await;
    let name = format!("{FIRST}.audit.tar.gz");
    assert_eq!(one.entries(FIRST).len(), 6);
    assert!(one.bytes(&name) == other.bytes(&name), "the order of discovery shows in the archive");
}

#[tokio::test(start_paused = true)]
async fn a_panic_in_discovery_leaves_an_empty_archive_and_is_called_a_bug() {
    let rig = rig(to_script(|_, _| Reply::Panic));
    let report = rig.cycle().await;
    assert_eq!((report.recorded, report.errors), (0, 1));
    assert!(rig.entries(FIRST).is_empty());
    let log = rig.log(FIRST);
    assert!(
        log.contains(
            " ERROR - a bug in minutebook ended the cycle early, please report it: a scripted panic\n"
        ),
        "{log}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_panic_while_fetching_keeps_what_was_complete_and_names_the_rest() {
    let rig = rig(to_script(|url, nth| match resource(url).as_str() {
        "b" => {
            // By then the others are there.
            Reply::Chunks(vec![(Duration::from_secs(1), String::new())])
        }
        "c" if nth == 0 => Reply::Whole(500, String::new()),
        "c" => Reply::Panic,
        _ => well(&["a", "b", "c"])(url, nth),
    }));
    let report = rig.cycle().await;
    assert_eq!(rig.entries(FIRST).keys().map(String::as_str).collect::<Vec<_>>(), ["a.json"]);
    let log = rig.log(FIRST);
    assert!(log.contains(" ERROR - a bug in minutebook"), "{log}");
    for name in ["b", "c"] {
        assert!(log.contains(&format!(" ERROR {name} not recorded, because of the bug above\n")), "{log}");
    }
    assert!(log.contains("recorded 1 resource of 3 selected"), "{log}");
    assert_eq!((report.recorded, report.errors), (1, 3));
}

#[tokio::test(start_paused = true)]
async fn after_a_panic_the_next_cycle_is_as_good_as_ever() {
    let rig = rig(to_script(|url, nth| if nth == 0 { Reply::Panic } else { well(&["a"])(url, nth) }));
    assert_eq!(rig.cycle().await.errors, 1);
    // The list of the second cycle is asked for the first time, and the bug is in each first time.
    assert_eq!(rig.cycle().await.errors, 2);
    assert_eq!(rig.cycle().await.errors, 0);
}

#[tokio::test(start_paused = true)]
async fn a_taken_name_moves_both_files_to_the_next_free_second() {
    let rig = rig(to_script(well(&["a"])));
    std::fs::create_dir_all(rig.folder()).unwrap();
    std::fs::File::create_new(rig.folder().join(format!("{FIRST}.audit.log"))).unwrap();
    std::fs::File::create_new(rig.folder().join("2020-10-31T071056.audit.tar.gz")).unwrap();
    rig.cycle().await;
    assert_eq!(rig.names().len(), 4);
    assert!(rig.log("2020-10-31T071057").contains("begun 2020-10-31T07:10:55.000Z"));
    assert_eq!(rig.entries("2020-10-31T071057").len(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_signal_cuts_the_cycle_off_and_commits_it() {
    let rig = rig(to_script(|url, nth| match resource(url).as_str() {
        "slow" => Reply::Silence,
        _ => well(&["quick", "slow"])(url, nth),
    }));
    let signal = async {
        tokio::time::sleep(Duration::from_secs(3)).await;
        "SIGTERM"
    };
    let report = run(&rig.context, rig.tick(0), signal.boxed().shared()).await;
    assert!(report.interrupted);
    assert_eq!(rig.entries(FIRST).keys().map(String::as_str).collect::<Vec<_>>(), ["quick.json"]);
    let log = rig.log(FIRST);
    assert!(
        log.contains(" ERROR slow GET https://host/") && log.contains(": interrupted by SIGTERM\n"),
        "{log}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_signal_before_the_selection_is_told_as_such() {
    let rig = rig(to_script(|_, _| Reply::Silence));
    let signal = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        "SIGINT"
    };
    let report = run(&rig.context, rig.tick(0), signal.boxed().shared()).await;
    assert!(report.interrupted);
    let log = rig.log(FIRST);
    assert!(log.contains("ERROR - discovery: GET https://host/k8s/clusters/cluster/api/v1?timeout=32s: interrupted by SIGINT"), "{log}");
}

#[tokio::test(start_paused = true)]
async fn a_filter_that_fails_leaves_an_empty_archive() {
    let connect = to_script(well(&["a"]));
    let rig = rig_with(connect, |context, _| {
        context.filter.settings = SettingsSource::Inline(r#"{"x":1}"#.to_owned());
    });
    rig.cycle().await;
    assert!(rig.entries(FIRST).is_empty());
    assert!(rig.log(FIRST).contains("ERROR - filter default: "), "{}", rig.log(FIRST));
    assert_eq!(rig.connect.cluster.count("a"), 0, "nothing is fetched that nobody selected");
}

#[tokio::test(start_paused = true)]
async fn missed_slots_are_named_with_their_times() {
    let rig = rig(to_script(well(&["a"])));
    let tick = Tick { missed: Some(2..=4), ..rig.tick(5) };
    let report = run(&rig.context, tick, never()).await;
    assert_eq!(report.errors, 1);
    let log = rig.log(FIRST);
    let line = log.lines().nth(1).unwrap();
    assert!(
        line.contains(
            " ERROR - slots 2 to 4 were missed (about 2020-10-31T07:07:55Z to 2020-10-31T07:09:55Z)"
        ),
        "{line}"
    );
}

#[tokio::test(start_paused = true)]
async fn without_an_audit_dir_nothing_is_asked_and_nothing_is_made() {
    let rig = rig_with(to_script(well(&["a"])), |context, root| {
        let authority = cap_std::ambient_authority();
        context.audit_dir = AuditDir::new(root.join("unmounted"), authority);
    });
    let report = rig.cycle().await;
    assert!(matches!(report.committed, Err(NotCommitted::AuditDir(OpenError::Open { .. }))));
    assert_eq!((rig.root.path().read_dir().unwrap().count(), rig.connect.cluster.count("v1")), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn another_audit_dir_under_the_same_path_is_told() {
    let base = tempfile::tempdir().unwrap();
    let path = base.path().join("audit");
    std::fs::create_dir(&path).unwrap();
    let rig = rig_with(to_script(well(&["a"])), |context, _| {
        let authority = cap_std::ambient_authority();
        context.audit_dir = AuditDir::new(path.clone(), authority);
    });
    assert_eq!(rig.cycle().await.warnings, 0);
    // Kept, so that its inode cannot be given to the next one.
    let moved = base.path().join("moved");
    std::fs::rename(&path, &moved).unwrap();
    std::fs::create_dir(&path).unwrap();
    assert_eq!(rig.cycle().await.warnings, 1);
    assert_eq!(rig.cycle().await.warnings, 0);
}

#[tokio::test(start_paused = true)]
async fn the_last_good_token_is_kept_and_without_one_nothing_is_asked() {
    let files = tempfile::tempdir().unwrap();
    let token = files.path().join("token");
    let rig = rig_with(to_script(well(&["a"])), |context, _| {
        let overlay = Overlay { token: Some(token.clone()), ..Overlay::default() };
        context.credentials = CredentialSource::Fixed(context.credentials.first().clone().overlaid(&overlay));
        let authority = cap_std::ambient_authority();
        context.files = NamedFiles::new([token.clone()], authority);
    });
    let put = |text: &str| {
        std::fs::write(&token, text).unwrap();
    };
    assert_eq!(rig.cycle().await.errors, 1);
    assert_eq!(rig.connect.cluster.count("v1"), 0);
    put("first\n");
    assert_eq!((rig.cycle().await.errors, rig.connect.cluster.count("v1")), (0, 1));
    put(" \n");
    let report = rig.cycle().await;
    assert_eq!((report.errors, report.warnings, report.recorded), (0, 1, 1));
    put("second");
    assert_eq!(rig.cycle().await.warnings, 0);
    let used: Vec<_> = rig
        .connect
        .made
        .lock()
        .unwrap()
        .iter()
        .map(|(_, caller)| caller.authorization.clone().unwrap())
        .collect();
    let expected = ["first", "first", "second"]
        .map(|text| crate::cluster::Authorization::bearer(text.as_bytes()).unwrap());
    assert!(used == expected);
    assert!(rig.names().iter().filter(|name| name.ends_with("audit.log")).count() == 4);
    rig.clock.step(chrono::TimeDelta::zero());
}

#[tokio::test(start_paused = true)]
async fn bad_certificates_do_not_replace_good_ones() {
    let files = tempfile::tempdir().unwrap();
    let ca = files.path().join("ca.pem");
    let rig = rig_with(to_script(well(&["a"])), |context, _| {
        let overlay = Overlay { ca: Some(ca.clone()), ..Overlay::default() };
        context.credentials = CredentialSource::Fixed(context.credentials.first().clone().overlaid(&overlay));
        let authority = cap_std::ambient_authority();
        context.files = NamedFiles::new([ca.clone()], authority);
    });
    let put = |text: &str| {
        std::fs::write(&ca, text).unwrap();
    };
    put("bad");
    assert_eq!(rig.cycle().await.errors, 1);
    put("good");
    assert_eq!(rig.cycle().await.errors, 0);
    put("bad");
    let report = rig.cycle().await;
    assert_eq!((report.errors, report.warnings, report.recorded), (0, 1, 1));
}

/// The manifests of the rig's target, by their sequence.
fn manifests(root: &Path) -> BTreeMap<u64, serde_json::Value> {
    let folder = root.join("host/cluster/.ledger/manifests/namespace");
    let read = |entry: std::io::Result<std::fs::DirEntry>| {
        let text = std::fs::read(entry.unwrap().path()).unwrap();
        let manifest: serde_json::Value = serde_json::from_slice(&text).unwrap();
        (manifest["sequence"].as_u64().unwrap(), manifest)
    };
    folder.read_dir().unwrap().map(read).collect()
}

/// The same target after a restart: only the folders are the same.
fn restarted(root: &Path, clock: &Arc<ManualClock>) -> Arc<Context> {
    Arc::new(context(root, to_script(well(&["a"])), Arc::clone(clock), nobody()))
}

async fn cycle_of(context: &Arc<Context>) -> Report {
    let at = context.clock.boot();
    let deadline = at + Duration::from_secs(55);
    let tick = Tick { deadline, started: context.clock.wall(), began: at, ..Tick::default() };
    run(context, tick, never()).await
}

/// Returns once the state says so; writing it is waited for by nobody.
async fn remembered(root: &Path, sequence: u64) {
    let wanted = format!("\"sequence\":{sequence},");
    let text = |path: &Path| std::fs::read_to_string(path).unwrap_or_default();
    let folder = root.with_extension("state");
    loop {
        let one = folder.read_dir().ok().and_then(|mut folders| folders.next());
        let file = one.map(|folder| folder.unwrap().path().join("host/cluster/namespace.json"));
        if file.is_some_and(|file| text(&file).contains(&wanted)) {
            return;
        }
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn the_sequence_goes_on_after_a_restart_and_what_was_interrupted_is_told_once() {
    let (base, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let root = base.path().join("audit");
    std::fs::create_dir(&root).unwrap();
    cycle_of(&restarted(&root, &clock)).await;
    remembered(&root, 1).await;
    // Killed after its archive, and while something had a temporary name.
    let folder = root.join("host/cluster/namespace");
    let lone = "2030-01-01T000000.audit.tar.gz";
    std::fs::copy(folder.join(format!("{FIRST}.audit.tar.gz")), folder.join(lone)).unwrap();
    std::fs::write(folder.join(".minutebook-1-ab.tmp"), "half").unwrap();

    let again = restarted(&root, &clock);
    assert_eq!(cycle_of(&again).await.warnings, 2);
    assert!(folder.join(lone).exists() && !folder.join(".minutebook-1-ab.tmp").exists());
    assert_eq!(cycle_of(&again).await.warnings, 0);
    remembered(&root, 3).await;
    drop(again);
    assert_eq!(cycle_of(&restarted(&root, &clock)).await.warnings, 0, "it is known");
    let manifests = manifests(&root);
    assert_eq!(manifests.keys().copied().collect::<Vec<_>>(), [1, 2, 3, 4]);
    let recovered = |sequence| manifests[&sequence]["recovered"].as_array().unwrap().len();
    assert_eq!([1, 2, 3, 4].map(recovered), [0, 2, 0, 0]);
}

#[tokio::test]
async fn an_older_audit_dir_is_noticed_and_the_sequence_is_not_given_twice() {
    let (base, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let root = base.path().join("audit");
    std::fs::create_dir(&root).unwrap();
    cycle_of(&restarted(&root, &clock)).await;
    cycle_of(&restarted(&root, &clock)).await;
    remembered(&root, 2).await;
    std::fs::remove_dir_all(&root).unwrap();
    std::fs::create_dir(&root).unwrap();
    assert_eq!(cycle_of(&restarted(&root, &clock)).await.warnings, 1);
    assert_eq!(manifests(&root).keys().copied().collect::<Vec<_>>(), [3]);
}

#[tokio::test]
async fn a_target_is_recorded_by_one_at_a_time() {
    let (base, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let root = base.path().join("audit");
    std::fs::create_dir(&root).unwrap();
    let first = restarted(&root, &clock);
    cycle_of(&first).await;
    let second = restarted(&root, &clock);
    assert!(matches!(second.claim(), Err(NotCommitted::Held(_))));
    assert!(
        matches!(cycle_of(&second).await.committed, Err(NotCommitted::Held(holder)) if holder.contains("process "))
    );
    drop(first);
    assert!(cycle_of(&second).await.committed.is_ok());
}

#[tokio::test]
async fn without_a_place_for_manifests_the_archive_is_there_all_the_same() {
    let (base, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let root = base.path().join("audit");
    std::fs::create_dir_all(root.join("host/cluster")).unwrap();
    std::fs::write(root.join("host/cluster/.ledger"), "in the way").unwrap();
    let target = restarted(&root, &clock);
    let report = cycle_of(&target).await;
    assert_eq!((report.errors, report.recorded), (1, 1));
    let committed = report.committed.unwrap();
    assert!(committed.archive.is_ok() && committed.log.is_ok() && committed.manifest.is_err());
    // Once there is room the next manifest tells of it.
    std::fs::remove_file(root.join("host/cluster/.ledger")).unwrap();
    cycle_of(&target).await;
    assert_eq!(manifests(&root)[&1]["recovered"].as_array().unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
#[expect(clippy::await_holding_lock, reason = "whoever waits is refused, and does not wait")]
async fn files_that_are_still_being_read_are_not_read_again() {
    let rig = rig_with(to_script(well(&["a"])), |context, root| {
        let path = root.join("filter.wasm");
        std::fs::write(&path, stock("default").unwrap()).unwrap();
        context.files = NamedFiles::new([path.clone()], cap_std::ambient_authority());
        context.filter.source = FilterSource::File(path);
    });
    let carried = &rig.context.carried;
    // As the thread of an earlier cycle holds it whose file system does not answer.
    {
        let _held = carried.credentials.try_lock().unwrap();
        assert_eq!(rig.cycle().await.errors, 1);
    }
    assert_eq!(rig.connect.cluster.count("v1"), 0);
    let still = "ERROR - the files with credentials are still being read for an earlier cycle";
    assert!(rig.log(FIRST).contains(still), "{}", rig.log(FIRST));
    {
        let _held = carried.rule_files.filter.lock().unwrap();
        assert_eq!(rig.cycle().await.errors, 1);
    }
    let second = rig.log("2020-10-31T071056");
    let still = "its file is still being read for an earlier cycle; the file system does not answer\n";
    assert!(second.contains(still), "{second}");
    assert_eq!((rig.connect.cluster.count("v1"), rig.cycle().await.recorded), (1, 1));
}

#[tokio::test(start_paused = true)]
async fn other_files_are_read_whatever_became_of_those_before() {
    let connect = to_script(well(&["a"]));
    let before = rig(Arc::clone(&connect));
    let _held = before.context.carried.rule_files.filter.lock().unwrap();
    let _held = before.context.carried.rule_files.settings.lock().unwrap();
    let after = |settings: &str| {
        rig_with(Arc::clone(&connect), |context, _| {
            context.filter.settings = SettingsSource::Inline(settings.to_owned());
            context.carry_from(&before.context);
        })
    };
    assert!(after("{}").context.carried.rule_files.settings.try_lock().is_err());
    assert!(after("{} ").context.carried.rule_files.settings.try_lock().is_ok());
    assert!(after("{} ").context.carried.rule_files.filter.try_lock().is_err());
}

#[tokio::test(start_paused = true)]
async fn nothing_that_a_filter_says_is_told_as_it_is() {
    let catalog = Arc::new(Catalog {
        resources: vec![Resource {
            id: ResourceName::new(Label::parse("a").unwrap(), Group::default()).unwrap(),
            version: Label::parse("v1").unwrap(),
            kind: "A".to_owned(),
            singular_name: String::new(),
            namespaced: true,
            verbs: vec!["list".to_owned()],
            short_names: Vec::new(),
            categories: Vec::new(),
        }],
        ..Catalog::default()
    });
    for (settings, decides) in [(r#"{"include":["nothing"]}"#, true), (r#"{"secret":1}"#, false)] {
        let rig = rig_with(to_script(well(&[])), |context, _| {
            context.filter.settings = SettingsSource::Inline(settings.to_owned());
        });
        let journal = Journal::new(|| DateTime::UNIX_EPOCH);
        let looked = rule::look(&rig.context).await;
        let conceal = |_: &str| "(concealed)".to_owned();
        let chosen = rule::choose(&rig.context, looked, &catalog, Duration::MAX, &journal, conceal).await;
        let lines: Vec<String> = journal.events().into_iter().map(|event| event.message).collect();
        assert_eq!(lines, [if decides { "filter: (concealed)" } else { "(concealed)" }]);
        let verdicts = chosen.selected.map(|selected| selected.selection.verdicts);
        let reasons: Vec<_> = verdicts.into_iter().flatten().map(|verdict| verdict.reason).collect();
        assert_eq!(reasons, vec!["(concealed)"; usize::from(decides)]);
    }
}
