//! From modules and projects to filters.

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};

use super::Bench;
use crate::filters::guest::Guest;
use crate::support::binary::Ended;
use crate::support::golden;

fn bench() -> Bench {
    let bench = Bench::new();
    bench.write("rule.wasm", Guest::new().module().bytes());
    bench.write("named.wasm", Guest::new().bytes());
    bench.write("crashes.wasm", Guest::new().module().replace("(;hole:start;)", "(unreachable)").bytes());
    let asks = r#"(module (import "env" "getpid" (func))"#;
    bench.write("asks.wasm", Guest::new().module().replace("(module", asks).bytes());
    bench.write("notes.wasm", "not WebAssembly");
    bench.write("sample.json", include_str!("../../../../sample_data/sample_resource_list.json"));
    bench
}

impl Bench {
    /// The names of all files, sorted, but for what is kept of compiled filters.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.folder()).expect("the folder can be read");
        let name = |entry: std::io::Result<fs::DirEntry>| entry.expect("an entry").file_name();
        let names = entries.map(|entry| name(entry).into_string().expect("a name"));
        let mut names: Vec<_> = names.filter(|name| !name.starts_with('.')).collect();
        names.sort();
        names
    }

    /// A program in the folder `bin`, which is all that there is in PATH.
    fn tool(&self, name: &str, script: &str) {
        let path = self.path("bin");
        fs::create_dir_all(&path).expect("a folder can be made");
        let path = path.join(name);
        fs::write(&path, format!("#!/bin/sh\n{script}\n")).expect("a file can be written");
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).expect("it can be made a program");
    }

    fn project(&self, json: &str) {
        self.write("filter.json", json);
    }

    /// `filter build` with these arguments, and no tools but ours.
    fn build(&self, arguments: &str) -> Ended {
        let line = format!("filter build {arguments}");
        self.minutebook(&line).env("PATH", self.path("bin")).run()
    }
}

#[test]
fn a_module_becomes_a_filter_beside_it_that_goes_by_its_name() {
    let bench = bench();
    let before = bench.names();
    let ended = bench.build("rule.wasm").expect_code(0);
    assert!(ended.stdout.starts_with("rule.component.wasm: rule, "), "{ended:#?}");
    assert_eq!(ended.stdout.lines().count(), 1);
    assert!(ended.stderr.starts_with("next: minutebook filter test ./rule.component.wasm "), "{ended:#?}");
    let after: Vec<_> = bench.names().into_iter().filter(|name| !before.contains(name)).collect();
    assert_eq!(after, ["rule.component.wasm"]);
    let line = "filter test rule.component.wasm --catalog sample.json --against default";
    let ended = bench.minutebook(line).run().expect_code(1);
    assert!(ended.stdout.contains("\n+ bindings: selected: because\n"), "{ended:#?}");
}

#[test]
fn name_version_and_place_can_be_told() {
    let bench = bench();
    let ended = bench.build("rule.wasm -o out.wasm --name pick --filter-version 2.0").expect_code(0);
    assert!(ended.stdout.starts_with("out.wasm: pick 2.0, "), "{ended:#?}");
    let spaced = bench.minutebook("filter build rule.wasm -o").args(["my own.wasm"]).run().expect_code(0);
    assert!(spaced.stderr.starts_with("next: minutebook filter test './my own.wasm' "), "{spaced:#?}");
    let ended = bench.build("named.wasm").expect_code(0);
    assert!(ended.stdout.starts_with("named.component.wasm: guest 1.2.3, "), "{ended:#?}");
    let ended = bench.build("named.wasm --name other").expect_code(0);
    assert!(ended.stdout.starts_with("named.component.wasm: other 1.2.3, "), "{ended:#?}");
    for bad in ["--name", "--filter-version"] {
        let program = bench.minutebook("filter build rule.wasm").args([bad, "a\nb"]);
        assert!(program.run().expect_code(2).stderr.contains(bad));
    }
}

#[test]
fn what_is_read_is_never_written_over() {
    let bench = bench();
    fs::hard_link(bench.path("rule.wasm"), bench.path("same.wasm")).expect("a link can be made");
    symlink("rule.wasm", bench.path("link.wasm")).expect("a link can be made");
    let before = fs::metadata(bench.path("rule.wasm")).expect("it is there");
    for out in ["rule.wasm", "./rule.wasm", "same.wasm", "link.wasm"] {
        let ended = bench.build(&format!("rule.wasm --out {out}")).expect_code(2);
        assert!(ended.stderr.contains("is the file that is read"), "{out}: {ended:#?}");
    }
    let after = fs::metadata(bench.path("rule.wasm")).expect("it is there");
    assert_eq!((before.ino(), before.len()), (after.ino(), after.len()));
}

#[test]
fn what_would_be_refused_is_not_written_and_what_was_there_stays() {
    let bench = bench();
    let from_before = Guest::new().bytes();
    bench.write("out.wasm", &from_before);
    bench.write("empty.wasm", "");
    // As gzip begins.
    bench.write("packed.wasm", b"\x1f\x8b\x08");
    // A verdict too many, of whatever there is.
    let generous = "(i32.store (i32.const 40) (i32.add (i32.load (i32.const 40)) (i32.const 1)))";
    bench.write("generous.wasm", Guest::new().module().replace("(;hole:answer;)", generous).bytes());
    let before = bench.names();
    let mut told = Vec::new();
    for file in [
        "crashes.wasm",
        "generous.wasm",
        "asks.wasm",
        "notes.wasm",
        "empty.wasm",
        "packed.wasm",
        "missing.wasm",
    ] {
        let line = format!("filter build {file} -o out.wasm");
        bench.minutebook(&line).run().expect_code(2);
        told.push(bench.told(&line));
        bench.build(file).expect_code(2);
    }
    assert_eq!(bench.names(), before);
    assert_eq!(fs::read(bench.path("out.wasm")).expect("it is there"), from_before);
    let line = "filter build rule.wasm -o missing/out.wasm";
    bench.minutebook(line).run().expect_code(4);
    told.push(bench.told(line));
    golden::check("filter_build.txt", &told.join("\n"));
}

#[test]
fn only_webassembly_is_replaced_and_nothing_goes_to_stdout() {
    let bench = bench();
    bench.write("rule.c", "int mine;");
    bench.write("empty", "");
    symlink("rule.c", bench.path("link.c")).expect("a link can be made");
    fs::create_dir(bench.path("folder")).expect("a folder can be made");
    bench.project(PROJECT);
    bench.tool("go", &go("/bin/cp rule.wasm build/core.wasm"));
    let before = bench.names();
    for from in ["", "rule.wasm "] {
        for (out, why) in [
            ("rule.c", "what is there is no WebAssembly, so it is not replaced"),
            ("filter.json", "what is there is no WebAssembly"),
            ("link.c", "what is there is no WebAssembly"),
            ("folder", "not a regular file"),
            ("-", "a filter goes to a file, not to stdout"),
        ] {
            let ended = bench.build(&format!("{from}-o {out}")).expect_code(2);
            assert!(ended.stderr.contains(why), "{out}: {ended:#?}");
            assert!(!ended.stderr.contains("$ "), "nothing is compiled for it: {ended:#?}");
        }
    }
    assert_eq!(bench.names(), before);
    assert_eq!(fs::read_to_string(bench.path("rule.c")).expect("it is there"), "int mine;");
    for out in ["named.wasm", "empty", "new.c"] {
        bench.build(&format!("rule.wasm -o {out}")).expect_code(0);
        assert!(fs::read(bench.path(out)).expect("it is there").starts_with(b"\0asm"), "{out}");
    }
}

#[test]
fn nobody_is_called_like_a_stock_filter_or_a_path() {
    let bench = bench();
    bench.write("cel.wasm", Guest::new().module().bytes());
    let taken = "`cel` is a filter that minutebook brings along; choose another name";
    for (arguments, why) in [
        ("rule.wasm --name cel", taken),
        ("rule.wasm --name a/b", "has no `/`"),
        ("rule.wasm --filter-version 1/2", "a version is one word"),
        ("cel.wasm", taken),
    ] {
        let ended = bench.build(arguments).expect_code(2);
        assert!(ended.stderr.contains(why), "{arguments}: {ended:#?}");
    }
    for (name, version, why) in [("cel", "1", taken), ("a/b", "1", "has no `/`"), ("x", "x y", "one word")] {
        bench.project(&format!(r#"{{"language": "go", "name": "{name}", "version": "{version}"}}"#));
        let ended = bench.build("").expect_code(2);
        assert!(ended.stderr.contains(why) && ended.stderr.contains("`filter.json`: "), "{name}: {ended:#?}");
    }
    bench.build("cel.wasm --name mine").expect_code(0);
}

const PROJECT: &str = r#"{"language": "go", "name": "my-filter", "version": "0.3.0"}"#;

/// A tool that is asked for its version, and otherwise does this.
fn go(script: &str) -> String {
    format!("[ \"$1\" = env ] && {{ echo go1.26.1; exit; }}\n{script}")
}

#[test]
fn a_project_is_compiled_by_its_tools_and_says_so() {
    let bench = bench();
    bench.project(PROJECT);
    bench
        .tool("go", &go("echo \"$GOOS-$GOARCH in $PWD\"; echo heard >&2; /bin/cp rule.wasm build/core.wasm"));
    let ended = bench.build("").expect_code(0);
    assert!(ended.stdout.starts_with("filter.wasm: my-filter 0.3.0, "), "{ended:#?}");
    let folder = bench.folder().to_str().expect("its path is text");
    for words in ["$ GOOS=wasip1 GOARCH=wasm ", &format!("wasip1-wasm in {folder}\n"), "heard\n", "next: "] {
        assert!(ended.stderr.contains(words), "{words}: {ended:#?}");
    }
    let inspected = bench.minutebook("filter inspect filter.wasm").run().expect_code(0);
    assert!(inspected.stdout.contains("\nversion    0.3.0\n"), "{inspected:#?}");

    let ended = bench.build("-o other.wasm --name other --filter-version 9").expect_code(0);
    assert!(ended.stdout.starts_with("other.wasm: other 9, "), "{ended:#?}");
}

#[test]
fn a_file_where_the_folder_for_compiling_goes_is_kept() {
    let bench = bench();
    bench.project(PROJECT);
    bench.tool("go", &go("true"));
    bench.write("build", "mine");
    let ended = bench.build("").expect_code(2);
    assert!(ended.stderr.contains("`build` here is no folder") && !ended.stderr.contains("$ "), "{ended:#?}");
    assert_eq!(fs::read_to_string(bench.path("build")).expect("it is there"), "mine");
}

/// What is told when it does not work out, and the exit code.
#[test]
fn what_keeps_a_project_from_being_compiled_is_told() {
    let fails = go("echo 'no such package'; exit 7");
    let idle = go("true");
    let makes_text = go("echo text >build/core.wasm");
    let rows: [(&str, &str, Option<&str>, i32, &str); 7] = [
        ("no project", "", None, 2, "there is no filter.json here"),
        ("a bad one", r#"{"language": "go"}"#, None, 2, "missing field `name`"),
        ("no tool", PROJECT, None, 2, "there is no go: install Go 1.24 or later: https://go.dev/dl/"),
        ("an old tool", PROJECT, Some("echo go1.2"), 2, "go1.2 is too old"),
        ("a tool that fails", PROJECT, Some(&fails), 4, "-o build/core.wasm .` failed: exit status: 7"),
        ("a tool that makes nothing", PROJECT, Some(&idle), 4, "`build/core.wasm` cannot be read"),
        ("a tool that makes rubbish", PROJECT, Some(&makes_text), 2, "`build/core.wasm`: it is a text file"),
    ];
    for (title, project, tool, code, words) in rows {
        let bench = bench();
        if !project.is_empty() {
            bench.project(project);
        }
        if let Some(script) = tool {
            bench.tool("go", script);
        }
        let ended = bench.build("").expect_code(code);
        assert!(ended.stderr.contains(words), "{title}: {ended:#?}");
        assert_eq!(ended.stdout, "", "{title}");
        assert!(!bench.path("filter.wasm").exists(), "{title}");

        let still = "; `filter.wasm` is still the one from before\n";
        assert!(!ended.stderr.contains(still), "{title}: {ended:#?}");
        bench.write("filter.wasm", Guest::new().bytes());
        let ended = bench.build("").expect_code(code);
        assert!(ended.stderr.ends_with(still), "{title}: {ended:#?}");
    }
}
