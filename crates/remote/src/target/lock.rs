//! A lock at a place that has none: a folder, which is made once.
//!
//! Whoever makes the folder has the lock; a file in it says who that is. It is held for a few requests. A holder that
//! crashed is noticed by those who wait: nothing changes for a minute by their own clocks. They take the folder away under
//! another name, and begin anew. A holder that is slower than half of that gives up by itself.

use std::{
    future::Future,
    time::{Duration, Instant},
};

use super::Tagged;
use crate::error::Error;

/// The file in the folder that names the holder.
const OWNER: &str = "owner";
/// Bytes that it may have.
const LIMIT: u64 = 4096;
/// How long to wait in all, in times after which a holder counts as crashed.
const PATIENCE: u32 = 10;

/// What a place must be able to do to be locked.
pub(super) trait Place: Sync {
    /// Makes a folder; false if there is something of that name.
    fn make_folder(&self, name: &str) -> impl Future<Output = Result<bool, Error>> + Send;
    /// Removes a folder and the one file that it may have; none is fine.
    fn remove_folder(&self, name: &str, file: &str) -> impl Future<Output = Result<(), Error>> + Send;
    /// Gives a folder another name; false if it is not there.
    fn rename_folder(&self, from: &str, to: &str) -> impl Future<Output = Result<bool, Error>> + Send;
    /// A small file.
    fn read_small(&self, name: &str, limit: u64) -> impl Future<Output = Result<Option<Tagged>, Error>> + Send;
    /// Writes a small file.
    fn write_small(&self, name: &str, bytes: Vec<u8>) -> impl Future<Output = Result<(), Error>> + Send;
    /// What messages call a file.
    fn shown(&self, name: &str) -> String;
}

/// The lock, taken. It is to be [released](Self::release); dropped, it stays until others find it stale.
#[derive(Debug)]
pub(super) struct Held {
    name: String,
    token: String,
    since: Instant,
    stale: Duration,
}

impl Held {
    /// Takes the lock `name`; `stale` is after how long without a change its holder counts as crashed.
    pub(super) async fn take(place: &impl Place, name: &str, stale: Duration) -> Result<Self, Error> {
        let token = format!("{:032x}", rand::random::<u128>());
        let owner = format!("{name}/{OWNER}");
        let begun = Instant::now();
        let mut seen: Option<(Option<Vec<u8>>, Instant)> = None;
        let mut pause = Duration::from_millis(50);
        loop {
            if place.make_folder(name).await? {
                let held = Self { name: name.to_owned(), token, since: Instant::now(), stale };
                if let Err(error) = place.write_small(&owner, held.token.clone().into_bytes()).await {
                    held.release(place).await;
                    return Err(error);
                }
                return Ok(held);
            }
            let holder = place.read_small(&owner, LIMIT).await?.map(|tagged| tagged.bytes);
            match &seen {
                Some((same, since)) if *same == holder => {
                    if since.elapsed() > stale {
                        let aside = format!("{name}.stale-{token}");
                        if place.rename_folder(name, &aside).await? {
                            place.remove_folder(&aside, OWNER).await?;
                        }
                        seen = None;
                    }
                }
                _ => seen = Some((holder, Instant::now())),
            }
            if begun.elapsed() > stale.saturating_mul(PATIENCE) {
                return Err(Error::Write {
                    place: place.shown(name),
                    reason: "others hold this lock, one after the other; try again later".to_owned(),
                    transient: true,
                });
            }
            tokio::time::sleep(pause.mul_f64(rand::random_range(0.5..1.5))).await;
            pause = (pause * 2).min(Duration::from_secs(1));
        }
    }

    /// Whether the lock is still ours, and will be for the next request.
    pub(super) async fn is_ours(&self, place: &impl Place) -> Result<bool, Error> {
        if self.since.elapsed() > self.stale / 2 {
            return Ok(false);
        }
        let owner = place.read_small(&format!("{}/{OWNER}", self.name), LIMIT).await?;
        Ok(owner.is_some_and(|owner| owner.bytes == self.token.as_bytes()))
    }

    /// Gives the lock back. Where that fails, others find it stale.
    pub(super) async fn release(self, place: &impl Place) {
        // By now others may have found it stale: then it is not ours to remove.
        if self.since.elapsed() > self.stale / 2 {
            return;
        }
        let _ = place.remove_folder(&self.name, OWNER).await;
    }
}
