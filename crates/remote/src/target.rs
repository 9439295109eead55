//! A place elsewhere where a repository is written: a folder, an object store, a web server that takes `PUT`, a host
//! that is reached by ssh.
//!
//! All of them offer the same few operations, with the same promises:
//! - A file appears under its name whole, or not at all.
//! - What was put is there: its size and checksum are looked at afterwards.
//! - The index is replaced only if it still is what was read before ([`Target::put_index`]). Object stores do that by
//!   themselves, folders under the lock of [`copr_repodata::Publisher`], the others under a lock of ours.
//!
//! What is written for ourselves lies beside the repository's files: `NAME.SUM.part` while NAME is uploaded, which the
//! next upload of the same file continues or overwrites; `repodata/copr-repo.lock/`, while an index is exchanged.

mod bytes;
mod folder;
mod http;
mod lock;
mod object;
mod s3;
mod ssh;

use std::{path::Path, sync::Arc, time::Duration};

use copr_repodata::{Checksum, ChecksumKind};
use object_store::ObjectStore;

use self::bytes::Sink;
pub use self::s3::S3Options;
use crate::{
    error::{Error, cut},
    fetch::Timeouts,
    url::{RepoUrl, redacted},
};

/// Bytes that the index in force may have, where it is compared with the one that was read before.
const MOST_INDEX: u64 = 64 << 20;

/// Called with the number of bytes that went out since the last call.
pub type Progress = Arc<dyn Fn(u64) + Send + Sync>;

/// A progress that nobody looks at.
#[must_use]
pub fn no_progress() -> Progress {
    Arc::new(|_| {})
}

/// How places are reached.
#[derive(Debug, Clone)]
pub struct TargetOptions {
    /// For `s3://`.
    pub s3: S3Options,
    /// For `ssh://` and `sftp://`: options as of `ssh -o`, such as `IdentityFile=/path`.
    pub ssh: Vec<String>,
    /// Waiting and trying again. Object stores have their own ways of that; no file that is uploaded has a time in all.
    pub timeouts: Timeouts,
    /// After how long without a change the holder of a lock (http and ssh) counts as crashed. All writers of a place
    /// should have the same.
    pub stale_lock: Duration,
}

impl Default for TargetOptions {
    fn default() -> Self {
        Self {
            s3: S3Options::default(),
            ssh: Vec::new(),
            timeouts: Timeouts::default(),
            stale_lock: Duration::from_secs(60),
        }
    }
}

/// A place where a repository is written; cheap to clone.
#[derive(Debug, Clone)]
pub struct Target {
    kind: Kind,
    shown: String,
    attempts: u32,
    first_pause: Duration,
}

#[derive(Debug, Clone)]
enum Kind {
    Folder(folder::Folder),
    Object(object::Objects),
    Http(http::Http),
    Ssh(ssh::Ssh),
}

/// The same call, whatever the kind.
macro_rules! each {
    ($target:expr, $kind:ident => $call:expr) => {
        match &$target.kind {
            Kind::Folder($kind) => $call,
            Kind::Object($kind) => $call,
            Kind::Http($kind) => $call,
            Kind::Ssh($kind) => $call,
        }
    };
}

/// A small file, and by what it is known again.
#[derive(Debug, Clone)]
pub struct Tagged {
    /// Its content.
    pub bytes: Vec<u8>,
    /// The state that it was in.
    pub tag: Tag,
}

/// One state of a file: its checksum, and what the place calls that state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    sum: Checksum,
    etag: Option<String>,
    version: Option<String>,
}

impl Tag {
    /// The checksum of the content (SHA-256).
    pub(crate) fn sum(&self) -> &Checksum {
        &self.sum
    }

    fn of(bytes: &[u8]) -> Result<Self, Error> {
        Ok(Self { sum: Checksum::of(ChecksumKind::Sha256, bytes)?.0, etag: None, version: None })
    }
}

/// What became of a conditional write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Put {
    /// It is in force.
    Done,
    /// Somebody else wrote first, and nothing was written.
    Changed,
}

/// A file at the place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its name, relative to the target.
    pub name: String,
    /// Its size in bytes.
    pub size: u64,
}

/// What is known of a file without reading it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct About {
    size: u64,
    /// The checksum that was noted when the file was put, where the place keeps such notes.
    sum: Option<String>,
}

/// A local file and what it must be.
#[derive(Clone, Copy)]
struct Outgoing<'a> {
    path: &'a Path,
    name: &'a str,
    checksum: &'a Checksum,
    size: u64,
    progress: &'a Progress,
}

impl Outgoing<'_> {
    /// The name of the file while it is not whole. It tells the content, so whoever puts the same file writes the same
    /// bytes to the same places of it.
    fn partial(&self) -> String {
        format!("{}.{}.part", self.name, self.checksum.hex.get(..16).unwrap_or_default())
    }
}

impl Target {
    /// The place that a URL names: `file:///path` or a path, `s3://bucket/prefix`, `http://` and `https://`, `ssh://` and
    /// `sftp://`. Nothing is asked of it yet.
    ///
    /// # Errors
    /// [`Error::BadUrl`] for anything else.
    pub fn open(url: &str, options: &TargetOptions) -> Result<Self, Error> {
        let bad = |reason: &str| Error::BadUrl { url: redacted(url), reason: reason.to_owned() };
        let (attempts, first_pause) = (options.timeouts.attempts, options.timeouts.first_pause);
        let Some((scheme, rest)) = url.split_once("://") else {
            return if url.is_empty() { Err(bad("it is empty")) } else { Ok(Self::folder(Path::new(url))) };
        };
        let (kind, shown) = match scheme {
            "file" => {
                let path = url.parse::<RepoUrl>()?.to_path().ok_or_else(|| bad("it names no path"))?;
                return Ok(Self::folder(&path));
            }
            "s3" => {
                let (bucket, prefix) = rest.split_once('/').unwrap_or((rest, ""));
                let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
                if bucket.is_empty() || !bucket.chars().all(plain) || prefix.contains(['?', '#']) {
                    return Err(bad("it must be s3://BUCKET or s3://BUCKET/PREFIX"));
                }
                return Self::objects(options.s3.bucket(bucket)?, prefix, url);
            }
            "http" | "https" => {
                let url: RepoUrl = url.parse()?;
                (Kind::Http(http::Http::new(&url, &options.timeouts, options.stale_lock)?), url.to_string())
            }
            "ssh" | "sftp" => {
                let parsed = url::Url::parse(url).map_err(|error| bad(&error.to_string()))?;
                let kind = ssh::Ssh::new(&parsed, &options.ssh, &options.timeouts, options.stale_lock)?;
                (Kind::Ssh(kind), url.trim_end_matches('/').to_owned())
            }
            _ => return Err(bad("a path, file://, s3://, http://, https://, ssh:// and sftp:// are understood")),
        };
        Ok(Self { kind, shown, attempts, first_pause })
    }

    /// A folder of this machine, which need not exist yet.
    #[must_use]
    pub fn folder(path: &Path) -> Self {
        let Timeouts { attempts, first_pause, .. } = Timeouts::default();
        let shown = path.display().to_string();
        Self { kind: Kind::Folder(folder::Folder::new(path)), shown, attempts, first_pause }
    }

    /// Objects below `prefix` (`a/b`, or nothing); `shown` is what messages call the place. The store must be able to
    /// write conditionally (`PutMode::Create` and `PutMode::Update`), which `LocalFileSystem` is not.
    ///
    /// # Errors
    /// [`Error::Refused`] for a prefix that is no relative path.
    pub fn objects(store: Arc<dyn ObjectStore>, prefix: &str, shown: &str) -> Result<Self, Error> {
        let shown = shown.trim_end_matches('/').to_owned();
        let prefix = prefix.trim_matches('/');
        if !prefix.is_empty() {
            safe(&shown, prefix)?;
        }
        let Timeouts { attempts, first_pause, .. } = Timeouts::default();
        Ok(Self { kind: Kind::Object(object::Objects::new(store, prefix, &shown)), shown, attempts, first_pause })
    }

    /// The folder `name` of this place, as a place.
    ///
    /// # Errors
    /// [`Error::Refused`] for names that are no relative paths.
    pub fn below(&self, name: &str) -> Result<Self, Error> {
        let name = name.trim_matches('/');
        safe(&self.shown, name)?;
        let kind = match &self.kind {
            Kind::Folder(kind) => Kind::Folder(kind.below(name)),
            Kind::Object(kind) => Kind::Object(kind.below(name)),
            Kind::Http(kind) => Kind::Http(kind.below(name)),
            Kind::Ssh(kind) => Kind::Ssh(kind.below(name)),
        };
        Ok(Self { kind, shown: format!("{}/{name}", self.shown), ..self.clone() })
    }

    /// A small file, of at most `limit` bytes; `None` where there is none.
    ///
    /// # Errors
    /// What [`Error`] lists.
    pub async fn read(&self, name: &str, limit: u64) -> Result<Option<Tagged>, Error> {
        safe(&self.shown, name)?;
        let mut attempt = 0;
        loop {
            match each!(self, kind => kind.read(name, limit).await) {
                Err(error) if self.again(&error, &mut attempt).await => {}
                read => return read,
            }
        }
    }

    /// Copies a file to `to`, whose folder must be there. It has the checksum, and the size (or at most `limit` bytes,
    /// where that is unknown), or nothing is written.
    ///
    /// # Errors
    /// What [`Error`] lists; [`Error::Status`] 404 when there is no such file.
    pub async fn fetch(
        &self,
        name: &str,
        checksum: &Checksum,
        size: Option<u64>,
        limit: u64,
        to: &Path,
    ) -> Result<(), Error> {
        safe(&self.shown, name)?;
        let shown = self.place(name);
        let mut attempt = 0;
        loop {
            let mut sink = Sink::to_file(&shown, to, checksum, size, limit)?;
            let done = match each!(self, kind => kind.stream(name, &mut sink).await) {
                Ok(true) => sink.keep(to),
                Ok(false) => Err(Error::Status { url: shown.clone(), status: 404 }),
                Err(error) => Err(error),
            };
            match done {
                Err(error) if self.again(&error, &mut attempt).await => {}
                done => return done,
            }
        }
    }

    /// Whether a file is there with this checksum and size. It is read where the place has no note of its checksum.
    ///
    /// # Errors
    /// What [`Error`] lists.
    pub async fn holds(&self, name: &str, checksum: &Checksum, size: u64) -> Result<bool, Error> {
        safe(&self.shown, name)?;
        let mut attempt = 0;
        loop {
            match self.holds_now(name, checksum, size).await {
                Err(error) if self.again(&error, &mut attempt).await => {}
                holds => return holds,
            }
        }
    }

    async fn holds_now(&self, name: &str, checksum: &Checksum, size: u64) -> Result<bool, Error> {
        let Some(about) = each!(self, kind => kind.about(name).await)? else { return Ok(false) };
        if about.size != size {
            return Ok(false);
        }
        // A note of another kind of checksum says nothing about this one.
        if let Some(sum) = about.sum.filter(|sum| sum.starts_with(&format!("{}:", checksum.kind))) {
            return Ok(sum == checksum.to_string());
        }
        let mut sink = Sink::nowhere(&self.place(name), checksum, size)?;
        match each!(self, kind => kind.stream(name, &mut sink).await) {
            Ok(there) => Ok(there && sink.matches()),
            Err(Error::TooLong { .. }) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Uploads a local file, and looks whether it arrived. What is at the name is replaced.
    ///
    /// # Errors
    /// What [`Error`] lists, also when the local file is not what checksum and size say.
    pub async fn put(
        &self,
        path: &Path,
        name: &str,
        checksum: &Checksum,
        size: u64,
        progress: &Progress,
    ) -> Result<(), Error> {
        safe(&self.shown, name)?;
        let outgoing = Outgoing { path, name, checksum, size, progress };
        let mut attempt = 0;
        loop {
            match self.put_once(&outgoing).await {
                Err(error) if self.again(&error, &mut attempt).await => {}
                put => return put,
            }
        }
    }

    async fn put_once(&self, outgoing: &Outgoing<'_>) -> Result<(), Error> {
        let looked_at = each!(self, kind => kind.put(outgoing).await)?;
        if looked_at || self.holds_now(outgoing.name, outgoing.checksum, outgoing.size).await? {
            return Ok(());
        }
        Err(Error::Write {
            place: self.place(outgoing.name),
            reason: "after the upload it is not what was sent; somebody else may write the same file".to_owned(),
            transient: true,
        })
    }

    /// Writes a small file, whatever is there.
    ///
    /// # Errors
    /// What [`Error`] lists.
    pub async fn put_small(&self, name: &str, bytes: Vec<u8>) -> Result<(), Error> {
        safe(&self.shown, name)?;
        each!(self, kind => kind.put_small(name, bytes).await)
    }

    /// Writes a small file if it still is in the state `old` (`None`: if there still is none).
    ///
    /// # Errors
    /// What [`Error`] lists; then it may or may not have been written.
    pub async fn put_index(&self, name: &str, bytes: Vec<u8>, old: Option<&Tag>) -> Result<Put, Error> {
        safe(&self.shown, name)?;
        each!(self, kind => kind.put_index(name, bytes, old).await)
    }

    /// The files directly in a folder, in no order; none where there is no folder. `None` where the place cannot tell.
    ///
    /// # Errors
    /// What [`Error`] lists.
    pub async fn list(&self, folder: &str) -> Result<Option<Vec<Entry>>, Error> {
        safe(&self.shown, folder)?;
        each!(self, kind => kind.list(folder).await)
    }

    /// Deletes a file; none is fine.
    ///
    /// # Errors
    /// What [`Error`] lists.
    pub async fn delete(&self, name: &str) -> Result<(), Error> {
        safe(&self.shown, name)?;
        each!(self, kind => kind.delete(name).await)
    }

    /// Whether to try again after `error`; waits before it says so.
    async fn again(&self, error: &Error, attempt: &mut u32) -> bool {
        *attempt += 1;
        if !error.is_transient() || *attempt >= self.attempts {
            return false;
        }
        tokio::time::sleep(self.first_pause.saturating_mul(1 << (*attempt - 1).min(10))).await;
        true
    }

    /// What messages call a file, without secrets.
    #[must_use]
    pub fn place(&self, name: &str) -> String {
        format!("{}/{name}", self.shown)
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.shown)
    }
}

/// Names come from metadata that others wrote: they must be relative paths that do not climb.
fn safe(place: &str, name: &str) -> Result<(), Error> {
    let refused = |reason| Error::Refused { repository: place.to_owned(), location: cut(name), reason };
    if name.len() > 4096 {
        return Err(refused("it is longer than 4096 bytes"));
    }
    if name.contains("://") {
        return Err(refused("it is a URL of its own"));
    }
    if name.bytes().any(|byte| byte < 32 || byte == 127 || byte == b'\\') {
        return Err(refused("it has characters that no path here may have"));
    }
    // `a//b` and `./a` would be other names at other places.
    if name.split('/').any(|segment| matches!(segment, "" | "." | "..")) {
        return Err(refused("it is no plain relative path"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
