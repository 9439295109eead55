//! Logs of running builds: appended at an offset to a file of this machine, readable in the build's results folder from the first
//! byte. Beside a bucket they go there when the build ends.

use std::{
    collections::HashMap,
    io::{self, Write as _},
    os::unix::fs::FileExt as _,
    path::Path,
    sync::PoisonError,
};

use bytes::Bytes;
use futures_util::TryStreamExt as _;

use super::{Bucket, Lasting, Place, Store, blocking, reading::FileToRead, remove};

/// The logs that a build has; no other name is taken.
pub const LOG_NAMES: &[&str] =
    &["builder-live.log", "build.log", "root.log", "state.log", "hw_info.log", "installed_pkgs.log", "rpmlint.log"];
/// Beside logs that are to go into a bucket: the lease that they belong to.
const LEASE: &str = ".lease";

/// What an append found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Append {
    /// Written; the log is so long now.
    Done(u64),
    /// The log is so long, and the offset was another number.
    Elsewhere(u64),
}

impl Store {
    /// Where the log of a running build is: in the results, or beside them when those are in a bucket.
    pub(super) fn live_root(&self) -> std::path::PathBuf {
        self.root.join(match &self.lasting {
            Lasting::Folder => "results",
            Lasting::Bucket(_) => "live",
        })
    }

    fn live(&self, folder: &Place) -> std::path::PathBuf {
        self.live_root().join(folder.0.strip_prefix("results/").unwrap_or(&folder.0))
    }

    /// Appends to a log in a build's folder when `offset` is its length. What goes beyond `limit` is dropped, and counts as
    /// written.
    ///
    /// # Errors
    /// The file can't be written.
    pub async fn append_log(
        &self,
        folder: &Place,
        lease_id: &str,
        name: &str,
        offset: u64,
        bytes: bytes::Bytes,
        limit: u64,
    ) -> io::Result<Append> {
        let (logs, path) = (self.logs.clone(), self.live(folder));
        let lease = matches!(self.lasting, Lasting::Bucket(_)).then(|| lease_id.to_owned());
        let name = name.to_owned();
        blocking(move || {
            // A call that is sent again while the first is still at work must find its bytes there.
            let _one_at_a_time = logs.lock().unwrap_or_else(PoisonError::into_inner);
            fs_err::create_dir_all(&path)?;
            if let Some(lease) = lease
                && lease_of(&path).as_deref() != Some(lease.as_str())
            {
                // What an earlier attempt left.
                remove(&path)?;
                fs_err::create_dir_all(&path)?;
                fs_err::write(path.join(LEASE), &lease)?;
            }
            append(&path.join(&name), offset, &bytes, limit)
        })
        .await
    }

    /// The length of a log and at most `most` of its bytes from a place on; `None`: there is none, or none here. Beside a bucket it
    /// is looked for there only when it has `ended`.
    ///
    /// # Errors
    /// It can't be read.
    pub async fn read_log(
        &self,
        folder: &Place,
        name: &str,
        begin: u64,
        most: usize,
        ended: bool,
    ) -> io::Result<Option<(u64, Bytes)>> {
        let path = self.live(folder).join(name);
        let here = blocking(move || piece(&path, begin, most)).await?;
        let Lasting::Bucket(bucket) = &self.lasting else { return Ok(here) };
        if here.is_some() || !ended {
            return Ok(here);
        }
        let place = folder.join(name);
        let Some(about) = bucket.about(place.as_str()).await? else { return Ok(None) };
        let size = about.size;
        let length = size.saturating_sub(begin).min(u64::try_from(most).unwrap_or(u64::MAX));
        let mut stream = FileToRead::object(bucket, place.as_str(), about, None).read(begin, length).await?;
        let mut bytes = Vec::new();
        while let Some(chunk) = stream.try_next().await? {
            bytes.extend_from_slice(&chunk);
        }
        Ok(Some((size, bytes.into())))
    }

    /// Deletes the logs of a former attempt, so that the next one begins at 0.
    ///
    /// # Errors
    /// A file can't be deleted.
    pub async fn remove_logs(&self, folder: &Place) -> io::Result<()> {
        match &self.lasting {
            Lasting::Folder => {
                let path = self.live(folder);
                blocking(move || LOG_NAMES.iter().try_for_each(|name| remove(&path.join(name)))).await
            }
            Lasting::Bucket(bucket) => {
                let (logs, path) = (self.logs.clone(), self.live(folder));
                blocking(move || {
                    let _one_at_a_time = logs.lock().unwrap_or_else(PoisonError::into_inner);
                    remove(&path)
                })
                .await?;
                for name in LOG_NAMES {
                    bucket.remove(&folder.join(name)).await?;
                }
                Ok(())
            }
        }
    }

    /// Beside a bucket: every build whose logs are still on this machine only, by the lease that they belong to.
    ///
    /// # Errors
    /// A folder can't be read.
    pub async fn live_logs(&self) -> io::Result<HashMap<String, Place>> {
        if matches!(self.lasting, Lasting::Folder) {
            return Ok(HashMap::new());
        }
        let root = self.live_root();
        blocking(move || {
            let mut found = HashMap::new();
            // OWNER, DIRNAME, CHROOT, BUILD
            let mut level = vec!["results".to_owned()];
            for _ in 0..4 {
                let mut next = Vec::new();
                for above in level {
                    let folder = root.join(above.strip_prefix("results").unwrap_or_default().trim_start_matches('/'));
                    // One that is gone by now has no logs.
                    let entries = fs_err::read_dir(folder).into_iter().flatten().flatten();
                    next.extend(entries.map(|entry| format!("{above}/{}", entry.file_name().to_string_lossy())));
                }
                level = next;
            }
            for place in level {
                if let Some(lease) = lease_of(&root.join(place.strip_prefix("results/").unwrap_or(&place))) {
                    found.insert(lease, Place(place));
                }
            }
            Ok(found)
        })
        .await
    }

    /// Puts the logs of an ended lease into the bucket and deletes them here. Logs `of_another` attempt that are there stay.
    /// Without a bucket, and when there are none, nothing is done.
    ///
    /// # Errors
    /// A file can't be read, or not be put; it stays here then.
    pub async fn keep_logs(&self, folder: &Place, lease_id: &str, of_another: bool) -> io::Result<()> {
        let Lasting::Bucket(bucket) = &self.lasting else { return Ok(()) };
        let path = self.live(folder);
        if lease_of(&path).as_deref() != Some(lease_id) {
            return Ok(());
        }
        self.put_logs(bucket, &path, folder, of_another).await?;
        let (logs, lease_id) = (self.logs.clone(), lease_id.to_owned());
        let root = self.live_root();
        blocking(move || {
            let _one_at_a_time = logs.lock().unwrap_or_else(PoisonError::into_inner);
            // The next attempt may have begun meanwhile.
            if lease_of(&path).as_deref() == Some(lease_id.as_str()) {
                remove(&path)?;
                // The folders above, as far as nothing else is in them.
                for above in path.ancestors().skip(1).take_while(|above| **above != *root) {
                    if fs_err::remove_dir(above).is_err() {
                        break;
                    }
                }
            }
            Ok(())
        })
        .await
    }

    async fn put_logs(&self, bucket: &Bucket, path: &Path, folder: &Place, of_another: bool) -> io::Result<()> {
        for name in LOG_NAMES {
            let (from, to) = (path.join(name), folder.join(name));
            if from.is_file() && !(of_another && bucket.about(to.as_str()).await?.is_some()) {
                bucket.upload(&from, &to).await?;
            }
        }
        Ok(())
    }
}

fn lease_of(path: &Path) -> Option<String> {
    fs_err::read_to_string(path.join(LEASE)).ok()
}

/// The length of a file and some of its bytes; `None`: there is none.
fn piece(path: &Path, begin: u64, most: usize) -> io::Result<Option<(u64, Bytes)>> {
    let file = match fs_err::File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file?,
    };
    let size = file.metadata()?.len();
    let length = usize::try_from(size.saturating_sub(begin)).unwrap_or(usize::MAX).min(most);
    let mut bytes = vec![0; length];
    match file.file().read_exact_at(&mut bytes, begin) {
        Ok(()) => Ok(Some((size, bytes.into()))),
        // A new attempt has emptied it at this moment.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

fn append(path: &Path, offset: u64, bytes: &[u8], limit: u64) -> io::Result<Append> {
    let mut file = fs_err::OpenOptions::new().create(true).append(true).open(path)?;
    let size = file.metadata()?.len();
    let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if size >= limit && offset >= size {
        return Ok(Append::Done(offset.saturating_add(length)));
    }
    if offset != size {
        return Ok(Append::Elsewhere(size));
    }
    let room = usize::try_from(limit.saturating_sub(size)).unwrap_or(usize::MAX);
    file.write_all(bytes.get(..room.min(bytes.len())).unwrap_or_default())?;
    Ok(Append::Done(offset.saturating_add(length)))
}
