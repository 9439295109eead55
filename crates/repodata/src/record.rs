//! Everything that repodata says about one package.

mod from_package;

pub(crate) use from_package::as_written;

use copr_rpm::{Changelog, Dependency, Nevra};

use crate::{Checksum, ChecksumKind, RenderOptions, render};

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
