//! Records with what all three documents say of them, one at a time.

use std::collections::HashMap;
use std::io::Read;

use super::stream::{Package, PackageStream, Parsed, parse, parse_fast};
use super::{Unusual, pkgid, primary};
use crate::{Document, Error, Record};

/// The packages of primary.xml, each with its files and changes as filelists.xml and other.xml have them, where these
/// are given. Ends after the first error.
///
/// All documents are read once, in step: what stands there earlier than in primary waits in memory as text. A package
/// that filelists or other lack keeps what primary says of it.
pub fn joined<'r>(
    from: impl Read + Send + 'r,
    filelists: Option<Box<dyn Read + Send + 'r>>,
    other: Option<Box<dyn Read + Send + 'r>>,
) -> impl Iterator<Item = Result<Record, Error>> + Send {
    let mut records = primary(from).peekable();
    let mut parts = [(filelists, Document::Filelists), (other, Document::Other)]
        .map(|(from, document)| from.map(|from| Part::new(from, document)));
    let mut failed = false;
    std::iter::from_fn(move || {
        if failed {
            return None;
        }
        let mut joined = records.next()?;
        // The same file under two locations may have a single element in the others.
        let again = match (&joined, records.peek()) {
            (Ok(record), Some(Ok(next))) => record.checksum.hex == next.checksum.hex,
            _ => false,
        };
        for part in parts.iter_mut().flatten() {
            joined = joined.and_then(|record| part.join(record, again));
        }
        failed = joined.is_err();
        Some(joined)
    })
}

/// One of the documents beside primary.
struct Part<'r> {
    document: Document,
    stream: PackageStream<'r>,
    /// Elements that have been passed and not been asked for, by their package's checksum.
    early: HashMap<String, String>,
}

impl<'r> Part<'r> {
    fn new(from: Box<dyn Read + Send + 'r>, document: Document) -> Self {
        Self { document, stream: PackageStream::new(from, document), early: HashMap::new() }
    }

    /// Adds to a record what the document says of its package; `again` says that the next will ask for the same.
    fn join(&mut self, mut record: Record, again: bool) -> Result<Record, Error> {
        match self.find(&record.checksum.hex, again)? {
            Some(Parsed::Files(package)) => (record.files, record.file_digest) = (package.files, package.digest),
            Some(Parsed::Changelogs(package)) => record.changelogs = package.changelogs,
            Some(Parsed::Primary(_)) | None => {}
        }
        Ok(record)
    }

    fn find(&mut self, sought: &str, again: bool) -> Result<Option<Parsed>, Error> {
        if let Some(text) = self.early.remove(sought) {
            let found = parse_fast(self.document, &text)?;
            if again {
                self.early.insert(sought.to_owned(), text);
            }
            return Ok(Some(found));
        }
        while let Some(package) = self.stream.next()? {
            let written;
            let (id, text) = match package {
                Package::Text(text) => match pkgid(text) {
                    Ok(id) => (id.text().trim().to_ascii_lowercase(), text),
                    Err(Unusual) => {
                        written = element(parse(self.document, text)?, self.document);
                        (written.0, written.1.as_str())
                    }
                },
                Package::Parsed(parsed) => {
                    written = element(*parsed, self.document);
                    (written.0, written.1.as_str())
                }
            };
            if id != sought {
                self.early.entry(id).or_insert_with(|| text.to_owned());
                continue;
            }
            let found = parse_fast(self.document, text)?;
            if again {
                self.early.insert(id, text.to_owned());
            }
            return Ok(Some(found));
        }
        Ok(None)
    }
}

/// The checksum of a parsed package, and its element as we would write it.
fn element(parsed: Parsed, document: Document) -> (String, String) {
    let id = match &parsed {
        Parsed::Primary(record) => record.checksum.hex.clone(),
        Parsed::Files(package) => package.pkgid.clone(),
        Parsed::Changelogs(package) => package.pkgid.clone(),
    };
    let mut text = super::visit::rendered(parsed, document);
    text.truncate(text.trim_end().len());
    (id, text)
}
