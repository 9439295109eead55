//! Publishing: what was built since the last time becomes part of its repository, all at once, and what was deleted leaves it.
//!
//! One task a repository, however many builds wait for it. Its steps, each safe to repeat after a crash at any line:
//! packages are signed ([`signing`]); files move from `incoming/LEASE/` into the build's folder (those that are there already, stay); one delta goes into the
//! metadata, repomd.xml last; results.json and `success` are written; only then the builds are `succeeded`. Builds that end soon after a publish wait for the next one
//! together, so that a hundred in a second cost three publishes at most. A publish that fails fails no build: it is tried again,
//! and its people see why.
//!
//! What was deleted leaves the metadata in the same delta; its files follow when nobody can hold metadata any more that name them
//! ([`cleaner`]). Of a project that publishes only when asked to, builds go into metadata of their own, `CHROOT/devel/repodata`,
//! whose packages lie where they always do: by an absolute `xml:base`, as Copr has it and dnf reads it.
//!
//! In a bucket the metadata are made in a folder of this machine and uploaded; repomd.xml is replaced only if it is still the one
//! that was read, so servers that share a bucket never lose what another one published.

mod cleaner;
pub mod folder;
mod metadata;
pub mod release;
mod signing;

use std::{
    collections::{HashMap, HashSet},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use copr_api::builder::ResultFile;
use copr_repodata::{Record, RecordOptions};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    clock,
    config::Publish,
    db::{
        self, Db,
        lease::Built,
        project::Project,
        removal::{self, Removal},
        task::{RepositoryKey, Task},
    },
    die,
    metrics::Metrics,
    sign::{self, Key, Signing},
    store::{Place, Repository, Store},
};

pub use cleaner::Orphan;
pub(crate) use metadata::build_of;
use metadata::{Change, DEVEL, Gone, INDEX, Wanted};
pub use signing::PUBLIC_KEYS;
use signing::Ready;

/// How often tasks that another server queued are looked for.
const POLL: Duration = Duration::from_secs(2);
/// A claim lasts so long, and is renewed at a third of it.
const CLAIM: Duration = Duration::from_secs(60);
/// The longest pause between two tries of a task that fails.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// In a bucket nothing that no repomd.xml names is deleted sooner: another server may be about to name it.
const OTHERS: Duration = Duration::from_secs(600);
/// Packages whose old builds are looked for in one statement.
const PACKAGES: usize = 500;
/// Most builds that are replaced at once; the others follow a minute later.
const SURPLUS: i64 = 1000;
/// Builds of one publish whose files are moved at the same time.
const AT_ONCE: usize = 8;

/// Why a repository was not published this time. It is tried again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database did not answer.
    #[error(transparent)]
    Db(#[from] db::Error),
    /// A file could not be moved.
    #[error(transparent)]
    Io(#[from] std::io::Error),
    /// The metadata could not be read or written.
    #[error("{}: {error}", folder.display())]
    Metadata {
        /// The repository.
        folder: PathBuf,
        /// Why.
        error: Box<copr_repodata::Error>,
    },
    /// Something could not be signed.
    #[error(transparent)]
    Sign(#[from] sign::Error),
    /// Another server publishes the same.
    #[error("another server has signed the same packages in this moment")]
    Overtaken,
    /// The metadata in the bucket could not be read or written.
    #[error("{error}")]
    Bucket {
        /// Why; names the place.
        error: Box<copr_remote::Error>,
    },
}

/// The publisher of all repositories; clones share it.
#[derive(Debug, Clone)]
pub struct Publishing {
    db: Db,
    store: Store,
    signing: Signing,
    metrics: Arc<Metrics>,
    server: Arc<str>,
    /// Where users see the results, without a slash at its end.
    results_url: Arc<str>,
    retain: Duration,
    gather: Duration,
    work: Arc<Notify>,
    /// One at a time writes a repository: the task, or the request that makes the empty one.
    busy: Arc<Mutex<HashMap<RepositoryKey, Arc<tokio::sync::Mutex<()>>>>>,
    /// Held by the one loop that deletes.
    cleaning: Arc<tokio::sync::Mutex<()>>,
    /// Held by who writes public keys, or takes them away.
    public_keys: Arc<tokio::sync::Mutex<()>>,
}

/// What was found of one build.
enum Prepared {
    /// Its files are in place.
    Ready(Vec<Record>),
    /// They are gone or no packages any more: publishing can never succeed.
    Lost(String),
}

impl Publishing {
    /// A publisher over database and store; `server` names this process in claims, `results_url` is where users see the results.
    #[must_use]
    pub fn new(db: Db, store: Store, signing: Signing, server: &str, results_url: &str, config: &Publish) -> Self {
        let (work, busy, cleaning, public_keys) =
            (Arc::new(Notify::new()), Arc::default(), Arc::default(), Arc::default());
        let (retain, gather) = (Duration::from_secs(config.retain_seconds), Duration::from_millis(config.gather_ms));
        let (results_url, metrics) = (results_url.trim_end_matches('/').into(), signing.metrics());
        let server = server.into();
        Self { db, store, signing, metrics, server, results_url, retain, gather, work, busy, cleaning, public_keys }
    }

    /// What is counted in this process.
    #[must_use]
    pub fn metrics(&self) -> Arc<Metrics> {
        Arc::clone(&self.metrics)
    }

    /// Tells the loop that a task was queued.
    pub fn wake(&self) {
        self.work.notify_one();
    }

    fn place(&self, repository: &RepositoryKey) -> Place {
        self.store.directory(&repository.owner, &repository.dirname).join(repository.chroot.as_str())
    }

    /// Makes the empty repository unless there is one: clients take a missing one for a failure.
    ///
    /// # Errors
    /// The metadata can't be written.
    pub async fn ensure(&self, repository: &RepositoryKey) -> Result<(), Error> {
        let lock = self.lock(repository);
        let _guard = lock.lock().await;
        self.ensure_locked(repository).await
    }

    /// Keeps everyone else from writing these repositories until the answer is dropped.
    pub async fn hold(&self, repositories: &[RepositoryKey]) -> Vec<tokio::sync::OwnedMutexGuard<()>> {
        // Always in the same order, so that two who hold several never wait for one another.
        let mut sorted: Vec<&RepositoryKey> = repositories.iter().collect();
        sorted.sort_by_key(ToString::to_string);
        sorted.dedup();
        let mut held = Vec::with_capacity(sorted.len());
        for repository in sorted {
            held.push(self.lock(repository).lock_owned().await);
        }
        held
    }

    /// The same with the lock. One that was made again under the name of another begins with nothing of that.
    async fn ensure_locked(&self, repository: &RepositoryKey) -> Result<(), Error> {
        let Some(project) = db::project::get(&self.db, &repository.owner, &repository.dirname.project()).await? else {
            return Ok(());
        };
        let removals = removal::of_repository(&self.db, repository).await?;
        let whole = removals.iter().any(Removal::is_whole);
        let place = self.place(repository);
        let has = async |place: &Place| self.store.has(&place.join(INDEX)).await;
        if !whole && has(&place).await? && (!project.devel_mode || has(&place.join(DEVEL)).await?) {
            return Ok(());
        }
        let down = db::takedown::builds_of(&self.db, &repository.owner, &repository.dirname).await?;
        let gone = Gone::of(&removals).and_builds(down);
        // Nobody waits for a key here: the first publish follows, and signs.
        let keys = self.signing.known_keys_of(&project).await?;
        self.write(repository, &project, &keys, gone, Vec::new(), false).await
    }

    fn lock(&self, repository: &RepositoryKey) -> Arc<tokio::sync::Mutex<()>> {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.retain(|_, lock| Arc::strong_count(lock) > 1);
        busy.entry(repository.clone()).or_default().clone()
    }

    /// How long files that no metadata in force name stay for those who hold older ones.
    fn grace(&self) -> Duration {
        match self.store.repository(&self.store.results()) {
            Repository::Folder(_) => self.retain,
            Repository::Bucket(..) => self.retain.max(OTHERS),
        }
    }

    /// Publishes all that waits for one repository.
    ///
    /// # Errors
    /// See [`Error`]; nothing is lost, the next call goes on.
    pub async fn publish(&self, repository: &RepositoryKey) -> Result<(), Error> {
        self.publish_or_all(repository, false).await
    }

    /// The same, or (`everything`) all that was ever built in it.
    async fn publish_or_all(&self, repository: &RepositoryKey, everything: bool) -> Result<(), Error> {
        let lock = self.lock(repository);
        let _guard = lock.lock().await;
        let removals = removal::of_repository(&self.db, repository).await?;
        let project = db::project::get(&self.db, &repository.owner, &repository.dirname.project()).await?;
        let Some(project) = project else { return self.note_unpublished(&removals, 0).await };
        let waiting = db::lease::to_publish(&self.db, repository).await?;
        let place = self.place(repository);
        if waiting.is_empty() && !self.is_live(repository, &removals).await? {
            let goes = removals.iter().any(Removal::is_whole);
            if goes || !self.store.has(&place.join(INDEX)).await? {
                // It goes as a whole, with its metadata, or never was.
                return self.note_unpublished(&removals, 0).await;
            }
        }
        let down = db::takedown::builds_of(&self.db, &repository.owner, &repository.dirname).await?;
        let keys = self.signing.keys_of(&project).await?;
        let directory = self.store.directory(&repository.owner, &repository.dirname);
        // Whoever finds a signature finds the key.
        self.write_public_keys(&project, &directory, &keys).await?;
        let mut add = Vec::new();
        let mut done = Vec::with_capacity(waiting.len());
        // A bucket answers slowly, but many at once.
        let mut prepared = stream::iter(waiting)
            .map(async |built| {
                let prepared = match self.sign(&keys, &built).await? {
                    Ok(ready) => self.prepare(&place, &built, &ready).await?,
                    Err(why) => Prepared::Lost(why),
                };
                let results = db::build::packages_of_chroot(&self.db, built.id).await?;
                Ok::<_, Error>((built, results, prepared))
            })
            .buffered(AT_ONCE);
        let (mut ready, mut lost) = (Vec::new(), Vec::new());
        while let Some((built, results, prepared)) = prepared.try_next().await? {
            match prepared {
                Prepared::Ready(records) => ready.push((built, results, records)),
                Prepared::Lost(why) => lost.push((built, results, why)),
            }
        }
        drop(prepared);
        // A promotion that has lost one of its builds loses all that it has here.
        let broken: HashSet<i64> = lost.iter().filter_map(|(built, ..): &(Built, _, _)| built.promotion_id).collect();
        for (built, results, records) in ready {
            if built.promotion_id.is_some_and(|id| broken.contains(&id)) {
                lost.push((built, results, "Another build of its promotion is lost.".to_owned()));
            } else {
                if !down.contains(&built.build_id) {
                    add.extend(records);
                }
                done.push((built, results));
            }
        }
        // Those that were dragged along first: after a crash between them the others drag them along again.
        for (built, results, why) in lost.into_iter().rev() {
            self.give_up(&place, &built, &results, &why).await?;
        }
        die::at("files moved");
        let gone = Gone::of(&removals).and_builds(down);
        self.write(repository, &project, &keys, gone, add, everything).await?;
        die::at("metadata written");
        let packages: Vec<String> = done.iter().map(|(built, _)| built.package_name.clone()).collect();
        stream::iter(done)
            .map(Ok)
            .try_for_each_concurrent(AT_ONCE, async |(built, results): (Built, Vec<ResultFile>)| {
                let folder = place.join(&built.folder());
                self.store.write(&folder, "results.json", folder::results_json(&results)).await?;
                self.store.write(&folder, folder::SUCCESS, "done\n").await?;
                die::at("success written");
                db::lease::published(&self.db, built.id, clock::now_ms()).await?;
                die::at("build succeeded");
                Ok::<_, Error>(self.store.remove_incoming(&built.lease_id).await?)
            })
            .await?;
        // Also when nothing is new: something may have gone, or the time before this it came no further than here.
        db::search::published(&self.db, project.id, &packages, clock::now_ms()).await?;
        for some in packages.chunks(PACKAGES) {
            self.replace(Some((project.id, some))).await?;
        }
        self.note_unpublished(&removals, clock::now_ms().saturating_add(ms(self.grace()))).await
    }

    /// Deletes builds that are more than their packages keep, as newer ones have replaced them: of these packages of a project, or of
    /// all.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn replace(&self, of: Option<(i64, &[String])>) -> Result<(), db::Error> {
        let mut deleted = 0;
        for id in db::package::surplus(&self.db, of, SURPLUS).await? {
            let now_ms = clock::now_ms();
            // One that somebody else has deleted is refused.
            deleted += usize::from(db::build::delete(&self.db, &[id], now_ms, now_ms).await?.is_ok());
        }
        if deleted > 0 {
            tracing::info!(deleted, "builds deleted that are more than their packages keep");
            self.wake();
        }
        Ok(())
    }

    /// Ends a build whose results are lost. None of them stays in the build's folder.
    async fn give_up(&self, place: &Place, built: &Built, results: &[ResultFile], why: &str) -> Result<(), Error> {
        tracing::error!(build.id = built.build_id, why, "results are lost");
        for result in results {
            self.store.remove_result(&place.join(&built.folder()), &result.file).await?;
        }
        self.store.remove_incoming(&built.lease_id).await?;
        db::lease::publish_failed(&self.db, built.id, why, clock::now_ms()).await?;
        Ok(())
    }

    async fn is_live(&self, repository: &RepositoryKey, removals: &[Removal]) -> Result<bool, Error> {
        let until = removals.iter().map(|removal| removal.until_build).max().unwrap_or(0);
        Ok(removal::is_live(&self.db, repository, until).await?)
    }

    /// Writes a repository's metadata, both in a project that publishes only when asked to: without what is to go, with what is
    /// new. Whichever metadata were not written while the project was in the other mode, hold all that was built from now on.
    async fn write(
        &self,
        repository: &RepositoryKey,
        project: &Project,
        keys: &[Key],
        gone: Gone,
        add: Vec<Record>,
        everything: bool,
    ) -> Result<(), Error> {
        let place = self.place(repository);
        let devel = place.join(DEVEL);
        self.drop_old_comps(repository, &place, &gone).await?;
        let (groups, _comps) = self.groups(&place).await?;
        let sign = self.signing.repomd(keys);
        let has_devel = self.store.has(&devel.join(INDEX)).await?;
        let in_devel = project.devel_mode;
        let all_of_main = everything || (!in_devel && (has_devel || !self.store.has(&place.join(INDEX)).await?));
        let all_of_devel = in_devel && (everything || !has_devel);
        let all = if all_of_main || all_of_devel {
            let built = db::published::of_repository(&self.db, repository).await?;
            let wanted = built.into_iter().filter(|package| !gone.has(&package.folder));
            let wanted = wanted
                .map(|package| Wanted { href: format!("{}/{}", package.folder, package.file), sha256: package.sha256 })
                .collect();
            let mut all = self.everything(&place, wanted).await?;
            all.extend(add.iter().cloned());
            all
        } else {
            Vec::new()
        };
        if in_devel {
            let base = format!("{}/{repository}/", self.results_url);
            let (groups, sign) = (groups.clone(), sign.clone());
            let mut change = Change { gone: gone.clone(), all: all_of_devel, groups, sign, ..Change::default() };
            change.add = if all_of_devel { all.clone() } else { add.clone() };
            change.add.iter_mut().for_each(|record| record.location_base = Some(base.clone()));
            self.apply(&devel, change).await?;
        }
        db::search::note_files(&self.db, repository, &found_by(add.iter().chain(&all))).await?;
        let mut add = match (all_of_main, in_devel) {
            (true, _) => all,
            (false, true) => Vec::new(),
            (false, false) => add,
        };
        let mut older = Vec::new();
        if let Some(newest) = self.release(repository, &place).await? {
            add.push(newest.record);
            older = newest.older;
        }
        self.apply(&place, Change { add, gone, all: all_of_main, older, groups, sign }).await?;
        if has_devel && !in_devel {
            self.store.remove_all(&devel).await?;
        }
        Ok(())
    }

    /// Moves a build's results to their final place and reads their records.
    async fn prepare(&self, repository: &Place, built: &Built, ready: &[Ready]) -> Result<Prepared, Error> {
        let folder = repository.join(&built.folder());
        let mut records = Vec::with_capacity(ready.len());
        for Ready { file: result, from } in ready {
            let target = (&folder, result.file.as_str());
            let Some(path) = self.store.place(&built.lease_id, from, &result.sha256, target).await? else {
                return Ok(Prepared::Lost(format!("The server has lost the built package {}.", result.file)));
            };
            let href = format!("{}/{}", built.folder(), result.file);
            let record = blocking(move || Ok(Record::from_file(&path, &href, &RecordOptions::default()))).await?;
            match record {
                Ok(record) if record.checksum.hex != result.sha256 => {
                    return Ok(Prepared::Lost(format!(
                        "The built package {} is not the one any more that was handed in.",
                        result.file
                    )));
                }
                Ok(record) => records.push(record),
                Err(error) => {
                    return Ok(Prepared::Lost(format!("The built package {} cannot be read: {error}", result.file)));
                }
            }
        }
        Ok(Prepared::Ready(records))
    }

    /// Runs one task that is due; `false`: none was.
    ///
    /// # Errors
    /// The database does not answer. A task's own failure is noted, and it is tried again later.
    pub async fn run_one(&self) -> Result<bool, db::Error> {
        let now = clock::now_ms();
        let Some(task) = db::task::claim(&self.db, &self.server, now, now.saturating_add(ms(CLAIM))).await? else {
            return Ok(false);
        };
        let began = tokio::time::Instant::now();
        let result = {
            let publish = self.publish_or_all(&task.repository, task.everything);
            tokio::pin!(publish);
            loop {
                tokio::select! {
                    result = &mut publish => break result,
                    () = tokio::time::sleep(CLAIM / 3) => {
                        // The work itself goes on: it is safe to repeat, and so safe to be done twice.
                        if let Err(error) = self.renew(&task).await {
                            tracing::warn!(repository = %task.repository, %error, "cannot renew the claim on a publish");
                        }
                    }
                }
            }
        };
        match result {
            Ok(()) => {
                self.metrics.published(began.elapsed());
                let quiet = if self.gather.is_zero() { 0 } else { clock::now_ms().saturating_add(ms(self.gather)) };
                let now = clock::now_ms();
                db::task::published(&self.db, &task, quiet, now).await?;
            }
            Err(error) => {
                let pause = Duration::from_secs(1 << task.attempts.clamp(0, 10)).min(LONGEST_PAUSE);
                tracing::error!(repository = %task.repository, %error, retry_in = ?pause, "cannot publish");
                let due = clock::now_ms().saturating_add(ms(pause));
                let why = self.store.without_root(&error.to_string());
                db::task::failed(&self.db, &task, &why, due).await?;
            }
        }
        Ok(true)
    }

    async fn renew(&self, task: &Task) -> Result<(), db::Error> {
        db::task::renew(&self.db, task, &self.server, clock::now_ms().saturating_add(ms(CLAIM))).await
    }

    /// Runs tasks, and deletes what is to go, until the server stops; the task at hand is finished first.
    pub async fn run(self, stopping: CancellationToken) {
        tokio::join!(self.keep_publishing(&stopping), self.keep_clean(&stopping));
    }

    async fn keep_publishing(&self, stopping: &CancellationToken) {
        while !stopping.is_cancelled() {
            match self.run_one().await {
                Ok(true) => continue,
                Ok(false) => {}
                Err(error) => tracing::error!(%error, "cannot look for publish tasks"),
            }
            let pause = match db::task::next_due(&self.db, clock::now_ms()).await {
                Ok(Some(due)) => {
                    Duration::from_millis(due.saturating_sub(clock::now_ms()).max(1).unsigned_abs()).min(POLL)
                }
                _ => POLL,
            };
            tokio::select! {
                () = self.work.notified() => {}
                () = tokio::time::sleep(pause) => {}
                () = stopping.cancelled() => return,
            }
        }
    }
}

/// The paths by which packages are found, as far as they have any.
fn found_by<'a>(records: impl Iterator<Item = &'a Record>) -> Vec<db::search::Files> {
    let of_record = |record: &Record| {
        let (folder, file) = record.location_href.split_once('/')?;
        let paths = record.files.iter().filter(|file| file.is_primary()).map(|file| file.path.clone());
        Some(db::search::Files { build_id: build_of(folder)?, file: file.to_owned(), paths: paths.collect() })
    };
    records.filter_map(of_record).filter(|files| !files.paths.is_empty()).collect()
}

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Runs file work where it may block.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?
}
