//! How most rows are written down: one cycle against one cluster, at an interval of three
//! seconds unless it says another, with what must be in the archive taken from the cluster itself.

use std::fs;
use std::path::Path;

use super::{Day, Row};
use crate::support::cluster::{self, Cluster};
use crate::support::scene::Scene;
use crate::support::stand_in::StandIn;
use crate::support::tls::Server;

/// One cycle, still to be run.
pub(super) struct Plan {
    title: &'static str,
    cluster: Cluster,
    transport: Transport,
    flags: Vec<&'static str>,
    environment: Vec<(&'static str, &'static str)>,
    files: Vec<(&'static str, String)>,
    asked: Option<Vec<String>>,
    hint: &'static str,
    seconds: u64,
}

enum Transport {
    Plain,
    Tls(Server),
    Refused,
}

/// One cycle against this cluster.
pub(super) fn plan(title: &'static str, cluster: Cluster) -> Plan {
    Plan {
        title,
        cluster,
        transport: Transport::Plain,
        flags: Vec::new(),
        environment: Vec::new(),
        files: Vec::new(),
        asked: None,
        hint: "",
        seconds: 3,
    }
}

impl Plan {
    /// With more flags. Files are named as seen from the row's folder.
    pub(super) fn flags<const N: usize>(mut self, flags: [&'static str; N]) -> Plan {
        self.flags.extend(flags);
        self
    }

    /// With a variable in the environment.
    pub(super) fn env(mut self, name: &'static str, value: &'static str) -> Plan {
        self.environment.push((name, value));
        self
    }

    /// With a file in the row's folder.
    pub(super) fn file(mut self, name: &'static str, text: impl Into<String>) -> Plan {
        self.files.push((name, text.into()));
        self
    }

    /// At another interval.
    pub(super) fn every(mut self, seconds: u64) -> Plan {
        self.seconds = seconds;
        self
    }

    /// With a server that talks TLS.
    pub(super) fn tls(mut self, server: Server) -> Plan {
        self.transport = Transport::Tls(server);
        self
    }

    /// With nobody at the server's port.
    pub(super) fn refused(mut self) -> Plan {
        self.transport = Transport::Refused;
        self
    }

    /// Where discovery and these lists are asked for, once each, and nothing else.
    pub(super) fn asks_for(mut self, lists: &[&str]) -> Plan {
        let lists = lists.iter().map(|list| cluster::list_target(list));
        self.asked = Some([cluster::DISCOVERY.to_owned()].into_iter().chain(lists).collect());
        self
    }

    /// Where discovery is asked for twice, and nothing else: the second time with credentials that were fetched anew.
    pub(super) fn asks_with_new_credentials(mut self) -> Plan {
        self.asked = Some(vec![cluster::DISCOVERY.to_owned(); 2]);
        self
    }

    /// Where nothing at all is asked for.
    pub(super) fn asks_nothing(mut self) -> Plan {
        self.asked = Some(Vec::new());
        self
    }

    /// Where this is in the log, and nothing is tried again.
    pub(super) fn says_at_once(mut self, hint: &'static str) -> Plan {
        self.hint = hint;
        self
    }

    /// Must end without an error in the log, and with exit code 0.
    pub(super) fn ends_well(self) -> Row {
        Row::new(self.title, move || self.run(0))
    }

    /// Must end with an error in the log, and with exit code 3.
    pub(super) fn ends_with_errors(self) -> Row {
        Row::new(self.title, move || self.run(3))
    }

    fn run(self, code: i32) -> Day {
        let entries = self.cluster.entries();
        let scene = match self.transport {
            Transport::Plain => Scene::of(self.cluster),
            Transport::Tls(server) => Scene::in_tls(server, self.cluster),
            Transport::Refused => Scene::with(StandIn::refusing()),
        };
        for (name, text) in &self.files {
            scene.write(name, text);
        }
        let before = listing(scene.folder());
        let interval = format!("{}s", self.seconds);
        let mut program = scene.run().args(["--once", "--interval", &interval]).args(&self.flags);
        for (name, value) in &self.environment {
            program = program.env(name, value);
        }
        let ended = program.run().expect_code(code);
        let mut after = listing(scene.folder());
        // The folder is the program's home, too, below which its state is.
        after.retain(|name| name != "audit" && name != ".local");
        assert_eq!(after, before, "nothing is written beside AUDIT_DIR and the state folder");
        let cycles = scene.target_every(self.seconds).check();
        let [cycle] = &cycles[..] else { panic!("one cycle, not {cycles:#?}") };
        cycle.holds(&entries);
        let errors = cycle.lines("ERROR").len();
        assert_eq!(errors > 0, code == 3, "exit code 3 means errors; the log:\n{}", cycle.log);
        if !self.hint.is_empty() {
            assert!(cycle.log.contains(self.hint), "the log says {}:\n{}", self.hint, cycle.log);
            assert!(!ended.stderr.contains("trying again"), "tried again: {ended:#?}");
        }
        if let Some(mut asked) = self.asked {
            let mut targets = scene.server.targets();
            asked.sort();
            targets.sort();
            assert_eq!(targets, asked, "what the server was asked for");
        }
        Day { scene, ended, cycles }
    }
}

fn listing(folder: &Path) -> Vec<String> {
    let files = fs::read_dir(folder).expect("the row's folder can be read");
    let names = files.map(|file| file.expect("the row's folder can be read").file_name());
    let mut names: Vec<_> = names.map(|name| name.to_string_lossy().into_owned()).collect();
    names.sort();
    names
}
