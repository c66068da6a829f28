//! Variables instead of flags, and variables that are not ours.

use crate::support::binary::Minutebook;
use crate::support::cluster::{CLUSTER, Cluster, HOST, NAMESPACE};
use crate::support::scene::Scene;

#[test]
fn every_flag_is_a_variable_too() {
    let scene = Scene::of(Cluster::sample());
    by_variables(&scene).run().expect_code(0);
    let cycles = scene.target().check();
    assert_eq!(cycles.len(), 1, "MINUTEBOOK_ONCE is one cycle");
    cycles[0].holds(&Cluster::sample().entries());
}

#[test]
fn a_flag_goes_before_its_variable() {
    let scene = Scene::of(Cluster::sample());
    let elsewhere = scene.path("elsewhere");
    let program = by_variables(&scene).env("MINUTEBOOK_AUDIT_DIR", &elsewhere);
    program.args(["--audit-dir".as_ref(), scene.audit().as_os_str()]).run().expect_code(0);
    assert_eq!(scene.target().check().len(), 1);
    assert!(!elsewhere.exists());
}

#[test]
fn a_wrong_variable_is_named() {
    let scene = Scene::of(Cluster::sample());
    for (name, value) in [
        ("MINUTEBOOK_INTERVAL", "soon"),
        ("MINUTEBOOK_CLUSTER", "a/b"),
        ("MINUTEBOOK_SERVER", "https://h/path"),
        ("MINUTEBOOK_FILTER_SETTINGS", "{"),
        ("MINUTEBOOK_MAX_LIST_BYTES", "lots"),
    ] {
        let ended = by_variables(&scene).env(name, value).run().expect_code(2);
        let flag = name.trim_start_matches("MINUTEBOOK_").replace('_', "-").to_lowercase();
        let named = ended.stderr.contains(name) || ended.stderr.contains(&format!("--{flag}"));
        assert!(named, "the message names {name} or --{flag}: {ended:#?}");
    }
    assert!(!scene.audit().exists());
}

#[test]
fn an_unknown_variable_is_a_warning() {
    let scene = Scene::of(Cluster::sample());
    let ended = by_variables(&scene).env("MINUTEBOOK_FOO", "bar").run().expect_code(0);
    let warnings: Vec<_> = ended.stderr.lines().filter(|line| line.contains("WARN")).collect();
    let [warning] = warnings[..] else { panic!("one warning: {ended:#?}") };
    assert!(warning.contains("MINUTEBOOK_FOO"), "{warning}");
    assert!(!warning.contains("bar"), "its value is nobody's business: {warning}");
}

/// A Service called `minutebook` puts these into every pod of its namespace.
#[test]
fn variables_of_a_service_of_our_name_are_passed_over() {
    let scene = Scene::of(Cluster::sample());
    let ended = by_variables(&scene)
        .env("MINUTEBOOK_PORT", "tcp://10.96.0.7:80")
        .env("MINUTEBOOK_PORT_80_TCP", "tcp://10.96.0.7:80")
        .env("MINUTEBOOK_PORT_80_TCP_ADDR", "10.96.0.7")
        .env("MINUTEBOOK_SERVICE_HOST", "10.96.0.7")
        .env("MINUTEBOOK_SERVICE_PORT", "80")
        .run()
        .expect_code(0);
    assert!(!ended.stderr.contains("MINUTEBOOK_"), "{ended:#?}");
    assert_eq!(scene.server.targets().len(), 2);
}

/// With `--host` the target is whole: what belongs to the other layout is not looked at.
#[test]
fn kubeconfig_and_service_account_are_not_looked_at() {
    let scene = Scene::of(Cluster::sample());
    let ended = by_variables(&scene)
        .env("KUBECONFIG", scene.write("kubeconfig", "this: [is no kubeconfig"))
        .env("KUBERNETES_SERVICE_HOST", "10.96.0.1")
        .env("KUBERNETES_SERVICE_PORT", "443")
        .run();
    ended.expect_code(0);
    assert_eq!(scene.server.targets().len(), 2);
}

/// `run --once` without a single flag.
fn by_variables(scene: &Scene) -> Minutebook {
    scene
        .minutebook()
        .args(["run"])
        .env("MINUTEBOOK_HOST", HOST)
        .env("MINUTEBOOK_CLUSTER", CLUSTER)
        .env("MINUTEBOOK_NAMESPACE", NAMESPACE)
        .env("MINUTEBOOK_SERVER", scene.server.url())
        .env("MINUTEBOOK_AUDIT_DIR", scene.audit())
        .env("MINUTEBOOK_INTERVAL", "3s")
        .env("MINUTEBOOK_ONCE", "true")
}
