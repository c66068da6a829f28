//! The ways in which a server at its worst answers, drawn at random. None of them holds a list that
//! could pass for a whole one but is another than the server's.

use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;

use super::crowd::{Answer, Then, whole};
use super::http::{Reply, head, json_type};

type Make = fn(&mut fastrand::Rng, &[u8]) -> Answer;

/// What they are called, and what is said instead of the body.
const KINDS: [(&str, Make); 14] = [
    ("500", |_, _| refusal(500, "InternalError")),
    ("503", |_, _| refusal(503, "ServiceUnavailable")),
    ("429 with Retry-After", |_, _| too_many()),
    ("reset", |_, _| Answer { then: Then::Reset, ..Answer::of(Vec::new()) }),
    ("closed", |_, _| Answer { then: Then::Close, ..Answer::of(Vec::new()) }),
    ("silence", |_, _| Answer { then: Then::Silence, ..Answer::of(Vec::new()) }),
    ("half, then closed", |_, body| Answer { then: Then::Close, ..half(body) }),
    ("half, then reset", |_, body| Answer { then: Then::Reset, ..half(body) }),
    ("slow", |random, body| Answer {
        after: Duration::from_millis(random.u64(200..3_000)),
        ..Answer::of(whole(200, &json_type(), body))
    }),
    ("invalid JSON", |_, body| Answer::of(whole(200, &json_type(), &[body, b"]"].concat()))),
    ("empty body", |_, _| Answer::of(whole(200, &json_type(), b""))),
    ("redirect", |_, _| Answer::reply(&Reply::redirect("/elsewhere"))),
    ("gzip", |_, body| gzip(body)),
    ("length too small", |_, body| too_long(body)),
];

/// One of them: what it is called, and the answer.
pub(crate) fn bad(random: &mut fastrand::Rng, body: &[u8]) -> (&'static str, Answer) {
    let (kind, make) = KINDS[random.usize(..KINDS.len())];
    (kind, make(random, body))
}

/// How many there are.
pub(crate) fn kinds() -> usize {
    KINDS.len()
}

fn refusal(code: u16, reason: &str) -> Answer {
    Answer::reply(&Reply::refusal(code, reason, "it is not its day"))
}

fn too_many() -> Answer {
    let refusal = Reply::refusal(429, "TooManyRequests", "it is not its day");
    Answer::reply(&refusal.with_header("Retry-After", "1"))
}

fn half(body: &[u8]) -> Answer {
    let whole = whole(200, &json_type(), body);
    Answer::of(whole[..whole.len() - body.len() / 2].to_vec())
}

fn gzip(body: &[u8]) -> Answer {
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(body).expect("memory has room");
    let mut headers = json_type();
    headers.push(("Content-Encoding".to_owned(), "gzip".to_owned()));
    Answer::of(whole(200, &headers, &gzip.finish().expect("memory has room")))
}

/// More comes than was announced: what is over looks like the beginning of the next answer.
fn too_long(body: &[u8]) -> Answer {
    let announced = body.len().saturating_sub(10);
    Answer::of([head(200, &json_type(), Some(announced)).as_bytes(), body].concat())
}
