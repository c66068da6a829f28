//! Where credentials come from in one cycle and the next, and what becomes of bad ones.

use std::path::{Path, PathBuf};
use std::sync::Mutex as StdMutex;

use chrono::TimeDelta;
use tempfile::TempDir;
use tokio::time::Duration;
use url::Url;

use super::*;
use crate::access::exec::{Plugin, Version};
use crate::access::{Login, Overlay, Source, kubeconfig};
use crate::cluster::scripted::{Reply, Scripted, resource};
use crate::cluster::{Answer, Connect, Failure, Pending, Request};
use crate::model::journal::Level;
use crate::store::NamedFiles;
use crate::testing::{ManualClock, ToScript, context, to_script, well};

/// Longer than any plugin here takes, even on a busy machine.
const LONG: Duration = Duration::from_secs(60);

struct Rig {
    folder: TempDir,
    connect: Arc<ToScript>,
    clock: Arc<ManualClock>,
    context: Arc<Context>,
}

/// Credentials from what `source` makes of a folder.
fn rig(source: impl FnOnce(&Path) -> CredentialSource) -> Rig {
    let (folder, clock) = (tempfile::tempdir().unwrap(), ManualClock::new());
    let connect = to_script(well(&["a"]));
    let source = source(folder.path());
    let mut context = context(folder.path(), Arc::clone(&connect), Arc::clone(&clock), source);
    context.times.plugin = LONG;
    Rig { folder, connect, clock, context: Arc::new(context) }
}

impl Rig {
    fn put(&self, name: &str, text: &str) {
        put(self.folder.path(), name, text);
    }

    /// Connects as a cycle does, and says what that put into the log, and with what it connected.
    async fn cycle(&self) -> (Vec<(Level, String)>, Option<(Material, Caller)>) {
        let clock = Arc::clone(&self.context.clock);
        let journal = Journal::new(move || clock.wall());
        let before = self.connect.made.lock().unwrap().len();
        let cluster = connect(&self.context, &journal).await;
        let made = self.connect.made.lock().unwrap();
        assert_eq!(cluster.is_some(), made.len() > before);
        let lines = journal.events().into_iter().map(|event| (event.level, event.message)).collect();
        (lines, made.last().filter(|_| cluster.is_some()).cloned())
    }

    /// The token of a cycle that says nothing.
    async fn token(&self) -> String {
        let (lines, made) = self.cycle().await;
        assert_eq!(lines, []);
        token_of(&made.unwrap().1)
    }

    /// The one line of a cycle, and its token.
    async fn line(&self) -> (Level, String, Option<String>) {
        let (mut lines, made) = self.cycle().await;
        assert_eq!(lines.len(), 1, "{lines:?}");
        let (level, line) = lines.remove(0);
        assert!(!line.contains("s3cret"), "{line}");
        let line = line.replace(self.folder.path().to_str().unwrap(), "");
        (level, line, made.map(|(_, caller)| token_of(&caller)))
    }
}

fn put(folder: &Path, name: &str, text: &str) {
    // In one step, as kubectl does it.
    std::fs::write(folder.join("part"), text).unwrap();
    std::fs::rename(folder.join("part"), folder.join(name)).unwrap();
}

/// Which of the tests' tokens a caller has.
fn token_of(caller: &Caller) -> String {
    let has = |token: &&str| Authorization::bearer(token.as_bytes()).ok() == caller.authorization;
    (*["one-s3cret", "two-s3cret", "three-s3cret"].iter().find(|token| has(token)).unwrap_or(&"none"))
        .to_owned()
}

fn kubeconfig_text(server: &str, user: &str) -> String {
    format!(
        "contexts: [{{name: c, context: {{cluster: k, user: u}}}}]\ncurrent-context: c\n\
         clusters: [{{name: k, cluster: {{server: '{server}'}}}}]\nusers: [{{name: u, user: {user}}}]\n"
    )
}

/// As the program does it at its start.
fn from_kubeconfig(folder: &Path, user: &str) -> CredentialSource {
    let text = kubeconfig_text("https://host", user);
    put(folder, "config", &text);
    let path = folder.join("config");
    let found = kubeconfig::read(&[(path.clone(), text.into_bytes())], None).unwrap();
    CredentialSource::Kubeconfig {
        files: vec![path],
        context: found.context,
        overlay: Overlay::default(),
        first: found.access,
    }
}

#[tokio::test]
async fn what_tools_write_into_a_kubeconfig_counts_in_the_next_cycle() {
    let rig = rig(|folder| from_kubeconfig(folder, "{token: one-s3cret}"));
    assert_eq!(rig.token().await, "one-s3cret");
    // Another context may become the current one; the one that was configured is recorded on.
    let text = kubeconfig_text("https://host", "{token: two-s3cret}");
    rig.put("config", &text.replace("current-context: c", "current-context: other"));
    assert_eq!(rig.token().await, "two-s3cret");
}

#[tokio::test]
async fn a_kubeconfig_that_cannot_be_followed_leaves_the_last_good_credentials() {
    let rig = rig(|folder| from_kubeconfig(folder, "{token: one-s3cret}"));
    // Broken before the first cycle: what was read at the start counts.
    for (text, why) in [
        ("users: s3cret".to_owned(), "kubeconfig `/config`: it cannot be read: "),
        (
            kubeconfig_text("https://host", "{tokenfile: x}"),
            "the kubeconfig's user `u`: `tokenfile`: minutebook does not know",
        ),
        (
            kubeconfig_text("https://other", "{token: two-s3cret}"),
            "the kubeconfig's server is https://other/ now, and https://host/ is asked still; reload the configuration (SIGHUP)",
        ),
        (
            kubeconfig_text("https://host", "{tokenFile: new}"),
            "the kubeconfig names `/new`, which it did not when minutebook started; reload the configuration (SIGHUP)",
        ),
        (
            kubeconfig_text("https://host', proxy-url: 'http://p", "{token: two-s3cret}"),
            "the kubeconfig's `tls-server-name` or `proxy-url` is another now; reload",
        ),
    ] {
        rig.put("config", &text);
        let (level, line, token) = rig.line().await;
        assert!(
            line.starts_with(why) && line.ends_with("; what the kubeconfig said before is used"),
            "{line}"
        );
        assert_eq!((level, token.as_deref()), (Level::Warn, Some("one-s3cret")));
    }
    std::fs::remove_file(rig.folder.path().join("config")).unwrap();
    assert!(rig.line().await.1.starts_with("kubeconfig `/config`: No such file"));
    rig.put("config", &kubeconfig_text("https://host", "{token: three-s3cret}"));
    assert_eq!(rig.token().await, "three-s3cret");
    rig.put("config", "");
    assert_eq!(rig.line().await.2.as_deref(), Some("three-s3cret"), "the last, not the first");
}

#[tokio::test]
async fn what_the_flags_say_counts_more_and_is_named_as_they_are() {
    let rig = rig(|folder| {
        let CredentialSource::Kubeconfig { files, context, first, .. } =
            from_kubeconfig(folder, "{token: one-s3cret}")
        else {
            unreachable!()
        };
        let overlay = Overlay { token: Some(folder.join("token")), ..Overlay::default() };
        CredentialSource::Kubeconfig { files, context, first: first.overlaid(&overlay), overlay }
    });
    assert_eq!(
        rig.line().await.1,
        "--token-file `/token`: No such file or directory (os error 2); no request was sent"
    );
    rig.put("token", "two-s3cret");
    assert_eq!(rig.token().await, "two-s3cret");
}

#[tokio::test]
async fn a_file_that_a_kubeconfig_names_is_named_as_its_own() {
    let rig = rig(|folder| from_kubeconfig(folder, "{tokenFile: token}"));
    assert!(rig.line().await.1.starts_with("the kubeconfig's token `/token`: No such file"));
    rig.put("token", "one-s3cret");
    assert_eq!(rig.token().await, "one-s3cret");
}

#[tokio::test]
async fn a_server_that_is_not_checked_is_told_in_each_log() {
    let rig = rig(|_| {
        let access = Access::to("https://host".parse().unwrap());
        CredentialSource::Fixed(Access { insecure: true, ..access })
    });
    for _ in 0..2 {
        let (level, line, _) = rig.line().await;
        assert!(
            line.starts_with("insecure-skip-tls-verify: any certificate of https://host is accepted"),
            "{line}"
        );
        assert_eq!(level, Level::Warn);
    }
    assert!(rig.connect.made.lock().unwrap()[0].0.insecure);
}

/// A renewal reads the kubeconfig anew, which may say so only now.
#[tokio::test(start_paused = true)]
async fn a_server_that_is_not_checked_any_more_is_told_once_it_is_so() {
    let (folder, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let place = files.path().to_owned();
    let loosen = move |server: &Server, url: &Url| {
        if resource(url) == "a" {
            *server.valid.lock().unwrap() = "two-s3cret";
            let insecure = "https://host', insecure-skip-tls-verify: true, tls-server-name: '";
            put(&place, "config", &kubeconfig_text(insecure, "{token: two-s3cret}"));
        }
    };
    let source = from_kubeconfig(files.path(), "{token: one-s3cret}");
    let (_, context) = at_server(loosen, source, &files.path().join("config"), folder.path());
    let (report, log) = one_cycle(&context).await;
    assert_eq!((report.recorded, report.errors, report.warnings), (3, 0, 2), "{log}");
    assert_eq!(log.matches("insecure-skip-tls-verify: any certificate of https://host").count(), 1, "{log}");
}

/// In a renewal requests were sent.
#[tokio::test(start_paused = true)]
async fn a_renewal_that_fails_does_not_say_that_nothing_was_sent() {
    let (folder, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let config = files.path().join("config");
    let place = files.path().to_owned();
    let break_it = move |server: &Server, url: &Url| {
        if resource(url) == "a" {
            *server.valid.lock().unwrap() = "two-s3cret";
            put(
                &place,
                "config",
                &kubeconfig_text("https://host", "{username: 'me', password: 'x', as: \"a\\nb\"}"),
            );
        }
    };
    let source = from_kubeconfig(files.path(), "{token: one-s3cret}");
    let (_, context) = at_server(break_it, source, &config, folder.path());
    let (_, log) = one_cycle(&context).await;
    assert!(log.contains("; there is nothing newer to try with"), "{log}");
    assert!(!log.contains("no request was sent"), "{log}");
}

#[test]
fn impersonation_is_said_as_client_go_says_it() {
    let who = Impersonation {
        user: Some("me".to_owned()),
        uid: Some("7".to_owned()),
        groups: vec!["a".to_owned(), "b".to_owned()],
        extra: [("Acme.com/Project %".to_owned(), vec!["x".to_owned(), "y".to_owned()])].into(),
    };
    let headers = impersonation(&who).unwrap();
    let all = |name: &str| -> Vec<&str> {
        headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    };
    assert_eq!((all("Impersonate-User"), all("Impersonate-Uid")), (vec!["me"], vec!["7"]));
    assert_eq!(all("Impersonate-Group"), ["a", "b"]);
    assert_eq!(all("impersonate-extra-acme.com%2fproject%20%25"), ["x", "y"]);
    assert_eq!(headers.len(), 6);
    let broken = Impersonation { user: Some("a\nb".to_owned()), ..Impersonation::default() };
    assert_eq!(impersonation(&broken), Err("as"));
}

/// A plugin that notes each run and prints what stands in `answer`, or fails if that is not there.
fn with_plugin(folder: &Path) -> CredentialSource {
    let folder = folder.display();
    let script = format!("echo run >> {folder}/runs; cat {folder}/answer || exit 1");
    let plugin = Plugin {
        version: Version::V1,
        command: "/bin/sh".into(),
        args: vec!["-c".to_owned(), script],
        env: Vec::new(),
        install_hint: None,
        provide_cluster: false,
        cluster_config: None,
    };
    let access = Access::to("https://host".parse().unwrap());
    CredentialSource::Fixed(Access { login: Some(Login::Plugin(plugin)), ..access })
}

fn answer(status: &str) -> String {
    format!(r#"{{"kind":"ExecCredential","apiVersion":"{}","status":{status}}}"#, Version::V1.name())
}

impl Rig {
    fn runs(&self) -> usize {
        std::fs::read_to_string(self.folder.path().join("runs")).unwrap_or_default().lines().count()
    }

    /// A token that expires so many seconds from now.
    fn put_token(&self, token: &str, seconds: i64) {
        let expires = (self.context.clock.wall() + TimeDelta::seconds(seconds)).to_rfc3339();
        self.put("answer", &answer(&format!(r#"{{"token":"{token}","expirationTimestamp":"{expires}"}}"#)));
    }
}

#[tokio::test]
async fn what_a_plugin_hands_out_is_kept_until_shortly_before_it_expires() {
    let rig = rig(with_plugin);
    rig.put_token("one-s3cret", 600);
    for _ in 0..3 {
        assert_eq!((rig.token().await.as_str(), rig.runs()), ("one-s3cret", 1));
    }
    rig.clock.step(TimeDelta::seconds(545));
    rig.put_token("two-s3cret", 60);
    assert_eq!((rig.token().await.as_str(), rig.runs()), ("two-s3cret", 2));
    // Of what lives for a minute half a minute will do.
    assert_eq!((rig.token().await.as_str(), rig.runs()), ("two-s3cret", 2));
    rig.clock.step(TimeDelta::seconds(31));
    rig.put("answer", &answer(r#"{"token":"three-s3cret"}"#));
    assert_eq!((rig.token().await.as_str(), rig.runs()), ("three-s3cret", 3));
    rig.clock.step(TimeDelta::days(99));
    assert_eq!((rig.token().await.as_str(), rig.runs()), ("three-s3cret", 3));
}

#[tokio::test]
async fn a_plugin_that_fails_is_a_warning_until_what_it_handed_out_has_expired() {
    let rig = rig(with_plugin);
    let (level, line, token) = rig.line().await;
    assert!(line.starts_with("the exec plugin `/bin/sh`: exit status: 1; it said: cat:"), "{line}");
    assert!(line.ends_with("; no request was sent"), "{line}");
    assert_eq!((level, token), (Level::Error, None));

    rig.put_token("one-s3cret", 600);
    assert_eq!(rig.token().await, "one-s3cret");
    rig.clock.step(TimeDelta::seconds(550));
    // What expired already is no better than nothing.
    rig.put_token("two-s3cret", -1);
    let (level, line, token) = rig.line().await;
    assert!(line.contains("it handed out something that expired at 2020-10-31T07:20:0"), "{line}");
    assert!(line.contains("; what it handed out before is used, until 2020-10-31T07:20:5"), "{line}");
    assert_eq!((level, token.as_deref()), (Level::Warn, Some("one-s3cret")));

    rig.clock.step(TimeDelta::seconds(60));
    rig.put("answer", "one-s3cret");
    let (level, line, token) = rig.line().await;
    assert!(line.contains("what it printed is no credential: expected value"), "{line}");
    assert!(line.contains("; what it handed out before expired at 2020-10-31T07:20:5"), "{line}");
    assert_eq!((level, token), (Level::Error, None));
    rig.put_token("three-s3cret", 600);
    assert_eq!(rig.token().await, "three-s3cret");
}

#[tokio::test]
async fn a_certificate_that_a_plugin_hands_out_is_used_until_it_expires() {
    let rig = rig(with_plugin);
    let hand_out = |seconds: i64| {
        let pair = rcgen::generate_simple_self_signed(["me".to_owned()]).unwrap();
        let (chain, key) = (pair.cert.pem(), pair.signing_key.serialize_pem());
        let expires = (rig.context.clock.wall() + TimeDelta::seconds(seconds)).to_rfc3339();
        let status = serde_json::json!({
            "clientCertificateData": chain, "clientKeyData": key, "expirationTimestamp": expires
        });
        rig.put("answer", &answer(&status.to_string()));
        Some((chain.into_bytes(), key.into_bytes()))
    };
    let used = async || {
        let (lines, made) = rig.cycle().await;
        assert_eq!(lines, []);
        let (material, caller) = made.unwrap();
        assert_eq!(caller.authorization, None);
        material.identity
    };
    let first = hand_out(600);
    assert!(used().await == first);
    let second = hand_out(1200);
    assert!(used().await == first);
    rig.clock.step(TimeDelta::seconds(541));
    assert!(used().await == second);
    assert_eq!(rig.runs(), 2);
}

type Asked = Box<dyn Fn(&Server, &Url) + Send + Sync>;

/// An API server that accepts one token at a time, and does something when it is asked.
struct Server {
    valid: StdMutex<&'static str>,
    asked: Asked,
    well: Scripted,
    refuses: Scripted,
}

struct Client(Arc<Server>, Caller);

struct ToServer(Arc<Server>);

impl Connect for ToServer {
    fn connect(&self, _: &Material, caller: Caller) -> Result<Arc<dyn Cluster>, TlsError> {
        Ok(Arc::new(Client(Arc::clone(&self.0), caller)))
    }
}

impl Cluster for Client {
    fn send(&self, request: Request) -> Pending<'_, Result<Answer, Failure>> {
        let Self(server, caller) = self;
        (server.asked)(server, &request.url);
        let valid = token_of(caller) == *server.valid.lock().unwrap();
        if valid { server.well.send(request) } else { server.refuses.send(request) }
    }
}

/// A target whose token is in a file, and its server.
fn with_server(
    asked: impl Fn(&Server, &Url) + Send + Sync + 'static,
    token: &Path,
    folder: &Path,
) -> (Arc<Server>, Arc<Context>) {
    let access = Access::to("https://host".parse().unwrap());
    let login = Some(Login::Token(Source::File(token.to_owned())));
    let source = CredentialSource::Fixed(Access { login, ..access });
    at_server(asked, source, token, folder)
}

/// A target whose credentials come from elsewhere and are in a file, and its server.
fn at_server(
    asked: impl Fn(&Server, &Url) + Send + Sync + 'static,
    source: CredentialSource,
    file: &Path,
    folder: &Path,
) -> (Arc<Server>, Arc<Context>) {
    let server = Arc::new(Server {
        valid: StdMutex::new("one-s3cret"),
        asked: Box::new(asked),
        well: Scripted::new(well(&["a", "b", "c"])),
        refuses: Scripted::new(|_, _| Reply::Whole(401, r#"{"kind":"Status","message":"who?"}"#.to_owned())),
    });
    let mut context = context(folder, to_script(well(&[])), ManualClock::new(), source);
    context.connect = Arc::new(ToServer(Arc::clone(&server)));
    context.files = NamedFiles::new([file.to_owned()], cap_std::ambient_authority());
    (server, Arc::new(context))
}

async fn one_cycle(context: &Arc<Context>) -> (crate::cycle::Report, String) {
    let at = context.clock.boot();
    let tick = crate::model::tick::Tick {
        deadline: at + Duration::from_secs(55),
        started: context.clock.wall(),
        began: at,
        ..crate::model::tick::Tick::default()
    };
    let never = futures_util::FutureExt::shared(std::future::pending::<&'static str>());
    let report = crate::cycle::run(context, tick, never).await;
    let folder = context.audit_dir.path().join("host/cluster/namespace");
    let log = report.committed.as_ref().unwrap().stamp.log();
    let log = std::fs::read_to_string(folder.join(log)).unwrap();
    (report, log)
}

/// Pitfall 11: service-account tokens expire and are rotated under a running program (kubernetes/client-go#1255,
/// kube-rs/kube#1126). Here that happens in the middle of a cycle.
#[tokio::test(start_paused = true)]
async fn pitfall_11_a_token_that_is_rotated_within_a_cycle_costs_nothing() {
    let (folder, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let token: PathBuf = files.path().join("token");
    put(files.path(), "token", "one-s3cret");
    let place = files.path().to_owned();
    let rotate = move |server: &Server, url: &Url| {
        if resource(url) == "a" {
            *server.valid.lock().unwrap() = "two-s3cret";
            put(&place, "token", "two-s3cret\n");
        }
    };
    let (server, context) = with_server(rotate, &token, folder.path());
    let (report, log) = one_cycle(&context).await;
    assert_eq!((report.recorded, report.errors, report.warnings), (3, 0, 1), "{log}");
    assert_eq!(log.matches(": 401 Unauthorized; the credentials are fetched anew").count(), 1, "{log}");
    assert!(!log.contains("s3cret"), "{log}");
    assert!(server.refuses.count("a") <= 1);
}

/// The rest of pitfall 11: what is not accepted after it was read anew is an error, and nobody asks on and on.
#[tokio::test(start_paused = true)]
async fn pitfall_11_a_token_that_stays_refused_is_tried_twice_and_no_more() {
    let (folder, files) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    put(files.path(), "token", "two-s3cret");
    let (server, context) = with_server(|_, _| (), &files.path().join("token"), folder.path());
    let (report, log) = one_cycle(&context).await;
    assert_eq!((report.recorded, report.errors, report.warnings), (0, 1, 1), "{log}");
    assert!(log.contains(": 401 Unauthorized: who?"), "{log}");
    assert_eq!((server.refuses.count("v1"), server.well.count("v1")), (2, 0));
    // It comes back by itself.
    put(files.path(), "token", "one-s3cret");
    assert_eq!(one_cycle(&context).await.0.recorded, 3);
}
