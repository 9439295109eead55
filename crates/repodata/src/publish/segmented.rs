//! Changes to a repository whose segments are known: only those that a change falls into are read as text.
//!
//! First a plan is made from primary, which alone knows where packages lie: the numbers of the packages that go, and before
//! which number new ones come. All documents have their packages in the same order, so the numbers count for each of
//! them. Anything that does not fit together makes the caller fall back on reading everything, which tells what is wrong.

use std::collections::HashMap;
use std::os::unix::fs::FileExt;
use std::path::Path;

use fs_err::File;

use super::changes::{Changes, Package};
use crate::checksum::Hasher;
use crate::document::{DocumentOptions, DocumentWriter};
use crate::metadata_file::MetadataFile;
use crate::output::Output;
use crate::read::{self, PrimaryView};
use crate::segments::{Segment, Segments, by_file, packages};
use crate::workspace::Known;
use crate::{Compression, Document, Error, Repomd, RepomdRecord};

/// A repository's documents, as they lie there.
#[derive(Debug)]
pub(super) struct Segmented {
    documents: Vec<Part>,
    compression: Compression,
    packages: u64,
}

/// One document.
#[derive(Debug)]
struct Part {
    document: Document,
    file: File,
    record: RepomdRecord,
    segments: Segments,
    /// Whether it still has to be shown that the file is the one that repomd.xml is about.
    doubtful: bool,
}

/// Something that happens at one place of a document.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Edit {
    /// A new package, by its number in the changes, comes before the old package of that number.
    Insert { at: u64, package: usize },
    /// The old package goes; it is known by its checksum in every document.
    Remove { at: u64, pkgid: String },
}

/// What happens to all documents.
#[derive(Debug, Default)]
pub(super) struct Plan {
    edits: Vec<Edit>,
    /// Of every location that the changes name and that was there: how many packages had it.
    pub(super) existed: HashMap<String, usize>,
    /// Packages that there are going to be.
    pub(super) packages: usize,
}

impl Plan {
    pub(super) fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }
}

impl Segmented {
    /// The documents that `output` writes, if all are there, as it would write them, and with their segments known.
    pub(super) fn open(dir: &Path, repomd: &Repomd, output: &Output, known: &Known) -> Result<Option<Self>, Error> {
        if !matches!(output.compression, Compression::Gzip | Compression::Zstd) {
            return Ok(None);
        }
        let mut parts = Vec::new();
        for document in output.documents() {
            let Some(record) = repomd.record(document.kind()) else { return Ok(None) };
            let usual = record.location_base.is_none()
                && Compression::of_name(record.file_name()) == output.compression
                && record.checksum.kind == output.checksum;
            let Some(size) = record.size.filter(|_| usual) else { return Ok(None) };
            let Ok(file) = File::open(read::inside(dir, &record.location_href)?) else { return Ok(None) };
            let about = file.metadata()?;
            if about.len() != size {
                return Ok(None);
            }
            let segments = Segments::of_file(file.file(), size, output.compression)?;
            let Some(segments) = segments.filter(|segments| segments.pretty == output.pretty) else { return Ok(None) };
            let doubtful = !known.has(record.file_name(), &about);
            parts.push(Part { document, file, record: record.clone(), segments, doubtful });
        }
        let Some(primary) = parts.first() else { return Ok(None) };
        let packages = primary.segments.packages();
        if parts.iter().any(|part| part.segments.packages() != packages) || !in_order(&primary.segments.list) {
            return Ok(None);
        }
        Ok(Some(Self { documents: parts, compression: output.compression, packages }))
    }

    /// Finds out what the changes come to. `None`: primary is not as its list of segments says.
    pub(super) fn plan(&self, changes: &Changes) -> Result<Option<Plan>, Error> {
        let Some(primary) = self.documents.first() else { return Ok(None) };
        let mut wanted: Vec<(&str, Option<usize>)> =
            changes.add.iter().enumerate().map(|(number, package)| (package.href.as_str(), Some(number))).collect();
        let added = wanted.len();
        wanted.extend(changes.remove.iter().map(|href| (href.as_str(), None)));
        // Stable: of one location the addition comes before the removal, and that is then seen as one.
        wanted.sort_by(|a, b| by_file(a.0, b.0));
        wanted.dedup_by(|later, earlier| later.0 == earlier.0);
        let mut plan = Plan { edits: Vec::with_capacity(added), ..Plan::default() };
        let mut reader = SegmentReader::new(primary, self.compression)?;
        for (href, package) in wanted {
            let Some(found) = reader.find(href)? else { return Ok(None) };
            if let Some(package) = package {
                plan.edits.push(Edit::Insert { at: found.at, package });
            }
            if !found.pkgids.is_empty() {
                plan.existed.insert(href.to_owned(), found.pkgids.len());
            }
            let numbers = found.at..;
            plan.edits.extend(numbers.zip(found.pkgids).map(|(at, pkgid)| Edit::Remove { at, pkgid }));
        }
        let gone: u64 = plan.existed.values().map(|count| *count as u64).sum();
        let left = self.packages.checked_sub(gone).and_then(|left| usize::try_from(left).ok());
        let Some(packages) = left.and_then(|left| left.checked_add(added)) else { return Ok(None) };
        plan.packages = packages;
        Ok(Some(plan))
    }

    /// Writes the documents anew into `folder`. `None`: one of them is not as its list of segments says.
    pub(super) fn write(
        &self,
        plan: &Plan,
        changes: &Changes,
        folder: &Path,
        options: &DocumentOptions,
    ) -> Result<Option<Vec<MetadataFile>>, Error> {
        let mut results: Vec<Result<Option<MetadataFile>, Error>> = Vec::new();
        std::thread::scope(|scope| {
            let start = |part: &'_ Part| part.write(plan, &changes.add, folder, options.clone());
            let threads: Vec<_> = self.documents.iter().map(|part| scope.spawn(move || start(part))).collect();
            results.extend(threads.into_iter().map(|thread| {
                thread.join().unwrap_or_else(|_| Err(Error::metadata("metadata", "a writing thread died")))
            }));
        });
        results.into_iter().collect()
    }
}

/// Whether no segment begins before the last one has ended.
fn in_order(list: &[Segment]) -> bool {
    let spans: Option<Vec<_>> = list.iter().map(|segment| segment.span.as_ref()).collect();
    spans.is_some_and(|spans| {
        spans.array_windows().all(|[before, behind]| by_file(&before.last, &behind.first).is_le())
            && spans.iter().all(|span| by_file(&span.first, &span.last).is_le())
    })
}

/// What primary has under a location: the checksums of its packages, the first of which has the number `at`; or where
/// one would come.
struct Found {
    at: u64,
    pkgids: Vec<String>,
}

/// Reads segments of primary as they are needed; locations have to be asked for in order.
struct SegmentReader<'a> {
    part: &'a Part,
    compression: Compression,
    /// Where every segment begins: byte in the file, number of its first package.
    starts: Vec<(u64, u64)>,
    /// The segment that was read last: its number, and location and checksum of its packages.
    read: Option<(usize, Vec<(String, String)>)>,
}

impl<'a> SegmentReader<'a> {
    fn new(part: &'a Part, compression: Compression) -> Result<Self, Error> {
        let (mut byte, mut package) = (u64::from(part.segments.head), 0);
        let mut starts = Vec::with_capacity(part.segments.list.len());
        for segment in &part.segments.list {
            starts.push((byte, package));
            byte += u64::from(segment.size);
            package += u64::from(segment.packages);
        }
        Ok(Self { part, compression, starts, read: None })
    }

    fn find(&mut self, href: &str) -> Result<Option<Found>, Error> {
        let list = &self.part.segments.list;
        let spans = |number: usize| list.get(number).and_then(|segment| segment.span.as_ref());
        // The first segment that ends at it or behind it.
        let mut number =
            list.partition_point(|s| s.span.as_ref().is_some_and(|span| by_file(&span.last, href).is_lt()));
        let mut found = Found {
            at: self.starts.get(number).map_or(self.part.segments.packages(), |(_, at)| *at),
            pkgids: Vec::new(),
        };
        let mut first = true;
        while spans(number).is_some_and(|span| by_file(&span.first, href).is_le()) {
            let Some(packages) = self.packages(number)? else { return Ok(None) };
            let from = packages.partition_point(|(other, _)| by_file(other, href).is_lt());
            let until = packages.partition_point(|(other, _)| by_file(other, href).is_le());
            if first {
                found.at += from as u64;
            }
            let same = packages.get(from..until).unwrap_or_default();
            // Two spellings of one place, `a.rpm` and `/a.rpm`: not for us to decide.
            if same.iter().any(|(other, _)| other != href) {
                return Ok(None);
            }
            found.pkgids.extend(same.iter().map(|(_, pkgid)| pkgid.clone()));
            // A location that stands twice may also stand at the beginning of the next one.
            first = false;
            number += 1;
        }
        Ok(Some(found))
    }

    /// Locations and checksums of a segment; `None` if it is not what its list says.
    fn packages(&mut self, number: usize) -> Result<Option<&[(String, String)]>, Error> {
        if self.read.as_ref().is_none_or(|(read, _)| *read != number) {
            let (Some(segment), Some((start, _))) = (self.part.segments.list.get(number), self.starts.get(number))
            else {
                return Ok(None);
            };
            let mut bytes = vec![0; segment.size as usize];
            self.part.file.file().read_exact_at(&mut bytes, *start)?;
            let Some(text) = segment.text(self.compression, &bytes) else { return Ok(None) };
            let mut list: Vec<(String, String)> = Vec::with_capacity(segment.packages as usize);
            for package in packages(&text) {
                let Ok(view) = PrimaryView::parse_start(package) else { return Ok(None) };
                list.push((view.location_href.text().into_owned(), view.checksum.as_written().to_owned()));
            }
            let sorted = list.is_sorted_by(|a, b| by_file(&a.0, &b.0).is_le());
            if !sorted || list.len() != segment.packages as usize {
                return Ok(None);
            }
            self.read = Some((number, list));
        }
        Ok(self.read.as_ref().map(|(_, list)| list.as_slice()))
    }
}

/// Reads the old file from its start to its end, and sums it where that has to be.
struct Old<'a> {
    from: &'a File,
    at: u64,
    sum: Option<Hasher>,
    /// What was read last.
    bytes: Vec<u8>,
}

impl Old<'_> {
    fn take(&mut self, count: u32) -> Result<&[u8], Error> {
        self.bytes.resize(count as usize, 0);
        self.from.file().read_exact_at(&mut self.bytes, self.at)?;
        self.at += u64::from(count);
        if let Some(sum) = &mut self.sum {
            sum.update(&self.bytes);
        }
        Ok(&self.bytes)
    }

    /// Whether the whole file has the checksum that repomd.xml says, as far as that is in doubt.
    fn is(self, record: &RepomdRecord) -> Result<bool, Error> {
        let Some(mut sum) = self.sum else { return Ok(true) };
        let mut rest = self.from;
        std::io::Seek::seek(&mut rest, std::io::SeekFrom::Start(self.at))?;
        std::io::copy(&mut rest, &mut sum)?;
        Ok(sum.finish().0 == record.checksum)
    }
}

impl Part {
    /// Writes the document anew. `None`: it is not as its list of segments says.
    fn write(
        &self,
        plan: &Plan,
        added: &[Package],
        folder: &Path,
        options: DocumentOptions,
    ) -> Result<Option<MetadataFile>, Error> {
        let compression = options.compression;
        let path = folder.join(self.document.kind());
        let sum = self.doubtful.then(|| self.record.checksum.kind.hasher());
        let mut old = Old { from: &self.file, at: 0, sum, bytes: Vec::new() };
        old.take(self.segments.head)?;
        let mut new = Pieces {
            segment: options.segment,
            writer: DocumentWriter::create(self.document, path, options, plan.packages)?,
            text: String::new(),
            ends: Vec::new(),
        };
        let mut edits = plan.edits.as_slice();
        let mut start = 0;
        for segment in &self.segments.list {
            let end = start + u64::from(segment.packages);
            let here = edits.partition_point(|edit| match edit {
                Edit::Insert { at, .. } => *at <= end,
                Edit::Remove { at, .. } => *at < end,
            });
            let (of_this, rest) = edits.split_at(here);
            edits = rest;
            let bytes = old.take(segment.size)?;
            if of_this.is_empty() && !new.is_small() {
                if libdeflater::crc32(bytes) != segment.sum {
                    return Ok(None);
                }
                new.copy(segment, bytes)?;
            } else {
                let Some(text) = segment.text(compression, bytes) else { return Ok(None) };
                let before = new.text.is_empty();
                match self.edited(&text, start, of_this, added) {
                    None => return Ok(None),
                    Some(edited)
                        if before
                            && edited.iter().map(|text| text.len()).sum::<usize>() == text.len()
                            && edited.concat() == text =>
                    {
                        new.copy(segment, bytes)?;
                    }
                    Some(edited) => edited.into_iter().try_for_each(|package| new.push(package))?,
                }
            }
            start = end;
        }
        for edit in edits {
            let Edit::Insert { package, .. } = edit else { return Ok(None) };
            let Some(package) = added.get(*package) else { return Ok(None) };
            new.push(self.document.part(&package.fragments))?;
        }
        new.flush()?;
        if !old.is(&self.record)? {
            return Ok(None);
        }
        new.writer.finish(plan.packages).map(Some)
    }

    /// The packages of a segment after the edits; `None` if they are not those that the plan is about.
    fn edited<'t>(&self, text: &'t str, start: u64, edits: &'t [Edit], added: &'t [Package]) -> Option<Vec<&'t str>> {
        let mut edits = edits.iter().peekable();
        let mut result = Vec::new();
        let mut number = start;
        let insert =
            |at: u64, edits: &mut std::iter::Peekable<std::slice::Iter<'t, Edit>>, result: &mut Vec<&'t str>| {
                while let Some(Edit::Insert { package, .. }) =
                    edits.next_if(|edit| matches!(edit, Edit::Insert { at: here, .. } if *here == at))
                {
                    result.push(self.document.part(&added.get(*package)?.fragments));
                }
                Some(())
            };
        for package in packages(text) {
            insert(number, &mut edits, &mut result)?;
            match edits.next_if(|edit| matches!(edit, Edit::Remove { at, .. } if *at == number)) {
                Some(Edit::Remove { pkgid, .. }) => {
                    if self.document != Document::Primary && read::pkgid(package).ok()?.as_written() != pkgid {
                        return None;
                    }
                }
                _ => result.push(package),
            }
            number += 1;
        }
        insert(number, &mut edits, &mut result)?;
        edits.next().is_none().then_some(result)
    }
}

/// Text that becomes segments, of a size that is sane whatever was there before.
struct Pieces {
    /// The size that segments should have.
    segment: usize,
    writer: DocumentWriter,
    text: String,
    /// Where each package ends in the text.
    ends: Vec<usize>,
}

impl Pieces {
    /// Whether there is text that would make too small a segment: then the next segment is joined to it.
    fn is_small(&self) -> bool {
        !self.text.is_empty() && self.text.len() < self.segment / 2
    }

    fn copy(&mut self, segment: &Segment, bytes: &[u8]) -> Result<(), Error> {
        self.flush()?;
        self.writer.copy(segment, bytes)
    }

    fn push(&mut self, package: &str) -> Result<(), Error> {
        self.text.push_str(package);
        self.ends.push(self.text.len());
        // Where very much is added it need not all be held.
        if self.text.len() > self.segment.saturating_mul(4) { self.flush() } else { Ok(()) }
    }

    /// Writes what there is: as one segment if it has less than twice the size, else in parts of about the size.
    fn flush(&mut self) -> Result<(), Error> {
        let length = self.text.len();
        let parts = if length < self.segment.saturating_mul(2) { 1 } else { (length / self.segment).max(1) };
        let (mut written, mut from, mut part) = (0, 0, 1);
        for (number, end) in self.ends.iter().enumerate() {
            if *end >= length / parts * part || number + 1 == self.ends.len() {
                let text = self.text.as_bytes().get(written..*end).unwrap_or_default();
                self.writer.segment(text.to_vec(), number + 1 - from)?;
                (written, from) = (*end, number + 1);
                part += 1;
            }
        }
        self.text.clear();
        self.ends.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests;
