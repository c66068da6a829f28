//! The configuration file: what holds and who says so, everything that is wrong at once, and recording by it.

use std::fmt::Write as _;
use std::fs;
use std::time::Duration;

use serde_json::Value;

use super::{transcript, words};
use crate::support::cluster::{CLUSTER, Cluster, DISCOVERY, HOST, NAMESPACE, list_target};
use crate::support::golden;
use crate::support::oracle::Target;
use crate::support::scene::Scene;
use crate::support::stand_in::StandIn;

/// A file for the exercise's target from the stand-in.
fn sample(scene: &Scene) -> String {
    format!(
        "defaults:\n  server: {}\n  interval: 3s\n  audit-dir: audit\ntargets:\n- host: {HOST}\n  cluster: {CLUSTER}\n  namespace: {NAMESPACE}\n",
        scene.server.url()
    )
}

/// Three targets, of which two are the stand-in's.
const SEVERAL: &str = "\
defaults:
  host: api.example.org
  token-file: secrets/token
  filter-settings:
    include: [nodes]
    exclude: [secrets]
  log-format: json
  state-dir: state
targets:
- {cluster: prod, namespace: shop}
- cluster: prod
  namespace: billing
  interval: 5m
- {host: 'other.example.org:6443', cluster: prod, namespace: shop, filter: ./mine.wasm, server: https://proxy}
";

#[test]
fn show_tells_each_value_and_its_origin() {
    let scene = Scene::of(Cluster::sample());
    fs::create_dir(scene.path("etc")).expect("a folder can be made");
    scene.write("etc/minutebook.yaml", SEVERAL);
    let tell = |line: &str| {
        let program = words(scene.minutebook(), line).env("MINUTEBOOK_MAX_LIST_BYTES", "2GiB");
        let program = program
            .env("MINUTEBOOK_MAX_CYCLE_BYTES", "")
            .env("XDG_STATE_HOME", "/state")
            .env("XDG_CACHE_HOME", "/cache");
        let ended = program.run().expect_code(0);
        transcript(&format!("minutebook {line}"), &ended, |text| scene.normal(text))
    };
    let lines = [
        "config show --config etc/minutebook.yaml --filter-timeout 2s",
        "config show --host h --cluster c --namespace n",
        "config show --host h --cluster c --namespace n --output json",
    ];
    golden::check("config_show.txt", &lines.map(tell).join("\n"));
}

#[test]
fn show_is_json_for_programs() {
    let scene = Scene::of(Cluster::sample());
    scene.write("m.yaml", SEVERAL);
    let program = words(scene.minutebook(), "config show -o json").env("MINUTEBOOK_CONFIG", "m.yaml");
    let ended = program.run().expect_code(0);
    let shown: Value = serde_json::from_str(&ended.stdout).expect("json is JSON");
    assert_eq!(shown["format"], "minutebook.config/1");
    let folders: Vec<_> =
        shown["targets"].as_array().expect("a list").iter().map(|one| &one["folder"]).collect();
    assert_eq!(
        folders,
        ["api.example.org/prod/shop", "api.example.org/prod/billing", "other.example.org_6443/prod/shop"]
    );
    let interval = &shown["targets"][1]["options"]["interval"];
    assert_eq!(interval["value"], "5m");
    assert_eq!(interval["origin"]["line"], 13, "{interval}");
    assert_eq!(shown["process"]["state-dir"]["value"], "state");
}

/// One file with everything wrong that one file can have.
const WRONG: &str = "\
defaults:
  audit_dir: /audit
  interval: 999ms
  once: true
  output: json
  token-file: [a, b]
  filter-settings: {exclude: 0x10, password: hunter2}
  log-format: xml
  nonsense: 1
  interval: 1m
host: h
target: []
targets:
- host: a/b
  cluster: c
  namespace: n
  server: https://user:hunter2@h
- host: h
  state-dir: s
  filter-settings: 'hunter2'
  client-cert: c.pem
- {host: h, cluster: c, namespace: _all, ca-file: }
- {host: h, cluster: c, namespace: n, filter: no-such-filter, filter-fuel: lots}
- just text
- {host: h, cluster: c, namespace: m, filter-memory: {a: b}, <<: {a: b}}
";

#[test]
fn everything_wrong_is_told_at_once_in_the_order_of_lines() {
    let scene = Scene::of(Cluster::sample());
    scene.write("m.yaml", WRONG);
    let mut told = Vec::new();
    for command in ["config check", "config show", "run", "run --once --dry-run"] {
        let line = format!("{command} --config m.yaml");
        let ended = words(scene.minutebook(), &line).run().expect_code(2);
        assert_eq!(ended.stdout, "", "stdout is for data");
        assert!(!ended.stderr.contains("hunter2"), "a secret is not repeated: {ended:#?}");
        let lines: Vec<usize> = ended
            .stderr
            .lines()
            .map(|line| line.split(':').nth(1).expect("a line").parse().expect("a number"))
            .collect();
        assert!(lines.is_sorted(), "{ended:#?}");
        told.push(ended.stderr.clone());
        if command == "config check" {
            let golden = transcript(&format!("minutebook {line}"), &ended, str::to_owned);
            golden::check("config_wrong.txt", &golden);
        }
    }
    assert!(told.iter().all(|one| *one == told[0]), "every command says the same: {told:#?}");
    assert!(!scene.audit().exists());
    assert_eq!(scene.server.targets(), [""; 0], "nothing is asked for");
}

#[test]
fn what_cannot_be_a_file_is_told() {
    let scene = Scene::of(Cluster::sample());
    scene.write("several.yaml", SEVERAL);
    scene.write("broken.yaml", "defaults:\n  host: \"h\n");
    scene.write("two.yaml", "defaults: {host: h}\n---\ndefaults: {host: h}\n");
    scene.write("empty.yaml", "");
    scene.write("large.yaml", &"#".repeat((4 << 20) + 1));
    fs::write(scene.path("latin.yaml"), b"defaults:\n  host: \xfc\n").expect("a file can be written");
    scene.write("same.yaml", "defaults: {cluster: c, namespace: n}\ntargets: [{host: h}, {host: H}]\n");
    scene.write(
        "clear.yaml",
        "defaults: {host: h, cluster: c, namespace: n}\ntargets:\n- token-file: t\n  server: http://h\n",
    );
    scene.write("certificate.yaml", "targets:\n- {host: h, cluster: c, namespace: n, client-cert: c.pem}\n");
    let mut laughs = "defaults:\n  a0: &a0 lol\n".to_owned();
    for at in 1..30 {
        let below = format!("*a{},", at - 1).repeat(10);
        writeln!(laughs, "  a{at}: &a{at} [{below}]").expect("text can be added to a string");
    }
    scene.write("laughs.yaml", &laughs);
    let tell = |line: &str| {
        let ended = words(scene.minutebook(), line).run().expect_code(2);
        assert_eq!(ended.stdout, "", "stdout is for data");
        transcript(&format!("minutebook {line}"), &ended, |text| scene.normal(text))
    };
    let files =
        ["missing", "broken", "two", "empty", "large", "latin", "same", "clear", "certificate", "laughs"];
    let mut told: Vec<_> = files.map(|name| tell(&format!("config check --config {name}.yaml"))).to_vec();
    told.push(tell("config check --config ."));
    told.push(tell("run --config several.yaml --host h --namespace n"));
    told.push(tell("config check --config"));
    told.push(tell("config check"));
    told.push(tell("run --once --host h --cluster c --namespace n --server http://h --token-file t"));
    golden::check("config_files.txt", &told.join("\n"));
}

#[test]
fn a_variable_of_one_target_is_not_for_several() {
    let scene = Scene::of(Cluster::sample());
    scene.write("m.yaml", SEVERAL);
    let program = words(scene.minutebook(), "run --config m.yaml").env("MINUTEBOOK_CLUSTER", "c");
    let ended = program.run().expect_code(2);
    assert!(ended.stderr.contains("MINUTEBOOK_CLUSTER") && ended.stderr.contains("m.yaml"), "{ended:#?}");
}

#[test]
fn run_records_by_a_file() {
    let scene = Scene::of(Cluster::sample());
    scene.write("m.yaml", &sample(&scene));
    words(scene.minutebook(), "run --once --config m.yaml").run().expect_code(0);
    let cycles = scene.target().check();
    cycles[0].holds(&Cluster::sample().entries());
    assert_eq!(scene.server.targets(), [DISCOVERY.to_owned(), list_target("configmaps")]);
}

#[test]
fn a_flag_goes_before_a_variable_before_the_file() {
    let scene = Scene::of(Cluster::sample());
    let file = sample(&scene).replace("audit-dir: audit", "audit-dir: by-file");
    scene.write("m.yaml", &file);
    let run = || words(scene.minutebook(), "run --once").env("MINUTEBOOK_CONFIG", "m.yaml");
    let check = |folder: &str| Target::sample(&scene.path(folder), Duration::from_secs(3)).check().len();
    run().run().expect_code(0);
    assert_eq!(check("by-file"), 1);
    run().env("MINUTEBOOK_AUDIT_DIR", "by-variable").run().expect_code(0);
    assert_eq!((check("by-file"), check("by-variable")), (1, 1));
    run().env("MINUTEBOOK_AUDIT_DIR", "by-variable").args(["--audit-dir", "by-flag"]).run().expect_code(0);
    assert_eq!((check("by-file"), check("by-variable"), check("by-flag")), (1, 1, 1));
    // As everywhere, an empty variable is none.
    run().env("MINUTEBOOK_AUDIT_DIR", "").env("MINUTEBOOK_HOST", "").run().expect_code(0);
    assert_eq!(check("by-file"), 2);
}

/// What the file lacks may be on the command line, and the other way round.
#[test]
fn a_target_may_be_told_in_parts() {
    let scene = Scene::of(Cluster::sample());
    let file = sample(&scene).replace(&format!("  namespace: {NAMESPACE}\n"), "");
    scene.write("m.yaml", &file);
    let ended = words(scene.minutebook(), "run --once --config m.yaml").run().expect_code(2);
    assert!(ended.stderr.contains("m.yaml:6:3: a target without `--namespace`"), "{ended:#?}");
    let program = words(scene.minutebook(), "run --once --config m.yaml --namespace").args([NAMESPACE]);
    program.run().expect_code(0);
    assert_eq!(scene.target().check().len(), 1);
}

#[test]
fn the_paths_of_a_file_begin_in_its_folder() {
    let scene = Scene::of(Cluster::sample());
    fs::create_dir(scene.path("etc")).expect("a folder can be made");
    let file = sample(&scene) + "  token-file: token\n  filter-settings: '@settings.json'\n";
    scene.write("etc/m.yaml", &file);
    scene.write("etc/token", "abc");
    scene.write("etc/settings.json", "{}");
    words(scene.minutebook(), "run --once --config etc/m.yaml").run().expect_code(0);
    assert_eq!(Target::sample(&scene.path("etc/audit"), Duration::from_secs(3)).check().len(), 1);
    assert_eq!(scene.server.requests()[0].header("authorization"), Some("Bearer abc"));
}

#[test]
fn the_file_says_how_messages_look() {
    let scene = Scene::of(Cluster::sample());
    scene.write("m.yaml", &sample(&scene).replace("defaults:\n", "defaults:\n  log-format: json\n"));
    let run = || words(scene.minutebook(), "run --once --config m.yaml");
    let ended = run().run().expect_code(0);
    assert!(ended.stderr.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()), "{ended:#?}");
    let ended = run().args(["--log-format", "text"]).run().expect_code(0);
    assert!(ended.stderr.contains("INFO recorded"), "{ended:#?}");
}

#[test]
fn a_dry_run_prints_the_targets_in_turn() {
    let scene = Scene::of(Cluster::sample());
    let second = format!(
        "- {{host: {HOST}, cluster: {CLUSTER}, namespace: other, filter-settings: {{include: [bindings]}}}}\n"
    );
    scene.write("m.yaml", &(sample(&scene) + &second));
    let run = |output| words(scene.minutebook(), "run --dry-run --config m.yaml -o").args([output]).run();
    let ended = run("name").expect_code(0);
    let (first, second) = ("# sample.k8s.hostname/sample_cluster/", "configmaps\n");
    assert_eq!(ended.stdout, format!("{first}sample_namespace\n{second}{first}other\nbindings\n{second}"));
    let documents: Vec<Value> = serde_json::Deserializer::from_str(&run("json").expect_code(0).stdout)
        .into_iter()
        .collect::<Result<_, _>>()
        .expect("one JSON document each");
    let namespaces: Vec<_> = documents.iter().map(|one| &one["target"]["namespace"]).collect();
    assert_eq!(namespaces, [NAMESPACE, "other"]);
    assert!(!scene.audit().exists(), "nothing is written");
}

#[test]
fn a_dry_run_of_several_says_which_failed() {
    let scene = Scene::of(Cluster::sample());
    let second = format!("- {{host: {HOST}, cluster: {CLUSTER}, namespace: other, token-file: missing}}\n");
    scene.write("m.yaml", &(sample(&scene) + &second));
    let ended = words(scene.minutebook(), "run --dry-run -o name --config m.yaml").run().expect_code(2);
    assert!(ended.stdout.contains("configmaps\n"), "the first is printed: {ended:#?}");
    let told = ended.stderr.lines().filter(|line| line.contains("sample_cluster/other: ")).count();
    assert_eq!(told, 2, "{ended:#?}");
}

#[test]
fn check_reads_the_files_and_connects_nowhere() {
    let scene = Scene::of(Cluster::sample());
    let good = sample(&scene)
        + &format!(
            "- {{host: {HOST}, cluster: {CLUSTER}, namespace: other, filter-settings: {{exclude: [secrets]}}}}\n"
        );
    scene.write("good.yaml", &good);
    let target =
        |namespace: &str, more: &str| format!("- {{host: h, cluster: c, namespace: {namespace}, {more}}}\n");
    let bad = [
        sample(&scene),
        target("a", "token-file: missing"),
        target("b", "ca-file: empty.pem"),
        target("c", "filter: ./missing.wasm"),
        target("d", "filter: ./empty.wasm, token-file: missing"),
        target("e", "filter-settings: '@broken.json'"),
        target("f", "filter-settings: {inclde: [pods]}"),
        target("g", "audit-dir: missing/audit"),
        target("h", "client-cert: missing, client-key: missing"),
    ];
    scene
        .write("bad.yaml", &bad.concat().replace("defaults:\n", "defaults:\n  state-dir: empty.pem/state\n"));
    scene.write("empty.pem", "");
    scene.write("empty.wasm", "");
    scene.write("broken.json", "{");
    let tell = |name: &str, code| {
        let line = format!("config check --config {name}.yaml");
        let ended = words(scene.minutebook(), &line).run().expect_code(code);
        transcript(&format!("minutebook {line}"), &ended, |text| scene.normal(text))
    };
    let told = [tell("good", 0), tell("bad", 2)];
    assert_eq!(scene.server.targets(), [""; 0], "nothing is asked for");
    let made = ["audit", "missing", "state", ".local"].iter().any(|name| scene.path(name).exists());
    assert!(!made, "nothing is made");
    golden::check("config_check.txt", &told.join("\n"));
}

#[test]
fn check_connects_when_it_is_told_to() {
    let scene = Scene::of(Cluster::sample());
    scene.write("m.yaml", &sample(&scene));
    let ended = words(scene.minutebook(), "config check --connect --config m.yaml").run().expect_code(0);
    assert!(ended.stdout.ends_with(", 1 of 3 resources selected\n"), "{ended:#?}");
    assert_eq!(scene.server.targets(), [DISCOVERY], "discovery, once, and no list");

    let away = StandIn::refusing();
    let second = format!("- {{host: h, cluster: c, namespace: n, server: '{}', interval: 1s}}\n", away.url());
    scene.write("m.yaml", &(sample(&scene) + &second));
    let ended = words(scene.minutebook(), "config check --connect --config m.yaml").run().expect_code(4);
    let starts: Vec<_> = ended.stdout.lines().map(|line| &line[..3]).collect();
    assert_eq!(starts, ["ok ", "bad"], "{ended:#?}");
    words(scene.minutebook(), "config check --config m.yaml").run().expect_code(0);
}

#[test]
fn check_and_show_need_no_file() {
    let scene = Scene::of(Cluster::sample());
    let line = "config check --host h --cluster c --namespace n --audit-dir audit";
    let ended = words(scene.minutebook(), line).run().expect_code(0);
    assert!(ended.stdout.starts_with("ok h/c/n filter default "), "{ended:#?}");
    assert!(!scene.audit().exists());
}
