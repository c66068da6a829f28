//! Discovery against a scripted cluster: where its answer is read.

use std::sync::mpsc;

use chrono::DateTime;
use tokio::task::yield_now;

use super::*;
use crate::cluster::scripted::{Reply, Scripted};
use crate::cluster::{PageBounds, PageMemory};

const MINUTE: std::time::Duration = std::time::Duration::from_secs(60);

#[test]
fn the_answer_is_read_by_a_thread_that_may_block() {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    let runtime = builder.enable_time().max_blocking_threads(1).build().unwrap();
    let journal = Journal::new(|| DateTime::UNIX_EPOCH);
    let in_the_background = journal.clone();
    runtime.block_on(async {
        let (free, occupied) = mpsc::channel::<()>();
        // The only thread that may block has other work for now.
        let occupant = spawn_blocking(move || occupied.recv());
        let discovery = tokio::spawn(async move {
            let cluster = Scripted::new(|_, _| Reply::ok(r#"{"groupVersion":"v1","resources":[{}]}"#));
            let memory = PageMemory::new(PageBounds::default()).target();
            let url = "http://127.0.0.1:1/api/v1".parse().unwrap();
            let settings = Settings { url: &url, times: Times::for_interval(MINUTE), memory: &memory };
            discover(&cluster, settings, &in_the_background).await
        });
        // More often than the script has pauses.
        for _ in 0..10_000 {
            yield_now().await;
        }
        assert!(!discovery.is_finished(), "the answer was read on a thread that others need");
        free.send(()).unwrap();
        occupant.await.unwrap().unwrap();
        assert!(discovery.await.unwrap().is_some());
    });
    assert_eq!(journal.events().len(), 1, "an entry was bad");
}
