//! What all pages of a repository need, held in memory.

mod build;

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::sync::Arc;

use copr_rpm::Evr;
use serde::Serialize;

use crate::Group;
use crate::table::Table;
use crate::text::When;

pub(crate) use build::{Builder, capabilities};

/// The repository as a whole.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct About {
    /// What it is called.
    pub title: String,
    /// Revision of repomd.xml, usually seconds since 1970.
    pub revision: String,
    /// When it was published, if the revision says so.
    pub published: Option<When>,
    /// Packages, those of sources too.
    pub packages: usize,
    /// Different names of packages.
    pub names: usize,
    /// Source packages.
    pub sources: usize,
    /// Bytes of all packages.
    pub size: u64,
    /// Architectures with their packages, the one with the most first.
    pub arches: Vec<(String, usize)>,
}

/// What a name begins with: a letter, a digit (`0` for all of them), or anything else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Letter {
    /// A digit.
    Digit,
    /// A letter from `a` to `z`, whatever its case.
    Letter(u8),
    /// Anything else.
    Other,
}

impl Letter {
    /// Of a name.
    pub fn of(name: &str) -> Self {
        match name.bytes().next() {
            Some(byte) if byte.is_ascii_digit() => Self::Digit,
            Some(byte) if byte.is_ascii_alphabetic() => Self::Letter(byte.to_ascii_lowercase()),
            _ => Self::Other,
        }
    }

    /// What addresses call it: `0`, `a`, ..., `other`.
    pub fn slug(self) -> String {
        match self {
            Self::Digit => "0".to_owned(),
            Self::Letter(letter) => char::from(letter).to_string(),
            Self::Other => "other".to_owned(),
        }
    }

    /// The letter of an address.
    pub fn of_slug(slug: &str) -> Option<Self> {
        match slug.as_bytes() {
            b"0" => Some(Self::Digit),
            [letter @ b'a'..=b'z'] => Some(Self::Letter(*letter)),
            b"other" => Some(Self::Other),
            _ => None,
        }
    }

    /// What people see: `0–9`, `A`, ..., `Other`.
    pub fn shown(self) -> String {
        match self {
            Self::Digit => "0–9".to_owned(),
            Self::Letter(letter) => char::from(letter.to_ascii_uppercase()).to_string(),
            Self::Other => "Other".to_owned(),
        }
    }
}

/// A name and its packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Name {
    /// The name.
    pub text: Arc<str>,
    /// Number of its first package, which is the one that stands for the name: the newest, of the architecture that the
    /// repository has most of, and no source package if there is another.
    pub first: u32,
    /// How many packages there are.
    pub count: u32,
}

impl Name {
    /// The numbers of its packages.
    pub fn packages(&self) -> std::ops::Range<usize> {
        self.first as usize..(self.first as usize).saturating_add(self.count as usize)
    }
}

/// What lists say of a package, and what finds the rest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Name.
    pub name: Arc<str>,
    /// Epoch; 0 if it has none.
    pub epoch: u32,
    /// Version.
    pub version: Arc<str>,
    /// Release.
    pub release: Arc<str>,
    /// Architecture; `src` and `nosrc` for source packages.
    pub arch: Arc<str>,
    /// One line about it, at most 300 characters.
    pub summary: Arc<str>,
    /// The group that it says it belongs to.
    pub group: Arc<str>,
    /// File name of the source package; empty for source packages.
    pub sourcerpm: Arc<str>,
    /// Path of the file relative to the repository, or to `base`.
    pub location: Box<str>,
    /// `xml:base`.
    pub base: Option<Arc<str>>,
    /// Checksum of the file, hexadecimal.
    pub pkgid: Box<str>,
    /// Build time, or time of the file where there is none; seconds since 1970.
    pub time: u64,
    /// Bytes of the file.
    pub size: u64,
    /// Its place in primary, counted from 0.
    pub number: u32,
    /// Number of its name in the index.
    pub of_name: u32,
    /// How many packages of the same name, version and architecture come before it.
    pub again: u32,
}

impl Package {
    /// `[epoch:]version-release`.
    pub fn evr(&self) -> String {
        match self.epoch {
            0 => format!("{}-{}", self.version, self.release),
            epoch => format!("{epoch}:{}-{}", self.version, self.release),
        }
    }

    /// `[epoch:]version-release.arch`, and `~2`, `~3`, ... behind it where a package is in the repository again: what tells it
    /// from others of its name.
    pub fn key(&self) -> String {
        match self.again {
            0 => format!("{}.{}", self.evr(), self.arch),
            again => format!("{}.{}~{}", self.evr(), self.arch, again.saturating_add(1)),
        }
    }

    /// The full name.
    pub fn nevra(&self) -> String {
        format!("{}-{}.{}", self.name, self.evr(), self.arch)
    }

    /// Whether it is a source package.
    pub fn is_source(&self) -> bool {
        matches!(&*self.arch, "src" | "nosrc")
    }

    /// Name of the source package.
    pub(crate) fn source_name(&self) -> &str {
        if self.is_source() { &self.name } else { source_name(&self.sourcerpm).unwrap_or_default() }
    }

    /// File name of the source package, with its version.
    pub(crate) fn source_file(&self) -> String {
        if self.is_source() || self.sourcerpm.is_empty() {
            format!("{}-{}-{}.src.rpm", self.name, self.version, self.release)
        } else {
            self.sourcerpm.to_string()
        }
    }

    pub(crate) fn order(&self) -> Evr {
        Evr { epoch: Some(self.epoch), version: self.version.to_string(), release: Some(self.release.to_string()) }
    }
}

/// `bash` of `bash-5.2.26-3.fc41.src.rpm`.
fn source_name(sourcerpm: &str) -> Option<&str> {
    let mut parts = sourcerpm.rsplitn(3, '-');
    parts.next()?;
    parts.next()?;
    parts.next().filter(|name| !name.is_empty())
}

/// The packages that were built of one source package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// When, seconds since 1970.
    pub time: u64,
    /// File name of the source package.
    pub source: String,
    /// The numbers of the packages' names, in order; at least one.
    pub names: Vec<u32>,
    /// Number of the package that stands for them.
    pub package: u32,
    /// What the packager says of the change.
    pub top: Option<TopChange>,
}

/// The newest entry of a change log.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct TopChange {
    /// Who, as written.
    pub author: String,
    /// What, at most 2000 characters.
    pub text: String,
}

/// What all pages of a repository need.
#[derive(Debug, Default)]
pub struct Index {
    about: About,
    names: Vec<Name>,
    packages: Vec<Package>,
    groups: Vec<Group>,
    letters: Vec<(Letter, std::ops::Range<usize>)>,
    latest: Vec<Change>,
    /// Names that provide what a dependency of a package here names.
    providers: Table,
    /// Names that require what a package here provides.
    requirers: Table,
    /// Names by the name of their source package.
    siblings: Table,
    /// Groups by the number of a name in them.
    memberships: Table,
    hasher: RandomState,
    size: usize,
}

impl Index {
    /// The repository as a whole.
    pub fn about(&self) -> &About {
        &self.about
    }

    /// All names in the order of lists: digits, letters whatever their case, anything else.
    pub fn names(&self) -> &[Name] {
        &self.names
    }

    /// All packages: those of a name stand together, the newest first.
    pub fn packages(&self) -> &[Package] {
        &self.packages
    }

    /// The groups, by name.
    pub fn groups(&self) -> &[Group] {
        &self.groups
    }

    /// The letters that names begin with, with the numbers of these names.
    pub fn letters(&self) -> &[(Letter, std::ops::Range<usize>)] {
        &self.letters
    }

    /// What was built latest, at most a hundred source packages, the newest first.
    pub fn latest(&self) -> &[Change] {
        &self.latest
    }

    /// Bytes in memory, about.
    pub fn size(&self) -> usize {
        self.size
    }

    /// The number of a name.
    pub fn find(&self, name: &str) -> Option<usize> {
        let sought = build::name_order(name);
        self.names.binary_search_by(|other| build::name_order(&other.text).cmp(&sought)).ok()
    }

    /// The number of a package by its name and its [`Package::key`].
    pub fn find_package(&self, name: &str, key: &str) -> Option<usize> {
        let name = self.names.get(self.find(name)?)?;
        name.packages().find(|number| self.packages.get(*number).is_some_and(|package| package.key() == key))
    }

    /// The number of the group with this id.
    pub fn find_group(&self, id: &str) -> Option<usize> {
        self.groups.iter().position(|group| group.id == id)
    }

    /// The numbers of the names of a list, in order.
    pub(crate) fn members(&self, list: crate::List) -> Vec<u32> {
        let range = |range: std::ops::Range<usize>| range.filter_map(|number| u32::try_from(number).ok()).collect();
        match list {
            crate::List::All => range(0..self.names.len()),
            crate::List::Letter(letter) => self
                .letters
                .iter()
                .find(|(other, _)| *other == letter)
                .map(|(_, of)| range(of.clone()))
                .unwrap_or_default(),
            crate::List::Group(number) => self.groups.get(number).map(|group| group.names.clone()).unwrap_or_default(),
        }
    }

    /// Names that provide a capability or a file.
    pub(crate) fn providers(&self, capability: &str) -> &[u32] {
        self.providers.get(self.hasher.hash_one(capability))
    }

    /// Names that require a capability or a file.
    pub(crate) fn requirers(&self, capability: &str) -> &[u32] {
        self.requirers.get(self.hasher.hash_one(capability))
    }

    /// Names of the packages that a source package is built to.
    pub(crate) fn siblings(&self, source: &str) -> &[u32] {
        if source.is_empty() { &[] } else { self.siblings.get(self.hasher.hash_one(source)) }
    }

    /// The numbers of the groups that a name is in.
    pub(crate) fn groups_of(&self, name: u32) -> &[u32] {
        self.memberships.get(u64::from(name))
    }

    /// The package that stands for a name.
    pub(crate) fn head(&self, name: u32) -> Option<&Package> {
        self.packages.get(self.names.get(name as usize)?.first as usize)
    }

    /// Whether a package is the one that stands for its name.
    pub fn is_head(&self, package: usize) -> bool {
        let of_name = self.packages.get(package).map(|package| package.of_name as usize);
        of_name.and_then(|name| self.names.get(name)).is_some_and(|name| name.first as usize == package)
    }
}
