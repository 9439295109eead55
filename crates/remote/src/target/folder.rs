//! A folder of this machine.

use std::{
    io::{Read, Write},
    path::{Path, PathBuf},
};

use super::{
    About, Entry, MOST_INDEX, Outgoing, Put, Tag, Tagged,
    bytes::{Reading, Sink},
};
use crate::{error::Error, fetch::blocking};

/// The lock of whoever writes the metadata of a repository in a folder, beside its index; as in `copr_repodata`.
const LOCK: &str = ".copr-repo.lock";

#[derive(Debug, Clone)]
pub(super) struct Folder {
    root: PathBuf,
}

impl Folder {
    pub(super) fn new(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    pub(super) fn below(&self, name: &str) -> Self {
        Self { root: self.root.join(name) }
    }

    pub(super) async fn read(&self, name: &str, limit: u64) -> Result<Option<Tagged>, Error> {
        let path = self.root.join(name);
        blocking(move || read(&path, limit)).await
    }

    pub(super) async fn stream(&self, name: &str, sink: &mut Sink) -> Result<bool, Error> {
        // On this thread, in pieces: the sink is borrowed, and a local disk does not keep one waiting for long.
        let mut file = match fs_err::File::open(self.root.join(name)) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
            Err(error) => return Err(error.into()),
        };
        let mut piece = vec![0; 256 << 10];
        loop {
            let got = file.read(&mut piece)?;
            match piece.get(..got) {
                Some(bytes) if got > 0 => sink.push(bytes)?,
                _ => return Ok(true),
            }
            tokio::task::yield_now().await;
        }
    }

    pub(super) async fn about(&self, name: &str) -> Result<Option<About>, Error> {
        match fs_err::metadata(self.root.join(name)) {
            Ok(about) if about.is_file() => Ok(Some(About { size: about.len(), sum: None })),
            Ok(_) => Err(Error::Write {
                place: self.root.join(name).display().to_string(),
                reason: "it is no regular file".to_owned(),
                transient: false,
            }),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    pub(super) async fn put(&self, outgoing: &Outgoing<'_>) -> Result<bool, Error> {
        let (to, partial) = (self.root.join(outgoing.name), self.root.join(outgoing.partial()));
        if let Some(folder) = to.parent() {
            fs_err::create_dir_all(folder)?;
        }
        let mut reading = Reading::open(outgoing).await?;
        // Not emptied first: another who puts the same file may be ahead of us, and writes what we write.
        let mut file = fs_err::OpenOptions::new().create(true).truncate(false).write(true).open(&partial)?;
        let written: Result<(), Error> = async {
            while let Some(piece) = reading.next().await? {
                file = blocking(move || {
                    file.write_all(&piece)?;
                    Ok(file)
                })
                .await?;
            }
            file.set_len(outgoing.size)?;
            file.sync_all()?;
            Ok(())
        }
        .await;
        match written {
            Ok(()) => match fs_err::rename(&partial, &to) {
                // The other one was faster; whether the file is right is looked at by who called us.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(false),
                renamed => {
                    renamed?;
                    Ok(false)
                }
            },
            Err(error) => {
                let _ = fs_err::remove_file(&partial);
                Err(error)
            }
        }
    }

    pub(super) async fn put_small(&self, name: &str, bytes: Vec<u8>) -> Result<(), Error> {
        let path = self.root.join(name);
        blocking(move || write(&path, &bytes)).await
    }

    pub(super) async fn put_index(&self, name: &str, bytes: Vec<u8>, old: Option<&Tag>) -> Result<Put, Error> {
        let (root, path) = (self.root.clone(), self.root.join(name));
        let old = old.map(|tag| tag.sum.clone());
        blocking(move || {
            let folder = path.parent().unwrap_or(&root);
            fs_err::create_dir_all(folder)?;
            let lock = folder.join(LOCK);
            let lock = fs_err::OpenOptions::new().create(true).truncate(false).write(true).open(&lock)?;
            lock.file().lock()?;
            let theirs = root.join(".repodata");
            if theirs.is_dir() && !theirs.join(".copr-repo").exists() {
                return Err(copr_repodata::Error::Locked { path: theirs }.into());
            }
            let now = read(&path, MOST_INDEX)?.map(|tagged| tagged.tag.sum);
            if now != old {
                return Ok(Put::Changed);
            }
            write(&path, &bytes)?;
            Ok(Put::Done)
        })
        .await
    }

    pub(super) async fn list(&self, folder: &str) -> Result<Option<Vec<Entry>>, Error> {
        let (path, folder) = (self.root.join(folder), folder.to_owned());
        blocking(move || {
            let mut entries = Vec::new();
            let found = match fs_err::read_dir(&path) {
                Ok(found) => found,
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Some(entries)),
                Err(error) => return Err(error.into()),
            };
            for entry in found {
                let entry = entry?;
                let Ok(name) = entry.file_name().into_string() else { continue };
                let about = entry.metadata()?;
                if about.is_file() {
                    entries.push(Entry { name: format!("{folder}/{name}"), size: about.len() });
                }
            }
            Ok(Some(entries))
        })
        .await
    }

    pub(super) async fn delete(&self, name: &str) -> Result<(), Error> {
        match fs_err::remove_file(self.root.join(name)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }
}

fn read(path: &Path, limit: u64) -> Result<Option<Tagged>, Error> {
    let file = match fs_err::File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    let mut bytes = Vec::new();
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > limit {
        return Err(Error::TooLong { url: path.display().to_string(), limit });
    }
    let tag = Tag::of(&bytes)?;
    Ok(Some(Tagged { bytes, tag }))
}

/// Temporary file, fsync, rename.
fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs_err::create_dir_all(folder)?;
    let mut file = tempfile::Builder::new()
        .prefix(".copr-repo-")
        .permissions(std::os::unix::fs::PermissionsExt::from_mode(0o644))
        .tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(fs_err::File::open(folder)?.sync_all()?)
}
