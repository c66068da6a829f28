//! What stands in `deploy/`, and what the program and a service manager say to each other.

use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::process::Signal;

use crate::support::binary::Minutebook;
use crate::support::cluster::Cluster;
use crate::support::scene::Scene;
use crate::support::skip;

/// What a systemd that is older than the unit asks for does not know: since which version, and what stands in its
/// complaint.
const NEWER: &[(u32, &str)] = &[
    (253, "Failed to parse service type, ignoring: notify-reload"),
    (254, "Unknown key 'RestartSteps'"),
    (254, "Unknown key 'RestartMaxDelaySec'"),
];

#[test]
fn systemd_finds_nothing_wrong_with_the_unit() {
    let Some(version) = systemd() else {
        return skip("the unit", "there is no systemd-analyze");
    };
    let unit = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(UNIT));
    let unit = unit.expect("the unit is there");
    let here = unit.replace("/usr/bin/minutebook ", concat!(env!("CARGO_BIN_EXE_minutebook"), " "));
    assert_ne!(here, unit, "it starts the program");
    let complaints = verify(&here);
    let known =
        |line: &&String| !NEWER.iter().any(|(since, complaint)| version < *since && line.contains(complaint));
    let wrong: Vec<_> = complaints.iter().filter(known).collect();
    assert!(wrong.is_empty(), "systemd {version}: {wrong:#?}");

    let wrong = verify(&here.replace("ProtectSystem=strict", "ProtectSystem=sometimes"));
    assert!(wrong.len() > complaints.len(), "a mistake would have been found: {wrong:#?}");
}

const UNIT: &str = "deploy/systemd/minutebook.service";

/// The lines in which `systemd-analyze verify` complains of this unit.
fn verify(unit: &str) -> Vec<String> {
    let folder = tempfile::tempdir().expect("there is room for a temporary folder");
    let path = folder.path().join("minutebook.service");
    std::fs::write(&path, unit).expect("a file can be written into a temporary folder");
    let output = Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&path).output();
    let output = output.expect("it was there a moment ago");
    let lines = String::from_utf8_lossy(&output.stderr).into_owned();
    // Other units of the machine are not ours to judge.
    let ours: Vec<_> = lines.lines().filter(|line| line.contains("minutebook")).map(str::to_owned).collect();
    assert!(output.status.success() || !ours.is_empty(), "it says what is wrong: {lines}");
    ours
}

/// The version of the systemd on this machine: `systemd 252 (252.38-1~deb12u1)`.
fn systemd() -> Option<u32> {
    let output = Command::new("systemd-analyze").arg("--version").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.split_whitespace().nth(1)?.split('.').next()?.parse().ok()
}

#[test]
fn the_example_configuration_is_one() {
    let folder = tempfile::tempdir().expect("there is room for a temporary folder");
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("deploy/systemd/minutebook.yaml");
    let shown = Minutebook::new(folder.path()).args(["config", "show", "--config"]).args([&example]).run();
    let shown = shown.expect_code(0);
    assert!(shown.stdout.contains("minutebook.yaml:"), "values come from the file: {}", shown.stdout);
}

#[test]
fn a_service_manager_is_told_of_beginning_reloading_and_end() {
    let scene = Scene::of(Cluster::sample());
    let path = scene.path("notify");
    let manager = UnixDatagram::bind(&path).expect("a socket can be made in a temporary folder");
    manager.set_read_timeout(Some(Duration::from_secs(30))).expect("a socket can be limited");
    let running = scene.run().args(["--interval", "3s"]).env("NOTIFY_SOCKET", &path).start();
    // Its signs of life come whenever they come.
    let heard = || loop {
        let message = hear(&manager);
        if message != "WATCHDOG=1" {
            return message;
        }
    };
    assert_eq!([heard(), heard()], ["WATCHDOG_USEC=9000000", "READY=1"]);
    let status = heard();
    assert!(status.starts_with("STATUS=recording ") && status.ends_with(" every 3s"), "{status}");

    running.signal(Signal::HUP);
    let reloading = heard();
    assert!(reloading.starts_with("RELOADING=1\nMONOTONIC_USEC="), "{reloading}");
    assert_eq!(heard(), "READY=1");

    running.signal(Signal::TERM);
    assert_eq!(heard(), "STOPPING=1");
    running.wait(Duration::from_secs(5)).expect_code(0);
}

/// It inherits the socket from the shell of a service that calls it, and is not that service.
#[test]
fn a_single_cycle_is_no_service() {
    let scene = Scene::of(Cluster::sample());
    let path = scene.path("notify");
    let manager = UnixDatagram::bind(&path).expect("a socket can be made in a temporary folder");
    manager.set_nonblocking(true).expect("a socket need not block");
    scene.once().env("NOTIFY_SOCKET", &path).run().expect_code(0);
    scene.run().args(["--dry-run"]).env("NOTIFY_SOCKET", &path).run().expect_code(0);
    let nothing = manager.recv(&mut [0; 256]).expect_err("nothing was said");
    assert_eq!(nothing.kind(), std::io::ErrorKind::WouldBlock);
}

/// A service manager that went away is one line on stderr.
#[test]
fn recording_goes_on_when_nobody_can_be_told() {
    let scene = Scene::of(Cluster::sample());
    let target = scene.target_every(1);
    let run = scene.run().args(["--interval", "1s"]).env("NOTIFY_SOCKET", scene.path("gone"));
    let mut running = run.start();
    running.until("two cycles are committed", || target.committed() >= 2);
    running.signal(Signal::TERM);
    let ended = running.wait(Duration::from_secs(5)).expect_code(0);
    let told = ended.stderr.lines().filter(|line| line.contains("service manager")).count();
    assert_eq!(told, 1, "{ended:#?}");
}

fn hear(manager: &UnixDatagram) -> String {
    let mut message = [0; 256];
    let length = manager.recv(&mut message).expect("the program says something");
    String::from_utf8(message[..length].to_vec()).expect("the program speaks UTF-8")
}
