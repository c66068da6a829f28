//! What HOST is: the server, unless another is named, and the name of a folder.

use std::time::Duration;

use crate::support::cluster::{CLUSTER, Cluster, NAMESPACE};
use crate::support::oracle::Target;
use crate::support::scene::Scene;
use crate::support::tls::Authority;

#[test]
fn host_is_the_server_by_https() {
    let authority = Authority::new("ours");
    let scene = Scene::in_tls(authority.server(), Cluster::sample());
    scene.write("ours.pem", &authority.pem());
    let host = format!("127.0.0.1:{}", scene.server.port());
    let run = scene.minutebook().args(["run", "--once", "--audit-dir", "audit", "--host", &host]);
    let run = run.args(["--cluster", CLUSTER, "--namespace", NAMESPACE, "--ca-file", "ours.pem"]);
    run.run().expect_code(0);
    let folder = host.replace(':', "_");
    let target = Target::new(&scene.audit(), [&folder, CLUSTER, NAMESPACE], Duration::from_secs(60));
    let cycles = target.check();
    cycles[0].holds(&Cluster::sample().entries());
    let first = cycles[0].log.lines().next().expect("a log has a first line");
    assert!(!first.contains("https://"), "the server is named only where it is another: {first}");
    assert_eq!(scene.server.requests()[0].header("host"), Some(host.as_str()));
}

#[test]
fn host_names_the_folder() {
    let hosts = [
        ("API.Example.ORG", "api.example.org"),
        ("api.example.org:6443", "api.example.org_6443"),
        ("10.0.0.1", "10.0.0.1"),
        ("[2001:DB8::1]", "2001_db8__1"),
        ("[::1]:6443", "__1_6443"),
    ];
    for (host, folder) in hosts {
        let scene = Scene::of(Cluster::sample());
        let run = scene.minutebook().args(["run", "--once", "--audit-dir", "audit", "--host", host]);
        let run = run.args(["--cluster", CLUSTER, "--namespace", NAMESPACE]);
        run.args(["--server", &scene.server.url()]).run().expect_code(0);
        let folders = [folder, CLUSTER, NAMESPACE];
        let cycles = Target::new(&scene.audit(), folders, Duration::from_secs(60)).check();
        let first = cycles[0].log.lines().next().expect("a log has a first line");
        assert!(first.contains(&scene.server.url()), "the server is another: {first}");
    }
}
