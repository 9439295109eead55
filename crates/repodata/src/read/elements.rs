//! XML as a stream of elements and texts: what all our readers stand on.

use std::io::{self, BufRead, Read};

use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::{Reader, XmlVersion};

use crate::{Error, Warning};

/// Bytes of XML that one package may take. rpm allows headers of 256 MiB, and file paths grow in XML.
pub(crate) const MAX_PACKAGE: u64 = 1 << 30;
/// Elements inside elements. Metadata have six at most; libxml2 stops at 256 too.
pub(crate) const MAX_DEPTH: u32 = 256;
/// Attributes of one element. Metadata have six at most, and each takes ten times its bytes in memory.
const MAX_ATTRIBUTES: usize = 1000;
/// Warnings kept until they are taken. A hostile file may have one for each of its elements.
const MAX_WARNINGS: usize = 100;

/// An element's start or end. Names are without namespace prefix; an empty element is a start and an end.
#[derive(Debug)]
pub(crate) enum Token {
    Start(String, Vec<(String, String)>),
    End(String),
    Eof,
}

/// An element's attributes in the order of the document, names with their prefix (`xml:base`).
pub(crate) type Attributes = [(String, String)];

/// The value of an attribute, if it is there.
pub(crate) fn optional(attributes: &Attributes, name: &str) -> Option<String> {
    attributes.iter().find(|(key, _)| key == name).map(|(_, value)| value.clone())
}

/// The value of an attribute, empty if it is not there.
pub(crate) fn attribute<'a>(attributes: &'a Attributes, name: &str) -> &'a str {
    attributes.iter().find(|(key, _)| key == name).map_or("", |(_, value)| value)
}

/// Pulls tokens from XML.
pub(crate) struct Elements<R: BufRead> {
    reader: Reader<Metered<R>>,
    buffer: Vec<u8>,
    what: &'static str,
    depth: u32,
    warnings: Vec<Warning>,
}

impl<R: BufRead> Elements<R> {
    /// `what` names the document in errors.
    pub(crate) fn new(from: R, what: &'static str) -> Self {
        Self::bounded(from, what, MAX_PACKAGE)
    }

    /// As [`Self::new`], with `limit` bytes for each element that [`Self::start_package`] starts (or for all, where it
    /// is not called).
    pub(crate) fn bounded(from: R, what: &'static str, limit: u64) -> Self {
        let mut reader = Reader::from_reader(Metered { from, left: limit, limit });
        reader.config_mut().expand_empty_elements = true;
        Self { reader, buffer: Vec::new(), what, depth: 0, warnings: Vec::new() }
    }

    /// Notes something odd, with the place. Only the first [`MAX_WARNINGS`] are kept until they are taken.
    pub(crate) fn warn(&mut self, reason: impl std::fmt::Display) {
        if self.warnings.len() < MAX_WARNINGS {
            let place = self.reader.buffer_position();
            self.warnings.push(Warning::new(self.what, format!("{reason} (near byte {place})")));
        }
    }

    /// Hands over the warnings so far.
    pub(crate) fn take_warnings(&mut self) -> Vec<Warning> {
        std::mem::take(&mut self.warnings)
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

    /// Allows another package's share of bytes.
    pub(crate) fn start_package(&mut self) {
        let metered = self.reader.get_mut();
        metered.left = metered.limit;
    }

    /// Goes into the document's first element, which must be `root`.
    pub(crate) fn enter(&mut self, root: &str) -> Result<(), Error> {
        match self.next()? {
            Token::Start(name, _) if name == root => Ok(()),
            Token::Start(name, _) => {
                let shown: String = name.chars().take(40).collect();
                Err(self.error(format!("it starts with <{shown}>, not <{root}>")))
            }
            Token::End(_) | Token::Eof => Err(self.error(format!("there is no <{root}> in it"))),
        }
    }

    /// Reads the children of the element whose start was read last, up to its end. `child` gets each child's name and
    /// attributes; it reads the child up to its end and returns true, or reads nothing of it and returns false: then it
    /// is passed over with a warning.
    pub(crate) fn children(
        &mut self,
        mut child: impl FnMut(&mut Self, &str, &Attributes) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        loop {
            match self.next()? {
                Token::Start(name, attributes) => {
                    if !child(self, &name, &attributes)? {
                        self.skip_unknown(&name)?;
                    }
                }
                Token::End(_) => return Ok(()),
                Token::Eof => return Err(self.error("the file is truncated")),
            }
        }
    }

    /// Passes over an element that the reader does not know, with a warning.
    pub(crate) fn skip_unknown(&mut self, name: &str) -> Result<(), Error> {
        let shown: String = name.chars().take(40).collect();
        self.warn(format!("the unknown element <{shown}> is passed over"));
        self.skip()
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
                Event::Start(start) | Event::Empty(start) => {
                    if self.depth >= MAX_DEPTH {
                        return Err(failed(format!("over {MAX_DEPTH} elements inside each other; refused")));
                    }
                    self.depth += 1;
                    return token(&start).map_err(failed);
                }
                Event::End(end) => {
                    self.depth = self.depth.saturating_sub(1);
                    return Ok(Token::End(end.local_name().as_ref().to_owned()));
                }
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
        if attributes.len() >= MAX_ATTRIBUTES {
            return Err(format!("over {MAX_ATTRIBUTES} attributes of <{name}>; refused"));
        }
        let attribute = attribute.map_err(|e| format!("a malformed attribute of <{name}>: {e}"))?;
        // As the XML specification says (3.3.3): a line end or a tab is a blank, unless it is written as a reference.
        let value = attribute
            .normalized_value(XmlVersion::Implicit1_0)
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
    limit: u64,
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
            return Err(io::Error::other(format!("one element takes over {} bytes; refused", self.limit)));
        }
        self.from.fill_buf()
    }

    fn consume(&mut self, amount: usize) {
        self.left = self.left.saturating_sub(amount as u64);
        self.from.consume(amount);
    }
}
