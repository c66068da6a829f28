//! Layout `kubernetes`: every group of the cluster, all at once where the server can do that, else one by one.
//!
//! A group whose server is down must not cost the others anything. Asked one by one, each version of a group first
//! gets one short try; what failed in a way that may pass gets further ones only after all others had theirs, and
//! these together have a quarter of discovery's time.

use std::sync::atomic::AtomicBool;
use std::time::Duration;

use futures_util::future::try_join;
use futures_util::stream::{self, StreamExt as _};
use tokio::time::{Instant, sleep, timeout_at};
use url::Url;

use super::ask::{Asker, GaveUp, counted};
use super::entries::{Found, Note, Size};
use super::gather::gather;
use super::read_aside;
use super::resource_list::{Parsed, parse_version};
use super::roots::{self, Answer, Learned, Listed, Root};
use crate::cluster::{Accept, Failure, Request, backoff, shown};
use crate::model::catalog::Part;
use crate::model::limits::{GROUP_VERSIONS, PLACES};
use crate::model::name::{Group, Label};

/// Finds the resources of all groups.
///
/// # Errors
/// Nothing of the core group was found, so nothing that was found can be taken for a cluster; the text says why.
pub(super) async fn all(asker: &Asker<'_>) -> Result<Parsed, String> {
    let asker = Asker { connections: Some(asker.settings.connections), ..asker.clone() };
    let core = async {
        let core = learn(&asker, Root::Core).await?;
        if core.has_resources() {
            return Ok(core);
        }
        // What is known of the reasons comes before what follows from them.
        let reasons = gather(core, Ok(Listed::default()));
        asker.tell(reasons.notes);
        Err("discovery: not one resource of the core group was found, so this is not taken for a cluster"
            .to_owned())
    };
    // Without the core group nobody waits for the others.
    let named = async { Ok(learn(&asker, Root::Named).await) };
    let (core, named) = try_join(core, named).await?;
    Ok(gather(core, named))
}

/// Learns what there is below one of the two roots.
async fn learn(asker: &Asker<'_>, root: Root) -> Result<Listed<Learned>, String> {
    let endpoint = asker.settings.endpoint;
    let url = match root {
        Root::Core => endpoint.core_url(),
        Root::Named => endpoint.groups_url(),
    };
    match ask_root(asker, root, url).await? {
        Answer::Aggregated(listed) => Ok(listed),
        Answer::Names(listed) => Ok(ask_each(asker, listed).await),
    }
}

/// Asks for everything at once. An answer that leads nowhere is not believed: servers from before aggregated
/// discovery, and what stands before them, have said strange things when they were asked for it.
async fn ask_root(asker: &Asker<'_>, root: Root, url: Url) -> Result<Answer, String> {
    let name = format!("discovery: GET {}", shown(&url));
    let plain = Request::get(url);
    let strange =
        match ask_once(asker, root, &plain.clone().accepting(Accept::AggregatedDiscovery), &name).await {
            Ok(answer) if !answer.is_empty() => return Ok(answer),
            Ok(_) => "the answer leads to no resource".to_owned(),
            Err(Unusable::Answer(why)) => why,
            Err(Unusable::None(GaveUp::Failure(failure))) if failure.is_about_form() => failure.to_string(),
            Err(Unusable::None(why)) => return Err(format!("{name}: {why}")),
        };
    asker.warn(&format!("{name}: asked for all groups at once, {strange}; asked again, group by group"));
    match ask_once(asker, root, &plain, &name).await {
        Ok(answer) => {
            if root == Root::Named && answer.is_empty() {
                asker.warn(&format!("{name}: it names no group, so the core group is all that there is"));
            }
            Ok(answer)
        }
        Err(Unusable::Answer(why)) => Err(format!("{name}: {why}")),
        Err(Unusable::None(why)) => Err(format!("{name}: {why}")),
    }
}

/// Why an answer is of no use.
enum Unusable {
    /// There is none.
    None(GaveUp),
    /// It is not what was asked for.
    Answer(String),
}

async fn ask_once(asker: &Asker<'_>, root: Root, request: &Request, name: &str) -> Result<Answer, Unusable> {
    let page = asker.ask(request, name).await.map_err(Unusable::None)?;
    let read = read_aside(page, move |json| roots::parse(json, root)).await;
    read.map_err(|why| Unusable::Answer(format!("the answer is no list of API groups: {why}")))
}

/// One version of a group on its way.
struct Query {
    /// Where it is in the list: which group, which of its versions.
    at: (usize, usize),
    group: Group,
    version: Label,
    url: Url,
    tries: u32,
    last: Option<Failure>,
}

/// What came of a try.
enum Tried {
    Found(Found),
    /// It may pass.
    Failed(Failure),
    /// It will not.
    Unusable(String),
    /// Time was over before it began.
    NotAsked,
}

/// Asks for each version of each group.
async fn ask_each(asker: &Asker<'_>, listed: Listed<()>) -> Listed<Learned> {
    let endpoint = asker.settings.endpoint;
    let mut each = Each { notes: listed.notes, ..Each::default() };
    let mut queries = Vec::new();
    for (group, versions) in listed.groups {
        for (nth, (version, ())) in versions.iter().enumerate() {
            let url = endpoint.group_version_url(&group, version);
            let (at, group, version) = ((each.groups.len(), nth), group.clone(), version.clone());
            queries.push(Query { at, group, version, url, tries: 0, last: None });
        }
        let versions = versions.into_iter().map(|(version, ())| (version, Learned::default())).collect();
        each.groups.push((group, versions));
    }
    let beyond = queries.split_off(queries.len().min(GROUP_VERSIONS));
    each.left(&beyond, &format!("no more than {GROUP_VERSIONS} are asked for"));

    let discovery = asker.settings.times.discovery;
    // The first round has all of discovery's time, but none of its tries has.
    let (mut round, mut until, mut patience) = (0, asker.end, discovery / 8);
    while !queries.is_empty() {
        round += 1;
        let mut failed = Vec::new();
        let mut not_asked = Vec::new();
        let mut running = stream::iter(queries)
            .map(move |query| try_one(asker, query, until, patience))
            .buffer_unordered(PLACES);
        while let Some((query, tried)) = running.next().await {
            match tried {
                Tried::Found(found) => each.found(asker, &query, found),
                Tried::Unusable(why) => each.error(&query, &why),
                Tried::NotAsked if query.last.is_none() => not_asked.push(query),
                Tried::NotAsked => failed.push(query),
                Tried::Failed(failure) => failed.push(Query { last: Some(failure), ..query }),
            }
        }
        each.left(&not_asked, "discovery's time was over");
        if round == 1 {
            until = asker.end.min(Instant::now() + discovery / 4);
            patience = discovery / 4;
        }
        let pause;
        (queries, pause) = each.again(failed, round, until, asker);
        sleep(pause).await;
    }
    each.listed()
}

async fn try_one(asker: &Asker<'_>, mut query: Query, until: Instant, patience: Duration) -> (Query, Tried) {
    // That a connection is awaited says nothing about who would be asked.
    let Ok(connection) = timeout_at(until, asker.connection()).await else {
        return (query, Tried::NotAsked);
    };
    let now = Instant::now();
    if now >= until {
        return (query, Tried::NotAsked);
    }
    query.tries += 1;
    let request = Request::get(query.url.clone());
    let stands_still = AtomicBool::new(false);
    let end = until.min(now + patience);
    let tried = match timeout_at(end, asker.once(&request, connection, &stands_still)).await {
        Ok(Ok(page)) => {
            let (group, version) = (query.group.clone(), query.version.clone());
            let read = read_aside(page, move |json| parse_version(json, &group, &version)).await;
            match read {
                Ok(found) => Tried::Found(found),
                Err(why) => Tried::Unusable(format!("the answer is not its APIResourceList: {why}")),
            }
        }
        Ok(Err(failure)) if failure.may_pass() => Tried::Failed(failure),
        Ok(Err(failure)) => Tried::Unusable(failure.to_string()),
        Err(_) => Tried::Failed(Failure::NoAnswer(end - now)),
    };
    (query, tried)
}

/// What has been learned of each so far.
#[derive(Default)]
struct Each {
    groups: Vec<(Group, Vec<(Label, Learned)>)>,
    notes: Vec<Note>,
    size: Size,
}

impl Each {
    fn found(&mut self, asker: &Asker<'_>, query: &Query, found: Found) {
        match self.size.plus(found.size) {
            Ok(size) => {
                self.size = size;
                if let Some(failure) = &query.last {
                    asker.warn(&format!("{}: {failure}; made good by another try", query.name()));
                }
                self.learned(query, Learned { found, stale: None });
            }
            Err(why) => self.error(query, &format!("it is left out: {why}")),
        }
    }

    fn error(&mut self, query: &Query, why: &str) {
        self.notes.push(Note::Error(format!("{}: {why}", query.name())));
        let stale = Some(format!("GET {}: {why}", shown(&query.url)));
        self.learned(query, Learned { found: Found::default(), stale });
    }

    /// Says once why all of these were not asked for.
    fn left(&mut self, queries: &[Query], why: &str) {
        let Some(first) = queries.first() else { return };
        let (count, part) = (queries.len(), first.part());
        let note =
            format!("discovery: versions of groups not asked for, because {why}: {count}, from {part} on");
        self.notes.push(Note::Error(note));
        for query in queries {
            let stale = Some(format!("not asked for, because {why}"));
            self.learned(query, Learned { found: Found::default(), stale });
        }
    }

    fn learned(&mut self, query: &Query, learned: Learned) {
        let (group, version) = query.at;
        self.groups[group].1[version].1 = learned;
    }

    /// Which of those that failed are asked again, and after which pause.
    fn again(
        &mut self,
        failed: Vec<Query>,
        round: u32,
        until: Instant,
        asker: &Asker<'_>,
    ) -> (Vec<Query>, Duration) {
        let left = until.saturating_duration_since(Instant::now());
        let mut again = Vec::new();
        let mut pause = backoff(asker.settings.times.backoff, round, fastrand::f64());
        for query in failed {
            let wait = query.last.as_ref().and_then(Failure::asked_wait).unwrap_or_default();
            if wait > left {
                let what = "the time that one group gets of discovery's";
                let why = query.last.as_ref().map(|failure| failure.asks_too_much(what)).unwrap_or_default();
                self.error(&query, &why);
            } else {
                pause = pause.max(wait);
                again.push(query);
            }
        }
        if pause < left {
            return (again, pause);
        }
        for query in again {
            let failure = query.last.as_ref().map(ToString::to_string).unwrap_or_default();
            self.error(&query, &format!("{failure} ({})", counted(query.tries)));
        }
        (Vec::new(), Duration::ZERO)
    }

    fn listed(self) -> Listed<Learned> {
        Listed { groups: self.groups, not_shown: 0, notes: self.notes }
    }
}

impl Query {
    fn part(&self) -> Part {
        Part::Version(self.group.clone(), self.version.clone())
    }

    fn name(&self) -> String {
        format!("discovery: {}: GET {}", self.part(), shown(&self.url))
    }
}
