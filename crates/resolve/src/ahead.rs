//! A reader that another thread fills.

use std::io::{self, Read};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// Bytes that are handed over at a time, and how many such pieces are under way.
const PIECE: usize = 256 << 10;
const PIECES: usize = 6;

/// Calls `work` with a reader of what another thread reads from `from`.
///
/// # Errors
/// There can be no more threads.
pub(crate) fn reading_ahead<T>(from: impl Read + Send, work: impl FnOnce(Ahead) -> T) -> io::Result<T> {
    let (full_to, full) = sync_channel(PIECES);
    let (empty_to, empty) = sync_channel(PIECES);
    for _ in 0..PIECES {
        // There is room for all of them.
        let _ = empty_to.send(vec![0; PIECE]);
    }
    std::thread::scope(|scope| {
        std::thread::Builder::new().spawn_scoped(scope, move || fill(from, &empty, &full_to))?;
        Ok(work(Ahead { full, empty: empty_to, piece: Vec::new(), at: 0, end: 0 }))
    })
}

/// Reads pieces until the end, an error, or until nobody wants them.
fn fill(mut from: impl Read, empty: &Receiver<Vec<u8>>, full: &SyncSender<io::Result<(Vec<u8>, usize)>>) {
    while let Ok(mut piece) = empty.recv() {
        let mut filled = 0;
        let result = loop {
            match from.read(piece.get_mut(filled..).unwrap_or_default()) {
                Ok(0) => break Ok(()),
                Ok(count) => filled += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => break Err(error),
            }
        };
        if filled > 0 && full.send(Ok((piece, filled))).is_err() {
            return;
        }
        match result {
            Err(error) => {
                let _ = full.send(Err(error));
                return;
            }
            Ok(()) if filled < PIECE => return,
            Ok(()) => {}
        }
    }
}

/// What the other thread has read.
pub(crate) struct Ahead {
    full: Receiver<io::Result<(Vec<u8>, usize)>>,
    empty: SyncSender<Vec<u8>>,
    piece: Vec<u8>,
    at: usize,
    end: usize,
}

impl Read for Ahead {
    fn read(&mut self, to: &mut [u8]) -> io::Result<usize> {
        if self.at == self.end {
            let Ok(next) = self.full.recv() else { return Ok(0) };
            let (piece, end) = next?;
            let old = std::mem::replace(&mut self.piece, piece);
            (self.at, self.end) = (0, end);
            if !old.is_empty() {
                let _ = self.empty.send(old);
            }
        }
        let left = self.piece.get(self.at..self.end).unwrap_or_default();
        let count = left.len().min(to.len());
        if let (Some(to), Some(from)) = (to.get_mut(..count), left.get(..count)) {
            to.copy_from_slice(from);
        }
        self.at += count;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_bytes_come_in_order() {
        let bytes: Vec<u8> = (0..5_000_000_u32).map(|n| (n % 251) as u8).collect();
        for length in [0, 1, PIECE, PIECE + 1, bytes.len()] {
            let mut read = Vec::new();
            let from = bytes.get(..length).unwrap();
            reading_ahead(from, |mut ahead| ahead.read_to_end(&mut read)).unwrap().unwrap();
            assert!(read == from, "{length} bytes");
        }
    }

    #[test]
    fn an_error_comes_after_the_bytes_before_it() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("broken"))
            }
        }
        let mut read = Vec::new();
        let result = reading_ahead((&b"abc"[..]).chain(Broken), |mut ahead| ahead.read_to_end(&mut read)).unwrap();
        assert_eq!((result.unwrap_err().to_string().as_str(), read.as_slice()), ("broken", &b"abc"[..]));
    }

    #[test]
    fn a_reader_that_is_dropped_ends_the_other_thread() {
        reading_ahead(io::repeat(1), |mut ahead| ahead.read_exact(&mut [0; 100])).unwrap().unwrap();
    }
}
