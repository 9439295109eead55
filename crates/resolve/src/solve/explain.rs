//! Why there is no answer, in words.

use std::collections::BTreeSet;

use copr_rpm::{Dependency, DependencyKind};

use super::build::Why;
use super::lists::{FIRST, package};
use super::search::Search;
use super::{Request, Wish};
use crate::pool::{PackageId, Pool};

/// Most lines of an explanation.
const MOST_REASONS: usize = 20;
/// Most characters of one line: names may have a mebibyte.
const LONGEST_REASON: usize = 1000;
/// Most rules of a proof that are looked at; of more than these, first the ones that exclude a package by itself.
const MOST_EXPLAINED: usize = 500;
/// Most repositories that one line names as possible help.
const MOST_HINTS: usize = 3;

/// How much a line tells: what cannot be had, what excludes each other, what was asked for, how it came to that.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Weight {
    Missing,
    Excluded,
    Asked,
    Needed,
}

/// The sentences of the rules that exclude each other, the most telling first.
pub(super) fn reasons(search: &mut Search<'_>, request: &Request, jobs: &[usize], core: &[usize]) -> Vec<String> {
    let mut lines: Vec<(Weight, String)> = Vec::new();
    let ranges = search.engine.ranges;
    // Wishes in their order, the others as the proof goes.
    let mut core = core.to_vec();
    if core.len() > MOST_EXPLAINED {
        let alone = |at: &usize| search.engine.rule(*at).literals(&search.world.lists.data).nth(1).is_none();
        core.sort_by_key(|at| !alone(at));
        core.truncate(MOST_EXPLAINED);
    }
    core.sort_by_key(|at| if ranges.jobs().contains(at) { *at } else { 0 });
    for at in core {
        let line = if at < ranges.packages {
            of_package(search, request, at)
        } else if ranges.jobs().contains(&at) {
            let job = jobs.get(at - ranges.update_end).copied().unwrap_or_default();
            Some(of_job(search, request, job, search.engine.rule(at).p < 0))
        } else {
            of_policy(search, at)
        };
        if let Some(line) = line.filter(|line| !lines.iter().any(|(_, known)| *known == line.1)) {
            lines.push(line);
        }
    }
    if lines.iter().any(|(weight, _)| *weight == Weight::Missing) {
        // What was asked for is known to the reader.
        lines.retain(|(weight, _)| *weight != Weight::Asked);
    }
    lines.sort_by_key(|(weight, _)| *weight);
    let left = lines.len().saturating_sub(MOST_REASONS);
    let mut lines: Vec<String> = lines.into_iter().map(|(_, line)| shortened(line)).take(MOST_REASONS).collect();
    if left > 0 {
        lines.push(format!("and {left} reasons more"));
    }
    if lines.is_empty() {
        lines.push("the requirements exclude each other".to_owned());
    }
    lines
}

/// The line, its middle left out where it is too long.
fn shortened(line: String) -> String {
    let count = line.chars().count();
    if count <= LONGEST_REASON {
        return line;
    }
    let half = LONGEST_REASON / 2;
    let start: String = line.chars().take(half).collect();
    let end: String = line.chars().skip(count - half).collect();
    format!("{start} [...] {end}")
}

fn of_package(search: &mut Search<'_>, request: &Request, at: usize) -> Option<(Weight, String)> {
    let rule = search.engine.rule(at);
    let literals: Vec<i32> = rule.literals(&search.world.lists.data).collect();
    let owners: Vec<i32> = literals.iter().filter(|literal| **literal < 0).map(|literal| -literal).collect();
    let why = search.world.whys_of(&owners).into_iter().find(|(draft, _)| {
        draft.p == rule.p
            && match (draft.list, rule.list()) {
                (0, 0) => draft.second == rule.watched[1],
                (0, _) | (_, 0) => false,
                (a, b) => search.world.lists.get(a) == search.world.lists.get(b),
            }
    });
    let pool = search.world.pool;
    let name = |literal: i32| pool.describe(package(literal));
    let (_, why) = why?;
    Some(match why {
        Why::NotInstallable(n) => (Weight::Missing, format!("{} does not fit this machine, or is excluded", name(n))),
        Why::NothingProvides(n, cap) => {
            let wanted = pool.dependency(cap);
            let hints = hints(search, request, &wanted);
            (Weight::Missing, format!("nothing provides {wanted} needed by {}{hints}", name(n)))
        }
        Why::Requires(n, cap) => (Weight::Needed, format!("{} requires {}", name(n), pool.dependency(cap))),
        Why::Conflicts(n, other, cap) if other >= FIRST => {
            let text = format!("{} conflicts with {} provided by {}", name(n), pool.dependency(cap), name(other));
            (Weight::Excluded, text)
        }
        Why::Conflicts(n, _, cap) => (Weight::Excluded, format!("{} conflicts with {}", name(n), pool.dependency(cap))),
        Why::Obsoletes(n, other, _) => (Weight::Excluded, format!("{} obsoletes {}", name(n), name(other))),
        Why::SameName(n, _) => {
            let text = pool.text(pool.name(package(n)));
            (Weight::Excluded, format!("only one version of {text} can be installed"))
        }
        Why::Unreadable(n, cap) => {
            let reason = match crate::rich::parse(&pool.dependency(cap)) {
                Err(error) => error.to_string(),
                Ok(_) => format!("the rich dependency {:?} has too many combinations", shorten(pool, cap)),
            };
            (Weight::Missing, format!("{} cannot be installed: {reason}", name(n)))
        }
    })
}

fn shorten(pool: &Pool, cap: crate::pool::Cap) -> String {
    pool.dependency(cap).name.chars().take(200).collect()
}

fn of_job(search: &mut Search<'_>, request: &Request, job: usize, missing: bool) -> (Weight, String) {
    if let Some(nevra) = request.locked.get(job) {
        return if missing {
            (Weight::Missing, format!("{nevra} must stay as it is, but no repository has it"))
        } else {
            (Weight::Asked, format!("{nevra} must stay as it is"))
        };
    }
    match request.install.get(job - request.locked.len()) {
        Some(Wish::Dependency(dependency)) if missing => {
            let hints = hints(search, request, dependency);
            (Weight::Missing, format!("nothing provides {dependency}{hints}"))
        }
        Some(Wish::Dependency(dependency)) => (Weight::Asked, format!("{dependency} is asked for")),
        Some(Wish::Packages(packages, text)) if missing => {
            let hints = of_hidden(search.world.pool, request, packages);
            (Weight::Missing, format!("nothing is called {text}{hints}"))
        }
        Some(Wish::Packages(_, text)) => (Weight::Asked, format!("{text} is asked for")),
        None => (Weight::Asked, "a wish of the request".to_owned()),
    }
}

/// Rules of preference that became strict.
fn of_policy(search: &Search<'_>, at: usize) -> Option<(Weight, String)> {
    let pool = search.world.pool;
    let ranges = search.engine.ranges;
    let name = |literal: i32| pool.describe(package(literal));
    let number = |start: usize| search.installed.get(at.checked_sub(start)?).copied();
    if (ranges.feature..ranges.update).contains(&at) {
        return number(ranges.feature).map(|n| (Weight::Excluded, format!("{} must stay or be replaced", name(n))));
    }
    if (ranges.update..ranges.update_end).contains(&at) {
        return number(ranges.update).map(|n| (Weight::Excluded, format!("{} must stay or be updated", name(n))));
    }
    if ranges.arch().contains(&at) {
        let n = -search.engine.rule(at).p;
        return Some((Weight::Excluded, format!("{} is for a worse architecture than another one", name(n))));
    }
    if (ranges.arch_end..ranges.best_end).contains(&at) {
        let best = search.engine.rule(at).literals(&search.world.lists.data).find(|literal| *literal >= FIRST)?;
        return Some((Weight::Excluded, format!("only the best version is wanted: {}", name(best))));
    }
    (ranges.best_end..ranges.split_end).contains(&at).then(|| {
        let n = search.engine.rule(at).p.abs();
        (Weight::Excluded, format!("{} is one of several that replace a package together", name(n)))
    })
}

/// What might help where nothing provides something: a repository that is not enabled, what is excluded, or another
/// version that is there.
fn hints(search: &mut Search<'_>, request: &Request, wanted: &Dependency) -> String {
    let pool = search.world.pool;
    let hidden = of_hidden(pool, request, &pool.providers_of(wanted));
    if !hidden.is_empty() || wanted.evr.is_none() {
        return hidden;
    }
    let any = pool.providers_of(&Dependency::named(wanted.name.clone()));
    let mut there: Vec<i32> =
        any.into_iter().map(super::lists::literal).filter(|l| !search.world.lists.hidden.has(*l)).collect();
    search.filter(&mut there, super::policy::Mode::Choose);
    let Some(best) = there.first().copied() else { return String::new() };
    let mut provides = search.world.caps(best, DependencyKind::Provides).iter();
    let provided = provides.find(|cap| pool.text(pool.cap(**cap).name) == wanted.name);
    match provided {
        Some(cap) => format!("; {} provides {}", pool.describe(package(best)), pool.dependency(*cap)),
        None => format!("; there is {}", pool.describe(package(best))),
    }
}

/// `; alice/libs has it` for packages of repositories that are not enabled, or `; NAME is excluded`.
fn of_hidden(pool: &Pool, request: &Request, packages: &[PackageId]) -> String {
    let mut repositories = BTreeSet::new();
    let mut excluded = None;
    for id in packages {
        let repository = pool.repository(*id);
        if request.not_enabled.contains(&repository) {
            repositories.extend(pool.repositories().get(repository).map(|info| info.id.as_str()));
        } else if request.excluded.contains(id) {
            excluded = Some(*id);
        }
    }
    let names: Vec<&str> = repositories.iter().copied().take(MOST_HINTS).collect();
    match (names.as_slice(), excluded) {
        ([], None) => String::new(),
        ([], Some(id)) => format!("; {} is excluded", pool.describe(id)),
        ([one], _) => format!("; {one} has it"),
        ([first @ .., last], _) => format!("; {} and {last} have it", first.join(", ")),
    }
}
