//! What is written into a repository's metadata: the one place where the server writes any.

use std::{
    collections::{HashMap, HashSet},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};

use copr_remote::{RemotePublisher, Target};
use copr_repodata::{
    ChecksumKind, Delta, Groups, Output, Published, Publisher, Record, RecordOptions, Repomd, RepomdSigner, Retain,
    read,
};

use super::{Error, Publishing, blocking};
use crate::{
    db::removal::Removal,
    store::{Here, Place, Repository},
};

/// Below a repository: the metadata of all that is built while its project publishes only when asked to.
pub(super) const DEVEL: &str = "devel";
/// What is in force of a repository.
pub(super) const INDEX: &str = "repodata/repomd.xml";
/// Where a chroot's comps lie.
pub(super) const COMPS: &str = "comps.xml";

/// The number of the build whose folder that is.
pub(crate) fn build_of(folder: &str) -> Option<i64> {
    let digits = folder.split('-').next().unwrap_or_default();
    (digits.len() >= 8 && digits.bytes().all(|byte| byte.is_ascii_digit())).then(|| digits.parse().ok()).flatten()
}

/// What is to leave the metadata.
#[derive(Debug, Clone, Default)]
pub(super) struct Gone {
    folders: HashSet<String>,
    /// All builds up to this number.
    until: Option<i64>,
    /// All folders of these builds.
    builds: HashSet<i64>,
}

impl Gone {
    pub(super) fn of(removals: &[Removal]) -> Self {
        let folders = removals.iter().filter(|removal| !removal.is_whole()).map(|removal| removal.folder.clone());
        let until = removals.iter().filter(|removal| removal.is_whole()).map(|removal| removal.until_build).max();
        Self { folders: folders.collect(), until, builds: HashSet::new() }
    }

    pub(super) fn until(until: i64) -> Self {
        Self { until: Some(until), ..Self::default() }
    }

    /// And what was taken down, which may be in the metadata still.
    pub(super) fn and_builds(self, builds: HashSet<i64>) -> Self {
        Self { builds, ..self }
    }

    /// Whether something whole is to go.
    pub(super) fn is_whole(&self) -> bool {
        self.until.is_some()
    }

    fn is_empty(&self) -> bool {
        self.folders.is_empty() && self.until.is_none() && self.builds.is_empty()
    }

    pub(super) fn has(&self, folder: &str) -> bool {
        // What is in no build's folder is nobody's.
        self.folders.contains(folder)
            || build_of(folder).is_some_and(|build| self.builds.contains(&build))
            || self.until.is_some_and(|until| build_of(folder).is_none_or(|build| build <= until))
    }
}

/// What is to become of a repository's metadata.
#[derive(Debug, Clone, Default)]
pub(super) struct Change {
    pub(super) add: Vec<Record>,
    pub(super) gone: Gone,
    /// Whether `add` is all that there is to be.
    pub(super) all: bool,
    /// Locations that are to go besides.
    pub(super) older: Vec<String>,
    pub(super) groups: Groups,
    /// What signs the metadata.
    pub(super) sign: Option<Arc<dyn RepomdSigner>>,
}

impl Change {
    /// The delta that it comes to, on top of the metadata in a folder.
    fn delta(&self, folder: &Path) -> Result<Delta, copr_repodata::Error> {
        let mut delta = Delta { add: self.add.clone(), remove: self.older.clone() };
        if self.all || !self.gone.is_empty() {
            let stay: HashSet<&str> = self.add.iter().map(|record| record.location_href.as_str()).collect();
            delta.remove.extend(locations(folder)?.into_iter().filter(|href| {
                let folder = href.split_once('/').map_or("", |(folder, _)| folder);
                !stay.contains(href.as_str()) && (self.all || self.gone.has(folder))
            }));
        }
        Ok(delta)
    }
}

/// Locations of all packages in the metadata of a folder.
fn locations(folder: &Path) -> Result<Vec<String>, copr_repodata::Error> {
    let index = folder.join(INDEX);
    if !index.is_file() {
        return Ok(Vec::new());
    }
    let repomd = Repomd::open(&index)?;
    let Some(primary) = repomd.record("primary") else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    read::each_primary(read::open(&read::inside(folder, &primary.location_href)?)?, |package| {
        found.push(package.location_href.text().into_owned());
        Ok(())
    })?;
    Ok(found)
}

/// Records that metadata on this machine have of packages, by the packages' SHA-256. What can't be read is not known.
fn known(folders: &[PathBuf]) -> HashMap<String, Record> {
    let records = folders.iter().filter_map(|folder| read::load(folder).ok()).flatten();
    let usual = records.filter(|record| record.checksum.kind == ChecksumKind::Sha256);
    usual.map(|record| (record.checksum.hex.clone(), record)).collect()
}

impl Publishing {
    /// Applies a change to a repository.
    pub(super) async fn apply(&self, place: &Place, change: Change) -> Result<Published, Error> {
        let mut options = Output::new(SystemTime::now());
        options.retain = Retain::For(self.grace());
        options.groups = change.groups.clone();
        options.sign.clone_from(&change.sign);
        // No client checks them, and they cost a checksum over all of the text.
        options.open_checksums = false;
        let published = match self.store.repository(place) {
            Repository::Folder(folder) => {
                blocking(move || {
                    fs_err::create_dir_all(&folder)?;
                    let publisher = Publisher::new(&folder, options);
                    let published = if change.all {
                        // Also over metadata that can't be read any more.
                        publisher.replace(&change.add)
                    } else {
                        change.delta(&folder).and_then(|delta| publisher.publish(&delta))
                    };
                    published.map_err(|error| Error::Metadata { folder, error: Box::new(error) })
                })
                .await?
            }
            Repository::Bucket(bucket, place, copy) => {
                let (objects, prefix) = bucket.objects();
                let elsewhere = |error| Error::Bucket { error: Box::new(error) };
                let target = Target::objects(objects, &format!("{prefix}{place}"), &format!("{bucket}/{place}"));
                let publisher = RemotePublisher::new(target.map_err(elsewhere)?, copy);
                let change = Arc::new(change);
                publisher.publish_with(&options, move |folder| Ok(change.delta(folder)?)).await.map_err(elsewhere)?
            }
        };
        let Published { packages, added, removed, .. } = published;
        tracing::info!(repository = %place, packages, added, removed, "published");
        Ok(published)
    }

    /// The comps of a chroot, and the file that has them; whoever holds neither has none.
    pub(super) async fn groups(&self, place: &Place) -> Result<(Groups, Option<Here>), Error> {
        let file = self.store.here(&place.join(COMPS)).await?;
        let groups = file.as_ref().map_or(Groups::Remove, |file| Groups::File(file.path().to_owned()));
        Ok((groups, file))
    }

    /// Records of all that was ever built in a repository, as far as the files are still there: from metadata that this machine
    /// has, where those know the very file, else from the file.
    pub(super) async fn everything(&self, place: &Place, packages: Vec<Wanted>) -> Result<Vec<Record>, Error> {
        if packages.is_empty() {
            return Ok(Vec::new());
        }
        let folders = [place.clone(), place.join(DEVEL)].map(|place| match self.store.repository(&place) {
            Repository::Folder(folder) | Repository::Bucket(_, _, folder) => folder,
        });
        let mut known = blocking(move || Ok(known(&folders))).await?;
        let mut records = Vec::with_capacity(packages.len());
        for Wanted { href, sha256 } in packages {
            let file = place.join(&href);
            let record = match known.remove(&sha256) {
                Some(record) if self.store.has(&file).await? => Some(record),
                Some(_) => None,
                None => match self.store.here(&file).await? {
                    Some(here) => {
                        let href = href.clone();
                        blocking(move || Ok(Record::from_file(here.path(), &href, &RecordOptions::default()).ok()))
                            .await?
                    }
                    None => None,
                },
            };
            match record {
                Some(record) if record.checksum.hex == sha256 => {
                    records.push(Record { location_href: href, location_base: None, ..record });
                }
                _ => tracing::error!(repository = %place, file = href, "a package that was built is lost"),
            }
        }
        Ok(records)
    }
}

/// A package that is to be in the metadata.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    pub(super) href: String,
    pub(super) sha256: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_tells_whose_build_it_is() {
        for (folder, build) in [
            ("00000012-hello", Some(12)),
            ("123456789-a-b", Some(123_456_789)),
            ("00000012", Some(12)),
            ("12-hello", None),
            ("repodata", None),
            ("", None),
            ("99999999999999999999999-x", None),
        ] {
            assert_eq!(build_of(folder), build, "{folder}");
        }
    }

    #[test]
    fn with_a_whole_repository_everything_goes_but_what_came_later() {
        let gone = Gone::until(12);
        assert!(gone.has("00000012-hello") && gone.has("stray") && gone.has(""));
        assert!(!gone.has("00000013-hello"));
        assert!(!Gone::default().has("00000012-hello"));
    }
}
