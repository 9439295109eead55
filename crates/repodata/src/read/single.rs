//! One package of a document, without reading the others where that can be.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::stream::{Package, PackageStream, Parsed, parse_fast};
use super::{open, pkgid};
use crate::segments::{Segments, packages};
use crate::{Compression, Document, Error, Record};

/// What a document says of the package with the checksum `id`, which is the one of that `number` (counted from 0) as far as
/// the caller knows. `None` if the document has no such package.
///
/// Where the file has a list of its segments, as those have that this library writes, one segment is decompressed; else, or
/// where the number is wrong, the document is read from its start.
///
/// # Errors
/// The file cannot be read or is malformed before the package.
pub fn single(path: &Path, document: Document, number: u64, id: &str) -> Result<Option<Record>, Error> {
    let is_it = |record: &Record| record.checksum.hex.eq_ignore_ascii_case(id);
    if let Some(text) = of_segment(path, number)? {
        let record = parse_fast(document, text.trim_end())?.into_record();
        if is_it(&record) {
            return Ok(Some(record));
        }
    }
    let mut stream = PackageStream::new(Box::new(open(path)?), document);
    while let Some(package) = stream.next()? {
        let record = match package {
            Package::Text(text) if !may_be(document, text, id) => continue,
            Package::Text(text) => parse_fast(document, text)?.into_record(),
            Package::Parsed(parsed) => Parsed::into_record(*parsed),
        };
        if is_it(&record) {
            return Ok(Some(record));
        }
    }
    Ok(None)
}

/// Whether a package that is not parsed yet can be the one.
fn may_be(document: Document, text: &str, id: &str) -> bool {
    match document {
        Document::Primary => memchr::memmem::find(text.as_bytes(), id.as_bytes()).is_some(),
        _ => pkgid(text).map_or(true, |found| found.text().trim().eq_ignore_ascii_case(id)),
    }
}

/// The text of a package by its number; `None` if the file has no list of segments, or none that is right.
fn of_segment(path: &Path, number: u64) -> Result<Option<String>, Error> {
    let file: File = fs_err::File::open(path)?.into();
    let mut magic = [0; 6];
    if file.read_at(&mut magic, 0)? < magic.len() {
        return Ok(None);
    }
    let compression = Compression::of_magic(&magic);
    let size = file.metadata()?.len();
    let Some(segments) = Segments::of_file(&file, size, compression)?.filter(|segments| segments.pretty) else {
        return Ok(None);
    };
    let (mut start, mut before) = (u64::from(segments.head), 0);
    for segment in &segments.list {
        let behind = before + u64::from(segment.packages);
        if number < behind {
            let mut bytes = vec![0; segment.size as usize];
            file.read_exact_at(&mut bytes, start)?;
            let nth = usize::try_from(number - before).unwrap_or(usize::MAX);
            let text = segment.text(compression, &bytes);
            return Ok(text.and_then(|text| packages(&text).nth(nth).map(str::to_owned)));
        }
        (start, before) = (start + u64::from(segment.size), behind);
    }
    Ok(None)
}
