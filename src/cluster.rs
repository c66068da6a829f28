//! The API server: one request at a time, and what can go wrong with it.
//!
//! Everything that leaves this machine goes through [`Cluster`]. Retrying, paging and reading
//! JSON are for the stages; here a request either gives a page, whole, or a [`Failure`] that
//! says what happened in words and whether another try makes sense.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use reqwest::StatusCode;
use reqwest::header::HeaderMap;
use tokio::time::timeout;

mod caller;
mod client;
mod clients;
mod connections;
mod failure;
mod gunzip;
mod http2;
mod lanes;
mod layout;
mod page;
mod page_memory;
mod request;
mod retry;
#[cfg(test)]
pub(crate) mod scripted;
mod server;
mod tls;
mod verifiers;
mod wait;

pub use caller::{Authorization, Caller, TokenError};
pub use client::HttpConnect;
pub use clients::{Clients, Pings};
pub use connections::{Connection, Connections, TargetConnections};
pub use failure::Failure;
pub use layout::{Endpoint, Layout, PageOf, shown};
pub use page::{Bounds, Page, get_page};
pub use page_memory::{Held, PageBounds, PageMemory, PlaceInLine, TargetMemory};
pub use request::{Accept, Request};
pub use retry::{RETRY_LOG, backoff, rounded};
pub use server::{Server, is_loopback};
pub use tls::{Material, TlsError};

/// Whatever answers requests.
pub trait Cluster: Send + Sync + 'static {
    /// Asks; returns once status and headers are there.
    fn send(&self, request: Request) -> Pending<'_, Result<Answer, Failure>>;

    /// The same, for as long as the server may be silent. What else has to be waited for does not count.
    ///
    /// # Errors
    /// The same, and [`Failure::NoAnswer`].
    fn send_within(&self, request: Request, idle: Duration) -> Pending<'_, Result<Answer, Failure>> {
        Box::pin(
            async move { timeout(idle, self.send(request)).await.unwrap_or(Err(Failure::NoAnswer(idle))) },
        )
    }

    /// `text` without the credentials that were sent: a server may repeat them in what it says.
    fn conceal(&self, text: &str) -> String {
        text.to_owned()
    }
}

/// Makes clients from what identifies them and whom they trust.
pub trait Connect: Send + Sync + 'static {
    /// A client. Opens no connection; blocks, because it may read the system's root certificates.
    ///
    /// # Errors
    /// The certificates or the key cannot be used.
    fn connect(&self, material: &Material, caller: Caller) -> Result<Arc<dyn Cluster>, TlsError>;
}

/// A future behind a pointer, so that there can be several kinds of [`Cluster`].
pub type Pending<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// An answer whose body is still to come.
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The HTTP headers.
    pub headers: HeaderMap,
    /// The rest.
    pub body: Box<dyn Body>,
}

/// A body that arrives in chunks.
pub trait Body: Send {
    /// The next chunk; `None` at the end.
    fn chunk(&mut self) -> Pending<'_, Result<Option<Bytes>, Failure>>;
}
