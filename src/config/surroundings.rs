//! What the machine around the program says of a cluster: kubeconfigs where everybody looks for them, and a
//! pod's service account.

use std::io;
use std::path::{Path, PathBuf};

use cap_std::AmbientAuthority;

use super::destination::{Around, Context, Found, Refused, shown};
use crate::access::in_cluster::{self, SERVICE_ACCOUNT};
use crate::access::kubeconfig::{self, KubeconfigError};
use crate::model::limits::NAMED_FILE_BYTES;
use crate::store::NamedFiles;

/// Below the home folder.
const HOME_KUBECONFIG: &str = ".kube/config";

/// Whoever can be asked.
pub(super) trait Surroundings {
    /// What there is.
    fn around(&self) -> Around;

    /// What kubeconfigs say of a context, or of their current one.
    ///
    /// # Errors
    /// They cannot be read, or do not say.
    fn kubeconfig(&self, files: &[PathBuf], context: Option<&str>) -> Result<Found, Refused>;

    /// What the pod says.
    ///
    /// # Errors
    /// It does not.
    fn pod(&self) -> Result<Found, Refused>;
}

/// The machine on which the program runs.
#[derive(Clone)]
pub(super) struct Machine {
    /// The files that `KUBECONFIG` names.
    kubeconfig: Vec<PathBuf>,
    home: Option<PathBuf>,
    /// Where kubelet says that the server is: host and port.
    service: Option<(String, String)>,
    /// The folder of the service account.
    account: PathBuf,
    authority: AmbientAuthority,
}

impl Machine {
    /// Looks at nothing yet. `variables` is the environment.
    pub(super) fn new(variables: &[(String, String)], authority: AmbientAuthority) -> Self {
        let value = |name: &str| {
            let found = variables.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.as_str()).unwrap_or_default()
        };
        let named = std::env::split_paths(value("KUBECONFIG"));
        let host = value("KUBERNETES_SERVICE_HOST").to_owned();
        Self {
            kubeconfig: named.filter(|path| !path.as_os_str().is_empty()).collect(),
            home: Some(PathBuf::from(value("HOME"))).filter(|home| home.is_absolute()),
            service: (!host.is_empty()).then(|| (host, value("KUBERNETES_SERVICE_PORT").to_owned())),
            account: SERVICE_ACCOUNT.into(),
            authority,
        }
    }

    /// A file, unless there is none.
    fn read(&self, path: &Path) -> Option<io::Result<Vec<u8>>> {
        let bytes = NamedFiles::new([path.to_owned()], self.authority).read(path, NAMED_FILE_BYTES);
        let missing = |error: &io::Error| {
            matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
        };
        match bytes {
            Err(error) if missing(&error) => None,
            bytes => Some(bytes),
        }
    }
}

impl Surroundings for Machine {
    fn around(&self) -> Around {
        // What is there and cannot be read is for whoever reads it to tell.
        let is_there = |path: &PathBuf| self.read(path).is_some();
        let of_home = || self.home.as_ref().map(|home| home.join(HOME_KUBECONFIG)).filter(is_there);
        let kubeconfig = match &self.kubeconfig[..] {
            [] => of_home().map(|file| (vec![file], "HOME")),
            named => Some((named.to_vec(), "KUBECONFIG")),
        };
        let account = || is_there(&self.account.join("token"));
        Around { kubeconfig, pod: self.service.is_some() && account() }
    }

    fn kubeconfig(&self, files: &[PathBuf], context: Option<&str>) -> Result<Found, Refused> {
        let refused = |why: String| Refused { key: Some("kubeconfig"), why };
        let mut read = Vec::new();
        for path in files {
            match self.read(path) {
                Some(Ok(bytes)) => read.push((path.clone(), bytes)),
                Some(Err(error)) => {
                    return Err(refused(format!("kubeconfig `{}`: {error}", path.display())));
                }
                // As everywhere, one of several need not be there.
                None => {}
            }
        }
        if read.is_empty() {
            return Err(refused(match files {
                [only] => format!("kubeconfig `{}` is not there", only.display()),
                several => format!("no kubeconfig: none of {} is there", shown(several)),
            }));
        }
        let found = kubeconfig::read(&read, context).map_err(|error| match &error {
            KubeconfigError::UnknownContext { .. } => {
                Refused { key: Some("context"), why: error.to_string() }
            }
            KubeconfigError::File { .. } => refused(error.to_string()),
            _ => refused(format!("{error} (in {})", shown(files))),
        })?;
        Ok(Found {
            access: found.access,
            context: Some(Context {
                files: read.into_iter().map(|(path, _)| path).collect(),
                name: found.context,
                cluster: found.cluster,
            }),
            namespace: found.namespace,
        })
    }

    fn pod(&self) -> Result<Found, Refused> {
        let refused = |why: String| Refused { key: None, why };
        let (host, port) = self.service.as_ref().map_or(("", ""), |(host, port)| (host, port));
        let access =
            in_cluster::access(host, port, &self.account).map_err(|error| refused(error.to_string()))?;
        let file = in_cluster::namespace_file(&self.account);
        let namespace = match self.read(&file) {
            Some(Ok(bytes)) => in_cluster::namespace(&bytes),
            Some(Err(error)) => {
                return Err(refused(format!("service account: `{}`: {error}", file.display())));
            }
            None => None,
        };
        Ok(Found { access, context: None, namespace })
    }
}

#[cfg(test)]
mod tests {
    use std::slice;

    use super::*;

    /// A machine whose home and service account are in this folder.
    fn machine(folder: &Path, variables: &[(&str, &str)]) -> Machine {
        let home = ("HOME".to_owned(), folder.to_str().unwrap().to_owned());
        let given = variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned()));
        let variables: Vec<_> = given.chain([home]).collect();
        Machine { account: folder.join("account"), ..Machine::new(&variables, cap_std::ambient_authority()) }
    }

    fn write(folder: &Path, file: &str, text: &str) -> PathBuf {
        let path = folder.join(file);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    #[test]
    fn what_is_around_is_seen() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let service = ("KUBERNETES_SERVICE_HOST", "10.96.0.1");
        let around = |variables: &[(&str, &str)]| machine(folder, variables).around();
        assert_eq!(around(&[service]), Around::default(), "no account");
        write(folder, "account/token", "t");
        assert_eq!(around(&[]), Around::default(), "no service");
        assert_eq!(around(&[service]), Around { kubeconfig: None, pod: true });

        let named = around(&[("KUBECONFIG", ":a:b:"), service]);
        let files = vec![PathBuf::from("a"), PathBuf::from("b")];
        assert_eq!(named, Around { kubeconfig: Some((files, "KUBECONFIG")), pod: true }, "not looked for");
        for nothing in ["", ":"] {
            assert_eq!(around(&[("KUBECONFIG", nothing)]), Around::default());
        }
        let own = write(folder, ".kube/config", "");
        let by_home = Around { kubeconfig: Some((vec![own], "HOME")), pod: false };
        assert_eq!(around(&[]), by_home);
        assert_eq!(around(&[("KUBECONFIG", "a")]).kubeconfig.unwrap().1, "KUBECONFIG");
    }

    #[test]
    fn a_home_that_is_no_folder_has_no_kubeconfig() {
        let folder = tempfile::tempdir().unwrap();
        let file = write(folder.path(), "file", "");
        assert_eq!(machine(&file, &[]).around(), Around::default());
    }

    #[test]
    fn a_pod_says_server_and_namespace() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let variables = [("KUBERNETES_SERVICE_HOST", "fd00::1"), ("KUBERNETES_SERVICE_PORT", "6443")];
        let found = machine(folder, &variables).pod().unwrap();
        assert_eq!((found.access.server.as_str(), found.namespace), ("https://[fd00::1]:6443/", None));
        write(folder, "account/namespace", "team\n");
        let found = machine(folder, &variables).pod().unwrap();
        assert_eq!((found.namespace.as_deref(), found.context), (Some("team"), None));
        assert!(machine(folder, &variables[..1]).pod().unwrap_err().why.contains("KUBERNETES_SERVICE_PORT"));
    }

    #[test]
    fn files_that_cannot_be_read_are_named() {
        let folder = tempfile::tempdir().unwrap();
        let folder = folder.path();
        let machine = machine(folder, &[]);
        let (gone, away) = (folder.join("gone"), folder.join("gone/away"));
        let told = |files: &[PathBuf]| machine.kubeconfig(files, None).unwrap_err().why;
        assert_eq!(told(slice::from_ref(&gone)), format!("kubeconfig `{}` is not there", gone.display()));
        let both = format!("no kubeconfig: none of `{}`, `{}` is there", gone.display(), away.display());
        assert_eq!(told(&[gone.clone(), away]), both);
        let told = told(&[gone, folder.to_owned()]);
        assert!(told.starts_with(&format!("kubeconfig `{}`: ", folder.display())), "{told}");
    }
}
