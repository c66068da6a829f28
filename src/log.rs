//! The audit log of one cycle, rendered: pure.
//!
//! One line an event, `TIME LEVEL SUBJECT MESSAGE`, with `-` where there is no subject. The first
//! line says what was recorded and by what, the last one sums up; both are always there, so that
//! a log without errors says so.

use std::fmt::Write as _;

use chrono::{DateTime, SecondsFormat, Utc};

use crate::model::count::Count;
use crate::model::digest::Sha256;
use crate::model::journal::{Event, Level};
use crate::model::limits::LINE_BYTES;
use crate::model::outcome::Outcome;
use crate::model::target::Target;
use crate::model::text::printable;

/// What the first line says.
#[derive(Debug, Clone)]
pub struct Header<'a> {
    /// What was recorded.
    pub target: &'a Target,
    /// When the cycle began: the true instant, whatever the file is called.
    pub started: DateTime<Utc>,
    /// Which slot it was, from 0.
    pub slot: u64,
    /// The server, if it is not `https://HOST`.
    pub server: Option<&'a str>,
    /// Which filter decided, or was to.
    pub filter: &'a str,
    /// The digest of the settings that it was given, if they could be read.
    pub settings: Option<Sha256>,
}

/// What the last line says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary<'a> {
    /// When the log was written.
    pub ended: DateTime<Utc>,
    /// Resources shown to the filter; none if there was no discovery.
    pub shown: Option<usize>,
    /// Fuel that the filter used; none if it did not decide.
    pub fuel: Option<u64>,
    /// Entries of discovery that were not shown.
    pub not_shown: usize,
    /// What became of the selected ones; none if there was no selection.
    pub outcomes: Option<&'a [Outcome]>,
}

/// Renders a log.
#[must_use]
pub fn render(header: &Header<'_>, events: &[Event], summary: &Summary<'_>) -> String {
    let mut text = String::new();
    let program = concat!("minutebook ", env!("CARGO_PKG_VERSION"));
    let server = header.server.map(|server| format!(" from {server}")).unwrap_or_default();
    let started = header.started.to_rfc3339_opts(SecondsFormat::Millis, true);
    let filter = printable(header.filter, LINE_BYTES);
    let settings = header.settings.map(|digest| format!(", settings sha256:{digest}")).unwrap_or_default();
    let first = format!(
        "{program} records {}{server} by filter {filter}{settings}; slot {}, begun {started}",
        header.target, header.slot
    );
    line(&mut text, header.started, Level::Info, None, &first);
    for event in events {
        line(&mut text, event.time, event.level, event.subject.as_deref(), &event.message);
    }
    line(&mut text, summary.ended, Level::Info, None, &sum(events, summary));
    text
}

fn line(text: &mut String, time: DateTime<Utc>, level: Level, subject: Option<&str>, message: &str) {
    let time = time.to_rfc3339_opts(SecondsFormat::Secs, true);
    // Writing to a string cannot fail.
    let _ = writeln!(text, "{time} {level} {} {message}", subject.unwrap_or("-"));
}

fn sum(events: &[Event], summary: &Summary<'_>) -> String {
    let count = |level| events.iter().filter(|event| event.level == level).count();
    let mut text = match summary.outcomes {
        Some(outcomes) => {
            let recorded: Vec<_> =
                outcomes.iter().filter_map(|outcome| outcome.result.as_ref().ok()).collect();
            let objects: u64 = recorded.iter().map(|list| list.objects).sum();
            let pages: usize = recorded.iter().map(|list| list.pages).sum();
            let bytes: u64 = recorded.iter().map(|list| list.bytes).sum();
            format!(
                "recorded {} of {} selected: {} in {}, {}",
                Count(recorded.len(), "resource"),
                outcomes.len(),
                Count(objects, "object"),
                Count(pages, "page"),
                Count(bytes, "byte")
            )
        }
        None => "recorded nothing".to_owned(),
    };
    if let Some(shown) = summary.shown {
        let fuel = summary.fuel.map(|fuel| format!(" (fuel {fuel})")).unwrap_or_default();
        let _ = write!(text, "; {shown} shown to the filter{fuel}, {} not shown", summary.not_shown);
    }
    let (errors, warnings) = (count(Level::Error), count(Level::Warn));
    let _ = write!(text, "; {}, {}", Count(errors, "error"), Count(warnings, "warning"));
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::name::{Group, Label, ResourceName};
    use crate::model::outcome::{NotRecorded, Recorded, Why};
    use crate::model::sink::Content;
    use crate::model::target::Scope;

    fn time(millis: i64) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(1_604_128_255_000 + millis).unwrap()
    }

    fn target() -> Target {
        Target {
            host: "sample.k8s.hostname".parse().unwrap(),
            cluster: "sample_cluster".parse().unwrap(),
            scope: Scope::Namespace("sample_namespace".parse().unwrap()),
        }
    }

    fn content() -> Content {
        Content { bytes: 99, sha256: Sha256::of(b"") }
    }

    fn not_recorded(why: Why) -> NotRecorded {
        NotRecorded { why, pages: 0, status: None, error: "no".to_owned() }
    }

    fn outcome(name: &str, result: Result<Recorded, NotRecorded>) -> Outcome {
        let resource = ResourceName::new(Label::parse(name).unwrap(), Group::default()).unwrap();
        Outcome { resource, result }
    }

    #[test]
    fn a_cycle_without_errors_says_so() {
        let target = target();
        let header = Header {
            target: &target,
            started: time(123),
            slot: 0,
            server: None,
            filter: "default 0.1.0 (sha256:ab)",
            settings: Some(Sha256::of(b"")),
        };
        let outcomes = [outcome(
            "configmaps",
            Ok(Recorded {
                pages: 1,
                objects: 4,
                bytes: 99,
                content: content(),
                consistent: true,
                identified: None,
            }),
        )];
        let summary = Summary {
            ended: time(2_000),
            shown: Some(3),
            fuel: Some(1234),
            not_shown: 0,
            outcomes: Some(&outcomes),
        };
        assert_eq!(
            render(&header, &[], &summary),
            "2020-10-31T07:10:55Z INFO - minutebook 0.1.0 records sample.k8s.hostname/sample_cluster/sample_namespace \
             by filter default 0.1.0 (sha256:ab), settings sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855; slot 0, begun 2020-10-31T07:10:55.123Z\n\
             2020-10-31T07:10:57Z INFO - recorded 1 resource of 1 selected: 4 objects in 1 page, 99 bytes; 3 shown to the filter (fuel 1234), \
             0 not shown; no errors, no warnings\n"
        );
    }

    #[test]
    fn errors_stand_between_the_first_and_the_last_line() {
        let target = target();
        let server = Some("http://127.0.0.1:8001");
        let header =
            Header { target: &target, started: time(0), slot: 7, server, filter: "default", settings: None };
        let event = |level, subject: Option<&str>, message: &str| Event {
            time: time(900),
            level,
            subject: subject.map(str::to_owned),
            message: message.to_owned(),
        };
        let events = [
            event(Level::Error, Some("pods"), "GET http://127.0.0.1:8001/x: 403 Forbidden"),
            event(Level::Warn, None, "something"),
        ];
        let outcomes = [Why::Failed, Why::CutOff].map(|why| outcome("pods", Err(not_recorded(why))));
        let summary = Summary {
            ended: time(1_000),
            shown: Some(9),
            fuel: None,
            not_shown: 2,
            outcomes: Some(&outcomes),
        };
        let text = render(&header, &events, &summary);
        let lines: Vec<&str> = text.lines().collect();
        assert!(lines[0].contains(" from http://127.0.0.1:8001 by filter default; slot 7,"), "{text}");
        assert_eq!(lines[1], "2020-10-31T07:10:55Z ERROR pods GET http://127.0.0.1:8001/x: 403 Forbidden");
        assert_eq!(lines[2], "2020-10-31T07:10:55Z WARN - something");
        assert!(lines[3].ends_with("recorded no resources of 2 selected: no objects in no pages, no bytes; 9 shown to the filter, 2 not shown; 1 error, 1 warning"), "{text}");
        let nothing = Summary { shown: None, outcomes: None, ..summary };
        assert!(
            render(&header, &[], &nothing).ends_with(" INFO - recorded nothing; no errors, no warnings\n")
        );
    }
}
