//! From what was said where to what holds for each target: flag, else variable, else the file's target,
//! else the file's defaults, else what is built in.

use std::collections::{BTreeSet, HashMap};
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::FromArgMatches as _;

use super::destination::{Destination, Found, Refused, SCOPES, Way, first_scope, lacking, settle, way};
use super::file::{File, Section};
use super::keys::{Keys, flags, typed};
use super::mistakes::{Mark, Mistakes, Origin};
use super::options::Options;
use super::process::{DefaultDirs, LogFormat, MessageOptions, ProcessOptions};
use super::said::Said;
use super::settings::{self, Setting, settings};
use super::surroundings::Surroundings;
use crate::cluster::Layout;
use crate::cycle::CredentialSource;
use crate::model::target::Target;

/// What makes a target this one and no other. Given for several at once it would not vary them but merge
/// them: most of these name the folder, and one server for hosts that the file tells apart would have one
/// cluster recorded under the name of another.
const IDENTITY: [&str; 8] =
    ["host", "cluster", "namespace", "all-namespaces", "cluster-scope", "server", "kubeconfig", "context"];

/// Everything that was configured.
#[derive(Debug, Clone)]
pub struct Config {
    /// How messages are written.
    pub log_format: LogFormat,
    /// Where the state is kept; `None` if nobody says and there is no home.
    pub state_dir: Option<PathBuf>,
    /// Where compiled filters are kept; likewise.
    pub cache_dir: Option<PathBuf>,
    /// The options of the process, each with its origin.
    pub process: Vec<Setting>,
    /// At least one.
    pub targets: Vec<TargetConfig>,
    /// The kubeconfigs that say where they are.
    pub kubeconfigs: BTreeSet<PathBuf>,
}

/// What was configured for one target.
#[derive(Debug, Clone)]
pub struct TargetConfig {
    /// What was said of it, and maybe of others.
    pub options: Options,
    /// What is recorded.
    pub target: Target,
    /// Which paths its server has.
    pub layout: Layout,
    /// How to reach the server, and as whom.
    pub credentials: CredentialSource,
    /// The value of each option, with its origin.
    pub settings: Vec<Setting>,
}

/// Puts together what was said and what the file says. `dirs` are those of the process by default.
/// The result counts only if there are no mistakes.
pub(super) fn merge<'a>(
    said: &'a Said,
    file: Option<(&'a File, &'a Arc<Path>)>,
    surroundings: &'a dyn Surroundings,
    dirs: &DefaultDirs,
    keys: &'a Keys,
    mistakes: &mut Mistakes,
) -> Option<Config> {
    let defaults = file.map(|(file, _)| &file.defaults);
    let targets = file.and_then(|(file, _)| file.targets.as_deref());
    let several = targets.is_some_and(|targets| targets.len() > 1);
    let path = file.map(|(_, path)| path);
    let mut merge = Merge { said, several, path, surroundings, keys, kubeconfigs: BTreeSet::new() };
    if let (true, Some(path)) = (several, path) {
        merge.refuse_identity(path, mistakes);
    }
    let alone = || vec![(None, defaults.map_or(Mark { line: 1, column: 1 }, |defaults| defaults.at))];
    let of_each = |targets: &'a [Section]| targets.iter().map(|target| (Some(target), target.at)).collect();
    let sections: Vec<_> = targets.map_or_else(alone, of_each);
    let mut targets = Vec::new();
    for (target, at) in sections {
        let found = merge.targets(&[target, defaults], at, mistakes);
        targets.extend(found.into_iter().map(|target| (path.map(|_| at), target)));
    }
    refuse_equal_folders(&targets, mistakes);
    let targets = targets.into_iter().map(|(_, target)| target).collect();
    merge.process(defaults, dirs, targets, mistakes)
}

struct Merge<'a> {
    said: &'a Said,
    /// Whether there are several targets in the file.
    several: bool,
    path: Option<&'a Arc<Path>>,
    surroundings: &'a dyn Surroundings,
    keys: &'a Keys,
    /// Those that were read.
    kubeconfigs: BTreeSet<PathBuf>,
}

/// A value, who said it, and whether its flag's parser takes it.
struct Effective {
    text: OsString,
    origin: Origin,
    /// Who goes before whom: a flag is of rank 0.
    rank: usize,
    sound: bool,
}

impl Merge<'_> {
    fn refuse_identity(&self, path: &Path, mistakes: &mut Mistakes) {
        for key in IDENTITY {
            let Some((_, origin)) = self.said.value(key) else { continue };
            let (given, remedy) = match origin {
                Origin::Variable(name) => (name.clone(), "unset it"),
                _ => (format!("--{key}"), "leave it out"),
            };
            let path = path.display();
            mistakes.add(None, format!("{given} is of one target, and `{path}` has several; {remedy}"));
        }
    }

    /// What was said, else what the first of the sections has that has it.
    fn effective(&self, key: &str, sections: &[Option<&Section>]) -> Option<Effective> {
        // What was refused must not lead to further mistakes.
        let said = self.said.value(key).filter(|_| !(self.several && IDENTITY.contains(&key)));
        if let Some((text, origin)) = said {
            let rank = usize::from(!matches!(origin, Origin::Flag(_)));
            return Some(Effective { text: text.clone(), origin: origin.clone(), rank, sound: true });
        }
        let (rank, value) = sections.iter().enumerate().find_map(|(index, section)| {
            section.and_then(|section| Some((2 + index, section.values.get(key)?)))
        })?;
        let origin = Origin::File(Arc::clone(self.path?), value.at);
        Some(Effective { text: value.text.clone(), origin, rank, sound: value.sound })
    }

    /// The targets of one section of the file, or of all that was said without one: one for each namespace.
    fn targets(
        &mut self,
        sections: &[Option<&Section>],
        at: Mark,
        mistakes: &mut Mistakes,
    ) -> Vec<TargetConfig> {
        let keys = self.keys;
        let mut effective: HashMap<&str, Effective> = flags(&keys.target)
            .filter_map(|(key, _)| self.effective(key, sections).map(|value| (key, value)))
            .collect();
        for (given, lacking) in [("client-cert", "client-key"), ("client-key", "client-cert")] {
            if let Some(value) = effective.get(given).filter(|_| !effective.contains_key(lacking)) {
                mistakes.add(value.origin.mark(), format!("`{given}` without `{lacking}`"));
            }
        }
        let at = self.path.map(|_| at);
        // What is wrong with the values has been said; there is little more to find out without them.
        if effective.values().any(|value| !value.sound) {
            tell(lacking(|key| effective.contains_key(key)), &effective, at, mistakes);
            return Vec::new();
        }
        let Some(options) = self.options(&mut effective, at, mistakes) else { return Vec::new() };
        let (way, found) = match self.way(&options) {
            Ok(found) => found,
            Err(refused) => {
                tell([refused], &effective, at, mistakes);
                return Vec::new();
            }
        };
        let destination = match settle(&options, &way, found.as_ref()) {
            Ok(destination) => destination,
            Err(all) => {
                tell(all, &effective, at, mistakes);
                return Vec::new();
            }
        };
        let given = settings(&keys.target, |key| {
            let value = effective.get(key)?;
            Some((value.text.to_string_lossy().into_owned(), value.origin.clone()))
        });
        let Destination { layout, credentials, host, cluster, scopes } = &destination;
        let target = |scope| {
            let mut settings = given.clone();
            settings::settle(&mut settings, &destination, &way, found.as_ref(), scope);
            let target = Target { host: host.clone(), cluster: cluster.clone(), scope: scope.clone() };
            let (options, credentials) = (options.clone(), credentials.clone());
            TargetConfig { options, target, layout: *layout, credentials, settings }
        };
        scopes.iter().map(target).collect()
    }

    /// All values together. Of the scopes only the one that holds is left.
    fn options(
        &self,
        effective: &mut HashMap<&str, Effective>,
        at: Option<Mark>,
        mistakes: &mut Mistakes,
    ) -> Option<Options> {
        let parse = |effective: &HashMap<&str, Effective>| {
            let words = effective.iter().map(|(key, value)| typed(key, &value.text));
            let matches = self.keys.target.clone().try_get_matches_from(words)?;
            Options::from_arg_matches(&matches)
        };
        let mut parsed = parse(effective);
        if let Ok(options) = &parsed {
            match first_scope(&asked_scopes(options, effective)) {
                Ok(holds) => effective.retain(|key, _| !settings::overruled(key, holds)),
                Err((one, other)) => {
                    let at = effective.get(one).and_then(|value| value.origin.mark());
                    mistakes.add(at, format!("--{one} and --{other} exclude each other; give one of them"));
                    return None;
                }
            }
            parsed = parse(effective);
        }
        // Each value alone was taken. The error would repeat the value.
        let tell = |error: &clap::Error| {
            mistakes.add(at, format!("the options do not fit together: {}", error.kind()));
        };
        parsed.inspect_err(tell).ok()
    }

    /// Who says where the server is, and what else they say.
    fn way(&mut self, options: &Options) -> Result<(Way, Option<Found>), Refused> {
        let way = way(options, || self.surroundings.around())?;
        let found = match &way {
            Way::Options(_) => return Ok((way, None)),
            Way::Kubeconfig(files, _) => {
                self.kubeconfigs.extend(files.iter().cloned());
                self.surroundings.kubeconfig(files, options.context.as_deref())
            }
            Way::Pod => self.surroundings.pod(),
        };
        found.map(|found| (way, Some(found)))
    }

    fn process(
        self,
        defaults: Option<&Section>,
        dirs: &DefaultDirs,
        targets: Vec<TargetConfig>,
        mistakes: &mut Mistakes,
    ) -> Option<Config> {
        let effective = |key: &str| {
            let given = self.effective(key, &[defaults]).filter(|value| value.sound);
            let by_default = || dirs.of(key).cloned();
            given
                .map(|value| (value.text, value.origin))
                .or_else(|| by_default().map(|(dir, origin)| (dir.into(), origin)))
        };
        let command = &self.keys.process;
        let words = flags(command).filter_map(|(key, _)| Some(typed(key, &effective(key)?.0)));
        let parsed = command.clone().try_get_matches_from(words).and_then(|matches| {
            let MessageOptions { log_format } = MessageOptions::from_arg_matches(&matches)?;
            Ok((log_format, ProcessOptions::from_arg_matches(&matches)?))
        });
        match parsed {
            Ok((log_format, ProcessOptions { state_dir, cache_dir })) => {
                let process = settings(command, |key| {
                    effective(key).map(|(text, origin)| (text.to_string_lossy().into_owned(), origin))
                });
                let kubeconfigs = self.kubeconfigs;
                Some(Config { log_format, state_dir, cache_dir, process, targets, kubeconfigs })
            }
            Err(error) => {
                mistakes.add(None, format!("the options do not fit together: {}", error.kind()));
                None
            }
        }
    }
}

/// Tells each mistake where the option stands to which it leads back, else where the target does.
fn tell(
    all: impl IntoIterator<Item = Refused>,
    effective: &HashMap<&str, Effective>,
    at: Option<Mark>,
    mistakes: &mut Mistakes,
) {
    for Refused { key, why } in all {
        let value = key.and_then(|key| effective.get(key));
        mistakes.add(value.map_or(at, |value| value.origin.mark()), why);
    }
}

/// The scopes that somebody asked for, and of which rank they are.
fn asked_scopes(options: &Options, effective: &HashMap<&str, Effective>) -> Vec<(&'static str, usize)> {
    let asked = [!options.namespace.is_empty(), options.all_namespaces, options.cluster_scope];
    let rank = |key: &str| effective.get(key).map(|value| value.rank);
    let asked = SCOPES.into_iter().zip(asked).filter(|(_, asked)| *asked);
    asked.filter_map(|(key, _)| Some((key, rank(key)?))).collect()
}

/// Two of them in one folder would write into each other's record. One folder under two paths is seen
/// by the locks in it.
fn refuse_equal_folders(targets: &[(Option<Mark>, TargetConfig)], mistakes: &mut Mistakes) {
    let mut folders: HashMap<(&Path, [String; 3]), Option<Mark>> = HashMap::new();
    for (at, target) in targets {
        let audit_dir = target.options.audit_dir.as_path();
        let folders_of = target.target.folders();
        let shown = audit_dir.join(folders_of.join("/"));
        if let Some(first) = folders.insert((audit_dir, folders_of), *at) {
            let line = first.map_or(1, |first| first.line);
            let shown = shown.display();
            mistakes.add(*at, format!("the same folder as that of the target in line {line}: `{shown}`"));
        }
    }
}
