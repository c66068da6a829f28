//! Credentials that stop working within a cycle: after a 401 they are fetched anew, once, and the request is made again.
//!
//! Tokens are rotated while lists are under way. Whoever meets a 401 waits for the one renewal of
//! the cycle; a 401 to what is new is an answer like any other.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::future::{BoxFuture, FutureExt as _, Shared};
use reqwest::StatusCode;
use url::Url;

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
    fn begin(&self, refused: &Url) -> Shared<BoxFuture<'static, Newer>> {
        let mut renewal = self.renewal.lock().unwrap_or_else(PoisonError::into_inner);
        match &mut *renewal {
            Renewal::Begun(begun) => begun.clone(),
            Renewal::Possible(renew) => {
                let status = StatusCode::UNAUTHORIZED;
                self.journal.warn(format!("{}: {status}; the credentials are fetched anew", shown(refused)));
                let begun = std::mem::replace(renew, futures_util::future::ready(None).boxed()).shared();
                *renewal = Renewal::Begun(begun.clone());
                begun
            }
        }
    }
}

impl Cluster for Renewing {
    fn send(&self, request: Request) -> Pending<'_, Result<Answer, Failure>> {
        Box::pin(async move {
            // What is being renewed has been refused.
            if let Some(renewal) = self.begun() {
                let newer = renewal.await;
                return newer.as_ref().unwrap_or(&self.first).send(request).await;
            }
            let answer = self.first.send(request.clone()).await?;
            if answer.status != StatusCode::UNAUTHORIZED {
                return Ok(answer);
            }
            match self.begin(&request.url).await {
                None => Ok(answer),
                Some(newer) => {
                    drop(answer);
                    newer.send(request).await
                }
            }
        })
    }

    fn conceal(&self, text: &str) -> String {
        let concealed = self.first.conceal(text);
        let newer = self.begun().and_then(|renewal| renewal.peek().cloned().flatten());
        newer.map_or(concealed.clone(), |newer| newer.conceal(&concealed))
    }
}
