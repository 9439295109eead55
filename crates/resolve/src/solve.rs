//! Which packages to install for a set of wishes, or why that cannot be done.
//!
//! The answer is the one that `dnf install` gives on the same repositories: the search goes the way of libsolv (0.7.23),
//! rule by rule and decision by decision. It prefers, in this order: the repository with the best priority, the
//! machine's own architecture, the newest version, packages that nothing replaces, recommended ones, and those that
//! provide the newer version of something. The search is complete: when there is a set of packages in which every
//! requirement holds and nothing conflicts, one is found (unless the search is given up as too complex). The same pool
//! and request give the same answer.
//!
//! Layout: `lists` (who satisfies a dependency), `build` and `jobs` (rules), `engine` (decisions, learning), `search`
//! (the order of choices), `policy` (which of several), `weak` (recommendations), `explain` (reasons in words).

mod build;
mod engine;
mod explain;
mod jobs;
mod lists;
mod policy;
mod rules;
mod search;
mod weak;

use std::collections::HashMap;

use copr_rpm::{Dependency, DependencyKind, Nevra};

use crate::pool::{PackageId, Pool};
use crate::rich;
use build::{Reach, World};
use engine::Failure;
use jobs::{Job, ObsoletedBy};
use lists::{FIRST, literal, package};
use rules::Bits;
use search::Search;

/// One thing that is asked for.
#[derive(Debug, Clone, PartialEq)]
pub enum Wish {
    /// Something that satisfies this, as a package's `Requires`: a name, a versioned capability, a path, a rich one.
    Dependency(Dependency),
    /// One of these packages, and how messages name the wish: what dnf makes of `install SPEC`.
    Packages(Vec<PackageId>, String),
}

/// Which of several versions is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Policy {
    /// The newest one that can be had, as dnf with `best=False`.
    #[default]
    Newest,
    /// The newest one, and an error where that cannot be had, as dnf with `best=True`.
    Best,
    /// The oldest one that can be had.
    Oldest,
}

/// What is asked for.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// What must be there; all of it.
    pub install: Vec<Wish>,
    /// Packages that must be part of the answer in exactly this version, e.g. those that are installed already.
    pub locked: Vec<Nevra>,
    /// The repository of the pool (by index) that is the installed system: its packages stay, or are replaced by others.
    pub installed: Option<usize>,
    /// Whether all installed packages are to be updated, as `dnf upgrade` does.
    pub update: bool,
    /// Whether to take in what packages recommend, where that is possible.
    pub weak: bool,
    /// Which of several versions is wanted.
    pub policy: Policy,
    /// Names of installed packages that nothing may remove.
    pub protected: Vec<String>,
    /// Packages that must not be taken.
    pub excluded: Vec<PackageId>,
    /// Repositories of the pool (by index) that are not enabled: nothing is taken from them, but messages tell where
    /// they would help.
    pub not_enabled: Vec<usize>,
}

impl Request {
    /// A request for these requirements, without recommendations.
    pub fn install(install: impl IntoIterator<Item = Dependency>) -> Self {
        Self { install: install.into_iter().map(Wish::Dependency).collect(), ..Self::default() }
    }
}

/// Why a package is part of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reason {
    /// It was asked for, or is locked.
    Asked,
    /// This package requires it.
    Required(PackageId),
    /// This package recommends it, or is supplemented by it.
    Recommended(PackageId),
    /// It takes the place of this installed package.
    Replaces(PackageId),
}

/// A package to install.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chosen {
    /// The package.
    pub id: PackageId,
    /// Why it is there.
    pub why: Reason,
}

/// What to do.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Solution {
    /// New packages, sorted by name, architecture and version.
    pub install: Vec<Chosen>,
    /// Installed packages that go: replaced by another version, obsoleted, or dropped.
    pub erase: Vec<PackageId>,
}

impl Solution {
    /// The packages to install.
    pub fn packages(&self) -> impl Iterator<Item = PackageId> + '_ {
        self.install.iter().map(|chosen| chosen.id)
    }
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

/// Chooses packages such that the request and all their requirements hold, and nothing conflicts.
///
/// # Errors
/// [`Problem`], in words a packager can act on.
pub fn solve(pool: &Pool, request: &Request) -> Result<Solution, Problem> {
    let mut search = prepare(pool, request)?;
    let jobs = jobs_of(&mut search, request)?;
    let (obsoleted_by, jobs_of_rules) = make_rules(&mut search, request, &jobs)?;
    drop(obsoleted_by);
    match search.run() {
        Ok(()) => {}
        Err(Failure::GaveUp) => return Err(Problem::TooComplex),
        Err(Failure::Core(core)) => {
            return Err(Problem::Unsatisfiable {
                reasons: explain::reasons(&mut search, request, &jobs_of_rules, &core),
            });
        }
    }
    let solution = solution_of(&mut search, &jobs);
    protect(pool, request, &solution)?;
    Ok(solution)
}

fn prepare<'p>(pool: &'p Pool, request: &Request) -> Result<Search<'p>, Problem> {
    let too_many = pool.len() >= i32::MAX as usize / 2;
    if too_many || request.installed.is_some_and(|index| index >= pool.repositories().len()) {
        return Err(Problem::BadRequest("there is no such repository".to_owned()));
    }
    let mut world = World::new(pool, request.installed);
    if !request.excluded.is_empty() || !request.not_enabled.is_empty() {
        let mut hidden = Bits::new(world.bound);
        for id in &request.excluded {
            hidden.insert(literal(*id));
        }
        if !request.not_enabled.is_empty() {
            for id in pool.ids().filter(|id| request.not_enabled.contains(&pool.repository(*id))) {
                hidden.insert(literal(id));
            }
        }
        world.lists.hidden = hidden;
    }
    let mut search = Search::new(world, request.policy, request.weak);
    search.update_all = request.update && request.installed.is_some();
    search.allow_downgrade = !request.install.is_empty();
    if request.installed.is_some() {
        let all = pool.ids().map(literal);
        search.installed = all.filter(|literal| search.world.is_installed(*literal)).collect();
    }
    Ok(search)
}

/// The wishes as lists of packages: first what is locked.
fn jobs_of(search: &mut Search<'_>, request: &Request) -> Result<Vec<Job>, Problem> {
    let mut jobs = Vec::with_capacity(request.locked.len() + request.install.len());
    for nevra in &request.locked {
        let same = search.world.pool.exactly(nevra).into_iter().map(literal);
        jobs.push(Job::OneOf(same.filter(|literal| !search.world.lists.hidden.has(*literal)).collect()));
    }
    for wish in &request.install {
        jobs.push(match wish {
            Wish::Dependency(dependency) => {
                let expression = rich::parse(dependency).map_err(|error| Problem::BadRequest(error.to_string()))?;
                Job::Provides(search.world.lists.dep_of(&expression))
            }
            Wish::Packages(packages, text) => {
                if packages.iter().any(|id| id.index() >= search.world.pool.len()) {
                    return Err(Problem::BadRequest(format!("{text:?} names packages of another pool")));
                }
                let all = packages.iter().map(|id| literal(*id));
                Job::OneOf(all.filter(|literal| !search.world.lists.hidden.has(*literal)).collect())
            }
        });
    }
    Ok(jobs)
}

/// Makes all rules; returns who obsoletes installed packages, and the job of each job rule.
fn make_rules(search: &mut Search<'_>, request: &Request, jobs: &[Job]) -> Result<(ObsoletedBy, Vec<usize>), Problem> {
    let mut obsoleted_by = ObsoletedBy::new();
    search.world.reach = if request.installed.is_some() || !search.world.pool_has_one_arch() {
        Reach::Everything
    } else if request.weak {
        Reach::Recommended
    } else {
        Reach::Required
    };
    if !search.installed.is_empty() {
        let installed = search.installed.clone();
        obsoleted_by = search.obsoleted_by();
        for literal in &installed {
            search.world.add(*literal)?;
        }
        for literal in &installed {
            for update in search.updates(*literal, &obsoleted_by, true) {
                search.world.add(update)?;
            }
        }
        if request.weak {
            exclude_unmet_weak(search);
        }
    }
    for job in jobs {
        match job {
            Job::OneOf(packages) => {
                for literal in packages {
                    search.world.add(*literal)?;
                }
            }
            Job::Provides(dep) => search.world.add_dep(dep)?,
        }
    }
    if search.world.reach != Reach::Required {
        let candidates = search.world.weak_candidates();
        search.world.add_weak(&candidates)?;
        search.weak_candidates = candidates.into_iter().filter(|literal| search.world.added.has(*literal)).collect();
    }
    let rules = search.world.sorted_rules();
    search.engine.rules = rules;
    search.engine.ranges.packages = search.engine.rules.len();
    search.group_end = vec![0; search.world.bound];
    for (at, rule) in search.engine.rules.iter().enumerate() {
        if let Some(end) = search.group_end.get_mut(rule.p.unsigned_abs() as usize) {
            *end = u32::try_from(at + 1).unwrap_or(u32::MAX);
        }
    }
    search.installed_rules(&obsoleted_by);
    let mut jobs_of_rules = Vec::new();
    search.job_rules(jobs, &mut jobs_of_rules);
    let all: Vec<i32> = (FIRST..search.world.bound as i32).filter(|l| search.world.added.has(*l)).collect();
    search.arch_rules(&all);
    search.best_rules(request.policy == Policy::Best);
    search.split_rules(&obsoleted_by);
    search.choice_rules(&obsoleted_by);
    search.give_way(jobs);
    Ok((obsoleted_by, jobs_of_rules))
}

/// What installed packages recommend but nobody installed stays away, and what supplements them: as dnf's option
/// `exclude_from_weak_autodetect`.
fn exclude_unmet_weak(search: &mut Search<'_>) {
    let installed = search.installed.clone();
    for literal in &installed {
        for cap in search.world.caps(*literal, DependencyKind::Recommends) {
            if search.world.pool.is_rich(*cap) {
                continue;
            }
            // Whatever the version: it may have been another one when that was decided.
            let providers = search.world.lists.offering(search.world.pool.cap(*cap).name);
            if !providers.iter().any(|other| search.world.is_installed(*other)) {
                providers.into_iter().for_each(|other| {
                    search.not_weak.insert(other);
                });
            }
        }
    }
    for candidate in search.world.weak_candidates() {
        let name = search.world.name(candidate);
        let there = search.world.lists.named(name).any(|other| search.world.is_installed(other));
        if there || search.world.is_installed(candidate) {
            continue;
        }
        for cap in search.world.caps(candidate, DependencyKind::Supplements) {
            if search.world.pool.is_rich(*cap) {
                continue;
            }
            let list = search.world.lists.plain(*cap);
            if search.world.lists.get(list).iter().any(|other| search.world.is_installed(*other)) {
                search.not_weak.insert(candidate);
            }
        }
    }
}

/// Reads the answer off the decisions.
fn solution_of(search: &mut Search<'_>, jobs: &[Job]) -> Solution {
    let trail = search.engine.trail.clone();
    let new: Vec<i32> =
        trail.iter().copied().filter(|literal| *literal >= FIRST && !search.world.is_installed(*literal)).collect();
    let gone = |literal: &i32| !search.engine.is_chosen(*literal);
    let erase = search.installed.iter().copied().filter(gone).map(package).collect();
    let whys = whys_of(search, jobs, &new);
    let mut install: Vec<Chosen> = new
        .iter()
        .map(|literal| Chosen { id: package(*literal), why: whys.get(literal).copied().unwrap_or(Reason::Asked) })
        .collect();
    let pool = search.world.pool;
    install.sort_by(|a, b| {
        let text = |id| (pool.text(pool.name(id)), pool.text(pool.arch_of(id)));
        text(a.id).cmp(&text(b.id)).then_with(|| pool.compare_evr(pool.evr(a.id), pool.evr(b.id))).then(a.id.cmp(&b.id))
    });
    Solution { install, erase }
}

/// Why each new package is there: first what was asked for, then what that requires, and so on; then updates, then what
/// is recommended, and what that requires.
fn whys_of(search: &mut Search<'_>, jobs: &[Job], new: &[i32]) -> HashMap<i32, Reason> {
    let mut whys: HashMap<i32, Reason> = HashMap::with_capacity(new.len());
    let mut open = Bits::new(search.world.bound);
    new.iter().for_each(|literal| {
        open.insert(*literal);
    });
    let mut waiting: Vec<i32> = Vec::new();
    for job in jobs {
        let wanted: Vec<i32> = match job {
            Job::OneOf(packages) => packages.clone(),
            Job::Provides(dep) => search.world.lists.all_of(dep),
        };
        for literal in wanted {
            if open.has(literal) {
                open.remove(literal);
                whys.insert(literal, Reason::Asked);
                waiting.push(literal);
            }
        }
    }
    let kept: Vec<i32> = search.installed.iter().copied().filter(|literal| search.engine.is_chosen(*literal)).collect();
    let mut done: Vec<i32> = Vec::new();
    let mut next = 0;
    // Replacements and recommendations are looked at only when nothing else explains a package.
    for stage in 0..4 {
        let mut from: Vec<i32> = Vec::new();
        match stage {
            0 => {}
            1 => {
                for literal in new {
                    let mut named = search.world.lists.named(search.world.name(*literal));
                    let old = named.find(|other| search.world.is_installed(*other));
                    if let Some(old) = old.filter(|_| open.has(*literal)) {
                        open.remove(*literal);
                        whys.insert(*literal, Reason::Replaces(package(old)));
                        waiting.push(*literal);
                    }
                }
            }
            2 => waiting.extend(&kept),
            _ => from = done.iter().chain(&kept).copied().collect(),
        }
        let mut weak_at = 0;
        loop {
            while let Some(literal) = waiting.get(next).copied() {
                next += 1;
                done.push(literal);
                if stage == 3 {
                    from.push(literal);
                }
                for cap in search.world.caps(literal, DependencyKind::Requires) {
                    let dep = search.world.lists.dep(*cap);
                    for other in search.world.lists.all_of(&dep) {
                        if open.has(other) {
                            open.remove(other);
                            whys.insert(other, Reason::Required(package(literal)));
                            waiting.push(other);
                        }
                    }
                }
            }
            let Some(literal) = from.get(weak_at).copied() else { break };
            weak_at += 1;
            for cap in search.world.caps(literal, DependencyKind::Recommends) {
                let dep = search.world.lists.dep(*cap);
                for other in search.world.lists.all_of(&dep) {
                    if open.has(other) {
                        open.remove(other);
                        whys.insert(other, Reason::Recommended(package(literal)));
                        waiting.push(other);
                    }
                }
            }
            if weak_at < from.len() {
                continue;
            }
            // At last what supplements any of these.
            for literal in new.iter().copied().filter(|literal| open.has(*literal)).collect::<Vec<_>>() {
                for cap in search.world.caps(literal, DependencyKind::Supplements) {
                    let dep = search.world.lists.dep(*cap);
                    let by = search.world.lists.all_of(&dep).into_iter().find(|other| search.engine.is_chosen(*other));
                    if let Some(by) = by.filter(|by| *by >= FIRST && open.has(literal)) {
                        open.remove(literal);
                        whys.insert(literal, Reason::Recommended(package(by)));
                        waiting.push(literal);
                    }
                }
            }
        }
    }
    whys
}

/// Nothing protected may go, unless another version of it comes.
fn protect(pool: &Pool, request: &Request, solution: &Solution) -> Result<(), Problem> {
    let mut reasons = Vec::new();
    for id in &solution.erase {
        let name = pool.text(pool.name(*id));
        let stays = || solution.packages().any(|new| pool.name(new) == pool.name(*id));
        if request.protected.iter().any(|protected| protected == name) && !stays() {
            reasons.push(format!("{name} is protected, but would be removed"));
        }
    }
    if reasons.is_empty() { Ok(()) } else { Err(Problem::Unsatisfiable { reasons }) }
}

#[cfg(test)]
#[path = "solve_tests.rs"]
mod tests;
