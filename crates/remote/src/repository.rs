//! Repositories as a whole: metadata, records, packages.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError, Weak},
};

use copr_repodata::{Checksum, Record, Repomd, read};

use crate::{
    cache::Cache,
    error::Error,
    fetch::{Fetcher, Timeouts, blocking},
    guard::Guard,
    url::RepoUrl,
};

/// How large what comes from elsewhere may be, in bytes.
#[derive(Debug, Clone)]
pub struct Limits {
    /// `repomd.xml`.
    pub repomd: u64,
    /// One metadata file as it is downloaded.
    pub metadata: u64,
    /// One package.
    pub package: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { repomd: 4 << 20, metadata: 1 << 30, package: 8 << 30 }
    }
}

/// What a [`Remote`] may do.
#[derive(Debug, Clone)]
pub struct RemoteOptions {
    /// Folder of the cache; its layout is in the crate's documentation.
    pub cache: PathBuf,
    /// Whether `file://` repositories are read. Only for URLs that an admin wrote: any file of this machine that looks
    /// like a repository can be read through one.
    pub allow_file: bool,
    /// Which servers may be asked; `None`: all. Where the environment names a proxy, names are left to that one's own rules.
    pub guard: Option<Guard>,
    /// Waiting and trying again.
    pub timeouts: Timeouts,
    /// Sizes.
    pub limits: Limits,
}

impl RemoteOptions {
    /// The usual bounds, network repositories only.
    #[must_use]
    pub fn new(cache: impl Into<PathBuf>) -> Self {
        let (timeouts, limits) = (Timeouts::default(), Limits::default());
        Self { cache: cache.into(), allow_file: false, guard: None, timeouts, limits }
    }
}

/// A repository's metadata, verified, as files in the cache (still compressed).
#[derive(Debug, Clone)]
pub struct Metadata {
    /// `repomd.xml`, parsed.
    pub repomd: Repomd,
    /// The `primary` file.
    pub primary: PathBuf,
    /// The `filelists` file, when the repository has one.
    pub filelists: Option<PathBuf>,
}

/// Reads repositories through a shared cache; cheap to clone.
#[derive(Debug, Clone)]
pub struct Remote {
    cache: Cache,
    pub(crate) fetcher: Fetcher,
    pub(crate) allow_file: bool,
    pub(crate) limits: Limits,
    under_way: Arc<Mutex<HashMap<Checksum, Weak<tokio::sync::Mutex<()>>>>>,
}

impl Remote {
    /// Opens the cache, making its folder when there is none.
    ///
    /// # Errors
    /// [`Error::Io`] when the cache cannot be made, [`Error::Transport`] when there is no usable TLS set-up.
    pub fn new(options: RemoteOptions) -> Result<Self, Error> {
        Ok(Self {
            cache: Cache::open(&options.cache)?,
            fetcher: Fetcher::new(options.timeouts, options.guard)?,
            allow_file: options.allow_file,
            limits: options.limits,
            under_way: Arc::default(),
        })
    }

    /// Fetches `repodata/repomd.xml` and the primary and filelists files that it names.
    ///
    /// # Errors
    /// What [`Error`] lists. A repository without a primary file is [`Error::Metadata`].
    pub async fn metadata(&self, repository: &RepoUrl) -> Result<Metadata, Error> {
        let repomd = self.repomd(repository).await?;
        let primary = self.metadata_file(repository, &repomd, "primary").await?;
        let filelists = self.metadata_file(repository, &repomd, "filelists").await?;
        let primary = primary.ok_or_else(|| Error::Metadata {
            url: format!("{repository}/repodata/repomd.xml"),
            reason: "it names no primary file, so this is no package repository".to_owned(),
        })?;
        Ok(Metadata { repomd, primary, filelists })
    }

    /// Fetches `repodata/repomd.xml` alone.
    ///
    /// # Errors
    /// What [`Error`] lists.
    pub async fn repomd(&self, repository: &RepoUrl) -> Result<Repomd, Error> {
        self.allowed(repository)?;
        let url = repository.join("repodata/repomd.xml")?;
        let bytes = self.fetcher.small(&url, self.limits.repomd).await?;
        Repomd::read(&bytes).map_err(|error| Error::Metadata { url: url.to_string(), reason: error.to_string() })
    }

    /// All packages of a repository, with their files but without changelogs. The parsing happens on a thread of its own.
    ///
    /// # Errors
    /// As [`Self::metadata`]; [`Error::Metadata`] for files that cannot be parsed.
    pub async fn records(&self, repository: &RepoUrl) -> Result<Vec<Record>, Error> {
        let metadata = self.metadata(repository).await?;
        let shown = repository.to_string();
        blocking(move || {
            parse(&metadata.primary, metadata.filelists.as_deref())
                .map_err(|error| Error::Metadata { url: format!("{shown}/repodata"), reason: error.to_string() })
        })
        .await
    }

    /// One package, as a verified file in the cache.
    ///
    /// `record` is from [`Self::records`] of the same repository. Its `xml:base` is honoured only when it has the
    /// repository's own scheme. Tasks that want the same package share one download.
    ///
    /// # Errors
    /// What [`Error`] lists.
    pub async fn package(&self, repository: &RepoUrl, record: &Record) -> Result<PathBuf, Error> {
        let (base, href) = (record.location_base.as_deref(), &record.location_href);
        self.package_at(repository, base, href, &record.checksum, record.size_package).await
    }

    /// As [`Self::package`], for a package of which only this is known: its `xml:base`, its location, the checksum and the
    /// size in bytes of its file.
    ///
    /// # Errors
    /// What [`Error`] lists.
    pub async fn package_at(
        &self,
        repository: &RepoUrl,
        base: Option<&str>,
        href: &str,
        checksum: &Checksum,
        size: u64,
    ) -> Result<PathBuf, Error> {
        self.allowed(repository)?;
        let url = based(repository, base)?.join(href)?;
        self.file(&url, checksum, Some(size), self.limits.package).await
    }

    pub(crate) fn allowed(&self, repository: &RepoUrl) -> Result<(), Error> {
        if repository.is_file() && !self.allow_file {
            return Err(Error::FileNotAllowed { url: repository.to_string() });
        }
        Ok(())
    }

    /// One metadata file (`primary`, `filelists`, ...) that a repomd.xml from [`Self::repomd`] names, as a verified file in the
    /// cache, still compressed; `None` if it names none.
    ///
    /// # Errors
    /// What [`Error`] lists.
    pub async fn metadata_file(
        &self,
        repository: &RepoUrl,
        repomd: &Repomd,
        kind: &str,
    ) -> Result<Option<PathBuf>, Error> {
        self.allowed(repository)?;
        let Some(entry) = repomd.records.iter().find(|entry| entry.kind == kind) else { return Ok(None) };
        let url = based(repository, entry.location_base.as_deref())?.join(&entry.location_href)?;
        self.file(&url, &entry.checksum, entry.size, self.limits.metadata).await.map(Some)
    }

    pub(crate) async fn file(
        &self,
        url: &RepoUrl,
        checksum: &Checksum,
        size: Option<u64>,
        limit: u64,
    ) -> Result<PathBuf, Error> {
        if let Some(path) = self.cache.find(checksum, size) {
            return Ok(path);
        }
        let turn = self.turn(checksum);
        let _turn = turn.lock().await;
        if let Some(path) = self.cache.find(checksum, size) {
            return Ok(path);
        }
        self.fetcher.cached(&self.cache, url, checksum, size, limit).await
    }

    /// The lock that downloads of one file take turns on.
    fn turn(&self, checksum: &Checksum) -> Arc<tokio::sync::Mutex<()>> {
        let mut under_way = self.under_way.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(turn) = under_way.get(checksum).and_then(Weak::upgrade) {
            return turn;
        }
        under_way.retain(|_, turn| turn.strong_count() > 0);
        let turn = Arc::new(tokio::sync::Mutex::new(()));
        under_way.insert(checksum.clone(), Arc::downgrade(&turn));
        turn
    }
}

/// What locations are relative to: the repository, or an `xml:base` of the same scheme.
pub(crate) fn based(repository: &RepoUrl, base: Option<&str>) -> Result<RepoUrl, Error> {
    let Some(base) = base.filter(|base| !base.is_empty()) else { return Ok(repository.clone()) };
    let base: RepoUrl = base.parse()?;
    if base.url().scheme() != repository.url().scheme() {
        return Err(Error::Refused {
            repository: repository.to_string(),
            location: base.to_string(),
            reason: "an xml:base must have the scheme of its repository",
        });
    }
    Ok(base)
}

/// Primary metadata, with the files of filelists put in by package checksum.
fn parse(primary: &Path, filelists: Option<&Path>) -> Result<Vec<Record>, copr_repodata::Error> {
    let mut records = read::primary(read::open(primary)?).collect::<Result<Vec<_>, _>>()?;
    if let Some(filelists) = filelists {
        let mut at: HashMap<String, usize> =
            records.iter().enumerate().map(|(at, record)| (record.checksum.hex.clone(), at)).collect();
        for package in read::filelists(read::open(filelists)?) {
            let package = package?;
            if let Some(record) = at.remove(&package.pkgid).and_then(|at| records.get_mut(at)) {
                record.files = package.files;
            }
        }
    }
    Ok(records)
}
