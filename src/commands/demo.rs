//! `minutebook demo`: the whole thing once, against a cluster of our own, to look at.

mod sample;

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use cap_std::AmbientAuthority;
use cap_std::fs::Dir;
use clap::{Args as _, FromArgMatches as _};
use minutebook::config::{Loader, Said};
use minutebook::cycle::Report;

use super::run::{contexts, in_runtime, record_once, shared, worst};
use crate::exit::{Exit, Failure};

/// Where the demo writes, below the current folder.
const AUDIT_DIR: &str = "minutebook-demo";
const HOST: &str = "sample.k8s.hostname";
const CLUSTER: &str = "sample_cluster";
const NAMESPACE: &str = "sample_namespace";

pub(crate) fn demo(authority: AmbientAuthority) -> Result<Exit, Failure> {
    refuse_foreign(Path::new(AUDIT_DIR), authority)?;
    in_runtime(async {
        let server =
            sample::serve(CLUSTER, NAMESPACE).await.map_err(|error| Failure::new(Exit::Failed, error))?;
        let said = said(server).map_err(|error| Failure::new(Exit::Usage, error))?;
        // The environment has no say here.
        let config = Loader::new(said, &[], authority).load()?;
        let contexts = contexts(config.targets, None, &shared(authority, None)?);
        let reports = record_once(contexts.into_iter().map(Arc::new).collect()).await?;
        let Some(report) = reports.iter().flatten().next() else {
            return Err(Failure::new(Exit::Failed, "interrupted before anything was recorded"));
        };
        show(report, authority)?;
        Ok(worst(&reports))
    })
}

/// The folder may be there from an earlier demo, but nobody else's things.
fn refuse_foreign(path: &Path, authority: AmbientAuthority) -> Result<(), Failure> {
    let refused = |why: String| {
        Failure::new(
            Exit::Failed,
            format!("./{AUDIT_DIR} {why}; move it away, or run the demo in another folder"),
        )
    };
    let dir = match Dir::open_ambient_dir(path, authority) {
        Ok(dir) => dir,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(refused(format!("cannot be opened: {error}"))),
    };
    let entries = dir.entries().map_err(|error| refused(format!("cannot be read: {error}")))?;
    for entry in entries {
        let name = entry.map_err(|error| refused(format!("cannot be read: {error}")))?.file_name();
        if name != HOST {
            return Err(refused(format!("holds something that is not from a demo: `{}`", name.display())));
        }
    }
    Ok(())
}

/// The options of `run`, as if they had been typed.
fn said(server: SocketAddr) -> Result<Said, clap::Error> {
    let server = format!("http://{server}");
    let typed = [
        "run",
        "--host",
        HOST,
        "--cluster",
        CLUSTER,
        "--namespace",
        NAMESPACE,
        "--server",
        &server,
        "--audit-dir",
        AUDIT_DIR,
    ];
    let command = Said::augment_args(clap::Command::new("run"));
    let command = command.mut_args(|argument| argument.env(None::<&str>));
    Said::from_arg_matches(&command.try_get_matches_from(typed)?)
}

fn show(report: &Report, authority: AmbientAuthority) -> Result<(), Failure> {
    let failed = |error: anyhow::Error| Failure::new(Exit::Failed, format!("{error:#}"));
    let Ok(committed) = &report.committed else {
        // Stderr has been told.
        return Ok(());
    };
    let folder = Path::new(AUDIT_DIR).join(HOST).join(CLUSTER).join(NAMESPACE);
    let (archive, log) = (committed.stamp.archive(), committed.stamp.log());
    let dir = Dir::open_ambient_dir(&folder, authority)
        .with_context(|| format!("could not open {}", folder.display()));
    let dir = dir.map_err(failed)?;
    let entries =
        list(&dir, &archive).with_context(|| format!("could not read {archive}")).map_err(failed)?;
    let text = dir.read_to_string(&log).with_context(|| format!("could not read {log}")).map_err(failed)?;

    let (folder, mut out) = (folder.display(), io::stdout().lock());
    writeln!(out, "Recorded the sample cluster into {folder}/\n")?;
    writeln!(out, "{archive}")?;
    for (name, bytes) in entries {
        writeln!(out, "    {name}   {bytes} bytes")?;
    }
    writeln!(out, "\n{log}")?;
    for line in text.lines() {
        writeln!(out, "    {line}")?;
    }
    writeln!(out, "\nLook at them yourself:")?;
    writeln!(out, "    tar tzvf {folder}/{archive}")?;
    writeln!(out, "    tar xzOf {folder}/{archive} configmaps.json | jq '.items[].metadata.name'")?;
    writeln!(out, "    cat {folder}/{log}")?;
    Ok(())
}

fn list(dir: &Dir, archive: &str) -> anyhow::Result<Vec<(String, u64)>> {
    let mut archive = tar::Archive::new(flate2::read::GzDecoder::new(dir.open(archive)?));
    let mut entries = Vec::new();
    for entry in archive.entries()? {
        let entry = entry?;
        entries.push((entry.path()?.display().to_string(), entry.size()));
    }
    Ok(entries)
}
