//! Beginning with a filter.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

use super::Bench;
use crate::support::{golden, skip};

/// All languages that there is a template for.
pub(super) const LANGUAGES: [&str; 5] = ["rust", "c", "go", "js", "python"];

/// All files below a folder, by their paths in it.
fn files(folder: &Path) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    collect(folder, "", &mut files);
    files
}

fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, Vec<u8>>) {
    for entry in fs::read_dir(folder).expect("a folder can be read") {
        let entry = entry.expect("an entry can be read");
        let name = format!("{prefix}{}", entry.file_name().to_str().expect("a name is text"));
        if entry.file_type().expect("it has a type").is_dir() {
            collect(&entry.path(), &format!("{name}/"), files);
        } else {
            files.insert(name, fs::read(entry.path()).expect("a file can be read"));
        }
    }
}

/// What git has below a folder of `wasm-filters`, with links followed.
fn tracked(folder: &str) -> Option<BTreeMap<String, Vec<u8>>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("wasm-filters").join(folder);
    let listed = Command::new("git").arg("-C").arg(&root).args(["ls-files", "-z"]).output().ok()?;
    let names = listed.status.success().then(|| String::from_utf8(listed.stdout).expect("names are text"))?;
    let mut all = BTreeMap::new();
    for name in names.split('\0').filter(|name| !name.is_empty()) {
        if root.join(name).is_dir() {
            let below = fs::canonicalize(root.join(name)).expect("a link leads somewhere");
            all.extend(files(&below).into_iter().map(|(file, bytes)| (format!("{name}/{file}"), bytes)));
        } else {
            all.insert(name.to_owned(), fs::read(root.join(name)).expect("a file can be read"));
        }
    }
    Some(all)
}

#[test]
fn what_is_written_is_the_example_under_another_name() {
    for language in LANGUAGES {
        let bench = Bench::new();
        bench.minutebook(&format!("filter new --lang {language} pick-2")).run().expect_code(0);
        let Some(mut example) = tracked(&format!("examples/{language}")) else {
            return skip("templates", "there is no git");
        };
        for bytes in example.values_mut() {
            *bytes = String::from_utf8(bytes.clone())
                .expect("all files are text")
                .replace("my-filter", "pick-2")
                .into();
        }
        let written = files(&bench.path("pick-2"));
        let names = |files: &BTreeMap<String, Vec<u8>>| files.keys().cloned().collect::<Vec<_>>();
        assert_eq!(names(&written), names(&example), "{language}: src/commands/filter/new/templates.rs");
        assert!(written == example, "{language}: a file has other bytes than in wasm-filters/examples");
        for (name, bytes) in &written {
            let text = String::from_utf8_lossy(bytes);
            assert!(!text.contains("my-filter") && !text.contains("my_filter"), "{language}: {name}");
        }
        let json: serde_json::Value = serde_json::from_slice(&written["filter.json"]).expect("json is JSON");
        assert_eq!((&json["language"], &json["name"]), (&language.into(), &"pick-2".into()));
        assert!(written.contains_key("README.md") && written.contains_key("wit/filter.wit"), "{language}");
    }
}

#[test]
fn an_empty_folder_will_do_the_current_one_too() {
    let bench = Bench::new();
    fs::create_dir(bench.path("pick")).expect("a folder can be made");
    bench.minutebook("filter new --lang c pick").run().expect_code(0);
    fs::create_dir(bench.path("here")).expect("a folder can be made");
    let line = r#"cd here && exec "$@""#;
    let shell = crate::support::binary::Minutebook::through_shell(line, bench.folder());
    let ended = shell.args(["filter", "new", "--lang", "c", "."]).run().expect_code(0);
    assert!(ended.stdout.contains("called here;") && !ended.stdout.contains("cd "), "{ended:#?}");
    assert_eq!(files(&bench.path("here")).len(), files(&bench.path("pick")).len());
}

#[test]
fn what_is_next_can_be_pasted() {
    let bench = Bench::new();
    fs::create_dir(bench.path("my own")).expect("a folder can be made");
    let new = bench.minutebook("filter new --lang c").args(["my own/pick"]);
    let ended = new.run().expect_code(0);
    assert!(ended.stdout.contains("\n    cd 'my own/pick'\n"), "{ended:#?}");
}

#[test]
fn what_is_there_is_never_touched() {
    let bench = Bench::new();
    fs::create_dir(bench.path("pick")).expect("a folder can be made");
    bench.write("pick/mine", "mine");
    bench.write("file", "mine");
    symlink("missing", bench.path("dangling")).expect("a link can be made");
    let mut told = Vec::new();
    for (arguments, code) in [
        ("--lang js made", 0),
        ("--lang js pick", 2),
        ("--lang js file", 2),
        ("--lang js dangling", 2),
        ("--lang js missing/pick", 2),
        ("--lang js Pick", 2),
        ("--lang js pick_apps", 2),
        ("--lang js cel", 2),
        ("--lang js ..", 2),
        ("--lang perl pick", 2),
        ("--lang js", 2),
        ("pick", 2),
    ] {
        let line = format!("filter new {arguments}");
        let ended = bench.minutebook(&line).run().expect_code(code);
        if arguments != "--lang js .." {
            told.push(super::transcript(&format!("minutebook {line}"), &ended, str::to_owned));
        }
    }
    golden::check("filter_new.txt", &told.join("\n"));
    assert_eq!(files(&bench.path("pick")).len(), 1);
    let mut names: Vec<_> = fs::read_dir(bench.folder()).expect("a folder can be read").collect();
    names.retain(|entry| {
        entry.as_ref().is_ok_and(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
    });
    assert_eq!(names.len(), 4, "made, pick, file and the link: {names:?}");
}
