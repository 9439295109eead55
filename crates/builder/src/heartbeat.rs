//! Keeping a lease, and everything that may end it early.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, Instant},
};

use copr_api::builder::Stage;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use crate::client::{ClientError, LeaseClient};

/// Longest pause between two beats: a build that someone cancels is to stop within five seconds.
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// Why a build is to be stopped before its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum StopReason {
    /// Someone cancelled it: tell the server that it is stopped.
    Cancelled,
    /// The lease is someone else's: say nothing.
    Lost,
    /// This builder ends: say nothing, the lease runs out.
    Shutdown,
}

/// Stops one build: async work by the token, the machine by the flag. Clones are the same.
#[derive(Debug, Clone)]
pub(crate) struct Stop {
    reason: Arc<std::sync::OnceLock<StopReason>>,
    token: CancellationToken,
    machine: Arc<AtomicBool>,
}

impl Stop {
    /// Nothing is stopped yet.
    pub(crate) fn new() -> Self {
        Self { reason: Arc::default(), token: CancellationToken::new(), machine: Arc::default() }
    }

    /// Stops; the first reason counts.
    pub(crate) fn stop(&self, reason: StopReason) {
        let _ = self.reason.set(reason);
        self.machine.store(true, Ordering::SeqCst);
        self.token.cancel();
    }

    /// Why, if it is stopped.
    pub(crate) fn reason(&self) -> Option<StopReason> {
        self.reason.get().copied()
    }

    /// The flag that a machine watches.
    pub(crate) fn machine_flag(&self) -> Arc<AtomicBool> {
        self.machine.clone()
    }

    /// The work's result, or `None` as soon as the build is stopped.
    pub(crate) async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            biased;
            () = self.token.cancelled() => None,
            result = work => Some(result),
        }
    }

    /// Resolves when it is stopped.
    pub(crate) async fn stopped(&self) {
        self.token.cancelled().await;
    }

    /// Resolves when nobody is to be told anything about it any more.
    pub(crate) async fn abandoned(&self) {
        self.stopped().await;
        if self.reason() == Some(StopReason::Cancelled) {
            std::future::pending::<()>().await;
        }
    }
}

/// Beats until the future is dropped or the build is stopped: every few seconds, at a third of the lease's time where that
/// is shorter, and at once when the stage changes. Stops the build when the server says so and when the lease is lost. A
/// server that is away stops nothing: when it is back it gives every builder time to be heard, or says that the lease is lost.
pub(crate) async fn keep(
    client: &LeaseClient,
    lease: &str,
    seconds: u64,
    mut stage: watch::Receiver<Stage>,
    stop: &Stop,
) {
    let lasts = Duration::from_secs(seconds.max(1));
    let period = (lasts / 3).clamp(Duration::from_millis(200), LONGEST_PAUSE);
    let mut kept = Instant::now();
    loop {
        let now = *stage.borrow_and_update();
        let pause = match client.heartbeat(lease, now).await {
            Ok(reply) if reply.cancel => return stop.stop(StopReason::Cancelled),
            Ok(_) => {
                kept = Instant::now();
                period
            }
            Err(ClientError::Lost(message)) => {
                tracing::warn!(lease, message, "the lease is lost");
                return stop.stop(StopReason::Lost);
            }
            Err(error) if !error.is_transient() && kept.elapsed() > lasts => {
                tracing::warn!(lease, %error, "the lease cannot be kept");
                return stop.stop(StopReason::Lost);
            }
            Err(error) => {
                tracing::debug!(lease, %error, "a heartbeat failed");
                period.min(Duration::from_secs(1))
            }
        };
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            () = stop.stopped() => return,
            changed = stage.changed() => if changed.is_err() { tokio::time::sleep(pause).await },
        }
    }
}
