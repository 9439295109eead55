//! Who provides, requires, recommends, ... what, in any set of repositories, as `dnf repoquery` answers it.
//!
//! All answers are packages in the order of the pool, each once. What is asked of is a set of packages ([`Within`]); look-ups
//! of providers find only packages that fit the machine.

mod glob;
mod spec;

use std::collections::{BTreeSet, HashMap, HashSet};

use copr_rpm::{Dependency, DependencyKind};

use crate::closure::{PackageSet, satisfying};
use crate::solve::Wish;
use crate::{Cap, PackageId, Pool, Str};

pub use glob::{Glob, is_pattern};
use spec::NamePattern;
pub use spec::{FileOwners, Form, Meaning, Named, is_file, named, providing};

/// The kinds of dependencies by which one package may come to another (`--whatdepends`, `--depends`).
pub const DEPENDS: [DependencyKind; 5] = [
    DependencyKind::Requires,
    DependencyKind::Enhances,
    DependencyKind::Suggests,
    DependencyKind::Supplements,
    DependencyKind::Recommends,
];

/// A pool, the packages of it that are asked about, and the owners of files that the pool does not know.
#[derive(Debug, Clone)]
pub struct Within<'p> {
    /// The packages of all repositories.
    pub pool: &'p Pool,
    /// Those that are asked about.
    pub packages: PackageSet,
    /// Owners of paths that the questions name.
    pub owners: FileOwners,
}

impl<'p> Within<'p> {
    /// All packages of a pool.
    #[must_use]
    pub fn all(pool: &'p Pool) -> Self {
        Self { pool, packages: PackageSet::all(pool), owners: FileOwners::new() }
    }

    /// Packages that a text names; none where it names nothing.
    #[must_use]
    pub fn named(&self, text: &str, meaning: Meaning) -> Vec<PackageId> {
        let found = named(self.pool, text, meaning, &self.owners);
        self.of(found.map(|found| found.packages).unwrap_or_default())
    }

    /// Packages that provide one of some capabilities; where there are none, those that own files of that path or pattern.
    #[must_use]
    pub fn what_provides(&self, texts: &[String]) -> Vec<PackageId> {
        let found = self.of(texts.iter().flat_map(|text| providing(self.pool, text)).collect());
        if !found.is_empty() {
            return found;
        }
        self.files(texts)
    }

    /// Packages that own files of some paths or patterns, by [`Self::owners`] and by what the pool knows.
    #[must_use]
    pub fn files(&self, texts: &[String]) -> Vec<PackageId> {
        let listed = texts.iter().filter_map(|text| self.owners.get(text)).flatten().copied();
        let known = texts.iter().filter(|text| text.starts_with('/'));
        let known = known.flat_map(|text| self.pool.providers_of(&Dependency::named(text.as_str())));
        self.of(listed.chain(known).collect())
    }

    /// Packages with a dependency of one of `kinds` on one of the texts: on a capability of that name or pattern, in a range
    /// that overlaps; with `of_packages` also on anything that the packages of these names provide, files included.
    #[must_use]
    pub fn what_depends(&self, kinds: &[DependencyKind], texts: &[String], of_packages: bool) -> Vec<PackageId> {
        let mut wanted: Vec<(Dependency, NamePattern)> = Vec::new();
        for text in texts {
            if let Ok(dependency) = text.parse::<Dependency>() {
                let pattern = NamePattern::new(&dependency.name);
                wanted.push((dependency, pattern));
            }
        }
        let mut known: HashMap<Cap, bool> = HashMap::new();
        let mut names = |cap: Cap| {
            *known.entry(cap).or_insert_with(|| {
                let mut any = false;
                self.each_part(cap, &mut |part: &Dependency, name: Option<Str>| {
                    any = any
                        || wanted.iter_mut().any(|(dependency, pattern)| {
                            let same = match name.or_else(|| self.pool.find(&part.name)) {
                                Some(name) => pattern.matches(self.pool, name),
                                None => Glob::new(&dependency.name, false).matches(&part.name),
                            };
                            same && dependency.matches(&Dependency { name: dependency.name.clone(), ..part.clone() })
                        });
                });
                any
            })
        };
        let depends =
            |id: &PackageId| kinds.iter().any(|kind| self.pool.list(*id, *kind).iter().any(|cap| names(*cap)));
        let mut found: Vec<PackageId> = self.packages.iter().filter(depends).collect();
        if of_packages {
            let targets = texts.iter().flat_map(|text| self.named(text, Meaning::NAMES)).collect::<Vec<_>>();
            found.extend(self.depending_on(kinds, &targets));
        }
        self.of(found)
    }

    /// Packages with a dependency of one of `kinds` that one of `targets` satisfies.
    #[must_use]
    pub fn depending_on(&self, kinds: &[DependencyKind], targets: &[PackageId]) -> Vec<PackageId> {
        if targets.is_empty() {
            return Vec::new();
        }
        let targets = PackageSet::of(self.pool, targets.iter().copied());
        let provides =
            |id: PackageId| self.pool.list(id, DependencyKind::Provides).iter().map(|cap| self.pool.cap(*cap).name);
        let offered: HashSet<Str> = targets.iter().flat_map(provides).collect();
        let mut known: HashMap<Cap, bool> = HashMap::new();
        let mut satisfied = |cap: Cap| {
            *known.entry(cap).or_insert_with(|| {
                let name = self.pool.cap(cap).name;
                let possible =
                    offered.contains(&name) || self.pool.is_rich(cap) || self.pool.text(name).starts_with('/');
                possible && !satisfying(self.pool, cap, &targets).is_empty()
            })
        };
        let depends =
            |id: &PackageId| kinds.iter().any(|kind| self.pool.list(*id, *kind).iter().any(|cap| satisfied(*cap)));
        self.packages.iter().filter(depends).collect()
    }

    /// Adds what requires the packages, what requires that, and so on.
    #[must_use]
    pub fn recursively_requiring(&self, first: &[PackageId]) -> Vec<PackageId> {
        let mut all = PackageSet::of(self.pool, first.iter().copied());
        let mut new = first.to_vec();
        while !new.is_empty() {
            let found = self.depending_on(&[DependencyKind::Requires], &new);
            new = found.into_iter().filter(|id| !all.contains(*id)).collect();
            new.iter().for_each(|id| all.insert(*id));
        }
        all.iter().collect()
    }

    /// The packages that satisfy dependencies, the newest of each name and architecture; with `recursive` also what
    /// satisfies all that these require, and so on.
    #[must_use]
    pub fn resolve(&self, caps: &[Cap], recursive: bool) -> Vec<PackageId> {
        let mut all = PackageSet::none(self.pool);
        let mut seen: HashSet<Cap> = HashSet::new();
        let mut waiting: Vec<Cap> = caps.to_vec();
        while let Some(cap) = waiting.pop() {
            if !seen.insert(cap) {
                continue;
            }
            for id in satisfying(self.pool, cap, &self.packages) {
                if recursive && !all.contains(id) {
                    waiting.extend_from_slice(self.pool.list(id, DependencyKind::Requires));
                }
                all.insert(id);
            }
        }
        latest(self.pool, &all.iter().collect::<Vec<_>>(), 1)
    }

    /// The source packages that packages are built from, where they are among those asked about.
    #[must_use]
    pub fn sources(&self, ids: &[PackageId]) -> Vec<PackageId> {
        let names: HashSet<&str> = ids.iter().map(|id| self.pool.text(self.pool.source_rpm(*id))).collect();
        let is_source = |id: &PackageId| {
            let arch = self.pool.text(self.pool.arch_of(*id));
            matches!(arch, "src" | "nosrc") && names.contains(self.pool.nevra(*id).file_name().as_str())
        };
        self.packages.iter().filter(is_source).collect()
    }

    /// What these packages have of some kinds, each once, sorted by text.
    #[must_use]
    pub fn dependencies(&self, ids: &[PackageId], kinds: &[DependencyKind]) -> Vec<Cap> {
        let listed = ids.iter().flat_map(|id| kinds.iter().flat_map(|kind| self.pool.list(*id, *kind)));
        let caps: BTreeSet<(String, Cap)> = listed.map(|cap| (self.pool.dependency(*cap).to_string(), *cap)).collect();
        caps.into_iter().map(|(_, cap)| cap).collect()
    }

    /// The plain dependencies that a dependency consists of.
    fn each_part(&self, cap: Cap, found: &mut impl FnMut(&Dependency, Option<Str>)) {
        let dependency = self.pool.dependency(cap);
        if !self.pool.is_rich(cap) {
            found(&dependency, Some(self.pool.cap(cap).name));
        } else if let Ok(expression) = crate::rich::parse(&dependency) {
            crate::closure::each_plain(&expression, &mut |part| found(part, None));
        }
    }

    /// Sorted, each once, and only of those asked about.
    fn of(&self, mut ids: Vec<PackageId>) -> Vec<PackageId> {
        ids.retain(|id| self.packages.contains(*id));
        ids.sort_unstable();
        ids.dedup();
        ids
    }
}

/// The `limit` newest versions of each name and architecture, or all but those where `limit` is negative; ascending. Packages
/// of one version count as one.
#[must_use]
pub fn latest(pool: &Pool, ids: &[PackageId], limit: i64) -> Vec<PackageId> {
    let mut by_name: HashMap<(Str, Str), Vec<PackageId>> = HashMap::new();
    for id in ids {
        by_name.entry((pool.name(*id), pool.arch_of(*id))).or_default().push(*id);
    }
    let most = usize::try_from(limit.unsigned_abs()).unwrap_or(usize::MAX);
    let mut found = Vec::new();
    for mut same in by_name.into_values() {
        same.sort_by(|a, b| pool.compare_evr(pool.evr(*b), pool.evr(*a)));
        let versions = same.chunk_by(|a, b| pool.compare_evr(pool.evr(*a), pool.evr(*b)).is_eq());
        for (at, version) in versions.enumerate() {
            if (at < most) == (limit > 0) {
                found.extend_from_slice(version);
            }
        }
    }
    found.sort_unstable();
    found
}

/// A text that names nothing that could be installed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpecError {
    /// No package has that name, provides it or owns it.
    #[error("nothing is called {text}, provides it or owns it{}", Similar(.similar))]
    Unknown {
        /// What was asked for.
        text: String,
        /// Names that look like it.
        similar: Vec<String>,
    },
    /// There are such packages, for other machines or sources only.
    #[error("{text} is there for {} only", .arches.join(", "))]
    OtherArch {
        /// What was asked for.
        text: String,
        /// The architectures.
        arches: Vec<String>,
    },
}

struct Similar<'a>(&'a [String]);

impl std::fmt::Display for Similar<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.0.is_empty() { Ok(()) } else { write!(f, "; there is {}", self.0.join(", ")) }
    }
}

/// What `dnf install TEXT` wishes for: one of the packages that the text names, or that obsolete them where it is a bare
/// name; for a pattern, one of each name. A rich dependency is wished for as it is.
///
/// # Errors
/// [`SpecError`] where the text names nothing.
pub fn wishes(within: &Within<'_>, text: &str) -> Result<Vec<Wish>, SpecError> {
    let pool = within.pool;
    if text.starts_with('(') {
        return Ok(vec![Wish::Dependency(Dependency::named(text))]);
    }
    let found = named(pool, text, Meaning::INSTALL, &within.owners)
        .map(|found| Named { packages: within.of(found.packages), ..found })
        .filter(|found| !found.packages.is_empty());
    let Some(Named { form, mut packages }) = found else { return Err(unknown(within, text)) };
    if is_pattern(text) {
        let mut by_name: Vec<(Str, Vec<PackageId>)> = Vec::new();
        let mut places: HashMap<Str, usize> = HashMap::new();
        for id in packages {
            let name = pool.name(id);
            let place = *places.entry(name).or_insert(by_name.len());
            match by_name.get_mut(place) {
                Some((_, same)) => same.push(id),
                None => by_name.push((name, vec![id])),
            }
        }
        by_name.sort_by(|(a, _), (b, _)| pool.text(*a).cmp(pool.text(*b)));
        let wish = |(name, same): (Str, Vec<PackageId>)| Wish::Packages(same, pool.text(name).to_owned());
        return Ok(by_name.into_iter().map(wish).collect());
    }
    if form == Form::Name {
        packages.extend(obsoleting(within, &packages));
        packages = within.of(packages);
    }
    Ok(vec![Wish::Packages(packages, text.to_owned())])
}

/// Packages that obsolete one of `ids`.
fn obsoleting(within: &Within<'_>, ids: &[PackageId]) -> Vec<PackageId> {
    let pool = within.pool;
    let names: HashSet<Str> = ids.iter().map(|id| pool.name(*id)).collect();
    let obsoletes = |id: &PackageId| {
        pool.list(*id, DependencyKind::Obsoletes)
            .iter()
            .any(|cap| names.contains(&pool.cap(*cap).name) && ids.iter().any(|old| pool.is_within(*old, *cap)))
    };
    within.packages.iter().filter(|id| pool.installable(*id)).filter(obsoletes).collect()
}

fn unknown(within: &Within<'_>, text: &str) -> SpecError {
    let any = Meaning { any_arch: true, ..Meaning::INSTALL };
    let arches: BTreeSet<String> =
        within.named(text, any).iter().map(|id| within.pool.text(within.pool.arch_of(*id)).to_owned()).collect();
    if !arches.is_empty() {
        return SpecError::OtherArch { text: text.to_owned(), arches: arches.into_iter().collect() };
    }
    let mut names: Vec<&str> = Vec::new();
    let mut seen: HashSet<Str> = HashSet::new();
    if (3..=64).contains(&text.len()) && !is_file(text) {
        for id in within.packages.iter().filter(|id| within.pool.installable(*id)) {
            let name = within.pool.name(id);
            if seen.insert(name) && is_similar(text, within.pool.text(name)) {
                names.push(within.pool.text(name));
            }
        }
    }
    names.sort_by_key(|name| (name.len().abs_diff(text.len()), *name));
    SpecError::Unknown { text: text.to_owned(), similar: names.into_iter().take(3).map(str::to_owned).collect() }
}

/// Whether two names differ by their case, or by one letter that is wrong, missing or too much, or by two in the wrong order.
fn is_similar(a: &str, b: &str) -> bool {
    if a.eq_ignore_ascii_case(b) {
        return true;
    }
    if a.len().abs_diff(b.len()) > 1 {
        return false;
    }
    let (a, b) = (a.as_bytes(), b.as_bytes());
    let same = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let (a, b) = (a.split_at(same).1, b.split_at(same).1);
    match (a, b) {
        ([_, x @ ..], [_, y @ ..]) if x == y || x == b || a == y => true,
        ([p, q, x @ ..], [r, s, y @ ..]) => x == y && p == s && q == r,
        ([_, x @ ..], _) if x == b => true,
        (_, [_, y @ ..]) => a == y,
        _ => false,
    }
}

#[cfg(test)]
#[path = "query_tests.rs"]
mod tests;
