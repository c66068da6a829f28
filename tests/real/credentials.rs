//! Tokens that are replaced and revoked, and plugins that hang, fail, talk rubbish, and hand out what expires.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use serde_json::{Value, json};

use crate::support::certificates::{self, Identity};
use crate::support::forward::Forward;
use crate::support::oracle::{Cycle, Target};
use crate::support::rig::Cluster;
use crate::support::scene::{Scene, cycles_more};
use crate::support::stand_in::StandIn;
use crate::support::until;

/// The group that may do everything.
const MASTERS: &str = "system:masters";
/// The end of the interval belongs to the commit, and plugins may take their time.
const PATIENCE: Duration = Duration::from_secs(60);

/// A namespace with an account that may list whatever there is.
fn prepare(cluster: &Cluster, namespace: &str) {
    cluster.kubectl(["create", "namespace", namespace]);
    cluster.kubectl(["create", "serviceaccount", "clerk", "--namespace", namespace]);
    let account = format!("--serviceaccount={namespace}:clerk");
    let name = format!("clerk-of-{namespace}");
    cluster.kubectl(["create", "clusterrolebinding", &name, "--clusterrole=cluster-admin", &account]);
}

/// A token that is good as long as there is a secret of this name, and no longer.
fn token_bound_to(cluster: &Cluster, namespace: &str, secret: &str) -> String {
    cluster.kubectl(["create", "secret", "generic", secret, "--namespace", namespace]);
    let bound = ["--bound-object-kind", "Secret", "--bound-object-name", secret];
    let create = ["create", "token", "clerk", "--namespace", namespace].into_iter().chain(bound);
    cluster.kubectl(create.collect::<Vec<_>>()).trim().to_owned()
}

/// Waits until a token is refused: the API server remembers for ten seconds that it was good.
fn wait_until_refused(scene: &Scene<'_>, token: &str) {
    let kubeconfig = scene.kubeconfig("old.kubeconfig", &scene.cluster.url(), &json!({ "token": token }));
    until("the old token is refused", || {
        let asked = scene.cluster.kubectl_by(&kubeconfig, ["get", "--raw", "/api"]);
        !asked.status.success() && String::from_utf8_lossy(&asked.stderr).contains("Unauthorized")
    });
}

/// Asserts that every slot has a cycle, and that none of them lacks anything.
fn none_failed(target: &Target) -> Vec<Cycle> {
    let cycles = target.check();
    for (slot, cycle) in (0..).zip(&cycles) {
        assert_eq!(cycle.manifest.slot, slot, "no slot was missed: {}", cycle.log);
        assert_eq!(cycle.lines("ERROR"), [""; 0], "cycle {slot} failed");
        assert!(cycle.entries.len() > 15, "cycle {slot} recorded everything: {}", cycle.log);
    }
    cycles
}

#[test]
fn pitfall_11_a_token_is_replaced_and_the_old_one_revoked_and_no_cycle_fails() {
    let Some(cluster) = Cluster::shared() else { return };
    prepare(cluster, "rotated");
    let scene = Scene::of(cluster);
    let [old, new] = ["old", "new"].map(|secret| token_bound_to(cluster, "rotated", secret));
    scene.write("token", &format!("{old}\n"));
    let run = scene.by_token(&cluster.url()).args(["--namespace", "rotated", "--interval", "2s"]);
    let (mut running, target) = (run.start(), scene.target("rotated", 2));
    cycles_more(&mut running, &target, 2);
    scene.replace("token", &format!("{new}\n"));
    // What is under way may have read the old one.
    cycles_more(&mut running, &target, 1);
    cluster.kubectl(["delete", "secret", "old", "--namespace", "rotated"]);
    wait_until_refused(&scene, &old);
    cycles_more(&mut running, &target, 2);
    running.signal(Signal::TERM);
    let ended = running.wait(PATIENCE).expect_code(0);
    assert!(!ended.stderr.contains(&old) && !ended.stderr.contains(&new), "no token is shown");
    for cycle in none_failed(&target) {
        assert!(!cycle.log.contains(&old[..20]), "no token is shown: {}", cycle.log);
    }
}

#[test]
fn pitfall_11_a_token_that_is_refused_is_read_anew_once() {
    let Some(cluster) = Cluster::shared() else { return };
    prepare(cluster, "refused");
    let scene = Scene::of(cluster);
    let [old, new] = ["old", "new"].map(|secret| token_bound_to(cluster, "refused", secret));
    scene.write("token", &old);
    cluster.kubectl(["delete", "secret", "old", "--namespace", "refused"]);
    wait_until_refused(&scene, &old);
    // It is replaced in the moment in which the old one has just been read and sent.
    let (path, next) = (scene.path("token"), scene.write("token.next", &new));
    let forward = Forward::to(cluster);
    let replaced = AtomicBool::new(false);
    let between = StandIn::start(move |request| {
        if !replaced.swap(true, Ordering::SeqCst) {
            fs::rename(&next, &path).expect("a file can be renamed");
        }
        forward.pass(request, &request.target)
    });
    let run = scene.by_token(&between.url()).args(["--namespace", "refused", "--once", "--interval", "30s"]);
    scene.finish(run, 0);
    none_failed(&scene.target("refused", 30));
    let requests = between.requests();
    let with = |token: &str| {
        let header = format!("Bearer {token}");
        requests.iter().filter(|request| request.header("authorization") == Some(&header)).count()
    };
    assert!(with(&old) >= 1 && with(&new) > 15, "the old one was tried, and the new one then: {requests:#?}");
}

#[test]
fn pitfall_11_a_token_that_stays_refused_is_an_error_and_an_archive() {
    let Some(cluster) = Cluster::shared() else { return };
    prepare(cluster, "revoked");
    let scene = Scene::of(cluster);
    let token = token_bound_to(cluster, "revoked", "only");
    scene.write("token", &token);
    cluster.kubectl(["delete", "secret", "only", "--namespace", "revoked"]);
    wait_until_refused(&scene, &token);
    let run = scene.by_token(&cluster.url()).args(["--namespace", "revoked", "--once", "--interval", "5s"]);
    scene.finish(run, 3);
    let cycle = scene.only_cycle("revoked", 5);
    assert!(cycle.entries.is_empty());
    assert!(cycle.lines("ERROR").iter().any(|line| line.contains("401")), "{}", cycle.log);
}

/// A plugin in the scene's folder: a script, and the kubeconfig that names it.
fn plugin(scene: &Scene<'_>, script: &str) -> PathBuf {
    let path = scene.write("plugin", &format!("#!/bin/sh\n{script}\n"));
    fs::set_permissions(&path, fs::Permissions::from_mode(0o755))
        .expect("a file of ours can be made executable");
    let exec = json!({
        "apiVersion": "client.authentication.k8s.io/v1", "command": path, "interactiveMode": "Never",
        "env": [{ "name": "FOLDER", "value": scene.path(".") }], "provideClusterInfo": false,
    });
    scene.kubeconfig("plugin.kubeconfig", &scene.cluster.url(), &json!({ "exec": exec }))
}

/// What a plugin answers.
fn credential(status: &Value) -> String {
    let credential = json!({
        "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "status": status,
    });
    credential.to_string()
}

/// Records once by a plugin that is no good, and gives the cycle.
fn record_by(scene: &Scene<'_>, script: &str, interval: &str) -> Cycle {
    let kubeconfig = plugin(scene, script);
    let run = scene.by(&kubeconfig).args(["--namespace", "default", "--once", "--interval", interval]);
    scene.finish(run, 3);
    let cycle = scene.only_cycle("default", 60);
    assert!(cycle.entries.is_empty(), "nothing is recorded");
    cycle
}

#[test]
fn pitfall_11_a_plugin_that_fails_is_told_of_with_what_it_said() {
    let Some(cluster) = Cluster::shared() else { return };
    let scene = Scene::of(cluster);
    let cycle = record_by(&scene, "echo s3cret-on-stdout; echo 'please log in again' >&2; exit 7", "10s");
    let errors = cycle.lines("ERROR").join("\n");
    assert!(errors.contains("please log in again") && errors.contains('7'), "{}", cycle.log);
    assert!(!cycle.log.contains("s3cret-on-stdout"), "what it prints may be a credential: {}", cycle.log);
}

#[test]
fn pitfall_11_a_plugin_that_prints_rubbish_is_told_of_without_the_rubbish() {
    let Some(cluster) = Cluster::shared() else { return };
    for rubbish in ["s3cret, and no JSON", r#"{"kind": "Pod", "token": "s3cret"}"#] {
        let scene = Scene::of(cluster);
        let cycle = record_by(&scene, &format!("echo '{rubbish}'"), "10s");
        let errors = cycle.lines("ERROR").join("\n");
        assert!(errors.contains("plugin"), "it says whose fault it is: {}", cycle.log);
        assert!(!cycle.log.contains("s3cret"), "what it prints may be a credential: {}", cycle.log);
    }
}

#[test]
fn pitfall_11_a_plugin_that_hangs_is_ended_and_every_slot_has_its_archive() {
    let Some(cluster) = Cluster::shared() else { return };
    let scene = Scene::of(cluster);
    let kubeconfig = plugin(&scene, "echo $$ >>\"$FOLDER/pids\"; exec sleep 1000");
    let run = scene.by(&kubeconfig).args(["--namespace", "default", "--interval", "3s"]);
    let (mut running, target) = (run.start(), scene.target("default", 3));
    cycles_more(&mut running, &target, 3);
    running.signal(Signal::TERM);
    running.wait(PATIENCE).expect_code(0);
    let cycles = target.check();
    for (slot, cycle) in (0..).zip(&cycles) {
        assert_eq!(cycle.manifest.slot, slot, "no slot was missed");
        assert!(cycle.lines("ERROR").iter().any(|line| line.contains("plugin")), "{}", cycle.log);
    }
    let pids = fs::read_to_string(scene.path("pids")).expect("the plugin was run");
    for pid in pids.lines() {
        let path = format!("/proc/{pid}/comm");
        until("the plugin has ended", || {
            fs::read_to_string(&path).is_ok_and(|name| name.trim() != "sleep")
                || !fs::exists(&path).unwrap_or(true)
        });
    }
}

#[test]
fn pitfall_11_a_plugin_hands_out_certificates_that_expire_and_no_cycle_fails() {
    let Some(cluster) = Cluster::shared() else { return };
    let scene = Scene::of(cluster);
    cluster.kubectl(["create", "namespace", "renewed"]);
    // Each is good for some seconds only; all are made beforehand, and the plugin picks the next one that lives.
    let began = certificates::now().as_secs();
    let ends: Vec<_> = (1..=30).map(|number| began + 6 * number).collect();
    let mut first = None;
    for end in &ends {
        let identity = certificates::client(cluster, "plugin", MASTERS, Duration::from_secs(*end));
        let expires = chrono::DateTime::from_timestamp(i64::try_from(*end).expect("it is not far off"), 0)
            .expect("so is this");
        let status = json!({
            "clientCertificateData": identity.certificate, "clientKeyData": identity.key,
            "expirationTimestamp": expires.format("%Y-%m-%dT%H:%M:%SZ").to_string(),
        });
        scene.write(&format!("{end}.credential"), &credential(&status));
        first.get_or_insert(identity);
    }
    let script = r#"echo run >>"$FOLDER/runs"
now=$(date +%s)
for file in "$FOLDER"/*.credential; do
    end=${file##*/}
    if [ "${end%.credential}" -gt $((now + 3)) ]; then
        exec cat "$file"
    fi
done
echo 'none is left' >&2
exit 1"#;
    let kubeconfig = plugin(&scene, script);
    let run = scene.by(&kubeconfig).args(["--namespace", "renewed", "--interval", "2s"]);
    let (mut running, target) = (run.start(), scene.target("renewed", 2));
    cycles_more(&mut running, &target, 1);
    let first = first.expect("one was made");
    wait_until_expired(&scene, &first);
    cycles_more(&mut running, &target, 4);
    running.signal(Signal::TERM);
    running.wait(PATIENCE).expect_code(0);
    let cycles = none_failed(&target).len();
    let runs = fs::read_to_string(scene.path("runs")).expect("the plugin was run").lines().count();
    assert!(runs >= 2, "it was asked again when what it gave came to its end: {runs}");
    assert!(runs < cycles, "and not for every cycle: {runs} times in {cycles} cycles");
}

/// Waits until the API server refuses a certificate.
fn wait_until_expired(scene: &Scene<'_>, identity: &Identity) {
    let user = json!({
        "client-certificate": scene.write("first.crt", &identity.certificate),
        "client-key": scene.write("first.key", &identity.key),
    });
    let kubeconfig = scene.kubeconfig("first.kubeconfig", &scene.cluster.url(), &user);
    until("the first certificate is refused", || {
        !scene.cluster.kubectl_by(&kubeconfig, ["get", "--raw", "/api"]).status.success()
    });
}

#[test]
fn pitfall_11_a_plugins_token_that_is_refused_is_fetched_anew_once() {
    let Some(cluster) = Cluster::shared() else { return };
    prepare(cluster, "fetched");
    let scene = Scene::of(cluster);
    let [old, new] = ["old", "new"].map(|secret| token_bound_to(cluster, "fetched", secret));
    cluster.kubectl(["delete", "secret", "old", "--namespace", "fetched"]);
    wait_until_refused(&scene, &old);
    scene.write("1", &credential(&json!({ "token": old })));
    scene.write("2", &credential(&json!({ "token": new })));
    // The first time it does not know yet that its token was revoked.
    let kubeconfig = plugin(
        &scene,
        r#"echo run >>"$FOLDER/runs"; exec cat "$FOLDER/$(($(wc -l <"$FOLDER/runs") > 1 ? 2 : 1))""#,
    );
    let began = Instant::now();
    let run = scene.by(&kubeconfig).args(["--namespace", "fetched", "--once", "--interval", "30s"]);
    scene.finish(run, 0);
    none_failed(&scene.target("fetched", 30));
    assert_eq!(
        fs::read_to_string(scene.path("runs")).expect("the plugin was run"),
        "run\nrun\n",
        "after {:?}",
        began.elapsed()
    );
}
