//! Clusters for a stand-in to serve, in the URLs of layout `kata`: the exercise's sample, the
//! richer one beside it, and ones made up of a few names. Each knows what a faultless
//! recording of it holds, and any answer of it can be replaced by a worse one.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde_json::{Value, json};

use super::http::{Reply, Request};

pub(crate) const HOST: &str = "sample.k8s.hostname";
pub(crate) const CLUSTER: &str = "sample_cluster";
pub(crate) const NAMESPACE: &str = "sample_namespace";

/// What discovery asks for, to the letter.
pub(crate) const DISCOVERY: &str = "/k8s/clusters/sample_cluster/api/v1?timeout=32s";

/// The path below which the lists are.
const LISTS: &str = "/k8s/clusters/sample_cluster/apis/extensions/v1beta1/namespaces/sample_namespace/";

/// What the first page of a list is asked for with, to the letter.
pub(crate) fn list_target(resource: &str) -> String {
    format!("{LISTS}{resource}?limit=500")
}

type Answer = Box<dyn Fn(&Request) -> Reply + Send + Sync>;

/// A cluster: its discovery, its lists, and what of them is to be recorded.
pub(crate) struct Cluster {
    discovery: Answer,
    lists: BTreeMap<String, Answer>,
    entries: BTreeMap<String, Vec<u8>>,
}

impl Cluster {
    /// The exercise's cluster: three resources, of which `configmaps` alone can be listed.
    pub(crate) fn sample() -> Cluster {
        let discovery = sample_data("sample_resource_list.json");
        let mut sample = Cluster::nothing(Reply::json(discovery));
        sample.serve("configmaps", sample_data("configmaps.json"));
        sample
    }

    /// The richer cluster: pages, odd white space, duplicate keys, big numbers.
    pub(crate) fn richer() -> Cluster {
        let discovery = sample_data("richer/resource_list.json");
        let (listed, namespaced) = names_in(&discovery);
        let mut richer = Cluster::nothing(Reply::json(discovery));
        for name in listed {
            let pages: Vec<_> = (1..=9)
                .map(|number| sample_path(&format!("richer/{name}.page{number}.json")))
                .take_while(|path| path.exists())
                .map(|path| read(&path))
                .collect();
            if pages.is_empty() {
                richer.serve(&name, sample_data(&format!("richer/{name}.json")));
            } else {
                let merged = sample_data(&format!("richer/{name}.merged.json"));
                richer = richer.list(&name, paged(pages)).recorded_as(&name, merged);
            }
        }
        richer.entries.retain(|file, _| namespaced.contains(file.trim_end_matches(".json")));
        richer
    }

    /// A cluster of these resources, each in the namespace and able to be listed.
    pub(crate) fn of(names: &[&str]) -> Cluster {
        let resources: Vec<_> = names.iter().map(|name| resource(name)).collect();
        let mut made_up = Cluster::nothing(Reply::json(resource_list(&resources)));
        for name in names {
            made_up.serve(name, small_list(name));
        }
        made_up
    }

    /// A cluster that has only this to say for itself.
    pub(crate) fn nothing(discovery: Reply) -> Cluster {
        Cluster {
            discovery: Box::new(move |_| discovery.clone()),
            lists: BTreeMap::new(),
            entries: BTreeMap::new(),
        }
    }

    /// The same cluster with another discovery.
    pub(crate) fn discovery(mut self, answer: impl Fn(&Request) -> Reply + Send + Sync + 'static) -> Cluster {
        self.discovery = Box::new(answer);
        self
    }

    /// The same cluster with another list, of which nothing is expected to be recorded.
    pub(crate) fn list(
        mut self,
        name: &str,
        answer: impl Fn(&Request) -> Reply + Send + Sync + 'static,
    ) -> Cluster {
        self.lists.insert(name.to_owned(), Box::new(answer));
        self.entries.remove(&format!("{name}.json"));
        self
    }

    /// The same cluster, where a list is recorded as these bytes.
    pub(crate) fn recorded_as(mut self, name: &str, bytes: impl Into<Vec<u8>>) -> Cluster {
        self.entries.insert(format!("{name}.json"), bytes.into());
        self
    }

    /// The same cluster, of which nothing can be recorded.
    pub(crate) fn nothing_recorded(mut self) -> Cluster {
        self.entries.clear();
        self
    }

    /// What the archive is to hold.
    pub(crate) fn entries(&self) -> BTreeMap<String, Vec<u8>> {
        self.entries.clone()
    }

    /// Answers as this cluster.
    pub(crate) fn handler(self) -> impl Fn(&Request) -> Reply + Send + Sync + 'static {
        move |request| self.answer(request)
    }

    fn answer(&self, request: &Request) -> Reply {
        if request.target == DISCOVERY {
            return (self.discovery)(request);
        }
        let list = request.path().strip_prefix(LISTS).and_then(|name| self.lists.get(name));
        match list {
            Some(list) => list(request),
            None => Reply::refusal(404, "NotFound", "the server could not find the requested resource"),
        }
    }

    fn serve(&mut self, name: &str, body: Vec<u8>) {
        self.entries.insert(format!("{name}.json"), body.clone());
        self.lists.insert(name.to_owned(), Box::new(move |_| Reply::json(body.clone())));
    }
}

/// A list in pages, each served to whoever has the token of the page before it.
pub(crate) fn paged(pages: Vec<Vec<u8>>) -> impl Fn(&Request) -> Reply + Send + Sync + 'static {
    let mut by_token = BTreeMap::new();
    let mut token = None;
    for page in pages {
        let next = continue_of(&page);
        by_token.insert(token, page);
        token = next;
    }
    move |request| match by_token.get(&request.parameter("continue")) {
        Some(page) => Reply::json(page.clone()),
        None => Reply::refusal(410, "Expired", "The provided continue parameter is too old"),
    }
}

/// An `APIResourceList` of these entries.
pub(crate) fn resource_list(resources: &[Value]) -> String {
    json!({"kind": "APIResourceList", "groupVersion": "v1", "resources": resources}).to_string()
}

/// An entry of a resource in the namespace that can be listed.
pub(crate) fn resource(name: &str) -> Value {
    json!({"name": name, "singularName": "", "namespaced": true, "kind": "Thing",
           "verbs": ["get", "list", "watch"]})
}

/// A list of one object.
pub(crate) fn small_list(name: &str) -> Vec<u8> {
    page(name, &[&format!("{name}-1")], "")
}

/// A page of a list, with the token for the page behind it if there is one.
pub(crate) fn page(list: &str, objects: &[&str], token: &str) -> Vec<u8> {
    let items: Vec<_> = objects
        .iter()
        .map(|name| format!(r#"{{"metadata":{{"name":"{name}","uid":"{list}/{name}"}}}}"#))
        .collect();
    let more = if token.is_empty() { String::new() } else { format!(r#","continue":"{token}""#) };
    let items = items.join(",");
    format!(
        r#"{{"kind":"ThingList","apiVersion":"v1","metadata":{{"resourceVersion":"7"{more}}},"items":[{items}]}}"#
    )
    .into_bytes()
        .into_iter()
        .chain(*b"\n")
        .collect()
}

/// A file of `sample_data`.
pub(crate) fn sample_data(name: &str) -> Vec<u8> {
    read(&sample_path(name))
}

fn sample_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("sample_data").join(name)
}

fn read(path: &Path) -> Vec<u8> {
    std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The token for the page behind this one. Typed, because a page may hold numbers that no
/// value of any program can.
fn continue_of(page: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Page {
        metadata: Metadata,
    }
    #[derive(Deserialize)]
    struct Metadata {
        r#continue: Option<String>,
    }
    let page: Page = serde_json::from_slice(page).expect("a page is JSON with metadata");
    page.metadata.r#continue.filter(|token| !token.is_empty())
}

/// The resources that can be listed, and those of them that are in the namespace, which is
/// the default rule told a second time.
fn names_in(discovery: &[u8]) -> (Vec<String>, BTreeSet<String>) {
    let discovery: Value = serde_json::from_slice(discovery).expect("discovery is strict JSON");
    let resources = discovery["resources"].as_array().expect("discovery has resources");
    let can_be_listed = |resource: &&Value| {
        let verbs = resource["verbs"].as_array();
        verbs.is_some_and(|verbs| verbs.iter().any(|verb| verb == "list"))
    };
    let name = |resource: &Value| resource["name"].as_str().expect("it has a name").to_owned();
    let listed: Vec<_> = resources.iter().filter(can_be_listed).collect();
    let namespaced = listed.iter().filter(|resource| resource["namespaced"] == true);
    (listed.iter().copied().map(name).collect(), namespaced.copied().map(name).collect())
}
