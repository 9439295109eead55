//! Making the index of a repository of its packages as they come.

use std::cmp::Reverse;
use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::hash::BuildHasher;
use std::ops::Range;
use std::sync::Arc;

use copr_repodata::read::{EntryView, PrimaryView, Raw};
use copr_rpm::DependencyKind;

use super::{About, Change, Index, Letter, Name, Package};
use crate::Group;
use crate::table::Table;
use crate::text::{When, line};

/// Source packages that are told as built latest.
const LATEST: usize = 100;
/// Characters of a summary in lists.
const SUMMARY: usize = 300;
/// Words of a rich dependency that are looked at.
const WORDS: usize = 500;

/// The order of names: what [`Letter`] they begin with, then whatever their case.
pub(super) fn name_order(name: &str) -> (Letter, String, &str) {
    (Letter::of(name), name.to_lowercase(), name)
}

/// What is known of a repository while its packages come.
#[derive(Default)]
pub(crate) struct Builder {
    texts: HashSet<Arc<str>>,
    packages: Vec<Package>,
    /// What packages provide, and their primary files: hash, number of the package.
    provides: Vec<(u64, u32)>,
    /// What packages require.
    requires: Vec<(u64, u32)>,
    /// What any dependency names.
    named: HashSet<u64>,
    /// Files among these.
    paths: HashSet<u64>,
    by_pkgid: HashMap<Box<str>, u32>,
    sources: usize,
    size: u64,
    hasher: RandomState,
}

impl Builder {
    /// Each text is kept once.
    fn text(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.texts.get(text) {
            return known.clone();
        }
        let text: Arc<str> = text.into();
        self.texts.insert(text.clone());
        text
    }

    /// The next package of primary.
    pub(crate) fn add(&mut self, view: &PrimaryView<'_>) {
        let Ok(number) = u32::try_from(self.packages.len()) else { return };
        let mut take = |raw: Raw<'_>| self.text(&raw.text());
        let package = Package {
            name: take(view.nevra.name),
            epoch: view.nevra.epoch.text().trim().parse().unwrap_or(0),
            version: take(view.nevra.version),
            release: take(view.nevra.release),
            arch: take(view.nevra.arch),
            group: take(view.group),
            sourcerpm: take(view.sourcerpm),
            base: Some(view.location_base).filter(|base| !base.is_empty()).map(take),
            summary: self.text(&line(&view.summary.text(), SUMMARY)),
            location: view.location_href.text().into(),
            pkgid: view.checksum.text().trim().to_ascii_lowercase().into(),
            time: if view.time_build > 0 { view.time_build } else { view.time_file },
            size: view.size_package,
            number,
            of_name: 0,
            again: 0,
        };
        let is_source = package.is_source();
        self.size = self.size.saturating_add(package.size);
        self.sources += usize::from(is_source);
        self.packages.push(package);
        for (kind, list) in DependencyKind::ALL.into_iter().zip(&view.dependencies) {
            list.iter().for_each(|entry| self.dependency(kind, entry, number));
        }
        // A source package's files are not where anybody looks for them.
        if !is_source {
            for file in &view.files {
                self.provides.push((self.hasher.hash_one(&*file.path.text()), number));
            }
        }
    }

    fn dependency(&mut self, kind: DependencyKind, entry: &EntryView<'_>, number: u32) {
        let name = entry.name.text();
        if kind == DependencyKind::Provides {
            self.provides.push((self.hasher.hash_one(&*name), number));
            return;
        }
        for capability in capabilities(&name) {
            let hash = self.hasher.hash_one(capability);
            if kind == DependencyKind::Requires {
                self.requires.push((hash, number));
            }
            self.named.insert(hash);
            if capability.starts_with('/') {
                self.paths.insert(hash);
            }
        }
    }

    /// Whether there are dependencies on files that only filelists can have.
    pub(crate) fn wants_files(&mut self) -> bool {
        for (hash, _) in &self.provides {
            self.paths.remove(hash);
        }
        if !self.paths.is_empty() {
            let ids = (0..).zip(&self.packages).map(|(number, package)| (package.pkgid.clone(), number));
            self.by_pkgid = ids.collect();
        }
        !self.paths.is_empty()
    }

    /// The files of a package, as filelists have them.
    pub(crate) fn files<'a>(&mut self, pkgid: &str, paths: impl Iterator<Item = Raw<'a>>) {
        let id = pkgid.trim().to_ascii_lowercase();
        let Some(number) = self.by_pkgid.get(&*id).copied() else { return };
        if self.packages.get(number as usize).is_some_and(Package::is_source) {
            return;
        }
        for path in paths {
            let hash = self.hasher.hash_one(&*path.text());
            if self.paths.contains(&hash) {
                self.provides.push((hash, number));
            }
        }
    }

    /// The index, but for groups and the texts of changes.
    pub(crate) fn finish(self, title: &str, revision: &str) -> Index {
        let mut arches: HashMap<Arc<str>, usize> = HashMap::new();
        for package in &self.packages {
            *arches.entry(package.arch.clone()).or_default() += 1;
        }
        let mut packages = self.packages;
        packages.sort_by_cached_key(|package| {
            let (letter, lower, _) = name_order(&package.name);
            let arch = Reverse(arches.get(&package.arch).copied().unwrap_or(0));
            let name = (letter, lower, package.name.clone());
            (name, Reverse(package.order()), package.is_source(), arch, package.arch.clone(), package.number)
        });
        let names = names(&mut packages);
        let mut name_of = vec![0; packages.len()];
        for package in &packages {
            if let Some(name) = name_of.get_mut(package.number as usize) {
                *name = package.of_name;
            }
        }
        let of = |number: u32| name_of.get(number as usize).copied().unwrap_or_default();
        // What nobody asks for is not kept: it is most of what packages provide.
        let provided: HashSet<u64> = self.provides.iter().map(|(hash, _)| *hash).collect();
        let requires = self.requires.into_iter().filter(|(hash, _)| provided.contains(hash));
        let requirers = Table::new(requires.map(|(hash, number)| (hash, of(number))).collect());
        let provides = self.provides.into_iter().filter(|(hash, _)| self.named.contains(hash));
        let providers = Table::new(provides.map(|(hash, number)| (hash, of(number))).collect());
        let sourced = packages.iter().filter(|package| !package.source_name().is_empty());
        let siblings = sourced.map(|package| (self.hasher.hash_one(package.source_name()), package.of_name)).collect();
        let mut arches: Vec<(String, usize)> =
            arches.into_iter().map(|(arch, count)| (line(&arch, 40), count)).collect();
        arches.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
        let about = About {
            title: line(title, 200),
            revision: line(revision, 100),
            published: revision.trim().parse().ok().and_then(When::new),
            packages: packages.len(),
            names: names.len(),
            sources: self.sources,
            size: self.size,
            arches,
        };
        let mut index = Index {
            about,
            letters: letters(&names),
            latest: latest(&packages),
            names,
            packages,
            groups: Vec::new(),
            providers,
            requirers,
            siblings: Table::new(siblings),
            memberships: Table::default(),
            hasher: self.hasher,
            size: self.texts.iter().map(|text| text.len() + 16).sum(),
        };
        index.size += index.own_size();
        index
    }
}

impl Index {
    /// Bytes but for texts that packages share, and groups.
    fn own_size(&self) -> usize {
        let package = |package: &Package| size_of::<Package>() + package.location.len() + package.pkgid.len();
        let packages: usize = self.packages.iter().map(package).sum();
        let tables = self.providers.size() + self.requirers.size() + self.siblings.size();
        packages + tables + self.names.len() * size_of::<Name>()
    }

    pub(crate) fn set_groups(&mut self, groups: Vec<Group>) {
        let members = (0u32..)
            .zip(&groups)
            .flat_map(|(number, group)| group.names.iter().map(move |name| (u64::from(*name), number)));
        self.memberships = Table::new(members.collect());
        self.size += groups.iter().map(Group::size).sum::<usize>() + self.memberships.size();
        self.groups = groups;
    }

    pub(crate) fn latest_mut(&mut self) -> &mut [Change] {
        &mut self.latest
    }
}

/// The names of packages that are in order. The packages are told which they have, and whether they are there again.
fn names(packages: &mut [Package]) -> Vec<Name> {
    let mut names: Vec<Name> = Vec::new();
    let mut seen: HashMap<String, u32> = HashMap::new();
    for (number, package) in (0u32..).zip(packages) {
        match names.last_mut().filter(|name| name.text == package.name) {
            Some(name) => name.count += 1,
            None => {
                names.push(Name { text: package.name.clone(), first: number, count: 1 });
                seen.clear();
            }
        }
        package.of_name = u32::try_from(names.len()).unwrap_or(u32::MAX).saturating_sub(1);
        let again = seen.entry(package.key()).or_default();
        package.again = *again;
        *again += 1;
    }
    names
}

fn letters(names: &[Name]) -> Vec<(Letter, Range<usize>)> {
    let mut letters: Vec<(Letter, Range<usize>)> = Vec::new();
    for (number, name) in names.iter().enumerate() {
        let letter = Letter::of(&name.text);
        match letters.last_mut().filter(|(other, _)| *other == letter) {
            Some((_, range)) => range.end = number + 1,
            None => letters.push((letter, number..number + 1)),
        }
    }
    letters
}

/// The source packages that were built last, each with the packages that came of it.
fn latest(packages: &[Package]) -> Vec<Change> {
    let mut newest: HashMap<String, u64> = HashMap::new();
    for package in packages {
        let time = newest.entry(package.source_file()).or_default();
        *time = package.time.max(*time);
    }
    let mut order: Vec<(u64, String)> = newest.into_iter().map(|(source, time)| (time, source)).collect();
    order.sort_unstable_by(|a, b| b.0.cmp(&a.0).then_with(|| a.1.cmp(&b.1)));
    order.truncate(LATEST);
    let places: HashMap<&str, usize> =
        order.iter().enumerate().map(|(place, (_, source))| (source.as_str(), place)).collect();
    let mut changes: Vec<Option<Change>> = vec![None; order.len()];
    for (number, package) in (0u32..).zip(packages) {
        let source = package.source_file();
        let Some(place) = places.get(source.as_str()) else { continue };
        let (Some(slot), Some((time, _))) = (changes.get_mut(*place), order.get(*place)) else { continue };
        let new = || Change { time: *time, source, names: Vec::new(), package: number, top: None };
        let change = slot.get_or_insert_with(new);
        if change.names.last() != Some(&package.of_name) {
            change.names.push(package.of_name);
        }
    }
    changes.into_iter().flatten().collect()
}

/// The capabilities that a dependency names: itself, or those in a rich one, `(a >= 1 if (b or c(d)))`.
pub(crate) fn capabilities(name: &str) -> impl Iterator<Item = &str> {
    const OPERATORS: [&str; 7] = ["and", "or", "if", "unless", "else", "with", "without"];
    const COMPARISONS: [&str; 5] = ["<", "<=", "=", ">=", ">"];
    let rich = name.starts_with('(');
    let mut before = false;
    let parts = name.split_whitespace().take(if rich { WORDS } else { 0 }).filter_map(move |word| {
        let compares = COMPARISONS.contains(&word);
        let is_version = std::mem::replace(&mut before, compares);
        if is_version || compares || OPERATORS.contains(&word) {
            return None;
        }
        let mut word = word.trim_start_matches('(');
        // What ends the expression is more than what the name itself has opened.
        let mut surplus = word.matches(')').count().saturating_sub(word.matches('(').count());
        while let Some(shorter) = word.strip_suffix(')').filter(|_| surplus > 0) {
            word = shorter;
            surplus -= 1;
        }
        Some(word).filter(|word| !word.is_empty())
    });
    Some(name).filter(|_| !rich).into_iter().chain(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rich_dependencies_name_their_parts() {
        let of = |name: &'static str| capabilities(name).collect::<Vec<_>>();
        assert_eq!(of("libc.so.6()(64bit)"), ["libc.so.6()(64bit)"]);
        let rich = of("((python3dist(x) >= 1 with python3dist(x) < 2) if (b or c))");
        assert_eq!(rich, ["python3dist(x)", "python3dist(x)", "b", "c"]);
        assert_eq!(of("(foo(bar))"), ["foo(bar)"]);
        assert!(of("(((((").is_empty());
    }
}
