//! Streaming over a document without making anything of its own for each package.

use std::io::Read;

use super::stream::{Package, PackageStream, Parsed, parse};
use super::tokens::Unusual;
use super::view::{FilelistsView, OtherView, PrimaryView};
use crate::{Document, Error, Fragments, Record};

/// Hands every package of primary.xml to `visit`, as slices of the text. Memory stays at a few packages' text.
///
/// # Errors
/// The first that reading or `visit` gives.
pub fn each_primary(
    from: impl Read + Send,
    mut visit: impl FnMut(&PrimaryView<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    each(from, Document::Primary, |text| Ok(visit(&PrimaryView::parse(text)?)))
}

/// Hands every package of filelists.xml to `visit`, as [`each_primary`] does.
///
/// # Errors
/// The first that reading or `visit` gives.
pub fn each_filelists(
    from: impl Read + Send,
    mut visit: impl FnMut(&FilelistsView<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    each(from, Document::Filelists, |text| Ok(visit(&FilelistsView::parse(text)?)))
}

/// Hands every package of other.xml to `visit`, as [`each_primary`] does.
///
/// # Errors
/// The first that reading or `visit` gives.
pub fn each_other(
    from: impl Read + Send,
    mut visit: impl FnMut(&OtherView<'_>) -> Result<(), Error>,
) -> Result<(), Error> {
    each(from, Document::Other, |text| Ok(visit(&OtherView::parse(text)?)))
}

/// `visit` gets the text of each package; what it finds unusual it gets again as we would write it.
fn each(
    from: impl Read + Send,
    document: Document,
    mut visit: impl FnMut(&str) -> Result<Result<(), Error>, Unusual>,
) -> Result<(), Error> {
    let mut stream = PackageStream::new(Box::new(from), document);
    while let Some(package) = stream.next()? {
        let parsed = match package {
            Package::Text(text) => match visit(text) {
                Ok(result) => {
                    result?;
                    continue;
                }
                Err(Unusual) => parse(document, text)?,
            },
            Package::Parsed(parsed) => *parsed,
        };
        let odd = |Unusual| Error::metadata(document.kind(), "a package cannot be read as it would be written");
        visit(rendered(parsed, document).trim_end()).map_err(odd)??;
    }
    Ok(())
}

/// The element of a parsed package, as it would be written.
pub(super) fn rendered(parsed: Parsed, document: Document) -> String {
    let mut fragments = Fragments::default();
    parsed.into_record().render_into(crate::RenderOptions::default(), &mut fragments);
    document.part(&fragments).to_owned()
}

impl Parsed {
    /// A record with what the document said.
    pub(crate) fn into_record(self) -> Record {
        match self {
            Self::Primary(record) => record,
            Self::Files(package) => package.into(),
            Self::Changelogs(package) => package.into(),
        }
    }
}
