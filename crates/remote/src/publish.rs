//! Publishing to a repository elsewhere.
//!
//! The metadata are brought into a local folder, changed there by [`copr_repodata::Publisher`], and what is new is
//! uploaded: metadata files first, `repomd.xml` last, and that only if it still is the one that all began with. If
//! somebody else was faster, everything is done again on top of what they wrote.
//!
//! A signature of the index follows right behind it, put by whoever put the index that is in force: who finds another index by
//! then leaves it to its writer. Why in this order, `copr_repodata`'s `workspace` tells.
//!
//! The local folder is a cache: every file in it is believed only if it has the checksum that the remote `repomd.xml`
//! names. It may be deleted, or be that of another repository.
//!
//! Readers may still go by the `repomd.xml` before. The files that it named stay for the time that [`Output::retain`]
//! says; when they were superseded is noted in a small file beside them, `repodata/copr-repo.superseded.json`. What is
//! neither named nor noted begins to age when it is seen, so a lost note only makes a file live longer. Ages are by the
//! clocks of the writers ([`Output::now`]).

mod sweep;

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use copr_repodata::{Checksum, Delta, Output, Published, Publisher, Repomd, RepomdRecord, Retain};
use futures_util::{FutureExt, StreamExt, TryStreamExt, future::BoxFuture, stream};

use crate::{
    Limits,
    error::{Error, cut},
    fetch::blocking,
    target::{Put, Tag, Target, no_progress},
};

/// What is written last.
pub(crate) const INDEX: &str = "repodata/repomd.xml";
/// Its signature, written after it.
const SIGNATURE: &str = "repodata/repomd.xml.asc";
/// Bytes that the signature may have.
const MOST_SIGNATURE: u64 = 1 << 20;
/// Taken while the local folder is in use.
const LOCK: &str = "copr-remote.lock";
/// Files that a repomd.xml may name; real ones name a dozen.
const MOST_FILES: usize = 256;
/// How many times the size that one metadata file may have all of them may have together.
const TOTAL: u64 = 16;
/// The longest pause between two tries.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);

/// Publishes one repository elsewhere; cheap to clone.
#[derive(Debug, Clone)]
pub struct RemotePublisher {
    target: Target,
    from: Option<Target>,
    folder: PathBuf,
    limits: Limits,
    tries: u32,
    first_pause: Duration,
    at_once: usize,
}

impl RemotePublisher {
    /// For the repository at `target`; `folder` keeps a copy of its metadata, and need not exist yet.
    pub fn new(target: Target, folder: impl Into<PathBuf>) -> Self {
        Self {
            target,
            from: None,
            folder: folder.into(),
            limits: Limits::default(),
            tries: 10,
            first_pause: Duration::from_millis(100),
            at_once: 4,
        }
    }

    /// Metadata files are read from another place that has the same ones, such as the public URL of a bucket. The index
    /// is always the target's, and so is a file that the other place does not have as it should be.
    #[must_use]
    pub fn reading_from(self, from: Target) -> Self {
        Self { from: Some(from), ..self }
    }

    /// How often to try when other writers are faster (at least once), and the pause after the first time; it doubles.
    #[must_use]
    pub fn trying(self, tries: u32, first_pause: Duration) -> Self {
        Self { tries: tries.max(1), first_pause, ..self }
    }

    /// Files that go out at the same time.
    #[must_use]
    pub fn at_once(self, files: usize) -> Self {
        Self { at_once: files.max(1), ..self }
    }

    /// Where it publishes to.
    #[must_use]
    pub fn target(&self) -> &Target {
        &self.target
    }

    /// Applies a delta, as [`Publisher::publish`] does to a local repository; without metadata it starts from an empty
    /// one. Files are named by checksum, whatever `output` says, because nothing else can be replaced under readers.
    ///
    /// # Errors
    /// What [`Error`] lists. The repository then is as it was, or as it should be.
    pub async fn publish(&self, delta: Delta, output: &Output) -> Result<Published, Error> {
        self.publish_with(output, move |_| Ok(delta.clone())).await
    }

    /// The same with a delta that depends on what is there: `make` gets the folder with a copy of the metadata
    /// (`FOLDER/repodata`, without databases and zchunk copies). It is asked again when another writer was faster. It runs
    /// on a thread where it may block.
    ///
    /// # Errors
    /// As [`Self::publish`], and what `make` gives.
    pub async fn publish_with<F>(&self, output: &Output, make: F) -> Result<Published, Error>
    where
        F: Fn(&Path) -> Result<Delta, Error> + Send + Sync + 'static,
    {
        let make = Arc::new(make);
        for attempt in 0..self.tries {
            let checkout = self.check_out().await?;
            let (make, folder) = (make.clone(), self.folder.clone());
            let delta = blocking(move || make(&folder)).await?;
            if let Some(published) = checkout.commit(delta, output).await? {
                return Ok(published);
            }
            self.pause(attempt).await;
        }
        Err(self.busy())
    }

    pub(crate) fn tries(&self) -> u32 {
        self.tries
    }

    pub(crate) fn busy(&self) -> Error {
        Error::Busy { place: self.target.place(INDEX), tries: self.tries }
    }

    /// Waits before the next try, not all writers equally long.
    pub(crate) async fn pause(&self, attempt: u32) {
        let pause = self.first_pause.saturating_mul(1 << attempt.min(10)).min(LONGEST_PAUSE);
        tokio::time::sleep(pause.mul_f64(rand::random_range(0.5..1.5))).await;
    }

    /// Brings the metadata here, and keeps the folder for this one publish.
    ///
    /// # Errors
    /// What [`Error`] lists.
    pub(crate) async fn check_out(&self) -> Result<Checkout<'_>, Error> {
        let folder = self.folder.clone();
        let lock = blocking(move || {
            fs_err::create_dir_all(folder.join("repodata"))?;
            let lock = fs_err::OpenOptions::new().create(true).truncate(false).write(true).open(folder.join(LOCK))?;
            let lock = lock.into_file();
            lock.lock()?;
            Ok(lock)
        })
        .await?;
        let Some(index) = self.target.read(INDEX, self.limits.repomd).await? else {
            self.settle(None, None, Vec::new()).await?;
            return Ok(Checkout { publisher: self, repomd: None, tag: None, signed: false, _lock: lock });
        };
        let signature = match self.target.read(SIGNATURE, MOST_SIGNATURE).await {
            // No signature is that long.
            Err(Error::TooLong { .. }) => Some(Vec::new()),
            signature => signature?.map(|signature| signature.bytes),
        };
        let signed = signature.is_some();
        let failed = |reason: String| Error::Metadata { url: self.target.place(INDEX), reason };
        let repomd = Repomd::read(&index.bytes).map_err(|error| failed(error.to_string()))?;
        let wanted: Vec<&RepomdRecord> = repomd.records.iter().filter(|record| is_wanted(record)).collect();
        if wanted.len() > MOST_FILES {
            return Err(failed(format!("it names {} files, more than {MOST_FILES}", wanted.len())));
        }
        let sizes = wanted.iter().map(|record| record.size.unwrap_or(self.limits.metadata));
        let (total, limit) = (sizes.fold(0, u64::saturating_add), self.limits.metadata.saturating_mul(TOTAL));
        if total > limit {
            return Err(failed(format!("it names files of {total} bytes, more than {limit}")));
        }
        let names = wanted.iter().map(|record| self.local(&record.location_href)).collect::<Result<Vec<_>, _>>()?;
        let work = wanted.iter().zip(&names).map(|(record, path)| self.bring(record, path).boxed());
        all(work.collect(), self.at_once).await?;
        self.settle(Some(index.bytes), signature, names).await?;
        Ok(Checkout { publisher: self, repomd: Some(repomd), tag: Some(index.tag), signed, _lock: lock })
    }

    /// Where a metadata file lies here.
    fn local(&self, href: &str) -> Result<PathBuf, Error> {
        let segments = href.split('/').filter(|segment| !matches!(*segment, "" | "."));
        let path = segments.clone().collect::<PathBuf>();
        // Our own files, the publisher's, and the index are no metadata files.
        let plain = segments.clone().all(|segment| segment != ".." && !segment.starts_with('.'));
        if !plain || href.starts_with('/') || href.contains('\\') || path == Path::new(INDEX) || path == Path::new(LOCK)
        {
            let reason = "a metadata file cannot lie there";
            return Err(Error::Refused { repository: self.target.to_string(), location: cut(href), reason });
        }
        Ok(self.folder.join(path))
    }

    /// Sees to it that a metadata file is here.
    async fn bring(&self, record: &RepomdRecord, path: &Path) -> Result<(), Error> {
        let (checksum, size, here) = (record.checksum.clone(), record.size, path.to_owned());
        let right = blocking(move || {
            fs_err::create_dir_all(here.parent().unwrap_or(&here))?;
            Ok(is_right(&here, &checksum, size))
        })
        .await?;
        if right {
            return Ok(());
        }
        let (href, limit) = (record.location_href.as_str(), self.limits.metadata);
        if let Some(from) = &self.from {
            // A mirror may be behind, or a cache in between; the target itself decides.
            match from.fetch(href, &record.checksum, record.size, limit, path).await {
                Ok(()) => return Ok(()),
                Err(Error::Io(error)) => return Err(error.into()),
                Err(_) => {}
            }
        }
        self.target.fetch(href, &record.checksum, record.size, limit, path).await
    }

    /// Puts the index and its signature beside the files that it names, and clears up the others.
    async fn settle(
        &self,
        index: Option<Vec<u8>>,
        signature: Option<Vec<u8>>,
        names: Vec<PathBuf>,
    ) -> Result<(), Error> {
        let repodata = self.folder.join("repodata");
        blocking(move || {
            for entry in fs_err::read_dir(&repodata)? {
                let entry = entry?;
                // What begins with a dot is the publisher's.
                let ours = entry.file_name().to_string_lossy().starts_with('.');
                if !ours && !names.contains(&entry.path()) && entry.metadata()?.is_file() {
                    fs_err::remove_file(entry.path())?;
                }
            }
            for (name, bytes) in [("repomd.xml", index), ("repomd.xml.asc", signature)] {
                if let Some(bytes) = bytes {
                    fs_err::write(repodata.join(name), bytes)?;
                }
            }
            Ok(())
        })
        .await
    }
}

/// A copy of a repository's metadata, to be changed once.
#[derive(Debug)]
pub(crate) struct Checkout<'a> {
    publisher: &'a RemotePublisher,
    repomd: Option<Repomd>,
    tag: Option<Tag>,
    /// Whether there is a signature of the index, right or wrong.
    signed: bool,
    _lock: std::fs::File,
}

impl Checkout<'_> {
    /// The folder that has `repodata/`.
    pub(crate) fn folder(&self) -> &Path {
        &self.publisher.folder
    }

    /// The checksum of the index, if the repository has one.
    pub(crate) fn index(&self) -> Option<&Checksum> {
        self.tag.as_ref().map(Tag::sum)
    }

    /// What messages call a file of the repository.
    pub(crate) fn place(&self, name: &str) -> String {
        self.publisher.target.place(name)
    }

    /// The index, if the repository has one.
    pub(crate) fn repomd(&self) -> Option<&Repomd> {
        self.repomd.as_ref()
    }

    /// Applies a delta here and there. `None`: another writer was faster, and all is to be done again.
    ///
    /// # Errors
    /// What [`Error`] lists.
    pub(crate) async fn commit(self, delta: Delta, output: &Output) -> Result<Option<Published>, Error> {
        let (publisher, target) = (self.publisher, &self.publisher.target);
        let folder = publisher.folder.clone();
        let here = Output { unique_names: true, retain: Retain::Nothing, ..output.clone() };
        let (published, index, signature) = blocking(move || {
            let signs = here.sign.is_some();
            let published = Publisher::new(&folder, here).publish(&delta)?;
            let signature = if signs { Some(fs_err::read(folder.join(SIGNATURE))?) } else { None };
            Ok((published, fs_err::read(folder.join(INDEX))?, signature))
        })
        .await?;
        if !published.changed {
            return Ok(Some(published));
        }
        let repomd = Repomd::read(&index)?;
        let before: HashMap<&str, &Checksum> =
            self.repomd.iter().flat_map(|old| &old.records).map(|r| (r.location_href.as_str(), &r.checksum)).collect();
        let new: Vec<&RepomdRecord> = repomd
            .records
            .iter()
            .filter(|r| r.location_base.is_none() && before.get(r.location_href.as_str()) != Some(&&r.checksum))
            .collect();
        let superseded = sweep::Superseded::read(target).await;
        self.upload(&new).await?;
        if !self.exchange(index.clone()).await? {
            return Ok(None);
        }
        let signed = self.put_signature(&index, signature).await;
        // A file that was on its way out, and that somebody may have removed before they could see that it is named again.
        let returned: Vec<&RepomdRecord> =
            new.into_iter().filter(|record| superseded.contains(&record.location_href)).collect();
        if !returned.is_empty() {
            self.upload(&returned).await?;
        }
        signed?;
        // The new state is in force; what remains lying about is tried again by the next publish.
        let _ = superseded.sweep(target, self.repomd.as_ref(), &repomd, &index, output).await;
        Ok(Some(published))
    }

    /// Uploads metadata files that are not there.
    async fn upload(&self, records: &[&RepomdRecord]) -> Result<(), Error> {
        let work = records.iter().map(|record| self.upload_one(record).boxed());
        all(work.collect(), self.publisher.at_once).await
    }

    async fn upload_one(&self, record: &RepomdRecord) -> Result<(), Error> {
        let target = &self.publisher.target;
        let path = self.publisher.local(&record.location_href)?;
        let size = fs_err::metadata(&path)?.len();
        let (href, checksum) = (record.location_href.as_str(), &record.checksum);
        if target.holds(href, checksum, size).await? {
            return Ok(());
        }
        target.put(&path, href, checksum, size, &no_progress()).await
    }

    /// Puts the index in force; whether it is.
    async fn exchange(&self, index: Vec<u8>) -> Result<bool, Error> {
        let target = &self.publisher.target;
        if let Some(tag) = &self.tag
            && *tag.sum() == Checksum::of(tag.sum().kind, index.as_slice())?.0
        {
            // Only its signature is another.
            return Ok(true);
        }
        let put = target.put_index(INDEX, index.clone(), self.tag.as_ref()).await;
        if matches!(put, Ok(Put::Done)) {
            return Ok(true);
        }
        // An answer that was lost, or a request that was sent again: it may be ours that is there.
        match target.read(INDEX, self.publisher.limits.repomd).await {
            Ok(Some(now)) if now.bytes == index => Ok(true),
            _ => put.map(|_| false),
        }
    }

    /// Puts the signature of the index that has just been put, or removes the one of the index before.
    async fn put_signature(&self, index: &[u8], signature: Option<Vec<u8>>) -> Result<(), Error> {
        let (publisher, target) = (self.publisher, &self.publisher.target);
        let Some(signature) = signature else {
            return match self.signed && self.is_in_force(index).await? {
                true => target.delete(SIGNATURE).await,
                false => Ok(()),
            };
        };
        for attempt in 0..publisher.tries {
            let there = target.read(SIGNATURE, MOST_SIGNATURE).await?;
            // In this order: whoever has put another index since then finds what we put here changed, and puts theirs.
            if there.as_ref().is_some_and(|there| there.bytes == signature) || !self.is_in_force(index).await? {
                return Ok(());
            }
            let tag = there.as_ref().map(|there| &there.tag);
            if target.put_index(SIGNATURE, signature.clone(), tag).await? == Put::Done {
                return Ok(());
            }
            publisher.pause(attempt).await;
        }
        Err(publisher.busy())
    }

    async fn is_in_force(&self, index: &[u8]) -> Result<bool, Error> {
        let there = self.publisher.target.read(INDEX, self.publisher.limits.repomd).await?;
        Ok(there.is_some_and(|there| there.bytes == index))
    }
}

/// Does pieces of work, so many at once; the first failure ends it.
pub(crate) async fn all(work: Vec<BoxFuture<'_, Result<(), Error>>>, at_once: usize) -> Result<(), Error> {
    stream::iter(work).buffer_unordered(at_once).try_collect::<Vec<()>>().await?;
    Ok(())
}

/// Whether a metadata file is needed to publish: databases and zchunk copies repeat what others have, and files with a
/// base of their own lie elsewhere.
fn is_wanted(record: &RepomdRecord) -> bool {
    record.location_base.is_none() && !record.kind.ends_with("_db") && !record.kind.ends_with("_zck")
}

/// Whether a file is here and is what it should be.
fn is_right(path: &Path, checksum: &Checksum, size: Option<u64>) -> bool {
    let Ok(about) = fs_err::symlink_metadata(path) else { return false };
    about.is_file()
        && size.is_none_or(|size| size == about.len())
        && fs_err::File::open(path)
            .map_err(copr_repodata::Error::from)
            .and_then(|file| Checksum::of(checksum.kind, file))
            .is_ok_and(|(sum, _)| sum == *checksum)
}

#[cfg(test)]
mod tests;
