//! What comes of a configuration as a whole.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use super::destination::{Around, Found, Refused};
use super::load::assemble;
use super::process::DefaultDirs;
use super::surroundings::Surroundings;
use super::*;
use crate::access::Access;

const FILE: &str = "/etc/m/minutebook.yaml";

fn flag(key: &str) -> Origin {
    Origin::Flag(format!("--{key}"))
}

fn variable(key: &str) -> Origin {
    Origin::Variable(format!("MINUTEBOOK_{}", key.to_uppercase()))
}

/// A machine with no cluster about it.
struct Nowhere;

impl Surroundings for Nowhere {
    fn around(&self) -> Around {
        Around::default()
    }

    fn kubeconfig(&self, files: &[PathBuf], _: Option<&str>) -> Result<Found, Refused> {
        Err(Refused { key: None, why: format!("no {files:?}") })
    }

    fn pod(&self) -> Result<Found, Refused> {
        Err(Refused { key: None, why: "no pod".to_owned() })
    }
}

/// A machine with kubeconfigs. In each the current context is `dev`, and every context's server is named after it.
struct Home;

impl Surroundings for Home {
    fn around(&self) -> Around {
        Around { kubeconfig: Some((vec!["/home/me/.kube/config".into()], "HOME")), pod: false }
    }

    fn kubeconfig(&self, files: &[PathBuf], context: Option<&str>) -> Result<Found, Refused> {
        let context = context.unwrap_or("dev");
        if context == "gone" {
            return Err(Refused { key: Some("context"), why: "there is no context `gone`".to_owned() });
        }
        Ok(Found {
            access: Access::to(format!("https://{context}.example.org:6443").parse().unwrap()),
            context: Some(destination::Context {
                files: files.to_vec(),
                name: context.to_owned(),
                cluster: "kind".to_owned(),
            }),
            namespace: (context == "dev").then(|| "shop".to_owned()),
        })
    }

    fn pod(&self) -> Result<Found, Refused> {
        Err(Refused { key: None, why: "no pod".to_owned() })
    }
}

fn at_home(said: &Said, text: &str) -> Result<Config, Vec<String>> {
    let config = assemble(said, Some((Path::new(FILE), text.as_bytes())), &Home, &DefaultDirs::default());
    config.map_err(|mistakes| mistakes.lines().into_iter().map(|line| line.replace(FILE, "F")).collect())
}

fn folders(config: &Config) -> Vec<String> {
    config.targets.iter().map(|target| target.target.to_string()).collect()
}

fn loaded(said: &Said, text: &str) -> Result<Config, Mistakes> {
    assemble(said, Some((Path::new(FILE), text.as_bytes())), &Nowhere, &DefaultDirs::default())
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

type Values<'a> = &'a [(&'a str, Origin, &'a str)];
type Row<'a> = (Values<'a>, String, &'a str, &'a str);

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
    assert_eq!(config.targets[0].target.to_string(), "h/c/n");
    assert_eq!(config.targets[0].options.audit_dir, Path::new("/etc/m/a"), "in the file's folder");
    assert_eq!(
        mistakes(&Said::default(), "defaults: {cluster: c, host: h}\n"),
        ["F:1:1: a target without `--namespace`"]
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
    let folders: Vec<_> = config.targets.iter().map(|target| target.target.to_string()).collect();
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
fn state_dir_and_cache_dir_are_the_given_ones_else_the_systems() {
    let by_default = DefaultDirs::new(&[("HOME".to_owned(), "/home/me".to_owned())]);
    let target = [
        ("host", flag("host"), "h"),
        ("cluster", flag("cluster"), "c"),
        ("namespace", flag("namespace"), "n"),
    ];
    let config = assemble(&Said::of(&target), None, &Nowhere, &by_default).unwrap();
    assert_eq!(config.state_dir.as_deref(), Some(Path::new("/home/me/.local/state/minutebook")));
    assert_eq!(config.cache_dir.as_deref(), Some(Path::new("/home/me/.cache/minutebook")));
    let home = "variable HOME".to_owned();
    assert_eq!(setting(&config.process, "state-dir"), (Some("/home/me/.local/state/minutebook"), home));
    assert_eq!(
        assemble(&Said::of(&target), None, &Nowhere, &DefaultDirs::default()).unwrap().state_dir,
        None
    );
    let given = [&target[..], &[("state-dir", flag("state-dir"), "s")]].concat();
    assert_eq!(
        assemble(&Said::of(&given), None, &Nowhere, &by_default).unwrap().state_dir.as_deref(),
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
fn one_section_makes_a_target_of_each_namespace() {
    let text = "
defaults: {host: h, cluster: c, namespace: [a, b]}
targets:
- {}
- {cluster: d, namespace: 'x,y'}
- {cluster: e, namespace: z}
";
    let config = loaded(&Said::default(), text).unwrap();
    assert_eq!(folders(&config), ["h/c/a", "h/c/b", "h/d/x", "h/d/y", "h/e/z"]);
    let shown: Vec<_> = config.targets.iter().map(|target| setting(&target.settings, "namespace")).collect();
    assert_eq!(shown[1], (Some("b"), "/etc/m/minutebook.yaml:2".to_owned()));
    assert_eq!(shown[2], (Some("x"), "/etc/m/minutebook.yaml:5".to_owned()));
    let wrong = |list: &str| {
        mistakes(&Said::default(), &format!("targets: [{{host: h, cluster: c, namespace: {list}}}]"))
    };
    for (list, expected) in [
        ("[]", "F:1:33: `namespace` has no value"),
        ("[a, ~]", "F:1:33: `namespace` has an item without a value"),
        ("[a, [b]]", "F:1:33: `namespace` is a text or a list of texts"),
        ("[a, b/c]", "F:1:33: `namespace` is `a,b/c`: it may hold only"),
        ("[a, b, a]", "F:1:33: --namespace names `a` twice"),
    ] {
        let found = wrong(list);
        assert!(found.len() == 1 && found[0].starts_with(expected), "{list}: {found:?}");
    }
    let no_list = mistakes(&Said::default(), "defaults: {host: [h]}");
    assert!(no_list.iter().any(|mistake| mistake.contains("not a list")), "{no_list:?}");
}

#[test]
fn whoever_goes_before_says_the_scope() {
    let file = |defaults: &str, target: &str| {
        format!(
            "defaults: {{layout: kubernetes, {defaults}}}\ntargets: [{{host: h, cluster: c, {target}}}]\n"
        )
    };
    let all = |value| ("all-namespaces", variable("all_namespaces"), value);
    let (all_by_flag, one_by_variable) =
        (("all-namespaces", flag("all-namespaces"), "true"), ("namespace", variable("namespace"), "v"));
    let rows: [(Values, String, &str); 8] = [
        (&[], file("all-namespaces: true", "namespace: n"), "n"),
        (&[], file("namespace: n", "all-namespaces: true"), "_all"),
        (&[], file("namespace: n", "cluster-scope: yes"), "_cluster"),
        (&[], file("namespace: n", "all-namespaces: false"), "n"),
        (std::slice::from_ref(&one_by_variable), file("", "cluster-scope: true"), "v"),
        (&[one_by_variable.clone(), all_by_flag], file("", "namespace: n"), "_all"),
        (&[all("1")], file("", "namespace: n"), "_all"),
        (&[all("off")], file("all-namespaces: true", "namespace: n"), "n"),
    ];
    for (said, text, expected) in rows {
        let config = loaded(&Said::of(said), &text).unwrap();
        assert_eq!(folders(&config), [format!("h/c/{expected}")], "{text}");
    }
    let both = file("namespace: n", "all-namespaces: true, cluster-scope: true");
    assert_eq!(
        mistakes(&Said::default(), &both),
        ["F:2:33: --all-namespaces and --cluster-scope exclude each other; give one of them"]
    );
    let none = mistakes(&Said::default(), &file("all-namespaces: true", "all-namespaces: false"));
    assert!(none.len() == 1 && none[0].contains("without `--namespace`"), "{none:?}");
}

#[test]
fn a_kubeconfig_says_what_nobody_else_does() {
    let text = "
defaults: {context: prod}
targets:
- {namespace: [a, b]}
- {context: dev}
- {context: dev, host: h, cluster: c, all-namespaces: true, kubeconfig: k}
";
    let config = at_home(&Said::default(), text).unwrap();
    let (prod, dev) = ("prod.example.org_6443/kind", "dev.example.org_6443/kind");
    let expected = [format!("{prod}/a"), format!("{prod}/b"), format!("{dev}/shop"), "h/c/_all".to_owned()];
    assert_eq!(folders(&config), expected);
    let shown = |at: usize, key| setting(&config.targets[at].settings, key);
    let home = "kubeconfig /home/me/.kube/config, context dev".to_owned();
    assert_eq!(shown(2, "host"), (Some("dev.example.org:6443"), home.clone()));
    assert_eq!(shown(2, "cluster"), (Some("kind"), home.clone()));
    assert_eq!(shown(2, "namespace"), (Some("shop"), home.clone()));
    assert_eq!(shown(2, "server"), (Some("https://dev.example.org:6443"), home));
    assert_eq!(shown(2, "kubeconfig"), (Some("/home/me/.kube/config"), "variable HOME".to_owned()));
    assert_eq!(shown(2, "context"), (Some("dev"), "/etc/m/minutebook.yaml:5".to_owned()));
    assert_eq!(shown(2, "layout"), (Some("kubernetes"), "default".to_owned()));
    assert_eq!(shown(0, "namespace"), (Some("a"), "/etc/m/minutebook.yaml:4".to_owned()));
    assert_eq!(shown(3, "host"), (Some("h"), "/etc/m/minutebook.yaml:6".to_owned()));
    assert_eq!(shown(3, "kubeconfig"), (Some("/etc/m/k"), "/etc/m/minutebook.yaml:6".to_owned()));
    assert_eq!(shown(3, "namespace"), (None, "default".to_owned()));
    let read: Vec<_> = config.kubeconfigs.iter().map(|path| path.display().to_string()).collect();
    assert_eq!(read, ["/etc/m/k", "/home/me/.kube/config"]);
    let current = at_home(&Said::default(), "defaults: {interval: 5s}").unwrap();
    assert_eq!(
        setting(&current.targets[0].settings, "context").1,
        "kubeconfig /home/me/.kube/config, context dev"
    );
}

#[test]
fn a_context_that_is_wrong_is_told_where_it_stands() {
    let text = "
targets:
- {context: gone}
- {context: dev}
- {context: dev, host: DEV.example.org:6443}
- {host: h, cluster: c, namespace: n, context: dev, layout: kata}
";
    let expected = [
        "F:3:4: there is no context `gone`",
        "F:5:3: the same folder as that of the target in line 4: `/audit/dev.example.org_6443/kind/shop`",
        "F:6:39: --context: layout `kata` takes its server from --host, and no kubeconfig",
    ];
    assert_eq!(at_home(&Said::default(), text).unwrap_err(), expected);
    let said = Said::of(&[("kubeconfig", variable("kubeconfig"), "k"), ("context", flag("context"), "c")]);
    let told = at_home(&said, "targets: [{context: dev}, {context: prod, namespace: n}]").unwrap_err();
    let expected = [
        "error: --context is of one target, and `F` has several; leave it out",
        "error: MINUTEBOOK_KUBECONFIG is of one target, and `F` has several; unset it",
    ];
    assert_eq!(told, expected);
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
    let latin = assemble(
        &Said::default(),
        Some((Path::new("F"), b"defaults:\n  host: \xfc")),
        &Nowhere,
        &DefaultDirs::default(),
    );
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
        let loaded =
            assemble(&Said::default(), Some((Path::new("F"), &bytes)), &Nowhere, &DefaultDirs::default());
        assert!(loaded.is_ok() || !loaded.unwrap_err().lines().is_empty());
    }
}
