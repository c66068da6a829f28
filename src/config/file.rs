//! The configuration file: which options it has for all targets and for each.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::Path;
use std::rc::Rc;

use super::json::to_json;
use super::keys::{self, Keys, Place};
use super::mistakes::{Mark, Mistakes};
use super::yaml::{Entry, Kind, Node, parse};
use crate::model::limits::MESSAGE_BYTES;
use crate::model::text::printable;

/// What the file says.
#[derive(Debug)]
pub(super) struct File {
    /// For all targets, and for the process.
    pub(super) defaults: Section,
    /// For each target; `None` if the file has no `targets`, and then there is one target.
    pub(super) targets: Option<Vec<Section>>,
}

/// Options in one place.
#[derive(Debug)]
pub(super) struct Section {
    pub(super) at: Mark,
    /// By flag.
    pub(super) values: BTreeMap<String, Value>,
}

#[derive(Debug)]
pub(super) struct Value {
    /// As it would be typed behind the flag.
    pub(super) text: OsString,
    /// Where its key is.
    pub(super) at: Mark,
    /// Whether the flag's parser takes it.
    pub(super) sound: bool,
}

/// Reads the text of a file that lies in `folder`. `None` if nothing in it can be understood.
pub(super) fn read(bytes: &[u8], folder: &Path, keys: &Keys, mistakes: &mut Mistakes) -> Option<File> {
    let text = match str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let sound = String::from_utf8_lossy(&bytes[..error.valid_up_to()]);
            let (line, last) = (sound.split('\n').count(), sound.rsplit('\n').next().unwrap_or_default());
            let column = 1 + last.chars().count();
            mistakes.add(Some(Mark { line, column }), "not UTF-8");
            return None;
        }
    };
    let mut found = Vec::new();
    let parsed = parse(text, &mut found);
    for (at, mistake) in found {
        mistakes.add(Some(at), mistake);
    }
    let start = Mark { line: 1, column: 1 };
    let root = match parsed {
        Ok(root) => root,
        Err((at, mistake)) => {
            mistakes.add(Some(at), mistake);
            return None;
        }
    };
    let mut reader = Reader { folder, keys, mistakes };
    match root.as_deref() {
        Some(Node { at, kind: Kind::Map(entries), .. }) => Some(reader.file(entries, *at)),
        Some(Node { at, kind: Kind::Scalar(scalar), .. }) if scalar.is_null() => reader.nothing(*at),
        Some(node) => {
            reader.mistakes.add(Some(node.at), "a configuration is a map with `defaults` and `targets`");
            None
        }
        None => reader.nothing(start),
    }
}

struct Reader<'a> {
    folder: &'a Path,
    keys: &'a Keys,
    mistakes: &'a mut Mistakes,
}

impl Reader<'_> {
    fn nothing(&mut self, at: Mark) -> Option<File> {
        self.mistakes.add(Some(at), "no targets: the file has neither `defaults` nor `targets`");
        None
    }

    fn file(&mut self, entries: &[Entry], at: Mark) -> File {
        let mut file = File { defaults: Section { at, values: BTreeMap::new() }, targets: None };
        let mut any = false;
        for Entry { key, at, value } in entries {
            match key.as_str() {
                "defaults" => file.defaults = self.section(value, *at, key, true),
                "targets" => file.targets = Some(self.targets(value, *at)),
                unknown => {
                    self.unknown_part(unknown, *at);
                    continue;
                }
            }
            any = true;
        }
        if !any {
            self.nothing(at);
        }
        file
    }

    fn unknown_part(&mut self, key: &str, at: Mark) {
        let shown = printable(key, MESSAGE_BYTES);
        let message = if self.keys.place(key).is_some() {
            format!("`{shown}` is an option and stands under `defaults` or in a target, not here")
        } else if let Some(near) = keys::nearest(key, ["defaults", "targets"].into_iter()) {
            format!("unknown key `{shown}`; did you mean `{near}`?")
        } else {
            format!("unknown key `{shown}`; a configuration has `defaults` and `targets`")
        };
        self.mistakes.add(Some(at), message);
    }

    fn targets(&mut self, value: &Node, at: Mark) -> Vec<Section> {
        let nodes = match &value.kind {
            Kind::List(nodes) if !nodes.is_empty() => nodes,
            Kind::Scalar(scalar) if !scalar.is_null() => return self.no_list(at),
            Kind::Map(_) => return self.no_list(at),
            Kind::List(_) | Kind::Scalar(_) => {
                self.mistakes.add(Some(at), "no targets: the list is empty");
                return Vec::new();
            }
        };
        nodes.iter().map(|node| self.section(node, node.at, "a target", false)).collect()
    }

    fn no_list(&mut self, at: Mark) -> Vec<Section> {
        self.mistakes.add(Some(at), "`targets` is a list of maps, each with the options of one target");
        Vec::new()
    }

    fn section(&mut self, node: &Node, at: Mark, called: &str, defaults: bool) -> Section {
        let mut section = Section { at, values: BTreeMap::new() };
        let entries = match &node.kind {
            Kind::Map(entries) => entries,
            // A list item or a key with nothing behind it: what is missing will be said.
            Kind::Scalar(scalar) if scalar.is_null() => return section,
            Kind::Scalar(_) | Kind::List(_) => {
                let called = if defaults { format!("`{called}`") } else { called.to_owned() };
                self.mistakes.add(Some(at), format!("{called} is a map of options"));
                return section;
            }
        };
        for entry in entries {
            if let Some(why) = self.misplaced(&entry.key, defaults) {
                self.mistakes.add(Some(entry.at), why);
            } else if let Some(value) = self.value(entry) {
                section.values.insert(entry.key.clone(), value);
            }
        }
        section
    }

    /// Why a key may not stand here, if it may not.
    fn misplaced(&self, key: &str, defaults: bool) -> Option<String> {
        let shown = printable(key, MESSAGE_BYTES);
        match self.keys.place(key) {
            Some(Place::Target) => None,
            Some(Place::Process) if defaults => None,
            Some(Place::Process) => {
                Some(format!("`{shown}` is of the whole process; it stands under `defaults`"))
            }
            Some(Place::Call) => {
                Some(format!("`{shown}` is of one call; it belongs on the command line, as --{shown}"))
            }
            None if key == "<<" => {
                Some("`<<` is no key; what targets have in common stands under `defaults`".to_owned())
            }
            None => Some(match self.keys.nearest(key) {
                Some(near) => format!("unknown key `{shown}`; did you mean `{near}`?"),
                None => format!("unknown key `{shown}`; `minutebook run --help` lists them all"),
            }),
        }
    }

    /// The value as its flag would have it; `None` if it is none for a flag at all.
    fn value(&mut self, Entry { key, at, value }: &Entry) -> Option<Value> {
        let argument = self.keys.argument(key)?;
        let at = *at;
        let text = match &value.kind {
            Kind::Scalar(scalar) if scalar.text.is_empty() || scalar.is_null() => {
                Err(format!("`{key}` has no value; give it one, or leave the key out"))
            }
            Kind::Scalar(scalar) => Ok(scalar.text.clone()),
            Kind::Map(entries) if key == "filter-settings" => match to_json(entries) {
                Ok(json) => Ok(json),
                Err((at, why)) => {
                    self.mistakes.add(Some(at), format!("`{key}`: {why}"));
                    return Some(Value { text: OsString::new(), at, sound: false });
                }
            },
            Kind::List(_) if key == "filter-settings" => {
                Err(format!("`{key}` is a map, JSON in quotes, or `@FILE`, not a list"))
            }
            Kind::Map(_) => Err(format!("`{key}` is text or a number, not a map")),
            Kind::List(nodes) if keys::may_be_several(argument) => texts(key, nodes),
            Kind::List(_) => Err(format!("`{key}` is text or a number, not a list")),
        };
        let text = match text {
            Ok(text) => text,
            Err(why) => {
                self.mistakes.add(Some(at), why);
                return Some(Value { text: OsString::new(), at, sound: false });
            }
        };
        let rebased = keys::rebased(argument, text.clone(), self.folder);
        let checked = keys::check(argument, &rebased);
        let sound = checked.is_ok();
        if let Err(why) = checked {
            let shown = if keys::is_secret(key, &text) {
                String::new()
            } else {
                format!(" is `{}`", printable(&text, MESSAGE_BYTES))
            };
            self.mistakes.add(Some(at), format!("`{key}`{shown}: {why}"));
        }
        Some(Value { text: rebased, at, sound })
    }
}

/// A list as one text, as it would be typed.
fn texts(key: &str, nodes: &[Rc<Node>]) -> Result<String, String> {
    fn text<'a>(key: &str, node: &'a Node) -> Result<&'a str, String> {
        match &node.kind {
            Kind::Scalar(scalar) if !scalar.text.is_empty() && !scalar.is_null() => Ok(scalar.text.as_str()),
            Kind::Scalar(_) => Err(format!("`{key}` has an item without a value")),
            Kind::List(_) | Kind::Map(_) => Err(format!("`{key}` is a text or a list of texts")),
        }
    }
    let texts: Vec<&str> = nodes.iter().map(|node| text(key, node)).collect::<Result<_, _>>()?;
    if texts.is_empty() {
        return Err(format!("`{key}` has no value; give it one, or leave the key out"));
    }
    Ok(texts.join(","))
}
