//! Real clusters, as `tests/real/cluster` serves them. Each ends with this process, however that ends, because it is
//! served as long as a pipe is open that this process holds; whoever serves it removes its folder.

use std::ffi::OsStr;
use std::fs;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::CommandExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::certificates::trusting;
use super::wait_for;

/// The command that builds, serves and disturbs clusters.
const RIG: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/real/cluster");
/// What a served cluster says when it can be used.
const READY: &str = "ready";
/// How long that may take, filled, while other tests run.
const STARTS_WITHIN: Duration = Duration::from_secs(240);

/// A cluster that is served.
pub(crate) struct Cluster {
    dir: PathBuf,
    programs: PathBuf,
    child: Child,
}

/// What a cluster is started with.
#[derive(Clone, Copy, Default)]
pub(crate) struct With {
    /// Further flags of the API server.
    pub(crate) flags: &'static str,
    /// Programs besides etcd and the API server.
    pub(crate) programs: &'static [&'static str],
}

impl Cluster {
    /// The filled one. It is everybody's, so nobody writes to it.
    pub(crate) fn filled() -> Option<&'static Cluster> {
        static FILLED: OnceLock<Cluster> = OnceLock::new();
        let programs = programs()?;
        Some(FILLED.get_or_init(|| Cluster::serve(programs, false, "")))
    }

    /// One with nothing in it, where every test has namespaces of its own. Nobody stops it.
    pub(crate) fn shared() -> Option<&'static Cluster> {
        static BARE: OnceLock<Cluster> = OnceLock::new();
        let programs = programs()?;
        Some(BARE.get_or_init(|| Cluster::serve(programs, true, "")))
    }

    /// One with nothing in it, for one test alone.
    pub(crate) fn own(with: With) -> Option<Cluster> {
        let cluster = Cluster::serve(programs()?, true, with.flags);
        for program in with.programs {
            cluster.start(program);
        }
        Some(cluster)
    }

    fn serve(programs: &Path, bare: bool, flags: &str) -> Cluster {
        let outer = tempfile::tempdir().expect("there is room for a temporary folder").keep();
        let dir = outer.join("cluster");
        let mut command = Command::new("bash");
        // The keeper removes what it kept, because this process may be gone by then.
        command.args(["-c", "\"$0\" serve \"$2\" $3 2>&1; rm -rf -- \"$1\"", RIG]);
        command.args([outer.as_os_str(), dir.as_os_str()]).arg(if bare { "--bare" } else { "" });
        command.env("APISERVER_FLAGS", flags);
        // Of a group of its own, so that an interrupt at the terminal leaves it time to clear up.
        command.process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().expect("there is bash");
        await_ready(&mut child);
        Cluster { dir, programs: programs.to_owned(), child }
    }

    /// A file of its folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The text of such a file.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// A program that was built for it.
    pub(crate) fn program(&self, name: &str) -> PathBuf {
        self.programs.join(name)
    }

    fn port(&self, of: &str) -> u16 {
        let ports = self.read("ports");
        let port = ports.lines().find_map(|line| line.strip_prefix(of)?.strip_prefix("_PORT="));
        port.and_then(|port| port.parse().ok()).unwrap_or_else(|| panic!("{of} has a port: {ports}"))
    }

    /// The API server's URL.
    pub(crate) fn url(&self) -> String {
        format!("https://127.0.0.1:{}", self.port("APISERVER"))
    }

    /// Stops a program, as a machine that is shut down does.
    pub(crate) fn stop(&self, program: &str) {
        self.rig(&["stop", program]);
    }

    /// Kills it.
    pub(crate) fn kill(&self, program: &str) {
        // It stands behind the folder.
        self.rig(&["stop", program, "--kill"]);
    }

    /// Starts it again, and waits until it answers.
    pub(crate) fn start(&self, program: &str) {
        self.rig(&["start", program]);
    }

    fn rig(&self, arguments: &[&str]) {
        let (words, flags) = arguments.split_at(2);
        let mut command = Command::new(RIG);
        command.args(words).arg(&self.dir).args(flags).stdin(Stdio::null());
        // What it starts lives on, and must not keep a pipe of ours open.
        let said = self.dir.join("logs").join(format!("{}.said", words.join("-")));
        let log = fs::File::create(&said).expect("a log can be made");
        command.stdout(log.try_clone().expect("a file can be held twice")).stderr(log);
        let status = command.status().expect("it can be run");
        assert!(status.success(), "{words:?}: {}", fs::read_to_string(&said).unwrap_or_default());
    }

    /// Makes etcd forget every revision before this moment's.
    pub(crate) fn compact(&self) {
        let now = self.etcd("range", &json!({ "key": "YQ==" }));
        let revision = &now["header"]["revision"];
        assert!(revision.is_string(), "etcd says at which revision it is: {now}");
        let done = self.etcd("compaction", &json!({ "revision": revision, "physical": true }));
        assert!(done["header"].is_object(), "history is compacted: {done}");
    }

    fn etcd(&self, operation: &str, body: &Value) -> Value {
        let url = format!("http://127.0.0.1:{}/v3/kv/{operation}", self.port("ETCD"));
        let answer = wait_for(async {
            let client = reqwest::Client::builder().no_proxy().tls_backend_preconfigured(trusting(self, &[]));
            let client = client.build().expect("a client can be made");
            let answer = client.post(url).body(body.to_string()).send().await.expect("etcd answers");
            answer.bytes().await.expect("an answer is whole")
        });
        serde_json::from_slice(&answer).expect("etcd speaks JSON")
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        // Whether it ended well is for its own tests to say.
        let _ = self.child.wait();
    }
}

/// Waits until a cluster that is being served can be used.
fn await_ready(child: &mut Child) {
    let stdout = BufReader::new(child.stdout.take().expect("stdout is a pipe"));
    let (sender, lines) = channel();
    // It goes on to its end, so that nothing it says holds the cluster up.
    std::thread::spawn(move || {
        for line in stdout.lines().map_while(Result::ok) {
            let _ = sender.send(line);
        }
    });
    let end = Instant::now() + STARTS_WITHIN;
    let mut said = Vec::new();
    loop {
        match lines.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(line) if line == READY => return,
            Ok(line) => said.push(line),
            Err(why) => {
                drop(child.stdin.take());
                let what = match why {
                    RecvTimeoutError::Timeout => "it is not ready in time",
                    RecvTimeoutError::Disconnected => "it ended",
                };
                panic!("a cluster was to be started, and {what}:\n{}", said.join("\n"));
            }
        }
    }
}

/// The folder of the programs, if they are built; if not, says so once, or fails.
fn programs() -> Option<&'static Path> {
    static PROGRAMS: OnceLock<Option<PathBuf>> = OnceLock::new();
    let programs = PROGRAMS.get_or_init(|| {
        let check = Command::new(RIG).args(["build", "--check"]).stdin(Stdio::null()).output();
        let said = check.map_or_else(
            |error| error.to_string(),
            |output| {
                let text = if output.stdout.is_empty() { output.stderr } else { output.stdout };
                String::from_utf8_lossy(&text).trim().to_owned()
            },
        );
        let built = said.strip_prefix("built: ").map(PathBuf::from);
        if built.is_none() {
            // Not by the macro: what that prints is shown for failed tests only. If stderr is gone there is nobody to tell.
            let line =
                format!("skipped: all tests against a real cluster, whose programs are not there: {said}\n");
            let _ = std::io::stderr().write_all(line.as_bytes());
        }
        built
    });
    let required = std::env::var_os("MINUTEBOOK_REAL").is_some_and(|value| value == OsStr::new("required"));
    assert!(
        programs.is_some() || !required,
        "MINUTEBOOK_REAL is `required`, and the programs of a cluster are not built; tests/real/cluster build does that"
    );
    programs.as_deref()
}
