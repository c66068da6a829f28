//! What every test stands on: a cluster, kubectl, the program, and things that stand between them. How the program is run
//! and what its records are held to is the same as for the tests against stand-ins.

#[path = "../it/support/binary.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
pub(crate) mod binary;
#[path = "../it/support/http.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
pub(crate) mod http;
#[path = "../it/support/manifest.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
pub(crate) mod manifest;
#[path = "../it/support/oracle.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
pub(crate) mod oracle;
#[path = "../it/support/readers.rs"]
pub(crate) mod readers;
#[path = "../it/support/stand_in.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
pub(crate) mod stand_in;
#[path = "../it/support/tls.rs"]
#[expect(dead_code, reason = "the other tests use the rest")]
pub(crate) mod tls;

/// Certificates that the cluster's authority signs.
pub(crate) mod certificates;
/// What a manifest says of single resources.
pub(crate) mod facts;
/// What passes requests on to an API server.
pub(crate) mod forward;
/// That what stands in between does what the tests think it does.
mod itself;
/// What kubectl says.
pub(crate) mod kubectl;
/// The end of TLS in between, which knows what was agreed on.
pub(crate) mod relay;
/// Real clusters.
pub(crate) mod rig;
/// A folder, a cluster, and the program between them.
pub(crate) mod scene;

use std::future::Future;
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use tokio::runtime::Runtime;

/// Waits until something comes true, at most a minute.
pub(crate) fn until(what: &str, mut true_now: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !true_now() {
        assert!(Instant::now() < end, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Where this process's own requests are made.
pub(crate) fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        builder.worker_threads(2).enable_all().build().expect("a runtime can be made")
    })
}

/// Waits for what is done there, from a thread that is not one of its own.
pub(crate) fn wait_for<T>(future: impl Future<Output = T>) -> T {
    runtime().block_on(future)
}
