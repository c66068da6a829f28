//! Configuration: from what the user said to what the rest of the program needs.

mod environment;
mod file;
mod json;
mod keys;
mod load;
mod merge;
mod mistakes;
mod options;
mod process;
mod said;
#[cfg(test)]
mod tests;
mod yaml;

use std::path::Path;
use std::sync::Arc;

use cap_std::AmbientAuthority;
use thiserror::Error;
use url::Url;

use crate::access::{Access, Overlay};
use crate::clock::Clock;
use crate::cluster::{Clients, Connections, Endpoint, HttpConnect, Layout, PageBounds, PageMemory};
use crate::cycle::{Carried, Context, CredentialSource, Filter, FilterSource, SettingsSource};
use crate::model::limits::Times;
use crate::select::{Limits, Selector};
use crate::store::{AuditDir, NamedFiles, StateDir};

pub use environment::unknown_variables;
pub use keys::{Place, is_secret, place};
pub use load::Loader;
pub use merge::{Config, Setting, TargetConfig};
pub use mistakes::{Mark, Mistakes, Origin};
pub use options::{FilterOption, Options};
pub use process::{LogFormat, MessageOptions, ProcessOptions};
pub use said::Said;

/// Options that do not fit together.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum Problem {
    /// The server is not scheme and authority.
    #[error("--server: {0}")]
    Server(String),
    /// HOST alone makes no URL.
    #[error("--host `{0}` makes no URL; name the server with --server")]
    Host(String),
    /// A token would cross the network in the clear.
    #[error(
        "--token-file with the plain http server `{0}` would send the token in the clear; use https, or a server on 127.0.0.0/8, ::1 or localhost"
    )]
    TokenInClear(Url),
    /// WebAssembly cannot run here.
    #[error(transparent)]
    Selector(#[from] crate::select::Error),
}

/// What all targets of the process share.
pub struct Shared {
    clock: Arc<dyn Clock>,
    authority: AmbientAuthority,
    selector: Arc<Selector>,
    clients: Clients,
    memory: PageMemory,
    connections: Connections,
}

impl Shared {
    /// What targets share from now on.
    ///
    /// # Errors
    /// WebAssembly cannot run here.
    pub fn new(clock: Arc<dyn Clock>, authority: AmbientAuthority) -> Result<Self, Problem> {
        Ok(Self {
            clock,
            authority,
            selector: Arc::new(Selector::new()?),
            clients: Clients::default(),
            memory: PageMemory::new(PageBounds::default()),
            connections: Connections::default(),
        })
    }
}

/// Makes of one target's options what its cycles need; `state_dir` is where they remember. Opens nothing.
///
/// # Errors
/// The options do not fit together.
pub fn resolve(options: Options, state_dir: Option<&Path>, shared: &Shared) -> Result<Context, Problem> {
    let authority = shared.authority;
    let (server, target) = (options.server_url()?, options.target());
    let overlay = Overlay {
        server: None,
        token: options.token_file,
        ca: options.ca_file,
        identity: options.client_cert.zip(options.client_key),
    };
    let credentials = CredentialSource::Fixed(Access::to(server.clone()).overlaid(&overlay));
    let limits =
        Limits { memory: options.filter_memory, timeout: options.filter_timeout, fuel: options.filter_fuel };
    let filter = Filter {
        source: options.filter.source,
        pin: options.filter.pin,
        settings: options.filter_settings,
        limits,
    };
    let times = Times::for_interval(options.interval);
    Ok(Context {
        connect: Arc::new(HttpConnect::new(
            server.clone().into(),
            Layout::Kata,
            times.connect,
            shared.clients.clone(),
        )),
        endpoint: Endpoint { server, layout: Layout::Kata, target },
        audit_dir: AuditDir::new(options.audit_dir, authority),
        state_dir: state_dir.map(|path| StateDir::new(path.to_owned(), authority)),
        files: named_files(&credentials, &filter, authority),
        credentials,
        filter,
        selector: Arc::clone(&shared.selector),
        clock: Arc::clone(&shared.clock),
        interval: options.interval,
        times,
        memory: shared.memory.target(),
        connections: shared.connections.target(),
        max_list_bytes: options.max_list_bytes,
        max_cycle_bytes: options.max_cycle_bytes,
        include_secrets: false,
        carried: Carried::default(),
    })
}

/// Exactly the files that the options name.
fn named_files(credentials: &CredentialSource, filter: &Filter, authority: AmbientAuthority) -> NamedFiles {
    let component = match &filter.source {
        FilterSource::File(path) => Some(path),
        FilterSource::Stock(_) => None,
    };
    let settings = match &filter.settings {
        SettingsSource::File(path) => Some(path),
        SettingsSource::Inline(_) => None,
    };
    NamedFiles::new(credentials.paths().chain(component).chain(settings).cloned(), authority)
}
