//! `minutebook filter build`: from a project, or from a module that is compiled already, to a filter.

mod languages;
mod machine;
mod plan;

use std::io::{self, Write as _};
use std::path::Path;

use cap_std::fs::Dir;
use minutebook::componentize::{Identity, componentize};
use minutebook::model::limits::NAMED_FILE_BYTES;
use minutebook::select::{Source, inspect, try_out};
use minutebook::store::replace_file;

use super::project::{self, Project};
use super::{Here, read};
use crate::cli::BuildArguments;
use crate::exit::{Exit, Failure};
use languages::FOLDER;
use machine::{ThisMachine, run};
use plan::plan;

/// What a module's filter is called instead of the module.
const EXTENSION: &str = "component.wasm";
pub(super) fn build(arguments: &BuildArguments, here: &Here<'_>) -> Result<Exit, Failure> {
    let BuildArguments { file, out, name, filter_version, .. } = arguments;
    let identity = Identity { name: name.clone(), version: filter_version.clone() };
    let (bytes, made_of, identity, out) = if let Some(file) = file {
        let out = out.clone().unwrap_or_else(|| file.with_extension(EXTENSION));
        refuse_the_input(file, &out, here)?;
        let bytes = read_module(file, here)
            .map_err(|error| Failure::new(Exit::Usage, format!("`{}`: {error}", file.display())))?;
        let identity = named_like(file, &bytes, identity);
        (bytes, file.display().to_string(), identity, out)
    } else {
        let project = project(here)?;
        let (bytes, product) = compile(&project, here)?;
        let Identity { name, version } = identity;
        let identity =
            Identity { name: name.or(Some(project.name)), version: version.or(Some(project.version)) };
        (bytes, product, identity, out.clone().unwrap_or_else(|| project::FILTER.into()))
    };
    let component = componentize(&bytes, &identity)
        .map_err(|error| Failure::new(Exit::Usage, format!("`{made_of}`: {error}")))?;
    // A filter that would be refused is none.
    let origin = out.display().to_string();
    let source = Source { origin: &origin, bytes: &component, pin: None };
    try_out(&here.selector(&arguments.cache)?, &source).map_err(|failed| {
        Failure::new(Exit::Usage, format!("{failed} (it was made of `{made_of}`, and is not written)"))
    })?;
    replace_file(&out, &component, here.authority)
        .map_err(|error| Failure::new(Exit::Failed, format!("`{origin}` could not be written: {error}")))?;
    tell(&out, &component, file.is_none() && is_there(Path::new(project::CATALOG), here))
}

/// What was written on stdout, and what to do next on stderr.
fn tell(out: &Path, component: &[u8], has_test: bool) -> Result<Exit, Failure> {
    let inspected = inspect(component);
    let version = inspected.version.map(|version| format!(" {version}")).unwrap_or_default();
    let name = inspected.name.unwrap_or_default();
    writeln!(
        io::stdout(),
        "{}: {name}{version}, {} bytes, sha256:{}",
        out.display(),
        inspected.size,
        inspected.digest
    )?;
    let out = written_as_a_file(out);
    let next = if has_test {
        project::own_test(&out)
    } else {
        format!("minutebook filter test {out} --catalog CATALOG.json")
    };
    // If stderr is gone there is nobody to tell.
    let _ = writeln!(io::stderr(), "next: {next}");
    Ok(Exit::Done)
}

/// A path as `--filter` takes it for one.
fn written_as_a_file(path: &Path) -> String {
    let text = path.display().to_string();
    if text.contains('/') { text } else { format!("./{text}") }
}

/// The project in the current folder.
fn project(here: &Here<'_>) -> Result<Project, Failure> {
    let refused = |why: String| Failure::new(Exit::Usage, format!("`{}`: {why}", project::FILE));
    match read::file(Path::new(project::FILE), NAMED_FILE_BYTES, here) {
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
    made.map_err(|error| {
        Failure::new(Exit::Failed, format!("the folder `{FOLDER}` cannot be made: {error}"))
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
fn named_like(file: &Path, bytes: &[u8], identity: Identity) -> Identity {
    let stem = || file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
    let own = inspect(bytes).name;
    Identity { name: identity.name.or_else(|| if own.is_some() { None } else { stem() }), ..identity }
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
        let why = format!("--out `{}` is the file that is read; name another one", out.display());
        return Err(Failure::new(Exit::Usage, why));
    }
    Ok(())
}

fn is_there(path: &Path, here: &Here<'_>) -> bool {
    Dir::open_ambient_dir(".", here.authority).is_ok_and(|dir| dir.exists(path))
}
