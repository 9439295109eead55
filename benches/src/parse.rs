//! Reading a repository's three files, every value of every package.

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

/// Parses primary, filelists and other, keeping nothing: one thread for filelists, one for the others.
///
/// # Errors
/// A file is missing or malformed.
pub fn parse(repository: &Path) -> Result<Counts> {
    let repomd = Repomd::read(&fs_err::read(repository.join("repodata/repomd.xml"))?)?;
    let open = |kind: &str| {
        let record = repomd.record(kind).with_context(|| format!("repomd.xml names no {kind}"))?;
        Ok::<_, anyhow::Error>(read::open(&repository.join(&record.location_href))?)
    };
    let (primary, filelists, other) = (open("primary")?, open("filelists")?, open("other")?);
    std::thread::scope(|scope| {
        let files = scope.spawn(move || {
            let mut files = 0;
            read::each_filelists(filelists, |package| {
                files += package.files.len();
                Ok(())
            })
            .map(|()| files)
        });
        let (mut packages, mut changelogs) = (0, 0);
        read::each_primary(primary, |_| {
            packages += 1;
            Ok(())
        })?;
        read::each_other(other, |package| {
            changelogs += package.changelogs.len();
            Ok(())
        })?;
        let files = files.join().map_err(|_| anyhow::anyhow!("the thread that reads filelists died"))??;
        Ok(Counts { packages, files, changelogs })
    })
}
