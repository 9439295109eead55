//! Compressed files as a whole: their checksums, and making one of another.

use std::io;
use std::path::PathBuf;

use copr_repodata::{Checksum, ChecksumKind, Compression, Error, compression, read, zchunk};
use fs_err as fs;
use pyo3::prelude::*;

use crate::errors;

/// Kind of a checksum, the checksum in hexadecimal, and bytes.
type Sum = (&'static str, String, u64);

fn sum((checksum, size): (Checksum, u64)) -> Sum {
    (checksum.kind.name(), checksum.hex, size)
}

fn kind(name: &str) -> PyResult<ChecksumKind> {
    name.parse::<ChecksumKind>().map_err(|error| errors::repodata(&error, None))
}

/// The checksum and the size of a file, or of what it holds when decompressed.
#[pyfunction]
#[pyo3(signature = (path, kind, *, decompressed = false))]
pub(crate) fn checksum_file(py: Python<'_>, path: PathBuf, kind: &str, decompressed: bool) -> PyResult<Sum> {
    let kind = self::kind(kind)?;
    py.detach(|| match decompressed {
        true => read::open(&path).and_then(|file| Checksum::of(kind, file)),
        false => fs::File::open(&path).map_err(Error::from).and_then(|file| Checksum::of(kind, file)),
    })
    .map(sum)
    .map_err(|error| errors::repodata(&error, Some(&path)))
}

/// The checksum and the size of the header of a zchunk file, all of which is checked.
#[pyfunction]
pub(crate) fn zchunk_header(py: Python<'_>, path: PathBuf) -> PyResult<Sum> {
    let header = py.detach(|| -> Result<_, Error> {
        let file = io::BufReader::new(fs::File::open(&path)?);
        zchunk::verify(file, &path.display().to_string())
    });
    header.map(|header| sum((header.checksum, header.size))).map_err(|error| errors::repodata(&error, Some(&path)))
}

/// Compresses `source` into the new file `target`, which is on the disk then. If `source` is compressed, it is
/// decompressed first, unless `decompress` is false. Returns kind, checksum and size of the text.
#[pyfunction]
#[pyo3(signature = (source, target, compression, checksum, *, decompress = true))]
pub(crate) fn compress_file(
    py: Python<'_>,
    source: PathBuf,
    target: PathBuf,
    compression: &str,
    checksum: &str,
    decompress: bool,
) -> PyResult<Sum> {
    let to = compression.parse::<Compression>().map_err(|error| errors::repodata(&error, None))?;
    let kind = kind(checksum)?;
    let text = py.detach(|| -> Result<_, Error> {
        let record = match decompress {
            true => compression::compress(read::open(&source)?, &target, to, kind)?,
            false => compression::compress(fs::File::open(&source)?, &target, to, kind)?,
        };
        let plain = (record.checksum, record.size.unwrap_or(0));
        Ok(record.open_checksum.zip(record.open_size).unwrap_or(plain))
    });
    text.map(sum).map_err(|error| errors::repodata(&error, None))
}
