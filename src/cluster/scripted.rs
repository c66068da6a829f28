//! A cluster that does what a test says, without sockets: so that time can be paused.

use std::collections::HashMap;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use tokio::time::{Instant, sleep};
use url::Url;

use super::{Answer, Body, Cluster, Failure, Pending, Request};

/// How an answer goes on after its headers.
#[derive(Clone)]
pub(crate) enum Reply {
    /// This status, this body at once.
    Whole(u16, String),
    /// The same with a header.
    With(u16, (&'static str, &'static str), String),
    /// Chunks, each after a pause, and then the end.
    Chunks(Vec<(Duration, String)>),
    /// Nothing, not even headers.
    Silence,
    /// A bug.
    Panic,
}

impl Reply {
    pub(crate) fn ok(body: impl Into<String>) -> Self {
        Self::Whole(200, body.into())
    }
}

/// The credential that is concealed.
pub(crate) const SECRET: &str = "s3cret+/token";

type Script = Box<dyn Fn(&Url, usize) -> Reply + Send + Sync>;

/// Answers by a function of the URL and of how often it was asked before.
pub(crate) struct Scripted {
    script: Script,
    asked: Mutex<HashMap<Url, usize>>,
    /// Each request as it was made.
    pub(crate) sent: Mutex<Vec<Request>>,
    /// Each request's last path segment, its token, and when it was made.
    pub(crate) requests: Mutex<Vec<(String, Option<String>, Instant)>>,
}

impl Scripted {
    pub(crate) fn new(script: impl Fn(&Url, usize) -> Reply + Send + Sync + 'static) -> Self {
        Self {
            script: Box::new(script),
            asked: Mutex::default(),
            sent: Mutex::default(),
            requests: Mutex::default(),
        }
    }

    /// How often a resource was asked for.
    pub(crate) fn count(&self, resource: &str) -> usize {
        self.requests.lock().unwrap().iter().filter(|(name, ..)| name == resource).count()
    }
}

/// The last segment of a URL's path.
pub(crate) fn resource(url: &Url) -> String {
    url.path_segments().unwrap().next_back().unwrap().to_owned()
}

/// A URL's continue token.
pub(crate) fn token(url: &Url) -> Option<String> {
    query(url, "continue")
}

/// What stands behind a key of a URL's query.
pub(crate) fn query(url: &Url, key: &str) -> Option<String> {
    url.query_pairs().find(|(found, _)| found == key).map(|(_, value)| value.into_owned())
}

impl Cluster for Scripted {
    fn conceal(&self, text: &str) -> String {
        text.replace(SECRET, "(the token)")
    }

    fn send(&self, request: Request) -> Pending<'_, Result<Answer, Failure>> {
        let url = request.url.clone();
        Box::pin(async move {
            self.sent.lock().unwrap().push(request);
            self.requests.lock().unwrap().push((resource(&url), token(&url), Instant::now()));
            let nth = {
                let mut asked = self.asked.lock().unwrap();
                let count = asked.entry(url.clone()).or_default();
                *count += 1;
                *count - 1
            };
            let mut headers = HeaderMap::new();
            let (status, chunks) = match (self.script)(&url, nth) {
                Reply::With(status, (name, value), body) => {
                    headers.insert(name, value.parse().unwrap());
                    (status, vec![(Duration::ZERO, body)])
                }
                Reply::Whole(status, body) => (status, vec![(Duration::ZERO, body)]),
                Reply::Chunks(chunks) => (200, chunks),
                Reply::Silence => std::future::pending().await,
                Reply::Panic => panic!("a scripted panic"),
            };
            let status = StatusCode::from_u16(status).unwrap();
            Ok(Answer { status, headers, body: Box::new(Chunks(chunks.into_iter())) })
        })
    }
}

struct Chunks(std::vec::IntoIter<(Duration, String)>);

impl Body for Chunks {
    fn chunk(&mut self) -> Pending<'_, Result<Option<Bytes>, Failure>> {
        let next = self.0.next();
        Box::pin(async move {
            let Some((pause, chunk)) = next else { return Ok(None) };
            sleep(pause).await;
            Ok(Some(chunk.into()))
        })
    }
}
