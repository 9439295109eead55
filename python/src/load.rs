//! Repositories on disk become a pool.

use std::path::Path;

use copr_repodata::{Error, Repomd, RepomdRecord, read};
use copr_resolve::{Packages, Pool, cache, filelists, load};
use pyo3::PyErr;
use rayon::prelude::*;

use crate::errors;
use crate::pool::Repository;

/// Reads repositories. Owners of files are looked up for the paths that dependencies name, and for `paths`.
pub(crate) fn pool(arch: &str, repositories: &[Repository], paths: Vec<String>) -> Result<Pool, PyErr> {
    let read =
        |repository: &Repository| packages(repository).map_err(|error| errors::load(&repository.info.id, &error));
    let read: Vec<(Packages, Option<Repomd>)> = repositories.par_iter().map(read).collect::<Result<_, _>>()?;
    let mut pool = Pool::new(arch);
    let mut folders = Vec::new();
    for (repository, (packages, folder)) in repositories.iter().zip(read) {
        let added = pool.add(repository.info.clone(), packages);
        let index = added.map_err(|error| errors::load(&repository.info.id, &error))?;
        folders.extend(folder.map(|repomd| (index, repository, repomd)));
    }
    let mut missing = pool.missing_paths();
    missing.extend(paths);
    missing.sort_unstable();
    missing.dedup();
    if missing.is_empty() {
        return Ok(pool);
    }
    for (index, repository, repomd) in folders {
        let failed = |error: Error| errors::load(&repository.info.id, &error);
        let Some(record) = entry(&repomd, "filelists") else { continue };
        let path = read::verified(&repository.path, record).map_err(failed)?;
        let file = read::open(&path).map_err(failed)?;
        let found = filelists::owners(file, &pool, index, &missing);
        let found = found.map_err(|error| failed(of_file(&path, error)))?;
        let owners = found.iter().map(|(path, package)| (path.as_str(), *package));
        pool.add_file_owners(index, owners).map_err(failed)?;
    }
    Ok(pool)
}

/// The packages of a repository, and what its repomd.xml says if it is a folder.
fn packages(repository: &Repository) -> Result<(Packages, Option<Repomd>), Error> {
    if !repository.path.is_dir() {
        return Ok((primary(&repository.path)?, None));
    }
    let repomd = Repomd::open(&repository.path.join("repodata/repomd.xml"))?;
    let Some(record) = entry(&repomd, "primary") else {
        let reason = "its repomd.xml names no primary metadata".to_owned();
        return Err(Error::Metadata { what: repository.path.display().to_string(), reason });
    };
    let cached = repository.cache.as_deref().and_then(|path| cache::read(path, &record.checksum.to_string()));
    if let Some(packages) = cached {
        return Ok((packages, Some(repomd)));
    }
    let packages = primary(&read::verified(&repository.path, record)?)?;
    if let Some(path) = &repository.cache {
        cache::write(path, &record.checksum.to_string(), &packages)?;
    }
    Ok((packages, Some(repomd)))
}

/// What repomd.xml names of a kind, as itself or as zchunk.
fn entry<'a>(repomd: &'a Repomd, kind: &str) -> Option<&'a RepomdRecord> {
    repomd.record(kind).or_else(|| repomd.record(&format!("{kind}_zck")))
}

fn primary(path: &Path) -> Result<Packages, Error> {
    load::primary_file(path).map_err(|error| of_file(path, error))
}

/// The same error about a file, not about the kind of document.
fn of_file(path: &Path, error: Error) -> Error {
    match error {
        Error::Metadata { reason, .. } => Error::Metadata { what: path.display().to_string(), reason },
        other => other,
    }
}
