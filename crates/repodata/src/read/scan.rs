//! Cutting a document into its packages, without parsing them.

use std::io::{self, Read};

use memchr::memmem;

use super::elements::MAX_PACKAGE;
use crate::{Document, Error};

/// Bytes that may stand before the first package.
const MAX_HEAD: usize = 64 << 10;
const READ: usize = 256 << 10;
const START: &[u8] = b"<package";
const END: &[u8] = b"</package>";

/// What comes next in a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A package: [`Scanner::package`] gives it.
    Package,
    /// Something else, or something that cannot be cut without parsing: [`Scanner::rest`] gives it with all behind.
    Odd,
    /// The root's end.
    End,
}

/// Cuts a document into packages.
pub(crate) struct Scanner<R> {
    from: R,
    document: Document,
    buffer: Vec<u8>,
    /// What of the buffer has not been handed out.
    start: usize,
    filled: usize,
    /// Whether the source has ended.
    ended: bool,
    /// Where in the buffer the last package stands.
    last: (usize, usize),
    /// Bytes handed out or passed over before the buffer's start, for messages.
    passed: u64,
    end: memmem::Finder<'static>,
    again: memmem::Finder<'static>,
    odd: memmem::Finder<'static>,
}

impl<R: Read> Scanner<R> {
    pub(crate) fn new(from: R, document: Document) -> Self {
        Self {
            from,
            document,
            buffer: Vec::new(),
            start: 0,
            filled: 0,
            last: (0, 0),
            ended: false,
            passed: 0,
            end: memmem::Finder::new(END),
            again: memmem::Finder::new(START),
            odd: memmem::Finder::new("<!"),
        }
    }

    fn unread(&self) -> &[u8] {
        self.buffer.get(self.start..self.filled).unwrap_or_default()
    }

    /// The last package, from `<package` to `</package>`, with its offset in the document.
    pub(crate) fn package(&self) -> (&[u8], u64) {
        let (begin, end) = self.last;
        (self.buffer.get(begin..end).unwrap_or_default(), self.passed.saturating_add(begin as u64))
    }

    /// Reads more, keeping what has not been handed out; false at the end of the source.
    fn fill(&mut self) -> Result<bool, Error> {
        if self.ended {
            return Ok(false);
        }
        if self.buffer.len() - self.filled < READ / 2 {
            if self.start > 0 {
                self.buffer.copy_within(self.start..self.filled, 0);
                self.passed = self.passed.saturating_add(self.start as u64);
                self.filled -= self.start;
                self.start = 0;
            }
            if self.buffer.len() - self.filled < READ {
                // Twice as much each time, so that one long package is not copied over and over.
                let larger = (self.buffer.len() * 2).max(2 * READ);
                if self.filled as u64 > MAX_PACKAGE {
                    let reason = format!("one package takes over {MAX_PACKAGE} bytes; refused");
                    return Err(Error::metadata(self.document.kind(), reason));
                }
                self.buffer.resize(larger, 0);
            }
        }
        loop {
            match self.from.read(self.buffer.get_mut(self.filled..).unwrap_or_default()) {
                Ok(0) => {
                    self.ended = true;
                    return Ok(false);
                }
                Ok(got) => {
                    self.filled += got;
                    return Ok(true);
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Everything before the first package or the root's end, if that is what stands there as usual.
    pub(crate) fn head(&mut self) -> Result<Option<String>, Error> {
        loop {
            let unread = self.unread();
            let searched = unread.get(..unread.len().min(MAX_HEAD)).unwrap_or_default();
            let package =
                memmem::find(searched, START).filter(|at| is_package(searched.get(*at..).unwrap_or_default()));
            let end = memmem::find(searched, b"</");
            if let Some(at) = package.into_iter().chain(end).min() {
                let head = std::str::from_utf8(unread.get(..at).unwrap_or_default()).ok().map(str::to_owned);
                if head.is_some() {
                    self.start += at;
                }
                return Ok(head);
            }
            if unread.len() >= MAX_HEAD || !self.fill()? {
                return Ok(None);
            }
        }
    }

    /// Goes to what comes next.
    pub(crate) fn advance(&mut self) -> Result<Piece, Error> {
        // The bytes that decide are at hand, or the source has ended.
        loop {
            let unread = self.unread();
            let blank = unread.iter().position(|c| !c.is_ascii_whitespace()).unwrap_or(unread.len());
            self.start += blank;
            if self.unread().len() > START.len() || !self.fill()? {
                break;
            }
        }
        if self.unread().starts_with(b"</") {
            return Ok(Piece::End);
        }
        if !is_package(self.unread()) {
            return Ok(Piece::Odd);
        }
        let mut searched = START.len();
        let length = loop {
            let unread = self.unread();
            let tail = unread.get(searched..).unwrap_or_default();
            if let Some(at) = self.end.find(tail) {
                break searched + at + END.len();
            }
            searched = unread.len().saturating_sub(END.len() - 1).max(START.len());
            if !self.fill()? {
                return Ok(Piece::Odd);
            }
        };
        let begin = self.start;
        let package = self.buffer.get(begin..begin + length).unwrap_or_default();
        // Inside comments and the like an end may be none; and an empty element (`<package/>`) has none of its own.
        let again = self.again.find_iter(package).skip(1).any(|at| is_package(package.get(at..).unwrap_or_default()));
        if again || self.odd.find(package).is_some() {
            return Ok(Piece::Odd);
        }
        self.last = (begin, begin + length);
        self.start += length;
        Ok(Piece::Package)
    }

    /// All that has not been handed out.
    pub(crate) fn rest(self) -> impl Read + use<R> {
        let Self { buffer, start, filled, from, .. } = self;
        let mut cursor = io::Cursor::new(buffer);
        cursor.set_position(start as u64);
        cursor.take((filled - start) as u64).chain(from)
    }
}

/// Whether an element of that very name starts here.
fn is_package(text: &[u8]) -> bool {
    text.starts_with(START) && text.get(START.len()).is_some_and(|c| c.is_ascii_whitespace() || *c == b'>')
}
