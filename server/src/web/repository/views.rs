//! The repositories that have been looked at lately, read and ready.

use std::{
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
};

use anyhow::{Context as _, Result};
use copr_repodata::Repomd;
use sha2::{Digest as _, Sha256};
use tokio::sync::{OnceCell, Semaphore};

use crate::store::{Metadata, Place, Store};

/// Bytes of memory that the indexes of repositories may take together, and how many there may be.
const BYTES: usize = 128 << 20;
const REPOSITORIES: usize = 1000;
/// How many are read at a time.
const READERS: usize = 2;
/// The metadata that pages are made of.
const KINDS: [&str; 11] = [
    "primary",
    "filelists",
    "other",
    "primary_zck",
    "filelists_zck",
    "other_zck",
    "group",
    "group_gz",
    "group_xz",
    "group_zst",
    "modules",
];

/// A repository that can be looked at.
#[derive(Debug)]
pub(crate) struct View {
    /// It.
    pub(crate) repository: copr_view::Repository,
    /// The files that it reads; they stay as long as this.
    _metadata: Metadata,
}

/// One of them: where it lies and the checksum of its repomd.xml.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Key {
    place: Place,
    repomd: [u8; 32],
}

#[derive(Debug)]
struct Known {
    key: Key,
    view: Arc<OnceCell<Arc<View>>>,
}

/// The repositories that have been looked at lately.
#[derive(Debug)]
pub struct Views {
    /// The one that was asked for last comes last.
    known: Mutex<Vec<Known>>,
    readers: Semaphore,
}

impl Default for Views {
    fn default() -> Self {
        Self { known: Mutex::default(), readers: Semaphore::new(READERS) }
    }
}

impl Views {
    /// The repository as it is now; `None` if nothing has been published. Whoever comes while it is read waits for that.
    ///
    /// # Errors
    /// The store does not answer, or the metadata are not what they should be.
    pub(crate) async fn get(&self, store: &Store, place: &Place, title: &str) -> Result<Option<Arc<View>>> {
        let Some(index) = store.repomd(place).await? else { return Ok(None) };
        let key = Key { place: place.clone(), repomd: Sha256::digest(&index).into() };
        let cell = self.cell(&key);
        let read = || async {
            let _permit = self.readers.acquire().await?;
            let repomd = Repomd::read(&index).with_context(|| place.to_string())?;
            let wanted = repomd.records.iter().filter(|record| KINDS.contains(&record.kind.as_str()));
            let locations: Vec<String> = wanted.map(|record| record.location_href.clone()).collect();
            let metadata = store.metadata(place, &locations).await?;
            let (folder, title): (PathBuf, String) = (metadata.folder().to_owned(), title.to_owned());
            let read = move || copr_view::Repository::of(&folder, repomd, &title, &mut |_| ());
            let repository = tokio::task::spawn_blocking(read).await?.with_context(|| place.to_string())?;
            Ok::<_, anyhow::Error>(Arc::new(View { repository, _metadata: metadata }))
        };
        let view = cell.get_or_try_init(read).await?.clone();
        self.bound();
        Ok(Some(view))
    }

    /// Where the view is, or will be. What was there of an older state of the repository goes.
    fn cell(&self, key: &Key) -> Arc<OnceCell<Arc<View>>> {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let at = known.iter().position(|other| other.key.place == key.place);
        let view = match at.map(|at| known.remove(at)) {
            Some(found) if found.key == *key => found.view,
            _ => Arc::default(),
        };
        known.push(Known { key: key.clone(), view: view.clone() });
        view
    }

    /// Forgets what has not been looked at for longest while there is too much.
    fn bound(&self) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let size = |known: &Known| known.view.get().map_or(0, |view| view.repository.index().size());
        let mut bytes: usize = known.iter().map(size).sum();
        while known.len() > 1 && (bytes > BYTES || known.len() > REPOSITORIES) {
            let oldest = known.remove(0);
            bytes = bytes.saturating_sub(size(&oldest));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, UNIX_EPOCH};

    use copr_repodata::{Output, Publisher, Record};

    use super::*;

    fn publish(store: &Store, place: &Place, names: &[&str]) {
        let crate::store::Repository::Folder(folder) = store.repository(place) else { panic!("it is in a folder") };
        let records: Vec<Record> = names
            .iter()
            .map(|name| Record {
                nevra: format!("{name}-1-1.noarch").parse().unwrap(),
                checksum: copr_repodata::Checksum::of(copr_repodata::ChecksumKind::Sha256, name.as_bytes()).unwrap().0,
                location_href: format!("{name}.rpm"),
                ..Record::default()
            })
            .collect();
        let now = UNIX_EPOCH + Duration::from_secs(1_700_000_000 + names.len() as u64);
        Publisher::new(&folder, Output::new(now)).replace(&records).unwrap();
    }

    #[tokio::test]
    async fn a_repository_is_read_once_until_it_is_published_anew() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), None).unwrap();
        let place = store.directory(&"alice".parse().unwrap(), &"libs".parse().unwrap()).join("fedora-44-x86_64");
        let views = Views::default();
        assert!(views.get(&store, &place, "x").await.unwrap().is_none());
        publish(&store, &place, &["a"]);
        let first = views.get(&store, &place, "x").await.unwrap().unwrap();
        let again = views.get(&store, &place, "x").await.unwrap().unwrap();
        assert!(Arc::ptr_eq(&first, &again));
        publish(&store, &place, &["a", "b"]);
        let second = views.get(&store, &place, "x").await.unwrap().unwrap();
        assert_eq!((first.repository.index().names().len(), second.repository.index().names().len()), (1, 2));
        assert_eq!(views.known.lock().unwrap().len(), 1, "the older state is forgotten");
    }

    #[tokio::test]
    async fn what_has_not_been_looked_at_for_longest_is_forgotten() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(folder.path(), None).unwrap();
        let views = Views::default();
        let place = |number: usize| {
            store
                .directory(&"alice".parse().unwrap(), &"libs".parse().unwrap())
                .join(&format!("fedora-{number}-x86_64"))
        };
        publish(&store, &place(0), &["a"]);
        for number in 0..REPOSITORIES + 2 {
            let key = Key { place: place(number), repomd: [0; 32] };
            views.cell(&key);
        }
        views.get(&store, &place(0), "x").await.unwrap().unwrap();
        let known = views.known.lock().unwrap();
        assert_eq!((known.len(), known.last().unwrap().key.place == place(0)), (REPOSITORIES, true));
        assert!(known.iter().all(|known| known.key.place != place(1)));
    }
}
