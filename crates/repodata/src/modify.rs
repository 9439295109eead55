//! Files added to a repository's metadata, replaced and removed, as `modifyrepo_c` does.

use std::path::{Path, PathBuf};

use crate::workspace::Locking;
use crate::{ChecksumKind, Compression, Error, Output, Warning};

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
    todo!()
}
