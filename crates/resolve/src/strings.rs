//! Texts kept once each, as numbers.

use std::hash::{BuildHasher, RandomState};
use std::sync::OnceLock;

use copr_repodata::Error;

/// Bytes that the texts of one pool may take together.
pub(crate) const MOST_TEXT: usize = u32::MAX as usize;

/// A text of a pool, as a number; 0 is the empty text. Equal texts of one pool have equal numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Str(pub(crate) u32);

impl Str {
    /// The empty text.
    pub const EMPTY: Self = Self(0);

    /// The number, for tables of one's own: dense from 0.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// A number that hostile repositories cannot know, so that they cannot choose texts that collide.
pub(crate) fn seed() -> u64 {
    RandomState::new().hash_one(0_u8)
}

/// Hash of a text; the same on every machine and in every version, as cache files keep tables made with it.
pub(crate) fn hash_text(seed: u64, text: &[u8]) -> u64 {
    twox_hash::XxHash3_64::oneshot_with_seed(seed, text)
}

/// Numbers found by the hash of what they stand for: open addressing in a table of a power of two.
#[derive(Debug, Clone, Default)]
pub(crate) struct Table {
    /// 0 for an empty place, else one more than the number. Empty, or a power of two.
    pub(crate) slots: Vec<u32>,
    pub(crate) used: usize,
}

impl Table {
    /// A table that takes `count` numbers without growing.
    pub(crate) fn for_count(count: usize) -> Self {
        let places = count.saturating_mul(3).div_euclid(2).saturating_add(16).next_power_of_two();
        Self { slots: vec![0; places], used: 0 }
    }

    /// Whether one more number needs a larger table.
    pub(crate) fn is_full(&self) -> bool {
        self.used.saturating_mul(4) >= self.slots.len().saturating_mul(3)
    }

    /// The number with that hash for which `same` holds.
    pub(crate) fn find(&self, hash: u64, mut same: impl FnMut(u32) -> bool) -> Option<u32> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut at = hash as usize & mask;
        // A table read from a file may be full of other numbers: never round twice.
        for _ in 0..=mask {
            let number = self.slots.get(at)?.checked_sub(1)?;
            if same(number) {
                return Some(number);
            }
            at = (at + 1) & mask;
        }
        None
    }

    /// Adds a number that is not in it; there must be room.
    pub(crate) fn insert(&mut self, hash: u64, number: u32) {
        let Some(mask) = self.slots.len().checked_sub(1) else { return };
        let mut at = hash as usize & mask;
        for _ in 0..=mask {
            if let Some(slot @ 0) = self.slots.get_mut(at) {
                *slot = number.saturating_add(1);
                self.used += 1;
                return;
            }
            at = (at + 1) & mask;
        }
    }
}

/// Texts, each once.
#[derive(Debug, Clone)]
pub(crate) struct Strings {
    /// All texts, one behind the other.
    pub(crate) text: String,
    /// Where each ends.
    pub(crate) ends: Vec<u32>,
    pub(crate) seed: u64,
    /// Made when it is first needed.
    pub(crate) table: OnceLock<Table>,
}

impl Default for Strings {
    fn default() -> Self {
        Self { text: String::new(), ends: vec![0], seed: seed(), table: OnceLock::new() }
    }
}

impl Strings {
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// The text of a number; empty for one of another pool.
    pub(crate) fn get(&self, number: Str) -> &str {
        text_at(&self.text, &self.ends, number.index())
    }

    pub(crate) fn find(&self, text: &str) -> Option<Str> {
        if text.is_empty() {
            return Some(Str::EMPTY);
        }
        let table = self.table.get_or_init(|| self.make_table(self.len()));
        table.find(hash_text(self.seed, text.as_bytes()), |number| self.get(Str(number)) == text).map(Str)
    }

    /// The number of a text, a new one if need be.
    ///
    /// # Errors
    /// There is no room for more text.
    pub(crate) fn intern(&mut self, text: &str) -> Result<Str, Error> {
        if text.is_empty() {
            return Ok(Str::EMPTY);
        }
        let hash = hash_text(self.seed, text.as_bytes());
        if self.table.get().is_none_or(Table::is_full) {
            self.table = OnceLock::from(self.make_table(self.len().saturating_mul(2)));
        }
        let Some(table) = self.table.get_mut() else { return Err(too_much("the texts")) };
        let (all, ends) = (&self.text, &self.ends);
        if let Some(number) = table.find(hash, |number| text_at(all, ends, number as usize) == text) {
            return Ok(Str(number));
        }
        let end = self.text.len().checked_add(text.len()).filter(|end| *end <= MOST_TEXT);
        let end = end.and_then(|end| u32::try_from(end).ok()).ok_or_else(|| too_much("the texts"))?;
        let number = u32::try_from(self.ends.len()).ok().filter(|n| *n < u32::MAX >> 1);
        let number = number.ok_or_else(|| too_much("the texts"))?;
        self.text.push_str(text);
        self.ends.push(end);
        table.insert(hash, number);
        Ok(Str(number))
    }

    /// Makes room for so many more texts, at once.
    pub(crate) fn reserve(&mut self, more: usize) {
        let room = self.len().saturating_add(more);
        if self.table.get().is_none_or(|table| table.slots.len().saturating_mul(3) / 4 <= room) {
            self.table = OnceLock::from(self.make_table(room));
        }
    }

    pub(crate) fn make_table(&self, room: usize) -> Table {
        let mut table = Table::for_count(room.max(1024));
        for number in (0..).map(Str).take(self.len()).skip(1) {
            table.insert(hash_text(self.seed, self.get(number).as_bytes()), number.0);
        }
        table
    }
}

/// One of several texts that stand one behind the other.
pub(crate) fn text_at<'a>(all: &'a str, ends: &[u32], index: usize) -> &'a str {
    let start = index.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0) as usize;
    let end = ends.get(index).copied().unwrap_or(0) as usize;
    all.get(start..end).unwrap_or_default()
}

/// More than this crate takes.
pub(crate) fn too_much(what: &str) -> Error {
    let reason = format!("{what} of the repositories are more than this program handles; refused");
    Error::Metadata { what: "packages".to_owned(), reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_texts_have_equal_numbers_and_come_back() {
        let mut strings = Strings::default();
        let words: Vec<String> = (0..5000).map(|n| format!("word-{}", n % 3000)).collect();
        let numbers: Vec<Str> = words.iter().map(|word| strings.intern(word).unwrap()).collect();
        assert_eq!(strings.len(), 3001);
        for (word, number) in words.iter().zip(&numbers) {
            assert_eq!(strings.get(*number), word);
            assert_eq!(strings.find(word), Some(*number));
        }
        assert_eq!(strings.find("other"), None);
    }

    #[test]
    fn the_empty_text_is_number_0_and_unknown_numbers_are_empty() {
        let mut strings = Strings::default();
        assert_eq!(strings.intern("").unwrap(), Str::EMPTY);
        assert_eq!(strings.find(""), Some(Str::EMPTY));
        assert_eq!(strings.get(Str(7)), "");
    }

    #[test]
    fn a_full_table_of_strange_numbers_ends_the_search() {
        let table = Table { slots: vec![9; 16], used: 16 };
        assert_eq!(table.find(3, |_| false), None);
    }
}
