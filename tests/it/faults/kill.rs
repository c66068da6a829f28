//! Killed fifty times, wherever it is, and started again at once: by `SIGKILL` nothing is cut in
//! half, and nothing is left that stands in the way.

use std::thread;
use std::time::Duration;

use rustix::process::Signal;

use super::{left, rich};
use crate::support::scene::Scene;

const TIMES: usize = 50;

/// No later than so many requests, and then so long; a cycle makes about fifteen requests.
const REQUESTS: usize = 15;
const DELAY: Duration = Duration::from_millis(60);

#[test]
#[ignore = "long: .ci/full runs it"]
fn killed_at_random_moments() {
    let mut random = fastrand::Rng::with_seed(4);
    let scene = Scene::of(rich());
    for _ in 0..TIMES {
        let before = scene.server.requests().len();
        let running = scene.run().args(["--interval", "1s"]).start();
        // Half of the times near the end of a cycle, where the files are made.
        let requests = if random.bool() { REQUESTS } else { random.usize(0..REQUESTS) };
        scene.server.wait_until("the cycle is under way", |seen| seen.len() >= before + requests);
        thread::sleep(DELAY.mul_f64(random.f64()));
        running.signal(Signal::KILL);
        let ended = running.wait(Duration::from_secs(5));
        assert_eq!(ended.signal(), Some(Signal::KILL.as_raw()), "{ended:#?}");
    }
    scene.once().run().expect_code(0);
    let left = left::check(&scene);
    assert_eq!(left.temporary, [""; 0]);
    let complete = rich().entries();
    assert!(left.cycles.len() > 1, "some were recorded before they were killed");
    for (name, cycle) in &left.cycles {
        assert!(cycle.files() == complete, "{name} is complete: {}", cycle.tell());
    }
    let last = left.cycles.values().next_back().expect("the last is recorded");
    assert!(last.log.is_some(), "the last was not killed");
}
