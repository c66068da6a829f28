//! Discovery: which resources the cluster has, tried again while time remains.

use tokio::task::spawn_blocking;

use crate::cluster::{Cluster, Endpoint, Layout, Page, Request, TargetConnections, TargetMemory, shown};
use crate::model::catalog::Catalog;
use crate::model::journal::Journal;
use crate::model::limits::Times;

mod ask;
mod document;
mod entries;
mod gather;
mod groups;
mod lenient;
mod namespace;
mod recorded;
mod resource_list;
mod roots;
#[cfg(test)]
mod tests;

pub use namespace::namespace_exists;
pub use recorded::{CATALOG_FORMAT, merge_catalogs, read_catalog};

use ask::Asker;
use resource_list::Parsed;

/// What discovery needs besides a cluster.
#[derive(Clone, Copy)]
pub struct Settings<'a> {
    /// Where the resources are listed, and in which layout.
    pub endpoint: &'a Endpoint,
    /// How long it may take.
    pub times: Times,
    /// The target's part of the memory for pages.
    pub memory: &'a TargetMemory,
    /// The target's part of the connections, of which layout `kubernetes` takes several.
    pub connections: &'a TargetConnections,
}

/// Asks for the resources and reads them. What was wrong goes into the journal.
///
/// Returns `None` if there was no usable answer in time, with an error in the journal.
pub async fn discover(cluster: &dyn Cluster, settings: Settings<'_>, journal: &Journal) -> Option<Catalog> {
    let asker = Asker::new(cluster, settings, journal);
    let parsed = match settings.endpoint.layout {
        Layout::Kata => one_list(&asker).await,
        Layout::Kubernetes => groups::all(&asker).await,
    };
    match parsed {
        Ok(Parsed { mut catalog, notes }) => {
            asker.tell(notes);
            for stale in &mut catalog.stale {
                stale.why = cluster.conceal(&stale.why);
            }
            Some(catalog)
        }
        Err(why) => {
            journal.error(cluster.conceal(&why));
            None
        }
    }
}

/// Layout `kata`: one list has everything.
async fn one_list(asker: &Asker<'_>) -> Result<Parsed, String> {
    let url = asker.settings.endpoint.discovery_url();
    let name = format!("discovery: GET {}", shown(&url));
    let page = asker.ask(&Request::get(url), &name).await.map_err(|why| format!("{name}: {why}"))?;
    let parsed = read_aside(page, resource_list::parse).await;
    parsed.map_err(|why| format!("{name}: the answer is not an APIResourceList: {why}"))
}

/// Reads an answer on a thread that may block: a large one takes a processor for half a second. The page goes along
/// whole: its memory is counted until it is read, even if nobody waits for that any more.
async fn read_aside<T: Send + 'static>(page: Page, read: impl FnOnce(&[u8]) -> T + Send + 'static) -> T {
    match spawn_blocking(move || read(&page.bytes)).await {
        Ok(read) => read,
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}
