//! One try for one page: asked for, checked for what HTTP says, read whole.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use reqwest::StatusCode;
use reqwest::header::{CONTENT_ENCODING, CONTENT_LENGTH, HeaderMap, LOCATION, TRANSFER_ENCODING};
use serde::Deserialize;
use tokio::time::timeout;
use url::Url;

use super::gunzip::Gunzip;
use super::page_memory::Held;
use super::wait::asked_wait;
use super::{Answer, Body, Cluster, Failure, Request};
use crate::model::limits::{ERROR_BODY_BYTES, MESSAGE_BYTES};
use crate::model::text::printable;

/// Room made at once for a body whose length is announced; what announces more has to send it.
const ROOM: u64 = 16 << 20;

/// Bytes of a body from which on it gets room for all that it may have: addresses, which cost nothing until they are
/// used. A buffer that grows by doubling is there twice while it is copied, and longer where the allocator keeps what is
/// freed for a while.
const LARGE: usize = 64 << 20;

/// How far a try may go.
#[derive(Debug, Clone, Copy)]
pub struct Bounds<'a> {
    /// Time without a byte.
    pub idle: Duration,
    /// Bytes of the page, decoded.
    pub max_bytes: u64,
    /// The limit that this follows from and its bytes, for the error.
    pub limit: (&'static str, u64),
    /// True while the page stands still for want of memory, and still so if it is given up then.
    pub stands_still: &'a AtomicBool,
}

/// A page's body, and its part of the shared memory.
#[derive(Debug)]
pub struct Page {
    /// As the server sent it, but decoded.
    pub bytes: Vec<u8>,
    _held: Held,
}

/// Asks once and reads the whole answer. `held` is the page's part of the shared memory.
///
/// # Errors
/// [`Failure`] for everything but a complete body with status 200.
pub async fn get_page(
    cluster: &dyn Cluster,
    request: &Request,
    bounds: Bounds<'_>,
    held: Held,
) -> Result<Page, Failure> {
    read_page(cluster, request, bounds, held).await.map_err(|failure| failure.conceal(cluster))
}

async fn read_page(
    cluster: &dyn Cluster,
    request: &Request,
    bounds: Bounds<'_>,
    held: Held,
) -> Result<Page, Failure> {
    // A page that may not read a byte yet does not ask either.
    admitted(&held, bounds.stands_still).await;
    let silent = |_| Failure::Silent(bounds.idle);
    let mut answer = decoded(cluster.send_within(request.clone(), bounds.idle).await?);
    check(request, &mut answer, bounds.idle).await?;

    let too_large = Failure::TooLarge { limit: bounds.limit.0, max: bounds.limit.1 };
    let announced =
        header(&answer.headers, &CONTENT_LENGTH).and_then(|length| length.parse().ok()).unwrap_or(0);
    if announced > bounds.max_bytes {
        return Err(too_large);
    }
    let mut bytes = Vec::with_capacity(usize::try_from(announced.min(ROOM)).unwrap_or_default());
    loop {
        admitted(&held, bounds.stands_still).await;
        let Some(chunk) = timeout(bounds.idle, answer.body.chunk()).await.map_err(silent)?? else {
            return Ok(Page { bytes, _held: held });
        };
        if bytes.len() as u64 + chunk.len() as u64 > bounds.max_bytes {
            return Err(too_large);
        }
        held.add(chunk.len() as u64);
        make_room(&mut bytes, chunk.len(), bounds.max_bytes);
        bytes.extend_from_slice(&chunk);
    }
}

/// Makes room for so many more bytes of a body that has no more than `max`.
fn make_room(body: &mut Vec<u8>, more: usize, max: u64) {
    if body.len() + more > body.capacity() && body.len() + more > LARGE {
        let rest = usize::try_from(max).unwrap_or(usize::MAX).saturating_sub(body.len());
        // Where there are not that many addresses it grows as it does anyway.
        let _ = body.try_reserve_exact(rest);
    }
}

/// Returns when the page may read on.
async fn admitted(held: &Held, stands_still: &AtomicBool) {
    stands_still.store(true, Ordering::Relaxed);
    held.admitted().await;
    stands_still.store(false, Ordering::Relaxed);
}

/// The same answer with a body that is decoded, if it is gzip.
fn decoded(mut answer: Answer) -> Answer {
    let encoding = encoding(&answer.headers).unwrap_or_default();
    if !["gzip", "x-gzip"].iter().any(|gzip| encoding.eq_ignore_ascii_case(gzip)) {
        return answer;
    }
    // Neither is true of what is decoded.
    answer.headers.remove(CONTENT_ENCODING);
    let length = answer.headers.remove(CONTENT_LENGTH);
    let delimited = length.is_some() || answer.headers.contains_key(TRANSFER_ENCODING);
    Answer { body: Box::new(Gunzip::new(answer.body, delimited)), ..answer }
}

/// How a body is encoded: all that its headers say, since one may be given several times.
fn encoding(headers: &HeaderMap) -> Option<String> {
    let values = headers.get_all(CONTENT_ENCODING).iter();
    let values = values.map(|value| String::from_utf8_lossy(value.as_bytes()).trim().to_owned());
    let values: Vec<_> = values.filter(|value| !value.is_empty()).collect();
    if values.is_empty() { None } else { Some(values.join(", ")) }
}

async fn check(request: &Request, answer: &mut Answer, idle: Duration) -> Result<(), Failure> {
    let status = answer.status;
    if status.is_redirection() && status != StatusCode::NOT_MODIFIED {
        return Err(Failure::Redirect { status, to: destination(&request.url, &answer.headers) });
    }
    // What is posted here is a question, which is answered as if it had been made into something.
    let answered = status == StatusCode::OK || status == StatusCode::CREATED && request.body.is_some();
    if !answered {
        // The message is a courtesy: it gets no more time than one silent try.
        let said = timeout(idle, read_status(answer.body.as_mut())).await.unwrap_or_default();
        let Said { message, about, token } = said.unwrap_or_default();
        let token = token.filter(|_| status == StatusCode::GONE);
        let waits = matches!(status, StatusCode::TOO_MANY_REQUESTS | StatusCode::SERVICE_UNAVAILABLE);
        let wait = if waits { asked_wait(&answer.headers) } else { None };
        return Err(Failure::Status { status, message, wait, about, token });
    }
    match encoding(&answer.headers) {
        None => Ok(()),
        Some(encoding) if encoding.eq_ignore_ascii_case("identity") => Ok(()),
        Some(encoding) => Err(Failure::Encoded(printable(&encoding, MESSAGE_BYTES))),
    }
}

/// Where a redirect points, without its query and user: it may hold a credential.
fn destination(url: &Url, headers: &HeaderMap) -> String {
    let Some(location) = headers.get(LOCATION) else {
        return "nowhere (no Location)".to_owned();
    };
    let location = String::from_utf8_lossy(location.as_bytes());
    match url.join(&location) {
        Ok(mut to) => {
            to.set_query(None);
            to.set_fragment(None);
            // Both fail only for URLs that can have neither.
            let _ = (to.set_username(""), to.set_password(None));
            printable(to.as_str(), MESSAGE_BYTES)
        }
        Err(_) => "something that is no URL".to_owned(),
    }
}

#[derive(Deserialize)]
struct Status {
    kind: String,
    message: Option<String>,
    #[serde(default)]
    metadata: StatusMetadata,
    #[serde(default)]
    details: Option<StatusDetails>,
}

#[derive(Deserialize)]
struct StatusDetails {
    #[serde(default)]
    kind: Option<String>,
}

#[derive(Default, Deserialize)]
struct StatusMetadata {
    #[serde(rename = "continue")]
    token: Option<String>,
}

/// What a `Status` says.
#[derive(Default)]
struct Said {
    message: Option<String>,
    about: Option<String>,
    /// For those who go on with a list.
    token: Option<String>,
}

async fn read_status(body: &mut dyn Body) -> Option<Said> {
    let mut bytes = Vec::new();
    while bytes.len() < ERROR_BODY_BYTES
        && let Ok(Some(chunk)) = body.chunk().await
    {
        bytes.extend_from_slice(&chunk);
    }
    let status: Status = serde_json::from_slice(&bytes).ok()?;
    if status.kind != "Status" {
        return None;
    }
    let message = status.message.map(|message| printable(&message, MESSAGE_BYTES));
    let token = status.metadata.token.filter(|token| !token.is_empty());
    let about = status.details.and_then(|details| details.kind);
    Some(Said { message: message.filter(|message| !message.is_empty()), about, token })
}

fn header<'a>(headers: &'a HeaderMap, name: &reqwest::header::HeaderName) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
