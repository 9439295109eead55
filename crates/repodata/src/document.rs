//! The documents that hold packages: primary, filelists, filelists-ext and other.

use std::collections::VecDeque;
use std::io::{BufWriter, Read, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use fs_err::File;

use crate::checksum::Hasher;
use crate::compression::{self, Compression};
use crate::metadata_file::{MetadataFile, Summing};
use crate::segments::{Segment, Segments, Span};
use crate::{ChecksumKind, Error, Fragments, read};

/// One of the documents.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Document {
    /// What packages are and depend on.
    Primary,
    /// Their files.
    Filelists,
    /// Their files with digests.
    FilelistsExt,
    /// Their changes.
    Other,
}

impl Document {
    /// The three that every repository has.
    pub const BASIC: [Self; 3] = [Self::Primary, Self::Filelists, Self::Other];
    /// All four.
    pub const ALL: [Self; 4] = [Self::Primary, Self::Filelists, Self::FilelistsExt, Self::Other];

    /// The type in repomd.xml, which is also the beginning of the file's name.
    pub fn kind(self) -> &'static str {
        match self {
            Self::Primary => "primary",
            Self::Filelists => "filelists",
            Self::FilelistsExt => "filelists-ext",
            Self::Other => "other",
        }
    }

    /// The type in repomd.xml of the database that repeats the document.
    pub fn database_kind(self) -> &'static str {
        match self {
            Self::Primary => "primary_db",
            Self::Filelists => "filelists_db",
            Self::FilelistsExt => "filelists-ext_db",
            Self::Other => "other_db",
        }
    }

    /// The type in repomd.xml of the document's zchunk copy.
    pub fn zchunk_kind(self) -> &'static str {
        match self {
            Self::Primary => "primary_zck",
            Self::Filelists => "filelists_zck",
            Self::FilelistsExt => "filelists-ext_zck",
            Self::Other => "other_zck",
        }
    }

    /// The document of a type in repomd.xml.
    pub fn of_kind(kind: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|document| document.kind() == kind)
    }

    /// The name of the root element.
    pub fn root(self) -> &'static str {
        match self {
            Self::Primary => "metadata",
            Self::Filelists => "filelists",
            Self::FilelistsExt => "filelists-ext",
            Self::Other => "otherdata",
        }
    }

    /// Everything before the first package.
    pub fn head(self, packages: usize) -> String {
        const BASE: &str = "http://linux.duke.edu/metadata";
        let root = self.root();
        let namespaces = match self {
            Self::Primary => format!("\"{BASE}/common\" xmlns:rpm=\"{BASE}/rpm\""),
            Self::Filelists => format!("\"{BASE}/filelists\""),
            Self::FilelistsExt => format!("\"{BASE}/filelists-ext\""),
            Self::Other => format!("\"{BASE}/other\""),
        };
        format!("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{root} xmlns={namespaces} packages=\"{packages}\">\n")
    }

    /// Everything behind the last package. `createrepo_c` writes no newline at the end, so we do not either.
    pub fn foot(self) -> String {
        format!("</{}>", self.root())
    }

    /// The part of a package that belongs into this document.
    pub(crate) fn part(self, fragments: &Fragments) -> &str {
        match self {
            Self::Primary => &fragments.primary,
            Self::Filelists => &fragments.filelists,
            Self::FilelistsExt => &fragments.filelists_ext,
            Self::Other => &fragments.other,
        }
    }
}

/// How documents are written.
#[derive(Debug, Clone)]
pub(crate) struct DocumentOptions {
    /// Only kinds that have blocks; others are made of a finished document by [`MetadataFile::transcode`].
    pub(crate) compression: Compression,
    pub(crate) level: i32,
    pub(crate) checksum: ChecksumKind,
    /// Whether to sum the text as well as the file.
    pub(crate) open_checksum: bool,
    /// Bytes of text in a segment.
    pub(crate) segment: usize,
    /// Whether elements have lines of their own: noted in the file.
    pub(crate) pretty: bool,
    /// Where blocks are compressed.
    pub(crate) pool: Arc<rayon::ThreadPool>,
}

/// Work of the pool: what it gives is the next segment, as it goes into the file, and its text if that is to be summed.
type Coming = Receiver<std::io::Result<(Segment, Vec<u8>, Vec<u8>)>>;

/// Writes a document: a block for the head, one for each segment, one for the foot, and the list of all.
///
/// Segments are compressed by the pool, in order, with a bounded number under way; so it must not be used from a thread
/// of that pool.
pub(crate) struct DocumentWriter {
    document: Document,
    options: DocumentOptions,
    path: PathBuf,
    to: Summing<BufWriter<File>>,
    flushing: Flushing,
    open: Hasher,
    expected: usize,
    pending: Vec<u8>,
    /// Packages in `pending`.
    packages: usize,
    under_way: VecDeque<Coming>,
    spare: Vec<Vec<u8>>,
    segments: Segments,
}

impl DocumentWriter {
    /// Begins the document in the file `path`. `expected` packages are announced in its head; a wrong number is mended
    /// by [`DocumentWriter::finish`].
    pub(crate) fn create(
        document: Document,
        path: PathBuf,
        options: DocumentOptions,
        expected: usize,
    ) -> Result<Self, Error> {
        let file = File::create(&path)?;
        let sum = options.checksum.hasher();
        let mut writer = Self {
            document,
            path,
            flushing: Flushing::of(&file)?,
            to: Summing { to: BufWriter::with_capacity(256 << 10, file), sum: sum.clone() },
            open: sum,
            expected,
            pending: Vec::new(),
            packages: 0,
            under_way: VecDeque::new(),
            spare: Vec::new(),
            segments: Segments { pretty: options.pretty, ..Segments::default() },
            options,
        };
        let head = document.head(expected);
        writer.segments.head = writer.block(&head)?;
        Ok(writer)
    }

    /// Adds the text of packages, with its newline.
    pub(crate) fn push(&mut self, text: &[u8], packages: usize) -> Result<(), Error> {
        if self.pending.capacity() == 0 {
            let room = self.options.segment.saturating_add(self.options.segment / 4);
            self.pending = self.spare.pop().unwrap_or_else(|| Vec::with_capacity(room));
        }
        self.pending.extend_from_slice(text);
        self.packages += packages;
        if self.pending.len() >= self.options.segment { self.cut() } else { Ok(()) }
    }

    /// Adds a segment as it stands in another file of the same compression. What was pushed before ends a segment.
    pub(crate) fn copy(&mut self, segment: &Segment, bytes: &[u8]) -> Result<(), Error> {
        self.cut()?;
        if !self.options.open_checksum {
            while !self.under_way.is_empty() {
                self.take()?;
            }
            return self.put(segment.clone(), bytes);
        }
        let (compression, segment, bytes) = (self.options.compression, segment.clone(), bytes.to_vec());
        let mut text = self.spare.pop().unwrap_or_default();
        self.work(move || {
            compression::unblock(compression, &bytes, segment.open as usize, &mut text)?;
            Ok((segment, bytes, text))
        })
    }

    /// Ends the segment that is pushed to.
    fn cut(&mut self) -> Result<(), Error> {
        if self.pending.is_empty() {
            return Ok(());
        }
        let (text, packages) = (std::mem::take(&mut self.pending), std::mem::take(&mut self.packages));
        self.compress(text, packages)
    }

    /// Adds a segment of just this text. What was pushed before ends a segment.
    pub(crate) fn segment(&mut self, text: Vec<u8>, packages: usize) -> Result<(), Error> {
        self.cut()?;
        self.compress(text, packages)
    }

    /// Hands the text of a segment to the pool.
    fn compress(&mut self, text: Vec<u8>, packages: usize) -> Result<(), Error> {
        let (compression, level) = (self.options.compression, self.options.level);
        let listed = compression != Compression::None;
        let is_primary = self.document == Document::Primary && listed;
        self.work(move || {
            let block = compression::block(compression, level, &text)?;
            let span = if is_primary { std::str::from_utf8(&text).ok().and_then(Span::of) } else { None };
            let number = |count: usize| u32::try_from(count).unwrap_or(u32::MAX);
            let segment = Segment {
                size: number(block.len()),
                open: number(text.len()),
                packages: number(packages),
                sum: if listed { libdeflater::crc32(&block) } else { 0 },
                span,
            };
            Ok((segment, block, text))
        })
    }

    /// Lets the pool do something, once there is room.
    fn work(
        &mut self,
        work: impl FnOnce() -> std::io::Result<(Segment, Vec<u8>, Vec<u8>)> + Send + 'static,
    ) -> Result<(), Error> {
        let most = self.options.pool.current_num_threads() + 1;
        while self.under_way.len() >= most {
            self.take()?;
        }
        let (sender, receiver) = sync_channel(1);
        self.options.pool.spawn(move || {
            // Whoever no longer listens has failed already and tells that.
            let _ = sender.send(work());
        });
        self.under_way.push_back(receiver);
        Ok(())
    }

    /// Writes the oldest segment that is under way.
    fn take(&mut self) -> Result<(), Error> {
        let Some(receiver) = self.under_way.pop_front() else { return Ok(()) };
        let lost = |_| Error::metadata(self.document.kind(), "a compressing thread died");
        let (segment, block, mut text) = receiver.recv().map_err(lost)??;
        self.sum_open(&text);
        if self.spare.len() < 2 {
            text.clear();
            self.spare.push(text);
        }
        self.put(segment, &block)
    }

    fn put(&mut self, segment: Segment, block: &[u8]) -> Result<(), Error> {
        self.to.write_all(block)?;
        self.flushing.written(block.len());
        self.segments.list.push(segment);
        Ok(())
    }

    /// Writes something that is no segment; returns its size in the file.
    fn block(&mut self, text: &str) -> Result<u32, Error> {
        self.sum_open(text.as_bytes());
        let block = compression::block(self.options.compression, self.options.level, text.as_bytes())?;
        self.to.write_all(&block)?;
        Ok(u32::try_from(block.len()).unwrap_or(u32::MAX))
    }

    fn sum_open(&mut self, text: &[u8]) {
        if self.options.open_checksum {
            self.open.update(text);
        }
    }

    /// Ends the document, which has `packages` packages, and makes it durable.
    pub(crate) fn finish(mut self, packages: usize) -> Result<MetadataFile, Error> {
        self.cut()?;
        while !self.under_way.is_empty() {
            self.take()?;
        }
        self.segments.foot = self.block(&self.document.foot())?;
        // One that was pushed without saying how many packages it has would lead the next writer astray.
        let known = self.segments.list.iter().all(|segment| segment.packages > 0);
        if known && packages == self.expected {
            self.to.write_all(&self.segments.trailer(self.options.compression)?)?;
        }
        let Summing { to, sum } = self.to;
        let file = to.into_inner().map_err(std::io::IntoInnerError::into_error)?;
        if packages != self.expected {
            drop(file);
            return recount(self.document, self.path, &self.options, self.segments, packages);
        }
        file.sync_all()?;
        let (checksum, size) = sum.finish();
        let open = self.options.open_checksum.then(|| self.open.finish());
        Ok(MetadataFile::of_document(
            self.document,
            packages,
            self.path,
            self.options.compression,
            checksum,
            size,
            open,
        ))
    }
}

/// Sends to the disk what has been written, while more is being written: else all of it has to be waited for at the end.
struct Flushing {
    /// A message for each time there is enough.
    enough: Option<SyncSender<()>>,
    thread: Option<std::thread::JoinHandle<()>>,
    written: usize,
}

impl Flushing {
    /// Bytes that are worth a trip to the disk.
    const ENOUGH: usize = 2 << 20;

    fn of(file: &File) -> Result<Self, Error> {
        let file = file.file().try_clone()?;
        let (enough, written) = sync_channel::<()>(1);
        // A failure comes again when the file is complete.
        let flush = move || written.iter().for_each(|()| drop(file.sync_data()));
        let thread = std::thread::Builder::new().name("flush".to_owned()).spawn(flush)?;
        Ok(Self { enough: Some(enough), thread: Some(thread), written: 0 })
    }

    fn written(&mut self, bytes: usize) {
        self.written += bytes;
        if self.written >= Self::ENOUGH
            && let Some(enough) = &self.enough
            && enough.try_send(()).is_ok()
        {
            self.written = 0;
        }
    }
}

impl Drop for Flushing {
    fn drop(&mut self) {
        self.enough = None;
        // A thread that panicked has only failed to be early.
        let _ = self.thread.take().map(std::thread::JoinHandle::join);
    }
}

/// Writes the document again with another number of packages in its head. The other blocks are copied as they are.
fn recount(
    document: Document,
    path: PathBuf,
    options: &DocumentOptions,
    mut segments: Segments,
    packages: usize,
) -> Result<MetadataFile, Error> {
    let block = compression::block(options.compression, options.level, document.head(packages).as_bytes())?;
    let mended = path.with_extension("recounted");
    let mut from = File::open(&path)?;
    std::io::Seek::seek(&mut from, std::io::SeekFrom::Start(u64::from(segments.head)))?;
    let mut to =
        Summing { to: BufWriter::with_capacity(256 << 10, File::create(&mended)?), sum: options.checksum.hasher() };
    to.write_all(&block)?;
    std::io::copy(&mut from, &mut to)?;
    segments.head = u32::try_from(block.len()).unwrap_or(u32::MAX);
    if segments.list.iter().all(|segment| segment.packages > 0) {
        to.write_all(&segments.trailer(options.compression)?)?;
    }
    let Summing { to, sum } = to;
    to.into_inner().map_err(std::io::IntoInnerError::into_error)?.sync_all()?;
    fs_err::rename(&mended, &path)?;
    let (checksum, size) = sum.finish();
    let open = match options.open_checksum {
        true => {
            let mut hasher = options.checksum.hasher();
            let mut text = read::open(&path)?;
            let mut buffer = vec![0; 256 << 10];
            loop {
                let got = text.read(&mut buffer)?;
                if got == 0 {
                    break Some(hasher.finish());
                }
                hasher.update(buffer.get(..got).unwrap_or_default());
            }
        }
        false => None,
    };
    Ok(MetadataFile::of_document(document, packages, path, options.compression, checksum, size, open))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn options(compression: Compression) -> DocumentOptions {
        DocumentOptions {
            compression,
            level: compression.default_level(),
            checksum: ChecksumKind::Sha256,
            open_checksum: true,
            segment: 1 << 20,
            pretty: true,
            pool: Arc::new(rayon::ThreadPoolBuilder::new().num_threads(2).build().unwrap()),
        }
    }

    fn written(
        compression: Compression,
        expected: usize,
        packages: usize,
    ) -> (String, MetadataFile, tempfile::TempDir) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("other");
        let mut writer = DocumentWriter::create(Document::Other, path.clone(), options(compression), expected).unwrap();
        for n in 0..packages {
            writer.push(format!("<package pkgid=\"{n}\">{}</package>\n", "x".repeat(400_000)).as_bytes(), 1).unwrap();
        }
        let file = writer.finish(packages).unwrap();
        let mut text = String::new();
        read::open(&path).unwrap().read_to_string(&mut text).unwrap();
        (text, file, dir)
    }

    #[test]
    fn blocks_join_to_one_document_whatever_was_announced() {
        let mut texts = Vec::new();
        for compression in [Compression::None, Compression::Gzip, Compression::Zstd] {
            for expected in [9, 9_999] {
                let (text, file, dir) = written(compression, expected, 9);
                let record = file.record();
                let bytes = fs_err::read(dir.path().join("other")).unwrap();
                let (sum, size) = crate::Checksum::of(ChecksumKind::Sha256, bytes.as_slice()).unwrap();
                assert_eq!((&record.checksum, record.size), (&sum, Some(size)), "{compression}, {expected}");
                if compression != Compression::None {
                    let (sum, size) = crate::Checksum::of(ChecksumKind::Sha256, text.as_bytes()).unwrap();
                    assert_eq!((record.open_checksum.as_ref(), record.open_size), (Some(&sum), Some(size)));
                }
                texts.push(text);
            }
        }
        assert!(texts[0].starts_with(&Document::Other.head(9)) && texts[0].ends_with("</otherdata>"));
        assert!(texts.iter().all(|text| text == &texts[0]));
    }
}
