//! Whatever a filter's file holds, it decides or is refused, in good words, twice the same, and leaves nothing behind.

#![no_main]

use std::fs;
use std::sync::LazyLock;
use std::time::Duration;

use libfuzzer_sys::{Corpus, fuzz_crossover, fuzz_mutator, fuzz_target};
use minutebook::model::catalog::{Catalog, Resource};
use minutebook::model::name::{Group, Label, ResourceName};
use minutebook::model::target::{Scope, Target};
use minutebook::model::text::printable;
use minutebook::select::{
    Compiler, Error, Failed, Inspected, Limits, Selected, Selector, Source, inspect, stock,
};
use minutebook_fuzz::in_place;
use minutebook_fuzz::seeds::Kind;

/// Larger files take longer to compile, and have nothing that smaller ones have not.
const BYTES: usize = 64 << 10;
const LIMITS: Limits = Limits { memory: 16 << 20, timeout: Duration::from_secs(1), fuel: 5_000_000 };
/// For compiling, too, which nothing bounds in this process.
const TIME_LEFT: Duration = Duration::from_secs(60);
/// Bytes that a text has at most: of a reason or a warning, of a name, and of a message.
const WORDS: usize = 512;
const NAME: usize = 128;
const MESSAGE: usize = 2048;
/// Files that may be open in addition: an image of each memory of the components that are kept, of which there are a few.
const FILES: usize = 200;
/// Pages of addresses that may come in addition: a memory that was not given back takes 4 GiB.
const ADDRESSES: u64 = (16 << 30) / 4096;

struct World {
    selector: Selector,
    target: Target,
    catalog: Catalog,
    /// What the default filter decides.
    usual: Result<Selected, Box<Failed>>,
    /// What the process has after that.
    holdings: Holdings,
}

/// What a process holds that a selection could leave behind.
#[derive(Debug, PartialEq)]
struct Holdings {
    threads: usize,
    files: usize,
    /// Pages of addresses.
    addresses: u64,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let resource = |name, namespaced, verbs: &[&str]| Resource {
        id: ResourceName::new(Label::parse(name).unwrap(), Group::default()).unwrap(),
        version: Label::parse("v1").unwrap(),
        kind: "Käse \u{1f9c0}".to_owned(),
        singular_name: String::new(),
        namespaced,
        verbs: verbs.iter().map(ToString::to_string).collect(),
        short_names: vec!["x".to_owned()],
        categories: Vec::new(),
    };
    let catalog = Catalog {
        resources: vec![
            resource("bindings", true, &["create"]),
            resource("componentstatuses", false, &["get", "list"]),
            resource("configmaps", true, &["create", "delete", "get", "list", "update", "watch"]),
        ],
        ..Catalog::default()
    };
    let target = Target {
        host: "sample.k8s.hostname".parse().unwrap(),
        cluster: "sample_cluster".parse().unwrap(),
        scope: Scope::Namespace("sample_namespace".parse().unwrap()),
    };
    let selector = Selector::new(Compiler::here(), None).unwrap();
    let usual = select(&selector, stock("default").unwrap(), &target, &catalog);
    assert!(usual.is_ok(), "{usual:?}");
    World { holdings: Holdings::now(), selector, target, catalog, usual }
});

fuzz_target!(|bytes: &[u8]| -> Corpus {
    if bytes.len() > BYTES {
        return Corpus::Reject;
    }
    let World { selector, target, catalog, usual, holdings } = &*WORLD;

    let first = select(selector, bytes, target, catalog);
    if std::env::var_os("TELL").is_some() {
        match &first {
            Ok(selected) => eprintln!("{selected:?}"),
            Err(failed) => eprintln!("{failed}"),
        }
    }
    check(&first, catalog);

    agrees(&inspect(bytes), &first);

    same(&first, &select(selector, bytes, target, catalog));
    // Compiled anew, by a selector that has seen nothing else; now and then, for it takes as long again.
    if bytes.iter().fold(0_u8, |sum, byte| sum.wrapping_add(*byte)) < 32 {
        same(&first, &select(&Selector::new(Compiler::here(), None).unwrap(), bytes, target, catalog));
    }
    same(usual, &select(selector, stock("default").unwrap(), target, catalog));
    Holdings::check(holdings);
    // What is made of a file that does not get as far as to be compiled hardly ever gets farther.
    let early = |failed: &Failed| {
        use Error::{Imports, Malformed, NotAComponent, World};
        matches!(failed.error, NotAComponent(_) | Malformed(_) | Imports { .. } | World { .. })
    };
    if first.is_err_and(|failed| early(&failed)) { Corpus::Reject } else { Corpus::Keep }
});

fn select(
    selector: &Selector,
    bytes: &[u8],
    target: &Target,
    catalog: &Catalog,
) -> Result<Selected, Box<Failed>> {
    let source = Source { origin: "./filter.wasm", bytes, pin: None };
    selector.select(&source, LIMITS, "{}", target, catalog, TIME_LEFT)
}

/// Checks what every outcome must be.
fn check(outcome: &Result<Selected, Box<Failed>>, catalog: &Catalog) {
    let filter = match outcome {
        Ok(selected) => {
            let selection = &selected.selection;
            assert_eq!(selection.verdicts.len(), catalog.resources.len());
            selection.verdicts.iter().for_each(|verdict| is_fit(&verdict.reason, WORDS));
            assert!(selection.warnings.len() <= 33);
            selection.warnings.iter().for_each(|warning| is_fit(warning, WORDS));
            assert!(selection.fuel <= LIMITS.fuel);
            Some(&selected.filter)
        }
        Err(failed) => {
            assert!(!matches!(failed.error, Error::Host(_)), "{failed}");
            is_fit(&failed.to_string(), MESSAGE);
            failed.filter.as_ref()
        }
    };
    if let Some(filter) = filter {
        is_fit(&filter.name, NAME);
        is_fit(filter.version.as_deref().unwrap_or_default(), NAME);
    }
}

/// Checks that what a file says of itself is what it is known by, and that what would be refused was.
fn agrees(inspected: &Inspected, outcome: &Result<Selected, Box<Failed>>) {
    let filter = match outcome {
        Ok(selected) => Some(&selected.filter),
        Err(failed) => failed.filter.as_ref(),
    };
    if let Some(filter) = filter {
        assert_eq!((inspected.digest, &inspected.version), (filter.digest, &filter.version));
        assert_eq!(inspected.name.as_deref().unwrap_or("filter.wasm"), filter.name);
    }
    if let Some(refused) = &inspected.refused {
        assert_eq!(outcome.as_ref().err().map(|failed| &failed.error), Some(refused));
    }
    let texts = [&inspected.exports, &inspected.imports].into_iter().flatten();
    texts.chain(inspected.producers.iter().flatten()).for_each(|text| is_fit(text, 2 * NAME + 1));
}

/// Checks that a text is on one line, harmless and not longer than this.
fn is_fit(text: &str, most: usize) {
    assert_eq!(printable(text, most), text);
}

/// Checks that two selections by the same component are the same, unless time cut one of them off.
fn same(first: &Result<Selected, Box<Failed>>, second: &Result<Selected, Box<Failed>>) {
    let timely = |outcome: &Result<Selected, Box<Failed>>| match outcome {
        Ok(selected) => !selected.retried,
        Err(failed) => !matches!(failed.error, Error::WallClock { .. } | Error::Deadline),
    };
    if timely(first) && timely(second) {
        assert_eq!(first, second);
    }
}

impl Holdings {
    fn now() -> Self {
        let count = |folder| fs::read_dir(folder).map_or(0, Iterator::count);
        let pages = fs::read_to_string("/proc/self/statm").unwrap();
        let addresses = pages.split(' ').next().unwrap().parse().unwrap();
        Self { threads: count("/proc/self/task"), files: count("/proc/self/fd"), addresses }
    }

    /// Checks that there is no more than before. A thread that has ended is there for a moment longer.
    fn check(before: &Self) {
        let fits = |now: &Self| {
            now.threads <= before.threads
                && now.files <= before.files + FILES
                && now.addresses <= before.addresses + ADDRESSES
        };
        let settled = (0..1000).any(|_| {
            let fits = fits(&Self::now());
            if !fits {
                std::thread::yield_now();
            }
            fits
        });
        assert!(settled, "before: {before:?}, now: {:?}", Self::now());
    }
}

fuzz_mutator!(|data: &mut [u8], size: usize, max_size: usize, seed: u32| {
    in_place::mutate(Kind::Component, data, size, max_size.min(BYTES), seed)
});

fuzz_crossover!(|first: &[u8], second: &[u8], out: &mut [u8], seed: u32| {
    in_place::cross(first, second, out, seed)
});
