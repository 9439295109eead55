//! Taking things away, and what is needed to find what belongs to nobody.

use std::{
    io,
    path::{Path, PathBuf},
};

use super::{Entry, Lasting, Place, Store, blocking, remove};
use crate::die;

/// A file of this machine: the store's own, or a copy of an object that goes when this is dropped.
#[derive(Debug)]
pub struct Here {
    path: PathBuf,
    _copy: Option<tempfile::TempPath>,
}

impl Here {
    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// What lies below a place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Below {
    /// Bytes of all files.
    pub bytes: u64,
    /// Time of the newest change, seconds since 1970.
    pub newest: i64,
}

impl Store {
    /// The root of all results.
    #[must_use]
    pub fn results(&self) -> Place {
        Place("results".to_owned())
    }

    /// A message without the path of the store's own folder.
    #[must_use]
    pub fn without_root(&self, text: &str) -> String {
        text.replace(&self.root.display().to_string(), "store")
    }

    /// All that lies directly below a place, none for one that does not exist; hidden entries and links left out.
    ///
    /// # Errors
    /// The folder or the bucket can't be read.
    pub async fn children(&self, place: &Place) -> io::Result<Vec<Entry>> {
        match &self.lasting {
            Lasting::Folder => {
                let path = self.local(place);
                blocking(move || children(&path)).await
            }
            Lasting::Bucket(bucket) => Ok(bucket.list(place.as_str(), usize::MAX).await?.entries),
        }
    }

    /// A file as one of this machine; `None`: there is none.
    ///
    /// # Errors
    /// It can't be read.
    pub async fn here(&self, place: &Place) -> io::Result<Option<Here>> {
        match &self.lasting {
            Lasting::Folder => {
                let path = self.local(place);
                blocking(move || Ok(path.is_file().then_some(Here { path, _copy: None }))).await
            }
            Lasting::Bucket(bucket) => {
                let spool = self.root.join("spool");
                let copy = blocking(move || tempfile::NamedTempFile::new_in(spool)).await?.into_temp_path();
                let there = bucket.download(place, &copy).await?;
                Ok(there.then(|| Here { path: copy.to_path_buf(), _copy: Some(copy) }))
            }
        }
    }

    /// Takes a folder or file away, with all in it: at once from view, then from the disk. Of a repository in a bucket the index
    /// goes first. None is fine.
    ///
    /// # Errors
    /// It can't be moved or deleted.
    pub async fn remove_all(&self, place: &Place) -> io::Result<()> {
        let below = place.0.strip_prefix("results/").unwrap_or(&place.0);
        let mut paths = vec![self.local(place)];
        if let Lasting::Bucket(bucket) = &self.lasting {
            for index in ["repodata/repomd.xml", "devel/repodata/repomd.xml"] {
                bucket.remove(&place.join(index)).await?;
            }
            die::at("folder half deleted");
            bucket.remove_all(place).await?;
            bucket.remove(place).await?;
            paths = ["live", "metadata"].map(|root| self.root.join(root).join(below)).into();
        }
        let trash = self.root.join("trash");
        blocking(move || {
            for path in paths {
                let aside = trash.join(ulid::Ulid::generate().to_string().to_lowercase());
                match fs_err::rename(&path, &aside) {
                    Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
                        continue;
                    }
                    renamed => renamed?,
                }
                // What a crash leaves there goes at the next start.
                die::at("folder half deleted");
                remove(&aside)?;
            }
            Ok(())
        })
        .await?;
        die::at("folder deleted");
        Ok(())
    }

    /// Takes a folder away if nothing is in it. In a bucket there is no such folder.
    ///
    /// # Errors
    /// It can't be looked at.
    pub async fn remove_if_empty(&self, place: &Place) -> io::Result<()> {
        let Lasting::Folder = &self.lasting else { return Ok(()) };
        let path = self.local(place);
        blocking(move || match fs_err::remove_dir(path) {
            Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty) => {
                Err(error)
            }
            _ => Ok(()),
        })
        .await
    }

    /// Size and age of all that lies below a place, or of the file that lies there.
    ///
    /// # Errors
    /// It can't be read.
    pub async fn below(&self, place: &Place) -> io::Result<Below> {
        match &self.lasting {
            Lasting::Folder => {
                let path = self.local(place);
                blocking(move || {
                    let mut found = Below::default();
                    measure(&path, &mut found)?;
                    Ok(found)
                })
                .await
            }
            Lasting::Bucket(bucket) => bucket.below(place).await,
        }
    }
}

fn children(path: &Path) -> io::Result<Vec<Entry>> {
    let entries = match fs_err::read_dir(path) {
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(Vec::new());
        }
        entries => entries?,
    };
    let mut found = Vec::new();
    for entry in entries {
        let entry = entry?;
        let Ok(name) = entry.file_name().into_string() else { continue };
        // One that is gone by now is no entry any more.
        let Ok(about) = entry.metadata() else { continue };
        if name.starts_with('.') || !(about.is_dir() || about.is_file()) {
            continue;
        }
        let mtime = std::os::unix::fs::MetadataExt::mtime(&about);
        found.push(Entry { name, folder: about.is_dir(), size: about.len(), mtime });
    }
    Ok(found)
}

/// Adds up a file or a folder; links are not followed.
fn measure(path: &Path, found: &mut Below) -> io::Result<()> {
    let about = match fs_err::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        about => about?,
    };
    found.newest = found.newest.max(std::os::unix::fs::MetadataExt::mtime(&about));
    if !about.is_dir() {
        found.bytes = found.bytes.saturating_add(about.len());
        return Ok(());
    }
    for entry in fs_err::read_dir(path)? {
        measure(&entry?.path(), found)?;
    }
    Ok(())
}
