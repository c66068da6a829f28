//! What stands around a list's items, found without building a tree: pure.
//!
//! A page is stored as sent, so everything here is positions in its bytes. serde_json checks the
//! whole page; its raw values say where a thing begins and ends.

use std::fmt;
use std::ops::Range;

use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use crate::model::limits::MESSAGE_BYTES;
use crate::model::text::printable;

/// The members of `metadata` that belong to a page and not to the list.
const OF_A_PAGE: [&str; 2] = ["continue", "remainingItemCount"];

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
        let mut token = None;
        let mut cuts = Vec::new();
        let mut odd = (top.metadata.len() > 1).then_some("it has `metadata` twice");
        for metadata in &top.metadata {
            if metadata.get().starts_with('{') {
                let members = members(page, metadata).map_err(not_json)?;
                token = next_token(&members)?.or(token);
                cuts.extend(page_members(&members));
            } else if metadata.get() != "null" {
                odd = Some("its `metadata` is not an object");
            }
        }
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

impl Items {
    /// The items of a page with the commas between them.
    pub(super) fn of<'a>(&self, page: &'a [u8]) -> &'a [u8] {
        &page[self.inner.clone()]
    }
}

/// The top level of a page, as far as it matters.
#[derive(Default)]
struct Top<'a> {
    items: Found,
    metadata: Vec<&'a RawValue>,
    is_status: bool,
    message: Option<String>,
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
    type Value = Top<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Top<'de>, A::Error> {
        let mut top = Top::default();
        while let Some(key) = map.next_key::<&RawValue>()? {
            let after_key = range(self.page, key).end;
            match text(key).as_deref() {
                Some("items") => {
                    let items = self.items(after_key, &mut map)?;
                    top.items = if matches!(top.items, Found::Never) { items } else { Found::Twice };
                }
                Some("metadata") => top.metadata.push(map.next_value()?),
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

/// A member of an object.
struct Member<'a> {
    key: Range<usize>,
    name: String,
    value: &'a RawValue,
    /// Where the value ends.
    end: usize,
}

impl Member<'_> {
    fn is_of_a_page(&self) -> bool {
        OF_A_PAGE.contains(&self.name.as_str())
    }
}

struct Members<'a> {
    page: &'a [u8],
}

fn members<'a>(page: &'a [u8], object: &'a RawValue) -> serde_json::Result<Vec<Member<'a>>> {
    serde_json::Deserializer::from_str(object.get()).deserialize_map(Members { page })
}

impl<'de> Visitor<'de> for Members<'de> {
    type Value = Vec<Member<'de>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let mut members = Vec::new();
        while let Some(key) = map.next_key::<&RawValue>()? {
            let value: &RawValue = map.next_value()?;
            let name = text(key).unwrap_or_default();
            members.push(Member {
                key: range(self.page, key),
                name,
                value,
                end: range(self.page, value).end,
            });
        }
        Ok(members)
    }
}

/// The token that the last `continue` holds: of several, parsers take the last one.
fn next_token(members: &[Member<'_>]) -> Result<Option<String>, Unusable> {
    let Some(last) = members.iter().rfind(|member| member.name == "continue") else {
        return Ok(None);
    };
    match text(last.value) {
        Some(token) => Ok(Some(token).filter(|token| !token.is_empty())),
        None if last.value.get() == "null" => Ok(None),
        None => Err(Unusable::Token),
    }
}

/// Where the members are that belong to a page alone: with the comma and white space before them, or
/// behind where they come first.
fn page_members(members: &[Member<'_>]) -> Vec<Range<usize>> {
    let first_kept = members.iter().position(|member| !member.is_of_a_page()).unwrap_or(members.len());
    let mut cuts = Vec::new();
    if let (Some(first), Some(last)) = (members.first(), members.last())
        && first_kept > 0
    {
        let end = members.get(first_kept).map_or(last.end, |kept| kept.key.start);
        cuts.push(first.key.start..end);
    }
    for pair in members[first_kept..].windows(2) {
        if pair[1].is_of_a_page() {
            cuts.push(pair[0].end..pair[1].end);
        }
    }
    cuts
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
