//! The packages of several repositories, found by name, capability and file path.
//!
//! Everything is in columns: a package, a text and a dependency are numbers ([`PackageId`], [`Str`], [`Cap`]).

mod arch;
pub(crate) mod caps;
pub(crate) mod evr;
mod exclude;
pub(crate) mod files;
pub(crate) mod index;
pub(crate) mod packages;
mod providers;

use std::cmp::Ordering;
use std::collections::HashMap;
use std::sync::OnceLock;

use copr_repodata::{Checksum, Error};
use copr_rpm::{Comparison, Dependency, DependencyFlags, DependencyKind, Nevra};

pub use self::caps::{Cap, CapView};
pub use self::packages::Packages;
pub use self::providers::Providers;
pub use crate::strings::Str;

use self::arch::{Arches, UNFIT};
use self::caps::Caps;
use self::evr::{EvrParts, overlaps};
use self::exclude::Excludes;
use self::files::{Files, primary_decides};
use self::index::{Index, SEVERAL};
use self::packages::Columns;
use crate::strings::Strings;

/// A repository whose packages are put into a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepositoryInfo {
    /// How messages name it, e.g. `bob/app` or `minidistro`; unique in the pool.
    pub id: String,
    /// Where its packages are; the pool only hands it on.
    pub baseurl: String,
    /// dnf's `priority`: the smaller number wins; dnf's default is 99.
    pub priority: i32,
    /// dnf's `cost`: decides between equal packages, the smaller wins; dnf's default is 1000.
    pub cost: i32,
    /// dnf's `module_hotfixes`: its packages are there even if a module has packages of the same names.
    pub hotfixes: bool,
    /// dnf's `excludepkgs`: packages that shall not be installed, by patterns (`*`, `?`, `[a-z]`) of a name or any other
    /// spelling that [`Nevra::spellings`] has.
    pub excludes: Vec<String>,
}

impl RepositoryInfo {
    /// A repository with dnf's default priority and cost.
    #[must_use]
    pub fn new(id: impl Into<String>, baseurl: impl Into<String>) -> Self {
        let (id, baseurl) = (id.into(), baseurl.into());
        Self { id, baseurl, priority: 99, cost: 1000, hotfixes: false, excludes: Vec::new() }
    }
}

/// Number of a package in its pool: dense from 0, repositories in the order of adding, within one in the order of its
/// primary.xml.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageId(pub(crate) u32);

impl PackageId {
    /// The number, for tables of one's own.
    #[must_use]
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// The packages of several repositories, for machines of one architecture.
///
/// All packages are in it, those of another architecture too, but look-ups return only what is
/// [installable](Self::installable). The pool is changed only by adding; then many threads may share it.
#[derive(Debug)]
pub struct Pool {
    arches: Arches,
    repositories: Vec<RepositoryInfo>,
    /// The first package of each repository, and behind the last one how many there are.
    firsts: Vec<u32>,
    strings: Strings,
    caps: Caps,
    columns: Columns,
    /// How well each package's architecture fits.
    ranks: Vec<u8>,
    /// The files of each repository's primary.xml.
    files: Vec<Files>,
    /// Owners of other files, as they were added.
    owners: HashMap<Str, Vec<PackageId>>,
    /// That of the first repository, or made at the first look-up after another was added.
    index: OnceLock<Index>,
}

impl Pool {
    /// An empty pool for machines of `arch` (`x86_64`, `aarch64`, ...).
    #[must_use]
    pub fn new(arch: &str) -> Self {
        Self {
            arches: Arches::of(arch),
            repositories: Vec::new(),
            firsts: vec![0],
            strings: Strings::default(),
            caps: Caps::default(),
            columns: Columns::default(),
            ranks: Vec::new(),
            files: Vec::new(),
            owners: HashMap::new(),
            index: OnceLock::new(),
        }
    }

    /// The architecture of the machine.
    #[must_use]
    pub fn arch(&self) -> &str {
        self.arches.machine()
    }

    /// Adds a repository's packages; returns its index. The first repository's tables are taken over as they are, those
    /// of later ones are renumbered: add the largest first where the order does not matter otherwise.
    ///
    /// # Errors
    /// An exclude is no pattern, or there are more texts, dependencies or packages than a pool takes; then nothing was
    /// added.
    pub fn add(&mut self, info: RepositoryInfo, packages: Packages) -> Result<usize, Error> {
        let excludes = Excludes::of(&info.excludes)?;
        let Packages { strings, caps, columns, files, mut index } = packages;
        let first = self.len();
        self.index.take();
        if first == 0 && self.owners.is_empty() {
            (self.strings, self.caps, self.columns) = (strings, caps, columns);
            self.rank(first, &excludes);
            if self.ranks.contains(&UNFIT) {
                index.retain(|id| self.installable(id));
            }
            self.index = OnceLock::from(index);
        } else {
            drop(index);
            self.append(strings, caps, columns)?;
            self.rank(first, &excludes);
        }
        self.repositories.push(info);
        self.firsts.push(u32::try_from(self.len()).unwrap_or(u32::MAX));
        self.files.push(files);
        Ok(self.repositories.len() - 1)
    }

    /// Adds another repository's columns.
    fn append(&mut self, strings: Strings, caps: Caps, columns: Columns) -> Result<(), Error> {
        self.strings.reserve(strings.len());
        self.caps.reserve(caps.len());
        let mut texts = Vec::with_capacity(strings.len());
        for number in (0..).map(Str).take(strings.len()) {
            texts.push(self.strings.intern(strings.get(number))?);
        }
        // What is not needed any more goes at once, to keep the peak low.
        drop(strings);
        let text = |old: Str| texts.get(old.index()).copied().unwrap_or_default();
        let mut numbers = Vec::with_capacity(caps.len());
        for number in (0..).map(Cap).take(caps.len()) {
            let view = caps.get(number);
            numbers.push(self.caps.intern(text(view.name), view.comparison, text(view.evr))?);
        }
        drop(caps);
        let cap = |old: Cap| numbers.get(old.index()).copied().unwrap_or(SEVERAL);
        self.columns.append(columns, text, cap)
    }

    /// Decides which of the packages from `first` on can be installed.
    fn rank(&mut self, first: usize, excludes: &Excludes) {
        let mut known: HashMap<Str, u8> = HashMap::new();
        for package in first..self.len() {
            let id = PackageId(u32::try_from(package).unwrap_or(u32::MAX));
            let arch = self.arch_of(id);
            let rank = *known.entry(arch).or_insert_with(|| self.arches.rank(self.strings.get(arch)));
            let excluded = rank != UNFIT && excludes.hits(self.text(self.name(id)), || self.nevra(id));
            self.ranks.push(if excluded { UNFIT } else { rank });
        }
    }

    /// All repositories, in the order of adding.
    #[must_use]
    pub fn repositories(&self) -> &[RepositoryInfo] {
        &self.repositories
    }

    /// How many packages there are, those that cannot be installed included.
    #[must_use]
    pub fn len(&self) -> usize {
        self.columns.name.len()
    }

    /// Whether there is no package.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many different texts there are: all [`Str`] are below.
    #[must_use]
    pub fn text_count(&self) -> usize {
        self.strings.len()
    }

    /// How many different dependencies there are: all [`Cap`] are below.
    #[must_use]
    pub fn cap_count(&self) -> usize {
        self.caps.len()
    }

    /// All dependencies, each once.
    pub fn caps(&self) -> impl Iterator<Item = Cap> + use<> {
        (0..).map(Cap).take(self.caps.len())
    }

    /// All packages, those that cannot be installed included, ascending.
    pub fn ids(&self) -> impl DoubleEndedIterator<Item = PackageId> + ExactSizeIterator + Clone + use<> {
        let count = u32::try_from(self.len()).unwrap_or(u32::MAX);
        IdRange(0..count)
    }

    /// The packages of a repository, ascending.
    pub fn ids_of(
        &self,
        repository: usize,
    ) -> impl DoubleEndedIterator<Item = PackageId> + ExactSizeIterator + Clone + use<> {
        IdRange(self.columns_of(repository).1)
    }

    /// Whether a package fits the machine's architecture and is not excluded.
    #[must_use]
    pub fn installable(&self, id: PackageId) -> bool {
        self.arch_rank(id) != UNFIT
    }

    /// How well a package's architecture fits: 0 for `noarch`, 1 for the machine's own, then those that it also runs, best
    /// first; 255 if it cannot be installed. The order is that of libsolv's `poolarch.c`.
    #[must_use]
    pub fn arch_rank(&self, id: PackageId) -> u8 {
        self.ranks.get(id.index()).copied().unwrap_or(UNFIT)
    }

    /// A text; empty for one of another pool.
    #[must_use]
    pub fn text(&self, text: Str) -> &str {
        self.strings.get(text)
    }

    /// The number of a text, if any package or dependency has it.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<Str> {
        self.strings.find(text)
    }

    /// A package's name.
    #[must_use]
    pub fn name(&self, id: PackageId) -> Str {
        str_at(&self.columns.name, id)
    }

    /// A package's architecture.
    #[must_use]
    pub fn arch_of(&self, id: PackageId) -> Str {
        str_at(&self.columns.arch, id)
    }

    /// A package's version, `[epoch:]version-release`; an epoch of 0 is not written.
    #[must_use]
    pub fn evr(&self, id: PackageId) -> Str {
        str_at(&self.columns.evr, id)
    }

    /// Who says to have made the package; empty if nobody does.
    #[must_use]
    pub fn vendor(&self, id: PackageId) -> Str {
        str_at(&self.columns.vendor, id)
    }

    /// File name of the source package; empty for source packages.
    #[must_use]
    pub fn source_rpm(&self, id: PackageId) -> Str {
        str_at(&self.columns.source, id)
    }

    /// Path of the package's file, relative to its [base](Self::location_base), or else to the repository.
    #[must_use]
    pub fn location(&self, id: PackageId) -> &str {
        self.columns.location(id.index())
    }

    /// `xml:base`, where the location is relative to; empty if it is to the repository.
    #[must_use]
    pub fn location_base(&self, id: PackageId) -> Str {
        str_at(&self.columns.base, id)
    }

    /// Checksum of the package's file.
    #[must_use]
    pub fn checksum(&self, id: PackageId) -> Checksum {
        self.columns.checksum(id.index())
    }

    /// Bytes of the package's file.
    #[must_use]
    pub fn package_size(&self, id: PackageId) -> u64 {
        self.columns.size_package.get(id.index()).copied().unwrap_or(0)
    }

    /// Bytes that the package takes when installed.
    #[must_use]
    pub fn installed_size(&self, id: PackageId) -> u64 {
        self.columns.size_installed.get(id.index()).copied().unwrap_or(0)
    }

    /// When the package was built, in seconds since 1970.
    #[must_use]
    pub fn build_time(&self, id: PackageId) -> u64 {
        self.columns.build_time.get(id.index()).copied().unwrap_or(0)
    }

    /// Index of the package's repository in [`Pool::repositories`].
    #[must_use]
    pub fn repository(&self, id: PackageId) -> usize {
        self.firsts.partition_point(|first| *first <= id.0).saturating_sub(1)
    }

    /// The repository that has the package.
    #[must_use]
    pub fn repository_info(&self, id: PackageId) -> Option<&RepositoryInfo> {
        self.repositories.get(self.repository(id))
    }

    /// A package's full name.
    #[must_use]
    pub fn nevra(&self, id: PackageId) -> Nevra {
        let evr = EvrParts::of_text(self.text(self.evr(id)));
        Nevra {
            name: self.text(self.name(id)).to_owned(),
            epoch: evr.epoch,
            version: evr.version.to_owned(),
            release: evr.release.unwrap_or_default().to_owned(),
            arch: self.text(self.arch_of(id)).to_owned(),
        }
    }

    /// One list of a package's dependencies, in the order of the repository. That every package provides its own name
    /// and version is in the list even if the repository does not say so.
    #[must_use]
    pub fn list(&self, id: PackageId, kind: DependencyKind) -> &[Cap] {
        self.columns.list(id.index(), kind)
    }

    /// What a dependency says.
    #[must_use]
    pub fn cap(&self, cap: Cap) -> CapView {
        self.caps.get(cap)
    }

    /// A dependency as a value of its own.
    #[must_use]
    pub fn dependency(&self, cap: Cap) -> Dependency {
        let view = self.cap(cap);
        let evr = view.comparison.map(|_| EvrParts::of_text(self.text(view.evr)).to_evr());
        let flags = view.comparison.map(DependencyFlags::comparing).unwrap_or_default();
        Dependency { name: self.text(view.name).to_owned(), flags, evr }
    }

    /// Whether a dependency is a rich (boolean) one.
    #[must_use]
    pub fn is_rich(&self, cap: Cap) -> bool {
        self.text(self.cap(cap).name).starts_with('(')
    }

    /// Compares two versions as rpm orders packages.
    #[must_use]
    pub fn compare_evr(&self, a: Str, b: Str) -> Ordering {
        if a == b {
            return Ordering::Equal;
        }
        EvrParts::of_text(self.text(a)).compare(&EvrParts::of_text(self.text(b)))
    }

    /// All columns, and which packages are of a repository.
    pub(crate) fn columns_of(&self, repository: usize) -> (&Columns, std::ops::Range<u32>) {
        let bound = |at: usize| self.firsts.get(at).or(self.firsts.last()).copied().unwrap_or(0);
        (&self.columns, bound(repository)..bound(repository.saturating_add(1)))
    }

    fn index(&self) -> &Index {
        self.index.get_or_init(|| {
            let installable = |package: usize| self.ranks.get(package).is_some_and(|rank| *rank != UNFIT);
            Index::of(self.strings.len(), &self.caps, &self.columns, installable)
        })
    }

    /// The installable packages of that very name, ascending.
    pub fn named(&self, name: Str) -> impl Iterator<Item = PackageId> + '_ {
        self.offering(name).iter().copied().filter(move |id| self.name(*id) == name)
    }

    /// The installable packages that provide anything of that name, in whatever version, ascending. Owners of a file of
    /// that path are not among them.
    #[must_use]
    pub fn offering(&self, name: Str) -> &[PackageId] {
        self.index().packages(name)
    }

    /// The installable packages of exactly this name, version and architecture, ascending: several repositories may have
    /// it.
    #[must_use]
    pub fn exactly(&self, nevra: &Nevra) -> Vec<PackageId> {
        let (Some(name), Some(arch)) = (self.find(&nevra.name), self.find(&nevra.arch)) else { return Vec::new() };
        let evr = nevra.evr();
        let wanted = EvrParts::of_evr(&evr);
        let same = |id: &PackageId| {
            self.arch_of(*id) == arch && EvrParts::of_text(self.text(self.evr(*id))).compare(&wanted).is_eq()
        };
        self.named(name).filter(same).collect()
    }

    /// Whether the range of versions of `wanted` and that of `offered` overlap, by rpm's rules; their names are not
    /// looked at.
    #[must_use]
    pub fn overlaps(&self, wanted: Cap, offered: Cap) -> bool {
        self.range_overlaps(self.range(wanted), offered)
    }

    /// The range of versions of a dependency.
    fn range(&self, cap: Cap) -> Option<(Comparison, EvrParts<'_>)> {
        let view = self.cap(cap);
        view.comparison.map(|comparison| (comparison, EvrParts::of_text(self.text(view.evr))))
    }

    fn range_overlaps(&self, wanted: Option<(Comparison, EvrParts<'_>)>, offered: Cap) -> bool {
        match (wanted, self.range(offered)) {
            (Some(wanted), Some(offered)) => overlaps(wanted, offered),
            _ => true,
        }
    }

    /// Whether a package's own version is within the range of a dependency on its name: how Obsoletes (and what names
    /// packages and not what they provide) are read.
    #[must_use]
    pub fn is_within(&self, id: PackageId, wanted: Cap) -> bool {
        let own = (Comparison::Eq, EvrParts::of_text(self.text(self.evr(id))));
        self.name(id) == self.cap(wanted).name && self.range(wanted).is_none_or(|range| overlaps(range, own))
    }

    /// The installable packages that satisfy a dependency, ascending: by what they provide, or as owners of the file.
    /// None satisfies a rich one by itself.
    #[must_use]
    pub fn providers(&self, cap: Cap) -> Vec<PackageId> {
        let mut found = Vec::new();
        self.providers_into(cap, &mut found);
        found
    }

    /// As [`Self::providers`], appended to a buffer.
    pub fn providers_into(&self, cap: Cap, to: &mut Vec<PackageId>) {
        let name = self.cap(cap).name;
        self.find_providers(self.text(name), Some(name), self.range(cap), to);
    }

    /// As [`Self::providers`], for a dependency that the pool need not have.
    #[must_use]
    pub fn providers_of(&self, wanted: &Dependency) -> Vec<PackageId> {
        let mut found = Vec::new();
        let evr = wanted.evr.as_ref().map(EvrParts::of_evr);
        let range = wanted.flags.comparison().zip(evr);
        self.find_providers(&wanted.name, self.find(&wanted.name), range, &mut found);
        found
    }

    fn find_providers(
        &self,
        text: &str,
        name: Option<Str>,
        range: Option<(Comparison, EvrParts<'_>)>,
        to: &mut Vec<PackageId>,
    ) {
        let before = to.len();
        if let Some(name) = name {
            match range {
                None => to.extend(self.offering(name)),
                Some(_) => {
                    let entries = self.index().entries(name);
                    to.extend(entries.filter(|(id, how)| self.provides(*id, *how, name, range)).map(|(id, _)| id));
                }
            }
        }
        if range.is_none() && text.starts_with('/') {
            let named = to.len();
            self.owners_into(text, name, to);
            if to.len() > named
                && let Some(found) = to.get_mut(before..)
            {
                found.sort_unstable();
                dedup_from(to, before);
            }
        }
    }

    fn provides(&self, id: PackageId, how: Cap, name: Str, range: Option<(Comparison, EvrParts<'_>)>) -> bool {
        if how != SEVERAL {
            return self.range_overlaps(range, how);
        }
        let provides = self.list(id, DependencyKind::Provides);
        provides.iter().any(|cap| self.cap(*cap).name == name && self.range_overlaps(range, *cap))
    }

    /// The installable packages that own a path; some may come twice.
    fn owners_into(&self, path: &str, name: Option<Str>, to: &mut Vec<PackageId>) {
        for (files, first) in self.files.iter().zip(&self.firsts) {
            let owners = files.owners_of(path).iter().map(|owner| PackageId(owner.saturating_add(*first)));
            to.extend(owners.filter(|id| self.installable(*id)));
        }
        let added = name.and_then(|name| self.owners.get(&name)).into_iter().flatten();
        to.extend(added.copied().filter(|id| self.installable(*id)));
    }

    /// The paths that dependencies name and whose owners primary.xml need not list: all but `/etc/...`, what has `bin/`
    /// in it, and `/usr/lib/sendmail`. Sorted. Ask [`crate::filelists::owners`] for them, and give the answer to
    /// [`Self::add_file_owners`].
    #[must_use]
    pub fn missing_paths(&self) -> Vec<String> {
        let names_path = |cap: &Cap| {
            let view = self.cap(*cap);
            let text = self.text(view.name);
            text.starts_with('/') && view.comparison.is_none() || text.starts_with('(') && text.contains('/')
        };
        let mut asked: HashMap<Cap, bool> = self.caps().filter(names_path).map(|cap| (cap, false)).collect();
        if asked.is_empty() {
            return Vec::new();
        }
        for id in self.ids() {
            for kind in DependencyKind::ALL.into_iter().filter(|kind| *kind != DependencyKind::Provides) {
                for cap in self.list(id, kind) {
                    if let Some(asked) = asked.get_mut(cap) {
                        *asked = true;
                    }
                }
            }
        }
        let mut paths: Vec<String> = asked
            .into_iter()
            .filter(|(_, asked)| *asked)
            .flat_map(|(cap, _)| paths_in(self.text(self.cap(cap).name)))
            .filter(|path| !primary_decides(path))
            .map(str::to_owned)
            .collect();
        paths.sort_unstable();
        paths.dedup();
        paths
    }

    /// Adds owners of files that primary.xml does not list: paths with the number of the package in its repository.
    ///
    /// # Errors
    /// There are more texts than a pool takes.
    pub fn add_file_owners<'a>(
        &mut self,
        repository: usize,
        owners: impl IntoIterator<Item = (&'a str, u32)>,
    ) -> Result<(), Error> {
        let bound = |at: usize| self.firsts.get(at).copied();
        let (Some(first), Some(end)) = (bound(repository), bound(repository.saturating_add(1))) else { return Ok(()) };
        for (path, package) in owners {
            let Some(id) = first.checked_add(package).filter(|id| *id < end).map(PackageId) else { continue };
            let path = self.strings.intern(path)?;
            let ids = self.owners.entry(path).or_default();
            if let Err(at) = ids.binary_search(&id) {
                ids.insert(at, id);
            }
        }
        Ok(())
    }

    /// How messages name a package: `app-1-1.x86_64 (repository bob/app)`.
    #[must_use]
    pub fn describe(&self, id: PackageId) -> String {
        if id.index() >= self.len() {
            return "an unknown package".to_owned();
        }
        let repository = self.repository_info(id).map_or("?", |info| info.id.as_str());
        format!("{} (repository {repository})", self.nevra(id))
    }
}

fn str_at(column: &[Str], id: PackageId) -> Str {
    column.get(id.index()).copied().unwrap_or_default()
}

/// Removes what stands twice behind `from`, which is sorted.
fn dedup_from(ids: &mut Vec<PackageId>, from: usize) {
    let mut tail = ids.split_off(from.min(ids.len()));
    tail.dedup();
    ids.append(&mut tail);
}

/// The path that a dependency names, or those within a rich one.
fn paths_in(name: &str) -> impl Iterator<Item = &str> {
    let rich = name.starts_with('(');
    let plain = (!rich && name.starts_with('/')).then_some(name);
    let nested = rich.then(|| name.split([' ', '(', ')', '\t']).filter(|word| word.starts_with('/')));
    plain.into_iter().chain(nested.into_iter().flatten())
}

/// Packages with consecutive numbers.
#[derive(Debug, Clone)]
struct IdRange(std::ops::Range<u32>);

impl Iterator for IdRange {
    type Item = PackageId;

    fn next(&mut self) -> Option<PackageId> {
        self.0.next().map(PackageId)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl DoubleEndedIterator for IdRange {
    fn next_back(&mut self) -> Option<PackageId> {
        self.0.next_back().map(PackageId)
    }
}

impl ExactSizeIterator for IdRange {}

#[cfg(test)]
#[path = "pool/pool_tests.rs"]
mod tests;
