//! Whether the namespace that is recorded exists: where there is none, every list of it is empty all the same.

use serde::Deserialize;

use super::Settings;
use super::ask::{Asker, GaveUp};
use crate::cluster::{Cluster, Failure, Request, shown};
use crate::model::existence::Existence;
use crate::model::journal::Journal;
use crate::model::limits::NAMESPACE_BYTES;
use crate::model::target::FolderName;

/// What is read of a namespace.
#[derive(Deserialize)]
struct Namespace {
    kind: String,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
}

/// Asks whether a namespace exists, in layout `kubernetes`, for as long as discovery may take. A failure that was made
/// good is told in the journal; what came of it is for the caller to tell.
pub async fn namespace_exists(
    cluster: &dyn Cluster,
    settings: Settings<'_>,
    namespace: &FolderName,
    journal: &Journal,
) -> Existence {
    let url = settings.endpoint.namespace_url(namespace);
    let name = format!("GET {}", shown(&url));
    let asker = Asker {
        connections: Some(settings.connections),
        limit: ("the limit of a namespace", NAMESPACE_BYTES),
        ..Asker::new(cluster, settings, journal)
    };
    let why = match asker.ask(&Request::get(url), &name).await {
        Ok(page) if is_namespace(&page.bytes, namespace.as_str()) => return Existence::Exists,
        Ok(_) => "the answer is not that namespace".to_owned(),
        // Any other 404 is of something in between that does not know the path.
        Err(GaveUp::Failure(Failure::Status { status, about: Some(about), .. }))
            if status == 404 && about == "namespaces" =>
        {
            return Existence::Absent;
        }
        Err(why) => why.to_string(),
    };
    Existence::Unknown(format!("{name}: {why}"))
}

fn is_namespace(json: &[u8], name: &str) -> bool {
    // An array would be read by position.
    json.trim_ascii_start().starts_with(b"{")
        && serde_json::from_slice::<Namespace>(json)
            .is_ok_and(|namespace| namespace.kind == "Namespace" && namespace.metadata.name == name)
}
