//! YAML as a tree that knows where everything stands.
//!
//! Built of the parser's events, and not by a loader: those end at the first key that is given twice, or
//! pass it over, and a configuration's mistakes are told all at once. An alias is a second
//! pointer here, and how large it would be written out is counted.

use std::borrow::Cow;
use std::collections::HashMap;
use std::rc::Rc;

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, ScanError, Tag};

use super::mistakes::Mark;
use crate::model::limits::{MESSAGE_BYTES, NAMED_FILE_BYTES};
use crate::model::text::printable;

/// How deep lists and maps may lie in each other; a configuration needs five levels.
const DEPTH: usize = 64;

/// A mistake and where it is.
pub(super) type Found = (Mark, String);

/// A value and where it begins.
#[derive(Debug)]
pub(super) struct Node {
    pub(super) at: Mark,
    pub(super) kind: Kind,
    /// Bytes of all texts in it, those behind aliases too.
    weight: usize,
}

#[derive(Debug)]
pub(super) enum Kind {
    Scalar(Scalar),
    List(Vec<Rc<Node>>),
    Map(Vec<Entry>),
}

/// A text; what it means is for whoever reads it.
#[derive(Debug)]
pub(super) struct Scalar {
    pub(super) text: String,
    /// Without quotes, so that it may be a number or no value at all.
    pub(super) plain: bool,
}

/// A key and its value. In one map no two are the same.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) at: Mark,
    pub(super) value: Rc<Node>,
}

impl Scalar {
    /// `key:` with nothing behind it, or one of the words for that.
    pub(super) fn is_null(&self) -> bool {
        self.plain && matches!(self.text.as_str(), "" | "~" | "null" | "Null" | "NULL")
    }
}

/// Reads one document; `None` if there is nothing in it. A mistake that leaves the rest readable goes
/// into `mistakes`.
///
/// # Errors
/// It cannot be read on from there.
pub(super) fn parse(text: &str, mistakes: &mut Vec<Found>) -> Result<Option<Rc<Node>>, Found> {
    let mut builder = Builder { open: Vec::new(), anchors: HashMap::new(), root: None, mistakes };
    let mut documents = 0;
    for next in Parser::new_from_str(text) {
        let (event, span) = next.map_err(|error| no_yaml(&error))?;
        let at = mark(span.start);
        match event {
            Event::DocumentStart(_) => {
                documents += 1;
                if documents > 1 {
                    return Err((at, "a second document begins here; a configuration is one".to_owned()));
                }
            }
            Event::Alias(anchor) => builder.alias(anchor, at)?,
            Event::Scalar(text, style, anchor, tag) => {
                let plain = style == ScalarStyle::Plain && tag.is_none();
                builder.refuse_tag(tag.as_ref(), at);
                let weight = text.len().max(1);
                let kind = Kind::Scalar(Scalar { text: text.into_owned(), plain });
                builder.add(Node { at, kind, weight }, anchor)?;
            }
            Event::SequenceStart(anchor, tag) => {
                builder.begin(Holds::List(Vec::new()), anchor, tag.as_ref(), at)?;
            }
            Event::MappingStart(anchor, tag) => {
                builder.begin(Holds::Map(Vec::new(), Key::Next), anchor, tag.as_ref(), at)?;
            }
            Event::SequenceEnd | Event::MappingEnd => builder.end()?,
            Event::Nothing | Event::StreamStart | Event::StreamEnd | Event::DocumentEnd => {}
        }
    }
    Ok(builder.root)
}

struct Builder<'a> {
    open: Vec<Open>,
    anchors: HashMap<usize, Rc<Node>>,
    root: Option<Rc<Node>>,
    mistakes: &'a mut Vec<Found>,
}

/// A list or map whose end is still to come.
struct Open {
    at: Mark,
    anchor: usize,
    weight: usize,
    holds: Holds,
}

enum Holds {
    List(Vec<Rc<Node>>),
    Map(Vec<Entry>, Key),
}

/// What the next node in a map is.
enum Key {
    /// A key.
    Next,
    /// The value of this key.
    Given(String, Mark),
    /// The value of a key that was a mistake.
    Mistaken,
}

impl Builder<'_> {
    fn begin(
        &mut self,
        holds: Holds,
        anchor: usize,
        tag: Option<&Cow<'_, Tag>>,
        at: Mark,
    ) -> Result<(), Found> {
        self.refuse_tag(tag, at);
        if self.open.len() >= DEPTH {
            return Err((at, format!("lists and maps lie in each other more than {DEPTH} deep")));
        }
        self.open.push(Open { at, anchor, weight: 1, holds });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Found> {
        let Some(Open { at, anchor, weight, holds }) = self.open.pop() else { return Ok(()) };
        let kind = match holds {
            Holds::List(nodes) => Kind::List(nodes),
            Holds::Map(entries, _) => Kind::Map(entries),
        };
        self.add(Node { at, kind, weight }, anchor)
    }

    fn alias(&mut self, anchor: usize, at: Mark) -> Result<(), Found> {
        let Some(node) = self.anchors.get(&anchor) else {
            return Err((at, "an alias stands within what it stands for".to_owned()));
        };
        let node = Rc::clone(node);
        self.put(node, at)
    }

    fn add(&mut self, node: Node, anchor: usize) -> Result<(), Found> {
        let (at, node) = (node.at, Rc::new(node));
        if anchor > 0 {
            self.anchors.insert(anchor, Rc::clone(&node));
        }
        self.put(node, at)
    }

    /// Puts a node where the next one belongs; `at` is where it is used.
    fn put(&mut self, node: Rc<Node>, at: Mark) -> Result<(), Found> {
        let Some(open) = self.open.last_mut() else {
            self.root = Some(node);
            return Ok(());
        };
        open.weight = open.weight.saturating_add(node.weight);
        if open.weight > NAMED_FILE_BYTES {
            let why = format!("with its aliases written out this is larger than {NAMED_FILE_BYTES} bytes");
            return Err((at, why));
        }
        let (entries, key) = match &mut open.holds {
            Holds::List(nodes) => {
                nodes.push(node);
                return Ok(());
            }
            Holds::Map(entries, key) => (entries, key),
        };
        *key = match std::mem::replace(key, Key::Next) {
            Key::Next => match name(&node, at, entries) {
                Ok(name) => Key::Given(name, at),
                Err(mistake) => {
                    self.mistakes.push((at, mistake));
                    Key::Mistaken
                }
            },
            Key::Given(key, at) => {
                entries.push(Entry { key, at, value: node });
                Key::Next
            }
            Key::Mistaken => Key::Next,
        };
        Ok(())
    }

    /// Tags of YAML itself (`!!str`) do no harm.
    fn refuse_tag(&mut self, tag: Option<&Cow<'_, Tag>>, at: Mark) {
        if let Some(tag) = tag.filter(|tag| !tag.is_yaml_core_schema()) {
            let tag = printable(&tag.to_string(), MESSAGE_BYTES);
            self.mistakes.push((at, format!("the tag `{tag}` means nothing here")));
        }
    }
}

/// What a node is as the key of a map.
fn name(node: &Node, at: Mark, entries: &[Entry]) -> Result<String, String> {
    let Kind::Scalar(scalar) = &node.kind else {
        return Err("a key is text, not a list or map".to_owned());
    };
    let shown = || printable(&scalar.text, MESSAGE_BYTES);
    match entries.iter().find(|entry| entry.key == scalar.text) {
        Some(first) if first.at.line == at.line => Err(format!("`{}` is given twice", shown())),
        Some(first) => Err(format!("`{}` is given twice, first in line {}", shown(), first.at.line)),
        None => Ok(scalar.text.clone()),
    }
}

fn no_yaml(error: &ScanError) -> Found {
    (mark(*error.marker()), format!("not YAML: {}", printable(error.info(), MESSAGE_BYTES)))
}

fn mark(marker: Marker) -> Mark {
    Mark { line: marker.line(), column: marker.col() + 1 }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    fn refused(text: &str) -> String {
        let (at, why) = parse(text, &mut Vec::new()).unwrap_err();
        format!("{}:{}: {why}", at.line, at.column)
    }

    fn mistakes(text: &str) -> Vec<String> {
        let mut mistakes = Vec::new();
        parse(text, &mut mistakes).unwrap();
        mistakes.into_iter().map(|(at, why)| format!("{}:{}: {why}", at.line, at.column)).collect()
    }

    #[test]
    fn texts_are_as_written_and_know_their_place() {
        let root = parse("a: 0x10\nb:\n  - '007'\n  - ~\n", &mut Vec::new()).unwrap().unwrap();
        let Kind::Map(entries) = &root.kind else { panic!("a map: {root:?}") };
        let Kind::Scalar(a) = &entries[0].value.kind else { panic!("a text: {root:?}") };
        assert_eq!((a.text.as_str(), a.plain), ("0x10", true));
        assert_eq!((entries[1].at, entries[1].key.as_str()), (Mark { line: 2, column: 1 }, "b"));
        let Kind::List(list) = &entries[1].value.kind else { panic!("a list: {root:?}") };
        assert_eq!(list[1].at, Mark { line: 4, column: 5 });
        let null = |node: &Node| matches!(&node.kind, Kind::Scalar(scalar) if scalar.is_null());
        assert!(null(&list[1]) && !null(&list[0]));
        assert!(parse("# nothing\n", &mut Vec::new()).unwrap().is_none());
        assert!(parse("\u{feff}a: b\r\n", &mut Vec::new()).unwrap().is_some());
    }

    #[test]
    fn a_billion_laughs_are_refused_where_they_become_too_many() {
        let mut text = "a0: &a0 lol\n".to_owned();
        for level in 1..=30 {
            let below = format!("*a{}", level - 1);
            writeln!(text, "a{level}: &a{level} [{}]", [below.as_str(); 10].join(", ")).unwrap();
        }
        let expected = "8:15: with its aliases written out this is larger than 4194304 bytes";
        assert_eq!(refused(&text), expected);
        assert!(refused("a: &a [1, *a]").contains("stands within what it stands for"));
        assert!(refused("a: *b").contains("not YAML"));
        let few = "a: &a {x: [1, 2]}\nb: [*a, *a]\n";
        assert_eq!(mistakes(few), [""; 0]);
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(&nested(DEPTH), &mut Vec::new()).is_ok());
        assert!(refused(&nested(DEPTH + 1)).starts_with("1:65: lists and maps"));
        assert!(parse(&nested(1_000_000), &mut Vec::new()).is_err());
    }

    #[test]
    fn what_is_no_single_document_is_refused_with_its_line() {
        assert!(refused("a: b\n---\nc: d\n").starts_with("2:1: a second document"));
        for bad in ["a: [1\n", "a: \"x\n", "a:\n\t- b\n", "a: b: c\n", "}\n", "a: b\n c: d\n", "\0"] {
            assert!(refused(bad).contains("not YAML: "), "{bad:?}");
        }
    }

    #[test]
    fn mistakes_with_keys_do_not_hide_the_rest() {
        let text = "a: 1\nb: !x 2\n[c]: 3\na: 4\nd: {e: 5, e: 6}\n";
        let expected = [
            "2:4: the tag `!x` means nothing here",
            "3:1: a key is text, not a list or map",
            "4:1: `a` is given twice, first in line 1",
            "5:11: `e` is given twice",
        ];
        assert_eq!(mistakes(text), expected);
    }
}
