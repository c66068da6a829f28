//! Plugins as people write them, well and badly: shell scripts that each test writes.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::time::Instant;

use super::*;

/// Longer than any plugin here takes, even on a busy machine.
const LONG: Duration = Duration::from_secs(60);

fn plugin(folder: &Path, script: &str) -> Plugin {
    let command = folder.join("plugin");
    // Renamed into place: while another thread of the tests forks, a file that was just written can be busy.
    std::fs::write(folder.join("plugin.sh"), script).unwrap();
    std::fs::write(&command, "#!/bin/sh\n. \"$(dirname \"$0\")/plugin.sh\"\n").unwrap();
    std::fs::set_permissions(&command, std::fs::Permissions::from_mode(0o755)).unwrap();
    Plugin {
        version: Version::V1,
        command: "/bin/sh".into(),
        args: vec![command.into_os_string().into_string().unwrap()],
        env: Vec::new(),
        install_hint: None,
        provide_cluster: false,
        cluster_config: None,
    }
}

fn access() -> Access {
    Access::to("https://host:6443".parse().unwrap())
}

/// A script that hands out a token.
fn token(token: &str) -> String {
    let kind = r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v1","status":"#;
    format!("echo '{kind}{{\"token\":\"{token}\"}}}}'\n")
}

async fn run_script(script: &str, limit: Duration) -> Result<Credential, ExecError> {
    let folder = tempfile::tempdir().unwrap();
    run(&plugin(folder.path(), script), &access(), None, limit).await
}

/// Whether a process is there; one that has ended and was not asked for yet is not.
fn lives(pid: &str) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.trim())).unwrap_or_default();
    stat.rsplit(") ").next().is_some_and(|rest| !rest.is_empty() && !rest.starts_with(['Z', 'X']))
}

async fn dies(pid: &str) -> bool {
    let start = Instant::now();
    while lives(pid) && start.elapsed() < LONG {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    !lives(pid)
}

#[tokio::test]
async fn a_plugin_is_asked_without_a_terminal_and_told_what_it_wants_to_know() {
    let folder = tempfile::tempdir().unwrap();
    let seen = |name: &str| std::fs::read_to_string(folder.path().join(name)).unwrap();
    let script = format!(
        "cd {}\ncat > stdin\nprintf %s \"$KUBERNETES_EXEC_INFO\" > info\nprintf '%s %s' \"$EXTRA\" \"$1\" > told\n{}",
        folder.path().display(),
        token("t")
    );
    let mut plugin = plugin(folder.path(), &script);
    plugin.env = vec![("EXTRA".to_owned(), "a b".to_owned())];
    plugin.args.push("--login".to_owned());
    let credential = run(&plugin, &access(), Some(b"PEM"), LONG).await.unwrap();
    assert_eq!(credential.token.as_deref(), Some("t"));
    assert_eq!((seen("stdin").as_str(), seen("told").as_str()), ("", "a b --login"));
    let info: Value = serde_json::from_str(&seen("info")).unwrap();
    let expected = json!({
        "apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential", "spec": { "interactive": false }
    });
    assert_eq!(info, expected);

    plugin.provide_cluster = true;
    plugin.cluster_config = Some(json!({"audience": "x"}));
    let access = Access { tls_server_name: Some("inside".to_owned()), ..access() };
    run(&plugin, &access, Some(b"PEM"), LONG).await.unwrap();
    let info: Value = serde_json::from_str(&seen("info")).unwrap();
    let expected = json!({
        "server": "https://host:6443", "tls-server-name": "inside", "certificate-authority-data": "UEVN",
        "config": { "audience": "x" }
    });
    assert_eq!(info["spec"], json!({ "interactive": false, "cluster": expected }));
}

#[tokio::test]
async fn a_plugin_that_hangs_is_ended_with_all_that_it_started() {
    let folder = tempfile::tempdir().unwrap();
    let pids = folder.path().join("pids");
    let script =
        format!("echo waiting for the network >&2\nsleep 300 &\necho $! $$ > {}\nwait\n", pids.display());
    let plugin = plugin(folder.path(), &script);
    let (access, mut limit) = (access(), Duration::from_millis(500));
    // On a busy machine it may not have come as far as the file.
    let error = loop {
        let error = run(&plugin, &access, None, limit).await.unwrap_err();
        if pids.exists() {
            break error;
        }
        limit *= 2;
        assert!(limit < LONG);
    };
    let text = error.to_string();
    assert!(
        text.starts_with("it had not ended after ") && text.ends_with("; it said: waiting for the network"),
        "{text}"
    );
    for pid in std::fs::read_to_string(&pids).unwrap().split_whitespace() {
        assert!(dies(pid).await, "{pid}");
    }
}

#[tokio::test]
async fn a_plugin_for_which_nobody_waits_any_more_ends() {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    let plugin =
        plugin(folder.path(), &format!("echo $$ > {0}.part && mv {0}.part {0}\nsleep 300\n", pid.display()));
    let access = access();
    {
        let run = run(&plugin, &access, None, LONG);
        tokio::pin!(run);
        let start = Instant::now();
        while !pid.exists() && start.elapsed() < LONG {
            let short = Duration::from_millis(5);
            assert!(timeout(short, &mut run).await.is_err());
        }
    }
    assert!(dies(&std::fs::read_to_string(pid).unwrap()).await);
}

#[tokio::test]
async fn a_plugin_that_fails_is_heard_out_on_stderr_alone() {
    let failed =
        run_script("echo s3cret\nprintf 'log in\\n\\033[1mfirst\\n' >&2\nexit 7\n", LONG).await.unwrap_err();
    assert_eq!(failed.to_string(), "exit status: 7; it said: log in \u{fffd}[1mfirst");
    let much =
        "i=0; while [ $i -lt 2000 ]; do echo line $i >&2; i=$((i+1)); done; echo the reason >&2; exit 1\n";
    let failed = run_script(much, LONG).await.unwrap_err().to_string();
    assert!(failed.starts_with("exit status: 1; it said: …"), "{failed}");
    assert!(failed.ends_with(" line 1999 the reason") && failed.len() < 600, "{failed}");
    let failed = run_script("kill -9 $$\n", LONG).await.unwrap_err();
    assert_eq!(failed.to_string(), "signal: 9 (SIGKILL)");
}

#[tokio::test]
async fn what_is_no_credential_is_not_repeated() {
    for (script, why) in [
        ("true\n", "it is empty"),
        ("echo s3cret\n", "expected value at line 1 column 1"),
        (
            "echo '{\"kind\":\"ExecCredential\",\"apiVersion\":\"client.authentication.k8s.io/v1beta1\"}'\n",
            "its apiVersion is not client.authentication.k8s.io/v1,",
        ),
    ] {
        let error = run_script(script, LONG).await.unwrap_err().to_string();
        assert!(error.starts_with(&format!("what it printed is no credential: {why}")), "{error}");
        assert!(!error.contains("s3cret"), "{error}");
    }
}

#[tokio::test]
async fn a_plugin_that_prints_without_end_is_not_waited_for() {
    let error = run_script("while :; do echo 0123456789012345678901234567890123456789; done\n", LONG)
        .await
        .unwrap_err();
    assert_eq!(error.to_string(), "it printed more than 1048576 bytes");
}

#[tokio::test]
async fn what_a_plugin_leaves_behind_ends_and_holds_nothing_up() {
    let folder = tempfile::tempdir().unwrap();
    let pid = folder.path().join("pid");
    // It holds the pipe.
    let script = format!("sleep 300 &\necho $! > {}\n{}", pid.display(), token("t"));
    let credential = run(&plugin(folder.path(), &script), &access(), None, LONG).await.unwrap();
    assert_eq!(credential.token.as_deref(), Some("t"));
    assert!(dies(&std::fs::read_to_string(&pid).unwrap()).await);
    // Nor does one that went its own way; it is not ours to end.
    let script = format!("setsid sleep 5 &\n{}", token("t"));
    let began = Instant::now();
    assert!(run(&plugin(folder.path(), &script), &access(), None, LONG).await.is_ok());
    assert!(began.elapsed() < Duration::from_secs(5));
}

#[tokio::test]
async fn a_missing_command_shows_what_to_do() {
    let missing = Plugin {
        command: "/nowhere/aws".into(),
        install_hint: Some("brew\ninstall aws".to_owned()),
        ..plugin(tempfile::tempdir().unwrap().path(), "")
    };
    let error = run(&missing, &access(), None, LONG).await.unwrap_err();
    assert_eq!(error.to_string(), "the command is not found; the kubeconfig says: brew install aws");
    let folder = tempfile::tempdir().unwrap();
    let error =
        run(&Plugin { command: folder.path().into(), ..missing }, &access(), None, LONG).await.unwrap_err();
    assert!(error.to_string().starts_with("it cannot be run: "), "{error}");
}
