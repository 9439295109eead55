//! Figures about a repository.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::Path;

use copr_rpm::{DependencyKind, Nevra};

use crate::read::{FilelistsView, OtherView, Package, PackageStream, Parsed, PrimaryView};
use crate::{Document, Error, FileKind, Record, Repomd, RepomdRecord, read};

/// How many of the largest packages, and of the commonest vendors and licences, are told.
const MOST: usize = 10;
/// Different vendors or licences that are counted apart; more of them only a hostile repository has.
const MAX_DIFFERENT: usize = 100_000;
/// Characters of a vendor or licence that distinguish it.
const MAX_TEXT: usize = 200;

/// Figures about a repository. Sizes are in bytes, times in seconds since 1970.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Stats {
    /// Revision of repomd.xml.
    pub revision: String,
    /// Packages, source packages among them.
    pub packages: usize,
    /// Different names.
    pub names: usize,
    /// Source packages (`src` and `nosrc`).
    pub source_packages: usize,
    /// Bytes of all packages.
    pub size_package: u64,
    /// Bytes of all packages but source packages, installed.
    pub size_installed: u64,
    /// By architecture, the commonest first.
    pub arches: Vec<ArchStats>,
    /// Dependencies of each kind.
    pub dependencies: Vec<(DependencyKind, u64)>,
    /// Files; none where there are no filelists.
    pub files: FileStats,
    /// Changes; none where there is no other.xml.
    pub changelogs: u64,
    /// The metadata files, in the order of repomd.xml.
    pub metadata: Vec<MetadataStats>,
    /// The largest packages.
    pub largest: Vec<(Nevra, u64)>,
    /// The package built first, and when.
    pub oldest: Option<(Nevra, u64)>,
    /// The package built last, and when.
    pub newest: Option<(Nevra, u64)>,
    /// The commonest vendors, with their packages.
    pub vendors: Vec<(String, usize)>,
    /// The commonest licences, with their packages.
    pub licenses: Vec<(String, usize)>,
}

/// The packages of one architecture.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ArchStats {
    /// The architecture.
    pub arch: String,
    /// Its packages.
    pub packages: usize,
    /// Their bytes.
    pub size: u64,
}

/// Files that packages have, each counted as often as packages have it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct FileStats {
    /// Regular files, links, devices.
    pub plain: u64,
    /// Folders.
    pub dirs: u64,
    /// Ghosts.
    pub ghosts: u64,
}

/// One metadata file.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct MetadataStats {
    /// Its type.
    pub kind: String,
    /// Where it lies.
    pub location_href: String,
    /// Bytes, if repomd.xml tells them.
    pub size: Option<u64>,
    /// Bytes of its text, if repomd.xml tells them.
    pub open_size: Option<u64>,
}

/// Goes once through the metadata of the repository in `dir`, holding one package of each document at a time.
///
/// # Errors
/// A document cannot be read, is malformed or does not match repomd.xml.
pub fn stats(dir: &Path) -> Result<Stats, Error> {
    let repomd = Repomd::read(&fs_err::read(dir.join("repodata/repomd.xml"))?)?;
    let missing = || Error::metadata(format!("{}: repomd.xml", dir.display()), "it names no primary metadata");
    let primary = record(&repomd, Document::Primary).ok_or_else(missing)?;
    let mut stats = std::thread::scope(|scope| {
        let files = record(&repomd, Document::Filelists).map(|record| scope.spawn(|| files(dir, record)));
        let changelogs = record(&repomd, Document::Other).map(|record| scope.spawn(|| changelogs(dir, record)));
        let mut stats = packages(dir, primary)?;
        let died = || Error::metadata("metadata", "a reading thread died");
        if let Some(thread) = files {
            stats.files = thread.join().map_err(|_| died())??;
        }
        if let Some(thread) = changelogs {
            stats.changelogs = thread.join().map_err(|_| died())??;
        }
        Ok::<_, Error>(stats)
    })?;
    let metadata = repomd.records.iter().map(|record| MetadataStats {
        kind: record.kind.clone(),
        location_href: record.location_href.clone(),
        size: record.size,
        open_size: record.open_size,
    });
    stats.metadata = metadata.collect();
    stats.revision = repomd.revision;
    Ok(stats)
}

fn record(repomd: &Repomd, document: Document) -> Option<&RepomdRecord> {
    repomd.record(document.kind()).or_else(|| repomd.record(document.zchunk_kind()))
}

/// The packages of a document whose file is as repomd.xml says.
fn stream(dir: &Path, record: &RepomdRecord, document: Document) -> Result<PackageStream<'static>, Error> {
    let path = read::verified(dir, record)?;
    Ok(PackageStream::new(Box::new(read::open(&path)?), document))
}

fn files(dir: &Path, record: &RepomdRecord) -> Result<FileStats, Error> {
    let mut stream = stream(dir, record, Document::Filelists)?;
    let mut stats = FileStats::default();
    let mut add = |kind| match kind {
        FileKind::Plain => stats.plain += 1,
        FileKind::Dir => stats.dirs += 1,
        FileKind::Ghost => stats.ghosts += 1,
    };
    while let Some(package) = stream.next()? {
        let parsed = match package {
            Package::Text(text) => match FilelistsView::parse(text) {
                Ok(view) => {
                    view.files.iter().for_each(|file| add(file.kind));
                    continue;
                }
                Err(_) => read::parse(Document::Filelists, text)?,
            },
            Package::Parsed(parsed) => *parsed,
        };
        if let Parsed::Files(package) = parsed {
            package.files.iter().for_each(|file| add(file.kind));
        }
    }
    Ok(stats)
}

fn changelogs(dir: &Path, record: &RepomdRecord) -> Result<u64, Error> {
    let mut stream = stream(dir, record, Document::Other)?;
    let mut count = 0u64;
    while let Some(package) = stream.next()? {
        let parsed = match package {
            Package::Text(text) => match OtherView::parse(text) {
                Ok(view) => {
                    count += view.changelogs.len() as u64;
                    continue;
                }
                Err(_) => read::parse(Document::Other, text)?,
            },
            Package::Parsed(parsed) => *parsed,
        };
        if let Parsed::Changelogs(package) = parsed {
            count += package.changelogs.len() as u64;
        }
    }
    Ok(count)
}

fn packages(dir: &Path, record: &RepomdRecord) -> Result<Stats, Error> {
    let mut stream = stream(dir, record, Document::Primary)?;
    let mut counts = Counts::default();
    while let Some(package) = stream.next()? {
        let parsed = match package {
            Package::Text(text) => match PrimaryView::parse(text) {
                Ok(view) => {
                    counts.add(&Facts::of_view(&view));
                    continue;
                }
                Err(_) => read::parse(Document::Primary, text)?,
            },
            Package::Parsed(parsed) => *parsed,
        };
        if let Parsed::Primary(record) = parsed {
            counts.add(&Facts::of_record(&record));
        }
    }
    Ok(counts.finish())
}

/// What is counted of a package.
struct Facts<'a> {
    nevra: Nevra,
    size_package: u64,
    size_installed: u64,
    time_build: u64,
    vendor: Cow<'a, str>,
    license: Cow<'a, str>,
    /// Dependencies, in the order of [`DependencyKind::ALL`].
    dependencies: [usize; 8],
}

impl<'a> Facts<'a> {
    fn of_view(view: &PrimaryView<'a>) -> Self {
        Self {
            nevra: view.nevra.to_nevra(),
            size_package: view.size_package,
            size_installed: view.size_installed,
            time_build: view.time_build,
            vendor: view.vendor.text(),
            license: view.license.text(),
            dependencies: std::array::from_fn(|kind| view.dependencies.get(kind).map_or(0, Vec::len)),
        }
    }

    fn of_record(record: &'a Record) -> Self {
        let count = |kind: DependencyKind| match kind {
            DependencyKind::Requires => record.requires.len(),
            DependencyKind::Provides => record.provides.len(),
            DependencyKind::Conflicts => record.conflicts.len(),
            DependencyKind::Obsoletes => record.obsoletes.len(),
            DependencyKind::Recommends => record.recommends.len(),
            DependencyKind::Suggests => record.suggests.len(),
            DependencyKind::Supplements => record.supplements.len(),
            DependencyKind::Enhances => record.enhances.len(),
        };
        Self {
            nevra: record.nevra.clone(),
            size_package: record.size_package,
            size_installed: record.size_installed,
            time_build: record.time_build,
            vendor: Cow::Borrowed(&record.vendor),
            license: Cow::Borrowed(&record.license),
            dependencies: DependencyKind::ALL.map(count),
        }
    }
}

#[derive(Default)]
struct Counts {
    stats: Stats,
    names: HashSet<String>,
    arches: BTreeMap<String, ArchStats>,
    vendors: HashMap<String, usize>,
    licenses: HashMap<String, usize>,
    dependencies: [u64; 8],
}

impl Counts {
    fn add(&mut self, facts: &Facts<'_>) {
        let Facts { nevra, size_package, size_installed, time_build, .. } = facts;
        let stats = &mut self.stats;
        stats.packages += 1;
        stats.size_package = stats.size_package.saturating_add(*size_package);
        match nevra.arch.as_str() {
            "src" | "nosrc" => stats.source_packages += 1,
            _ => stats.size_installed = stats.size_installed.saturating_add(*size_installed),
        }
        if !self.names.contains(&nevra.name) {
            self.names.insert(nevra.name.clone());
        }
        let arch = self.arches.entry(nevra.arch.clone()).or_default();
        arch.packages += 1;
        arch.size = arch.size.saturating_add(*size_package);
        for (sum, count) in self.dependencies.iter_mut().zip(facts.dependencies) {
            *sum = sum.saturating_add(count as u64);
        }
        tally(&mut self.vendors, &facts.vendor);
        tally(&mut self.licenses, &facts.license);
        if stats.oldest.as_ref().is_none_or(|(_, time)| time_build < time) {
            stats.oldest = Some((nevra.clone(), *time_build));
        }
        if stats.newest.as_ref().is_none_or(|(_, time)| time_build > time) {
            stats.newest = Some((nevra.clone(), *time_build));
        }
        if stats.largest.len() < MOST || stats.largest.last().is_some_and(|(_, size)| size_package > size) {
            let at = stats.largest.partition_point(|(_, size)| size >= size_package);
            stats.largest.insert(at, (nevra.clone(), *size_package));
            stats.largest.truncate(MOST);
        }
    }

    fn finish(self) -> Stats {
        let mut arches: Vec<ArchStats> =
            self.arches.into_iter().map(|(arch, counts)| ArchStats { arch, ..counts }).collect();
        arches.sort_by_key(|arch| std::cmp::Reverse(arch.packages));
        Stats {
            names: self.names.len(),
            arches,
            dependencies: DependencyKind::ALL.into_iter().zip(self.dependencies).collect(),
            vendors: commonest(self.vendors),
            licenses: commonest(self.licenses),
            ..self.stats
        }
    }
}

fn tally(counts: &mut HashMap<String, usize>, text: &str) {
    let key = text.char_indices().nth(MAX_TEXT).and_then(|(end, _)| text.get(..end)).unwrap_or(text);
    if let Some(count) = counts.get_mut(key) {
        *count += 1;
    } else if !key.is_empty() && counts.len() < MAX_DIFFERENT {
        counts.insert(key.to_owned(), 1);
    }
}

fn commonest(counts: HashMap<String, usize>) -> Vec<(String, usize)> {
    let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counts.truncate(MOST);
    counts
}
