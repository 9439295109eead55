//! Files that come into being whole: temporary file, fsync, rename.

use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use fs_err::File;

use crate::checksum::Hasher;
use crate::compression::Encoder;
use crate::{Checksum, Error, PublishOptions, RepomdRecord};

/// How names of temporary files start. Any such file that one who holds the lock finds is a leftover.
pub(super) const TEMPORARY: &str = ".copr-repo-tmp.";
/// The lock. It stays; only the lock on it counts.
pub(super) const LOCK: &str = ".copr-repo.lock";

/// Takes the repository's lock, waiting for it. It is released when the file is closed, also by a crash.
pub(super) fn lock(repodata: &Path) -> Result<std::fs::File, Error> {
    let path = repodata.join(LOCK);
    let file = fs_err::OpenOptions::new().create(true).truncate(false).write(true).open(&path)?.into_file();
    file.lock().map_err(|e| Error::metadata(path.display().to_string(), format!("cannot lock: {e}")))?;
    Ok(file)
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(folder: &Path) -> Result<(), Error> {
    Ok(File::open(folder)?.sync_all()?)
}

/// A file with all its content on disk, not yet under its name.
#[derive(Debug)]
pub(super) struct TemporaryFile {
    path: PathBuf,
}

impl TemporaryFile {
    /// Creates the file for writing; complete it with [`TemporaryFile::complete`].
    pub(super) fn create(folder: &Path, name: &str) -> Result<(Self, File), Error> {
        let path = folder.join(format!("{TEMPORARY}{name}"));
        let file = File::create(&path)?;
        Ok((Self { path }, file))
    }

    /// Writes a whole small file.
    pub(super) fn with(folder: &Path, name: &str, bytes: &[u8]) -> Result<Self, Error> {
        let (temporary, mut file) = Self::create(folder, name)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        Ok(temporary)
    }

    /// Gives the file its name, replacing what had it.
    pub(super) fn rename_to(self, path: &Path) -> Result<(), Error> {
        Ok(fs_err::rename(self.path, path)?)
    }
}

/// One of the three metadata files, written but not in place.
#[derive(Debug)]
pub(super) struct MetadataFile {
    temporary: TemporaryFile,
    record: RepomdRecord,
}

impl MetadataFile {
    /// Compresses `parts` into a temporary file, summing both sides on the way.
    pub(super) fn write<'a>(
        repodata: &Path,
        kind: &str,
        options: &PublishOptions,
        now: u64,
        parts: impl Iterator<Item = &'a str>,
    ) -> Result<Self, Error> {
        let (temporary, file) = TemporaryFile::create(repodata, &format!("{kind}.xml"))?;
        let to = Summing { to: BufWriter::with_capacity(128 << 10, file), sum: options.checksum.hasher() };
        let mut encoder: Encoder<_> = options.compression.encoder(to)?;
        let mut open_sum = options.checksum.hasher();
        for part in parts {
            open_sum.update(part.as_bytes());
            encoder.write_all(part.as_bytes())?;
        }
        let Summing { to, sum } = encoder.finish()?;
        to.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
        let (checksum, size) = sum.finish();
        let (open_checksum, open_size) = open_sum.finish();
        let name = format!("{}-{kind}.xml.{}", checksum.hex, options.compression.suffix());
        let record = RepomdRecord {
            kind: kind.to_owned(),
            checksum,
            open_checksum: Some(open_checksum),
            location_href: format!("repodata/{name}"),
            timestamp: Some(now),
            size: Some(size),
            open_size: Some(open_size),
            ..RepomdRecord::default()
        };
        Ok(Self { temporary, record })
    }

    pub(super) fn kind(&self) -> &str {
        &self.record.kind
    }

    pub(super) fn checksum(&self) -> &Checksum {
        &self.record.checksum
    }

    /// Gives the file its name.
    pub(super) fn put_in_place(self, repodata: &Path) -> Result<RepomdRecord, Error> {
        let name = self.record.location_href.trim_start_matches("repodata/");
        self.temporary.rename_to(&repodata.join(name))?;
        Ok(self.record)
    }
}

/// Sums what is written through it.
struct Summing<W> {
    to: W,
    sum: Hasher,
}

impl<W: Write> Write for Summing<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.sum.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.to.flush()
    }
}
