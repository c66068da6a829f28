//! Telling the service manager how the program is: sd_notify(3), systemd's protocol that others speak too.
//!
//! A message is one datagram of a few words, so the standard library does. `sd-notify` reads the environment by
//! itself, knows no abstract sockets, and cannot say a watchdog of more than 71 minutes.

use std::io;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

/// How many of its longest intervals the program may be silent before it counts as stuck.
const SILENT_INTERVALS: u32 = 3;

/// Tells the service manager, if there is one that wants to know. It never waits and never fails: what cannot be
/// told is a message on stderr.
#[derive(Debug, Clone, Default)]
pub(crate) struct Notify {
    manager: Option<Arc<Manager>>,
}

#[derive(Debug)]
struct Manager {
    socket: UnixDatagram,
    address: SocketAddr,
    /// Once is a warning; again, with every slot, is a flood.
    warned: AtomicBool,
}

impl Notify {
    /// Tells nobody.
    pub(crate) fn nobody() -> Self {
        Self::default()
    }

    /// Tells whoever the environment names in NOTIFY_SOCKET.
    pub(crate) fn from(variables: &[(String, String)]) -> Self {
        let name =
            variables.iter().find(|(name, _)| name == "NOTIFY_SOCKET").map(|(_, value)| value.as_str());
        let Some(name) = name.filter(|name| !name.is_empty()) else { return Self::nobody() };
        match Manager::at(name) {
            Ok(manager) => Self { manager: Some(Arc::new(manager)) },
            Err(error) => {
                tracing::warn!("the service manager will not be told: NOTIFY_SOCKET `{name}`: {error}");
                Self::nobody()
            }
        }
    }

    /// All that was to be started is started, or all that was to be read again is read.
    pub(crate) fn ready(&self) {
        self.tell("READY=1");
    }

    /// The configuration is being read again, until [`Self::ready`].
    pub(crate) fn reloading(&self) {
        // systemd takes this for the answer to its SIGHUP only if it was sent after that, by this clock.
        let now = microseconds(clock_gettime(ClockId::Monotonic));
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={now}"));
    }

    /// The program is ending.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// A slot ended, in a commit or in a failure that was told: the program is not stuck.
    pub(crate) fn slot_ended(&self) {
        self.tell("WATCHDOG=1");
    }

    /// From now on the program counts as stuck, and is restarted, when no slot ends for three times its longest
    /// interval.
    ///
    /// This overrides WatchdogSec= of the unit, and switches the watchdog on where the unit has none (sd_notify(3):
    /// "reset `watchdog_usec` value during runtime"). It is a sign of life, too.
    pub(crate) fn watchdog(&self, longest_interval: Duration) {
        let microseconds = longest_interval.saturating_mul(SILENT_INTERVALS).as_micros();
        self.tell(&format!("WATCHDOG_USEC={microseconds}"));
    }

    /// What `systemctl status` shows, in one line.
    pub(crate) fn status(&self, line: &str) {
        self.tell(&format!("STATUS={}", line.replace(char::is_control, " ")));
    }

    fn tell(&self, message: &str) {
        let Some(manager) = &self.manager else { return };
        let Err(error) = manager.send(message) else { return };
        let message = message.escape_debug();
        if manager.warned.swap(true, Ordering::Relaxed) {
            tracing::debug!("the service manager was not told `{message}`: {error}");
        } else {
            tracing::warn!("the service manager was not told `{message}`: {error}");
        }
    }
}

impl Manager {
    fn at(name: &str) -> io::Result<Self> {
        let address = address(name)?;
        let socket = UnixDatagram::unbound()?;
        // A manager that does not read must not hold up the recording.
        socket.set_nonblocking(true)?;
        Ok(Self { socket, address, warned: AtomicBool::new(false) })
    }

    fn send(&self, message: &str) -> io::Result<()> {
        self.socket.send_to_addr(message.as_bytes(), &self.address).map(|_| ())
    }
}

/// Where a value of NOTIFY_SOCKET leads: to a path, or behind an `@` to a name without a file.
fn address(name: &str) -> io::Result<SocketAddr> {
    match name.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name),
        None if name.starts_with('/') => SocketAddr::from_pathname(name),
        None => Err(io::Error::new(
            io::ErrorKind::Unsupported,
            "neither an absolute path nor `@` with a name is written there",
        )),
    }
}

fn microseconds(time: Timespec) -> i64 {
    time.tv_sec * 1_000_000 + time.tv_nsec / 1_000
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(name: &str) -> Notify {
        Notify::from(&[("NOTIFY_SOCKET".to_owned(), name.to_owned())])
    }

    fn heard(manager: &UnixDatagram) -> String {
        let mut message = [0; 256];
        let length = manager.recv(&mut message).unwrap();
        String::from_utf8(message[..length].to_vec()).unwrap()
    }

    #[test]
    fn each_message_is_what_the_manual_says() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let manager = UnixDatagram::bind(&path).unwrap();
        let notify = to(path.to_str().unwrap());
        notify.ready();
        notify.stopping();
        notify.slot_ended();
        notify.watchdog(Duration::from_secs(2 * 60 * 60));
        notify.status("two\nlines");
        let expected =
            ["READY=1", "STOPPING=1", "WATCHDOG=1", "WATCHDOG_USEC=21600000000", "STATUS=two lines"];
        assert_eq!(expected.map(|_| heard(&manager)), expected);

        let before = microseconds(clock_gettime(ClockId::Monotonic));
        notify.reloading();
        let reloading = heard(&manager);
        let time = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
        let time: i64 = time.parse().unwrap();
        assert!((before..=microseconds(clock_gettime(ClockId::Monotonic))).contains(&time), "{reloading}");
    }

    #[test]
    fn a_name_without_a_file_is_found() {
        let name = format!("minutebook-test-{}", std::process::id());
        let manager = UnixDatagram::bind_addr(&SocketAddr::from_abstract_name(&name).unwrap()).unwrap();
        to(&format!("@{name}")).ready();
        assert_eq!(heard(&manager), "READY=1");
    }

    #[test]
    fn where_nobody_listens_nothing_happens() {
        let folder = tempfile::tempdir().unwrap();
        let missing = folder.path().join("missing");
        for name in ["", "relative", "vsock:2:1", "/a\0b", &"/x".repeat(200), missing.to_str().unwrap()] {
            to(name).ready();
        }
        Notify::from(&[]).ready();
    }

    /// Nobody reads here, so the socket's queue is full after some messages.
    #[test]
    fn a_manager_that_does_not_read_holds_nothing_up() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("notify");
        let _manager = UnixDatagram::bind(&path).unwrap();
        let notify = to(path.to_str().unwrap());
        for _ in 0..10_000 {
            notify.slot_ended();
        }
        assert!(notify.manager.unwrap().warned.load(Ordering::Relaxed));
    }
}
