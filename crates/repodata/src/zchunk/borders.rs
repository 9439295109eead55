//! Where the chunks of a metadata document begin.

use std::io::Write;

use sha2::{Digest, Sha256};

use super::{HeaderInfo, Writer};
use crate::{Error, Record};

/// Open bytes that a chunk has on average.
const AVERAGE: u64 = 64 << 10;
/// Open bytes of a chunk from which on it may end within the packages of one source.
const LONG: u64 = 256 << 10;
/// Open bytes of a chunk of more than one package.
const MAX: u64 = 512 << 10;

/// Says where the chunks of a metadata document begin, so that a publish changes few of them.
///
/// Packages come in the order of the document, each with a key: the name of its source, because the packages of one
/// source change together. A run is the packages in a row that have the same key.
///
/// A chunk ends
/// 1. after a run, if the first 8 bytes of the key's SHA-256 (big-endian) are less than `size of the run / 64 KiB` of
///    their range. So it depends on nothing but the run itself: packages added, changed or removed elsewhere leave it
///    where it is. As a border is the likelier the larger the run, chunks have 64 KiB on average whatever the sources'
///    sizes, and one rule serves primary, filelists and other of small and large repositories alike;
/// 2. in a chunk of 256 KiB or more, before a package whose own XML, hashed and measured in the same way, says so. This
///    cuts the long runs (one source in a thousand versions, or with a thousand packages), by content too;
/// 3. before a package that would make it larger than 512 KiB. Packages are never cut.
///
/// Why 64 KiB: a client fetches the whole header, about 22 bytes for each chunk, and each chunk with a change in it. A
/// repository of 65,500 packages has 138 MB of primary, 704 MB of filelists and 172 MB of other; compressed about 21, 48
/// and 50 MB. At 64 KiB the headers are 46, 236 and 58 KB, that is 0.2, 0.5 and 0.1 % of the file, and one changed package
/// costs a chunk, or two, of about 20 KB: as chunks differ in size, a package lies in one of twice the average. One chunk
/// for each of 30,000 sources, as createrepo_c does it, makes headers of 660 KB, 3 % of primary. Larger chunks would
/// shrink the header, but a usual publish touches dozens of packages in as many chunks: for n of them the optimum is
/// `sqrt(22 * open size * ratio / 2n)` open bytes, for ten 105 KB in filelists and 31 KB in primary.
#[derive(Debug, Clone, Default)]
pub struct Borders {
    key: String,
    run: u64,
    chunk: u64,
}

impl Borders {
    /// Whether the next package, with this key and XML, begins a chunk. The first one does.
    pub fn starts_chunk(&mut self, key: &str, fragment: &[u8]) -> bool {
        let size = fragment.len() as u64;
        let new_run = self.key != key;
        let starts = self.chunk == 0
            || (new_run && falls(self.key.as_bytes(), self.run))
            || self.chunk.saturating_add(size) > MAX
            || (self.chunk >= LONG && falls(fragment, size));
        if new_run {
            self.key.clear();
            self.key.push_str(key);
            self.run = 0;
        }
        self.run = self.run.saturating_add(size);
        self.chunk = if starts { size } else { self.chunk.saturating_add(size) };
        starts
    }
}

/// True for one in `AVERAGE / size` contents.
fn falls(content: &[u8], size: u64) -> bool {
    let hash = Sha256::digest(content).iter().take(8).fold(0u64, |value, byte| value << 8 | u64::from(*byte));
    u128::from(hash) * u128::from(AVERAGE) < u128::from(size) << 64
}

/// The key of a package for [`Borders`]: the name of its source package, or, in a source package, its own.
pub fn key(record: &Record) -> &str {
    record.sourcerpm.rsplitn(3, '-').nth(2).unwrap_or(&record.nevra.name)
}

/// Writes a metadata document (primary, filelists, other) in chunks as [`Borders`] says. What is before the packages is
/// a chunk of its own, because their number in it changes at every publish, and so is what comes after them.
pub struct Document<W> {
    writer: Writer<W>,
    borders: Borders,
    chunk: Vec<u8>,
}

impl<W: Write> Document<W> {
    /// Begins a document with its head, all that is before the first package.
    ///
    /// # Errors
    /// As [`Writer::chunk`].
    pub fn new(mut writer: Writer<W>, head: &str) -> Result<Self, Error> {
        writer.chunk(head.as_bytes())?;
        Ok(Self { writer, borders: Borders::default(), chunk: Vec::new() })
    }

    /// Appends the XML of one package, with its [`key`].
    ///
    /// # Errors
    /// As [`Writer::chunk`].
    pub fn package(&mut self, key: &str, fragment: &str) -> Result<(), Error> {
        if self.borders.starts_chunk(key, fragment.as_bytes()) {
            self.writer.chunk(&self.chunk)?;
            self.chunk.clear();
        }
        self.chunk.extend_from_slice(fragment.as_bytes());
        Ok(())
    }

    /// Ends the document with its foot, all that is after the last package.
    ///
    /// # Errors
    /// As [`Writer::finish`].
    pub fn finish(mut self, foot: &str) -> Result<(W, HeaderInfo), Error> {
        self.writer.chunk(&self.chunk)?;
        self.writer.chunk(foot.as_bytes())?;
        self.writer.finish()
    }
}
