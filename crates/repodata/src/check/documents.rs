//! Whether all that is about packages is about the same ones.

use std::path::Path;

use copr_rpm::Nevra;

use super::{CheckOptions, Findings, reason};
use crate::read::{self, FilelistsView, OtherView, Package, PackageStream, Parsed, PrimaryView, Unusual};
use crate::source::Source;
use crate::sqlite::{self, DATABASE_VERSION};
use crate::{Document, Error, RepomdRecord};

/// Packages of one document that are named for the same problem.
const EXAMPLES: usize = 10;

/// Compares what is about packages with primary.
pub(super) fn agree(dir: &Path, source: &Source, record: &RepomdRecord, options: &CheckOptions) -> Findings {
    let mut found = Findings::default();
    let kind = &record.kind;
    let named = |name: fn(Document) -> &'static str| Document::ALL.into_iter().find(|document| name(*document) == kind);
    let what = &record.location_href;
    if let Some(document) = named(Document::kind).or_else(|| named(Document::zchunk_kind)) {
        if let Err(error) = document_agrees(dir, source, record, document, &mut found) {
            found.error(what, reason(error));
        }
    } else if let (Some(document), Some(scratch)) = (named(Document::database_kind), &options.scratch)
        && let Err(error) = database_agrees(dir, source, record, document, scratch, &mut found)
    {
        found.error(what, reason(error));
    }
    found
}

fn document_agrees(
    dir: &Path,
    source: &Source,
    record: &RepomdRecord,
    document: Document,
    found: &mut Findings,
) -> Result<(), Error> {
    let what = &record.location_href;
    let path = read::inside(dir, &record.location_href)?;
    let mut stream = PackageStream::new(Box::new(read::open(&path)?), document);
    let mut expected = vec![0u32; source.entries.len()];
    let add = |counts: &mut Vec<u32>, id: u32| {
        if let Some(count) = counts.get_mut(id as usize) {
            *count = count.saturating_add(1);
        }
    };
    source.ids.iter().for_each(|id| add(&mut expected, *id));
    let mut seen = vec![0u32; source.entries.len()];
    let mut count = 0u64;
    let mut strange = Examples::new("it is not in primary");
    let mut misnamed = Examples::new("primary has another name for its checksum");
    while let Some(package) = stream.next()? {
        count += 1;
        let (pkgid, nevra) = identity(package, document)?;
        match source.id(&pkgid) {
            None => strange.add(&nevra),
            Some(id) => {
                add(&mut seen, id);
                // Packages of one content have one name, unless primary lies: that is told elsewhere.
                if source.entries.get(id as usize).is_some_and(|entry| entry.nevra != nevra) {
                    misnamed.add(&nevra);
                }
            }
        }
    }
    let (mut missing, mut repeated) = (Examples::new("it is missing"), Examples::new("it is there too often"));
    for ((entry, expected), seen) in source.entries.iter().zip(expected).zip(seen) {
        match () {
            () if expected > 0 && seen == 0 => missing.add(&entry.nevra),
            () if seen > expected => repeated.add(&entry.nevra),
            () => {}
        }
    }
    for examples in [missing, strange, misnamed, repeated] {
        examples.tell(what, found);
    }
    if let Some(announced) = stream.announced().filter(|announced| *announced != count) {
        found.warning(what, format_args!("it announces {announced} packages and has {count}"));
    }
    Ok(())
}

/// Checksum and name of a package in any document.
fn identity(package: Package<'_>, document: Document) -> Result<(String, Nevra), Error> {
    let parsed = match package {
        Package::Parsed(parsed) => *parsed,
        Package::Text(text) => {
            let fast = match document {
                Document::Primary => {
                    PrimaryView::parse(text).and_then(|view| Ok((view.checksum()?.hex, view.nevra.to_nevra())))
                }
                Document::Filelists | Document::FilelistsExt => {
                    FilelistsView::parse(text).map(|view| (view.pkgid.text().into_owned(), view.nevra.to_nevra()))
                }
                Document::Other => {
                    OtherView::parse(text).map(|view| (view.pkgid.text().into_owned(), view.nevra.to_nevra()))
                }
            };
            match fast {
                Ok(identity) => return Ok(identity),
                Err(Unusual) => read::parse(document, text)?,
            }
        }
    };
    Ok(match parsed {
        Parsed::Primary(record) => (record.checksum.hex, record.nevra),
        Parsed::Files(package) => (package.pkgid, package.nevra),
        Parsed::Changelogs(package) => (package.pkgid, package.nevra),
    })
}

/// The first packages that have a problem, and how many there are.
struct Examples {
    reason: &'static str,
    first: Vec<String>,
    count: usize,
}

impl Examples {
    fn new(reason: &'static str) -> Self {
        Self { reason, first: Vec::new(), count: 0 }
    }

    fn add(&mut self, nevra: &Nevra) {
        self.count += 1;
        if self.first.len() < EXAMPLES {
            self.first.push(nevra.to_string());
        }
    }

    fn tell(self, what: &str, found: &mut Findings) {
        let more = self.count - self.first.len();
        self.first.iter().for_each(|nevra| found.error(what, format_args!("{nevra}: {}", self.reason)));
        if more > 0 {
            found.error(what, format_args!("{more} more packages: {}", self.reason));
        }
    }
}

/// A database has as many packages as primary, and says which document it repeats.
fn database_agrees(
    dir: &Path,
    source: &Source,
    record: &RepomdRecord,
    document: Document,
    scratch: &Path,
    found: &mut Findings,
) -> Result<(), Error> {
    let what = &record.location_href;
    let plain = tempfile::NamedTempFile::new_in(scratch)?;
    let mut from = read::open(&read::inside(dir, what)?)?;
    std::io::copy(&mut from, &mut fs_err::OpenOptions::new().write(true).open(plain.path())?)?;
    let about = sqlite::about(plain.path(), what)?;
    if about.packages != source.entries.len() as u64 {
        found.error(what, format_args!("it has {} packages, primary {}", about.packages, source.entries.len()));
    }
    let version = about.version;
    if version != DATABASE_VERSION || record.database_version.is_some_and(|said| said != version) {
        found.error(what, format_args!("its version is {version}; clients read only {DATABASE_VERSION}"));
    }
    if source.repomd.record(document.kind()).is_some_and(|xml| xml.checksum.hex != about.checksum) {
        let kind = document.kind();
        found.error(what, format_args!("it was made of another {kind} document; make the databases anew"));
    }
    Ok(())
}
