//! The zchunk format: compressed files that clients fetch in parts.
//!
//! A zchunk file is a header that names every chunk with its checksum and sizes, and the chunks, each compressed by
//! itself. A client that has an older file fetches the header and only those chunks that it does not have yet. The
//! format is version 1 of `zchunk_format.txt` of the zchunk project; where that leaves a choice, this does as libzck.
//!
//! [`Writer`] writes files, [`Reader`] reads them and checks every byte, [`Borders`] says where the chunks of a metadata
//! document are to begin, and [`Document`] joins it to a writer.

mod borders;
mod header;
mod reader;
mod writer;

use std::io::{self, Read};

pub use borders::{Borders, Document, key};
pub use header::{ChunkChecksum, ChunkInfo, Codec, Header};
pub use reader::Reader;
pub use writer::{DEFAULT_LEVEL, HeaderInfo, Writer, WriterOptions};

use crate::Error;

/// The first bytes of every zchunk file.
const MAGIC: [u8; 5] = *b"\0ZCK1";
/// Bytes that the header of a file may have: 64 MiB, enough for three million chunks.
const MAX_HEADER: u64 = 64 << 20;
/// Bytes that one chunk may have, compressed or open: 64 MiB. libzck ends chunks at 10 MiB unless told otherwise.
const MAX_CHUNK: u64 = 64 << 20;

/// Whether a file that starts with these bytes (five are enough) is a zchunk file.
pub fn is_zchunk(start: &[u8]) -> bool {
    start.starts_with(&MAGIC)
}

/// Reads a whole zchunk file, checks every checksum and size in it, and returns its header. Any bytes may be given:
/// what is no sound file is an error, and memory stays within the bounds of [`Reader`].
///
/// # Errors
/// As [`Reader::new`] and reading it.
pub fn verify(from: impl Read, what: &str) -> Result<Header, Error> {
    let mut reader = Reader::new(from, what)?;
    io::copy(&mut reader, &mut io::sink())?;
    Ok(reader.into_header())
}
