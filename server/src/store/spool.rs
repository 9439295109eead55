//! Bytes that come in over the network: straight to a file, counted and summed on their way, never held in memory.

use std::{io, path::Path, time::Duration};

use bytes::Bytes;
use futures_util::{Stream, StreamExt as _};
use sha2::{Digest, Sha256};
use tempfile::{NamedTempFile, TempPath};
use tokio::io::AsyncWriteExt as _;

use super::{Store, blocking, summed};
use crate::die;

/// A sender that is silent for so long is gone.
const IDLE: Duration = Duration::from_secs(300);

/// A whole upload, synced to disk under a temporary name; dropping it deletes it.
#[derive(Debug)]
pub struct Spooled {
    path: TempPath,
    /// Length in bytes.
    pub size: u64,
    /// SHA-256, lower-case hex.
    pub sha256: String,
}

impl Spooled {
    /// Where it lies for now.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Moves it to its final place.
    ///
    /// # Errors
    /// The folder can't be written.
    pub(super) fn keep(self, folder: &Path, name: &str) -> io::Result<()> {
        persist(self.path, folder, name)
    }
}

/// Moves a synced temporary file to its final place.
pub(super) fn persist(path: TempPath, folder: &Path, name: &str) -> io::Result<()> {
    fs_err::create_dir_all(folder)?;
    let target = folder.join(name);
    path.persist(&target).map_err(|error| {
        io::Error::new(error.error.kind(), format!("cannot write {}: {}", target.display(), error.error))
    })?;
    let mode = <std::fs::Permissions as std::os::unix::fs::PermissionsExt>::from_mode(0o644);
    fs_err::set_permissions(&target, mode)?;
    fs_err::File::open(folder)?.sync_all()
}

/// Why an upload was not taken.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// It is longer than allowed.
    #[error("the file is larger than {limit} bytes, the limit of this server")]
    TooLarge {
        /// The limit.
        limit: u64,
    },
    /// The sender went away or sent nonsense.
    #[error("the upload ended early: {0}")]
    Sender(String),
    /// The disk did not take it.
    #[error(transparent)]
    Disk(#[from] io::Error),
}

impl Store {
    /// The path of a new, empty file in `spool/`, for who writes it as a whole. Dropping it deletes it.
    ///
    /// # Errors
    /// It can't be made.
    pub async fn spool_path(&self) -> io::Result<TempPath> {
        let folder = self.root.join("spool");
        Ok(blocking(move || NamedTempFile::new_in(folder)).await?.into_temp_path())
    }

    /// The same once it is written and synced, as if it had come in.
    ///
    /// # Errors
    /// It can't be read.
    pub async fn spooled(&self, path: TempPath) -> io::Result<Spooled> {
        let gone = || io::Error::from(io::ErrorKind::NotFound);
        let (size, sha256) = summed(path.to_path_buf()).await?.ok_or_else(gone)?;
        Ok(Spooled { path, size, sha256 })
    }

    /// Writes a stream of bytes to a temporary file in `spool/`.
    ///
    /// # Errors
    /// It is longer than `limit`, breaks off, or the disk does not take it; nothing is left behind then.
    pub async fn spool<E: std::fmt::Display>(
        &self,
        stream: impl Stream<Item = Result<Bytes, E>>,
        limit: u64,
    ) -> Result<Spooled, SpoolError> {
        let (file, path) = NamedTempFile::new_in(self.root.join("spool"))?.into_parts();
        let mut file = tokio::io::BufWriter::with_capacity(1 << 18, tokio::fs::File::from_std(file));
        let mut digest = Sha256::new();
        let mut size: u64 = 0;
        let mut stream = std::pin::pin!(stream);
        let silent = |_| SpoolError::Sender(format!("nothing came for {} seconds", IDLE.as_secs()));
        while let Some(chunk) = tokio::time::timeout(IDLE, stream.next()).await.map_err(silent)? {
            let chunk = chunk.map_err(|error| SpoolError::Sender(error.to_string()))?;
            size = size.saturating_add(u64::try_from(chunk.len()).unwrap_or(u64::MAX));
            if size > limit {
                return Err(SpoolError::TooLarge { limit });
            }
            digest.update(&chunk);
            file.write_all(&chunk).await?;
        }
        file.flush().await?;
        file.get_ref().sync_all().await?;
        die::at("upload spooled");
        Ok(Spooled { path, size, sha256: hex::encode(digest.finalize()) })
    }
}
