//! `copr-repo publish`.

mod events;
mod watch;

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use copr_repodata::{Delta, Error, Published, Record};
use rayon::prelude::*;

use super::definition::{Placing, Publish};
use super::place;
use super::progress;
use super::repository::{LEFT_OUT, LeftOut, Repository, cause};
use super::voice::Voice;

pub(super) fn run(arguments: &Publish) -> Result<ExitCode> {
    let elsewhere = arguments.watch.as_ref().is_some_and(Option::is_some);
    let Placing { into, link, move_files, replace } = &arguments.placing;
    if !elsewhere && (into.is_some() || *link || *move_files || *replace) {
        bail!("--into, --link, --move and --replace are about packages from elsewhere: name their folder, --watch DIR");
    }
    if !arguments.dir.is_dir() {
        bail!("{} is no folder; name the one that holds the packages", arguments.dir.display());
    }
    let repository = Repository::new(&arguments.dir, &arguments.writing)?;
    let voice = Voice::ours(arguments.writing.quiet, false, arguments.writing.json);
    if let Some(folder) = &arguments.watch {
        return watch::run(&repository, folder.as_deref(), &arguments.placing, voice);
    }
    let (published, left_out) = publish_all(&repository, voice)?;
    repository.tell(&published, &left_out)?;
    Ok(if left_out.is_empty() { ExitCode::SUCCESS } else { ExitCode::from(LEFT_OUT) })
}

/// Makes the metadata what lies in the folder.
fn publish_all(repository: &Repository<'_>, voice: Voice) -> Result<(Published, Vec<LeftOut>)> {
    let dir = repository.dir;
    place::sweep(dir)?;
    // Before looking at the folder: what is added meanwhile is added twice then, and what is removed is removed twice.
    let known = repository.known()?.unwrap_or_default();
    let mut left_out = Vec::new();
    let files = place::walk(dir, &mut left_out);
    let unread: HashSet<PathBuf> = left_out.iter().map(|one| one.path.clone()).collect();
    let before: HashMap<&str, (u64, u64)> =
        known.iter().filter(|p| !p.elsewhere).map(|p| (p.href.as_str(), (p.size, p.time))).collect();
    // A package that lies elsewhere under the same location would be taken for the one that is here.
    let elsewhere: HashSet<&str> = known.iter().filter(|p| p.elsewhere).map(|p| p.href.as_str()).collect();
    let look = |path: PathBuf| {
        let href = match path.strip_prefix(dir).map_err(|error| error.to_string()).and_then(place::href) {
            Ok(href) => href,
            Err(reason) => return Look::LeftOut(LeftOut::new(&path, reason)),
        };
        if elsewhere.contains(href.as_str()) {
            return Look::LeftOut(LeftOut::new(&path, "the metadata have a package elsewhere at this location"));
        }
        match place::about(&path) {
            Ok(about) if before.get(href.as_str()) == Some(&about) => Look::Same(href),
            _ => Look::Read(path, href),
        }
    };
    let looked: Vec<Look> = repository.pool.install(|| files.into_par_iter().map(look).collect());
    let (mut here, mut to_read) = (HashSet::new(), Vec::new());
    for one in looked {
        match one {
            Look::Same(href) => _ = here.insert(href),
            Look::Read(path, href) => to_read.push((path, href)),
            Look::LeftOut(one) => left_out.push(one),
        }
    }
    let output = repository.output()?;
    let read = read(repository, &to_read, &output, voice);
    left_out.extend(read.left_out);
    here.extend(read.records.iter().map(|record| record.location_href.clone()));
    let stays = |href: &str| here.contains(href) || unread.iter().any(|folder| dir.join(href).starts_with(folder));
    let remove: Vec<String> = before.keys().filter(|href| !stays(href)).map(|href| (*href).to_owned()).collect();
    let published = repository.publish(output, &Delta { add: read.records, remove })?;
    left_out.sort_by(|a, b| a.path.cmp(&b.path));
    Ok((published, left_out))
}

/// What is to be done about a file.
enum Look {
    /// Nothing: the metadata have it.
    Same(String),
    Read(PathBuf, String),
    LeftOut(LeftOut),
}

/// Packages that were read.
#[derive(Default)]
struct Reading {
    records: Vec<Record>,
    left_out: Vec<LeftOut>,
    /// Locations of those that went away before they were read.
    gone: Vec<String>,
}

/// Reads packages, several at once.
fn read(
    repository: &Repository<'_>,
    files: &[(PathBuf, String)],
    output: &copr_repodata::Output,
    voice: Voice,
) -> Reading {
    let bar = progress::bar(voice);
    bar.set_length(files.len() as u64);
    let options = Repository::record_options(output);
    let one = |(path, href): &(PathBuf, String)| {
        let record = Record::from_file(path, href, &options);
        bar.inc(1);
        record
    };
    let results: Vec<Result<Record, Error>> = repository.pool.install(|| files.par_iter().map(one).collect());
    bar.finish_and_clear();
    let mut reading = Reading::default();
    for ((path, href), result) in files.iter().zip(results) {
        match result {
            Ok(record) => reading.records.push(record),
            Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => reading.gone.push(href.clone()),
            Err(error) => reading.left_out.push(LeftOut::new(path, cause(&error))),
        }
    }
    reading
}

/// Where a file of the repository lies, as metadata have it.
fn href_of(dir: &Path, path: &Path) -> Result<String> {
    let relative = path.strip_prefix(dir).with_context(|| path.display().to_string())?;
    place::href(relative).map_err(|reason| anyhow::anyhow!("{}: {reason}", path.display()))
}
