//! What is recorded is what there is: every object of every type, as kubectl gets them.

use std::collections::{BTreeMap, BTreeSet};

use crate::support::kubectl::{Object, Objects, Type};
use crate::support::oracle::Cycle;
use crate::support::rig::Cluster;
use crate::support::scene::Scene;

/// Types whose objects change by themselves while the cluster stands still: of these only who is there is compared.
const MOVING: [&str; 3] = ["events", "leases.coordination.k8s.io", "nodes"];
/// What is not recorded though it can be listed: secrets are withheld, and the events of the second group are those of
/// the first.
const KEPT_OUT: [&str; 2] = ["secrets", "events.events.k8s.io"];
/// How often it is tried to find the cluster the same before a recording and after it.
const TRIES: usize = 5;
/// Enough for a cycle of everything on a busy machine.
const INTERVAL: &str = "60s";

/// A scope as the program, kubectl and the folders call it, and how many objects there are at the least; one of each
/// type that is not named here.
struct Scope {
    ours: &'static [&'static str],
    kubectls: &'static [&'static str],
    folder: &'static str,
    namespaced: bool,
    minimum: &'static [(&'static str, usize)],
}

const NAMESPACE: Scope = Scope {
    ours: &["--namespace", "shop"],
    kubectls: &["--namespace", "shop"],
    folder: "shop",
    namespaced: true,
    minimum: &[
        ("configmaps", 4),
        ("controllerrevisions.apps", 3),
        ("deployments.apps", 2),
        ("endpoints", 2),
        ("endpointslices.discovery.k8s.io", 2),
        ("events", 10),
        ("pods", 12),
        ("replicasets.apps", 3),
        ("serviceaccounts", 2),
        ("services", 2),
        ("services.example.org", 2),
        ("tills.shop.example.org", 2),
    ],
};

const ALL_NAMESPACES: Scope = Scope {
    ours: &["--all-namespaces"],
    kubectls: &["--all-namespaces"],
    folder: "_all",
    namespaced: true,
    minimum: &[
        ("configmaps", 2510),
        ("controllerrevisions.apps", 3),
        ("deployments.apps", 3),
        ("endpoints", 3),
        ("endpointslices.discovery.k8s.io", 4),
        ("events", 12),
        ("leases.coordination.k8s.io", 2),
        ("pods", 14),
        ("replicasets.apps", 4),
        ("rolebindings.rbac.authorization.k8s.io", 8),
        ("roles.rbac.authorization.k8s.io", 8),
        ("serviceaccounts", 9),
        ("services", 4),
        ("services.example.org", 2),
        ("tills.shop.example.org", 3),
    ],
};

const CLUSTER_SCOPE: Scope = Scope {
    ours: &["--cluster-scope"],
    kubectls: &[],
    folder: "_cluster",
    namespaced: false,
    minimum: &[
        ("apiservices.apiregistration.k8s.io", 25),
        ("clusterrolebindings.rbac.authorization.k8s.io", 40),
        ("clusterroles.rbac.authorization.k8s.io", 60),
        ("componentstatuses", 3),
        ("customresourcedefinitions.apiextensions.k8s.io", 3),
        ("flowschemas.flowcontrol.apiserver.k8s.io", 10),
        ("ipaddresses.networking.k8s.io", 2),
        ("namespaces", 8),
        ("nodes", 2),
        ("priorityclasses.scheduling.k8s.io", 3),
        ("prioritylevelconfigurations.flowcontrol.apiserver.k8s.io", 8),
        ("servicecidrs.networking.k8s.io", 2),
    ],
};

#[test]
fn everything_in_a_namespace_is_recorded_as_kubectl_gets_it() {
    let Some(cluster) = Cluster::filled() else { return };
    let scene = Scene::of(cluster);
    let cycle = compare(cluster, &scene, &NAMESPACE);
    can_be_created_again(cluster, &scene, &cycle);
}

#[test]
fn pitfall_1_everything_in_all_namespaces_is_recorded_page_by_page() {
    let Some(cluster) = Cluster::filled() else { return };
    let cycle = compare(cluster, &Scene::of(cluster), &ALL_NAMESPACES);
    let outcome = cycle.manifest.outcome("configmaps");
    assert!(outcome["pages"].as_u64() >= Some(6), "more than 2,500 come in pages of 500: {outcome}");
    assert_eq!(outcome.get("consistent"), None, "they are of one state: {outcome}");
    let crowd = cycle.objects()["configmaps"]
        .iter()
        .filter(|object| object.namespace.as_deref() == Some("crowd"))
        .count();
    assert!(crowd >= 2500, "the crowd is there: {crowd}");
}

#[test]
fn everything_outside_of_namespaces_is_recorded_as_kubectl_gets_it() {
    let Some(cluster) = Cluster::filled() else { return };
    let scene = Scene::of(cluster);
    let cycle = compare(cluster, &scene, &CLUSTER_SCOPE);
    can_be_created_again(cluster, &scene, &cycle);
    let without = cycle.lines("INFO");
    let without = without.iter().find(|line| line.contains("without a `uid`"));
    let without =
        without.unwrap_or_else(|| panic!("pitfall 15: what has no identity is named: {}", cycle.log));
    assert!(without.contains("`componentstatuses`") && !without.contains("`nodes`"), "{without}");
}

#[test]
fn pitfall_3_and_4_custom_resources_have_a_version_that_serves_them_and_files_of_their_own() {
    let Some(cluster) = Cluster::filled() else { return };
    let scene = Scene::of(cluster);
    let run = scene.as_admin().args(["--once", "--interval", INTERVAL, "--namespace", "shop"]);
    scene.finish(run.args(["--filter-settings", r#"{"exclude": ["events", "pods"]}"#]), 3);
    let cycle = scene.only_cycle("shop", 60);
    // A kind of the core group has the same plural.
    assert_eq!(cycle.list("services")["kind"], "ServiceList");
    let custom = cycle.list("services.example.org");
    assert_eq!((&custom["kind"], &custom["apiVersion"]), (&"ServiceList".into(), &"example.org/v1".into()));
    for (of, expected) in
        [("services", ["by-hand", "web"]), ("services.example.org", ["delivery", "wrapping"])]
    {
        let names: BTreeSet<_> = cycle.names(of).into_iter().collect();
        assert_eq!(names, expected.map(str::to_owned).into(), "{of}, in whichever version they were made");
    }
    // What is stored is what was sent, but for the list's own version, which moves with every write.
    let stored = cycle.files().remove("tills.shop.example.org.json").expect("they are recorded");
    let stored = String::from_utf8(stored).expect("JSON is UTF-8");
    let sent = cluster.kubectl(["get", "--raw", "/apis/shop.example.org/v1/namespaces/shop/tills?limit=500"]);
    assert_eq!(before_metadata(&stored), before_metadata(&sent), "byte for byte");
    for odd in
        ["9007199254740993", "9223372036854775807", "-9223372036854775808", "Schlüssel mit Ümlaut", "🔑"]
    {
        assert!(stored.contains(odd), "{odd} as it was sent: {stored}");
    }
}

#[test]
fn a_custom_resource_that_only_an_older_version_of_its_group_serves_is_recorded() {
    let Some(cluster) = Cluster::filled() else { return };
    let scene = Scene::of(cluster);
    let run = scene.as_admin().args(["--once", "--interval", INTERVAL, "--cluster-scope"]);
    scene.finish(run, 3);
    let cycle = scene.only_cycle("_cluster", 60);
    let regions = cycle.list("regions.example.org");
    assert_eq!(regions["apiVersion"], "example.org/v1beta1");
    assert_eq!(cycle.names("regions.example.org"), ["north"]);
}

/// Custom resources' lists have their metadata last.
fn before_metadata(list: &str) -> &str {
    let end = list.rfind(r#""metadata":{"#).unwrap_or_else(|| panic!("a list has metadata: {list}"));
    &list[..end]
}

/// Records a scope once, between two looks of kubectl at a cluster that stood still, and compares.
fn compare(cluster: &Cluster, scene: &Scene<'_>, scope: &Scope) -> Cycle {
    let types = cluster.types(scope.namespaced);
    let kept_out = |of: &&Type| !KEPT_OUT.contains(&of.name.as_str());
    let recorded_types: Vec<_> = types.iter().filter(kept_out).cloned().collect();
    let mut before = cluster.objects(&recorded_types, scope.kubectls);
    for _ in 0..TRIES {
        let run = scene.as_admin().args(["--once", "--interval", INTERVAL]).args(scope.ours);
        // The group that is down is an error.
        scene.finish(run, 3);
        let after = cluster.objects(&recorded_types, scope.kubectls);
        if standing(&before) == standing(&after) {
            let cycle = scene.target(scope.folder, 60).check().pop().expect("a cycle was recorded");
            compare_types(&cycle, &types, &recorded_types);
            compare_objects(&cycle, [&before, &after], scope.minimum);
            return cycle;
        }
        before = after;
    }
    panic!("the cluster did not stand still in {TRIES} tries");
}

/// What must be the same before and after.
fn standing(objects: &Objects) -> Objects {
    let standing = objects.iter().filter(|(name, _)| !MOVING.contains(&name.as_str()));
    standing.map(|(name, objects)| (name.clone(), objects.clone())).collect()
}

fn compare_types(cycle: &Cycle, types: &[Type], recorded: &[Type]) {
    let names = |types: &[Type]| types.iter().map(|of| of.name.clone()).collect::<BTreeSet<_>>();
    let files: BTreeSet<_> = cycle.objects().into_keys().collect();
    assert_eq!(files, names(recorded), "the types that are recorded; the log:\n{}", cycle.log);
    // Each at the version that kubectl finds best, too.
    let versions: BTreeMap<_, _> =
        cycle.manifest.resources().map(|(name, resource)| (name, &resource["version"])).collect();
    for of in types {
        let version = of.api_version.rsplit('/').next().expect("a text has a last part");
        let ours = versions.get(&of.name).unwrap_or_else(|| panic!("the manifest knows {}", of.name));
        assert_eq!(**ours, version, "the version of {}", of.name);
    }
}

fn compare_objects(cycle: &Cycle, [before, after]: [&Objects; 2], minimum: &[(&str, usize)]) {
    let minimum: BTreeMap<_, _> = minimum.iter().copied().collect();
    let recorded = cycle.objects();
    for name in minimum.keys() {
        assert!(recorded.contains_key(*name), "{name} are recorded");
    }
    for (name, objects) in &recorded {
        let least = minimum.get(name.as_str()).copied().unwrap_or(1);
        assert!(objects.len() >= least, "{} {name}, and {least} at the least", objects.len());
        if MOVING.contains(&name.as_str()) {
            let identities = |objects: &[Object]| objects.iter().map(identity).collect::<BTreeSet<_>>();
            let (ours, before, after) =
                (identities(objects), identities(&before[name]), identities(&after[name]));
            let missing: Vec<_> = before.intersection(&after).filter(|one| !ours.contains(one)).collect();
            assert!(missing.is_empty(), "{name} that were there all the time: {missing:?}");
            let invented: Vec<_> =
                ours.iter().filter(|one| !before.contains(one) && !after.contains(one)).collect();
            // Nothing here lives for less than the moment between two looks.
            assert!(invented.is_empty(), "{name} that nobody else saw: {invented:?}");
        } else {
            assert_eq!(objects, &before[name], "{name}: uid, resourceVersion, namespace and name");
        }
    }
}

fn identity(object: &Object) -> (Option<String>, Option<String>, String) {
    (object.uid.clone(), object.namespace.clone(), object.name.clone())
}

/// kubectl reads every list of a cycle, and would create every object in it.
fn can_be_created_again(cluster: &Cluster, scene: &Scene<'_>, cycle: &Cycle) {
    let folder = scene.path("lists");
    std::fs::create_dir(&folder).expect("a folder can be made");
    for (name, bytes) in cycle.files() {
        std::fs::write(folder.join(name), bytes).expect("a file can be written");
    }
    let folder = folder.to_str().expect("its path is text");
    let said = cluster.kubectl(["create", "--dry-run=client", "--output", "name", "--filename", folder]);
    let mut read: Vec<_> =
        said.lines().filter_map(|line| Some(line.rsplit_once('/')?.1.to_owned())).collect();
    let mut recorded: Vec<_> = cycle.objects().into_values().flatten().map(|object| object.name).collect();
    read.sort();
    recorded.sort();
    assert_eq!(read, recorded, "the objects that kubectl reads from what is recorded");
}
