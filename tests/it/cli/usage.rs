//! What it says when it is called wrongly. Everything that can be known wrong without opening
//! a file is known before anything is asked for or written, and the message names it.

use super::{transcript, words};
use crate::support::cluster::Cluster;
use crate::support::golden;
use crate::support::scene::Scene;

/// What is right with every call here.
const RIGHT: &str = "run --once --audit-dir audit";

/// What follows it, and a word that the message must have in it.
const WRONG: &[(&str, &str)] = &[
    // A target that is not whole.
    ("--cluster c --namespace n", "--host"),
    ("--host h --namespace n", "--cluster"),
    ("--host h --cluster c", "--namespace"),
    // Names.
    ("--host \"\" --cluster c --namespace n", "--host"),
    ("--host a/b --cluster c --namespace n", "--host"),
    ("--host .. --cluster c --namespace n", "--host"),
    ("--host user@h --cluster c --namespace n", "--host"),
    ("--host h:https --cluster c --namespace n", "--host"),
    ("--host h:99999 --cluster c --namespace n", "--host"),
    ("--host [::1 --cluster c --namespace n", "--host"),
    ("--host ::1 --cluster c --namespace n", "--host"),
    ("--host https://h --cluster c --namespace n", "--host"),
    ("--host h --cluster a/b --namespace n", "--cluster"),
    ("--host h --cluster .. --namespace n", "--cluster"),
    ("--host h --cluster .c --namespace n", "--cluster"),
    ("--host h --cluster a\\_b --namespace n", "--cluster"),
    ("--host h --cluster %2e%2e --namespace n", "--cluster"),
    ("--host h --cluster c --namespace _all", "--namespace"),
    ("--host h --cluster c --namespace -n", "--namespace"),
    ("--host h --cluster c --namespace a/../b", "--namespace"),
    // Where to connect.
    ("TARGET --server https://h/base", "--server"),
    ("TARGET --server https://user@h", "--server"),
    ("TARGET --server https://h?a=b", "--server"),
    ("TARGET --server https://h#here", "--server"),
    ("TARGET --server ftp://h", "--server"),
    ("TARGET --server h", "--server"),
    ("TARGET --server https://", "--server"),
    // A token that all the network could read.
    ("TARGET --server http://h --token-file token", "http"),
    ("TARGET --server http://localhost.h --token-file token", "http"),
    ("TARGET --server http://127.0.0.1.h --token-file token", "http"),
    ("TARGET --server http://10.0.0.1 --token-file token", "http"),
    // Numbers and times.
    ("TARGET --interval 999ms", "--interval"),
    ("TARGET --interval 0s", "--interval"),
    ("TARGET --interval soon", "--interval"),
    ("TARGET --max-list-bytes lots", "--max-list-bytes"),
    ("TARGET --max-list-bytes=-1", "--max-list-bytes"),
    ("TARGET --max-cycle-bytes 8XiB", "--max-cycle-bytes"),
    ("TARGET --filter-timeout never", "--filter-timeout"),
    ("TARGET --filter-timeout 1ns", "--filter-timeout"),
    ("TARGET --filter-fuel 1.5", "--filter-fuel"),
    ("TARGET --filter-memory much", "--filter-memory"),
    // Filters.
    ("TARGET --filter-settings {", "--filter-settings"),
    ("TARGET --filter-settings not-json", "--filter-settings"),
    ("TARGET --filter default@sha256:abc", "--filter"),
    ("TARGET --filter default@md5:abc", "--filter"),
    ("TARGET --filter no-such-filter", "--filter"),
    // Things that belong together, or do not exist.
    ("TARGET --client-cert c.pem", "--client-key"),
    ("TARGET --client-key k.pem", "--client-cert"),
    ("TARGET --dry-run --output xml", "--output"),
    ("TARGET --intervall 1s", "--interval"),
    ("TARGET extra", "extra"),
];

#[test]
fn what_is_wrong_is_said_before_anything_happens() {
    let scene = Scene::of(Cluster::sample());
    let tell = |(wrong, word): &(&str, &str)| {
        let line = format!("{RIGHT} {wrong}");
        let line = line.replace("TARGET", "--host h --cluster c --namespace n");
        // In the list an empty word is written with quotes, as a shell wants it.
        let program = line.split_whitespace().fold(scene.minutebook(), |program, word| {
            program.args([word.trim_matches('"').replace("\\_", " ")])
        });
        let ended = program.run().expect_code(2);
        assert_eq!(ended.stdout, "", "stdout is for data");
        assert!(ended.stderr.contains(word), "the message names {word}: {ended:#?}");
        assert!(!scene.audit().exists(), "AUDIT_DIR is not made");
        transcript(&format!("minutebook {}", line.replace("\\_", "\\ ")), &ended, |text| scene.normal(text))
    };
    let told: Vec<_> = WRONG.iter().map(tell).collect();
    assert_eq!(scene.server.targets(), [""; 0], "nothing is asked for");
    golden::check("usage.txt", &told.join("\n"));
}

/// In a pod it comes from a variable, and the message goes where many can read it.
#[test]
fn a_password_is_not_repeated() {
    let scene = Scene::of(Cluster::sample());
    let line = "run --once --host h --cluster c --namespace n";
    let program = words(scene.minutebook(), line).env("MINUTEBOOK_SERVER", "https://user:hunter2@h");
    let ended = program.run().expect_code(2);
    assert!(!ended.stderr.contains("hunter2"), "{ended:#?}");
}

#[test]
fn without_words_or_with_a_wrong_one_it_helps() {
    let scene = Scene::of(Cluster::sample());
    for line in ["", "recrod", "frobnicate"] {
        let ended = words(scene.minutebook(), line).run().expect_code(2);
        assert!(ended.stderr.contains("Usage: minutebook"), "{line}: {ended:#?}");
    }
}

#[test]
fn a_name_may_have_200_bytes_and_no_more() {
    let scene = Scene::of(Cluster::nothing(crate::support::http::Reply::Close));
    let call = |flag: &str, length: usize| {
        let name = "n".repeat(length);
        let others = ["--cluster", "--namespace"].into_iter().filter(|other| *other != flag);
        let mut program = scene.minutebook().args(["run", "--dry-run", "--interval", "1s"]);
        program = program.args(["--host", "h", "--server", &scene.server.url(), flag, &name]);
        for other in others {
            program = program.args([other, "x"]);
        }
        program.run()
    };
    for flag in ["--cluster", "--namespace"] {
        // This server closes every connection, so a dry run that gets that far ends with 4.
        call(flag, 200).expect_code(4);
        let ended = call(flag, 201).expect_code(2);
        assert!(ended.stderr.contains(flag) && ended.stderr.contains("200"), "{ended:#?}");
    }
}
