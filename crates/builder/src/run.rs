//! The builder as a whole: workers that lease one build after the other.

use std::{path::PathBuf, sync::Arc, time::Duration};

use copr_api::builder::{Lease, LeaseRequest};
use tokio_util::sync::CancellationToken;

use crate::{
    BuilderOptions, CheckError, check,
    client::{ClientError, LeaseClient},
    engine::{Engine, Failure},
    heartbeat::{Stop, StopReason},
    job::{self, Shared},
    workdir::WorkDir,
};

/// Longest pause after a failed call for a lease.
const LONGEST_PAUSE: Duration = Duration::from_secs(30);

/// Why a builder cannot run at all.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// This host cannot build.
    #[error(transparent)]
    Check(#[from] CheckError),
    /// A builder that builds nothing.
    #[error("jobs is 0: it must be 1 at least")]
    NoJobs,
    /// Another builder works in the same folder.
    #[error("{dir} belongs to a builder that is running: give each builder a work folder of its own")]
    WorkDirTaken {
        /// The folder.
        dir: PathBuf,
    },
    /// The server's address cannot be used.
    #[error(transparent)]
    Client(#[from] ClientError),
    /// The cache cannot be used.
    #[error(transparent)]
    Remote(#[from] copr_remote::Error),
    /// The work folder cannot be used.
    #[error(transparent)]
    Io(#[from] std::io::Error),
}

/// How a builder is asked to end. Clones are the same.
#[derive(Debug, Clone, Default)]
pub struct Ending {
    drain: CancellationToken,
    stop: CancellationToken,
}

impl Ending {
    /// No build is begun any more; running ones go on to their end.
    pub fn drain(&self) {
        self.drain.cancel();
    }

    /// Running builds are stopped too. Their leases run out on the server, which gives them to someone else.
    pub fn stop(&self) {
        self.drain();
        self.stop.cancel();
    }
}

/// Cancelling the token stops the builder.
impl From<CancellationToken> for Ending {
    fn from(stop: CancellationToken) -> Self {
        Self { drain: stop.clone(), stop }
    }
}

/// Leases and builds until it is asked to end. A server that is away is waited for.
///
/// # Errors
/// When the builder cannot even begin; see [`RunError`]. Nothing that happens to a build ends it.
pub async fn run(options: BuilderOptions, ending: impl Into<Ending>) -> Result<(), RunError> {
    let ending = ending.into();
    let (options, checked, work) = tokio::task::spawn_blocking(move || {
        if options.jobs == 0 {
            return Err(RunError::NoJobs);
        }
        let checked = check(&options.engine)?;
        let work = WorkDir::open(&options.engine.work_dir)?;
        Ok::<_, RunError>((options, checked, work))
    })
    .await
    .map_err(|error| std::io::Error::other(format!("a worker thread ended early: {error}")))??;
    for line in checked.to_string().lines() {
        tracing::info!(builder = options.name, "{line}");
    }
    let engine = Engine::new(options.engine.clone(), checked)?;
    let client = LeaseClient::new(&options.server_url, options.token.clone())?;
    let jobs = options.jobs;
    let shared = Arc::new(Shared { options, client, engine });
    let work = Arc::new(work);
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..jobs {
        tasks.spawn(worker(shared.clone(), work.clone(), ending.clone()));
    }
    while let Some(ended) = tasks.join_next().await {
        if let Err(error) = ended {
            tracing::error!(%error, "a worker of the builder ended early");
        }
    }
    Ok(())
}

/// Leases one build after the other until it is asked to end.
async fn worker(shared: Arc<Shared>, work: Arc<WorkDir>, ending: Ending) {
    let mut failures = 0_u32;
    while !ending.drain.is_cancelled() {
        let asked = tokio::time::Instant::now();
        let lease = tokio::select! {
            () = ending.drain.cancelled() => return,
            lease = lease(&shared) => lease,
        };
        let pause = match lease {
            Ok(Some(lease)) => {
                failures = 0;
                one(&shared, &work, &lease, &ending.stop).await
            }
            // The server holds the call as long as it likes; one that does not must not be called in a circle.
            Ok(None) => {
                failures = 0;
                Duration::from_secs(1).saturating_sub(asked.elapsed())
            }
            Err(error) => {
                failures = failures.saturating_add(1);
                if failures == 5 {
                    tracing::warn!(%error, "no work can be leased; trying on");
                } else {
                    tracing::debug!(%error, failures, "no work can be leased");
                }
                Duration::from_millis(100).saturating_mul(1 << failures.min(9)).min(LONGEST_PAUSE)
            }
        };
        tokio::select! {
            () = ending.drain.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}

async fn lease(shared: &Shared) -> Result<Option<Lease>, ClientError> {
    // What an x86_64 host can run; other hosts are told from the architecture this program is made for.
    let arches = vec![std::env::consts::ARCH.to_owned(), "noarch".to_owned()];
    let BuilderOptions { name, chroots, tags, .. } = &shared.options;
    let request = LeaseRequest { builder: name.clone(), arches, chroots: chroots.clone(), tags: tags.clone() };
    shared.client.lease(&request).await
}

/// Works off one lease; the answer is how long to wait before the next.
async fn one(shared: &Shared, work: &WorkDir, lease: &Lease, stopping: &CancellationToken) -> Duration {
    tracing::info!(lease = lease.id, build.id = lease.build_id, chroot = %lease.chroot, "leased");
    let stop = Stop::new();
    let dir = match work.build() {
        Ok(dir) => dir,
        Err(error) => {
            tracing::error!(%error, "no folder for a build");
            return LONGEST_PAUSE;
        }
    };
    let ended = {
        let run = job::run(shared, lease, dir.path(), &stop);
        tokio::pin!(run);
        tokio::select! {
            ended = &mut run => ended,
            () = stopping.cancelled() => {
                stop.stop(StopReason::Shutdown);
                run.await
            }
        }
    };
    match ended {
        Ok(()) => Duration::ZERO,
        Err(Failure::Stopped) => {
            tracing::info!(lease = lease.id, reason = ?stop.reason(), "build stopped");
            Duration::ZERO
        }
        Err(Failure::User(message) | Failure::Skipped(message) | Failure::Machine(message)) => {
            tracing::warn!(lease = lease.id, message, "the build's end could not be told to the server");
            Duration::from_secs(1)
        }
    }
}
