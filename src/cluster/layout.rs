//! Where things are on an API server: URLs, built from segments and never by formatting.

use url::Url;

use crate::model::listing::Listing;
use crate::model::name::{Group, Label};
use crate::model::target::{FolderName, Target};

/// What discovery sends along, as client-go does.
const DISCOVERY_TIMEOUT: &str = "32s";
/// How much of a continue token a person gets to see.
const SHOWN_TOKEN: usize = 12;

/// Which paths are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Layout {
    /// The exercise's: discovery of `v1` below `/k8s/clusters/CLUSTER`, and every list below
    /// `extensions/v1beta1` there, whatever the resource.
    Kata,
    /// Kubernetes' own: `/api` and `/apis`, and every list at a version that its group serves.
    Kubernetes,
}

/// A page of a list.
#[derive(Debug, Clone, Copy)]
pub struct PageOf<'a> {
    /// The continue token that leads to it; the first one has none.
    pub token: Option<&'a str>,
    /// How many objects it may have.
    pub limit: usize,
}

/// An API server and what is asked of it.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Scheme and authority; in layout `kubernetes` a base path may follow.
    pub server: Url,
    /// Which paths.
    pub layout: Layout,
    /// Which cluster and namespace.
    pub target: Target,
}

impl Endpoint {
    /// Where the resources are listed, in layout `kata`.
    #[must_use]
    pub fn discovery_url(&self) -> Url {
        discovery(self.below(&["api", "v1"]))
    }

    /// Where the core group is described, in layout `kubernetes`.
    #[must_use]
    pub fn core_url(&self) -> Url {
        discovery(self.below(&["api"]))
    }

    /// Where the other groups are, in layout `kubernetes`.
    #[must_use]
    pub fn groups_url(&self) -> Url {
        discovery(self.below(&["apis"]))
    }

    /// Where the resources of one version of a group are listed, in layout `kubernetes`.
    #[must_use]
    pub fn group_version_url(&self, group: &Group, version: &Label) -> Url {
        discovery(self.below(&group_version(group, version)))
    }

    /// A namespace as an object, in layout `kubernetes`.
    #[must_use]
    pub fn namespace_url(&self, namespace: &FolderName) -> Url {
        self.below(&["api", "v1", "namespaces", namespace.as_str()])
    }

    /// Where one can ask who one is, in layout `kubernetes`.
    #[must_use]
    pub fn self_subject_review_url(&self) -> Url {
        self.below(&["apis", "authentication.k8s.io", "v1", "selfsubjectreviews"])
    }

    /// Where a page of a resource's objects is.
    #[must_use]
    pub fn list_url(&self, listing: &Listing, page: PageOf<'_>) -> Url {
        let (group, name) = (listing.id.group(), listing.id.name());
        let mut path = match self.layout {
            Layout::Kata => vec!["apis", "extensions", "v1beta1"],
            Layout::Kubernetes => group_version(group, &listing.version),
        };
        if let Some(namespace) = self.target.scope.namespace() {
            path.extend(["namespaces", namespace.as_str()]);
        }
        path.push(name.as_str());
        let mut url = self.below(&path);
        url.query_pairs_mut().append_pair("limit", &page.limit.to_string());
        if let Some(token) = page.token {
            url.query_pairs_mut().append_pair("continue", token);
        }
        url
    }

    /// The server, where it is not simply `https://HOST`.
    #[must_use]
    pub fn server_if_not_host(&self) -> Option<String> {
        let expected = Url::parse(&format!("https://{}", self.target.host)).ok();
        let server = self.server.as_str().trim_end_matches('/').to_owned();
        (expected.as_ref() != Some(&self.server)).then_some(server)
    }

    fn below(&self, path: &[&str]) -> Url {
        let mut url = self.server.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            match self.layout {
                Layout::Kata => {
                    segments.clear().extend(["k8s", "clusters", self.target.cluster.as_str()]);
                }
                Layout::Kubernetes => {
                    segments.pop_if_empty();
                }
            }
            segments.extend(path);
        }
        url
    }
}

/// A version of a group below the server's address: the core group has a place of its own.
fn group_version<'a>(group: &'a Group, version: &'a Label) -> Vec<&'a str> {
    match group.as_str() {
        "" => vec!["api", version.as_str()],
        group => vec!["apis", group, version.as_str()],
    }
}

fn discovery(mut url: Url) -> Url {
    url.query_pairs_mut().append_pair("timeout", DISCOVERY_TIMEOUT);
    url
}

/// A URL as logs show it: a continue token is cut, for it is long and says nothing.
#[must_use]
pub fn shown(url: &Url) -> String {
    let text = url.as_str();
    match text.split_once("continue=") {
        Some((start, token)) if token.len() > SHOWN_TOKEN && token.is_ascii() => {
            format!("{start}continue={}…", &token[..SHOWN_TOKEN])
        }
        _ => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::name::ResourceName;
    use crate::model::target::Scope;

    fn endpoint(server: &str) -> Endpoint {
        Endpoint {
            server: server.parse().unwrap(),
            layout: Layout::Kata,
            target: Target {
                host: "sample.k8s.hostname".parse().unwrap(),
                cluster: "sample_cluster".parse().unwrap(),
                scope: Scope::Namespace("sample_namespace".parse().unwrap()),
            },
        }
    }

    fn listing(name: &str, group: &str, version: &str) -> Listing {
        let id = ResourceName::new(Label::parse(name).unwrap(), Group::parse(group).unwrap()).unwrap();
        Listing { id, version: Label::parse(version).unwrap() }
    }

    fn first() -> PageOf<'static> {
        PageOf { token: None, limit: 500 }
    }

    #[test]
    fn the_exercise_s_two_requests() {
        let endpoint = endpoint("https://sample.k8s.hostname");
        assert_eq!(
            endpoint.discovery_url().as_str(),
            "https://sample.k8s.hostname/k8s/clusters/sample_cluster/api/v1?timeout=32s"
        );
        assert_eq!(
            endpoint.list_url(&listing("configmaps", "", "v1"), first()).as_str(),
            "https://sample.k8s.hostname/k8s/clusters/sample_cluster/apis/extensions/v1beta1/namespaces/sample_namespace/configmaps?limit=500"
        );
    }

    #[test]
    fn kubernetes_own_paths_with_the_server_s_base_path() {
        let endpoint = |server: &str, scope: Scope| {
            let Endpoint { server, target, .. } = endpoint(server);
            Endpoint { server, layout: Layout::Kubernetes, target: Target { scope, ..target } }
        };
        let namespace = || Scope::Namespace("shop".parse().unwrap());
        let (pods, deployments) = (listing("pods", "", "v1"), listing("deployments", "apps", "v1"));
        for base in ["https://h/k8s/clusters/c-1", "https://h/k8s/clusters/c-1/"] {
            let rancher = endpoint(base, namespace());
            let list = |listing| rancher.list_url(listing, PageOf { token: None, limit: 250 }).to_string();
            assert_eq!(list(&pods), "https://h/k8s/clusters/c-1/api/v1/namespaces/shop/pods?limit=250");
            assert_eq!(
                list(&deployments),
                "https://h/k8s/clusters/c-1/apis/apps/v1/namespaces/shop/deployments?limit=250"
            );
        }
        let all = endpoint("https://h:6443", Scope::AllNamespaces);
        assert_eq!(all.list_url(&pods, first()).as_str(), "https://h:6443/api/v1/pods?limit=500");
        assert_eq!(
            all.list_url(&deployments, first()).as_str(),
            "https://h:6443/apis/apps/v1/deployments?limit=500"
        );
        assert_eq!(all.core_url().as_str(), "https://h:6443/api?timeout=32s");
        assert_eq!(all.groups_url().as_str(), "https://h:6443/apis?timeout=32s");
        let nodes = endpoint("https://h", Scope::Cluster).list_url(&listing("nodes", "", "v1"), first());
        assert_eq!(nodes.as_str(), "https://h/api/v1/nodes?limit=500");
        assert_eq!(
            all.group_version_url(deployments.id.group(), &deployments.version).as_str(),
            "https://h:6443/apis/apps/v1?timeout=32s"
        );
        assert_eq!(
            all.namespace_url(&"shop".parse().unwrap()).as_str(),
            "https://h:6443/api/v1/namespaces/shop"
        );
    }

    #[test]
    fn a_token_cannot_add_to_the_query_and_is_cut_when_shown() {
        let configmaps = listing("configmaps", "", "v1");
        let page = PageOf { token: Some("a&b=c#d/?%26 é-long-token"), limit: 500 };
        let url = endpoint("http://[::1]:8001").list_url(&configmaps, page);
        let pairs: Vec<_> = url.query_pairs().collect();
        assert_eq!(pairs.len(), 2);
        assert_eq!(pairs[1].1, "a&b=c#d/?%26 é-long-token");
        assert!(shown(&url).ends_with("?limit=500&continue=a%26b%3Dc%23…"), "{}", shown(&url));
        let short = endpoint("http://h").list_url(&configmaps, PageOf { token: Some("abc"), limit: 500 });
        assert!(shown(&short).ends_with("&continue=abc"));
    }
}
