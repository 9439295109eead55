//! Streaming readers of metadata files.
//!
//! [`primary`], [`filelists`] and [`other`] read one package at a time; [`each_primary`] and its like hand out slices of
//! the text instead, several times faster; [`joined`] reads the three documents together; [`single`] reads one package; [`open`]
//! decompresses a file for them; [`load`] reads a whole repository.
//!
//! Packages are cut out and read by a scanner that knows XML as every tool writes it; whatever it finds unusual it leaves
//! to the general reader, so the same records come out. Unknown elements are passed over and missing ones left empty, as
//! repositories in the wild need it; what no client could use (no name, no checksum, no location) is an error.

mod elements;
mod joined;
mod open;
mod packages;
mod scan;
mod single;
mod stream;
mod tokens;
mod view;
mod visit;

use std::collections::HashMap;
use std::io::Read;
use std::path::{Component, Path, PathBuf};

use copr_rpm::{Changelog, Nevra};

use crate::{Checksum, ChecksumKind, Document, Error, File, Record, Repomd, RepomdRecord};

pub(crate) use elements::{Attributes, Elements, MAX_DEPTH, Token, attribute, optional};
pub use joined::joined;
pub use open::{DEFAULT_SIZE_LIMIT, open, open_bounded};
pub use single::single;
pub(crate) use stream::{Package, PackageStream, Parsed, parse, parse_fast};
pub use tokens::Raw;
pub(crate) use tokens::Unusual;
pub use view::{ChangeView, EntryView, FileView, FilelistsView, NevraView, OtherView, PrimaryView};
pub(crate) use view::{package_name, pkgid};
pub use visit::{each_filelists, each_other, each_primary};

/// What filelists say about one package.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PackageFiles {
    /// The package's checksum.
    pub pkgid: String,
    /// Its full name.
    pub nevra: Nevra,
    /// Kind of the files' digests, if the document has them (filelists-ext).
    pub digest: Option<ChecksumKind>,
    /// All its files.
    pub files: Vec<File>,
}

/// What other.xml says about one package.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PackageChangelogs {
    /// The package's checksum.
    pub pkgid: String,
    /// Its full name.
    pub nevra: Nevra,
    /// Its changes, oldest first.
    pub changelogs: Vec<Changelog>,
}

impl From<PackageFiles> for Record {
    /// A record of nothing but identity and files. That its checksum is SHA-256 is assumed, as filelists do not tell.
    fn from(package: PackageFiles) -> Self {
        let checksum = Checksum { hex: package.pkgid, ..Checksum::default() };
        Self { checksum, nevra: package.nevra, file_digest: package.digest, files: package.files, ..Self::default() }
    }
}

impl From<PackageChangelogs> for Record {
    /// A record of nothing but identity and changes. That its checksum is SHA-256 is assumed, as other.xml does not tell.
    fn from(package: PackageChangelogs) -> Self {
        let checksum = Checksum { hex: package.pkgid, ..Checksum::default() };
        Self { checksum, nevra: package.nevra, changelogs: package.changelogs, ..Self::default() }
    }
}

/// The packages of primary.xml: records with primary files only and without changes. Ends after the first error.
pub fn primary<'r>(from: impl Read + Send + 'r) -> impl Iterator<Item = Result<Record, Error>> + Send {
    owned(
        from,
        Document::Primary,
        |text| PrimaryView::parse(text)?.to_record(),
        |parsed| match parsed {
            Parsed::Primary(record) => Some(record),
            _ => None,
        },
    )
}

/// The packages of filelists.xml. Ends after the first error.
pub fn filelists<'r>(from: impl Read + Send + 'r) -> impl Iterator<Item = Result<PackageFiles, Error>> + Send {
    files_of(from, Document::Filelists)
}

/// The packages of filelists-ext.xml. Ends after the first error.
pub fn filelists_ext<'r>(from: impl Read + Send + 'r) -> impl Iterator<Item = Result<PackageFiles, Error>> {
    files_of(from, Document::FilelistsExt)
}

fn files_of<'r>(
    from: impl Read + Send + 'r,
    document: Document,
) -> impl Iterator<Item = Result<PackageFiles, Error>> + Send {
    owned(
        from,
        document,
        |text| FilelistsView::parse(text)?.to_files(),
        |parsed| match parsed {
            Parsed::Files(files) => Some(files),
            _ => None,
        },
    )
}

/// The packages of other.xml. Ends after the first error.
pub fn other<'r>(from: impl Read + Send + 'r) -> impl Iterator<Item = Result<PackageChangelogs, Error>> + Send {
    owned(
        from,
        Document::Other,
        |text| OtherView::parse(text).map(|view| view.to_changelogs()),
        |parsed| match parsed {
            Parsed::Changelogs(changelogs) => Some(changelogs),
            _ => None,
        },
    )
}

/// The packages of a document, by the fast reader where it can.
fn owned<'r, T>(
    from: impl Read + Send + 'r,
    document: Document,
    fast: fn(&str) -> Result<T, Unusual>,
    general: fn(Parsed) -> Option<T>,
) -> impl Iterator<Item = Result<T, Error>> + Send {
    let mut stream = PackageStream::new(Box::new(from), document);
    let mut done = false;
    std::iter::from_fn(move || {
        if done {
            return None;
        }
        let item = (|| {
            let parsed = match stream.next()? {
                None => return Ok(None),
                Some(Package::Parsed(parsed)) => *parsed,
                Some(Package::Text(text)) => match fast(text) {
                    Ok(item) => return Ok(Some(item)),
                    Err(Unusual) => parse(document, text)?,
                },
            };
            Ok(general(parsed))
        })();
        done = !matches!(item, Ok(Some(_)));
        item.transpose()
    })
}

/// All records of a repository on disk, primary, filelists and other together, in the order of primary. A repository
/// without filelists or other gives records without them.
///
/// # Errors
/// `dir/repodata/repomd.xml` or what it names is missing, malformed or does not match its checksum.
pub fn load(dir: &Path) -> Result<Vec<Record>, Error> {
    let repomd = Repomd::open(&dir.join("repodata/repomd.xml"))?;
    let entry = |kind| repomd.record(kind);
    let primary_entry =
        entry("primary").ok_or_else(|| Error::metadata("repomd.xml", "it names no primary metadata"))?;
    let mut records = primary(open(&verified(dir, primary_entry)?)?).collect::<Result<Vec<_>, _>>()?;
    let mut by_id: HashMap<String, Vec<usize>> = HashMap::with_capacity(records.len());
    for (index, record) in records.iter().enumerate() {
        by_id.entry(record.checksum.hex.clone()).or_default().push(index);
    }
    let mut each = |pkgid: &str, set: &mut dyn FnMut(&mut Record)| {
        for index in by_id.get(pkgid).into_iter().flatten() {
            if let Some(record) = records.get_mut(*index) {
                set(record);
            }
        }
    };
    if let Some(entry) = entry("filelists") {
        for package in filelists(open(&verified(dir, entry)?)?) {
            let package = package?;
            each(&package.pkgid, &mut |record| record.files.clone_from(&package.files));
        }
    }
    if let Some(entry) = entry("other") {
        for package in other(open(&verified(dir, entry)?)?) {
            let package = package?;
            each(&package.pkgid, &mut |record| record.changelogs.clone_from(&package.changelogs));
        }
    }
    Ok(records)
}

/// The path of a metadata file, checked to lie inside the repository and to have the size and checksum that
/// repomd.xml says.
///
/// # Errors
/// It does not, or cannot be read.
pub fn verified(dir: &Path, entry: &RepomdRecord) -> Result<PathBuf, Error> {
    let path = inside(dir, &entry.location_href)?;
    let mismatch = |reason| Error::Mismatch { what: path.display().to_string(), reason };
    let file = fs_err::File::open(&path)?;
    let size = file.metadata()?.len();
    if let Some(expected) = entry.size.filter(|expected| *expected != size) {
        return Err(mismatch(format!("it has {size} bytes, not {expected}")));
    }
    let (found, _) = Checksum::of(entry.checksum.kind, file)?;
    if found != entry.checksum {
        return Err(mismatch(format!("its checksum is {found}, not {}", entry.checksum)));
    }
    Ok(path)
}

/// Joins a path from metadata, which may not lead out of `dir`.
///
/// # Errors
/// It does, or is empty.
pub fn inside(dir: &Path, href: &str) -> Result<PathBuf, Error> {
    let relative = Path::new(href);
    let safe = relative.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
    if !safe || href.is_empty() || href.contains('\0') {
        return Err(Error::UnsafePath(href.chars().take(200).collect()));
    }
    Ok(dir.join(relative))
}
