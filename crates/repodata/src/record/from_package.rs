//! Making the record of a package file.
//!
//! A file is opened once and read once, in large pieces: each is hashed as it comes, and lead, signature and header are
//! parsed out of the first ones.

use std::borrow::Cow;
use std::cell::Cell;
use std::fs::Metadata;
use std::io::{self, BufRead, Read, Seek};
use std::path::Path;
use std::time::UNIX_EPOCH;

use copr_rpm::{
    Changelog, Comparison, Dependency, DependencyFlags, DependencyKind, DependencyText, DependencyTexts, Evr,
    ListedFile, Nevra, Package, tag,
};

use fs_err::os::unix::fs::OpenOptionsExt;

use crate::checksum::Hasher;
use crate::{Checksum, ChecksumKind, Error, File, FileKind, Record, RecordOptions, requires};

/// Bytes of one read: few system calls, and still in the processor's cache when they are hashed.
const PIECE: usize = 256 << 10;
/// Bytes of one read where only the header is wanted.
const HEADER_PIECE: usize = 32 << 10;

thread_local! {
    /// What a thread reads into, so that it is not allocated and cleared for every package.
    static BUFFER: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

impl Record {
    /// Makes the record of a package file, reading it once.
    ///
    /// `href` becomes its `location_href`.
    ///
    /// # Errors
    /// The file cannot be read, is no RPM, damaged or truncated, or changes while it is read.
    pub fn from_file(path: &Path, href: &str, options: &RecordOptions) -> Result<Self, Error> {
        Self::from_reading(path, href, options, |file, buffer| {
            let mut pieces = Pieces::new(file, buffer, Some(options.checksum.hasher()));
            let package = Package::read(&mut pieces)?;
            let (checksum, size) = pieces.finish()?;
            Ok((package, checksum, Some(size)))
        })
    }

    /// As [`Record::from_file`], but once the header is read, `known` is asked for the package's checksum. If it gives
    /// one, that is taken as it is and the rest of the file is not read. For callers that keep checksums elsewhere.
    ///
    /// # Errors
    /// As [`Record::from_file`].
    pub fn from_file_trusting(
        path: &Path,
        href: &str,
        options: &RecordOptions,
        known: impl FnOnce(&Package) -> Option<Checksum>,
    ) -> Result<Self, Error> {
        Self::from_reading(path, href, options, |mut file, buffer| {
            let (small, _) = buffer.split_at_mut(HEADER_PIECE);
            let package = Package::read(&mut Pieces::new(file, small, None))?;
            if let Some(checksum) = known(&package) {
                return Ok((package, checksum, None));
            }
            file.rewind()?;
            let (checksum, size) = Pieces::new(file, buffer, Some(options.checksum.hasher())).finish()?;
            Ok((package, checksum, Some(size)))
        })
    }

    /// Opens a file, has it read, and checks that it is whole and did not change meanwhile.
    fn from_reading(
        path: &Path,
        href: &str,
        options: &RecordOptions,
        read: impl FnOnce(&fs_err::File, &mut [u8]) -> Result<(Package, Checksum, Option<u64>), ReadError>,
    ) -> Result<Self, Error> {
        // Without waiting, should it be a pipe that nobody writes to.
        let flags = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
        let file = fs_err::OpenOptions::new().read(true).custom_flags(flags).open(path)?;
        let before = file.metadata()?;
        if !before.is_file() {
            return Err(Error::metadata(path.display().to_string(), "it is no regular file, so it is no package"));
        }
        let mut buffer = BUFFER.take();
        buffer.resize(PIECE, 0);
        let result = read(&file, &mut buffer);
        BUFFER.set(buffer);
        let failed = |source| Error::Package { path: path.to_owned(), source };
        let (package, checksum, size) = result.map_err(|error| match error {
            ReadError::Package(source) => failed(source),
            ReadError::Io(source) => Error::Io(source),
        })?;
        let size = size.unwrap_or(before.len());
        if size != before.len() || !is_same(&before, &file.metadata()?) {
            return Err(Error::metadata(path.display().to_string(), "it changed while it was read; try again"));
        }
        if package.expected_file_size().is_some_and(|expected| size < expected) {
            return Err(failed(copr_rpm::Error::Truncated { part: "payload", offset: Some(size) }));
        }
        let mtime = before.modified().ok().and_then(|t| t.duration_since(UNIX_EPOCH).ok());
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
        let list = |kind| package.dependency_texts(kind);
        let files = files(package, options.file_digests)?;
        let nevra = package.nevra()?;
        let provides = provides(package, &nevra)?;
        let requires = list(DependencyKind::Requires)?.collect::<Result<Vec<_>, _>>()?;
        let (requires, mut recommends) = requires::filter(&requires, &provides, &files);
        let (mut suggests, mut enhances) =
            (written(list(DependencyKind::Suggests)?)?, written(list(DependencyKind::Enhances)?)?);
        let mut supplements = written(list(DependencyKind::Supplements)?)?;
        recommends.extend(written(list(DependencyKind::Recommends)?)?);
        for dependency in package.old_dependencies(DependencyKind::Suggests)? {
            let stronger = dependency.flags.strong();
            if stronger { &mut recommends } else { &mut suggests }.extend(as_written(dependency));
        }
        for dependency in package.old_dependencies(DependencyKind::Enhances)? {
            let stronger = dependency.flags.strong();
            if stronger { &mut supplements } else { &mut enhances }.extend(as_written(dependency));
        }
        Ok(Self {
            nevra,
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
            sourcerpm: sourcerpm(package),
            header_start: package.header_start,
            header_end: package.header_end,
            provides: provides.into_iter().filter_map(|p| as_written(p.parse()?)).collect(),
            requires,
            conflicts: written(list(DependencyKind::Conflicts)?)?,
            obsoletes: written(list(DependencyKind::Obsoletes)?)?,
            suggests,
            enhances,
            recommends,
            supplements,
            files,
            file_digest: if options.file_digests { file_digest(package) } else { None },
            changelogs: newest_changelogs(package.newest_changelogs(options.changelog_limit.unwrap_or(usize::MAX))),
            ..Self::default()
        })
    }
}

enum ReadError {
    Package(copr_rpm::Error),
    Io(io::Error),
}

impl From<copr_rpm::Error> for ReadError {
    fn from(error: copr_rpm::Error) -> Self {
        Self::Package(error)
    }
}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}

/// Reads a file piece by piece; each is summed as it comes.
struct Pieces<'a> {
    file: &'a fs_err::File,
    buffer: &'a mut [u8],
    /// What of the buffer is read from the file and not taken yet.
    start: usize,
    end: usize,
    hasher: Option<Hasher>,
}

impl<'a> Pieces<'a> {
    fn new(file: &'a fs_err::File, buffer: &'a mut [u8], hasher: Option<Hasher>) -> Self {
        Self { file, buffer, start: 0, end: 0, hasher }
    }

    /// Reads the rest. Returns the checksum (of nothing, if there is no hasher) and the size of all that was read.
    fn finish(mut self) -> io::Result<(Checksum, u64)> {
        loop {
            self.start = self.end;
            match self.fill_buf() {
                Ok([]) => return Ok(self.hasher.unwrap_or_else(|| ChecksumKind::default().hasher()).finish()),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

impl Read for Pieces<'_> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        let got = self.fill_buf()?.read(into)?;
        self.consume(got);
        Ok(got)
    }
}

impl BufRead for Pieces<'_> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.start >= self.end {
            self.start = 0;
            self.end = self.file.read(self.buffer)?;
            if let Some(hasher) = &mut self.hasher {
                hasher.update(self.buffer.get(..self.end).unwrap_or_default());
            }
        }
        Ok(self.buffer.get(self.start..self.end).unwrap_or_default())
    }

    fn consume(&mut self, count: usize) {
        self.start = self.start.saturating_add(count).min(self.end);
    }
}

/// Whether a file is as it was: nobody wrote to it in between.
fn is_same(before: &Metadata, after: &Metadata) -> bool {
    before.len() == after.len() && before.modified().ok() == after.modified().ok()
}

fn files(package: &Package, with_digests: bool) -> Result<Vec<File>, copr_rpm::Error> {
    let listed = package.listed_files()?;
    let mut files = Vec::with_capacity(listed.left());
    for file in listed {
        let file = file?;
        files.push(File { path: file.path(), kind: kind(&file), digest: None });
    }
    if with_digests {
        for (file, digest) in files.iter_mut().zip(package.file_digests()?.unwrap_or_default()) {
            file.digest = Some(digest).filter(|d| !d.is_empty()).map(|d| String::from_utf8_lossy(d).into());
        }
    }
    Ok(files)
}

fn kind(file: &ListedFile<'_>) -> FileKind {
    match (file.is_dir(), file.is_ghost()) {
        (true, _) => FileKind::Dir,
        (_, true) => FileKind::Ghost,
        _ => FileKind::Plain,
    }
}

/// The algorithm of the files' digests, by its number in OpenPGP (RFC 9580, 9.5); MD5 where the header names none.
fn file_digest(package: &Package) -> Option<ChecksumKind> {
    match package.header.number(tag::FILEDIGESTALGO) {
        None | Some(1) => Some(ChecksumKind::Md5),
        Some(2) => Some(ChecksumKind::Sha1),
        Some(8) => Some(ChecksumKind::Sha256),
        Some(9) => Some(ChecksumKind::Sha384),
        Some(10) => Some(ChecksumKind::Sha512),
        Some(11) => Some(ChecksumKind::Sha224),
        Some(_) => None,
    }
}

/// The source package that the header names. For a binary package that says nothing of sources rpm puts `(none)`.
fn sourcerpm(package: &Package) -> String {
    match package.header.str(tag::SOURCERPM) {
        Some(name) => name.into_owned(),
        None if package.header.contains(tag::SOURCEPACKAGE) || package.is_source() => String::new(),
        None => "(none)".to_owned(),
    }
}

/// What a package provides. Packages before rpm 4.0 do not say that they provide themselves; rpm has them do so when it
/// reads them (`headerConvert`, `HEADERCONV_RETROFIT_V3`).
fn provides<'a>(package: &'a Package, nevra: &Nevra) -> Result<Vec<DependencyText<'a>>, copr_rpm::Error> {
    let mut provides = package.dependency_texts(DependencyKind::Provides)?.collect::<Result<Vec<_>, _>>()?;
    if !package.header.contains(tag::HEADERIMMUTABLE) && !package.is_source() {
        let epoch = package.header.number(tag::EPOCH).map(|epoch| format!("{epoch}:")).unwrap_or_default();
        let version = format!("{epoch}{}-{}", nevra.version, nevra.release);
        let flags = DependencyFlags::comparing(Comparison::Eq);
        let itself = DependencyText { name: nevra.name.clone().into(), flags, version: version.into() };
        if !provides.contains(&itself) {
            provides.push(itself);
        }
    }
    Ok(provides)
}

/// A list of dependencies other than requirements, as metadata have it.
fn written(list: DependencyTexts<'_>) -> Result<Vec<Dependency>, copr_rpm::Error> {
    let mut dependencies = Vec::with_capacity(list.left());
    for dependency in list {
        dependencies.extend(dependency?.parse().and_then(as_written));
    }
    Ok(dependencies)
}

/// A dependency with only what metadata can say of it: its comparison, a version only beside a comparison, the epoch
/// always written. So a record that was written and read again equals the first. `None` if it has no name.
pub(crate) fn as_written(dependency: Dependency) -> Option<Dependency> {
    let comparison = dependency.flags.comparison();
    let flags = comparison.map(DependencyFlags::comparing).unwrap_or_default();
    let evr = dependency.evr.filter(|_| comparison.is_some());
    let evr = evr.map(|evr| Evr { epoch: Some(evr.epoch_or_zero()), ..evr });
    Some(Dependency { name: dependency.name, flags, evr }).filter(|d| !d.name.is_empty())
}

/// Changes of a header (which has them newest first), oldest first, authors without blanks at the end. Where times are
/// equal the newer ones are moved on by seconds, so that clients can order by time.
fn newest_changelogs(newest: Vec<Changelog>) -> Vec<Changelog> {
    let mut kept: Vec<Changelog> = Vec::with_capacity(newest.len()); // newest first
    let mut last_time = None;
    for mut change in newest {
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
