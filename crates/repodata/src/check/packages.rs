//! The packages that primary names, and the files that they are.

use std::collections::{HashMap, HashSet};
use std::ffi::OsStr;
use std::path::{Component, Path, PathBuf};

use rayon::prelude::*;
use walkdir::WalkDir;

use super::{Findings, Packages, reason};
use crate::source::Entry;
use crate::{Checksum, Error, read};

/// What is there twice.
pub(super) fn duplicates(entries: &[Entry], found: &mut Findings) {
    let mut names = HashMap::new();
    let mut places = HashMap::new();
    let mut sums = HashMap::new();
    for entry in entries {
        let is_copy = match sums.insert(&entry.checksum.hex, entry) {
            None => false,
            Some(before) => {
                let (one, other) = (&before.href, &entry.href);
                found.warning(
                    &entry.href,
                    format_args!("the same package is at {}", if one == other { "this place twice" } else { one }),
                );
                true
            }
        };
        if let Some(before) = places.insert((&entry.base, &entry.href), entry)
            && before.checksum != entry.checksum
        {
            found.error(&entry.href, format_args!("{} and {} are both said to be here", before.nevra, entry.nevra));
        }
        if let Some(before) = names.insert(&entry.nevra, entry)
            && !is_copy
        {
            found.warning(
                &entry.href,
                format_args!("{} is another package of the same name: {}", before.href, entry.nevra),
            );
        }
    }
}

/// Looks at the files of packages; returns how many, and how many lie elsewhere.
pub(super) fn files(dir: &Path, entries: &[Entry], how: Packages, found: &mut Findings) -> (usize, usize) {
    let problems: Vec<Option<(&Entry, String)>> = entries
        .par_iter()
        .map(|entry| {
            let problem = match read::inside(dir, &entry.href) {
                Ok(path) if entry.base.is_none() && how != Packages::No => package(&path, entry, how).err(),
                Ok(_) => None,
                Err(error) => Some(error),
            };
            problem.map(|error| (entry, reason(error)))
        })
        .collect();
    for (entry, reason) in problems.into_iter().flatten() {
        found.error(&entry.href, reason);
    }
    let elsewhere = entries.iter().filter(|entry| entry.base.is_some()).count();
    (if how == Packages::No { 0 } else { entries.len() - elsewhere }, elsewhere)
}

fn package(path: &Path, entry: &Entry, how: Packages) -> Result<(), Error> {
    let wrong = |reason: String| Error::metadata(path.display().to_string(), reason);
    let about = match fs_err::metadata(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(wrong("it is not there".to_owned())),
        about => about?,
    };
    if !about.is_file() {
        return Err(wrong("it is no file".to_owned()));
    }
    let (size, expected) = (about.len(), entry.size_package);
    if how >= Packages::Sizes && size != expected {
        return Err(wrong(format!("it has {size} bytes, not {expected}")));
    }
    if how == Packages::Checksums {
        let (sum, _) = Checksum::of(entry.checksum.kind, fs_err::File::open(path)?)?;
        if sum != entry.checksum {
            return Err(wrong(format!("its checksum is {sum}, not {}", entry.checksum)));
        }
    }
    Ok(())
}

/// Packages in the folder that the metadata do not name.
pub(super) fn superfluous(dir: &Path, entries: &[Entry], found: &mut Findings) -> Result<(), Error> {
    let plain = |path: &Path| path.components().filter(|c| matches!(c, Component::Normal(_))).collect::<PathBuf>();
    let here = entries.iter().filter(|entry| entry.base.is_none());
    let named: HashSet<PathBuf> = here.map(|entry| plain(Path::new(&entry.href))).collect();
    let walk = WalkDir::new(dir).sort_by_file_name().into_iter().filter_entry(|entry| {
        let name = entry.file_name();
        // Metadata, and other repositories.
        let is_metadata = name == "repodata" || name == ".repodata";
        entry.depth() == 0
            || !entry.file_type().is_dir()
            || !is_metadata && !entry.path().join("repodata/repomd.xml").exists()
    });
    for entry in walk {
        let entry = entry.map_err(|error| std::io::Error::other(error.to_string()))?;
        let is_package = entry.path().extension() == Some(OsStr::new("rpm")) && !entry.file_type().is_dir();
        let Ok(place) = entry.path().strip_prefix(dir) else { continue };
        if is_package && !named.contains(place) {
            found.warning(place.display(), "the metadata do not name this package");
        }
    }
    Ok(())
}
