//! An answer that is the same for all who ask at about the same time.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use tokio::sync::Mutex;

/// The last answer, and when it was found.
#[derive(Debug)]
pub(super) struct Kept<T>(Mutex<Option<(Instant, Arc<T>)>>);

impl<T> Default for Kept<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Kept<T> {
    /// The last answer, if it is not older than `fresh`; otherwise a new one. Whoever asks meanwhile waits for it.
    ///
    /// # Errors
    /// There is no new one: that is not kept.
    pub(super) async fn get<E>(&self, fresh: Duration, find: impl Future<Output = Result<T, E>>) -> Result<Arc<T>, E> {
        let mut kept = self.0.lock().await;
        if let Some((at, answer)) = kept.as_ref()
            && at.elapsed() < fresh
        {
            return Ok(Arc::clone(answer));
        }
        let answer = Arc::new(find.await?);
        *kept = Some((Instant::now(), Arc::clone(&answer)));
        Ok(answer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn many_who_ask_at_once_are_one_question() {
        let (kept, asked) = (Kept::default(), std::sync::atomic::AtomicU32::new(0));
        let ask = || async { Ok::<_, ()>(asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed)) };
        let hour = Duration::from_secs(3600);
        let (a, b, c) = tokio::join!(kept.get(hour, ask()), kept.get(hour, ask()), kept.get(hour, ask()));
        assert_eq!((*a.unwrap(), *b.unwrap(), *c.unwrap()), (0, 0, 0));
        assert_eq!(*kept.get(Duration::ZERO, ask()).await.unwrap(), 1);
        assert!(kept.get(Duration::ZERO, async { Err(()) }).await.is_err());
        assert_eq!(*kept.get(hour, ask()).await.unwrap(), 1, "a failure is not kept");
    }
}
