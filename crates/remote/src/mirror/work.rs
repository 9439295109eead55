//! The working folder of a mirror: its lock, what is known of its files, and what is under way.
//!
//! ```text
//! DIR/.copr-mirror/lock         held while a process mirrors into DIR
//! DIR/.copr-mirror/verified     one line a file: checksum, size, time, path. Written when the file is surely on disk
//! DIR/.copr-mirror/parts/       downloads (see `download`)
//! DIR/.copr-mirror/next/        the metadata that are to come into force
//! DIR/.copr-mirror/source/      filtered mirrors: the source's metadata as they were, to make the next of
//! DIR/.copr-mirror/rewritten    filtered mirrors: what the metadata in force were made of
//! DIR/.copr-mirror/signed       by whose keys every package was checked; empty where not all were
//! DIR/.copr-mirror/superseded   when metadata files ceased to be in force
//! DIR/.copr-mirror/snapshots    names of the snapshots, oldest first
//! ```
//!
//! Nothing in it is needed: without it, files are read to know what they are.

use std::{
    collections::HashMap,
    fs::TryLockError,
    io::{BufRead, BufReader, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt},
    path::{Path, PathBuf},
};

use copr_repodata::Checksum;

use super::error::MirrorError;
use crate::{error::Error, fetch::blocking};

/// The folder's name.
pub(crate) const FOLDER: &str = ".copr-mirror";
/// Bytes that a file of ours in it may have.
const MAX_FILE: u64 = 1 << 30;

/// What is known of a file that was verified once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Known {
    pub(crate) checksum: Checksum,
    size: u64,
    /// Modification time in nanoseconds since 1970.
    time: i128,
}

impl Known {
    pub(crate) fn new(checksum: Checksum, about: &std::fs::Metadata) -> Self {
        Self { checksum, size: about.len(), time: time(about) }
    }

    /// Whether a file still looks as when it was verified.
    fn looks_like(&self, about: &std::fs::Metadata) -> bool {
        self.size == about.len() && self.time == time(about)
    }
}

fn time(about: &std::fs::Metadata) -> i128 {
    i128::from(about.mtime()) * 1_000_000_000 + i128::from(about.mtime_nsec())
}

/// How a file that should be there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Look {
    /// As it should be, as far as can be told without reading it.
    Good,
    /// It has to be read to know.
    Unsure,
    /// Not there, or surely another.
    Missing,
}

/// The working folder, and the lock on it.
pub(crate) struct Work {
    /// The mirror.
    pub(crate) dir: PathBuf,
    folder: PathBuf,
    known: HashMap<String, Known>,
    fresh: Vec<(String, Known)>,
    lock: Option<std::fs::File>,
    /// Of a run that only tells what it would do.
    _temporary: Option<tempfile::TempDir>,
}

impl Drop for Work {
    fn drop(&mut self) {
        // Closing it would do, but for a process that is just being started and has not let go of our files yet.
        if let Some(lock) = &self.lock {
            let _ = lock.unlock();
        }
    }
}

impl Work {
    /// Opens the working folder of the mirror in `dir`, making both.
    pub(crate) async fn open(dir: &Path, wait: bool) -> Result<Self, MirrorError> {
        let (dir, folder) = (dir.to_owned(), dir.join(FOLDER));
        let opened = blocking(move || {
            fs_err::create_dir_all(&dir)?;
            if !folder.is_dir() {
                // What is half fetched, or not verified yet, is nobody else's business.
                std::fs::DirBuilder::new().mode(0o700).recursive(true).create(&folder)?;
            }
            let file =
                std::fs::OpenOptions::new().write(true).create(true).truncate(false).open(folder.join("lock"))?;
            match file.try_lock() {
                Ok(()) => {}
                Err(TryLockError::WouldBlock) if wait => file.lock()?,
                Err(TryLockError::WouldBlock) => return Ok(Err(MirrorError::Locked { dir })),
                Err(TryLockError::Error(error)) => return Err(error.into()),
            }
            for stale in ["next", "snapshot", "removed"] {
                remove_folder(&folder.join(stale))?;
            }
            fs_err::create_dir_all(folder.join("parts"))?;
            let known = read_known(&folder.join("verified"))?;
            Ok(Ok(Self { dir, folder, known, fresh: Vec::new(), lock: Some(file), _temporary: None }))
        });
        opened.await?
    }

    /// For a run that changes nothing: reads what is known, writes elsewhere.
    pub(crate) async fn elsewhere(dir: &Path) -> Result<Self, MirrorError> {
        let dir = dir.to_owned();
        let opened = blocking(move || {
            let temporary = tempfile::Builder::new().prefix("copr-mirror-").tempdir()?;
            fs_err::create_dir_all(temporary.path().join("parts"))?;
            let known = read_known(&dir.join(FOLDER).join("verified"))?;
            let folder = temporary.path().to_owned();
            Ok(Self { dir, folder, known, fresh: Vec::new(), lock: None, _temporary: Some(temporary) })
        });
        Ok(opened.await?)
    }

    /// The mirror's working folder, to read from; in a run that changes nothing, another is written to.
    pub(crate) fn home(&self) -> PathBuf {
        self.dir.join(FOLDER)
    }

    /// A path in the working folder.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// The file system's metadata tell how far a file below `base` can be trusted. `path` is relative, and what it is known by.
    pub(crate) fn look(&self, base: &Path, path: &str, checksum: &Checksum, size: Option<u64>) -> Look {
        let Ok(about) = std::fs::metadata(base.join(path)) else { return Look::Missing };
        if !about.is_file() || size.is_some_and(|size| size != about.len()) {
            return Look::Missing;
        }
        match self.known.get(path) {
            Some(known) if known.looks_like(&about) => {
                if known.checksum == *checksum {
                    Look::Good
                } else if known.checksum.kind == checksum.kind {
                    Look::Missing
                } else {
                    Look::Unsure
                }
            }
            _ => Look::Unsure,
        }
    }

    /// Notes that a file was verified. It is written down with [`Self::remember`].
    pub(crate) fn verified(&mut self, path: &str, known: Known) {
        if self.known.get(path) != Some(&known) {
            self.fresh.push((path.to_owned(), known));
        }
    }

    /// Makes sure that all files that were written are on disk, then writes down which were verified.
    pub(crate) fn remember(&mut self) -> Result<(), MirrorError> {
        if self._temporary.is_some() || self.fresh.is_empty() {
            return Ok(());
        }
        self.sync()?;
        let mut text = Vec::new();
        for (path, known) in self.fresh.drain(..) {
            line(&mut text, &path, &known);
            self.known.insert(path, known);
        }
        let mut file = fs_err::OpenOptions::new().create(true).append(true).open(self.folder.join("verified"))?;
        file.write_all(&text)?;
        Ok(file.sync_data()?)
    }

    /// Writes down anew what is known, of files that still count.
    pub(crate) fn tidy(&mut self, counts: impl Fn(&str) -> bool) -> Result<(), MirrorError> {
        let before = self.known.len();
        self.known.retain(|path, _| counts(path));
        let lines =
            fs_err::File::open(self.folder.join("verified")).map_or(0, |file| BufReader::new(file).lines().count());
        if self._temporary.is_some() || (before == self.known.len() && lines == before) {
            return Ok(());
        }
        let mut all: Vec<(&String, &Known)> = self.known.iter().collect();
        all.sort_by_key(|(path, _)| *path);
        let mut text = Vec::new();
        all.into_iter().for_each(|(path, known)| line(&mut text, path, known));
        self.write("verified", &text)
    }

    /// Asks the system to bring everything on the mirror's file system to disk: one call instead of one a file.
    pub(crate) fn sync(&self) -> Result<(), MirrorError> {
        let folder = std::fs::File::open(&self.dir)?;
        rustix::fs::syncfs(&folder).map_err(std::io::Error::from)?;
        Ok(())
    }

    /// Replaces a file of the working folder, durably.
    pub(crate) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), MirrorError> {
        let mut file = tempfile::Builder::new().prefix("new-").tempfile_in(&self.folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(self.folder.join(name)).map_err(|error| error.error)?;
        Ok(())
    }

    /// A file of the working folder as text; empty if it is not there or no text.
    pub(crate) fn read(&self, name: &str) -> String {
        let mut text = String::new();
        let read =
            std::fs::File::open(self.home().join(name)).and_then(|file| file.take(MAX_FILE).read_to_string(&mut text));
        if read.is_ok() { text } else { String::new() }
    }
}

fn line(text: &mut Vec<u8>, path: &str, known: &Known) {
    text.extend(format!("{} {} {} {path}\n", known.checksum, known.size, known.time).bytes());
}

/// What the file says. A line that a crash cut, or that anything else spoiled, is passed over.
fn read_known(path: &Path) -> Result<HashMap<String, Known>, Error> {
    let mut known = HashMap::new();
    let file = match std::fs::File::open(path) {
        Ok(file) => BufReader::new(file.take(MAX_FILE)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(known),
        Err(error) => return Err(error.into()),
    };
    for line in file.split(b'\n') {
        let line = line?;
        let parsed = std::str::from_utf8(&line).ok().and_then(|line| {
            let mut words = line.splitn(4, ' ');
            let (kind, hex) = words.next()?.split_once(':')?;
            let checksum = Checksum::new(kind.parse().ok()?, hex).ok()?;
            let (size, time) = (words.next()?.parse().ok()?, words.next()?.parse().ok()?);
            Some((words.next()?.to_owned(), Known { checksum, size, time }))
        });
        known.extend(parsed);
    }
    Ok(known)
}

/// Removes a folder with everything in it, if it is there.
pub(crate) fn remove_folder(folder: &Path) -> Result<(), std::io::Error> {
    match fs_err::remove_dir_all(folder) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use copr_repodata::ChecksumKind;

    use super::*;

    async fn with_file() -> (tempfile::TempDir, Work, Checksum) {
        let dir = tempfile::tempdir().unwrap();
        let mut work = Work::open(dir.path(), false).await.unwrap();
        let path = dir.path().join("a b.rpm");
        fs_err::write(&path, b"abc").unwrap();
        let (checksum, _) = Checksum::of(ChecksumKind::Sha256, b"abc".as_slice()).unwrap();
        work.verified("a b.rpm", Known::new(checksum.clone(), &path.metadata().unwrap()));
        work.remember().unwrap();
        (dir, work, checksum)
    }

    #[tokio::test]
    async fn a_file_is_known_as_long_as_it_looks_the_same() {
        let (dir, work, checksum) = with_file().await;
        drop(work);
        let other = Checksum { hex: "ab".repeat(32), ..checksum.clone() };
        let work = Work::open(dir.path(), false).await.unwrap();
        assert_eq!(work.look(dir.path(), "a b.rpm", &checksum, Some(3)), Look::Good);
        assert_eq!(work.look(dir.path(), "a b.rpm", &checksum, Some(4)), Look::Missing);
        assert_eq!(work.look(dir.path(), "a b.rpm", &other, Some(3)), Look::Missing);
        assert_eq!(work.look(dir.path(), "b.rpm", &checksum, None), Look::Missing);
        fs_err::write(dir.path().join("a b.rpm"), b"xyz").unwrap();
        assert_eq!(work.look(dir.path(), "a b.rpm", &checksum, Some(3)), Look::Unsure);
    }

    #[tokio::test]
    async fn spoiled_lines_are_passed_over() {
        let (dir, work, checksum) = with_file().await;
        let path = work.path("verified");
        let mut bytes = fs_err::read(&path).unwrap();
        bytes.extend(b"\xff\xff\nsha256:12 3 4 x\n\n");
        bytes.extend(format!("{checksum} 3 17").bytes());
        fs_err::write(&path, bytes).unwrap();
        drop(work);
        let work = Work::open(dir.path(), false).await.unwrap();
        assert_eq!(work.known.len(), 1);
    }

    #[tokio::test]
    async fn one_process_at_a_time() {
        let (dir, work, _) = with_file().await;
        assert!(matches!(Work::open(dir.path(), false).await, Err(MirrorError::Locked { .. })));
        drop(work);
        Work::open(dir.path(), false).await.unwrap();
    }
}
