//! What happened in a cycle, in the order in which it happened: lines and outcomes.
//!
//! Every stage writes here, and what it wrote survives the stage: when one is cut off or panics,
//! what it had said before is still in the log.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chrono::{DateTime, Utc};

use super::limits::LINE_BYTES;
use super::name::ResourceName;
use super::outcome::{NotRecorded, Outcome, Why};
use super::text::printable;

/// How bad a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// A statement.
    Info,
    /// Something to know; the record is complete all the same.
    Warn,
    /// Something is missing from the record, or is not as the configuration wants it.
    Error,
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Info => "INFO",
            Self::Warn => "WARN",
            Self::Error => "ERROR",
        })
    }
}

/// One line of a cycle's log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The wall clock's time.
    pub time: DateTime<Utc>,
    /// How bad it is.
    pub level: Level,
    /// The resource it is about, as `-o name` prints it, if it is about one.
    pub subject: Option<String>,
    /// What happened, printable, on one line.
    pub message: String,
}

/// The lines of one cycle; clones write into the same journal.
#[derive(Clone)]
pub struct Journal {
    events: Arc<Mutex<Vec<Event>>>,
    outcomes: Arc<Mutex<Vec<Outcome>>>,
    now: Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>,
}

impl Journal {
    /// An empty journal whose lines get their time from `now`.
    pub fn new(now: impl Fn() -> DateTime<Utc> + Send + Sync + 'static) -> Self {
        Self { events: Arc::default(), outcomes: Arc::default(), now: Arc::new(now) }
    }

    /// Adds a statement about the cycle as a whole.
    pub fn info(&self, message: impl Into<String>) {
        self.add(Level::Info, None, &message.into());
    }

    /// Adds a warning about the cycle as a whole.
    pub fn warn(&self, message: impl Into<String>) {
        self.add(Level::Warn, None, &message.into());
    }

    /// Adds an error of the cycle as a whole.
    pub fn error(&self, message: impl Into<String>) {
        self.add(Level::Error, None, &message.into());
    }

    /// Adds a line of any level, about one resource or the cycle as a whole.
    pub fn say(&self, level: Level, subject: Option<&ResourceName>, message: impl Into<String>) {
        self.add(level, subject.map(ToString::to_string), &message.into());
    }

    /// Adds a warning about one resource.
    pub fn warn_of(&self, subject: impl fmt::Display, message: impl Into<String>) {
        self.add(Level::Warn, Some(subject.to_string()), &message.into());
    }

    /// Adds an error of one resource.
    pub fn error_of(&self, subject: impl fmt::Display, message: impl Into<String>) {
        self.add(Level::Error, Some(subject.to_string()), &message.into());
    }

    /// Notes what became of a selected resource.
    pub fn settle(&self, outcome: Outcome) {
        lock(&self.outcomes).push(outcome);
    }

    /// Takes back what was recorded: the lists were complete, but could not be written.
    pub fn nothing_was_written(&self) {
        for outcome in lock(&self.outcomes).iter_mut().filter(|outcome| outcome.result.is_ok()) {
            let pages = outcome.result.as_ref().map_or(0, |list| list.pages);
            let error = "it was complete, but the archive could not be written with it".to_owned();
            outcome.result = Err(NotRecorded { why: Why::NotWritten, pages, status: None, error });
        }
    }

    /// What became of selected resources so far.
    #[must_use]
    pub fn outcomes(&self) -> Vec<Outcome> {
        lock(&self.outcomes).clone()
    }

    /// How many lines of this level there are.
    #[must_use]
    pub fn count(&self, level: Level) -> usize {
        lock(&self.events).iter().filter(|event| event.level == level).count()
    }

    /// A copy of the lines so far.
    #[must_use]
    pub fn events(&self) -> Vec<Event> {
        lock(&self.events).clone()
    }

    fn add(&self, level: Level, subject: Option<String>, message: &str) {
        let time = (self.now)();
        // Whatever a path or a server put into it: one line is one event.
        let message = printable(message, LINE_BYTES);
        lock(&self.events).push(Event { time, level, subject, message });
    }
}

/// A line is pushed whole or not at all, so what a panicking thread left behind is sound.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
