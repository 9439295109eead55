//! What a tolerant reader passes over, told to whoever wants to know.

use std::fmt;

use crate::Error;

/// Something odd in metadata that a reader passed over or filled in, as `createrepo_c`'s parsers do: an unknown
/// element, a number that is none. A strict caller makes an [`Error`] of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// The document: "updateinfo", "comps", "modules", ...
    pub what: String,
    /// What is odd, where, and what became of it.
    pub reason: String,
}

impl Warning {
    pub(crate) fn new(what: impl Into<String>, reason: impl Into<String>) -> Self {
        Self { what: what.into(), reason: reason.into() }
    }
}

impl fmt::Display for Warning {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.reason)
    }
}

impl From<Warning> for Error {
    fn from(warning: Warning) -> Self {
        Self::metadata(warning.what, warning.reason)
    }
}

/// For callers who want no warnings: `updateinfo::read(file, &mut warning::ignore)`.
pub fn ignore(_: Warning) {}
