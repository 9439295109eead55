//! What a change of one repository does to the packages of others: what can no longer be satisfied, and what can again.
//!
//! A change is packages that are published and packages that are withdrawn. What is published takes the place of what it
//! supersedes, in every repository, because that is what machines install then: packages of the same name in the same or an
//! older version, and packages that it obsoletes. A repository of better priority keeps its packages, as with dnf.

use std::cmp::Ordering;

use copr_rpm::DependencyKind;
use rayon::prelude::*;

use crate::closure::{Check, PackageSet, Unsatisfied, satisfying, unsatisfied};
use crate::query::Within;
use crate::{Cap, PackageId, Pool, Problem, Request, Wish, solve};

/// A change of repositories.
#[derive(Debug, Clone)]
pub struct Change {
    /// Packages that are published; they are in the pool already.
    pub published: PackageSet,
    /// Packages that are withdrawn.
    pub withdrawn: PackageSet,
    /// Whether what is superseded can still be installed, as where both versions stay and dnf may choose the older.
    pub keep_old: bool,
}

/// A package that another takes the place of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Superseded {
    /// What goes.
    pub old: PackageId,
    /// What comes.
    pub new: PackageId,
    /// Whether by `Obsoletes`, and not as a newer version.
    pub obsoleted: bool,
}

/// A requirement that a change breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Broken {
    /// The requirement.
    pub requirement: Cap,
    /// Packages that satisfied it before and are gone.
    pub was: Vec<PackageId>,
}

/// What a change does.
#[derive(Debug, Clone, Default)]
pub struct Impact {
    /// What goes because something published takes its place; in the order of the pool.
    pub superseded: Vec<Superseded>,
    /// Packages that stay, with requirements that were satisfied and are so no longer.
    pub broken: Vec<(PackageId, Vec<Broken>)>,
    /// Published packages, with requirements that nothing satisfies.
    pub unsatisfied: Vec<Unsatisfied>,
    /// Packages that stay, with requirements that were not satisfied and are so now.
    pub repaired: Vec<Unsatisfied>,
    /// What there was before the change.
    pub before: PackageSet,
    /// What there is after it.
    pub after: PackageSet,
}

impl Impact {
    /// Whether nothing breaks.
    #[must_use]
    pub fn is_harmless(&self) -> bool {
        self.broken.is_empty() && self.unsatisfied.is_empty()
    }
}

/// Compares what is unsatisfied before and after a change: of packages in `checked`, and of those that are published.
/// `available` is all that there is, with what is published.
#[must_use]
pub fn impact(pool: &Pool, change: &Change, available: &PackageSet, checked: &PackageSet) -> Impact {
    let mut before = available.clone();
    change.published.iter().for_each(|id| before.remove(id));
    let mut after = available.clone();
    change.withdrawn.iter().for_each(|id| after.remove(id));
    let superseded = if change.keep_old { Vec::new() } else { superseded(pool, &change.published) };
    superseded.iter().for_each(|one| after.remove(one.old));

    let mut staying = checked.clone();
    staying.intersect(&before);
    staying.intersect(&after);
    let mut published = change.published.clone();
    published.intersect(&after);
    let check = |available: &PackageSet, checked: &PackageSet| {
        unsatisfied(pool, &Check { available: available.clone(), checked: checked.clone() })
    };
    let (then, now) = (check(&before, &staying), check(&after, &staying));
    let broken = difference(&now, &then).into_iter().map(|one| {
        let requirements = one.requirements.into_iter().map(|requirement| {
            let was = satisfying(pool, requirement, &before).into_iter().filter(|id| !after.contains(*id)).collect();
            Broken { requirement, was }
        });
        (one.package, requirements.collect())
    });
    let (broken, repaired) = (broken.collect(), difference(&then, &now));
    Impact { superseded, broken, unsatisfied: check(&after, &published), repaired, before, after }
}

/// A package that could be installed before a change and cannot be afterwards, although each of its own requirements is
/// satisfied.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uninstallable {
    /// The package.
    pub package: PackageId,
    /// Why, as [`Problem`](crate::Problem) has it.
    pub reasons: Vec<String>,
}

/// Tries to install whatever depends on what goes or breaks, before and after a change: finds what no single requirement
/// shows, such as conflicts, and packages that need broken ones. At most `most` packages are tried; the second value tells
/// whether that was enough.
#[must_use]
pub fn uninstallable(pool: &Pool, found: &Impact, checked: &PackageSet, most: usize) -> (Vec<Uninstallable>, bool) {
    let gone = found.before.iter().filter(|id| !found.after.contains(*id));
    let broken = found.broken.iter().map(|(id, _)| *id).chain(found.unsatisfied.iter().map(|one| one.package));
    let mut known = PackageSet::of(pool, broken);
    let mut wave: Vec<PackageId> = gone.chain(known.iter()).collect();
    let mut staying = checked.clone();
    staying.intersect(&found.before);
    staying.intersect(&found.after);
    let within = Within { packages: staying, ..Within::all(pool) };
    let [before, after] = [&found.before, &found.after]
        .map(|set| -> Vec<PackageId> { pool.ids().filter(|id| !set.contains(*id)).collect() });
    let try_one = |id: PackageId, excluded: &Vec<PackageId>| {
        let install = vec![Wish::Packages(vec![id], pool.nevra(id).to_string())];
        solve(pool, &Request { install, excluded: excluded.clone(), ..Request::default() }).map(|_| ())
    };
    let (mut answer, mut tried) = (Vec::new(), 0_usize);
    loop {
        let mut next = within.depending_on(&[DependencyKind::Requires], &wave);
        next.retain(|id| pool.installable(*id) && !known.contains(*id));
        if next.is_empty() {
            break;
        }
        let left = most.saturating_sub(tried);
        if next.len() > left {
            next.truncate(left);
            tried = most.saturating_add(1);
        } else {
            tried = tried.saturating_add(next.len());
        }
        next.iter().for_each(|id| known.insert(*id));
        let failed: Vec<Uninstallable> = next
            .into_par_iter()
            .filter_map(|package| match try_one(package, &after) {
                Err(Problem::Unsatisfiable { reasons }) if try_one(package, &before).is_ok() => {
                    Some(Uninstallable { package, reasons })
                }
                _ => None,
            })
            .collect();
        wave = failed.iter().map(|one| one.package).collect();
        answer.extend(failed);
        if tried > most {
            break;
        }
    }
    answer.sort_by_key(|one| one.package);
    (answer, tried <= most)
}

/// What `these` have and `those` do not; both are in the order of the pool.
fn difference(these: &[Unsatisfied], those: &[Unsatisfied]) -> Vec<Unsatisfied> {
    let without = |one: &Unsatisfied| {
        let known = those.binary_search_by_key(&one.package, |other| other.package).ok().and_then(|at| those.get(at));
        let new = |cap: &&Cap| known.is_none_or(|known| !known.requirements.contains(cap));
        let requirements: Vec<Cap> = one.requirements.iter().filter(new).copied().collect();
        (!requirements.is_empty()).then_some(Unsatisfied { package: one.package, requirements })
    };
    these.iter().filter_map(without).collect()
}

/// What published packages take the place of, in the order of the pool; each package once.
#[must_use]
pub fn superseded(pool: &Pool, published: &PackageSet) -> Vec<Superseded> {
    let priority = |id: PackageId| pool.repository_info(id).map_or(i32::MAX, |info| info.priority);
    let mut found = Vec::new();
    for new in published.iter().filter(|id| pool.installable(*id)) {
        for old in pool.named(pool.name(new)) {
            let wins = match priority(new).cmp(&priority(old)) {
                Ordering::Less => true,
                Ordering::Equal => pool.compare_evr(pool.evr(new), pool.evr(old)).is_ge(),
                Ordering::Greater => false,
            };
            if wins && !published.contains(old) && replaces_arch(pool, new, old) {
                found.push(Superseded { old, new, obsoleted: false });
            }
        }
        for obsolete in pool.list(new, DependencyKind::Obsoletes) {
            // By name alone, as rpm has it: what another package provides is not obsoleted.
            let wanted = pool.cap(*obsolete).name;
            for old in pool.named(wanted).filter(|old| !published.contains(*old)) {
                let other = pool.name(old) != pool.name(new);
                if other && priority(new) <= priority(old) && pool.is_within(old, *obsolete) {
                    found.push(Superseded { old, new, obsoleted: true });
                }
            }
        }
    }
    found.sort_by_key(|one| (one.old, one.obsoleted, one.new));
    found.dedup_by_key(|one| one.old);
    found
}

/// Whether an update may lead from the one to the other: the same architecture, or from or to `noarch`.
fn replaces_arch(pool: &Pool, new: PackageId, old: PackageId) -> bool {
    let (new, old) = (pool.arch_of(new), pool.arch_of(old));
    new == old || [new, old].iter().any(|arch| pool.text(*arch) == "noarch")
}

#[cfg(test)]
#[path = "impact_tests.rs"]
mod tests;
