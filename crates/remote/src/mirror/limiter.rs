//! So many bytes a second and no more, over all connections.

use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// How far ahead of its time a connection may be: short enough that the rate holds, long enough for whole chunks.
const SLACK: Duration = Duration::from_millis(100);

/// Shared by all connections.
#[derive(Debug)]
pub(crate) struct Limiter {
    /// Bytes a second; `None` for no limit.
    rate: Option<u64>,
    /// When all that was let through is paid for.
    paid: Mutex<Instant>,
}

impl Limiter {
    pub(crate) fn new(rate: Option<u64>) -> Self {
        Self { rate: rate.filter(|rate| *rate > 0), paid: Mutex::new(Instant::now()) }
    }

    /// Waits until `bytes` more may pass.
    pub(crate) async fn pass(&self, bytes: usize) {
        let Some(wait) = self.take(bytes, Instant::now()) else { return };
        tokio::time::sleep(wait).await;
    }

    /// Books the bytes and tells how long to wait.
    fn take(&self, bytes: usize, now: Instant) -> Option<Duration> {
        let rate = self.rate?;
        let cost = Duration::from_secs_f64(bytes as f64 / rate as f64);
        let mut paid = self.paid.lock().unwrap_or_else(PoisonError::into_inner);
        *paid = (*paid).max(now.checked_sub(SLACK).unwrap_or(now)) + cost;
        paid.checked_duration_since(now).filter(|wait| !wait.is_zero())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_holds_for_all_together() {
        let limiter = Limiter::new(Some(1000));
        let start = Instant::now();
        // Nobody waits, so all waits are counted from the same moment.
        let waits: Vec<Duration> = (0..20).map(|_| limiter.take(500, start).unwrap_or_default()).collect();
        let last = waits.last().unwrap().as_secs_f64();
        assert!((9.8..=10.0).contains(&last), "{last}");
        assert!(waits.windows(2).all(|pair| pair[0] <= pair[1]));
    }

    #[test]
    fn time_that_was_not_used_is_not_saved_up() {
        let limiter = Limiter::new(Some(1000));
        let later = Instant::now() + Duration::from_secs(3600);
        let wait = limiter.take(2000, later).unwrap().as_secs_f64();
        assert!((1.8..=2.0).contains(&wait), "{wait}");
    }

    #[test]
    fn without_a_limit_nobody_waits() {
        assert_eq!(Limiter::new(None).take(1 << 40, Instant::now()), None);
        assert_eq!(Limiter::new(Some(0)).take(1 << 40, Instant::now()), None);
    }
}
