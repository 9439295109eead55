//! The text of one source's packages in one document, in whatever order they are asked for.

use std::borrow::Cow;
use std::path::Path;

use super::stash::Stash;
use crate::read::{self, FilelistsView, OtherView, Package, PackageStream, Parsed, PrimaryView};
use crate::source::Source;
use crate::{Document, Error, Fragments, RenderOptions, xml};

/// Goes through a document once. Asked for packages in the document's own order it keeps nothing.
pub(super) struct Lookup<'a> {
    source: &'a Source,
    /// What is written.
    document: Document,
    /// What it is made of: filelists where a source has no filelists-ext.
    read: Document,
    stream: Option<PackageStream<'static>>,
    /// How often each key will still be asked for.
    wanted: Vec<u32>,
    /// Number of the next package in primary.
    next: u32,
    stash: Stash,
    render: RenderOptions,
    /// The text that was taken last, with its newline.
    text: String,
}

impl<'a> Lookup<'a> {
    pub(super) fn new(
        source: &'a Source,
        document: Document,
        folder: &Path,
        render: RenderOptions,
        indexes: impl Iterator<Item = usize>,
    ) -> Result<Self, Error> {
        let mut wanted = vec![0u32; source.entries.len()];
        let mut any = false;
        for index in indexes {
            any = true;
            if let Some(count) = key(source, document, index).and_then(|key| wanted.get_mut(key as usize)) {
                *count = count.saturating_add(1);
            }
        }
        let read = match document {
            Document::FilelistsExt if source.record(document).is_none() => Document::Filelists,
            _ => document,
        };
        let stream = if any { Some(source.packages(read)?) } else { None };
        let (stash, text) = (Stash::new(folder), String::new());
        Ok(Self { source, document, read, stream, wanted, next: 0, stash, render, text })
    }

    /// The element of a package, by its index in the source's primary, with a newline at its end.
    pub(super) fn take(&mut self, index: usize) -> Result<Cow<'_, str>, Error> {
        let (source, read) = (self.source, self.read);
        let missing = || Error::Missing {
            what: format!("{}: {}", source.name, read.kind()),
            package: source.entries.get(index).map(|entry| entry.nevra.to_string()).unwrap_or_default(),
        };
        let key = key(self.source, self.document, index).ok_or_else(missing)?;
        let left = self.wanted.get_mut(key as usize).ok_or_else(missing)?;
        *left = left.saturating_sub(1);
        let again = *left > 0;
        if let Some(text) = self.stash.take(key)? {
            if again {
                self.stash.put(key, &text)?;
            }
            return Ok(Cow::Owned(text));
        }
        loop {
            match self.advance(key)? {
                None => return Err(missing()),
                Some(found) if found == key => {
                    if again {
                        self.stash.put(key, &self.text)?;
                    }
                    return Ok(Cow::Borrowed(&self.text));
                }
                Some(other) => self.stash.put(other, &self.text)?,
            }
        }
    }

    /// Reads the next package that is `sought` or wanted later into `text`; returns its key.
    fn advance(&mut self, sought: u32) -> Result<Option<u32>, Error> {
        let Some(stream) = &mut self.stream else { return Ok(None) };
        let named = |error| match error {
            Error::Metadata { what, reason } => {
                Error::Metadata { what: format!("{}: {what}", self.source.name), reason }
            }
            other => other,
        };
        loop {
            let Some(package) = stream.next().map_err(named)? else { return Ok(None) };
            self.text.clear();
            let key = match (self.document, &package) {
                (Document::Primary, _) => {
                    self.next = self.next.saturating_add(1);
                    Some(self.next - 1)
                }
                (_, Package::Text(text)) => read::pkgid(text).ok().and_then(|pkgid| self.source.id(&pkgid.text())),
                (_, Package::Parsed(parsed)) => match &**parsed {
                    Parsed::Files(files) => self.source.id(&files.pkgid),
                    Parsed::Changelogs(changelogs) => self.source.id(&changelogs.pkgid),
                    Parsed::Primary(_) => None,
                },
            };
            let is_wanted = |key: &u32| *key == sought || self.wanted.get(*key as usize).is_some_and(|left| *left > 0);
            let Some(key) = key.filter(is_wanted) else { continue };
            match package {
                Package::Text(text)
                    if self.read == self.document
                        && is_as_rendered(self.document, text, self.render, checksum(self.source, key)) =>
                {
                    self.text.push_str(text);
                    self.text.push('\n');
                }
                other => {
                    let parsed = match other {
                        Package::Text(text) => read::parse_fast(self.read, text).map_err(named)?,
                        Package::Parsed(parsed) => *parsed,
                    };
                    if matches!(&parsed, Parsed::Primary(record) if record.checksum.hex != checksum(self.source, key)) {
                        let what = format!("{}: {}", self.source.name, self.document.kind());
                        return Err(Error::metadata(what, "it changed while it was read; try again"));
                    }
                    render(parsed, self.document, self.render, &mut self.text);
                }
            }
            return Ok(Some(key));
        }
    }
}

/// What a package is looked for by: its place in primary, and its checksum in the other documents.
fn key(source: &Source, document: Document, index: usize) -> Option<u32> {
    match document {
        Document::Primary => u32::try_from(index).ok().filter(|_| index < source.entries.len()),
        _ => source.ids.get(index).copied(),
    }
}

/// The checksum of the package that a key stands for.
fn checksum(source: &Source, key: u32) -> &str {
    // A key is the place of a package in primary, or of the first one that has the checksum.
    source.entries.get(key as usize).map_or("", |entry| &entry.checksum.hex)
}

/// Whether an element may be taken over as it is: it is well-formed, laid out as we would, and names the package by its
/// checksum as primary does, to the letter: clients compare no other way.
fn is_as_rendered(document: Document, text: &str, options: RenderOptions, pkgid: &str) -> bool {
    let pretty = text.split_once('>').is_some_and(|(_, behind)| behind.starts_with('\n'));
    let named = |written: read::Raw<'_>| written.as_written() == pkgid;
    pretty == options.pretty
        // Clients read no document with these, and all would have to go without the others' packages.
        && matches!(xml::valid(text), Cow::Borrowed(_))
        && memchr::memmem::find(text.as_bytes(), b"]]>").is_none()
        && match document {
            Document::Primary => PrimaryView::parse(text).is_ok_and(|view| named(view.checksum)),
            Document::Filelists | Document::FilelistsExt => FilelistsView::parse(text).is_ok_and(|v| named(v.pkgid)),
            Document::Other => OtherView::parse(text).is_ok_and(|view| named(view.pkgid)),
        }
}

/// Appends the element of a parsed package.
fn render(parsed: Parsed, document: Document, options: RenderOptions, to: &mut String) {
    let record = parsed.into_record();
    let mut fragments = Fragments::default();
    let filelists_ext = document == Document::FilelistsExt;
    record.render_into(RenderOptions { filelists_ext, ..options }, &mut fragments);
    to.push_str(document.part(&fragments));
}
