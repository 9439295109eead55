//! Where bytes lie, all below `DIR/store`:
//!
//! ```text
//! results/OWNER/DIRNAME/CHROOT/repodata/            one repository
//! results/OWNER/DIRNAME/CHROOT/%08d-PACKAGE/        one build: logs from its start, packages once published
//! results/OWNER/DIRNAME/srpm-builds/%08d/           its source package
//! incoming/LEASE/                                   results of a build that is not published yet
//! spool/                                            uploads that are still coming in; emptied at every start
//! trash/                                            what is being deleted; emptied at every start
//! ```
//!
//! Files appear under their final names whole or not at all: written to a temporary name, synced, renamed.

mod logs;
mod spool;

use std::{
    io,
    path::{Path, PathBuf},
    sync::Arc,
};

use copr_api::names::{DirName, OwnerName, ProjectName};
use object_store::{ObjectStore, local::LocalFileSystem};

pub use logs::{Append, LOG_NAMES};
pub use spool::{SpoolError, Spooled};

/// The store; clones share it.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    objects: Arc<LocalFileSystem>,
    logs: Arc<std::sync::Mutex<()>>,
}

impl Store {
    /// Opens (and makes) the store in a folder, and empties what a former run left in `spool/` and `trash/`.
    ///
    /// # Errors
    /// The folder can't be made or read.
    pub fn open(root: &Path) -> io::Result<Self> {
        for folder in ["results", "incoming", "spool", "trash"] {
            fs_err::create_dir_all(root.join(folder))?;
        }
        for folder in ["spool", "trash"] {
            for entry in fs_err::read_dir(root.join(folder))? {
                remove(&entry?.path())?;
            }
        }
        let root = fs_err::canonicalize(root)?;
        let objects = LocalFileSystem::new_with_prefix(&root).map_err(io::Error::other)?;
        Ok(Self { root, objects: Arc::new(objects), logs: Arc::default() })
    }

    /// All that is stored, as objects: `results/OWNER/DIRNAME/CHROOT/…`. What readers use, so that a bucket can take its place.
    #[must_use]
    pub fn objects(&self) -> Arc<dyn ObjectStore> {
        self.objects.clone()
    }

    /// The folder of a project's directory: below it `CHROOT/` and `srpm-builds/`.
    #[must_use]
    pub fn directory(&self, owner: &OwnerName, dirname: &DirName) -> PathBuf {
        self.root.join("results").join(owner.as_str()).join(dirname.as_str())
    }

    /// Where a build's source package lies.
    #[must_use]
    pub fn source_folder(&self, owner: &OwnerName, dirname: &DirName, build_id: i64) -> PathBuf {
        self.directory(owner, dirname).join("srpm-builds").join(format!("{build_id:08}"))
    }

    /// The folder of results that a lease has handed in so far.
    #[must_use]
    pub fn incoming(&self, lease_id: &str) -> PathBuf {
        self.root.join("incoming").join(lease_id)
    }

    /// Deletes the results that a lease handed in; none is fine.
    ///
    /// # Errors
    /// The folder can't be deleted.
    pub fn remove_incoming(&self, lease_id: &str) -> io::Result<()> {
        remove(&self.incoming(lease_id))
    }

    /// Names of all folders below `incoming/`.
    ///
    /// # Errors
    /// The folder can't be read.
    pub fn incoming_leases(&self) -> io::Result<Vec<String>> {
        fs_err::read_dir(self.root.join("incoming"))?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    }

    /// Deletes one result from a build's folder; none is fine.
    ///
    /// # Errors
    /// The file can't be deleted.
    pub fn remove_result(&self, folder: &Path, name: &str) -> io::Result<()> {
        remove(&folder.join(name))
    }

    /// Moves a file to its final place: its bytes are synced before, its name after.
    ///
    /// # Errors
    /// The file or the folder can't be written.
    pub fn place(&self, from: &Path, folder: &Path, name: &str) -> io::Result<()> {
        fs_err::create_dir_all(folder)?;
        fs_err::File::open(from)?.sync_all()?;
        fs_err::rename(from, folder.join(name))?;
        fs_err::File::open(folder)?.sync_all()
    }

    /// Takes a project's results away: at once from view, then from the disk.
    ///
    /// # Errors
    /// A folder can't be read or moved.
    pub fn remove_project(&self, owner: &OwnerName, project: &ProjectName, id: i64) -> io::Result<()> {
        let side = format!("{project}:");
        let folder = self.root.join("results").join(owner.as_str());
        let entries = match fs_err::read_dir(&folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        for (number, entry) in entries.enumerate() {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            if name == project.as_str() || name.starts_with(&side) {
                let trash = self.root.join("trash").join(format!("{id}-{number}"));
                fs_err::rename(entry.path(), &trash)?;
                remove(&trash)?;
            }
        }
        Ok(())
    }
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
