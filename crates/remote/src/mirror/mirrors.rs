//! Which mirror to ask next.

use std::sync::{Mutex, PoisonError};

use crate::{error::Error, url::RepoUrl};

/// Faults after which a mirror is asked only when no other is left.
const LEFT: u32 = 4;

/// The mirrors of one repository.
#[derive(Debug)]
pub(crate) struct Mirrors {
    all: Vec<RepoUrl>,
    states: Mutex<Vec<State>>,
}

#[derive(Debug, Clone, Copy, Default)]
struct State {
    faults: u32,
    busy: u32,
}

impl Mirrors {
    pub(crate) fn new(all: Vec<RepoUrl>) -> Self {
        let states = Mutex::new(vec![State::default(); all.len()]);
        Self { all, states }
    }

    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    /// In the order of the list, those that failed behind the others.
    pub(crate) fn in_order(&self) -> Vec<(usize, RepoUrl)> {
        let states = self.states.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let mut order: Vec<(usize, RepoUrl)> = self.all.iter().cloned().enumerate().collect();
        order.sort_by_key(|(index, _)| states.get(*index).is_some_and(|state| state.faults >= LEFT));
        order
    }

    /// The best mirror that is not in `tried`: of few faults, then with few connections, then first in the list.
    pub(crate) fn take(&self, tried: &[usize]) -> Option<Taken<'_>> {
        let mut states = self.states.lock().unwrap_or_else(PoisonError::into_inner);
        let free = states.iter().enumerate().filter(|(index, _)| !tried.contains(index));
        let (index, _) = free.min_by_key(|(_, state)| (state.faults >= LEFT, state.faults * 2 + state.busy))?;
        let url = self.all.get(index)?.clone();
        if let Some(state) = states.get_mut(index) {
            state.busy += 1;
        }
        Some(Taken { mirrors: self, index, url })
    }

    /// Notes what went wrong with a mirror. One that sends something else than it should is left at once.
    pub(crate) fn blame(&self, index: usize, error: &Error) {
        let faults = match error {
            Error::WrongChecksum { .. } | Error::TooLong { .. } | Error::WrongRange { .. } | Error::Refused { .. } => {
                LEFT
            }
            _ => 1,
        };
        self.add(index, faults);
    }

    /// Notes that a mirror does not have what it should.
    pub(crate) fn leave(&self, index: usize) {
        self.add(index, LEFT);
    }

    fn add(&self, index: usize, faults: u32) {
        if let Some(state) = self.states.lock().unwrap_or_else(PoisonError::into_inner).get_mut(index) {
            state.faults = state.faults.saturating_add(faults).min(1000);
        }
    }
}

/// A mirror while it is asked.
pub(crate) struct Taken<'a> {
    mirrors: &'a Mirrors,
    pub(crate) index: usize,
    pub(crate) url: RepoUrl,
}

impl Drop for Taken<'_> {
    fn drop(&mut self) {
        let mut states = self.mirrors.states.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(state) = states.get_mut(self.index) {
            state.busy = state.busy.saturating_sub(1);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_spread_and_a_mirror_that_lies_is_left() {
        let urls = ["http://a.example", "http://b.example", "http://c.example"];
        let mirrors = Mirrors::new(urls.iter().map(|url| url.parse().unwrap()).collect());
        let (first, second) = (mirrors.take(&[]).unwrap(), mirrors.take(&[]).unwrap());
        assert_eq!((first.index, second.index), (0, 1));
        drop(first);
        mirrors.blame(0, &Error::TooLong { url: String::new(), limit: 1 });
        assert_eq!(mirrors.take(&[]).unwrap().index, 2);
        assert_eq!(mirrors.take(&[1, 2]).unwrap().index, 0, "it is asked when no other is left");
        assert!(mirrors.take(&[0, 1, 2]).is_none());
        assert_eq!(mirrors.in_order().into_iter().map(|(index, _)| index).collect::<Vec<_>>(), [1, 2, 0]);
    }
}
