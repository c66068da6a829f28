//! `minutebook filter build`: from a project, or from a module that is compiled already, to a filter.

mod languages;
mod machine;
mod plan;

use std::fmt::Display;
use std::io::{self, Write as _};
use std::path::Path;

use cap_std::fs::Dir;
use minutebook::componentize::{Identity, componentize};
use minutebook::model::limits::NAMED_FILE_BYTES;
use minutebook::select::{Kind, Source, inspect, try_out};
use minutebook::store::replace_file;

use super::Here;
use super::project::{self, Project};
use super::read::{self, shown};
use super::shell;
use crate::cli::{BuildArguments, parse_name};
use crate::exit::{Exit, Failure};
use languages::FOLDER;
use machine::{ThisMachine, run};
use plan::plan;

/// What a module's filter is called instead of the module.
const EXTENSION: &str = "component.wasm";
/// How everything in WebAssembly begins.
const MAGIC: &[u8] = b"\0asm";

pub(super) fn build(arguments: &BuildArguments, here: &Here<'_>) -> Result<Exit, Failure> {
    let file = arguments.file.as_deref();
    let out = arguments.out.clone().unwrap_or_else(|| {
        file.map_or_else(|| project::FILTER.into(), |file| file.with_extension(EXTENSION))
    });
    if let Some(file) = file {
        refuse_the_input(file, &out, here)?;
    }
    let replaces = replaces_a_filter(&out, here)?;
    let component = write(arguments, &out, here).map_err(|failure| {
        let still = format!("{}; `{}` is still the one from before", failure.message, shown(&out));
        if replaces { Failure::new(failure.exit, still) } else { failure }
    })?;
    tell(&out, &component, file.is_none() && is_there(Path::new(project::CATALOG), here))
}

/// Makes a filter and writes it. Returns its bytes.
fn write(arguments: &BuildArguments, out: &Path, here: &Here<'_>) -> Result<Vec<u8>, Failure> {
    let BuildArguments { file, name, filter_version, .. } = arguments;
    let identity = Identity { name: name.clone(), version: filter_version.clone() };
    let (bytes, made_of, identity) = if let Some(file) = file {
        let refused = |why: String| Failure::new(Exit::Usage, format!("`{}`: {why}", shown(file)));
        let bytes = read_module(file, here).map_err(|error| refused(error.to_string()))?;
        let identity = named_like(file, &bytes, identity).map_err(refused)?;
        (bytes, shown(file), identity)
    } else {
        let project = project(here)?;
        let (bytes, product) = compile(&project, here)?;
        let Identity { name, version } = identity;
        let identity =
            Identity { name: name.or(Some(project.name)), version: version.or(Some(project.version)) };
        (bytes, product, identity)
    };
    let component = component(&bytes, &identity)
        .map_err(|why| Failure::new(Exit::Usage, format!("`{made_of}`: {why}")))?;
    // A filter that would be refused is none.
    let origin = shown(out);
    let source = Source { origin: &origin, bytes: &component, pin: None };
    try_out(&here.selector(&arguments.cache)?, &source).map_err(|failed| {
        let made = format!("it was made of `{made_of}`, tried without resources, and is not written");
        Failure::new(Exit::Usage, format!("{failed} ({made})"))
    })?;
    replace_file(out, &component, here.authority)
        .map_err(|error| Failure::new(Exit::Failed, format!("`{origin}` could not be written: {error}")))?;
    Ok(component)
}

/// Makes a component. What is no WebAssembly is told in the words of `filter inspect`.
fn component(bytes: &[u8], identity: &Identity) -> Result<Vec<u8>, String> {
    let inspected = inspect(bytes);
    match inspected.refused {
        Some(what) if inspected.kind == Kind::Other => Err(what.to_string()),
        _ => componentize(bytes, identity).map_err(|error| error.to_string()),
    }
}

/// What was written on stdout, and what to do next on stderr.
fn tell(out: &Path, component: &[u8], has_test: bool) -> Result<Exit, Failure> {
    let inspected = inspect(component);
    let version = inspected.version.map(|version| format!(" {version}")).unwrap_or_default();
    let name = inspected.name.unwrap_or_default();
    writeln!(
        io::stdout(),
        "{}: {name}{version}, {} bytes, sha256:{}",
        shown(out),
        inspected.size,
        inspected.digest
    )?;
    let next = if has_test {
        project::own_test(&written_as_a_file(out))
    } else {
        format!("minutebook filter test {} --catalog CATALOG.json", written_as_a_file(out))
    };
    // If stderr is gone there is nobody to tell.
    let _ = writeln!(io::stderr(), "next: {next}");
    Ok(Exit::Done)
}

/// A path in a command, where one word alone would be a stock filter's name.
fn written_as_a_file(path: &Path) -> String {
    let is_one_word = path.components().count() == 1;
    shell::path(&if is_one_word { Path::new(".").join(path) } else { path.to_owned() })
}

/// The project in the current folder.
fn project(here: &Here<'_>) -> Result<Project, Failure> {
    let refused = |why: String| Failure::new(Exit::Usage, format!("`{}`: {why}", project::FILE));
    match read::json(Path::new(project::FILE), NAMED_FILE_BYTES, here) {
        Ok(json) => Project::read(&json).map_err(refused),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Failure::new(
            Exit::Usage,
            format!(
                "there is no {} here, so this folder is no filter's project: `minutebook filter new` makes one; `minutebook filter build FILE.wasm` takes what is compiled already",
                project::FILE
            ),
        )),
        Err(error) => Err(refused(error.to_string())),
    }
}

/// Compiles a project. Returns what came of it, and its file's name.
fn compile(project: &Project, here: &Here<'_>) -> Result<(Vec<u8>, String), Failure> {
    let plan = plan(project.language, &ThisMachine(here.authority))
        .map_err(|missing| Failure::new(Exit::Usage, missing))?;
    if let Some(note) = plan.note {
        // If stderr is gone there is nobody to tell.
        let _ = writeln!(io::stderr(), "{note}");
    }
    let made = Dir::open_ambient_dir(".", here.authority).and_then(|dir| dir.create_dir_all(FOLDER));
    made.map_err(|error| match error.kind() {
        io::ErrorKind::AlreadyExists => Failure::new(
            Exit::Usage,
            format!("what is called `{FOLDER}` here is no folder, and compiling needs one of that name; move it away, or give it another name"),
        ),
        _ => Failure::new(Exit::Failed, format!("the folder `{FOLDER}` cannot be made: {error}")),
    })?;
    plan.steps.iter().try_for_each(run)?;
    let bytes = read_module(Path::new(plan.product), here).map_err(|error| {
        let why =
            format!("all commands went well, but `{}` cannot be read: {error}; {}", plan.product, plan.hint);
        Failure::new(Exit::Failed, why)
    })?;
    Ok((bytes, plan.product.to_owned()))
}

fn read_module(path: &Path, here: &Here<'_>) -> io::Result<Vec<u8>> {
    read::file(path, read::FILTER_FILE_BYTES, here)
}

/// What is made of a file goes by the file's name, unless it has one of its own.
fn named_like(file: &Path, bytes: &[u8], identity: Identity) -> Result<Identity, String> {
    if identity.name.is_some() || inspect(bytes).name.is_some() {
        return Ok(identity);
    }
    let stem = file.file_stem().unwrap_or_default().to_string_lossy();
    let name = parse_name(&stem)
        .map_err(|why| format!("it would go by its file's name, so give it another with --name: {why}"))?;
    Ok(Identity { name: Some(name), ..identity })
}

/// What is read is not written over, whatever it is called.
fn refuse_the_input(file: &Path, out: &Path, here: &Here<'_>) -> Result<(), Failure> {
    let identity = |path: &Path| {
        use cap_std::fs::MetadataExt as _;
        let (folder, name) = (path.parent()?, path.file_name()?);
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        let metadata = Dir::open_ambient_dir(folder, here.authority).ok()?.metadata(name).ok()?;
        Some((metadata.dev(), metadata.ino()))
    };
    if identity(file).is_some() && identity(file) == identity(out) {
        let why = format!("--out `{}` is the file that is read; name another one", shown(out));
        return Err(Failure::new(Exit::Usage, why));
    }
    Ok(())
}

/// Whether there is a filter, which may be replaced. Nothing else is: it may be what the filter is made of.
fn replaces_a_filter(out: &Path, here: &Here<'_>) -> Result<bool, Failure> {
    let refused = |why: &dyn Display| Failure::new(Exit::Usage, format!("--out `{}`: {why}", shown(out)));
    if out == Path::new("-") {
        return Err(refused(&"a filter goes to a file, not to stdout; name one"));
    }
    match read::start(out, MAGIC.len(), here) {
        Ok(start) if start == MAGIC => Ok(true),
        Ok(start) if start.is_empty() => Ok(false),
        Ok(_) => Err(refused(
            &"what is there is no WebAssembly, so it is not replaced; name another file, or remove it first",
        )),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(refused(&error)),
    }
}

fn is_there(path: &Path, here: &Here<'_>) -> bool {
    Dir::open_ambient_dir(".", here.authority).is_ok_and(|dir| dir.exists(path))
}
