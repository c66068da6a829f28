//! A cycle's manifest: all that is known of it, as one line of JSON.
//!
//! # Format `minutebook.manifest/1`
//!
//! An object whose names are spelled in camel case, as Kubernetes spells its own; digests are
//! SHA-256 in lower-case hexadecimal, times are RFC 3339 in UTC. `sequence` counts the manifests of
//! one target from 1; `slot` counts intervals since the program's start, from 0. `resources` has
//! every resource that the filter was shown, in the server's order, with its verdict, and every
//! selected one with its outcome: `bytes` and `sha256` are of the file in the archive, before
//! compression. Why one is not recorded is one of `failed`, `forbidden`, `absent`, `not listable`, `withheld`, `cut off`
//! and `not written`. A list with `"consistent": false` is complete but not of one instant, and one with
//! `"identified": false` has objects without a `uid`. `stale` names the parts of the API of which discovery learned nothing new
//! (`*`: every group but the core one), and `existence` in `target` whether the namespace `exists`, is `absent` or `unknown`, where it
//! was asked for; `existenceError` says why it is unknown. What a later version adds stands in new names; one that changes the meaning of a
//! name has another number.

use std::collections::HashMap;

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use super::leftover::Leftover;
use crate::model::catalog::{Catalog, Part, Stale};
use crate::model::digest::Sha256;
use crate::model::existence::Existence;
use crate::model::outcome::{Outcome, Why};
use crate::model::selection::{FilterId, Verdict};
use crate::model::target::{FolderName, Target};
use crate::model::tick::{Boot, Tick};

/// Which version this is.
const FORMAT: &str = "minutebook.manifest/1";
/// The status of every answer that is recorded.
const OK: u16 = 200;

/// What a manifest is made of.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// What was recorded.
    pub target: &'a Target,
    /// The server, if it is not `https://HOST`.
    pub server: Option<&'a str>,
    /// Which slot, when, and what was missed before it.
    pub tick: &'a Tick,
    /// This manifest's number, from 1.
    pub sequence: u64,
    /// When both files were committed, or had failed to be.
    pub ended: (DateTime<Utc>, Boot),
    /// The program's version.
    pub version: &'a str,
    /// The commit that the program was built from, where that is known.
    pub commit: Option<&'a str>,
    /// Which filter was to decide, as the configuration names it.
    pub filter_origin: &'a str,
    /// Which it was, if it came so far.
    pub filter: Option<&'a FilterId>,
    /// The digest of the settings it was given.
    pub settings: Option<Sha256>,
    /// The fuel it used.
    pub fuel: Option<u64>,
    /// What it was shown, if there was a discovery.
    pub catalog: Option<&'a Catalog>,
    /// Whether the namespace exists, if it is one and somebody asked.
    pub existence: Option<&'a Existence>,
    /// Its verdicts, in the catalog's order, if it decided.
    pub verdicts: Option<&'a [Verdict]>,
    /// What became of the selected ones.
    pub outcomes: &'a [Outcome],
    /// Lines of level ERROR and WARN in the log.
    pub lines: (usize, usize),
    /// The archive, if it could be written.
    pub archive: Option<&'a File>,
    /// The log, if it could be written.
    pub log: Option<&'a File>,
    /// What earlier cycles had left.
    pub recovered: &'a [Leftover],
}

/// A file that was committed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct File {
    /// Its name in the target's folder.
    pub name: String,
    /// How many bytes it has.
    pub bytes: u64,
    /// Their digest.
    pub sha256: Sha256,
}

/// Renders a manifest.
#[must_use]
pub fn render_manifest(facts: &Facts<'_>) -> String {
    let manifest = Manifest {
        format: FORMAT,
        target: Where {
            host: facts.target.host.as_str(),
            cluster: facts.target.cluster.as_str(),
            scope: facts.target.scope.term(),
            namespace: facts.target.scope.namespace().map(FolderName::as_str),
            existence: facts.existence.map(|existence| match existence {
                Existence::Exists => "exists",
                Existence::Absent => "absent",
                Existence::Unknown(_) => "unknown",
            }),
            existence_error: match facts.existence {
                Some(Existence::Unknown(why)) => Some(why),
                Some(Existence::Exists | Existence::Absent) | None => None,
            },
            server: facts.server,
        },
        stale: facts
            .catalog
            .map_or_else(Vec::new, |catalog| catalog.stale.iter().map(StalePart::of).collect()),
        slot: facts.tick.slot,
        sequence: facts.sequence,
        missed: facts
            .tick
            .missed
            .as_ref()
            .map(|missed| Slots { first: *missed.start(), last: *missed.end() }),
        started: Moment::of(facts.tick.started, facts.tick.began),
        ended: Moment::of(facts.ended.0, facts.ended.1),
        program: Program { name: "minutebook", version: facts.version, commit: facts.commit },
        filter: Filter {
            name: facts.filter.map_or(facts.filter_origin, |filter| &filter.name),
            version: facts.filter.and_then(|filter| filter.version.as_deref()),
            digest: facts.filter.map(|filter| filter.digest),
            settings: facts.settings,
            fuel: facts.fuel,
        },
        resources: facts.catalog.map(|catalog| resources(catalog, facts)),
        not_shown: facts.catalog.map(|catalog| catalog.not_shown),
        errors: facts.lines.0,
        warnings: facts.lines.1,
        archive: facts.archive,
        log: facts.log,
        recovered: facts.recovered,
    };
    // Only maps with odd keys and failing writers can make this fail; here is neither.
    serde_json::to_string(&manifest).unwrap_or_default() + "\n"
}

fn resources<'a>(catalog: &'a Catalog, facts: &Facts<'a>) -> Vec<Resource<'a>> {
    let mut verdicts = facts.verdicts.unwrap_or_default().iter();
    let outcomes: HashMap<_, _> = facts.outcomes.iter().map(|outcome| (&outcome.resource, outcome)).collect();
    let resource = |resource: &'a crate::model::catalog::Resource| {
        let verdict = verdicts.next();
        let outcome = outcomes.get(&resource.id);
        Resource {
            name: resource.id.name().as_str(),
            group: resource.id.group().as_str(),
            version: resource.version.as_str(),
            selected: verdict.map(|verdict| verdict.selected),
            reason: verdict.map(|verdict| verdict.reason.as_str()),
            outcome: outcome.map(|outcome| End::of(outcome)),
        }
    };
    catalog.resources.iter().map(resource).collect()
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Manifest<'a> {
    format: &'static str,
    target: Where<'a>,
    slot: u64,
    sequence: u64,
    missed: Option<Slots>,
    started: Moment,
    ended: Moment,
    program: Program<'a>,
    filter: Filter<'a>,
    resources: Option<Vec<Resource<'a>>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    stale: Vec<StalePart<'a>>,
    not_shown: Option<usize>,
    errors: usize,
    warnings: usize,
    archive: Option<&'a File>,
    log: Option<&'a File>,
    recovered: &'a [Leftover],
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Where<'a> {
    host: &'a str,
    cluster: &'a str,
    scope: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    namespace: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    existence: Option<&'static str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    existence_error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    server: Option<&'a str>,
}

#[derive(Serialize)]
struct StalePart<'a> {
    group: &'a str,
    version: &'a str,
    error: &'a str,
}

impl<'a> StalePart<'a> {
    fn of(stale: &'a Stale) -> Self {
        let (group, version) = match &stale.part {
            Part::Version(group, version) => (group.as_str(), version.as_str()),
            Part::NamedGroups => ("*", "*"),
        };
        Self { group, version, error: &stale.why }
    }
}

#[derive(Serialize)]
struct Slots {
    first: u64,
    last: u64,
}

/// An instant by both clocks: what people call it, and seconds since the machine started.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Moment {
    wall: String,
    boot_seconds: f64,
}

impl Moment {
    fn of(wall: DateTime<Utc>, boot: Boot) -> Self {
        let wall = wall.to_rfc3339_opts(SecondsFormat::Millis, true);
        // To the millisecond, as the wall clock's.
        Self { wall, boot_seconds: (boot.0.as_secs_f64() * 1e3).round() / 1e3 }
    }
}

#[derive(Serialize)]
struct Program<'a> {
    name: &'static str,
    version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    commit: Option<&'a str>,
}

#[derive(Serialize)]
struct Filter<'a> {
    name: &'a str,
    version: Option<&'a str>,
    digest: Option<Sha256>,
    settings: Option<Sha256>,
    fuel: Option<u64>,
}

#[derive(Serialize)]
struct Resource<'a> {
    name: &'a str,
    group: &'a str,
    version: &'a str,
    selected: Option<bool>,
    reason: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<End<'a>>,
}

/// What became of a selected resource.
#[derive(Serialize)]
#[serde(untagged)]
enum End<'a> {
    Recorded {
        recorded: bool,
        status: u16,
        pages: usize,
        objects: u64,
        bytes: u64,
        sha256: Sha256,
        #[serde(skip_serializing_if = "is_true")]
        consistent: bool,
        #[serde(skip_serializing_if = "Option::is_none")]
        identified: Option<bool>,
    },
    NotRecorded {
        recorded: bool,
        why: &'static str,
        status: Option<u16>,
        pages: usize,
        error: &'a str,
    },
}

impl<'a> End<'a> {
    fn of(outcome: &'a Outcome) -> Self {
        match &outcome.result {
            Ok(list) => Self::Recorded {
                recorded: true,
                status: OK,
                pages: list.pages,
                objects: list.objects,
                bytes: list.content.bytes,
                sha256: list.content.sha256,
                consistent: list.consistent,
                identified: list.identified,
            },
            Err(missing) => Self::NotRecorded {
                recorded: false,
                why: match missing.why {
                    Why::Failed => "failed",
                    Why::Forbidden => "forbidden",
                    Why::Absent => "absent",
                    Why::NotListable => "not listable",
                    Why::Withheld => "withheld",
                    Why::CutOff => "cut off",
                    Why::NotWritten => "not written",
                },
                status: missing.status,
                pages: missing.pages,
                error: &missing.error,
            },
        }
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes it so")]
fn is_true(value: &bool) -> bool {
    *value
}

/// Why bytes are no manifest that can be read here.
#[derive(Debug, PartialEq, Eq, Error)]
pub enum ManifestError {
    /// Not JSON, or not what a manifest holds.
    #[error("it is not a manifest: {0}")]
    Malformed(String),
    /// A version that this program does not know.
    #[error("its format is `{0}`, and this program reads `{FORMAT}`; a newer one wrote it")]
    Format(String),
}

/// The sequence number of a manifest that was written before.
///
/// # Errors
/// These bytes are no manifest of a version that is known here.
pub fn read_sequence(bytes: &[u8]) -> Result<u64, ManifestError> {
    #[derive(Deserialize)]
    struct Known {
        format: String,
        sequence: u64,
    }
    let malformed = |error: serde_json::Error| ManifestError::Malformed(error.to_string());
    let known: Known = serde_json::from_slice(bytes).map_err(malformed)?;
    if known.format != FORMAT {
        return Err(ManifestError::Format(known.format));
    }
    check_sequence(known.sequence).map_err(ManifestError::Malformed)?;
    Ok(known.sequence)
}

/// Refuses a number that no manifest can have: beyond 2^53 other readers of JSON go wrong.
pub(super) fn check_sequence(sequence: u64) -> Result<(), String> {
    if (1..=1 << 53).contains(&sequence) { Ok(()) } else { Err(format!("its sequence is {sequence}")) }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::model::name::{Group, Label, ResourceName};
    use crate::model::outcome::{NotRecorded, Recorded};
    use crate::model::sink::Content;

    fn resource(name: &str) -> crate::model::catalog::Resource {
        crate::model::catalog::Resource {
            id: ResourceName::new(Label::parse(name).unwrap(), Group::default()).unwrap(),
            version: Label::parse("v1").unwrap(),
            kind: "K".to_owned(),
            singular_name: String::new(),
            namespaced: true,
            verbs: vec!["list".to_owned()],
            short_names: Vec::new(),
            categories: Vec::new(),
        }
    }

    #[test]
    fn golden_text() {
        let target = Target {
            host: "h:8443".parse().unwrap(),
            cluster: "c".parse().unwrap(),
            scope: crate::model::target::Scope::Namespace("n".parse().unwrap()),
        };
        let started = DateTime::from_timestamp_millis(1_604_128_255_123).unwrap();
        let boot = Boot(Duration::from_millis(88_123_771));
        let tick = Tick { slot: 9, missed: Some(7..=8), started, began: boot, ..Tick::default() };
        let digest = Sha256::of(b"");
        let filter = FilterId { name: "default".to_owned(), version: Some("0.1.0".to_owned()), digest };
        let resources = ["pods", "secrets", "services"].map(resource).to_vec();
        let part = Part::Version(Group::parse("metrics.k8s.io").unwrap(), Label::parse("v1beta1").unwrap());
        let catalog =
            Catalog { resources, not_shown: 2, stale: vec![Stale { part, why: "down".to_owned() }] };
        let verdict = |selected, reason: &str| Verdict { selected, reason: reason.to_owned() };
        let verdicts = [verdict(true, "yes"), verdict(false, "excluded"), verdict(true, "yes")];
        let recorded = Recorded {
            pages: 2,
            objects: 501,
            bytes: 99,
            content: Content { bytes: 88, sha256: digest },
            consistent: false,
            identified: Some(false),
        };
        let error = "GET https://h: 403 Forbidden".to_owned();
        let missing = NotRecorded { why: Why::Forbidden, pages: 0, status: Some(403), error };
        let outcomes = [
            Outcome { resource: catalog.resources[0].id.clone(), result: Ok(recorded) },
            Outcome { resource: catalog.resources[2].id.clone(), result: Err(missing) },
        ];
        let archive = File { name: "a.tar.gz".to_owned(), bytes: 5, sha256: digest };
        let facts = Facts {
            target: &target,
            server: Some("http://127.0.0.1:1"),
            tick: &tick,
            sequence: 42,
            ended: (started, boot),
            version: "0.1.0",
            commit: None,
            filter_origin: "default",
            filter: Some(&filter),
            settings: Some(digest),
            fuel: Some(1234),
            existence: Some(&Existence::Unknown("asking is forbidden".to_owned())),
            catalog: Some(&catalog),
            verdicts: Some(&verdicts),
            outcomes: &outcomes,
            lines: (2, 1),
            archive: Some(&archive),
            log: None,
            recovered: &[Leftover::TemporaryFile { name: ".minutebook-1.tmp".to_owned() }],
        };
        let text = render_manifest(&facts);
        let e3 = digest.to_string();
        let expected = [
            r#"{"format":"minutebook.manifest/1","target":{"host":"h:8443","cluster":"c","scope":"namespace","namespace":"n","existence":"unknown","existenceError":"asking is forbidden","server":"http://127.0.0.1:1"},"#,
            r#""slot":9,"sequence":42,"missed":{"first":7,"last":8},"started":{"wall":"2020-10-31T07:10:55.123Z","bootSeconds":88123.771},"ended":{"wall":"2020-10-31T07:10:55.123Z","bootSeconds":88123.771},"#,
            r#""program":{"name":"minutebook","version":"0.1.0"},"filter":{"name":"default","version":"0.1.0","digest":"E3","settings":"E3","fuel":1234},"#,
            r#""resources":[{"name":"pods","group":"","version":"v1","selected":true,"reason":"yes","outcome":{"recorded":true,"status":200,"pages":2,"objects":501,"bytes":88,"sha256":"E3","consistent":false,"identified":false}},"#,
            r#"{"name":"secrets","group":"","version":"v1","selected":false,"reason":"excluded"},"#,
            r#"{"name":"services","group":"","version":"v1","selected":true,"reason":"yes","outcome":{"recorded":false,"why":"forbidden","status":403,"pages":0,"error":"GET https://h: 403 Forbidden"}}],"stale":[{"group":"metrics.k8s.io","version":"v1beta1","error":"down"}],"#,
            r#""notShown":2,"errors":2,"warnings":1,"archive":{"name":"a.tar.gz","bytes":5,"sha256":"E3"},"log":null,"recovered":[{"kind":"temporary-file","name":".minutebook-1.tmp"}]}"#,
            "\n",
        ];
        assert_eq!(text, expected.concat().replace("E3", &e3));
        assert_eq!(read_sequence(text.as_bytes()), Ok(42));
    }

    #[test]
    fn what_a_newer_program_wrote_is_refused_by_name() {
        let newer = br#"{"format":"minutebook.manifest/2","sequence":1}"#;
        assert_eq!(read_sequence(newer), Err(ManifestError::Format("minutebook.manifest/2".to_owned())));
        for bad in [
            &b""[..],
            b"{}",
            b"[]",
            br#"{"format":"minutebook.manifest/1","sequence":-1}"#,
            br#"{"format":"minutebook.manifest/1","sequence":0}"#,
            br#"{"format":"minutebook.manifest/1","sequence":18446744073709551615}"#,
        ] {
            assert!(matches!(read_sequence(bad), Err(ManifestError::Malformed(_))), "{bad:?}");
        }
    }
}
