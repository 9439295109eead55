//! Opening a repository, and reading what the index does not hold.

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use copr_repodata::comps::{self, Comps};
use copr_repodata::{Document, FileKind, Record, Repomd, RepomdRecord, modules, read};

use crate::index::Builder;
use crate::text::{clean, cut, line};
use crate::{Error, Group, Index, Package, TopChange, groups};

/// Characters of a change's text on the page of the latest changes and in the feed.
const CHANGE: usize = 2000;
/// Bytes of comps.xml and modules.yaml, decompressed.
const EXTRA: u64 = 256 << 20;

/// A repository in a folder.
#[derive(Debug)]
pub struct Repository {
    dir: PathBuf,
    repomd: Repomd,
    index: Index,
}

impl Repository {
    /// Opens the repository in `dir`, which has `repodata/repomd.xml`, and reads its index. Every file that is read is checked
    /// against repomd.xml. Memory: the index, some 500 bytes a package. `progress` is told how many packages have been read.
    ///
    /// # Errors
    /// Metadata are missing, malformed, or not what repomd.xml says. Groups that cannot be read are as good as none.
    pub fn open(dir: &Path, title: &str, progress: &mut dyn FnMut(u64)) -> Result<Self, Error> {
        let repomd = Repomd::open(&dir.join("repodata/repomd.xml"))?;
        Self::of(dir, repomd, title, progress)
    }

    /// As [`Repository::open`], of a repomd.xml that has been read.
    ///
    /// # Errors
    /// As [`Repository::open`].
    pub fn of(dir: &Path, repomd: Repomd, title: &str, progress: &mut dyn FnMut(u64)) -> Result<Self, Error> {
        let primary = path(dir, &repomd, Document::Primary)?.ok_or_else(no_primary)?;
        let mut builder = Builder::default();
        let mut count = 0;
        read::each_primary(read::open(&primary)?, |view| {
            builder.add(view);
            count += 1;
            progress(count);
            Ok(())
        })?;
        if builder.wants_files()
            && let Some(filelists) = path(dir, &repomd, Document::Filelists)?
        {
            read::each_filelists(read::open(&filelists)?, |view| {
                builder.files(&view.pkgid.text(), view.files.iter().map(|file| file.path));
                Ok(())
            })?;
        }
        let mut index = builder.finish(title, &repomd.revision);
        index.set_groups(groups_of(dir, &repomd, &index));
        if let Some(other) = path(dir, &repomd, Document::Other)? {
            top_changes(&other, &mut index)?;
        }
        Ok(Self { dir: dir.to_owned(), repomd, index })
    }

    /// What all pages need.
    pub fn index(&self) -> &Index {
        &self.index
    }

    /// The folder.
    pub(crate) fn dir(&self) -> &Path {
        &self.dir
    }

    /// Everything that the metadata say of one package. Where they were written by this library a segment of each document
    /// is read (some milliseconds), else each document up to the package.
    ///
    /// # Errors
    /// The metadata cannot be read, or were replaced and the package with them ([`Error::Changed`]).
    pub fn record(&self, package: &Package) -> Result<Record, Error> {
        let gone = || Error::Changed(package.nevra());
        let of = |document| -> Result<Option<Record>, Error> {
            let Some(record) = entry(&self.repomd, document) else { return Ok(None) };
            let path = read::inside(&self.dir, &record.location_href)?;
            match read::single(&path, document, u64::from(package.number), &package.pkgid) {
                Ok(record) => Ok(record),
                Err(_) if !path.exists() => Err(gone()),
                Err(error) => Err(error.into()),
            }
        };
        let mut record = of(Document::Primary)?.ok_or_else(gone)?;
        if let Some(files) = of(Document::Filelists)? {
            (record.files, record.file_digest) = (files.files, files.file_digest);
        }
        if let Some(changes) = of(Document::Other)? {
            record.changelogs = changes.changelogs;
        }
        Ok(record)
    }

    /// All packages in the order of primary, with their files and changes.
    pub(crate) fn records(&self) -> Result<impl Iterator<Item = Result<Record, copr_repodata::Error>> + Send, Error> {
        let open = |document| -> Result<Option<Box<dyn std::io::Read + Send>>, Error> {
            let path = path(&self.dir, &self.repomd, document)?;
            let open = path.map(|path| read::open(&path)).transpose()?;
            Ok(open.map(|open| Box::new(open) as Box<dyn std::io::Read + Send>))
        };
        let primary = open(Document::Primary)?.ok_or_else(no_primary)?;
        Ok(read::joined(primary, open(Document::Filelists)?, open(Document::Other)?))
    }
}

fn no_primary() -> Error {
    let reason = "it names no primary metadata".to_owned();
    copr_repodata::Error::Metadata { what: "repomd.xml".to_owned(), reason }.into()
}

/// What repomd.xml says of a document, or of its zchunk form where there is no other.
fn entry(repomd: &Repomd, document: Document) -> Option<&RepomdRecord> {
    repomd.record(document.kind()).or_else(|| repomd.record(document.zchunk_kind()))
}

/// The file of a document, which has the right checksum.
fn path(dir: &Path, repomd: &Repomd, document: Document) -> Result<Option<PathBuf>, Error> {
    Ok(entry(repomd, document).map(|entry| read::verified(dir, entry)).transpose()?)
}

/// The groups of a repository. They are for people only, so what is wrong with them stops nothing.
fn groups_of(dir: &Path, repomd: &Repomd, index: &Index) -> Vec<Group> {
    let find = |name: &str| index.find(name).and_then(|number| u32::try_from(number).ok());
    let open = |kinds: &[&str]| {
        let record = kinds.iter().find_map(|kind| repomd.record(kind))?;
        read::open_bounded(&read::verified(dir, record).ok()?, EXTRA).ok()
    };
    let comps = open(&["group", "group_gz", "group_xz", "group_zst"])
        .and_then(|text| comps::read(text, &mut |_| ()).ok())
        .unwrap_or_else(Comps::default);
    let mut found = groups::of_comps(&comps, find);
    if let Some(documents) = open(&["modules"]).and_then(|text| modules::read(text, &mut |_| ()).ok()) {
        found.extend(groups::of_modules(&documents, find));
    }
    if found.is_empty() {
        let group_of = |name: &crate::Name| index.packages().get(name.first as usize).map_or("", |head| &head.group);
        found = groups::of_packages(index.names(), group_of);
    }
    found
}

/// Reads the newest entries of the change logs of what was built latest.
fn top_changes(other: &Path, index: &mut Index) -> Result<(), Error> {
    let mut wanted: HashMap<Box<str>, usize> = HashMap::new();
    for (place, change) in index.latest().iter().enumerate() {
        if let Some(package) = index.packages().get(change.package as usize) {
            wanted.insert(package.pkgid.clone(), place);
        }
    }
    let mut found: Vec<(usize, TopChange)> = Vec::new();
    read::each_other(read::open(other)?, |view| {
        if let Some(place) = wanted.get(&*view.pkgid.text().trim().to_ascii_lowercase())
            && let Some(change) = view.changelogs.iter().max_by_key(|change| change.time)
        {
            let text = cut(clean(&change.text.text()).trim(), CHANGE);
            found.push((*place, TopChange { author: line(&change.author.text(), 200), text }));
        }
        Ok(())
    })?;
    for (place, top) in found {
        if let Some(change) = index.latest_mut().get_mut(place) {
            change.top = Some(top);
        }
    }
    Ok(())
}

/// The word for a kind of file; none for a plain one.
pub(crate) fn file_word(kind: FileKind) -> &'static str {
    match kind {
        FileKind::Plain => "",
        FileKind::Dir => "folder",
        FileKind::Ghost => "ghost",
    }
}
