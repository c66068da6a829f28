//! What changes while the program runs: the server's certificate, and the token file. Each cycle is told, in
//! order; the change comes right after a cycle, so that the next one begins in the new state.

use std::fs;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::Signal;

use super::{Day, Row, TOKEN};
use crate::support::cluster::Cluster;
use crate::support::http::Request;
use crate::support::oracle::Cycle;
use crate::support::scene::Scene;
use crate::support::stand_in::StandIn;
use crate::support::tls::{Authority, Server};

pub(super) fn rows() -> Vec<Row> {
    vec![
        Row::new("the server's certificate is of another authority for a while", || {
            let (ours, another) = (Authority::new("ours"), Authority::new("another"));
            let (good, bad) = (ours.server(), another.server());
            let server = good.same_for_now();
            let scene = closing(server.clone(), |_| ());
            scene.write("ours.pem", &ours.pem());
            let day = cycles(scene, 2, &["--ca-file", "ours.pem"], 3, |scene, done| {
                server.becomes(if done == 1 { &bad } else { &good });
                // No connection that was made before lives on.
                scene.server.hang_up();
            });
            recorded(&day.cycles, &[true, false, true]);
            day
        }),
        Row::new("the server's certificate is of another authority after discovery", || {
            let (ours, another) = (Authority::new("ours"), Authority::new("another"));
            let (good, bad) = (ours.server(), another.server());
            let server = good.same_for_now();
            let scene = {
                let (server, good) = (server.clone(), good.clone());
                // Once: the answer to the first request is the last one under the good certificate.
                closing(server.clone(), move |request| match request.nth {
                    0 => server.becomes(&bad),
                    _ => server.becomes(&good),
                })
            };
            scene.write("ours.pem", &ours.pem());
            let day = cycles(scene, 2, &["--ca-file", "ours.pem"], 2, |_, _| server.becomes(&good));
            recorded(&day.cycles, &[false, true]);
            day
        }),
        Row::new("the server's certificate expires, and is renewed", || {
            let authority = Authority::new("ours");
            let server = authority.server().same_for_now();
            let scene = closing(server.clone(), |_| ());
            scene.write("ours.pem", &authority.pem());
            // Cycles are three seconds apart: the second one is over before the certificate is, and the third
            // one comes after.
            let day = cycles(scene, 3, &["--ca-file", "ours.pem"], 4, |scene, done| match done {
                1 => server.becomes(&authority.server_until(whole_seconds() + Duration::from_secs(4))),
                // No connection that was made in time lives on.
                2 => scene.server.hang_up(),
                _ => server.becomes(&authority.server()),
            });
            recorded(&day.cycles, &[true, true, false, true]);
            let log = &day.cycles[2].log;
            assert!(log.contains("it has expired"), "{log}");
            day
        }),
        Row::new("the token file empties, vanishes and comes back", || {
            let scene = Scene::of(Cluster::sample());
            let file = scene.write("token", "an-older-token\n");
            let day = cycles(scene, 2, &["--token-file", "token"], 4, |scene, done| match done {
                1 => drop(scene.write("token", "")),
                2 => fs::remove_file(&file).expect("the token file was there"),
                _ => drop(scene.write("token", TOKEN)),
            });
            recorded(&day.cycles, &[true; 4]);
            let sent = day.scene.server.requests();
            let sent: Vec<_> = sent.iter().map(|request| request.header("authorization")).collect();
            let (old, new) = (Some("Bearer an-older-token"), format!("Bearer {TOKEN}"));
            assert_eq!(sent, [old, old, old, old, old, old, Some(new.as_str()), Some(new.as_str())]);
            day
        }),
    ]
}

/// So many cycles, each so many seconds after the other; after each but the last something changes.
fn cycles(
    mut scene: Scene,
    seconds: u64,
    flags: &[&str],
    count: usize,
    mut change: impl FnMut(&mut Scene, usize),
) -> Day {
    let target = scene.target_every(seconds);
    let mut running = scene.run().args(["--interval", &format!("{seconds}s")]).args(flags).start();
    for done in 1..=count {
        running.until("a cycle is committed", || target.committed() >= done);
        if done < count {
            change(&mut scene, done);
        }
    }
    running.signal(Signal::TERM);
    let ended = running.wait(Duration::from_secs(10)).expect_code(0);
    let cycles = target.check();
    assert_eq!(cycles.len(), count, "every cycle, and no other: {cycles:#?}");
    Day { scene, ended, cycles }
}

/// Asserts which cycles recorded the sample, and that the others recorded nothing and say why.
fn recorded(cycles: &[Cycle], well: &[bool]) {
    assert_eq!(cycles.len(), well.len());
    for (cycle, well) in cycles.iter().zip(well) {
        if *well {
            cycle.holds(&Cluster::sample().entries());
        } else {
            assert!(cycle.entries.is_empty() && !cycle.lines("ERROR").is_empty(), "{cycle:#?}");
        }
    }
}

/// The sample behind a server that closes each connection, so that the next request shakes hands anew.
fn closing(tls: Server, on_request: impl Fn(&Request) + Send + Sync + 'static) -> Scene {
    let answer = Cluster::sample().handler();
    Scene::with(StandIn::start_tls(tls, move |request| {
        on_request(request);
        answer(request).with_header("Connection", "close")
    }))
}

/// The time, without the part of a second that certificates do not have.
fn whole_seconds() -> Duration {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is after 1970");
    Duration::from_secs(now.as_secs())
}
