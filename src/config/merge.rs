//! From what was said where to what holds for each target: flag, else variable, else the file's target,
//! else the file's defaults, else what is built in.

use std::collections::HashMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::{Arg, Command, FromArgMatches as _};

use super::Problem;
use super::file::{File, Section};
use super::keys::{Keys, typed};
use super::mistakes::{Mark, Mistakes, Origin};
use super::options::Options;
use super::process::{LogFormat, MessageOptions, ProcessOptions};
use super::said::Said;

/// What makes a target this one and no other. Given for several at once it would not vary them but merge
/// them: three of these name the folder, and one server for hosts that the file tells apart would have one
/// cluster recorded under the name of another.
const IDENTITY: [&str; 4] = ["host", "cluster", "namespace", "server"];
/// What has no default.
const REQUIRED: [&str; 3] = ["host", "cluster", "namespace"];

/// Everything that was configured.
#[derive(Debug, Clone)]
pub struct Config {
    /// How messages are written.
    pub log_format: LogFormat,
    /// Where the state is kept; `None` if nobody says and there is no home.
    pub state_dir: Option<PathBuf>,
    /// The options of the process, each with its origin.
    pub process: Vec<Setting>,
    /// At least one.
    pub targets: Vec<TargetConfig>,
}

/// What was configured for one target.
#[derive(Debug, Clone)]
pub struct TargetConfig {
    /// The values.
    pub options: Options,
    /// The same, each with its origin.
    pub settings: Vec<Setting>,
}

/// The value of one option, for a person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Setting {
    /// The flag without its dashes, which is also the key.
    pub key: String,
    /// As it would be typed; `None` if there is none.
    pub value: Option<String>,
    /// Who said so.
    pub origin: Origin,
}

/// Puts together what was said and what the file says. `state_dir` is where it is by default.
/// The result counts only if there are no mistakes.
pub(super) fn merge<'a>(
    said: &'a Said,
    file: Option<(&'a File, &'a Arc<Path>)>,
    state_dir: Option<&(PathBuf, Origin)>,
    keys: &Keys,
    mistakes: &mut Mistakes,
) -> Option<Config> {
    let defaults = file.map(|(file, _)| &file.defaults);
    let targets = file.and_then(|(file, _)| file.targets.as_deref());
    let several = targets.is_some_and(|targets| targets.len() > 1);
    let merge = Merge { said, several, path: file.map(|(_, path)| path) };
    if let (true, Some(path)) = (several, merge.path) {
        merge.refuse_identity(path, mistakes);
    }
    let alone = || vec![(None, defaults.map_or(Mark { line: 1, column: 1 }, |defaults| defaults.at))];
    let of_each = |targets: &'a [Section]| targets.iter().map(|target| (Some(target), target.at)).collect();
    let targets: Vec<_> = targets
        .map_or_else(alone, of_each)
        .into_iter()
        .filter_map(|(target, at)| merge.target(&[target, defaults], at, keys, mistakes))
        .collect();
    refuse_equal_folders(&targets, mistakes);
    let targets = targets.into_iter().map(|(_, target)| target).collect();
    merge.process(defaults, state_dir, targets, keys, mistakes)
}

struct Merge<'a> {
    said: &'a Said,
    /// Whether there are several targets.
    several: bool,
    path: Option<&'a Arc<Path>>,
}

/// A value, who said it, and whether its flag's parser takes it.
struct Effective {
    text: OsString,
    origin: Origin,
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
            return Some(Effective { text: text.clone(), origin: origin.clone(), sound: true });
        }
        let value = sections.iter().flatten().find_map(|section| section.values.get(key))?;
        let origin = Origin::File(Arc::clone(self.path?), value.at);
        Some(Effective { text: value.text.clone(), origin, sound: value.sound })
    }

    fn target(
        &self,
        sections: &[Option<&Section>],
        at: Mark,
        keys: &Keys,
        mistakes: &mut Mistakes,
    ) -> Option<(Mark, TargetConfig)> {
        let effective: HashMap<&str, Effective> = flags(&keys.target)
            .filter_map(|(key, _)| self.effective(key, sections).map(|value| (key, value)))
            .collect();
        let missing: Vec<_> = REQUIRED.into_iter().filter(|key| !effective.contains_key(key)).collect();
        if !missing.is_empty() {
            mistakes.add(self.path.map(|_| at), format!("a target without {}", listed(&missing)));
        }
        for (given, lacking) in [("client-cert", "client-key"), ("client-key", "client-cert")] {
            if let Some(value) = effective.get(given).filter(|_| !effective.contains_key(lacking)) {
                mistakes.add(value.origin.mark(), format!("`{given}` without `{lacking}`"));
            }
        }
        let words = effective.iter().map(|(key, value)| typed(key, &value.text));
        // What is wrong with the values has been said; there is no more to find out without them.
        if !missing.is_empty() || effective.values().any(|value| !value.sound) {
            return None;
        }
        let options = keys.target.clone().try_get_matches_from(words);
        let options = match options.and_then(|matches| Options::from_arg_matches(&matches)) {
            Ok(options) => options,
            Err(error) => {
                // Each value alone was taken. The error would repeat the value.
                mistakes
                    .add(self.path.map(|_| at), format!("the options do not fit together: {}", error.kind()));
                return None;
            }
        };
        let server = match options.server_url() {
            Ok(server) => server,
            Err(problem) => {
                let at = effective.get(blamed(&problem)).and_then(|value| value.origin.mark());
                mistakes.add(at, problem.to_string());
                return None;
            }
        };
        let mut settings = settings(&keys.target, |key| {
            let value = effective.get(key)?;
            Some((value.text.to_string_lossy().into_owned(), value.origin.clone()))
        });
        // It depends on the host if nobody says.
        for setting in settings.iter_mut().filter(|setting| setting.key == "server") {
            setting.value = Some(server.as_str().trim_end_matches('/').to_owned());
        }
        Some((at, TargetConfig { options, settings }))
    }

    fn process(
        &self,
        defaults: Option<&Section>,
        state_dir: Option<&(PathBuf, Origin)>,
        targets: Vec<TargetConfig>,
        keys: &Keys,
        mistakes: &mut Mistakes,
    ) -> Option<Config> {
        let effective = |key: &str| {
            let given = self.effective(key, &[defaults]).filter(|value| value.sound);
            let by_default = || state_dir.filter(|_| key == "state-dir").cloned();
            given
                .map(|value| (value.text, value.origin))
                .or_else(|| by_default().map(|(dir, origin)| (dir.into(), origin)))
        };
        let words = flags(&keys.process).filter_map(|(key, _)| Some(typed(key, &effective(key)?.0)));
        let parsed = keys.process.clone().try_get_matches_from(words).and_then(|matches| {
            let MessageOptions { log_format } = MessageOptions::from_arg_matches(&matches)?;
            let ProcessOptions { state_dir } = ProcessOptions::from_arg_matches(&matches)?;
            Ok((log_format, state_dir))
        });
        match parsed {
            Ok((log_format, state_dir)) => {
                let process = settings(&keys.process, |key| {
                    effective(key).map(|(text, origin)| (text.to_string_lossy().into_owned(), origin))
                });
                Some(Config { log_format, state_dir, process, targets })
            }
            Err(error) => {
                mistakes.add(None, format!("the options do not fit together: {}", error.kind()));
                None
            }
        }
    }
}

/// Every option with its value, else its default.
fn settings(command: &Command, value: impl Fn(&str) -> Option<(String, Origin)>) -> Vec<Setting> {
    let setting = |(key, argument): (&str, &Arg)| {
        let built_in =
            || argument.get_default_values().first().map(|value| value.to_string_lossy().into_owned());
        let (value, origin) = match value(key) {
            Some((value, origin)) => (Some(value), origin),
            None => (built_in(), Origin::Default),
        };
        Setting { key: key.to_owned(), value, origin }
    };
    flags(command).map(setting).collect()
}

fn flags(command: &Command) -> impl Iterator<Item = (&str, &Arg)> {
    command.get_arguments().filter_map(|argument| Some((argument.get_long()?, argument)))
}

/// The option to which a problem leads back.
fn blamed(problem: &Problem) -> &'static str {
    match problem {
        Problem::Host(_) => "host",
        Problem::TokenInClear(_) => "token-file",
        Problem::Server(_) | Problem::Selector(_) => "server",
    }
}

/// Two of them in one folder would write into each other's record. One folder under two paths is seen
/// by the locks in it.
fn refuse_equal_folders(targets: &[(Mark, TargetConfig)], mistakes: &mut Mistakes) {
    let mut folders: HashMap<(&Path, [String; 3]), Mark> = HashMap::new();
    for (at, target) in targets {
        let audit_dir = target.options.audit_dir.as_path();
        let folders_of = target.options.target().folders();
        let shown = audit_dir.join(folders_of.join("/"));
        if let Some(first) = folders.insert((audit_dir, folders_of), *at) {
            let (shown, line) = (shown.display(), first.line);
            mistakes
                .add(Some(*at), format!("the same folder as that of the target in line {line}: `{shown}`"));
        }
    }
}

/// `a`, `b` and `c`.
fn listed(words: &[&str]) -> String {
    let quoted: Vec<_> = words.iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("{} and {last}", rest.join(", ")),
        _ => quoted.concat(),
    }
}
