//! Parts of an expression as text, for messages.

use cel::IdedExpr;
use cel::common::ast::{Expr, LiteralValue, operators};

/// Characters of a text that is shown.
const MOST: usize = 60;

/// A text that may be long, so that what is said of it after it still has its place.
pub(crate) fn cut(text: &str) -> String {
    match text.char_indices().nth(MOST) {
        Some((end, _)) => format!("{}...", &text[..end]),
        None => text.to_owned(),
    }
}

/// A part as it was written, if that is short, with what is long in it left out.
pub(crate) fn shown(part: &IdedExpr) -> Option<String> {
    written(part).filter(|text| text.chars().count() <= 2 * MOST)
}

fn written(part: &IdedExpr) -> Option<String> {
    Some(match &part.expr {
        Expr::Ident(name) if !name.starts_with('@') => name.clone(),
        Expr::Select(select) if !select.test => format!("{}.{}", shown(&select.operand)?, select.field),
        Expr::Literal(literal) => shown_literal(literal)?,
        Expr::List(list) => match list.elements.as_slice() {
            [] => String::from("[]"),
            [one] => format!("[{}]", shown(one).as_deref().unwrap_or("...")),
            _ => String::from("[...]"),
        },
        Expr::Call(call) if call.func_name.starts_with(|first: char| first.is_ascii_alphabetic()) => {
            let arguments = if call.args.is_empty() { "" } else { "..." };
            match &call.target {
                Some(target) => format!("{}.{}({arguments})", shown(target)?, call.func_name),
                None => format!("{}({arguments})", call.func_name),
            }
        }
        Expr::Call(call) if call.func_name == operators::INDEX => match call.args.as_slice() {
            [operand, key] => format!("{}[{}]", shown(operand)?, shown(key)?),
            _ => return None,
        },
        _ => return None,
    })
}

fn shown_literal(literal: &LiteralValue) -> Option<String> {
    Some(match literal {
        LiteralValue::Boolean(value) => value.inner().to_string(),
        LiteralValue::Int(value) => value.inner().to_string(),
        LiteralValue::UInt(value) => format!("{}u", value.inner()),
        LiteralValue::Null => String::from("null"),
        LiteralValue::String(text) if text.inner().chars().count() <= MOST => {
            format!("'{}'", text.inner().replace('\\', "\\\\").replace('\'', "\\'").replace('\n', "\\n"))
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use cel::parser::PrattParser;

    use super::*;

    #[test]
    fn what_is_short_is_shown_as_it_was_written() {
        for (text, expected) in [
            ("resource.name", Some("resource.name")),
            ("  ( .target . scope )", Some(".target.scope")),
            ("\"a'\\n\\\\b\"", Some("'a\\'\\n\\\\b'")),
            ("''", Some("''")),
            ("-3", Some("-3")),
            ("3u", Some("3u")),
            ("true", Some("true")),
            ("null", Some("null")),
            ("[]", Some("[]")),
            ("['a']", Some("['a']")),
            ("[1 + 2]", Some("[...]")),
            ("['a', 'b']", Some("[...]")),
            ("size(resource.verbs)", Some("size(...)")),
            ("resource.name.size()", Some("resource.name.size()")),
            ("a.b.startsWith(c)", Some("a.b.startsWith(...)")),
            ("1.5", None),
            ("a + b", None),
            ("(a + b).c", None),
            ("a[0].b", Some("a[0].b")),
            ("a['b']", Some("a['b']")),
            ("a[b + c]", None),
            ("has(a.b)", None),
            ("a.all(b, c)", None),
            ("{'a': 1}", None),
        ] {
            assert_eq!(shown(&PrattParser::new().parse(text).unwrap()).as_deref(), expected, "{text}");
        }
        let long = "a".repeat(61);
        for text in [format!("'{long}'"), long.repeat(2), format!("a{}", "[0]".repeat(100))] {
            assert_eq!(shown(&PrattParser::new().parse(&text).unwrap()), None, "{text}");
        }
    }
}
