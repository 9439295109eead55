//! Repositories on disk become a pool.

use copr_repodata::{Error, Repomd, RepomdRecord, read};
use copr_resolve::kept::Kept;
use copr_resolve::{Packages, Pool, load};
use pyo3::PyErr;
use rayon::prelude::*;

use crate::errors::{self, of_file};
use crate::pool::Repository;

/// Reads repositories, from what is kept where that is possible. Owners of files are looked up for the paths that
/// dependencies name, and for `paths`.
pub(crate) fn pool(arch: &str, repositories: &[Repository], paths: Vec<String>, kept: &Kept) -> Result<Pool, PyErr> {
    let read =
        |repository: &Repository| packages(repository, kept).map_err(|error| errors::load(&repository.info.id, &error));
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
        let found = owners(repository, &repomd, &pool, index, &missing, kept).map_err(failed)?;
        let owners = found.iter().map(|(path, package)| (path.as_str(), *package));
        pool.add_file_owners(index, owners).map_err(failed)?;
    }
    Ok(pool)
}

/// Who owns any of some paths in a repository: each path with the number of the package.
fn owners(
    repository: &Repository,
    repomd: &Repomd,
    pool: &Pool,
    index: usize,
    wanted: &[String],
    kept: &Kept,
) -> Result<Vec<(String, u32)>, Error> {
    let (Some(primary), Some(listed)) = (entry(repomd, "primary"), entry(repomd, "filelists")) else {
        return Ok(Vec::new());
    };
    if let Some(owners) = kept.owners(&primary.checksum, &listed.checksum, wanted) {
        return Ok(owners);
    }
    let path = read::verified(&repository.path, listed)?;
    let found = kept.read_owners((&primary.checksum, &listed.checksum), &path, pool, index, wanted);
    found.map_err(|error| of_file(&path, error))
}

/// The packages of a repository, and what its repomd.xml says if it is a folder.
fn packages(repository: &Repository, kept: &Kept) -> Result<(Packages, Option<Repomd>), Error> {
    if let Some(records) = &repository.known {
        return Ok((Packages::from_records(records.iter())?, None));
    }
    if !repository.path.is_dir() {
        let path = &repository.path;
        let packages = load::primary(read::open(path)?).map_err(|error| of_file(path, error))?;
        return Ok((packages, None));
    }
    let repomd = Repomd::open(&repository.path.join("repodata/repomd.xml"))?;
    let Some(record) = entry(&repomd, "primary") else {
        let reason = "its repomd.xml names no primary metadata".to_owned();
        return Err(Error::Metadata { what: repository.path.display().to_string(), reason });
    };
    if let Some(packages) = kept.packages(&record.checksum) {
        return Ok((packages, Some(repomd)));
    }
    let path = read::verified(&repository.path, record)?;
    let packages = kept.read_packages(&record.checksum, &path).map_err(|error| of_file(&path, error))?;
    Ok((packages, Some(repomd)))
}

/// What repomd.xml names of a kind, as itself or as zchunk.
pub(crate) fn entry<'a>(repomd: &'a Repomd, kind: &str) -> Option<&'a RepomdRecord> {
    repomd.record(kind).or_else(|| repomd.record(&format!("{kind}_zck")))
}
