//! The build queue: leases are given, kept, and taken back.
//!
//! A builder that falls silent loses its lease when that has run out; the build waits for the next one. Everything is in the
//! database: this process may die at any line, and another one goes on.

pub mod position;

use std::{sync::Arc, time::Duration};

use copr_api::{builder::ResultFile, v3::BuildState};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

use crate::{
    clock,
    config::Builds,
    db::{
        self, Db,
        build::{BuildChroot, Srpm},
        lease::{Held, Returned, Taken, Takes},
        quota::Exceeded,
        source::{self, Made},
    },
    publish::Publishing,
    store::{Place, Store},
};

/// How often a waiting builder's call looks for work that another server took in.
const POLL: Duration = Duration::from_secs(2);
/// How often handed-in files without a lease are looked for.
const SWEEP: Duration = Duration::from_secs(3600);
/// So long a builder that ends waits for its logs to be put where they belong.
const LOGS: Duration = Duration::from_secs(30);
/// How often logs of ended builds are looked for that are still on this machine only.
const SWEEP_LOGS: Duration = Duration::from_secs(30);

/// The queue; clones share it.
#[derive(Debug, Clone)]
pub struct Queue {
    db: Db,
    store: Store,
    publishing: Publishing,
    builds: Builds,
    work: Arc<Notify>,
}

/// Why a step of the queue failed: ours, never the caller's.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The database did not answer.
    #[error(transparent)]
    Db(#[from] db::Error),
    /// A file could not be touched.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

impl Queue {
    /// A queue over the database.
    #[must_use]
    pub fn new(db: Db, store: Store, publishing: Publishing, builds: Builds) -> Self {
        Self { db, store, publishing, builds, work: Arc::new(Notify::new()) }
    }

    /// Tells waiting builders that there is work.
    pub fn wake(&self) {
        self.work.notify_waiters();
    }

    /// Seconds that a lease lasts after a heartbeat.
    #[must_use]
    pub fn lease_seconds(&self) -> u64 {
        self.builds.lease_seconds
    }

    fn until(&self, now_ms: i64) -> i64 {
        now_ms.saturating_add(i64::try_from(self.builds.lease_seconds).unwrap_or(i64::MAX / 2000).saturating_mul(1000))
    }

    /// Claims a job for a builder, waiting up to `patience` for one; the value comes with its lease id set.
    ///
    /// # Errors
    /// The database does not answer, or logs of a former attempt can't be deleted.
    pub async fn lease(
        &self,
        builder: &str,
        takes: &Takes,
        patience: Duration,
        stopping: &CancellationToken,
    ) -> Result<Option<BuildChroot>, Error> {
        let deadline = tokio::time::Instant::now() + patience;
        loop {
            // Listening begins before the look, so that nothing falls in between.
            let work = self.work.notified();
            tokio::pin!(work);
            work.as_mut().enable();
            if let Some(claimed) = self.claim(builder, takes).await? {
                return Ok(Some(claimed));
            }
            let now = tokio::time::Instant::now();
            if now >= deadline || stopping.is_cancelled() {
                return Ok(None);
            }
            tokio::select! {
                () = work => {}
                () = tokio::time::sleep_until(deadline.min(now + POLL)) => {}
                () = stopping.cancelled() => return Ok(None),
            }
        }
    }

    async fn claim(&self, builder: &str, takes: &Takes) -> Result<Option<BuildChroot>, Error> {
        let lease_id = ulid::Ulid::generate().to_string().to_lowercase();
        let now = clock::now_ms();
        let Some(claimed) = db::lease::claim(&self.db, &lease_id, builder, takes, now, self.until(now)).await? else {
            return Ok(None);
        };
        tracing::info!(build.id = claimed.build_id, chroot = %claimed.chroot, lease = lease_id, builder, "leased");
        crate::die::at("lease granted");
        if claimed.attempts > 1
            && let Some(held) = db::lease::held(&self.db, &lease_id).await?
        {
            self.store.remove_logs(&self.folder(&held)).await?;
        }
        Ok(Some(claimed))
    }

    /// A build's folder in its repository, or that of its source: logs now, packages later.
    #[must_use]
    pub fn folder(&self, held: &Held) -> Place {
        if held.source {
            return self.store.source_folder(&held.owner, &held.dirname, held.build_id);
        }
        self.store.directory(&held.owner, &held.dirname).join(held.chroot.as_str()).join(&held.folder())
    }

    /// Renews a lease; `None`: it is lost. The value tells whether the build is to be stopped.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn heartbeat(&self, lease_id: &str, stage: copr_api::builder::Stage) -> Result<Option<bool>, Error> {
        Ok(db::lease::heartbeat(&self.db, lease_id, stage, self.until(clock::now_ms())).await?)
    }

    /// Takes a build's results to be published, unless someone has asked to stop it; `false`: the lease was lost.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn finish_built(&self, held: &Held, lease_id: &str, results: &[ResultFile]) -> Result<bool, Error> {
        match db::lease::finish_built(&self.db, held, lease_id, results, clock::now_ms()).await? {
            Taken::Yes => {
                tracing::info!(build.id = held.build_id, chroot = %held.chroot, results = results.len(), "built");
                crate::die::at("finish committed");
                self.publishing.wake();
                self.keep_logs(lease_id).await;
                Ok(true)
            }
            Taken::Canceled => self.finish_without(lease_id, BuildState::Canceled, None).await,
            Taken::Full(exceeded) => self.finish_full(lease_id, exceeded).await,
            Taken::Lost => Ok(false),
        }
    }

    /// Takes the source package that a lease handed in, unless someone has asked to stop the build; `false`: the lease was lost.
    ///
    /// # Errors
    /// The database does not answer, or the file can't be put where builders fetch it.
    pub async fn finish_source(&self, held: &Held, lease_id: &str, srpm: &Srpm) -> Result<bool, Error> {
        match source::finish(&self.db, held, lease_id, srpm, clock::now_ms()).await? {
            Made::Yes(pending) => {
                self.store.keep_made_source(lease_id, &srpm.file, &self.folder(held)).await?;
                pending.commit().await?;
                tracing::info!(build.id = held.build_id, source = srpm.file.name, "source made");
                self.wake();
                self.keep_logs(lease_id).await;
                self.remove_incoming(lease_id).await?;
                Ok(true)
            }
            Made::No(Taken::Canceled) => self.finish_without(lease_id, BuildState::Canceled, None).await,
            Made::No(Taken::Full(exceeded)) => self.finish_full(lease_id, exceeded).await,
            Made::No(_) => Ok(false),
        }
    }

    /// What came of a build is more than its owner may store.
    async fn finish_full(&self, lease_id: &str, exceeded: Exceeded) -> Result<bool, Error> {
        self.finish_without(lease_id, BuildState::Failed, Some(&exceeded.to_string())).await
    }

    /// Ends a build-chroot without results: failed, skipped or canceled; `false`: the lease was lost.
    ///
    /// # Errors
    /// The database does not answer, or what was handed in can't be deleted.
    pub async fn finish_without(
        &self,
        lease_id: &str,
        state: BuildState,
        message: Option<&str>,
    ) -> Result<bool, Error> {
        let ended = db::lease::finish_without(&self.db, lease_id, state, message, clock::now_ms()).await?;
        if ended {
            tracing::info!(lease = lease_id, %state, message, "ended");
            // Builds of a batch may have waited for this one.
            self.wake();
            self.keep_logs(lease_id).await;
            self.remove_incoming(lease_id).await?;
        }
        Ok(ended)
    }

    /// Gives a lease back after a machine's fault, or because its builder stopped `in_good_order`, which does not count as an
    /// attempt.
    ///
    /// # Errors
    /// The database does not answer, or what was handed in can't be deleted.
    pub async fn give_back(&self, lease_id: &str, message: &str, in_good_order: bool) -> Result<Returned, Error> {
        let (attempts, now) = (self.builds.attempts, clock::now_ms());
        let returned = db::lease::give_back(&self.db, lease_id, message, in_good_order, attempts, now).await?;
        self.returned(lease_id, returned, message).await?;
        Ok(returned)
    }

    async fn returned(&self, lease_id: &str, returned: Returned, message: &str) -> Result<(), Error> {
        if returned == Returned::Lost {
            return Ok(());
        }
        tracing::warn!(lease = lease_id, ?returned, message, "lease given back");
        if returned == Returned::Pending {
            self.wake();
        } else {
            self.keep_logs(lease_id).await;
        }
        self.remove_incoming(lease_id).await
    }

    async fn remove_incoming(&self, lease_id: &str) -> Result<(), Error> {
        Ok(self.store.remove_incoming(lease_id).await?)
    }

    /// Puts an ended lease's logs where those of all builds are. What can't be put now is put by [`Self::sweep_logs`].
    async fn keep_logs(&self, lease_id: &str) {
        let kept = async {
            match self.store.live_logs().await?.get(lease_id) {
                Some(folder) => self.store.keep_logs(folder, lease_id, false).await,
                None => Ok(()),
            }
        };
        match tokio::time::timeout(LOGS, kept).await {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::warn!(lease = lease_id, %error, "cannot put the logs where they belong yet"),
            Err(_) => tracing::warn!(lease = lease_id, "the logs could not be put where they belong in time"),
        }
    }

    /// Puts logs of builds that have ended where those of all builds are, as far as that was not done when they ended: their last
    /// call went to another server, or the bucket did not answer.
    ///
    /// # Errors
    /// The database or the bucket does not answer.
    pub async fn sweep_logs(&self) -> Result<(), Error> {
        for (lease_id, folder) in self.store.live_logs().await? {
            match db::lease::held(&self.db, &lease_id).await? {
                Some(held) if !held.finished => {}
                held => self.store.keep_logs(&folder, &lease_id, held.is_none()).await?,
            }
        }
        Ok(())
    }

    /// Asks to stop a build; `false`: nothing was left to stop.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn cancel(&self, build_id: i64) -> Result<bool, Error> {
        let canceled = db::lease::cancel(&self.db, build_id, clock::now_ms()).await?;
        self.wake();
        Ok(canceled)
    }

    /// Takes back every lease that ran out before `now_ms`; the answer is how many.
    ///
    /// # Errors
    /// The database does not answer, or what was handed in can't be deleted.
    pub async fn expire(&self, now_ms: i64) -> Result<usize, Error> {
        let ended = db::lease::expire(&self.db, self.builds.attempts, now_ms).await?;
        let mut result = Ok(ended.len());
        for (lease_id, returned) in &ended {
            // One that can't be cleaned up must not keep the others from their next builder.
            if let Err(error) = self.returned(lease_id, *returned, "the builder was not heard of any more").await {
                result = Err(error);
            }
        }
        result
    }

    /// Takes back what a builder holds that is known to have ended: the embedded one, when its server starts or stops. A stop
    /// in good order does not count as an attempt.
    ///
    /// # Errors
    /// The database does not answer, or what was handed in can't be deleted.
    pub async fn release_builder(&self, builder: &str, in_good_order: bool) -> Result<(), Error> {
        for lease_id in db::lease::of_builder(&self.db, builder).await? {
            let message = "The server was restarted while the package was built.";
            self.give_back(&lease_id, message, in_good_order).await?;
        }
        Ok(())
    }

    /// Gives every builder the time of a whole lease from now on: while the server was down, none could be heard.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn prolong(&self, now_ms: i64) -> Result<(), Error> {
        Ok(db::lease::prolong(&self.db, self.until(now_ms)).await?)
    }

    /// Deletes handed-in files that belong to no lease any more: what a crash left, and uploads that ended after their lease. What a
    /// fork brings together stays, long enough for its rows to come.
    ///
    /// # Errors
    /// The database does not answer, or a folder can't be read or deleted.
    pub async fn sweep(&self, now_ms: i64) -> Result<(), Error> {
        // The folders first: one that appears after this look is not judged by it.
        let folders = self.store.incoming_leases().await?;
        if folders.is_empty() {
            return Ok(());
        }
        let alive = db::lease::with_incoming(&self.db).await?;
        for lease_id in folders.iter().filter(|lease_id| !alive.contains(lease_id)) {
            if !db::fork::may_be_under_way(lease_id, now_ms) {
                self.remove_incoming(lease_id).await?;
            }
        }
        Ok(())
    }

    /// Takes back leases that run out and sweeps now and then, until the server stops.
    pub async fn run(self, stopping: CancellationToken) {
        let mut swept = tokio::time::Instant::now();
        let mut logs_swept = swept;
        let pause = Duration::from_millis((self.builds.lease_seconds * 1000 / 6).clamp(250, 5000));
        loop {
            if let Err(error) = self.expire(clock::now_ms()).await {
                tracing::error!(%error, "cannot take back leases that ran out");
            }
            match db::batch::sweep(&self.db).await {
                Ok(0) => {}
                Ok(_) => self.wake(),
                Err(error) => tracing::error!(%error, "cannot let builds go on that wait for a batch"),
            }
            if swept.elapsed() > SWEEP {
                swept = tokio::time::Instant::now();
                if let Err(error) = self.sweep(clock::now_ms()).await {
                    tracing::error!(%error, "cannot delete what belongs to no lease");
                }
            }
            if logs_swept.elapsed() > SWEEP_LOGS {
                logs_swept = tokio::time::Instant::now();
                if let Err(error) = self.sweep_logs().await {
                    tracing::warn!(%error, "cannot put logs where they belong yet");
                }
            }
            tokio::select! {
                () = tokio::time::sleep(pause) => {}
                () = stopping.cancelled() => return,
            }
        }
    }
}
