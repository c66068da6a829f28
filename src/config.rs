//! Configuration: from what the user said to what the rest of the program needs.

mod destination;
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
mod settings;
mod surroundings;
#[cfg(test)]
mod tests;
mod yaml;

use std::path::Path;
use std::sync::Arc;

use cap_std::AmbientAuthority;

use crate::clock::Clock;
use crate::cluster::{Clients, Connections, Endpoint, HttpConnect, PageBounds, PageMemory, Server};
use crate::cycle::{Carried, Context, CredentialSource, Filter, FilterSource, SettingsSource};
use crate::model::limits::Times;
use crate::select::{self, Compiler, Limits, Selector};
use crate::store::{AuditDir, CacheDir, NamedFiles, StateDir};

pub use environment::unknown_variables;
pub use keys::{Place, is_secret, place};
pub use load::Loader;
pub use merge::{Config, TargetConfig};
pub use mistakes::{Mark, Mistakes, Origin};
pub use options::{FilterLimits, FilterOption, LayoutOption, Options, parse_settings};
pub use process::{LogFormat, MessageOptions, ProcessOptions};
pub use said::Said;
pub use settings::Setting;

/// The folder in the cache's folder that holds compiled filters.
const CODES: &str = "filters";

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
    /// What targets share from now on. Opens `cache_dir`. `program` is what compiles filters: this one.
    ///
    /// # Errors
    /// WebAssembly cannot run here.
    pub fn new(
        clock: Arc<dyn Clock>,
        authority: AmbientAuthority,
        program: &Path,
        cache_dir: Option<&Path>,
    ) -> Result<Self, select::Error> {
        Ok(Self {
            clock,
            authority,
            selector: Arc::new(selector(authority, program, cache_dir)?),
            clients: Clients::default(),
            memory: PageMemory::new(PageBounds::default()),
            connections: Connections::default(),
        })
    }
}

/// What runs filters. Opens `cache_dir`. `program` is what compiles them: this one.
///
/// # Errors
/// WebAssembly cannot run here.
pub fn selector(
    authority: AmbientAuthority,
    program: &Path,
    cache_dir: Option<&Path>,
) -> Result<Selector, select::Error> {
    Selector::new(Compiler::child(program), codes(cache_dir, authority))
}

/// Where compiled filters are kept; says why they are not.
fn codes(cache_dir: Option<&Path>, authority: AmbientAuthority) -> Option<CacheDir> {
    let cache_dir = cache_dir?;
    let told = |error| {
        let path = cache_dir.join(CODES);
        tracing::info!("compiled filters are not kept in `{}`: {error}", path.display());
    };
    CacheDir::open(cache_dir, CODES, authority).map_err(told).ok()
}

/// Makes of what was configured for a target what its cycles need; `state_dir` is where they remember. Opens nothing.
#[must_use]
pub fn resolve(target: TargetConfig, state_dir: Option<&Path>, shared: &Shared) -> Context {
    let authority = shared.authority;
    let TargetConfig { options, target, layout, credentials, .. } = target;
    let access = credentials.first();
    let server = access.server.clone();
    let reached = Server {
        url: server.clone(),
        tls_server_name: access.tls_server_name.clone(),
        proxy: access.proxy.clone(),
    };
    let filter = Filter {
        source: options.filter.source,
        pin: options.filter.pin,
        settings: options.filter_settings,
        limits: Limits::from(&options.filter_limits),
    };
    let times = Times::for_interval(options.interval);
    Context {
        connect: Arc::new(HttpConnect::new(reached, layout, times.connect, shared.clients.clone())),
        endpoint: Endpoint { server, layout, target },
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
        carried: Carried::default(),
        include_secrets: options.include_secrets_in_clear,
    }
}

/// Exactly the files that the configuration names.
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
