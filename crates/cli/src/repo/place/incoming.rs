//! The folder in which packages wait until they are whole.

use std::fs::TryLockError;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, bail};
use fs_err::os::unix::fs::OpenOptionsExt;

/// Its name, beside `repodata/`: on the same file system as the packages, and passed over by whoever looks for `*.rpm`.
const NAME: &str = ".copr-repo.incoming";
/// How often it is made anew when others remove it.
const TRIES: usize = 1000;

/// Everybody who brings packages shares a lock on it. Whoever gets the lock alone knows that what is in it was left by a
/// crash.
#[derive(Debug)]
pub(super) struct Incoming {
    folder: PathBuf,
    handle: std::fs::File,
    next: AtomicU64,
}

impl Incoming {
    /// Makes it, or joins those who are at work in it.
    pub(super) fn open(dir: &Path) -> Result<Self> {
        let folder = dir.join(NAME);
        for _ in 0..TRIES {
            match fs_err::create_dir(&folder) {
                Err(error) if error.kind() != ErrorKind::AlreadyExists => return Err(error.into()),
                _ => {}
            }
            let handle = match std::fs::File::open(&folder) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                handle => handle.with_context(|| folder.display().to_string())?,
            };
            // It may be removed before we have the lock, and another be in its place: that one's packages are not ours.
            match handle.try_lock() {
                Ok(()) if !is_at(&handle, &folder) => continue,
                Ok(()) => empty(&folder)?,
                // Others are at work, or this file system has no locks on folders; then nobody clears up.
                Err(TryLockError::WouldBlock | TryLockError::Error(_)) => {}
            }
            let _ = handle.lock_shared();
            // One lock for the other is not exchanged in one step.
            if is_at(&handle, &folder) {
                return Ok(Self { folder, handle, next: AtomicU64::new(0) });
            }
        }
        bail!("{}: it is removed all the time; is somebody else clearing up here?", folder.display())
    }

    /// Brings a file: as a hard link where that is wanted and possible, else as a copy with the same time, on disk when
    /// this returns.
    pub(super) fn bring(&self, source: &Path, link: bool) -> std::io::Result<PathBuf> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let part = self.folder.join(format!("{}-{number}.part", std::process::id()));
        // A link to a link would be a link still.
        if link && std::fs::hard_link(fs_err::canonicalize(source)?, &part).is_ok() {
            fs_err::File::open(&part)?.sync_all()?;
            return Ok(part);
        }
        // Without waiting, should it be a pipe that nobody writes to.
        let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let mut from = fs_err::OpenOptions::new().read(true).custom_flags(flags).open(source)?;
        let about = from.metadata()?;
        if !about.is_file() {
            return Err(std::io::Error::new(ErrorKind::InvalidInput, "it is no regular file, so it is no package"));
        }
        let mode = about.mode() & 0o666;
        let mut to = fs_err::OpenOptions::new().write(true).create_new(true).mode(mode).open(&part)?;
        // The system shares the blocks of both, where the file system can.
        if let Err(error) = std::io::copy(from.file_mut(), to.file_mut()) {
            return Err(std::io::Error::new(error.kind(), format!("it cannot be copied into the repository: {error}")));
        }
        to.file().set_modified(about.modified()?)?;
        to.sync_all()?;
        Ok(part)
    }
}

impl Drop for Incoming {
    fn drop(&mut self) {
        let _ = self.handle.unlock();
        // Meanwhile another may have removed it, and a third have made it anew.
        if self.handle.try_lock().is_ok() && is_at(&self.handle, &self.folder) {
            // What cannot be removed now is removed by the next one.
            let _ = std::fs::remove_dir_all(&self.folder);
        }
    }
}

/// Clears up what a crash left, if there is anything.
pub(in crate::repo) fn sweep(dir: &Path) -> Result<()> {
    if dir.join(NAME).is_dir() {
        Incoming::open(dir)?;
    }
    Ok(())
}

/// Whether the folder of that name is still the one that was opened.
fn is_at(handle: &std::fs::File, folder: &Path) -> bool {
    let same = |opened: &std::fs::Metadata, named: &std::fs::Metadata| {
        (opened.dev(), opened.ino()) == (named.dev(), named.ino())
    };
    matches!((handle.metadata(), std::fs::metadata(folder)), (Ok(opened), Ok(named)) if same(&opened, &named))
}

fn empty(folder: &Path) -> Result<()> {
    for entry in fs_err::read_dir(folder)? {
        fs_err::remove_file(entry?.path())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_that_another_made_anew_meanwhile_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let ours = Incoming::open(dir.path()).unwrap();
        let folder = dir.path().join(NAME);
        fs_err::rename(&folder, dir.path().join("removed")).unwrap();
        fs_err::create_dir(&folder).unwrap();
        fs_err::write(folder.join("1-0.part"), "theirs").unwrap();
        drop(ours);
        assert!(folder.join("1-0.part").exists());
    }

    #[test]
    fn what_a_crash_left_is_gone_when_the_last_one_has_left() {
        let dir = tempfile::tempdir().unwrap();
        fs_err::create_dir(dir.path().join(NAME)).unwrap();
        fs_err::write(dir.path().join(NAME).join("1-0.part"), "left").unwrap();
        let (one, other) = (Incoming::open(dir.path()).unwrap(), Incoming::open(dir.path()).unwrap());
        assert_eq!(fs_err::read_dir(dir.path().join(NAME)).unwrap().count(), 0);
        drop(one);
        assert!(dir.path().join(NAME).exists(), "somebody is at work in it still");
        drop(other);
        assert!(!dir.path().join(NAME).exists());
    }
}
