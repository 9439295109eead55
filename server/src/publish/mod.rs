//! Publishing: what was built since the last time becomes part of its repository, all at once.
//!
//! One task a repository, however many builds wait for it. Its steps, each safe to repeat after a crash at any line:
//! files move from `incoming/LEASE/` into the build's folder (those that are there already, stay); one delta goes into the
//! metadata, repomd.xml last; results.json and `success` are written; only then the builds are `succeeded`. Builds that end soon after a publish wait for the next one
//! together, so that a hundred in a second cost three publishes at most.
//!
//! In a bucket the metadata are made in a folder of this machine and uploaded; repomd.xml is replaced only if it is still the one
//! that was read, so servers that share a bucket never lose what another one published.

pub mod folder;

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use copr_api::builder::ResultFile;
use copr_remote::{RemotePublisher, Target};
use copr_repodata::{Delta, Output, Publisher, Record, RecordOptions, Retain};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    clock,
    config::Publish,
    db::{
        self, Db,
        lease::Built,
        task::{RepositoryKey, Task},
    },
    store::{Place, Repository, Store},
};

/// How often tasks that another server queued are looked for.
const POLL: Duration = Duration::from_secs(2);
/// A claim lasts so long, and is renewed at a third of it.
const CLAIM: Duration = Duration::from_secs(60);
/// The longest pause between two tries of a task that fails.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

/// In a bucket nothing that no repomd.xml names is deleted sooner: another server may be about to name it.
const OTHERS: Duration = Duration::from_secs(600);
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
    server: Arc<str>,
    retain: Duration,
    gather: Duration,
    work: Arc<Notify>,
    /// One at a time writes a repository: the task, or the request that makes the empty one.
    busy: Arc<Mutex<HashMap<RepositoryKey, Arc<tokio::sync::Mutex<()>>>>>,
}

/// What was found of one build.
enum Prepared {
    /// Its files are in place.
    Ready(Vec<Record>),
    /// They are gone or no packages any more: publishing can never succeed.
    Lost(String),
}

impl Publishing {
    /// A publisher over database and store; `server` names this process in claims.
    #[must_use]
    pub fn new(db: Db, store: Store, server: &str, config: &Publish) -> Self {
        let (work, busy) = (Arc::new(Notify::new()), Arc::default());
        let (retain, gather) = (Duration::from_secs(config.retain_seconds), Duration::from_millis(config.gather_ms));
        Self { db, store, server: server.into(), retain, gather, work, busy }
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

    async fn ensure_locked(&self, repository: &RepositoryKey) -> Result<(), Error> {
        let place = self.place(repository);
        if self.store.has(&place.join("repodata/repomd.xml")).await? {
            return Ok(());
        }
        self.apply(&place, Delta::default()).await
    }

    fn lock(&self, repository: &RepositoryKey) -> Arc<tokio::sync::Mutex<()>> {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.retain(|_, lock| Arc::strong_count(lock) > 1);
        busy.entry(repository.clone()).or_default().clone()
    }

    /// Applies a delta to a repository: the one place where the server writes metadata.
    async fn apply(&self, place: &Place, delta: Delta) -> Result<(), Error> {
        let mut options = Output::new(SystemTime::now());
        options.retain = Retain::For(self.retain);
        // No client checks them, and they cost a checksum over all of the text.
        options.open_checksums = false;
        let added = delta.add.len();
        let packages = match self.store.repository(place) {
            Repository::Folder(folder) => {
                blocking(move || {
                    fs_err::create_dir_all(&folder)?;
                    let published = Publisher::new(&folder, options)
                        .publish(&delta)
                        .map_err(|error| Error::Metadata { folder, error: Box::new(error) })?;
                    Ok(published.packages)
                })
                .await?
            }
            Repository::Bucket(bucket, place, copy) => {
                options.retain = Retain::For(self.retain.max(OTHERS));
                let (objects, prefix) = bucket.objects();
                let elsewhere = |error| Error::Bucket { error: Box::new(error) };
                let target = Target::objects(objects, &format!("{prefix}{place}"), &format!("{bucket}/{place}"));
                let publisher = RemotePublisher::new(target.map_err(elsewhere)?, copy);
                publisher.publish(delta, &options).await.map_err(elsewhere)?.packages
            }
        };
        tracing::info!(repository = %place, packages, added, "published");
        Ok(())
    }

    /// Publishes all that waits for one repository.
    ///
    /// # Errors
    /// See [`Error`]; nothing is lost, the next call goes on.
    pub async fn publish(&self, repository: &RepositoryKey) -> Result<(), Error> {
        let lock = self.lock(repository);
        let _guard = lock.lock().await;
        if db::project::get(&self.db, &repository.owner, &repository.dirname.project()).await?.is_none() {
            return Ok(());
        }
        let waiting = db::lease::to_publish(&self.db, repository).await?;
        if waiting.is_empty() {
            return self.ensure_locked(repository).await;
        }
        let place = self.place(repository);
        let mut delta = Delta::default();
        let mut done = Vec::with_capacity(waiting.len());
        // A bucket answers slowly, but many at once.
        let mut prepared = stream::iter(waiting)
            .map(async |built| {
                let results = db::build::packages_of_chroot(&self.db, built.id).await?;
                let prepared = self.prepare(&place, &built, &results).await?;
                Ok::<_, Error>((built, results, prepared))
            })
            .buffered(AT_ONCE);
        while let Some((built, results, prepared)) = prepared.try_next().await? {
            match prepared {
                Prepared::Ready(records) => {
                    delta.add.extend(records);
                    done.push((built, results));
                }
                Prepared::Lost(why) => {
                    tracing::error!(build.id = built.build_id, why, "results are lost");
                    // None of them stays in the build's folder.
                    for result in &results {
                        self.store.remove_result(&place.join(&built.folder()), &result.file).await?;
                    }
                    self.store.remove_incoming(&built.lease_id).await?;
                    db::lease::publish_failed(&self.db, built.id, &why, clock::now_ms()).await?;
                }
            }
        }
        drop(prepared);
        self.apply(&place, delta).await?;
        stream::iter(done)
            .map(Ok)
            .try_for_each_concurrent(AT_ONCE, async |(built, results): (Built, Vec<ResultFile>)| {
                let folder = place.join(&built.folder());
                self.store.write(&folder, "results.json", folder::results_json(&results)).await?;
                self.store.write(&folder, folder::SUCCESS, "done\n").await?;
                db::lease::published(&self.db, built.id, clock::now_ms()).await?;
                Ok(self.store.remove_incoming(&built.lease_id).await?)
            })
            .await
    }

    /// Moves a build's results to their final place and reads their records.
    async fn prepare(&self, repository: &Place, built: &Built, results: &[ResultFile]) -> Result<Prepared, Error> {
        let folder = repository.join(&built.folder());
        let mut records = Vec::with_capacity(results.len());
        for result in results {
            let Some(path) = self.store.place(&built.lease_id, &result.file, &result.sha256, &folder).await? else {
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
        let result = {
            let publish = self.publish(&task.repository);
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
                let quiet = if self.gather.is_zero() { 0 } else { clock::now_ms().saturating_add(ms(self.gather)) };
                db::task::done(&self.db, &task, quiet).await?;
            }
            Err(error) => {
                let pause = Duration::from_secs(1 << task.attempts.clamp(0, 10)).min(LONGEST_PAUSE);
                tracing::error!(repository = %task.repository, %error, retry_in = ?pause, "cannot publish");
                let due = clock::now_ms().saturating_add(ms(pause));
                db::task::failed(&self.db, &task, &error.to_string(), due).await?;
            }
        }
        Ok(true)
    }

    async fn renew(&self, task: &Task) -> Result<(), db::Error> {
        db::task::renew(&self.db, task, &self.server, clock::now_ms().saturating_add(ms(CLAIM))).await
    }

    /// Runs tasks until the server stops; the one at hand is finished first.
    pub async fn run(self, stopping: CancellationToken) {
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

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Runs file work where it may block.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?
}
