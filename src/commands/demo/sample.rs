//! The sample cluster, served on loopback: the exercise's three resources and one list.

use std::net::{Ipv4Addr, SocketAddr};

use axum::Router;
use axum::http::header::CONTENT_TYPE;
use axum::routing::get;
use tokio::net::TcpListener;

const RESOURCES: &[u8] = include_bytes!("../../../sample_data/sample_resource_list.json");
const CONFIGMAPS: &[u8] = include_bytes!("../../../sample_data/configmaps.json");

/// Serves until the runtime ends. Returns where.
///
/// # Errors
/// What the system said.
pub(super) async fn serve(cluster: &str, namespace: &str) -> std::io::Result<SocketAddr> {
    let json = |body: &'static [u8]| get(move || async move { ([(CONTENT_TYPE, "application/json")], body) });
    let base = format!("/k8s/clusters/{cluster}");
    let app = Router::new().route(&format!("{base}/api/v1"), json(RESOURCES)).route(
        &format!("{base}/apis/extensions/v1beta1/namespaces/{namespace}/configmaps"),
        json(CONFIGMAPS),
    );
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
    let address = listener.local_addr()?;
    #[expect(
        clippy::disallowed_methods,
        reason = "it serves until the runtime ends; there is nothing to join"
    )]
    tokio::spawn(axum::serve(listener, app).into_future());
    Ok(address)
}
