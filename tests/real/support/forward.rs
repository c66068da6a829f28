//! Passes requests on to an API server, for a stand-in that stands in between: it sees what is asked, can hold it up, and
//! can break off what is answered. What it passes on is otherwise as it was said.

use reqwest::header::{CONNECTION, CONTENT_LENGTH, HOST, TRANSFER_ENCODING};

use super::certificates::trusting;
use super::http::{Reply, Request};
use super::rig::Cluster;
use super::wait_for;

/// A way to an API server.
#[derive(Clone)]
pub(crate) struct Forward {
    client: reqwest::Client,
    url: String,
}

impl Forward {
    /// To this cluster's.
    pub(crate) fn to(cluster: &Cluster) -> Forward {
        let client = reqwest::Client::builder().no_proxy().http1_only();
        let client = client.tls_backend_preconfigured(trusting(cluster, &[]));
        Forward { client: client.build().expect("a client can be made"), url: cluster.url() }
    }

    /// Passes a request on, asking for this path and query; a server that does not answer is a connection that closes.
    pub(crate) fn pass(&self, request: &Request, target: &str) -> Reply {
        self.try_pass(request, target).unwrap_or(Reply::Close)
    }

    fn try_pass(&self, request: &Request, target: &str) -> reqwest::Result<Reply> {
        let method = request.method.parse().expect("a method is a token");
        let mut asked = self.client.request(method, format!("{}{target}", self.url));
        for (name, value) in &request.headers {
            let of_this_hop = [HOST.as_str(), CONNECTION.as_str(), CONTENT_LENGTH.as_str()];
            if !of_this_hop.contains(&name.as_str()) {
                asked = asked.header(name, value);
            }
        }
        wait_for(async {
            let answer = asked.send().await?;
            let status = answer.status().as_u16();
            let headers = answer.headers().iter();
            let of_this_hop = [CONTENT_LENGTH, TRANSFER_ENCODING, CONNECTION];
            let headers = headers.filter(|(name, _)| !of_this_hop.contains(*name));
            let headers = headers.map(|(name, value)| {
                (name.to_string(), value.to_str().expect("headers are text").to_owned())
            });
            let headers = headers.collect();
            let body = answer.bytes().await?.to_vec();
            Ok(Reply::Whole { status, headers, body })
        })
    }
}
