//! XML as a stream of elements and texts: what all our readers stand on.

use std::io::{self, BufRead, Read};

use quick_xml::Reader;
use quick_xml::events::{BytesRef, BytesStart, Event};

use crate::Error;

/// Bytes of XML that one package may take. rpm allows headers of 256 MiB, and file paths grow in XML.
pub(crate) const MAX_PACKAGE: u64 = 1 << 30;

/// An element's start or end. Names are without namespace prefix; an empty element is a start and an end.
#[derive(Debug)]
pub(crate) enum Token {
    Start(String, Vec<(String, String)>),
    End(String),
    Eof,
}

/// The value of an attribute, empty if it is not there.
pub(crate) fn attribute<'a>(attributes: &'a [(String, String)], name: &str) -> &'a str {
    attributes.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
}

/// Pulls tokens from XML.
pub(crate) struct Elements<R: BufRead> {
    reader: Reader<Metered<R>>,
    buffer: Vec<u8>,
    what: &'static str,
}

impl<R: BufRead> Elements<R> {
    /// `what` names the document in errors.
    pub(crate) fn new(from: R, what: &'static str) -> Self {
        let mut reader = Reader::from_reader(Metered { from, left: MAX_PACKAGE });
        reader.config_mut().expand_empty_elements = true;
        Self { reader, buffer: Vec::new(), what }
    }

    /// For a document whose root's start has been read by somebody else.
    pub(crate) fn inside(from: R, what: &'static str) -> Self {
        let mut elements = Self::new(from, what);
        elements.reader.config_mut().allow_unmatched_ends = true;
        elements
    }

    /// An error that names the document and the place.
    pub(crate) fn error(&self, reason: impl std::fmt::Display) -> Error {
        Error::metadata(self.what, format!("{reason} (near byte {})", self.reader.buffer_position()))
    }

    /// Allows another [`MAX_PACKAGE`] bytes.
    pub(crate) fn start_package(&mut self) {
        self.reader.get_mut().left = MAX_PACKAGE;
    }

    /// The next start or end; texts and all else are passed over.
    pub(crate) fn next(&mut self) -> Result<Token, Error> {
        self.step(&mut None)
    }

    /// The text of the element whose start was read last, up to its end. Elements inside are passed over.
    pub(crate) fn text(&mut self) -> Result<String, Error> {
        let mut text = Some(String::new());
        let mut depth = 0u32;
        loop {
            match self.step(&mut text)? {
                Token::Start(..) => depth += 1,
                Token::End(_) if depth == 0 => return Ok(text.unwrap_or_default()),
                Token::End(_) => depth -= 1,
                Token::Eof => return Err(self.error("the file is truncated")),
            }
        }
    }

    /// Passes over the element whose start was read last.
    pub(crate) fn skip(&mut self) -> Result<(), Error> {
        let mut depth = 0u32;
        loop {
            match self.next()? {
                Token::Start(..) => depth += 1,
                Token::End(_) if depth == 0 => return Ok(()),
                Token::End(_) => depth -= 1,
                Token::Eof => return Err(self.error("the file is truncated")),
            }
        }
    }

    /// Goes to the next start or end; texts on the way are added to `text`, if wanted.
    fn step(&mut self, text: &mut Option<String>) -> Result<Token, Error> {
        loop {
            self.buffer.clear();
            let what = self.what;
            let failed = |reason: String| Error::metadata(what, reason);
            let event = self.reader.read_event_into(&mut self.buffer);
            match event.map_err(|e| failed(format!("it is not well-formed XML: {e}")))? {
                Event::Start(start) | Event::Empty(start) => return token(&start).map_err(failed),
                Event::End(end) => return Ok(Token::End(end.local_name().as_ref().to_owned())),
                Event::Eof => return Ok(Token::Eof),
                Event::Text(part) => {
                    if let Some(text) = text {
                        text.push_str(&part.xml10_content());
                    }
                }
                Event::CData(part) => {
                    if let Some(text) = text {
                        text.push_str(&part.xml10_content());
                    }
                }
                Event::GeneralRef(reference) => {
                    if let Some(text) = text {
                        text.push(character(&reference).map_err(failed)?);
                    }
                }
                Event::Comment(_) | Event::Decl(_) | Event::PI(_) | Event::DocType(_) => {}
            }
        }
    }
}

fn token(start: &BytesStart<'_>) -> Result<Token, String> {
    let name = start.local_name().as_ref().to_owned();
    let mut attributes = Vec::new();
    for attribute in start.attributes().with_checks(false) {
        let attribute = attribute.map_err(|e| format!("a malformed attribute of <{name}>: {e}"))?;
        let value = quick_xml::escape::unescape(&attribute.value)
            .map_err(|e| format!("a malformed attribute of <{name}>: {e}"))?
            .into_owned();
        attributes.push((attribute.key.as_ref().to_owned(), value));
    }
    Ok(Token::Start(name, attributes))
}

/// The character that `&name;` or `&#n;` stands for.
fn character(reference: &BytesRef<'_>) -> Result<char, String> {
    if let Some(c) = reference.resolve_char_ref().map_err(|e| format!("a malformed character reference: {e}"))? {
        return Ok(c);
    }
    match reference.as_ref() {
        "amp" => Ok('&'),
        "lt" => Ok('<'),
        "gt" => Ok('>'),
        "quot" => Ok('"'),
        "apos" => Ok('\''),
        name => Err(format!("the unknown entity `&{};`", name.chars().take(40).collect::<String>())),
    }
}

/// Stops reading when one package takes too much.
struct Metered<R> {
    from: R,
    left: u64,
}

impl<R: BufRead> Read for Metered<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let available = self.fill_buf()?;
        let count = available.len().min(buffer.len());
        for (to, from) in buffer.iter_mut().zip(available) {
            *to = *from;
        }
        self.consume(count);
        Ok(count)
    }
}

impl<R: BufRead> BufRead for Metered<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.left == 0 {
            return Err(io::Error::other(format!("one element takes over {MAX_PACKAGE} bytes; refused")));
        }
        self.from.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.left = self.left.saturating_sub(amount as u64);
        self.from.consume(amount);
    }
}
