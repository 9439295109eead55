//! Compression of metadata files: what there is, whole files and independent blocks.
//!
//! gzip and zstd files may consist of members or frames, one after the other, and every client reads them as one
//! text (tested with dnf, zypper and createrepo_c). So their blocks are compressed by themselves, in parallel, and joined.
//! xz and bzip2 files must be one stream: several clients stop at the end of the first.

use std::cell::RefCell;
use std::fmt;
use std::io::{self, Read, Write};
use std::path::Path;
use std::str::FromStr;

use crate::metadata_file::{FileOptions, MetadataFile};
use crate::{ChecksumKind, Error, RepomdRecord};

/// How metadata files are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Compression {
    /// Not at all.
    None,
    /// gzip: every client reads it.
    Gzip,
    /// bzip2: what `yum` expects of databases.
    Bzip2,
    /// xz: small and slow.
    Xz,
    /// zstd: smaller and faster than gzip; EL 8 and later.
    #[default]
    Zstd,
    /// zchunk: clients fetch only the parts that changed. See [`crate::zchunk`].
    Zchunk,
}

impl Compression {
    /// All kinds.
    pub const ALL: [Self; 6] = [Self::None, Self::Gzip, Self::Bzip2, Self::Xz, Self::Zstd, Self::Zchunk];

    /// The suffix of file names, with its dot; empty for plain files.
    pub fn suffix(self) -> &'static str {
        match self {
            Self::None => "",
            Self::Gzip => ".gz",
            Self::Bzip2 => ".bz2",
            Self::Xz => ".xz",
            Self::Zstd => ".zst",
            Self::Zchunk => ".zck",
        }
    }

    /// The name on command lines, as `createrepo_c` has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Gzip => "gz",
            Self::Bzip2 => "bz2",
            Self::Xz => "xz",
            Self::Zstd => "zstd",
            Self::Zchunk => "zck",
        }
    }

    /// Which kind a file is, by the suffix of its name; [`Compression::None`] if it has none of ours.
    pub fn of_name(name: &str) -> Self {
        let named = Self::ALL.into_iter().find(|kind| !kind.suffix().is_empty() && name.ends_with(kind.suffix()));
        named.unwrap_or(Self::None)
    }

    /// Which kind a file is, by its first bytes (6 are enough).
    pub fn of_magic(start: &[u8]) -> Self {
        match start {
            [0x1F, 0x8B, ..] => Self::Gzip,
            [0x28, 0xB5, 0x2F, 0xFD, ..] => Self::Zstd,
            // A skippable frame, which some tools put in front.
            [0x50..=0x5F, 0x2A, 0x4D, 0x18, ..] => Self::Zstd,
            [0xFD, b'7', b'z', b'X', b'Z', 0, ..] => Self::Xz,
            [b'B', b'Z', b'h', ..] => Self::Bzip2,
            [0, b'Z', b'C', b'K', b'1', ..] => Self::Zchunk,
            _ => Self::None,
        }
    }

    /// The level used when none is asked for. gzip's gives files as small as `createrepo_c`'s (zlib's level 6) in half
    /// the time; its zstd level, 10, takes seven times as long as ours for a tenth less (docs/performance.md).
    pub fn default_level(self) -> i32 {
        match self {
            Self::None | Self::Zchunk => 0,
            Self::Gzip | Self::Xz => 5,
            Self::Bzip2 => 9,
            Self::Zstd => 3,
        }
    }

    /// Whether a file may be made of blocks that are compressed by themselves.
    pub(crate) fn has_blocks(self) -> bool {
        matches!(self, Self::None | Self::Gzip | Self::Zstd)
    }
}

impl fmt::Display for Compression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for Compression {
    type Err = Error;

    /// Reads a name as `createrepo_c` spells it (`gz`, `bz2`, `xz`, `zstd`, `zck`), or a suffix or long name.
    fn from_str(name: &str) -> Result<Self, Error> {
        match name.to_ascii_lowercase().as_str() {
            "none" => Ok(Self::None),
            "gz" | "gzip" => Ok(Self::Gzip),
            "bz2" | "bzip2" => Ok(Self::Bzip2),
            "xz" => Ok(Self::Xz),
            "zstd" | "zst" => Ok(Self::Zstd),
            "zck" | "zchunk" => Ok(Self::Zchunk),
            _ => Err(Error::metadata(
                "compression",
                format!("unknown type `{name}`, use gz, bz2, xz, zstd, zck or none"),
            )),
        }
    }
}

/// Compresses what `from` gives into the new file `to`, as one stream and at the default level. The record says checksums
/// and sizes of file and text; type, location and time are for the caller to fill in.
///
/// # Errors
/// Reading or writing fails; what is at `to` then is of no use.
pub fn compress(
    from: impl Read,
    to: &Path,
    compression: Compression,
    checksum: ChecksumKind,
) -> Result<RepomdRecord, Error> {
    let how = FileOptions { compression, level: compression.default_level(), checksum, threads: 1, dictionaries: None };
    MetadataFile::write("", "", to.to_owned(), &how, from).map(|file| file.record().clone())
}

thread_local! {
    /// Compressors are large and slow to make; every thread keeps its last one of each kind, with its level.
    static GZIP: RefCell<Option<(i32, libdeflater::Compressor)>> = const { RefCell::new(None) };
    static ZSTD: RefCell<Option<(i32, zstd::bulk::Compressor<'static>)>> = const { RefCell::new(None) };
    /// Likewise what undoes it.
    static GUNZIP: RefCell<libdeflater::Decompressor> = RefCell::new(libdeflater::Decompressor::new());
    static UNZSTD: RefCell<Option<zstd::bulk::Decompressor<'static>>> = const { RefCell::new(None) };
}

/// Compresses one block by itself; the same block always gives the same bytes. Only for kinds that have blocks.
pub(crate) fn block(compression: Compression, level: i32, bytes: &[u8]) -> io::Result<Vec<u8>> {
    match compression {
        Compression::Gzip => GZIP.with_borrow_mut(|kept| {
            let compressor = match kept {
                Some((of, compressor)) if *of == level => compressor,
                _ => {
                    let valid = libdeflater::CompressionLvl::new(level)
                        .map_err(|e| io::Error::other(format!("gzip has no level {level}: {e:?}")))?;
                    &mut kept.insert((level, libdeflater::Compressor::new(valid))).1
                }
            };
            let mut out = vec![0; compressor.gzip_compress_bound(bytes.len())];
            let size = compressor.gzip_compress(bytes, &mut out).map_err(io::Error::other)?;
            // Many of these wait to be written; most of the room was for what compresses badly.
            out.truncate(size);
            out.shrink_to_fit();
            Ok(out)
        }),
        Compression::Zstd => ZSTD.with_borrow_mut(|kept| {
            let compressor = match kept {
                Some((of, compressor)) if *of == level => compressor,
                _ => {
                    let mut compressor = zstd::bulk::Compressor::new(level)?;
                    compressor.include_checksum(true)?;
                    &mut kept.insert((level, compressor)).1
                }
            };
            compressor.compress(bytes)
        }),
        _ => Ok(bytes.to_vec()),
    }
}

/// The text of one block, which has `open` bytes, in place of what `text` held.
pub(crate) fn unblock(compression: Compression, bytes: &[u8], open: usize, text: &mut Vec<u8>) -> io::Result<()> {
    text.clear();
    match compression {
        Compression::Gzip => GUNZIP.with_borrow_mut(|kept| {
            text.resize(open, 0);
            let size = kept.gzip_decompress(bytes, text).map_err(io::Error::other)?;
            text.truncate(size);
            io::Result::Ok(())
        })?,
        Compression::Zstd => UNZSTD.with_borrow_mut(|kept| {
            text.reserve_exact(open);
            let decompressor = match kept {
                Some(decompressor) => decompressor,
                None => kept.insert(zstd::bulk::Decompressor::new()?),
            };
            decompressor.decompress_to_buffer(bytes, text).map(drop)
        })?,
        _ => text.extend_from_slice(bytes),
    }
    let wrong = || io::Error::new(io::ErrorKind::InvalidData, "a segment does not have the size that is noted of it");
    if text.len() == open { Ok(()) } else { Err(wrong()) }
}

/// A compressing writer for one stream; nothing is complete before [`Encoder::finish`]. zchunk is not among them.
pub(crate) enum Encoder<W: Write> {
    Plain(W),
    Gzip(flate2::write::GzEncoder<W>),
    Bzip2(bzip2::write::BzEncoder<W>),
    Xz(liblzma::write::XzEncoder<W>),
    Zstd(zstd::stream::write::Encoder<'static, W>),
}

impl<W: Write> Encoder<W> {
    /// The same input always gives the same bytes, whatever the number of `threads` (of which only xz makes use).
    pub(crate) fn new(compression: Compression, level: i32, threads: usize, to: W) -> io::Result<Self> {
        let unsigned = |most: i32| u32::try_from(level.clamp(0, most)).unwrap_or(0);
        Ok(match compression {
            Compression::None => Self::Plain(to),
            Compression::Gzip => {
                let level = flate2::Compression::new(unsigned(9));
                Self::Gzip(flate2::GzBuilder::new().mtime(0).operating_system(255).write(to, level))
            }
            Compression::Bzip2 => {
                Self::Bzip2(bzip2::write::BzEncoder::new(to, bzip2::Compression::new(unsigned(9).max(1))))
            }
            Compression::Xz => {
                let stream = liblzma::stream::MtStreamBuilder::new()
                    .threads(u32::try_from(threads.clamp(1, 64)).unwrap_or(1))
                    .preset(unsigned(9))
                    .block_size(8 << 20)
                    .check(liblzma::stream::Check::Crc64)
                    .encoder()
                    .map_err(io::Error::other)?;
                Self::Xz(liblzma::write::XzEncoder::new_stream(to, stream))
            }
            Compression::Zstd => {
                let mut encoder = zstd::stream::write::Encoder::new(to, level)?;
                encoder.include_checksum(true)?;
                Self::Zstd(encoder)
            }
            Compression::Zchunk => return Err(io::Error::other("zchunk is written by its own writer")),
        })
    }

    pub(crate) fn finish(self) -> io::Result<W> {
        match self {
            Self::Plain(to) => Ok(to),
            Self::Gzip(encoder) => encoder.finish(),
            Self::Bzip2(encoder) => encoder.finish(),
            Self::Xz(encoder) => encoder.finish(),
            Self::Zstd(encoder) => encoder.finish(),
        }
    }
}

impl<W: Write> Write for Encoder<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(to) => to.write(bytes),
            Self::Gzip(encoder) => encoder.write(bytes),
            Self::Bzip2(encoder) => encoder.write(bytes),
            Self::Xz(encoder) => encoder.write(bytes),
            Self::Zstd(encoder) => encoder.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(to) => to.flush(),
            Self::Gzip(encoder) => encoder.flush(),
            Self::Bzip2(encoder) => encoder.flush(),
            Self::Xz(encoder) => encoder.flush(),
            Self::Zstd(encoder) => encoder.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_is_known_by_its_name_and_by_its_first_bytes() {
        for kind in Compression::ALL {
            assert_eq!(kind.name().parse::<Compression>().unwrap(), kind);
            assert_eq!(Compression::of_name(&format!("primary.xml{}", kind.suffix())), kind);
        }
        for kind in Compression::ALL.into_iter().filter(|k| *k != Compression::Zchunk) {
            let mut encoder = Encoder::new(kind, kind.default_level(), 2, Vec::new()).unwrap();
            encoder.write_all(b"<metadata/>").unwrap();
            assert_eq!(Compression::of_magic(&encoder.finish().unwrap()), kind);
        }
    }

    #[test]
    fn the_same_block_gives_the_same_bytes_whatever_came_before() {
        for kind in [Compression::Gzip, Compression::Zstd, Compression::None] {
            let first = block(kind, kind.default_level(), &b"text ".repeat(1000)).unwrap();
            block(kind, kind.default_level(), b"something else").unwrap();
            assert_eq!(block(kind, kind.default_level(), &b"text ".repeat(1000)).unwrap(), first);
            let mut text = b"what was there".to_vec();
            for wrong in [4_999, 5_001] {
                assert!(unblock(kind, &first, wrong, &mut text).is_err());
            }
            unblock(kind, &first, 5_000, &mut text).unwrap();
            assert_eq!(text, b"text ".repeat(1000));
        }
    }
}
