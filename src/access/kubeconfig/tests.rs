//! What contexts mean, and what is refused.

use std::fmt::Write as _;

use super::*;
use crate::access::exec::Version;
use crate::access::{Impersonation, Source};

/// A kubeconfig of one context `c` whose cluster and user are these fields, one a line.
fn text(cluster: &str, user: &str) -> String {
    let fields = |fields: &str| {
        fields.lines().fold(String::new(), |mut text, line| {
            writeln!(text, "    {line}").unwrap();
            text
        })
    };
    format!(
        "apiVersion: v1\nkind: Config\ncurrent-context: c\ncontexts:\n- name: c\n  context:\n    cluster: k\n    user: u\n    namespace: n\n\
         clusters:\n- name: k\n  cluster:\n{}users:\n- name: u\n  user:\n{}",
        fields(cluster),
        fields(user)
    )
}

fn found(cluster: &str, user: &str) -> Result<Access, KubeconfigError> {
    let file = (PathBuf::from("/home/me/.kube/config"), text(cluster, user).into_bytes());
    read(&[file], None).map(|found| found.access)
}

fn refused(cluster: &str, user: &str) -> String {
    let error = found(cluster, user).unwrap_err().to_string();
    assert!(!error.contains("s3cret"), "{error}");
    error
}

const SERVER: &str = "server: https://h:6443";

#[test]
fn a_context_has_a_server_a_user_and_a_namespace() {
    let file =
        (PathBuf::from("config"), text("server: https://h:6443/k8s/clusters/c-1", "token: t").into_bytes());
    let found = read(&[file], None).unwrap();
    let expected = Access {
        login: Some(Login::Token(Source::Inline(b"t".to_vec()))),
        ..Access::to("https://h:6443/k8s/clusters/c-1".parse().unwrap())
    };
    let expected = Found {
        access: expected,
        context: "c".to_owned(),
        cluster: "k".to_owned(),
        namespace: Some("n".to_owned()),
    };
    assert_eq!(found, expected);
}

#[test]
fn everything_that_a_cluster_says_is_honoured() {
    let cluster = "server: https://10.0.0.1\ntls-server-name: kubernetes\ninsecure-skip-tls-verify: true\ndisable-compression: true";
    let access = found(cluster, "{}").unwrap();
    let expected = Access {
        tls_server_name: Some("kubernetes".to_owned()),
        insecure: true,
        uncompressed: true,
        ..Access::to("https://10.0.0.1".parse().unwrap())
    };
    assert_eq!(access, expected);
    let access = found(&format!("{SERVER}\nproxy-url: http://me:s3cret@p:3128"), "{}").unwrap();
    assert_eq!(access.proxy.as_ref().unwrap().as_str(), "http://me:s3cret@p:3128/");
    assert!(!format!("{access:?}").contains("s3cret"));
}

#[test]
fn paths_are_relative_to_their_file_and_what_is_inline_counts_more() {
    let user = "client-certificate: pki/me.crt\nclient-key: /abs/me.key";
    let access = found(&format!("{SERVER}\ncertificate-authority: ca.crt"), user).unwrap();
    let file = |path: &str| Source::File(path.into());
    assert_eq!(access.ca, Some(file("/home/me/.kube/ca.crt")));
    assert_eq!(access.identity, Some((file("/home/me/.kube/pki/me.crt"), file("/abs/me.key"))));
    assert_eq!(found(SERVER, "tokenFile: t").unwrap().login, Some(Login::Token(file("/home/me/.kube/t"))));

    let inline = format!("{user}\nclient-certificate-data: Q0VS\n  VA==\nclient-key-data: S0VZ");
    let access =
        found(&format!("{SERVER}\ncertificate-authority: ca.crt\ncertificate-authority-data: Q0E="), &inline)
            .unwrap();
    let bytes = |text: &str| Source::Inline(text.as_bytes().to_vec());
    assert_eq!(access.ca, Some(bytes("CA")));
    assert_eq!(access.identity, Some((bytes("CERT"), bytes("KEY"))));
    assert_eq!(access.paths().count(), 0);
}

#[test]
fn who_asks_and_on_whose_behalf() {
    let basic = found(SERVER, "username: me\npassword: s3cret").unwrap();
    assert_eq!(basic.login, Some(Login::Basic { user: "me".to_owned(), password: "s3cret".to_owned() }));
    assert!(!format!("{basic:?}").contains("s3cret"));
    let as_other = "as: other\nas-uid: '7'\nas-groups: [a, b]\nas-user-extra: {scopes: [x, y]}";
    let expected = Impersonation {
        user: Some("other".to_owned()),
        uid: Some("7".to_owned()),
        groups: vec!["a".to_owned(), "b".to_owned()],
        extra: [("scopes".to_owned(), vec!["x".to_owned(), "y".to_owned()])].into(),
    };
    assert_eq!(found(SERVER, as_other).unwrap().impersonation, expected);
}

/// What `aws eks update-kubeconfig` writes, and more.
#[test]
fn an_exec_plugin_is_taken_as_it_is_written() {
    let cluster = format!(
        "{SERVER}\nextensions:\n- name: client.authentication.k8s.io/exec\n  extension: {{audience: x}}\n- name: cluster_info\n  extension: {{}}"
    );
    let user = "exec:\n  apiVersion: client.authentication.k8s.io/v1beta1\n  command: aws\n  args: [eks, get-token]\n  env:\n  - name: AWS_PROFILE\n    value: prod\n  installHint: install aws\n  interactiveMode: IfAvailable\n  provideClusterInfo: true";
    let Some(Login::Plugin(plugin)) = found(&cluster, user).unwrap().login else { panic!("no plugin") };
    let expected = crate::access::exec::Plugin {
        version: Version::V1beta1,
        command: "aws".into(),
        args: vec!["eks".to_owned(), "get-token".to_owned()],
        env: vec![("AWS_PROFILE".to_owned(), "prod".to_owned())],
        install_hint: Some("install aws".to_owned()),
        provide_cluster: true,
        cluster_config: Some(serde_json::json!({"audience": "x"})),
    };
    assert!(plugin == expected);
    let command = |command: &str| {
        let user = format!("exec: {{apiVersion: client.authentication.k8s.io/v1beta1, command: {command}}}");
        let Some(Login::Plugin(plugin)) = found(SERVER, &user).unwrap().login else { panic!("no plugin") };
        assert!(plugin.args.is_empty() && !plugin.provide_cluster);
        plugin.command.display().to_string()
    };
    for (written, run) in [
        ("aws", "aws"),
        ("./aws", "/home/me/.kube/./aws"),
        ("bin/aws", "/home/me/.kube/bin/aws"),
        ("/aws", "/aws"),
    ] {
        assert_eq!(command(written), run);
    }
}

#[test]
fn what_a_cluster_says_and_cannot_be_done_is_refused() {
    let ca = "certificate-authority-data: Q0E=";
    let rows = [
        ("{}".to_owned(), "`server`: it is missing"),
        ("server: ''".to_owned(), "`server`: it is missing"),
        ("server: h:6443".to_owned(), "`server`: it is no URL; write it as `https://HOST:PORT`"),
        ("server: ftp://h".to_owned(), "`server`: it is no URL"),
        ("server: https://me:s3cret@h".to_owned(), "`server`: it holds a user name or password"),
        ("server: https://h/?x=1".to_owned(), "`server`: it has a query"),
        (
            format!("{SERVER}\n{ca}\ninsecure-skip-tls-verify: true"),
            "`insecure-skip-tls-verify`: with a certificate-authority",
        ),
        (
            format!("{SERVER}\ncertificate-authority-data: '%'"),
            "`certificate-authority-data`: it is no base64",
        ),
        (format!("{SERVER}\nproxy-url: socks5://p:1080"), "`proxy-url`: minutebook has no SOCKS"),
        (format!("{SERVER}\nproxy-url: p:3128"), "`proxy-url`: it is no URL"),
        (format!("{SERVER}\nproxy-url: ftp://p"), "`proxy-url`: only http and https"),
        (
            format!("{SERVER}\nproxy-url: http://p:1\ntls-server-name: k"),
            "`tls-server-name`: it cannot be had together with a proxy-url",
        ),
        (
            format!("{SERVER}\ntls-server-name: a b"),
            "`tls-server-name`: it is neither a host name nor an address",
        ),
        (
            format!("{SERVER}\ncertificate-autority: ca.crt"),
            "`certificate-autority`: minutebook does not know this field",
        ),
    ];
    for (cluster, why) in rows {
        let error = refused(&cluster, "{}");
        assert!(error.starts_with(&format!("the kubeconfig's cluster `k`: {why}")), "{error}");
    }
}

#[test]
fn what_a_user_says_and_cannot_be_done_is_refused() {
    let exec = |fields: &str| {
        format!(
            "exec:\n  apiVersion: client.authentication.k8s.io/v1\n  command: aws\n  interactiveMode: Never\n  {fields}"
        )
    };
    let rows = [
        (
            "auth-provider: {name: oidc, config: {id-token: s3cret}}".to_owned(),
            "`auth-provider`: minutebook does not renew the tokens of such providers; use `exec` instead, for OIDC with a plugin such as kubelogin",
        ),
        (
            "token: s3cret\ntokenFile: t".to_owned(),
            "`token`: `tokenFile` says who asks, too; keep one of them",
        ),
        ("token: s3cret\nusername: me".to_owned(), "`token`: `username` says who asks, too"),
        (format!("token: s3cret\n{}", exec("")), "`token`: `exec` says who asks, too"),
        ("password: s3cret".to_owned(), "`password`: there is no username with it"),
        ("username: 'a:b'".to_owned(), "`username`: a name with a colon cannot be sent"),
        ("client-certificate: a".to_owned(), "`client-certificate`: there is no client-key with it"),
        ("client-key-data: czNjcmV0".to_owned(), "`client-key`: there is no client-certificate with it"),
        ("client-key-data: s3cret%\nclient-certificate: a".to_owned(), "`client-key-data`: it is no base64"),
        ("as-groups: [a]".to_owned(), "`as-groups`: without `as` there is nobody"),
        ("as-uid: a".to_owned(), "`as-uid`: without `as` there is nobody"),
        ("tokenfile: t".to_owned(), "`tokenfile`: minutebook does not know this field"),
        (exec("interactiveMod: Never"), "`exec.interactiveMod`: minutebook does not know this field"),
        (exec("env: [{nam: A, value: s3cret}]"), "`exec.env`: an entry is something else"),
        (exec("env: [{name: A=B, value: s3cret}]"), "`exec.env`: an entry is something else"),
        (
            exec("").replace("Never", "Always"),
            "`exec.interactiveMode`: it is `Always`, and nobody sits before minutebook",
        ),
        (exec("").replace("  interactiveMode: Never", ""), "`exec.interactiveMode`: version v1 wants it"),
        (
            exec("").replace("/v1", "/v1alpha1"),
            "`exec.apiVersion`: it is neither client.authentication.k8s.io/v1 nor",
        ),
        (exec("").replace("  command: aws\n", ""), "`exec.command`: it is missing"),
    ];
    for (user, why) in rows {
        let error = refused(SERVER, &user);
        assert!(error.starts_with(&format!("the kubeconfig's user `u`: {why}")), "{error}");
    }
}

#[test]
fn nothing_that_says_who_asks_crosses_a_network_in_the_clear() {
    for user in [
        "token: s3cret",
        "username: me",
        "exec: {apiVersion: client.authentication.k8s.io/v1beta1, command: aws}",
    ] {
        let error = refused("server: http://10.0.0.1:8080", user);
        assert!(error.starts_with("the kubeconfig's cluster `k`: `server`: over plain http"), "{error}");
        assert!(found("server: http://127.0.0.1:8080", user).is_ok());
        let by_proxy = "server: http://127.0.0.1:8080\nproxy-url: http://10.0.0.1:3128";
        assert!(refused(by_proxy, user).contains("over plain http"), "the proxy would see it");
    }
    assert!(found("server: http://10.0.0.1:8080", "{}").is_ok());
}

fn several(files: &[(&str, &str)], context: Option<&str>) -> Result<Found, KubeconfigError> {
    let files: Vec<_> =
        files.iter().map(|(path, text)| (PathBuf::from(path), text.as_bytes().to_vec())).collect();
    read(&files, context)
}

/// As `KUBECONFIG=a:b` means it.
#[test]
fn of_what_several_files_say_the_first_counts() {
    let contexts = "current-context: ''\ncontexts:\n- name: one\n  context: {cluster: k, user: u}\n";
    let first = "clusters:\n- name: k\n  cluster: {server: https://first, certificate-authority: ca.crt}\n";
    let second = "current-context: one\nclusters:\n- name: k\n  cluster: {server: https://second, tls-server-name: x}\n\
                  users:\n- name: u\n  user: {tokenFile: t}\ncontexts:\n- name: two\n  context: {cluster: k}\n";
    let files = [("/a/config", contexts), ("/b/config", first), ("/c/config", second)];
    let found = several(&files, None).unwrap();
    assert_eq!((found.context.as_str(), found.access.server.as_str()), ("one", "https://first/"));
    assert_eq!(found.access.tls_server_name, None, "of one name nothing is taken from two files");
    let paths: Vec<_> = found.access.paths().map(|path| path.display().to_string()).collect();
    assert_eq!(paths, ["/c/t", "/b/ca.crt"]);
    let two = several(&files, Some("two")).unwrap();
    assert_eq!((two.access.login, two.namespace), (None, None));
}

#[test]
fn names_that_lead_nowhere_are_told_with_those_that_would() {
    let config = "clusters: [{name: k, cluster: {server: https://h}}]\nusers: [{name: u, user: {}}]\n\
                  contexts: [{name: a, context: {cluster: k, user: u}}, {name: b, context: {cluster: x}}, {name: c, context: {cluster: k, user: x}}]\n";
    let error = |context: Option<&str>| several(&[("config", config)], context).unwrap_err().to_string();
    assert_eq!(
        error(None),
        "the kubeconfig sets no `current-context`; name one with --context: `a`, `b`, `c`"
    );
    assert_eq!(
        error(Some("d")),
        "the kubeconfig has no context `d`; name another with --context: `a`, `b`, `c`"
    );
    assert_eq!(
        error(Some("b")),
        "the kubeconfig's context `b` names the cluster `x`, which it does not have; it has `k`"
    );
    assert_eq!(
        error(Some("c")),
        "the kubeconfig's context `c` names the user `x`, which it does not have; it has `u`"
    );
    let beside = config.replace("user: u}}, {", "user: u}, user: x}, {");
    assert_eq!(
        several(&[("config", &beside)], Some("a")).unwrap_err().to_string(),
        "the kubeconfig's context `a`: `user`: minutebook does not know this field; take it out if it is misspelled"
    );
    for none in [&[][..], &[("config", "")], &[("config", "kind: Config\n")]] {
        assert_eq!(several(none, None), Err(KubeconfigError::Empty));
    }
}

#[test]
fn what_is_no_kubeconfig_is_named_and_not_repeated() {
    let error = |text: &[u8]| {
        let error = read(&[("/x/config".into(), text.to_vec())], None).unwrap_err().to_string();
        assert!(error.starts_with("kubeconfig `/x/config`: ") && !error.contains("s3cret"), "{error}");
        error
    };
    assert!(error(b"\xff\xfe").ends_with("it is not UTF-8 text"));
    assert!(
        error(b"kind: Pod\n")
            .ends_with("it is no kubeconfig: those have `kind: Config` and `apiVersion: v1`")
    );
    let misspelled = b"current_context: c\npreferences: {colors: true, other: 1}\nextensions: []\n";
    assert!(
        error(misspelled).ends_with(
            "minutebook does not know the field `current_context`; take it out if it is misspelled"
        )
    );
    let twice = b"users: [{name: u}, {name: u}]";
    assert!(error(twice).ends_with("`users` has the name `u` twice"));
    for bad in [
        &b"users:\n- name: u\n  user:\n    token: s3cret\n   x: s3cret: s3cret\n"[..],
        b"users:\n- name: u\n  user:\n    token: [s3cret]\n",
        b"users:\n- name: u\n  user:\n    exec: {interactiveMode: s3cret}\n",
        b"users: s3cret\n",
        b"s3cret\n",
        b"clusters:\n- name: k\n  cluster: {insecure-skip-tls-verify: s3cret}\n",
        b"token: \"s3cret\n",
    ] {
        assert!(error(bad).contains("it cannot be read: "));
    }
    let marked = [b"\xef\xbb\xbf".as_slice(), text(SERVER, "{}").as_bytes()].concat();
    assert!(read(&[("config".into(), marked)], None).is_ok());
}
