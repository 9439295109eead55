//! Opening metadata files, whatever they are compressed with.

use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

use crate::{Compression, Error, zchunk};

/// Decompressed bytes that one metadata file may have, unless a caller says otherwise: 8 GiB.
pub const DEFAULT_SIZE_LIMIT: u64 = 8 << 30;
/// Largest zstd window, as a power of two, and memory for an xz stream.
const ZSTD_WINDOW_LOG: u32 = 27;
const XZ_MEMORY: u64 = 256 << 20;

/// Opens a metadata file and decompresses it by its magic number (gzip, zstd, xz, bzip2, zchunk; else plain).
/// Reading over [`DEFAULT_SIZE_LIMIT`] decompressed bytes is an I/O error.
///
/// # Errors
/// The file cannot be opened or read.
pub fn open(path: &Path) -> Result<Box<dyn BufRead + Send>, Error> {
    open_bounded(path, DEFAULT_SIZE_LIMIT)
}

/// As [`open`], with the caller's bound in bytes.
///
/// # Errors
/// The file cannot be opened or read.
pub fn open_bounded(path: &Path, limit: u64) -> Result<Box<dyn BufRead + Send>, Error> {
    let mut file = BufReader::with_capacity(128 << 10, fs_err::File::open(path)?);
    let start: Vec<u8> = file.fill_buf()?.iter().copied().take(6).collect();
    let plain: Box<dyn Read + Send> = match Compression::of_magic(&start) {
        Compression::Gzip => Box::new(flate2::bufread::MultiGzDecoder::new(file)),
        Compression::Zstd => {
            let mut decoder = zstd::stream::read::Decoder::with_buffer(file)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG)?;
            Box::new(decoder)
        }
        Compression::Xz => {
            let concatenated = liblzma::stream::CONCATENATED;
            let stream = liblzma::stream::Stream::new_stream_decoder(XZ_MEMORY, concatenated)
                .map_err(|e| Error::metadata(path.display().to_string(), e.to_string()))?;
            Box::new(liblzma::bufread::XzDecoder::new_stream(file, stream))
        }
        Compression::Bzip2 => Box::new(bzip2::bufread::MultiBzDecoder::new(file)),
        Compression::Zchunk => Box::new(zchunk::Reader::new(file, path.display().to_string())?),
        Compression::None => Box::new(file),
    };
    let bounded = Bounded { from: plain, left: limit, limit, path: path.display().to_string() };
    Ok(Box::new(BufReader::with_capacity(128 << 10, bounded)))
}

/// Refuses to read past a limit, instead of ending there as `take` would.
struct Bounded<R> {
    from: R,
    left: u64,
    limit: u64,
    path: String,
}

impl<R: Read> Read for Bounded<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let got = self.from.read(buffer).map_err(|e| io::Error::new(e.kind(), format!("{}: {e}", self.path)))?;
        let error = || Error::TooLarge { what: self.path.clone(), limit: self.limit };
        self.left = self.left.checked_sub(got as u64).ok_or_else(|| io::Error::other(error()))?;
        Ok(got)
    }
}
