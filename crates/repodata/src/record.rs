//! Everything that repodata says about one package.

use std::borrow::Cow;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::time::UNIX_EPOCH;

use copr_rpm::{Changelog, Dependency, DependencyFlags, DependencyKind, FileEntry, Nevra, Package, tag};

use crate::checksum::Hasher;
use crate::{Checksum, ChecksumKind, Error, RenderOptions, render, requires};

/// The type of a file in filelists.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum FileKind {
    /// Regular file, link, device, ...
    #[default]
    Plain,
    /// Directory (also if it is a ghost).
    Dir,
    /// `%ghost`: owned, not shipped.
    Ghost,
}

/// One file of a package, as filelists name it.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct File {
    /// The whole path.
    pub path: String,
    /// Its type.
    pub kind: FileKind,
    /// Digest of its content in hexadecimal, of the kind that [`Record::file_digest`] says. Only filelists-ext has it.
    pub digest: Option<Box<str>>,
}

impl File {
    /// Whether the file is also listed in the primary metadata, so that dependencies on it need no filelists:
    /// under `/etc/`, with `bin/` anywhere in its path, or `/usr/lib/sendmail`. A fixed rule of all RPM tools.
    pub fn is_primary(&self) -> bool {
        is_primary_path(&self.path)
    }
}

pub(crate) fn is_primary_path(path: &str) -> bool {
    path.starts_with("/etc/") || path.contains("bin/") || path == "/usr/lib/sendmail"
}

/// One package's repodata.
///
/// Read from primary metadata alone, `files` has the primary files only and `changelogs` is empty;
/// [`crate::read::load`] fills in both.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Record {
    /// Checksum of the whole file; its hexadecimal form is the `pkgid` that ties the three metadata files together.
    pub checksum: Checksum,
    /// Name, epoch, version, release, architecture.
    pub nevra: Nevra,
    /// One line about the package.
    pub summary: String,
    /// Long text about the package.
    pub description: String,
    /// Packager.
    pub packager: String,
    /// Home page.
    pub url: String,
    /// Modification time of the file, seconds since 1970.
    pub time_file: u64,
    /// Build time, seconds since 1970.
    pub time_build: u64,
    /// Bytes of the file.
    pub size_package: u64,
    /// Bytes when installed.
    pub size_installed: u64,
    /// Bytes of the uncompressed payload.
    pub size_archive: u64,
    /// Path of the file relative to the repository (or to `location_base`), not percent-encoded.
    pub location_href: String,
    /// `xml:base`: where `location_href` is relative to, if not to the repository.
    pub location_base: Option<String>,
    /// Licence.
    pub license: String,
    /// Vendor.
    pub vendor: String,
    /// Group.
    pub group: String,
    /// Build host.
    pub buildhost: String,
    /// File name of the source package; empty for source packages.
    pub sourcerpm: String,
    /// Offset of the header in the file.
    pub header_start: u64,
    /// Offset of the payload in the file.
    pub header_end: u64,
    /// What it provides.
    pub provides: Vec<Dependency>,
    /// What it requires, filtered as `createrepo_c` does (no `rpmlib()`, nothing that it provides itself, ...).
    pub requires: Vec<Dependency>,
    /// What it conflicts with.
    pub conflicts: Vec<Dependency>,
    /// What it obsoletes.
    pub obsoletes: Vec<Dependency>,
    /// Very weak forward dependencies.
    pub suggests: Vec<Dependency>,
    /// Very weak backward dependencies.
    pub enhances: Vec<Dependency>,
    /// Weak forward dependencies.
    pub recommends: Vec<Dependency>,
    /// Weak backward dependencies.
    pub supplements: Vec<Dependency>,
    /// Files, in the order of the package.
    pub files: Vec<File>,
    /// Algorithm of the files' digests; `None` where none is known.
    pub file_digest: Option<ChecksumKind>,
    /// Changes, oldest first, times strictly increasing.
    pub changelogs: Vec<Changelog>,
}

/// How a record is made of a package.
#[derive(Debug, Clone)]
pub struct RecordOptions {
    /// Kind of the package's checksum.
    pub checksum: ChecksumKind,
    /// How many of the newest changes to keep; `None` for all.
    pub changelog_limit: Option<usize>,
    /// The record's `location_base`.
    pub location_base: Option<String>,
    /// Whether to keep the digests of files, for filelists-ext.
    pub file_digests: bool,
}

impl Default for RecordOptions {
    /// SHA-256, ten changes, no base, no digests of files.
    fn default() -> Self {
        Self { checksum: ChecksumKind::Sha256, changelog_limit: Some(10), location_base: None, file_digests: false }
    }
}

/// One package's `<package>` elements in the three metadata files, each with a newline at its end.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fragments {
    /// For primary.xml.
    pub primary: String,
    /// For filelists.xml.
    pub filelists: String,
    /// For filelists-ext.xml; empty where it is not wanted.
    pub filelists_ext: String,
    /// For other.xml.
    pub other: String,
}

impl Record {
    /// Makes the record of a package file, reading it once.
    ///
    /// `href` becomes its `location_href`.
    ///
    /// # Errors
    /// The file cannot be read, is no RPM, damaged or truncated.
    pub fn from_file(path: &Path, href: &str, options: &RecordOptions) -> Result<Self, Error> {
        let file = fs_err::File::open(path)?;
        let about = file.metadata()?;
        let failed = |source| Error::Package { path: path.to_owned(), source };
        let hashing = Hashing { from: file, hasher: options.checksum.hasher() };
        let mut reader = BufReader::with_capacity(128 << 10, hashing);
        let package = Package::read(&mut reader).map_err(failed)?;
        io::copy(&mut reader, &mut io::sink())?;
        let (checksum, size) = reader.into_inner().hasher.finish();
        if package.expected_file_size().is_some_and(|expected| size < expected) {
            return Err(failed(copr_rpm::Error::Truncated { part: "payload" }));
        }
        let mtime = about.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok());
        let mut record = Self::from_package(&package, options).map_err(failed)?;
        record.checksum = checksum;
        record.size_package = size;
        record.time_file = mtime.map_or(0, |t| t.as_secs());
        record.location_href = href.to_owned();
        Ok(record)
    }

    /// What a package's header says. Checksum, file time, file size and location are left for the caller to fill in.
    ///
    /// # Errors
    /// The header lacks name, version, release or architecture, or its lists are damaged.
    pub fn from_package(package: &Package, options: &RecordOptions) -> Result<Self, copr_rpm::Error> {
        let text = |tag| package.header.str(tag).map(Cow::into_owned).unwrap_or_default();
        let files = package.files()?;
        let list = |kind| package.dependencies(kind);
        let provides = list(DependencyKind::Provides)?;
        let (requires, mut recommends) = requires::filter(list(DependencyKind::Requires)?, &provides, &files);
        let (mut suggests, mut enhances) = (list(DependencyKind::Suggests)?, list(DependencyKind::Enhances)?);
        let mut supplements = list(DependencyKind::Supplements)?;
        recommends.extend(list(DependencyKind::Recommends)?);
        for dependency in package.old_dependencies(DependencyKind::Suggests)? {
            let stronger = dependency.flags.strong();
            if stronger { &mut recommends } else { &mut suggests }.push(dependency);
        }
        for dependency in package.old_dependencies(DependencyKind::Enhances)? {
            let stronger = dependency.flags.strong();
            if stronger { &mut supplements } else { &mut enhances }.push(dependency);
        }
        let source = package.is_source();
        Ok(Self {
            nevra: package.nevra()?,
            summary: text(tag::SUMMARY),
            description: text(tag::DESCRIPTION),
            packager: text(tag::PACKAGER),
            url: text(tag::URL),
            time_build: package.header.number(tag::BUILDTIME).unwrap_or(0),
            size_installed: package.installed_size(),
            size_archive: package.archive_size(),
            location_base: options.location_base.clone(),
            license: text(tag::LICENSE),
            vendor: text(tag::VENDOR),
            group: text(tag::GROUP),
            buildhost: text(tag::BUILDHOST),
            sourcerpm: if source { String::new() } else { text(tag::SOURCERPM) },
            header_start: package.header_start,
            header_end: package.header_end,
            provides: as_written(provides),
            requires: as_written(requires),
            conflicts: as_written(list(DependencyKind::Conflicts)?),
            obsoletes: as_written(list(DependencyKind::Obsoletes)?),
            suggests: as_written(suggests),
            enhances: as_written(enhances),
            recommends: as_written(recommends),
            supplements: as_written(supplements),
            files: files.into_iter().map(File::from).collect(),
            changelogs: newest_changelogs(package.changelogs(), options.changelog_limit),
            ..Self::default()
        })
    }

    /// Keeps only the newest changes.
    pub fn limit_changelogs(&mut self, limit: Option<usize>) {
        if let Some(limit) = limit {
            let surplus = self.changelogs.len().saturating_sub(limit);
            self.changelogs.drain(..surplus);
        }
    }

    /// The XML of this package, as `createrepo_c` writes it. Characters that XML cannot hold become U+FFFD.
    pub fn render(&self) -> Fragments {
        let mut fragments = Fragments::default();
        self.render_into(RenderOptions::default(), &mut fragments);
        fragments
    }

    /// Appends the XML of this package to that of others.
    pub fn render_into(&self, options: RenderOptions, to: &mut Fragments) {
        render::append(self, options, to);
    }
}

impl From<FileEntry> for File {
    fn from(file: FileEntry) -> Self {
        let kind = match (file.is_dir(), file.is_ghost()) {
            (true, _) => FileKind::Dir,
            (_, true) => FileKind::Ghost,
            _ => FileKind::Plain,
        };
        Self { path: file.path, kind, digest: None }
    }
}

/// Dependencies with only what metadata can say of them: comparison and `pre`, a version only beside a comparison,
/// its epoch always written. So a record that was written and read again equals the first.
fn as_written(list: Vec<Dependency>) -> Vec<Dependency> {
    list.into_iter()
        .filter(|d| !d.name.is_empty())
        .map(|dependency| {
            let comparison = dependency.flags.comparison();
            let flags = comparison.map(DependencyFlags::comparing).unwrap_or_default();
            let flags = if dependency.flags.pre() { flags.with_pre() } else { flags };
            let evr = dependency.evr.filter(|_| comparison.is_some());
            let evr = evr.map(|evr| copr_rpm::Evr { epoch: Some(evr.epoch_or_zero()), ..evr });
            Dependency { name: dependency.name, flags, evr }
        })
        .collect()
}

/// The newest changes of a header (which has them newest first), oldest first, authors without blanks at the end.
/// Where times are equal the newer ones are moved on by seconds, so that clients can order by time.
fn newest_changelogs(all: Vec<Changelog>, limit: Option<usize>) -> Vec<Changelog> {
    let mut kept: Vec<Changelog> = Vec::new(); // newest first
    let mut last_time = None;
    for mut change in all.into_iter().take(limit.unwrap_or(usize::MAX)) {
        let trimmed = change.author.trim_end_matches(' ').len().max(1).min(change.author.len());
        if change.author.is_char_boundary(trimmed) {
            change.author.truncate(trimmed);
        }
        if last_time == Some(change.time) {
            let mut taken = change.time;
            for newer in kept.iter_mut().rev() {
                if newer.time != taken {
                    break;
                }
                newer.time = newer.time.saturating_add(1);
                taken = taken.saturating_add(1);
            }
        } else {
            last_time = Some(change.time);
        }
        kept.push(change);
    }
    kept.reverse();
    kept
}

/// Sums what is read through it.
struct Hashing<R> {
    from: R,
    hasher: Hasher,
}

impl<R: Read> Read for Hashing<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.from.read(buffer)?;
        self.hasher.update(buffer.get(..got).unwrap_or_default());
        Ok(got)
    }
}
