//! Which requirements nothing satisfies: the check of whole repositories that `dnf repoclosure` makes.
//!
//! A requirement counts as satisfied when some package could satisfy it; whether all of them can be installed together is
//! a question for [`mod@crate::solve`]. As with dnf (dnf-plugins-core's `repoclosure.py`), all packages are looked at, those of
//! other architectures and source packages too, but only packages that fit the machine satisfy anything; requirements on
//! `rpmlib(...)` are rpm's own affair.
//!
//! Rich dependencies are judged as rpm means them: `(a and b)` may be satisfied by two packages, and `(a if b)` asks for
//! nothing where there is no `b`. dnf asks for one package that provides both, and for `a` in any case.

mod set;

use copr_rpm::{Dependency, DependencyKind};
use rayon::prelude::*;

use crate::rich::{self, Expression};
use crate::{Cap, PackageId, Pool};

pub use set::PackageSet;

/// How many packages a [`Suggestion`] names.
const SUGGESTED: usize = 5;

/// What is checked, against what.
#[derive(Debug, Clone)]
pub struct Check {
    /// What may satisfy requirements.
    pub available: PackageSet,
    /// Whose requirements are looked at.
    pub checked: PackageSet,
}

impl Check {
    /// Everything, against everything.
    #[must_use]
    pub fn all(pool: &Pool) -> Self {
        Self { available: PackageSet::all(pool), checked: PackageSet::all(pool) }
    }

    /// The newest of each name and architecture in each repository, against those (`--newest`).
    #[must_use]
    pub fn newest(pool: &Pool) -> Self {
        let mut newest = PackageSet::none(pool);
        for repository in 0..pool.repositories().len() {
            let ids: Vec<PackageId> = pool.ids_of(repository).collect();
            crate::query::latest(pool, &ids, 1).into_iter().for_each(|id| newest.insert(id));
        }
        Self { available: newest.clone(), checked: newest }
    }
}

/// A package with requirements that nothing satisfies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unsatisfied {
    /// The package.
    pub package: PackageId,
    /// The requirements, each once, in the order in which the package has them; at least one.
    pub requirements: Vec<Cap>,
}

/// Every package with unsatisfied requirements, in the order of the pool.
///
/// Each requirement is looked up once, however many packages have it, and several at a time (rayon).
#[must_use]
pub fn unsatisfied(pool: &Pool, check: &Check) -> Vec<Unsatisfied> {
    let checked: Vec<PackageId> = check.checked.iter().collect();
    let mut wanted: Vec<Cap> =
        checked.par_iter().flat_map_iter(|id| pool.list(*id, DependencyKind::Requires).iter().copied()).collect();
    wanted.par_sort_unstable();
    wanted.dedup();
    let missing: Vec<Cap> = wanted
        .into_par_iter()
        .map_init(Vec::new, |buffer, cap| {
            let asked = !is_rpmlib(pool, cap) && !is_satisfied_by(pool, cap, &check.available, buffer);
            asked.then_some(cap)
        })
        .flatten_iter()
        .collect();
    if missing.is_empty() {
        return Vec::new();
    }
    checked
        .into_par_iter()
        .filter_map(|package| {
            let mut requirements = Vec::new();
            for cap in pool.list(package, DependencyKind::Requires) {
                if missing.binary_search(cap).is_ok() && !requirements.contains(cap) {
                    requirements.push(*cap);
                }
            }
            (!requirements.is_empty()).then_some(Unsatisfied { package, requirements })
        })
        .collect()
}

/// Whether a requirement is one of `rpmlib(...)`, which rpm answers itself.
pub(crate) fn is_rpmlib(pool: &Pool, cap: Cap) -> bool {
    pool.text(pool.cap(cap).name).starts_with("rpmlib(")
}

/// Whether some package of `available` could satisfy a requirement.
#[must_use]
pub fn is_satisfied(pool: &Pool, cap: Cap, available: &PackageSet) -> bool {
    is_satisfied_by(pool, cap, available, &mut Vec::new())
}

fn is_satisfied_by(pool: &Pool, cap: Cap, available: &PackageSet, buffer: &mut Vec<PackageId>) -> bool {
    if pool.is_rich(cap) {
        // One that cannot be read can never be satisfied.
        return rich::parse(&pool.dependency(cap)).is_ok_and(|expression| holds(pool, &expression, available));
    }
    buffer.clear();
    pool.providers_into(cap, buffer);
    buffer.iter().any(|id| available.contains(*id))
}

/// Packages of `available` that satisfy a plain dependency, or some part of a rich one; ascending.
#[must_use]
pub fn satisfying(pool: &Pool, cap: Cap, available: &PackageSet) -> Vec<PackageId> {
    let mut found: Vec<PackageId> = if pool.is_rich(cap) {
        let mut found = Vec::new();
        if let Ok(expression) = rich::parse(&pool.dependency(cap)) {
            each_wanted(&expression, &mut |part| found.extend(providing(pool, part, available)));
        }
        found
    } else {
        pool.providers(cap).into_iter().filter(|id| available.contains(*id)).collect()
    };
    found.sort_unstable();
    found.dedup();
    found
}

/// Calls back for each plain dependency in an expression.
pub(crate) fn each_plain(expression: &Expression, found: &mut impl FnMut(&Dependency)) {
    match expression {
        Expression::Plain(dependency) => found(dependency),
        Expression::And(parts) | Expression::Or(parts) | Expression::With(parts) => {
            parts.iter().for_each(|part| each_plain(part, found));
        }
        Expression::Without(with, without) => [with, without].into_iter().for_each(|part| each_plain(part, found)),
        Expression::If { then, condition, otherwise } | Expression::Unless { then, condition, otherwise } => {
            [Some(then), Some(condition), otherwise.as_ref()]
                .into_iter()
                .flatten()
                .for_each(|part| each_plain(part, found));
        }
    }
}

/// Calls back for each part of an expression that would be installed for it.
fn each_wanted(expression: &Expression, found: &mut impl FnMut(&Expression)) {
    match expression {
        Expression::Plain(_) | Expression::With(_) | Expression::Without(..) => found(expression),
        Expression::And(parts) | Expression::Or(parts) => parts.iter().for_each(|part| each_wanted(part, found)),
        Expression::If { then, otherwise, .. } | Expression::Unless { then, otherwise, .. } => {
            each_wanted(then, found);
            if let Some(otherwise) = otherwise {
                each_wanted(otherwise, found);
            }
        }
    }
}

/// Whether there is a choice of packages that fulfils an expression.
fn holds(pool: &Pool, expression: &Expression, available: &PackageSet) -> bool {
    let holds = |part: &Expression| holds(pool, part, available);
    match expression {
        Expression::And(parts) => parts.iter().all(holds),
        Expression::Or(parts) => parts.iter().any(holds),
        // Somebody may have what the condition names, where there is any.
        Expression::If { then, condition, otherwise: None } => holds(then) || !holds(condition),
        Expression::If { then, condition, otherwise: Some(otherwise) } => {
            holds(otherwise) || (holds(condition) && holds(then))
        }
        Expression::Unless { then, condition, otherwise } => {
            holds(then) || otherwise.as_ref().is_some_and(|otherwise| holds(condition) && holds(otherwise))
        }
        Expression::Plain(_) | Expression::With(_) | Expression::Without(..) => {
            !providing(pool, expression, available).is_empty()
        }
    }
}

/// The packages that provide what is to be provided by one package, ascending.
fn providing(pool: &Pool, expression: &Expression, available: &PackageSet) -> Vec<PackageId> {
    match expression {
        Expression::Plain(dependency) => {
            pool.providers_of(dependency).into_iter().filter(|id| available.contains(*id)).collect()
        }
        Expression::With(parts) => {
            let mut parts = parts.iter().map(|part| providing(pool, part, available));
            let first = parts.next().unwrap_or_default();
            parts.fold(first, |both, part| both.into_iter().filter(|id| part.binary_search(id).is_ok()).collect())
        }
        Expression::Without(with, without) => {
            let without = providing(pool, without, available);
            providing(pool, with, available).into_iter().filter(|id| without.binary_search(id).is_err()).collect()
        }
        Expression::Or(parts) => {
            let mut any: Vec<PackageId> = parts.iter().flat_map(|part| providing(pool, part, available)).collect();
            any.sort_unstable();
            any.dedup();
            any
        }
        // rpm does not allow others inside `with` and `without`.
        Expression::And(_) | Expression::If { .. } | Expression::Unless { .. } => Vec::new(),
    }
}

/// What might help where a requirement is not satisfied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Suggestion {
    /// Packages that are available and have the capability in another version, with what they provide; the newest first.
    pub other_versions: Vec<(PackageId, Dependency)>,
    /// Packages that would satisfy it and are not available: older ones, or of repositories that only give hints.
    pub elsewhere: Vec<PackageId>,
}

/// What there is for a requirement that nothing of `available` satisfies; a few of each.
#[must_use]
pub fn suggest(pool: &Pool, available: &PackageSet, cap: Cap) -> Suggestion {
    let mut suggestion = Suggestion::default();
    let Ok(expression) = rich::parse(&pool.dependency(cap)) else { return suggestion };
    let all = PackageSet::all(pool);
    each_wanted(&expression, &mut |part| {
        let elsewhere = providing(pool, part, &all).into_iter().filter(|id| !available.contains(*id));
        suggestion.elsewhere.extend(elsewhere.take(SUGGESTED));
        if let Expression::Plain(wanted) = part {
            suggestion.other_versions.extend(other_versions(pool, available, wanted));
        }
    });
    suggestion.elsewhere.sort_unstable();
    suggestion.elsewhere.dedup();
    suggestion.elsewhere.truncate(SUGGESTED);
    suggestion.other_versions.truncate(SUGGESTED);
    suggestion
}

/// What provides the name that is wanted, in a version that is not.
fn other_versions(pool: &Pool, available: &PackageSet, wanted: &Dependency) -> Vec<(PackageId, Dependency)> {
    if wanted.evr.is_none() {
        return Vec::new();
    }
    let any = Dependency::named(wanted.name.clone());
    let available = pool.providers_of(&any).into_iter().filter(|id| available.contains(*id));
    let mut found: Vec<(PackageId, Dependency)> =
        available.filter_map(|id| Some((id, provided(pool, id, &wanted.name)?))).collect();
    found.sort_by(|(_, a), (_, b)| b.evr.cmp(&a.evr));
    found.dedup_by(|(_, a), (_, b)| a == b);
    found.truncate(SUGGESTED);
    found
}

/// The newest that a package provides under a name.
fn provided(pool: &Pool, id: PackageId, name: &str) -> Option<Dependency> {
    let listed = pool.list(id, DependencyKind::Provides).iter();
    let listed = listed.map(|cap| pool.dependency(*cap)).filter(|provide| provide.name == name);
    listed.max_by(|a, b| a.evr.cmp(&b.evr))
}

#[cfg(test)]
#[path = "closure_tests.rs"]
mod tests;
