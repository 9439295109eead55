//! One package of a document after the other: cut out fast where the document is written as usual, by the general
//! reader where it is not.

use std::io::{BufReader, Read};

use super::elements::Elements;
use super::packages::{self, Packages};
use super::scan::{Piece, Scanner};
use super::tokens::{Token, Tokens, Unusual};
use super::view::{FilelistsView, OtherView, PrimaryView};
use super::{PackageChangelogs, PackageFiles};
use crate::{Document, Error, Record};

/// What comes next in a document.
#[derive(Debug)]
pub(crate) enum Package<'a> {
    /// A `<package>` element as it stands there. It may be taken over into another document of the same kind.
    Text(&'a str),
    /// What the general reader made of one.
    Parsed(Box<Parsed>),
}

/// A package of one of the documents.
#[derive(Debug)]
#[expect(clippy::large_enum_variant, reason = "there is one at a time, boxed where it is kept")]
pub(crate) enum Parsed {
    Primary(Record),
    Files(PackageFiles),
    Changelogs(PackageChangelogs),
}

type General<'r> = Packages<BufReader<Box<dyn Read + Send + 'r>>>;

enum State<'r> {
    Start(Scanner<Box<dyn Read + Send + 'r>>),
    Fast(Scanner<Box<dyn Read + Send + 'r>>),
    General(Box<General<'r>>),
    Done,
}

/// The packages of a document.
pub(crate) struct PackageStream<'r> {
    document: Document,
    state: State<'r>,
    /// What `packages` of the root says.
    announced: Option<u64>,
}

impl<'r> PackageStream<'r> {
    pub(crate) fn new(from: Box<dyn Read + Send + 'r>, document: Document) -> Self {
        Self { document, state: State::Start(Scanner::new(from, document)), announced: None }
    }

    /// How many packages the document's root announces, once the first has been read; `None` if it says nothing, or in
    /// a way that only the general reader understands.
    pub(crate) fn announced(&self) -> Option<u64> {
        self.announced
    }

    /// The next package; `None` behind the last one. Ends after the first error.
    pub(crate) fn next(&mut self) -> Result<Option<Package<'_>>, Error> {
        let document = self.document;
        if let State::Start(scanner) = &mut self.state {
            let head = scanner.head()?;
            self.announced = head.as_deref().and_then(|head| announced(head, document));
            let usual = head.as_deref().is_some_and(|head| is_usual(head, document));
            let State::Start(scanner) = std::mem::replace(&mut self.state, State::Done) else { return Ok(None) };
            self.state = match (usual, head) {
                (true, _) => State::Fast(scanner),
                (false, head) => {
                    let head = std::io::Cursor::new(head.unwrap_or_default().into_bytes());
                    State::General(Box::new(general(Box::new(head.chain(scanner.rest())), document, false)))
                }
            };
        }
        if let State::Fast(scanner) = &mut self.state {
            match scanner.advance()? {
                Piece::Package => {}
                Piece::End => self.state = State::Done,
                Piece::Odd => {
                    let State::Fast(scanner) = std::mem::replace(&mut self.state, State::Done) else { return Ok(None) };
                    self.state = State::General(Box::new(general(Box::new(scanner.rest()), document, true)));
                }
            }
        }
        match &mut self.state {
            State::Fast(scanner) => {
                let (bytes, position) = scanner.package();
                let text = std::str::from_utf8(bytes).map_err(|error| {
                    let at = position.saturating_add(error.valid_up_to() as u64);
                    Error::metadata(document.kind(), format!("it is not UTF-8 at byte {at}"))
                })?;
                Ok(Some(Package::Text(text)))
            }
            // It ends after the first error by itself.
            State::General(packages) => {
                Ok(packages.next().transpose()?.map(|parsed| Package::Parsed(Box::new(parsed))))
            }
            State::Start(_) | State::Done => Ok(None),
        }
    }
}

/// A general reader; `inside` says that the root's start has been passed already.
fn general<'r>(from: Box<dyn Read + Send + 'r>, document: Document, inside: bool) -> General<'r> {
    let from = BufReader::with_capacity(128 << 10, from);
    Packages::new(from, document, inside)
}

/// Whether a document begins as they all do: a declaration, then the root, with the usual prefix for rpm's elements.
fn is_usual(head: &str, document: Document) -> bool {
    let head = head.trim_start_matches('\u{FEFF}').trim_start();
    let head = match head.strip_prefix("<?xml") {
        None => head,
        Some(declaration) => {
            let Some((declaration, rest)) = declaration.split_once("?>") else { return false };
            let declaration = declaration.to_ascii_lowercase();
            if declaration.contains("encoding") && !declaration.contains("utf-8") {
                return false;
            }
            rest.trim_start()
        }
    };
    let mut tokens = Tokens::new(head);
    let Ok(Some(Token::Start { name, empty: false })) = tokens.next() else { return false };
    let declares_rpm = tokens.attribute("xmlns:rpm").as_written() == "http://linux.duke.edu/metadata/rpm";
    let alone = head.get(tokens.position()..).is_some_and(|rest| rest.trim().is_empty());
    name == document.root() && alone && (declares_rpm || document != Document::Primary)
}

/// The number of packages that a document's head announces.
fn announced(head: &str, document: Document) -> Option<u64> {
    let (_, root) = head.rsplit_once(&format!("<{} ", document.root()))?;
    let (_, count) = root.split_once(" packages=").or_else(|| root.split_once("packages="))?;
    count.trim_start_matches(['"', '\'']).split(['"', '\'']).next()?.trim().parse().ok()
}

/// Reads one package, fast if that can be.
pub(crate) fn parse_fast(document: Document, text: &str) -> Result<Parsed, Error> {
    let parsed = match document {
        Document::Primary => PrimaryView::parse(text).and_then(|view| view.to_record()).map(Parsed::Primary),
        Document::Filelists | Document::FilelistsExt => {
            FilelistsView::parse(text).and_then(|view| view.to_files()).map(Parsed::Files)
        }
        Document::Other => OtherView::parse(text).map(|view| Parsed::Changelogs(view.to_changelogs())),
    };
    parsed.or_else(|Unusual| parse(document, text))
}

/// Reads one package that the fast reader found unusual.
pub(crate) fn parse(document: Document, text: &str) -> Result<Parsed, Error> {
    let mut elements = Elements::new(text.as_bytes(), document.kind());
    packages::package(&mut elements, document)?
        .ok_or_else(|| Error::metadata(document.kind(), "there is no package where one should start"))
}
