//! Applying a delta to a repository, atomically.
//!
//! A publish writes new files under names of their own (their checksums), then renames a new repomd.xml over the old
//! one: whoever reads sees the old generation or the new one, complete. Whatever a crash leaves behind is removed by
//! the next publish; the lock is one that the system releases with its process.

mod cleanup;
mod generation;
mod write;

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::{ChecksumKind, Compression, Error, Record, Repomd, RepomdRecord};
use generation::{Generation, Package};

/// How a repository is published.
#[derive(Debug, Clone)]
pub struct PublishOptions {
    /// Compression of the metadata files.
    pub compression: Compression,
    /// Kind of the checksums in repomd.xml.
    pub checksum: ChecksumKind,
    /// How many of the newest changes of an added record to keep; `None` for all.
    pub changelog_limit: Option<usize>,
    /// How long the files of a replaced generation stay, for clients that still read by the old repomd.xml.
    pub retain: Duration,
    /// The time of the publish: revision and timestamps.
    pub now: SystemTime,
}

impl PublishOptions {
    /// gzip, SHA-256, ten changes, old files kept for an hour.
    pub fn new(now: SystemTime) -> Self {
        Self {
            compression: Compression::Gzip,
            checksum: ChecksumKind::Sha256,
            changelog_limit: Some(10),
            retain: Duration::from_secs(3600),
            now,
        }
    }
}

/// Packages to add and to remove. A package that is added under a `location_href` that exists replaces it.
#[derive(Debug, Clone, Default)]
pub struct Delta {
    /// Records to add.
    pub add: Vec<Record>,
    /// `location_href` of the records to remove; names that do not exist are no error. Done before adding.
    pub remove: Vec<String>,
}

/// What a publish did.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Published {
    /// Packages in the repository now.
    pub packages: usize,
    /// Revision of the repomd.xml that is in force now.
    pub revision: String,
    /// Records added that were not there before under the same name.
    pub added: usize,
    /// Records replaced by one of the same name.
    pub replaced: usize,
    /// Records removed.
    pub removed: usize,
    /// False if the metadata were already as asked, and nothing was written.
    pub changed: bool,
}

/// Publishes one repository.
#[derive(Debug, Clone)]
pub struct Publisher {
    dir: PathBuf,
    options: PublishOptions,
}

/// The points of a publish between which a crash may happen; tests stop at each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    FilesWritten,
    FilesNamed,
    OldFilesMarked,
    IndexWritten,
    IndexNamed,
}

/// Called at every [`Step`]; an error stops the publish there, as a crash would.
type Hook<'a> = &'a mut dyn FnMut(Step) -> Result<(), Error>;

impl Publisher {
    /// For the repository in `dir` (its metadata are in `dir/repodata`), which need not exist yet.
    pub fn new(dir: &Path, options: PublishOptions) -> Self {
        Self { dir: dir.to_owned(), options }
    }

    /// Applies a delta. Waits for another publisher of the same repository to finish. Without metadata it starts from
    /// an empty repository. Text of packages that stay is taken over as it is.
    ///
    /// # Errors
    /// The metadata that are there cannot be read, or the new ones cannot be written; the repository then stays as it
    /// was.
    pub fn publish(&self, delta: &Delta) -> Result<Published, Error> {
        self.locked(|| {
            let old = self.repomd()?;
            let mut generation = match &old {
                Some(repomd) => Generation::load(&self.dir, repomd)?,
                None => Generation::default(),
            };
            let counts = generation.apply(delta, self.options.changelog_limit);
            self.write(old.as_ref(), &generation, &counts, &mut |_| Ok(()))
        })
    }

    /// Makes the repository hold exactly these records, whatever it held. Metadata of other kinds (comps, updateinfo,
    /// ...) stay.
    ///
    /// # Errors
    /// The new metadata cannot be written; the repository then stays as it was.
    pub fn replace(&self, records: &[Record]) -> Result<Published, Error> {
        self.locked(|| {
            // What cannot be read is going to be replaced anyway.
            let old = self.repomd().unwrap_or(None);
            let before = old.as_ref().and_then(|repomd| Generation::load(&self.dir, repomd).ok()).unwrap_or_default();
            let generation = Generation::new(
                records.iter().map(|record| Package::new(record, self.options.changelog_limit)).collect(),
            );
            let counts = generation.compare(&before);
            self.write(old.as_ref(), &generation, &counts, &mut |_| Ok(()))
        })
    }

    fn repodata(&self) -> PathBuf {
        self.dir.join("repodata")
    }

    /// Runs `work` under the repository's lock, and removes its temporary files if it fails.
    fn locked(&self, work: impl FnOnce() -> Result<Published, Error>) -> Result<Published, Error> {
        let repodata = self.repodata();
        fs_err::create_dir_all(&repodata)?;
        let _lock = write::lock(&repodata)?;
        let result = work();
        if result.is_err() {
            // The first error is the one to tell.
            let _ = cleanup::temporary_files(&repodata);
        }
        result
    }

    /// The repomd.xml in force, if there is one.
    fn repomd(&self) -> Result<Option<Repomd>, Error> {
        match fs_err::read(self.repodata().join("repomd.xml")) {
            Ok(bytes) => Repomd::read(&bytes).map(Some),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    /// Writes a generation and puts it in force.
    fn write(
        &self,
        old: Option<&Repomd>,
        generation: &Generation,
        counts: &Published,
        hook: Hook<'_>,
    ) -> Result<Published, Error> {
        let repodata = self.repodata();
        cleanup::temporary_files(&repodata)?;
        let now = self.options.now.duration_since(UNIX_EPOCH).map_or(0, |t| t.as_secs());
        let files = generation.write(&repodata, &self.options, now)?;
        hook(Step::FilesWritten)?;
        let packages = generation.len();
        if let Some(old) = old.filter(|old| self.in_force(old, &files)) {
            cleanup::temporary_files(&repodata)?;
            cleanup::old_files(&repodata, old, &self.options)?;
            return Ok(Published { packages, revision: old.revision.clone(), changed: false, ..counts.clone() });
        }
        let mut repomd = Repomd { revision: revision(old, now), ..Repomd::default() };
        for file in files {
            repomd.records.push(file.put_in_place(&repodata)?);
        }
        write::sync_folder(&repodata)?;
        hook(Step::FilesNamed)?;
        if let Some(old) = old {
            repomd.records.extend(old.records.iter().filter(|r| self.is_carried_over(r)).cloned());
            repomd.content_tags.clone_from(&old.content_tags);
            repomd.repo_tags.clone_from(&old.repo_tags);
            repomd.distro_tags.clone_from(&old.distro_tags);
            cleanup::mark_superseded(&repodata, old, &repomd, self.options.now)?;
        }
        hook(Step::OldFilesMarked)?;
        let index = write::TemporaryFile::with(&repodata, "repomd.xml", repomd.write().as_bytes())?;
        hook(Step::IndexWritten)?;
        index.rename_to(&repodata.join("repomd.xml"))?;
        write::sync_folder(&repodata)?;
        hook(Step::IndexNamed)?;
        cleanup::old_files(&repodata, &repomd, &self.options)?;
        Ok(Published { packages, revision: repomd.revision, changed: true, ..counts.clone() })
    }

    /// Whether the files just written are those that repomd.xml names already, and these are still there.
    fn in_force(&self, old: &Repomd, files: &[write::MetadataFile]) -> bool {
        files.iter().all(|file| {
            old.record(file.kind()).is_some_and(|record| {
                record.checksum == *file.checksum()
                    && crate::read::inside(&self.dir, &record.location_href)
                        .is_ok_and(|path| path.metadata().is_ok_and(|m| Some(m.len()) == record.size))
            })
        }) && old.records.iter().all(|r| is_packages(&r.kind) || self.is_carried_over(r))
    }

    /// Whether a record of the old repomd.xml is about something else than packages, and its file is there.
    fn is_carried_over(&self, record: &RepomdRecord) -> bool {
        !is_derived(&record.kind)
            && (record.location_base.is_some()
                || crate::read::inside(&self.dir, &record.location_href).is_ok_and(|path| path.is_file()))
    }
}

/// The three kinds that we write.
fn is_packages(kind: &str) -> bool {
    matches!(kind, "primary" | "filelists" | "other")
}

/// Kinds that repeat the packages in another form, and are stale once the packages change.
fn is_derived(kind: &str) -> bool {
    is_packages(kind.trim_end_matches("_db").trim_end_matches("_zck")) || kind.starts_with("filelists-ext")
}

/// A revision that is the time, and higher than the last one.
fn revision(old: Option<&Repomd>, now: u64) -> String {
    let last = old.and_then(|old| old.revision.parse::<u64>().ok());
    last.map_or(now, |last| now.max(last.saturating_add(1))).to_string()
}

#[cfg(test)]
mod tests;
