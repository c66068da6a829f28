//! A number and what it counts, as people say it: `1 resources` looks like a mistake in more than the grammar.

use std::fmt;

/// A number and what it counts: `no pages`, `1 page`, `2 pages`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count<N>(pub N, pub &'static str);

impl<N: Copy + fmt::Display + PartialEq + From<u8>> fmt::Display for Count<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(number, thing) = *self;
        match number {
            number if number == N::from(0) => write!(f, "no {thing}s"),
            number if number == N::from(1) => write!(f, "1 {thing}"),
            number => write!(f, "{number} {thing}s"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_no_plural() {
        assert_eq!(
            [0, 1, 2].map(|number| Count(number, "page").to_string()),
            ["no pages", "1 page", "2 pages"]
        );
    }
}
