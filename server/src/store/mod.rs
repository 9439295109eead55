//! Where bytes lie. What lasts is in `DIR/store`, or in a bucket that several servers may share:
//!
//! ```text
//! results/OWNER/DIRNAME/CHROOT/repodata/            one repository
//! results/OWNER/DIRNAME/CHROOT/%08d-PACKAGE/        one build: logs, packages once published
//! results/OWNER/DIRNAME/srpm-builds/%08d/           its source package, and logs of the machine that made it
//! results/OWNER/DIRNAME/srpm-builds/%08d/sources/   the files that it is made of, when those were uploaded
//! incoming/LEASE/                                   results of a build that is not published yet
//! ```
//!
//! What one server alone needs for a while is in `DIR/store` in any case:
//!
//! ```text
//! spool/                                            uploads that are still coming in, metadata that are shown; emptied at every start
//! trash/                                            what is being deleted; emptied at every start
//! live/OWNER/DIRNAME/CHROOT/%08d-PACKAGE/           beside a bucket: logs of builds that run; go there when they end
//! metadata/OWNER/DIRNAME/CHROOT/                    beside a bucket: copies of metadata to work on; may be deleted
//! incoming/LEASE/                                   beside a bucket: copies of what this server took itself
//! ```
//!
//! Files appear under their final names whole or not at all: written to a temporary name, synced, renamed; or put as one object.

mod bucket;
mod copying;
mod logs;
mod reading;
mod removing;
mod showing;
mod spool;
mod tree;

use std::{
    fmt, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
};

use copr_api::{
    builder::SourceFile,
    names::{DirName, OwnerName},
};
use copr_repodata::{Checksum, ChecksumKind};

use crate::die;

pub use bucket::{Bucket, BucketError};
pub use logs::{Append, LOG_NAMES};
pub use reading::{ByteStream, FileToRead, FolderToRead, Found, Want};
pub use removing::{Below, Here};
pub use showing::Metadata;
pub use spool::{SpoolError, Spooled};
pub use tree::Entry;

/// Below a build's source package: the files that it is made of.
pub const SOURCES: &str = "sources";

/// A folder or file of the store by its path: `results/OWNER/DIRNAME/…`, `incoming/LEASE/…`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Place(String);

impl Place {
    /// What lies below it under a name, or under several with slashes between them.
    #[must_use]
    pub fn join(&self, name: &str) -> Self {
        Self(format!("{}/{name}", self.0))
    }

    /// The path.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The store; clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    logs: Arc<Mutex<()>>,
    lasting: Lasting,
}

/// Where that is which lasts.
#[derive(Debug, Clone)]
enum Lasting {
    /// Below the store's own folder.
    Folder,
    /// In a bucket.
    Bucket(Bucket),
}

/// Where a repository's metadata are written.
#[derive(Debug, Clone)]
pub enum Repository {
    /// In this folder.
    Folder(PathBuf),
    /// In a bucket, below this path; by way of a local folder that may be empty.
    Bucket(Bucket, Place, PathBuf),
}

impl Store {
    /// Opens (and makes) the store in a folder, beside a bucket if there is one, and empties what a former run left in `spool/`
    /// and `trash/`.
    ///
    /// # Errors
    /// The folder can't be made or read.
    pub fn open(root: &Path, bucket: Option<Bucket>) -> io::Result<Self> {
        let lasting = bucket.map_or(Lasting::Folder, Lasting::Bucket);
        let own: &[&str] = match &lasting {
            Lasting::Folder => &["results", "incoming", "spool", "trash"],
            Lasting::Bucket(_) => &["live", "metadata", "incoming", "spool", "trash"],
        };
        for folder in own {
            fs_err::create_dir_all(root.join(folder))?;
        }
        for folder in ["spool", "trash"] {
            for entry in fs_err::read_dir(root.join(folder))? {
                remove(&entry?.path())?;
            }
        }
        Ok(Self { root: fs_err::canonicalize(root)?, logs: Arc::default(), lasting })
    }

    /// A project's directory: below it `CHROOT/` and `srpm-builds/`.
    #[must_use]
    pub fn directory(&self, owner: &OwnerName, dirname: &DirName) -> Place {
        Place(format!("results/{owner}/{dirname}"))
    }

    /// Where a build's source package lies.
    #[must_use]
    pub fn source_folder(&self, owner: &OwnerName, dirname: &DirName, build_id: i64) -> Place {
        self.directory(owner, dirname).join(&format!("srpm-builds/{build_id:08}"))
    }

    fn incoming(&self, lease_id: &str) -> Place {
        Place(format!("incoming/{lease_id}"))
    }

    /// A place below the store's own folder.
    fn local(&self, place: &Place) -> PathBuf {
        self.root.join(&place.0)
    }

    /// Where metadata of a repository are to be written.
    #[must_use]
    pub fn repository(&self, place: &Place) -> Repository {
        match &self.lasting {
            Lasting::Folder => Repository::Folder(self.local(place)),
            Lasting::Bucket(bucket) => {
                let below = place.0.strip_prefix("results/").unwrap_or(&place.0);
                Repository::Bucket(bucket.clone(), place.clone(), self.root.join("metadata").join(below))
            }
        }
    }

    /// Whether a file is there.
    ///
    /// # Errors
    /// The bucket does not answer.
    pub async fn has(&self, place: &Place) -> io::Result<bool> {
        match &self.lasting {
            Lasting::Folder => {
                let path = self.local(place);
                blocking(move || Ok(path.is_file())).await
            }
            Lasting::Bucket(bucket) => Ok(bucket.about(place.as_str()).await?.is_some()),
        }
    }

    /// Moves a new build's source package to its final place: the only file there.
    ///
    /// # Errors
    /// It can't be written.
    pub async fn keep_source(&self, spooled: Spooled, folder: &Place, name: &str) -> io::Result<()> {
        match &self.lasting {
            Lasting::Folder => {
                let (path, name) = (self.local(folder), name.to_owned());
                blocking(move || {
                    // A crash before the build's row was committed may have left the source of one that never was.
                    remove(&path)?;
                    spooled.keep(&path, &name)
                })
                .await
            }
            Lasting::Bucket(bucket) => {
                bucket.remove_all(folder).await?;
                bucket.upload(spooled.path(), &folder.join(name)).await
            }
        }?;
        die::at("source kept");
        Ok(())
    }

    /// Moves the files that a new build's source package is to be made of to their final place: all that is there.
    ///
    /// # Errors
    /// One can't be written.
    pub async fn keep_sources(&self, files: Vec<(String, Spooled)>, folder: &Place) -> io::Result<()> {
        let below = folder.join(SOURCES);
        match &self.lasting {
            Lasting::Folder => {
                let (above, path) = (self.local(folder), self.local(&below));
                blocking(move || {
                    // As in `keep_source`.
                    remove(&above)?;
                    files.into_iter().try_for_each(|(name, spooled)| spooled.keep(&path, &name))
                })
                .await
            }
            Lasting::Bucket(bucket) => {
                bucket.remove_all(folder).await?;
                for (name, spooled) in files {
                    bucket.upload(spooled.path(), &below.join(&name)).await?;
                }
                Ok(())
            }
        }
    }

    /// Puts the source package that a lease made where builders fetch it, in place of any that an earlier attempt left there. What
    /// was handed in stays, so that this can be done again.
    ///
    /// # Errors
    /// It is gone, or can't be written.
    pub async fn keep_made_source(&self, lease_id: &str, claim: &SourceFile, folder: &Place) -> io::Result<()> {
        let from = self.incoming(lease_id).join(&claim.name);
        let target = folder.join(&claim.name);
        match &self.lasting {
            Lasting::Folder => {
                let (from, into, to) = (self.local(&from), self.local(folder), self.local(&target));
                blocking(move || {
                    fs_err::create_dir_all(&into)?;
                    for entry in fs_err::read_dir(&into)? {
                        let entry = entry?;
                        if entry.file_name().to_string_lossy().ends_with(".src.rpm") {
                            fs_err::remove_file(entry.path())?;
                        }
                    }
                    fs_err::hard_link(from, to)?;
                    fs_err::File::open(&into)?.sync_all()
                })
                .await
            }
            Lasting::Bucket(bucket) => {
                for entry in bucket.list(folder.as_str(), usize::MAX).await?.entries {
                    if !entry.folder && entry.name.ends_with(".src.rpm") && entry.name != claim.name {
                        bucket.remove(&folder.join(&entry.name)).await?;
                    }
                }
                if !bucket.copy(&from, &target).await? {
                    bucket.upload(&self.local(&from), &target).await?;
                }
                Ok(())
            }
        }
    }

    /// Writes a small file of our own; it appears whole or not at all.
    ///
    /// # Errors
    /// It can't be written.
    pub async fn write(&self, folder: &Place, name: &str, bytes: impl Into<Vec<u8>>) -> io::Result<()> {
        let (spool, bytes) = (self.root.join("spool"), bytes.into());
        let temporary = blocking(move || {
            let mut file = tempfile::NamedTempFile::new_in(spool)?;
            io::Write::write_all(&mut file, &bytes)?;
            file.as_file().sync_all()?;
            Ok(file.into_temp_path())
        })
        .await?;
        match &self.lasting {
            Lasting::Folder => {
                let (path, name) = (self.local(folder), name.to_owned());
                blocking(move || spool::persist(temporary, &path, &name)).await
            }
            Lasting::Bucket(bucket) => bucket.upload(&temporary, &folder.join(name)).await,
        }
    }

    /// Keeps a result that a lease hands in until it is published. In a bucket any server can publish it; a copy stays here,
    /// because this server probably will.
    ///
    /// # Errors
    /// It can't be written.
    pub async fn keep_incoming(&self, spooled: Spooled, lease_id: &str, file: &str) -> io::Result<()> {
        let folder = self.incoming(lease_id);
        if let Lasting::Bucket(bucket) = &self.lasting {
            bucket.upload(spooled.path(), &folder.join(file)).await?;
        }
        let (path, file) = (self.local(&folder), file.to_owned());
        blocking(move || spooled.keep(&path, &file)).await?;
        die::at("result received");
        Ok(())
    }

    /// How many results besides this one a lease has handed in to this server.
    ///
    /// # Errors
    /// None: a folder that is not there has none.
    pub async fn count_incoming(&self, lease_id: &str, file: &str) -> io::Result<usize> {
        let (path, file) = (self.local(&self.incoming(lease_id)), file.to_owned());
        blocking(move || {
            let entries = fs_err::read_dir(&path).into_iter().flatten().flatten();
            Ok(entries.filter(|entry| entry.file_name() != file.as_str()).count())
        })
        .await
    }

    /// A result that was handed in, in a file of this machine, with its length and SHA-256; `None`: it was not handed in.
    ///
    /// # Errors
    /// It can't be read.
    pub async fn incoming_file(
        &self,
        lease_id: &str,
        name: &str,
        sha256: &str,
    ) -> io::Result<Option<(PathBuf, u64, String)>> {
        let folder = self.incoming(lease_id);
        let path = self.local(&folder).join(name);
        let here = summed(path.clone()).await?;
        let Lasting::Bucket(bucket) = &self.lasting else {
            return Ok(here.map(|(size, sum)| (path, size, sum)));
        };
        match here {
            Some((size, sum)) if sum == sha256 => Ok(Some((path, size, sum))),
            // It was handed in to another server, perhaps for the second time.
            _ => Ok(match self.fetch(bucket, &folder.join(name), &path).await? {
                true => summed(path.clone()).await?.map(|(size, sum)| (path, size, sum)),
                false => None,
            }),
        }
    }

    /// Downloads an object to a path of this machine; `false`: there is none.
    async fn fetch(&self, bucket: &Bucket, from: &Place, to: &Path) -> io::Result<bool> {
        let spool = self.root.join("spool");
        let temporary = blocking(move || tempfile::NamedTempFile::new_in(spool)).await?.into_temp_path();
        if !bucket.download(from, &temporary).await? {
            return Ok(false);
        }
        let to = to.to_owned();
        blocking(move || {
            if let Some(folder) = to.parent() {
                fs_err::create_dir_all(folder)?;
            }
            temporary.persist(&to).map_err(|error| error.error)
        })
        .await?;
        Ok(true)
    }

    /// Puts a result that was handed in where everyone may read it, in a folder under a name, unless it is there already; the answer
    /// is a file of this machine with its bytes. `None`: it is lost.
    ///
    /// # Errors
    /// It can't be read or written.
    pub async fn place(
        &self,
        lease_id: &str,
        name: &str,
        sha256: &str,
        (folder, target): (&Place, &str),
    ) -> io::Result<Option<PathBuf>> {
        let target = folder.join(target);
        let from = self.incoming(lease_id).join(name);
        match &self.lasting {
            Lasting::Folder => {
                let (from, to, into) = (self.local(&from), self.local(&target), self.local(folder));
                blocking(move || {
                    if from.is_file() {
                        fs_err::create_dir_all(&into)?;
                        fs_err::File::open(&from)?.sync_all()?;
                        fs_err::rename(&from, &to)?;
                        fs_err::File::open(&into)?.sync_all()?;
                        die::at("a file moved");
                    }
                    Ok(to.is_file().then_some(to))
                })
                .await
            }
            Lasting::Bucket(bucket) => {
                if let Some((path, _, sum)) = self.incoming_file(lease_id, name, sha256).await?
                    && sum == sha256
                {
                    if !bucket.copy(&from, &target).await? {
                        bucket.upload(&path, &target).await?;
                    }
                    die::at("a file moved");
                    return Ok(Some(path));
                }
                // Another server has published it meanwhile.
                let path = self.local(&from);
                Ok(self.fetch(bucket, &target, &path).await?.then_some(path))
            }
        }
    }

    /// Deletes the results that a lease handed in; none is fine.
    ///
    /// # Errors
    /// They can't be deleted.
    pub async fn remove_incoming(&self, lease_id: &str) -> io::Result<()> {
        let folder = self.incoming(lease_id);
        if let Lasting::Bucket(bucket) = &self.lasting {
            bucket.remove_all(&folder).await?;
        }
        let path = self.local(&folder);
        blocking(move || remove(&path)).await
    }

    /// All leases that handed something in which is still there.
    ///
    /// # Errors
    /// The folder or the bucket can't be read.
    pub async fn incoming_leases(&self) -> io::Result<Vec<String>> {
        let path = self.root.join("incoming");
        let mut leases: Vec<String> = blocking(move || {
            fs_err::read_dir(path)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
        })
        .await?;
        if let Lasting::Bucket(bucket) = &self.lasting {
            let there = bucket.list("incoming", usize::MAX).await?.entries;
            leases.extend(there.into_iter().filter(|entry| entry.folder).map(|entry| entry.name));
            leases.sort_unstable();
            leases.dedup();
        }
        Ok(leases)
    }

    /// Deletes one result from a build's folder; none is fine.
    ///
    /// # Errors
    /// It can't be deleted.
    pub async fn remove_result(&self, folder: &Place, name: &str) -> io::Result<()> {
        let place = folder.join(name);
        match &self.lasting {
            Lasting::Folder => {
                let path = self.local(&place);
                blocking(move || remove(&path)).await
            }
            Lasting::Bucket(bucket) => bucket.remove(&place).await,
        }
    }
}

/// Length and SHA-256 of a file; `None`: there is none.
async fn summed(path: PathBuf) -> io::Result<Option<(u64, String)>> {
    blocking(move || match fs_err::File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        file => {
            let (sum, size) = Checksum::of(ChecksumKind::Sha256, file?).map_err(io::Error::other)?;
            Ok(Some((size, sum.hex)))
        }
    })
    .await
}

/// Deletes a file or a folder with all in it; none is fine.
fn remove(path: &Path) -> io::Result<()> {
    let result = match fs_err::symlink_metadata(path) {
        Ok(metadata) if metadata.is_dir() => fs_err::remove_dir_all(path),
        Ok(_) => fs_err::remove_file(path),
        Err(error) => Err(error),
    };
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}

/// Runs file work where it may block.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> io::Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(io::Error::other)?
}
