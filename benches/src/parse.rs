//! Reading a repository's three files, every value of every package, on one thread.

use std::path::Path;

use anyhow::{Context, Result};
use copr_repodata::{Repomd, read};

/// What was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Packages of primary.
    pub packages: usize,
    /// Files of filelists.
    pub files: usize,
    /// Changes of other.
    pub changelogs: usize,
}

/// Parses primary, filelists and other, one after the other, keeping nothing.
///
/// # Errors
/// A file is missing or malformed.
pub fn parse(repository: &Path) -> Result<Counts> {
    let repomd = Repomd::read(&fs_err::read(repository.join("repodata/repomd.xml"))?)?;
    let open = |kind: &str| {
        let record = repomd.record(kind).with_context(|| format!("repomd.xml names no {kind}"))?;
        Ok::<_, anyhow::Error>(read::open(&repository.join(&record.location_href))?)
    };
    let mut counts = Counts::default();
    for record in read::primary(open("primary")?) {
        record?;
        counts.packages += 1;
    }
    for package in read::filelists(open("filelists")?) {
        counts.files += package?.files.len();
    }
    for package in read::other(open("other")?) {
        counts.changelogs += package?.changelogs.len();
    }
    Ok(counts)
}
