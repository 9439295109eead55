//! Reading the packages that are not taken over.

use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};

use copr_rpm::{Nevra, Package, Tag};

use super::candidates::Candidate;
use super::{CreateOptions, Progress, Skipped};
use crate::assemble::{Fresh, Item, Part};
use crate::ordered::ordered;
use crate::{Checksum, ChecksumKind, Document, Fragments, Record, RecordOptions};

/// Packages that one thread reads in one go.
const BATCH: usize = 16;
/// Batches that may be read but not written yet.
const WINDOW: usize = 16;

/// One sender a document.
pub(super) type Senders = Vec<(Document, SyncSender<Part>)>;

/// Channels between reading and writing.
pub(super) fn channels(documents: Vec<Document>) -> (Senders, Fresh) {
    let pairs = documents.into_iter().map(|document| (document, sync_channel(WINDOW)));
    pairs.map(|(document, (sender, receiver))| ((document, sender), (document, receiver))).unzip()
}

/// What is known of a package that was read.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) nevra: Nevra,
    /// Seconds since 1970.
    pub(super) time_build: u64,
}

/// What reading came to, in the order of the packages.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// What is known of each; `None` for one that could not be read.
    pub(super) read: Vec<Option<Read>>,
    pub(super) skipped: Vec<Skipped>,
}

/// The same items with new packages that follow each other in batches.
pub(super) fn batched(items: &[Item]) -> Vec<Item> {
    let mut batched: Vec<Item> = Vec::with_capacity(items.len());
    for item in items {
        match (item, batched.last_mut()) {
            (Item::New { .. }, Some(Item::New { packages })) if *packages < BATCH => *packages += 1,
            _ => batched.push(item.clone()),
        }
    }
    batched
}

/// Reads packages on `workers` threads, and sends the parts of each batch of `items`, in order, to the threads that write.
pub(super) fn read(
    packages: &[&Candidate],
    items: &[Item],
    workers: usize,
    options: &CreateOptions,
    senders: &Senders,
    progress: &(dyn Fn(Progress<'_>) + Sync),
) -> Outcome {
    let mut batches = Vec::new();
    let mut rest = packages;
    for item in items.iter().filter(|item| matches!(item, Item::New { .. })) {
        let (batch, behind) = rest.split_at(item.packages().min(rest.len()));
        batches.push(batch);
        rest = behind;
    }
    let record_options = RecordOptions {
        checksum: options.checksum,
        changelog_limit: options.output.changelog_limit,
        location_base: None,
        file_digests: options.output.filelists_ext,
    };
    let work = |number: usize| -> (Vec<Result<Read, Skipped>>, Fragments) {
        let batch = batches.get(number).copied().unwrap_or_default();
        let mut fragments = Fragments::default();
        let one = |candidate: &&Candidate| {
            let read = match &options.checksum_cache {
                None => Record::from_file(&candidate.path, &candidate.href, &record_options),
                Some(cache) => cached(candidate, &record_options, cache),
            };
            match read {
                Ok(mut record) => {
                    record.location_base.clone_from(&candidate.base);
                    record.render_into(options.output.render(), &mut fragments);
                    progress(Progress::Read(&candidate.path));
                    Ok(Read { nevra: record.nevra, time_build: record.time_build })
                }
                Err(error) => {
                    let skipped = Skipped { path: candidate.path.clone(), error };
                    progress(Progress::Skipped(&skipped));
                    Err(skipped)
                }
            }
        };
        (batch.iter().map(one).collect(), fragments)
    };
    let mut outcome = Outcome::default();
    ordered(batches.len(), workers, WINDOW, work, |(results, fragments)| {
        let mut packages = 0;
        for result in results {
            packages += usize::from(result.is_ok());
            match result {
                Ok(read) => outcome.read.push(Some(read)),
                Err(skipped) => {
                    outcome.read.push(None);
                    outcome.skipped.push(skipped);
                }
            }
        }
        let Fragments { primary, filelists, filelists_ext, other } = fragments;
        let mut texts = [primary, filelists, filelists_ext, other];
        // A writer that is gone has failed, and tells that itself.
        senders.iter().all(|(document, sender)| {
            let index = Document::ALL.iter().position(|d| d == document);
            let text = index.and_then(|index| texts.get_mut(index)).map(std::mem::take).unwrap_or_default();
            sender.send(Part { packages, text }).is_ok()
        })
    });
    outcome
}

/// What the header of a package says, for finding duplicates before anything is written.
pub(super) fn look(candidate: &Candidate) -> Option<Read> {
    // A pipe would be waited for.
    fs_err::metadata(&candidate.path).ok().filter(std::fs::Metadata::is_file)?;
    let package = Package::open(&candidate.path).ok()?;
    let time_build = package.header.number(copr_rpm::tag::BUILDTIME).unwrap_or(0);
    Some(Read { nevra: package.nevra().ok()?, time_build })
}

/// Reads a package, with its checksum from the cache or into it. The cache's files are `createrepo_c`'s: named
/// `FILE-SIGNATURES-INSTALLED-MTIME`, with the checksum for content.
fn cached(candidate: &Candidate, options: &RecordOptions, cache: &Path) -> Result<Record, crate::Error> {
    let file = candidate.href.rsplit_once('/').map_or(candidate.href.as_str(), |(_, file)| file);
    let mtime = match candidate.about {
        Some((_, mtime)) => mtime,
        None => {
            let time = fs_err::metadata(&candidate.path)?.modified()?;
            time.duration_since(std::time::UNIX_EPOCH).map_or(0, |t| t.as_secs())
        }
    };
    let mut place = None;
    let mut hit = false;
    let record = Record::from_file_trusting(&candidate.path, &candidate.href, options, |package| {
        let key = signatures(package, options.checksum);
        let path = cache.join(format!("{file}-{key}-{}-{mtime}", package.installed_size()));
        let known = fs_err::read_to_string(&path).ok().and_then(|text| Checksum::new(options.checksum, &text).ok());
        hit = known.is_some();
        place = Some(path);
        known
    })?;
    if let Some(path) = place.filter(|_| !hit) {
        // A cache that cannot be written costs time, nothing else.
        let _ = tempfile::NamedTempFile::new_in(cache).and_then(|mut file| {
            std::io::Write::write_all(&mut file, record.checksum.hex.as_bytes())?;
            Ok(file.persist(path)?)
        });
    }
    Ok(record)
}

/// A sum over what signs the package and its header: another package has another, also one that was signed anew.
fn signatures(package: &Package, kind: ChecksumKind) -> String {
    const GPG: Tag = Tag(1005);
    const PGP: Tag = Tag(1002);
    const SHA1_HEADER: Tag = Tag(269);
    const SHA256_HEADER: Tag = Tag(273);
    let mut sum = kind.hasher();
    let signature = &package.signature;
    [GPG, PGP].into_iter().filter_map(|tag| signature.binary(tag)).for_each(|bytes| sum.update(bytes));
    let header = signature.bytes(SHA1_HEADER).or_else(|| signature.bytes(SHA256_HEADER));
    sum.update(header.unwrap_or_default());
    sum.finish().0.hex
}
