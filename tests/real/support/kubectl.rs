//! What kubectl says of a cluster: the judge of what is recorded, because it is not ours.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use super::rig::Cluster;

/// A type of objects, as `kubectl api-resources` has it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Type {
    /// As `-o name` has it: `deployments.apps`.
    pub(crate) name: String,
    pub(crate) api_version: String,
    kind: String,
}

/// An object that kubectl shows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Object {
    /// None of what has no identity.
    pub(crate) uid: Option<String>,
    pub(crate) resource_version: Option<String>,
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
}

/// Objects, by their types' names.
pub(crate) type Objects = BTreeMap<String, Vec<Object>>;

/// What stands where a template finds nothing.
const NOTHING: &str = "<no value>";
/// A line for each object, of what nothing breaks apart.
const TEMPLATE: &str = "go-template={{range .items}}{{.apiVersion}} {{.kind}} {{.metadata.uid}}|{{.metadata.resourceVersion}}|{{.metadata.namespace}}|{{.metadata.name}}{{\"\\n\"}}{{end}}";

impl Cluster {
    /// kubectl with these arguments, which must succeed; gives its stdout.
    pub(crate) fn kubectl<'a>(&self, arguments: impl AsRef<[&'a str]>) -> String {
        let output = self.try_kubectl(&arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kubectl {}: {stderr}", arguments.as_ref().join(" "));
        String::from_utf8(output.stdout).expect("kubectl speaks UTF-8")
    }

    /// kubectl with these arguments, however it ends.
    pub(crate) fn try_kubectl<'a>(&self, arguments: impl AsRef<[&'a str]>) -> Output {
        let mut command = self.command(&self.path("admin.kubeconfig"));
        command.args(arguments.as_ref()).output().expect("it was built")
    }

    /// kubectl that asks with another kubeconfig, however it ends.
    pub(crate) fn kubectl_by<'a>(&self, kubeconfig: &Path, arguments: impl AsRef<[&'a str]>) -> Output {
        self.command(kubeconfig).args(arguments.as_ref()).output().expect("it was built")
    }

    /// `kubectl create -f -`, which must succeed.
    pub(crate) fn create(&self, text: &str) {
        self.feed(&["create", "--filename", "-"], text);
    }

    /// `kubectl apply -f -`, which must succeed.
    pub(crate) fn apply(&self, text: &str) {
        self.feed(&["apply", "--filename", "-"], text);
    }

    fn feed(&self, arguments: &[&str], text: &str) {
        let mut command = self.command(&self.path("admin.kubeconfig"));
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("it was built");
        let mut stdin = child.stdin.take().expect("stdin is a pipe");
        let text = text.to_owned();
        // A thread, because it may speak before it has read everything; if it gives up early, its exit status says so.
        let feeder = std::thread::spawn(move || drop(stdin.write_all(text.as_bytes())));
        let output = child.wait_with_output().expect("it ends");
        feeder.join().expect("the feeder ends");
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kubectl {}: {stderr}", arguments.join(" "));
    }

    fn command(&self, kubeconfig: &Path) -> Command {
        let mut command = Command::new(self.program("kubectl"));
        command.env_clear().env("HOME", self.path(".")).env("KUBERC", "off");
        command.env("KUBECACHEDIR", self.path("kubectl-cache")).env("KUBECONFIG", kubeconfig);
        command.env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.stdin(Stdio::null());
        command
    }

    /// The types that can be listed, in namespaces or outside of them.
    pub(crate) fn types(&self, namespaced: bool) -> Vec<Type> {
        let namespaced = format!("--namespaced={namespaced}");
        let said =
            self.kubectl(["api-resources", "--verbs=list", "--no-headers", "--cached=false", &namespaced]);
        let types = said.lines().map(|line| {
            // From the right: not every type has short names.
            let words: Vec<_> = line.split_whitespace().collect();
            let [name, .., api_version, _, kind] = words[..] else { panic!("NAME … KIND: {line}") };
            let name = match api_version.split_once('/') {
                Some((group, _)) => format!("{name}.{group}"),
                None => name.to_owned(),
            };
            Type { name, api_version: api_version.to_owned(), kind: kind.to_owned() }
        });
        types.collect()
    }

    /// The objects of these types, in one namespace, in all, or in none.
    pub(crate) fn objects(&self, types: &[Type], scope: &[&str]) -> Objects {
        let mut names: Vec<_> = types.iter().map(|of| of.name.as_str()).collect();
        names.sort_unstable();
        let names = names.join(",");
        let arguments: Vec<_> = ["get", &names, "--output", TEMPLATE, "--chunk-size=0"]
            .into_iter()
            .chain(scope.iter().copied())
            .collect();
        let mut objects: Objects = types.iter().map(|of| (of.name.clone(), Vec::new())).collect();
        for line in self.kubectl(&arguments).lines() {
            let (of, object) = read_object(line);
            let known = types.iter().find(|known| (known.api_version.as_str(), known.kind.as_str()) == of);
            let known = known.unwrap_or_else(|| panic!("a type that was asked for: {line}"));
            objects.get_mut(&known.name).expect("every type has a list").push(object);
        }
        for of_type in objects.values_mut() {
            of_type.sort();
        }
        objects
    }
}

fn read_object(line: &str) -> ((&str, &str), Object) {
    let words: Vec<_> = line.splitn(3, ' ').collect();
    let [api_version, kind, rest] = words[..] else { panic!("not an object: {line}") };
    let parts: Vec<_> = rest.split('|').collect();
    let [uid, resource_version, namespace, name] = parts[..] else { panic!("not an object: {line}") };
    let there = |text: &str| Some(text.to_owned()).filter(|text| text != NOTHING);
    let object = Object {
        uid: there(uid),
        resource_version: there(resource_version),
        namespace: there(namespace),
        name: name.to_owned(),
    };
    ((api_version, kind), object)
}
