//! The page of one package.

use std::collections::BTreeSet;

use askama::Template;
use copr_repodata::Record;
use copr_rpm::Dependency;
use serde::Serialize;

use super::{Link, NAME, Page, line, up};
use crate::index::capabilities;
use crate::read::file_word;
use crate::text::{self, When, clean, cut, web_address};
use crate::{BuildLink, Index, Links, List, Package, Signature};

/// What is shown at most: versions of the name, dependencies of a kind, providers of one, packages that need this one or come
/// from the same source, groups, changes, files.
const VERSIONS: usize = 100;
const DEPENDENCIES: usize = 500;
const PROVIDERS: usize = 5;
const NEEDED_BY: usize = 60;
const SIBLINGS: usize = 60;
const GROUPS: usize = 20;
const CHANGES: usize = 30;
const FILES: usize = 2000;
/// Packages that are looked at to find those that need this one, or the source package.
const LOOKED_AT: usize = 5000;
const SOURCES: usize = 500;
/// Characters of a description, of a change, of a path, of a dependency.
const DESCRIPTION: usize = 20_000;
const CHANGE: usize = 5000;
const PATH: usize = 1000;
const DEPENDENCY: usize = 600;

/// What is known of a package beside its metadata.
#[derive(Debug, Clone, Default)]
pub struct PackageFacts {
    /// What its signature says.
    pub signature: Signature,
}

/// One package.
#[derive(Debug, Clone, Template, Serialize)]
#[template(path = "package.html")]
pub struct PackagePage {
    /// The repository.
    pub up: Link,
    /// Name.
    pub name: String,
    /// `[epoch:]version-release`.
    pub version: String,
    /// Architecture.
    pub arch: String,
    /// One line about it.
    pub summary: String,
    /// Long text.
    pub description: String,
    /// Licence.
    pub license: String,
    /// Home page, as written.
    pub url: String,
    /// The same if it may be linked to.
    pub home: Option<String>,
    /// Vendor.
    pub vendor: String,
    /// Packager.
    pub packager: String,
    /// The group that it says it belongs to.
    pub group: String,
    /// Host that it was built on.
    pub buildhost: String,
    /// File name of the source package.
    pub source: String,
    /// The source package's page, if it is here.
    pub source_url: Option<String>,
    /// When it was built.
    pub built: Option<When>,
    /// Time of its file.
    pub file_time: Option<When>,
    /// Bytes of the file.
    pub size: u64,
    /// Bytes when installed.
    pub installed: u64,
    /// Path of the file.
    pub location: String,
    /// Where to get it.
    pub download: Option<String>,
    /// Kind of its checksum, and the checksum.
    pub checksum: (String, String),
    /// Its signature.
    pub signature: Signature,
    /// The build that it came from.
    pub build: Option<BuildLink>,
    /// The groups it is in.
    pub groups: Vec<Link>,
    /// All packages of the name, the newest first.
    pub versions: Vec<VersionLine>,
    /// How many are not shown.
    pub more_versions: usize,
    /// What it depends on and provides, by kind.
    pub dependencies: Vec<Dependencies>,
    /// Names that require something that this one provides.
    pub needed_by: Vec<Link>,
    /// Whether there may be more.
    pub more_needed_by: bool,
    /// Other packages of the same source.
    pub siblings: Vec<Link>,
    /// How many are not shown.
    pub more_siblings: usize,
    /// The change log, newest first.
    pub changes: Vec<ChangeEntry>,
    /// How many are not shown.
    pub more_changes: usize,
    /// The files.
    pub files: Vec<FileLine>,
    /// How many are not shown.
    pub more_files: usize,
}

/// One package of a name.
#[derive(Debug, Clone, Serialize)]
pub struct VersionLine {
    /// `[epoch:]version-release`.
    pub version: String,
    /// Architecture.
    pub arch: String,
    /// Its page.
    pub url: String,
    /// Whether this is the page.
    pub current: bool,
    /// When it was built.
    pub built: Option<When>,
    /// Bytes of the file.
    pub size: u64,
}

/// Dependencies of one kind.
#[derive(Debug, Clone, Serialize)]
pub struct Dependencies {
    /// `Requires`, ...
    pub kind: &'static str,
    /// Each with who provides it.
    pub list: Vec<DependencyLine>,
    /// How many are not shown.
    pub more: usize,
}

/// A dependency.
#[derive(Debug, Clone, Serialize)]
pub struct DependencyLine {
    /// `name >= 1-2`.
    pub text: String,
    /// Packages here that provide a capability of this name, in whatever version.
    pub providers: Vec<Link>,
    /// How many are not shown.
    pub more: usize,
}

/// An entry of a change log.
#[derive(Debug, Clone, Serialize)]
pub struct ChangeEntry {
    /// Who, with version.
    pub author: String,
    /// When.
    pub time: Option<When>,
    /// What.
    pub text: String,
}

/// A file of the package.
#[derive(Debug, Clone, Serialize)]
pub struct FileLine {
    /// The whole path.
    pub path: String,
    /// `folder`, `ghost`, or empty.
    pub kind: &'static str,
}

impl VersionLine {
    fn shown_size(&self) -> String {
        text::size(self.size)
    }
}

impl Dependencies {
    fn all(&self) -> usize {
        self.list.len().saturating_add(self.more)
    }

    /// Whether it shows at once: what a package needs does, if that is not too much.
    fn open(&self) -> bool {
        self.kind != "Provides" && self.list.len() <= 60
    }
}

impl PackagePage {
    fn shown_size(&self) -> String {
        text::size(self.size)
    }

    fn shown_installed(&self) -> String {
        text::size(self.installed)
    }

    /// `Signed by 0123…, RSA/SHA-256, 2026-11-25`.
    fn signed(&self) -> Vec<String> {
        let Signature::Signed(by) = &self.signature else { return Vec::new() };
        by.iter()
            .map(|signed| {
                let time = signed.time.as_ref().map(|time| format!(", {}", time.date)).unwrap_or_default();
                format!("{} ({}{time})", signed.key, signed.algorithm)
            })
            .collect()
    }

    fn unsigned(&self) -> bool {
        self.signature == Signature::Unsigned
    }

    fn all_files(&self) -> String {
        text::count(self.files.len().saturating_add(self.more_files) as u64)
    }

    /// A few files show at once, many when they are asked for.
    fn few_files(&self) -> bool {
        self.files.len() <= 40
    }

    fn is_source(&self) -> bool {
        matches!(self.arch.as_str(), "src" | "nosrc")
    }
}

/// The page of a package by its number in the index, with all that its metadata say.
pub fn package(index: &Index, links: &dyn Links, number: usize, record: &Record, facts: PackageFacts) -> Option<Page> {
    let package = index.packages().get(number)?;
    let (versions, more_versions) = versions(index, links, number, package);
    let (needed_by, more_needed_by) = needed_by(index, links, package, record);
    let (siblings, more_siblings) = siblings(index, links, package);
    let text = |text: &str| line(text, NAME);
    let in_groups = index.groups_of(package.of_name).iter().filter_map(|number| {
        let group = index.groups().get(*number as usize)?;
        Some(Link::new(&group.name, links.list(index, List::Group(*number as usize), 1)))
    });
    let files = record.files.iter().take(FILES);
    let changes = record.changelogs.iter().rev().take(CHANGES);
    Some(Page::Package(Box::new(PackagePage {
        up: up(index, links),
        name: text(&package.name),
        version: text(&package.evr()),
        arch: text(&package.arch),
        summary: line(&record.summary, 1000),
        description: cut(clean(&record.description).trim(), DESCRIPTION),
        license: line(&record.license, 2000),
        url: line(&record.url, 2000),
        home: web_address(&record.url),
        vendor: text(&record.vendor),
        packager: text(&record.packager),
        group: text(&record.group),
        buildhost: text(&record.buildhost),
        source: text(&record.sourcerpm),
        source_url: source(index, links, package),
        built: When::new(record.time_build),
        file_time: When::new(record.time_file),
        size: record.size_package,
        installed: record.size_installed,
        location: line(&record.location_href, PATH),
        download: links.file(package),
        checksum: (record.checksum.kind.name().to_owned(), record.checksum.hex.clone()),
        signature: facts.signature,
        build: links.build(package),
        groups: in_groups.take(GROUPS).collect(),
        versions,
        more_versions,
        dependencies: dependencies(index, links, package, record),
        needed_by,
        more_needed_by,
        siblings,
        more_siblings,
        changes: changes
            .map(|change| ChangeEntry {
                author: text(&change.author),
                time: When::new(change.time),
                text: cut(clean(&change.text).trim(), CHANGE),
            })
            .collect(),
        more_changes: record.changelogs.len().saturating_sub(CHANGES),
        files: files
            .map(|file| FileLine { path: cut(&one_line(&file.path), PATH), kind: file_word(file.kind) })
            .collect(),
        more_files: record.files.len().saturating_sub(FILES),
    })))
}

/// A path as it is, but in one line.
fn one_line(path: &str) -> String {
    clean(path).replace(['\n', '\t'], "\u{FFFD}")
}

fn versions(index: &Index, links: &dyn Links, number: usize, package: &Package) -> (Vec<VersionLine>, usize) {
    let Some(name) = index.names().get(package.of_name as usize) else { return (Vec::new(), 0) };
    let all = name.packages();
    let more = all.len().saturating_sub(VERSIONS);
    let shown = all.take(VERSIONS).filter_map(|other| {
        let package = index.packages().get(other)?;
        Some(VersionLine {
            version: line(&package.evr(), NAME),
            arch: line(&package.arch, NAME),
            url: links.package(index, other),
            current: other == number,
            built: When::new(package.time),
            size: package.size,
        })
    });
    (shown.collect(), more)
}

/// The source package's page, if the repository has the very one.
fn source(index: &Index, links: &dyn Links, package: &Package) -> Option<String> {
    let name = index.names().get(index.find(package.source_name())?)?;
    let file = package.source_file();
    let is_it = |number: &usize| {
        index.packages().get(*number).is_some_and(|other| other.is_source() && other.source_file() == file)
    };
    let number = name.packages().take(SOURCES).find(is_it)?;
    (!package.is_source()).then(|| links.package(index, number))
}

fn dependencies(index: &Index, links: &dyn Links, package: &Package, record: &Record) -> Vec<Dependencies> {
    let lists = [
        ("Requires", &record.requires),
        ("Recommends", &record.recommends),
        ("Suggests", &record.suggests),
        ("Supplements", &record.supplements),
        ("Enhances", &record.enhances),
        ("Conflicts", &record.conflicts),
        ("Obsoletes", &record.obsoletes),
        ("Provides", &record.provides),
    ];
    let some = lists.into_iter().filter(|(_, list)| !list.is_empty());
    some.map(|(kind, list)| Dependencies {
        kind,
        list: list
            .iter()
            .take(DEPENDENCIES)
            .map(|dependency| dependency_line(index, links, package, kind != "Provides", dependency))
            .collect(),
        more: list.len().saturating_sub(DEPENDENCIES),
    })
    .collect()
}

fn dependency_line(
    index: &Index,
    links: &dyn Links,
    package: &Package,
    linked: bool,
    dependency: &Dependency,
) -> DependencyLine {
    let mut names: Vec<u32> = Vec::new();
    let mut all = 0usize;
    for capability in capabilities(&dependency.name).take(if linked { 50 } else { 0 }) {
        let providers = index.providers(capability);
        all = all.saturating_add(providers.len());
        for name in providers.iter().take(PROVIDERS) {
            if names.contains(name) {
                all = all.saturating_sub(1);
            } else {
                names.push(*name);
            }
        }
    }
    // What provides it by its very name comes first.
    names.sort_by_key(|name| index.names().get(*name as usize).is_none_or(|name| *name.text != *dependency.name));
    names.truncate(PROVIDERS);
    let providers: Vec<Link> = names.iter().filter_map(|name| Link::to_name(index, links, *name)).collect();
    let itself = names == [package.of_name];
    DependencyLine {
        text: cut(&one_line(&written(dependency)), DEPENDENCY),
        more: all.saturating_sub(providers.len()),
        providers: if itself { Vec::new() } else { providers },
    }
}

/// The dependency as people write it: an epoch of 0 is left out.
fn written(dependency: &Dependency) -> String {
    let mut dependency = dependency.clone();
    if let Some(evr) = &mut dependency.evr {
        evr.epoch = evr.epoch.filter(|epoch| *epoch > 0);
    }
    dependency.to_string()
}

/// Names that require something that a package provides. Only so many are looked at: of what everything needs some are enough.
fn needed_by(index: &Index, links: &dyn Links, package: &Package, record: &Record) -> (Vec<Link>, bool) {
    if package.is_source() {
        return (Vec::new(), false);
    }
    let provides = record.provides.iter().map(|provide| provide.name.as_str());
    let files = record.files.iter().map(|file| file.path.as_str());
    let mut found = BTreeSet::new();
    let mut left = LOOKED_AT;
    for capability in provides.chain(files) {
        let requirers = index.requirers(capability);
        found.extend(requirers.iter().take(left).filter(|name| **name != package.of_name));
        left = left.saturating_sub(requirers.len());
        if left == 0 {
            break;
        }
    }
    let more = left == 0 || found.len() > NEEDED_BY;
    (found.into_iter().take(NEEDED_BY).filter_map(|name| Link::to_name(index, links, name)).collect(), more)
}

fn siblings(index: &Index, links: &dyn Links, package: &Package) -> (Vec<Link>, usize) {
    let others: Vec<u32> = index
        .siblings(package.source_name())
        .iter()
        .take(LOOKED_AT)
        .copied()
        .filter(|name| *name != package.of_name)
        .collect();
    let more = others.len().saturating_sub(SIBLINGS);
    (others.into_iter().take(SIBLINGS).filter_map(|name| Link::to_name(index, links, name)).collect(), more)
}
