//! Bytes on their way in and out, counted and summed as they go.

use std::{io::Write, path::Path};

use bytes::Bytes;
use copr_repodata::{Checksum, checksum::Hasher};
use tokio::io::AsyncReadExt;

use super::{Outgoing, Progress};
use crate::error::Error;

/// Bytes of one read of a local file.
const PIECE: usize = 256 << 10;

/// Where the bytes of a file go, which must come out as they should be.
#[derive(Debug)]
pub(super) struct Sink {
    shown: String,
    file: Option<tempfile::NamedTempFile>,
    hasher: Hasher,
    checksum: Checksum,
    size: Option<u64>,
    limit: u64,
    got: u64,
}

impl Sink {
    /// Bytes that will be the file `to`.
    pub(super) fn to_file(
        shown: &str,
        to: &Path,
        checksum: &Checksum,
        size: Option<u64>,
        limit: u64,
    ) -> Result<Self, Error> {
        let mut sink = Self::new(shown, checksum, size, limit)?;
        let folder = to.parent().unwrap_or(Path::new("."));
        sink.file = Some(tempfile::Builder::new().prefix(".fetch-").tempfile_in(folder)?);
        Ok(sink)
    }

    /// Bytes that are only looked at.
    pub(super) fn nowhere(shown: &str, checksum: &Checksum, size: u64) -> Result<Self, Error> {
        Self::new(shown, checksum, Some(size), size)
    }

    fn new(shown: &str, checksum: &Checksum, size: Option<u64>, limit: u64) -> Result<Self, Error> {
        if size.is_some_and(|size| size > limit) {
            return Err(Error::TooLong { url: shown.to_owned(), limit });
        }
        if !checksum.kind.is_strong() {
            let reason = format!("{} checksums can be forged; sha256 or better is needed", checksum.kind);
            return Err(Error::UnusableChecksum { url: shown.to_owned(), reason });
        }
        Ok(Self {
            shown: shown.to_owned(),
            file: None,
            hasher: checksum.kind.hasher(),
            checksum: checksum.clone(),
            size,
            limit,
            got: 0,
        })
    }

    /// Takes the next bytes; refuses the first byte too many.
    pub(super) fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let limit = self.size.unwrap_or(self.limit);
        self.got = self.got.saturating_add(bytes.len() as u64);
        if self.got > limit {
            return Err(Error::TooLong { url: self.shown.clone(), limit });
        }
        self.hasher.update(bytes);
        if let Some(file) = &mut self.file {
            file.write_all(bytes)?;
        }
        Ok(())
    }

    /// Whether what came is what should have come.
    pub(super) fn matches(self) -> bool {
        self.size.is_none_or(|size| size == self.got) && self.hasher.finish().0 == self.checksum
    }

    /// Gives the file its name, if it is right.
    pub(super) fn keep(self, to: &Path) -> Result<(), Error> {
        let Self { shown: url, file, hasher, checksum, size, got, .. } = self;
        if let Some(expected) = size
            && expected != got
        {
            return Err(Error::TooShort { url, expected, got });
        }
        let (sum, _) = hasher.finish();
        if sum != checksum {
            return Err(Error::WrongChecksum { url, kind: checksum.kind.name(), expected: checksum.hex, got: sum.hex });
        }
        if let Some(file) = file {
            file.as_file().sync_all()?;
            file.persist(to).map_err(|error| error.error)?;
        }
        Ok(())
    }
}

/// A local file on its way out. It is summed while it is read: one that changed meanwhile is noticed before it is put
/// in force.
pub(super) struct Reading {
    file: tokio::fs::File,
    path: String,
    hasher: Option<Hasher>,
    checksum: Checksum,
    left: u64,
    progress: Progress,
}

impl Reading {
    pub(super) async fn open(outgoing: &Outgoing<'_>) -> Result<Self, Error> {
        let path = outgoing.path.display().to_string();
        let file = fs_err::File::open(outgoing.path)?;
        let size = file.metadata()?.len();
        if size != outgoing.size {
            return Err(changed(&path));
        }
        Ok(Self {
            file: tokio::fs::File::from_std(file.into_file()),
            path,
            hasher: Some(outgoing.checksum.kind.hasher()),
            checksum: outgoing.checksum.clone(),
            left: size,
            progress: outgoing.progress.clone(),
        })
    }

    /// The next bytes; `None` after the last ones, when they had the right checksum.
    pub(super) async fn next(&mut self) -> Result<Option<Bytes>, Error> {
        let mut piece = Vec::with_capacity(PIECE.min(usize::try_from(self.left).unwrap_or(PIECE)));
        let got = (&mut self.file)
            .take(PIECE as u64)
            .read_to_end(&mut piece)
            .await
            .map_err(|error| Error::Io(std::io::Error::new(error.kind(), format!("{}: {error}", self.path))))?;
        if got as u64 > self.left || (got == 0 && self.left > 0) {
            return Err(changed(&self.path));
        }
        if got == 0 {
            let right = self.hasher.take().is_none_or(|hasher| hasher.finish().0 == self.checksum);
            return if right { Ok(None) } else { Err(changed(&self.path)) };
        }
        if let Some(hasher) = &mut self.hasher {
            hasher.update(&piece);
        }
        self.left = self.left.saturating_sub(got as u64);
        (self.progress)(got as u64);
        Ok(Some(piece.into()))
    }
}

fn changed(path: &str) -> Error {
    Error::Io(std::io::Error::other(format!("{path}: it changed while it was uploaded; try again")))
}
