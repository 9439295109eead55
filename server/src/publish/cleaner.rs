//! Deleting what was taken out of the metadata, once nobody can hold metadata any more that name it; and finding what belongs to
//! nobody. Every step may be repeated, and two servers may do the same at the same time.

use std::time::Duration;

use copr_api::names::{Chroot, DirName, OwnerName, ProjectName};
use tokio_util::sync::CancellationToken;

use super::{
    Error, PUBLIC_KEYS, Publishing,
    metadata::{COMPS, Change, DEVEL, Gone, INDEX, build_of},
    ms,
};
use crate::{
    clock,
    db::{
        self,
        removal::{self, Removal, SOURCES},
        task::RepositoryKey,
    },
    die,
    store::{Entry, Place},
};

/// How often something to delete is looked for.
const CLEAN: Duration = Duration::from_secs(30);

/// A file or folder that belongs to nobody.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Orphan {
    /// Its path in the store.
    pub path: String,
    /// Bytes of all in it.
    pub bytes: u64,
}

/// Whether a name from the database is one folder, wherever it came from.
fn is_one_folder(name: &str) -> bool {
    !name.is_empty() && !name.starts_with('.') && !name.contains(['/', '\\', '\0'])
}

impl Publishing {
    /// Deletes what is due, until the server stops. One loop a server does it.
    pub(super) async fn keep_clean(&self, stopping: &CancellationToken) {
        let Ok(_only) = self.cleaning.try_lock() else { return };
        while !stopping.is_cancelled() {
            if let Err(error) = self.clean(clock::now_ms()).await {
                tracing::error!(%error, "cannot delete what is to go");
            }
            tokio::select! {
                () = tokio::time::sleep(CLEAN) => {}
                () = stopping.cancelled() => return,
            }
        }
    }

    /// Deletes all that is due at a time; how many removals are done with. One that fails holds up no other, and is tried again.
    ///
    /// # Errors
    /// The last that failed.
    pub async fn clean(&self, now_ms: i64) -> Result<usize, Error> {
        let (mut behind, mut done) = (0, 0);
        let mut failed = None;
        loop {
            let due = removal::due(&self.db, behind, now_ms).await?;
            let Some(last) = due.last() else { break };
            behind = last.id;
            match self.remove_each(&due, now_ms).await {
                Ok(some) => done += some,
                Err(error) => failed = Some(error),
            }
        }
        failed.map_or(Ok(done), Err)
    }

    /// The same for one project: whoever has just deleted it need not wait for the loop. What can't be deleted now is deleted by
    /// that.
    pub async fn clean_project(&self, owner: &OwnerName, project: &ProjectName, now_ms: i64) {
        let cleaned = async {
            let due = removal::due_of(&self.db, owner, project, now_ms).await?;
            self.remove_each(&due, now_ms).await
        };
        if let Err(error) = cleaned.await {
            tracing::warn!(%error, %owner, %project, "cannot delete all files of a project yet");
        }
    }

    async fn remove_each(&self, due: &[Removal], now_ms: i64) -> Result<usize, Error> {
        let (mut done, mut failed) = (0, None);
        for removal in due {
            match self.remove(removal, now_ms).await {
                Ok(true) => {
                    removal::done(&self.db, removal.id).await?;
                    done += 1;
                }
                Ok(false) => {}
                Err(error) => {
                    let Removal { owner, dirname, chroot, folder, .. } = removal;
                    tracing::error!(%error, %owner, %dirname, chroot, folder, "cannot delete this yet");
                    failed = Some(error);
                }
            }
        }
        failed.map_or(Ok(done), Err)
    }

    /// Deletes one thing; `false`: not all of it yet.
    async fn remove(&self, removal: &Removal, now_ms: i64) -> Result<bool, Error> {
        let Removal { owner, dirname, chroot, folder, until_build, .. } = removal;
        let directory = self.store.directory(owner, dirname);
        // What was taken down is evidence, whoever deletes it: it goes when it was given back.
        if db::takedown::keeps(&self.db, owner, dirname, build_of(folder)).await? {
            removal::put_off(&self.db, removal.id, now_ms.saturating_add(ms(self.grace()))).await?;
            return Ok(false);
        }
        if !folder.is_empty() {
            if is_one_folder(folder) && is_one_folder(chroot) {
                self.store.remove_all(&directory.join(chroot).join(folder)).await?;
            }
            return Ok(true);
        }
        let names: Vec<Entry> = match chroot.as_str() {
            "" => self.store.children(&directory).await?,
            one => self.store.children(&directory).await?.into_iter().filter(|entry| entry.name == one).collect(),
        };
        let mut all = true;
        for Entry { name, .. } in names {
            match name.parse::<Chroot>() {
                _ if name == SOURCES => {
                    self.remove_builds(&directory.join(SOURCES), *until_build).await?;
                    self.store.remove_if_empty(&directory.join(SOURCES)).await?;
                }
                Ok(chroot) => {
                    let key = RepositoryKey { owner: owner.clone(), dirname: dirname.clone(), chroot };
                    all &= self.remove_repository(&key, *until_build).await?;
                }
                Err(_) if name == PUBLIC_KEYS && chroot.is_empty() => self.remove_public_keys(owner, dirname).await?,
                Err(_) => {}
            }
        }
        if all {
            self.store.remove_if_empty(&directory).await?;
        } else {
            removal::put_off(&self.db, removal.id, now_ms.saturating_add(ms(self.grace()))).await?;
        }
        Ok(all)
    }

    /// Takes the public keys out of a directory that is gone; of one that was made again, the next publish writes them.
    async fn remove_public_keys(&self, owner: &OwnerName, dirname: &DirName) -> Result<(), Error> {
        let _one = self.public_keys.lock().await;
        let lives = match db::project::get(&self.db, owner, &dirname.project()).await? {
            Some(of) if of.name.as_str() == dirname.as_str() => true,
            Some(of) => db::directory::exists(&self.db, of.id, dirname).await?,
            None => false,
        };
        if !lives {
            self.store.remove_result(&self.store.directory(owner, dirname), PUBLIC_KEYS).await?;
        }
        Ok(())
    }

    /// Deletes a repository, or, if there is one again under its name, what the former one left in it. `false`: metadata named
    /// that until now.
    async fn remove_repository(&self, key: &RepositoryKey, until: i64) -> Result<bool, Error> {
        // Whoever makes it again has its row first and waits here before a file is written.
        let lock = self.lock(key);
        let _guard = lock.lock().await;
        let place = self.place(key);
        if !removal::is_live(&self.db, key, until).await? {
            self.store.remove_all(&place).await?;
            return Ok(true);
        }
        if self.take_out(key, &place, &Gone::until(until)).await? {
            return Ok(false);
        }
        self.remove_builds(&place, until).await?;
        Ok(true)
    }

    /// Takes what is to go out of all metadata of a repository that has some; whether they had any of it.
    async fn take_out(&self, key: &RepositoryKey, place: &Place, gone: &Gone) -> Result<bool, Error> {
        self.drop_old_comps(key, place, gone).await?;
        let (groups, _comps) = self.groups(place).await?;
        let keys = match db::project::get(&self.db, &key.owner, &key.dirname.project()).await? {
            Some(project) => self.signing.known_keys_of(&project).await?,
            None => Vec::new(),
        };
        let sign = self.signing.repomd(&keys);
        let mut had = false;
        for place in [place.clone(), place.join(DEVEL)] {
            if self.store.has(&place.join(INDEX)).await? {
                let change =
                    Change { gone: gone.clone(), groups: groups.clone(), sign: sign.clone(), ..Change::default() };
                had |= self.apply(&place, change).await?.removed > 0;
            }
        }
        Ok(had)
    }

    /// Comps of a former repository of that name do not become those of the new one.
    pub(super) async fn drop_old_comps(&self, key: &RepositoryKey, place: &Place, gone: &Gone) -> Result<(), Error> {
        if gone.is_whole() && !removal::has_comps(&self.db, &key.owner, &key.dirname, &key.chroot).await? {
            self.store.remove_result(place, COMPS).await?;
        }
        Ok(())
    }

    async fn remove_builds(&self, place: &Place, until: i64) -> Result<(), Error> {
        for entry in self.store.children(place).await? {
            if build_of(&entry.name).is_some_and(|build| build <= until) {
                self.store.remove_all(&place.join(&entry.name)).await?;
            }
        }
        Ok(())
    }

    /// Files and folders of the results that no row accounts for, and that nothing has touched since a time (milliseconds since
    /// 1970): what crashes between two steps left. What is to go by a row is none of them. With `delete` they are deleted.
    ///
    /// # Errors
    /// The database or the store does not answer.
    pub async fn orphans(&self, untouched_since_ms: i64, delete: bool) -> Result<Vec<Orphan>, Error> {
        let mut found = Vec::new();
        let root = self.store.results();
        for owner in self.store.children(&root).await? {
            let Ok(name) = owner.name.parse::<OwnerName>() else { continue };
            for directory in self.store.children(&root.join(&owner.name)).await? {
                let Ok(dirname) = directory.name.parse::<DirName>() else { continue };
                self.orphans_of(&name, &dirname, &mut found).await?;
            }
        }
        let mut orphans = Vec::with_capacity(found.len());
        for place in found {
            let below = self.store.below(&place).await?;
            if below.newest.saturating_mul(1000) >= untouched_since_ms {
                continue;
            }
            if delete {
                tracing::warn!(path = %place, bytes = below.bytes, "deleting what belongs to nobody");
                self.store.remove_all(&place).await?;
            }
            orphans.push(Orphan { path: place.to_string(), bytes: below.bytes });
        }
        Ok(orphans)
    }

    async fn orphans_of(&self, owner: &OwnerName, dirname: &DirName, found: &mut Vec<Place>) -> Result<(), Error> {
        let place = self.store.directory(owner, dirname);
        // The names first: what appears after this look is not judged by it.
        let names = self.store.children(&place).await?;
        let removals = removal::below(&self.db, owner, dirname).await?;
        if removals.iter().any(|removal| removal.chroot.is_empty())
            || db::takedown::keeps(&self.db, owner, dirname, None).await?
        {
            return Ok(());
        }
        if db::project::get(&self.db, owner, &dirname.project()).await?.is_none() {
            if removals.is_empty() {
                found.push(place);
            }
            return Ok(());
        }
        for Entry { name, .. } in names {
            let going = |folder: &str| {
                let mut of = removals.iter().filter(|removal| removal.chroot == name);
                of.any(|removal| removal.is_whole() || removal.folder == folder)
            };
            let below = place.join(&name);
            if name == SOURCES {
                let folders = self.store.children(&below).await?;
                let builds = db::published::builds_of(&self.db, owner, dirname).await?;
                let strays = folders.into_iter().filter(|folder| {
                    build_of(&folder.name).is_some_and(|build| !builds.contains(&build)) && !going(&folder.name)
                });
                found.extend(strays.map(|folder| below.join(&folder.name)));
            } else if let Ok(chroot) = name.parse::<Chroot>() {
                let key = RepositoryKey { owner: owner.clone(), dirname: dirname.clone(), chroot };
                self.orphans_in(&key, &below, going, found).await?;
            }
        }
        Ok(())
    }

    async fn orphans_in(
        &self,
        key: &RepositoryKey,
        place: &Place,
        going: impl Fn(&str) -> bool,
        found: &mut Vec<Place>,
    ) -> Result<(), Error> {
        let folders = self.store.children(place).await?;
        let mut files = Vec::new();
        for folder in folders.iter().filter(|folder| build_of(&folder.name).is_some()) {
            for file in self.store.children(&place.join(&folder.name)).await? {
                if file.name.ends_with(".rpm") {
                    files.push((folder.name.clone(), file.name));
                }
            }
        }
        let builds = db::published::builds_in(&self.db, key).await?;
        if builds.is_empty() && !going("") && !removal::is_live(&self.db, key, 0).await? {
            found.push(place.clone());
            return Ok(());
        }
        let known = |folder: &str| build_of(folder).and_then(|build| builds.get(&build));
        for folder in &folders {
            let name = folder.name.as_str();
            if build_of(name).is_some() && known(name).is_none() && !going(name) {
                found.push(place.join(name));
            }
        }
        for (folder, file) in files {
            if known(&folder).is_some_and(|owned| !owned.at_work && !owned.files.contains(&file)) {
                found.push(place.join(&folder).join(&file));
            }
        }
        Ok(())
    }

    /// Notes which removals have left all metadata.
    pub(super) async fn note_unpublished(&self, removals: &[Removal], not_before_ms: i64) -> Result<(), Error> {
        for removal in removals.iter().filter(|removal| !removal.unpublished) {
            removal::unpublished(&self.db, removal.id, not_before_ms).await?;
            die::at("removal unpublished");
        }
        Ok(())
    }
}
