//! What changes in a cluster stands between two consecutive archives.

use std::time::Duration;

use rustix::process::Signal;
use serde_json::Value;

use crate::support::binary::Running;
use crate::support::oracle::{Cycle, Target};
use crate::support::rig::{Cluster, With};
use crate::support::scene::{CLUSTER, HOST, Scene};
use crate::support::until;

/// What makes deployments roll out and empties namespaces.
const CONTROLLERS: With =
    With { flags: "", programs: &["kube-controller-manager", "kube-scheduler", "kwok"] };
const PATIENCE: Duration = Duration::from_secs(90);

const OBJECTS: &str = r#"{"apiVersion": "v1", "kind": "List", "items": [
    {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "node", "labels": {"kubernetes.io/hostname": "node"}},
     "status": {"allocatable": {"cpu": "8", "memory": "64Gi", "pods": "100"}, "capacity": {"cpu": "8", "memory": "64Gi", "pods": "100"}}},
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "stays"}},
    {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "leaves"}},
    {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "note", "namespace": "leaves"}},
    {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "stays"},
     "spec": {"replicas": 2, "selector": {"matchLabels": {"app": "web"}}, "template": {"metadata": {"labels": {"app": "web"}},
      "spec": {"containers": [{"name": "web", "image": "registry.example.org/web:1.0"}]}}}}
]}"#;

/// Consecutive cycles of which the first `was` and the second `is`.
fn between(cycles: &[Cycle], what: &str, was: impl Fn(&Cycle) -> bool, is: impl Fn(&Cycle) -> bool) {
    let pair = cycles.windows(2).find(|pair| was(&pair[0]) && is(&pair[1]));
    let pair = pair.unwrap_or_else(|| panic!("{what} is visible between two consecutive archives"));
    assert_eq!(pair[0].manifest.sequence + 1, pair[1].manifest.sequence);
    assert_eq!(pair[0].manifest.slot + 1, pair[1].manifest.slot, "no slot was missed between them");
}

fn deployment(cycle: &Cycle) -> Option<Value> {
    if !cycle.files().contains_key("deployments.apps.json") {
        return None;
    }
    cycle.list("deployments.apps")["items"].get(0).cloned()
}

fn image(cycle: &Cycle) -> Option<String> {
    let deployment = deployment(cycle)?;
    Some(deployment["spec"]["template"]["spec"]["containers"][0]["image"].as_str()?.to_owned())
}

fn replicas(cycle: &Cycle) -> Option<u64> {
    deployment(cycle)?["spec"]["replicas"].as_u64()
}

/// The images of the pods, each once.
fn running_images(cycle: &Cycle) -> Vec<String> {
    let list = cycle.list("pods");
    let pods = list["items"].as_array().expect("a list has items");
    let mut images: Vec<_> = pods
        .iter()
        .filter_map(|pod| Some(pod["spec"]["containers"][0]["image"].as_str()?.to_owned()))
        .collect();
    images.sort();
    images.dedup();
    images
}

/// Waits until the newest cycle shows something.
fn shown(running: &mut Running, target: &Target, what: &str, is: impl Fn(&Cycle) -> bool) {
    running.until_within(PATIENCE, Duration::from_millis(250), what, || {
        target.newest().is_some_and(|cycle| is(&cycle))
    });
}

#[test]
fn pitfall_14_a_rollout_a_scale_to_zero_and_a_deleted_namespace_are_visible_between_two_archives() {
    let Some(cluster) = Cluster::own(CONTROLLERS) else { return };
    cluster.create(OBJECTS);
    let web = "deployment/web";
    cluster.kubectl(["rollout", "status", web, "--namespace", "stays", "--timeout=90s"]);
    let scene = Scene::of(&cluster);
    let run = scene.as_admin().args(["--namespace", "stays", "--namespace", "leaves", "--interval", "2s"]);
    let folders = |folder: &str| [HOST, CLUSTER, folder].map(str::to_owned);
    let stays = scene.target("stays", 2).among([folders("leaves")]);
    let leaves = scene.target("leaves", 2).among([folders("stays")]);
    let mut running = run.start();
    until("both are recorded", || stays.committed() > 0 && leaves.committed() > 0);

    cluster.kubectl(["set", "image", web, "web=registry.example.org/web:2.0", "--namespace", "stays"]);
    cluster.kubectl(["rollout", "status", web, "--namespace", "stays", "--timeout=90s"]);
    shown(&mut running, &stays, "a rollout", |cycle| {
        running_images(cycle) == ["registry.example.org/web:2.0"]
    });
    cluster.kubectl(["scale", web, "--replicas=0", "--namespace", "stays"]);
    shown(&mut running, &stays, "no pods", |cycle| cycle.names("pods").is_empty());
    cluster.kubectl(["delete", "namespace", "leaves", "--timeout=90s"]);
    shown(&mut running, &leaves, "no namespace", |cycle| cycle.manifest.existence() == "absent");
    running.signal(Signal::TERM);
    running.wait(PATIENCE).expect_code(0);

    let cycles = stays.check();
    let (one, two) = ("registry.example.org/web:1.0", "registry.example.org/web:2.0");
    between(
        &cycles,
        "the rollout",
        |cycle| image(cycle).as_deref() == Some(one),
        |cycle| image(cycle).as_deref() == Some(two),
    );
    between(
        &cycles,
        "the scale to zero",
        |cycle| replicas(cycle) == Some(2),
        |cycle| replicas(cycle) == Some(0),
    );
    let cycles = leaves.check();
    let there = |cycle: &Cycle| cycle.names("configmaps").contains(&"note".to_owned());
    let gone = |cycle: &Cycle| {
        cycle.manifest.existence() == "absent"
            || cycle.files().contains_key("configmaps.json") && !there(cycle)
    };
    between(
        &cycles,
        "the deleted namespace",
        |cycle| cycle.manifest.existence() == "exists" && there(cycle),
        gone,
    );
    let last = cycles.last().expect("there are cycles");
    assert!(
        last.lines("ERROR").iter().any(|line| line.contains("leaves") && line.contains("exist")),
        "{}",
        last.log
    );
}
