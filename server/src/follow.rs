//! Who follows builds while they run: how far they are, and their logs, as they come.
//!
//! However many follow a build, it is read once. The states of all followed builds are asked for together, every second (other
//! servers change them too) and whenever this server has changed one; a log is read by the call that brought a piece of it. Its
//! newest piece stays in memory for those who are up to date; whoever is behind reads the file, at the pace at which it takes
//! what it is given.

mod feed;
mod follower;

use std::{
    collections::HashMap,
    io,
    net::IpAddr,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use bytes::{Bytes, BytesMut};
use serde_json::json;
use tokio::sync::{Notify, watch};

use crate::{
    config::Limits,
    db::{
        self, Db,
        build::{Build, BuildChroot},
    },
    store::{LOG_NAMES, Place, Store},
};

pub use feed::{EventFollower, Heard, Sight};
pub use follower::{Event, Follower};

/// How often the states of followed builds are asked for.
const TURN: Duration = Duration::from_secs(1);
/// The least pause between two times.
const PAUSE: Duration = Duration::from_millis(100);
/// Bytes of a followed log that stay in memory.
const TAIL: usize = 64 << 10;
/// The name that the job making the source package has among a build's chroots.
pub const SOURCE: &str = "srpm-builds";

/// All who follow; clones share them.
#[derive(Debug, Clone)]
pub struct Following(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    db: Db,
    store: Store,
    builds: Mutex<Builds>,
    /// A state has changed.
    changed: Notify,
    /// What happens.
    feed: feed::Feed,
    /// How many follow, by address.
    places: Mutex<HashMap<Option<IpAddr>, usize>>,
    /// Most of all and most of one address.
    limits: (usize, usize),
}

#[derive(Debug, Default)]
struct Builds {
    followed: HashMap<i64, Arc<Followed>>,
    /// Somebody looks after them.
    watched: bool,
}

/// A build that somebody follows.
#[derive(Debug)]
struct Followed {
    id: i64,
    /// `None`: it was deleted.
    states: watch::Sender<Option<Arc<Now>>>,
    /// By the job's row number and the log's name.
    logs: Mutex<HashMap<(i64, &'static str), Arc<Log>>>,
}

/// A build as it is now.
#[derive(Debug)]
struct Now {
    build: Build,
    /// What its followers are told.
    text: String,
    over: bool,
}

/// A log that somebody follows.
#[derive(Debug)]
struct Log {
    job: i64,
    name: &'static str,
    tail: watch::Sender<Tail>,
    /// One reader at a time.
    reading: tokio::sync::Mutex<()>,
}

/// The end of a log.
#[derive(Debug, Clone, Default)]
struct Tail {
    begin: u64,
    bytes: Bytes,
    /// How often the log began anew.
    anew: u64,
}

/// Why somebody may not follow now.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// As many follow as may.
    #[error("As many follow as this server lets at once: try again later.")]
    Full,
    /// As many of this address follow as may.
    #[error("As many follow from your address as this server lets at once: close some, or try again later.")]
    FullOfAddress,
    /// Ours.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl Now {
    fn of(build: Build) -> Arc<Self> {
        let chroots: Vec<_> = build
            .jobs()
            .map(|job| {
                let stage = if job.publishing { Some("publishing") } else { job.stage.as_deref() };
                json!({ "name": name(job), "state": job.state, "stage": stage, "attempts": job.attempts })
            })
            .collect();
        let over = build.is_over();
        let text = json!({
            "id": build.id, "state": build.state(), "over": over, "fingerprint": build.fingerprint(), "chroots": chroots,
        });
        Arc::new(Self { text: text.to_string(), over, build })
    }

    fn job(&self, id: i64) -> Option<&BuildChroot> {
        self.build.jobs().find(|job| job.id == id)
    }

    /// Whether nothing more comes to the logs of a job.
    fn has_ended(&self, job: i64) -> bool {
        self.job(job).is_none_or(|job| job.state.is_final())
    }

    /// Where a job's logs are.
    fn folder(&self, store: &Store, job: i64) -> Option<Place> {
        let (build, job) = (&self.build, self.job(job)?);
        Some(match job.source {
            true => store.source_folder(&build.owner, &build.dirname, build.id),
            false => store.directory(&build.owner, &build.dirname).join(job.chroot.as_str()).join(&build.folder()),
        })
    }
}

/// What a job is called among a build's chroots.
fn name(job: &BuildChroot) -> &str {
    if job.source { SOURCE } else { job.chroot.as_str() }
}

/// The job of a build that has this name among its chroots.
#[must_use]
pub fn job_named(build: &Build, wanted: &str) -> Option<i64> {
    build.jobs().find(|job| name(job) == wanted).map(|job| job.id)
}

impl Tail {
    fn end(&self) -> u64 {
        self.begin + u64::try_from(self.bytes.len()).unwrap_or_default()
    }

    /// With what follows it, as far as it is kept.
    fn with(&self, begin: u64, more: Bytes) -> Self {
        let mut all = if begin == self.end() { BytesMut::from(&self.bytes[..]) } else { BytesMut::new() };
        all.extend_from_slice(&more);
        let end = begin + u64::try_from(more.len()).unwrap_or_default();
        let bytes = all.freeze();
        let bytes = bytes.slice(bytes.len().saturating_sub(TAIL)..);
        Self { begin: end - u64::try_from(bytes.len()).unwrap_or_default(), bytes, anew: self.anew }
    }
}

fn locked<T>(of: &Mutex<T>) -> MutexGuard<'_, T> {
    of.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Following {
    /// Nobody yet.
    #[must_use]
    pub fn new(db: Db, store: Store, limits: &Limits) -> Self {
        Self(Arc::new(Inner {
            db,
            store,
            builds: Mutex::default(),
            changed: Notify::new(),
            feed: feed::Feed::default(),
            places: Mutex::default(),
            // A quarter of the connections stays for other calls.
            limits: (limits.followers.min(limits.connections - limits.connections / 4), limits.followers_of_address),
        }))
    }

    /// How many follow.
    #[must_use]
    pub fn count(&self) -> usize {
        locked(&self.0.places).values().sum()
    }

    /// Begins to follow a build and, if that is wished, one log of a job from an offset on. `address` counts as one caller.
    ///
    /// # Errors
    /// There are too many already, or the log can't be read.
    pub async fn follow(
        &self,
        build: Build,
        log: Option<(i64, &'static str, u64)>,
        address: Option<IpAddr>,
    ) -> Result<Follower, Refused> {
        let counted = follower::Counted::new(self, address)?;
        let (followed, states) = {
            let mut builds = locked(&self.0.builds);
            let id = build.id;
            let followed = builds.followed.entry(id).or_insert_with(|| {
                let states = watch::Sender::new(Some(Now::of(build)));
                Arc::new(Followed { id, states, logs: Mutex::default() })
            });
            // One that has a receiver is not forgotten.
            let (followed, states) = (Arc::clone(followed), followed.states.subscribe());
            if !std::mem::replace(&mut builds.watched, true) {
                tokio::spawn(self.clone().watch());
            }
            (followed, states)
        };
        let log = match log {
            None => None,
            Some((job, name, offset)) => {
                let (log, tail) = {
                    let mut logs = locked(&followed.logs);
                    let log = logs.entry((job, name)).or_insert_with(|| Arc::new(Log::new(job, name)));
                    (Arc::clone(log), log.tail.subscribe())
                };
                let now = states.borrow().clone();
                if let Some(now) = now {
                    log.look(&self.0.store, &now).await?;
                }
                Some(follower::Place::new(log, tail, offset))
            }
        };
        Ok(Follower::new(self.0.store.clone(), states, log, counted))
    }

    fn followed(&self, build: i64) -> Option<Arc<Followed>> {
        locked(&self.0.builds).followed.get(&build).cloned()
    }

    /// Says that the state of a build has changed.
    pub fn changed(&self, build: i64) {
        if self.followed(build).is_some() {
            self.0.changed.notify_one();
        }
    }

    /// Says that a job begins once more, with empty logs.
    pub fn begins(&self, build: i64, job: i64) {
        let Some(followed) = self.followed(build) else { return };
        for log in followed.logs().iter().filter(|log| log.job == job) {
            log.tail.send_modify(|tail| *tail = Tail { anew: tail.anew + 1, ..Tail::default() });
        }
        self.0.changed.notify_one();
    }

    /// Says that something was added to a log of a job.
    pub async fn grown(&self, build: i64, job: i64, name: &str) {
        let Some(followed) = self.followed(build) else { return };
        let Some(log) = followed.logs().into_iter().find(|log| log.job == job && log.name == name) else { return };
        let now = followed.states.borrow().clone();
        if let Some(now) = now
            && let Err(error) = log.look(&self.0.store, &now).await
        {
            tracing::warn!(build.id = build, name, %error, "a log that is followed cannot be read");
        }
    }

    /// Looks after the builds that are followed, as long as there are any.
    async fn watch(self) {
        loop {
            let builds: Vec<_> = {
                let mut builds = locked(&self.0.builds);
                builds.followed.retain(|_, followed| followed.states.receiver_count() > 0);
                if builds.followed.is_empty() {
                    builds.watched = false;
                    return;
                }
                builds.followed.values().filter(|followed| !followed.is_over()).cloned().collect()
            };
            if let Err(error) = self.look(&builds).await {
                tracing::warn!(error = format!("{error:#}"), "cannot tell followers how far builds are");
            }
            tokio::time::sleep(PAUSE).await;
            tokio::select! {
                () = tokio::time::sleep(TURN.saturating_sub(PAUSE)) => {}
                () = self.0.changed.notified() => {}
            }
        }
    }

    async fn look(&self, builds: &[Arc<Followed>]) -> anyhow::Result<()> {
        let ids: Vec<i64> = builds.iter().map(|followed| followed.id).collect();
        let found = db::build::of_numbers(&self.0.db, &ids).await?;
        let mut found: HashMap<i64, Build> = found.into_iter().map(|build| (build.id, build)).collect();
        for followed in builds {
            let now = found.remove(&followed.id).map(Now::of);
            if let Some(now) = &now {
                // The end of a log before the end of its job: whoever hears of that looks for no more.
                for log in followed.logs() {
                    log.look(&self.0.store, now).await?;
                }
            }
            locked(&followed.logs).retain(|_, log| log.tail.receiver_count() > 0);
            followed.states.send_if_modified(|old| {
                let differs = old.as_ref().map(|old| &old.text) != now.as_ref().map(|now| &now.text);
                if differs {
                    old.clone_from(&now);
                }
                differs
            });
        }
        Ok(())
    }
}

impl Followed {
    fn is_over(&self) -> bool {
        self.states.borrow().as_ref().is_none_or(|now| now.over)
    }

    fn logs(&self) -> Vec<Arc<Log>> {
        locked(&self.logs).values().cloned().collect()
    }
}

impl Log {
    fn new(job: i64, name: &'static str) -> Self {
        Self { job, name, tail: watch::Sender::default(), reading: tokio::sync::Mutex::default() }
    }

    /// Takes what was added since the last look.
    async fn look(&self, store: &Store, now: &Now) -> io::Result<()> {
        let _one_at_a_time = self.reading.lock().await;
        let Some(folder) = now.folder(store, self.job) else { return Ok(()) };
        let ended = now.has_ended(self.job);
        let mut old = self.tail.borrow().clone();
        let Some((size, mut more)) = store.read_log(&folder, self.name, old.end(), TAIL, ended).await? else {
            return Ok(());
        };
        let mut begin = old.end();
        if size < begin {
            // It began anew, and nobody has said so.
            old = Tail { anew: old.anew + 1, ..Tail::default() };
        } else if size == begin {
            return Ok(());
        }
        let rest = size.saturating_sub(u64::try_from(TAIL).unwrap_or_default());
        if size < begin || begin < rest {
            begin = rest;
            let Some((_, end)) = store.read_log(&folder, self.name, begin, TAIL, ended).await? else { return Ok(()) };
            more = end;
        }
        self.tail.send_modify(|tail| {
            // Unless it began anew meanwhile.
            if tail.anew == old.anew || size < tail.end() {
                *tail = old.with(begin, more);
            }
        });
        Ok(())
    }
}

/// The log of that name, if builds have one.
#[must_use]
pub fn log_named(name: &str) -> Option<&'static str> {
    LOG_NAMES.iter().copied().find(|known| *known == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_log_stays_and_what_came_before_is_let_go() {
        let tail = Tail::default().with(0, Bytes::from_static(b"one\n")).with(4, Bytes::from_static(b"two\n"));
        assert_eq!((tail.begin, &tail.bytes[..], tail.end()), (0, &b"one\ntwo\n"[..], 8));
        let tail = tail.with(8, Bytes::from(vec![b'x'; TAIL - 3]));
        assert_eq!((tail.begin, tail.bytes.len(), tail.end()), (5, TAIL, 8 + TAIL as u64 - 3));
        let tail = tail.with(1 << 20, Bytes::from_static(b"later\n"));
        assert_eq!((tail.begin, &tail.bytes[..]), (1 << 20, &b"later\n"[..]), "what lies between is not there");
    }
}
