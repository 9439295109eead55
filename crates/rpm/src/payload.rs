//! The archive of a package: its files' contents.
//!
//! [`Payload`] decompresses and reads the cpio archive as a stream. Paths, counts and sizes come from the archive and
//! are hostile: paths are normalised and may not leave the root, names are bounded, sums are checked.

use std::collections::HashMap;
use std::io::{self, BufRead, BufReader, Read};

use crate::text::text;
use crate::{Error, FileEntry, Package};

/// Bytes that one path may have (`PATH_MAX` of Linux).
const MAX_NAME: u32 = 4096;
/// Decompressed bytes that may follow the end of an archive (padding to a block, at most).
const MAX_REST: u64 = 1 << 20;
/// Name of the entry that ends an archive.
const TRAILER: &str = "TRAILER!!!";

/// One member of the archive.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PayloadEntry {
    /// Absolute path without `.`, `..` or doubled slashes; in source packages `/` and the file's name.
    pub path: String,
    /// Type and permissions, as `st_mode`.
    pub mode: u32,
    /// Owner's number (names are in the header).
    pub uid: u32,
    /// Group's number.
    pub gid: u32,
    /// Modification time, seconds since 1970.
    pub mtime: u32,
    /// Bytes of content that follow. Of hard links only the last one has content.
    pub size: u64,
    /// Number of hard links.
    pub nlink: u32,
    /// Inode number inside the archive: hard links share it.
    pub ino: u32,
    /// Major device number of a device file.
    pub rdev_major: u32,
    /// Minor device number of a device file.
    pub rdev_minor: u32,
}

/// Streams a package's archive: [`Payload::next_entry`], then read the entry's content from `self`.
pub struct Payload<R: Read> {
    archive: Box<dyn Read + Send>,
    files: Vec<FileEntry>,
    /// For archives without own file data (over 4 GiB): how many links of a file are still to come.
    links: HashMap<(u64, u64), u32>,
    /// Content of the current entry that is not read yet, and the padding behind it.
    remaining: u64,
    padding: u64,
    /// Running and expected sum of the current entry, where the format has one.
    sum: u32,
    expected_sum: Option<u32>,
    /// Set when the trailer came: its bytes must not be read as another entry.
    finished: bool,
    reader: std::marker::PhantomData<R>,
}

impl<R: Read> std::fmt::Debug for Payload<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Payload")
            .field("remaining", &self.remaining)
            .field("finished", &self.finished)
            .finish_non_exhaustive()
    }
}

impl<R: Read + Send + 'static> Payload<R> {
    /// Starts to read the payload of `package`. `from` stands at its first byte, where [`Package::read`] left it.
    ///
    /// # Errors
    /// The compression is not known, or the header's file list is damaged.
    pub fn new(package: &Package, from: R) -> Result<Self, Error> {
        let files = package.files()?;
        let mut links = HashMap::new();
        for file in files.iter().filter(|f| f.is_regular() && !f.is_ghost()) {
            *links.entry((file.device, file.inode)).or_insert(0) += 1;
        }
        Ok(Self {
            archive: decompress(from)?,
            files,
            links,
            remaining: 0,
            padding: 0,
            sum: 0,
            expected_sum: None,
            finished: false,
            reader: std::marker::PhantomData,
        })
    }
}

/// Chooses the decompressor by the magic number; what has none is old-style lzma.
fn decompress(from: impl Read + Send + 'static) -> Result<Box<dyn Read + Send>, Error> {
    let mut from = BufReader::with_capacity(128 << 10, from);
    // A pipe may give few bytes at first: take what the decision needs, then put it back in front.
    let mut start = Vec::with_capacity(6);
    from.by_ref().take(6).read_to_end(&mut start).map_err(|e| Error::reading("payload", None, e))?;
    if start.is_empty() {
        return Err(Error::Truncated { part: "payload", offset: None });
    }
    let head = start.clone();
    let from = BufReader::with_capacity(128 << 10, io::Cursor::new(start).chain(from));
    Ok(match head.as_slice() {
        [0x1F, 0x8B, ..] => Box::new(flate2::bufread::MultiGzDecoder::new(from)),
        [0xFD, b'7', b'z', b'X', b'Z', 0] => Box::new(liblzma::bufread::XzDecoder::new_multi_decoder(from)),
        [0x28, 0xB5, 0x2F, 0xFD, ..] => Box::new(zstd_decoder(from)?),
        [b'B', b'Z', b'h', ..] => Box::new(bzip2::bufread::MultiBzDecoder::new(from)),
        [b'0', b'7', b'0', b'7', ..] => Box::new(from),
        [0x5D, 0x00, ..] => {
            let stream = liblzma::stream::Stream::new_lzma_decoder(LZMA_MEMORY)
                .map_err(|e| Error::damaged("payload", None, format!("its lzma stream cannot be decoded: {e}")))?;
            Box::new(liblzma::bufread::XzDecoder::new_stream(from, stream))
        }
        _ => return Err(Error::damaged("payload", None, "it is not compressed in a known way")),
    })
}

/// Memory that an lzma decoder may use; the largest preset needs 65 MiB.
const LZMA_MEMORY: u64 = 256 << 20;
/// Largest zstd window, as a power of two: rpm's own largest (`--long`, level 22) is 2^27.
const ZSTD_WINDOW_LOG: u32 = 27;

fn zstd_decoder<B: BufRead>(from: B) -> Result<zstd::stream::read::Decoder<'static, B>, Error> {
    let mut decoder = zstd::stream::read::Decoder::with_buffer(from).map_err(|e| Error::reading("payload", None, e))?;
    decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(|e| Error::reading("payload", None, e))?;
    Ok(decoder)
}

impl<R: Read> Payload<R> {
    /// Goes to the next member, skipping what is left of the current one. `None` after the last.
    ///
    /// # Errors
    /// The archive is truncated or malformed, a path is unsafe, or a content does not match its sum.
    pub fn next_entry(&mut self) -> Result<Option<PayloadEntry>, Error> {
        if self.finished {
            return Ok(None);
        }
        io::copy(self, &mut io::sink()).map_err(payload_error)?;
        self.skip(self.padding)?;
        (self.padding, self.expected_sum, self.sum) = (0, None, 0);
        let mut magic = [0u8; 6];
        self.exact(&mut magic)?;
        let entry = match &magic {
            b"070701" => self.newc_entry(false)?,
            b"070702" => self.newc_entry(true)?,
            b"07070X" => Some(self.indexed_entry()?),
            _ => return Err(Error::damaged("payload", None, "an entry does not start with the cpio magic number")),
        };
        self.finished = entry.is_none();
        if self.finished {
            // To the very end, so that the decompressor's own checks of sums and truncation happen.
            let rest = io::copy(&mut self.archive.by_ref().take(MAX_REST + 1), &mut io::sink());
            if rest.map_err(payload_error)? > MAX_REST {
                return Err(Error::damaged("payload", None, "too much follows the end of the archive"));
            }
        }
        Ok(entry)
    }

    fn exact(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        self.archive.read_exact(bytes).map_err(payload_error)
    }

    fn skip(&mut self, count: u64) -> Result<(), Error> {
        let skipped = io::copy(&mut self.archive.by_ref().take(count), &mut io::sink()).map_err(payload_error)?;
        if skipped == count { Ok(()) } else { Err(Error::Truncated { part: "payload", offset: None }) }
    }

    /// One member in the "new ASCII" format: 13 numbers of 8 hexadecimal digits, the name, the content; name and
    /// content padded to 4 bytes. `None` at the trailer.
    fn newc_entry(&mut self, with_sum: bool) -> Result<Option<PayloadEntry>, Error> {
        let mut digits = [0u8; 104];
        self.exact(&mut digits)?;
        let mut fields = [0u32; 13];
        for (field, chunk) in fields.iter_mut().zip(digits.chunks_exact(8)) {
            *field = hex_number(chunk)?;
        }
        let [ino, mode, uid, gid, nlink, mtime, size, _, _, rdev_major, rdev_minor, name_size, sum] = fields;
        if !(2..=MAX_NAME).contains(&name_size) {
            return Err(Error::damaged(
                "payload",
                None,
                format!("a path of {name_size} bytes, the limit is {MAX_NAME}"),
            ));
        }
        let mut name = vec![0; name_size as usize];
        self.exact(&mut name)?;
        self.skip(padding(110 + u64::from(name_size)))?;
        if name.pop() != Some(0) || name.contains(&0) {
            return Err(Error::damaged("payload", None, "a path with a NUL inside, or without one at its end"));
        }
        let name = text(&name);
        if name == TRAILER {
            return Ok(None);
        }
        let size = u64::from(size);
        let path = normalise(&name)?;
        self.start_content(size);
        self.expected_sum = with_sum.then_some(sum);
        Ok(Some(PayloadEntry { path, mode, uid, gid, mtime, size, nlink, ino, rdev_major, rdev_minor }))
    }

    /// One member of rpm's own format for large files: only the file's index in the header, then the content.
    fn indexed_entry(&mut self) -> Result<PayloadEntry, Error> {
        let mut digits = [0u8; 8];
        self.exact(&mut digits)?;
        self.skip(padding(14))?;
        let index = hex_number(&digits)?;
        let file = self.files.get(index as usize);
        let file =
            file.ok_or_else(|| Error::damaged("payload", None, format!("it has file {index}, the header has not")))?;
        let linked = self.links.get_mut(&(file.device, file.inode)).filter(|_| file.is_regular());
        let (nlink, last) = match linked {
            None => (1, true),
            Some(left) => {
                *left = left.saturating_sub(1);
                (left.saturating_add(1), *left == 0)
            }
        };
        let has_content = file.is_regular() && last || file.mode & 0o170_000 == 0o120_000;
        let entry = PayloadEntry {
            path: normalise(&file.path)?,
            mode: u32::from(file.mode),
            mtime: file.mtime,
            size: if has_content { file.size } else { 0 },
            nlink,
            ino: u32::try_from(file.inode & 0xFFFF_FFFF).unwrap_or(0),
            rdev_major: file.rdev >> 8 & 0xFFF,
            rdev_minor: file.rdev & 0xFF | file.rdev >> 12 & 0xF_FF00,
            ..PayloadEntry::default()
        };
        self.start_content(entry.size);
        Ok(entry)
    }

    fn start_content(&mut self, size: u64) {
        self.remaining = size;
        self.padding = padding(size);
    }
}

impl<R: Read> Read for Payload<R> {
    /// Reads content of the current entry; 0 at its end.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let wanted = usize::try_from(self.remaining).unwrap_or(usize::MAX).min(buffer.len());
        if wanted == 0 {
            return Ok(0);
        }
        let buffer = buffer.split_at_mut(wanted).0;
        let got = self.archive.read(buffer)?;
        if got == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        self.remaining -= got as u64;
        if let Some(expected) = self.expected_sum {
            let part = buffer.iter().take(got).fold(0u32, |sum, b| sum.wrapping_add(u32::from(*b)));
            self.sum = self.sum.wrapping_add(part);
            // Hard links without content carry the sum of the content that comes later; they are never read.
            if self.remaining == 0 && self.sum != expected {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a file does not match its checksum"));
            }
        }
        Ok(got)
    }
}

/// Bytes to the next multiple of four.
fn padding(size: u64) -> u64 {
    (4 - size % 4) % 4
}

fn hex_number(digits: &[u8]) -> Result<u32, Error> {
    let number = std::str::from_utf8(digits).ok().filter(|d| d.bytes().all(|c| c.is_ascii_hexdigit()));
    number
        .and_then(|d| u32::from_str_radix(d, 16).ok())
        .ok_or_else(|| Error::damaged("payload", None, "an entry has a number that is not hexadecimal"))
}

/// `./usr//bin/x` and `usr/bin/x` become `/usr/bin/x`.
fn normalise(name: &str) -> Result<String, Error> {
    let mut path = String::with_capacity(name.len() + 1);
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err(Error::damaged("payload", None, format!("the path `{name}` has `..`"))),
            part => {
                path.push('/');
                path.push_str(part);
            }
        }
    }
    if path.is_empty() {
        path.push('/');
    }
    Ok(path)
}

fn payload_error(error: io::Error) -> Error {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => Error::Truncated { part: "payload", offset: None },
        io::ErrorKind::InvalidData | io::ErrorKind::InvalidInput | io::ErrorKind::Other => {
            Error::damaged("payload", None, error.to_string())
        }
        _ => Error::reading("payload", None, error),
    }
}
