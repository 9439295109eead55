//! The tagged store as it is written: entries in the order of their tags, sealed by a region.
//!
//! rpm checks that values follow each other in the order of the index without overlapping, that integers are aligned, and that
//! the region of a package file spans all of it (`hdrblobVerifyInfo`, `hdrblobVerifyRegion` in `lib/header.c`).

use memchr::memchr_iter;

use crate::{Error, Tag, tag};

/// Types of values, as rpm numbers them (`rpmtag.h`).
const INT16: u32 = 3;
const INT32: u32 = 4;
const INT64: u32 = 5;
const TEXT: u32 = 6;
const BIN: u32 = 7;
const TEXTS: u32 = 8;
const TRANSLATED: u32 = 9;
/// Bytes of an entry of the index, and of a region's trailer, which has an entry's form.
const ENTRY: usize = 16;
/// Bytes before the index.
const INTRO: usize = 16;
/// Magic number, version, reserved bytes.
const MAGIC: [u8; 8] = [0x8E, 0xAD, 0xE8, 1, 0, 0, 0, 0];
/// What the region of some old signature headers is called in its trailer.
const HEADERIMAGE: Tag = Tag(61);

/// One entry: its type, how many values it has, and these as they stand in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub(crate) tag: Tag,
    kind: u32,
    count: u32,
    bytes: Vec<u8>,
}

impl Stored {
    pub(crate) fn text(tag: Tag, value: &str) -> Self {
        Self { tag, kind: TEXT, count: 1, bytes: [value.as_bytes(), b"\0"].concat() }
    }

    /// A text that may be in several languages, in one.
    pub(crate) fn translated(tag: Tag, value: &str) -> Self {
        Self { kind: TRANSLATED, ..Self::text(tag, value) }
    }

    pub(crate) fn texts<T: AsRef<str>>(tag: Tag, values: impl IntoIterator<Item = T>) -> Self {
        let (mut count, mut bytes) = (0, Vec::new());
        for value in values {
            count += 1;
            bytes.extend_from_slice(value.as_ref().as_bytes());
            bytes.push(0);
        }
        Self { tag, kind: TEXTS, count, bytes }
    }

    pub(crate) fn u16s(tag: Tag, values: impl IntoIterator<Item = u16>) -> Self {
        Self::numbers(tag, INT16, values.into_iter().map(u16::to_be_bytes))
    }

    pub(crate) fn u32s(tag: Tag, values: impl IntoIterator<Item = u32>) -> Self {
        Self::numbers(tag, INT32, values.into_iter().map(u32::to_be_bytes))
    }

    fn numbers<const N: usize>(tag: Tag, kind: u32, values: impl Iterator<Item = [u8; N]>) -> Self {
        let bytes: Vec<u8> = values.flatten().collect();
        Self { tag, kind, count: word(bytes.len() / N), bytes }
    }

    pub(crate) fn binary(tag: Tag, bytes: Vec<u8>) -> Self {
        Self { tag, kind: BIN, count: word(bytes.len()), bytes }
    }

    /// Bytes of the values.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    fn alignment(&self) -> usize {
        match self.kind {
            INT16 => 2,
            INT32 => 4,
            INT64 => 8,
            _ => 1,
        }
    }
}

/// A header of these entries, from its magic number to its end, all of it in the region `region`.
pub(crate) fn sealed(region: Tag, entries: &[Stored]) -> Vec<u8> {
    let mut entries: Vec<&Stored> = entries.iter().collect();
    entries.sort_by_key(|entry| entry.tag);
    let mut data = Vec::new();
    let mut index = Vec::with_capacity((entries.len() + 1) * ENTRY);
    for entry in &entries {
        data.resize(data.len().next_multiple_of(entry.alignment()), 0);
        push(&mut index, [entry.tag.0, entry.kind, word(data.len()), entry.count]);
        data.extend_from_slice(&entry.bytes);
    }
    let mut out = MAGIC.to_vec();
    let count = word(entries.len() + 1);
    push(&mut out, [count, word(data.len() + ENTRY)]);
    push(&mut out, [region.0, BIN, word(data.len()), word(ENTRY)]);
    out.extend_from_slice(&index);
    out.extend_from_slice(&data);
    // The trailer tells how far back the region begins, as a negative number of bytes.
    push(&mut out, [region.0, BIN, count.wrapping_mul(word(ENTRY)).wrapping_neg(), word(ENTRY)]);
    out
}

/// The entries of a header in the order of its index, without the region that seals them; what lies outside of the region is left
/// out, as `rpmsign` does.
///
/// # Errors
/// [`Error::Damaged`] for what rpm would not read either.
pub(crate) fn stored(raw: &[u8], part: &'static str) -> Result<Vec<Stored>, Error> {
    let damaged = |reason: String| Error::damaged(part, None, reason);
    let cut = || damaged("it is cut off".to_owned());
    let count = size(raw, 8).ok_or_else(cut)?;
    let data_at = count.checked_mul(ENTRY).and_then(|bytes| bytes.checked_add(INTRO)).ok_or_else(cut)?;
    let (index, data) = raw.split_at_checked(data_at).ok_or_else(cut)?;
    let mut index: Vec<[usize; 4]> = index
        .get(INTRO..)
        .unwrap_or_default()
        .chunks_exact(ENTRY)
        .map_while(|entry| Some([size(entry, 0)?, size(entry, 4)?, size(entry, 8)?, size(entry, 12)?]))
        .collect();
    let is_region = |tag: usize| [tag::HEADERSIGNATURES, tag::HEADERIMMUTABLE, HEADERIMAGE].contains(&Tag(word(tag)));
    if let Some([tag, kind, offset, size_of]) = index.first().copied()
        && is_region(tag)
    {
        let trailer = || offset.checked_add(ENTRY).and_then(|end| data.get(offset..end));
        let back = trailer().filter(|trailer| size(trailer, 0).is_some_and(is_region)).and_then(|trailer| {
            let back = u32::from_be_bytes(trailer.get(8..12)?.try_into().ok()?).wrapping_neg();
            usize::try_from(back).ok()
        });
        let inside = back.filter(|back| back % ENTRY == 0).map(|back| back / ENTRY);
        let inside = inside.filter(|inside| (1..=index.len()).contains(inside) && (kind, size_of) == (7, ENTRY));
        let inside = inside.ok_or_else(|| damaged("its region is malformed".to_owned()))?;
        index.truncate(inside);
        index.remove(0);
    }
    let (mut entries, mut end) = (Vec::with_capacity(index.len()), 0);
    for [tag, kind, offset, count] in index {
        let wrong = || damaged(format!("its entry {tag} is malformed, or lies over others"));
        let rest = data.get(offset..).filter(|_| offset >= end).ok_or_else(wrong)?;
        let kind = word(kind);
        let length = match kind {
            1 | 2 | BIN => Some(count),
            INT16 => count.checked_mul(2),
            INT32 => count.checked_mul(4),
            INT64 => count.checked_mul(8),
            TEXT | TEXTS | TRANSLATED => {
                count.checked_sub(1).and_then(|last| memchr_iter(0, rest).nth(last)).map(|nul| nul + 1)
            }
            _ => None,
        };
        let bytes = length.filter(|length| *length > 0).and_then(|length| rest.get(..length)).ok_or_else(wrong)?;
        end = offset.saturating_add(bytes.len());
        entries.push(Stored { tag: Tag(word(tag)), kind, count: word(count), bytes: bytes.to_vec() });
    }
    Ok(entries)
}

fn push(out: &mut Vec<u8>, words: impl IntoIterator<Item = u32>) {
    words.into_iter().for_each(|word| out.extend_from_slice(&word.to_be_bytes()));
}

/// A number of four bytes. What is written is bounded far below 4 GiB before it comes here, and what was read was such a number.
fn word(number: usize) -> u32 {
    u32::try_from(number).unwrap_or(u32::MAX)
}

/// The number at a place.
fn size(bytes: &[u8], at: usize) -> Option<usize> {
    let word = bytes.get(at..at.checked_add(4)?)?.try_into().ok().map(u32::from_be_bytes)?;
    usize::try_from(word).ok()
}
