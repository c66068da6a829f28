//! What goes wrong before HTTP has its say, and HTTP that is odd or far too much.

use super::lists::{answers, three};
use super::plan::plan;
use super::{Day, Row, TOKEN};
use crate::support::cluster::{Cluster, small_list};
use crate::support::http::Reply;
use crate::support::scene::Scene;
use crate::support::stand_in::StandIn;

/// A name that no resolver knows (RFC 6761, 6.4).
const NO_HOST: &str = "http://api.invalid";

pub(super) fn rows() -> Vec<Row> {
    let long = Reply::json(small_list("secrets")).with_header("X-Long", &"x".repeat(1 << 20));
    let mut many = Reply::json(small_list("secrets"));
    for number in 0..10_000 {
        many = many.with_header(&format!("X-{number}"), "x");
    }
    let vast = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2147483648\r\n\r\n{";
    vec![
        // The resolver may take its time before it says no.
        Row::new("the server's name does not exist", || {
            elsewhere(Scene::of(Cluster::sample()), |_| Vec::new())
        }),
        Row::new("the proxy refuses connections", || {
            elsewhere(Scene::with(StandIn::refusing()), |scene| {
                let proxy = format!("http://user:{TOKEN}@127.0.0.1:{}", scene.server.port());
                vec![("HTTP_PROXY", proxy)]
            })
        }),
        answers("a list comes with a header of a megabyte", long).asks_once().ends_with_errors(),
        answers("a list comes with ten thousand headers", many).asks_once().ends_with_errors(),
        answers("a list is announced with two gigabytes", Reply::Raw(vast.to_vec()))
            .asks_once()
            .ends_with_errors(),
        odd("a list in HTTP that is odd and legal"),
    ]
}

/// One cycle that wants to record from a host that is not there.
fn elsewhere(scene: Scene, environment: impl Fn(&Scene) -> Vec<(&'static str, String)>) -> Day {
    let here = scene.server.url();
    let arguments = scene.run_arguments().into_iter();
    let arguments = arguments.map(|argument| if argument == here { NO_HOST.to_owned() } else { argument });
    let mut program = scene.minutebook().args(arguments).args(["--once", "--interval", "20s"]);
    program = program.env("RES_OPTIONS", "timeout:1 attempts:1");
    for (name, value) in environment(&scene) {
        program = program.env(name, value);
    }
    let ended = program.run().expect_code(3);
    let cycles = scene.target_every(20).check();
    let [cycle] = &cycles[..] else { panic!("one cycle, not {cycles:#?}") };
    assert_eq!(cycle.entries, []);
    Day { scene, ended, cycles }
}

/// A hint before the answer, no reason, names in odd cases, white space, chunks with extensions, and a
/// header behind the body.
fn odd(title: &'static str) -> Row {
    let body = small_list("secrets");
    let (one, other) = body.split_at(7);
    let head = "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\nHTTP/1.1 200 \r\n\
                content-type:application/json\r\nTRANSFER-ENCODING:   chunked  \r\nTrailer: X-Sum\r\n\r\n";
    let chunk =
        |part: &[u8]| [format!("{:04x};ext=\"1\"\r\n", part.len()).as_bytes(), part, b"\r\n"].concat();
    let answer = [head.as_bytes(), &chunk(one), &chunk(other), b"0\r\nX-Sum: 7\r\n\r\n"].concat();
    let cluster = three().list("secrets", move |_| Reply::Raw(answer.clone()));
    plan(title, cluster.recorded_as("secrets", body)).asks_once().ends_well()
}
