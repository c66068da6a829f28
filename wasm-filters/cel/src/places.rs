//! Where in the text something is wrong, as people count: in lines and columns.

use cel::IdedExpr;
use cel::common::ast::Expr;
use cel::parser::PrattParser;

/// What is wrong with a part of an expression.
#[derive(Debug, PartialEq)]
pub(crate) struct Fault {
    part: u64,
    message: String,
}

impl Fault {
    /// The place is that of the part's name or operator.
    pub(crate) fn new(part: &IdedExpr, message: impl Into<String>) -> Fault {
        Fault { part: part.id, message: message.into() }
    }

    /// The place is where the part begins, to the left of its operator.
    pub(crate) fn from_start(part: &IdedExpr, message: impl Into<String>) -> Fault {
        let mut first = part;
        loop {
            first = match &first.expr {
                Expr::Select(select) if !select.test => &select.operand,
                Expr::Comprehension(of) => &of.iter_range,
                Expr::Call(call) => match (&call.target, call.args.first()) {
                    (Some(target), _) => target,
                    (None, Some(left)) if call.func_name.starts_with(['_', '@']) => left,
                    _ => return Fault::new(first, message),
                },
                _ => return Fault::new(first, message),
            };
        }
    }

    /// The message, with the place of the part in the text that it was parsed from.
    pub(crate) fn in_words(&self, text: &str) -> String {
        let place = offset(text, self.part).map(|offset| place(text, offset)).unwrap_or_default();
        format!("{place}{}", self.message)
    }
}

/// `line 1, column 1: ` for the first byte.
pub(crate) fn place(text: &str, offset: usize) -> String {
    let before = text.get(..offset).unwrap_or(text);
    let (above, line) = before.rsplit_once('\n').map_or((None, before), |(above, line)| (Some(above), line));
    let lines = above.map_or(1, |above| above.split('\n').count() + 1);
    format!("line {lines}, column {}: ", line.chars().count() + 1)
}

/// Where a part begins. The parser tells only with an error where the parts are, but what it has
/// parsed before an error it parses, and numbers, in the same way.
fn offset(text: &str, part: u64) -> Option<usize> {
    let errors = PrattParser::new().parse(&format!("{text}\n)")).err()?.errors;
    let (start, _) = errors.iter().find_map(|error| error.source_info.as_ref()?.offset_for(part))?;
    let start = usize::try_from(start).ok()?;
    Some(name_at(text, start).unwrap_or(start))
}

/// The parser puts a method at its bracket and a field at its dot; people look for the name.
fn name_at(text: &str, start: usize) -> Option<usize> {
    let (before, at) = text.split_at_checked(start)?;
    if at.starts_with('(') {
        let named = before.trim_end();
        Some(named.trim_end_matches(|sign: char| sign.is_ascii_alphanumeric() || sign == '_').len())
    } else {
        let name = at.strip_prefix('.')?.trim_start();
        Some(text.len() - name.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_place_is_counted_in_lines_and_characters() {
        for (offset, expected) in [
            (0, "line 1, column 1: "),
            (3, "line 1, column 3: "),
            (4, "line 2, column 1: "),
            (5, "line 3, column 1: "),
            (6, "line 3, column 2: "),
            (100, "line 3, column 2: "),
        ] {
            assert_eq!(place("aé\n\nb", offset), expected, "{offset}");
        }
    }

    #[test]
    fn a_fault_is_where_the_name_of_its_part_is() {
        for (text, place) in [
            ("aa", "line 1, column 1: "),
            (" \n aa // and no more", "line 2, column 2: "),
            ("b.aa", "line 1, column 3: "),
            ("b\n . aa", "line 2, column 4: "),
            (".aa", "line 1, column 2: "),
            ("'é'.aa(1)", "line 1, column 5: "),
            ("'é'. aa (1)", "line 1, column 6: "),
            ("aa(1)", "line 1, column 1: "),
            ("((b)).aa", "line 1, column 7: "),
            ("b == 1", "line 1, column 3: "),
            ("[1]", "line 1, column 1: "),
            ("has(b.c)", "line 1, column 1: "),
        ] {
            let fault = Fault::new(&PrattParser::new().parse(text).unwrap(), "x");
            assert_eq!(fault.in_words(text), format!("{place}x"), "{text}");
        }
    }

    #[test]
    fn what_is_said_of_a_whole_is_where_it_begins() {
        for (text, place) in [
            (" a.b.c == d", "line 1, column 2: "),
            ("(a[1] + b) in c ? d : e", "line 1, column 2: "),
            ("'x' + a.b(c).all(d, e) < f", "line 1, column 1: "),
            (" !a.b", "line 1, column 2: "),
            (" has(a.b) && c", "line 1, column 2: "),
            (" f(a).b", "line 1, column 2: "),
            (" -a == b", "line 1, column 2: "),
        ] {
            let fault = Fault::from_start(&PrattParser::new().parse(text).unwrap(), "x");
            assert_eq!(fault.in_words(text), format!("{place}x"), "{text}");
        }
    }
}
