//! The metadata of a folder of packages.

use std::path::{Path, PathBuf};

use rayon::prelude::*;

use crate::{Error, Output, Published, Publisher, Record, RecordOptions};

/// How [`create`] works.
#[derive(Debug, Clone)]
pub struct CreateOptions {
    /// Where `repodata/` goes; `None` for the folder of the packages.
    pub output: Option<PathBuf>,
    /// Threads that read packages; 0 for one a processor.
    pub workers: usize,
    /// How records are made.
    pub record: RecordOptions,
    /// How they are published.
    pub publish: Output,
}

/// What [`create`] tells while it works.
#[derive(Debug, Clone)]
pub enum Progress<'a> {
    /// So many packages were found.
    Found(usize),
    /// One package was read.
    Read(&'a Path),
    /// One package could not be read and is left out.
    Skipped(&'a Skipped),
    /// Reading is done, metadata are being written.
    Writing,
}

/// A package that could not be read.
#[derive(Debug)]
pub struct Skipped {
    /// Its file.
    pub path: PathBuf,
    /// Why.
    pub error: Error,
}

/// What [`create`] made.
#[derive(Debug)]
pub struct Created {
    /// The publish.
    pub published: Published,
    /// Packages left out, by path.
    pub skipped: Vec<Skipped>,
}

/// Writes the metadata of all `*.rpm` files under `dir`, in place of any that are there. Symbolic links are followed.
///
/// `progress` is called from several threads.
///
/// # Errors
/// `dir` cannot be read, or the metadata cannot be written. A package that cannot be read is skipped, not an error.
pub fn create(dir: &Path, options: &CreateOptions, progress: &(dyn Fn(Progress<'_>) + Sync)) -> Result<Created, Error> {
    let (found, mut skipped) = find_packages(dir)?;
    progress(Progress::Found(found.len() + skipped.len()));
    skipped.iter().for_each(|s| progress(Progress::Skipped(s)));
    let pool = rayon::ThreadPoolBuilder::new()
        .num_threads(options.workers)
        .build()
        .map_err(|e| Error::metadata("threads", format!("cannot start {} workers: {e}", options.workers)))?;
    let results: Vec<Result<Record, Skipped>> = pool.install(|| {
        found
            .par_iter()
            .map(|(path, href)| {
                let result = Record::from_file(path, href, &options.record)
                    .map_err(|error| Skipped { path: path.clone(), error });
                match &result {
                    Ok(_) => progress(Progress::Read(path)),
                    Err(skipped) => progress(Progress::Skipped(skipped)),
                }
                result
            })
            .collect()
    });
    let mut records = Vec::with_capacity(results.len());
    for result in results {
        match result {
            Ok(record) => records.push(record),
            Err(one) => skipped.push(one),
        }
    }
    skipped.sort_by(|a, b| a.path.cmp(&b.path));
    progress(Progress::Writing);
    let publisher = Publisher::new(options.output.as_deref().unwrap_or(dir), options.publish.clone());
    let published = pool.install(|| publisher.replace(&records))?;
    Ok(Created { published, skipped })
}

/// Path and href of every package under a folder, and what could not be looked at.
type Found = (Vec<(PathBuf, String)>, Vec<Skipped>);

fn find_packages(dir: &Path) -> Result<Found, Error> {
    // Told here, because what walks below would name it as one folder of many.
    fs_err::read_dir(dir)?;
    let (mut found, mut skipped) = (Vec::new(), Vec::new());
    for entry in walkdir::WalkDir::new(dir).follow_links(true).sort_by_file_name() {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                let path = error.path().unwrap_or(dir).to_owned();
                // A dangling link that is not named as a package is none of our business.
                if path.extension().is_some_and(|e| e == "rpm") || path.is_dir() {
                    skipped.push(Skipped { path, error: std::io::Error::from(error).into() });
                }
                continue;
            }
        };
        if entry.file_type().is_dir() || entry.path().extension().is_none_or(|e| e != "rpm") {
            continue;
        }
        let path = entry.into_path();
        let relative = path.strip_prefix(dir).ok().and_then(Path::to_str).map(str::to_owned);
        match relative {
            Some(href) => found.push((path, href)),
            None => {
                let error = Error::metadata(path.display().to_string(), "its name is not UTF-8; rename it");
                skipped.push(Skipped { path, error });
            }
        }
    }
    Ok((found, skipped))
}
