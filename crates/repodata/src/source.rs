//! A repository on disk that packages are taken over from.

use std::collections::HashMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use copr_rpm::Nevra;
use rayon::prelude::*;

use crate::read::{self, Package, PackageStream, Parsed, PrimaryView, Unusual};
use crate::{Checksum, Document, Error, Record, Repomd, RepomdRecord};

/// What must be known of a package to decide whether it is taken over, and where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) nevra: Nevra,
    pub(crate) href: String,
    pub(crate) base: Option<String>,
    pub(crate) checksum: Checksum,
    pub(crate) sourcerpm: String,
    pub(crate) time_file: u64,
    pub(crate) time_build: u64,
    pub(crate) size_package: u64,
}

impl Entry {
    fn of_view(view: &PrimaryView<'_>) -> Result<Self, Unusual> {
        Ok(Self {
            nevra: view.nevra.to_nevra(),
            href: view.location_href.text().into_owned(),
            base: Some(view.location_base).filter(|base| !base.is_empty()).map(|base| base.text().into_owned()),
            checksum: view.checksum()?,
            sourcerpm: view.sourcerpm.text().into_owned(),
            time_file: view.time_file,
            time_build: view.time_build,
            size_package: view.size_package,
        })
    }

    pub(crate) fn of_record(record: &Record) -> Self {
        Self {
            nevra: record.nevra.clone(),
            href: record.location_href.clone(),
            base: record.location_base.clone(),
            checksum: record.checksum.clone(),
            sourcerpm: record.sourcerpm.clone(),
            time_file: record.time_file,
            time_build: record.time_build,
            size_package: record.size_package,
        }
    }

    /// The order in which `createrepo_c` writes packages: by file name, then by folder.
    pub(crate) fn order(&self) -> (&str, &str) {
        file_order(&self.href)
    }

    /// The name of the source package, or of the package itself where none is told: what changes together.
    pub(crate) fn source_name(&self) -> &str {
        source_name(&self.sourcerpm).unwrap_or(&self.nevra.name)
    }
}

/// File name and folder of an `href`, in which order packages are written.
pub(crate) fn file_order(href: &str) -> (&str, &str) {
    href.rsplit_once('/').map_or((href, ""), |(folder, name)| (name, folder))
}

/// `bash` of `bash-5.2.26-3.fc41.src.rpm`.
pub(crate) fn source_name(sourcerpm: &str) -> Option<&str> {
    let mut parts = sourcerpm.rsplitn(3, '-');
    parts.next()?;
    parts.next()?;
    parts.next().filter(|name| !name.is_empty())
}

/// A repository with its packages indexed.
#[derive(Debug)]
pub(crate) struct Source {
    dir: PathBuf,
    /// How messages name it: where it was asked for.
    pub(crate) name: String,
    pub(crate) repomd: Repomd,
    /// In the order of primary.
    pub(crate) entries: Vec<Entry>,
    /// For every entry, a number that it shares only with entries of the same checksum.
    pub(crate) ids: Vec<u32>,
    by_pkgid: HashMap<String, u32>,
}

impl Source {
    /// Opens the repository in `dir`: every document that will be read is checked against repomd.xml, and primary
    /// is read.
    pub(crate) fn open(dir: &Path) -> Result<Self, Error> {
        Self::open_as(dir, &dir.display().to_string())
    }

    /// As [`Source::open`], with another name in messages.
    pub(crate) fn open_as(dir: &Path, name: &str) -> Result<Self, Error> {
        let repomd = Repomd::read(&fs_err::read(dir.join("repodata/repomd.xml"))?)?;
        Self::of(dir, name, repomd)
    }

    /// As [`Source::open`], of a repomd.xml that has been read already.
    pub(crate) fn of(dir: &Path, name: &str, repomd: Repomd) -> Result<Self, Error> {
        Self::reading(dir, name, repomd, &Document::ALL)
    }

    /// As [`Source::of`], where only some documents will be read. Primary always is.
    pub(crate) fn reading(dir: &Path, name: &str, repomd: Repomd, documents: &[Document]) -> Result<Self, Error> {
        let mut source = Self {
            dir: dir.to_owned(),
            name: name.to_owned(),
            repomd,
            entries: Vec::new(),
            ids: Vec::new(),
            by_pkgid: HashMap::new(),
        };
        // All sums are known to be right before the first byte is believed.
        let named: Vec<Document> = documents.iter().copied().filter(|d| source.record(*d).is_some()).collect();
        named.into_par_iter().try_for_each(|document| source.verified(document).map(|_| ()))?;
        source.index()?;
        Ok(source)
    }

    /// The record of a document, or of its zchunk form where there is no other.
    pub(crate) fn record(&self, document: Document) -> Option<&RepomdRecord> {
        self.repomd.record(document.kind()).or_else(|| self.repomd.record(document.zchunk_kind()))
    }

    fn verified(&self, document: Document) -> Result<PathBuf, Error> {
        let missing = || {
            let kind = document.kind();
            Error::metadata(
                format!("{}: repomd.xml", self.name),
                format!("it names no {kind} metadata; make them anew from the packages"),
            )
        };
        read::verified(&self.dir, self.record(document).ok_or_else(missing)?)
    }

    /// The packages of a document.
    pub(crate) fn packages(&self, document: Document) -> Result<PackageStream<'static>, Error> {
        let record = self.record(document).ok_or_else(|| {
            Error::metadata(format!("{}: repomd.xml", self.name), format!("it names no {} metadata", document.kind()))
        })?;
        let text: Box<dyn Read + Send> = Box::new(read::open(&read::inside(&self.dir, &record.location_href)?)?);
        Ok(PackageStream::new(text, document))
    }

    fn index(&mut self) -> Result<(), Error> {
        let mut stream = self.packages(Document::Primary)?;
        while let Some(package) = stream.next()? {
            let parsed = match package {
                Package::Text(text) => match PrimaryView::parse_start(text).and_then(|view| Entry::of_view(&view)) {
                    Ok(entry) => {
                        self.add(entry);
                        continue;
                    }
                    Err(Unusual) => read::parse(Document::Primary, text)?,
                },
                Package::Parsed(parsed) => *parsed,
            };
            if let Parsed::Primary(record) = parsed {
                self.add(Entry::of_record(&record));
            }
        }
        Ok(())
    }

    fn add(&mut self, entry: Entry) {
        let next = u32::try_from(self.entries.len()).unwrap_or(u32::MAX);
        let id = match self.by_pkgid.get(&entry.checksum.hex) {
            Some(id) => *id,
            None => {
                self.by_pkgid.insert(entry.checksum.hex.clone(), next);
                next
            }
        };
        self.ids.push(id);
        self.entries.push(entry);
    }

    /// The number of a checksum, if a package has it.
    pub(crate) fn id(&self, pkgid: &str) -> Option<u32> {
        match self.by_pkgid.get(pkgid) {
            Some(id) => Some(*id),
            None => self.by_pkgid.get(&pkgid.trim().to_ascii_lowercase()).copied(),
        }
    }

    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_source_package_is_known_by_its_name() {
        assert_eq!(source_name("gcc-c++-13-1.src.rpm"), Some("gcc-c++"));
        assert_eq!(source_name("nonsense.rpm"), None);
        assert_eq!(source_name(""), None);
    }
}
