//! Answers that are encoded although nobody asked for it: gzip is read, whatever else is not, and what
//! is made to blow up memory does not.

use std::io::Write as _;

use flate2::write::GzEncoder;
use flate2::{Compress, Compression, FlushCompress};

use super::Row;
use super::lists::{answers, at_first, three};
use super::plan::plan;
use crate::support::cluster::{Cluster, resource, resource_list, small_list};
use crate::support::http::Reply;

pub(super) fn rows() -> Vec<Row> {
    let mut rows = decoded();
    rows.extend(not_gzip());
    rows.extend(bombs());
    rows.extend(other_encodings());
    rows
}

fn decoded() -> Vec<Row> {
    let list = small_list("secrets");
    let (half, other_half) = list.split_at(list.len() / 2);
    let members = [gzip(half), gzip(b""), gzip(other_half)].concat();
    let recorded = |title, reply: Reply| {
        let cluster = three().list("secrets", move |_| reply.clone());
        plan(title, cluster.recorded_as("secrets", small_list("secrets"))).asks_once().ends_well()
    };
    let refusal = Reply::json(gzip(br#"{"kind":"Status","message":"secrets is forbidden"}"#));
    let Reply::Whole { headers, body, .. } = refusal else { unreachable!("JSON is sent whole") };
    let refusal = Reply::Whole { status: 403, headers, body };
    vec![
        plan("discovery is gzip, unasked", {
            let discovery = gzip(resource_list(&[resource("configmaps")]).as_bytes());
            Cluster::of(&["configmaps"]).discovery(move |_| encoded("gzip", discovery.clone()))
        })
        .asks_for(&["configmaps"])
        .ends_well(),
        recorded("a list is gzip, unasked", encoded("gzip", gzip(&list))),
        recorded("a list is gzip by its other name", encoded("X-GZIP", gzip(&list))),
        recorded("a list is gzip in three members", encoded("gzip", members)),
        recorded("a list is encoded as itself", encoded("identity", list.clone())),
        answers("a refusal is gzip", refusal.with_header("Content-Encoding", "gzip"))
            .asks_once()
            .ends_with_errors(),
    ]
}

fn not_gzip() -> Vec<Row> {
    let good = gzip(&small_list("secrets"));
    let part = good[..good.len() / 2].to_vec();
    // Without a length, the end of the connection is the end of the answer.
    let head = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Encoding: gzip\r\n\r\n";
    let broken_off = Reply::Raw([&head[..], &part].concat());
    let mut wrong_sum = good.clone();
    let sum = wrong_sum.len() - 8;
    wrong_sum[sum] ^= 1;
    let behind = [&good[..], b"something"].concat();
    let refused = |title, body: Vec<u8>| answers(title, encoded("gzip", body)).asks_once().ends_with_errors();
    vec![
        refused("a list is half a gzip file", part),
        at_first("a list is gzip and its connection ends half-way, then it is well", broken_off),
        refused("a list is said to be gzip and is not", small_list("secrets")),
        refused("a list is gzip with a wrong checksum", wrong_sum),
        refused("a list is gzip with something behind it", behind),
        refused("a list is said to be gzip and is empty", Vec::new()),
    ]
}

fn bombs() -> Vec<Row> {
    vec![
        answers("a list is a gzip bomb", encoded("gzip", bomb()))
            .flags(["--max-list-bytes", "64KiB"])
            .asks_once()
            .ends_with_errors(),
        plan("discovery is a gzip bomb", Cluster::nothing(encoded("gzip", bomb())))
            .every(30)
            .asks_for(&[])
            .ends_with_errors(),
    ]
}

fn other_encodings() -> Vec<Row> {
    let list = || small_list("secrets");
    let twice = encoded("gzip", gzip(&gzip(&list()))).with_header("Content-Encoding", "gzip");
    vec![
        answers("a list is encoded", encoded("br", list())).asks_once().ends_with_errors(),
        answers("a list is encoded twice", encoded("gzip, gzip", list())).asks_once().ends_with_errors(),
        answers("a list is encoded twice, in two headers", twice).asks_once().ends_with_errors(),
        plan("discovery is encoded", Cluster::nothing(encoded("zstd", list())))
            .asks_for(&[])
            .ends_with_errors(),
    ]
}

fn encoded(how: &str, body: Vec<u8>) -> Reply {
    Reply::json(body).with_header("Content-Encoding", how)
}

pub(crate) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).expect("memory has room");
    encoder.finish().expect("memory has room")
}

/// A megabyte of gzip that holds a gigabyte of white space. It is made of one piece, over and over, and
/// has no end: nobody gets that far.
pub(crate) fn bomb() -> Vec<u8> {
    let mut piece = Vec::with_capacity(64 << 10);
    let mut encoder = Compress::new(Compression::best(), false);
    encoder.compress_vec(&vec![b' '; 1 << 20], &mut piece, FlushCompress::Full).expect("memory has room");
    let header = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255];
    let bomb = [&header[..], &piece.repeat(1 << 10)].concat();
    assert!(bomb.len() < 2 << 20, "{} bytes are no bomb", bomb.len());
    bomb
}
