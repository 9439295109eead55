//! What can be wrong with a package file, or with a text that should name a version, package or dependency.

use std::io;
use std::path::PathBuf;

/// Why a package could not be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file could not be opened.
    #[error("cannot open {}: {source}", path.display())]
    Open {
        /// The file asked for.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The bytes of the named part could not be read.
    #[error("cannot read the {part}{}: {source}", at(*offset))]
    Read {
        /// "lead", "signature", "header" or "payload".
        part: &'static str,
        /// Byte of the file that was wanted, where it is known.
        offset: Option<u64>,
        /// What the reader said.
        source: io::Error,
    },
    /// The file ends before the named part does.
    #[error("the file is truncated: it ends inside the {part}{}", at(*offset))]
    Truncated {
        /// "lead", "signature", "header" or "payload".
        part: &'static str,
        /// Bytes that the file has, where it is known.
        offset: Option<u64>,
    },
    /// The first bytes are not those of an RPM.
    #[error("this is not an RPM package (it does not start with the RPM magic number)")]
    NotRpm,
    /// A part of the file is malformed or over a limit.
    #[error("the {part} is damaged{}: {reason}", at(*offset))]
    Damaged {
        /// "lead", "signature", "header" or "payload".
        part: &'static str,
        /// Byte of the file where the damage is. `None` inside a payload, whose bytes are those of a compressed stream.
        offset: Option<u64>,
        /// What is wrong, for people.
        reason: String,
    },
    /// A part of the file is not what the package says of it.
    #[error("the {part} is damaged: its {digest} is not the one that the package tells")]
    Digest {
        /// "header", "payload" or "header and payload".
        part: &'static str,
        /// "SHA-256", "SHA-1" or "MD5".
        digest: &'static str,
    },
    /// The package is whole, but a signature of its header would not cover all of it, or cannot be put in.
    #[error("the package cannot be signed: {0}")]
    NotSignable(String),
    /// The signature is none that belongs into a package.
    #[error("the signature cannot be put into a package: {0}")]
    Signature(String),
    /// What a package should be made of is malformed or over a limit.
    #[error("the package cannot be made: {0}")]
    NotBuildable(String),
    /// The package could not be written.
    #[error("cannot write the package: {0}")]
    Write(#[source] io::Error),
    /// A tag that every package has is missing.
    #[error("the header has no {0}")]
    MissingTag(&'static str),
}

/// ` at byte 4312`, or nothing.
fn at(offset: Option<u64>) -> String {
    offset.map(|offset| format!(" at byte {offset}")).unwrap_or_default()
}

impl Error {
    pub(crate) fn damaged(part: &'static str, offset: impl Into<Option<u64>>, reason: impl Into<String>) -> Self {
        Self::Damaged { part, offset: offset.into(), reason: reason.into() }
    }

    pub(crate) fn reading(part: &'static str, offset: impl Into<Option<u64>>, source: io::Error) -> Self {
        let offset = offset.into();
        if source.kind() == io::ErrorKind::UnexpectedEof {
            Self::Truncated { part, offset }
        } else {
            Self::Read { part, offset, source }
        }
    }
}

/// Why a text is not a version, package name or dependency.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a {what}: {reason}")]
pub struct ParseError {
    /// What it should have been, such as "version".
    pub what: &'static str,
    /// The text as given, shortened to its first 200 characters.
    pub text: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

impl ParseError {
    pub(crate) fn new(what: &'static str, text: &str, reason: &'static str) -> Self {
        Self { what, text: text.chars().take(200).collect(), reason }
    }
}
