//! What can go wrong with repository metadata.

use std::io;
use std::path::PathBuf;

/// Why metadata could not be made, read or published.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or folder could not be read or written; the text names it.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// A package could not be read.
    #[error("{}: {source}", path.display())]
    Package {
        /// The package's file.
        path: PathBuf,
        /// What is wrong with it.
        source: copr_rpm::Error,
    },
    /// Metadata that is not what it should be.
    #[error("{what}: {reason}")]
    Metadata {
        /// The file, or "repomd.xml", "primary", ...
        what: String,
        /// What is wrong, and where.
        reason: String,
    },
    /// Bytes that do not have the checksum or size that repomd.xml says.
    #[error("{what} does not match repomd.xml: {reason}")]
    Mismatch {
        /// The file.
        what: String,
        /// Expected and found values.
        reason: String,
    },
    /// Text that is over a limit when decompressed.
    #[error("{what} is over {limit} bytes when decompressed; refused")]
    TooLarge {
        /// The file.
        what: String,
        /// The limit in bytes.
        limit: u64,
    },
    /// A package that primary has is not in another document.
    #[error("{what} has nothing about the package {package}; make the metadata anew from the packages")]
    Missing {
        /// The document.
        what: String,
        /// The package's full name.
        package: String,
    },
    /// Another writer is at work on the repository.
    #[error(
        "another process is writing this repository ({} is taken); wait for it to end, or remove that if it has crashed",
        path.display()
    )]
    Locked {
        /// The lock.
        path: PathBuf,
    },
    /// The signature of repomd.xml could not be made; nothing was changed.
    #[error("repomd.xml could not be signed: {0}")]
    Sign(Box<dyn std::error::Error + Send + Sync>),
    /// A file name inside metadata that leads out of the repository.
    #[error("unsafe path `{0}` in metadata: it must be relative and without `..`")]
    UnsafePath(String),
}

impl Error {
    pub(crate) fn metadata(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self::Metadata { what: what.into(), reason: reason.into() }
    }
}
