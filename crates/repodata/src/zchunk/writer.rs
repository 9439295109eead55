//! Writing zchunk files.

use std::io::{self, Seek, Write};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use rayon::prelude::*;
use tempfile::SpooledTempFile;
use zstd::bulk::Compressor;

use super::header::push_int;
use super::{ChunkChecksum, MAGIC, MAX_CHUNK, MAX_HEADER};
use crate::checksum::Hasher;
use crate::{Checksum, ChecksumKind, Error};

/// The zstd level unless a caller says otherwise: libzck's.
pub const DEFAULT_LEVEL: i32 = 9;
/// Open bytes that are compressed together, on all threads.
const BATCH: usize = 8 << 20;
/// Compressed bytes that stay in memory where there is a folder to spool to.
const SPOOLED_IN_MEMORY: usize = 16 << 20;
/// The checksum of chunks: 16 bytes each are enough to find a chunk, the data have a checksum of their own.
const CHUNK_CHECKSUM: ChunkChecksum = ChunkChecksum::Sha512_128;

/// How a [`Writer`] works.
#[derive(Debug, Clone)]
pub struct WriterOptions {
    /// What all chunks are compressed with: a dictionary made by `zstd --train` (or `zck_gen_zdict`), or any bytes that
    /// are like the data. It becomes the file's first chunk. To be kept from one publish to the next: a client with
    /// another one has to fetch everything anew.
    pub dictionary: Option<Vec<u8>>,
    /// The zstd level, 1 to 22.
    pub level: i32,
    /// The algorithm of [`HeaderInfo::open_checksum`].
    pub open_checksum: ChecksumKind,
    /// A folder for compressed chunks, which wait there for the header to be written before them, in a nameless file.
    /// Without one all are kept in memory.
    pub spool: Option<PathBuf>,
}

impl Default for WriterOptions {
    fn default() -> Self {
        Self { dictionary: None, level: DEFAULT_LEVEL, open_checksum: ChecksumKind::Sha256, spool: None }
    }
}

/// What repomd.xml says about a zchunk file beside its size and checksum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderInfo {
    /// Bytes of the whole header, lead included: `header-size`.
    pub size: u64,
    /// The header's checksum, SHA-256: `header-checksum`.
    pub checksum: Checksum,
    /// Bytes of all chunks before compression: `open-size`.
    pub open_size: u64,
    /// Their checksum: `open-checksum`.
    pub open_checksum: Checksum,
}

/// Writes a zchunk file: zstd, SHA-256 over all, SHA-512/128 for each chunk. Chunks are compressed on the threads of the
/// rayon pool that it is called in. The same chunks and options always give the same bytes. Nothing reaches `to` before
/// [`Writer::finish`], which fails if the spool did before.
pub struct Writer<W> {
    to: W,
    level: i32,
    dictionary: Vec<u8>,
    /// Contexts not in use; making one for each chunk would take longer than compressing it.
    compressors: Mutex<Vec<Compressor<'static>>>,
    /// Chunks that wait to be compressed, and where each ends.
    pending: Vec<u8>,
    ends: Vec<usize>,
    /// Compressed chunks, their entries in the index, how many, and the checksum of all.
    spool: SpooledTempFile,
    index: Vec<u8>,
    count: u64,
    data: Hasher,
    open: Hasher,
    /// Set while chunks are moved to the spool, and for good if that fails.
    broken: bool,
}

/// A compressed chunk, its checksum, and its open size.
type Packed = (Vec<u8>, Vec<u8>, usize);

impl<W: Write> Writer<W> {
    /// Begins a file.
    ///
    /// # Errors
    /// The level is not one of zstd's, or the dictionary is over 64 MiB or cannot be used.
    pub fn new(to: W, options: WriterOptions) -> Result<Self, Error> {
        let level = options.level;
        if !zstd::compression_level_range().contains(&level) || level < 1 {
            return Err(bad(format!("no zstd level {level}; use 1 to 22")));
        }
        let spool = match options.spool {
            Some(folder) => tempfile::spooled_tempfile_in(SPOOLED_IN_MEMORY, folder),
            None => tempfile::spooled_tempfile(usize::MAX),
        };
        let mut writer = Self {
            to,
            level,
            dictionary: options.dictionary.unwrap_or_default(),
            compressors: Mutex::default(),
            pending: Vec::new(),
            ends: Vec::new(),
            spool,
            index: Vec::new(),
            count: 0,
            data: ChecksumKind::Sha256.hasher(),
            open: options.open_checksum.hasher(),
            broken: false,
        };
        let size = writer.dictionary.len();
        check_size(size)?;
        if size == 0 {
            writer.push_entry(&[0; 16], 0, 0);
        } else {
            // Of course without itself.
            let packed = zstd::bulk::compress(&writer.dictionary, level)?;
            let checksum = CHUNK_CHECKSUM.of(&packed);
            writer.push((packed, checksum, size))?;
        }
        Ok(writer)
    }

    /// Appends one chunk. Where chunks begin is the caller's to say; nothing is appended for no bytes.
    ///
    /// # Errors
    /// The chunk is over 64 MiB; the spool cannot be written.
    pub fn chunk(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if bytes.is_empty() {
            return Ok(());
        }
        check_size(bytes.len())?;
        self.pending.extend_from_slice(bytes);
        self.ends.push(self.pending.len());
        if self.pending.len() >= BATCH { self.compress_pending() } else { Ok(()) }
    }

    /// Writes the file, and returns what it was written to, and what repomd.xml needs to know.
    ///
    /// # Errors
    /// The file cannot be written, or has so many chunks that its header is over 64 MiB.
    pub fn finish(mut self) -> Result<(W, HeaderInfo), Error> {
        self.compress_pending()?;
        let (data_checksum, _) = self.data.finish();
        let mut index = Vec::new();
        push_int(&mut index, CHUNK_CHECKSUM.number());
        push_int(&mut index, self.count);

        let mut rest = decoded(&data_checksum)?;
        push_int(&mut rest, 0); // flags: none
        push_int(&mut rest, 2); // compression: zstd
        push_int(&mut rest, (index.len() + self.index.len()) as u64);
        rest.append(&mut index);
        rest.append(&mut self.index);
        push_int(&mut rest, 0); // signatures: none
        if rest.len() as u64 > MAX_HEADER {
            return Err(bad(format!("{} chunks are too many; make them larger", self.count)));
        }

        let mut lead = MAGIC.to_vec();
        push_int(&mut lead, 1); // checksum type: SHA-256
        push_int(&mut lead, rest.len() as u64);
        let mut hasher = ChecksumKind::Sha256.hasher();
        hasher.update(&lead);
        hasher.update(&rest);
        let (checksum, _) = hasher.finish();
        lead.extend(decoded(&checksum)?);
        self.to.write_all(&lead)?;
        self.to.write_all(&rest)?;
        self.spool.rewind()?;
        io::copy(&mut self.spool, &mut self.to)?;
        let (open_checksum, open_size) = self.open.finish();
        let size = (lead.len() + rest.len()) as u64;
        Ok((self.to, HeaderInfo { size, checksum, open_size, open_checksum }))
    }

    fn compress_pending(&mut self) -> Result<(), Error> {
        if std::mem::replace(&mut self.broken, true) {
            return Err(bad("an earlier chunk could not be written".to_owned()));
        }
        let mut rest = self.pending.as_slice();
        let mut begin = 0;
        let mut chunks = Vec::with_capacity(self.ends.len());
        for end in self.ends.drain(..) {
            let (chunk, after) = rest.split_at_checked(end - begin).unwrap_or((rest, &[]));
            chunks.push(chunk);
            (rest, begin) = (after, end);
        }
        let (pending, open) = (&self.pending, &mut self.open);
        let (compressors, dictionary, level) = (&self.compressors, self.dictionary.as_slice(), self.level);
        let compress =
            || chunks.into_par_iter().with_max_len(1).map(|chunk| pack(compressors, dictionary, level, chunk));
        let (packed, ()) = rayon::join(|| compress().collect::<Vec<_>>(), || open.update(pending));
        for packed in packed {
            self.push(packed?)?;
        }
        self.pending.clear();
        self.broken = false;
        Ok(())
    }

    fn push(&mut self, (packed, checksum, open_size): Packed) -> Result<(), Error> {
        self.data.update(&packed);
        self.spool.write_all(&packed)?;
        self.push_entry(&checksum, packed.len(), open_size);
        Ok(())
    }

    fn push_entry(&mut self, checksum: &[u8], size: usize, open_size: usize) {
        self.index.extend_from_slice(checksum);
        push_int(&mut self.index, size as u64);
        push_int(&mut self.index, open_size as u64);
        self.count += 1;
    }
}

/// Compresses one chunk with a context that is free, or a new one.
fn pack(
    compressors: &Mutex<Vec<Compressor<'static>>>,
    dictionary: &[u8],
    level: i32,
    chunk: &[u8],
) -> io::Result<Packed> {
    let free = compressors.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let mut compressor = match free {
        Some(compressor) => compressor,
        // The dictionary is digested once for each context.
        None => Compressor::with_dictionary(level, dictionary)?,
    };
    let packed = compressor.compress(chunk)?;
    compressors.lock().unwrap_or_else(PoisonError::into_inner).push(compressor);
    let checksum = CHUNK_CHECKSUM.of(&packed);
    Ok((packed, checksum, chunk.len()))
}

fn bad(reason: String) -> Error {
    Error::metadata("zchunk file", reason)
}

fn check_size(size: usize) -> Result<(), Error> {
    if size as u64 > MAX_CHUNK {
        return Err(bad(format!("a chunk of {size} bytes, over the limit of {MAX_CHUNK}; split it")));
    }
    Ok(())
}

fn decoded(checksum: &Checksum) -> Result<Vec<u8>, Error> {
    hex::decode(&checksum.hex).map_err(|e| bad(e.to_string()))
}
