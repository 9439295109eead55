//! Which packages to install for a set of requirements, or why that cannot be done.
//!
//! The search is complete: when there is a set of packages in which every requirement holds and nothing conflicts, one
//! is found (unless the search is given up as too complex). Among several it prefers, in this order: packages already
//! chosen, the repository with the best priority, packages that nothing replaces, the machine's own architecture, a
//! package of the very name, fewest new packages, the newest version. The same pool and request give the same answer.
//!
//! A useful oracle for tests: `dnf install --assumeno --setopt=install_weak_deps=0` on the same repositories.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::fmt;

use copr_rpm::{Dependency, Nevra};

use crate::pool::{PackageId, Pool, PoolPackage};
use crate::sat::{ClauseId, Literal};
use crate::universe::{Need, Universe, Why, candidates};

/// Most new packages that are counted to compare two providers.
const COUNTED: usize = 64;
/// Most different names that are compared for one requirement.
const COMPARED: usize = 16;
/// Most lines of an explanation.
const MOST_REASONS: usize = 20;

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// Names, versioned capabilities, file paths or rich dependencies, as in a package's `Requires`; all must hold.
    pub install: Vec<Dependency>,
    /// Packages that must be part of the answer in exactly this version, e.g. those that are installed already.
    pub locked: Vec<Nevra>,
    /// Whether to take in what packages recommend, where that is possible.
    pub weak: bool,
}

impl Request {
    /// A request for these requirements, without recommendations.
    pub fn install(install: impl IntoIterator<Item = Dependency>) -> Self {
        Self { install: install.into_iter().collect(), ..Self::default() }
    }
}

/// The packages to install.
#[derive(Debug)]
pub struct Solution<'a> {
    /// Sorted by name, architecture and version.
    pub packages: Vec<&'a PoolPackage>,
}

/// Why a request cannot be fulfilled.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// There is no such set of packages; the reasons together exclude it, the most telling first.
    #[error("{}", .reasons.join("\n"))]
    Unsatisfiable {
        /// One sentence each, at least one.
        reasons: Vec<String>,
    },
    /// The request itself cannot be understood.
    #[error("{0}")]
    BadRequest(String),
    /// The search was given up.
    #[error(
        "the repositories leave too many combinations to choose from; ask for exact versions or leave repositories out"
    )]
    TooComplex,
}

/// What a request pulls in, and what nothing provides.
#[derive(Debug, Default)]
pub struct Closure<'a> {
    /// The best provider of each requirement, and all that these require; sorted by name, architecture and version.
    pub packages: Vec<&'a PoolPackage>,
    /// One sentence for each requirement that nothing provides, sorted.
    pub missing: Vec<String>,
}

/// Chooses packages such that the request and all their requirements hold, and nothing conflicts.
///
/// # Errors
/// [`Problem`], in words a packager can act on.
pub fn solve<'a>(pool: &'a Pool, request: &Request) -> Result<Solution<'a>, Problem> {
    let mut universe = Universe::explore(pool, request)?;
    let mut tried: HashSet<usize> = HashSet::new();
    loop {
        match universe.engine.settle() {
            Err(_) => return Err(Problem::TooComplex),
            Ok(Err(core)) => return Err(Problem::Unsatisfiable { reasons: explain(&universe, &core) }),
            Ok(Ok(())) => {}
        }
        let Some(next) = next_need(&universe).or_else(|| next_recommended(&universe, &mut tried)) else { break };
        universe.engine.decide(next);
    }
    let chosen = universe.engine.trail().iter().filter(|literal| literal.is_positive());
    Ok(Solution { packages: sorted(pool, chosen.filter_map(|literal| universe.package_of(*literal))) })
}

/// Follows the best provider of each requirement, whether or not these conflict; never fails.
#[must_use]
pub fn closure<'a>(pool: &'a Pool, request: &Request) -> Closure<'a> {
    let locked = Request { install: Vec::new(), locked: request.locked.clone(), weak: false };
    let readable = |dependency: &&Dependency| crate::rich::parse(dependency).is_ok();
    let install = request.install.iter().filter(readable).cloned().collect();
    let unreadable = request.install.iter().filter_map(|dependency| crate::rich::parse(dependency).err());
    let mut missing: BTreeSet<String> = unreadable.map(|error| error.to_string()).collect();
    let universe = match Universe::explore(pool, &Request { install, ..locked }) {
        Ok(universe) => universe,
        Err(problem) => return Closure { packages: Vec::new(), missing: vec![problem.to_string()] },
    };
    let mut chosen: HashSet<u32> = HashSet::new();
    let mut waiting: Vec<usize> = universe.roots.iter().rev().copied().collect();
    while let Some(need) = waiting.pop().and_then(|number| universe.needs.get(number)) {
        let has = |literal: &Literal| chosen.contains(&literal.variable());
        if need.candidates.iter().any(has) || !need.absent.iter().all(has) {
            continue;
        }
        let Some(best) = need.candidates.first() else { continue };
        chosen.insert(best.variable());
        if let Some(requires) = universe.required.get(best.variable() as usize) {
            waiting.extend(requires.iter().rev());
        }
    }
    let ids: HashSet<PackageId> =
        chosen.iter().filter_map(|variable| universe.packages.get(*variable as usize).copied()).collect();
    for (why, satisfiable) in universe.reasons.iter().filter(|(_, satisfiable)| !satisfiable) {
        let of_chosen = match why {
            Why::Install(_) | Why::Locked(_) => true,
            Why::Requires(id, _) | Why::Unreadable(id, _) => ids.contains(id),
            _ => false,
        };
        if of_chosen {
            missing.insert(sentence(&universe, why, *satisfiable));
        }
    }
    Closure { packages: sorted(pool, ids.into_iter()), missing: missing.into_iter().collect() }
}

fn sorted(pool: &Pool, ids: impl Iterator<Item = PackageId>) -> Vec<&PoolPackage> {
    let mut packages: Vec<&PoolPackage> = ids.filter_map(|id| pool.package(id)).collect();
    packages.sort_by(|a, b| {
        let (a, b) = (&a.record.nevra, &b.record.nevra);
        (&a.name, &a.arch).cmp(&(&b.name, &b.arch)).then_with(|| a.evr().cmp(&b.evr()))
    });
    packages
}

/// Whether something must still be chosen for a need.
fn is_open(universe: &Universe<'_>, need: &Need) -> bool {
    let engine = &universe.engine;
    !need.candidates.iter().any(|literal| engine.is_true(*literal))
        && need.absent.iter().all(|literal| engine.is_false(*literal))
}

/// The next package to try: first where there is only a choice of versions, else the best of several names.
fn next_need(universe: &Universe<'_>) -> Option<Literal> {
    let of_packages = universe.engine.trail().iter().filter(|literal| literal.is_positive());
    let required = of_packages.filter_map(|literal| universe.required.get(literal.variable() as usize)).flatten();
    let mut ambiguous = None;
    for number in universe.roots.iter().chain(required) {
        let Some(need) = universe.needs.get(*number).filter(|need| is_open(universe, need)) else { continue };
        match one_per_name(universe, need).as_slice() {
            [] => {}
            [only] => return Some(*only),
            _ if ambiguous.is_none() => ambiguous = Some(need),
            _ => {}
        }
    }
    ambiguous.and_then(|need| choose(universe, need))
}

/// The next recommendation to try, each once.
fn next_recommended(universe: &Universe<'_>, tried: &mut HashSet<usize>) -> Option<Literal> {
    for literal in universe.engine.trail().iter().filter(|literal| literal.is_positive()) {
        for number in universe.recommended.get(literal.variable() as usize).into_iter().flatten() {
            let Some(need) = universe.needs.get(*number) else { continue };
            if is_open(universe, need)
                && tried.insert(*number)
                && let Some(best) = choose(universe, need)
            {
                return Some(best);
            }
        }
    }
    None
}

/// The best open candidate of each name among those of the best rank.
fn one_per_name(universe: &Universe<'_>, need: &Need) -> Vec<Literal> {
    let mut names = BTreeSet::new();
    let mut found = Vec::new();
    let mut best = None;
    for literal in need.candidates.iter().filter(|literal| !universe.engine.is_false(**literal)) {
        let Some(package) = universe.package_of(*literal).and_then(|id| Some((id, universe.pool.package(id)?))) else {
            continue;
        };
        let (id, package) = package;
        let priority = universe.pool.repository(package.repository).map_or(i32::MAX, |info| info.priority);
        let rank = (priority, universe.pool.arch_rank(id));
        if *best.get_or_insert(rank) != rank {
            break;
        }
        if names.insert(package.record.nevra.name.as_str()) {
            found.push(*literal);
        }
        if package.record.nevra.name == *need.wanted || found.len() >= COMPARED {
            break;
        }
    }
    found
}

/// The candidate that brings the fewest new packages; the given order decides between equals.
fn choose(universe: &Universe<'_>, need: &Need) -> Option<Literal> {
    match one_per_name(universe, need).as_slice() {
        [] => None,
        [only] => Some(*only),
        [first, ..]
            if universe
                .package_of(*first)
                .and_then(|id| universe.pool.package(id))
                .is_some_and(|package| package.record.nevra.name == *need.wanted) =>
        {
            Some(*first)
        }
        several => several.iter().min_by_key(|literal| new_packages(universe, **literal)).copied(),
    }
}

/// How many packages a candidate would bring with it at first sight, up to [`COUNTED`].
fn new_packages(universe: &Universe<'_>, candidate: Literal) -> usize {
    let mut brought = BTreeSet::from([candidate]);
    let mut waiting = vec![candidate];
    while let Some(literal) = waiting.pop() {
        for number in universe.required.get(literal.variable() as usize).into_iter().flatten() {
            let Some(need) = universe.needs.get(*number) else { continue };
            if !is_open(universe, need) || need.candidates.iter().any(|literal| brought.contains(literal)) {
                continue;
            }
            if let Some(best) = need.candidates.iter().find(|literal| !universe.engine.is_false(**literal)) {
                brought.insert(*best);
                waiting.push(*best);
            }
            if brought.len() >= COUNTED {
                return COUNTED;
            }
        }
    }
    brought.len()
}

/// The clauses that exclude each other, as sentences: first what nothing provides, then how it came to be needed.
fn explain(universe: &Universe<'_>, core: &[ClauseId]) -> Vec<String> {
    let reasons: Vec<&(Why, bool)> = core.iter().filter_map(|clause| universe.reason(*clause)).collect();
    let telling = reasons.iter().any(|(why, satisfiable)| !satisfiable && !matches!(why, Why::Unreadable(..)));
    let mut lines: Vec<(u8, String)> = Vec::new();
    for (why, satisfiable) in reasons {
        let order = match why {
            _ if !satisfiable => 0,
            Why::Conflicts(..) | Why::Obsoletes(..) | Why::SameName(_) => 1,
            // What was asked for is known to the reader.
            Why::Install(_) | Why::Locked(_) if telling => continue,
            Why::Install(_) | Why::Locked(_) => 2,
            _ => 3,
        };
        let line = sentence(universe, why, *satisfiable);
        if !lines.iter().any(|(_, known)| *known == line) {
            lines.push((order, line));
        }
    }
    lines.sort_by_key(|(order, _)| *order);
    let left = lines.len().saturating_sub(MOST_REASONS);
    let mut lines: Vec<String> = lines.into_iter().map(|(_, line)| line).take(MOST_REASONS).collect();
    if left > 0 {
        lines.push(format!("and {left} reasons more"));
    }
    lines
}

fn sentence(universe: &Universe<'_>, why: &Why, satisfiable: bool) -> String {
    let name = |id: &PackageId| universe.pool.describe(*id);
    match why {
        Why::Install(dependency) if !satisfiable => {
            format!("nothing provides {dependency}{}", Others(universe.pool, dependency))
        }
        Why::Install(dependency) => format!("{dependency} is asked for"),
        Why::Locked(nevra) if !satisfiable => format!("{nevra} must stay as it is, but no repository has it"),
        Why::Locked(nevra) => format!("{nevra} must stay as it is"),
        Why::Requires(id, dependency) if !satisfiable => {
            format!("nothing provides {dependency} needed by {}{}", name(id), Others(universe.pool, dependency))
        }
        Why::Requires(id, dependency) => format!("{} requires {dependency}", name(id)),
        Why::Unreadable(id, reason) => format!("{} cannot be installed: {reason}", name(id)),
        Why::Conflicts(id, Some(other), dependency) => {
            format!("{} conflicts with {dependency} provided by {}", name(id), name(other))
        }
        Why::Conflicts(id, None, dependency) => format!("{} conflicts with {dependency}", name(id)),
        Why::Obsoletes(id, other) => format!("{} obsoletes {}", name(id), name(other)),
        Why::SameName(package) => format!("only one version of {package} can be installed"),
    }
}

/// Which other versions of a capability there are: ` (libfoo-1-1.x86_64 (repository r) provides libfoo = 1-1)`.
struct Others<'a>(&'a Pool, &'a Dependency);

impl fmt::Display for Others<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(pool, wanted) = self;
        if wanted.evr.is_none() {
            return Ok(());
        }
        let any = Dependency::named(wanted.name.clone());
        let best = candidates(pool, &mut HashMap::new(), &any);
        let Some((id, package)) = best.first().and_then(|id| Some((*id, pool.package(*id)?))) else { return Ok(()) };
        match package.record.provides.iter().find(|provide| provide.name == wanted.name) {
            Some(provide) => write!(f, "; {} provides {provide}", pool.describe(id)),
            None => write!(f, "; there is {}", pool.describe(id)),
        }
    }
}

#[cfg(test)]
#[path = "solve_tests.rs"]
mod tests;
