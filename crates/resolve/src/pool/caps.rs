//! Dependencies kept once each, as numbers.

use std::sync::OnceLock;

use copr_repodata::Error;
use copr_rpm::Comparison;

use crate::strings::{Str, Table, seed, too_much};

/// A dependency of a pool, as a number: a capability with or without a range of versions, a path, or the text of a rich
/// (boolean) one. Equal dependencies of one pool have equal numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cap(pub(crate) u32);

impl Cap {
    /// The number, for tables of one's own: dense from 0.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a [`Cap`] stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CapView {
    /// The capability, the path, or the whole of a rich dependency.
    pub name: Str,
    /// How versions compare; `None` if any will do.
    pub comparison: Option<Comparison>,
    /// The version compared with, `[epoch:]version[-release]`; empty if any will do.
    pub evr: Str,
}

/// The number that a comparison has in files and columns.
fn number_of(comparison: Option<Comparison>) -> u8 {
    match comparison {
        None => 0,
        Some(Comparison::Lt) => 1,
        Some(Comparison::Le) => 2,
        Some(Comparison::Eq) => 3,
        Some(Comparison::Ge) => 4,
        Some(Comparison::Gt) => 5,
    }
}

fn comparison_of(number: u8) -> Option<Comparison> {
    match number {
        1 => Some(Comparison::Lt),
        2 => Some(Comparison::Le),
        3 => Some(Comparison::Eq),
        4 => Some(Comparison::Ge),
        5 => Some(Comparison::Gt),
        _ => None,
    }
}

/// Dependencies, each once.
#[derive(Debug, Clone)]
pub(crate) struct Caps {
    pub(crate) name: Vec<Str>,
    pub(crate) evr: Vec<Str>,
    pub(crate) comparison: Vec<u8>,
    seed: u64,
    /// Made when a dependency is added.
    table: OnceLock<Table>,
}

impl Default for Caps {
    fn default() -> Self {
        Self::of_columns(Vec::new(), Vec::new(), Vec::new())
    }
}

impl Caps {
    pub(crate) fn of_columns(name: Vec<Str>, evr: Vec<Str>, comparison: Vec<u8>) -> Self {
        Self { name, evr, comparison, seed: seed(), table: OnceLock::new() }
    }

    pub(crate) fn len(&self) -> usize {
        self.name.len()
    }

    pub(crate) fn get(&self, cap: Cap) -> CapView {
        view(&self.name, &self.evr, &self.comparison, cap.0)
    }

    /// Makes room for so many more dependencies, at once.
    pub(crate) fn reserve(&mut self, more: usize) {
        let room = self.len().saturating_add(more);
        if self.table.get().is_none_or(|table| table.slots.len().saturating_mul(3) / 4 <= room) {
            self.table = OnceLock::from(self.make_table(room));
        }
    }

    fn make_table(&self, room: usize) -> Table {
        let mut table = Table::for_count(room.max(1024));
        for cap in (0..).map(Cap).take(self.len()) {
            table.insert(hash(self.seed, self.get(cap)), cap.0);
        }
        table
    }

    /// The number of a dependency, a new one if need be. A comparison with nothing compares nothing.
    pub(crate) fn intern(&mut self, name: Str, comparison: Option<Comparison>, evr: Str) -> Result<Cap, Error> {
        let comparison = comparison.filter(|_| evr != Str::EMPTY);
        let wanted = CapView { name, comparison, evr: if comparison.is_some() { evr } else { Str::EMPTY } };
        if self.table.get().is_none_or(Table::is_full) {
            self.table = OnceLock::from(self.make_table(self.len().saturating_mul(2)));
        }
        let Some(table) = self.table.get_mut() else { return Err(too_much("the dependencies")) };
        let hash = hash(self.seed, wanted);
        let (names, evrs, comparisons) = (&self.name, &self.evr, &self.comparison);
        if let Some(number) = table.find(hash, |number| view(names, evrs, comparisons, number) == wanted) {
            return Ok(Cap(number));
        }
        let number = u32::try_from(self.name.len()).ok().filter(|n| *n < u32::MAX >> 1);
        let number = number.ok_or_else(|| too_much("the dependencies"))?;
        self.name.push(wanted.name);
        self.evr.push(wanted.evr);
        self.comparison.push(number_of(wanted.comparison));
        table.insert(hash, number);
        Ok(Cap(number))
    }
}

fn view(names: &[Str], evrs: &[Str], comparisons: &[u8], number: u32) -> CapView {
    let at = number as usize;
    CapView {
        name: names.get(at).copied().unwrap_or_default(),
        comparison: comparisons.get(at).copied().and_then(comparison_of),
        evr: evrs.get(at).copied().unwrap_or_default(),
    }
}

/// A product of 128 bits folded into 64.
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a).wrapping_mul(u128::from(b));
    (product as u64) ^ ((product >> 64) as u64)
}

fn hash(seed: u64, view: CapView) -> u64 {
    let numbers = u64::from(view.name.0) << 32 | u64::from(view.evr.0);
    let first = fold(numbers ^ seed, 0x9E37_79B9_7F4A_7C15);
    fold(first ^ u64::from(number_of(view.comparison)), seed | 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_dependencies_have_equal_numbers() {
        let mut caps = Caps::default();
        let mut numbers = Vec::new();
        for n in 0..4000_u32 {
            numbers.push(caps.intern(Str(n % 50), Some(Comparison::Ge), Str(n % 30 + 1)).unwrap());
        }
        assert_eq!(caps.len(), 150);
        let view = CapView { name: Str(7), comparison: Some(Comparison::Ge), evr: Str(8) };
        assert_eq!(numbers.get(7).map(|cap| caps.get(*cap)), Some(view));
    }

    #[test]
    fn a_comparison_without_a_version_is_none() {
        let mut caps = Caps::default();
        let plain = caps.intern(Str(1), None, Str::EMPTY).unwrap();
        assert_eq!(caps.intern(Str(1), Some(Comparison::Eq), Str::EMPTY).unwrap(), plain);
        assert_eq!(caps.intern(Str(1), None, Str(5)).unwrap(), plain);
        assert_eq!(caps.get(plain).evr, Str::EMPTY);
    }
}
