//! The segments of a document, and the list of them that its file carries at its end.
//!
//! A segment is a run of packages compressed by itself. Who knows where the segments of a file lie can write the file
//! again with other packages by compressing the few segments anew that change, and copying the others as bytes.
//!
//! The list is part of the file: it stands behind the text, where readers pass over it ([`trailer`]). So it can be neither
//! lost nor out of date: a file that another tool has written has none, and is then written anew as a whole. Nothing that
//! it says is believed without proof: sizes have to add up, and every segment that is copied has to have its sum.

pub(crate) mod trailer;

use std::cmp::Ordering;

use crate::read::PrimaryView;
use crate::source::file_order;
use crate::{Compression, compression};

/// Bytes of XML that are one segment, unless a caller says otherwise. Larger ones compress a little better, smaller ones
/// leave more untouched when a repository changes; at this size gzip loses nothing and zstd 4 to 8 % against one
/// frame (docs/performance.md).
pub const DEFAULT_SEGMENT: usize = 1 << 20;
/// Bytes of XML that a segment may have: a package of the largest size that is read, and then some.
const MAX_OPEN: u32 = 1 << 30;
/// Segments that a document may have.
const MAX_SEGMENTS: usize = 1 << 20;
/// First bytes of the list: its name and version.
const MAGIC: &[u8; 8] = b"coprseg\x01";

/// One segment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    /// Bytes in the file.
    pub(crate) size: u32,
    /// Bytes of XML.
    pub(crate) open: u32,
    pub(crate) packages: u32,
    /// CRC-32 of its bytes in the file.
    pub(crate) sum: u32,
    /// In primary the least and the greatest location, in the order of files.
    pub(crate) span: Option<Span>,
}

impl Segment {
    /// Its text from its bytes in the file, if these are the ones that the list is about.
    pub(crate) fn text(&self, compression: Compression, bytes: &[u8]) -> Option<String> {
        if libdeflater::crc32(bytes) != self.sum {
            return None;
        }
        let mut text = Vec::new();
        compression::unblock(compression, bytes, self.open as usize, &mut text).ok()?;
        String::from_utf8(text).ok()
    }
}

/// The least and the greatest location of a segment's packages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) first: String,
    pub(crate) last: String,
}

impl Span {
    /// Of the packages in a text of primary; `None` if one of them is written so that only a parser understands it.
    pub(crate) fn of(text: &str) -> Option<Self> {
        let mut span: Option<Self> = None;
        for package in packages(text) {
            let href = PrimaryView::parse_start(package).ok()?.location_href.text();
            match &mut span {
                None => span = Some(Self { first: href.to_string(), last: href.into_owned() }),
                Some(span) => {
                    if by_file(&href, &span.last).is_gt() {
                        span.last = href.into_owned();
                    } else if by_file(&href, &span.first).is_lt() {
                        span.first = href.into_owned();
                    }
                }
            }
        }
        span
    }
}

/// The order of two locations by file name, then by folder.
pub(crate) fn by_file(a: &str, b: &str) -> Ordering {
    file_order(a).cmp(&file_order(b))
}

/// The packages in the text of a segment, each with its newline. What stands behind the last one comes as the last item.
pub(crate) fn packages(text: &str) -> impl Iterator<Item = &str> {
    const END: &str = "</package>\n";
    let mut ends = memchr::memmem::find_iter(text.as_bytes(), END);
    let mut start = 0;
    std::iter::from_fn(move || {
        let end = ends.next().map_or(text.len(), |at| at + END.len());
        let package = text.get(start..end).filter(|package| !package.is_empty());
        start = end;
        package
    })
}

/// The segments of one document's file: behind the head come the segments, the foot and the list itself.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Segments {
    /// Whether elements have lines of their own.
    pub(crate) pretty: bool,
    /// Bytes of the head in the file.
    pub(crate) head: u32,
    /// Bytes of the foot in the file.
    pub(crate) foot: u32,
    pub(crate) list: Vec<Segment>,
}

impl Segments {
    /// Packages in the document.
    pub(crate) fn packages(&self) -> u64 {
        self.list.iter().map(|segment| u64::from(segment.packages)).sum()
    }

    /// Bytes of the file before the list.
    fn size(&self) -> u64 {
        let segments: u64 = self.list.iter().map(|segment| u64::from(segment.size)).sum();
        u64::from(self.head) + segments + u64::from(self.foot)
    }

    /// The list as bytes.
    fn encode(&self) -> Vec<u8> {
        let mut to = MAGIC.to_vec();
        let number = |to: &mut Vec<u8>, number: u32| to.extend_from_slice(&number.to_le_bytes());
        let spans = self.list.iter().all(|segment| segment.span.is_some());
        to.extend_from_slice(&[u8::from(self.pretty), u8::from(spans)]);
        number(&mut to, self.head);
        number(&mut to, self.foot);
        number(&mut to, u32::try_from(self.list.len()).unwrap_or(u32::MAX));
        for segment in &self.list {
            for value in [segment.size, segment.open, segment.packages, segment.sum] {
                number(&mut to, value);
            }
        }
        for Span { first, last } in self.list.iter().filter_map(|segment| segment.span.as_ref().filter(|_| spans)) {
            for text in [first, last] {
                number(&mut to, u32::try_from(text.len()).unwrap_or(u32::MAX));
                to.extend_from_slice(text.as_bytes());
            }
        }
        to
    }

    /// The list from bytes; `None` for anything but what [`Segments::encode`] gives.
    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut from = Bytes(bytes);
        if from.take(MAGIC.len())? != MAGIC {
            return None;
        }
        let [pretty, spans] = *from.take(2)? else { return None };
        let (head, foot) = (from.number()?, from.number()?);
        let count = usize::try_from(from.number()?).ok().filter(|count| *count <= MAX_SEGMENTS)?;
        let mut list = Vec::with_capacity(count.min(bytes.len() / 16));
        for _ in 0..count {
            let segment = Segment {
                size: from.number()?,
                open: from.number()?,
                packages: from.number()?,
                sum: from.number()?,
                span: None,
            };
            if segment.open > MAX_OPEN || segment.packages == 0 || segment.size == 0 {
                return None;
            }
            list.push(segment);
        }
        for segment in list.iter_mut().filter(|_| spans == 1) {
            segment.span = Some(Span { first: from.text()?, last: from.text()? });
        }
        let whole = from.0.is_empty() && pretty <= 1 && spans <= 1;
        whole.then_some(Self { pretty: pretty == 1, head, foot, list })
    }
}

/// Bytes that are taken from the front.
struct Bytes<'a>(&'a [u8]);

impl<'a> Bytes<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn number(&mut self) -> Option<u32> {
        self.take(4)?.try_into().ok().map(u32::from_le_bytes)
    }

    fn text(&mut self) -> Option<String> {
        let size = usize::try_from(self.number()?).ok()?;
        std::str::from_utf8(self.take(size)?).ok().map(str::to_owned)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segments(count: u32, spans: bool) -> Segments {
        let span = |n: u32| Span { first: format!("p/{n}-a.rpm"), last: format!("p/{n}-é.rpm") };
        let list = (1..=count)
            .map(|n| Segment { size: n, open: n * 9, packages: 2, sum: n, span: spans.then(|| span(n)) })
            .collect();
        Segments { pretty: true, head: 20, foot: 7, list }
    }

    #[test]
    fn a_list_comes_back_as_it_was() {
        for list in [segments(0, true), segments(1, false), segments(900, true)] {
            assert_eq!(Segments::decode(&list.encode()), Some(list));
        }
    }

    #[test]
    fn a_list_that_is_cut_or_lengthened_is_none() {
        let bytes = segments(3, true).encode();
        for end in 0..bytes.len() {
            assert_eq!(Segments::decode(&bytes[..end]), None, "{end} bytes");
        }
        assert_eq!(Segments::decode(&[bytes, vec![0]].concat()), None);
    }

    #[test]
    fn a_count_that_is_not_there_costs_nothing() {
        let mut bytes = segments(1, false).encode();
        bytes[18..22].copy_from_slice(&1_000_000u32.to_le_bytes());
        assert_eq!(Segments::decode(&bytes), None);
    }

    #[test]
    fn packages_are_cut_behind_their_newlines() {
        let text = "<package>a</package>\n<package>b</package>\n";
        assert_eq!(packages(text).collect::<Vec<_>>(), ["<package>a</package>\n", "<package>b</package>\n"]);
        assert_eq!(packages("<package>a</package>\nrest").last(), Some("rest"));
        assert_eq!(packages("").count(), 0);
    }

    #[test]
    fn a_span_goes_by_file_name_whatever_the_order() {
        let package = |href: &str| {
            let text = include_str!("segments/package.xml");
            text.replace("HREF", href)
        };
        let text: String = ["z/b.rpm", "a/c.rpm", "y/a.rpm"].map(package).concat();
        assert_eq!(Span::of(&text), Some(Span { first: "y/a.rpm".to_owned(), last: "a/c.rpm".to_owned() }));
        assert_eq!(Span::of(&text.replace("location", "place")), None);
    }
}
