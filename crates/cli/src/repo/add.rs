//! `copr-repo add`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, bail};
use copr_repodata::{Delta, Published};

use super::definition::{Add, Placing};
use super::place::{self, Places};
use super::progress;
use super::repository::{LEFT_OUT, LeftOut, Repository};
use super::voice::Voice;

pub(super) fn run(arguments: &Add) -> Result<ExitCode> {
    let writing = &arguments.writing;
    let repository = Repository::new(&arguments.dir, writing)?;
    let voice = Voice::ours(writing.quiet, false, writing.json);
    let (published, left_out) = add(&repository, &arguments.packages, &arguments.placing, arguments.strict, voice)?;
    match published {
        Some(published) => repository.tell(&published, &left_out)?,
        None => {
            LeftOut::tell(&left_out);
            bail!("{}: none of the packages can be added, nothing is changed", arguments.dir.display());
        }
    }
    Ok(if left_out.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(LEFT_OUT) })
}

/// Brings packages into a repository and publishes them. Without any, nothing is published.
pub(super) fn add(
    repository: &Repository<'_>,
    packages: &[PathBuf],
    placing: &Placing,
    strict: bool,
    voice: Voice,
) -> Result<(Option<Published>, Vec<LeftOut>)> {
    let output = repository.output()?;
    let mut left_out = Vec::new();
    let files = place::find(packages, &mut left_out);
    if strict && !left_out.is_empty() {
        LeftOut::tell(&left_out);
        bail!("nothing is changed, because of --strict");
    }
    let places = Places::new(repository.dir, placing, strict)?;
    let bar = progress::bar(voice);
    let placed = repository.pool.install(|| places.place(&files, &Repository::record_options(&output), &bar));
    bar.finish_and_clear();
    let placed = placed?;
    left_out.extend(placed.left_out.iter().cloned());
    if placed.records.is_empty() && !left_out.is_empty() {
        return Ok((None, left_out));
    }
    let delta = Delta { add: placed.records.clone(), remove: Vec::new() };
    let published = repository.publish(output, &delta)?;
    if placing.move_files {
        left_out.extend(placed.remove_sources());
    }
    Ok((Some(published), left_out))
}
