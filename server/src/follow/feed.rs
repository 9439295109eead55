//! Who follows all that happens, or all of one project.
//!
//! One reader asks the database, however many follow; the newest events stay in memory for those who are up to date. Whoever comes
//! from further behind reads the database in pieces, at the pace at which it takes what it is given.

use std::{
    collections::VecDeque,
    net::IpAddr,
    sync::{Arc, Mutex},
    time::Duration,
};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Following, Refused, follower::Counted, locked};
use crate::db::{
    self, Db,
    event::{self, Event},
};

/// How often new events are looked for.
const TURN: Duration = Duration::from_millis(500);
/// Events that stay in memory.
const KEPT: usize = 2000;
/// Events that are read in one go.
const PIECE: i64 = 200;
/// After so long without an event there is a sign of life.
const BEAT: Duration = Duration::from_secs(20);

/// The newest events.
#[derive(Debug, Default)]
pub(super) struct Feed {
    ring: Mutex<VecDeque<Arc<Event>>>,
    /// The last number that was read; whoever looks after the feed sends it.
    newest: watch::Sender<i64>,
    /// Somebody looks after it.
    watched: Mutex<bool>,
}

/// Which events somebody sees.
#[derive(Debug, Clone, Default)]
pub struct Sight {
    /// Of this project alone: who knows its name sees all of it.
    pub project_id: Option<i64>,
    /// Also of unlisted projects: an administrator of the site.
    pub unlisted: bool,
    /// Also of unlisted projects of these owners.
    pub owners: Vec<String>,
    /// Only of these topics; empty: all.
    pub topics: Vec<String>,
}

impl Sight {
    /// Whether an event is seen.
    #[must_use]
    pub fn sees(&self, event: &Event) -> bool {
        let seen = match self.project_id {
            Some(id) => event.project_id == id,
            None => self.unlisted || !event.unlisted || self.owners.iter().any(|owner| owner == event.owner.as_str()),
        };
        seen && (self.topics.is_empty() || self.topics.contains(&event.topic))
    }
}

/// What somebody who follows events hears.
#[derive(Debug, Clone, PartialEq)]
pub enum Heard {
    /// Something has happened.
    Event(Arc<Event>),
    /// Events after the number that was asked for are not kept any more; the first that is.
    Gap(i64),
    /// Nothing for a while, up to this number.
    Nothing(i64),
}

/// Somebody who follows events.
#[derive(Debug)]
pub struct EventFollower {
    following: Following,
    newest: watch::Receiver<i64>,
    sight: Sight,
    last: i64,
    waiting: VecDeque<Arc<Event>>,
    gap: Option<i64>,
    _counted: Counted,
}

impl Following {
    /// Begins to follow events after a number; `None`: from now on.
    ///
    /// # Errors
    /// As many follow as may, or the database does not answer.
    pub async fn events(
        &self,
        since: Option<i64>,
        sight: Sight,
        address: Option<IpAddr>,
    ) -> Result<EventFollower, Refused> {
        let counted = Counted::new(self, address)?;
        let failed = |error: db::Error| Refused::Io(std::io::Error::other(error));
        let db = &self.0.db;
        event::number(db).await.map_err(failed)?;
        let range = event::range(db).await.map_err(failed)?;
        let (first, last) = range.unwrap_or((1, 0));
        let feed = &self.0.feed;
        let newest = feed.newest.subscribe();
        {
            let mut watched = locked(&feed.watched);
            // One that is looked after already comes to that number by itself.
            if !std::mem::replace(&mut *watched, true) {
                feed.newest.send_replace(last);
                tokio::spawn(self.clone().watch_events());
            }
        }
        let last = since.unwrap_or(last).clamp(0, last);
        let gap = since.filter(|since| *since > 0 && *since + 1 < first).map(|_| first);
        Ok(EventFollower {
            following: self.clone(),
            newest,
            sight,
            last,
            waiting: VecDeque::new(),
            gap,
            _counted: counted,
        })
    }

    /// Looks after the feed as long as anybody follows it.
    async fn watch_events(self) {
        let feed = &self.0.feed;
        loop {
            {
                let mut watched = locked(&feed.watched);
                if feed.newest.receiver_count() == 0 {
                    *watched = false;
                    locked(&feed.ring).clear();
                    return;
                }
            }
            if let Err(error) = self.0.feed.look(&self.0.db).await {
                tracing::warn!(%error, "cannot tell followers what happens");
            }
            tokio::time::sleep(TURN).await;
        }
    }
}

impl Feed {
    async fn look(&self, db: &Db) -> Result<(), db::Error> {
        loop {
            event::number(db).await?;
            let last = *self.newest.borrow();
            let events = event::after(db, last, None, PIECE).await?;
            let Some(newest) = events.last().map(|event| event.number) else { return Ok(()) };
            {
                let mut ring = locked(&self.ring);
                // What comes behind a gap begins the ring anew: it has all between its ends.
                if ring.back().is_some_and(|event| event.number != last) {
                    ring.clear();
                }
                ring.extend(events.into_iter().map(Arc::new));
                let surplus = ring.len().saturating_sub(KEPT);
                ring.drain(..surplus);
            }
            self.newest.send_replace(newest);
        }
    }

    /// All events after a number, if they are in memory; and the number of the last one there.
    fn after(&self, last: i64) -> Option<(Vec<Arc<Event>>, i64)> {
        let ring = locked(&self.ring);
        let (first, newest) = (ring.front()?.number, ring.back()?.number);
        let all = || ring.iter().filter(|event| event.number > last).cloned().collect();
        (first <= last + 1).then(|| (all(), newest))
    }
}

impl EventFollower {
    /// The number of the last event that was looked at: where to go on from.
    #[must_use]
    pub fn last(&self) -> i64 {
        self.last
    }

    /// What is heard next, however long it takes; `None`: the server stops.
    ///
    /// # Errors
    /// The database does not answer.
    pub async fn next(&mut self, stopping: &CancellationToken) -> Result<Option<Heard>, db::Error> {
        if let Some(first) = self.gap.take() {
            return Ok(Some(Heard::Gap(first)));
        }
        loop {
            if let Some(event) = self.waiting.pop_front() {
                self.last = self.last.max(event.number);
                return Ok(Some(Heard::Event(event)));
            }
            if stopping.is_cancelled() {
                return Ok(None);
            }
            let newest = *self.newest.borrow_and_update();
            if self.last < newest {
                self.fetch(newest).await?;
                continue;
            }
            tokio::select! {
                changed = self.newest.changed() => if changed.is_err() { return Ok(None) },
                () = tokio::time::sleep(BEAT) => return Ok(Some(Heard::Nothing(self.last))),
                () = stopping.cancelled() => return Ok(None),
            }
        }
    }

    async fn fetch(&mut self, newest: i64) -> Result<(), db::Error> {
        let inner = &self.following.0;
        let (events, end) = match inner.feed.after(self.last) {
            Some(found) => found,
            None => {
                let events = event::after(&inner.db, self.last, self.sight.project_id, PIECE).await?;
                let full = i64::try_from(events.len()).is_ok_and(|count| count >= PIECE);
                let end = if full { events.last().map_or(newest, |event| event.number) } else { newest };
                (events.into_iter().map(Arc::new).collect(), end)
            }
        };
        self.waiting.extend(events.into_iter().filter(|event| self.sight.sees(event)));
        if self.waiting.is_empty() {
            self.last = self.last.max(end);
        }
        Ok(())
    }
}
