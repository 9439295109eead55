//! Databases added to a repository that has none, as `sqliterepo_c` does.

use std::path::{Path, PathBuf};

use crate::metadata_file::{FileOptions, MetadataFile};
use crate::output::{Output, Retain};
use crate::workspace::{Locking, Workspace};
use crate::{Checksum, ChecksumKind, Compression, Document, Error, RepomdRecord, read, sqlite};

/// How [`add`] works.
#[derive(Debug, Clone)]
pub struct DatabaseOptions {
    /// Whether databases that are there already are made anew; otherwise they are an error.
    pub force: bool,
    /// Whether the files of the databases before stay, whatever [`Output::retain`] says.
    pub keep_old: bool,
    /// How the databases are compressed. yum reads bzip2, gzip and xz.
    pub compression: Compression,
    /// Kind of their checksums in repomd.xml; `None` for that of primary.
    pub checksum: Option<ChecksumKind>,
    /// Folder to build them in before they are compressed; `None` for the repository's own. `SQLite` needs locks, which
    /// some network file systems do not have.
    pub scratch: Option<PathBuf>,
    /// What to do about another writer.
    pub locking: Locking,
}

impl Default for DatabaseOptions {
    /// As `sqliterepo_c`: bzip2, no databases may be there yet.
    fn default() -> Self {
        Self {
            force: false,
            keep_old: false,
            compression: Compression::Bzip2,
            checksum: None,
            scratch: None,
            locking: Locking::Refuse,
        }
    }
}

/// Adds a database for each document of the repository in `dir`, and returns their records in repomd.xml. Everything
/// else there stays as it is, the revision too; files are named by checksum if primary is. Of `output` count times,
/// threads and retention.
///
/// # Errors
/// There is no repomd.xml or no primary, a document does not match its checksum or is malformed, there are databases
/// already, another writer is at work, or the result cannot be written. Then nothing is changed.
pub fn add(dir: &Path, options: &DatabaseOptions, output: &Output) -> Result<Vec<RepomdRecord>, Error> {
    let index = dir.join("repodata/repomd.xml");
    let wrong = |reason: &str| Error::metadata(index.display().to_string(), reason);
    // Before a folder is made.
    fs_err::File::open(&index)?;
    let workspace = Workspace::open(dir, options.locking)?;
    let old = workspace.repomd()?.ok_or_else(|| wrong("it is gone"))?;
    let primary = old.record("primary").ok_or_else(|| wrong("it names no primary metadata"))?;
    let is_database = |kind: &str| Document::ALL.into_iter().any(|document| document.database_kind() == kind);
    if !options.force && old.records.iter().any(|record| is_database(&record.kind)) {
        return Err(wrong("it names databases already; they are replaced only with --force"));
    }
    let output = Output {
        checksum: options.checksum.unwrap_or(primary.checksum.kind),
        unique_names: primary.is_named_by_checksum(),
        revision: Some(old.revision.clone()),
        retain: if options.keep_old { Retain::All } else { output.retain },
        ..output.clone()
    };
    let how = output.file(options.compression);
    let folder = options.scratch.as_deref().unwrap_or_else(|| workspace.folder());
    let sources = Document::ALL.into_iter().filter_map(|document| Some((document, old.record(document.kind())?)));
    let files = std::thread::scope(|scope| {
        let threads: Vec<_> = sources
            .map(|(document, record)| {
                let (work, how) = (&workspace, &how);
                scope.spawn(move || {
                    let path = read::verified(dir, record)?;
                    compressed(document, &path, &record.checksum, folder, work.folder(), how)
                })
            })
            .collect();
        let died = |_| Err(Error::metadata("databases", "a writing thread died"));
        threads.into_iter().map(|thread| thread.join().unwrap_or_else(died)).collect::<Result<Vec<_>, _>>()
    })?;
    let kept = old.records.iter().filter(|record| !is_database(&record.kind)).cloned().collect();
    let repomd = workspace.commit(&output, Some(&old), files, kept, &mut |_| Ok(()))?;
    Ok(repomd.records.into_iter().filter(|record| is_database(&record.kind)).collect())
}

/// The database of a document that lies at `xml` with this checksum, compressed, in `folder`.
pub(crate) fn of_document(
    document: Document,
    xml: &Path,
    checksum: &Checksum,
    folder: &Path,
    how: &FileOptions,
) -> Result<MetadataFile, Error> {
    compressed(document, xml, checksum, folder, folder, how)
}

/// As [`of_document`], built in the folder `scratch`.
fn compressed(
    document: Document,
    xml: &Path,
    checksum: &Checksum,
    scratch: &Path,
    folder: &Path,
    how: &FileOptions,
) -> Result<MetadataFile, Error> {
    let name = format!("{}.sqlite", document.kind());
    let plain = tempfile::Builder::new().prefix(&name).tempfile_in(scratch)?;
    sqlite::from_xml(document, read::open(xml)?, plain.path(), checksum)?;
    let (kind, to) = (document.database_kind(), folder.join(document.database_kind()));
    let file = MetadataFile::write(kind, &name, to, how, fs_err::File::open(plain.path())?)?;
    Ok(file.with_database_version(sqlite::DATABASE_VERSION))
}
