//! Owners of the files that primary.xml does not list, on demand: from filelists.xml, or from a cache file that answers
//! with one read for each path.
//!
//! ```no_run
//! # use copr_resolve::{Pool, filelists};
//! # fn owners(pool: &mut Pool, repository: usize, cached: &std::path::Path, repomd: &str, listed: &std::path::Path)
//! # -> Result<(), copr_repodata::Error> {
//! let wanted = pool.missing_paths();
//! let owners = match filelists::Cache::open(cached, repomd).and_then(|cache| cache.owners(&wanted)) {
//!     Some(owners) => owners,
//!     None => filelists::owners(copr_repodata::read::open(listed)?, pool, repository, &wanted)?,
//! };
//! pool.add_file_owners(repository, owners.iter().map(|(path, package)| (path.as_str(), *package)))
//! # }
//! ```

mod cache;

use std::io::Read;

use copr_repodata::Error;
use copr_repodata::read::{FilelistsView, each_filelists};

pub use self::cache::{Cache, write};

use crate::ahead::reading_ahead;
use crate::pool::Pool;
use crate::pool::packages::{hex_bytes, slice_at};
use crate::strings::{Str, Strings, too_much};

/// Owners that one question may find; a distribution has some hundred for the most common folder.
const MOST_OWNERS: usize = 1 << 24;

/// The packages of a repository that own any of the paths: each path with the package's number in the repository. `from`
/// gives the text of the repository's filelists.xml.
///
/// Memory: the paths and what is found.
///
/// # Errors
/// The text is malformed or cut short, or over 2^24 owners are found.
pub fn owners(
    from: impl Read + Send,
    pool: &Pool,
    repository: usize,
    wanted: &[String],
) -> Result<Vec<(String, u32)>, Error> {
    let mut paths = Strings::default();
    for path in wanted {
        paths.intern(path)?;
    }
    let mut found = Vec::new();
    if paths.len() > 1 {
        let numbers = Numbers::of(pool, repository);
        each_package(from, |view| {
            let mut own: Vec<Str> = view.files.iter().filter_map(|file| paths.find(&file.path.text())).collect();
            own.retain(|path| *path != Str::EMPTY);
            own.sort_unstable();
            own.dedup();
            if !own.is_empty() {
                let numbers = numbers.of_package(view);
                found.extend(own.iter().flat_map(|path| numbers.clone().map(|number| (*path, number))));
            }
            if found.len() > MOST_OWNERS { Err(too_much("the owners of files")) } else { Ok(()) }
        })?;
    }
    found.sort_unstable();
    found.dedup();
    Ok(found.into_iter().map(|(path, number)| (paths.get(path).to_owned(), number)).collect())
}

/// Reads on another thread.
fn each_package(
    from: impl Read + Send,
    visit: impl FnMut(&FilelistsView<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    reading_ahead(from, |from| each_filelists(from, visit))?
}

/// The numbers of a repository's packages by their checksums.
struct Numbers<'p> {
    sums: &'p [u8],
    ends: &'p [u32],
    first: u32,
    /// In the order of checksums.
    sorted: Vec<u32>,
}

impl<'p> Numbers<'p> {
    fn of(pool: &'p Pool, repository: usize) -> Self {
        let (columns, packages) = pool.columns_of(repository);
        let (sums, ends, first) = (columns.sum.as_slice(), columns.sum_end.as_slice(), packages.start);
        let mut sorted: Vec<u32> = packages.collect();
        sorted.sort_by_key(|number| slice_at(sums, ends, *number as usize));
        Self { sums, ends, first, sorted }
    }

    /// The packages that a package of filelists.xml is about; more than one if the repository has it twice.
    fn of_package(&self, view: &FilelistsView<'_>) -> impl Iterator<Item = u32> + Clone {
        let wanted = hex_bytes(view.pkgid.text().trim());
        let sum = |number: u32| slice_at(self.sums, self.ends, number as usize);
        let from = self.sorted.partition_point(|number| sum(*number) < wanted.as_slice());
        let behind = self.sorted.get(from..).unwrap_or_default();
        let same = behind.iter().take_while(|number| sum(**number) == wanted.as_slice()).count();
        behind.get(..same).unwrap_or_default().iter().map(|number| number - self.first)
    }
}

#[cfg(test)]
#[path = "filelists_tests.rs"]
mod tests;
