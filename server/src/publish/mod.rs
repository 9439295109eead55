//! Publishing: what was built since the last time becomes part of its repository, all at once.
//!
//! One task a repository, however many builds wait for it. Its steps, each safe to repeat after a crash at any line:
//! files move from `incoming/LEASE/` into the build's folder (those that are there already, stay); one delta goes into the
//! metadata, repomd.xml last; only then the builds are `succeeded`.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, SystemTime},
};

use copr_api::builder::ResultFile;
use copr_repodata::{Delta, Output, Publisher, Record, RecordOptions, Retain};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    clock,
    db::{
        self, Db,
        lease::Built,
        task::{RepositoryKey, Task},
    },
    store::Store,
};

/// How often tasks that another server queued are looked for.
const POLL: Duration = Duration::from_secs(2);
/// A claim lasts so long, and is renewed at a third of it.
const CLAIM: Duration = Duration::from_secs(60);
/// The longest pause between two tries of a task that fails.
const LONGEST_PAUSE: Duration = Duration::from_secs(300);

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
}

/// The publisher of all repositories; clones share it.
#[derive(Debug, Clone)]
pub struct Publishing {
    db: Db,
    store: Store,
    server: Arc<str>,
    retain: Duration,
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
    /// A publisher over database and store; `server` names this process in claims, `retain` is how long old metadata stay.
    #[must_use]
    pub fn new(db: Db, store: Store, server: &str, retain: Duration) -> Self {
        let (work, busy) = (Arc::new(Notify::new()), Arc::default());
        Self { db, store, server: server.into(), retain, work, busy }
    }

    /// Tells the loop that a task was queued.
    pub fn wake(&self) {
        self.work.notify_one();
    }

    /// The folder of a repository.
    #[must_use]
    pub fn folder(&self, repository: &RepositoryKey) -> PathBuf {
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
        let folder = self.folder(repository);
        if folder.join("repodata/repomd.xml").is_file() {
            return Ok(());
        }
        self.apply(folder, Delta::default()).await
    }

    fn lock(&self, repository: &RepositoryKey) -> Arc<tokio::sync::Mutex<()>> {
        let mut busy = self.busy.lock().unwrap_or_else(PoisonError::into_inner);
        busy.retain(|_, lock| Arc::strong_count(lock) > 1);
        busy.entry(repository.clone()).or_default().clone()
    }

    async fn apply(&self, folder: PathBuf, delta: Delta) -> Result<(), Error> {
        let mut options = Output::new(SystemTime::now());
        options.retain = Retain::For(self.retain);
        blocking(move || {
            fs_err::create_dir_all(&folder)?;
            let published = Publisher::new(&folder, options)
                .publish(&delta)
                .map_err(|error| Error::Metadata { folder: folder.clone(), error: Box::new(error) })?;
            tracing::info!(repository = %folder.display(), packages = published.packages, added = delta.add.len(), "published");
            Ok(())
        })
        .await
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
        let folder = self.folder(repository);
        let mut delta = Delta::default();
        let mut done = Vec::with_capacity(waiting.len());
        for built in waiting {
            let results = db::build::packages_of_chroot(&self.db, built.id).await?;
            let results: Arc<[ResultFile]> = results.into();
            let (store, folder_of, copy, claims) =
                (self.store.clone(), folder.clone(), built.clone(), Arc::clone(&results));
            match blocking(move || prepare(&store, &folder_of, &copy, &claims)).await? {
                Prepared::Ready(records) => {
                    delta.add.extend(records);
                    done.push(built);
                }
                Prepared::Lost(why) => {
                    tracing::error!(build.id = built.build_id, why, "results are lost");
                    let (store, folder, copy) = (self.store.clone(), folder.clone(), built.clone());
                    blocking(move || discard(&store, &folder, &copy, &results)).await?;
                    db::lease::publish_failed(&self.db, built.id, &why, clock::now_ms()).await?;
                }
            }
        }
        self.apply(folder, delta).await?;
        for built in done {
            db::lease::published(&self.db, built.id, clock::now_ms()).await?;
            let store = self.store.clone();
            blocking(move || Ok(store.remove_incoming(&built.lease_id)?)).await?;
        }
        Ok(())
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
            Ok(()) => db::task::done(&self.db, &task).await?,
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
            tokio::select! {
                () = self.work.notified() => {}
                () = tokio::time::sleep(POLL) => {}
                () = stopping.cancelled() => return,
            }
        }
    }
}

/// Moves a build's results to their final place and reads their records.
fn prepare(store: &Store, repository: &Path, built: &Built, results: &[ResultFile]) -> Result<Prepared, Error> {
    let incoming = store.incoming(&built.lease_id);
    let folder = repository.join(built.folder());
    let mut records = Vec::with_capacity(results.len());
    for result in results {
        let (from, to) = (incoming.join(&result.file), folder.join(&result.file));
        if from.is_file() {
            store.place(&from, &folder, &result.file)?;
        } else if !to.is_file() {
            return Ok(Prepared::Lost(format!("The server has lost the built package {}.", result.file)));
        }
        let href = format!("{}/{}", built.folder(), result.file);
        match Record::from_file(&to, &href, &RecordOptions::default()) {
            Ok(record) => records.push(record),
            Err(error) => {
                return Ok(Prepared::Lost(format!("The built package {} cannot be read: {error}", result.file)));
            }
        }
    }
    Ok(Prepared::Ready(records))
}

/// Takes away what is left of results that can't be published: none of them stays in the build's folder.
fn discard(store: &Store, repository: &Path, built: &Built, results: &[ResultFile]) -> Result<(), Error> {
    for result in results {
        store.remove_result(&repository.join(built.folder()), &result.file)?;
    }
    Ok(store.remove_incoming(&built.lease_id)?)
}

fn ms(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

/// Runs file work where it may block.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T, Error> + Send + 'static) -> Result<T, Error> {
    tokio::task::spawn_blocking(work).await.map_err(std::io::Error::other)?
}
