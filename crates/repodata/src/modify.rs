//! Files added to a repository's metadata, replaced and removed, as `modifyrepo_c` does.

use std::path::{Path, PathBuf};

use crate::metadata_file::{FileOptions, MetadataFile};
use crate::workspace::{Locking, Workspace};
use crate::{ChecksumKind, Compression, Error, Output, Warning, read};

/// One change of repomd.xml.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Adds a file, in place of one of the same type.
    Add(Addition),
    /// Removes the file of a type.
    Remove {
        /// The type in repomd.xml.
        kind: String,
    },
}

/// A file to add.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Addition {
    /// The file. It may be compressed; its text is what counts.
    pub path: PathBuf,
    /// The type in repomd.xml; `None` for the file's name up to its first dot.
    pub kind: Option<String>,
    /// The file's name in `repodata/`, without compression's suffix; `None` for that of `path`.
    pub name: Option<String>,
    /// How it is compressed there.
    pub compression: Compression,
    /// Kind of its checksum.
    pub checksum: ChecksumKind,
    /// Whether its checksum stands in its name.
    pub unique_name: bool,
    /// Whether to add a zchunk copy (type `KIND_zck`).
    pub zchunk: bool,
    /// Folder of zchunk dictionaries.
    pub zchunk_dictionaries: Option<PathBuf>,
}

/// Changes the metadata in `repodata` (the folder itself, as `modifyrepo_c` is given it). All changes come into force at
/// once. Of `output` count only times and retention.
///
/// # Errors
/// There is no repomd.xml, a file cannot be read, or the result cannot be written; then nothing is changed.
pub fn modify(
    repodata: &Path,
    changes: &[Change],
    output: &Output,
    locking: Locking,
    warn: &mut dyn FnMut(Warning),
) -> Result<(), Error> {
    let repodata = fs_err::canonicalize(repodata)?;
    let wrong = |reason: &str| Error::metadata(repodata.display().to_string(), reason);
    let dir = match repodata.parent() {
        Some(dir) if repodata.file_name().is_some_and(|name| name == "repodata") => dir,
        _ => return Err(wrong("the folder of metadata must be named repodata")),
    };
    if !repodata.join("repomd.xml").is_file() {
        return Err(wrong("there is no repomd.xml; make the metadata first"));
    }
    for change in changes {
        if let Change::Add(addition) = change {
            fs_err::File::open(&addition.path)?;
        }
    }
    let workspace = Workspace::open(dir, locking)?;
    let old = workspace.repomd()?.ok_or_else(|| wrong("there is no repomd.xml; make the metadata first"))?;
    let mut kept = old.records.clone();
    let mut files: Vec<MetadataFile> = Vec::new();
    for (number, change) in changes.iter().enumerate() {
        let (kind, addition) = match change {
            Change::Remove { kind } => (kind.clone(), None),
            Change::Add(addition) => (addition.kind_or_derived()?, Some(addition)),
        };
        let before = old.record(&kind).is_some();
        match addition {
            None if !before => warn(Warning::new(&kind, "there is no file of this type to remove")),
            Some(_) if before => warn(Warning::new(&kind, "there is a file of this type already; it is replaced")),
            _ => {}
        }
        // The zchunk copy of what goes is stale.
        let copy = format!("{kind}_zck");
        let goes = |of: &str| of == kind || of == copy;
        kept.retain(|record| !goes(&record.kind));
        files.retain(|file| !goes(file.kind()));
        if let Some(addition) = addition {
            files.extend(addition.write(&kind, &workspace.folder().join(number.to_string()), output)?);
        }
    }
    let output = Output { revision: Some(old.revision.clone()), unique_names: true, ..output.clone() };
    workspace.commit(&output, Some(&old), files, kept, &mut |_| Ok(()))?;
    Ok(())
}

impl Addition {
    fn file_name(&self) -> String {
        let of = |path: &Path| path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        match &self.name {
            Some(name) => of(Path::new(name)),
            None => {
                let name = of(&self.path);
                let suffix = Compression::of_name(&name).suffix();
                name.strip_suffix(suffix).unwrap_or(&name).to_owned()
            }
        }
    }

    fn kind_or_derived(&self) -> Result<String, Error> {
        let name = self.file_name();
        let derived = name.split('.').next().unwrap_or_default();
        let kind = self.kind.as_deref().unwrap_or(derived);
        if kind.is_empty() || name.is_empty() || name.starts_with('.') {
            let reason = "it gives no name and type for the metadata; name both";
            return Err(Error::metadata(self.path.display().to_string(), reason));
        }
        Ok(kind.to_owned())
    }

    fn write(&self, kind: &str, path: &Path, output: &Output) -> Result<Vec<MetadataFile>, Error> {
        let how = |compression| FileOptions {
            checksum: self.checksum,
            dictionaries: self.zchunk_dictionaries.clone(),
            ..output.file(compression)
        };
        let name = self.file_name();
        let text = read::open(&self.path)?;
        let mut files = vec![MetadataFile::write(kind, &name, path.to_owned(), &how(self.compression), text)?];
        if self.zchunk && self.compression != Compression::Zchunk {
            let (copy, to) = (format!("{kind}_zck"), path.with_extension("zck"));
            files.push(MetadataFile::write(&copy, &name, to, &how(Compression::Zchunk), read::open(&self.path)?)?);
        }
        files.iter_mut().for_each(|file| file.set_unique(self.unique_name));
        Ok(files)
    }
}
