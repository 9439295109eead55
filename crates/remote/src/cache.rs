//! Files named by their own checksum.

use std::{
    io::Write,
    path::{Path, PathBuf},
};

use copr_repodata::{Checksum, checksum::Hasher};

use crate::error::Error;

/// The folder of all verified files.
#[derive(Debug, Clone)]
pub(crate) struct Cache {
    dir: PathBuf,
}

impl Cache {
    /// Opens the cache, making its folders.
    pub(crate) fn open(dir: &Path) -> Result<Self, Error> {
        fs_err::create_dir_all(dir.join("tmp"))?;
        Ok(Self { dir: dir.to_owned() })
    }

    /// Where a file with this checksum is, or would be.
    pub(crate) fn path(&self, checksum: &Checksum) -> PathBuf {
        let shard = checksum.hex.get(..2).unwrap_or("00");
        self.dir.join(checksum.kind.name()).join(shard).join(&checksum.hex)
    }

    /// The file with this checksum, when it is here with the size it should have. A file of another size stays where it is:
    /// one that a crash cut is replaced by the verified download that follows, and whoever names a wrong size for a good
    /// file must not be able to take it away from the others who use it.
    pub(crate) fn find(&self, checksum: &Checksum, size: Option<u64>) -> Option<PathBuf> {
        let checksum = Checksum::new(checksum.kind, &checksum.hex).ok()?;
        let path = self.path(&checksum);
        let found = fs_err::metadata(&path).ok()?;
        if !found.is_file() || size.is_some_and(|size| size != found.len()) {
            return None;
        }
        Some(path)
    }

    /// Begins a file that must come out as `checksum`, with `size` bytes (or `limit` at most, when the size is unknown).
    pub(crate) fn begin(
        &self,
        url: &str,
        checksum: Checksum,
        size: Option<u64>,
        limit: u64,
    ) -> Result<Incoming, Error> {
        // What is not hex of the right length must not become a path; what proves nothing must not become a name.
        let checksum = Checksum::new(checksum.kind, &checksum.hex)
            .map_err(|error| Error::UnusableChecksum { url: url.to_owned(), reason: error.to_string() })?;
        if !checksum.kind.is_strong() {
            let reason = format!("{} checksums can be forged; sha256 or better is needed", checksum.kind);
            return Err(Error::UnusableChecksum { url: url.to_owned(), reason });
        }
        let hasher = checksum.kind.hasher();
        let file = tempfile::Builder::new().prefix("download-").tempfile_in(self.dir.join("tmp"))?;
        let target = self.path(&checksum);
        Ok(Incoming { url: url.to_owned(), file, hasher, checksum, size, limit, got: 0, target })
    }
}

/// A file on its way into the cache; dropped, it leaves nothing behind.
pub(crate) struct Incoming {
    url: String,
    file: tempfile::NamedTempFile,
    hasher: Hasher,
    checksum: Checksum,
    size: Option<u64>,
    limit: u64,
    got: u64,
    target: PathBuf,
}

impl Incoming {
    /// Takes the next bytes; refuses the first byte too many.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let limit = self.size.unwrap_or(self.limit).min(self.limit);
        self.got = self.got.saturating_add(bytes.len() as u64);
        if self.got > limit {
            return Err(Error::TooLong { url: self.url.clone(), limit });
        }
        self.hasher.update(bytes);
        self.file.write_all(bytes)?;
        Ok(())
    }

    /// Checks size and checksum, and gives the file its name.
    pub(crate) fn finish(self) -> Result<PathBuf, Error> {
        if let Some(expected) = self.size
            && self.got != expected
        {
            return Err(Error::TooShort { url: self.url, expected, got: self.got });
        }
        let (got, _) = self.hasher.finish();
        if got != self.checksum {
            return Err(Error::WrongChecksum {
                url: self.url,
                kind: self.checksum.kind.name(),
                expected: self.checksum.hex,
                got: got.hex,
            });
        }
        if let Some(parent) = self.target.parent() {
            fs_err::create_dir_all(parent)?;
        }
        let mut permissions = self.file.as_file().metadata()?.permissions();
        permissions.set_readonly(true);
        self.file.as_file().set_permissions(permissions)?;
        self.file.as_file().sync_all()?;
        self.file.persist(&self.target).map_err(|error| error.error)?;
        Ok(self.target)
    }
}

#[cfg(test)]
mod tests {
    use copr_repodata::ChecksumKind;

    use super::*;

    fn cache() -> (tempfile::TempDir, Cache) {
        let dir = tempfile::tempdir().unwrap();
        let cache = Cache::open(dir.path()).unwrap();
        (dir, cache)
    }

    #[test]
    fn checksums_that_prove_nothing_are_refused() {
        let (_dir, cache) = cache();
        for (kind, hex) in [
            (ChecksumKind::Md5, "d41d8cd98f00b204e9800998ecf8427e".to_owned()),
            (ChecksumKind::Sha1, "0".repeat(40)),
            (ChecksumKind::Sha256, "0".to_owned()),
            (ChecksumKind::Sha256, "../".repeat(32)),
        ] {
            let begun = cache.begin("x", Checksum { kind, hex: hex.clone() }, None, 1);
            assert!(matches!(begun, Err(Error::UnusableChecksum { .. })), "{kind} {hex}");
        }
    }

    #[test]
    fn a_file_of_another_size_is_not_found_and_not_taken_from_those_who_use_it() {
        let (_dir, cache) = cache();
        let checksum = Checksum { kind: ChecksumKind::Sha256, hex: "ab".repeat(32) };
        let path = cache.path(&checksum);
        fs_err::create_dir_all(path.parent().unwrap()).unwrap();
        fs_err::write(&path, b"abc").unwrap();
        assert_eq!(cache.find(&checksum, Some(3)), Some(path.clone()));
        assert_eq!(cache.find(&checksum, Some(4)), None);
        assert!(path.exists());
    }
}
