//! A metadata file that has been written but is not in force yet.

use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use fs_err::File;

use crate::checksum::Hasher;
use crate::compression::{Compression, Encoder};
use crate::zchunk::{self, Borders};
use crate::{Checksum, ChecksumKind, Document, Error, RepomdRecord, databases, read, source};

/// A file with all its content on disk under a temporary name, and the record that repomd.xml will have of it.
///
/// The record's `location_href` is filled in when the file is put in place.
#[derive(Debug)]
pub(crate) struct MetadataFile {
    path: PathBuf,
    /// The name without checksum: `primary.xml.zst`.
    name: String,
    record: RepomdRecord,
    /// Packages, if it is a document of such.
    packages: usize,
    /// Whether its checksum stands in its name, if that is not as for all files.
    unique: Option<bool>,
}

impl MetadataFile {
    pub(crate) fn of_document(
        document: Document,
        packages: usize,
        path: PathBuf,
        compression: Compression,
        checksum: Checksum,
        size: u64,
        open: Option<(Checksum, u64)>,
    ) -> Self {
        let name = format!("{}.xml{}", document.kind(), compression.suffix());
        let record =
            RepomdRecord { kind: document.kind().to_owned(), checksum, size: Some(size), ..Default::default() };
        Self { path, name, record, packages, unique: None }.with_open(compression, open)
    }

    /// Notes checksum and size of the text, which plain files do not have apart.
    fn with_open(mut self, compression: Compression, open: Option<(Checksum, u64)>) -> Self {
        if let Some((checksum, size)) = open.filter(|_| compression != Compression::None) {
            (self.record.open_checksum, self.record.open_size) = (Some(checksum), Some(size));
        }
        self
    }

    /// Compresses what `from` gives into the file `path`. `name` has no suffix: `comps.xml`.
    pub(crate) fn write(
        kind: &str,
        name: &str,
        path: PathBuf,
        how: &FileOptions,
        mut from: impl Read,
    ) -> Result<Self, Error> {
        if how.compression == Compression::Zchunk {
            return Self::write_zchunk(kind, name, path, how, 0, |to| zchunk_lines(from, to));
        }
        let mut open = how.checksum.hasher();
        let mut buffer = vec![0; 256 << 10];
        let file = BufWriter::with_capacity(256 << 10, File::create(&path)?);
        let to = Summing { to: file, sum: how.checksum.hasher() };
        let mut encoder = Encoder::new(how.compression, how.level, how.threads, to)?;
        loop {
            let got = match from.read(&mut buffer) {
                Ok(got) => got,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(error.into()),
            };
            if got == 0 {
                break;
            }
            let text = buffer.get(..got).unwrap_or_default();
            open.update(text);
            encoder.write_all(text)?;
        }
        let Summing { to, sum } = encoder.finish()?;
        to.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        let (checksum, size) = sum.finish();
        let record = RepomdRecord { kind: kind.to_owned(), checksum, size: Some(size), ..Default::default() };
        let name = format!("{name}{}", how.compression.suffix());
        Ok(Self { path, name, record, packages: 0, unique: None }.with_open(how.compression, Some(open.finish())))
    }

    fn write_zchunk(
        kind: &str,
        name: &str,
        path: PathBuf,
        how: &FileOptions,
        packages: usize,
        fill: impl FnOnce(ZchunkWriter) -> Result<(Summed, zchunk::HeaderInfo), Error>,
    ) -> Result<Self, Error> {
        let file = BufWriter::with_capacity(256 << 10, File::create(&path)?);
        let to = Summing { to: file, sum: how.checksum.hasher() };
        let options = zchunk::WriterOptions {
            dictionary: how.dictionary(name)?,
            level: if how.level == 0 { zchunk::DEFAULT_LEVEL } else { how.level },
            open_checksum: how.checksum,
            spool: path.parent().map(Path::to_owned),
        };
        let (Summing { to, sum }, header) = fill(zchunk::Writer::new(to, options)?)?;
        to.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        let (checksum, size) = sum.finish();
        let record = RepomdRecord {
            kind: kind.to_owned(),
            checksum,
            size: Some(size),
            open_checksum: Some(header.open_checksum),
            open_size: Some(header.open_size),
            header_checksum: Some(header.checksum),
            header_size: Some(header.size),
            ..Default::default()
        };
        Ok(Self { path, name: format!("{name}{}", Compression::Zchunk.suffix()), record, packages, unique: None })
    }

    /// The same text in another compression, as another file.
    pub(crate) fn transcode(&self, kind: &str, path: PathBuf, how: &FileOptions) -> Result<Self, Error> {
        let document = self.document().filter(|_| how.compression == Compression::Zchunk);
        let mut file = match document {
            None => Self::write(kind, self.stem(), path, how, read::open(&self.path)?)?,
            Some(document) => Self::write_zchunk(kind, self.stem(), path, how, self.packages, |to| {
                zchunk_packages(document, self.packages, read::open(&self.path)?, to)
            })?,
        };
        file.packages = self.packages;
        Ok(file)
    }

    /// The zchunk copy of this file.
    pub(crate) fn zchunk(&self, folder: &Path, how: &FileOptions) -> Result<Self, Error> {
        let kind = format!("{}_zck", self.kind());
        self.transcode(&kind, folder.join(&kind), how)
    }

    /// The database that repeats this document, as a file of its own. It is built in `folder`, from the document as it
    /// lies there now: yum compares the checksum that the database names with the document's in repomd.xml.
    pub(crate) fn database(&self, folder: &Path, how: &FileOptions) -> Result<Self, Error> {
        let document =
            self.document().ok_or_else(|| Error::metadata(&self.name, "there is no database of its kind"))?;
        databases::of_document(document, &self.path, &self.record.checksum, folder, how)
    }

    /// Which of the documents it is, if it is one.
    fn document(&self) -> Option<Document> {
        Document::of_kind(self.stem().strip_suffix(".xml")?)
    }

    /// The name without compression's suffix: `primary.xml`.
    pub(crate) fn stem(&self) -> &str {
        let suffix = Compression::of_name(&self.name).suffix();
        self.name.strip_suffix(suffix).unwrap_or(&self.name)
    }

    pub(crate) fn set_unique(&mut self, unique: bool) {
        self.unique = Some(unique);
    }

    pub(crate) fn with_database_version(mut self, version: u32) -> Self {
        self.record.database_version = Some(version);
        self
    }

    pub(crate) fn kind(&self) -> &str {
        &self.record.kind
    }

    pub(crate) fn record(&self) -> &RepomdRecord {
        &self.record
    }

    /// The name that the file gets in `repodata/`.
    pub(crate) fn final_name(&self, unique: bool) -> String {
        if self.unique.unwrap_or(unique) {
            format!("{}-{}", self.record.checksum.hex, self.name)
        } else {
            self.name.clone()
        }
    }

    /// Gives the file its name in `repodata`, replacing what had it. `timestamp` (seconds since 1970) becomes its
    /// modification time and stands in the record.
    pub(crate) fn put_in_place(mut self, repodata: &Path, unique: bool, timestamp: u64) -> Result<RepomdRecord, Error> {
        let name = self.final_name(unique);
        self.record.location_href = format!("repodata/{name}");
        self.record.timestamp = Some(timestamp);
        let time = std::time::UNIX_EPOCH.checked_add(std::time::Duration::from_secs(timestamp));
        if let Some(time) = time {
            let file = fs_err::OpenOptions::new().write(true).open(&self.path)?;
            file.into_file().set_modified(time)?;
        }
        fs_err::rename(&self.path, repodata.join(name))?;
        Ok(self.record)
    }
}

/// How one file is written as one stream.
#[derive(Debug, Clone)]
pub(crate) struct FileOptions {
    pub(crate) compression: Compression,
    pub(crate) level: i32,
    pub(crate) checksum: ChecksumKind,
    pub(crate) threads: usize,
    /// Folder of zchunk dictionaries.
    pub(crate) dictionaries: Option<PathBuf>,
}

impl FileOptions {
    /// The dictionary for a file, if the folder has one: `primary.xml.zdict`.
    fn dictionary(&self, name: &str) -> Result<Option<Vec<u8>>, Error> {
        let Some(folder) = &self.dictionaries else { return Ok(None) };
        match fs_err::read(folder.join(format!("{name}.zdict"))) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error.into()),
        }
    }
}

type Summed = Summing<BufWriter<File>>;
type ZchunkWriter = zchunk::Writer<Summed>;

/// A document as zchunk: chunks begin where another source package does.
fn zchunk_packages(
    document: Document,
    packages: usize,
    from: impl Read + Send,
    to: ZchunkWriter,
) -> Result<(Summed, zchunk::HeaderInfo), Error> {
    let mut to = zchunk::Document::new(to, &document.head(packages))?;
    let mut stream = read::PackageStream::new(Box::new(from), document);
    let odd = || Error::metadata(document.kind(), "a document of our own cannot be read again");
    let mut text = String::new();
    while let Some(package) = stream.next()? {
        let read::Package::Text(package) = package else { return Err(odd()) };
        text.clear();
        text.push_str(package);
        text.push('\n');
        let key = match document {
            Document::Primary => {
                let view = read::PrimaryView::parse(package).map_err(|_| odd())?;
                let sourcerpm = view.sourcerpm.text();
                source::source_name(&sourcerpm).map_or_else(|| view.nevra.name.text().into_owned(), str::to_owned)
            }
            _ => read::package_name(package).map_err(|_| odd())?.text().into_owned(),
        };
        to.package(&key, &text)?;
    }
    to.finish(&document.foot())
}

/// Any other text as zchunk: chunks begin at lines.
fn zchunk_lines(from: impl Read, mut to: ZchunkWriter) -> Result<(Summed, zchunk::HeaderInfo), Error> {
    use std::io::BufRead;
    /// Bytes of a line above which it is taken in parts: what has such lines is not text.
    const MAX_LINE: u64 = 64 << 10;
    let mut from = io::BufReader::with_capacity(256 << 10, from);
    let (mut borders, mut chunk, mut line) = (Borders::default(), Vec::new(), Vec::new());
    loop {
        line.clear();
        if (&mut from).take(MAX_LINE).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        if borders.starts_chunk(&String::from_utf8_lossy(&line), &line) {
            to.chunk(&chunk)?;
            chunk.clear();
        }
        chunk.extend_from_slice(&line);
    }
    to.chunk(&chunk)?;
    to.finish()
}

/// Sums what is written through it.
pub(crate) struct Summing<W> {
    pub(crate) to: W,
    pub(crate) sum: Hasher,
}

impl<W: Write> Write for Summing<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.to.write(bytes)?;
        self.sum.update(bytes.get(..written).unwrap_or_default());
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}
