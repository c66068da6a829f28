//! Scripts for shells, tried in the shells that are there.

use std::process::Command;

use crate::support::binary::Minutebook;
use crate::support::skip;

#[test]
fn every_shell_gets_a_script() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = script(shell);
        for word in ["minutebook", "run", "demo", "audit-dir"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn shells_accept_their_scripts() {
    for shell in ["bash", "zsh", "fish"] {
        let folder = tempfile::tempdir().expect("there is room for a temporary folder");
        let path = folder.path().join("minutebook");
        std::fs::write(&path, script(shell)).expect("a file can be written into a temporary folder");
        match Command::new(shell).arg("-n").arg(&path).output() {
            Ok(output) => assert!(output.status.success(), "{shell}: {output:?}"),
            Err(_) => skip(&format!("completion for {shell}"), "it is not there"),
        }
    }
}

#[test]
fn bash_completes_commands_and_flags() {
    for (line, expected) in [
        ("minutebook ru", "run"),
        ("minutebook run --audit", "--audit-dir"),
        ("minutebook run --output na", "name"),
        ("minutebook completion elv", "elvish"),
        ("minutebook filter insp", "inspect"),
        ("minutebook filter new --lang py", "python"),
        ("minutebook filter inspect --out", "--output"),
    ] {
        let Some(completed) = complete(line) else {
            return skip("completion in bash", "there is no bash");
        };
        assert_eq!(completed, expected, "{line}");
    }
}

/// What bash makes of the line's last word: what `complete -p` names is called as the line editor would.
fn complete(line: &str) -> Option<String> {
    const DRIVER: &str = r#"
        eval "$1"
        read -ra COMP_WORDS <<<"$2"
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_LINE=$2 COMP_POINT=${#2}
        function=$(complete -p minutebook | sed 's/.*-F \([^ ]*\).*/\1/')
        "$function" minutebook "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        echo "${COMPREPLY[*]}"
    "#;
    let bash = Command::new("bash").args(["--norc", "-c", DRIVER, "bash", &script("bash"), line]).output();
    let output = bash.ok()?;
    assert!(output.stderr.is_empty(), "{line}: {output:?}");
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn script(shell: &str) -> String {
    let folder = tempfile::tempdir().expect("there is room for a temporary folder");
    Minutebook::new(folder.path()).args(["completion", shell]).run().expect_code(0).stdout
}
