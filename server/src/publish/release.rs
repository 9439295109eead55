//! The release package of a repository, once somebody has asked for it: a package of that repository like any other, so that
//! whoever has it gets the next one.

use copr_repodata::{Record, RecordOptions};

use super::{Error, Publishing, blocking};
use crate::{
    db::{self, task::RepositoryKey},
    store::Place,
};

/// Below a repository: its release packages.
pub const FOLDER: &str = "release";
/// Older ones that stay for those who hold older metadata.
const KEPT: i64 = 3;

/// What the metadata are to have of it.
pub(super) struct Newest {
    pub(super) record: Record,
    /// Locations that they are not to have any more.
    pub(super) older: Vec<String>,
}

impl Publishing {
    /// The newest release package of a repository; `None`: it has none, or it is yet to be made.
    pub(super) async fn release(&self, repository: &RepositoryKey, place: &Place) -> Result<Option<Newest>, Error> {
        let RepositoryKey { owner, dirname, chroot } = repository;
        let name = dirname.project();
        if name.as_str() != dirname.as_str() {
            return Ok(None);
        }
        let Some(release) = db::release::get(&self.db, owner, &name, chroot).await? else { return Ok(None) };
        let (folder, file) = (place.join(FOLDER), release.file(owner, &name));
        let Some(here) = self.store.here(&folder.join(&file)).await? else { return Ok(None) };
        let href = format!("{FOLDER}/{file}");
        let record = blocking(move || Ok(Record::from_file(here.path(), &href, &RecordOptions::default()))).await?;
        let record = match record {
            Ok(record) => record,
            Err(error) => {
                tracing::error!(%repository, file, %error, "a release package cannot be read");
                return Ok(None);
            }
        };
        let (start, end) = (format!("{}-1-", db::release::package(owner, &name)), ".noarch.rpm");
        let mut older = Vec::new();
        for entry in self.store.children(&folder).await? {
            let number = entry.name.strip_prefix(&start).and_then(|rest| rest.strip_suffix(end)?.parse::<i64>().ok());
            if let Some(number) = number.filter(|number| *number < release.number) {
                older.push(format!("{FOLDER}/{}", entry.name));
                if number < release.number.saturating_sub(KEPT) {
                    self.store.remove_result(&folder, &entry.name).await?;
                }
            }
        }
        Ok(Some(Newest { record, older }))
    }
}
