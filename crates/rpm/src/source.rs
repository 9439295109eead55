//! The bytes of a package file from its start, and how far they have been read.

use std::io::{self, BufRead};

use crate::Error;

/// Bytes reserved before any have come: what a header claims to have is believed only as it arrives.
const FIRST_RESERVE: u64 = 1 << 20;

pub(crate) struct Source<R> {
    from: R,
    /// Bytes read so far: where in the file the next one stands.
    pub(crate) offset: u64,
}

impl<R: BufRead> Source<R> {
    pub(crate) fn new(from: R) -> Self {
        Self { from, offset: 0 }
    }

    /// Exactly `N` bytes.
    pub(crate) fn array<const N: usize>(&mut self, part: &'static str) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        let mut rest = bytes.as_mut_slice();
        self.pass(N as u64, part, |piece| {
            let (start, end) = std::mem::take(&mut rest).split_at_mut(piece.len());
            start.copy_from_slice(piece);
            rest = end;
        })?;
        Ok(bytes)
    }

    /// Exactly `size` bytes, with memory for them taken only as they come.
    pub(crate) fn bytes(&mut self, size: u64, part: &'static str) -> Result<Vec<u8>, Error> {
        let mut bytes = Vec::with_capacity(usize::try_from(size.min(FIRST_RESERVE)).unwrap_or(0));
        self.pass(size, part, |piece| bytes.extend_from_slice(piece))?;
        Ok(bytes)
    }

    /// Passes by `size` bytes, piece by piece.
    pub(crate) fn pass(&mut self, size: u64, part: &'static str, mut piece: impl FnMut(&[u8])) -> Result<(), Error> {
        let mut left = size;
        while left > 0 {
            let got = match self.from.fill_buf() {
                Ok([]) => return Err(Error::Truncated { part, offset: Some(self.offset) }),
                Ok(got) => got,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(Error::reading(part, self.offset, error)),
            };
            let count = got.len().min(usize::try_from(left).unwrap_or(usize::MAX));
            piece(got.split_at(count).0);
            self.from.consume(count);
            self.offset = self.offset.saturating_add(count as u64);
            left = left.saturating_sub(count as u64);
        }
        Ok(())
    }
}
