//! A repository's packages in a file of their own, to be read back many times faster than primary.xml.
//!
//! The file has the columns of [`Packages`] as they are in memory, little endian, with the tables that look-ups need; a
//! checksum of all of it stands at the end (XXH3, which finds accidents, not malice: keep the file where nobody else
//! writes). It is bound to the repository by a key of the caller's, the checksum of repomd.xml. Whatever is wrong with a
//! file, it is as if it were not there.

use std::fs::File;
use std::hash::Hasher;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::OnceLock;

use copr_repodata::Error;
use twox_hash::XxHash3_64;

use crate::pool::PackageId;
use crate::pool::caps::{Cap, Caps};
use crate::pool::files::{Files, PathKey};
use crate::pool::index::Index;
use crate::pool::packages::{Columns, Packages};
use crate::strings::{Str, Strings, Table};

/// Changes with the layout, and with any change of how [`Packages`] are made of primary.xml.
const MAGIC: [u8; 16] = *b"copr-packages\0\0\x01";
/// Longest key.
const MOST_KEY: usize = 1024;
/// Bytes that are read, summed and put into columns at a time: what stays in a processor's cache.
const PIECE: usize = 128 << 10;
/// Lengths of columns that stand in the header.
const LENGTHS: usize = 27;

/// Reads what [`write`] has written under the same key; `None` if it is missing, damaged, of another version or of
/// another key.
#[must_use]
pub fn read(path: &Path, key: &str) -> Option<Packages> {
    let file = fs_err::File::open(path).ok()?;
    let size = file.metadata().ok()?.len();
    read_from(file, size, key)
}

/// As [`read`], from anything that gives `size` bytes.
#[must_use]
pub fn read_from(from: impl Read, size: u64, key: &str) -> Option<Packages> {
    read_all(from, size, key).ok()
}

/// Writes packages into a file, atomically: others see the old file or the whole new one, also after a crash.
///
/// # Errors
/// The file or its folder cannot be written, or the key has over 1,024 bytes.
pub fn write(path: &Path, key: &str, packages: &Packages) -> Result<(), Error> {
    replace(path, |file| write_to(io::BufWriter::with_capacity(PIECE, file), key, packages))
}

/// Writes a file beside `path`, and then in its place.
pub(crate) fn replace(path: &Path, write: impl FnOnce(&mut File) -> io::Result<()>) -> Result<(), Error> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    write(file.as_file_mut())?;
    file.as_file().sync_all()?;
    file.persist(path).map_err(|error| error.error)?;
    Ok(fs_err::File::open(folder)?.sync_all()?)
}

/// As [`write`], to anything that takes bytes. Buffer it.
///
/// # Errors
/// Writing fails, or the key has over 1,024 bytes.
pub fn write_to(to: impl Write, key: &str, packages: &Packages) -> io::Result<()> {
    if key.len() > MOST_KEY {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "the key of the cache file is too long"));
    }
    let Packages { strings, caps, columns: c, files, index } = packages;
    // As small as it can be: it has grown by doubling.
    let table = strings.make_table(strings.len());
    let lengths: [usize; LENGTHS] = [
        strings.text.len(),
        strings.ends.len(),
        table.slots.len(),
        table.used,
        caps.name.len(),
        caps.evr.len(),
        caps.comparison.len(),
        c.name.len(),
        c.arch.len(),
        c.evr.len(),
        c.vendor.len(),
        c.source.len(),
        c.base.len(),
        c.location.len(),
        c.location_end.len(),
        c.sum.len(),
        c.sum_end.len(),
        c.sum_kind.len(),
        c.size_package.len(),
        c.size_installed.len(),
        c.build_time.len(),
        c.entries.len(),
        c.entry_end.len(),
        files.hashes.len(),
        files.owners.len(),
        index.starts.len(),
        index.packages.len(),
    ];
    let mut out = Summed::new(to);
    out.write(&MAGIC)?;
    out.write_u64s(&[key.len() as u64, strings.seed, files.key.0[0], files.key.0[1]])?;
    out.write_u64s(&lengths.map(|length| length as u64))?;
    out.write(key.as_bytes())?;
    out.write(strings.text.as_bytes())?;
    out.write_u32s(strings.ends.iter().copied())?;
    out.write_u32s(table.slots.iter().copied())?;
    out.write_u32s(caps.name.iter().map(|s| s.0))?;
    out.write_u32s(caps.evr.iter().map(|s| s.0))?;
    out.write(&caps.comparison)?;
    for column in [&c.name, &c.arch, &c.evr, &c.vendor, &c.source, &c.base] {
        out.write_u32s(column.iter().map(|s| s.0))?;
    }
    out.write(c.location.as_bytes())?;
    out.write_u32s(c.location_end.iter().copied())?;
    out.write(&c.sum)?;
    out.write_u32s(c.sum_end.iter().copied())?;
    out.write(&c.sum_kind)?;
    for column in [&c.size_package, &c.size_installed, &c.build_time] {
        out.write_u64s(column)?;
    }
    out.write_u32s(c.entries.iter().map(|cap| cap.0))?;
    out.write_u32s(c.entry_end.iter().copied())?;
    out.write_u64s(&files.hashes)?;
    out.write_u32s(files.owners.iter().copied())?;
    out.write_u32s(index.starts.iter().copied())?;
    out.write_u32s(index.packages.iter().map(|id| id.0))?;
    out.write_u32s(index.caps.iter().map(|cap| cap.0))?;
    let sum = out.sum.finish();
    out.to.write_all(&sum.to_le_bytes())?;
    out.to.flush()
}

/// Writes and sums.
struct Summed<W> {
    to: W,
    sum: XxHash3_64,
}

impl<W: Write> Summed<W> {
    fn new(to: W) -> Self {
        Self { to, sum: XxHash3_64::with_seed(0) }
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.sum.write(bytes);
        self.to.write_all(bytes)
    }

    fn write_u32s(&mut self, numbers: impl Iterator<Item = u32>) -> io::Result<()> {
        let mut piece = Vec::with_capacity(PIECE);
        for number in numbers {
            piece.extend(number.to_le_bytes());
            if piece.len() >= PIECE {
                self.write(&piece)?;
                piece.clear();
            }
        }
        self.write(&piece)
    }

    fn write_u64s(&mut self, numbers: &[u64]) -> io::Result<()> {
        for numbers in numbers.chunks(PIECE / 8) {
            let piece: Vec<u8> = numbers.iter().flat_map(|number| number.to_le_bytes()).collect();
            self.write(&piece)?;
        }
        Ok(())
    }
}

/// Something is wrong with a cache file.
struct Miss;

impl From<io::Error> for Miss {
    fn from(_: io::Error) -> Self {
        Self
    }
}

fn read_all(from: impl Read, size: u64, key: &str) -> Result<Packages, Miss> {
    let mut source = Source { from, sum: XxHash3_64::with_seed(0), piece: vec![0; PIECE], left: size };
    let mut magic = [0; MAGIC.len()];
    source.read(&mut magic)?;
    let [key_length, seed, key_a, key_b] = source.numbers()?;
    let l: [u64; LENGTHS] = source.numbers()?;
    if magic != MAGIC || key.len() > MOST_KEY || key_length != key.len() as u64 {
        return Err(Miss);
    }
    let mut found = vec![0; key.len()];
    source.read(&mut found)?;
    if found != key.as_bytes() {
        return Err(Miss);
    }
    // Columns of one table are of one length.
    let same = |lengths: &[u64]| lengths.windows(2).all(|pair| pair.first() == pair.last());
    let [texts, ends, slots, used, cap_name, cap_evr, cap_comparison, rest @ ..] = l;
    let [name, arch, evr, vendor, source_rpm, base, location, location_end, rest @ ..] = rest;
    let [sum, sum_end, sum_kind, size_package, size_installed, build_time, rest @ ..] = rest;
    let [entries, entry_end, file_hashes, file_owners, index_starts, index_packages] = rest;
    let packages = [
        name,
        arch,
        evr,
        vendor,
        source_rpm,
        base,
        location_end,
        sum_end,
        sum_kind,
        size_package,
        size_installed,
        build_time,
        entry_end / 8,
    ];
    let power = slots == 0 || slots.is_power_of_two();
    let consistent = same(&packages) && same(&[cap_name, cap_evr, cap_comparison]) && same(&[file_hashes, file_owners]);
    if !consistent || !power || index_starts != ends.saturating_add(1) {
        return Err(Miss);
    }
    let s = &mut source;
    let strings = Strings {
        text: s.text(texts)?,
        ends: s.u32s(ends, |n| n)?,
        seed,
        table: OnceLock::from(Table { slots: s.u32s(slots, |n| n)?, used: usize::try_from(used).map_err(|_| Miss)? }),
    };
    let caps = Caps::of_columns(s.u32s(cap_name, Str)?, s.u32s(cap_evr, Str)?, s.bytes(cap_comparison)?);
    let columns = Columns {
        name: s.u32s(name, Str)?,
        arch: s.u32s(arch, Str)?,
        evr: s.u32s(evr, Str)?,
        vendor: s.u32s(vendor, Str)?,
        source: s.u32s(source_rpm, Str)?,
        base: s.u32s(base, Str)?,
        location: s.text(location)?,
        location_end: s.u32s(location_end, |n| n)?,
        sum: s.bytes(sum)?,
        sum_end: s.u32s(sum_end, |n| n)?,
        sum_kind: s.bytes(sum_kind)?,
        size_package: s.u64s(size_package)?,
        size_installed: s.u64s(size_installed)?,
        build_time: s.u64s(build_time)?,
        entries: s.u32s(entries, Cap)?,
        entry_end: s.u32s(entry_end, |n| n)?,
    };
    let hashes = s.u64s(file_hashes)?;
    let files = Files { key: PathKey([key_a, key_b]), hashes, owners: s.u32s(file_owners, |n| n)? };
    let index = Index {
        starts: s.u32s(index_starts, |n| n)?,
        packages: s.u32s(index_packages, PackageId)?,
        caps: s.u32s(index_packages, Cap)?,
    };
    source.finish()?;
    Ok(Packages { strings, caps, columns, files, index })
}

/// Reads and sums.
struct Source<R> {
    from: R,
    sum: XxHash3_64,
    piece: Vec<u8>,
    /// Bytes that the file still has: nothing is allocated beyond that.
    left: u64,
}

impl<R: Read> Source<R> {
    /// Takes so many bytes from what is left.
    fn take(&mut self, bytes: u64) -> Result<usize, Miss> {
        self.left = self.left.checked_sub(bytes).ok_or(Miss)?;
        usize::try_from(bytes).map_err(|_| Miss)
    }

    fn read(&mut self, to: &mut [u8]) -> Result<(), Miss> {
        self.take(to.len() as u64)?;
        self.from.read_exact(to)?;
        self.sum.write(to);
        Ok(())
    }

    /// Hands out `bytes` in pieces.
    fn pieces(&mut self, bytes: u64, mut each: impl FnMut(&[u8])) -> Result<(), Miss> {
        let mut bytes = self.take(bytes)?;
        while bytes > 0 {
            let piece = self.piece.get_mut(..bytes.min(PIECE)).ok_or(Miss)?;
            self.from.read_exact(piece)?;
            self.sum.write(piece);
            bytes -= piece.len();
            each(piece);
        }
        Ok(())
    }

    fn bytes(&mut self, count: u64) -> Result<Vec<u8>, Miss> {
        let mut column = Vec::new();
        if count <= self.left {
            column.reserve_exact(usize::try_from(count).map_err(|_| Miss)?);
        }
        self.pieces(count, |piece| column.extend_from_slice(piece))?;
        Ok(column)
    }

    fn text(&mut self, count: u64) -> Result<String, Miss> {
        String::from_utf8(self.bytes(count)?).map_err(|_| Miss)
    }

    fn u32s<T>(&mut self, count: u64, make: impl Fn(u32) -> T) -> Result<Vec<T>, Miss> {
        let bytes = count.checked_mul(4).filter(|bytes| *bytes <= self.left).ok_or(Miss)?;
        let mut column = Vec::with_capacity(usize::try_from(count).map_err(|_| Miss)?);
        self.pieces(bytes, |piece| {
            column.extend(piece.chunks_exact(4).map(|chunk| {
                let mut number = [0; 4];
                number.copy_from_slice(chunk);
                make(u32::from_le_bytes(number))
            }));
        })?;
        Ok(column)
    }

    fn u64s(&mut self, count: u64) -> Result<Vec<u64>, Miss> {
        let bytes = count.checked_mul(8).filter(|bytes| *bytes <= self.left).ok_or(Miss)?;
        let mut column = Vec::with_capacity(usize::try_from(count).map_err(|_| Miss)?);
        self.pieces(bytes, |piece| {
            column.extend(piece.chunks_exact(8).map(|chunk| {
                let mut number = [0; 8];
                number.copy_from_slice(chunk);
                u64::from_le_bytes(number)
            }));
        })?;
        Ok(column)
    }

    fn numbers<const N: usize>(&mut self) -> Result<[u64; N], Miss> {
        self.u64s(N as u64)?.try_into().map_err(|_| Miss)
    }

    /// The sum is what remains.
    fn finish(mut self) -> Result<(), Miss> {
        let found = self.sum.finish();
        let [written] = self.numbers()?;
        if self.left == 0 && written == found { Ok(()) } else { Err(Miss) }
    }
}

#[cfg(test)]
#[path = "cache_tests.rs"]
mod tests;
