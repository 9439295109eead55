//! Where the list of segments stands in a file: behind the text, in a form that decompressors pass over.
//!
//! In zstd it is a skippable frame (RFC 8878, 3.1.2), in gzip the extra field (RFC 1952, 2.3.1.1) of empty members.
//! dnf, zypper, createrepo_c, gzip and zstd read such files as if it was not there. It is found from the file's end.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use super::Segments;
use crate::Compression;

/// The last bytes of what is kept: size of the list, CRC-32 of it, and this.
const MARK: &[u8; 8] = b"coprlist";
const FOOTER: usize = 16;
/// Magic number of a skippable frame.
const FRAME: [u8; 4] = [0x5E, 0x2A, 0x4D, 0x18];
const FRAME_HEAD: usize = 8;
/// Bytes of the list in one gzip member; its extra field may have 65,535, with a head of four.
const CHUNK: usize = 65_000;
/// What an empty member has before its extra field's content: the header with its flag, the size of the
/// field, and the field's one part, `Cr`, with its size.
const MEMBER_HEAD: usize = 16;
/// An empty deflate block, the sum and the size of nothing.
const MEMBER_FOOT: [u8; 10] = [3, 0, 0, 0, 0, 0, 0, 0, 0, 0];
/// Bytes that a list may have, as kept and as it is.
const MAX_KEPT: usize = 64 << 20;
const MAX_LIST: usize = 256 << 20;

impl Segments {
    /// The bytes to put at the end of a file; none for a compression whose readers would take them for text.
    pub(crate) fn trailer(&self, compression: Compression) -> io::Result<Vec<u8>> {
        if !matches!(compression, Compression::Gzip | Compression::Zstd) {
            return Ok(Vec::new());
        }
        let mut kept = zstd::bulk::compress(&self.encode(), 3)?;
        if kept.len() > MAX_KEPT {
            return Ok(Vec::new());
        }
        let (size, sum) = (u32::try_from(kept.len()).unwrap_or(u32::MAX), libdeflater::crc32(&kept));
        kept.extend_from_slice(&size.to_le_bytes());
        kept.extend_from_slice(&sum.to_le_bytes());
        kept.extend_from_slice(MARK);
        Ok(if compression == Compression::Zstd { frame(&kept) } else { members(&kept) })
    }

    /// The list of a file of `size` bytes; `None` if there is none that fits the file.
    ///
    /// # Errors
    /// The file cannot be read.
    pub(crate) fn of_file(file: &File, size: u64, compression: Compression) -> io::Result<Option<Self>> {
        let wrapped = match compression {
            Compression::Zstd => FOOTER,
            Compression::Gzip => FOOTER + MEMBER_FOOT.len(),
            _ => return Ok(None),
        };
        let Some(end) = last(file, size, wrapped)? else { return Ok(None) };
        let Some((footer, _)) = end.split_at_checked(FOOTER) else { return Ok(None) };
        let (Some(kept), true) = (number(footer, 0), footer.ends_with(MARK)) else { return Ok(None) };
        let kept = kept as usize + FOOTER;
        if kept > MAX_KEPT {
            return Ok(None);
        }
        let whole = match compression {
            Compression::Zstd => kept + FRAME_HEAD,
            _ => kept + kept.div_ceil(CHUNK) * (MEMBER_HEAD + MEMBER_FOOT.len()),
        };
        let Some(bytes) = last(file, size, whole)? else { return Ok(None) };
        let kept = match compression {
            Compression::Zstd => unframed(&bytes),
            _ => contents(&bytes),
        };
        let list = kept.and_then(|kept| {
            let (list, footer) = kept.split_at_checked(kept.len().checked_sub(FOOTER)?)?;
            let right = number(footer, 0)? as usize == list.len() && number(footer, 4)? == libdeflater::crc32(list);
            right.then(|| zstd::bulk::decompress(list, MAX_LIST.min(open_size(list)?)).ok())?
        });
        let segments = list.as_deref().and_then(Self::decode);
        Ok(segments.filter(|segments| segments.size().checked_add(whole as u64) == Some(size)))
    }
}

/// What a compressed list says that it is when decompressed.
fn open_size(list: &[u8]) -> Option<usize> {
    usize::try_from(zstd::zstd_safe::get_frame_content_size(list).ok()??).ok()
}

/// The last bytes of a file, if it has so many.
fn last(file: &File, size: u64, count: usize) -> io::Result<Option<Vec<u8>>> {
    let Some(start) = size.checked_sub(count as u64) else { return Ok(None) };
    let mut bytes = vec![0; count];
    match file.read_exact_at(&mut bytes, start) {
        Ok(()) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
        Err(error) => Err(error),
    }
}

fn number(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..at + 4)?.try_into().ok().map(u32::from_le_bytes)
}

fn frame(kept: &[u8]) -> Vec<u8> {
    let size = u32::try_from(kept.len()).unwrap_or(u32::MAX);
    [FRAME.as_slice(), &size.to_le_bytes(), kept].concat()
}

fn unframed(bytes: &[u8]) -> Option<Vec<u8>> {
    let (head, kept) = bytes.split_at_checked(FRAME_HEAD)?;
    (head.starts_with(&FRAME) && number(head, 4)? as usize == kept.len()).then(|| kept.to_vec())
}

/// Only the first member may be smaller than the others, so that the end is never cut in two.
fn members(kept: &[u8]) -> Vec<u8> {
    let full = kept.len().saturating_sub(1) / CHUNK * CHUNK;
    let (first, rest) = kept.split_at(kept.len() - full);
    let chunks = Some(first).into_iter().chain(rest.chunks(CHUNK));
    chunks.flat_map(|chunk| [member_head(chunk.len()).as_slice(), chunk, &MEMBER_FOOT].concat()).collect()
}

fn member_head(content: usize) -> [u8; MEMBER_HEAD] {
    let size = |more: usize| u16::try_from(content + more).unwrap_or(u16::MAX).to_le_bytes();
    let ([a, b], [c, d]) = (size(4), size(0));
    [0x1F, 0x8B, 8, 4, 0, 0, 0, 0, 0, 255, a, b, b'C', b'r', c, d]
}

fn contents(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut kept = Vec::with_capacity(bytes.len());
    while !bytes.is_empty() {
        let (head, rest) = bytes.split_at_checked(MEMBER_HEAD)?;
        let content = usize::from(u16::from_le_bytes(head.get(14..16)?.try_into().ok()?));
        let (content, rest) = rest.split_at_checked(content)?;
        let (foot, rest) = rest.split_at_checked(MEMBER_FOOT.len())?;
        if head != member_head(content.len()) || foot != MEMBER_FOOT {
            return None;
        }
        kept.extend_from_slice(content);
        bytes = rest;
    }
    Some(kept)
}

#[cfg(test)]
mod tests {
    use std::io::{Read, Seek, Write};

    use super::super::{Segment, Span};
    use super::*;
    use crate::read;

    /// A file with a text in two segments, and its list with `count` more segments that are not there.
    fn written(compression: Compression, list: &Segments) -> (tempfile::NamedTempFile, u64) {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let size = usize::try_from(list.size()).unwrap();
        let block = crate::compression::block(compression, 3, b"text").unwrap();
        file.write_all(&block).unwrap();
        // What else is claimed to be before the list.
        let rest = crate::compression::block(compression, 3, b"").unwrap();
        assert!(size >= block.len() + rest.len());
        while file.stream_position().unwrap() + (rest.len() as u64) <= size as u64 {
            file.write_all(&rest).unwrap();
        }
        file.write_all(&list.trailer(compression).unwrap()).unwrap();
        let size = file.stream_position().unwrap();
        (file, size)
    }

    /// A list whose sizes add up to `before`.
    fn list(before: u32, count: u32, name: usize) -> Segments {
        let span = |n: u32| {
            // What does not compress.
            let noise: String = (0..name)
                .map(|i| char::from(b'a' + (libdeflater::crc32(&[n as u8, i as u8, (i >> 8) as u8]) % 26) as u8))
                .collect();
            Span { first: format!("{n}-{noise}"), last: format!("{n}-{noise}z") }
        };
        let list = (0..count).map(|n| Segment { size: 1, open: 1, packages: 1, sum: n, span: Some(span(n)) }).collect();
        Segments { pretty: false, head: before - count, foot: 0, list }
    }

    #[test]
    fn the_list_is_found_at_the_end_and_readers_pass_over_it() {
        for compression in [Compression::Gzip, Compression::Zstd] {
            for (count, name) in [(0, 0), (3, 10), (200, 2_000)] {
                // Both empty blocks divide this.
                let before = u32::try_from(crate::compression::block(compression, 3, b"text").unwrap().len()).unwrap()
                    + 40 * u32::try_from(crate::compression::block(compression, 3, b"").unwrap().len()).unwrap();
                let list = list(before, count, name);
                let (file, size) = written(compression, &list);
                let found = Segments::of_file(file.as_file(), size, compression).unwrap();
                assert_eq!(found.as_ref(), Some(&list), "{compression}, {count} segments");
                let mut text = String::new();
                read::open(file.path()).unwrap().read_to_string(&mut text).unwrap();
                assert_eq!(text, "text");
            }
        }
    }

    #[test]
    fn a_list_that_was_damaged_or_is_of_another_file_is_none() {
        for compression in [Compression::Gzip, Compression::Zstd] {
            let block = crate::compression::block(compression, 3, b"text").unwrap();
            let before = u32::try_from(block.len()).unwrap();
            let trailer = list(before, 5, 20).trailer(compression).unwrap();
            let check = |bytes: &[u8]| {
                let mut file = tempfile::tempfile().unwrap();
                file.write_all(bytes).unwrap();
                Segments::of_file(&file, bytes.len() as u64, compression).unwrap()
            };
            let whole = [block, trailer].concat();
            assert!(check(&whole).is_some());
            assert!(check(&[b"x".as_slice(), &whole].concat()).is_none(), "a byte more");
            for at in before as usize..whole.len() {
                let mut bytes = whole.clone();
                bytes[at] ^= 1;
                assert!(check(&bytes).is_none(), "{compression}: byte {at}");
                assert!(check(&whole[..at]).is_none(), "{compression}: cut at {at}");
            }
        }
    }
}
