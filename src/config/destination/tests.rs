//! Tables of what was said and where it leads.

use clap::{Args as _, FromArgMatches as _};

use super::*;
use crate::access::{Login, Source};

/// The options of `run` as if they had been typed.
fn options(line: &str) -> Options {
    let command = Options::augment_args(clap::Command::new("run").no_binary_name(true));
    let command = command.mut_args(|argument| argument.env(None::<&str>));
    Options::from_arg_matches(&command.try_get_matches_from(line.split_whitespace()).unwrap()).unwrap()
}

fn around(kubeconfig: Option<&'static str>, pod: bool) -> Around {
    let kubeconfig = kubeconfig.map(|variable| (vec![PathBuf::from("around")], variable));
    Around { kubeconfig, pod }
}

fn access(server: &str) -> Access {
    Access { login: Some(Login::Token(Source::Inline(b"t".to_vec()))), ..Access::to(server.parse().unwrap()) }
}

fn of_context(cluster: &str, namespace: Option<&str>) -> Found {
    Found {
        access: access("https://API.example.org:6443/base"),
        context: Some(Context {
            files: vec!["there".into()],
            name: "dev".to_owned(),
            cluster: cluster.to_owned(),
        }),
        namespace: namespace.map(str::to_owned),
    }
}

fn of_pod(namespace: Option<&str>) -> Found {
    let access = access("https://10.96.0.1");
    Found { access, context: None, namespace: namespace.map(str::to_owned) }
}

fn kubeconfig() -> Way {
    Way::Kubeconfig(vec!["file".into()], None)
}

/// A row for each answer that the options leave open, and for each that they give.
#[test]
fn which_layout_and_from_where() {
    let named = || Ok(Way::Kubeconfig(vec!["k".into()], None));
    let found = |variable| Ok(Way::Kubeconfig(vec!["around".into()], Some(variable)));
    let (kata, kubernetes) = (|| Ok(Way::Options(Layout::Kata)), || Ok(Way::Options(Layout::Kubernetes)));
    let (both, home, pod, none) = (
        || around(Some("KUBECONFIG"), true),
        || around(Some("HOME"), true),
        || around(None, true),
        || around(None, false),
    );
    let rows: [(&str, Around, Result<Way, &str>); 26] = [
        // A kubeconfig that somebody names goes before all else.
        ("--kubeconfig k", both(), named()),
        ("--kubeconfig k", none(), named()),
        ("--kubeconfig k --context c", both(), named()),
        ("--kubeconfig k --host h", both(), named()),
        ("--kubeconfig k --layout kubernetes", none(), named()),
        ("--context c", both(), found("KUBECONFIG")),
        ("--context c --host h", home(), found("HOME")),
        ("--context c", pod(), Err("--context without a kubeconfig")),
        ("--context c --host h", none(), Err("--context without a kubeconfig")),
        ("--kubeconfig k --host h --layout kata", both(), Err("--kubeconfig: layout `kata`")),
        ("--context c --layout kata", both(), Err("--context: layout `kata`")),
        // Then a host, and nobody looks at what is around.
        ("--host h", both(), kata()),
        ("--host h", none(), kata()),
        ("--host h --server https://s", both(), kata()),
        ("--host h --layout kata", both(), kata()),
        ("--host h --layout kubernetes", both(), kubernetes()),
        ("--server https://s --layout kubernetes", both(), kubernetes()),
        ("--server https://s", both(), Err("--server without --host")),
        ("--layout kata", both(), kata()),
        // Then what is around.
        ("", both(), found("KUBECONFIG")),
        ("", home(), found("HOME")),
        ("", pod(), Ok(Way::Pod)),
        ("--layout kubernetes", both(), found("KUBECONFIG")),
        ("--layout kubernetes", pod(), Ok(Way::Pod)),
        ("", none(), Err("there is no cluster to record")),
        ("--layout kubernetes", none(), Err("there is no cluster to record")),
    ];
    for (line, around, expected) in rows {
        match (way(&options(line), || around.clone()), expected) {
            (Err(refused), Err(begins)) => assert!(refused.why.starts_with(begins), "{line}: {refused:?}"),
            (found, expected) => {
                assert_eq!(found.map_err(|refused| refused.why), expected.map_err(str::to_owned), "{line}");
            }
        }
    }
}

#[test]
fn a_host_leaves_what_is_around_alone() {
    for line in ["--host h", "--host h --layout kubernetes", "--kubeconfig k", "--layout kata"] {
        assert!(way(&options(line), || panic!("{line}: it was looked at")).is_ok());
    }
}

#[test]
fn without_any_cluster_three_ways_are_named() {
    let refused = way(&options(""), Around::default).unwrap_err();
    for way in ["--host", "--kubeconfig", "KUBECONFIG", "~/.kube/config", "pod"] {
        assert!(refused.why.contains(way), "{refused:?}");
    }
}

/// The folders of all targets, or everything that is wrong.
fn folders(line: &str, way: &Way, found: Option<&Found>) -> Result<Vec<String>, Vec<String>> {
    let settled = settle(&options(line), way, found);
    let Destination { host, cluster, scopes, .. } =
        settled.map_err(|all| all.into_iter().map(|refused| refused.why).collect::<Vec<_>>())?;
    Ok(scopes.iter().map(|scope| format!("{}/{cluster}/{}", host.folder(), scope.folder())).collect())
}

#[test]
fn which_folders() {
    let (kata, kubernetes) = (Way::Options(Layout::Kata), Way::Options(Layout::Kubernetes));
    let arn = of_context("arn:aws:eks:eu/prod_1", Some("shop"));
    let bare = of_context("dev", None);
    let (pod, lost) = (of_pod(Some("team")), of_pod(None));
    let rows: [(&str, &Way, Option<&Found>, &[&str]); 17] = [
        ("--host H:1 --cluster c --namespace n_s", &kata, None, &["h_1/c/n_s"]),
        ("--host h --cluster c --namespace a,b --namespace C", &kata, None, &["h/c/a", "h/c/b", "h/c/C"]),
        ("--host h --cluster c --namespace n", &kubernetes, None, &["h/c/n"]),
        ("--host h --cluster c -A", &kubernetes, None, &["h/c/_all"]),
        ("--server https://s:8443/x --cluster c --cluster-scope", &kubernetes, None, &["s_8443/c/_cluster"]),
        ("--host h --server https://s/x --cluster c -A", &kubernetes, None, &["h/c/_all"]),
        ("", &kubeconfig(), Some(&arn), &["api.example.org_6443/arn%3Aaws%3Aeks%3Aeu%2Fprod%5F1/shop"]),
        ("--host h", &kubeconfig(), Some(&arn), &["h/arn%3Aaws%3Aeks%3Aeu%2Fprod%5F1/shop"]),
        ("--cluster c_1 -A", &kubeconfig(), Some(&arn), &["api.example.org_6443/c_1/_all"]),
        (
            "--namespace x,y",
            &kubeconfig(),
            Some(&arn),
            &[
                "api.example.org_6443/arn%3Aaws%3Aeks%3Aeu%2Fprod%5F1/x",
                "api.example.org_6443/arn%3Aaws%3Aeks%3Aeu%2Fprod%5F1/y",
            ],
        ),
        ("--cluster-scope", &kubeconfig(), Some(&bare), &["api.example.org_6443/dev/_cluster"]),
        ("--namespace n", &kubeconfig(), Some(&bare), &["api.example.org_6443/dev/n"]),
        // Another way to the same cluster is no other cluster.
        (
            "--server http://127.0.0.1:1 --namespace n",
            &kubeconfig(),
            Some(&bare),
            &["api.example.org_6443/dev/n"],
        ),
        ("--cluster c", &Way::Pod, Some(&pod), &["10.96.0.1/c/team"]),
        ("--cluster c --namespace n", &Way::Pod, Some(&pod), &["10.96.0.1/c/n"]),
        ("--cluster c --host h -A", &Way::Pod, Some(&lost), &["h/c/_all"]),
        ("--cluster c --cluster-scope", &Way::Pod, Some(&lost), &["10.96.0.1/c/_cluster"]),
    ];
    for (line, way, found, expected) in rows {
        let expected = expected.iter().map(|folder| (*folder).to_owned()).collect();
        assert_eq!(folders(line, way, found), Ok(expected), "{line}");
    }
}

#[test]
fn what_makes_no_folder_is_told_with_its_remedy() {
    let (kata, kubernetes) = (Way::Options(Layout::Kata), Way::Options(Layout::Kubernetes));
    let long = of_context(&"ü".repeat(40), Some("n"));
    let (nameless, bare) = (of_context("", Some("n")), of_context("dev", None));
    let odd = of_context("dev", Some("../x"));
    let mut unfit = of_context("dev", Some("n"));
    unfit.access.server = "https://my_host".parse().unwrap();
    let mut clear = of_context("dev", Some("n"));
    clear.access.server = "http://api.example.org".parse().unwrap();
    let (pod, lost) = (of_pod(Some("team")), of_pod(None));
    let label = "a".repeat(64);
    let long_namespace = format!("--host h --cluster c --namespace {label}");
    let rows: [(&str, &Way, Option<&Found>, &[&str]); 20] = [
        ("", &kata, None, &["without `--host`", "without `--cluster`", "without `--namespace`"]),
        (
            "--server https://s",
            &kata,
            None,
            &["without `--host`", "without `--cluster`", "without `--namespace`"],
        ),
        ("--host h --cluster c -A", &kata, None, &["--all-namespaces: layout `kata` knows only --namespace"]),
        ("--host h --cluster c --cluster-scope", &kata, None, &["--cluster-scope: layout `kata` knows only"]),
        (
            "--host h --cluster c --namespace n --server https://h/x",
            &kata,
            None,
            &["--server: it has a path"],
        ),
        ("--host h --cluster c --namespace a,b,a", &kata, None, &["--namespace names `a` twice"]),
        ("--host h", &kubernetes, None, &["without `--cluster`", "--all-namespaces or --cluster-scope"]),
        (
            "--host h --cluster c --namespace Shop",
            &kubernetes,
            None,
            &["--namespace `Shop`: a namespace holds"],
        ),
        (&long_namespace, &kubernetes, None, &["at most 63"]),
        (
            "--host h --cluster c -A --server http://h --token-file t",
            &kubernetes,
            None,
            &["--token-file with the plain"],
        ),
        ("", &kubeconfig(), Some(&long), &["name the folder with --cluster"]),
        ("", &kubeconfig(), Some(&nameless), &["name the folder with --cluster"]),
        ("", &kubeconfig(), Some(&bare), &["without `--namespace`, and nothing else says what to record"]),
        ("", &kubeconfig(), Some(&odd), &["the context's namespace is no namespace's name"]),
        ("", &kubeconfig(), Some(&unfit), &["name the folder with --host"]),
        ("", &kubeconfig(), Some(&clear), &["kubeconfig `file` with the plain http server"]),
        (
            "--server http://h",
            &kubeconfig(),
            Some(&odd),
            &["kubeconfig `file` with the plain http", "namespace"],
        ),
        ("", &Way::Pod, Some(&pod), &["without `--cluster`: nothing in a pod says"]),
        ("", &Way::Pod, Some(&lost), &["without `--cluster`", "without `--namespace`"]),
        (
            "--cluster c --server http://h",
            &Way::Pod,
            Some(&pod),
            &["the service account with the plain http"],
        ),
    ];
    for (line, way, found, expected) in rows {
        let refused = folders(line, way, found).unwrap_err();
        assert_eq!(refused.len(), expected.len(), "{line}: {refused:?}");
        for (refused, expected) in refused.iter().zip(expected) {
            assert!(refused.contains(expected), "{line}: {refused}");
        }
    }
}

#[test]
fn what_is_not_there_is_told_even_where_a_value_is_wrong() {
    let rows: [(&[&str], &[&str]); 6] = [
        (&["host"], &["`--cluster`", "`--namespace`"]),
        (&["host", "cluster"], &["`--namespace`"]),
        (&["host", "all-namespaces"], &["`--cluster`"]),
        (&["host", "context"], &[]),
        (&["host", "layout"], &[]),
        (&[], &[]),
    ];
    for (given, expected) in rows {
        let told: Vec<_> =
            lacking(|key| given.contains(&key)).into_iter().map(|refused| refused.why).collect();
        let expected: Vec<_> = expected.iter().map(|key| format!("a target without {key}")).collect();
        assert_eq!(told, expected, "{given:?}");
    }
}

#[test]
fn options_go_before_what_was_found() {
    let line =
        "--server https://s/base --token-file t --ca-file ca --client-cert c --client-key k --namespace n";
    let found = of_context("dev", None);
    let destination = settle(&options(line), &kubeconfig(), Some(&found)).unwrap();
    let CredentialSource::Kubeconfig { files, context, overlay, first: access } = destination.credentials
    else {
        panic!("it is not read again: {destination:?}")
    };
    assert_eq!((files, context), (vec![PathBuf::from("there")], "dev".to_owned()));
    assert_eq!(access, found.access.overlaid(&overlay));
    assert_eq!(access.server.as_str(), "https://s/base");
    let paths: Vec<_> = access.paths().map(|path| path.display().to_string()).collect();
    assert_eq!(paths, ["t", "ca", "c", "k"].map(str::to_owned));
}

#[test]
fn one_scope_holds() {
    let (n, a, c) = (SCOPES[0], SCOPES[1], SCOPES[2]);
    assert_eq!(first_scope(&[]), Ok(None));
    assert_eq!(first_scope(&[(n, 3)]), Ok(Some(n)));
    assert_eq!(first_scope(&[(n, 1), (a, 0), (c, 3)]), Ok(Some(a)), "a flag goes before a variable");
    assert_eq!(first_scope(&[(n, 2), (a, 3)]), Ok(Some(n)), "a target goes before the defaults");
    assert_eq!(first_scope(&[(n, 2), (a, 1), (c, 1)]), Err((a, c)));
    assert_eq!(first_scope(&[(n, 0), (c, 0)]), Err((n, c)));
}
