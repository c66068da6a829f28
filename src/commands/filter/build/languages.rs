//! What compiling takes in each language. Where two ways are there, the one that needs less to be installed goes first.

use std::path::Path;

use super::plan::{Machine, Missing, Plan, Step};

/// Where intermediate files lie.
pub(super) const FOLDER: &str = "build";
/// What the two languages make whose tools bring the component model along.
const COMPONENT: &str = "build/component.wasm";
/// What the others make.
const MODULE: &str = "build/core.wasm";

const TARGET: &str = "wasm32-unknown-unknown";
/// Debian's compiler, which can be there beside rustup's.
const DEBIAN: &str = "/usr/bin/rustc";
/// The oldest Go that has all that the template needs.
const GO: (u32, u32) = (1, 24);
/// The oldest Python likewise.
const PYTHON: (u32, u32) = (3, 10);

pub(super) fn rust(machine: &dyn Machine) -> Result<Plan, Missing> {
    if !machine.finds("cargo") {
        return Err(Missing::new("there is no cargo", "rustup brings it, https://rustup.rs"));
    }
    let cargo = Step::new("cargo", &["build", "--release", "--target", TARGET, "--target-dir", "target"])
        // Without locations no path of this machine gets into the bytes. The flag is not a stable one, which
        // RUSTC_BOOTSTRAP overlooks.
        .with("RUSTC_BOOTSTRAP", "1")
        .with("RUSTFLAGS", "-Zlocation-detail=none")
        // It would go before RUSTFLAGS.
        .without("CARGO_ENCODED_RUSTFLAGS");
    let libdir = machine.answer("rustc", &["--print", "target-libdir", "--target", TARGET]);
    let is_core = |name: &String| name.starts_with("libcore-");
    let cargo = if libdir.is_some_and(|libdir| machine.names(&libdir).iter().any(is_core)) {
        cargo
    } else {
        let mut cargo = cargo.with("RUSTC", debian(machine)?);
        cargo = cargo.with("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER", linker(machine)?);
        cargo.arguments.push("-Zbuild-std=std,panic_abort".to_owned());
        cargo
    };
    Ok(Plan {
        note: None,
        steps: vec![cargo],
        product: "target/wasm32-unknown-unknown/release/filter.wasm",
        hint: "Cargo.toml needs `[lib]` with `name = \"filter\"` and `crate-type = [\"cdylib\"]`",
    })
}

/// Debian's compiler, which makes the standard library for WebAssembly of its source.
fn debian(machine: &dyn Machine) -> Result<&'static str, Missing> {
    let sysroot = machine.answer(DEBIAN, &["--print", "sysroot"]);
    let library = sysroot.map(|sysroot| format!("{sysroot}/lib/rustlib/src/rust/library"));
    let is_there =
        library.is_some_and(|library| machine.names(&library).iter().any(|name| name == "Cargo.lock"));
    is_there.then_some(DEBIAN).ok_or_else(|| {
        Missing::new(
            format!("there is no compiler for {TARGET}"),
            format!(
                "rustup target add {TARGET}, or on Debian beside rustup: apt-get install --no-install-recommends rustc-web rust-web-src"
            ),
        )
    })
}

/// The linker that rustup's ordinary toolchain brings along, under its own architecture.
fn linker(machine: &dyn Machine) -> Result<String, Missing> {
    let sysroot = machine.answer("rustc", &["--print", "sysroot"]);
    let about = machine.answer("rustc", &["-vV"]).unwrap_or_default();
    let host = about.lines().find_map(|line| line.strip_prefix("host: "));
    let bin = sysroot.zip(host).map(|(sysroot, host)| format!("{sysroot}/lib/rustlib/{host}/bin"));
    let lld = bin.filter(|bin| machine.names(bin).iter().any(|name| name == "rust-lld"));
    let debian = "wasm-ld-22";
    lld.map(|bin| format!("{bin}/rust-lld"))
        .or_else(|| machine.finds(debian).then(|| debian.to_owned()))
        .ok_or_else(|| {
            Missing::new(
                "there is no linker for WebAssembly",
                "rustup's toolchains have rust-lld, so put rustup's rustc first in PATH; or apt-get install lld-22",
            )
        })
}

pub(super) fn c(machine: &dyn Machine) -> Result<Plan, Missing> {
    let remedy = "apt-get install --no-install-recommends clang lld, or LLVM's clang and lld in PATH";
    for program in ["clang", "wasm-ld"] {
        if !machine.finds(program) {
            return Err(Missing::new(format!("there is no {program}"), remedy));
        }
    }
    let is_c = |name: &String| Path::new(name).extension().is_some_and(|extension| extension == "c");
    // What begins with `-` or `@` would be no file to it.
    let as_path = |name: String| format!("./{name}");
    let sources: Vec<String> = machine.names(".").into_iter().filter(is_c).map(as_path).collect();
    if sources.is_empty() {
        return Err(Missing::new("there is no C here", "build in the folder that has filter.c"));
    }
    let mut clang = Step::new(
        "clang",
        &[
            "--target=wasm32-unknown-unknown",
            "-std=c11",
            "-Wall",
            "-Wextra",
            "-Oz",
            "-mbulk-memory",
            "-ffreestanding",
            // Else it makes a call to memcpy of memcpy's own loop.
            "-fno-builtin",
            "-nostdlib",
            "-Ilibc",
            "-Wl,--no-entry,--strip-all",
            "-o",
            MODULE,
        ],
    );
    clang.arguments.extend(sources);
    Ok(Plan { note: None, steps: vec![clang], product: MODULE, hint: "see what clang said" })
}

pub(super) fn go(machine: &dyn Machine) -> Result<Plan, Missing> {
    let (major, minor) = GO;
    let remedy = format!("install Go {major}.{minor} or later: https://go.dev/dl/");
    let Some(version) = machine.answer("go", &["env", "GOVERSION"]) else {
        return Err(Missing::new("there is no go", remedy));
    };
    if is_older(version.trim_start_matches("go"), GO) {
        return Err(Missing::new(format!("{version} is too old"), remedy));
    }
    let go = Step::new(
        "go",
        &[
            "build",
            "-buildvcs=false",
            "-trimpath",
            "-buildmode=c-shared",
            "-ldflags=-s -w",
            "-o",
            MODULE,
            ".",
        ],
    );
    let go = go.with("GOOS", "wasip1").with("GOARCH", "wasm").with("CGO_ENABLED", "0").without("GOFLAGS");
    Ok(Plan { note: None, steps: vec![go], product: MODULE, hint: "see what go said" })
}

pub(super) fn js(machine: &dyn Machine) -> Result<Plan, Missing> {
    let remedy = "apt-get install nodejs npm, or https://nodejs.org";
    let tool = "componentize-qjs";
    let is_there = machine.names("node_modules/.bin").iter().any(|name| name == tool);
    let needed: &[&str] = if is_there { &["node"] } else { &["node", "npm"] };
    for &program in needed {
        if !machine.finds(program) {
            return Err(Missing::new(format!("there is no {program}"), remedy));
        }
    }
    // Not `npm ci`: packages that componentize-qjs names for other systems were never published, and it refuses a lock
    // file without them. `install` goes by that file, too.
    let fetch = Step::new("npm", &["install", "--no-audit", "--no-fund"]);
    let tool = format!("node_modules/.bin/{tool}");
    let make = Step::new(
        tool,
        &["--wit", "wit/filter.wit", "--js", "filter.js", "--sync", "--stub-wasi", "-o", COMPONENT],
    );
    Ok(Plan {
        note: (!is_there).then_some("node_modules is missing; npm fetches what package-lock.json names"),
        steps: if is_there { vec![make] } else { vec![fetch, make] },
        product: COMPONENT,
        hint: "see what componentize-qjs said",
    })
}

pub(super) fn python(machine: &dyn Machine) -> Result<Plan, Missing> {
    let tool = "componentize-py";
    let is_there = machine.names(".venv/bin").iter().any(|name| name == tool);
    if !is_there {
        let (major, minor) = PYTHON;
        let version = ["-c", "import platform; print(platform.python_version())"];
        let Some(version) = machine.answer("python3", &version) else {
            let remedy =
                "apt-get install --no-install-recommends python3 python3-venv, or https://www.python.org";
            return Err(Missing::new("there is no python3", remedy));
        };
        if is_older(&version, PYTHON) {
            let remedy = format!("install Python {major}.{minor} or later: https://www.python.org");
            return Err(Missing::new(format!("python3 is {version}, which is too old"), remedy));
        }
        // Debian has it in a package of its own.
        if machine.answer("python3", &["-c", "import venv, ensurepip"]).is_none() {
            let remedy = "apt-get install --no-install-recommends python3-venv";
            return Err(Missing::new("python3 cannot make environments (no module ensurepip)", remedy));
        }
    }
    let fetch = [
        Step::new("python3", &["-m", "venv", ".venv"]),
        Step::new(
            ".venv/bin/pip",
            &["install", "--quiet", "--disable-pip-version-check", "-r", "requirements.txt"],
        ),
    ];
    let make = Step::new(
        format!(".venv/bin/{tool}"),
        &["-d", "wit", "-w", "resource-filter", "componentize", "--stub-wasi", "filter", "-o", COMPONENT],
    );
    let steps = if is_there { vec![make] } else { fetch.into_iter().chain([make]).collect() };
    Ok(Plan {
        note: (!is_there).then_some(".venv is missing; pip fetches what requirements.txt names into it"),
        steps,
        product: COMPONENT,
        hint: "see what componentize-py said",
    })
}

/// Whether `1.23.4` is older than 1.24; what is no version is taken for a new one.
fn is_older(version: &str, than: (u32, u32)) -> bool {
    let mut numbers = version.trim().split('.').map(|number| {
        let digits: String = number.chars().take_while(char::is_ascii_digit).collect();
        digits.parse().ok()
    });
    match (numbers.next().flatten(), numbers.next().flatten()) {
        (Some(major), Some(minor)) => (major, minor) < than,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::plan;
    use super::*;
    use crate::cli::Language;

    /// A machine of which everything is told.
    #[derive(Default)]
    struct Told {
        programs: &'static [&'static str],
        /// A program with its arguments, and what it prints.
        answers: &'static [(&'static str, &'static str)],
        /// A folder, and the names in it.
        folders: &'static [(&'static str, &'static [&'static str])],
    }

    impl Machine for Told {
        fn finds(&self, program: &str) -> bool {
            self.programs.contains(&program)
        }

        fn answer(&self, program: &str, arguments: &[&str]) -> Option<String> {
            let line = format!("{program} {}", arguments.join(" "));
            let answer = self.answers.iter().find(|(question, _)| *question == line);
            answer.map(|(_, answer)| (*answer).to_owned())
        }

        fn names(&self, folder: &str) -> Vec<String> {
            let found = self.folders.iter().find(|(name, _)| *name == folder);
            found.map(|(_, names)| names.iter().map(ToString::to_string).collect()).unwrap_or_default()
        }
    }

    const LIBDIR: (&str, &str) = ("rustc --print target-libdir --target wasm32-unknown-unknown", "/r/wasm");
    const SYSROOT: (&str, &str) = ("rustc --print sysroot", "/r");
    const HOST: (&str, &str) = ("rustc -vV", "rustc 1.95.0\nhost: x86_64-linux\nrelease: 1.95.0");
    const DEBIANS: (&str, &str) = ("/usr/bin/rustc --print sysroot", "/usr");
    const LIBRARY: (&str, &[&str]) = ("/usr/lib/rustlib/src/rust/library", &["Cargo.lock", "std"]);
    const LLD: (&str, &[&str]) = ("/r/lib/rustlib/x86_64-linux/bin", &["gcc-ld", "rust-lld"]);
    const CARGO: &str = "cargo build --release --target wasm32-unknown-unknown --target-dir target";
    const FLAGS: &str = "RUSTC_BOOTSTRAP=1 RUSTFLAGS=-Zlocation-detail=none ";

    /// What is typed, or what is missing.
    fn decided(language: Language, machine: &Told) -> Result<Vec<String>, String> {
        let plan = plan(language, machine).map_err(|missing| missing.to_string())?;
        Ok(plan.steps.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn rust_takes_rustups_target_or_else_debians_source() {
        let rust = |machine: Told| decided(Language::Rust, &machine);
        let target = Told {
            programs: &["cargo"],
            answers: &[LIBDIR],
            folders: &[("/r/wasm", &["libcore-1.rlib", "libstd-1.rlib"])],
        };
        assert_eq!(rust(target), Ok(vec![format!("{FLAGS}{CARGO}")]));
        // rustup names the folder of a target that is not installed, too.
        let debian = Told {
            programs: &["cargo"],
            answers: &[LIBDIR, SYSROOT, HOST, DEBIANS],
            folders: &[LIBRARY, LLD],
        };
        let linked = |linker: &str| {
            format!(
                "{FLAGS}RUSTC=/usr/bin/rustc CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER={linker} \
                 {CARGO} -Zbuild-std=std,panic_abort"
            )
        };
        assert_eq!(rust(debian), Ok(vec![linked("/r/lib/rustlib/x86_64-linux/bin/rust-lld")]));
        let alone = Told { programs: &["cargo", "wasm-ld-22"], answers: &[DEBIANS], folders: &[LIBRARY] };
        assert_eq!(rust(alone), Ok(vec![linked("wasm-ld-22")]));
    }

    #[test]
    fn rust_says_which_of_its_three_parts_is_missing() {
        let rows: [(Told, &str, &str); 3] = [
            (Told::default(), "there is no cargo", "https://rustup.rs"),
            (
                Told { programs: &["cargo"], answers: &[LIBDIR, SYSROOT, HOST], folders: &[LLD] },
                "there is no compiler for wasm32-unknown-unknown",
                "rustup target add wasm32-unknown-unknown",
            ),
            (
                Told { programs: &["cargo"], answers: &[DEBIANS], folders: &[LIBRARY] },
                "there is no linker",
                "apt-get install lld-22",
            ),
        ];
        for (machine, what, remedy) in rows {
            let missing = decided(Language::Rust, &machine).unwrap_err();
            assert!(missing.starts_with(what) && missing.contains(remedy), "{missing}");
        }
    }

    #[test]
    fn c_compiles_all_files_of_the_folder() {
        let folders: &[(&str, &[&str])] = &[(".", &["-o.c", "@a.c", "filter.c", "filter.h", "notes.c.txt"])];
        let machine = Told { programs: &["clang", "wasm-ld"], folders, ..Told::default() };
        let steps = decided(Language::C, &machine).unwrap();
        assert!(steps[0].starts_with("clang --target=wasm32-unknown-unknown "), "{steps:?}");
        assert!(steps[0].ends_with(" -o build/core.wasm ./-o.c ./@a.c ./filter.c"), "{steps:?}");
        for (programs, what) in [(&["clang"][..], "there is no wasm-ld"), (&["wasm-ld"], "there is no clang")]
        {
            let missing = decided(Language::C, &Told { programs, folders, ..Told::default() }).unwrap_err();
            assert!(missing.starts_with(what) && missing.contains("apt-get install"), "{missing}");
        }
        let none = Told { programs: &["clang", "wasm-ld"], ..Told::default() };
        assert!(decided(Language::C, &none).unwrap_err().starts_with("there is no C here"));
    }

    #[test]
    fn go_is_of_a_version_that_exports_functions() {
        const QUESTION: &str = "go env GOVERSION";
        for (answers, expected) in [
            (&[(QUESTION, "go1.24")][..], Ok(())),
            (&[(QUESTION, "go1.26.8")], Ok(())),
            (&[(QUESTION, "devel go1.27-abc")], Ok(())),
            (&[(QUESTION, "go1.23.9")], Err("go1.23.9 is too old: install Go 1.24 or later")),
            (&[], Err("there is no go: install Go 1.24 or later")),
        ] {
            let decided = decided(Language::Go, &Told { answers, ..Told::default() });
            match expected {
                Ok(()) => assert_eq!(
                    decided.unwrap(),
                    ["GOOS=wasip1 GOARCH=wasm CGO_ENABLED=0 go build -buildvcs=false -trimpath \
                      -buildmode=c-shared '-ldflags=-s -w' -o build/core.wasm ."]
                ),
                Err(expected) => assert!(decided.unwrap_err().starts_with(expected), "{expected}"),
            }
        }
    }

    #[test]
    fn what_javascript_needs_is_fetched_once() {
        const MAKE: &str = "node_modules/.bin/componentize-qjs --wit wit/filter.wit --js filter.js --sync --stub-wasi -o build/component.wasm";
        let there: &[(&str, &[&str])] = &[("node_modules/.bin", &["componentize-qjs"])];
        let js = |programs, folders| decided(Language::Js, &Told { programs, folders, ..Told::default() });
        assert_eq!(js(&["node"], there), Ok(vec![MAKE.to_owned()]));
        let both = vec!["npm install --no-audit --no-fund".to_owned(), MAKE.to_owned()];
        assert_eq!(js(&["node", "npm"], &[]), Ok(both));
        assert!(js(&[], there).unwrap_err().starts_with("there is no node: apt-get install nodejs"));
        assert!(js(&["node"], &[]).unwrap_err().starts_with("there is no npm: apt-get install"));
        let note = |folders| {
            plan(Language::Js, &Told { programs: &["node", "npm"], folders, ..Told::default() }).unwrap().note
        };
        assert!(note(there).is_none() && note(&[]).is_some(), "what is fetched is said");
    }

    #[test]
    fn what_python_needs_is_fetched_once() {
        const MAKE: &str = ".venv/bin/componentize-py -d wit -w resource-filter componentize --stub-wasi filter -o build/component.wasm";
        const VERSION: &str = "python3 -c import platform; print(platform.python_version())";
        const VENV: (&str, &str) = ("python3 -c import venv, ensurepip", "");
        let there: &[(&str, &[&str])] = &[(".venv/bin", &["componentize-py", "python3"])];
        let python =
            |answers, folders| decided(Language::Python, &Told { answers, folders, ..Told::default() });
        assert_eq!(python(&[], there), Ok(vec![MAKE.to_owned()]));
        let steps = python(&[(VERSION, "3.11.2"), VENV], &[]).unwrap();
        assert_eq!(steps.len(), 3, "{steps:?}");
        assert_eq!((&*steps[0], &*steps[2]), ("python3 -m venv .venv", MAKE));
        assert!(steps[1].starts_with(".venv/bin/pip install ") && steps[1].ends_with(" -r requirements.txt"));
        let rows: [(&[(&str, &str)], &str); 3] = [
            (&[], "there is no python3: apt-get install"),
            (&[(VERSION, "3.9.18"), VENV], "python3 is 3.9.18, which is too old: install Python 3.10"),
            (
                &[(VERSION, "3.11.2")],
                "python3 cannot make environments (no module ensurepip): apt-get install",
            ),
        ];
        for (answers, expected) in rows {
            let missing = python(answers, &[]).unwrap_err();
            assert!(missing.starts_with(expected), "{missing}");
        }
    }

    #[test]
    fn words_are_quoted_as_a_shell_wants_them() {
        let step = Step::new("a b", &["", "it's", "x=1"]).with("V", "1 2");
        assert_eq!(step.to_string(), r"V='1 2' 'a b' '' 'it'\''s' x=1");
    }
}
