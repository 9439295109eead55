//! The header of a zchunk file: lead, preface, index, signatures.

use std::io::Read;

use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};

use super::{MAGIC, MAX_CHUNK, MAX_HEADER};
use crate::{Checksum, ChecksumKind, Error};

/// The first bytes of a header that is stored without its data.
const DETACHED: [u8; 5] = *b"\0ZHR1";
/// Flags of the preface.
const STREAMS: u64 = 1;
const OPTIONAL_ELEMENTS: u64 = 2;
const UNCOMPRESSED_SOURCE: u64 = 4;

/// The algorithm of the checksums of chunks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ChunkChecksum {
    /// SHA-1: 20 bytes.
    Sha1,
    /// SHA-256: 32 bytes.
    Sha256,
    /// SHA-512: 64 bytes.
    Sha512,
    /// The first 16 bytes of SHA-512: what libzck takes unless told otherwise, and what we write.
    Sha512_128,
}

impl ChunkChecksum {
    /// Bytes of one checksum.
    pub fn size(self) -> usize {
        match self {
            Self::Sha1 => 20,
            Self::Sha256 => 32,
            Self::Sha512 => 64,
            Self::Sha512_128 => 16,
        }
    }

    /// The number in the file.
    pub(super) fn number(self) -> u64 {
        match self {
            Self::Sha1 => 0,
            Self::Sha256 => 1,
            Self::Sha512 => 2,
            Self::Sha512_128 => 3,
        }
    }

    fn from_number(number: u64) -> Option<Self> {
        [Self::Sha1, Self::Sha256, Self::Sha512, Self::Sha512_128].into_iter().find(|kind| kind.number() == number)
    }

    /// The checksum of some bytes.
    pub(super) fn of(self, bytes: &[u8]) -> Vec<u8> {
        let mut sum = match self {
            Self::Sha1 => Sha1::digest(bytes).to_vec(),
            Self::Sha256 => Sha256::digest(bytes).to_vec(),
            Self::Sha512 | Self::Sha512_128 => Sha512::digest(bytes).to_vec(),
        };
        sum.truncate(self.size());
        sum
    }
}

/// How chunks are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Codec {
    /// Not at all.
    None,
    /// One zstd frame a chunk.
    Zstd,
}

/// What the header says about one chunk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChunkInfo<'a> {
    /// The checksum of the compressed bytes. All zeros for a dictionary that is not there, and for a chunk that is
    /// stored as it is in a file with [`Header::uncompressed_source`].
    pub checksum: &'a [u8],
    /// The checksum of the open bytes, in a file with [`Header::uncompressed_source`].
    pub open_checksum: Option<&'a [u8]>,
    /// Compressed bytes.
    pub size: u64,
    /// Open bytes.
    pub open_size: u64,
}

/// Where a chunk's checksums are in the index, and its sizes: as small as can be, because a header may have millions.
#[derive(Debug, Clone, Copy)]
struct Entry {
    at: u32,
    size: u32,
    open_size: u32,
}

/// The header of a zchunk file, whose checksum was right.
#[derive(Debug, Clone)]
pub struct Header {
    /// Bytes of the header, lead included: where the data begin, and `header-size` in repomd.xml.
    pub size: u64,
    /// The header's checksum, as it stands in the lead: `header-checksum` in repomd.xml. SHA-256, or SHA-1 in old files.
    pub checksum: Checksum,
    /// The checksum of everything after the header. There is none in a file with [`Header::uncompressed_source`].
    pub data_checksum: Option<Checksum>,
    /// How the chunks are compressed.
    pub codec: Codec,
    /// The algorithm of the chunks' checksums.
    pub chunk_checksum: ChunkChecksum,
    /// Whether the index has the checksums of open chunks too, so that a client can find them in an open file.
    pub uncompressed_source: bool,
    index: Vec<u8>,
    entries: Vec<Entry>,
}

impl Header {
    /// Reads a header from the beginning of a file; `from` is left where the data begin. `what` names the file in
    /// errors.
    ///
    /// # Errors
    /// This is no zchunk file, its header does not match its checksum, contradicts itself, is over 64 MiB or names a
    /// chunk over 64 MiB, or the file has what we do not support (as libzck): detached headers, data streams,
    /// signatures, unknown flags and compressions.
    pub fn read(from: &mut impl Read, what: &str) -> Result<Self, Error> {
        parse(from).map_err(|reason| Error::metadata(what, reason))
    }

    /// What the file has, in its order. The first is the dictionary, of size 0 if there is none.
    pub fn chunks(&self) -> impl ExactSizeIterator<Item = ChunkInfo<'_>> {
        self.entries.iter().map(|entry| self.info(*entry))
    }

    /// The chunk of that number.
    pub(super) fn chunk(&self, number: usize) -> Option<ChunkInfo<'_>> {
        self.entries.get(number).map(|entry| self.info(*entry))
    }

    fn info(&self, entry: Entry) -> ChunkInfo<'_> {
        let width = self.chunk_checksum.size();
        let sums = self.index.get(entry.at as usize..).unwrap_or_default();
        ChunkInfo {
            checksum: sums.get(..width).unwrap_or_default(),
            open_checksum: self.uncompressed_source.then(|| sums.get(width..width * 2).unwrap_or_default()),
            size: entry.size.into(),
            open_size: entry.open_size.into(),
        }
    }

    /// Bytes of the data after the header.
    pub fn data_size(&self) -> u64 {
        self.entries.iter().map(|entry| u64::from(entry.size)).sum()
    }

    /// Bytes of the open data, without the dictionary.
    pub fn open_size(&self) -> u64 {
        self.entries.iter().skip(1).map(|entry| u64::from(entry.open_size)).sum()
    }
}

fn parse(from: &mut impl Read) -> Result<Header, String> {
    let mut lead = Vec::with_capacity(64);
    read_exactly(from, &mut lead, MAGIC.len() as u64)?;
    if lead == DETACHED {
        return Err("a detached zchunk header without data; fetch the whole file".to_owned());
    }
    if lead != MAGIC {
        return Err("not a zchunk file: it does not start with \\0ZCK1".to_owned());
    }
    let kind = match read_int(from, &mut lead)? {
        0 => ChecksumKind::Sha1,
        1 => ChecksumKind::Sha256,
        other => return Err(format!("unknown checksum type {other} of the zchunk header")),
    };
    let size = read_int(from, &mut lead)?;
    if size > MAX_HEADER {
        return Err(format!("a zchunk header of {size} bytes, over the limit of {MAX_HEADER}"));
    }
    let mut hasher = kind.hasher();
    hasher.update(&lead);
    let width = kind.hex_len() / 2;
    let mut expected = Vec::with_capacity(width);
    read_exactly(from, &mut expected, width as u64)?;
    let mut rest = Vec::new();
    read_exactly(from, &mut rest, size)?;
    hasher.update(&rest);
    let (checksum, _) = hasher.finish();
    if checksum.hex != hex::encode(&expected) {
        return Err(format!("the zchunk header's checksum is {checksum}, not {}", hex::encode(&expected)));
    }
    let size = (lead.len() + width + rest.len()) as u64;

    let mut fields = Fields(&rest);
    let data_checksum = Checksum { kind, hex: hex::encode(fields.bytes(width as u64)?) };
    let flags = fields.int()?;
    if flags & STREAMS != 0 {
        return Err("a zchunk file with data streams, which are not supported".to_owned());
    }
    if flags & !(OPTIONAL_ELEMENTS | UNCOMPRESSED_SOURCE) != 0 {
        return Err(format!("unknown zchunk flags {flags:#x}"));
    }
    let codec = match fields.int()? {
        0 => Codec::None,
        2 => Codec::Zstd,
        other => return Err(format!("unknown zchunk compression {other}; known are 0 (none) and 2 (zstd)")),
    };
    if flags & OPTIONAL_ELEMENTS != 0 {
        // None is defined, and none may matter: passed over. A false count ends with the bytes.
        for _ in 0..fields.int()? {
            fields.int()?;
            let size = fields.int()?;
            fields.bytes(size)?;
        }
    }
    let size_of_index = fields.int()?;
    let index = fields.bytes(size_of_index)?;
    let signatures = fields.int()?;
    if signatures != 0 {
        return Err(format!("a zchunk file with {signatures} signatures, which are not supported"));
    }
    if !fields.0.is_empty() {
        return Err(format!("a zchunk header with {} bytes too many", fields.0.len()));
    }

    let uncompressed_source = flags & UNCOMPRESSED_SOURCE != 0;
    let mut fields = Fields(index);
    let number = fields.int()?;
    let chunk_checksum =
        ChunkChecksum::from_number(number).ok_or_else(|| format!("unknown checksum type {number} of zchunk chunks"))?;
    if uncompressed_source && matches!(chunk_checksum, ChunkChecksum::Sha1 | ChunkChecksum::Sha512_128) {
        // There is no checksum of all data then, so the format wants strong ones.
        return Err("a zchunk file for uncompressed sources with short checksums of chunks".to_owned());
    }
    let count = fields.int()?;
    let mut entries = Vec::new();
    while !fields.0.is_empty() {
        let at = (index.len() - fields.0.len()) as u32;
        fields.bytes(chunk_checksum.size() as u64 * if uncompressed_source { 2 } else { 1 })?;
        let (size, open_size) = (fields.int()?, fields.int()?);
        let number = entries.len();
        if size > MAX_CHUNK || open_size > MAX_CHUNK {
            let larger = size.max(open_size);
            return Err(format!("zchunk chunk {number} has {larger} bytes, over the limit of {MAX_CHUNK}"));
        }
        if (size == 0) != (open_size == 0) || (codec == Codec::None && size != open_size) {
            return Err(format!("zchunk chunk {number} cannot have {size} bytes that open to {open_size}"));
        }
        entries.push(Entry { at, size: size as u32, open_size: open_size as u32 });
    }
    if entries.is_empty() || entries.len() as u64 != count {
        return Err(format!("a zchunk index of {count} chunks that names {}", entries.len()));
    }
    Ok(Header {
        size,
        checksum,
        data_checksum: (!uncompressed_source).then_some(data_checksum),
        codec,
        chunk_checksum,
        uncompressed_source,
        index: index.to_vec(),
        entries,
    })
}

/// Appends that many bytes to `to`, which grows only as they arrive.
fn read_exactly(from: &mut impl Read, to: &mut Vec<u8>, size: u64) -> Result<(), String> {
    let got = from.take(size).read_to_end(to).map_err(|e| e.to_string())?;
    if got as u64 == size { Ok(()) } else { Err("a zchunk file that ends within its header".to_owned()) }
}

/// Reads one number, and appends its bytes to `lead`.
fn read_int(from: &mut impl Read, lead: &mut Vec<u8>) -> Result<u64, String> {
    let start = lead.len();
    loop {
        read_exactly(from, lead, 1)?;
        let bytes = lead.get(start..).unwrap_or_default();
        // A number too long is told by the parser.
        if bytes.len() > 10 || bytes.last().is_some_and(|byte| byte & 0x80 != 0) {
            return Fields(bytes).int();
        }
    }
}

/// The fields of a header that are still to be parsed.
struct Fields<'a>(&'a [u8]);

impl<'a> Fields<'a> {
    fn bytes(&mut self, count: u64) -> Result<&'a [u8], String> {
        let (taken, rest) = usize::try_from(count)
            .ok()
            .and_then(|count| self.0.split_at_checked(count))
            .ok_or_else(|| format!("a zchunk header that ends within a field of {count} bytes"))?;
        self.0 = rest;
        Ok(taken)
    }

    /// A number: seven bits a byte, the lowest first, and the top bit set in the last byte only.
    fn int(&mut self) -> Result<u64, String> {
        let mut value = 0u64;
        for (position, byte) in self.0.iter().enumerate() {
            let bits = u64::from(byte & 0x7F);
            let shifted = u32::try_from(position * 7).ok().and_then(|by| bits.checked_shl(by));
            // Bits that would fall off the top make the number too large.
            value |= shifted
                .filter(|shifted| shifted >> (position * 7) == bits)
                .ok_or_else(|| "a number over 64 bits in a zchunk header".to_owned())?;
            if byte & 0x80 != 0 {
                self.0 = self.0.get(position + 1..).unwrap_or_default();
                return Ok(value);
            }
        }
        Err("a zchunk header that ends within a number".to_owned())
    }
}

/// Appends a number in the form that `Fields::int` reads.
pub(super) fn push_int(to: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        to.push((value & 0x7F) as u8);
        value >>= 7;
    }
    to.push(value as u8 | 0x80);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_end_with_the_top_bit_and_are_bounded() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), u64::MAX] {
            let mut bytes = Vec::new();
            push_int(&mut bytes, value);
            bytes.push(7);
            let mut fields = Fields(&bytes);
            assert_eq!((fields.int(), fields.0), (Ok(value), &[7][..]));
        }
        assert_eq!(Fields(&[0x00, 0x81]).int(), Ok(128));
        for bad in
            [&[][..], &[1, 2], &[0x7F; 9], &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0x82], &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x81]]
        {
            assert!(Fields(bad).int().is_err(), "{bad:?}");
        }
    }
}
