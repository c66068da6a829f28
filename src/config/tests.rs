//! What comes of a configuration as a whole.

use std::fmt::Write as _;
use std::path::Path;

use super::load::assemble;
use super::*;

const FILE: &str = "/etc/m/minutebook.yaml";

fn flag(key: &str) -> Origin {
    Origin::Flag(format!("--{key}"))
}

fn variable(key: &str) -> Origin {
    Origin::Variable(format!("MINUTEBOOK_{}", key.to_uppercase()))
}

fn loaded(said: &Said, text: &str) -> Result<Config, Mistakes> {
    assemble(said, Some((Path::new(FILE), text.as_bytes())), None)
}

fn mistakes(said: &Said, text: &str) -> Vec<String> {
    match loaded(said, text) {
        Ok(_) => Vec::new(),
        Err(mistakes) => mistakes.lines().into_iter().map(|line| line.replace(FILE, "F")).collect(),
    }
}

fn setting<'a>(settings: &'a [Setting], key: &str) -> (Option<&'a str>, String) {
    let found = settings.iter().find(|setting| setting.key == key).unwrap();
    (found.value.as_deref(), found.origin.to_string())
}

type Row<'a> = (&'a [(&'a str, Origin, &'a str)], String, &'a str, &'a str);

#[test]
fn a_flag_goes_before_a_variable_before_the_target_before_the_defaults() {
    let file = |defaults: &str, target: &str| {
        format!("defaults:\n  {defaults}\ntargets:\n- {{host: h, cluster: c, namespace: n{target}}}\n")
    };
    let (default, target) = ("interval: 4s", ", interval: 3s");
    let rows: [Row; 5] = [
        (&[("interval", flag("interval"), "1s")], file(default, target), "1s", "flag --interval"),
        (
            &[("interval", variable("interval"), "2s")],
            file(default, target),
            "2s",
            "variable MINUTEBOOK_INTERVAL",
        ),
        (&[], file(default, target), "3s", "/etc/m/minutebook.yaml:4"),
        (&[], file(default, ""), "4s", "/etc/m/minutebook.yaml:2"),
        (&[], file("filter-fuel: 7", ""), "60s", "default"),
    ];
    for (values, text, expected, origin) in rows {
        let config = loaded(&Said::of(values), &text).unwrap();
        let [target] = &config.targets[..] else { panic!("one target: {config:?}") };
        assert_eq!(setting(&target.settings, "interval"), (Some(expected), origin.to_owned()));
        assert_eq!(
            humantime::format_duration(target.options.interval).to_string().replace("1m", "60s"),
            expected
        );
    }
}

#[test]
fn a_file_may_have_defaults_alone_and_flags_say_the_rest() {
    let said = Said::of(&[("host", flag("host"), "h"), ("namespace", variable("namespace"), "n")]);
    let config = loaded(&said, "defaults: {cluster: c, audit-dir: a}\n").unwrap();
    assert_eq!(config.targets.len(), 1);
    assert_eq!(config.targets[0].options.target().to_string(), "h/c/n");
    assert_eq!(config.targets[0].options.audit_dir, Path::new("/etc/m/a"), "in the file's folder");
    assert_eq!(
        mistakes(&Said::default(), "defaults: {cluster: c}\n"),
        ["F:1:1: a target without `host` and `namespace`"]
    );
}

#[test]
fn each_target_has_its_own() {
    let text = "
defaults:
  host: h
  filter-settings: {exclude: [secrets], n: 1}
  log-format: json
  state-dir: ../state
targets:
- {cluster: a, namespace: n}
- {cluster: b, namespace: n, filter-settings: '{}', filter: mine.wasm}
- {cluster: b, namespace: m, audit-dir: /elsewhere, filter-fuel: 5000000000}
";
    let config = loaded(&Said::default(), text).unwrap();
    let folders: Vec<_> = config.targets.iter().map(|target| target.options.target().to_string()).collect();
    assert_eq!(folders, ["h/a/n", "h/b/n", "h/b/m"]);
    let settings: Vec<_> =
        config.targets.iter().map(|target| setting(&target.settings, "filter-settings").0).collect();
    let inherited = Some(r#"{"exclude":["secrets"],"n":1}"#);
    assert_eq!(settings, [inherited, Some("{}"), inherited]);
    assert_eq!(config.targets[1].options.filter.source.path(), Some(Path::new("/etc/m/mine.wasm")));
    assert_eq!(setting(&config.targets[0].settings, "server"), (Some("https://h"), "default".to_owned()));
    assert_eq!(config.log_format, LogFormat::Json);
    assert_eq!(config.state_dir.as_deref(), Some(Path::new("/etc/m/../state")));
    assert_eq!(setting(&config.process, "state-dir").1, "/etc/m/minutebook.yaml:6");
}

#[test]
fn state_dir_is_the_given_one_else_the_systems() {
    let by_default = || Some(("/home/me/s".into(), Origin::Variable("HOME".to_owned())));
    let target = [
        ("host", flag("host"), "h"),
        ("cluster", flag("cluster"), "c"),
        ("namespace", flag("namespace"), "n"),
    ];
    let config = assemble(&Said::of(&target), None, by_default().as_ref()).unwrap();
    assert_eq!(config.state_dir.as_deref(), Some(Path::new("/home/me/s")));
    assert_eq!(setting(&config.process, "state-dir"), (Some("/home/me/s"), "variable HOME".to_owned()));
    assert_eq!(assemble(&Said::of(&target), None, None).unwrap().state_dir, None);
    let given = [&target[..], &[("state-dir", flag("state-dir"), "s")]].concat();
    assert_eq!(
        assemble(&Said::of(&given), None, by_default().as_ref()).unwrap().state_dir.as_deref(),
        Some(Path::new("s"))
    );
}

#[test]
fn what_is_of_one_target_is_not_for_several() {
    let said = Said::of(&[
        ("host", flag("host"), "h"),
        ("server", variable("server"), "https://user:hunter2@h"),
        ("token-file", flag("token-file"), "t"),
    ]);
    let text = "targets:\n- {host: a, cluster: c, namespace: n}\n- {host: b, cluster: c, namespace: n}\n";
    let expected = [
        "error: --host is of one target, and `F` has several; leave it out",
        "error: MINUTEBOOK_SERVER is of one target, and `F` has several; unset it",
    ];
    assert_eq!(mistakes(&said, text), expected);
    let one = "targets:\n- {cluster: c, namespace: n}\n";
    assert_eq!(mistakes(&Said::of(&[("host", flag("host"), "h")]), one), [""; 0]);
}

#[test]
fn two_targets_with_one_folder_are_refused() {
    let text = "
targets:
- {host: H, cluster: c, namespace: n, audit-dir: /a}
- {host: h, cluster: c, namespace: n, audit-dir: /a/}
- {host: h, cluster: c, namespace: n, audit-dir: /b}
";
    assert_eq!(
        mistakes(&Said::default(), text),
        ["F:4:3: the same folder as that of the target in line 3: `/a/h/c/n`"]
    );
}

#[test]
fn files_that_are_none_are_refused_with_their_line() {
    let rows = [
        ("", "F:1:1: no targets: the file has neither `defaults` nor `targets`"),
        ("# nothing\n", "F:1:1: no targets: the file has neither `defaults` nor `targets`"),
        ("targets: []\n", "F:1:1: no targets: the list is empty"),
        ("targets:\n", "F:1:1: no targets: the list is empty"),
        ("targets: {host: h}\n", "F:1:1: `targets` is a list of maps, each with the options of one target"),
        ("- a\n", "F:1:1: a configuration is a map with `defaults` and `targets`"),
        ("{}\n---\n{}\n", "F:2:1: a second document begins here; a configuration is one"),
        ("defaults: [\n", "F:2:1: not YAML: "),
    ];
    for (text, expected) in rows {
        let found = mistakes(&Said::default(), text);
        assert!(found[0].starts_with(expected), "{text}: {found:?}");
        assert_eq!(found.len(), 1, "{text}: {found:?}");
    }
    let latin = assemble(&Said::default(), Some((Path::new("F"), b"defaults:\n  host: \xfc")), None);
    assert_eq!(latin.unwrap_err().lines(), ["F:2:9: not UTF-8"]);
}

#[test]
fn the_file_s_alias_is_the_same_value_in_two_places() {
    let text = "
targets:
- &first {host: h, cluster: c, namespace: n, filter-settings: &s {a: 1}}
- {host: h, cluster: c, namespace: m, filter-settings: *s}
";
    let config = loaded(&Said::default(), text).unwrap();
    assert_eq!(setting(&config.targets[1].settings, "filter-settings").0, Some(r#"{"a":1}"#));
}

/// What is wrong with 300 targets for one reason is one mistake, and a whole file takes no time.
#[test]
fn a_mistake_in_the_defaults_is_told_once() {
    let mut text = "defaults: {interval: 0s, server: 'http://h', token-file: t}\ntargets:\n".to_owned();
    for number in 0..300 {
        writeln!(text, "- {{host: h, cluster: c{number}, namespace: n}}").unwrap();
    }
    assert_eq!(mistakes(&Said::default(), &text).len(), 1);
    let found = mistakes(&Said::default(), &text.replace("interval: 0s", "interval: 1s"));
    assert_eq!(found.len(), 1, "{found:?}");
    assert!(found[0].starts_with("F:1:46: --token-file with the plain http server"), "{found:?}");
}

/// The parser of YAML is somebody else's and no promise of it says so.
#[test]
fn no_file_ends_the_program() {
    let seed = b"defaults: &d\n  filter-settings: {a: [1, 'x'], b: !t \"\\u00e4\"}\n  host: |-\n    h\ntargets:\n- {cluster: c, namespace: n, ? *d : >\n  x}\n# end\n";
    let mut random = fastrand::Rng::with_seed(7);
    for _ in 0..5_000 {
        let mut bytes = seed.to_vec();
        for _ in 0..random.usize(1..6) {
            let at = random.usize(..bytes.len());
            match random.u8(..3) {
                0 => bytes[at] = *random.choice(b"{}[]:,-?&*!|>'\"%@#\n\t \\~\xff").unwrap(),
                1 if bytes.len() > 1 => drop(bytes.remove(at)),
                _ => bytes.truncate(at + 1),
            }
        }
        // What it says is for other tests; that it says something is for this one.
        let loaded = assemble(&Said::default(), Some((Path::new("F"), &bytes)), None);
        assert!(loaded.is_ok() || !loaded.unwrap_err().lines().is_empty());
    }
}
