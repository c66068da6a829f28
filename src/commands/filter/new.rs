//! `minutebook filter new`: a project that builds and passes its own test as it is written.

mod templates;

use std::io::{self, Write as _};
use std::path::Path;

use minutebook::model::name::Label;
use minutebook::store::{NewFolderError, new_folder};

use super::{Here, project, read, shell};
use crate::cli::{NewArguments, parse_name};
use crate::exit::{Exit, Failure};
use templates::files;

/// What a filter is called in a template.
const PLACEHOLDER: &str = "my-filter";

pub(super) fn new(arguments: &NewArguments, here: &Here<'_>) -> Result<Exit, Failure> {
    let NewArguments { language, folder } = arguments;
    let shown = read::shown(folder);
    let name = name(folder).map_err(|why| Failure::new(Exit::Usage, format!("`{shown}`: {why}")))?;
    let files: Vec<_> = files(*language).map(|(path, bytes)| (path, named(bytes, &name))).collect();
    new_folder(folder, &files, here.authority).map_err(|error| {
        let exit = match error {
            NewFolderError::NotEmpty(_) | NewFolderError::NotAFolder(_) | NewFolderError::NoParent(_) => {
                Exit::Usage
            }
            NewFolderError::Folder(_) | NewFolderError::File { .. } => Exit::Failed,
        };
        Failure::new(exit, format!("`{shown}`: {error}"))
    })?;
    let mut out = io::stdout().lock();
    writeln!(
        out,
        "{shown}: a filter in {}, called {name}; README.md says what is where\n",
        language.spoken()
    )?;
    writeln!(out, "next:")?;
    if folder != Path::new(".") {
        writeln!(out, "    cd {}", shell::path(folder))?;
    }
    writeln!(out, "    minutebook filter build")?;
    writeln!(out, "    {}", project::own_test(&format!("./{}", project::FILTER)))?;
    Ok(Exit::Done)
}

/// A filter goes by its folder's name: packages of every language, and a column of a table, can hold it.
fn name(folder: &Path) -> Result<String, String> {
    // `.` has a name, too, but one has to look.
    let whole = if folder.file_name().is_some() { Ok(folder.to_owned()) } else { folder.canonicalize() };
    let whole = whole.map_err(|error| error.to_string())?;
    let name = whole.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    if !name.starts_with(|first: char| first.is_ascii_lowercase()) || Label::parse(name).is_err() {
        return Err(
            "a filter goes by its folder's name, so that has lower-case letters, digits and `-`, at most 63, and begins with a letter"
                .to_owned(),
        );
    }
    parse_name(name).map_err(|why| format!("a filter goes by its folder's name: {why}"))
}

/// A template's file, with the filter's name in it.
fn named(bytes: &[u8], name: &str) -> Vec<u8> {
    let Ok(text) = std::str::from_utf8(bytes) else { return bytes.to_vec() };
    text.replace(PLACEHOLDER, name).into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_s_name_is_a_filter_s_if_every_language_takes_it() {
        for (folder, expected) in [
            ("f", Some("f")),
            ("a/b/pick-nodes2", Some("pick-nodes2")),
            ("pick/", Some("pick")),
            ("../pick", Some("pick")),
            ("", None),
            ("/", None),
            ("Pick", None),
            ("2pick", None),
            ("-pick", None),
            ("pick_nodes", None),
            ("pick.nodes", None),
            ("pick nodes", None),
            ("wähle", None),
            ("cel", None),
            ("a/default", None),
        ] {
            assert_eq!(name(Path::new(folder)).ok().as_deref(), expected, "{folder}");
        }
        // The tests run in the package's folder.
        assert!(
            name(Path::new(".")).is_ok() || name(Path::new(".")).is_err_and(|why| why.contains("goes by"))
        );
    }

    #[test]
    fn the_name_is_put_in_wherever_it_stands() {
        assert_eq!(named(b"my-filter, my-filters", "pick"), b"pick, picks");
        assert_eq!(named(b"my-filter", "my-filter-2"), b"my-filter-2");
        assert_eq!(named(b"\xff my-filter", "pick"), b"\xff my-filter");
    }
}
