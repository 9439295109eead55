//! What may be in packages: `[licences]`, `[terms]` and `[reports]`.

use std::path::PathBuf;

use serde::Deserialize;

/// `[licences]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Licences {
    /// What becomes of a build whose licence is on no list.
    pub unknown: Unknown,
    /// File with the lists; empty: Fedora's, as this program has them.
    pub table: PathBuf,
}

/// What becomes of a build whose licence is on no list.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Unknown {
    /// It goes ahead, and its page says so.
    #[default]
    Mark,
    /// It waits until somebody has decided.
    Review,
    /// No licence is looked at, not even those that are forbidden.
    Off,
}

/// `[terms]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Terms {
    /// Text that every user accepts before it brings anything; empty: nobody is asked.
    pub file: PathBuf,
}

/// `[reports]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Reports {
    /// Whether those may report abuse who have not signed in.
    pub anonymous: bool,
}
