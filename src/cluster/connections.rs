//! How many requests are in flight in the whole process: each of them holds a connection, or in HTTP/2 a stream of one.
//!
//! Every target has one that nobody takes from it, so that it gets on whatever others do. Beyond
//! that targets share a pool by the rule that page memory follows too: one may take a further
//! connection while more are free than it has taken already.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use crate::model::limits::SHARED_CONNECTIONS;

/// The connections of the process; clones are the same.
#[derive(Debug, Clone)]
pub struct Connections(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    pool: Pool,
    /// How to wake who waits, each by itself.
    bells: BTreeMap<Ticket, Arc<Notify>>,
}

/// One target's part of the connections; clones are the same part.
#[derive(Debug, Clone)]
pub struct TargetConnections(Arc<Registered>);

/// A target among all, until dropped.
#[derive(Debug)]
struct Registered {
    connections: Connections,
    target: TargetId,
}

/// Leave to have a request in flight, until dropped.
#[derive(Debug)]
pub struct Connection {
    part: Arc<Registered>,
    kind: Kind,
}

/// Whose connection it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// The target's own.
    Own,
    /// One of those that all share.
    Shared,
}

type TargetId = u64;
type Ticket = u64;

/// Who has what, and who waits; decides, and wakes nobody.
#[derive(Debug)]
struct Pool {
    free: usize,
    next: u64,
    targets: BTreeMap<TargetId, Taken>,
    /// Who waits, first come first; and what was set aside for him since.
    waiting: BTreeMap<Ticket, (TargetId, Option<Kind>)>,
}

#[derive(Debug, Default)]
struct Taken {
    own: bool,
    shared: usize,
}

impl Pool {
    fn new(free: usize) -> Self {
        Self { free, next: 0, targets: BTreeMap::new(), waiting: BTreeMap::new() }
    }

    fn next_id(&mut self) -> u64 {
        self.next += 1;
        self.next
    }

    fn take(&mut self, target: TargetId) -> Option<Kind> {
        let taken = self.targets.entry(target).or_default();
        if !taken.own {
            taken.own = true;
            return Some(Kind::Own);
        }
        if taken.shared >= self.free {
            return None;
        }
        taken.shared += 1;
        self.free -= 1;
        Some(Kind::Shared)
    }

    fn line_up(&mut self, target: TargetId) -> Ticket {
        let ticket = self.next_id();
        self.waiting.insert(ticket, (target, None));
        ticket
    }

    /// Takes what was set aside for someone who waited, and him out of the line.
    fn collect(&mut self, ticket: Ticket) -> Option<Kind> {
        let kind = self.waiting.get(&ticket)?.1?;
        self.waiting.remove(&ticket);
        Some(kind)
    }

    /// Returns for whom something is there now.
    fn give_back(&mut self, target: TargetId, kind: Kind) -> Vec<Ticket> {
        if let Some(taken) = self.targets.get_mut(&target) {
            match kind {
                Kind::Own => taken.own = false,
                Kind::Shared => {
                    taken.shared -= 1;
                    self.free += 1;
                }
            }
        }
        let mut waiting = std::mem::take(&mut self.waiting);
        let mut served = Vec::new();
        for (ticket, (target, set_aside)) in &mut waiting {
            if set_aside.is_none() {
                *set_aside = self.take(*target);
                served.extend(set_aside.map(|_| *ticket));
            }
        }
        self.waiting = waiting;
        served
    }
}

impl Default for Connections {
    /// As many as `model::limits` says.
    fn default() -> Self {
        Self::new(SHARED_CONNECTIONS)
    }
}

impl Connections {
    /// One for each target, and `shared` for all.
    #[must_use]
    pub fn new(shared: usize) -> Self {
        Self(Arc::new(Mutex::new(State { pool: Pool::new(shared), bells: BTreeMap::new() })))
    }

    /// The part of one more target.
    #[must_use]
    pub fn target(&self) -> TargetConnections {
        let mut state = self.lock();
        let target = state.pool.next_id();
        state.pool.targets.insert(target, Taken::default());
        TargetConnections(Arc::new(Registered { connections: self.clone(), target }))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl TargetConnections {
    /// A connection, if there is one for this target now: its own one, else a shared one.
    #[must_use]
    pub fn try_get(&self) -> Option<Connection> {
        let kind = self.0.connections.lock().pool.take(self.0.target)?;
        Some(self.connection(kind))
    }

    /// A connection, as soon as there is one for this target.
    pub async fn get(&self) -> Connection {
        if let Some(connection) = self.try_get() {
            return connection;
        }
        let waiting = Waiting::begin(&self.0);
        loop {
            if let Some(kind) = self.0.connections.lock().pool.collect(waiting.ticket) {
                return self.connection(kind);
            }
            waiting.bell.notified().await;
        }
    }

    fn connection(&self, kind: Kind) -> Connection {
        Connection { part: Arc::clone(&self.0), kind }
    }
}

impl Registered {
    fn give_back(&self, state: &mut State, kind: Kind) {
        for ticket in state.pool.give_back(self.target, kind) {
            if let Some(bell) = state.bells.get(&ticket) {
                bell.notify_one();
            }
        }
    }
}

impl Drop for Registered {
    fn drop(&mut self) {
        // Whatever it had holds it, so it has nothing any more.
        self.connections.lock().pool.targets.remove(&self.target);
    }
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.part.give_back(&mut self.part.connections.lock(), self.kind);
    }
}

/// Somebody in the line, until dropped.
struct Waiting<'a> {
    part: &'a Registered,
    ticket: Ticket,
    bell: Arc<Notify>,
}

impl<'a> Waiting<'a> {
    fn begin(part: &'a Registered) -> Self {
        let bell = Arc::<Notify>::default();
        let mut state = part.connections.lock();
        let ticket = state.pool.line_up(part.target);
        state.bells.insert(ticket, Arc::clone(&bell));
        Self { part, ticket, bell }
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.part.connections.lock();
        state.bells.remove(&self.ticket);
        // What was set aside for somebody who went away is for the next one.
        if let Some((_, Some(kind))) = state.pool.waiting.remove(&self.ticket) {
            self.part.give_back(&mut state, kind);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;

    use super::*;

    fn take_all(part: &TargetConnections) -> Vec<Connection> {
        std::iter::from_fn(|| part.try_get()).collect()
    }

    #[test]
    fn each_has_its_own_and_nobody_takes_all_others() {
        let connections = Connections::new(128);
        let (hog, second, third) = (connections.target(), connections.target(), connections.target());
        assert_eq!(take_all(&hog).len(), 1 + 64);
        let held = [take_all(&hog), take_all(&second), take_all(&third)];
        assert_eq!([held[0].len(), held[1].len(), held[2].len()], [1 + 64, 1 + 32, 1 + 16]);
        let many: Vec<_> = (0..300).map(|_| connections.target()).collect();
        let held: Vec<_> = many.iter().map(take_all).collect();
        assert!(held.iter().all(|held| !held.is_empty()));
        let sum: usize = held.iter().map(|held| held.len() - 1).sum();
        assert_eq!(sum, 128 - 64 - 32 - 16);
    }

    #[tokio::test]
    async fn what_is_given_back_is_for_the_first_who_may_have_it() {
        let connections = Connections::new(2);
        let (holder, greedy, modest) = (connections.target(), connections.target(), connections.target());
        let mut held = take_all(&holder);
        let others = [take_all(&greedy), take_all(&modest)];
        assert_eq!((held.len(), others.each_ref().map(Vec::len)), (2, [2, 1]));
        let (mut first, mut second) = (Box::pin(greedy.get()), Box::pin(modest.get()));
        assert!(first.as_mut().now_or_never().is_none() && second.as_mut().now_or_never().is_none());
        drop(held.pop());
        assert!(first.as_mut().now_or_never().is_none(), "it has one already, and no more is free");
        let got = second.await;
        assert_eq!(got.kind, Kind::Shared);
        // The own one comes back to its target alone.
        drop(others);
        assert_eq!(first.await.kind, Kind::Own);
    }

    #[tokio::test]
    async fn what_was_set_aside_for_somebody_who_went_away_is_for_the_next() {
        let connections = Connections::new(1);
        let (holder, one, other) = (connections.target(), connections.target(), connections.target());
        let held = take_all(&holder);
        let _own = [take_all(&one), take_all(&other)];
        let (mut first, mut second) = (Box::pin(one.get()), Box::pin(other.get()));
        assert!(first.as_mut().now_or_never().is_none() && second.as_mut().now_or_never().is_none());
        drop(held);
        drop(first);
        assert_eq!(second.await.kind, Kind::Shared);
        let state = connections.lock();
        assert_eq!((state.pool.free, state.pool.waiting.len(), state.bells.len()), (1, 0, 0));
    }
}
