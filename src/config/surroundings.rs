//! What the machine around the program says of a cluster: kubeconfigs where everybody looks for them, and a
//! pod's service account.

use std::path::{Path, PathBuf};

use cap_std::AmbientAuthority;

use super::destination::{Around, Found};

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
    authority: AmbientAuthority,
}

impl Machine {
    /// Looks at nothing yet. `variables` is the environment.
    pub(super) fn new(variables: &[(String, String)], authority: AmbientAuthority) -> Self {
        let value = |name: &str| {
            let found = variables.iter().find(|(known, _)| known == name);
            found.map(|(_, value)| value.as_str()).unwrap_or_default()
        };
        let kubeconfig = std::env::split_paths(value("KUBECONFIG"));
        let kubeconfig = kubeconfig.filter(|path| !path.as_os_str().is_empty()).collect();
        let home = Some(PathBuf::from(value("HOME"))).filter(|home| home.is_absolute());
        Self { kubeconfig, home, authority }
    }
}
