//! Names that were nearly written: what a message offers instead of all that there are.

/// Letters that may be wrong, however long the name is.
const MOST: usize = 2;

/// The nearest of these names, if it is near: the same letters but for capitals, or but for a third
/// of them.
pub(crate) fn nearest<'a>(written: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let written = letters(written);
    let near = names.into_iter().filter_map(|name| Some((distance(&written, &letters(name))?, name)));
    near.min_by_key(|(distance, _)| *distance).map(|(_, name)| name)
}

fn letters(name: &str) -> Vec<char> {
    name.chars().map(|letter| letter.to_ascii_lowercase()).collect()
}

/// How many letters are missing, too many or other ones.
fn distance(written: &[char], name: &[char]) -> Option<usize> {
    let most = MOST.min(written.len().max(name.len()) / 3);
    if written.len().abs_diff(name.len()) > most {
        return None;
    }
    // The distance of what has been seen of the one from each beginning of the other.
    let mut row: Vec<_> = (0..=name.len()).collect();
    for (at, letter) in written.iter().enumerate() {
        let mut diagonal = at;
        row[0] = at + 1;
        for (column, other) in name.iter().enumerate() {
            let replaced = diagonal + usize::from(letter != other);
            diagonal = row[column + 1];
            row[column + 1] = replaced.min(diagonal + 1).min(row[column] + 1);
        }
    }
    Some(row[name.len()]).filter(|distance| *distance <= most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_is_found_and_nothing_else() {
        let names = ["resource", "name", "namespace", "namespaced", "verbs", "map"];
        for (written, expected) in [
            ("resource", Some("resource")),
            ("RESOURCE", Some("resource")),
            ("resources", Some("resource")),
            ("recource", Some("resource")),
            ("resoruce", Some("resource")),
            ("rsrce", None),
            ("Namespaced", Some("namespaced")),
            ("namespaces", Some("namespace")),
            ("verb", Some("verbs")),
            ("nodes", None),
            ("max", Some("map")),
            ("x", None),
            ("", None),
        ] {
            assert_eq!(nearest(written, names), expected, "{written}");
        }
    }
}
