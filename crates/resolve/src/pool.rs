//! The packages of several repositories, found by capability and by file path.

use std::collections::{HashMap, HashSet};
use std::sync::OnceLock;

use copr_repodata::Record;
use copr_rpm::{Comparison, Dependency, DependencyFlags, Evr, Nevra};

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
}

impl RepositoryInfo {
    /// A repository with dnf's default priority and cost.
    #[must_use]
    pub fn new(id: impl Into<String>, baseurl: impl Into<String>) -> Self {
        Self { id: id.into(), baseurl: baseurl.into(), priority: 99, cost: 1000 }
    }
}

/// Number of a package in its pool, in the order of adding.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PackageId(pub(crate) u32);

impl PackageId {
    pub(crate) fn index(self) -> usize {
        self.0 as usize
    }
}

/// A package and the repository that has it.
#[derive(Debug)]
pub struct PoolPackage {
    /// Index of the repository, for [`Pool::repository`].
    pub repository: usize,
    /// What the repository says of the package.
    pub record: Record,
}

/// The packages of several repositories that fit one architecture.
///
/// Memory: the records as given, plus one index entry for each capability provided; of the files only those that some
/// package requires by path are indexed.
#[derive(Debug)]
pub struct Pool {
    arch: String,
    repositories: Vec<RepositoryInfo>,
    packages: Vec<PoolPackage>,
    /// Capability name (and package name) to packages, ascending.
    by_capability: HashMap<Box<str>, Vec<PackageId>>,
    /// Built at the first look-up after the last change.
    by_file: OnceLock<HashMap<Box<str>, Vec<PackageId>>>,
}

impl Pool {
    /// An empty pool for machines of `arch` (`x86_64`, `aarch64`, ...).
    #[must_use]
    pub fn new(arch: &str) -> Self {
        Self {
            arch: arch.to_owned(),
            repositories: Vec::new(),
            packages: Vec::new(),
            by_capability: HashMap::new(),
            by_file: OnceLock::new(),
        }
    }

    /// The architecture of the machine.
    #[must_use]
    pub fn arch(&self) -> &str {
        &self.arch
    }

    /// Adds a repository's packages; those of another architecture, and sources, are left out. Returns its index.
    pub fn add_repository(&mut self, info: RepositoryInfo, records: impl IntoIterator<Item = Record>) -> usize {
        let repository = self.repositories.len();
        self.repositories.push(info);
        self.by_file = OnceLock::new();
        for record in records {
            if arch_rank(&self.arch, &record.nevra.arch).is_none() {
                continue;
            }
            // Four thousand million packages do not fit into memory.
            let Ok(number) = u32::try_from(self.packages.len()) else { break };
            let id = PackageId(number);
            index(&mut self.by_capability, &record.nevra.name, id);
            for provide in &record.provides {
                index(&mut self.by_capability, &provide.name, id);
            }
            self.packages.push(PoolPackage { repository, record });
        }
        repository
    }

    /// A repository by the index that [`Pool::add_repository`] returned.
    #[must_use]
    pub fn repository(&self, index: usize) -> Option<&RepositoryInfo> {
        self.repositories.get(index)
    }

    /// All repositories, in the order of adding.
    #[must_use]
    pub fn repositories(&self) -> &[RepositoryInfo] {
        &self.repositories
    }

    /// All packages that fit the architecture, in the order of adding.
    #[must_use]
    pub fn packages(&self) -> &[PoolPackage] {
        &self.packages
    }

    /// One package; `None` for a number of another pool.
    #[must_use]
    pub fn package(&self, id: PackageId) -> Option<&PoolPackage> {
        self.packages.get(id.index())
    }

    /// Packages that satisfy a plain (not a rich) requirement by capability or file path, ascending.
    #[must_use]
    pub fn providers(&self, wanted: &Dependency) -> Vec<PackageId> {
        let mut found: Vec<PackageId> = self
            .by_capability
            .get(wanted.name.as_str())
            .into_iter()
            .flatten()
            .copied()
            .filter(|id| self.package(*id).is_some_and(|package| provides(&package.record, wanted)))
            .collect();
        if wanted.name.starts_with('/') && wanted.flags.comparison().is_none() {
            match self.files().get(wanted.name.as_str()) {
                Some(owners) => found.extend(owners),
                None => found.extend(self.scan_files(&wanted.name)),
            }
            found.sort_unstable();
            found.dedup();
        }
        found
    }

    /// Packages of that name (not: providing it), ascending.
    pub(crate) fn named<'a>(&'a self, name: &'a str) -> impl Iterator<Item = PackageId> + 'a {
        let ids = self.by_capability.get(name).into_iter().flatten().copied();
        ids.filter(move |id| self.package(*id).is_some_and(|package| package.record.nevra.name == name))
    }

    /// Packages with exactly this NEVRA, ascending (several repositories may have it).
    pub(crate) fn exactly(&self, nevra: &Nevra) -> Vec<PackageId> {
        self.named(&nevra.name)
            .filter(|id| {
                self.package(*id).is_some_and(|package| {
                    package.record.nevra.arch == nevra.arch && package.record.nevra.evr() == nevra.evr()
                })
            })
            .collect()
    }

    /// How messages name a package: `app-1-1.x86_64 (repository bob/app)`.
    pub(crate) fn describe(&self, id: PackageId) -> String {
        match self.package(id) {
            Some(package) => {
                let repository = self.repository(package.repository).map_or("?", |info| info.id.as_str());
                format!("{} (repository {repository})", package.record.nevra)
            }
            None => "an unknown package".to_owned(),
        }
    }

    /// How well a package's architecture fits: 0 the machine's own or none, 1 one that it also runs.
    pub(crate) fn arch_rank(&self, id: PackageId) -> u8 {
        self.package(id).and_then(|package| arch_rank(&self.arch, &package.record.nevra.arch)).unwrap_or(u8::MAX)
    }

    fn files(&self) -> &HashMap<Box<str>, Vec<PackageId>> {
        self.by_file.get_or_init(|| {
            let wanted: HashSet<&str> = self
                .packages
                .iter()
                .flat_map(|package| {
                    let record = &package.record;
                    record.requires.iter().chain(&record.recommends).chain(&record.conflicts)
                })
                .flat_map(|dependency| rich_paths(&dependency.name))
                .collect();
            let mut by_file: HashMap<Box<str>, Vec<PackageId>> =
                wanted.iter().map(|p| ((*p).into(), Vec::new())).collect();
            for (number, package) in self.packages.iter().enumerate() {
                for file in &package.record.files {
                    if let (Some(owners), Ok(number)) = (by_file.get_mut(file.path.as_str()), u32::try_from(number)) {
                        owners.push(PackageId(number));
                    }
                }
            }
            by_file
        })
    }

    fn scan_files(&self, path: &str) -> Vec<PackageId> {
        let owns = |package: &PoolPackage| package.record.files.iter().any(|file| file.path == path);
        let numbered = (0..).map(PackageId).zip(&self.packages);
        numbered.filter(|(_, package)| owns(package)).map(|(id, _)| id).collect()
    }
}

fn index(map: &mut HashMap<Box<str>, Vec<PackageId>>, name: &str, id: PackageId) {
    match map.get_mut(name) {
        Some(ids) => {
            if ids.last() != Some(&id) {
                ids.push(id);
            }
        }
        None => {
            map.insert(name.into(), vec![id]);
        }
    }
}

/// The path that a requirement names, or those within a rich one.
fn rich_paths(name: &str) -> impl Iterator<Item = &str> {
    let rich = name.starts_with('(');
    let plain = (!rich && name.starts_with('/')).then_some(name);
    let nested = rich.then(|| name.split([' ', '(', ')', '\t']).filter(|word| word.starts_with('/')));
    plain.into_iter().chain(nested.into_iter().flatten())
}

/// Whether a package provides `wanted` by a capability (every package provides its own name and version).
fn provides(record: &Record, wanted: &Dependency) -> bool {
    let mut named = record.provides.iter().filter(|provide| provide.name == wanted.name).peekable();
    if named.peek().is_none() && record.nevra.name == wanted.name {
        return wanted.matches(&of_package(&record.nevra));
    }
    named.any(|provide| wanted.matches(provide))
}

/// What every package provides of itself: `name = epoch:version-release`.
pub(crate) fn of_package(nevra: &Nevra) -> Dependency {
    let evr = Evr { epoch: Some(nevra.epoch), version: nevra.version.clone(), release: Some(nevra.release.clone()) };
    Dependency { name: nevra.name.clone(), flags: DependencyFlags::comparing(Comparison::Eq), evr: Some(evr) }
}

/// How well packages of `package` fit a machine of `machine`: 0 its own or `noarch`, 1 one that it also runs, `None` not.
fn arch_rank(machine: &str, package: &str) -> Option<u8> {
    const X86_32: [&str; 5] = ["i386", "i486", "i586", "i686", "athlon"];
    const ARM_HARD: [&str; 4] = ["armv6hl", "armv7hl", "armv7hnl", "armv8hl"];
    if package == machine || package == "noarch" {
        return Some(0);
    }
    let also = match machine {
        "x86_64" => X86_32.contains(&package) || package == "amd64",
        "amd64" => X86_32.contains(&package) || package == "x86_64",
        "x86_64_v2" | "x86_64_v3" | "x86_64_v4" => package == "x86_64" || X86_32.contains(&package),
        "i486" | "i586" | "i686" | "athlon" => {
            X86_32.iter().take_while(|arch| **arch != machine).any(|a| *a == package)
        }
        "armv7hl" | "armv7hnl" | "armv8hl" => {
            ARM_HARD.iter().take_while(|arch| **arch != machine).any(|a| *a == package)
        }
        _ => false,
    };
    also.then_some(1)
}

#[cfg(test)]
#[path = "pool_tests.rs"]
mod tests;
