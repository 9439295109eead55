//! Streaming readers of metadata files.
//!
//! [`primary`], [`filelists`] and [`other`] read one package at a time from anything buffered; [`open`] decompresses a
//! file for them; [`load`] reads a whole repository. Unknown elements are passed over and missing ones left empty, as
//! repositories in the wild need it; what no client could use (no name, no checksum, no location) is an error.

mod elements;
mod open;
mod packages;

use std::collections::HashMap;
use std::io::BufRead;
use std::path::{Component, Path, PathBuf};

use copr_rpm::{Changelog, Nevra};

use crate::{Checksum, Error, File, Record, Repomd, RepomdRecord};

pub(crate) use elements::{Attributes, Elements, Token, attribute, optional};
pub use open::{DEFAULT_SIZE_LIMIT, open, open_bounded};

/// What filelists say about one package.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PackageFiles {
    /// The package's checksum.
    pub pkgid: String,
    /// Its full name.
    pub nevra: Nevra,
    /// All its files.
    pub files: Vec<File>,
}

/// What other.xml says about one package.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PackageChangelogs {
    /// The package's checksum.
    pub pkgid: String,
    /// Its full name.
    pub nevra: Nevra,
    /// Its changes, oldest first.
    pub changelogs: Vec<Changelog>,
}

/// The packages of primary.xml: records with primary files only and without changes. Ends after the first error.
pub fn primary<R: BufRead>(from: R) -> impl Iterator<Item = Result<Record, Error>> {
    packages::Packages::new(from, "primary", "metadata", packages::record)
}

/// The packages of filelists.xml. Ends after the first error.
pub fn filelists<R: BufRead>(from: R) -> impl Iterator<Item = Result<PackageFiles, Error>> {
    packages::Packages::new(from, "filelists", "filelists", packages::files)
}

/// The packages of other.xml. Ends after the first error.
pub fn other<R: BufRead>(from: R) -> impl Iterator<Item = Result<PackageChangelogs, Error>> {
    packages::Packages::new(from, "other", "otherdata", packages::changelogs)
}

/// All records of a repository on disk, primary, filelists and other together, in the order of primary. A repository
/// without filelists or other gives records without them.
///
/// # Errors
/// `dir/repodata/repomd.xml` or what it names is missing, malformed or does not match its checksum.
pub fn load(dir: &Path) -> Result<Vec<Record>, Error> {
    let repomd = Repomd::read(&fs_err::read(dir.join("repodata/repomd.xml"))?)?;
    let entry = |kind| repomd.record(kind);
    let primary_entry =
        entry("primary").ok_or_else(|| Error::metadata("repomd.xml", "it names no primary metadata"))?;
    let mut records = primary(open(&verified(dir, primary_entry)?)?).collect::<Result<Vec<_>, _>>()?;
    let mut by_id: HashMap<String, Vec<usize>> = HashMap::with_capacity(records.len());
    for (index, record) in records.iter().enumerate() {
        by_id.entry(record.checksum.hex.clone()).or_default().push(index);
    }
    let mut each = |pkgid: &str, set: &mut dyn FnMut(&mut Record)| {
        for index in by_id.get(pkgid).into_iter().flatten() {
            if let Some(record) = records.get_mut(*index) {
                set(record);
            }
        }
    };
    if let Some(entry) = entry("filelists") {
        for package in filelists(open(&verified(dir, entry)?)?) {
            let package = package?;
            each(&package.pkgid, &mut |record| record.files.clone_from(&package.files));
        }
    }
    if let Some(entry) = entry("other") {
        for package in other(open(&verified(dir, entry)?)?) {
            let package = package?;
            each(&package.pkgid, &mut |record| record.changelogs.clone_from(&package.changelogs));
        }
    }
    Ok(records)
}

/// The path of a metadata file, checked to lie inside the repository and to have the size and checksum that
/// repomd.xml says.
pub(crate) fn verified(dir: &Path, entry: &RepomdRecord) -> Result<PathBuf, Error> {
    let path = inside(dir, &entry.location_href)?;
    let mismatch = |reason| Error::Mismatch { what: path.display().to_string(), reason };
    let file = fs_err::File::open(&path)?;
    let size = file.metadata()?.len();
    if let Some(expected) = entry.size.filter(|expected| *expected != size) {
        return Err(mismatch(format!("it has {size} bytes, not {expected}")));
    }
    let (found, _) = Checksum::of(entry.checksum.kind, file)?;
    if found != entry.checksum {
        return Err(mismatch(format!("its checksum is {found}, not {}", entry.checksum)));
    }
    Ok(path)
}

/// Joins a path from metadata, which may not lead out of `dir`.
pub(crate) fn inside(dir: &Path, href: &str) -> Result<PathBuf, Error> {
    let relative = Path::new(href);
    let safe = relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !safe || href.is_empty() || href.contains('\0') {
        return Err(Error::UnsafePath(href.chars().take(200).collect()));
    }
    Ok(dir.join(relative))
}
