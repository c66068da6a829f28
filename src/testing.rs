//! What several modules' tests need: a clock that is set by hand, and a context without a network.

use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::time::Instant;

use crate::access::Access;
use crate::clock::Clock;
use crate::cluster::scripted::{Reply, Scripted, resource};
use crate::cluster::{
    Caller, Cluster, Connect, Connections, Endpoint, Layout, Material, PageBounds, PageMemory, TlsError,
};
use crate::cycle::{Carried, Context, CredentialSource, Filter, FilterSource, SettingsSource};
use crate::model::limits::Times;
use crate::model::target::{Scope, Target};
use crate::model::tick::Boot;
use crate::select::{Compiler, Limits, Selector};
use crate::store::{AuditDir, NamedFiles, StateDir};

/// Tokio's time as the boot clock, and a wall clock that can be stepped.
pub(crate) struct ManualClock {
    origin: Instant,
    wall: Mutex<DateTime<Utc>>,
    suspended: Mutex<Duration>,
}

impl ManualClock {
    /// The exercise's second, now.
    pub(crate) fn new() -> Arc<Self> {
        let wall = DateTime::from_timestamp(1_604_128_255, 0).unwrap();
        Arc::new(Self { origin: Instant::now(), wall: Mutex::new(wall), suspended: Mutex::default() })
    }

    /// Steps the wall clock.
    pub(crate) fn step(&self, by: TimeDelta) {
        *self.wall.lock().unwrap() += by;
    }

    /// Suspends the machine for so long, during which tokio's time stands still.
    pub(crate) fn suspend(&self, time: Duration) {
        *self.suspended.lock().unwrap() += time;
        *self.wall.lock().unwrap() += time;
    }
}

impl Clock for ManualClock {
    fn wall(&self) -> DateTime<Utc> {
        *self.wall.lock().unwrap() + self.origin.elapsed()
    }

    fn boot(&self) -> Boot {
        Boot(self.origin.elapsed() + self.suspended())
    }

    fn suspended(&self) -> Duration {
        *self.suspended.lock().unwrap()
    }

    fn sleep_until(&self, until: Boot) -> Pin<Box<dyn Future<Output = ()> + Send + '_>> {
        Box::pin(async move {
            loop {
                let left = until.since(self.boot());
                if left.is_zero() {
                    return;
                }
                tokio::time::sleep(left.min(Duration::from_secs(1))).await;
            }
        })
    }
}

/// Connects to a script, unless the CA is bad.
pub(crate) struct ToScript {
    pub(crate) cluster: Arc<Scripted>,
    /// What each connection was made with.
    pub(crate) made: Mutex<Vec<(Material, Caller)>>,
}

impl Connect for ToScript {
    fn connect(&self, material: &Material, caller: Caller) -> Result<Arc<dyn Cluster>, TlsError> {
        if material.ca.as_deref() == Some(b"bad") {
            return Err(TlsError::Ca("the file holds no certificate in PEM form".to_owned()));
        }
        self.made.lock().unwrap().push((material.clone(), caller));
        Ok(Arc::clone(&self.cluster) as Arc<dyn Cluster>)
    }
}

pub(crate) fn to_script(script: impl Fn(&url::Url, usize) -> Reply + Send + Sync + 'static) -> Arc<ToScript> {
    Arc::new(ToScript { cluster: Arc::new(Scripted::new(script)), made: Mutex::default() })
}

/// Discovery of these resources, all of them selected by default, and an empty list for each.
pub(crate) fn well(
    names: &'static [&'static str],
) -> impl Fn(&url::Url, usize) -> Reply + Send + Sync + 'static {
    move |url, _| {
        if resource(url) != "v1" {
            return Reply::ok(r#"{"kind":"List","metadata":{},"items":[{}]}"#);
        }
        let entry =
            |name: &&str| format!(r#"{{"name":"{name}","namespaced":true,"kind":"K","verbs":["list"]}}"#);
        let entries: Vec<String> = names.iter().map(entry).collect();
        Reply::ok(format!(
            r#"{{"kind":"APIResourceList","groupVersion":"v1","resources":[{}]}}"#,
            entries.join(",")
        ))
    }
}

/// No credentials at all.
pub(crate) fn nobody() -> CredentialSource {
    CredentialSource::Fixed(Access::to("https://host".parse().unwrap()))
}

/// A context for `audit_dir`, which cycles at one a minute.
pub(crate) fn context(
    audit_dir: &Path,
    connect: Arc<ToScript>,
    clock: Arc<ManualClock>,
    credentials: CredentialSource,
) -> Context {
    let authority = cap_std::ambient_authority();
    let interval = Duration::from_secs(60);
    Context {
        endpoint: Endpoint {
            server: "https://host".parse().unwrap(),
            layout: Layout::Kata,
            target: Target {
                host: "host".parse().unwrap(),
                cluster: "cluster".parse().unwrap(),
                scope: Scope::Namespace("namespace".parse().unwrap()),
            },
        },
        connect,
        audit_dir: AuditDir::new(audit_dir.to_owned(), authority),
        state_dir: Some(StateDir::new(audit_dir.with_extension("state"), authority)),
        files: NamedFiles::new(credentials.paths().cloned(), authority),
        credentials,
        filter: Filter {
            source: FilterSource::Stock("default".to_owned()),
            pin: None,
            settings: SettingsSource::Inline("{}".to_owned()),
            limits: Limits::default(),
        },
        include_secrets: false,
        selector: Arc::new(Selector::new(Compiler::here(), None).unwrap()),
        clock,
        interval,
        times: Times::for_interval(interval),
        memory: PageMemory::new(PageBounds::default()).target(),
        connections: Connections::default().target(),
        max_list_bytes: 1 << 20,
        max_cycle_bytes: 1 << 20,
        carried: Carried::default(),
    }
}
