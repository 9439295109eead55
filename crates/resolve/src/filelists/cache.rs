//! Owners of all files of a repository in a file, found with one read for each path.
//!
//! Layout, little endian: a head of [`HEAD`] bytes (magic, length of the key, the secret of the hashes, number of
//! entries), the key, the entries, then a table. An entry is the lower 48 bits of a path's hash and the package's number;
//! the upper 16 bits say in which of 65,536 buckets it is. The table has, for each bucket, where it ends and its
//! checksum, then a checksum of head, key and table.

use std::hash::Hasher;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::FileExt;
use std::path::Path;

use copr_repodata::Error;
use twox_hash::XxHash3_64;

use super::{Numbers, each_package};
use crate::pool::Pool;
use crate::pool::files::PathKey;
use crate::strings::too_much;

/// Changes with the layout.
const MAGIC: [u8; 16] = *b"copr-filelists\0\x01";
const HEAD: usize = 48;
const MOST_KEY: usize = 1024;
const BUCKETS: usize = 1 << 16;
/// Bytes of an entry, and of a bucket's line in the table.
const ENTRY: usize = 10;
const LINE: usize = 12;
/// Files of one repository; the largest distributions have some twelve million.
const MOST_FILES: usize = 1 << 26;

/// A file that [`write`] has written. Paths are kept as keyed hashes of 64 bits: that two paths have the same happens to
/// one in a thousand million repositories of ten million files that are asked a thousand paths.
#[derive(Debug)]
pub struct Cache {
    file: fs_err::File,
    key: PathKey,
    /// Where the entries begin, and how many there are.
    start: u64,
    entries: u64,
    table: Vec<u8>,
}

impl Cache {
    /// Opens what was written under the same key; `None` if it is missing, damaged, of another version or another key.
    #[must_use]
    pub fn open(path: &Path, key: &str) -> Option<Self> {
        let mut file = fs_err::File::open(path).ok()?;
        let size = file.metadata().ok()?.len();
        let mut head = vec![0; HEAD + key.len().min(MOST_KEY)];
        file.read_exact(&mut head).ok()?;
        let number = |at: usize| number_at(&head, at);
        let written = head.get(HEAD..)?;
        if !head.starts_with(&MAGIC) || number(16)? != key.len() as u64 || written != key.as_bytes() {
            return None;
        }
        let entries = number(40)?;
        let table_at = entries.checked_mul(ENTRY as u64)?.checked_add(head.len() as u64)?;
        if size != table_at.checked_add((BUCKETS * LINE + 8) as u64)? {
            return None;
        }
        file.seek(SeekFrom::Start(table_at)).ok()?;
        let mut table = vec![0; BUCKETS * LINE + 8];
        file.read_exact(&mut table).ok()?;
        let sum = table.split_off(BUCKETS * LINE);
        if number_at(&sum, 0)? != sum_of(&head, &table) {
            return None;
        }
        Some(Self { file, key: PathKey([number(24)?, number(32)?]), start: head.len() as u64, entries, table })
    }

    /// The packages that own any of the paths, as [`super::owners`] returns them; `None` if the file is damaged.
    #[must_use]
    pub fn owners(&self, wanted: &[String]) -> Option<Vec<(String, u32)>> {
        let mut found = Vec::new();
        for path in wanted.iter().filter(|path| !path.is_empty()) {
            let owners = self.owners_of(path)?;
            found.extend(owners.into_iter().map(|owner| (path.clone(), owner)));
        }
        Some(found)
    }

    /// The packages that own a path, ascending, by their numbers in the repository; `None` if the file is damaged.
    #[must_use]
    pub fn owners_of(&self, path: &str) -> Option<Vec<u32>> {
        let hash = self.key.hash(path);
        let bucket = (hash >> 48) as usize;
        let end_of = |bucket: usize| {
            let line = self.table.get(bucket * LINE..)?;
            line.first_chunk().map(|bytes| u64::from(u32::from_le_bytes(*bytes)))
        };
        let start = bucket.checked_sub(1).map_or(Some(0), end_of)?;
        let count = end_of(bucket).filter(|end| *end <= self.entries)?.checked_sub(start)?;
        let mut entries = vec![0; usize::try_from(count).ok()?.checked_mul(ENTRY)?];
        self.file.file().read_exact_at(&mut entries, self.start.checked_add(start * ENTRY as u64)?).ok()?;
        if number_at(&self.table, bucket * LINE + 4)? != XxHash3_64::oneshot_with_seed(bucket as u64, &entries) {
            return None;
        }
        let wanted = low_bytes(hash);
        let (entries, _) = entries.as_chunks::<ENTRY>();
        let from = entries.partition_point(|entry| entry.get(..6) < Some(&wanted));
        let same = entries.get(from..)?.iter().take_while(|entry| entry.starts_with(&wanted));
        Some(same.filter_map(|entry| entry.last_chunk().map(|owner| u32::from_be_bytes(*owner))).collect())
    }
}

fn number_at(bytes: &[u8], at: usize) -> Option<u64> {
    bytes.get(at..)?.first_chunk().map(|bytes| u64::from_le_bytes(*bytes))
}

/// The lower 48 bits of a hash, the highest first: so that bytes sort as numbers do.
fn low_bytes(hash: u64) -> [u8; 6] {
    let [_, _, low @ ..] = hash.to_be_bytes();
    low
}

fn sum_of(head: &[u8], table: &[u8]) -> u64 {
    let mut sum = XxHash3_64::with_seed(0);
    sum.write(head);
    sum.write(table);
    sum.finish()
}

/// Writes the owners of all files of a repository into a file, atomically. `from` gives the text of the repository's
/// filelists.xml.
///
/// Memory: some 13 bytes for each file.
///
/// # Errors
/// The text is malformed or cut short, or has over 2^26 files; the file or its folder cannot be written.
pub fn write(path: &Path, key: &str, from: impl Read + Send, pool: &Pool, repository: usize) -> Result<(), Error> {
    let secret = PathKey::new();
    // By the highest byte of the hash, so that each part is small enough to be sorted in a processor's cache.
    let mut parts: Vec<Vec<[u8; 12]>> = vec![Vec::new(); 256];
    let mut count = 0_usize;
    let numbers = Numbers::of(pool, repository);
    each_package(from, |view| {
        for number in numbers.of_package(view) {
            count = count.saturating_add(view.files.len());
            if count > MOST_FILES {
                return Err(too_much("the files"));
            }
            for file in &view.files {
                let hash = secret.hash(&file.path.text());
                let mut entry = [0; 12];
                let (high, low) = entry.split_at_mut(8);
                high.copy_from_slice(&hash.to_be_bytes());
                low.copy_from_slice(&number.to_be_bytes());
                if let Some(part) = parts.get_mut((hash >> 56) as usize) {
                    if part.len() == part.capacity() {
                        // Twice as much, as a vector takes by itself, would be half of it for nothing.
                        part.reserve_exact(part.len() / 8 + 64);
                    }
                    part.push(entry);
                }
            }
        }
        Ok(())
    })?;
    crate::cache::replace(path, |file| write_parts(io::BufWriter::with_capacity(256 << 10, file), key, secret, parts))
}

/// Writes the parts, which this sorts, in order.
fn write_parts(mut to: impl Write, key: &str, secret: PathKey, mut parts: Vec<Vec<[u8; 12]>>) -> io::Result<()> {
    if key.len() > MOST_KEY {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the key of the cache file is too long"));
    }
    for part in &mut parts {
        part.sort_unstable();
        part.dedup();
    }
    let entries: usize = parts.iter().map(Vec::len).sum();
    let mut head = MAGIC.to_vec();
    for number in [key.len() as u64, secret.0[0], secret.0[1], entries as u64] {
        head.extend(number.to_le_bytes());
    }
    head.extend(key.as_bytes());
    to.write_all(&head)?;
    let mut table = Vec::with_capacity(BUCKETS * LINE);
    let (mut end, mut bytes) = (0_u32, Vec::new());
    for (high, part) in (0_u16..).zip(parts) {
        let mut rest = part.as_slice();
        for second in 0..=u8::MAX {
            let count = rest.partition_point(|entry| entry.get(1).is_some_and(|byte| *byte <= second));
            let (bucket, behind) = rest.split_at_checked(count).unwrap_or((rest, &[]));
            rest = behind;
            bytes.clear();
            bytes.extend(bucket.iter().flat_map(|[_, _, entry @ ..]| entry));
            to.write_all(&bytes)?;
            end = end.saturating_add(u32::try_from(count).unwrap_or(u32::MAX));
            table.extend(end.to_le_bytes());
            let number = u64::from(high << 8 | u16::from(second));
            table.extend(XxHash3_64::oneshot_with_seed(number, &bytes).to_le_bytes());
        }
    }
    to.write_all(&table)?;
    to.write_all(&sum_of(&head, &table).to_le_bytes())?;
    to.flush()
}
