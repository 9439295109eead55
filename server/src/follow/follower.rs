//! One who follows.

use std::{io, net::IpAddr, sync::Arc, time::Duration};

use bytes::Bytes;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{Following, Log, Now, Refused, Tail, locked};
use crate::store::Store;

/// Most bytes of a log in one event.
const PIECE: usize = 32 << 10;
/// After so long without an event there is a sign of life, so that neither proxies nor the other side give up.
const BEAT: Duration = Duration::from_secs(20);

/// What a follower is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event {
    /// How far the build is, as JSON.
    State(String),
    /// What was added to the log, from this byte on.
    Log {
        /// Where it begins.
        begin: u64,
        /// Whole characters; what is no UTF-8 is replaced.
        text: String,
    },
    /// The log begins anew, at byte 0: the build is tried again.
    Anew,
    /// Nothing new for a while.
    Nothing,
    /// Nothing more will come.
    End,
}

/// A follower's place among all that may be; given back when it is dropped.
#[derive(Debug)]
pub(super) struct Counted {
    following: Following,
    address: Option<IpAddr>,
}

impl Counted {
    pub(super) fn new(following: &Following, address: Option<IpAddr>) -> Result<Self, Refused> {
        let (most, of_address) = following.0.limits;
        let mut places = locked(&following.0.places);
        if places.values().sum::<usize>() >= most {
            return Err(Refused::Full);
        }
        let place = places.entry(address).or_default();
        // Calls that did not come by the network have no address that one could hold against them.
        if address.is_some() && *place >= of_address {
            return Err(Refused::FullOfAddress);
        }
        *place += 1;
        Ok(Self { following: following.clone(), address })
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let mut places = locked(&self.following.0.places);
        if let Some(place) = places.get_mut(&self.address) {
            *place = place.saturating_sub(1);
            if *place == 0 {
                places.remove(&self.address);
            }
        }
    }
}

/// Where a follower is in its log.
#[derive(Debug)]
pub(super) struct Place {
    log: Arc<Log>,
    tail: watch::Receiver<Tail>,
    offset: u64,
    /// How often the log had begun anew when it was there.
    anew: u64,
}

impl Place {
    pub(super) fn new(log: Arc<Log>, tail: watch::Receiver<Tail>, offset: u64) -> Self {
        let anew = tail.borrow().anew;
        Self { log, tail, offset, anew }
    }
}

/// Somebody who follows a build.
#[derive(Debug)]
pub struct Follower {
    store: Store,
    states: watch::Receiver<Option<Arc<Now>>>,
    log: Option<Place>,
    /// What it was told last.
    told: Option<Arc<Now>>,
    ended: bool,
    _counted: Counted,
}

impl Follower {
    pub(super) fn new(
        store: Store,
        states: watch::Receiver<Option<Arc<Now>>>,
        log: Option<Place>,
        counted: Counted,
    ) -> Self {
        Self { store, states, log, told: None, ended: false, _counted: counted }
    }

    /// The byte of the log that comes next; 0 without a log.
    #[must_use]
    pub fn offset(&self) -> u64 {
        self.log.as_ref().map_or(0, |log| log.offset)
    }

    /// Whether the build is over, and it has all of the log.
    #[must_use]
    pub fn has_all(&self) -> bool {
        let over = self.states.borrow().as_ref().is_none_or(|now| now.over);
        over && self.log.as_ref().is_none_or(|log| log.offset == log.tail.borrow().end())
    }

    /// The next event, however long it takes; `None`: there is none, or the server stops.
    ///
    /// # Errors
    /// The log can't be read.
    pub async fn next(&mut self, stopping: &CancellationToken) -> io::Result<Option<Event>> {
        while !self.ended && !stopping.is_cancelled() {
            // What is waited for begins with this look, so that nothing falls in between.
            let Some(now) = self.states.borrow_and_update().clone() else { break };
            if self.told.as_ref().is_none_or(|told| !Arc::ptr_eq(told, &now)) {
                self.told = Some(Arc::clone(&now));
                return Ok(Some(Event::State(now.text.clone())));
            }
            if let Some(event) = self.of_log(&now).await? {
                return Ok(Some(event));
            }
            if now.over {
                break;
            }
            let Self { states, log, .. } = self;
            let grown = async {
                match log {
                    Some(log) => log.tail.changed().await.is_ok(),
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                _ = states.changed() => {}
                _ = grown => {}
                () = tokio::time::sleep(BEAT) => return Ok(Some(Event::Nothing)),
                () = stopping.cancelled() => return Ok(None),
            }
        }
        let last = !std::mem::replace(&mut self.ended, true) && !stopping.is_cancelled();
        Ok(last.then_some(Event::End))
    }

    /// What it has not got of its log.
    async fn of_log(&mut self, now: &Now) -> io::Result<Option<Event>> {
        let Some(place) = &mut self.log else { return Ok(None) };
        let tail = place.tail.borrow_and_update().clone();
        if tail.anew != place.anew || place.offset > tail.end() {
            place.anew = tail.anew;
            if std::mem::take(&mut place.offset) > 0 {
                return Ok(Some(Event::Anew));
            }
        }
        let (begin, ended) = (place.offset, now.has_ended(place.log.job));
        let length = usize::try_from(tail.end() - begin).unwrap_or(usize::MAX).min(PIECE);
        if length == 0 {
            return Ok(None);
        }
        let bytes = match begin.checked_sub(tail.begin).and_then(|skip| usize::try_from(skip).ok()) {
            Some(skip) => tail.bytes.slice(skip..skip + length),
            None => match now.folder(&self.store, place.log.job) {
                Some(folder) => {
                    let read = self.store.read_log(&folder, place.log.name, begin, length, ended).await?;
                    read.map_or_else(Bytes::new, |(_, bytes)| bytes)
                }
                None => Bytes::new(),
            },
        };
        let last = ended && begin + u64::try_from(bytes.len()).unwrap_or_default() == tail.end();
        let whole = if last { bytes.len() } else { whole_characters(&bytes) };
        if whole == 0 {
            return Ok(None);
        }
        place.offset += u64::try_from(whole).unwrap_or_default();
        let text = String::from_utf8_lossy(bytes.get(..whole).unwrap_or_default()).into_owned();
        Ok(Some(Event::Log { begin, text }))
    }
}

/// How many of these bytes there are without a character at their end of which something is missing.
fn whole_characters(bytes: &[u8]) -> usize {
    for (back, byte) in bytes.iter().rev().take(3).enumerate() {
        let length = match byte {
            0x80..=0xBF => continue,
            0xC2..=0xDF => 2,
            0xE0..=0xEF => 3,
            0xF0..=0xF4 => 4,
            _ => 1,
        };
        return if length > back + 1 { bytes.len() - back - 1 } else { bytes.len() };
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_piece_ends_with_a_whole_character() {
        for (text, whole) in [
            (&b"abc"[..], 3),
            ("aé".as_bytes(), 3),
            (&"aé".as_bytes()[..2], 1),
            (&"a€".as_bytes()[..3], 1),
            (&"🦀".as_bytes()[..3], 0),
            ("🦀".as_bytes(), 4),
            (b"a\xff", 2),
            (b"\x80\x80\x80\x80", 4),
            (b"", 0),
        ] {
            assert_eq!(whole_characters(text), whole, "{text:?}");
        }
    }
}
