//! A set of a pool's packages.

use crate::pool::{PackageId, Pool};

/// Packages of one pool: a bit for each, so that a set of 60,000 takes 8 KiB.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PackageSet {
    words: Vec<u64>,
}

impl PackageSet {
    /// No packages.
    #[must_use]
    pub fn none(pool: &Pool) -> Self {
        Self { words: vec![0; pool.len().div_ceil(64)] }
    }

    /// All packages, those for other architectures and sources too.
    #[must_use]
    pub fn all(pool: &Pool) -> Self {
        Self::of(pool, pool.ids())
    }

    /// These packages.
    #[must_use]
    pub fn of(pool: &Pool, ids: impl IntoIterator<Item = PackageId>) -> Self {
        let mut set = Self::none(pool);
        ids.into_iter().for_each(|id| set.insert(id));
        set
    }

    /// The packages of some repositories, by their indices in the pool.
    #[must_use]
    pub fn of_repositories(pool: &Pool, repositories: &[usize]) -> Self {
        Self::of(pool, repositories.iter().flat_map(|repository| pool.ids_of(*repository)))
    }

    /// Puts a package in.
    pub fn insert(&mut self, id: PackageId) {
        let (word, bit) = place(id);
        if word >= self.words.len() {
            self.words.resize(word.saturating_add(1), 0);
        }
        if let Some(word) = self.words.get_mut(word) {
            *word |= bit;
        }
    }

    /// Takes a package out.
    pub fn remove(&mut self, id: PackageId) {
        let (word, bit) = place(id);
        if let Some(word) = self.words.get_mut(word) {
            *word &= !bit;
        }
    }

    /// Whether a package is in it.
    #[must_use]
    pub fn contains(&self, id: PackageId) -> bool {
        let (word, bit) = place(id);
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    /// Leaves only what the other has, too.
    pub fn intersect(&mut self, other: &Self) {
        for (at, word) in self.words.iter_mut().enumerate() {
            *word &= other.words.get(at).copied().unwrap_or(0);
        }
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.words.iter().map(|word| word.count_ones() as usize).sum()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.words.iter().all(|word| *word == 0)
    }

    /// The packages, ascending.
    pub fn iter(&self) -> impl Iterator<Item = PackageId> + '_ {
        self.words.iter().enumerate().flat_map(|(at, word)| {
            let mut left = *word;
            std::iter::from_fn(move || {
                let bit = (left != 0).then(|| left.trailing_zeros() as usize)?;
                left &= left - 1;
                u32::try_from(at * 64 + bit).ok().map(PackageId)
            })
        })
    }
}

fn place(id: PackageId) -> (usize, u64) {
    (id.index() / 64, 1 << (id.index() % 64))
}
