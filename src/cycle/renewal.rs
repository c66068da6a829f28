//! Credentials that stop working within a cycle: after a 401 they are fetched anew, once, and the request is made again.
//!
//! Tokens are rotated while lists are under way. Whoever meets a 401 waits for the one renewal of
//! the cycle; a 401 to what is new is an answer like any other.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::{BoxFuture, FutureExt as _, Shared};
use reqwest::StatusCode;

use crate::cluster::{Answer, Cluster, Failure, Pending, Request, shown};
use crate::model::journal::Journal;

/// The client with new credentials, if there are any.
type Newer = Option<Arc<dyn Cluster>>;

/// A cluster whose credentials are renewed once.
pub(super) struct Renewing {
    first: Arc<dyn Cluster>,
    renewal: Mutex<Renewal>,
    journal: Journal,
}

enum Renewal {
    /// Nobody needed it.
    Possible(BoxFuture<'static, Newer>),
    /// Begun. Whoever gives up waiting does not end it for others; when nobody can wait any more it ends.
    Begun(Shared<BoxFuture<'static, Newer>>),
}

impl Renewing {
    /// `first`, until `renew` is needed.
    pub(super) fn new(
        first: Arc<dyn Cluster>,
        renew: impl Future<Output = Newer> + Send + 'static,
        journal: Journal,
    ) -> Self {
        Self { first, renewal: Mutex::new(Renewal::Possible(renew.boxed())), journal }
    }

    /// The renewal, if it has begun.
    fn begun(&self) -> Option<Shared<BoxFuture<'static, Newer>>> {
        match &*self.renewal.lock().unwrap_or_else(PoisonError::into_inner) {
            Renewal::Possible(_) => None,
            Renewal::Begun(renewal) => Some(renewal.clone()),
        }
    }

    /// The renewal, which begins now if it has not yet.
    fn begin(&self, refused: &Request) -> Shared<BoxFuture<'static, Newer>> {
        let mut renewal = self.renewal.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *renewal {
            Renewal::Begun(begun) => begun.clone(),
            Renewal::Possible(renew) => {
                let status = StatusCode::UNAUTHORIZED;
                let method = if refused.body.is_some() { "POST" } else { "GET" };
                let url = shown(&refused.url);
                self.journal.warn(format!("{method} {url}: {status}; the credentials are fetched anew"));
                let begun = std::mem::replace(renew, futures_util::future::ready(None).boxed()).shared();
                *renewal = Renewal::Begun(begun.clone());
                begun
            }
        }
    }
}

impl Renewing {
    /// Asks; each answer may take as long as `idle`, if it is given, and the renewal as long as it takes: it is not the
    /// server that is waited for then.
    async fn ask(&self, request: Request, idle: Option<Duration>) -> Result<Answer, Failure> {
        // What is being renewed has been refused.
        if let Some(renewal) = self.begun() {
            let newer = renewal.await;
            return send(newer.as_ref().unwrap_or(&self.first), request, idle).await;
        }
        let answer = send(&self.first, request.clone(), idle).await?;
        if answer.status != StatusCode::UNAUTHORIZED {
            return Ok(answer);
        }
        match self.begin(&request).await {
            None => Ok(answer),
            Some(newer) => {
                drop(answer);
                send(&newer, request, idle).await
            }
        }
    }
}

async fn send(
    cluster: &Arc<dyn Cluster>,
    request: Request,
    idle: Option<Duration>,
) -> Result<Answer, Failure> {
    match idle {
        None => cluster.send(request).await,
        Some(idle) => cluster.send_within(request, idle).await,
    }
}

impl Cluster for Renewing {
    fn send(&self, request: Request) -> Pending<'_, Result<Answer, Failure>> {
        Box::pin(self.ask(request, None))
    }

    fn send_within(&self, request: Request, idle: Duration) -> Pending<'_, Result<Answer, Failure>> {
        Box::pin(self.ask(request, Some(idle)))
    }

    fn conceal(&self, text: &str) -> String {
        let concealed = self.first.conceal(text);
        let newer = self.begun().and_then(|renewal| renewal.peek().cloned().flatten());
        newer.map_or(concealed.clone(), |newer| newer.conceal(&concealed))
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use futures_util::future::join_all;
    use tokio::time::{sleep, timeout};

    use super::*;
    use crate::cluster::scripted::{Reply, Scripted};

    fn journal() -> Journal {
        Journal::new(chrono::DateTime::default)
    }

    fn request(path: &str) -> Request {
        Request::get(format!("https://host/{path}").parse().unwrap())
    }

    fn always(status: u16) -> Arc<Scripted> {
        Arc::new(Scripted::new(move |_, _| Reply::Whole(status, "x".to_owned())))
    }

    /// The same, but its answers take a while: others are asked for in the meantime.
    struct Slow(Arc<Scripted>);

    impl Cluster for Slow {
        fn send(&self, request: Request) -> Pending<'_, Result<Answer, Failure>> {
            Box::pin(async move {
                let answer = self.0.send(request).await;
                sleep(Duration::from_millis(100)).await;
                answer
            })
        }
    }

    /// A renewal that takes a second and counts how often it begins.
    fn renewal(to: Option<&Arc<Scripted>>, begun: &Arc<AtomicUsize>) -> impl Future<Output = Newer> + use<> {
        let (to, begun) = (to.map(|to| Arc::clone(to) as Arc<dyn Cluster>), Arc::clone(begun));
        async move {
            begun.fetch_add(1, Ordering::Relaxed);
            sleep(Duration::from_secs(1)).await;
            to
        }
    }

    async fn status(cluster: &Renewing, path: &str) -> u16 {
        cluster.send(request(path)).await.ok().unwrap().status.as_u16()
    }

    #[tokio::test(start_paused = true)]
    async fn ten_that_are_refused_at_once_wait_for_one_renewal() {
        let (old, new, begun, journal) = (always(401), always(200), Arc::default(), journal());
        let cluster =
            Renewing::new(Arc::new(Slow(Arc::clone(&old))), renewal(Some(&new), &begun), journal.clone());
        let paths: Vec<String> = (0..10).map(|path| format!("r{path}")).collect();
        let answers = join_all(paths.iter().map(|path| status(&cluster, path))).await;
        assert_eq!(answers, [200; 10]);
        assert_eq!(begun.load(Ordering::Relaxed), 1);
        assert_eq!((old.requests.lock().unwrap().len(), new.requests.lock().unwrap().len()), (10, 10));
        // Nobody asks with the old ones any more.
        assert_eq!(status(&cluster, "later").await, 200);
        assert_eq!(old.count("later"), 0);
        let events = journal.events();
        let lines: Vec<_> = events.iter().map(|event| event.message.as_str()).collect();
        assert_eq!(lines, ["GET https://host/r0: 401 Unauthorized; the credentials are fetched anew"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewal_outlasts_whoever_began_it() {
        let (old, new, begun) = (always(401), always(200), Arc::default());
        let cluster =
            Renewing::new(Arc::clone(&old) as Arc<dyn Cluster>, renewal(Some(&new), &begun), journal());
        let impatient = timeout(Duration::from_millis(500), cluster.send(request("a"))).await;
        assert!(impatient.is_err());
        assert_eq!(status(&cluster, "a").await, 200);
        assert_eq!((begun.load(Ordering::Relaxed), old.count("a")), (1, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_renewal_is_no_silence_of_the_server() {
        let idle = Duration::from_millis(500);
        for (new, expected) in [(Reply::ok("x"), Some(200)), (Reply::Silence, None)] {
            let new = Arc::new(Scripted::new(move |_, _| new.clone()));
            let (old, begun) = (always(401), Arc::default());
            let cluster = Renewing::new(old, renewal(Some(&new), &begun), journal());
            let asked = ["a", "b"].map(|path| cluster.send_within(request(path), idle));
            for answer in join_all(asked).await {
                match answer {
                    Ok(answer) => assert_eq!(Some(answer.status.as_u16()), expected),
                    Err(failure) => {
                        assert!(matches!(failure, Failure::NoAnswer(_)) && expected.is_none(), "{failure}");
                    }
                }
            }
            assert_eq!((begun.load(Ordering::Relaxed), new.count("a"), new.count("b")), (1, 1, 1));
        }
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_refused_after_that_is_refused() {
        for (new, status_after) in [(Some(always(401)), 401), (None, 401)] {
            let (old, begun) = (always(401), Arc::default());
            let cluster =
                Renewing::new(Arc::clone(&old) as Arc<dyn Cluster>, renewal(new.as_ref(), &begun), journal());
            for _ in 0..3 {
                assert_eq!(status(&cluster, "a").await, status_after);
            }
            assert_eq!(begun.load(Ordering::Relaxed), 1);
            let asked = new.map_or(old.count("a"), |new| new.count("a"));
            assert_eq!(asked, 3);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn other_answers_renew_nothing() {
        let (old, begun, journal) = (always(403), Arc::default(), journal());
        let cluster = Renewing::new(old, renewal(None, &begun), journal.clone());
        assert_eq!(status(&cluster, "a").await, 403);
        assert_eq!((begun.load(Ordering::Relaxed), journal.events().len()), (0, 0));
    }

    struct Conceals(&'static str, u16);

    impl Cluster for Conceals {
        fn send(&self, request: Request) -> Pending<'_, Result<Answer, Failure>> {
            let answer = always(self.1);
            Box::pin(async move { answer.send(request).await })
        }

        fn conceal(&self, text: &str) -> String {
            text.replace(self.0, "(hidden)")
        }
    }

    #[tokio::test(start_paused = true)]
    async fn old_and_new_credentials_are_concealed() {
        let newer: Arc<dyn Cluster> = Arc::new(Conceals("new", 200));
        let cluster = Renewing::new(Arc::new(Conceals("old", 401)), async { Some(newer) }, journal());
        assert_eq!(cluster.conceal("old and new"), "(hidden) and new");
        assert_eq!(status(&cluster, "a").await, 200);
        assert_eq!(cluster.conceal("old and new"), "(hidden) and (hidden)");
    }
}
