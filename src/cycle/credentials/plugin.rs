//! What a credential plugin hands out, kept until it expires: plugins log in over the network, and some are slow.

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};

use super::parts::Parts;
use super::{Unusable, consequence};
use crate::access::exec::{self, Credential, ExecError, Plugin};
use crate::access::{Access, Login};
use crate::cluster::{Authorization, TlsError};
use crate::cycle::Context;
use crate::model::journal::Journal;

/// How long before its end a credential is not used any more: a cycle takes a minute.
const LEEWAY: TimeDelta = TimeDelta::minutes(1);

/// What a plugin handed out.
#[derive(Clone)]
pub(super) struct HandedOut {
    plugin: Plugin,
    pub(super) token: Option<Authorization>,
    pub(super) identity: Option<(Vec<u8>, Vec<u8>)>,
    obtained: DateTime<Utc>,
    expires: Option<DateTime<Utc>>,
}

impl HandedOut {
    /// Whether it will do for a cycle that begins now.
    fn lasts(&self, now: DateTime<Utc>) -> bool {
        // What lives for a minute only would never do.
        let leeway = |expires: DateTime<Utc>| LEEWAY.min((expires - self.obtained) / 2);
        self.expires.is_none_or(|expires| now + leeway(expires) < expires)
    }

    fn has_expired(&self, now: DateTime<Utc>) -> bool {
        self.expires.is_some_and(|expires| expires <= now)
    }
}

/// What the plugin handed out, or hands out now; `None` if there is none. `renew` says that the server does not accept
/// what it handed out.
pub(super) async fn ask(
    context: &Context,
    parts: &Parts,
    last: &mut Option<HandedOut>,
    renew: bool,
    journal: &Journal,
) -> Result<Option<HandedOut>, Unusable> {
    let Some(Login::Plugin(plugin)) = &parts.access.login else {
        *last = None;
        return Ok(None);
    };
    // Of what another one handed out nothing is known here.
    if last.as_ref().is_some_and(|last| last.plugin != *plugin) {
        *last = None;
    }
    if let Some(last) = last.as_ref().filter(|last| !renew && last.lasts(context.clock.wall())) {
        return Ok(Some(last.clone()));
    }
    let asked = exec::run(plugin, &parts.access, parts.ca.as_deref(), context.times.plugin).await;
    let now = context.clock.wall();
    let why = match asked.map_err(|error| concealed(&error, last.as_ref())) {
        Ok(credential) => match taken(plugin, credential, now) {
            Ok(handed_out) => {
                *last = Some(handed_out.clone());
                return Ok(Some(handed_out));
            }
            Err(why) => why,
        },
        Err(why) => why,
    };
    let who = name(plugin);
    let until = |last: &HandedOut| last.expires.map(|time| time.to_rfc3339_opts(SecondsFormat::Secs, true));
    match last {
        None => journal.error(format!("{who}: {why}; {}", consequence(renew))),
        Some(_) if renew => journal.warn(format!("{who}: {why}; {}", consequence(renew))),
        Some(last) if last.has_expired(now) => {
            let until = until(last).unwrap_or_default();
            journal.error(format!(
                "{who}: {why}; what it handed out before expired at {until}, so no request was sent"
            ));
        }
        Some(last) => {
            let until = until(last).map(|until| format!(", until {until}")).unwrap_or_default();
            journal.warn(format!("{who}: {why}; what it handed out before is used{until}"));
            return Ok(Some(last.clone()));
        }
    }
    Err(Unusable)
}

/// What was handed out, if it can be used at all.
fn taken(plugin: &Plugin, credential: Credential, now: DateTime<Utc>) -> Result<HandedOut, String> {
    let token = credential.token.map(|token| Authorization::bearer(token.as_bytes()));
    let token = token.transpose().map_err(|error| format!("its token: {error}"))?;
    let Credential { identity, expires, .. } = credential;
    let handed_out = HandedOut { plugin: plugin.clone(), token, identity, obtained: now, expires };
    if let Some(expires) = expires.filter(|_| handed_out.has_expired(now)) {
        let expired = expires.to_rfc3339_opts(SecondsFormat::Secs, true);
        return Err(format!(
            "it handed out something that expired at {expired}; check its cache and this machine's clock"
        ));
    }
    Ok(handed_out)
}

/// An error's words without the token that was handed out before.
fn concealed(error: &ExecError, last: Option<&HandedOut>) -> String {
    let text = error.to_string();
    let token = last.and_then(|last| last.token.as_ref());
    token.map_or_else(|| text.clone(), |token| token.conceal_in(&text))
}

/// Names the plugin whose certificate cannot be used.
pub(super) fn blame(access: &Access, error: &TlsError) -> String {
    match &access.login {
        Some(Login::Plugin(plugin)) => format!("{}: {error}", name(plugin)),
        _ => error.to_string(),
    }
}

fn name(plugin: &Plugin) -> String {
    format!("the exec plugin `{}`", plugin.command.display())
}
