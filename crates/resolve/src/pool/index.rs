//! From a capability's name to the packages that provide it.

use copr_rpm::DependencyKind;

use super::PackageId;
use super::caps::{Cap, Caps};
use super::packages::Columns;
use crate::strings::Str;

/// A package provides a name more than once: its list tells.
pub(crate) const SEVERAL: Cap = Cap(u32::MAX);

/// Packages by the names that they provide, in one table (compressed sparse rows).
#[derive(Debug, Clone, Default)]
pub(crate) struct Index {
    /// Where the row of each text begins; one more than there are texts.
    pub(crate) starts: Vec<u32>,
    /// Ascending within a row, each once.
    pub(crate) packages: Vec<PackageId>,
    /// How each provides the name, or [`SEVERAL`].
    pub(crate) caps: Vec<Cap>,
}

impl Index {
    /// An index of the packages that `wanted` lets through.
    pub(crate) fn of(texts: usize, caps: &Caps, columns: &Columns, wanted: impl Fn(usize) -> bool) -> Self {
        let packages = columns.name.len();
        // The package that was seen last with each name; 0 for none.
        let mut last = vec![0_u32; texts];
        let mut starts = vec![0_u32; texts + 1];
        let each = |visit: &mut dyn FnMut(usize, u32, Cap)| {
            for package in (0..packages).filter(|package| wanted(*package)) {
                let number = u32::try_from(package).unwrap_or(u32::MAX - 1);
                for cap in columns.list(package, DependencyKind::Provides) {
                    let name = caps.name.get(cap.index()).copied().unwrap_or_default();
                    visit(name.index(), number, *cap);
                }
            }
        };
        each(&mut |name, package, _| {
            if let (Some(last), Some(count)) = (last.get_mut(name), starts.get_mut(name + 1))
                && *last != package + 1
            {
                *last = package + 1;
                *count += 1;
            }
        });
        let mut total = 0_u32;
        for start in &mut starts {
            total = total.saturating_add(*start);
            *start = total;
        }
        last.fill(0);
        let mut next = starts.clone();
        let mut index =
            Self { starts, packages: vec![PackageId(0); total as usize], caps: vec![SEVERAL; total as usize] };
        each(&mut |name, package, cap| {
            let (Some(last), Some(next)) = (last.get_mut(name), next.get_mut(name)) else { return };
            if *last == package + 1 {
                if let Some(before) = (*next as usize).checked_sub(1).and_then(|at| index.caps.get_mut(at)) {
                    *before = SEVERAL;
                }
                return;
            }
            *last = package + 1;
            let at = *next as usize;
            *next += 1;
            if let (Some(to), Some(how)) = (index.packages.get_mut(at), index.caps.get_mut(at)) {
                (*to, *how) = (PackageId(package), cap);
            }
        });
        index
    }

    /// Takes out the packages that are not `wanted`.
    pub(crate) fn retain(&mut self, wanted: impl Fn(PackageId) -> bool) {
        let (mut from, mut to) = (0, 0);
        for end in self.starts.iter_mut().skip(1) {
            while from < *end as usize {
                let Some(id) = self.packages.get(from).copied() else { break };
                if wanted(id) {
                    let how = self.caps.get(from).copied().unwrap_or(SEVERAL);
                    if let (Some(package), Some(cap)) = (self.packages.get_mut(to), self.caps.get_mut(to)) {
                        (*package, *cap) = (id, how);
                    }
                    to += 1;
                }
                from += 1;
            }
            *end = u32::try_from(to).unwrap_or(u32::MAX);
        }
        self.packages.truncate(to);
        self.caps.truncate(to);
    }

    fn row(&self, name: Str) -> std::ops::Range<usize> {
        let bound = |at: usize| self.starts.get(at).copied().unwrap_or(0) as usize;
        bound(name.index())..bound(name.index() + 1)
    }

    /// The packages that provide something of that name.
    pub(crate) fn packages(&self, name: Str) -> &[PackageId] {
        self.packages.get(self.row(name)).unwrap_or_default()
    }

    /// The same, with how each does it.
    pub(crate) fn entries(&self, name: Str) -> impl Iterator<Item = (PackageId, Cap)> {
        let caps = self.caps.get(self.row(name)).unwrap_or_default();
        self.packages(name).iter().copied().zip(caps.iter().copied())
    }
}
