//! Documents made of packages that are taken over from other repositories, as text, and of new ones.
//!
//! One thread a document: it goes through the packages in their new order, takes the text of each from where it is and
//! hands it to a [`DocumentWriter`]. Nothing holds a whole document: texts that come in another order than they are
//! needed wait in a [`Stash`], which spills to disk.

mod lookup;
mod stash;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::Receiver;

use crate::document::{DocumentOptions, DocumentWriter};
use crate::metadata_file::MetadataFile;
use crate::read::{PrimaryView, Unusual};
use crate::render::push_location;
use crate::source::Source;
use crate::{Document, Error, RenderOptions};

use lookup::Lookup;

/// One package of the new repository.
#[derive(Debug, Clone)]
pub(crate) enum Item {
    /// Taken over from a source.
    Old {
        /// Index of the source.
        source: usize,
        /// Index of the package in the source's primary.
        index: usize,
        /// Where it lies now, if not where it lay.
        location: Option<Box<Location>>,
    },
    /// The next ones that the document's channel of new packages gives.
    New {
        /// How many packages there are to be.
        packages: usize,
    },
}

impl Item {
    /// How many packages there are to be.
    pub(crate) fn packages(&self) -> usize {
        match self {
            Self::Old { .. } => 1,
            Self::New { packages } => *packages,
        }
    }
}

/// New packages of one document: their text, and how many they turned out to be.
#[derive(Debug, Default)]
pub(crate) struct Part {
    pub(crate) packages: usize,
    pub(crate) text: String,
}

/// Where a package lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Location {
    pub(crate) href: String,
    pub(crate) base: Option<String>,
}

/// For every document, a part for each [`Item::New`], in order.
pub(crate) type Fresh = Vec<(Document, Receiver<Part>)>;

/// What is assembled.
pub(crate) struct Assembly<'a> {
    pub(crate) sources: &'a [Source],
    pub(crate) items: &'a [Item],
    /// Where the files are written, under the names of their kinds.
    pub(crate) folder: &'a Path,
    pub(crate) options: DocumentOptions,
    pub(crate) render: RenderOptions,
}

impl Assembly<'_> {
    /// Writes the documents that `fresh` has channels for, in parallel, in that order.
    pub(crate) fn write(&self, fresh: Fresh) -> Result<Vec<MetadataFile>, Error> {
        let mut results: Vec<Result<Option<MetadataFile>, Error>> = Vec::new();
        std::thread::scope(|scope| {
            let threads: Vec<_> = fresh
                .into_iter()
                .map(|(document, fresh)| scope.spawn(move || self.document(document, &fresh)))
                .collect();
            results.extend(threads.into_iter().map(|thread| {
                thread.join().unwrap_or_else(|_| Err(Error::metadata("metadata", "a writing thread died")))
            }));
        });
        // One that failed makes the reading end, and so all others. What is told is why the first one did.
        let files: Vec<Option<MetadataFile>> = results.into_iter().collect::<Result<_, _>>()?;
        let ended = || Error::metadata("metadata", "the reading of packages ended early");
        files.into_iter().map(|file| file.ok_or_else(ended)).collect()
    }

    /// Writes one document; `None` if its channel ended before all new packages came.
    fn document(&self, document: Document, fresh: &Receiver<Part>) -> Result<Option<MetadataFile>, Error> {
        let path = self.path(document);
        let expected = self.items.iter().map(Item::packages).sum();
        let mut writer = DocumentWriter::create(document, path, self.options.clone(), expected)?;
        let mut lookups = Vec::with_capacity(self.sources.len());
        for (number, source) in self.sources.iter().enumerate() {
            let wanted = self.items.iter().filter_map(|item| match item {
                Item::Old { source, index, .. } if *source == number => Some(*index),
                _ => None,
            });
            lookups.push(Lookup::new(source, document, self.folder, self.render, wanted)?);
        }
        let mut count = 0;
        let mut edited = String::new();
        for item in self.items {
            match item {
                Item::New { .. } => {
                    let Ok(part) = fresh.recv() else { return Ok(None) };
                    writer.push(part.text.as_bytes(), part.packages)?;
                    count += part.packages;
                }
                Item::Old { source, index, location } => {
                    let lookup =
                        lookups.get_mut(*source).ok_or_else(|| Error::metadata("sources", "one is missing"))?;
                    let text = lookup.take(*index)?;
                    match location.as_deref().filter(|_| document == Document::Primary) {
                        None => writer.push(text.as_bytes(), 1)?,
                        Some(location) => {
                            edited.clear();
                            relocate(&text, location, &mut edited)?;
                            writer.push(edited.as_bytes(), 1)?;
                        }
                    }
                    count += 1;
                }
            }
        }
        writer.finish(count).map(Some)
    }

    fn path(&self, document: Document) -> PathBuf {
        self.folder.join(document.kind())
    }
}

/// Appends a package of primary with another location.
fn relocate(text: &str, location: &Location, to: &mut String) -> Result<(), Error> {
    let unusual = |Unusual| Error::metadata("primary", "a package cannot be moved to another place");
    let (from, until) = PrimaryView::parse(text).map_err(unusual)?.location_at;
    let (Some(before), Some(behind)) = (text.get(..from), text.get(until..)) else { return Err(unusual(Unusual)) };
    to.push_str(before);
    push_location(to, location.base.as_deref(), &location.href);
    to.push_str(behind);
    Ok(())
}

/// A pool of `workers` threads (0: one a processor) for reading and compressing.
pub(crate) fn pool(workers: usize) -> Result<Arc<rayon::ThreadPool>, Error> {
    rayon::ThreadPoolBuilder::new()
        .num_threads(workers)
        .build()
        .map(Arc::new)
        .map_err(|e| Error::metadata("threads", format!("cannot start {workers} workers: {e}")))
}

/// Channels without new packages, for documents that are only taken over.
pub(crate) fn nothing_fresh(documents: &[Document]) -> Fresh {
    documents.iter().map(|document| (*document, std::sync::mpsc::channel().1)).collect()
}
