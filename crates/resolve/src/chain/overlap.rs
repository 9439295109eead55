//! Which packages of other repositories each repository of a chain would replace.
//!
//! A repository that somebody enables for one program may have newer versions of what the system is made of, older ones, or
//! packages that obsolete them. Packages are compared by name and architecture, the newest of each side.

use std::collections::BTreeMap;
use std::fmt;

use copr_rpm::DependencyKind;

use crate::pool::{Cap, PackageId, Pool, RepositoryInfo, Str};

/// How a package stands to the one it is compared with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Relation {
    /// The same name, a newer version.
    Newer,
    /// The same name and version.
    Same,
    /// The same name, an older version.
    Older,
    /// Another name; this says which versions it obsoletes.
    Obsoletes(Cap),
}

/// A package, and one of another repository that it stands in the way of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Overlap {
    /// The package of the repository that is looked at.
    pub package: PackageId,
    /// The other repository's.
    pub other: PackageId,
    /// How the first stands to the second.
    pub relation: Relation,
    /// Whether dnf would take the first, where both repositories are enabled: by priority, then by version, of the same
    /// version by cost. Whatever is obsoleted is replaced.
    pub replaces: bool,
    /// Whether the two say that different people made them.
    pub vendor_changes: bool,
}

/// All overlaps of one repository with one other.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Overlaps {
    /// The repository that is looked at, by its number in the pool.
    pub repository: usize,
    /// The other one.
    pub other: usize,
    /// By name and architecture, what is obsoleted behind what has the same name; at least one.
    pub list: Vec<Overlap>,
}

/// Overlaps in numbers.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// How messages name the other repository.
    pub other: String,
    /// Packages that would be replaced, of all kinds.
    pub replaced: usize,
    /// Packages with a newer version here.
    pub newer: usize,
    /// Packages with the same version here.
    pub same: usize,
    /// Packages with an older version here.
    pub older: usize,
    /// Packages that are obsoleted by others.
    pub obsoleted: usize,
    /// Packages that would be replaced by those of another vendor.
    pub vendor_changes: usize,
    /// The first names of packages that would be replaced, sorted, each once.
    pub names: Vec<String>,
    /// How many names more there are.
    pub more: usize,
}

impl fmt::Display for Summary {
    /// `replaces 3 packages of fedora (2 newer, 1 obsoleted, 3 change vendor): bash, glibc, zlib`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let kinds = [
            (self.newer, "newer"),
            (self.same, "of the same version"),
            (self.older, "older"),
            (self.obsoleted, "obsoleted"),
            (self.vendor_changes, if self.vendor_changes == 1 { "changes vendor" } else { "change vendor" }),
        ];
        let kinds: Vec<String> =
            kinds.iter().filter(|(count, _)| *count > 0).map(|(count, kind)| format!("{count} {kind}")).collect();
        let kinds = kinds.join(", ");
        match self.replaced {
            0 => return write!(f, "replaces nothing of {}, but has packages of the same names ({kinds})", self.other),
            1 => write!(f, "replaces 1 package of {} ({kinds})", self.other)?,
            count => write!(f, "replaces {count} packages of {} ({kinds})", self.other)?,
        }
        write!(f, ": {}", self.names.join(", "))?;
        if self.more > 0 { write!(f, " and {} more", self.more) } else { Ok(()) }
    }
}

/// Compares what `repository` has with what each of `others` has (numbers of the pool's repositories); others without
/// overlap are left out. Packages that do not fit the machine or are excluded do not count.
#[must_use]
pub fn overlaps(pool: &Pool, repository: usize, others: &[usize]) -> Vec<Overlaps> {
    let ours = newest(pool, repository);
    let of = |other: usize| {
        let list: Vec<Overlap> = compare(pool, &ours, other);
        Overlaps { repository, other, list }
    };
    others
        .iter()
        .filter(|other| **other != repository)
        .map(|other| of(*other))
        .filter(|of| !of.list.is_empty())
        .collect()
}

impl Overlaps {
    /// The numbers, with this many names at most.
    #[must_use]
    pub fn summary(&self, pool: &Pool, most_names: usize) -> Summary {
        let other = pool.repositories().get(self.other).map_or("?", |info| info.id.as_str());
        let mut summary = Summary { other: other.to_owned(), ..Summary::default() };
        let mut names: Vec<&str> = Vec::new();
        for overlap in &self.list {
            let count = match overlap.relation {
                Relation::Newer => &mut summary.newer,
                Relation::Same => &mut summary.same,
                Relation::Older => &mut summary.older,
                Relation::Obsoletes(_) => &mut summary.obsoleted,
            };
            *count += 1;
            if overlap.replaces {
                summary.replaced += 1;
                summary.vendor_changes += usize::from(overlap.vendor_changes);
                names.push(pool.text(pool.name(overlap.other)));
            }
        }
        names.sort_unstable();
        names.dedup();
        summary.more = names.len().saturating_sub(most_names);
        summary.names = names.into_iter().take(most_names).map(str::to_owned).collect();
        summary
    }
}

impl Overlap {
    /// One line: `bash-5.3-1.x86_64 is newer than bash-5.2-1.x86_64 (repository fedora), vendor changes from A to B`.
    #[must_use]
    pub fn describe(&self, pool: &Pool) -> String {
        let how = match self.relation {
            Relation::Newer => "is newer than",
            Relation::Same => "is of the same version as",
            Relation::Older => "is older than",
            Relation::Obsoletes(_) => "obsoletes",
        };
        let mut text = format!("{} {how} {}", pool.nevra(self.package), pool.describe(self.other));
        if self.vendor_changes {
            let vendor = |id: PackageId| match pool.text(pool.vendor(id)) {
                "" => "none",
                vendor => vendor,
            };
            text.push_str(&format!(", vendor changes from {} to {}", vendor(self.other), vendor(self.package)));
        }
        if !self.replaces {
            text.push_str(", and is not taken");
        }
        text
    }
}

/// The newest installable package of each name and architecture of one repository.
type Newest = BTreeMap<(Str, Str), PackageId>;

fn newest(pool: &Pool, repository: usize) -> Newest {
    let mut newest = Newest::new();
    for id in pool.ids_of(repository).filter(|id| pool.installable(*id)) {
        let known = newest.entry((pool.name(id), pool.arch_of(id))).or_insert(id);
        if pool.compare_evr(pool.evr(id), pool.evr(*known)).is_gt() {
            *known = id;
        }
    }
    newest
}

fn compare(pool: &Pool, ours: &Newest, other: usize) -> Vec<Overlap> {
    let theirs = newest(pool, other);
    let noarch = pool.find("noarch");
    let mut list: Vec<Overlap> = Vec::new();
    // What has the same name: of the same architecture, or one of the two of none.
    for ((name, arch), other) in &theirs {
        let is_noarch = Some(*arch) == noarch;
        let same_name = ours.range((*name, Str::default())..).take_while(|((ours, _), _)| ours == name);
        let fit =
            same_name.filter(|((_, ours), _)| ours == arch || is_noarch || Some(*ours) == noarch).map(|(_, id)| *id);
        // Of several that fit the newest counts, then the one of the same architecture.
        let newest = fit.reduce(|best, next| {
            let order = pool.compare_evr(pool.evr(next), pool.evr(best));
            if order.is_gt() || (order.is_eq() && pool.arch_of(next) == *arch) { next } else { best }
        });
        if let Some(package) = newest {
            let relation = match pool.compare_evr(pool.evr(package), pool.evr(*other)) {
                std::cmp::Ordering::Greater => Relation::Newer,
                std::cmp::Ordering::Equal => Relation::Same,
                std::cmp::Ordering::Less => Relation::Older,
            };
            list.push(overlap(pool, package, *other, relation));
        }
    }
    let mut obsoleted: BTreeMap<PackageId, Overlap> = BTreeMap::new();
    for package in ours.values() {
        for cap in pool.list(*package, DependencyKind::Obsoletes) {
            let name = pool.cap(*cap).name;
            if name == pool.name(*package) {
                continue;
            }
            let of_name = theirs.range((name, Str::default())..).take_while(|((theirs, _), _)| *theirs == name);
            for (_, other) in of_name.filter(|(_, other)| pool.is_within(**other, *cap)) {
                let found = overlap(pool, *package, *other, Relation::Obsoletes(*cap));
                obsoleted.entry(*other).or_insert(found);
            }
        }
    }
    // What a version of its own replaces is not counted as obsoleted too.
    for overlap in list.iter().filter(|overlap| overlap.replaces) {
        obsoleted.remove(&overlap.other);
    }
    let key = |overlap: &Overlap| {
        let text = |id: PackageId| (pool.text(pool.name(id)), pool.text(pool.arch_of(id)));
        (matches!(overlap.relation, Relation::Obsoletes(_)), text(overlap.other), overlap.package)
    };
    list.extend(obsoleted.into_values());
    list.sort_by(|a, b| key(a).cmp(&key(b)));
    list
}

fn overlap(pool: &Pool, package: PackageId, other: PackageId, relation: Relation) -> Overlap {
    let rank = |id: PackageId| {
        pool.repository_info(id).map_or((99, 1000), |RepositoryInfo { priority, cost, .. }| (*priority, *cost))
    };
    let (ours, theirs) = (rank(package), rank(other));
    let replaces = match relation {
        Relation::Newer => ours.0 <= theirs.0,
        Relation::Same => ours < theirs,
        Relation::Older => ours.0 < theirs.0,
        Relation::Obsoletes(_) => true,
    };
    Overlap { package, other, relation, replaces, vendor_changes: pool.vendor(package) != pool.vendor(other) }
}

#[cfg(test)]
#[path = "overlap_tests.rs"]
mod tests;
