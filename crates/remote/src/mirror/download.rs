//! One file of known checksum: from whichever mirror gives it, gone on with where a try before broke off.
//!
//! ```text
//! parts/sha256-HEX.part    what has come of the file with that checksum; all of it when it waits for its place
//! parts/sha256-HEX.etag    which server sent it, and what it calls this version of the file
//! ```

use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
    time::Duration,
};

use copr_repodata::{Checksum, ChecksumKind, checksum::Hasher};
use futures_util::StreamExt;
use tokio::io::{AsyncReadExt, AsyncSeekExt};

use super::{Step, Watch, error::MirrorError, limiter::Limiter, mirrors::Mirrors};
use crate::{
    error::Error,
    fetch::{Fetcher, Timeouts, blocking, transport},
    url::RepoUrl,
};

/// Mirrors that are asked for one file before a pause.
const MIRRORS_AT_ONCE: usize = 8;
/// Bytes that a try has to bring, lest it count as one that failed.
const PROGRESS: u64 = 256 << 10;

/// A file to fetch.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    /// Where it is, relative to each mirror.
    pub(crate) href: String,
    pub(crate) checksum: Checksum,
    pub(crate) size: Option<u64>,
    /// Bytes that it may have when its size is not known.
    pub(crate) limit: u64,
}

/// Fetches files into the folder of parts.
pub(crate) struct Downloader {
    pub(crate) fetcher: Fetcher,
    pub(crate) limiter: Limiter,
    pub(crate) timeouts: Timeouts,
    pub(crate) parts: PathBuf,
    pub(crate) watch: Watch,
}

/// A try that failed, and how many bytes it brought all the same.
struct Failed {
    error: Error,
    gained: u64,
    /// Whether the bytes that were there already may be at fault.
    resumed: bool,
}

impl Downloader {
    /// Fetches a file whole and verified; gives its path in the folder of parts, from where it can be moved.
    pub(crate) async fn fetch(&self, mirrors: &Mirrors, wanted: &Wanted) -> Result<PathBuf, MirrorError> {
        usable(wanted)?;
        let mut said: Vec<String> = Vec::new();
        let (mut tried, mut hope) = (Vec::new(), false);
        let mut passes = 0;
        // What a hostile server could make endless: tries that brought something, and parts that turned out wrong.
        let mut forgiven = wanted.size.unwrap_or(wanted.limit) / PROGRESS + 16;
        let mut second_chances = 2;
        loop {
            let taken = if tried.len() < MIRRORS_AT_ONCE { mirrors.take(&tried) } else { None };
            let Some(mirror) = taken else {
                passes += 1;
                if !hope || passes >= self.timeouts.attempts.max(1) {
                    said.dedup();
                    return Err(MirrorError::NoMirror { what: wanted.href.clone(), tried: said });
                }
                tokio::time::sleep(self.pause(passes)).await;
                (tried, hope) = (Vec::new(), false);
                said.clear();
                continue;
            };
            let failed = match self.once(&mirror.url, wanted).await {
                Ok(path) => return Ok(path),
                Err(failed) => failed,
            };
            let retry = failed.error.is_transient();
            // A server that breaks off goes on being asked as long as that brings something.
            if retry && failed.gained >= PROGRESS && forgiven > 0 {
                forgiven -= 1;
                continue;
            }
            // The part may have been another's fault.
            if failed.resumed && !retry && second_chances > 0 {
                second_chances -= 1;
                continue;
            }
            mirrors.blame(mirror.index, &failed.error);
            said.push(failed.error.to_string());
            hope |= retry || matches!(failed.error, Error::WrongRange { .. });
            tried.push(mirror.index);
        }
    }

    fn pause(&self, passes: u32) -> Duration {
        self.timeouts.first_pause.saturating_mul(1 << (passes - 1).min(10))
    }

    async fn once(&self, mirror: &RepoUrl, wanted: &Wanted) -> Result<PathBuf, Failed> {
        let plain = |error: Error| Failed { error, gained: 0, resumed: false };
        let url = mirror.join(&wanted.href).map_err(plain)?;
        let part = Part::open(&self.parts, &wanted.checksum, &url).await.map_err(plain)?;
        let before = part.size;
        if before > 0 && wanted.size == Some(before) {
            // Whole already, from a run that ended before it could use it.
            return match part.finish(&url, wanted).await {
                Ok(path) => Ok(path),
                Err(error) => Err(Failed { error, gained: 0, resumed: true }),
            };
        }
        let path = part.path.clone();
        match self.receive(&url, wanted, part).await {
            Ok(path) => Ok(path),
            Err(error) => {
                let after = fs_err::metadata(&path).map_or(0, |about| about.len());
                // What is known to be wrong is not there any more: then the next try begins anew.
                let resumed = before > 0 && after == 0;
                Err(Failed { error, gained: after.saturating_sub(before), resumed })
            }
        }
    }

    async fn receive(&self, url: &RepoUrl, wanted: &Wanted, mut part: Part) -> Result<PathBuf, Error> {
        let limit = wanted.size.unwrap_or(wanted.limit).min(wanted.limit);
        if part.size > limit {
            part.restart(None)?;
        }
        if let Some(path) = url.to_path() {
            let mut file = tokio::fs::File::open(&path).await.map_err(|error| named(&path, &error))?;
            file.seek(std::io::SeekFrom::Start(part.size)).await?;
            let mut buffer = vec![0; 1 << 18];
            loop {
                let got = file.read(&mut buffer).await?;
                match buffer.get(..got) {
                    Some(bytes) if got > 0 => self.push(url, &mut part, bytes, limit).await?,
                    _ => break,
                }
            }
            return part.finish(url, wanted).await;
        }
        let (answer, start, total) = match self.fetcher.get_from(url, part.size, part.validator.as_deref()).await {
            Err(error @ Error::WrongRange { .. }) => {
                part.discard()?;
                return Err(error);
            }
            other => other?,
        };
        if let (Some(total), Some(size)) = (total, wanted.size)
            && total != size
        {
            // Nothing of it is wanted, and it need not be read to know that.
            part.discard()?;
            let url = url.to_string();
            let longer = total > size;
            return Err(if longer { Error::TooLong { url, limit: size } } else { short(url, size, total) });
        }
        let etag = answer.headers().get(reqwest::header::ETAG).and_then(|etag| etag.to_str().ok());
        if start == 0 {
            part.restart(etag)?;
        }
        let mut body = answer.bytes_stream();
        while let Some(chunk) = body.next().await {
            let chunk = chunk.map_err(|error| transport(url, &error))?;
            self.push(url, &mut part, &chunk, limit).await?;
        }
        part.finish(url, wanted).await
    }

    async fn push(&self, url: &RepoUrl, part: &mut Part, bytes: &[u8], limit: u64) -> Result<(), Error> {
        self.limiter.pass(bytes.len()).await;
        if part.size.saturating_add(bytes.len() as u64) > limit {
            part.discard()?;
            return Err(Error::TooLong { url: url.to_string(), limit });
        }
        part.push(bytes)?;
        (self.watch)(Step::Bytes(bytes.len() as u64));
        Ok(())
    }
}

/// Wrong in a way that this server will not mend, unlike a connection that broke.
fn short(url: String, expected: u64, got: u64) -> Error {
    Error::Metadata { url, reason: format!("it has {got} bytes, {expected} are expected") }
}

fn named(path: &Path, error: &std::io::Error) -> Error {
    Error::Io(std::io::Error::new(error.kind(), format!("{}: {error}", path.display())))
}

/// Refuses what would prove nothing, or is larger than anything may be.
fn usable(wanted: &Wanted) -> Result<(), Error> {
    let unusable = |reason: String| Error::UnusableChecksum { url: wanted.href.clone(), reason };
    Checksum::new(wanted.checksum.kind, &wanted.checksum.hex).map_err(|error| unusable(error.to_string()))?;
    if !wanted.checksum.kind.is_strong() {
        let kind = wanted.checksum.kind;
        return Err(unusable(format!("{kind} checksums can be forged; sha256 or better is needed")));
    }
    match wanted.size {
        Some(size) if size > wanted.limit => Err(Error::TooLong { url: wanted.href.clone(), limit: wanted.limit }),
        _ => Ok(()),
    }
}

/// What has come of a file.
struct Part {
    path: PathBuf,
    etag: PathBuf,
    /// What the `.etag` file begins with when this server sent the part.
    server: String,
    file: fs_err::File,
    size: u64,
    hasher: Hasher,
    kind: ChecksumKind,
    /// For `If-Range`.
    validator: Option<String>,
    /// What this server calls the version that comes, to be written down if not all of it does.
    version: Option<String>,
}

impl Drop for Part {
    fn drop(&mut self) {
        if let Some(version) = self.version.take().filter(|_| self.size > 0) {
            // Without it, the next try asks without a condition, and the checksum tells.
            let _ = fs_err::write(&self.etag, format!("{} {version}\n", self.server));
        }
    }
}

impl Part {
    /// Opens the part, and reads what is there of it.
    async fn open(parts: &Path, checksum: &Checksum, url: &RepoUrl) -> Result<Self, Error> {
        let name = format!("{}-{}", checksum.kind, checksum.hex);
        let (path, etag) = (parts.join(format!("{name}.part")), parts.join(format!("{name}.etag")));
        let kind = checksum.kind;
        // A URL may hold a password, so it is not written down.
        let (server, _) = Checksum::of(ChecksumKind::Sha256, url.url().as_str().as_bytes())
            .map_err(|error| Error::Metadata { url: url.to_string(), reason: error.to_string() })?;
        let server = server.hex;
        blocking(move || {
            let mut file =
                fs_err::OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path)?;
            let mut hasher = kind.hasher();
            let mut size = 0u64;
            let mut buffer = vec![0; 1 << 18];
            loop {
                let got = file.read(&mut buffer)?;
                match buffer.get(..got) {
                    Some(bytes) if got > 0 => {
                        hasher.update(bytes);
                        size += bytes.len() as u64;
                    }
                    _ => break,
                }
            }
            let written = fs_err::read_to_string(&etag).unwrap_or_default();
            let validator = written.strip_prefix(&server).map(|rest| rest.trim().to_owned());
            let validator = validator.filter(|etag| !etag.is_empty() && size > 0);
            Ok(Self { path, etag, server, file, size, hasher, kind, validator, version: None })
        })
        .await
    }

    /// Begins anew; what `etag` says of the version is remembered, unless it is a weak one.
    fn restart(&mut self, etag: Option<&str>) -> Result<(), Error> {
        if self.size > 0 {
            self.discard()?;
        }
        self.version = etag.filter(|etag| etag.starts_with('"') && etag.len() < 1000).map(str::to_owned);
        Ok(())
    }

    /// Empties it.
    fn discard(&mut self) -> Result<(), Error> {
        use std::io::Seek;
        self.file.set_len(0)?;
        self.file.seek(std::io::SeekFrom::Start(0))?;
        self.size = 0;
        self.hasher = self.kind.hasher();
        (self.validator, self.version) = (None, None);
        match fs_err::remove_file(&self.etag) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.file.write_all(bytes)?;
        self.hasher.update(bytes);
        self.size = self.size.saturating_add(bytes.len() as u64);
        Ok(())
    }

    /// Checks size and checksum. A part that is short stays, to be gone on with.
    async fn finish(mut self, url: &RepoUrl, wanted: &Wanted) -> Result<PathBuf, Error> {
        if let Some(expected) = wanted.size.filter(|expected| *expected > self.size) {
            return Err(Error::TooShort { url: url.to_string(), expected, got: self.size });
        }
        let (got, _) = std::mem::replace(&mut self.hasher, self.kind.hasher()).finish();
        if got != wanted.checksum {
            self.discard()?;
            return Err(Error::WrongChecksum {
                url: url.to_string(),
                kind: self.kind.name(),
                expected: wanted.checksum.hex.clone(),
                got: got.hex,
            });
        }
        self.version = None;
        if self.validator.is_some() {
            let _ = fs_err::remove_file(&self.etag);
        }
        Ok(std::mem::take(&mut self.path))
    }
}
