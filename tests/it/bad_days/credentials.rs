//! Certificates and tokens that are wrong, missing, or change under way. Whatever happens to
//! a credential, it is sent nowhere else and written nowhere.

use std::fs;
use std::time::Duration;

use rustix::process::Signal;

use super::plan::{Plan, plan};
use super::{Day, Row, TOKEN};
use crate::support::binary::Running;
use crate::support::cluster::Cluster;
use crate::support::http::Reply;
use crate::support::scene::Scene;
use crate::support::tls::Authority;

pub(super) fn rows() -> Vec<Row> {
    let mut rows = authorities();
    rows.extend(without_a_store());
    rows.extend(client_certificates());
    rows.extend(tokens());
    rows.extend(changes());
    rows
}

fn authorities() -> Vec<Row> {
    vec![
        of_the_unknown("a certificate of an unknown authority")
            .file("system.pem", Authority::new("the system's").pem())
            .env("SSL_CERT_FILE", "system.pem")
            .asks_nothing()
            .says_at_once("--ca-file")
            .ends_with_errors(),
        with_its_certificate("a certificate of the authority in --ca-file", "ours.pem")
            .flags(["--ca-file", "ours.pem"])
            .ends_well(),
        // What the system trusts must not open what --ca-file is there to close.
        {
            let authority = Authority::new("the system's");
            nothing("an authority that the system knows and --ca-file does not")
                .tls(authority.server())
                .file("system.pem", authority.pem())
                .env("SSL_CERT_FILE", "system.pem")
                .file("ours.pem", Authority::new("another").pem())
                .flags(["--ca-file", "ours.pem"])
                .asks_nothing()
                .says_at_once("--ca-file")
                .ends_with_errors()
        },
        with_its_certificate("an authority that the system knows", "system.pem")
            .env("SSL_CERT_FILE", "system.pem")
            .ends_well(),
        of_the_unknown("--ca-file is missing")
            .flags(["--ca-file", "ours.pem"])
            .asks_nothing()
            .ends_with_errors(),
        of_the_unknown("--ca-file holds no certificate")
            .file("ours.pem", "this is no certificate\n")
            .flags(["--ca-file", "ours.pem"])
            .asks_nothing()
            .ends_with_errors(),
    ]
}

/// A machine without a CA store is one whose store's places are empty.
fn without_a_store() -> Vec<Row> {
    let without =
        |plan: Plan| plan.file("empty.pem", "").env("SSL_CERT_FILE", "empty.pem").env("SSL_CERT_DIR", "none");
    vec![
        without(of_the_unknown("a machine without a CA store"))
            .asks_nothing()
            .says_at_once("ca-certificates")
            .ends_with_errors(),
        without(plan("a machine without a CA store, and plain HTTP", Cluster::sample())).ends_well(),
        without(with_its_certificate("a machine without a CA store, and --ca-file", "ours.pem"))
            .flags(["--ca-file", "ours.pem"])
            .ends_well(),
    ]
}

fn client_certificates() -> Vec<Row> {
    let picky = |title, cluster| {
        let authority = Authority::new("ours");
        let identity = authority.issue();
        plan(title, cluster)
            .tls(authority.server_for_its_own())
            .file("ours.pem", authority.pem())
            .file("client.pem", identity.certificate)
            .file("client.key", identity.key)
            .flags(["--ca-file", "ours.pem"])
    };
    vec![
        picky("a server that wants a client certificate, and gets it", Cluster::sample())
            .flags(["--client-cert", "client.pem", "--client-key", "client.key"])
            .ends_well(),
        // Under TLS 1.3 the client learns of the refusal only when it reads.
        picky(
            "a server that wants a client certificate, and gets none",
            Cluster::sample().nothing_recorded(),
        )
        .asks_nothing()
        .says_at_once("--client-cert")
        .ends_with_errors(),
    ]
}

fn tokens() -> Vec<Row> {
    vec![
        nothing("the token file is missing")
            .flags(["--token-file", "token"])
            .asks_nothing()
            .ends_with_errors(),
        nothing("the token file is empty")
            .file("token", " \n")
            .flags(["--token-file", "token"])
            .asks_nothing()
            .ends_with_errors(),
        nothing("the token holds a line end")
            .file("token", format!("{TOKEN}\n{TOKEN}\n"))
            .flags(["--token-file", "token"])
            .asks_nothing()
            .ends_with_errors(),
        plan("the token is refused", {
            let unauthorized = Reply::refusal(401, "Unauthorized", "Unauthorized");
            Cluster::nothing(unauthorized)
        })
        .file("token", TOKEN)
        .flags(["--token-file", "token"])
        .asks_with_new_credentials()
        .ends_with_errors(),
    ]
}

/// What changes between two cycles.
fn changes() -> Vec<Row> {
    vec![
        Row::new("the token file is gone after the first cycle", || {
            let scene = Scene::of(Cluster::sample());
            let token = scene.write("token", TOKEN);
            let two = two_cycles(scene, ["--token-file", "token"], move |_| {
                fs::remove_file(&token).expect("the token file was there");
            });
            let bearer = format!("Bearer {TOKEN}");
            for request in two.scene.server.requests() {
                assert_eq!(request.header("authorization"), Some(bearer.as_str()), "{request:?}");
            }
            two
        }),
        Row::new("the token file holds another token after the first cycle", || {
            let scene = Scene::of(Cluster::sample());
            scene.write("token", "an-older-token\n");
            let two = two_cycles(scene, ["--token-file", "token"], |scene| {
                scene.write("token", &format!("  {TOKEN}\n\n"));
            });
            let sent: Vec<_> = two.scene.server.requests();
            let sent: Vec<_> = sent.iter().map(|request| request.header("authorization")).collect();
            let (old, new) = (Some("Bearer an-older-token"), format!("Bearer {TOKEN}"));
            assert_eq!(sent, [old, old, Some(new.as_str()), Some(new.as_str())]);
            two
        }),
        Row::new("--ca-file is put right after the first cycle", || {
            let authority = Authority::new("ours");
            let scene = Scene::in_tls(authority.server(), Cluster::sample());
            scene.write("ours.pem", &Authority::new("another").pem());
            let two = two_cycles(scene, ["--ca-file", "ours.pem"], move |scene| {
                scene.write("ours.pem", &authority.pem());
            });
            assert!(two.cycles[0].entries.is_empty(), "{:#?}", two.cycles[0]);
            two.cycles[1].holds(&Cluster::sample().entries());
            two
        }),
    ]
}

/// Two cycles, two seconds apart, and something between them.
fn two_cycles(scene: Scene, flags: [&str; 2], between: impl FnOnce(&Scene)) -> Day {
    let target = scene.target_every(2);
    let committed = |running: &mut Running, count| {
        running.until("a cycle is committed", || target.committed() >= count);
    };
    let mut running = scene.run().args(["--interval", "2s"]).args(flags).start();
    committed(&mut running, 1);
    between(&scene);
    committed(&mut running, 2);
    running.signal(Signal::TERM);
    let ended = running.wait(Duration::from_secs(10)).expect_code(0);
    let cycles = target.check();
    assert_eq!(cycles.len(), 2, "two cycles: {cycles:#?}");
    Day { scene, ended, cycles }
}

/// The sample behind a certificate of an authority that nobody knows.
fn of_the_unknown(title: &'static str) -> Plan {
    nothing(title).tls(Authority::new("nobody's").server())
}

/// The sample behind a certificate of an authority whose own one is in a file.
fn with_its_certificate(title: &'static str, file: &'static str) -> Plan {
    let authority = Authority::new("ours");
    plan(title, Cluster::sample()).tls(authority.server()).file(file, authority.pem())
}

/// The sample, of which nothing can be recorded.
fn nothing(title: &'static str) -> Plan {
    plan(title, Cluster::sample().nothing_recorded())
}
