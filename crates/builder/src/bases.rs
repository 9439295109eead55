//! Base images: buildroots that were installed once, for all builds that begin with the same packages.
//!
//! ```text
//! CACHE/bases/KEY.img       the scratch disk of a machine that installed them; read-only from then on
//! CACHE/bases/KEY.lock      held shared by who uses the image, alone by who makes or deletes it; dated by each use
//! CACHE/bases/KEY.making/   one that is being made, or whose maker was killed
//! ```
//!
//! A key is made of all that the image is made of, so a repository that moves on makes another key, and the old image goes when
//! there is too much. Any number of processes may share the folder.

use std::{
    fs::{Permissions, TryLockError},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};

use crate::{
    engine::{Failure, blocking},
    heartbeat::Stop,
    logs::Logs,
    repositories::touch,
};

/// How often it is looked whether someone else has made the image.
const PERIOD: Duration = Duration::from_millis(200);

/// The folder of base images.
#[derive(Debug, Clone)]
pub(crate) struct Bases {
    dir: PathBuf,
}

/// A base image that stays while this lives.
#[derive(Debug)]
pub(crate) struct Base {
    /// The image.
    pub(crate) path: PathBuf,
    _used: std::fs::File,
}

/// The right to make an image that is not there. Dropped before it is finished, it leaves nothing.
#[derive(Debug)]
struct Making {
    key: String,
    bases: Bases,
    lock: std::fs::File,
    finished: bool,
}

/// What [`Bases::take`] found.
#[derive(Debug)]
enum Found {
    Image(Base),
    Nothing(Making),
    /// Someone else is making or deleting it.
    Busy,
}

impl Bases {
    /// Images below this folder, which is made when there is something to keep.
    pub(crate) fn new(dir: PathBuf) -> Self {
        Self { dir }
    }

    /// The image of this key, as it is there, or made now by `make`, which is given the folder to make it in and writes it as
    /// `image`. One maker at a time: the others wait for it.
    ///
    /// # Errors
    /// What `make` says, and files that cannot be written.
    pub(crate) async fn get<F: Future<Output = Result<(), Failure>>>(
        &self,
        key: &str,
        logs: &Logs,
        stop: &Stop,
        make: impl FnOnce(PathBuf) -> F,
    ) -> Result<Base, Failure> {
        let mut told = false;
        let making = loop {
            let (this, wanted) = (self.clone(), key.to_owned());
            match blocking(move || this.take(&wanted)).await?? {
                Found::Image(base) => return Ok(base),
                Found::Nothing(making) => break making,
                Found::Busy => {
                    if !told {
                        logs.state("Start: waiting for the base that another build makes");
                        told = true;
                    }
                    stop.unless_stopped(tokio::time::sleep(PERIOD)).await.ok_or(Failure::Stopped)?;
                }
            }
        };
        make(self.making(key)).await?;
        blocking(move || making.finish()).await??.map_or_else(|| Err(gone(key)), Ok)
    }

    /// Looks for an image, and takes it, or the right to make it.
    fn take(&self, key: &str) -> std::io::Result<Found> {
        fs_err::create_dir_all(&self.dir)?;
        loop {
            let lock_path = self.dir.join(format!("{key}.lock"));
            let lock = open_lock(&lock_path)?;
            if let Some(base) = self.with_image(key, &lock)? {
                return Ok(Found::Image(base));
            }
            match lock.try_lock() {
                Ok(()) if !is_same(&lock, &lock_path) => continue,
                // Made since we looked: once more from the start.
                Ok(()) if self.image(key).is_file() => continue,
                Ok(()) => {
                    self.sweep(key)?;
                    let making = Making { key: key.to_owned(), bases: self.clone(), lock, finished: false };
                    fs_err::create_dir_all(self.making(key))?;
                    return Ok(Found::Nothing(making));
                }
                Err(TryLockError::WouldBlock) => return Ok(Found::Busy),
                Err(TryLockError::Error(error)) => return Err(error),
            }
        }
    }

    fn with_image(&self, key: &str, lock: &std::fs::File) -> std::io::Result<Option<Base>> {
        match lock.try_lock_shared() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(None),
            Err(TryLockError::Error(error)) => return Err(error),
        }
        let (path, lock_path) = (self.image(key), self.dir.join(format!("{key}.lock")));
        // A lock whose name is another file's by now keeps nobody from deleting the image.
        if !path.is_file() || !is_same(lock, &lock_path) {
            lock.unlock()?;
            return Ok(None);
        }
        touch(&lock_path);
        Ok(Some(Base { path, _used: lock.try_clone()? }))
    }

    fn image(&self, key: &str) -> PathBuf {
        self.dir.join(format!("{key}.img"))
    }

    /// Where an image is made.
    fn making(&self, key: &str) -> PathBuf {
        self.dir.join(format!("{key}.making"))
    }

    /// Removes what a maker left that was killed, or that failed.
    fn sweep(&self, key: &str) -> std::io::Result<()> {
        let folder = self.making(key);
        if folder.exists() { fs_err::remove_dir_all(folder) } else { Ok(()) }
    }

    /// All images, and those that are being made: key, last use, bytes on disk.
    pub(crate) fn list(&self) -> Vec<(String, std::time::SystemTime, u64)> {
        let Ok(entries) = fs_err::read_dir(&self.dir) else { return Vec::new() };
        entries
            .filter_map(|entry| {
                let name = entry.ok()?.file_name().to_string_lossy().into_owned();
                let key = name.strip_suffix(".lock")?.to_owned();
                let used = fs_err::metadata(self.dir.join(&name)).and_then(|known| known.modified()).ok()?;
                let making = self.making(&key).join("image");
                let bytes = [self.image(&key), making].iter().map(|path| crate::cache::on_disk(path)).sum();
                Some((key, used, bytes))
            })
            .collect()
    }

    /// Deletes an image, and what a killed maker left of it, unless someone uses or makes it; whether it is gone.
    pub(crate) fn remove(&self, key: &str) -> std::io::Result<bool> {
        let lock_path = self.dir.join(format!("{key}.lock"));
        let lock = open_lock(&lock_path)?;
        if lock.try_lock().is_err() || !is_same(&lock, &lock_path) {
            return Ok(false);
        }
        self.sweep(key)?;
        let image = self.image(key);
        if image.exists() {
            fs_err::remove_file(image)?;
        }
        // Who opened the lock meanwhile finds that it is not the one that is there any more.
        fs_err::remove_file(lock_path)?;
        Ok(true)
    }
}

impl Making {
    /// Gives the image its name, and keeps it for the maker; `None` if it was deleted at once.
    fn finish(mut self) -> std::io::Result<Option<Base>> {
        let (key, bases) = (&self.key, &self.bases);
        let image = bases.making(key).join("image");
        // For reading: whoever is not root may not write to an image that the machine has left.
        fs_err::File::open(&image)?.sync_all()?;
        // QEMU may run as another user, who must read it.
        fs_err::set_permissions(&image, Permissions::from_mode(0o444))?;
        fs_err::rename(&image, bases.image(key))?;
        fs_err::File::open(&bases.dir)?.sync_all()?;
        bases.sweep(key)?;
        self.finished = true;
        // Turning a lock that one has alone into a shared one may let others in between.
        self.lock.unlock()?;
        self.bases.with_image(&self.key, &self.lock)
    }
}

/// One that failed leaves no half of an image.
impl Drop for Making {
    fn drop(&mut self) {
        if !self.finished {
            let _ = self.bases.sweep(&self.key);
        }
    }
}

fn gone(key: &str) -> Failure {
    Failure::machine(format!("the base {key} was deleted while it was made: the cache is too small for it"))
}

fn open_lock(path: &Path) -> std::io::Result<std::fs::File> {
    let file = fs_err::OpenOptions::new().create(true).truncate(false).write(true).open(path)?;
    Ok(file.into_parts().0)
}

/// Whether a file that we hold open is still the one of this name.
fn is_same(file: &std::fs::File, path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    let identity = |known: &std::fs::Metadata| (known.dev(), known.ino());
    match (file.metadata(), fs_err::metadata(path)) {
        (Ok(held), Ok(named)) => identity(&held) == identity(&named),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    };

    use super::*;

    async fn made(bases: &Bases, logs: &Logs, makes: &AtomicU32) -> Base {
        let make = |folder: PathBuf| async move {
            makes.fetch_add(1, Ordering::SeqCst);
            tokio::task::yield_now().await;
            fs_err::write(folder.join("image"), "an image")?;
            Ok(())
        };
        bases.get("k", logs, &Stop::new(), make).await.unwrap()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn of_many_who_want_a_base_one_makes_it() {
        let dir = tempfile::tempdir().unwrap();
        let bases = Bases::new(dir.path().join("bases"));
        let (logs, makes) = (Arc::new(Logs::new(dir.path())), Arc::new(AtomicU32::new(0)));
        let all = (0..8).map(|_| {
            let (bases, logs, makes) = (bases.clone(), logs.clone(), makes.clone());
            tokio::spawn(async move { made(&bases, &logs, &makes).await })
        });
        for task in all.collect::<Vec<_>>() {
            let base = task.await.unwrap();
            assert_eq!(fs_err::read_to_string(&base.path).unwrap(), "an image");
        }
        assert_eq!(makes.load(Ordering::SeqCst), 1);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_base_in_use_stays_and_goes_afterwards() {
        let dir = tempfile::tempdir().unwrap();
        let bases = Bases::new(dir.path().join("bases"));
        let (logs, makes) = (Logs::new(dir.path()), AtomicU32::new(0));
        let base = made(&bases, &logs, &makes).await;
        assert!(!bases.remove("k").unwrap());
        assert!(base.path.exists());
        let path = base.path.clone();
        drop(base);
        assert!(bases.remove("k").unwrap());
        assert!(!path.exists() && bases.list().is_empty());
        made(&bases, &logs, &makes).await;
        assert_eq!(makes.load(Ordering::SeqCst), 2);
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_base_whose_making_fails_is_made_by_the_next() {
        let dir = tempfile::tempdir().unwrap();
        let bases = Bases::new(dir.path().join("bases"));
        let (logs, makes) = (Logs::new(dir.path()), AtomicU32::new(0));
        let fails = |folder: PathBuf| async move {
            fs_err::write(folder.join("image"), "half an im")?;
            Err(Failure::machine("the power went"))
        };
        assert!(bases.get("k", &logs, &Stop::new(), fails).await.is_err());
        let base = made(&bases, &logs, &makes).await;
        assert_eq!(fs_err::read_to_string(&base.path).unwrap(), "an image");
    }
}
