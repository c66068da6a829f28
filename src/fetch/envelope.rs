//! What stands around a list's items, found without building a tree: pure.
//!
//! A page is stored as sent, so everything here is positions in its bytes. serde_json checks the
//! whole page; its raw values say where a thing begins and ends.

use std::fmt;
use std::ops::Range;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::model::limits::MESSAGE_BYTES;
use crate::model::text::printable;

/// The members of `metadata` that belong to a page and not to the list.
const OF_A_PAGE: [&str; 2] = [CONTINUE, "remainingItemCount"];
/// Holds the token of the next page.
const CONTINUE: &str = "continue";
/// How many separate places of `metadata` may go: servers have one or two, and each takes memory.
const CUTS: usize = 100;

/// A page, taken apart.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Envelope {
    /// Its items, or why it is not a list.
    pub(super) items: Result<Items, &'static str>,
    /// The token of the next page.
    pub(super) token: Option<String>,
    /// What is left out when several pages become one document.
    cuts: Vec<Range<usize>>,
}

/// Where the items are.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Items {
    /// The whole value: `[…]`, or `null`.
    value: Range<usize>,
    /// From the first item to the last.
    inner: Range<usize>,
    /// How many there are.
    pub(super) count: u64,
}

/// Why a page cannot be stored.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unusable {
    /// Not JSON; serde's words.
    NotJson(String),
    /// An object of kind `Status`, with its message.
    Status(Option<String>),
    /// A continue token that cannot be followed.
    Token,
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotJson(why) => write!(f, "the answer is not valid JSON: {why}"),
            Self::Status(None) => f.write_str("the answer is a Status, not a list"),
            Self::Status(Some(message)) => write!(f, "the answer is a Status, not a list: {message}"),
            Self::Token => f.write_str("`metadata.continue` is not a string"),
        }
    }
}

impl Envelope {
    /// Takes a page apart.
    pub(super) fn read(page: &[u8]) -> Result<Self, Unusable> {
        let not_json =
            |error: serde_json::Error| Unusable::NotJson(printable(&error.to_string(), MESSAGE_BYTES));
        if page.trim_ascii_start().first() != Some(&b'{') {
            serde_json::from_slice::<&RawValue>(page).map_err(not_json)?;
            return Ok(Self { items: Err("it is not an object"), token: None, cuts: Vec::new() });
        }
        let mut deserializer = serde_json::Deserializer::from_slice(page);
        let top = deserializer.deserialize_map(TopVisitor { page }).map_err(not_json)?;
        deserializer.end().map_err(not_json)?;

        if top.is_status {
            return Err(Unusable::Status(top.message));
        }
        let token = match top.of_the_page.token {
            Some(Token::NotAString) => return Err(Unusable::Token),
            Some(Token::Some(token)) => Some(token),
            Some(Token::None) | None => None,
        };
        let odd = match top.metadata {
            Seen::Odd => Some("its `metadata` is not an object"),
            Seen::Twice => Some("it has `metadata` twice"),
            Seen::Never | Seen::Once if top.of_the_page.crowded => {
                Some("its `metadata` is full of `continue`")
            }
            Seen::Never | Seen::Once => None,
        };
        let cuts = top.of_the_page.cuts;
        let items = match (top.items, odd) {
            (Found::Once(_), Some(odd)) => Err(odd),
            (Found::Once(items), None) => Ok(items),
            (Found::Never, _) => Err("it has no `items`"),
            (Found::Twice, _) => Err("it has `items` twice"),
            (Found::NoArray, _) => Err("its `items` are not an array"),
        };
        Ok(Self { items, token, cuts })
    }

    /// The part of a first page before its items, without what belongs to the page alone.
    pub(super) fn before<'a>(&self, page: &'a [u8], items: &Items) -> Vec<&'a [u8]> {
        self.without_cuts(page, 0..items.value.start)
    }

    /// The part of a first page behind its items, likewise.
    pub(super) fn behind<'a>(&self, page: &'a [u8], items: &Items) -> Vec<&'a [u8]> {
        self.without_cuts(page, items.value.end..page.len())
    }

    fn without_cuts<'a>(&self, page: &'a [u8], part: Range<usize>) -> Vec<&'a [u8]> {
        let mut kept = Vec::new();
        let mut from = part.start;
        // Cuts are in order, and none reaches over the items.
        for cut in self.cuts.iter().filter(|cut| part.contains(&cut.start)) {
            kept.push(&page[from..cut.start]);
            from = cut.end;
        }
        kept.push(&page[from..part.end]);
        kept
    }
}

/// As much of an object as says whether it has an identity.
#[derive(Deserialize)]
struct Identified {
    #[serde(default)]
    metadata: Option<Uid>,
}

#[derive(Deserialize)]
struct Uid {
    #[serde(default)]
    uid: Option<IgnoredAny>,
}

impl Items {
    /// Whether the first object has a `uid`; `None` if there is no object, or its `metadata` cannot be read so.
    pub(super) fn first_has_uid(&self, page: &[u8]) -> Option<bool> {
        // What follows the first object is a comma, at which nobody looks.
        let first =
            serde_json::Deserializer::from_slice(self.of(page)).into_iter::<Identified>().next()?.ok()?;
        Some(first.metadata.is_some_and(|metadata| metadata.uid.is_some()))
    }

    /// The items of a page with the commas between them.
    pub(super) fn of<'a>(&self, page: &'a [u8]) -> &'a [u8] {
        &page[self.inner.clone()]
    }
}

/// The top level of a page, as far as it matters.
#[derive(Default)]
struct Top {
    items: Found,
    metadata: Seen,
    of_the_page: OfThePage,
    is_status: bool,
    message: Option<String>,
}

#[derive(Default)]
enum Seen {
    #[default]
    Never,
    Once,
    Twice,
    Odd,
}

impl Top {
    fn see_metadata(&mut self, page: &[u8], metadata: &RawValue) -> serde_json::Result<()> {
        self.metadata = match (&self.metadata, metadata.get().as_bytes().first()) {
            (Seen::Never, Some(b'{' | b'n')) => Seen::Once,
            (Seen::Never | Seen::Odd, _) => Seen::Odd,
            (Seen::Once | Seen::Twice, _) => Seen::Twice,
        };
        if metadata.get().starts_with('{') {
            // A slice of the page, so that positions in it are positions in the page.
            let bytes = &page[range(page, metadata)];
            let found = serde_json::Deserializer::from_slice(bytes).deserialize_map(Metadata { page })?;
            let before = std::mem::replace(&mut self.of_the_page, found);
            // If there is a token in any, the answer goes on.
            if matches!(self.of_the_page.token, None | Some(Token::None)) {
                self.of_the_page.token = before.token;
            }
        }
        Ok(())
    }
}

#[derive(Default)]
enum Found {
    #[default]
    Never,
    Once(Items),
    Twice,
    NoArray,
}

struct TopVisitor<'a> {
    page: &'a [u8],
}

impl<'de> Visitor<'de> for TopVisitor<'de> {
    type Value = Top;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Top, A::Error> {
        let mut top = Top::default();
        while let Some(key) = map.next_key::<&RawValue>()? {
            let after_key = range(self.page, key).end;
            match text(key).as_deref() {
                Some("items") => {
                    let items = self.items(after_key, &mut map)?;
                    top.items = if matches!(top.items, Found::Never) { items } else { Found::Twice };
                }
                Some("metadata") => {
                    top.see_metadata(self.page, map.next_value()?).map_err(A::Error::custom)?;
                }
                Some("kind") => top.is_status |= text(map.next_value()?).as_deref() == Some("Status"),
                Some("message") => {
                    let message = text(map.next_value()?).unwrap_or_default();
                    top.message =
                        Some(printable(&message, MESSAGE_BYTES)).filter(|message| !message.is_empty());
                }
                _ => {
                    map.next_value::<&RawValue>()?;
                }
            }
        }
        Ok(top)
    }
}

impl<'de> TopVisitor<'de> {
    fn items<A: MapAccess<'de>>(&self, after_key: usize, map: &mut A) -> Result<Found, A::Error> {
        // Behind the key there can only be a colon, or the parser will say so.
        let colon = skip_space(self.page, after_key);
        let start = skip_space(self.page, colon + 1);
        if self.page.get(start) != Some(&b'[') {
            let value: &RawValue = map.next_value()?;
            let value_range = range(self.page, value);
            let empty = Items { inner: value_range.start..value_range.start, value: value_range, count: 0 };
            return Ok(if value.get() == "null" { Found::Once(empty) } else { Found::NoArray });
        }
        let (inner, count) = map.next_value_seed(Elements { page: self.page, empty: start + 1 })?;
        let end = skip_space(self.page, inner.end) + 1;
        Ok(Found::Once(Items { value: start..end, inner, count }))
    }
}

/// Reads the elements of an array and says where they are.
struct Elements<'a> {
    page: &'a [u8],
    empty: usize,
}

impl<'de> DeserializeSeed<'de> for Elements<'de> {
    type Value = (Range<usize>, u64);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de> Visitor<'de> for Elements<'de> {
    type Value = (Range<usize>, u64);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
        let (mut inner, mut count) = (self.empty..self.empty, 0);
        while let Some(element) = seq.next_element::<&RawValue>()? {
            let element = range(self.page, element);
            if count == 0 {
                inner.start = element.start;
            }
            inner.end = element.end;
            count += 1;
        }
        Ok((inner, count))
    }
}

/// What `metadata` holds that belongs to a page alone.
#[derive(Default)]
struct OfThePage {
    /// The value of the last `continue`: of several, parsers take the last one.
    token: Option<Token>,
    /// Where the members are: with the comma and white space before them, or behind where they
    /// come first.
    cuts: Vec<Range<usize>>,
    /// Whether there are more of them than anybody means.
    crowded: bool,
}

enum Token {
    None,
    Some(String),
    NotAString,
}

impl Token {
    fn read(value: &RawValue) -> Self {
        match text(value) {
            Some(token) if token.is_empty() => Self::None,
            Some(token) => Self::Some(token),
            None if value.get() == "null" => Self::None,
            None => Self::NotAString,
        }
    }
}

impl OfThePage {
    fn cut(&mut self, range: Range<usize>) {
        if let Some(last) = self.cuts.last_mut().filter(|last| last.end == range.start) {
            last.end = range.end;
        } else if self.cuts.len() == CUTS {
            self.crowded = true;
        } else {
            self.cuts.push(range);
        }
    }
}

struct Metadata<'a> {
    page: &'a [u8],
}

impl<'de> Visitor<'de> for Metadata<'de> {
    type Value = OfThePage;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<OfThePage, A::Error> {
        let mut found = OfThePage::default();
        // The members so far that come before the first one that stays.
        let mut leading: Option<Range<usize>> = None;
        let mut previous_end = None;
        while let Some(key) = map.next_key::<&RawValue>()? {
            let value: &RawValue = map.next_value()?;
            let (key_range, end) = (range(self.page, key), range(self.page, value).end);
            let name = text(key);
            if name.as_deref() == Some(CONTINUE) {
                found.token = Some(Token::read(value));
            }
            let goes = name.is_some_and(|name| OF_A_PAGE.contains(&name.as_str()));
            match (previous_end, goes) {
                (None, true) => leading = Some(leading.map_or(key_range.start, |first| first.start)..end),
                (None, false) => {
                    if let Some(first) = leading.take() {
                        found.cut(first.start..key_range.start);
                    }
                    previous_end = Some(end);
                }
                (Some(from), goes) => {
                    if goes {
                        found.cut(from..end);
                    }
                    previous_end = Some(end);
                }
            }
        }
        if let Some(all) = leading {
            found.cut(all);
        }
        Ok(found)
    }
}

fn range(page: &[u8], part: &RawValue) -> Range<usize> {
    let start = part.get().as_ptr().addr() - page.as_ptr().addr();
    start..start + part.get().len()
}

/// A JSON string's text; `None` for anything else.
fn text(value: &RawValue) -> Option<String> {
    serde_json::from_str(value.get()).ok()
}

fn skip_space(page: &[u8], from: usize) -> usize {
    let space = |byte: &u8| matches!(byte, b' ' | b'\t' | b'\r' | b'\n');
    page[from.min(page.len())..].iter().position(|byte| !space(byte)).map_or(page.len(), |space| from + space)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(page: &str) -> Envelope {
        Envelope::read(page.as_bytes()).unwrap()
    }

    /// What several pages become, from the first one's envelope and all items.
    fn envelope(page: &str) -> String {
        let envelope = read(page);
        let items = envelope.items.as_ref().unwrap();
        let page = page.as_bytes();
        let text = |parts: Vec<&[u8]>| String::from_utf8(parts.concat()).unwrap();
        text(envelope.before(page, items)) + "[]" + &text(envelope.behind(page, items))
    }

    fn items(page: &str) -> (&str, u64) {
        let items = read(page).items.unwrap();
        (std::str::from_utf8(items.of(page.as_bytes())).unwrap(), items.count)
    }

    #[test]
    fn items_are_found_with_the_commas_between_them_and_no_space_around() {
        assert_eq!(items(r#"{"items":[]}"#), ("", 0));
        assert_eq!(items("{ \"items\" :\t[ \n ] }"), ("", 0));
        assert_eq!(items(r#"{"items":null}"#), ("", 0));
        assert_eq!(items(r#"{"items":[ {"a": "]"} , 2,"x" ] }"#), (r#"{"a": "]"} , 2,"x""#, 3));
        assert_eq!(items(r#"{"\u0069tems":[1],"x":{"items":[2]}}"#), ("1", 1));
    }

    #[test]
    fn what_belongs_to_a_page_goes_with_its_comma() {
        for (page, document) in [
            // Built-in types, custom resources.
            (
                r#"{"kind":"L","metadata":{"resourceVersion":"7","continue":"t","remainingItemCount":3},"items":[1]}"#,
                r#"{"kind":"L","metadata":{"resourceVersion":"7"},"items":[]}"#,
            ),
            (
                r#"{"items":[1,2],"kind":"L","metadata":{"continue":"t","remainingItemCount":3,"resourceVersion":"7"}}"#,
                r#"{"items":[],"kind":"L","metadata":{"resourceVersion":"7"}}"#,
            ),
            // First, last, in the middle, alone, with white space.
            (
                "{\"metadata\": { \"continue\" : \"t\" ,\n \"a\":1 },\"items\":[1] }",
                "{\"metadata\": { \"a\":1 },\"items\":[] }",
            ),
            (
                "{\"metadata\":{\"a\":1 ,\n\"continue\":\"t\" },\"items\":[]}",
                "{\"metadata\":{\"a\":1 },\"items\":[]}",
            ),
            (
                r#"{"metadata":{"a":1,"continue":"t","b":2},"items":[]}"#,
                r#"{"metadata":{"a":1,"b":2},"items":[]}"#,
            ),
            (r#"{"metadata":{ "continue":"t" },"items":[]}"#, r#"{"metadata":{  },"items":[]}"#),
            // Twice; escaped; not in metadata.
            (
                r#"{"metadata":{"continue":"s","a":1,"continue":"t"},"items":[]}"#,
                r#"{"metadata":{"a":1},"items":[]}"#,
            ),
            (r#"{"metadata":{"a":1,"\u0063ontinue":"t"},"items":[]}"#, r#"{"metadata":{"a":1},"items":[]}"#),
            (
                r#"{"continue":"t","metadata":{"x":{"continue":1}},"items":null}"#,
                r#"{"continue":"t","metadata":{"x":{"continue":1}},"items":[]}"#,
            ),
        ] {
            assert_eq!(envelope(page), document, "{page}");
        }
    }

    #[test]
    fn the_token_is_the_last_one() {
        let token = |metadata: &str| read(&format!(r#"{{"metadata":{metadata},"items":[]}}"#)).token;
        assert_eq!(token(r#"{"continue":"a\u0062"}"#).as_deref(), Some("ab"));
        assert_eq!(token(r#"{"continue":"a","continue":"b"}"#).as_deref(), Some("b"));
        for none in
            ["{}", "null", r#"{"continue":""}"#, r#"{"continue":null}"#, r#"{"continue":"a","continue":""}"#]
        {
            assert_eq!(token(none), None, "{none}");
        }
        let number = Envelope::read(br#"{"metadata":{"continue":7},"items":[]}"#);
        assert_eq!(number, Err(Unusable::Token));
    }

    #[test]
    fn what_is_json_and_no_list_says_why() {
        for (page, why) in [
            ("[]", "it is not an object"),
            (" 7 ", "it is not an object"),
            ("{}", "it has no `items`"),
            (r#"{"items":{}}"#, "its `items` are not an array"),
            (r#"{"items":[],"items":[]}"#, "it has `items` twice"),
            (r#"{"items":[],"metadata":{},"metadata":{}}"#, "it has `metadata` twice"),
            (r#"{"items":[],"metadata":"x"}"#, "its `metadata` is not an object"),
        ] {
            assert_eq!(read(page).items, Err(why), "{page}");
        }
        let twice = read(r#"{"items":[],"metadata":{"continue":"t"},"metadata":{}}"#);
        assert_eq!(twice.token.as_deref(), Some("t"));
    }

    #[test]
    fn metadata_that_is_made_to_fill_memory_is_no_list() {
        let members = |count| vec![r#""continue":"","a":1"#; count].join(",");
        let page = |count| format!(r#"{{"metadata":{{{}}},"items":[]}}"#, members(count));
        assert!(read(&page(CUTS)).items.is_ok());
        assert_eq!(read(&page(CUTS + 1)).items, Err("its `metadata` is full of `continue`"));
        let many = vec![r#""":0"#; 1 << 20].join(",");
        assert!(read(&format!(r#"{{"metadata":{{{many}}},"items":[]}}"#)).cuts.is_empty());
    }

    #[test]
    fn a_status_is_no_list() {
        let status = |page: &str| Envelope::read(page.as_bytes()).unwrap_err().to_string();
        assert_eq!(
            status(r#"{"kind":"Status","message":"no\nway"}"#),
            "the answer is a Status, not a list: no way"
        );
        assert_eq!(status(r#"{"kind":"Status","items":[]}"#), "the answer is a Status, not a list");
    }

    #[test]
    fn what_is_not_json_is_refused() {
        for page in [
            "",
            "<html>",
            "{",
            r#"{"items":[1,]}"#,
            r#"{"items":[1}"#,
            r#"{"items" [1]}"#,
            r#"{"items""#,
            "{} {}",
            "\u{feff}{}",
        ] {
            assert!(matches!(Envelope::read(page.as_bytes()), Err(Unusable::NotJson(_))), "{page}");
        }
        for page in [
            &b"{\"items\":[\"\xff\"]}"[..],
            b"{\"x\":\"\xff\"}",
            b"[\"\xff\"]",
            b"{\"\xff\":1}",
            b"{\"items\":{\"a\":\"\xff\"}}",
        ] {
            assert!(matches!(Envelope::read(page), Err(Unusable::NotJson(_))), "{page:?}");
        }
        let deep = format!(r#"{{"items":[{}{}]}}"#, "[".repeat(1 << 20), "]".repeat(1 << 20));
        assert_eq!(items(&deep).1, 1);
    }

    #[test]
    fn numbers_and_duplicate_keys_inside_items_are_left_alone() {
        let page = r#"{"items":[{"a":1,"a":2},12345678901234567890123,1e400,-0]}"#;
        assert_eq!(items(page).0, r#"{"a":1,"a":2},12345678901234567890123,1e400,-0"#);
    }
}
