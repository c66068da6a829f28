//! Where things are on an API server: URLs, built from segments and never by formatting.

use url::Url;

use crate::model::limits::PAGE_OBJECTS;
use crate::model::name::ResourceName;
use crate::model::target::{Scope, Target};

/// What discovery sends along, as client-go does.
const DISCOVERY_TIMEOUT: &str = "32s";
/// How much of a continue token a person gets to see.
const SHOWN_TOKEN: usize = 12;

/// Which paths are asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Layout {
    /// The exercise's: discovery of `v1` below `/k8s/clusters/CLUSTER`, and every list below
    /// `extensions/v1beta1` there, whatever the resource.
    Kata,
}

/// An API server and what is asked of it.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Scheme and authority.
    pub server: Url,
    /// Which paths.
    pub layout: Layout,
    /// Which cluster and namespace.
    pub target: Target,
}

impl Endpoint {
    /// Where the resources are listed.
    #[must_use]
    pub fn discovery_url(&self) -> Url {
        let mut url = self.below(&["api", "v1"]);
        url.query_pairs_mut().append_pair("timeout", DISCOVERY_TIMEOUT);
        url
    }

    /// Where a page of a resource's objects is: the first, or the one that a token continues with.
    #[must_use]
    pub fn list_url(&self, resource: &ResourceName, token: Option<&str>) -> Url {
        let Scope::Namespace(namespace) = &self.target.scope;
        let path =
            ["apis", "extensions", "v1beta1", "namespaces", namespace.as_str(), resource.name().as_str()];
        let mut url = self.below(&path);
        url.query_pairs_mut().append_pair("limit", &PAGE_OBJECTS.to_string());
        if let Some(token) = token {
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
        let Layout::Kata = self.layout;
        let mut url = self.server.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.clear().extend(["k8s", "clusters", self.target.cluster.as_str()]).extend(path);
        }
        url
    }
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
    use crate::model::name::{Group, Label};

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

    fn configmaps() -> ResourceName {
        ResourceName::new(Label::parse("configmaps").unwrap(), Group::default()).unwrap()
    }

    #[test]
    fn the_exercise_s_two_requests() {
        let endpoint = endpoint("https://sample.k8s.hostname");
        assert_eq!(
            endpoint.discovery_url().as_str(),
            "https://sample.k8s.hostname/k8s/clusters/sample_cluster/api/v1?timeout=32s"
        );
        assert_eq!(
            endpoint.list_url(&configmaps(), None).as_str(),
            "https://sample.k8s.hostname/k8s/clusters/sample_cluster/apis/extensions/v1beta1/namespaces/sample_namespace/configmaps?limit=500"
        );
    }

    #[test]
    fn a_token_cannot_add_to_the_query_and_is_cut_when_shown() {
        let url = endpoint("http://[::1]:8001").list_url(&configmaps(), Some("a&b=c#d/?%26 é-long-token"));
        let pairs: Vec<_> = url.query_pairs().collect();
        assert_eq!(pairs.len(), 2);
        assert_eq!(pairs[1].1, "a&b=c#d/?%26 é-long-token");
        assert!(shown(&url).ends_with("?limit=500&continue=a%26b%3Dc%23…"), "{}", shown(&url));
        let short = endpoint("http://h").list_url(&configmaps(), Some("abc"));
        assert!(shown(&short).ends_with("&continue=abc"));
    }
}
