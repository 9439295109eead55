//! What remains of earlier generations and crashes.
//!
//! When a file was superseded is remembered as its modification time, set just before the new repomd.xml comes into
//! force: no state beside the files, and a crash in between only makes an old file live longer.

use std::collections::HashSet;
use std::path::Path;
use std::time::SystemTime;

use super::write::TEMPORARY;
use crate::{Error, PublishOptions, Repomd};

/// Removes temporary files. Only for who holds the lock.
pub(super) fn temporary_files(repodata: &Path) -> Result<(), Error> {
    for entry in fs_err::read_dir(repodata)? {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(|name| name.starts_with(TEMPORARY)) {
            fs_err::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Names inside `repodata/` that a repomd.xml refers to.
fn names(repomd: &Repomd) -> HashSet<&str> {
    repomd.records.iter().filter_map(|record| record.location_href.strip_prefix("repodata/")).collect()
}

/// Notes on the files that only the old repomd.xml names that they are superseded from `now` on.
pub(super) fn mark_superseded(repodata: &Path, old: &Repomd, new: &Repomd, now: SystemTime) -> Result<(), Error> {
    let kept = names(new);
    for name in names(old).into_iter().filter(|name| !kept.contains(name) && is_ours(name)) {
        match fs_err::OpenOptions::new().write(true).open(repodata.join(name)) {
            Ok(file) => file.into_file().set_modified(now)?,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Removes files of packages that `current` does not name and that were superseded longer than `retain` ago. Files
/// of other kinds are somebody else's and stay.
pub(super) fn old_files(repodata: &Path, current: &Repomd, options: &PublishOptions) -> Result<(), Error> {
    let kept = names(current);
    for entry in fs_err::read_dir(repodata)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| is_ours(name) && !kept.contains(name)) else { continue };
        let superseded = entry.metadata()?.modified()?;
        if options.now.duration_since(superseded).is_ok_and(|age| age >= options.retain) {
            fs_err::remove_file(repodata.join(name))?;
        }
    }
    Ok(())
}

/// Whether a name is that of primary, filelists or other metadata: `[CHECKSUM-]primary.xml.gz`, `primary.sqlite.bz2`...
fn is_ours(name: &str) -> bool {
    let is_sum = |text: &str| text.len() >= 32 && text.bytes().all(|c| c.is_ascii_hexdigit());
    let name = match name.split_once('-') {
        Some((sum, rest)) if is_sum(sum) => rest,
        _ => name,
    };
    let Some((kind, suffix)) = name.split_once('.') else { return false };
    super::is_derived(kind) && ["xml", "sqlite"].iter().any(|s| suffix == *s || suffix.starts_with(&format!("{s}.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_packages_are_ours() {
        let sum = "0".repeat(64);
        assert!(is_ours(&format!("{sum}-primary.xml.zst")));
        assert!(is_ours("filelists.xml.gz"));
        assert!(is_ours(&format!("{sum}-other.sqlite.bz2")));
        for name in [
            "repomd.xml",
            "repomd.xml.asc",
            ".copr-repo.lock",
            "updateinfo.xml.gz",
            "primary",
            "my-primary.xml",
            "primary.xmlx",
        ] {
            assert!(!is_ours(name), "{name}");
        }
    }
}
