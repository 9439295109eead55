//! The tagged store that the signature and the header of a package both are.

use std::borrow::Cow;
use std::io::{self, Read};

use crate::text::text;
use crate::{Error, Tag};

/// Entries that a header may have (rpm's own limit).
const MAX_ENTRIES: u32 = 0xFFFF;
/// Bytes of data that a header may have (rpm's own limit).
const MAX_DATA: u32 = 256 << 20;
/// Values that one entry may have; far above any package, far below what would exhaust memory.
const MAX_VALUES: u32 = 16 << 20;
/// What precedes the counts: magic number, version 1, four reserved bytes.
const MAGIC: [u8; 4] = [0x8E, 0xAD, 0xE8, 0x01];

/// The type of an entry's values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Null,
    Int8,
    Int16,
    Int32,
    Int64,
    Bin,
    Text,
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    tag: Tag,
    kind: Kind,
    offset: u32,
    count: u32,
}

/// A parsed header: entries by tag. Values are checked when they are asked for; an entry of another type than asked,
/// or one that points outside the data, reads as absent.
#[derive(Debug, Clone, Default)]
pub struct Header {
    /// Sorted by tag; of equal tags the last one counts (rpm appends changed entries behind the sealed region).
    entries: Vec<Entry>,
    data: Vec<u8>,
}

impl Header {
    /// Reads one header, exactly to its end. `part` names it in errors. Returns it with the number of bytes read.
    ///
    /// # Errors
    /// Truncated, wrong magic, more than 65535 entries or 256 MiB of data, an entry outside the data.
    pub(crate) fn read(mut from: impl Read, part: &'static str) -> Result<(Self, u64), Error> {
        let mut intro = [0u8; 16];
        from.read_exact(&mut intro).map_err(|e| Error::reading(part, e))?;
        let [m0, m1, m2, m3, _, _, _, _, e0, e1, e2, e3, d0, d1, d2, d3] = intro;
        if [m0, m1, m2, m3] != MAGIC {
            return Err(Error::damaged(part, "it does not start with the header magic number"));
        }
        let entry_count = u32::from_be_bytes([e0, e1, e2, e3]);
        let data_size = u32::from_be_bytes([d0, d1, d2, d3]);
        if entry_count > MAX_ENTRIES {
            return Err(Error::damaged(part, format!("{entry_count} entries, the limit is {MAX_ENTRIES}")));
        }
        if data_size > MAX_DATA {
            return Err(Error::damaged(part, format!("{data_size} bytes of data, the limit is {MAX_DATA}")));
        }
        let index = read_bounded(&mut from, u64::from(entry_count) * 16, part)?;
        let data = read_bounded(&mut from, u64::from(data_size), part)?;
        let mut entries = Vec::with_capacity(entry_count as usize);
        for raw in index.chunks_exact(16) {
            entries.push(entry(raw, data_size, part)?);
        }
        entries.sort_by_key(|e| e.tag); // stable: file order stays among equal tags
        let read = 16 + u64::from(entry_count) * 16 + u64::from(data_size);
        Ok((Self { entries, data }, read))
    }

    fn find(&self, tag: Tag) -> Option<Entry> {
        let end = self.entries.partition_point(|e| e.tag <= tag);
        self.entries.get(end.checked_sub(1)?).copied().filter(|e| e.tag == tag)
    }

    /// Whether there is an entry of this tag.
    pub fn contains(&self, tag: Tag) -> bool {
        self.find(tag).is_some()
    }

    /// Number of entries, repeated tags included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it has no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The bytes from an entry's first value to the end of the data.
    fn tail(&self, entry: Entry) -> Option<&[u8]> {
        self.data.get(entry.offset as usize..)
    }

    /// The values of a text entry (one for plain and translated text), without their NULs. `None` if absent, not
    /// text, or not terminated inside the data.
    pub fn byte_strings(&self, tag: Tag) -> Option<Vec<&[u8]>> {
        let entry = self.find(tag).filter(|e| e.kind == Kind::Text)?;
        let mut rest = self.tail(entry)?;
        let mut values = Vec::new();
        for _ in 0..entry.count {
            let end = rest.iter().position(|b| *b == 0)?;
            let (value, tail) = rest.split_at(end);
            values.push(value);
            rest = tail.get(1..)?;
        }
        Some(values)
    }

    /// The first value of a text entry as bytes.
    pub fn bytes(&self, tag: Tag) -> Option<&[u8]> {
        let entry = self.find(tag).filter(|e| e.kind == Kind::Text && e.count > 0)?;
        let rest = self.tail(entry)?;
        rest.split_at_checked(rest.iter().position(|b| *b == 0)?).map(|(value, _)| value)
    }

    /// The values of a binary entry.
    pub fn binary(&self, tag: Tag) -> Option<&[u8]> {
        let entry = self.find(tag).filter(|e| e.kind == Kind::Bin)?;
        self.tail(entry)?.get(..entry.count as usize)
    }

    /// The first value of a text entry. For translated text that is the untranslated one. Bytes that are not UTF-8
    /// are read as Latin-1, without 0x80-0xBF.
    pub fn str(&self, tag: Tag) -> Option<Cow<'_, str>> {
        self.bytes(tag).map(text)
    }

    /// All values of a text entry, each as [`Header::str`] reads it.
    pub fn strings(&self, tag: Tag) -> Option<Vec<Cow<'_, str>>> {
        Some(self.byte_strings(tag)?.into_iter().map(text).collect())
    }

    /// The values of an entry of 8, 16, 32 or 64 bit integers, widened.
    pub fn u64s(&self, tag: Tag) -> Option<Vec<u64>> {
        let entry = self.find(tag)?;
        let width = width(entry.kind)?;
        let bytes = self.tail(entry)?.get(..entry.count as usize * width)?;
        Some(bytes.chunks_exact(width).map(|c| c.iter().fold(0, |n, b| n << 8 | u64::from(*b))).collect())
    }

    /// The values of an entry of 8, 16 or 32 bit integers, widened. 64 bit integers do not fit and read as absent.
    pub fn u32s(&self, tag: Tag) -> Option<Vec<u32>> {
        self.u64s(tag)?.into_iter().map(|n| u32::try_from(n).ok()).collect()
    }

    /// The first value of an integer entry.
    pub fn number(&self, tag: Tag) -> Option<u64> {
        let entry = self.find(tag).filter(|e| e.count > 0)?;
        let bytes = self.tail(entry)?.get(..width(entry.kind)?)?;
        Some(bytes.iter().fold(0, |n, b| n << 8 | u64::from(*b)))
    }
}

fn width(kind: Kind) -> Option<usize> {
    match kind {
        Kind::Int8 => Some(1),
        Kind::Int16 => Some(2),
        Kind::Int32 => Some(4),
        Kind::Int64 => Some(8),
        Kind::Null | Kind::Bin | Kind::Text => None,
    }
}

/// Reads one index entry and checks that its values can lie inside the data.
fn entry(raw: &[u8], data_size: u32, part: &'static str) -> Result<Entry, Error> {
    let field = |n: usize| -> u32 {
        raw.get(n * 4..n * 4 + 4).and_then(|b| b.try_into().ok()).map(u32::from_be_bytes).unwrap_or(u32::MAX)
    };
    let (tag, kind, offset, count) = (Tag(field(0)), field(1), field(2), field(3));
    let fail = |what: &str| Error::damaged(part, format!("its entry {} {what}", tag.0));
    let (kind, least) = match kind {
        0 => (Kind::Null, 0),
        1 | 2 => (Kind::Int8, 1),
        3 => (Kind::Int16, 2),
        4 => (Kind::Int32, 4),
        5 => (Kind::Int64, 8),
        6 | 8 | 9 => (Kind::Text, 1),
        7 => (Kind::Bin, 1),
        other => return Err(fail(&format!("has the unknown type {other}"))),
    };
    if kind != Kind::Bin && count > MAX_VALUES {
        return Err(fail(&format!("has {count} values, the limit is {MAX_VALUES}")));
    }
    let end = u64::from(offset) + u64::from(count) * least;
    if end > u64::from(data_size) {
        return Err(fail("points outside the data"));
    }
    Ok(Entry { tag, kind, offset, count })
}

/// Reads exactly `size` bytes, allocating only as they come.
fn read_bounded(from: &mut impl Read, size: u64, part: &'static str) -> Result<Vec<u8>, Error> {
    let mut bytes = Vec::with_capacity(usize::try_from(size.min(1 << 20)).unwrap_or(0));
    let got = from.by_ref().take(size).read_to_end(&mut bytes).map_err(|e| Error::reading(part, e))?;
    if got as u64 != size {
        return Err(Error::reading(part, io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(bytes)
}
