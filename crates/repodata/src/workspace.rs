//! One writer at work on a repository: its lock, its temporary folder, and putting what it made in force.
//!
//! The lock is the system's, on a file that stays, and goes with its process. Beside it stands `.repodata/`, the folder
//! that `createrepo_c` takes for a lock: it holds our temporary files, keeps `createrepo_c` away, and is cleared by the next
//! writer if we crash. One that `createrepo_c` made is respected.
//!
//! What is in force changes with one rename: of repomd.xml, where files are named by checksum; of the whole folder
//! otherwise. Whoever reads sees the old generation or the new one, complete.
//!
//! A signed repomd.xml has a second file, which no rename of a file puts in force together with it. Clients fetch repomd.xml, and its
//! signature a moment later. So repomd.xml comes first and its signature right behind it: who gets the new one in between asks for
//! the signature when that is new, too. The other way round, everybody who got the old one within that moment and the one
//! before would be refused. Both in one file is no way out: gpg stops at the first signature that does not fit. Clients whose
//! two requests lie on either side refuse, and succeed when they try again; a crash in between is mended by the next publish.

mod known;
mod retain;

pub(crate) use known::Known;
pub(crate) use retain::is_ours;

use std::collections::{HashMap, HashSet};
use std::fs::TryLockError;
use std::io::Write;
use std::path::{Path, PathBuf};

use fs_err::File;

use crate::metadata_file::MetadataFile;
use crate::output::Output;
use crate::{Document, Error, Repomd, RepomdRecord, read};

/// The lock. It stays; only the lock on it counts, and the notes in it ([`known`]) save work.
pub(crate) const LOCK: &str = ".copr-repo.lock";
/// The signature of repomd.xml, beside it.
const SIGNATURE: &str = "repomd.xml.asc";
/// Bytes of a signature that is there that are looked at.
const MOST_SIGNATURE: u64 = 1 << 20;
/// Marks a `.repodata/` as ours.
const MARK: &str = ".copr-repo";
/// The name of `.repodata/` before it has its mark and after it has served. It is always ours.
const ASIDE: &str = ".repodata.copr-repo";

/// What to do about another writer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locking {
    /// Wait for another of us to finish.
    Wait,
    /// Give up, as `createrepo_c` does.
    Refuse,
    /// Take no notice of a `.repodata/` that `createrepo_c` left (`--ignore-lock`); another of us is still respected.
    Ignore,
}

/// The points of a publish between which a crash may happen; tests stop at each of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    FilesWritten,
    FilesNamed,
    OldFilesMarked,
    IndexWritten,
    IndexNamed,
    SignatureNamed,
}

/// Called at every [`Step`]; an error stops the publish there, as a crash would.
pub(crate) type Hook<'a> = &'a mut dyn FnMut(Step) -> Result<(), Error>;

/// A repository under its writer's lock.
#[derive(Debug)]
pub(crate) struct Workspace {
    dir: PathBuf,
    repodata: PathBuf,
    work: PathBuf,
    lock: std::fs::File,
    /// Whether to leave everything as a crash would; for tests.
    #[cfg(test)]
    pub(crate) crashed: bool,
}

impl Workspace {
    /// Takes the lock of the repository in `dir`, which need not exist yet.
    ///
    /// # Errors
    /// Another writer is at work and is not waited for; the folder cannot be written.
    pub(crate) fn open(dir: &Path, locking: Locking) -> Result<Self, Error> {
        fs_err::create_dir_all(dir.join("repodata"))?;
        let lock = lock(&dir.join("repodata"), locking)?;
        Self::locked(dir, locking, lock)
    }

    /// As [`Workspace::open`]; `None` if another of us is at work.
    pub(crate) fn open_unless_busy(dir: &Path) -> Result<Option<Self>, Error> {
        fs_err::create_dir_all(dir.join("repodata"))?;
        match lock(&dir.join("repodata"), Locking::Refuse) {
            Err(Error::Locked { .. }) => Ok(None),
            lock => Self::locked(dir, Locking::Wait, lock?).map(Some),
        }
    }

    fn locked(dir: &Path, locking: Locking, lock: std::fs::File) -> Result<Self, Error> {
        let (repodata, work) = (dir.join("repodata"), dir.join(".repodata"));
        remove_folder(&dir.join(ASIDE))?;
        if work.symlink_metadata().is_ok() {
            // We have the lock, so one of ours is a leftover.
            if locking != Locking::Ignore && !work.join(MARK).exists() {
                return Err(Error::Locked { path: work });
            }
            discard(dir, &work)?;
        }
        // It appears with its mark in it: whenever we crash, the next writer knows that it was ours.
        let aside = dir.join(ASIDE);
        fs_err::create_dir(&aside)?;
        File::create(aside.join(MARK))?;
        appear(&aside, &work)?;
        Ok(Self {
            dir: dir.to_owned(),
            repodata,
            work,
            lock,
            #[cfg(test)]
            crashed: false,
        })
    }

    /// Where temporary files go.
    pub(crate) fn folder(&self) -> &Path {
        &self.work
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// The repomd.xml in force, if there is one.
    pub(crate) fn repomd(&self) -> Result<Option<Repomd>, Error> {
        match Repomd::open(&self.repodata.join("repomd.xml")) {
            Err(Error::Io(error)) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            repomd => repomd.map(Some),
        }
    }

    /// Which files need not be summed again.
    pub(crate) fn known(&self) -> Known {
        Known::read(&self.lock)
    }

    /// When the repomd.xml in force came into force, if there is one.
    pub(crate) fn last_commit(&self) -> Option<std::time::SystemTime> {
        self.repodata.join("repomd.xml").metadata().and_then(|about| about.modified()).ok()
    }

    /// Whether a record's file is in the repository, with its size.
    pub(crate) fn has(&self, record: &RepomdRecord) -> bool {
        record.location_base.is_some()
            || read::inside(&self.dir, &record.location_href)
                .and_then(|path| Ok(path.metadata()?))
                .is_ok_and(|about| about.is_file() && record.size.is_none_or(|size| size == about.len()))
    }

    /// The records of the repomd.xml before that are about something else than packages, and whose files are there.
    pub(crate) fn carried_over(&self, old: Option<&Repomd>) -> Vec<RepomdRecord> {
        let records = old.map(|old| old.records.as_slice()).unwrap_or_default();
        records.iter().filter(|record| !is_derived(&record.kind) && self.has(record)).cloned().collect()
    }

    /// Puts files in force beside the records that stay, and clears up what they supersede.
    pub(crate) fn commit(
        &self,
        output: &Output,
        old: Option<&Repomd>,
        files: Vec<MetadataFile>,
        kept: Vec<RepomdRecord>,
        hook: Hook<'_>,
    ) -> Result<Repomd, Error> {
        hook(Step::FilesWritten)?;
        refuse_clashes(output, &files, &kept)?;
        let now = output.seconds();
        let timestamp = output.timestamp.unwrap_or(now);
        let mut repomd = Repomd {
            revision: output.revision.clone().unwrap_or_else(|| revision(old, now)),
            content_tags: tags(&output.content_tags, old, |old| &old.content_tags),
            repo_tags: tags(&output.repo_tags, old, |old| &old.repo_tags),
            distro_tags: tags(&output.distro_tags, old, |old| &old.distro_tags),
            ..Repomd::default()
        };
        // A file that would change under the readers of the old repomd.xml: then the folder is exchanged whole.
        let in_place = !files.iter().any(|file| {
            let name = file.final_name(output.unique_names);
            !name.starts_with(&file.record().checksum.hex) && self.repodata.join(name).exists()
        });
        let staging = if in_place { self.repodata.clone() } else { self.stage(output, &files)? };
        let written: Vec<String> = files.iter().map(|file| file.final_name(output.unique_names)).collect();
        for file in files {
            repomd.records.push(file.put_in_place(&staging, output.unique_names, timestamp)?);
        }
        sync_folder(&staging)?;
        hook(Step::FilesNamed)?;
        repomd.records.extend(kept);
        if let Some(old) = old {
            retain::mark_superseded(&staging, old, &repomd, output.now)?;
        }
        hook(Step::OldFilesMarked)?;
        let index = self.work.join("repomd.xml");
        let text = repomd.render(output.pretty);
        write_durably(&index, text.as_bytes())?;
        let signature = self.sign(output, text.as_bytes())?;
        hook(Step::IndexWritten)?;
        if signature.is_none() && in_place {
            retain::remove(&self.repodata.join(SIGNATURE))?;
        }
        fs_err::rename(&index, staging.join("repomd.xml"))?;
        if in_place {
            hook(Step::IndexNamed)?;
        }
        if let Some(signature) = signature {
            fs_err::rename(signature, staging.join(SIGNATURE))?;
        }
        sync_folder(&staging)?;
        if !in_place {
            exchange(&staging, &self.repodata)?;
            sync_folder(&self.dir)?;
            hook(Step::IndexNamed)?;
        }
        hook(Step::SignatureNamed)?;
        // All is in force; without the notes the next writer has more to do.
        let _ = known::note(&self.lock, &self.repodata, &repomd, &written);
        retain::sweep(&self.repodata, &repomd, output)?;
        Ok(repomd)
    }

    /// What is to be done where the metadata are as they should be: a signature is made if there is none, or one that is not
    /// current, and what earlier publishes superseded is cleared up. Whether a signature was made.
    pub(crate) fn keep(&self, current: &Repomd, output: &Output) -> Result<bool, Error> {
        let signed = self.renew_signature(output)?;
        retain::sweep(&self.repodata, current, output)?;
        Ok(signed)
    }

    fn renew_signature(&self, output: &Output) -> Result<bool, Error> {
        let Some(signer) = &output.sign else { return Ok(false) };
        let index = fs_err::read(self.repodata.join("repomd.xml"))?;
        let path = self.repodata.join(SIGNATURE);
        let there = match File::open(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Vec::new(),
            file => {
                let mut bytes = Vec::new();
                std::io::Read::read_to_end(&mut std::io::Read::take(file?, MOST_SIGNATURE), &mut bytes)?;
                bytes
            }
        };
        if !there.is_empty() && signer.is_current(&index, &there) {
            return Ok(false);
        }
        if let Some(signature) = self.sign(output, &index)? {
            fs_err::rename(signature, &path)?;
            sync_folder(&self.repodata)?;
        }
        Ok(true)
    }

    /// Writes the signature of an index into the folder of temporary files, if there is to be one.
    fn sign(&self, output: &Output, index: &[u8]) -> Result<Option<PathBuf>, Error> {
        let Some(signer) = &output.sign else { return Ok(None) };
        let signature = signer.sign(index).map_err(Error::Sign)?;
        let path = self.work.join(SIGNATURE);
        write_durably(&path, &signature)?;
        Ok(Some(path))
    }

    /// A folder with links to everything in `repodata/` but what the new files replace.
    fn stage(&self, output: &Output, files: &[MetadataFile]) -> Result<PathBuf, Error> {
        let staging = self.work.join("next");
        fs_err::create_dir(&staging)?;
        let replaced: HashSet<String> = files.iter().map(|file| file.final_name(output.unique_names)).collect();
        for entry in fs_err::read_dir(&self.repodata)? {
            let entry = entry?;
            let name = entry.file_name();
            let about = entry.metadata()?;
            let of_index = |name: &str| name == "repomd.xml" || name == SIGNATURE;
            let skipped = name.to_str().is_some_and(|name| replaced.contains(name) || of_index(name));
            if !about.is_dir() && !skipped {
                // Also what is no regular file: a link stays the link that it is.
                fs_err::hard_link(entry.path(), staging.join(&name))?;
            } else if about.is_dir() {
                return Err(Error::metadata(
                    entry.path().display().to_string(),
                    "folders in repodata/ are kept only with checksums in file names; move it away",
                ));
            }
        }
        Ok(staging)
    }
}

impl Drop for Workspace {
    fn drop(&mut self) {
        #[cfg(test)]
        if self.crashed {
            return;
        }
        // What cannot be removed now is removed by the next writer.
        let _ = discard(&self.dir, &self.work);
    }
}

/// Takes the lock.
fn lock(repodata: &Path, locking: Locking) -> Result<std::fs::File, Error> {
    let path = repodata.join(LOCK);
    loop {
        let file =
            fs_err::OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&path)?.into_file();
        let failed = |e: std::io::Error| Error::metadata(path.display().to_string(), format!("cannot lock: {e}"));
        match locking {
            Locking::Wait => file.lock().map_err(failed)?,
            Locking::Refuse | Locking::Ignore => match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) => return Err(Error::Locked { path }),
                Err(TryLockError::Error(error)) => return Err(failed(error)),
            },
        }
        // Somebody may have removed the file, or exchanged the folder, while we waited.
        let same = std::os::unix::fs::MetadataExt::ino;
        match std::fs::metadata(&path) {
            Ok(about) if same(&about) == same(&file.metadata()?) => return Ok(file),
            _ => {}
        }
    }
}

/// Removes a `.repodata/`. It loses its name first: one without its mark, half removed, would be taken for another's.
fn discard(dir: &Path, work: &Path) -> Result<(), Error> {
    let aside = dir.join(ASIDE);
    fs_err::rename(work, &aside)?;
    remove_folder(&aside)
}

/// Removes a folder with all that is in it, if it is there.
fn remove_folder(folder: &Path) -> Result<(), Error> {
    match fs_err::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
        _ => Ok(()),
    }
}

/// Gives a folder its name, unless that is taken.
fn appear(folder: &Path, name: &Path) -> Result<(), Error> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    match renameat_with(CWD, folder, CWD, name, RenameFlags::NOREPLACE) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::EXIST) => Err(Error::Locked { path: name.to_owned() }),
        // A system that cannot look and rename at once; it still refuses a folder that has anything in it.
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) if !name.exists() => Ok(fs_err::rename(folder, name)?),
        Err(errno) => {
            let reason = format!("cannot be renamed to {}: {errno}", name.display());
            Err(Error::metadata(folder.display().to_string(), reason))
        }
    }
}

/// Swaps two folders at once; where the system cannot, one after the other.
fn exchange(new: &Path, old: &Path) -> Result<(), Error> {
    use rustix::fs::{CWD, RenameFlags, renameat_with};
    match renameat_with(CWD, new, CWD, old, RenameFlags::EXCHANGE) {
        Ok(()) => Ok(()),
        Err(rustix::io::Errno::INVAL | rustix::io::Errno::NOSYS) => {
            let aside = new.with_extension("old");
            fs_err::rename(old, &aside)?;
            Ok(fs_err::rename(new, old)?)
        }
        Err(errno) => {
            let reason = format!("cannot be exchanged with {}: {errno}", new.display());
            Err(Error::metadata(old.display().to_string(), reason))
        }
    }
}

/// Refuses files whose names are those of other ones: only one of them would be there.
fn refuse_clashes(output: &Output, files: &[MetadataFile], kept: &[RepomdRecord]) -> Result<(), Error> {
    let kept = kept.iter().filter_map(|r| Some((r.location_href.strip_prefix("repodata/")?.to_owned(), r)));
    let mut taken: HashMap<String, &RepomdRecord> = kept.collect();
    for file in files {
        let name = file.final_name(output.unique_names);
        if name.starts_with("repomd.xml") {
            return Err(Error::metadata(name, "the index itself has this name; give the file another one"));
        }
        // Named by checksum they may be one file.
        let same = |other: &RepomdRecord| other.checksum == file.record().checksum;
        if let Some(other) = taken.insert(name.clone(), file.record()).filter(|other| !same(other)) {
            let reason = format!("the file of type {} has this name too; give one of them another", other.kind);
            return Err(Error::metadata(name, reason));
        }
    }
    Ok(())
}

fn tags<T: Clone>(wanted: &Option<Vec<T>>, old: Option<&Repomd>, of: fn(&Repomd) -> &Vec<T>) -> Vec<T> {
    wanted.clone().or_else(|| old.map(|old| of(old).clone())).unwrap_or_default()
}

/// A revision that is the time, and higher than the last one.
fn revision(old: Option<&Repomd>, now: u64) -> String {
    let last = old.and_then(|old| old.revision.parse::<u64>().ok());
    last.map_or(now, |last| now.max(last.saturating_add(1))).to_string()
}

/// Kinds that repeat the packages in another form, and are stale once the packages change.
pub(crate) fn is_derived(kind: &str) -> bool {
    Document::of_kind(kind.trim_end_matches("_db").trim_end_matches("_zck")).is_some()
}

/// Makes the names in a folder durable.
fn sync_folder(folder: &Path) -> Result<(), Error> {
    Ok(File::open(folder)?.sync_all()?)
}

fn write_durably(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    Ok(file.sync_all()?)
}
