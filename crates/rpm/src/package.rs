//! A package file up to its payload.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use crate::dependency::{Dependency, DependencyKind, DependencyTexts};
use crate::source::Source;
use crate::{Changelog, Error, FileEntry, Header, ListedFiles, Nevra, Tag, Texts, changelog, files, tag};

/// Bytes of the lead behind its magic number.
const LEAD_REST: usize = 92;
const LEAD_MAGIC: [u8; 4] = [0xED, 0xAB, 0xEE, 0xDB];

/// The first 96 bytes: obsolete but for the magic number and the kind of package.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lead {
    /// Format version: 3 in all packages since 1997 (also those called v4), 4 in v6 packages.
    pub major: u8,
    /// Minor format version.
    pub minor: u8,
    /// Whether it says that this is a source package.
    pub source: bool,
}

/// Lead, signature and header of one package. The payload is not read.
#[derive(Debug, Clone)]
pub struct Package {
    /// The lead.
    pub lead: Lead,
    /// Sizes, digests and signatures over the rest of the file.
    pub signature: Header,
    /// Everything the package says of itself.
    pub header: Header,
    /// Offset of the header's first byte in the file.
    pub header_start: u64,
    /// Offset behind the header's last byte: where the payload starts.
    pub header_end: u64,
}

/// Reads the lead.
fn lead(from: &mut Source<impl BufRead>) -> Result<Lead, Error> {
    if from.array("lead")? != LEAD_MAGIC {
        return Err(Error::NotRpm);
    }
    let [major, minor, kind_high, kind_low, ..] = from.array::<LEAD_REST>("lead")?;
    if !(3..=6).contains(&major) {
        let reason = format!("package format {major} is not supported, only 3 to 6");
        return Err(Error::damaged("lead", LEAD_MAGIC.len() as u64, reason));
    }
    Ok(Lead { major, minor, source: u16::from_be_bytes([kind_high, kind_low]) == 1 })
}

impl Package {
    /// Reads a package exactly up to its payload: the reader stands at the payload's first byte afterwards.
    ///
    /// # Errors
    /// Not an RPM, truncated, or a header that is malformed or over rpm's limits. They say where, counted from the
    /// reader's first byte.
    pub fn read(from: impl BufRead) -> Result<Self, Error> {
        let mut from = Source::new(from);
        let lead = lead(&mut from)?;
        let signature = Header::read(&mut from, "signature")?;
        // The lead is a multiple of 8 bytes, so the signature's end is padded as the file's offset.
        let padding = (8 - from.offset % 8) % 8;
        from.pass(padding, "signature", |_| ())?;
        let header_start = from.offset;
        let header = Header::read(&mut from, "header")?;
        Ok(Self { lead, signature, header, header_start, header_end: from.offset })
    }

    /// Reads the signature only: the first some kilobytes of a package.
    ///
    /// # Errors
    /// Not an RPM, truncated, or a signature that is malformed or over rpm's limits.
    pub fn read_signature(from: impl BufRead) -> Result<Header, Error> {
        let mut from = Source::new(from);
        lead(&mut from)?;
        Header::read(&mut from, "signature")
    }

    /// Opens a file and reads it up to the payload.
    ///
    /// # Errors
    /// As [`Package::read`], and if the file cannot be opened.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = File::open(path).map_err(|source| Error::Open { path: path.to_owned(), source })?;
        Self::read(BufReader::with_capacity(64 << 10, file))
    }

    fn required(&self, tag: Tag, name: &'static str) -> Result<String, Error> {
        match self.header.str(tag) {
            Some(value) if !value.is_empty() => Ok(value.into_owned()),
            _ => Err(Error::MissingTag(name)),
        }
    }

    /// The package's full name. The architecture of a source package is `src`.
    ///
    /// # Errors
    /// Name, version, release or architecture is missing.
    pub fn nevra(&self) -> Result<Nevra, Error> {
        let epoch = self.header.number(tag::EPOCH).unwrap_or(0);
        Ok(Nevra {
            name: self.required(tag::NAME, "name")?,
            epoch: u32::try_from(epoch).map_err(|_| {
                Error::damaged("header", self.header.offset(tag::EPOCH), "the epoch is over 4294967295")
            })?,
            version: self.required(tag::VERSION, "version")?,
            release: self.required(tag::RELEASE, "release")?,
            arch: if self.is_source() { "src".to_owned() } else { self.required(tag::ARCH, "architecture")? },
        })
    }

    /// Whether this is a source package. rpm's rule: it says so; or, where it says nothing and names no source package
    /// that it comes from either, its files have no directory (`headerIsSourceHeuristic`). Where it has no files, we
    /// believe the lead.
    pub fn is_source(&self) -> bool {
        match self.header.number(tag::SOURCEPACKAGE) {
            Some(says) => says != 0,
            None if self.header.contains(tag::SOURCERPM) => false,
            None => match self.listed_files().ok().and_then(|mut files| files.next()) {
                Some(Ok(first)) => first.dir.is_empty() && !first.name.contains(&b'/'),
                _ => self.lead.source,
            },
        }
    }

    /// One list of dependencies, in the order of the header and unfiltered (`rpmlib(...)` included). A dependency
    /// whose version cannot be read (an epoch that is no number) is left out, as `createrepo_c` does.
    ///
    /// # Errors
    /// The three parallel arrays of the header are malformed or of different lengths.
    pub fn dependencies(&self, kind: DependencyKind) -> Result<Vec<Dependency>, Error> {
        parsed(self.dependency_texts(kind)?)
    }

    /// As [`Package::dependencies`], each as the header spells it and made when it is asked for.
    ///
    /// # Errors
    /// The three parallel arrays of the header are of different types or lengths; malformed values come as an error
    /// in their place.
    pub fn dependency_texts(&self, kind: DependencyKind) -> Result<DependencyTexts<'_>, Error> {
        DependencyTexts::new(&self.header, kind.tags())
    }

    /// Suggests or enhances in the style of SUSE before rpm 4.13, where a flag told the stronger kind.
    ///
    /// # Errors
    /// As [`Package::dependencies`]. Kinds other than suggests and enhances have no old style and give none.
    pub fn old_dependencies(&self, kind: DependencyKind) -> Result<Vec<Dependency>, Error> {
        let tags = match kind {
            DependencyKind::Suggests => [tag::OLDSUGGESTSNAME, tag::OLDSUGGESTSFLAGS, tag::OLDSUGGESTSVERSION],
            DependencyKind::Enhances => [tag::OLDENHANCESNAME, tag::OLDENHANCESFLAGS, tag::OLDENHANCESVERSION],
            _ => return Ok(Vec::new()),
        };
        parsed(DependencyTexts::new(&self.header, tags)?)
    }

    /// The files, in the order of the header.
    ///
    /// # Errors
    /// The arrays of the header do not fit together.
    pub fn files(&self) -> Result<Vec<FileEntry>, Error> {
        files::files(&self.header)
    }

    /// As [`Package::files`], but only what a list of files tells, each made when it is asked for and without copies.
    ///
    /// # Errors
    /// The arrays of the header do not fit together; malformed values come as an error in their place.
    pub fn listed_files(&self) -> Result<ListedFiles<'_>, Error> {
        ListedFiles::new(&self.header)
    }

    /// Digests of the files, in their order and hexadecimal; empty for what is no regular file. `None` if the package
    /// has none.
    ///
    /// # Errors
    /// They are no texts, or not as many as files.
    pub fn file_digests(&self) -> Result<Option<Texts<'_>>, Error> {
        files::digests(&self.header)
    }

    /// The change log, newest first.
    pub fn changelogs(&self) -> Vec<Changelog> {
        changelog::changelogs(&self.header, usize::MAX)
    }

    /// The newest entries of the change log, newest first.
    pub fn newest_changelogs(&self, limit: usize) -> Vec<Changelog> {
        changelog::changelogs(&self.header, limit)
    }

    /// How the payload is compressed, as the header says: `gzip`, `zstd`, ...; gzip if it says nothing.
    pub fn payload_compressor(&self) -> String {
        self.header.str(tag::PAYLOADCOMPRESSOR).map_or_else(|| "gzip".to_owned(), std::borrow::Cow::into_owned)
    }

    /// Bytes of all files when installed.
    pub fn installed_size(&self) -> u64 {
        let header = &self.header;
        header.number(tag::LONGSIZE).or_else(|| header.number(tag::SIZE)).unwrap_or(0)
    }

    /// Bytes of the payload when uncompressed; 0 if the package does not tell.
    pub fn archive_size(&self) -> u64 {
        let (sig, header) = (&self.signature, &self.header);
        sig.number(tag::LONGARCHIVESIZE)
            .or_else(|| sig.number(tag::SIG_PAYLOADSIZE))
            .or_else(|| header.number(tag::LONGARCHIVESIZE))
            .or_else(|| header.number(tag::ARCHIVESIZE))
            .or_else(|| header.number(tag::PAYLOADSIZEALT))
            .unwrap_or(0)
    }

    /// Bytes the whole file must have at least, if the package tells: a shorter file is truncated.
    pub fn expected_file_size(&self) -> Option<u64> {
        let (sig, header) = (&self.signature, &self.header);
        if let Some(size) = sig.number(tag::SIG_LONGSIZE).or_else(|| sig.number(tag::SIG_SIZE)) {
            return self.header_start.checked_add(size);
        }
        self.header_end.checked_add(header.number(tag::PAYLOADSIZE)?)
    }
}

fn parsed(list: DependencyTexts<'_>) -> Result<Vec<Dependency>, Error> {
    let mut parsed = Vec::with_capacity(list.left());
    for dependency in list {
        parsed.extend(dependency?.parse());
    }
    Ok(parsed)
}
