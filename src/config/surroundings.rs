//! What the machine around the program says of a cluster: kubeconfigs where everybody looks for them, and a
//! pod's service account.

use std::path::{Path, PathBuf};
use std::{io, slice};

use cap_std::AmbientAuthority;

use super::destination::{Around, Found, shown};
use crate::access::in_cluster::{self, SERVICE_ACCOUNT};
use crate::access::kubeconfig;
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
    fn kubeconfig(&self, files: &[PathBuf], context: Option<&str>) -> Result<Found, String>;

    /// What the pod says.
    ///
    /// # Errors
    /// It does not.
    fn pod(&self) -> Result<Found, String>;
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

    fn kubeconfig(&self, files: &[PathBuf], context: Option<&str>) -> Result<Found, String> {
        let mut read = Vec::new();
        for path in files {
            match self.read(path) {
                Some(Ok(bytes)) => read.push((path.clone(), bytes)),
                Some(Err(error)) => {
                    return Err(format!("kubeconfig {}: {error}", shown(slice::from_ref(path))));
                }
                // As everywhere, one of several need not be there.
                None => {}
            }
        }
        if read.is_empty() {
            let these = if files.len() == 1 { "" } else { "none of " };
            return Err(format!("kubeconfig: {these}{} is there", shown(files)));
        }
        let found = kubeconfig::read(&read, context).map_err(|error| error.to_string())?;
        Ok(Found {
            access: found.access,
            context: Some(found.context),
            cluster: Some(found.cluster),
            namespace: found.namespace,
        })
    }

    fn pod(&self) -> Result<Found, String> {
        let (host, port) = self.service.as_ref().map_or(("", ""), |(host, port)| (host, port));
        let access = in_cluster::access(host, port, &self.account).map_err(|error| error.to_string())?;
        let file = in_cluster::namespace_file(&self.account);
        let namespace = match self.read(&file) {
            Some(Ok(bytes)) => in_cluster::namespace(&bytes),
            Some(Err(error)) => return Err(format!("service account: `{}`: {error}", file.display())),
            None => None,
        };
        Ok(Found { access, context: None, cluster: None, namespace })
    }
}
