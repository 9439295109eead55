//! The folder that running builds live in: owned by one process, swept when it starts.

use std::path::{Path, PathBuf};

use rustix::fs::{FlockOperation, flock};

use crate::RunError;

/// Prefix of the folders that belong to builds; nothing else in the work folder is ever deleted.
const PREFIX: &str = "build-";

/// An owned work folder; the lock goes when the process does, however it ends.
#[derive(Debug)]
pub(crate) struct WorkDir {
    dir: PathBuf,
    _lock: fs_err::File,
}

impl WorkDir {
    /// Takes the folder, making it when there is none, and deletes what a builder that was killed left in it.
    pub(crate) fn open(dir: &Path) -> Result<Self, RunError> {
        fs_err::create_dir_all(dir)?;
        let dir = fs_err::canonicalize(dir)?;
        let lock = fs_err::OpenOptions::new().create(true).truncate(false).write(true).open(dir.join("lock"))?;
        flock(lock.file(), FlockOperation::NonBlockingLockExclusive)
            .map_err(|_| RunError::WorkDirTaken { dir: dir.clone() })?;
        for entry in fs_err::read_dir(&dir)? {
            let entry = entry?;
            if entry.file_name().to_string_lossy().starts_with(PREFIX) && entry.file_type()?.is_dir() {
                tracing::info!(folder = %entry.path().display(), "sweeping what a killed builder left");
                fs_err::remove_dir_all(entry.path())?;
            }
        }
        Ok(Self { dir, _lock: lock })
    }

    /// A fresh folder for one build, deleted when the value is dropped.
    pub(crate) fn build(&self) -> std::io::Result<tempfile::TempDir> {
        tempfile::Builder::new().prefix(PREFIX).tempdir_in(&self.dir)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn leftovers_of_a_killed_builder_are_swept_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        fs_err::create_dir_all(dir.path().join("build-dead/results")).unwrap();
        fs_err::create_dir_all(dir.path().join("precious")).unwrap();
        let work = WorkDir::open(dir.path()).unwrap();
        assert!(!dir.path().join("build-dead").exists());
        assert!(dir.path().join("precious").exists());
        let build = work.build().unwrap();
        let path = build.path().to_owned();
        drop(build);
        assert!(!path.exists());
    }

    #[test]
    fn a_work_folder_belongs_to_one_builder() {
        let dir = tempfile::tempdir().unwrap();
        let _first = WorkDir::open(dir.path()).unwrap();
        let error = WorkDir::open(dir.path()).unwrap_err();
        assert!(matches!(error, RunError::WorkDirTaken { .. }), "{error}");
    }
}
