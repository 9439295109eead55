//! The packages of one repository, in columns.

use copr_repodata::{Checksum, ChecksumKind, Error, Record};
use copr_rpm::{Comparison, Dependency, DependencyKind};

use super::caps::{Cap, Caps};
use super::evr::evr_text;
use super::files::{Files, PathKey};
use super::index::Index;
use crate::strings::{MOST_TEXT, Str, Strings, text_at, too_much};

/// Lists of dependencies that a package has, in the order of [`DependencyKind::ALL`].
pub(crate) const KINDS: usize = DependencyKind::ALL.len();
/// Dependencies of all packages of one pool together.
const MOST_ENTRIES: usize = 1 << 28;
/// Files that primary.xml may name; the largest distributions have some hundred thousand.
const MOST_FILES: usize = 1 << 26;

/// The packages of one repository, in the order of its primary.xml: made by [`crate::load::primary`],
/// [`Packages::from_records`] or [`crate::cache::read`], and given to [`crate::Pool::add`].
///
/// Texts, dependencies and packages have numbers of its own until then. Limits: 4 GiB of different texts, 2^31 different
/// texts and dependencies, 2^28 dependencies of all packages together, 2^26 files in primary.xml.
#[derive(Debug, Clone, Default)]
pub struct Packages {
    pub(crate) strings: Strings,
    pub(crate) caps: Caps,
    pub(crate) columns: Columns,
    pub(crate) files: Files,
    /// Of all packages, whatever their architecture.
    pub(crate) index: Index,
}

impl Packages {
    /// How many packages.
    #[must_use]
    pub fn len(&self) -> usize {
        self.columns.name.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Packages of records that are at hand, with all files that these have.
    ///
    /// # Errors
    /// They are more than this type takes.
    pub fn from_records<'a>(records: impl IntoIterator<Item = &'a Record>) -> Result<Self, Error> {
        let mut builder = Builder::default();
        for record in records {
            builder.push_record(record)?;
        }
        Ok(builder.finish())
    }
}

/// What is known of each package, a vector for each thing.
#[derive(Debug, Clone, Default)]
pub(crate) struct Columns {
    pub(crate) name: Vec<Str>,
    pub(crate) arch: Vec<Str>,
    pub(crate) evr: Vec<Str>,
    pub(crate) vendor: Vec<Str>,
    pub(crate) source: Vec<Str>,
    pub(crate) base: Vec<Str>,
    /// Paths of the files, one behind the other: no two are the same, so they are not interned.
    pub(crate) location: String,
    pub(crate) location_end: Vec<u32>,
    /// Checksums, one behind the other.
    pub(crate) sum: Vec<u8>,
    pub(crate) sum_end: Vec<u32>,
    pub(crate) sum_kind: Vec<u8>,
    pub(crate) size_package: Vec<u64>,
    pub(crate) size_installed: Vec<u64>,
    pub(crate) build_time: Vec<u64>,
    /// All lists, one behind the other: eight of each package.
    pub(crate) entries: Vec<Cap>,
    pub(crate) entry_end: Vec<u32>,
}

const SUM_KINDS: [ChecksumKind; 7] = [
    ChecksumKind::Md5,
    ChecksumKind::Sha,
    ChecksumKind::Sha1,
    ChecksumKind::Sha224,
    ChecksumKind::Sha256,
    ChecksumKind::Sha384,
    ChecksumKind::Sha512,
];

impl Columns {
    pub(crate) fn location(&self, package: usize) -> &str {
        text_at(&self.location, &self.location_end, package)
    }

    pub(crate) fn checksum(&self, package: usize) -> Checksum {
        let kind = self.sum_kind.get(package).and_then(|kind| SUM_KINDS.get(usize::from(*kind)));
        let bytes = slice_at(&self.sum, &self.sum_end, package);
        let digits = |byte: &u8| [byte >> 4, byte & 0xF].map(|digit| char::from_digit(digit.into(), 16).unwrap_or('0'));
        Checksum { kind: kind.copied().unwrap_or_default(), hex: bytes.iter().flat_map(digits).collect() }
    }

    pub(crate) fn list(&self, package: usize, kind: DependencyKind) -> &[Cap] {
        slice_at(&self.entries, &self.entry_end, package.saturating_mul(KINDS).saturating_add(kind as usize))
    }

    /// Adds the columns of another repository, whose texts and dependencies `string` and `cap` renumber.
    pub(crate) fn append(
        &mut self,
        other: Self,
        string: impl Fn(Str) -> Str,
        cap: impl Fn(Cap) -> Cap,
    ) -> Result<(), Error> {
        // All that can fail comes first.
        let packages = self.name.len() + other.name.len();
        let fits = packages < u32::MAX as usize / KINDS
            && self.entries.len() + other.entries.len() <= MOST_ENTRIES
            && self.location.len() + other.location.len() <= MOST_TEXT
            && self.sum.len() + other.sum.len() <= MOST_TEXT;
        if !fits {
            return Err(too_much("the packages"));
        }
        for (to, from) in [
            (&mut self.name, other.name),
            (&mut self.arch, other.arch),
            (&mut self.evr, other.evr),
            (&mut self.vendor, other.vendor),
            (&mut self.source, other.source),
            (&mut self.base, other.base),
        ] {
            to.extend(from.into_iter().map(&string));
        }
        append_ends(&mut self.location_end, other.location_end);
        self.location.push_str(&other.location);
        append_ends(&mut self.sum_end, other.sum_end);
        self.sum.extend(other.sum);
        self.sum_kind.extend(other.sum_kind);
        self.size_package.extend(other.size_package);
        self.size_installed.extend(other.size_installed);
        self.build_time.extend(other.build_time);
        append_ends(&mut self.entry_end, other.entry_end);
        self.entries.extend(other.entries.into_iter().map(cap));
        Ok(())
    }
}

fn append_ends(to: &mut Vec<u32>, from: Vec<u32>) {
    let before = to.last().copied().unwrap_or(0);
    to.extend(from.into_iter().map(|end| end.saturating_add(before)));
}

/// One of several lists that stand one behind the other.
pub(crate) fn slice_at<'a, T>(all: &'a [T], ends: &[u32], index: usize) -> &'a [T] {
    let start = index.checked_sub(1).and_then(|before| ends.get(before)).copied().unwrap_or(0) as usize;
    let end = ends.get(index).copied().unwrap_or(0) as usize;
    all.get(start..end).unwrap_or_default()
}

/// Puts packages into columns, one after the other: texts and numbers first, then dependencies and files, then
/// [`Builder::end`].
pub(crate) struct Builder {
    packages: Packages,
    files: Vec<(u64, u32)>,
    key: PathKey,
    /// The lists of the package at hand.
    lists: [Vec<Cap>; KINDS],
}

impl Default for Builder {
    fn default() -> Self {
        let lists = std::array::from_fn(|_| Vec::new());
        Self { packages: Packages::default(), files: Vec::new(), key: PathKey::new(), lists }
    }
}

/// The texts and numbers of a package, for [`Builder::begin`].
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Facts<'a> {
    pub(crate) name: &'a str,
    pub(crate) arch: &'a str,
    pub(crate) evr: &'a str,
    pub(crate) vendor: &'a str,
    pub(crate) source: &'a str,
    pub(crate) location: &'a str,
    pub(crate) base: &'a str,
    pub(crate) sum_kind: ChecksumKind,
    /// In hexadecimal.
    pub(crate) sum: &'a str,
    pub(crate) size_package: u64,
    pub(crate) size_installed: u64,
    pub(crate) build_time: u64,
}

impl Builder {
    /// Starts a package.
    pub(crate) fn begin(&mut self, facts: &Facts<'_>) -> Result<(), Error> {
        let Packages { strings, columns, .. } = &mut self.packages;
        let packages = columns.name.len();
        let location = columns.location.len().saturating_add(facts.location.len());
        let sum = columns.sum.len().saturating_add(facts.sum.len() / 2);
        if packages >= u32::MAX as usize / KINDS - 1 || location > MOST_TEXT || sum > MOST_TEXT {
            return Err(too_much("the packages"));
        }
        columns.name.push(strings.intern(facts.name)?);
        columns.arch.push(strings.intern(facts.arch)?);
        columns.evr.push(strings.intern(facts.evr)?);
        columns.vendor.push(strings.intern(facts.vendor)?);
        columns.source.push(strings.intern(facts.source)?);
        columns.base.push(strings.intern(facts.base)?);
        columns.location.push_str(facts.location);
        columns.location_end.push(end_of(columns.location.len()));
        columns.sum.extend(hex_bytes(facts.sum));
        columns.sum_end.push(end_of(columns.sum.len()));
        let kind = SUM_KINDS.iter().position(|kind| *kind == facts.sum_kind);
        columns.sum_kind.push(kind.and_then(|kind| u8::try_from(kind).ok()).unwrap_or(u8::MAX));
        columns.size_package.push(facts.size_package);
        columns.size_installed.push(facts.size_installed);
        columns.build_time.push(facts.build_time);
        Ok(())
    }

    /// Adds a dependency to the package.
    pub(crate) fn dependency(
        &mut self,
        kind: DependencyKind,
        name: &str,
        comparison: Option<Comparison>,
        evr: &str,
    ) -> Result<(), Error> {
        let Packages { strings, caps, columns, .. } = &mut self.packages;
        let name = strings.intern(name)?;
        let evr = if comparison.is_some() { strings.intern(evr)? } else { Str::EMPTY };
        let cap = caps.intern(name, comparison, evr)?;
        if let Some(list) = self.lists.get_mut(kind as usize) {
            if columns.entries.len().saturating_add(list.len()) >= MOST_ENTRIES / 2 {
                return Err(too_much("the dependencies"));
            }
            list.push(cap);
        }
        Ok(())
    }

    /// Adds a file to the package.
    pub(crate) fn file(&mut self, path: &str) -> Result<(), Error> {
        if self.files.len() >= MOST_FILES {
            return Err(too_much("the files"));
        }
        let package = self.packages.columns.name.len().saturating_sub(1);
        self.files.push((self.key.hash(path), end_of(package)));
        Ok(())
    }

    /// Ends a package. What every binary package provides of itself, its name and version, is added if it does not say so:
    /// as libsolv does.
    pub(crate) fn end(&mut self) -> Result<(), Error> {
        let Packages { strings, caps, columns, .. } = &mut self.packages;
        let last = |column: &[Str]| column.last().copied().unwrap_or_default();
        let (name, evr) = (last(&columns.name), last(&columns.evr));
        if !matches!(strings.get(last(&columns.arch)), "src" | "nosrc") {
            let own = caps.intern(name, Some(Comparison::Eq), evr)?;
            if let Some(provides) = self.lists.get_mut(DependencyKind::Provides as usize)
                && !provides.contains(&own)
            {
                provides.push(own);
            }
        }
        for list in &mut self.lists {
            columns.entries.append(list);
            columns.entry_end.push(end_of(columns.entries.len()));
        }
        if columns.entries.len() > MOST_ENTRIES { Err(too_much("the dependencies")) } else { Ok(()) }
    }

    fn push_record(&mut self, record: &Record) -> Result<(), Error> {
        let nevra = &record.nevra;
        let evr = evr_text(nevra.epoch, nevra.version.as_str().into(), &nevra.release);
        self.begin(&Facts {
            name: &nevra.name,
            arch: &nevra.arch,
            evr: &evr,
            vendor: &record.vendor,
            source: &record.sourcerpm,
            location: &record.location_href,
            base: record.location_base.as_deref().unwrap_or_default(),
            sum_kind: record.checksum.kind,
            sum: &record.checksum.hex,
            size_package: record.size_package,
            size_installed: record.size_installed,
            build_time: record.time_build,
        })?;
        let lists: [(DependencyKind, &[Dependency]); KINDS] = [
            (DependencyKind::Requires, &record.requires),
            (DependencyKind::Provides, &record.provides),
            (DependencyKind::Conflicts, &record.conflicts),
            (DependencyKind::Obsoletes, &record.obsoletes),
            (DependencyKind::Recommends, &record.recommends),
            (DependencyKind::Suggests, &record.suggests),
            (DependencyKind::Supplements, &record.supplements),
            (DependencyKind::Enhances, &record.enhances),
        ];
        for (kind, list) in lists {
            for dependency in list.iter().filter(|dependency| !dependency.name.is_empty()) {
                let comparison = dependency.flags.comparison().filter(|_| dependency.evr.is_some());
                let evr = dependency.evr.as_ref().map(|evr| {
                    let release = evr.release.as_deref().unwrap_or_default();
                    evr_text(evr.epoch_or_zero(), evr.version.as_str().into(), release)
                });
                self.dependency(kind, &dependency.name, comparison, &evr.unwrap_or_default())?;
            }
        }
        for file in &record.files {
            self.file(&file.path)?;
        }
        self.end()
    }

    pub(crate) fn finish(self) -> Packages {
        let Packages { strings, caps, columns, .. } = self.packages;
        let index = Index::of(strings.len(), &caps, &columns, |_| true);
        Packages { strings, caps, columns, files: Files::of(self.key, self.files), index }
    }
}

/// A length that a check before has bounded.
fn end_of(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

/// The bytes that hexadecimal digits stand for.
pub(crate) fn hex_bytes(text: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok()).unwrap_or(0);
    let pair = |pair: &[u8]| pair.iter().fold(0, |byte, high| byte << 4 | digit(*high));
    text.as_bytes().chunks_exact(2).map(pair).collect()
}
