//! The code cache: what is not as this program wrote it, where nobody else could, does not exist.
//!
//! Whether an entry was used shows where there is no compiler: with it the filter decides, without it that fails.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use minutebook::select::{Compiler, Error, Selector, Source};
use minutebook::store::{CacheDir, CacheDirError};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use tempfile::TempDir;

use super::guest::{self, Guest};

/// What is done to an entry.
type Harm = (&'static str, fn(&Path));

/// A cache's folder and the folder in it.
struct Cache {
    root: TempDir,
    folder: PathBuf,
}

impl Cache {
    fn new() -> Cache {
        let root = tempfile::tempdir().unwrap();
        let folder = root.path().join("cache/filters");
        Cache { root, folder }
    }

    fn open(&self) -> Result<CacheDir, CacheDirError> {
        CacheDir::open(&self.root.path().join("cache"), "filters", cap_std::ambient_authority())
    }

    fn load(&self, component: &[u8], compiler: Compiler) -> Result<(), Error> {
        let selector = Selector::new(compiler, Some(self.open().unwrap())).unwrap();
        let source = Source { origin: "./filter.wasm", bytes: component, pin: None };
        selector.load(&source).map(|_| ()).map_err(|failed| failed.error)
    }

    /// Whether there is usable code of a component.
    fn has(&self, component: &[u8]) -> bool {
        match self.load(component, Compiler::child(Path::new("/no/such/program"))) {
            Ok(()) => true,
            Err(Error::Compiler(_)) => false,
            Err(error) => panic!("{error}"),
        }
    }

    /// The files that are there.
    fn entries(&self) -> Vec<PathBuf> {
        let mut entries: Vec<_> =
            self.folder.read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
        entries.sort();
        entries
    }
}

/// A filter that is not one of ours, which would be compiled here where there is no compiler.
fn someones() -> Vec<u8> {
    Guest::new().with("component", "(@custom \"of\" \"someone\")").bytes()
}

fn change(file: &Path, change: impl FnOnce(&mut Vec<u8>)) {
    let mut bytes = fs::read(file).unwrap();
    change(&mut bytes);
    fs::write(file, bytes).unwrap();
}

#[test]
fn code_is_there_for_the_next_process() {
    let (cache, component) = (Cache::new(), &*someones());
    assert!(!cache.has(component));
    cache.load(component, Compiler::here()).unwrap();
    assert!(cache.has(component) && !cache.has(&Guest::new().bytes()));
    let mode = |folder: &Path| fs::metadata(folder).unwrap().permissions().mode() & 0o7777;
    assert_eq!((mode(&cache.folder), cache.entries().len()), (0o700, 1));
    assert_eq!(mode(&cache.root.path().join("cache")), 0o750);
}

#[test]
fn an_entry_that_is_not_as_it_was_written_is_ignored_and_written_again() {
    let component = &*someones();
    let harms: [Harm; 13] = [
        ("a byte of the code", |file| change(file, |bytes| bytes[1000] ^= 1)),
        ("the last byte", |file| change(file, |bytes| *bytes.last_mut().unwrap() ^= 1)),
        ("a digit of the digest", |file| change(file, |bytes| bytes[0] ^= 1)),
        ("the line feed", |file| change(file, |bytes| bytes[64] = b' ')),
        ("truncated", |file| change(file, |bytes| bytes.truncate(bytes.len() / 2))),
        ("the header alone", |file| change(file, |bytes| bytes.truncate(65))),
        ("half the header", |file| change(file, |bytes| bytes.truncate(30))),
        ("empty", |file| change(file, Vec::clear)),
        ("longer", |file| change(file, |bytes| bytes.push(0))),
        ("a link", |file| {
            let elsewhere = file.with_extension("elsewhere");
            fs::rename(file, &elsewhere).unwrap();
            symlink(elsewhere.file_name().unwrap(), file).unwrap();
        }),
        ("a named pipe", |file| {
            fs::remove_file(file).unwrap();
            mknodat(CWD, file, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        }),
        ("a second name", |file| fs::hard_link(file, file.with_extension("second")).unwrap()),
        ("writable for the group", |file| {
            fs::set_permissions(file, Permissions::from_mode(0o620)).unwrap();
        }),
    ];
    for (harm, inflict) in harms {
        let cache = Cache::new();
        cache.load(component, Compiler::here()).unwrap();
        assert!(cache.has(component));
        inflict(&cache.entries()[0]);
        assert!(!cache.has(component), "{harm}");
        cache.load(component, Compiler::here()).unwrap();
        assert!(cache.has(component), "{harm}");
    }
}

#[test]
fn another_components_code_is_not_used_under_this_ones_name() {
    let (cache, component, other) = (Cache::new(), &*someones(), Guest::new().bytes());
    cache.load(component, Compiler::here()).unwrap();
    let of_one = cache.entries()[0].clone();
    cache.load(&other, Compiler::here()).unwrap();
    let of_other = cache.entries().into_iter().find(|entry| *entry != of_one).unwrap();
    fs::copy(of_other, of_one).unwrap();
    assert!(!cache.has(component) && cache.has(&other));
}

#[test]
fn what_belongs_to_another_user_is_not_used() {
    let (cache, component) = (Cache::new(), &*someones());
    cache.load(component, Compiler::here()).unwrap();
    // Only root can give a file away.
    if chown(&cache.entries()[0], Some(65534), None).is_ok() {
        assert!(!cache.has(component));
        chown(&cache.folder, Some(65534), None).unwrap();
        let error = cache.open().unwrap_err().to_string();
        assert!(error.starts_with("it is owned by user 65534; "), "{error}");
    }
}

#[test]
fn a_folder_that_is_not_ours_alone_is_not_used() {
    let says = |prepare: &dyn Fn(&Path)| {
        let cache = Cache::new();
        fs::create_dir(cache.root.path().join("cache")).unwrap();
        prepare(&cache.folder);
        cache.open().unwrap_err().to_string()
    };
    let with_mode = |mode| {
        says(&|folder| {
            fs::create_dir(folder).unwrap();
            fs::set_permissions(folder, Permissions::from_mode(mode)).unwrap();
        })
    };
    for (mode, shown) in [(0o750, "0750"), (0o701, "0701"), (0o1777, "1777")] {
        assert!(with_mode(mode).starts_with(&format!("it is open to others (mode {shown}); ")));
    }
    let link = says(&|folder| {
        let elsewhere = folder.with_extension("elsewhere");
        fs::create_dir(&elsewhere).unwrap();
        fs::set_permissions(&elsewhere, Permissions::from_mode(0o700)).unwrap();
        // One that leads out of the folder's parent is not followed anyway.
        symlink(elsewhere.file_name().unwrap(), folder).unwrap();
    });
    assert!(link.starts_with("it is a symbolic link; "), "{link}");
    assert!(says(&|folder| fs::write(folder, "").unwrap()).contains("Not a directory"));
}

#[test]
fn two_processes_at_once_leave_one_good_entry_and_nothing_else() {
    let (cache, component) = (Cache::new(), &*someones());
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| cache.load(component, Compiler::here()).unwrap());
        }
    });
    assert!(cache.has(component));
    assert_eq!(cache.entries().len(), 1);
}

#[test]
fn a_folder_that_is_gone_costs_nothing_but_the_entry() {
    let (cache, component) = (Cache::new(), &*someones());
    let selector = Selector::new(Compiler::here(), Some(cache.open().unwrap())).unwrap();
    fs::remove_dir(&cache.folder).unwrap();
    let source = Source { origin: "component", bytes: component, pin: None };
    assert!(selector.load(&source).is_ok());
}

#[test]
fn a_few_bytes_far_from_each_other_are_no_large_code() {
    let cache = Cache::new();
    let data = r#"(core module (memory 256) (data (i32.const 0) "a") (data (i32.const 0xfffff0) "b"))"#;
    cache.load(&guest::with("component", data), Compiler::here()).unwrap();
    let size = fs::metadata(&cache.entries()[0]).unwrap().len();
    assert!(size < 1 << 20, "{size} bytes");
}

#[test]
fn what_was_used_least_recently_goes_when_there_is_too_much() {
    let cache = Cache::new();
    let dir = cache.open().unwrap();
    let age = |name: &str, seconds: u64| {
        let file = fs::File::options().write(true).open(cache.folder.join(name)).unwrap();
        file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)).unwrap();
    };
    for (name, used) in [("a", 3), ("b", 1), ("c", 2)] {
        dir.replace(name, &[&[0; 600], &[0; 400]]).unwrap();
        age(name, used);
    }
    dir.shrink(3000).unwrap();
    assert_eq!(cache.entries().len(), 3);
    dir.shrink(2999).unwrap();
    assert_eq!(cache.entries(), ["a", "c"].map(|name| cache.folder.join(name)));
    // Reading is using.
    assert!(dir.read("c", 999).is_none() && dir.read("c", 1000).is_some());
    dir.shrink(1000).unwrap();
    assert_eq!(cache.entries(), [cache.folder.join("c")]);
}
