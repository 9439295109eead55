//! Metadata of published repositories, to be looked at.

use std::{
    io,
    path::{Path, PathBuf},
};

use futures_util::TryStreamExt as _;
use tempfile::TempDir;

use super::{Found, Lasting, Place, Store, Want, blocking};

/// Bytes that a repomd.xml may have here; ours have some thousands.
const MAX_INDEX: u64 = 1 << 20;

/// A folder that has metadata of a repository, under the names that its repomd.xml gives them.
#[derive(Debug)]
pub struct Metadata {
    folder: PathBuf,
    /// Copies from a bucket; they go with this.
    _copies: Option<TempDir>,
}

impl Metadata {
    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &Path {
        &self.folder
    }
}

impl Store {
    /// The repomd.xml of a repository as it is now; `None` if nothing has been published there.
    ///
    /// # Errors
    /// It can't be read, or is larger than ours ever are.
    pub async fn repomd(&self, repository: &Place) -> io::Result<Option<Vec<u8>>> {
        self.beginning(repository, "repodata/repomd.xml", MAX_INDEX).await?.map_or(Ok(None), |(bytes, size)| {
            if size > MAX_INDEX {
                return Err(io::Error::other(format!("{repository}: repomd.xml has {size} bytes")));
            }
            Ok(Some(bytes))
        })
    }

    /// The first bytes of a file of a repository, `limit` at most, and its size; `None` if it is not there.
    ///
    /// # Errors
    /// It can't be read.
    pub async fn beginning(&self, repository: &Place, path: &str, limit: u64) -> io::Result<Option<(Vec<u8>, u64)>> {
        let place = repository.join(path);
        let below = place.as_str().strip_prefix("results/").unwrap_or(place.as_str());
        let Found::File(file) = self.find(below, Want::Facts).await? else { return Ok(None) };
        let size = file.size;
        let bytes = file.read(0, size.min(limit)).await?.try_fold(Vec::new(), async |mut bytes, chunk| {
            bytes.extend_from_slice(&chunk);
            Ok(bytes)
        });
        Ok(Some((bytes.await?, size)))
    }

    /// Some of a repository's metadata files, by their locations: where they lie, or, if that is a bucket, as copies. One that is
    /// gone meanwhile is left out.
    ///
    /// # Errors
    /// A location leads elsewhere; the bucket does not answer.
    pub async fn metadata(&self, repository: &Place, locations: &[String]) -> io::Result<Metadata> {
        let Lasting::Bucket(bucket) = &self.lasting else {
            return Ok(Metadata { folder: self.local(repository), _copies: None });
        };
        let root = self.root.join("spool");
        let copies = blocking(move || tempfile::Builder::new().prefix("metadata-").tempdir_in(root)).await?;
        for location in locations {
            let to = copr_repodata::read::inside(copies.path(), location).map_err(io::Error::other)?;
            if let Some(parent) = to.parent() {
                fs_err::create_dir_all(parent)?;
            }
            bucket.download(&repository.join(location), &to).await?;
        }
        Ok(Metadata { folder: copies.path().to_owned(), _copies: Some(copies) })
    }
}
