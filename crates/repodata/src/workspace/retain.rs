//! What remains of earlier generations.
//!
//! When a file was superseded is remembered as its modification time, set just before the new repomd.xml comes into
//! force: no state beside the files, and a crash in between only makes an old file live longer.

use std::collections::{HashMap, HashSet};
use std::io::ErrorKind;
use std::path::Path;
use std::time::SystemTime;

use super::is_derived;
use crate::output::{Output, Retain};
use crate::{Error, Repomd};

/// Names inside `repodata/` that a repomd.xml refers to.
fn names(repomd: &Repomd) -> HashSet<&str> {
    repomd.records.iter().filter_map(|record| record.location_href.strip_prefix("repodata/")).collect()
}

/// Notes on the files that only the old repomd.xml names that they are superseded from `now` on.
pub(super) fn mark_superseded(repodata: &Path, old: &Repomd, new: &Repomd, now: SystemTime) -> Result<(), Error> {
    let kept = names(new);
    for name in names(old).into_iter().filter(|name| !kept.contains(name) && is_ours(name) && !name.contains('/')) {
        match fs_err::OpenOptions::new().write(true).open(repodata.join(name)) {
            Ok(file) => file.into_file().set_modified(now)?,
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Removes what `current` does not name, as far as it is to go. Files that are neither about packages nor named by
/// checksum are somebody else's and stay.
pub(super) fn sweep(repodata: &Path, current: &Repomd, output: &Output) -> Result<(), Error> {
    let kept = names(current);
    let mut generations: HashMap<String, Vec<(SystemTime, String)>> = HashMap::new();
    for entry in fs_err::read_dir(repodata)? {
        let entry = entry?;
        let name = entry.file_name();
        let Some(name) = name.to_str().filter(|name| !kept.contains(name)) else { continue };
        // Somebody else may tidy up too.
        let about = match entry.metadata() {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            about => about?,
        };
        if !about.is_file() || name.starts_with("repomd.xml") || name == super::LOCK {
            continue;
        }
        let superseded = about.modified()?;
        let age = output.now.duration_since(superseded).unwrap_or_default();
        let goes = match output.retain {
            Retain::All => false,
            Retain::Nothing => is_ours(name),
            Retain::For(time) => is_ours(name) && age >= time,
            Retain::Younger(time) => age > time,
            Retain::Generations(_) => {
                let (_, stem) = split(name);
                let kind = stem.split('.').next().unwrap_or_default();
                if is_derived(kind) {
                    let database = stem.contains(".sqlite");
                    generations.entry(format!("{kind} {database}")).or_default().push((superseded, name.to_owned()));
                }
                false
            }
        };
        if goes {
            remove(&repodata.join(name))?;
        }
    }
    if let Retain::Generations(most) = output.retain {
        for mut old in generations.into_values() {
            old.sort();
            let surplus = old.len().saturating_sub(most);
            for (_, name) in old.into_iter().take(surplus) {
                remove(&repodata.join(name))?;
            }
        }
    }
    Ok(())
}

/// Removes a file that may be gone already.
pub(super) fn remove(path: &Path) -> Result<(), Error> {
    match fs_err::remove_file(path) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Cuts `SUM-primary.xml.gz` into the checksum, if there is one, and the rest.
fn split(name: &str) -> (Option<&str>, &str) {
    let is_sum =
        |text: &str| matches!(text.len(), 32 | 40 | 56 | 64 | 96 | 128) && text.bytes().all(|c| c.is_ascii_hexdigit());
    match name.split_once('-') {
        Some((sum, rest)) if is_sum(sum) => (Some(sum), rest),
        _ => (None, name),
    }
}

/// Whether a file was made by a metadata tool: it is named by its checksum, or is about packages.
pub(crate) fn is_ours(name: &str) -> bool {
    let (sum, name) = split(name);
    if sum.is_some() {
        return true;
    }
    let Some((kind, suffix)) = name.split_once('.') else { return false };
    is_derived(kind) && ["xml", "sqlite"].iter().any(|s| suffix == *s || suffix.starts_with(&format!("{s}.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_metadata_tools_are_ours() {
        let sum = "0".repeat(64);
        assert!(is_ours(&format!("{sum}-primary.xml.zst")));
        assert!(is_ours(&format!("{sum}-comps.xml.gz")));
        assert!(is_ours("filelists.xml.gz"));
        assert!(is_ours("filelists-ext.xml.gz"));
        assert!(is_ours("other.sqlite.bz2"));
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
