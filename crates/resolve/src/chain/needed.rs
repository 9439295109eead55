//! Which of the declared repositories the wanted packages really pull from.
//!
//! Owners declare more than a user of one package needs. The smallest set of repositories is found by solving with fewer and
//! fewer of them, as often as a bound allows; how to solve is the caller's to say.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::pool::{PackageId, Pool};
use crate::solve::{Chosen, Problem, Reason, Request, Solution, solve};

/// Why a package is part of a solution.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Because {
    /// It was asked for.
    Asked,
    /// The package of this name requires it.
    Required(String),
    /// The package of this name recommends it.
    Recommended(String),
    /// It takes the place of this installed package.
    Replaces(String),
}

/// One package of a solution.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Pulled {
    /// Its name with version and release, as people read it.
    pub package: String,
    /// Where it comes from: the number that the caller gave the repository.
    pub repository: usize,
    /// Whether no other repository that may be used has a package of its name: then it is a reason to need this one.
    pub only_here: bool,
    /// Why it is there.
    pub because: Because,
}

impl fmt::Display for Pulled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.because {
            Because::Asked => write!(f, "{}, which is asked for", self.package),
            Because::Required(by) => write!(f, "{}, which {by} requires", self.package),
            Because::Recommended(by) => write!(f, "{}, which {by} recommends", self.package),
            Because::Replaces(other) => write!(f, "{}, which takes the place of {other}", self.package),
        }
    }
}

/// A repository that cannot be left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NeededRepository {
    /// Its number.
    pub repository: usize,
    /// What comes from it, at least one package: first what only it has, and of that what was asked for, then what is
    /// required, then what is recommended.
    pub packages: Vec<Pulled>,
}

impl fmt::Display for NeededRepository {
    /// `needed for libfoo-1-1, which app requires (and 3 packages more)`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(first) = self.packages.first() else { return f.write_str("needed") };
        write!(f, "needed for {first}")?;
        match self.packages.len() {
            0 | 1 => Ok(()),
            2 => f.write_str(" (and 1 package more)"),
            more => write!(f, " (and {} packages more)", more - 1),
        }
    }
}

/// What is needed and what is not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Needed {
    /// The smallest set of repositories found, in the order of the candidates.
    pub repositories: Vec<NeededRepository>,
    /// The others.
    pub unneeded: Vec<usize>,
    /// Whether no smaller set can exist; when not, the bound on solves was reached first, and still none of the set can be
    /// left out alone unless [`Self::solves`] ran out even for that.
    pub is_smallest: bool,
    /// How often was solved.
    pub solves: usize,
}

/// Most solves of [`needed`] where the caller has no opinion.
pub const MOST_SOLVES: usize = 200;

/// Finds the smallest set of `candidates` with which the wanted packages still can be installed.
///
/// `solve` gets the candidates to use, in their order, and answers with the whole solution; packages of repositories that
/// are no candidates (the distribution, the project itself) may be in it. It has to be deterministic; then so is the answer.
/// `solve` is called `most_solves` times at most, at least once. Among several smallest sets the one wins that keeps most of
/// what is used when everything may be used.
///
/// # Errors
/// What `solve` fails with when all candidates may be used. Later failures mean that fewer do not suffice.
pub fn needed<E>(
    candidates: &[usize],
    mut solve: impl FnMut(&[usize]) -> Result<Vec<Pulled>, E>,
    most_solves: usize,
) -> Result<Needed, E> {
    let candidates = in_order(candidates.iter().copied());
    let first = solve(&candidates)?;
    let mut search =
        Search { solve: |these: &[usize]| solve(these).ok(), left: most_solves.saturating_sub(1), dry: false };
    let mut best = Found::new(&candidates, first);
    search.shrink(&mut best);
    let is_smallest = search.fewest(&candidates, &mut best);
    let unneeded = candidates.iter().copied().filter(|candidate| !best.used.contains(candidate)).collect();
    let solves = most_solves.max(1) - search.left;
    Ok(Needed { repositories: best.explained(), unneeded, is_smallest, solves })
}

/// [`needed`] for what `request` asks of `pool`: the candidates are repositories of the pool, all others are used as the
/// request has it.
///
/// # Errors
/// What the request fails with when all candidates may be used.
pub fn in_pool(pool: &Pool, request: &Request, candidates: &[usize], most_solves: usize) -> Result<Needed, Problem> {
    let with = |these: &[usize]| {
        let mut request = request.clone();
        request.not_enabled.extend(candidates.iter().filter(|candidate| !these.contains(candidate)));
        solve(pool, &request).map(|solution| pulled(pool, &solution, &request.not_enabled))
    };
    needed(candidates, with, most_solves)
}

/// A solution, as [`needed`] wants it.
fn pulled(pool: &Pool, solution: &Solution, not_enabled: &[usize]) -> Vec<Pulled> {
    let name = |id: PackageId| pool.text(pool.name(id)).to_owned();
    let version = |id: PackageId| format!("{}-{}", name(id), pool.text(pool.evr(id)));
    let because = |why: Reason| match why {
        Reason::Asked => Because::Asked,
        Reason::Required(by) => Because::Required(name(by)),
        Reason::Recommended(by) => Because::Recommended(name(by)),
        Reason::Replaces(other) => Because::Replaces(version(other)),
    };
    let only_here = |id: PackageId| {
        let mut others = pool.named(pool.name(id)).map(|other| pool.repository(other));
        others.all(|other| other == pool.repository(id) || not_enabled.contains(&other))
    };
    let one = |chosen: &Chosen| Pulled {
        package: version(chosen.id),
        repository: pool.repository(chosen.id),
        only_here: only_here(chosen.id),
        because: because(chosen.why),
    };
    solution.install.iter().map(one).collect()
}

/// Without repetitions.
fn in_order(numbers: impl Iterator<Item = usize>) -> Vec<usize> {
    let mut seen = BTreeSet::new();
    numbers.filter(|number| seen.insert(*number)).collect()
}

/// A solution, and the candidates that it uses.
struct Found {
    used: Vec<usize>,
    pulled: Vec<Pulled>,
}

impl Found {
    fn new(candidates: &[usize], pulled: Vec<Pulled>) -> Self {
        let from: BTreeSet<usize> = pulled.iter().map(|package| package.repository).collect();
        Self { used: candidates.iter().copied().filter(|candidate| from.contains(candidate)).collect(), pulled }
    }

    fn explained(self) -> Vec<NeededRepository> {
        let mut of: BTreeMap<usize, Vec<Pulled>> = BTreeMap::new();
        for package in self.pulled {
            of.entry(package.repository).or_default().push(package);
        }
        let rank = |package: &Pulled| match package.because {
            Because::Asked => 0,
            Because::Required(_) => 1,
            Because::Replaces(_) => 2,
            Because::Recommended(_) => 3,
        };
        let packages = |repository: usize| {
            let mut packages = of.remove(&repository).unwrap_or_default();
            packages.sort_by(|a, b| (!a.only_here, rank(a), a).cmp(&(!b.only_here, rank(b), b)));
            NeededRepository { repository, packages }
        };
        self.used.into_iter().map(packages).collect()
    }
}

struct Search<S> {
    solve: S,
    left: usize,
    /// Whether a solve would have been wanted that was not allowed any more.
    dry: bool,
}

impl<S: FnMut(&[usize]) -> Option<Vec<Pulled>>> Search<S> {
    fn with(&mut self, these: &[usize]) -> Option<Found> {
        if self.left == 0 {
            self.dry = true;
            return None;
        }
        self.left -= 1;
        (self.solve)(these).map(|pulled| Found::new(these, pulled))
    }

    /// Leaves out one after the other, those that come last (the nearest to the root) first; what a solution no longer uses
    /// goes with it.
    fn shrink(&mut self, best: &mut Found) {
        let mut tried: BTreeSet<usize> = BTreeSet::new();
        while let Some(next) = best.used.iter().rev().copied().find(|used| !tried.contains(used)) {
            tried.insert(next);
            let rest: Vec<usize> = best.used.iter().copied().filter(|used| *used != next).collect();
            if let Some(found) = self.with(&rest) {
                *best = found;
            }
        }
    }

    /// Looks for a set with fewer members than `best`; tells whether there is certainly none (left).
    fn fewest(&mut self, candidates: &[usize], best: &mut Found) -> bool {
        if best.used.is_empty() {
            return true;
        }
        // One without which nothing goes, even with all others, is in every set.
        let mut always: Vec<usize> = Vec::new();
        for used in best.used.clone() {
            let others: Vec<usize> = candidates.iter().copied().filter(|candidate| *candidate != used).collect();
            if self.with(&others).is_none() {
                always.push(used);
            }
            if self.dry {
                return false;
            }
        }
        let mut free: Vec<usize> = best.used.iter().copied().filter(|used| !always.contains(used)).collect();
        free.extend(candidates.iter().copied().filter(|candidate| !best.used.contains(candidate)));
        for more in 0..best.used.len().saturating_sub(always.len()) {
            let mut choice: Vec<usize> = (0..more).collect();
            loop {
                let chosen: BTreeSet<usize> =
                    choice.iter().filter_map(|at| free.get(*at)).chain(&always).copied().collect();
                let these: Vec<usize> =
                    candidates.iter().copied().filter(|candidate| chosen.contains(candidate)).collect();
                if let Some(found) = self.with(&these) {
                    *best = found;
                    return true;
                }
                if self.dry {
                    return false;
                }
                if !next_choice(&mut choice, free.len()) {
                    break;
                }
            }
        }
        true
    }
}

/// The next combination of as many numbers below `of`; false after the last one.
fn next_choice(choice: &mut [usize], of: usize) -> bool {
    let size = choice.len();
    for place in (0..size).rev() {
        let Some(number) = choice.get_mut(place) else { return false };
        if *number + size - place < of {
            *number += 1;
            let first = *number;
            choice.iter_mut().skip(place + 1).zip(first + 1..).for_each(|(number, next)| *number = next);
            return true;
        }
    }
    false
}

#[cfg(test)]
#[path = "needed_tests.rs"]
mod tests;
