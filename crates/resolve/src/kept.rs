//! A folder in which repositories that were read are kept for the next time.
//!
//! ```text
//! FOLDER/packages/HEX.pool     the packages of the primary.xml with this checksum ([`crate::cache`])
//! FOLDER/owners/HEX.files      the owners of all files of the filelists.xml with this checksum ([`crate::filelists`])
//! ```
//!
//! Files appear whole and never change; any number of processes may share a folder, and anyone may delete any of them. What
//! cannot be kept is read anew the next time, and nothing else happens.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use copr_repodata::{Checksum, Error, read};

use crate::{Packages, Pool, cache, filelists, load};

/// Files of each kind that stay; those that were written first go.
const MOST: usize = 64;

/// The folder, or none.
#[derive(Debug, Clone)]
pub struct Kept {
    folder: Option<PathBuf>,
}

impl Kept {
    /// Keeps repositories below this folder, which is made when there is something to keep.
    #[must_use]
    pub fn in_folder(folder: impl Into<PathBuf>) -> Self {
        Self { folder: Some(folder.into()) }
    }

    /// Keeps nothing.
    #[must_use]
    pub fn nowhere() -> Self {
        Self { folder: None }
    }

    /// The packages of the primary.xml with this checksum, if they are kept.
    #[must_use]
    pub fn packages(&self, primary: &Checksum) -> Option<Packages> {
        cache::read(&self.path("packages", primary, "pool")?, &primary.to_string())
    }

    /// Reads a primary.xml, whose checksum is known to be right, and keeps its packages.
    ///
    /// # Errors
    /// As [`load::primary`].
    pub fn read_packages(&self, primary: &Checksum, file: &Path) -> Result<Packages, Error> {
        let packages = load::primary(read::open(file)?)?;
        if let Some(path) = self.path("packages", primary, "pool") {
            keep(&path, |path| cache::write(path, &primary.to_string(), &packages).is_ok());
        }
        Ok(packages)
    }

    /// The owners of paths in a repository of `pool`, made of metadata with these checksums, if they are kept: paths with the
    /// number of the package in its repository, for [`Pool::add_file_owners`].
    #[must_use]
    pub fn owners(&self, primary: &Checksum, listed: &Checksum, wanted: &[String]) -> Option<Vec<(String, u32)>> {
        let path = self.path("owners", listed, "files")?;
        filelists::Cache::open(&path, &both(primary, listed))?.owners(wanted)
    }

    /// Reads a filelists.xml, whose checksum is known to be right, and keeps the owners of all its files. The rest is as with
    /// [`Self::owners`]; `repository` is the one's index in `pool`.
    ///
    /// # Errors
    /// As [`filelists::owners`].
    pub fn read_owners(
        &self,
        (primary, listed): (&Checksum, &Checksum),
        file: &Path,
        pool: &Pool,
        repository: usize,
        wanted: &[String],
    ) -> Result<Vec<(String, u32)>, Error> {
        if let Some(path) = self.path("owners", listed, "files") {
            let key = both(primary, listed);
            let write = |path: &Path| {
                read::open(file).is_ok_and(|from| filelists::write(path, &key, from, pool, repository).is_ok())
            };
            if keep(&path, write)
                && let Some(owners) = self.owners(primary, listed, wanted)
            {
                return Ok(owners);
            }
        }
        filelists::owners(read::open(file)?, pool, repository, wanted)
    }

    /// Where something is kept. A checksum that can be forged names nothing: others rely on what it names.
    fn path(&self, folder: &str, checksum: &Checksum, end: &str) -> Option<PathBuf> {
        let checksum = Checksum::new(checksum.kind, &checksum.hex).ok().filter(|checksum| checksum.kind.is_strong())?;
        Some(self.folder.as_ref()?.join(folder).join(format!("{}.{end}", checksum.hex)))
    }
}

/// The numbers of packages are those of primary.xml, so owners belong to both files.
fn both(primary: &Checksum, listed: &Checksum) -> String {
    format!("{primary} {listed}")
}

/// Writes a file into its folder, and makes room there. Whether it could be written.
fn keep(path: &Path, write: impl FnOnce(&Path) -> bool) -> bool {
    let Some(folder) = path.parent() else { return false };
    if fs_err::create_dir_all(folder).is_err() || !write(path) {
        return false;
    }
    sweep(folder, path);
    true
}

/// Removes what was written first, where there is too much.
fn sweep(folder: &Path, but: &Path) {
    let Ok(entries) = fs_err::read_dir(folder) else { return };
    let mut files: Vec<(SystemTime, PathBuf)> = entries
        .filter_map(|entry| {
            let entry = entry.ok()?;
            Some((entry.metadata().ok().filter(std::fs::Metadata::is_file)?.modified().ok()?, entry.path()))
        })
        .filter(|(_, path)| path != but)
        .collect();
    files.sort();
    let surplus = files.len().saturating_sub(MOST.saturating_sub(1));
    for (_, path) in files.into_iter().take(surplus) {
        // Somebody else was faster.
        let _ = fs_err::remove_file(path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use copr_repodata::ChecksumKind;

    #[test]
    fn the_file_that_was_written_first_goes_when_there_are_too_many() {
        let folder = tempfile::tempdir().unwrap();
        let name = |number: usize| folder.path().join(format!("{number:03}"));
        for number in 0..MOST + 1 {
            fs_err::write(name(number), "").unwrap();
            let time = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(number as u64);
            std::fs::File::options().append(true).open(name(number)).unwrap().set_modified(time).unwrap();
        }
        sweep(folder.path(), &name(0));
        assert!(name(0).exists(), "the one just written stays, whatever its time");
        assert!(!name(1).exists() && name(2).exists());
    }

    #[test]
    fn a_checksum_that_can_be_forged_names_nothing() {
        let kept = Kept::in_folder("/nowhere");
        let of = |kind| Checksum::of(kind, &b"x"[..]).unwrap().0;
        assert!(kept.path("packages", &of(ChecksumKind::Sha256), "pool").is_some());
        assert!(kept.path("packages", &of(ChecksumKind::Md5), "pool").is_none());
        assert!(Kept::nowhere().path("packages", &of(ChecksumKind::Sha256), "pool").is_none());
    }
}
