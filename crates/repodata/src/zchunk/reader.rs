//! Reading zchunk files.

use std::io::{self, BufReader, Read};
use std::path::Path;

use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};

use super::{Codec, Header};
use crate::Error;
use crate::checksum::Hasher;

/// First size of a buffer for an open chunk. It grows only as bytes arrive, whatever the header says.
const FIRST_BUFFER: usize = 256 << 10;

/// The open data of a zchunk file, as a stream. A chunk is given out only after its checksum was found right; the
/// checksum of all data is looked at before the end is told. Holds one chunk at a time, compressed and open: at most
/// 64 MiB each, the same for the dictionary, and 128 MiB for the window of a zstd frame.
pub struct Reader<R> {
    from: R,
    what: String,
    header: Header,
    /// The chunk to read next.
    next: usize,
    decoder: Decoder<'static>,
    data: Option<Hasher>,
    packed: Vec<u8>,
    open: Vec<u8>,
    /// Bytes of `open` already given out.
    given: usize,
    state: State,
}

/// What reading comes to after the current chunk.
#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Reading,
    Ended,
    Failed,
}

impl Reader<BufReader<fs_err::File>> {
    /// Opens a zchunk file.
    ///
    /// # Errors
    /// As [`Reader::new`], and the file cannot be opened.
    pub fn open(path: &Path) -> Result<Self, Error> {
        let file = BufReader::with_capacity(128 << 10, fs_err::File::open(path)?);
        Self::new(file, path.display().to_string())
    }
}

impl<R: Read> Reader<R> {
    /// Reads the header of a zchunk file, and its dictionary. `from` should be buffered; `what` names it in errors.
    ///
    /// # Errors
    /// As [`Header::read`]; the dictionary is damaged. Reading fails with [`io::ErrorKind::InvalidData`] for a chunk
    /// that does not match its checksum or sizes, a file that is cut short, and bytes after the last chunk.
    pub fn new(mut from: R, what: impl Into<String>) -> Result<Self, Error> {
        let what = what.into();
        let header = Header::read(&mut from, &what)?;
        let data = header.data_checksum.as_ref().map(|checksum| checksum.kind.hasher());
        let mut reader = Self {
            from,
            what,
            header,
            next: 0,
            decoder: Decoder::new()?,
            data,
            packed: Vec::new(),
            open: Vec::new(),
            given: 0,
            state: State::Reading,
        };
        reader.read_chunk()?;
        if !reader.open.is_empty() {
            reader.decoder = Decoder::with_dictionary(&reader.open)
                .map_err(|e| reader.bad(format!("its dictionary cannot be used: {e}")))?;
            reader.open = Vec::new();
        }
        Ok(reader)
    }

    /// The file's header.
    pub fn header(&self) -> &Header {
        &self.header
    }

    pub(super) fn into_header(self) -> Header {
        self.header
    }

    fn bad(&self, reason: impl Into<String>) -> Error {
        Error::metadata(&self.what, reason)
    }

    /// Reads the next chunk into `open`. At the end, checks what can be checked only there.
    fn read_chunk(&mut self) -> Result<(), Error> {
        self.open.clear();
        self.given = 0;
        let number = self.next;
        let Some(info) = self.header.chunk(number) else { return self.end() };
        self.next += 1;
        self.packed.clear();
        let got = self.from.by_ref().take(info.size).read_to_end(&mut self.packed)?;
        if got as u64 != info.size {
            return Err(self.bad(format!("the file ends within chunk {number}")));
        }
        if let Some(data) = &mut self.data {
            data.update(&self.packed);
        }
        // What libzck calls the checksum of nothing, and, by the format, that of a chunk stored as it is.
        let zeros = info.checksum.iter().all(|byte| *byte == 0);
        let stored = zeros && self.header.uncompressed_source && info.size == info.open_size;
        let kind = self.header.chunk_checksum;
        let right = if info.size == 0 { zeros } else { stored || info.checksum == kind.of(&self.packed) };
        if !right {
            return Err(self.bad(format!("chunk {number} does not match its checksum")));
        }
        if self.header.codec == Codec::None || stored {
            std::mem::swap(&mut self.open, &mut self.packed);
        } else {
            decompress(&mut self.decoder, &self.packed, info.open_size as usize, &mut self.open)
                .map_err(|reason| Error::metadata(&self.what, format!("chunk {number}: {reason}")))?;
        }
        // Nothing is to be found in an open file by the dictionary's, and libzck does not fill it in.
        if number > 0 && info.open_checksum.is_some_and(|sum| info.size > 0 && sum != kind.of(&self.open)) {
            return Err(self.bad(format!("chunk {number} does not match the checksum of its open bytes")));
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Error> {
        self.state = State::Ended;
        if let (Some(data), Some(expected)) = (self.data.take(), &self.header.data_checksum) {
            let (found, _) = data.finish();
            if found != *expected {
                return Err(self.bad(format!("the checksum of the data is {found}, not {expected}")));
            }
        }
        let mut more = Vec::new();
        if self.from.by_ref().take(1).read_to_end(&mut more)? != 0 {
            return Err(self.bad("there are bytes after the last chunk"));
        }
        Ok(())
    }
}

/// Decompresses one chunk, which must come to exactly `size` bytes.
fn decompress(decoder: &mut Decoder<'_>, packed: &[u8], size: usize, open: &mut Vec<u8>) -> Result<(), String> {
    decoder.reinit().map_err(|e| e.to_string())?;
    let mut input = InBuffer::around(packed);
    let mut filled = 0;
    // A chunk of no bytes has no frame.
    let mut in_frame = false;
    while in_frame || input.pos() < packed.len() {
        if filled == open.len() {
            open.resize(size.min(FIRST_BUFFER.max(filled.saturating_mul(2))), 0);
        }
        let before = input.pos();
        let mut output = OutBuffer::around(open.get_mut(filled..).unwrap_or_default());
        let hint = decoder.run(&mut input, &mut output).map_err(|e| e.to_string())?;
        let written = output.pos();
        filled += written;
        in_frame = hint != 0;
        if in_frame && written == 0 && input.pos() == before {
            let wrong = if filled == size { "it opens to more than" } else { "its frame ends before" };
            return Err(format!("{wrong} the {size} bytes that the header says"));
        }
    }
    open.truncate(filled);
    if filled == size { Ok(()) } else { Err(format!("it opens to {filled} bytes, not to {size} as the header says")) }
}

impl<R: Read> Read for Reader<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if buffer.is_empty() {
            return Ok(0);
        }
        loop {
            let rest = self.open.get(self.given..).unwrap_or_default();
            if !rest.is_empty() {
                let count = rest.len().min(buffer.len());
                if let (Some(to), Some(from)) = (buffer.get_mut(..count), rest.get(..count)) {
                    to.copy_from_slice(from);
                }
                self.given += count;
                return Ok(count);
            }
            match self.state {
                State::Reading => {}
                State::Ended => return Ok(0),
                State::Failed => {
                    return Err(io::Error::new(io::ErrorKind::InvalidData, self.bad("reading failed before")));
                }
            }
            if let Err(error) = self.read_chunk() {
                self.state = State::Failed;
                self.open.clear();
                return Err(match error {
                    Error::Io(error) => error,
                    other => io::Error::new(io::ErrorKind::InvalidData, other),
                });
            }
        }
    }
}
