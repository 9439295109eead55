//! A repository's metadata as a folder of this machine, for programs that read folders.

use std::path::{Path, PathBuf};

use copr_repodata::{Repomd, RepomdRecord};
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::{
    error::{Error, cut},
    fetch::blocking,
    repository::{Remote, based},
    url::RepoUrl,
};

/// Files that a repomd.xml may name; real ones name a dozen.
const MOST_FILES: usize = 256;
/// Files that are fetched at the same time.
const AT_ONCE: usize = 4;
/// How many times the size that one metadata file may have all of them may have together.
const TOTAL: u64 = 16;
/// What is written last.
const INDEX: &str = "repodata/repomd.xml";

impl Remote {
    /// Copies the metadata of a repository into the folder `into`, laid out as there: `repodata/repomd.xml`, and each file
    /// that it names at its href, when `wanted` says so of its type (`primary`, ...). Every file has the size and checksum that
    /// repomd.xml tells; repomd.xml itself, as the server sent it, is written last. Gives the parsed repomd.xml.
    ///
    /// # Errors
    /// What [`Error`] lists; also when repomd.xml names more than 256 files, or more bytes than 16 times the limit of
    /// one metadata file.
    pub async fn mirror_metadata(
        &self,
        repository: &RepoUrl,
        into: &Path,
        wanted: impl Fn(&str) -> bool,
    ) -> Result<Repomd, Error> {
        self.allowed(repository)?;
        let url = repository.join(INDEX)?;
        let bytes = self.fetcher.small(&url, self.limits.repomd).await?;
        let failed = |reason: String| Error::Metadata { url: url.to_string(), reason };
        let repomd = Repomd::read(&bytes).map_err(|error| failed(error.to_string()))?;
        let records: Vec<&RepomdRecord> = repomd.records.iter().filter(|record| wanted(&record.kind)).collect();
        if records.len() > MOST_FILES {
            return Err(failed(format!("it names {} files, more than {MOST_FILES}", records.len())));
        }
        let sizes = records.iter().map(|record| record.size.unwrap_or(self.limits.metadata));
        let (total, limit) = (sizes.fold(0, u64::saturating_add), self.limits.metadata.saturating_mul(TOTAL));
        if total > limit {
            return Err(failed(format!("it names files of {total} bytes, more than {limit}")));
        }
        // All places are known to be inside before anything is fetched.
        let places = records.iter().map(|record| place(repository, into, &record.location_href));
        let places = places.collect::<Result<Vec<PathBuf>, _>>()?;
        stream::iter(records.into_iter().zip(places))
            .map(async |(record, place)| {
                let url = based(repository, record.location_base.as_deref())?.join(&record.location_href)?;
                let file = self.file(&url, &record.checksum, record.size, self.limits.metadata).await?;
                blocking(move || link(&file, &place)).await
            })
            .buffer_unordered(AT_ONCE)
            .try_collect::<Vec<()>>()
            .await?;
        let index = into.join(INDEX);
        blocking(move || {
            fs_err::create_dir_all(index.parent().unwrap_or(&index))?;
            Ok(fs_err::write(&index, bytes)?)
        })
        .await?;
        Ok(repomd)
    }

    /// One file whose checksum nobody knows, of at most `limit` bytes.
    ///
    /// # Errors
    /// What [`Error`] lists.
    pub async fn download(&self, url: &RepoUrl, limit: u64) -> Result<Vec<u8>, Error> {
        self.allowed(url)?;
        self.fetcher.small(url, limit).await
    }
}

/// Where a href's file goes. [`RepoUrl::join`] has the rules; here they count for the name as it is written, too.
fn place(repository: &RepoUrl, into: &Path, href: &str) -> Result<PathBuf, Error> {
    repository.join(href)?;
    let path: PathBuf = href.split('/').filter(|segment| !matches!(*segment, "" | ".")).collect();
    if path == Path::new(INDEX) || path.as_os_str().is_empty() {
        let reason = "a metadata file cannot lie there";
        return Err(Error::Refused { repository: repository.to_string(), location: cut(href), reason });
    }
    Ok(into.join(path))
}

/// Gives a file of the cache a second name; a copy where the file systems differ. Two records may name one file.
fn link(file: &Path, place: &Path) -> Result<(), Error> {
    if let Some(parent) = place.parent() {
        fs_err::create_dir_all(parent)?;
    }
    match fs_err::hard_link(file, place) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
        Err(_) => drop(fs_err::copy(file, place)?),
    }
    Ok(())
}
