//! The tagged store that the signature and the header of a package both are.

use std::borrow::Cow;
use std::io::BufRead;

use memchr::{Memchr, memchr, memchr_iter};

use crate::source::Source;
use crate::text::text;
use crate::{Error, Tag};

/// Entries that a header may have (rpm's own limit).
const MAX_ENTRIES: u32 = 0xFFFF;
/// Bytes of data that a header may have (rpm's own limit).
const MAX_DATA: u32 = 256 << 20;
/// Values that one entry may have; far above any package, far below what would exhaust memory.
const MAX_VALUES: u32 = 4 << 20;
/// What precedes the counts: magic number, version 1; then four reserved bytes.
const MAGIC: [u8; 4] = [0x8E, 0xAD, 0xE8, 0x01];
/// Bytes before the index: magic number, version, reserved bytes, two counts.
const INTRO_SIZE: u64 = 16;
/// Bytes of one entry in the index.
const ENTRY_SIZE: usize = 16;

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
    /// As `Text`, and known to be a list: not a plain text, nor one in several languages.
    Texts,
}

impl Kind {
    /// Bytes of an integer.
    fn width(self) -> Option<usize> {
        match self {
            Self::Int8 => Some(1),
            Self::Int16 => Some(2),
            Self::Int32 => Some(4),
            Self::Int64 => Some(8),
            Self::Null | Self::Bin | Self::Text | Self::Texts => None,
        }
    }

    /// Bytes that one value has at least.
    fn least(self) -> u64 {
        match self {
            Self::Null => 0,
            Self::Bin | Self::Text | Self::Texts => 1,
            _ => self.width().unwrap_or(0) as u64,
        }
    }
}

#[derive(Debug, Clone, Copy)]
struct Entry {
    tag: Tag,
    kind: Kind,
    offset: u32,
    count: u32,
}

impl Entry {
    fn is_text(&self) -> bool {
        matches!(self.kind, Kind::Text | Kind::Texts)
    }
}

/// What an entry holds, whatever its type: see [`Header::value`].
#[derive(Debug, Clone)]
pub enum Value<'a> {
    /// A text; of one in several languages the first.
    Text(Cow<'a, str>),
    /// A list of texts.
    Texts(Vec<Cow<'a, str>>),
    /// Integers.
    Numbers(Numbers<'a>),
    /// Bytes.
    Binary(&'a [u8]),
}

/// A parsed header: entries by tag. Values are checked when they are asked for; an entry of another type than asked,
/// or one that points outside the data, reads as absent.
#[derive(Debug, Clone, Default)]
pub struct Header {
    /// Sorted by tag; of equal tags the last one counts (rpm appends changed entries behind the sealed region).
    entries: Vec<Entry>,
    data: Vec<u8>,
    /// Where `data` starts in the file.
    data_offset: u64,
}

impl Header {
    /// Reads one header, exactly to its end. `part` names it in errors.
    ///
    /// # Errors
    /// Truncated, wrong magic, more than 65535 entries or 256 MiB of data, entries outside the data or over each other.
    pub(crate) fn read(from: &mut Source<impl BufRead>, part: &'static str) -> Result<Self, Error> {
        let start = from.offset;
        let [m0, m1, m2, m3, _, _, _, _, e0, e1, e2, e3, d0, d1, d2, d3] = from.array(part)?;
        if [m0, m1, m2, m3] != MAGIC {
            return Err(Error::damaged(part, start, "it does not start with the header magic number"));
        }
        let entry_count = u32::from_be_bytes([e0, e1, e2, e3]);
        let data_size = u32::from_be_bytes([d0, d1, d2, d3]);
        if entry_count > MAX_ENTRIES {
            let reason = format!("{entry_count} entries, the limit is {MAX_ENTRIES}");
            return Err(Error::damaged(part, start.saturating_add(8), reason));
        }
        if data_size > MAX_DATA {
            let reason = format!("{data_size} bytes of data, the limit is {MAX_DATA}");
            return Err(Error::damaged(part, start.saturating_add(12), reason));
        }
        let index = from.bytes(u64::from(entry_count) * ENTRY_SIZE as u64, part)?;
        let data_offset = from.offset;
        let data = from.bytes(u64::from(data_size), part)?;
        let mut entries = Vec::with_capacity(index.len() / ENTRY_SIZE);
        let (mut at, mut total) = (start.saturating_add(INTRO_SIZE), 0u64);
        for raw in index.chunks_exact(ENTRY_SIZE) {
            let entry = entry(raw, data_size).map_err(|reason| Error::damaged(part, at, reason))?;
            total = total.saturating_add(u64::from(entry.count) * entry.kind.least());
            // rpm refuses overlapping values. Here it is enough that they are not more than there are bytes, so that
            // a small header cannot stand for many large lists.
            if total > u64::from(data_size) {
                return Err(Error::damaged(part, at, format!("its entry {} overlaps others", entry.tag.0)));
            }
            entries.push(entry);
            at = at.saturating_add(ENTRY_SIZE as u64);
        }
        entries.sort_by_key(|e| e.tag); // stable: file order stays among equal tags
        Ok(Self { entries, data, data_offset })
    }

    fn find(&self, tag: Tag) -> Option<Entry> {
        let end = self.entries.partition_point(|e| e.tag <= tag);
        self.entries.get(end.checked_sub(1)?).copied().filter(|e| e.tag == tag)
    }

    /// Whether there is an entry of this tag.
    pub fn contains(&self, tag: Tag) -> bool {
        self.find(tag).is_some()
    }

    /// The tags that there are, each once, in their order.
    pub fn tags(&self) -> impl Iterator<Item = Tag> {
        let mut tags: Vec<Tag> = self.entries.iter().map(|entry| entry.tag).collect();
        tags.dedup();
        tags.into_iter()
    }

    /// What an entry holds. `None` if absent, without a value, or malformed.
    pub fn value(&self, tag: Tag) -> Option<Value<'_>> {
        match self.find(tag)?.kind {
            Kind::Null => None,
            Kind::Text => self.str(tag).map(Value::Text),
            Kind::Texts => self.strings(tag).map(Value::Texts),
            Kind::Bin => self.binary(tag).map(Value::Binary),
            Kind::Int8 | Kind::Int16 | Kind::Int32 | Kind::Int64 => self.numbers(tag).map(Value::Numbers),
        }
    }

    /// Number of entries, repeated tags included.
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether it has no entry.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Where in the file the first value of an entry stands.
    pub fn offset(&self, tag: Tag) -> Option<u64> {
        self.data_offset.checked_add(u64::from(self.find(tag)?.offset))
    }

    /// The bytes from an entry's first value to the end of the data.
    fn tail(&self, entry: Entry) -> Option<&[u8]> {
        self.data.get(entry.offset as usize..)
    }

    /// The values of a text entry (one for plain text, one a language for translated text), one after another.
    /// `None` if absent or not text. Fewer values than [`Texts::claimed`] come if one is not terminated inside the data.
    pub fn texts(&self, tag: Tag) -> Option<Texts<'_>> {
        let entry = self.find(tag).filter(Entry::is_text)?;
        let data = self.tail(entry)?;
        Some(Texts { data, utf8: self.utf8(entry, data), nuls: memchr_iter(0, data), start: 0, left: entry.count })
    }

    /// What of an entry's bytes is UTF-8, from its first byte: to look at all its values at once is much less work than
    /// at each. They end where the next entry's begin, if the header is well formed; if not, that is no harm.
    fn utf8<'a>(&self, entry: Entry, data: &'a [u8]) -> &'a str {
        let next = self.entries.iter().map(|e| e.offset).filter(|offset| *offset > entry.offset).min();
        let size = next.and_then(|next| next.checked_sub(entry.offset)).map(|size| size as usize);
        let values = size.and_then(|size| data.get(..size)).unwrap_or(data);
        std::str::from_utf8(values).unwrap_or_else(|error| {
            let valid = values.get(..error.valid_up_to()).unwrap_or_default();
            std::str::from_utf8(valid).unwrap_or_default()
        })
    }

    /// The values of a text entry, without their NULs. `None` if absent, not text, or not terminated inside the data.
    pub fn byte_strings(&self, tag: Tag) -> Option<Vec<&[u8]>> {
        let texts = self.texts(tag)?;
        let claimed = texts.claimed();
        Some(texts.collect::<Vec<_>>()).filter(|values| values.len() == claimed)
    }

    /// The first value of a text entry as bytes.
    pub fn bytes(&self, tag: Tag) -> Option<&[u8]> {
        let entry = self.find(tag).filter(|e| e.is_text() && e.count > 0)?;
        let rest = self.tail(entry)?;
        rest.split_at_checked(memchr(0, rest)?).map(|(value, _)| value)
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
        let mut texts = self.texts(tag)?;
        let claimed = texts.claimed();
        let values: Vec<_> = std::iter::from_fn(|| texts.next_text()).collect();
        Some(values).filter(|values| values.len() == claimed)
    }

    /// The values of an entry of 8, 16, 32 or 64 bit integers. `None` if absent or of another type.
    pub fn numbers(&self, tag: Tag) -> Option<Numbers<'_>> {
        let entry = self.find(tag)?;
        let width = entry.kind.width()?;
        let bytes = self.tail(entry)?.get(..(entry.count as usize).checked_mul(width)?)?;
        Some(Numbers { bytes, width })
    }

    /// The values of an entry of 8, 16, 32 or 64 bit integers, widened.
    pub fn u64s(&self, tag: Tag) -> Option<Vec<u64>> {
        Some(self.numbers(tag)?.iter().collect())
    }

    /// The values of an entry of 8, 16 or 32 bit integers, widened. 64 bit integers do not fit and read as absent.
    pub fn u32s(&self, tag: Tag) -> Option<Vec<u32>> {
        self.numbers(tag)?.iter().map(|n| u32::try_from(n).ok()).collect()
    }

    /// The first value of an integer entry.
    pub fn number(&self, tag: Tag) -> Option<u64> {
        self.numbers(tag)?.get(0)
    }
}

/// The values of a text entry, in order, without their NULs: see [`Header::texts`].
#[derive(Debug, Clone)]
pub struct Texts<'a> {
    data: &'a [u8],
    /// What of the start of `data` is UTF-8.
    utf8: &'a str,
    nuls: Memchr<'a>,
    start: usize,
    left: u32,
}

impl Default for Texts<'_> {
    /// No values.
    fn default() -> Self {
        Self { data: &[], utf8: "", nuls: memchr_iter(0, &[]), start: 0, left: 0 }
    }
}

impl<'a> Texts<'a> {
    /// How many values are still to come, as the header says.
    pub fn claimed(&self) -> usize {
        self.left as usize
    }

    /// The next value as [`Header::str`] reads it.
    pub fn next_text(&mut self) -> Option<Cow<'a, str>> {
        let (value, utf8) = self.next_value()?;
        Some(utf8.map_or_else(|| text(value), Cow::Borrowed))
    }

    /// The next value, and the same as text if it is known to be UTF-8.
    pub(crate) fn next_value(&mut self) -> Option<(&'a [u8], Option<&'a str>)> {
        self.left = self.left.checked_sub(1)?;
        let end = self.nuls.next()?;
        let start = std::mem::replace(&mut self.start, end.checked_add(1)?);
        Some((self.data.get(start..end)?, self.utf8.get(start..end)))
    }
}

impl<'a> Iterator for Texts<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.next_value().map(|(value, _)| value)
    }
}

/// The values of an integer entry, big-endian as they stand in the file: see [`Header::numbers`].
#[derive(Debug, Clone, Copy)]
pub struct Numbers<'a> {
    bytes: &'a [u8],
    width: usize,
}

impl Default for Numbers<'_> {
    /// No values.
    fn default() -> Self {
        Self { bytes: &[], width: 1 }
    }
}

impl<'a> Numbers<'a> {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.bytes.len() / self.width
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }

    /// One of them, widened.
    pub fn get(&self, index: usize) -> Option<u64> {
        let start = index.checked_mul(self.width)?;
        self.bytes.get(start..start.checked_add(self.width)?).map(big_endian)
    }

    /// All of them, widened.
    pub fn iter(&self) -> NumbersIter<'a> {
        NumbersIter(self.bytes.chunks_exact(self.width))
    }
}

/// See [`Numbers::iter`].
#[derive(Debug, Clone)]
pub struct NumbersIter<'a>(std::slice::ChunksExact<'a, u8>);

impl Iterator for NumbersIter<'_> {
    type Item = u64;

    fn next(&mut self) -> Option<u64> {
        self.0.next().map(big_endian)
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

fn big_endian(bytes: &[u8]) -> u64 {
    match *bytes {
        [a, b, c, d] => u64::from(u32::from_be_bytes([a, b, c, d])),
        [a, b] => u64::from(u16::from_be_bytes([a, b])),
        _ => bytes.iter().fold(0, |n, b| n << 8 | u64::from(*b)),
    }
}

/// Reads one index entry and checks that its values can lie inside the data; else says what is wrong.
fn entry(raw: &[u8], data_size: u32) -> Result<Entry, String> {
    let field = |n: usize| -> u32 {
        raw.get(n * 4..n * 4 + 4).and_then(|b| b.try_into().ok()).map(u32::from_be_bytes).unwrap_or(u32::MAX)
    };
    let (tag, kind, offset, count) = (Tag(field(0)), field(1), field(2), field(3));
    let fail = |what: &str| Err(format!("its entry {} {what}", tag.0));
    let kind = match kind {
        0 => Kind::Null,
        1 | 2 => Kind::Int8,
        3 => Kind::Int16,
        4 => Kind::Int32,
        5 => Kind::Int64,
        6 | 9 => Kind::Text,
        8 => Kind::Texts,
        7 => Kind::Bin,
        other => return fail(&format!("has the unknown type {other}")),
    };
    if kind != Kind::Bin && count > MAX_VALUES {
        return fail(&format!("has {count} values, the limit is {MAX_VALUES}"));
    }
    if u64::from(offset) + u64::from(count) * kind.least() > u64::from(data_size) {
        return fail("points outside the data");
    }
    Ok(Entry { tag, kind, offset, count })
}
